//! The ledger's promises, through its public face.

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
