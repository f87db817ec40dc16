//! The gateway's promises, through its public face.

mod admin;
mod config;
mod rehearsal;
mod store;
mod support;
mod telemetry;
mod tidy;
