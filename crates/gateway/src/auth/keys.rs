//! The table of API keys: asked at every request, changed at once when a key is made or revoked.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, PoisonError, RwLock};

use roundelay_ledger::{AccountId, ApiKey, KeyId, KeyRefusal, Limits};

use super::token::{BASE32, BASE62, SECRET_LEN, random};
use super::{Codes, CompactionKey, Pepper, ReceiptKey};
use crate::common::network::Network;
use crate::common::secret::Secret;
use crate::config::OnDisconnect;
use crate::store::{KeyChange, KeyRow, Store, StoreFault};

/// Every API key, in memory; the store has the same.
///
/// A key is `rl-`, its public id of 8 letters, `-`, and 43 letters of secret: 55 characters, fit for a URL. Only a
/// hash of the whole, keyed with the [`Pepper`], is kept.
#[derive(Debug)]
pub struct Keys {
    store: Store,
    pepper: Pepper,
    codes: Codes,
    receipt_key: ReceiptKey,
    compaction_key: CompactionKey,
    table: RwLock<HashMap<Box<str>, Entry>>,
}

impl Keys {
    /// Reads every key from the store.
    pub fn load(store: Store, pepper: Pepper) -> Result<Self, StoreFault> {
        let table = store.keys()?.into_iter().map(entry).collect();
        let (codes, receipt_key) = (Codes::new(pepper.clone()), ReceiptKey::of(&pepper));
        let compaction_key = CompactionKey::of(&pepper);
        Ok(Self { store, pepper, codes, receipt_key, compaction_key, table: RwLock::new(table) })
    }

    /// Codes that are worth money.
    pub fn codes(&self) -> &Codes {
        &self.codes
    }

    /// What receipts are signed with.
    pub fn receipt_key(&self) -> &ReceiptKey {
        &self.receipt_key
    }

    /// What compacted conversations are sealed with.
    pub fn compaction_key(&self) -> &CompactionKey {
        &self.compaction_key
    }

    /// Where they are kept.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Says who presents the key, at `now` in seconds since 1970-01-01 UTC.
    ///
    /// Costs one hash of 55 bytes and one look-up, however many keys there are. Known and unknown ids are hashed
    /// alike, and hashes are compared in constant time, so that the time taken tells nothing of the secret.
    pub fn authenticate(&self, presented: &str, now: i64) -> Result<Arc<Caller>, AuthRefusal> {
        let id = key_id(presented).ok_or(AuthRefusal::Malformed)?;
        let hash = self.pepper.hash(presented);
        let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
        let entry = table.get(id).filter(|entry| entry.hash == hash).ok_or(AuthRefusal::Unknown)?;
        entry.known.permits(now)?;
        Ok(Arc::clone(&entry.caller))
    }

    /// Makes a key at `now` (unix seconds). It works at once; its secret is in the answer and nowhere else.
    ///
    /// Errors with [`StoreFault::Missing`] when the account is not there.
    pub fn create(&self, wish: KeyWish, now: i64) -> Result<(ApiKey, Secret), KeyFault> {
        self.create_by(&self.store, wish, now)
    }

    /// As [`Self::create`], by a handle on the store that does an operator's act.
    pub fn create_by(&self, store: &Store, wish: KeyWish, now: i64) -> Result<(ApiKey, Secret), KeyFault> {
        loop {
            let id = random(BASE32, ID_LEN)?;
            let secret = format!("{PREFIX}{id}-{}", random(BASE62, SECRET_LEN)?);
            let key = ApiKey {
                id: KeyId::new(id),
                account: wish.account.clone(),
                name: wish.name.clone(),
                allowed: wish.allowed.clone(),
                created_at: now,
                expires_at: wish.expires_at,
                revoked_at: None,
            };
            let row = KeyRow {
                key: key.clone(),
                limits: wish.limits.clone(),
                on_disconnect: wish.on_disconnect,
                networks: wish.networks.clone(),
                hash: *self.pepper.hash(&secret).as_bytes(),
            };
            match store.create_key(&row) {
                Ok(()) => {
                    self.put(row);
                    return Ok((key, Secret::new(secret)));
                }
                Err(StoreFault::Exists { .. }) => {} // one chance in 2⁴⁰ for each key there is: draw again
                Err(other) => return Err(other.into()),
            }
        }
    }

    /// Gives a key other conditions; requests that present it from now on have them.
    ///
    /// `store` is a handle on the store, for an operator's act. Errors with [`StoreFault::Missing`] when there is no such key.
    pub fn change(&self, store: &Store, id: &KeyId, change: &KeyChange) -> Result<KeyRow, StoreFault> {
        let row = store.change_key(id, change)?;
        self.put(row.clone());
        Ok(row)
    }

    /// Revokes a key at `now` (unix seconds); requests that present it later are refused. Revoking twice is no fault.
    ///
    /// Errors with [`StoreFault::Missing`] when there is no such key.
    pub fn revoke(&self, id: &KeyId, now: i64) -> Result<ApiKey, StoreFault> {
        self.revoke_by(&self.store, id, now)
    }

    /// As [`Self::revoke`], by a handle on the store that does an operator's act.
    pub fn revoke_by(&self, store: &Store, id: &KeyId, now: i64) -> Result<ApiKey, StoreFault> {
        let key = store.revoke_key(id, now)?;
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = table.get_mut(id.as_str()) {
            entry.known = key.clone();
        }
        Ok(key)
    }

    /// Every key, revoked ones too, oldest first, as the store has them.
    pub fn list(&self) -> Result<Vec<KeyRow>, StoreFault> {
        self.store.keys()
    }

    /// The key of that id, as the store has it.
    ///
    /// Errors with [`StoreFault::Missing`] when there is none.
    pub fn row(&self, id: &KeyId) -> Result<KeyRow, StoreFault> {
        let found = self.store.keys()?.into_iter().find(|row| &row.key.id == id);
        found.ok_or_else(|| StoreFault::Missing { what: "key", name: id.to_string() })
    }

    fn put(&self, row: KeyRow) {
        let (id, entry) = entry(row);
        self.table.write().unwrap_or_else(PoisonError::into_inner).insert(id, entry);
    }
}

/// What somebody who wants a key says of it.
#[derive(Debug, Clone)]
pub struct KeyWish {
    /// Who pays.
    pub account: AccountId,
    /// What people will call it; may be empty.
    pub name: String,
    /// The models and pools it may ask for; `None` allows all.
    pub allowed: Option<Vec<String>>,
    /// The first second, since 1970-01-01 UTC, at which it no longer works.
    pub expires_at: Option<i64>,
    /// What it may use.
    pub limits: Limits,
    /// What becomes of an answer whose caller has left; `None` = as the configuration says.
    pub on_disconnect: Option<OnDisconnect>,
    /// Where it may be used from; `None` is anywhere.
    pub networks: Option<Vec<Network>>,
}

/// Who asks. Shared, so that a request costs one counter.
#[derive(Debug, PartialEq, Eq)]
pub struct Caller {
    /// The public part of the key.
    pub key: KeyId,
    /// Who pays.
    pub account: AccountId,
    /// What people call the key; may be empty.
    pub name: Arc<str>,
    /// The models and pools it may ask for; `None` allows all.
    pub allowed: Option<Arc<[String]>>,
    /// What the key may use.
    pub limits: Limits,
    /// What becomes of an answer whose caller has left; `None` = as the configuration says.
    pub on_disconnect: Option<OnDisconnect>,
    /// Where the key may be used from; `None` is anywhere.
    pub networks: Option<Arc<[Network]>>,
}

impl Caller {
    /// Whether the key may be used from there.
    pub fn may_ask_from(&self, address: IpAddr) -> bool {
        self.networks.as_ref().is_none_or(|networks| networks.iter().any(|network| network.contains(address)))
    }

    /// Whether the caller may ask for the model or pool `name`.
    pub fn may_ask_for(&self, name: &str) -> bool {
        self.allowed.as_ref().is_none_or(|allowed| allowed.iter().any(|one| one == name))
    }
}

/// Why a request is nobody's. The texts never hold what was presented.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AuthRefusal {
    /// No header holds a key.
    #[error("no API key: send it as `Authorization: Bearer rl-…`, `x-api-key` or `x-goog-api-key`")]
    Missing,
    /// It has not the form of a key.
    #[error("this is not an API key of this gateway: one begins with `rl-` and has 55 characters")]
    Malformed,
    /// No key has that id, or the secret is not that key's; which of them is not said.
    #[error("the API key is not known here")]
    Unknown,
    /// Somebody ended it.
    #[error("the API key was revoked")]
    Revoked,
    /// Its time is over.
    #[error("the API key has expired")]
    Expired,
}

impl From<KeyRefusal> for AuthRefusal {
    fn from(refusal: KeyRefusal) -> Self {
        match refusal {
            KeyRefusal::Revoked => Self::Revoked,
            KeyRefusal::Expired => Self::Expired,
        }
    }
}

/// Why a key could not be made.
#[derive(Debug, thiserror::Error)]
pub enum KeyFault {
    /// The store refused.
    #[error(transparent)]
    Store(#[from] StoreFault),
    /// The operating system gave no random bytes.
    #[error("no random bytes for a credential: {0}")]
    Random(#[from] getrandom::Error),
}

#[derive(Debug)]
struct Entry {
    hash: blake3::Hash,
    known: ApiKey,
    caller: Arc<Caller>,
}

fn entry(row: KeyRow) -> (Box<str>, Entry) {
    let KeyRow { key: known, limits, on_disconnect, networks, hash } = row;
    let caller = Arc::new(Caller {
        key: known.id.clone(),
        account: known.account.clone(),
        name: known.name.as_str().into(),
        allowed: known.allowed.as_deref().map(Arc::from),
        limits,
        on_disconnect,
        networks: networks.map(Arc::from),
    });
    (known.id.as_str().into(), Entry { hash: blake3::Hash::from_bytes(hash), known, caller })
}

/// The public part of something that has the form of a key.
fn key_id(presented: &str) -> Option<&str> {
    let (id, secret) = presented.strip_prefix(PREFIX)?.split_once('-')?;
    let whole = id.len() == ID_LEN && secret.len() == SECRET_LEN;
    (whole && secret.bytes().all(|byte| byte.is_ascii_alphanumeric())).then_some(id)
}

const PREFIX: &str = "rl-";
const ID_LEN: usize = 8;
