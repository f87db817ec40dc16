//! The small corpus of the fuzz targets, replayed: what was found once stays found.

#[path = "../../../../fuzz/src/invariants.rs"]
mod invariants;

use std::{fs, path::PathBuf};

#[test]
fn every_input_of_the_corpus_holds_its_invariants() {
    let corpus = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
    let mut faults = Vec::new();
    for (name, target) in invariants::TARGETS {
        let mut inputs: Vec<_> = fs::read_dir(corpus.join(name)).unwrap().map(|entry| entry.unwrap().path()).collect();
        inputs.sort();
        assert!(!inputs.is_empty(), "{name} has no inputs");
        for input in inputs {
            let data = fs::read(&input).unwrap();
            let held = std::panic::catch_unwind(|| target(&data));
            faults.extend(held.is_err().then(|| input.display().to_string()));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(invariants::target("sse").is_some());
}
