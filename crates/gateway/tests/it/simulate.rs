//! The simulator: what it reads, what it computes, and that it decides as the gateway does.

mod commands;
mod runs;
mod sources;
mod table;

use std::path::PathBuf;

/// A file of recorded data, or a word on why there is none.
fn recorded(path: &str) -> Option<PathBuf> {
    let Some(root) = std::env::var_os("ROUNDELAY_TEST_DATA").filter(|root| !root.is_empty()) else {
        let mut stderr = std::io::stderr();
        let _ = std::io::Write::write_all(&mut stderr, b"skipped: ROUNDELAY_TEST_DATA is not set\n");
        return None;
    };
    Some(PathBuf::from(root).join(path))
}
