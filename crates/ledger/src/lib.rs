//! Who pays, and how much: money, prices and tariffs, accounts, API keys, exchanges' names, and money set aside.
//!
//! This crate does *not* know: sockets, disks, clocks, threads, the environment, which model costs what, or where a
//! request went. Time is an argument, and what it decides is returned as a value for others to store.

#![warn(missing_docs)]

mod account;
mod exchange_id;
mod hold;
mod key;
mod money;
mod price;
mod tariff;
mod tokens;

pub use account::{Account, AccountId, AccountKind, BadAccountId};
pub use exchange_id::{BadExchangeId, ExchangeId};
pub use hold::{Hold, HoldRefusal, Purse, Release, Settlement};
pub use key::{ApiKey, KeyId, KeyRefusal};
pub use money::{BadMoney, Money};
pub use price::{BadPrice, ChargeTooLarge, Price, PriceId, TokenPrices};
pub use tariff::{Effect, Factor, Factors, PriceList, Quote, Tariff};
pub use tokens::Tokens;
