//! Acts on API keys, for the routes and for commands without a running gateway.

use std::sync::Arc;

use axum::{
    Json,
    body::Bytes,
    extract::{Path, State, rejection::BytesRejection},
};
use http::StatusCode;
use roundelay_ledger::{AccountId, ApiKey, KeyId};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    Fault,
    desk::{Answer, Desk, blocking, now, read},
};
use crate::auth::{KeyWish, Keys};

/// What `POST /admin/keys` takes; every field may be left out.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NewKey {
    /// Who pays; `default` when left out.
    pub account: Option<String>,
    /// What people will call it: at most 200 characters.
    pub name: String,
    /// The models and pools it may ask for: 1 to 1,000 names; all when left out.
    pub allowed: Option<Vec<String>>,
    /// The first second, since 1970-01-01 UTC, at which it no longer works; never when left out.
    pub expires_at: Option<i64>,
}

/// Makes a key at `now` (unix seconds). The answer holds the key itself, which is nowhere else.
///
/// # Errors
/// When a field is out of its bounds, or the account is not there.
pub fn create(keys: &Keys, wanted: NewKey, now: i64) -> Result<Value, Fault> {
    let (key, secret) = keys.create(wish(wanted, now)?, now)?;
    Ok(json!({
        "id": key.id.as_str(),
        "key": secret.expose(),
        "account": key.account.as_str(),
        "name": key.name,
        "allowed": key.allowed,
        "expires_at": key.expires_at,
    }))
}

/// Every key, revoked ones too, oldest first.
///
/// # Errors
/// When the store cannot be read.
pub fn list(keys: &Keys, now: i64) -> Result<Value, Fault> {
    Ok(keys.list()?.iter().map(|row| describe(&row.key, now)).collect())
}

/// Revokes a key at `now` (unix seconds). Revoking twice is no fault.
///
/// # Errors
/// When there is no such key.
pub fn revoke(keys: &Keys, id: &str, now: i64) -> Result<Value, Fault> {
    Ok(describe(&keys.revoke(&KeyId::new(id), now)?, now))
}

fn wish(wanted: NewKey, now: i64) -> Result<KeyWish, Fault> {
    let account = wanted.account.as_deref().map_or_else(|| Ok(AccountId::default_account()), AccountId::new);
    let account = account.map_err(|fault| Fault::bad_request(fault.to_string()))?;
    if wanted.name.chars().count() > NAME_CHARS_MAX || wanted.name.chars().any(char::is_control) {
        return Err(Fault::bad_request(format!(
            "a name has at most {NAME_CHARS_MAX} characters, all of them printable"
        )));
    }
    if let Some(allowed) = &wanted.allowed {
        let fits = |name: &String| (1..=MODEL_BYTES_MAX).contains(&name.len());
        if !(1..=ALLOWED_MAX).contains(&allowed.len()) || !allowed.iter().all(fits) {
            return Err(Fault::bad_request(format!(
                "`allowed` is a list of 1 to {ALLOWED_MAX} names of models or pools; without it every model is allowed"
            )));
        }
    }
    if wanted.expires_at.is_some_and(|end| end <= now) {
        return Err(Fault::bad_request("`expires_at` is not in the future: it is in seconds since 1970-01-01 UTC"));
    }
    Ok(KeyWish { account, name: wanted.name, allowed: wanted.allowed, expires_at: wanted.expires_at, limits: Default::default(), on_disconnect: None })
}

fn describe(key: &ApiKey, now: i64) -> Value {
    let state = match key.permits(now) {
        Ok(()) => "active",
        Err(roundelay_ledger::KeyRefusal::Revoked) => "revoked",
        Err(roundelay_ledger::KeyRefusal::Expired) => "expired",
    };
    json!({
        "id": key.id.as_str(),
        "account": key.account.as_str(),
        "name": key.name,
        "allowed": key.allowed,
        "state": state,
        "created_at": key.created_at,
        "expires_at": key.expires_at,
        "revoked_at": key.revoked_at,
    })
}

pub(super) async fn post(
    State(desk): State<Arc<Desk>>,
    body: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, Json<Value>), Fault> {
    let wanted = read(body)?;
    let made = blocking(move || create(&desk.gateway.keys, wanted, now())).await?;
    Ok((StatusCode::CREATED, Json(made)))
}

pub(super) async fn get(State(desk): State<Arc<Desk>>) -> Answer {
    blocking(move || list(&desk.gateway.keys, now())).await.map(Json)
}

pub(super) async fn post_revoke(State(desk): State<Arc<Desk>>, Path(id): Path<String>) -> Answer {
    blocking(move || revoke(&desk.gateway.keys, &id, now())).await.map(Json)
}

const NAME_CHARS_MAX: usize = 200;
const ALLOWED_MAX: usize = 1_000;
const MODEL_BYTES_MAX: usize = 256;
