//! Documents: both languages are in step, links lead somewhere, and what the pages name is there.

use std::{collections::BTreeSet, fs, path::Path};

use super::{check, house, papers_of, read};

const CHINESE: &str = ".zh-CN.md";

#[test]
fn documents_for_users_are_there_in_both_languages() {
    let paths: BTreeSet<String> = papers_of("md").into_iter().map(|paper| paper.path).collect();
    let mut faults = Vec::new();
    for path in paths.iter().filter(|path| *path == "README.md" || path.starts_with("docs/") || path.ends_with(CHINESE))
    {
        let twin = match path.strip_suffix(CHINESE) {
            Some(name) => format!("{name}.md"),
            None => path.replace(".md", CHINESE),
        };
        if !paths.contains(&twin) {
            faults.push(format!("{path}: {twin} is missing"));
        }
    }
    check(&faults, "write the page in the other language too");
}

#[test]
fn both_languages_are_in_step() {
    let mut faults = Vec::new();
    for paper in papers_of("md").iter().filter(|paper| paper.path.ends_with(CHINESE)) {
        let english = paper.path.replace(CHINESE, ".md");
        let (theirs, ours) = (shape(&read(&english)), shape(&paper.text));
        let length = theirs.len().max(ours.len());
        if let Some(at) = (0..length).find(|at| theirs.get(*at).map(kind) != ours.get(*at).map(kind)) {
            faults.push(format!("{english} {:?} but {} {:?}", theirs.get(at), paper.path, ours.get(at)));
        }
    }
    check(&faults, "bring these pages in step: the same headings, code blocks and tables, in the same order");
}

/// A part of a page: its line, and what it is.
type Part = (usize, String);

fn kind(part: &Part) -> &str {
    &part.1
}

/// Headings with their level, code blocks with their language, tables with their number of rows.
fn shape(text: &str) -> Vec<Part> {
    let (mut parts, mut in_code, mut rows) = (Vec::new(), false, 0);
    for (index, line) in text.lines().chain([""]).enumerate() {
        if !in_code && !line.starts_with('|') && rows > 0 {
            parts.push((index, format!("table of {rows} lines")));
            rows = 0;
        }
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
            if in_code {
                parts.push((index + 1, format!("code {}", line.trim())));
            }
        } else if !in_code && line.starts_with('#') {
            parts.push((index + 1, format!("heading {}", line.split(' ').next().unwrap_or_default())));
        } else if !in_code && line.starts_with('|') {
            rows += 1;
        }
    }
    parts
}

#[test]
fn links_lead_somewhere() {
    let mut faults = Vec::new();
    for paper in papers_of("md") {
        let folder = Path::new(&paper.path).parent().expect("a file is in a folder");
        for (number, line) in paper.lines() {
            let targets = line.split("](").skip(1).filter_map(|rest| rest.split(')').next());
            for target in targets.filter(|target| !target.contains(':')) {
                let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
                let file = if file.is_empty() { house().join(&paper.path) } else { house().join(folder).join(file) };
                let is_there = file.exists()
                    && (anchor.is_empty()
                        || fs::read_to_string(file).is_ok_and(|text| anchors(&text).contains(anchor)));
                if !is_there {
                    faults.push(format!("{}:{number}: {target}", paper.path));
                }
            }
        }
    }
    check(&faults, "these links lead nowhere: correct them");
}

/// The anchors of a page's headings, as GitHub makes them.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    let kept = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
    headings
        .map(|line| {
            line.trim_start_matches('#')
                .trim()
                .to_lowercase()
                .chars()
                .filter(kept)
                .collect::<String>()
                .replace(' ', "-")
        })
        .collect()
}

#[test]
fn the_files_that_pages_name_are_there() {
    let mut faults = Vec::new();
    for page in ["ARCHITECTURE.md", "CONTRIBUTING.md"] {
        let text = read(page);
        let words = text.split('`').skip(1).step_by(2).filter(|word| word.ends_with(".rs"));
        let places = ["", "crates/", "crates/gateway/src/", "crates/gateway/tests/it/"];
        let is_there = |word: &str| places.iter().any(|place| house().join(place).join(word).exists());
        faults.extend(words.filter(|word| !is_there(word)).map(|word| format!("{page}: {word}")));
    }
    check(&faults, "these files are not there: tell of those that are");
}

#[test]
fn every_failure_and_every_code_is_explained() {
    let classes = read("crates/protocol/src/failure/class.rs");
    let ours: String = ["refusal", "refusal/failed", "refusal/unserved"]
        .map(|file| read(&format!("crates/gateway/src/exchange/{file}.rs")))
        .iter()
        .filter_map(|text| text.split("#[cfg(test)]").next())
        .collect();
    let bad = read("crates/protocol/src/openai/request/bad_request.rs");
    let found =
        classes.split("=> \"").skip(1).chain(ours.split("Some(\"").skip(1)).chain(bad.split("code: \"").skip(1));
    let words: BTreeSet<&str> =
        found.filter_map(|rest| rest.split('"').next()).filter(|word| *word != "model").collect();
    assert!(words.len() > 40, "classes and codes were not found where they were: {words:?}");
    let mut faults = Vec::new();
    for page in ["docs/failures.md", "docs/failures.zh-CN.md"] {
        let text = read(page);
        let silent = words.iter().filter(|word| !text.contains(&format!("`{word}`")));
        faults.extend(silent.map(|word| format!("{page}: `{word}`")));
    }
    check(&faults, "say on these pages what a caller and an operator should do about it");
}
