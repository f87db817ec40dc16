//! What comes with the gateway holds: a start without a file, the examples, and the documentation of every key.

use std::{collections::BTreeSet, fs, path::Path, time::Duration};

use roundelay::config::{self, Found};

use super::{environment, read};

#[test]
fn keys_in_the_environment_are_enough() {
    let config = config::from_environment(&environment).expect("three keys");
    let names: Vec<&str> = config.providers.iter().map(|provider| &*provider.name).collect();
    assert_eq!(names, ["openai", "anthropic", "deepseek"]);
    assert!(matches!(config.find("gpt-5.2"), Some(Found::Model(_))));
    assert!(matches!(config.find("deepseek-chat"), Some(Found::Model(_))));
    assert!(matches!(config.find("anthropic/claude-next"), Some(Found::Open { .. })));
    assert_eq!(config.find("grok-4.6"), None);
    config.layout().expect("a catalog");
}

#[test]
fn base_urls_in_the_environment_are_checked() {
    let with = |variable: &'static str, value: &'static str| {
        move |name: &str| if name == variable { Some(value.to_owned()) } else { environment(name) }
    };
    let config = config::from_environment(&with("ANTHROPIC_BASE_URL", "https://relay.example")).expect("a URL");
    assert_eq!(config.providers[1].base_url.to_string(), "https://relay.example/v1");
    let own = config::from_environment(&with("OPENAI_BASE_URL", "http://127.0.0.1:8600/v1")).expect_err("itself");
    assert!(own.to_string().contains("`OPENAI_BASE_URL`: this is the address of the gateway itself"), "{own}");
    let none = config::from_environment(&|_| None).expect_err("nothing is set");
    assert!(none.to_string().contains("OPENAI_API_KEY, ANTHROPIC_API_KEY"), "{none}");
}

#[test]
fn the_contracts_example_is_understood_key_by_key() {
    let contract = r#"
[server]
listen = "127.0.0.1:8600"
admin  = "127.0.0.1:8601"
[providers.openai]
api_keys = ["${OPENAI_API_KEY}"]
[providers.anthropic]
api_keys = ["${ANTHROPIC_API_KEY}"]
[providers.deepseek]
api_keys = ["${DEEPSEEK_API_KEY}"]
[providers.local]
protocol = "openai"
base_url = "http://127.0.0.1:8000/v1"
timeouts = { connect = "5s", first_content = "60s", idle = "60s", total = "30m" }
[models."claude-sonnet-4-6"]
deployments = ["anthropic", "local/anthropic.claude-sonnet-4-6"]
price = { input = 3.00, output = 15.00, cache_read = 0.30 }
context_window = 200000
capabilities = { tools = true, vision = true, prefill = false }
tariffs = [{ days = "mon-fri", hours = "22:00-08:00", zone = "Asia/Shanghai", multiply = 0.5 }]
timeouts = { first_content = "20s" }
[pools.assistant]
members  = { "claude-sonnet-4-6" = 0.6, "gpt-4-turbo-preview" = 0.4 }
strategy = "weighted"
fallback = ["deepseek-chat"]
schedule = [{ hours = "09:00-18:00", zone = "Asia/Shanghai", members = { "deepseek-chat" = 1 } }]
attempts = 3
deadline = "120s"
continuation = false
handover = "auto"
"#;
    let config = read(contract);
    assert_eq!(config.pools[0].members.len(), 2);
    assert_eq!(config.pools[0].deadline, Duration::from_secs(120));
    assert_eq!(config.warnings.len(), 2, "two models are retired: {:?}", config.warnings);
    config.layout().expect("a catalog");
}

#[test]
fn every_example_loads() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(folder).expect("the examples") {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            let config = config::load(&path, &environment).unwrap_or_else(|complaints| panic!("{complaints}"));
            assert!(config.warnings.is_empty(), "{:?}", config.warnings);
            config.layout().expect("a catalog");
            names.insert(path.file_name().expect("a name").to_owned());
        }
    }
    assert!(names.len() >= 3, "{names:?}");
}

#[test]
fn every_key_is_documented_in_both_languages_and_nothing_else_is() {
    let known = config::known_keys();
    assert!(known.len() > 100, "{known:?}");
    for page in ["configuration.md", "configuration.zh-CN.md"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(page);
        let text = fs::read_to_string(path).expect("the page");
        let documented = documented_keys(&text);
        let missing: Vec<_> = known.difference(&documented).collect();
        let surplus: Vec<_> = documented.difference(&known).collect();
        assert!(missing.is_empty(), "{page} does not say: {missing:?}");
        assert!(surplus.is_empty(), "{page} speaks of what is not there: {surplus:?}");
    }
}

/// The keys of a page: the first cells of its tables, under the section that the heading before them names.
fn documented_keys(text: &str) -> BTreeSet<String> {
    let mut section = String::new();
    let mut keys = BTreeSet::new();
    for line in text.lines() {
        if let Some(heading) = line.strip_prefix("## ").or_else(|| line.strip_prefix("### ")) {
            section = match heading.split('`').nth(1) {
                Some(name) => name.trim_matches(['[', ']']).replace("NAME", "*"),
                None => String::new(),
            };
            if let Some((parent, last)) = section.rsplit_once('.').filter(|(_, last)| *last == "*") {
                keys.insert(parent.to_owned());
                assert_eq!(last, "*");
            } else if !section.is_empty() {
                keys.insert(section.clone());
            }
        } else if let Some(row) = line.strip_prefix("| `") {
            let key = row.split('`').next().expect("split gives one piece at least");
            keys.insert(format!("{section}.{key}"));
        }
    }
    keys
}
