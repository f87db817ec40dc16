//! Codes that are worth money, as they are written, read and guessed at.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use roundelay_ledger::KeyId;

use super::{
    KeyFault, Pepper,
    token::{BASE32, random},
};
use crate::common::secret::Secret;

/// Makes codes and recognises them.
///
/// A code is `rc-`, its public id of 8 letters, and four groups of 5 letters of secret: 100 bits. Only a hash of the
/// whole, keyed with the [`Pepper`], is kept.
#[derive(Debug)]
pub struct Codes {
    pepper: Pepper,
    tries: Mutex<HashMap<KeyId, Tries>>,
}

/// A code as it was presented.
#[derive(Debug)]
pub struct Presented {
    /// The public part of it.
    pub id: String,
    hash: blake3::Hash,
}

impl Presented {
    /// Whether it is the code of that hash; compared in constant time.
    pub fn is(&self, hash: &[u8; 32]) -> bool {
        self.hash == *hash
    }
}

#[derive(Debug, Clone, Copy)]
struct Tries {
    /// When the first of them was, in unix seconds.
    since: i64,
    count: u32,
}

impl Codes {
    pub(super) fn new(pepper: Pepper) -> Self {
        Self { pepper, tries: Mutex::default() }
    }

    /// Draws a code: its id, the code itself, which is nowhere else, and its hash.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn draw(&self) -> Result<(String, Secret, [u8; 32]), KeyFault> {
        let id = random(BASE32, ID_LEN)?;
        let secret = random(BASE32, SECRET_LEN)?;
        let hash = self.hash(&id, &secret);
        let groups: Vec<&str> = (0..SECRET_LEN / GROUP).map(|group| &secret[group * GROUP..][..GROUP]).collect();
        let code = format!("rc-{id}-{}", groups.join("-"));
        Ok((id, Secret::new(code), *hash.as_bytes()))
    }

    /// Reads what somebody typed: case, spaces and hyphens mean nothing, and neither do the letters that are left out
    /// because they look like others (`o`, `i`, `l`). `None` when it has not the form of a code.
    pub fn read(&self, typed: &str) -> Option<Presented> {
        if typed.len() > TYPED_BYTES_MAX {
            return None;
        }
        let letters = typed.chars().filter(|c| !c.is_whitespace() && *c != '-').map(|c| match c.to_ascii_lowercase() {
            'o' => '0',
            'i' | 'l' => '1',
            other => other,
        });
        let letters: String = letters.collect();
        let rest = letters.strip_prefix("rc").filter(|rest| rest.len() == ID_LEN + SECRET_LEN)?;
        if !rest.bytes().all(|byte| BASE32.contains(&byte)) {
            return None;
        }
        let (id, secret) = rest.split_at(ID_LEN);
        Some(Presented { id: id.to_owned(), hash: self.hash(id, secret) })
    }

    /// Counts an attempt of a key at `now` (unix seconds), before it is known how it ends.
    ///
    /// # Errors
    /// With the seconds to wait, when it has been wrong ten times within an hour.
    pub fn attempt(&self, key: &KeyId, now: i64) -> Result<(), i64> {
        let mut tries = self.tries.lock().unwrap_or_else(PoisonError::into_inner);
        if tries.len() >= KEYS_MAX {
            tries.retain(|_, tries| now - tries.since < HOUR);
        }
        let one = tries.entry(key.clone()).or_insert(Tries { since: now, count: 0 });
        if now - one.since >= HOUR || now < one.since {
            *one = Tries { since: now, count: 0 };
        }
        if one.count >= WRONG_MAX {
            return Err(one.since + HOUR - now);
        }
        one.count += 1;
        Ok(())
    }

    /// Takes an attempt off again, of a key that presented a code which there is; its other ones stay counted.
    pub fn was_right(&self, key: &KeyId) {
        let mut tries = self.tries.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(one) = tries.get_mut(key) {
            one.count = one.count.saturating_sub(1);
        }
    }

    fn hash(&self, id: &str, secret: &str) -> blake3::Hash {
        self.pepper.hash(&format!("rc-{id}-{secret}"))
    }
}

const ID_LEN: usize = 8;
const SECRET_LEN: usize = 20;
const GROUP: usize = 5;
const TYPED_BYTES_MAX: usize = 200;
const WRONG_MAX: u32 = 10;
const HOUR: i64 = 3_600;
/// From so many on, those whose hour is over are forgotten.
const KEYS_MAX: usize = 10_000;
