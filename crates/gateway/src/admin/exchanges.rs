//! The records of exchanges, as scripts and `roundelay explain` read them.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, Query, State, rejection::QueryRejection},
};
use roundelay_ledger::ExchangeId;
use serde::Deserialize;
use serde_json::Value;

use super::{
    Fault,
    desk::{Answer, Desk, blocking},
};
use crate::store::{ExchangeFilter, Record, Store};

/// The record of the exchange named `id`.
///
/// # Errors
/// When that names no exchange, or none that is recorded.
pub fn one(store: &Store, id: &str) -> Result<Value, Fault> {
    let name = name(id)?;
    let record = store.exchange(name)?;
    record.as_ref().map(as_json).ok_or_else(|| Fault::not_found(format!("no exchange `{name}` is recorded here")))
}

/// At most `limit` (1 to 1,000) records, newest first, older than `before` where it is given.
///
/// # Errors
/// When `before` names no exchange, or the store cannot be read.
pub fn recent(store: &Store, limit: usize, before: Option<&str>) -> Result<Value, Fault> {
    if !(1..=LIMIT_MAX).contains(&limit) {
        return Err(Fault::bad_request(format!("`limit` is 1 to {LIMIT_MAX}")));
    }
    let before = before.map(name).transpose()?;
    let filter = ExchangeFilter { before, ..ExchangeFilter::default() };
    Ok(store.recent_exchanges(&filter, limit)?.iter().map(as_json).collect())
}

fn name(id: &str) -> Result<ExchangeId, Fault> {
    id.parse().map_err(|fault: roundelay_ledger::BadExchangeId| Fault::bad_request(fault.to_string()))
}

fn as_json(record: &Record) -> Value {
    serde_json::to_value(record).expect("a record has only numbers, texts and JSON")
}

/// `?limit=&before=`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Page {
    #[serde(default = "default_limit")]
    limit: usize,
    before: Option<String>,
}

fn default_limit() -> usize {
    50
}

pub(super) async fn get_recent(State(desk): State<Arc<Desk>>, page: Result<Query<Page>, QueryRejection>) -> Answer {
    let Query(page) = page.map_err(|rejection| Fault::bad_request(rejection.body_text()))?;
    blocking(move || {
        desk.gateway.recorder.flush();
        recent(&desk.store, page.limit, page.before.as_deref())
    })
    .await
    .map(Json)
}

pub(super) async fn get_one(State(desk): State<Arc<Desk>>, Path(id): Path<String>) -> Answer {
    blocking(move || {
        desk.gateway.recorder.flush();
        one(&desk.store, &id)
    })
    .await
    .map(Json)
}

const LIMIT_MAX: usize = 1_000;
