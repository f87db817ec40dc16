//! What every room may use: the clock, lengths of time, secrets, and little else.

pub mod base64url;
pub mod clock;
pub mod csv;
pub mod duration;
pub mod file;
pub mod moment;
pub mod network;
pub mod secret;
pub mod tasks;
