//! Roundelay: one API in front of many providers' models. The rooms, highest first; a room uses only rooms below it.

pub mod admin;
pub mod app;
pub mod auth;
pub mod billing;
pub mod cli;
pub mod common;
pub mod config;
pub mod exchange;
pub mod journal;
pub mod rehearsal;
pub mod server;
pub mod simulate;
pub mod store;
pub mod telemetry;
pub mod upstream;
