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
use crate::store::{Record, Store};

/// How many of the latest records are added up unless told otherwise.
pub const LAST_DEFAULT: u64 = 10_000;
/// How many records are added up at most: some seconds of reading.
pub const LAST_MAX: u64 = 1_000_000;

/// What `GET /admin/usage` answers.
#[derive(Debug, Default, Serialize)]
struct Usage {
    /// Recorded at all.
    exchanges: u64,
    /// The latest of them, which are added up below.
    counted: u64,
    /// When the oldest of those began, in milliseconds since 1970-01-01 UTC.
    since_ms: Option<i64>,
    outcomes: BTreeMap<String, u64>,
    tokens: Tokens,
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

#[derive(Debug, Default, Serialize)]
struct Share {
    exchanges: u64,
    #[serde(flatten)]
    tokens: Tokens,
}

/// Adds up the latest `last` (1 to [`LAST_MAX`]) records.
///
/// Reads them in pages, so that its memory does not grow with them.
///
/// # Errors
/// When `last` is out of its bounds, or the store cannot be read.
pub fn add_up(store: &Store, last: u64) -> Result<Value, Fault> {
    if !(1..=LAST_MAX).contains(&last) {
        return Err(Fault::bad_request(format!("`last` is 1 to {LAST_MAX}")));
    }
    let mut usage = Usage { exchanges: store.counts()?.exchanges, ..Usage::default() };
    let mut before = None;
    while usage.counted < last {
        let page = usize::try_from(last - usage.counted).map_or(PAGE, |left| left.min(PAGE));
        let records = store.recent_exchanges(page, before)?;
        let Some(oldest) = records.last() else { break };
        before = Some(oldest.id);
        usage.since_ms = Some(oldest.started_at_ms);
        records.iter().for_each(|record| usage.add(record));
    }
    Ok(serde_json::to_value(usage).expect("numbers and texts are JSON"))
}

impl Usage {
    fn add(&mut self, record: &Record) {
        self.counted += 1;
        *self.outcomes.entry(record.outcome.to_string()).or_default() += 1;
        self.tokens.add(record);
        if let Some(model) = &record.model {
            self.by_model.entry(model.clone()).or_default().add(record);
        }
        self.by_key.entry(record.key.to_string()).or_default().add(record);
        self.by_account.entry(record.account.to_string()).or_default().add(record);
    }
}

impl Share {
    fn add(&mut self, record: &Record) {
        self.exchanges += 1;
        self.tokens.add(record);
    }
}

impl Tokens {
    fn add(&mut self, record: &Record) {
        let used = &record.usage;
        self.input = self.input.saturating_add(used.input);
        self.cache_read = self.cache_read.saturating_add(used.cache_read);
        self.cache_write = self.cache_write.saturating_add(used.cache_write);
        self.output = self.output.saturating_add(used.output);
        self.reasoning = self.reasoning.saturating_add(used.reasoning);
    }
}

/// `?last=`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Span {
    #[serde(default = "default_last")]
    last: u64,
}

fn default_last() -> u64 {
    LAST_DEFAULT
}

pub(super) async fn get(
    State(desk): State<Arc<Desk>>,
    span: Result<Query<Span>, QueryRejection>,
) -> Answer {
    let Query(span) = span.map_err(|rejection| Fault::bad_request(rejection.body_text()))?;
    blocking(move || {
        desk.gateway.recorder.flush();
        add_up(&desk.store, span.last)
    })
    .await
    .map(Json)
}

const PAGE: usize = 500;
