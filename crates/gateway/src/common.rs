//! What every room may use: the clock, secrets, and little else.

pub mod clock;
pub mod file;
pub mod moment;
pub mod secret;
pub mod tasks;
