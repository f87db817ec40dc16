//! Who pays, and how much: money, prices and tariffs, accounts and API keys as a tree, holds, limits, and entries of
//! which every balance is the fold.
//!
//! ```text
//!  price × tokens = list cost ─▶ authorise: held on every node from the key up, or on none
//!                                   │ extend, dispatched, progress
//!                                   ▼
//!                                settle ─▶ entries (charge, loss) ─▶ balances, spend limits
//! ```
//!
//! This crate does *not* know: sockets, disks, clocks, threads, the environment, which model costs what, or where a
//! request went. Time is an argument, and what it decides is returned as a value for others to store.

#![warn(missing_docs)]

mod account;
mod audit;
mod cost;
mod currency;
mod entry;
mod exchange_id;
mod hold;
pub mod invariants;
mod key;
mod lease;
mod ledger;
mod limit;
mod money;
mod payment;
mod price;
mod recovery;
mod refusal;
mod tariff;
mod timestamp;
mod tokens;
mod tree;
mod unit;

pub use account::{Account, AccountId, AccountKind, BadAccountId, Terms};
pub use audit::{Audit, Difference, Found};
pub use cost::{Conversion, ListCost};
pub use currency::{Currency, Rate};
pub use entry::{Entry, EntryKind, OverrunCause, Party, Sequence, System};
pub use exchange_id::{BadExchangeId, ExchangeId};
pub use hold::{Held, HoldId, Stage};
pub use key::{ApiKey, KeyId, KeyRefusal};
pub use lease::{Lease, LeaseFault, LeaseId, Pot};
pub use ledger::{
    AccountBooks, Ask, Checkpoint, Counts, Expiry, Extension, Fault, Ledger, NodeCheckpoint, NotExtended, Posted,
    Posting, Settings, Settlement, Standing, Wrong,
};
pub use limit::{Limits, Span, SpendLeft, SpendLimit};
pub use money::{BadMoney, Money};
pub use payment::{Bill, Case, Observed, Payment, Policy, Share};
pub use price::{BadPrice, ChargeTooLarge, Price, PriceId, TokenPrices};
pub use recovery::Recovery;
pub use refusal::{BadCheckpoint, BadTerms, Ended, PostRefused, Refused, Shortage};
pub use tariff::{Effect, Factor, Factors, PriceList, Quote, Tariff};
pub use timestamp::Timestamp;
pub use tokens::Tokens;
pub use tree::{NodeId, NodeName};
pub use unit::{UnitPrices, Units};
