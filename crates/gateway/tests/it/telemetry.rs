//! Metrics keep to a closed list, and the log holds no secret, however it gets there.

#![expect(clippy::unwrap_used, reason = "a test's helpers fail as its own lines do")]

mod log;
mod metrics;
