//! Why the ledger says no.

use std::{error::Error, fmt};

use crate::{Currency, Money, NodeId, Span, Timestamp};

/// Why an attempt may not be dispatched, or not go on: the first shortage on the way from the key up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused {
    /// Where.
    pub node: NodeId,
    /// Of what.
    pub shortage: Shortage,
}

/// What there is too little of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shortage {
    /// The balance of the account that pays. A top-up ends it.
    Balance {
        /// What would have to be held.
        needed: Money,
        /// What is there and not held.
        left: Money,
        /// Of both.
        currency: Currency,
    },
    /// A spend limit.
    Spend {
        /// Which.
        span: Span,
        /// What would have to be held.
        needed: Money,
        /// What is neither spent nor held.
        left: Money,
        /// Of both.
        currency: Currency,
        /// When the next period begins; `None` is never.
        resets_at: Option<Timestamp>,
    },
    /// Requests a minute.
    Requests {
        /// The limit.
        per_minute: u32,
        /// When one more is allowed; `None` is never.
        retry_at: Option<Timestamp>,
    },
    /// Tokens a minute.
    Tokens {
        /// How many are needed.
        needed: u64,
        /// How many are left.
        left: u64,
        /// When that many are allowed; `None` is never.
        retry_at: Option<Timestamp>,
    },
    /// Attempts at a time.
    Concurrency {
        /// The limit.
        limit: u32,
    },
    /// The account or key is closed.
    Closed,
    /// No account on the way up keeps a balance.
    NoPayer,
    /// This attempt is held or charged already.
    Duplicate,
    /// As many holds are open as may be.
    HoldsFull,
    /// The amount, with what is held and owed, could not be written.
    TooLarge,
}

impl Shortage {
    /// The word for it in errors, records and metrics.
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Balance { .. } => "balance",
            Self::Spend { .. } => "spend_limit",
            Self::Requests { .. } => "requests_per_minute",
            Self::Tokens { .. } => "tokens_per_minute",
            Self::Concurrency { .. } => "concurrency",
            Self::Closed => "closed",
            Self::NoPayer => "no_payer",
            Self::Duplicate => "duplicate",
            Self::HoldsFull => "holds_full",
            Self::TooLarge => "too_large",
        }
    }

    /// The first instant at which the clock alone may have ended it; `None` when it does not.
    pub const fn retry_at(&self) -> Option<Timestamp> {
        match *self {
            Self::Spend { resets_at: at, .. }
            | Self::Requests { retry_at: at, .. }
            | Self::Tokens { retry_at: at, .. } => at,
            Self::Balance { .. }
            | Self::Concurrency { .. }
            | Self::Closed
            | Self::NoPayer
            | Self::Duplicate
            | Self::HoldsFull
            | Self::TooLarge => None,
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.shortage {
            Shortage::Balance { needed, left, currency } => {
                let code = currency.label();
                write!(f, "{needed} {code} are needed and {left} {code} are available")
            }
            Shortage::Spend { span, needed, left, currency, .. } => {
                let (span, code) = (span.label(), currency.label());
                write!(f, "{needed} {code} are needed and {left} {code} are left of the spend limit ({span})")
            }
            Shortage::Requests { per_minute, .. } => write!(f, "more than {per_minute} requests a minute"),
            Shortage::Tokens { needed, left, .. } => {
                write!(f, "{needed} tokens are needed and {left} are left of the tokens a minute")
            }
            Shortage::Concurrency { limit } => write!(f, "{limit} requests are under way, and no more may be"),
            Shortage::Closed => f.write_str("the account or key is closed"),
            Shortage::NoPayer => f.write_str("no account of this key keeps a balance"),
            Shortage::Duplicate => f.write_str("this attempt is held or charged already"),
            Shortage::HoldsFull => f.write_str("too many requests are under way"),
            Shortage::TooLarge => f.write_str("an amount that cannot be written"),
        }
    }
}

impl Error for Refused {}

/// A hold that has ended, or never was: the report changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended;

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("this hold has ended")
    }
}

impl Error for Ended {}

/// Why an account or key cannot be as it is described.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadTerms {
    /// There is one of that name.
    Exists,
    /// The parent is not there, or is a key.
    NoParent,
    /// There would be more than eight accounts above one another.
    TooDeep,
    /// There are as many accounts and keys as can be numbered.
    TooMany,
    /// An amount is below zero.
    Negative,
    /// Two spend limits have the same span.
    SpanTwice,
    /// The multipliers along a path come to more than a hundred.
    MultiplierTooLarge,
    /// The currency of an account never changes.
    CurrencyIsFixed,
    /// A key keeps no balance, and is in the currency of its account.
    KeyIsNoAccount,
}

impl fmt::Display for BadTerms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Exists => "there is one of that name already",
            Self::NoParent => "the account above it does not exist",
            Self::TooDeep => "more than eight accounts above one another",
            Self::TooMany => "more accounts and keys than can be numbered",
            Self::Negative => "a limit or a credit line below zero",
            Self::SpanTwice => "two spend limits of the same span",
            Self::MultiplierTooLarge => "multipliers of more than a hundred along a path",
            Self::CurrencyIsFixed => "the currency of an account cannot change",
            Self::KeyIsNoAccount => "a key has limits, and no terms of an account",
        })
    }
}

impl Error for BadTerms {}

/// Why an operator's entry is not made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PostRefused {
    /// A key or an account that inherits keeps no balance.
    NoBalance,
    /// The amount is zero, or below zero where that has no meaning.
    BadAmount,
    /// It would take what is held, or more than is there.
    Short {
        /// What may be taken.
        left: Money,
    },
    /// The idempotency key was used for something else.
    KeyReused,
    /// There is no such charge, or it was reversed.
    NoCharge,
    /// The balance could not be written.
    TooLarge,
}

impl fmt::Display for PostRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoBalance => f.write_str("this account keeps no balance"),
            Self::BadAmount => f.write_str("an amount of zero, or below zero"),
            Self::Short { left } => write!(f, "only {left} may be taken"),
            Self::KeyReused => f.write_str("the idempotency key was used for something else"),
            Self::NoCharge => f.write_str("no such charge, or it was reversed"),
            Self::TooLarge => f.write_str("a balance that cannot be written"),
        }
    }
}

impl Error for PostRefused {}

/// Why a ledger cannot begin with a checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadCheckpoint {
    /// It has entries already.
    HasEntries,
    /// The checkpoint names an account or key that is not opened.
    Unknown,
}

impl fmt::Display for BadCheckpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::HasEntries => "this ledger has entries already",
            Self::Unknown => "the checkpoint names an account or key that is not opened",
        })
    }
}

impl Error for BadCheckpoint {}
