//! The operator's token: made at the first start, shown once, kept as a keyed hash.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::token::{BASE62, SECRET_LEN, random};
use super::{KeyFault, Pepper};
use crate::common::secret::Secret;
use crate::store::{Store, StoreFault};

/// Lets the operator in.
#[derive(Debug)]
pub struct AdminGate {
    pepper: Pepper,
    hash: Mutex<blake3::Hash>,
}

impl AdminGate {
    /// Opens the gate. At the first start there is no token yet: one is made, and returned for showing once.
    pub fn open(store: &Store, pepper: Pepper) -> Result<(Self, Option<Secret>), KeyFault> {
        if let Some(hash) = stored_hash(store)? {
            return Ok((Self { pepper, hash: Mutex::new(hash) }, None));
        }
        let token = draw()?;
        let drawn = pepper.hash(token.expose());
        if store.keep_first_value(NAME, drawn.as_bytes())? {
            return Ok((Self { pepper, hash: Mutex::new(drawn) }, Some(token)));
        }
        // Another program started at the same time and was first: its token stands.
        let hash = stored_hash(store)?.ok_or(StoreFault::Corrupt { what: "admin token" })?;
        Ok((Self { pepper, hash: Mutex::new(hash) }, None))
    }

    /// Ends the present token at once, and returns the new one for showing once. Another gate that is open keeps the
    /// old one.
    pub fn renew(&self, store: &Store) -> Result<Secret, KeyFault> {
        let token = draw()?;
        let drawn = self.pepper.hash(token.expose());
        // Held meanwhile, so that of two at once the last one stored is the one that is let in.
        let mut hash = self.hash();
        store.replace_value(NAME, drawn.as_bytes())?;
        *hash = drawn;
        Ok(token)
    }

    /// Whether this is the token; the time it takes says nothing of how nearly it was.
    pub fn admits(&self, presented: &str) -> bool {
        let presented = self.pepper.hash(presented);
        presented == *self.hash()
    }

    fn hash(&self) -> MutexGuard<'_, blake3::Hash> {
        self.hash.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn stored_hash(store: &Store) -> Result<Option<blake3::Hash>, StoreFault> {
    let Some(bytes) = store.value(NAME)? else { return Ok(None) };
    let bytes: [u8; 32] = bytes.try_into().map_err(|_| StoreFault::Corrupt { what: "admin token" })?;
    Ok(Some(blake3::Hash::from_bytes(bytes)))
}

fn draw() -> Result<Secret, KeyFault> {
    Ok(Secret::new(format!("rladmin-{}", random(BASE62, SECRET_LEN)?)))
}

const NAME: &str = "admin_token_hash";
