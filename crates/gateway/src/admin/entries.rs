//! The entries that every balance is the sum of, as operators, scripts and spreadsheets read them.

use std::{collections::HashMap, sync::Arc};

use axum::{
    Extension, Json,
    extract::{Query, State, rejection::QueryRejection},
    response::{IntoResponse as _, Response},
};
use http::header::CONTENT_TYPE;
use roundelay_ledger::{AccountId, EntryKind, KeyId, OverrunCause, PriceId, Sequence};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    Fault, accounts, amount,
    desk::{Desk, blocking},
    operator::Operator,
    usage,
};
use crate::{
    common::csv,
    store::{EntryFilter, Scope, StoreFault, StoredEntry, Within},
};

/// Which entries are asked for: `?account=&key=&kind=&since_ms=&until_ms=&before=&limit=&format=`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EntryQuery {
    /// Those that change the balance of this account.
    pub account: Option<String>,
    /// Those of exchanges of this key.
    pub key: Option<String>,
    /// `top-up`, `charge`, `loss`, `reversal` or `adjustment`.
    pub kind: Option<String>,
    /// Made then or later, in milliseconds since 1970-01-01 UTC.
    pub since_ms: Option<i64>,
    /// Made before then.
    pub until_ms: Option<i64>,
    /// With a smaller number than this.
    pub before: Option<u64>,
    /// At most so many, 1 to [`PAGE_MAX`]; 50 when left out.
    pub limit: Option<usize>,
    /// `json`, `jsonl` or `csv`; `json` when left out.
    pub format: Option<String>,
}

/// A page of entries, newest first. The last one's `sequence` is the `before` of the next page.
///
/// # Errors
/// When a field cannot be, or the store cannot be read.
pub fn page(store: Within<'_>, query: &EntryQuery) -> Result<Vec<Value>, Fault> {
    let limit = query.limit.unwrap_or(LIMIT_DEFAULT);
    if !(1..=PAGE_MAX).contains(&limit) {
        return Err(Fault::bad_request(format!("`limit` is 1 to {PAGE_MAX}")));
    }
    usage::check_span(query.since_ms, query.until_ms)?;
    let account = query.account.as_deref().map(accounts::account_id).transpose()?;
    if let Some(account) = &account
        && store.account(account)?.is_none()
    {
        return Err(Fault::not_found(format!("no account `{account}`: `accounts list` shows them")));
    }
    let filter = EntryFilter {
        account,
        key: query.key.as_deref().map(KeyId::new),
        exchange: None,
        kind: query.kind.as_deref().map(kind).transpose()?,
        since_us: query.since_ms.map(micros),
        until_us: query.until_ms.map(micros),
        before: query.before.map(Sequence),
        scope: Scope::All,
    };
    let entries = store.entries(&filter, limit)?;
    let mut known = HashMap::new();
    entries.iter().map(|entry| with_asker(entry, store, &mut known)).collect()
}

/// The kind of entry that a word stands for.
///
/// # Errors
/// With the words there are.
pub fn kind(label: &str) -> Result<EntryKind, Fault> {
    EntryKind::from_label(label).ok_or_else(|| {
        let known = EntryKind::ALL.map(|kind| format!("`{}`", kind.label())).join(", ");
        Fault::bad_request(format!("`{label}` is no kind of entry: write one of {known}"))
    })
}

fn micros(ms: i64) -> i64 {
    ms.saturating_mul(1_000)
}

/// An entry, and where no account's balance is changed by it the account whose key asked: it is known for what.
fn with_asker<'e>(
    entry: &'e StoredEntry,
    store: Within<'_>,
    known: &mut HashMap<&'e KeyId, Option<AccountId>>,
) -> Result<Value, Fault> {
    let mut shown = describe(entry);
    if let (None, Some(key)) = (&entry.row.account, &entry.row.key) {
        if !known.contains_key(key) {
            let account = match store.key(key) {
                Ok(row) => Some(row.key.account),
                Err(StoreFault::Missing { .. }) => None,
                Err(fault) => return Err(fault.into()),
            };
            known.insert(key, account);
        }
        shown["asked_by"] = json!(known[key].as_ref().map(AccountId::as_str));
    }
    Ok(shown)
}

pub(super) fn describe(entry: &StoredEntry) -> Value {
    let row = &entry.row;
    let mut shown = Map::new();
    let mut put = |name: &str, value: Value| shown.insert(name.to_owned(), value);
    put("sequence", json!(entry.sequence.0));
    put("at_us", json!(row.at_us));
    put("kind", json!(row.kind.label()));
    put("account", json!(row.account.as_ref().map(AccountId::as_str)));
    put("asked_by", Value::Null);
    put("currency", json!(row.currency.label()));
    put("exchange", json!(row.exchange.map(|exchange| exchange.to_string())));
    put("attempt", json!(row.attempt));
    put("key", json!(row.key.as_ref().map(KeyId::as_str)));
    put("price", json!(row.price.map(|price: PriceId| price.to_string())));
    put("multiplier", json!(amount::factor(row.multiplier)));
    put("rate", json!(amount::rate(row.rate)));
    put("overrun", json!(row.overrun.map(OverrunCause::label)));
    put("estimated", json!(row.is_estimated));
    put("reason", json!(row.reason));
    put("idempotency", json!(row.idempotency));
    amount::show(&mut shown, "change", Some(row.change));
    amount::show(&mut shown, "balance", row.account.is_some().then_some(entry.balance));
    amount::show(&mut shown, "usd", Some(row.usd));
    amount::show(&mut shown, "held", Some(row.held));
    Value::Object(shown)
}

/// Entries as described, each a line of a table, without headings.
pub fn csv(entries: &[Value]) -> String {
    let cell = |value: &Value| match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    entries.iter().map(|entry| csv::line(&COLUMNS.map(|column| cell(&entry[column]))) + "\n").collect()
}

/// The headings of [`csv`].
pub fn csv_headings() -> String {
    csv::line(&COLUMNS) + "\n"
}

pub(super) async fn get(
    State(desk): State<Arc<Desk>>,
    Extension(by): Extension<Operator>,
    query: Result<Query<EntryQuery>, QueryRejection>,
) -> Result<Response, Fault> {
    let Query(query) = query.map_err(|rejection| Fault::bad_request(rejection.body_text()))?;
    let format = match query.format.as_deref() {
        None | Some("json") => Format::Json,
        Some("jsonl") => Format::JsonLines,
        Some("csv") => Format::Csv,
        Some(other) => {
            return Err(Fault::bad_request(format!("`{other}` is no format: write `json`, `jsonl` or `csv`")));
        }
    };
    let entries = blocking(move || {
        desk.gateway.recorder.flush();
        page(desk.store.within(by.scope()), &query)
    })
    .await?;
    Ok(match format {
        Format::Json => Json(entries).into_response(),
        Format::JsonLines => {
            let lines: String = entries.iter().map(|entry| format!("{entry}\n")).collect();
            ([(CONTENT_TYPE, "application/jsonl")], lines).into_response()
        }
        Format::Csv => ([(CONTENT_TYPE, "text/csv; charset=utf-8")], csv_headings() + &csv(&entries)).into_response(),
    })
}

#[derive(Debug, Clone, Copy)]
enum Format {
    Json,
    JsonLines,
    Csv,
}

/// How many entries one answer holds at most.
pub const PAGE_MAX: usize = 1_000;
const LIMIT_DEFAULT: usize = 50;
const COLUMNS: [&str; 20] = [
    "sequence",
    "at_us",
    "kind",
    "account",
    "change",
    "balance",
    "currency",
    "usd",
    "held",
    "exchange",
    "attempt",
    "key",
    "price",
    "multiplier",
    "rate",
    "overrun",
    "estimated",
    "reason",
    "idempotency",
    "asked_by",
];
