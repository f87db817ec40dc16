//! API keys: what a caller may do, and until when. The secret itself never comes here.

use std::fmt;
use std::sync::Arc;

use crate::AccountId;

/// The public part of an API key, safe to show and to log. Cloning is one counter.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(Arc<str>);

impl KeyId {
    /// Names a key.
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    /// The id.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What is known of an API key, apart from its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// Its public part.
    pub id: KeyId,
    /// Who pays for what it asks.
    pub account: AccountId,
    /// What people call it; may be empty.
    pub name: String,
    /// The models and pools it may ask for; `None` allows all.
    pub allowed: Option<Vec<String>>,
    /// When it was made, in seconds since 1970-01-01 UTC.
    pub created_at: i64,
    /// The first second, since 1970-01-01 UTC, at which it no longer works; `None` is never.
    pub expires_at: Option<i64>,
    /// When it was revoked, in seconds since 1970-01-01 UTC.
    pub revoked_at: Option<i64>,
}

impl ApiKey {
    /// Whether the key works at `now` (seconds since 1970-01-01 UTC).
    ///
    /// A revoked key stays revoked whatever the clock says, so that a clock set back brings no key to life.
    pub fn permits(&self, now: i64) -> Result<(), KeyRefusal> {
        if self.revoked_at.is_some() {
            return Err(KeyRefusal::Revoked);
        }
        match self.expires_at {
            Some(end) if now >= end => Err(KeyRefusal::Expired),
            _ => Ok(()),
        }
    }
}

/// Why a known key does not work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyRefusal {
    /// Somebody ended it.
    Revoked,
    /// Its time is over.
    Expired,
}

impl fmt::Display for KeyRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Revoked => "the API key was revoked",
            Self::Expired => "the API key has expired",
        })
    }
}

impl std::error::Error for KeyRefusal {}
