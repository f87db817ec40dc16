//! Receipts: what an exchange used, at which prices, and what was paid for it, signed so that a change shows.
//!
//! A receipt is a JSON object without numbers: whole numbers and amounts are texts, so that no reader rounds one. What
//! is signed is its canonical form without `signature`: members sorted by name, no white space, strings as RFC 8785
//! (section 3.2.2.2) writes them, in UTF-8.

mod canonical;

use std::{collections::BTreeMap, sync::Arc};

use axum::{Extension, Json, extract::State};
use jiff::Timestamp;
use roundelay_ledger::{EntryKind, ExchangeId, KeyId, Money};
use serde_json::{Map, Value, json};

pub use self::canonical::{BadReceipt, parse};
use super::{
    Fault, amount,
    desk::{Answer, Desk, blocking},
    doubts,
    operator::Operator,
    path::Named,
};
use crate::{
    auth::ReceiptKey,
    common::clock::unix_time,
    store::{AttemptRecord, EntryFilter, Record, Scope, Store, StoredEntry},
};

/// The receipt of an exchange that is in the scope. With `of`, those of other keys are as if they were not there.
///
/// Whoever may see the exchange sees all that was paid for it, though an account above the scope may have paid it.
///
/// # Errors
/// When that names no exchange, or none that is recorded.
pub fn one(store: &Store, scope: &Scope, key: &ReceiptKey, id: &str, of: Option<&KeyId>) -> Result<Value, Fault> {
    let id: ExchangeId =
        id.parse().map_err(|fault: roundelay_ledger::BadExchangeId| Fault::bad_request(fault.to_string()))?;
    let within = store.within(scope);
    let Some(record) = within.exchange(id)?.filter(|record| of.is_none_or(|of| &record.key == of)) else {
        return Err(doubts::no_record(within, id, of)?);
    };
    let mut charges = within.paid(&record)?;
    charges.retain(|entry| entry.row.kind == EntryKind::Charge);
    let reversals = EntryFilter {
        exchange: Some(id),
        key: Some(record.key.clone()),
        kind: Some(EntryKind::Reversal),
        since_us: Some(began_us(&record)),
        ..EntryFilter::default()
    };
    let reversals = store.entries(&reversals, ENTRIES_MAX)?;
    Ok(signed(describe(&record, &charges, &reversals), key))
}

/// Whether a receipt is as it was signed.
///
/// # Errors
/// Why it cannot be trusted.
pub fn verify(receipt: &Map<String, Value>, key: &ReceiptKey) -> Result<(), BadReceipt> {
    let signature = receipt.get("signature").and_then(Value::as_str).ok_or(BadReceipt::Unsigned)?;
    let is_ours = receipt.get("key_id").and_then(Value::as_str) == Some(key.id().as_str());
    let bytes = canonical::bytes(receipt)?;
    match key.is_signed(&bytes, signature) {
        true => Ok(()),
        false if is_ours => Err(BadReceipt::Changed),
        false => Err(BadReceipt::OtherKey),
    }
}

/// The members in which a receipt says something else than the true one, as paths: `tokens.output`, `charges[0].amount`.
pub fn differences(receipt: &Map<String, Value>, truth: &Map<String, Value>) -> Vec<String> {
    let mut found = Vec::new();
    let names = receipt.keys().chain(truth.keys().filter(|name| !receipt.contains_key(*name)));
    // When a receipt is issued, and its signature with that, is another each time.
    for name in names.filter(|name| !["issued_at", "signature"].contains(&name.as_str())) {
        compare(name.clone(), receipt.get(name), truth.get(name), &mut found);
    }
    found
}

fn compare(path: String, told: Option<&Value>, truth: Option<&Value>, found: &mut Vec<String>) {
    match (told, truth) {
        (told, truth) if told == truth => {}
        (Some(Value::Object(told)), Some(Value::Object(truth))) => {
            let names = told.keys().chain(truth.keys().filter(|name| !told.contains_key(*name)));
            for name in names {
                compare(format!("{path}.{name}"), told.get(name), truth.get(name), found);
            }
        }
        (Some(Value::Array(told)), Some(Value::Array(truth))) => {
            for index in 0..told.len().max(truth.len()) {
                compare(format!("{path}[{index}]"), told.get(index), truth.get(index), found);
            }
        }
        _ => found.push(path),
    }
}

fn began_us(record: &Record) -> i64 {
    record.started_at_ms.saturating_mul(1_000)
}

fn describe(record: &Record, charges: &[StoredEntry], reversals: &[StoredEntry]) -> Map<String, Value> {
    let used = &record.usage;
    let described = json!({
        "receipt": "1",
        "exchange": record.id.to_string(),
        "account": record.account.as_str(),
        "key": record.key.as_str(),
        "began_at": at(began_us(record)),
        "asked": record.asked,
        "model": record.model,
        "deployment": record.deployment,
        "outcome": record.outcome,
        "status": record.status.to_string(),
        "stream": record.stream,
        "attempts": record.attempts.iter().map(attempt).collect::<Vec<_>>(),
        "tokens": {
            "input": used.input.to_string(),
            "cache_read": used.cache_read.to_string(),
            "cache_write": used.cache_write.to_string(),
            "output": used.output.to_string(),
            "reasoning": used.reasoning.to_string(),
            "estimated": used.estimated,
        },
        "charges": charges.iter().map(money).collect::<Vec<_>>(),
        "reversals": reversals.iter().map(money).collect::<Vec<_>>(),
        "paid": paid(charges.iter().chain(reversals)),
        "issued_at": at(i64::try_from(unix_time().as_millis()).unwrap_or(i64::MAX).saturating_mul(1_000)),
    });
    let Value::Object(described) = described else { unreachable!("an object was written above") };
    described
}

fn attempt(attempt: &AttemptRecord) -> Value {
    let (provider, model) = attempt.deployment.split_once('/').unwrap_or((&attempt.deployment, ""));
    json!({
        "number": attempt.number.to_string(),
        "deployment": attempt.deployment,
        "provider": provider,
        "upstream_model": model,
        "kind": attempt.kind,
        "outcome": attempt.outcome,
        "status": attempt.status.map(|status| status.to_string()),
    })
}

fn money(entry: &StoredEntry) -> Value {
    let row = &entry.row;
    json!({
        "entry": entry.sequence.0.to_string(),
        "at": at(row.at_us),
        "attempt": row.attempt.to_string(),
        "account": row.account.as_ref().map(|account| account.as_str()),
        "currency": row.currency.label(),
        "amount": Money::from_nano(row.change.nano().saturating_abs()).to_string(),
        "usd": row.usd.to_string(),
        "price": row.price.map(|price| price.to_string()),
        "rate": amount::rate(row.rate),
        "multiplier": amount::factor(row.multiplier),
        "estimated": row.is_estimated,
    })
}

/// What was paid in the end, by currencies.
fn paid<'a>(entries: impl Iterator<Item = &'a StoredEntry>) -> Value {
    let mut sums: BTreeMap<&str, i64> = BTreeMap::new();
    for StoredEntry { row, .. } in entries {
        let sum = sums.entry(row.currency.label()).or_default();
        *sum = sum.saturating_sub(row.change.nano());
    }
    let sums = sums.into_iter().map(|(currency, sum)| (currency.to_owned(), json!(Money::from_nano(sum).to_string())));
    Value::Object(sums.collect())
}

fn signed(mut receipt: Map<String, Value>, key: &ReceiptKey) -> Value {
    receipt.insert("algorithm".to_owned(), json!("HMAC-SHA256"));
    receipt.insert("key_id".to_owned(), json!(key.id()));
    let bytes = canonical::bytes(&receipt).expect("a receipt is written without numbers");
    receipt.insert("signature".to_owned(), json!(key.sign(&bytes)));
    Value::Object(receipt)
}

/// An instant in UTC, to the millisecond (RFC 3339).
fn at(us: i64) -> String {
    let at = Timestamp::from_millisecond(us.div_euclid(1_000)).unwrap_or_default();
    format!("{at:.3}")
}

pub(super) async fn get(
    State(desk): State<Arc<Desk>>,
    Extension(by): Extension<Operator>,
    Named(id): Named<String>,
) -> Answer {
    blocking(move || {
        desk.gateway.recorder.flush();
        one(&desk.store, by.scope(), desk.gateway.keys.receipt_key(), &id, None)
    })
    .await
    .map(Json)
}

/// More attempts than one exchange can have.
const ENTRIES_MAX: usize = 100;
