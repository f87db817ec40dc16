//! The operator's token: made at the first start, shown once, kept as a keyed hash.

use super::token::{BASE62, SECRET_LEN, random};
use super::{KeyFault, Pepper};
use crate::common::secret::Secret;
use crate::store::{Store, StoreFault};

/// Lets the operator in.
#[derive(Debug)]
pub struct AdminGate {
    pepper: Pepper,
    hash: blake3::Hash,
}

impl AdminGate {
    /// Opens the gate. At the first start there is no token yet: one is made, and returned for showing once.
    pub fn open(store: &Store, pepper: Pepper) -> Result<(Self, Option<Secret>), KeyFault> {
        if let Some(hash) = stored_hash(store)? {
            return Ok((Self { pepper, hash }, None));
        }
        let token = draw()?;
        let drawn = pepper.hash(token.expose());
        if store.keep_first_value(NAME, drawn.as_bytes())? {
            return Ok((Self { pepper, hash: drawn }, Some(token)));
        }
        // Another program started at the same time and was first: its token stands.
        let hash = stored_hash(store)?.ok_or(StoreFault::Corrupt { what: "admin token" })?;
        Ok((Self { pepper, hash }, None))
    }

    /// Ends the present token, and returns the new one for showing once. A gate opened before keeps the old one.
    pub fn renew(store: &Store, pepper: Pepper) -> Result<(Self, Secret), KeyFault> {
        let token = draw()?;
        let hash = pepper.hash(token.expose());
        store.replace_value(NAME, hash.as_bytes())?;
        Ok((Self { pepper, hash }, token))
    }

    /// Whether this is the token; the time it takes says nothing of how nearly it was.
    pub fn admits(&self, presented: &str) -> bool {
        self.pepper.hash(presented) == self.hash
    }
}

fn stored_hash(store: &Store) -> Result<Option<blake3::Hash>, StoreFault> {
    let Some(bytes) = store.value(NAME)? else { return Ok(None) };
    let bytes: [u8; 32] =
        bytes.try_into().map_err(|_| StoreFault::Corrupt { what: "admin token" })?;
    Ok(Some(blake3::Hash::from_bytes(bytes)))
}

fn draw() -> Result<Secret, KeyFault> {
    Ok(Secret::new(format!("rladmin-{}", random(BASE62, SECRET_LEN)?)))
}

const NAME: &str = "admin_token_hash";
