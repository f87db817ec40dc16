//! What was used: exchanges and tokens, added up from the records.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Json,
    extract::{Query, State, rejection::QueryRejection},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Fault,
    desk::{Answer, Desk, blocking},
};
use crate::store::{Store, UsageSum};

/// How many of the latest records are added up unless told otherwise, or told since when.
const LAST_DEFAULT: u64 = 10_000;
/// How many records are added up at most: some seconds of reading.
pub const LAST_MAX: u64 = 1_000_000;

/// What `GET /admin/usage` answers.
#[derive(Debug, Default, Serialize)]
struct Usage {
    /// Recorded at all.
    exchanges: u64,
    /// The latest of them, which are added up below.
    counted: u64,
    /// When the first of those began, in milliseconds since 1970-01-01 UTC.
    since_ms: Option<i64>,
    outcomes: BTreeMap<String, u64>,
    tokens: Tokens,
    #[serde(flatten)]
    cost: Cost,
    by_model: BTreeMap<String, Share>,
    by_key: BTreeMap<String, Share>,
    by_account: BTreeMap<String, Share>,
}

/// Tokens in disjoint classes, but for `reasoning`, which lies within `output`.
#[derive(Debug, Default, Serialize)]
struct Tokens {
    input: u64,
    cache_read: u64,
    cache_write: u64,
    output: u64,
    reasoning: u64,
}

/// What was charged for, as far as it is known.
#[derive(Debug, Default, Serialize)]
struct Cost {
    /// In nano-USD, of those whose cost is known.
    cost_nano: i64,
    /// Exchanges that were answered and whose cost is not known: no price is written, or the provider did not count.
    unpriced: u64,
}

#[derive(Debug, Default, Serialize)]
struct Share {
    exchanges: u64,
    #[serde(flatten)]
    tokens: Tokens,
    #[serde(flatten)]
    cost: Cost,
}

/// Adds up the latest `last` (1 to [`LAST_MAX`]) records, or of these what began at `since` or later.
///
/// `since` is in milliseconds since 1970-01-01 UTC. Without `last` these are 10,000, or with `since` as many as can be.
/// The store adds, so that memory does not grow with them.
///
/// # Errors
/// When `last` is out of its bounds, or the store cannot be read.
pub fn add_up(store: &Store, last: Option<u64>, since: Option<i64>) -> Result<Value, Fault> {
    let otherwise = if since.is_some() { LAST_MAX } else { LAST_DEFAULT };
    let last = last.unwrap_or(otherwise);
    if !(1..=LAST_MAX).contains(&last) {
        return Err(Fault::bad_request(format!("`last` is 1 to {LAST_MAX}")));
    }
    let mut usage = Usage { exchanges: store.counts()?.exchanges, ..Usage::default() };
    store.usage(last, since.unwrap_or(i64::MIN))?.iter().for_each(|sum| usage.add(sum));
    Ok(serde_json::to_value(usage).expect("numbers and texts are JSON"))
}

impl Usage {
    fn add(&mut self, sum: &UsageSum) {
        self.counted += sum.exchanges;
        self.since_ms = Some(self.since_ms.map_or(sum.since_ms, |since| since.min(sum.since_ms)));
        *self.outcomes.entry(sum.outcome.clone().unwrap_or_default()).or_default() += sum.exchanges;
        self.tokens.add(sum);
        self.cost.add(sum);
        if let Some(model) = &sum.model {
            self.by_model.entry(model.clone()).or_default().add(sum);
        }
        self.by_key.entry(sum.key.clone().unwrap_or_default()).or_default().add(sum);
        self.by_account.entry(sum.account.clone().unwrap_or_default()).or_default().add(sum);
    }
}

impl Share {
    fn add(&mut self, sum: &UsageSum) {
        self.exchanges += sum.exchanges;
        self.tokens.add(sum);
        self.cost.add(sum);
    }
}

impl Cost {
    fn add(&mut self, sum: &UsageSum) {
        self.cost_nano = self.cost_nano.saturating_add(sum.cost_nano);
        self.unpriced += sum.unpriced;
    }
}

impl Tokens {
    fn add(&mut self, sum: &UsageSum) {
        let used = &sum.usage;
        self.input = self.input.saturating_add(used.input);
        self.cache_read = self.cache_read.saturating_add(used.cache_read);
        self.cache_write = self.cache_write.saturating_add(used.cache_write);
        self.output = self.output.saturating_add(used.output);
        self.reasoning = self.reasoning.saturating_add(used.reasoning);
    }
}

/// `?last=&since_ms=`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Span {
    last: Option<u64>,
    since_ms: Option<i64>,
}

pub(super) async fn get(State(desk): State<Arc<Desk>>, span: Result<Query<Span>, QueryRejection>) -> Answer {
    let Query(span) = span.map_err(|rejection| Fault::bad_request(rejection.body_text()))?;
    blocking(move || {
        desk.gateway.recorder.flush();
        add_up(&desk.store, span.last, span.since_ms)
    })
    .await
    .map(Json)
}
