//! The configurations that the README shows can be used as they are.

use roundelay::config;

use super::{check, read};

#[test]
fn every_configuration_of_the_readme_loads() {
    let key = |name: &str| name.ends_with("_KEY").then(|| "sk-example".to_owned());
    let mut faults = Vec::new();
    for page in ["README.md", "README.zh-CN.md"] {
        let text = read(page);
        let blocks: Vec<&str> = text.split("```toml\n").skip(1).collect();
        assert!(!blocks.is_empty(), "{page} shows no configuration");
        for block in blocks {
            let block = block.split("```").next().expect("split gives one piece");
            match config::parse(block, page, &key) {
                Ok(config) => faults.extend(config.warnings.iter().map(ToString::to_string)),
                Err(complaints) => faults.push(complaints.to_string()),
            }
        }
    }
    check(&faults, "correct the example (lines count from the block's first)");
}
