//! Operators: who may act on a gateway, and how far.

use std::fmt;

use roundelay_ledger::AccountId;

/// The public part of an operator's token.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OperatorId(Box<str>);

impl OperatorId {
    /// The id of that text; whether there is such an operator is the store's to say.
    pub fn new(id: impl Into<Box<str>>) -> Self {
        Self(id.into())
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for OperatorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How much an operator may do; each may do what those before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Reads.
    Viewer,
    /// Makes, changes and revokes API keys.
    Member,
    /// Also accounts, money, and the gateway as a whole.
    Admin,
    /// Also operators.
    Owner,
}

impl Role {
    /// All of them, the least first.
    pub const ALL: [Self; 4] = [Self::Viewer, Self::Member, Self::Admin, Self::Owner];

    /// The word for it.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Member => "member",
            Self::Admin => "admin",
            Self::Owner => "owner",
        }
    }

    /// The role that a word stands for.
    pub fn from_label(label: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.label() == label)
    }
}

/// An operator as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperatorRow {
    /// The public part of its token.
    pub id: OperatorId,
    /// What people call it.
    pub name: String,
    /// How much it may do.
    pub role: Role,
    /// The account to which it is limited, with all below it; `None` is not limited.
    pub account: Option<AccountId>,
    /// The keyed hash of its whole token.
    pub hash: [u8; 32],
    /// When it was made (unix seconds, as all of these).
    pub created_at: i64,
    /// The first second at which its token no longer works.
    pub expires_at: Option<i64>,
    /// When it was revoked.
    pub revoked_at: Option<i64>,
}

impl OperatorRow {
    /// Whether its token works at `now` (unix seconds).
    pub fn is_active(&self, now: i64) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| now < end)
    }
}
