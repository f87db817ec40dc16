//! The ledger's promises, through its public face.

mod account;
mod exchange_id;
mod hold;
mod key;
mod money;
mod price;
mod tariff;
