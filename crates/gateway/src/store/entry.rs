//! Transfers of money as they outlive the process: by names, and numbered by the store in the order it takes them.

use roundelay_ledger::{
    AccountId, Conversion, Currency, EntryKind, ExchangeId, Factor, KeyId, ListCost, Money, OverrunCause, PriceId,
    Rate, Sequence,
};

/// One transfer that the store has not numbered yet. See [`roundelay_ledger::Entry`] for what its kinds mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryRow {
    /// When, in microseconds since 1970-01-01 UTC.
    pub at_us: i64,
    /// What it is.
    pub kind: EntryKind,
    /// The account whose balance it changes; `None` for losses, which the house bears.
    pub account: Option<AccountId>,
    /// By how much, in `currency`: below zero where the account gives. For losses what the house gives.
    pub change: Money,
    /// The currency of the account; USD for losses.
    pub currency: Currency,
    /// The amount in dollars, zero or more.
    pub usd: Money,
    /// Yuan for a dollar, frozen.
    pub rate: Rate,
    /// How many times the list price was charged.
    pub multiplier: Factor,
    /// The exchange it belongs to.
    pub exchange: Option<ExchangeId>,
    /// The attempt, 1 for the first; 0 without an exchange.
    pub attempt: u32,
    /// The key that asked.
    pub key: Option<KeyId>,
    /// The price it was charged at.
    pub price: Option<PriceId>,
    /// What had been held for it, in `currency`.
    pub held: Money,
    /// Why it is more than was held; `None` when it is not.
    pub overrun: Option<OverrunCause>,
    /// Whether our own count stands in for the provider's.
    pub is_estimated: bool,
    /// Why, in a person's words.
    pub reason: Option<String>,
    /// The name under which whoever asked for it may ask again without a second effect.
    pub idempotency: Option<String>,
}

/// A transfer as the store keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredEntry {
    /// Its number: 1 for the first, without gaps.
    pub sequence: Sequence,
    /// What the account has after it; zero for losses.
    pub balance: Money,
    /// The transfer.
    pub row: EntryRow,
}

/// An attempt that was about to be sent. Until its exchange is recorded, somebody may bill it and nobody has paid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SentRow {
    /// The exchange.
    pub exchange: ExchangeId,
    /// Its attempt, 1 for the first.
    pub attempt: u32,
    /// When, in microseconds since 1970-01-01 UTC.
    pub at_us: i64,
    /// The key that asked.
    pub key: KeyId,
    /// The deployment it went to.
    pub deployment: String,
    /// The price it was quoted.
    pub price: Option<PriceId>,
    /// From list price to what is owed, frozen.
    pub conversion: Conversion,
    /// What is held for it, at list price.
    pub held: ListCost,
    /// What its input alone costs, at list price: what is charged when nothing more is ever learnt.
    pub delivered: ListCost,
}
