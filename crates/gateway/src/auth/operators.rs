//! Operators and their tokens: asked at every request of the operator's side, changed at once.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use roundelay_ledger::AccountId;

use super::token::{BASE32, BASE62, SECRET_LEN, random};
use super::{KeyFault, Pepper};
use crate::common::secret::Secret;
use crate::store::{OperatorId, OperatorRow, Role, Store, StoreFault};

/// Every operator, in memory; the store has the same.
///
/// A token is `rladmin-`, its public id of 8 letters, `-`, and 43 letters of secret. Only a hash of the whole, keyed with
/// the [`Pepper`], is kept.
/// Whoever changes one names the handle on the store by which it is done.
#[derive(Debug)]
pub struct Operators {
    pepper: Pepper,
    table: RwLock<HashMap<OperatorId, Arc<OperatorRow>>>,
}

/// What somebody who wants an operator says of it.
#[derive(Debug, Clone)]
pub struct OperatorWish {
    /// What people will call it.
    pub name: String,
    /// How much it may do.
    pub role: Role,
    /// The account to which it is limited, with all below it; `None` is not limited.
    pub account: Option<AccountId>,
    /// The first second, since 1970-01-01 UTC, at which its token no longer works.
    pub expires_at: Option<i64>,
}

impl Operators {
    /// Reads every operator from the store. At the first start the first owner is made, at `now` (unix
    /// seconds), and its token returned for showing once.
    pub fn open(store: &Store, pepper: Pepper, now: i64) -> Result<(Self, Option<Secret>), KeyFault> {
        let mut shown = None;
        if store.operators()?.iter().all(|row| row.id.as_str() != FIRST) {
            let token = draw(FIRST)?;
            let row = OperatorRow {
                id: OperatorId::new(FIRST),
                name: "owner".to_owned(),
                role: Role::Owner,
                account: None,
                hash: *pepper.hash(token.expose()).as_bytes(),
                created_at: now,
                expires_at: None,
                revoked_at: None,
            };
            match store.create_operator(&row) {
                Ok(()) => shown = Some(token),
                // Another program started at the same time and was first: its token stands.
                Err(StoreFault::Exists { .. }) => {}
                Err(other) => return Err(other.into()),
            }
        }
        Ok((Self::load(store, pepper)?, shown))
    }

    /// Reads every operator from the store, and makes none.
    pub fn load(store: &Store, pepper: Pepper) -> Result<Self, StoreFault> {
        let rows = store.operators()?.into_iter();
        let table = rows.map(|row| (row.id.clone(), Arc::new(row))).collect();
        Ok(Self { pepper, table: RwLock::new(table) })
    }

    /// Says whose token this is, at `now` in seconds since 1970-01-01 UTC; `None` when it is nobody's, or no longer.
    ///
    /// Known and unknown ids are hashed alike, and hashes are compared in constant time, so that the time taken tells
    /// nothing of the secret.
    pub fn authenticate(&self, presented: &str, now: i64) -> Option<Arc<OperatorRow>> {
        let hash = self.pepper.hash(presented);
        let (id, _) = presented.strip_prefix(PREFIX)?.split_once('-')?;
        let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
        let row = table.get(&OperatorId::new(id)).filter(|row| hash == blake3::Hash::from_bytes(row.hash))?;
        row.is_active(now).then(|| Arc::clone(row))
    }

    /// Makes an operator at `now` (unix seconds). Its token works at once; it is in the answer and nowhere else.
    ///
    /// Errors with [`StoreFault::Missing`] when the account is not there.
    pub fn create(&self, store: &Store, wish: OperatorWish, now: i64) -> Result<(OperatorRow, Secret), KeyFault> {
        loop {
            let id = random(BASE32, ID_LEN)?;
            let token = draw(&id)?;
            let row = OperatorRow {
                id: OperatorId::new(id),
                name: wish.name.clone(),
                role: wish.role,
                account: wish.account.clone(),
                hash: *self.pepper.hash(token.expose()).as_bytes(),
                created_at: now,
                expires_at: wish.expires_at,
                revoked_at: None,
            };
            match store.create_operator(&row) {
                Ok(()) => {
                    self.put(row.clone());
                    return Ok((row, token));
                }
                Err(StoreFault::Exists { .. }) => {} // one chance in 2⁴⁰ for each operator there is: draw again
                Err(other) => return Err(other.into()),
            }
        }
    }

    /// Ends an operator's present token at once, and returns a new one for showing once.
    ///
    /// Errors with [`StoreFault::Missing`] when there is no such operator, or it was revoked.
    pub fn renew(&self, store: &Store, id: &OperatorId) -> Result<Secret, KeyFault> {
        self.replace(store, id, false)
    }

    /// As [`Self::renew`], of the first owner, who is no longer revoked: for whoever has the data folder.
    pub fn renew_first(&self, store: &Store) -> Result<Secret, KeyFault> {
        self.replace(store, &OperatorId::new(FIRST), true)
    }

    fn replace(&self, store: &Store, id: &OperatorId, is_revived: bool) -> Result<Secret, KeyFault> {
        let token = draw(id.as_str())?;
        // Held meanwhile, so that of two at once the last one stored is the one that is let in.
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        let row = store.renew_operator(id, self.pepper.hash(token.expose()).as_bytes(), is_revived)?;
        table.insert(id.clone(), Arc::new(row));
        Ok(token)
    }

    /// Revokes an operator at `now` (unix seconds); requests that present its token later are refused. Revoking twice is
    /// no fault.
    ///
    /// Errors with [`StoreFault::Missing`] when there is no such operator.
    pub fn revoke(&self, store: &Store, id: &OperatorId, now: i64) -> Result<OperatorRow, StoreFault> {
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        let row = store.revoke_operator(id, now)?;
        table.insert(id.clone(), Arc::new(row.clone()));
        Ok(row)
    }

    /// The owner that the first start made.
    pub fn first() -> OperatorId {
        OperatorId::new(FIRST)
    }

    fn put(&self, row: OperatorRow) {
        self.table.write().unwrap_or_else(PoisonError::into_inner).insert(row.id.clone(), Arc::new(row));
    }
}

fn draw(id: &str) -> Result<Secret, getrandom::Error> {
    Ok(Secret::new(format!("{PREFIX}{id}-{}", random(BASE62, SECRET_LEN)?)))
}

const PREFIX: &str = "rladmin-";
const ID_LEN: usize = 8;
/// The id of the first owner, which no draw can make: `o` is none of its letters.
const FIRST: &str = "theowner";
