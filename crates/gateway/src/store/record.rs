//! One finished exchange, as it is remembered: never a prompt, never an answer, never a key.

use std::borrow::Cow;

use roundelay_ledger::{AccountId, ExchangeId, KeyId, Money};
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use super::EntryRow;

/// A word from a closed list: fixed text where it is made, owned text where it was read back.
pub type Label = Cow<'static, str>;

/// One finished exchange. Durations are microseconds from its start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Record {
    /// Its name.
    #[serde(serialize_with = "as_text")]
    pub id: ExchangeId,
    /// When it began, in milliseconds since 1970-01-01 UTC.
    pub started_at_ms: i64,
    /// How long it took, to the last byte of the answer.
    pub duration_us: u64,
    /// When the first content reached the caller; `None` when none did.
    pub first_content_us: Option<u64>,
    /// Who pays.
    #[serde(serialize_with = "as_text")]
    pub account: AccountId,
    /// The public part of the key that asked.
    #[serde(serialize_with = "as_text")]
    pub key: KeyId,
    /// The pool or model the caller named.
    pub asked: String,
    /// The deployment whose answer was shown; of an answer by several the one that ended it, or said the last of it.
    pub deployment: Option<String>,
    /// The model whose answer was shown.
    pub model: Option<String>,
    /// The HTTP status the caller saw.
    pub status: u16,
    /// How it ended: `answered`, `refused`, `failed`, `cut` or `abandoned`.
    pub outcome: Label,
    /// The failure class, where it did not end well.
    pub failure: Option<Label>,
    /// Whether the caller asked for a stream.
    pub stream: bool,
    /// Tokens.
    pub usage: Usage,
    /// What the attempts cost at list price of which something was shown or paid, in nano-USD; `None` when the price of one
    /// is unknown. What was charged is in the entries.
    #[serde(rename = "cost_nano", serialize_with = "as_nano")]
    pub cost: Option<Money>,
    /// What was charged and lost, in the order of attempts; none where no price is known.
    #[serde(skip)]
    pub entries: Vec<EntryRow>,
    /// Every dispatch, in order.
    pub attempts: Vec<AttemptRecord>,
    /// Why it went where it went: JSON made by the caller, at most 64 KiB once recorded.
    #[serde(serialize_with = "as_json")]
    pub decision: String,
}

/// One dispatch to one deployment. Times are microseconds: `started_us` from the exchange's start, the rest from `started_us`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptRecord {
    /// 1 for the first.
    pub number: u32,
    /// Where it went.
    pub deployment: String,
    /// `first`, `retry`, `fallback` or `hedge`.
    pub kind: Label,
    /// `answered`, `lost` to the other of two, `abandoned`, or the failure class.
    pub outcome: Label,
    /// The upstream's HTTP status, once there was one.
    pub status: Option<u16>,
    /// When it was dispatched.
    pub started_us: u64,
    /// When the upstream's headers came.
    pub headers_us: Option<u64>,
    /// When the first content came.
    pub first_content_us: Option<u64>,
    /// When it ended.
    pub duration_us: u64,
    /// Its part of an exchange in which more than one attempt cost something; elsewhere `None`, as what is said of the
    /// exchange is said of the one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<Box<Part>>,
}

/// What one of several attempts of an exchange took.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// The model that was asked.
    pub model: String,
    /// Tokens of the answer that were its; all 0 where nothing of it was shown.
    pub usage: Usage,
    /// What its provider bills at list price, in nano-USD, where something of it was shown or paid; `None` where nothing was,
    /// or the price is unknown.
    #[serde(rename = "cost_nano", serialize_with = "as_nano", deserialize_with = "from_nano")]
    pub cost: Option<Money>,
    /// Whether something of it was shown whose price is unknown.
    pub unpriced: bool,
}

/// Tokens in disjoint classes, but for `reasoning`, which lies within `output`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Usage {
    /// Read afresh.
    pub input: u64,
    /// Read from the upstream's prompt cache.
    pub cache_read: u64,
    /// Written to the upstream's prompt cache.
    pub cache_write: u64,
    /// Produced.
    pub output: u64,
    /// Produced and not shown; part of `output`.
    pub reasoning: u64,
    /// Whether some of these are our count and not the upstream's.
    pub estimated: bool,
}

fn as_text<S: Serializer>(value: &impl std::fmt::Display, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

fn as_nano<S: Serializer>(cost: &Option<Money>, serializer: S) -> Result<S::Ok, S::Error> {
    cost.map(Money::nano).serialize(serializer)
}

fn from_nano<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Money>, D::Error> {
    Ok(Option::<i64>::deserialize(deserializer)?.map(Money::from_nano))
}

/// A decision that is not JSON after all is shown as the text it is.
fn as_json<S: Serializer>(decision: &str, serializer: S) -> Result<S::Ok, S::Error> {
    match serde_json::from_str::<&RawValue>(decision) {
        Ok(raw) => raw.serialize(serializer).map_err(S::Error::custom),
        Err(_) => serializer.serialize_str(decision),
    }
}
