//! Accounts: who pays.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::{Currency, Factor, Limits, Money};

/// The name of an account, unique and never reused: 1 to 64 of `A-Z a-z 0-9 . _ -`. Cloning is one counter.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountId(Arc<str>);

impl AccountId {
    /// Checks a name. Errors when it is empty, too long, or has a character that would need quoting in a URL or a shell.
    pub fn new(text: &str) -> Result<Self, BadAccountId> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        if text.is_empty() || text.len() > Self::LEN_MAX || !text.bytes().all(allowed) {
            return Err(BadAccountId);
        }
        Ok(Self(text.into()))
    }

    /// The account that exists from the first start: `default`.
    pub fn default_account() -> Self {
        Self(Arc::from("default"))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    const LEN_MAX: usize = 64;
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for AccountId {
    type Err = BadAccountId;

    fn from_str(text: &str) -> Result<Self, BadAccountId> {
        Self::new(text)
    }
}

/// A text that cannot name an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadAccountId;

impl fmt::Display for BadAccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an account is named by 1 to 64 letters, digits, dots, underscores or hyphens")
    }
}

impl std::error::Error for BadAccountId {}

/// Who pays for exchanges.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its name in keys, records and commands.
    pub id: AccountId,
    /// What people call it.
    pub name: String,
    /// When it pays.
    pub kind: AccountKind,
    /// When it was made, in seconds since 1970-01-01 UTC.
    pub created_at: i64,
}

/// When an account pays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountKind {
    /// After the fact: there is no balance to run out of.
    Postpaid,
    /// In advance: what is not there cannot be set aside.
    Prepaid,
    /// Not itself: the nearest account above it that is one of the others does.
    Inherits,
}

impl AccountKind {
    /// The word for it in stores and commands.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Postpaid => "postpaid",
            Self::Prepaid => "prepaid",
            Self::Inherits => "inherits",
        }
    }

    /// The kind a word stands for.
    pub fn from_label(label: &str) -> Option<Self> {
        match label {
            "postpaid" => Some(Self::Postpaid),
            "prepaid" => Some(Self::Prepaid),
            "inherits" => Some(Self::Inherits),
            _ => None,
        }
    }
}

/// The conditions of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// When it pays, if it does.
    pub kind: AccountKind,
    /// What its balance and its spend limits are counted in. It never changes.
    pub currency: Currency,
    /// How far below zero the balance of a prepaid account may go; zero or more.
    pub credit_line: Money,
    /// How many times the list price is charged to it and to those below it, besides the multipliers above it.
    pub multiplier: Factor,
    /// What it and all below it may use together.
    pub limits: Limits,
    /// Whether it takes part in no new exchange.
    pub is_closed: bool,
}

impl Terms {
    /// Terms without limits, at list price, in dollars.
    pub fn new(kind: AccountKind) -> Self {
        Self {
            kind,
            currency: Currency::Usd,
            credit_line: Money::ZERO,
            multiplier: Factor::ONE,
            limits: Limits::default(),
            is_closed: false,
        }
    }
}
