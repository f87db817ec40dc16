//! Roundelay: one API in front of many providers' models. The rooms, highest first; a room uses only rooms below it.

pub mod cli;
pub mod app;
pub mod server;
pub mod admin;
pub mod exchange;
pub mod auth;
pub mod upstream;
pub mod journal;
pub mod rehearsal;
pub mod store;
pub mod telemetry;
pub mod config;
pub mod common;
