//! Acts on operators, for the routes and for commands without a running gateway.

use std::sync::Arc;

use axum::{
    Extension, Json,
    body::Bytes,
    extract::{State, rejection::BytesRejection},
};
use http::StatusCode;
use roundelay_ledger::AccountId;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    Fault, accounts, acts,
    desk::{Answer, Desk, blocking, now, read},
    operator::Operator,
    path::Named,
};
use crate::{
    auth::{OperatorWish, Operators},
    common::secret::Secret,
    store::{OperatorId, OperatorRow, Role, Store},
};

/// What `POST /admin/operators` takes.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NewOperator {
    /// What people will call it: 1 to 200 characters.
    pub name: String,
    /// `viewer`, `member`, `admin` or `owner`.
    pub role: String,
    /// The account to which it is limited, with all below it. When left out: none, or that of whoever makes it.
    pub account: Option<String>,
    /// The first second, since 1970-01-01 UTC, at which its token no longer works; never when left out.
    pub expires_at: Option<i64>,
}

/// Makes an operator at `now` (unix seconds). The answer holds its token, which is nowhere else.
///
/// # Errors
/// When a field is out of its bounds, or the account is not there.
pub fn create(
    operators: &Operators,
    store: &Store,
    by: &Operator,
    wanted: &NewOperator,
    now: i64,
) -> Result<Value, Fault> {
    let wish = wish(store, by, wanted, now)?;
    acts::keep(store, by, "operators.create", None, |store, told| {
        let (row, token) = operators.create(store, wish, now)?;
        told.about(row.id.as_str(), row.account.as_ref());
        told.that("name", row.name.as_str());
        told.that("role", row.role.label());
        told.that("expires_at", row.expires_at);
        let mut made = describe(&row, now);
        made["token"] = json!(token.expose());
        Ok(made)
    })
}

/// Every operator, revoked ones too, oldest first.
///
/// # Errors
/// When the store cannot be read.
pub fn list(store: &Store, by: &Operator, now: i64) -> Result<Value, Fault> {
    Ok(store.within(by.scope()).operators()?.iter().map(|row| describe(row, now)).collect())
}

/// Revokes an operator at `now` (unix seconds). Revoking twice is no fault.
///
/// # Errors
/// When there is no such operator.
pub fn revoke(operators: &Operators, store: &Store, by: &Operator, id: &str, now: i64) -> Result<Value, Fault> {
    acts::keep(store, by, "operators.revoke", Some(id), |store, told| {
        let row = store.within(by.scope()).operator(&OperatorId::new(id))?;
        told.about(id, row.account.as_ref());
        told.that("name", row.name.as_str());
        Ok(describe(&operators.revoke(store, &row.id, now)?, now))
    })
}

/// Ends the present token of whoever asks, or of the first owner where that is nobody with a token. The answer holds the
/// new one, which is nowhere else.
///
/// # Errors
/// When the store cannot be written, or the system gives no random bytes; then the present token stays.
pub fn renew(operators: &Operators, store: &Store, by: &Operator) -> Result<Value, Fault> {
    let first = Operators::first();
    let id = by.id.as_ref().unwrap_or(&first);
    acts::keep(store, by, "token.renew", Some(id.as_str()), |store, _| {
        let token = match &by.id {
            Some(id) => operators.renew(store, id)?,
            None => operators.renew_first(store)?,
        };
        Ok(shown(&token))
    })
}

/// A token as it is shown this once.
fn shown(token: &Secret) -> Value {
    json!({ "admin_token": token.expose() })
}

fn wish(store: &Store, by: &Operator, wanted: &NewOperator, now: i64) -> Result<OperatorWish, Fault> {
    let role = Role::from_label(&wanted.role).ok_or_else(|| {
        Fault::bad_request(format!("`{}` is no role: write `viewer`, `member`, `admin` or `owner`", wanted.role))
    })?;
    if !(1..=NAME_CHARS_MAX).contains(&wanted.name.chars().count()) || wanted.name.chars().any(char::is_control) {
        return Err(Fault::bad_request(format!("a name has 1 to {NAME_CHARS_MAX} characters, all of them printable")));
    }
    if wanted.expires_at.is_some_and(|end| end <= now) {
        return Err(Fault::bad_request("`expires_at` is not in the future: it is in seconds since 1970-01-01 UTC"));
    }
    let account = wanted.account.as_deref().map(accounts::account_id).transpose()?.or_else(|| by.account.clone());
    if let Some(account) = &account
        && store.within(by.scope()).account(account)?.is_none()
    {
        return Err(Fault::not_found(format!("no account `{account}`")));
    }
    Ok(OperatorWish { name: wanted.name.clone(), role, account, expires_at: wanted.expires_at })
}

fn describe(row: &OperatorRow, now: i64) -> Value {
    let state = match row {
        row if row.is_active(now) => "active",
        row if row.revoked_at.is_some() => "revoked",
        _ => "expired",
    };
    json!({
        "id": row.id.as_str(),
        "name": row.name,
        "role": row.role.label(),
        "account": row.account.as_ref().map(AccountId::as_str),
        "state": state,
        "created_at": row.created_at,
        "expires_at": row.expires_at,
        "revoked_at": row.revoked_at,
    })
}

pub(super) async fn post(
    State(desk): State<Arc<Desk>>,
    Extension(by): Extension<Operator>,
    body: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, Json<Value>), Fault> {
    let wanted = read(body)?;
    let made = blocking(move || {
        let _turn = desk.turn();
        create(&desk.operators, &desk.store, &by, &wanted, now())
    })
    .await?;
    Ok((StatusCode::CREATED, Json(made)))
}

pub(super) async fn get(State(desk): State<Arc<Desk>>, Extension(by): Extension<Operator>) -> Answer {
    blocking(move || list(&desk.store, &by, now())).await.map(Json)
}

pub(super) async fn post_revoke(
    State(desk): State<Arc<Desk>>,
    Extension(by): Extension<Operator>,
    Named(id): Named<String>,
) -> Answer {
    blocking(move || {
        let _turn = desk.turn();
        revoke(&desk.operators, &desk.store, &by, &id, now())
    })
    .await
    .map(Json)
}

pub(super) async fn post_token(
    State(desk): State<Arc<Desk>>,
    Extension(by): Extension<Operator>,
) -> Result<(StatusCode, Json<Value>), Fault> {
    let made = blocking(move || {
        let _turn = desk.turn();
        renew(&desk.operators, &desk.store, &by)
    })
    .await?;
    Ok((StatusCode::CREATED, Json(made)))
}

const NAME_CHARS_MAX: usize = 200;
