//! What was used and charged, added up by hours as exchanges end: however many there were, no record is read.

use std::sync::Arc;

use axum::{
    Extension, Json,
    extract::{Query, State, rejection::QueryRejection},
};
use roundelay_ledger::{KeyId, Money};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{
    Fault, accounts, amount,
    desk::{Answer, Desk, blocking},
    operator::Operator,
};
use crate::store::{Scope, UsageBy, UsageFilter, UsageSum, Within};

/// What `GET /admin/usage` is asked: `?by=&since_ms=&until_ms=&account=&key=&model=&deployment=`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct UsageQuery {
    /// By what it is told apart: some of `hour`, `account`, `key`, `model`, `deployment` and `outcome`, separated by
    /// commas. The sum of all alone when left out.
    pub by: Option<String>,
    /// From the beginning of the hour that this lies in, in milliseconds since 1970-01-01 UTC.
    pub since_ms: Option<i64>,
    /// To the end of the hour that the millisecond before this lies in.
    pub until_ms: Option<i64>,
    /// That of this account, without those below it.
    pub account: Option<String>,
    /// That of this key.
    pub key: Option<String>,
    /// That of this model.
    pub model: Option<String>,
    /// That of this deployment.
    pub deployment: Option<String>,
}

/// Adds up: the `total`, and `rows` by what was named in `by`, in its order.
///
/// # Errors
/// When a field cannot be, there are more than 100,000 rows, or the store cannot be read.
pub fn add_up(store: Within<'_>, query: &UsageQuery) -> Result<Value, Fault> {
    let by = query.by.as_deref().map(dimensions).transpose()?.unwrap_or_default();
    check_span(query.since_ms, query.until_ms)?;
    let account = query.account.as_deref().map(accounts::account_id).transpose()?;
    if let Some(account) = &account
        && store.account(account)?.is_none()
    {
        return Err(Fault::not_found(format!("no account `{account}`: `accounts list` shows them")));
    }
    let key = query.key.as_deref().map(KeyId::new);
    if let Some(key) = &key {
        store.key(key)?;
    }
    let filter = UsageFilter {
        since_ms: query.since_ms,
        until_ms: query.until_ms,
        account,
        key,
        model: query.model.clone(),
        deployment: query.deployment.clone(),
        scope: Scope::All,
    };
    let kinds: Vec<UsageBy> = by.iter().map(|(_, by)| *by).collect();
    let sums = store.usage_hours(&filter, &kinds, ROWS_MAX)?;
    let total = sums.iter().fold(UsageSum { since_ms: i64::MAX, ..UsageSum::default() }, plus);
    let rows: Vec<Value> = if by.is_empty() { Vec::new() } else { sums.iter().map(|sum| row(sum, &by)).collect() };
    Ok(json!({
        "by": by.iter().map(|(name, _)| *name).collect::<Vec<_>>(),
        "since_ms": (total.exchanges > 0).then_some(total.since_ms),
        "total": describe(&total, Map::new()),
        "rows": rows,
    }))
}

/// What begins after its end holds nothing.
pub(super) fn check_span(since_ms: Option<i64>, until_ms: Option<i64>) -> Result<(), Fault> {
    match since_ms.zip(until_ms) {
        Some((since, until)) if since > until => {
            Err(Fault::bad_request("the time to begin at is after the one to end at"))
        }
        _ => Ok(()),
    }
}

/// The dimensions that are named in a text, separated by commas.
fn dimensions(text: &str) -> Result<Vec<(&'static str, UsageBy)>, Fault> {
    let mut named: Vec<(&'static str, UsageBy)> = Vec::new();
    for word in text.split(',') {
        let known = DIMENSIONS.into_iter().find(|(name, _)| *name == word);
        let Some(known) = known else {
            let choices = DIMENSIONS.map(|(name, _)| format!("`{name}`")).join(", ");
            return Err(Fault::bad_request(format!("usage cannot be told apart by `{word}`: write some of {choices}")));
        };
        if !named.contains(&known) {
            named.push(known);
        }
    }
    Ok(named)
}

fn row(sum: &UsageSum, by: &[(&'static str, UsageBy)]) -> Value {
    let mut shown = Map::new();
    for (name, by) in by {
        let value = match by {
            UsageBy::Hour => json!(sum.hour_ms),
            UsageBy::Account => json!(sum.account),
            UsageBy::Key => json!(sum.key),
            UsageBy::Model => json!(sum.model),
            UsageBy::Deployment => json!(sum.deployment),
            UsageBy::Outcome => json!(sum.outcome),
        };
        let name = if *by == UsageBy::Hour { "hour_ms" } else { name };
        shown.insert(name.to_owned(), value);
    }
    Value::Object(describe(sum, shown))
}

fn describe(sum: &UsageSum, mut shown: Map<String, Value>) -> Map<String, Value> {
    let used = &sum.usage;
    for (name, count) in [
        ("exchanges", sum.exchanges),
        ("input", used.input),
        ("cache_read", used.cache_read),
        ("cache_write", used.cache_write),
        ("output", used.output),
        ("reasoning", used.reasoning),
        ("unpriced", sum.unpriced),
    ] {
        shown.insert(name.to_owned(), json!(count));
    }
    shown.insert("estimated".to_owned(), json!(used.estimated));
    amount::show(&mut shown, "cost_usd", Some(Money::from_nano(sum.cost_nano)));
    amount::show(&mut shown, "charged_usd", Some(sum.charged_usd));
    amount::show(&mut shown, "charged_in_usd", Some(sum.in_usd));
    amount::show(&mut shown, "charged_in_cny", Some(sum.in_cny));
    amount::show(&mut shown, "lost_usd", Some(sum.lost_usd));
    shown
}

fn plus(total: UsageSum, sum: &UsageSum) -> UsageSum {
    let money = |a: Money, b: Money| a.checked_add(b).unwrap_or(Money::MAX);
    let mut usage = total.usage;
    usage.input = usage.input.saturating_add(sum.usage.input);
    usage.cache_read = usage.cache_read.saturating_add(sum.usage.cache_read);
    usage.cache_write = usage.cache_write.saturating_add(sum.usage.cache_write);
    usage.output = usage.output.saturating_add(sum.usage.output);
    usage.reasoning = usage.reasoning.saturating_add(sum.usage.reasoning);
    usage.estimated |= sum.usage.estimated;
    UsageSum {
        exchanges: total.exchanges.saturating_add(sum.exchanges),
        since_ms: total.since_ms.min(sum.since_ms),
        usage,
        cost_nano: total.cost_nano.saturating_add(sum.cost_nano),
        unpriced: total.unpriced.saturating_add(sum.unpriced),
        charged_usd: money(total.charged_usd, sum.charged_usd),
        in_usd: money(total.in_usd, sum.in_usd),
        in_cny: money(total.in_cny, sum.in_cny),
        lost_usd: money(total.lost_usd, sum.lost_usd),
        ..total
    }
}

pub(super) async fn get(
    State(desk): State<Arc<Desk>>,
    Extension(by): Extension<Operator>,
    query: Result<Query<UsageQuery>, QueryRejection>,
) -> Answer {
    let Query(query) = query.map_err(|rejection| Fault::bad_request(rejection.body_text()))?;
    blocking(move || {
        desk.gateway.recorder.flush();
        add_up(desk.store.within(by.scope()), &query)
    })
    .await
    .map(Json)
}

/// By what usage can be told apart, and what each is called.
pub const DIMENSIONS: [(&str, UsageBy); 6] = [
    ("hour", UsageBy::Hour),
    ("account", UsageBy::Account),
    ("key", UsageBy::Key),
    ("model", UsageBy::Model),
    ("deployment", UsageBy::Deployment),
    ("outcome", UsageBy::Outcome),
];
const ROWS_MAX: usize = 100_000;
