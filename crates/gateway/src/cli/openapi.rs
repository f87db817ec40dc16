//! `roundelay openapi`.

use std::process::ExitCode;

use super::{Failure, say};
use crate::admin::openapi::document;

/// Prints the document; it is the same with and without a gateway.
pub(super) fn run() -> Result<ExitCode, Failure> {
    say(&serde_json::to_string_pretty(&document())?);
    Ok(ExitCode::SUCCESS)
}
