//! The records of exchanges, as scripts and `roundelay explain` read them.

use std::sync::Arc;

use axum::{
    Extension, Json,
    extract::{Query, State, rejection::QueryRejection},
};
use roundelay_ledger::{EntryKind, ExchangeId, KeyId};
use serde::Deserialize;
use serde_json::Value;

use super::{
    Fault, accounts,
    desk::{Answer, Desk, blocking},
    doubts,
    operator::Operator,
    path::Named,
};
use crate::store::{EntryRow, ExchangeFilter, Record, Scope, StoredEntry, Within};

/// The record of the exchange named `id`, with what was charged and lost for it.
///
/// # Errors
/// When that names no exchange, or none that is recorded.
pub fn one(store: Within<'_>, id: &str) -> Result<Value, Fault> {
    let name = name(id)?;
    let record = store.exchange(name)?;
    match record {
        Some(record) => Ok(with_paid(as_json(&record), &store.paid(&record)?)),
        None => Err(doubts::no_record(store, name, None)?),
    }
}

/// The records that are meant, newest first.
///
/// # Errors
/// When a field of the query cannot be, or the store cannot be read.
pub fn recent(store: Within<'_>, query: &ExchangeQuery) -> Result<Value, Fault> {
    let limit = query.limit.unwrap_or(LIMIT_DEFAULT);
    if !(1..=LIMIT_MAX).contains(&limit) {
        return Err(Fault::bad_request(format!("`limit` is 1 to {LIMIT_MAX}")));
    }
    let filter = ExchangeFilter {
        account: query.account.as_deref().map(accounts::account_id).transpose()?,
        key: query.key.as_deref().map(KeyId::new),
        model: query.model.clone(),
        outcome: query.outcome.clone(),
        since_ms: query.since_ms,
        before: query.before.as_deref().map(name).transpose()?,
        scope: Scope::All,
    };
    Ok(store.recent_exchanges(&filter, limit)?.iter().map(as_json).collect())
}

fn name(id: &str) -> Result<ExchangeId, Fault> {
    id.parse().map_err(|fault: roundelay_ledger::BadExchangeId| Fault::bad_request(fault.to_string()))
}

/// A record with what was charged and lost for it, and for each of its attempts, in nano-USD.
fn with_paid(mut record: Value, entries: &[StoredEntry]) -> Value {
    let sum = |kind: EntryKind, attempt: Option<u64>| -> i64 {
        let is_meant = |row: &&EntryRow| row.kind == kind && attempt.is_none_or(|one| u64::from(row.attempt) == one);
        entries.iter().map(|entry| &entry.row).filter(is_meant).fold(0, |sum, row| sum.saturating_add(row.usd.nano()))
    };
    let kinds = [("charged_nano", EntryKind::Charge), ("lost_nano", EntryKind::Loss)];
    for (name, kind) in kinds {
        record[name] = sum(kind, None).into();
    }
    for attempt in record["attempts"].as_array_mut().into_iter().flatten() {
        let number = attempt["number"].as_u64();
        if entries.iter().any(|entry| Some(u64::from(entry.row.attempt)) == number) {
            for (name, kind) in kinds {
                attempt[name] = sum(kind, number).into();
            }
        }
    }
    record
}

fn as_json(record: &Record) -> Value {
    serde_json::to_value(record).expect("a record has only numbers, texts and JSON")
}

/// Which records are asked for: `?account=&key=&model=&outcome=&since_ms=&before=&limit=`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ExchangeQuery {
    /// Those that this account asked for.
    pub account: Option<String>,
    /// Those that this key asked for.
    pub key: Option<String>,
    /// Those that showed an answer of this model.
    pub model: Option<String>,
    /// Those that ended so: `answered`, `refused`, `failed`, `cut` or `abandoned`.
    pub outcome: Option<String>,
    /// Those that began then or later, in milliseconds since 1970-01-01 UTC.
    pub since_ms: Option<i64>,
    /// Those older than the exchange of this name.
    pub before: Option<String>,
    /// At most so many, 1 to 1,000; 50 when left out.
    pub limit: Option<usize>,
}

pub(super) async fn get_recent(
    State(desk): State<Arc<Desk>>,
    Extension(by): Extension<Operator>,
    query: Result<Query<ExchangeQuery>, QueryRejection>,
) -> Answer {
    let Query(query) = query.map_err(|rejection| Fault::bad_request(rejection.body_text()))?;
    blocking(move || {
        desk.gateway.recorder.flush();
        recent(desk.store.within(by.scope()), &query)
    })
    .await
    .map(Json)
}

pub(super) async fn get_one(
    State(desk): State<Arc<Desk>>,
    Extension(by): Extension<Operator>,
    Named(id): Named<String>,
) -> Answer {
    blocking(move || {
        desk.gateway.recorder.flush();
        one(desk.store.within(by.scope()), &id)
    })
    .await
    .map(Json)
}

const LIMIT_DEFAULT: usize = 50;
const LIMIT_MAX: usize = 1_000;
