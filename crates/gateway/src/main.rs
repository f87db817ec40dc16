//! The one binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    roundelay::cli::run()
}
