//! `GET /v1/usage`: what a key used and paid, by hours as they were added up when exchanges ended.

use std::time::Duration;

use axum::extract::Query;
use http::Uri;
use roundelay_protocol::openai::BadRequest;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::{sync::Semaphore, task::spawn_blocking, time::timeout};

use crate::{
    auth::Caller,
    common::moment::moment,
    exchange::{Refusal, Worker},
    store::{StoreFault, UsageBy, UsageFilter, UsageSum},
};

/// `?since=&until=&by=`
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Asked {
    since: Option<String>,
    until: Option<String>,
    by: Option<String>,
}

/// By what a caller may tell its own usage apart. Where it was served is the operator's business.
const DIMENSIONS: [(&str, UsageBy); 3] =
    [("hour", UsageBy::Hour), ("model", UsageBy::Model), ("outcome", UsageBy::Outcome)];

/// More are not shown at once: 13 months of hours.
const ROWS_MAX: usize = 10_000;

/// So many read the store at once for callers; others are told to come back, so that a page costs no exchange its
/// thread.
static READERS: Semaphore = Semaphore::const_new(4);
const READ_MAX: Duration = Duration::from_secs(10);

/// The sum, and where `by` says so its parts.
pub(super) async fn usage(worker: &Worker, caller: &Caller, uri: &Uri) -> Result<Value, Refusal> {
    let (filter, by) = read(uri, caller)?;
    let reader = READERS.try_acquire().map_err(|_| Refusal::NoRecords)?;
    let store = worker.gateway.keys.store().clone();
    let kinds: Vec<UsageBy> = by.iter().map(|(_, by)| *by).collect();
    let (bounds, columns) = (filter.clone(), by);
    let reading = spawn_blocking(move || {
        let sums = store.usage_hours(&filter, &kinds, ROWS_MAX)?;
        let total = store.usage_hours(&filter, &[], 1)?;
        drop(reader);
        Ok::<_, StoreFault>((sums, total))
    });
    let read = timeout(READ_MAX, reading).await.map_err(|_| Refusal::NoRecords)?;
    let (sums, total) = read.map_err(|_| Refusal::Internal)?.map_err(|fault| match fault {
        StoreFault::TooMany { .. } => bad("by", format!("{fault}: name less in `by`, or less time")),
        _ => {
            tracing::warn!(%fault, "a caller's usage could not be read");
            Refusal::NoRecords
        }
    })?;
    let rows: Vec<Value> = match columns.is_empty() {
        true => Vec::new(),
        false => sums.iter().map(|sum| row(sum, &columns)).collect(),
    };
    let total = total.into_iter().next().unwrap_or_default();
    Ok(json!({
        "object": "usage",
        "key": caller.key.as_str(),
        "since": bounds.since_ms.map(seconds),
        "until": bounds.until_ms.map(seconds),
        "by": columns.iter().map(|(name, _)| *name).collect::<Vec<_>>(),
        "total": describe(&total, Map::new()),
        "rows": rows,
    }))
}

type Columns = Vec<(&'static str, UsageBy)>;

fn read(uri: &Uri, caller: &Caller) -> Result<(UsageFilter, Columns), Refusal> {
    let Query(asked) = Query::<Asked>::try_from_uri(uri)
        .map_err(|fault| bad("query", format!("the address takes `since`, `until` and `by`: {}", fault.body_text())))?;
    let instant = |name: &'static str, text: Option<String>| {
        let read = |text: String| match text.parse::<i64>() {
            Ok(seconds) => Ok(seconds.saturating_mul(1000)),
            Err(_) => moment(&text).map(|at| at.as_millisecond()).map_err(|advice| bad(name, advice)),
        };
        text.map(read).transpose()
    };
    let mut by = Columns::new();
    for word in asked.by.iter().flat_map(|by| by.split(',')) {
        let known = DIMENSIONS.into_iter().find(|(name, _)| *name == word);
        let known = known.ok_or_else(|| {
            bad(
                "by",
                "usage is told apart by `hour`, `model` and `outcome`: write some of them, with commas".to_owned(),
            )
        })?;
        if !by.contains(&known) {
            by.push(known);
        }
    }
    let filter = UsageFilter {
        since_ms: instant("since", asked.since)?,
        until_ms: instant("until", asked.until)?,
        key: Some(caller.key.clone()),
        ..UsageFilter::default()
    };
    Ok((filter, by))
}

fn bad(param: &'static str, message: String) -> Refusal {
    Refusal::BadRequest(BadRequest { message, param: Some(param.into()), code: "invalid_value" })
}

fn row(sum: &UsageSum, by: &Columns) -> Value {
    let mut shown = Map::new();
    for (name, by) in by {
        let value = match by {
            UsageBy::Hour => json!(sum.hour_ms.map(seconds)),
            UsageBy::Model => json!(sum.model),
            UsageBy::Outcome => json!(sum.outcome),
            UsageBy::Account | UsageBy::Key | UsageBy::Deployment => continue,
        };
        shown.insert((*name).to_owned(), value);
    }
    Value::Object(describe(sum, shown))
}

/// By the names of the operator's usage page.
fn describe(sum: &UsageSum, mut shown: Map<String, Value>) -> Map<String, Value> {
    let used = &sum.usage;
    for (name, count) in [
        ("exchanges", sum.exchanges),
        ("input", used.input),
        ("cache_read", used.cache_read),
        ("cache_write", used.cache_write),
        ("output", used.output),
        ("reasoning", used.reasoning),
    ] {
        shown.insert(name.to_owned(), json!(count));
    }
    shown.insert("estimated".to_owned(), json!(used.estimated));
    for (name, amount) in
        [("charged_usd", sum.charged_usd), ("charged_in_usd", sum.in_usd), ("charged_in_cny", sum.in_cny)]
    {
        shown.insert(name.to_owned(), json!(amount.to_string()));
    }
    shown
}

fn seconds(ms: i64) -> i64 {
    ms.div_euclid(1000)
}
