//! What operators did and were refused: written down before it is done, told to be done in the transaction that does it,
//! and completed with its details after it.
//!
//! So nothing is done that is not written down, and an act that stays `begun` was not done.

use std::sync::Arc;

use axum::{
    Extension, Json,
    extract::{Query, State, rejection::QueryRejection},
};
use roundelay_ledger::AccountId;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    Fault,
    books::now_us,
    desk::{Answer, Desk, blocking},
    operator::Operator,
};
use crate::{
    common::secret::is_ours,
    store::{ActFilter, ActOutcome, ActRow, NewAct, OperatorId, Store, Within},
};

/// What an act tells of itself while it is done.
#[derive(Debug, Default)]
pub(super) struct Told {
    object: Option<String>,
    account: Option<AccountId>,
    detail: Map<String, Value>,
}

impl Told {
    /// What it is done to, and whose that is.
    pub(super) fn about(&mut self, object: &str, account: Option<&AccountId>) {
        self.object = Some(object.to_owned());
        self.account = account.cloned();
    }

    /// A word on what was done; never a secret.
    pub(super) fn that(&mut self, name: &str, value: impl Into<Value>) {
        self.detail.insert(name.to_owned(), value.into());
    }

    /// Which fields are others than before.
    pub(super) fn changed(&mut self, before: &Value, after: &Value) {
        for (name, now) in after.as_object().into_iter().flatten() {
            if before[name] != *now {
                self.that(name, json!({ "from": before[name], "to": now }));
            }
        }
    }
}

/// Does an act by the handle on the store that it is given, and keeps who did it and how it ended.
///
/// # Errors
/// What the act itself says. When the token was ended meanwhile, or it cannot be written down, it is not done.
pub(super) fn keep<T>(
    store: &Store,
    by: &Operator,
    act: &str,
    object: Option<&str>,
    work: impl FnOnce(&Store, &mut Told) -> Result<T, Fault>,
) -> Result<T, Fault> {
    by.check(store)?;
    let number = store.begin_act(&new(by, act, object))?;
    let mut told = Told::default();
    let done = work(&store.doing(number), &mut told);
    let (outcome, detail) = match &done {
        Ok(_) => (ActOutcome::Done, Some(told.detail).filter(|detail| !detail.is_empty())),
        Err(fault) => (fault.outcome(), Some(Map::from_iter([("code".to_owned(), json!(fault.code()))]))),
    };
    let detail = detail.map(|detail| bounded(&Value::Object(detail)));
    let object = told.object.as_deref().map(shown);
    let finished = store.finish_act(number, outcome, object.as_deref(), told.account.as_ref(), detail.as_deref());
    if let Err(fault) = finished {
        tracing::warn!(%fault, act, number, "how an act ended could not be written down");
    }
    done
}

/// As [`keep`], for an act that the store has no part in: it is written down after it, and done even if it cannot be.
pub(super) fn keep_beside<T>(
    store: &Store,
    by: &Operator,
    act: &str,
    work: impl FnOnce() -> Result<T, Fault>,
) -> Result<T, Fault> {
    let done = work();
    let outcome = done.as_ref().map_or_else(Fault::outcome, |_| ActOutcome::Done);
    let detail = done.as_ref().err().map(|fault| json!({ "code": fault.code() }).to_string());
    let kept = store
        .begin_act(&new(by, act, None))
        .and_then(|number| store.finish_act(number, outcome, None, None, detail.as_deref()));
    if let Err(fault) = kept {
        tracing::warn!(%fault, act, "an act could not be written down");
    }
    done
}

/// Keeps that somebody was refused, before anything was begun.
pub(super) fn keep_refusal(store: &Store, by: &Operator, act: &str, path: &str, code: &str) {
    if let Err(fault) = store.keep_refusal(&new(by, act, Some(path)), &json!({ "code": code }).to_string()) {
        tracing::warn!(%fault, act, "a refusal could not be written down");
    }
}

fn new(by: &Operator, act: &str, object: Option<&str>) -> NewAct {
    NewAct {
        at_us: now_us(),
        operator: by.id.clone(),
        who: by.name.to_string(),
        act: act.to_owned(),
        object: object.map(shown),
        account: by.account.clone(),
    }
}

/// What was typed where an id belongs may be a whole key, and of any length.
fn shown(object: &str) -> String {
    let part =
        |part: &str| if is_ours(part) || part.starts_with("rladmin-") { "***".to_owned() } else { part.to_owned() };
    let parts: Vec<String> = object.split('/').map(part).collect();
    parts.join("/").chars().filter(|c| !c.is_control()).take(OBJECT_CHARS_MAX).collect()
}

fn bounded(detail: &Value) -> String {
    let text = detail.to_string();
    if text.len() <= DETAIL_BYTES_MAX { text } else { json!({ "omitted_bytes": text.len() }).to_string() }
}

/// What `GET /admin/acts` is asked: `?since_ms=&before=&limit=`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ActQuery {
    /// Done then or later, in milliseconds since 1970-01-01 UTC.
    pub since_ms: Option<i64>,
    /// With a smaller number than this.
    pub before: Option<u64>,
    /// At most so many, 1 to [`PAGE_MAX`]; 50 when left out.
    pub limit: Option<usize>,
}

/// A page of acts, newest first. The last one's `number` is the `before` of the next page.
///
/// # Errors
/// When a field cannot be, or the store cannot be read.
pub fn page(store: Within<'_>, query: &ActQuery) -> Result<Vec<Value>, Fault> {
    let limit = query.limit.unwrap_or(LIMIT_DEFAULT);
    if !(1..=PAGE_MAX).contains(&limit) {
        return Err(Fault::bad_request(format!("`limit` is 1 to {PAGE_MAX}")));
    }
    let filter = ActFilter { since_us: query.since_ms.map(|ms| ms.saturating_mul(1_000)), before: query.before };
    Ok(store.acts(&filter, limit)?.iter().map(describe).collect())
}

fn describe(row: &ActRow) -> Value {
    let act = &row.act;
    let detail = row.detail.as_deref().and_then(|text| serde_json::from_str::<Value>(text).ok());
    json!({
        "number": row.number,
        "at_us": act.at_us,
        "who": act.who,
        "operator": act.operator.as_ref().map(OperatorId::as_str),
        "act": act.act,
        "object": act.object,
        "account": act.account.as_ref().map(AccountId::as_str),
        "outcome": row.outcome.label(),
        "detail": detail,
    })
}

pub(super) async fn get(
    State(desk): State<Arc<Desk>>,
    Extension(by): Extension<Operator>,
    query: Result<Query<ActQuery>, QueryRejection>,
) -> Answer {
    let Query(query) = query.map_err(|rejection| Fault::bad_request(rejection.body_text()))?;
    let page = blocking(move || page(desk.store.within(by.scope()), &query)).await?;
    Ok(Json(page.into()))
}

/// How many acts one answer holds at most.
pub const PAGE_MAX: usize = 1_000;
const LIMIT_DEFAULT: usize = 50;
const OBJECT_CHARS_MAX: usize = 200;
const DETAIL_BYTES_MAX: usize = 4 << 10;
