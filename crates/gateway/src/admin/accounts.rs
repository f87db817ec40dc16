//! Acts on accounts, for the routes and for commands without a running gateway.

use std::sync::Arc;

use axum::{
    Json,
    body::Bytes,
    extract::{State, rejection::BytesRejection},
};
use http::StatusCode;
use roundelay_ledger::{Account, AccountId, AccountKind, Money, Terms};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    Fault,
    desk::{Answer, Desk, blocking, now, read},
};
use crate::store::{AccountRow, Store};

/// What `POST /admin/accounts` takes.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewAccount {
    /// Its id: 1 to 64 of `A-Z a-z 0-9 . _ -`.
    pub id: String,
    /// What people will call it; the id when left out.
    #[serde(default)]
    pub name: Option<String>,
    /// Whether it pays in advance; it does not when left out.
    #[serde(default)]
    pub prepaid: bool,
}

/// Makes an account at `now` (unix seconds).
///
/// # Errors
/// When the id is none, or taken.
pub fn create(store: &Store, wanted: NewAccount, now: i64) -> Result<Value, Fault> {
    let id = AccountId::new(&wanted.id).map_err(|fault| Fault::bad_request(fault.to_string()))?;
    let name = wanted.name.unwrap_or(wanted.id);
    if name.chars().count() > NAME_CHARS_MAX || name.chars().any(char::is_control) {
        return Err(Fault::bad_request(format!(
            "a name has at most {NAME_CHARS_MAX} characters, all of them printable"
        )));
    }
    let kind = if wanted.prepaid { AccountKind::Prepaid } else { AccountKind::Postpaid };
    let account = Account { id, name, kind, created_at: now };
    let row = AccountRow { account, parent: None, terms: Terms::new(kind), balance: Money::ZERO };
    store.create_account(&row)?;
    Ok(describe(&row.account))
}

/// Every account, by id.
///
/// # Errors
/// When the store cannot be read.
pub fn list(store: &Store) -> Result<Value, Fault> {
    Ok(store.accounts()?.iter().map(|row| describe(&row.account)).collect())
}

fn describe(account: &Account) -> Value {
    json!({
        "id": account.id.as_str(),
        "name": account.name,
        "kind": account.kind.label(),
        "created_at": account.created_at,
    })
}

pub(super) async fn post(
    State(desk): State<Arc<Desk>>,
    body: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, Json<Value>), Fault> {
    let wanted = read(body)?;
    let made = blocking(move || create(&desk.store, wanted, now())).await?;
    Ok((StatusCode::CREATED, Json(made)))
}

pub(super) async fn get(State(desk): State<Arc<Desk>>) -> Answer {
    blocking(move || list(&desk.store)).await.map(Json)
}

const NAME_CHARS_MAX: usize = 200;
