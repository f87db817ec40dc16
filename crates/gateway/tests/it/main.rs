//! The gateway's promises, through its public face.

mod admin;
mod balances;
mod config;
mod exchange;
mod money;
mod prices;
mod rehearsal;
mod reload;
mod server;
mod services;
mod simulate;
mod store;
mod support;
mod telemetry;
mod tidy;
