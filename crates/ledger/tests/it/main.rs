//! The ledger's promises, through its public face.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say so at once")]

mod account;
mod audit;
mod cost;
mod exchange_id;
mod hold;
mod key;
mod lease;
mod limit;
mod model;
mod money;
mod payment;
mod posting;
mod price;
mod recovery;
mod simulation;
mod tariff;
mod tree;
mod world;
