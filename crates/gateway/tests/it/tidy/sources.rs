//! Source files: each says what it is, is compiled, is finished, and keeps to itself how it was made.

use std::collections::BTreeMap;

use super::{check, papers, papers_of, read};

#[test]
fn every_file_begins_by_saying_what_it_is() {
    let silent = papers_of("rs").into_iter().filter(|paper| !paper.text.starts_with("//! "));
    let faults: Vec<String> = silent.map(|paper| paper.path).collect();
    check(&faults, "begin these files with a `//!` line that says what is in them");
}

#[test]
fn every_file_is_declared() {
    let files: BTreeMap<String, String> = papers_of("rs").into_iter().map(|paper| (paper.path, paper.text)).collect();
    let mut faults = Vec::new();
    for path in files.keys() {
        let (folder, name) = path.rsplit_once('/').expect("source files are in folders");
        if name == "main.rs" || name == "lib.rs" {
            continue;
        }
        let doors = [format!("{folder}.rs"), format!("{folder}/main.rs"), format!("{folder}/lib.rs")];
        let declaration = format!("mod {};", name.trim_end_matches(".rs"));
        let declares = |door: &String| files.get(door).is_some_and(|text| text.contains(&declaration));
        if !doors.iter().any(declares) {
            faults.push(format!("{path}: `{declaration}` is in none of {doors:?}"));
        }
    }
    check(&faults, "these files are compiled by nobody: declare them, or delete them");
}

#[test]
fn the_thinkers_depend_on_nothing_but_the_calendar() {
    let mut faults = Vec::new();
    for (manifest, allowed) in [
        ("crates/calendar/Cargo.toml", ""),
        ("crates/routing/Cargo.toml", "roundelay-calendar.workspace = true"),
        ("crates/ledger/Cargo.toml", "roundelay-calendar.workspace = true"),
    ] {
        let text = read(manifest);
        let mut is_asking = false;
        for line in text.lines() {
            if line.starts_with('[') {
                is_asking = line.contains("dependencies") && !line.starts_with("[dev-dependencies");
                if is_asking && line != "[dependencies]" {
                    faults.push(format!("{manifest}: {line}"));
                }
            } else if is_asking && !line.is_empty() && line != allowed {
                faults.push(format!("{manifest}: {line}"));
            }
        }
    }
    check(&faults, "these crates think and do nothing else: give them values, not crates");
}

#[test]
fn metrics_are_named_in_telemetry_alone() {
    let ours = ["calendar", "routing", "protocol", "ledger"];
    let mut faults = Vec::new();
    for paper in papers_of("rs") {
        let Some(path) = paper.path.strip_prefix("crates/gateway/src/") else { continue };
        if path.starts_with("telemetry/") {
            continue;
        }
        for (number, line) in paper.lines() {
            let names = line.split("roundelay_").skip(1);
            if names.into_iter().any(|rest| !ours.iter().any(|name| rest.starts_with(name))) {
                faults.push(format!("{}:{number}: {}", paper.path, line.trim()));
            }
        }
    }
    check(&faults, "name metrics in telemetry/metrics/names.rs, and count by a method of `Metrics`");
}

#[test]
fn every_test_runs() {
    let ignore = concat!("#[", "ignore");
    let mut faults = Vec::new();
    for paper in papers_of("rs") {
        let lines = paper.lines().filter(|(_, line)| line.trim_start().starts_with(ignore));
        let idle = lines.filter(|(_, line)| !line.contains("\"a measurement"));
        faults.extend(idle.map(|(number, _)| format!("{}:{number}", paper.path)));
    }
    check(&faults, "make these tests run, or delete them; only `= \"a measurement, …\"` may be left out");
}

#[test]
fn nothing_is_left_unfinished() {
    find(
        &[concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X:"), concat!("unimple", "mented!(")],
        "finish this, or write down plainly what is missing",
    );
}

#[test]
fn nothing_tells_of_the_place_where_it_was_made() {
    let places = [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/tmp/", "bash_"), concat!("bash_", "jobs")];
    let makers = [
        concat!("sub", "agent"),
        concat!("sub-", "agent"),
        concat!("language model", " wrote"),
        concat!("As an ", "AI"),
    ];
    find(&[&places[..], &makers[..]].concat(), "this is nobody's business but the workshop's: say it without");
}

#[track_caller]
fn find(words: &[&str], what_to_do: &str) {
    let mut faults = Vec::new();
    for paper in papers() {
        for (number, line) in paper.lines() {
            if let Some(word) = words.iter().find(|word| line.contains(**word)) {
                faults.push(format!("{}:{number}: `{word}`", paper.path));
            }
        }
    }
    check(&faults, what_to_do);
}
