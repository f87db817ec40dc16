//! The one binary.

use std::process::ExitCode;

/// Chunks of streams are small, short-lived and many: mimalloc serves them faster than the system's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    roundelay::cli::run()
}
