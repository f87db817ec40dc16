//! `roundelay version`.

use std::process::ExitCode;

use super::{Common, Failure, say};

pub(super) fn run(common: &Common) -> Result<ExitCode, Failure> {
    let version = env!("CARGO_PKG_VERSION");
    if common.json {
        say(&serde_json::json!({ "version": version }));
    } else {
        say(&format_args!("roundelay {version}"));
    }
    Ok(ExitCode::SUCCESS)
}
