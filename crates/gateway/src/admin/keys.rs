//! Acts on API keys, for the routes and for commands without a running gateway.

use std::sync::Arc;

use axum::{
    Extension, Json,
    body::Bytes,
    extract::{State, rejection::BytesRejection},
};
use http::StatusCode;
use roundelay_ledger::{AccountId, KeyId, KeyRefusal, Limits, NodeName, Rate};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    Fault,
    acts::{self, Told},
    desk::{Answer, Desk, blocking, now, read},
    limits::{self, LimitsChange, given},
    operator::Operator,
    path::Named,
};
use crate::{
    auth::{KeyWish, Keys},
    billing::Billing,
    common::network::{BadNetwork, Network},
    config::OnDisconnect,
    store::{KeyChange, KeyRow, Store, StoreFault},
};

/// What `POST /admin/keys` takes; every field may be left out.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NewKey {
    /// Who pays. When left out: `default`, or the account to which whoever makes it is limited.
    pub account: Option<String>,
    /// What people will call it: at most 200 characters.
    pub name: String,
    /// The models and pools it may ask for: 1 to 1,000 names; all when left out.
    pub allowed: Option<Vec<String>>,
    /// The first second, since 1970-01-01 UTC, at which it no longer works; never when left out.
    pub expires_at: Option<i64>,
    /// What it may use, in the currency of its account; everything that its account may when left out.
    pub limits: LimitsChange,
    /// What becomes of an answer whose caller has gone, `cancel` or `drain`; what the configuration says when left out.
    pub on_disconnect: Option<String>,
    /// Where it may be used from: 1 to 100 networks, like `10.0.0.0/8`; anywhere when left out.
    pub networks: Option<Vec<String>>,
}

/// What `PATCH /admin/keys/{id}` takes. What is left out stays as it is; `null` is what it is for a new key.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KeyTerms {
    /// The models and pools it may ask for.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub allowed: Option<Option<Vec<String>>>,
    /// The first second at which it no longer works.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Option<i64>>,
    /// What it may use.
    pub limits: LimitsChange,
    /// What becomes of an answer whose caller has gone.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub on_disconnect: Option<Option<String>>,
    /// Where it may be used from; all of them replace those before.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub networks: Option<Option<Vec<String>>>,
}

/// Makes a key at `now` (unix seconds). The answer holds the key itself, which is nowhere else.
///
/// # Errors
/// When a field is out of its bounds, or the account is not there.
pub fn create(keys: &Keys, by: &Operator, wanted: NewKey, now: i64) -> Result<Value, Fault> {
    let wish = wish(by, wanted, now)?;
    acts::keep(keys.store(), by, "keys.create", None, |store, told| make(keys, store, by, wish, now, told))
}

fn make(keys: &Keys, store: &Store, by: &Operator, wish: KeyWish, now: i64, told: &mut Told) -> Result<Value, Fault> {
    told.that("account", wish.account.as_str());
    if store.within(by.scope()).account(&wish.account)?.is_none() {
        return Err(StoreFault::Missing { what: "account", name: wish.account.to_string() }.into());
    }
    let (limits, on_disconnect) = (limits::describe(&wish.limits), wish.on_disconnect);
    let networks = describe_networks(wish.networks.as_deref());
    let (key, secret) = keys.create_by(store, wish, now)?;
    told.about(key.id.as_str(), Some(&key.account));
    told.that("name", key.name.as_str());
    told.that("allowed", json!(key.allowed));
    told.that("expires_at", key.expires_at);
    told.that("limits", limits.clone());
    told.that("networks", networks.clone());
    Ok(json!({
        "id": key.id.as_str(),
        "key": secret.expose(),
        "account": key.account.as_str(),
        "name": key.name,
        "allowed": key.allowed,
        "expires_at": key.expires_at,
        "limits": limits,
        "on_disconnect": on_disconnect.map(OnDisconnect::label),
        "networks": networks,
    }))
}

/// Every key, revoked ones too, oldest first.
///
/// # Errors
/// When the store cannot be read.
pub fn list(keys: &Keys, by: &Operator, now: i64) -> Result<Value, Fault> {
    Ok(keys.store().within(by.scope()).keys()?.iter().map(|row| describe(row, now)).collect())
}

/// Changes what a key may do, from the next request on. A key that was revoked stays so.
///
/// # Errors
/// When there is no such key, or a field is out of its bounds.
pub fn change(
    keys: &Keys,
    running: Option<(&Billing, Rate)>,
    by: &Operator,
    id: &str,
    wanted: KeyTerms,
    now: i64,
) -> Result<Value, Fault> {
    acts::keep(keys.store(), by, "keys.change", Some(id), |store, told| {
        let before = store.within(by.scope()).key(&KeyId::new(id))?;
        told.about(id, Some(&before.key.account));
        let shown = describe(&before, now);
        let changed = put(keys, store, running, before, wanted, now)?;
        told.changed(&shown, &changed);
        Ok(changed)
    })
}

fn put(
    keys: &Keys,
    store: &Store,
    running: Option<(&Billing, Rate)>,
    before: KeyRow,
    wanted: KeyTerms,
    now: i64,
) -> Result<Value, Fault> {
    let allowed = wanted.allowed.unwrap_or(before.key.allowed);
    check_allowed(allowed.as_deref())?;
    if let Some(expires_at) = wanted.expires_at {
        check_expiry(expires_at, now)?;
    }
    let change = KeyChange {
        allowed,
        expires_at: wanted.expires_at.unwrap_or(before.key.expires_at),
        limits: wanted.limits.onto(&before.limits)?,
        on_disconnect: match wanted.on_disconnect {
            None => before.on_disconnect,
            Some(word) => word.as_deref().map(on_disconnect).transpose()?,
        },
        networks: match wanted.networks {
            None => before.networks,
            Some(wanted) => wanted.as_deref().map(networks).transpose()?,
        },
    };
    let id = &before.key.id;
    let windows = running.map(|(billing, rate)| {
        billing
            .windows(keys.store(), &NodeName::Key(id.clone()), &change.limits, rate)
            .map(|windows| (billing, windows))
    });
    let windows = windows.transpose()?;
    let row = keys.change(store, id, &change)?;
    if let Some((billing, windows)) = windows {
        billing.change_key(id, &row.key.account, &row.limits, &windows)?;
    }
    Ok(describe(&row, now))
}

/// Revokes a key at `now` (unix seconds). Revoking twice is no fault.
///
/// # Errors
/// When there is no such key.
pub fn revoke(keys: &Keys, by: &Operator, id: &str, now: i64) -> Result<Value, Fault> {
    acts::keep(keys.store(), by, "keys.revoke", Some(id), |store, told| {
        let row = store.within(by.scope()).key(&KeyId::new(id))?;
        told.about(id, Some(&row.key.account));
        keys.revoke_by(store, &row.key.id, now)?;
        Ok(describe(&store.key(&row.key.id)?, now))
    })
}

fn wish(by: &Operator, wanted: NewKey, now: i64) -> Result<KeyWish, Fault> {
    let own = || Ok(by.account.clone().unwrap_or_else(AccountId::default_account));
    let account = wanted.account.as_deref().map_or_else(own, AccountId::new);
    let account = account.map_err(|fault| Fault::bad_request(fault.to_string()))?;
    if wanted.name.chars().count() > NAME_CHARS_MAX || wanted.name.chars().any(char::is_control) {
        return Err(Fault::bad_request(format!(
            "a name has at most {NAME_CHARS_MAX} characters, all of them printable"
        )));
    }
    check_allowed(wanted.allowed.as_deref())?;
    check_expiry(wanted.expires_at, now)?;
    Ok(KeyWish {
        account,
        name: wanted.name,
        allowed: wanted.allowed,
        expires_at: wanted.expires_at,
        limits: wanted.limits.onto(&Limits::default())?,
        on_disconnect: wanted.on_disconnect.as_deref().map(on_disconnect).transpose()?,
        networks: wanted.networks.as_deref().map(networks).transpose()?,
    })
}

fn check_allowed(allowed: Option<&[String]>) -> Result<(), Fault> {
    let fits = |name: &String| (1..=MODEL_BYTES_MAX).contains(&name.len());
    if allowed.is_some_and(|allowed| !(1..=ALLOWED_MAX).contains(&allowed.len()) || !allowed.iter().all(fits)) {
        return Err(Fault::bad_request(format!(
            "what a key may ask for is 1 to {ALLOWED_MAX} names of models or pools, none of them empty; without any it is every model"
        )));
    }
    Ok(())
}

fn check_expiry(expires_at: Option<i64>, now: i64) -> Result<(), Fault> {
    if expires_at.is_some_and(|end| end <= now) {
        return Err(Fault::bad_request("`expires_at` is not in the future: it is in seconds since 1970-01-01 UTC"));
    }
    Ok(())
}

fn on_disconnect(label: &str) -> Result<OnDisconnect, Fault> {
    let unknown = || {
        Fault::bad_request(format!(
            "what becomes of an answer whose caller has gone is `cancel` or `drain`, and not `{label}`"
        ))
    };
    OnDisconnect::from_label(label).ok_or_else(unknown)
}

fn networks(texts: &[String]) -> Result<Vec<Network>, Fault> {
    if !(1..=NETWORKS_MAX).contains(&texts.len()) {
        return Err(Fault::bad_request(format!(
            "a key has 1 to {NETWORKS_MAX} networks; without any it may be used from anywhere"
        )));
    }
    let read = |text: &String| text.parse().map_err(|fault: BadNetwork| Fault::bad_request(fault.to_string()));
    let mut networks = Vec::with_capacity(texts.len());
    for text in texts {
        let network = read(text)?;
        if !networks.contains(&network) {
            networks.push(network);
        }
    }
    Ok(networks)
}

fn describe_networks(networks: Option<&[Network]>) -> Value {
    networks.map(|networks| networks.iter().map(Network::to_string).collect::<Value>()).unwrap_or_default()
}

fn describe(row: &KeyRow, now: i64) -> Value {
    let key = &row.key;
    let state = match key.permits(now) {
        Ok(()) => "active",
        Err(KeyRefusal::Revoked) => "revoked",
        Err(KeyRefusal::Expired) => "expired",
    };
    json!({
        "id": key.id.as_str(),
        "account": key.account.as_str(),
        "name": key.name,
        "allowed": key.allowed,
        "limits": limits::describe(&row.limits),
        "on_disconnect": row.on_disconnect.map(OnDisconnect::label),
        "networks": describe_networks(row.networks.as_deref()),
        "state": state,
        "created_at": key.created_at,
        "expires_at": key.expires_at,
        "revoked_at": key.revoked_at,
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
        create(&desk.gateway.keys, &by, wanted, now())
    })
    .await?;
    Ok((StatusCode::CREATED, Json(made)))
}

pub(super) async fn get(State(desk): State<Arc<Desk>>, Extension(by): Extension<Operator>) -> Answer {
    blocking(move || list(&desk.gateway.keys, &by, now())).await.map(Json)
}

pub(super) async fn patch(
    State(desk): State<Arc<Desk>>,
    Extension(by): Extension<Operator>,
    Named(id): Named<String>,
    body: Result<Bytes, BytesRejection>,
) -> Answer {
    let wanted = read(body)?;
    blocking(move || {
        let _turn = desk.turn();
        let rate = desk.gateway.snapshot.load().config.rate();
        change(&desk.gateway.keys, Some((&desk.gateway.billing, rate)), &by, &id, wanted, now())
    })
    .await
    .map(Json)
}

pub(super) async fn post_revoke(
    State(desk): State<Arc<Desk>>,
    Extension(by): Extension<Operator>,
    Named(id): Named<String>,
) -> Answer {
    blocking(move || {
        // A change that is under way would put the key back as it was.
        let _turn = desk.turn();
        revoke(&desk.gateway.keys, &by, &id, now())
    })
    .await
    .map(Json)
}

const NAME_CHARS_MAX: usize = 200;
const ALLOWED_MAX: usize = 1_000;
const NETWORKS_MAX: usize = 100;
const MODEL_BYTES_MAX: usize = 256;
