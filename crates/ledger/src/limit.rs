//! What an account or a key may use: requests and tokens a minute, exchanges at a time, money a period.

mod bucket;
mod period;
mod window;

use roundelay_calendar::Zone;

use crate::{Currency, Money, Timestamp};

pub(crate) use bucket::Bucket;
pub use period::Span;
pub(crate) use window::SpendWindow;

/// Limits of an account or a key; `None` and an empty list do not limit.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Limits {
    /// Exchanges begun a minute; as many at once after a quiet minute.
    pub requests_per_minute: Option<u32>,
    /// Tokens a minute, input and output; as many at once after a quiet minute.
    pub tokens_per_minute: Option<u32>,
    /// Attempts under way at a time.
    pub concurrency: Option<u32>,
    /// Money spent in periods of the calendar; at most one of each span.
    pub spend: Vec<SpendLimit>,
}

/// How much may be spent in each period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpendLimit {
    /// How long a period is.
    pub span: Span,
    /// By whose clock and calendar it begins.
    pub zone: Zone,
    /// The most that is spent and held within one, in the currency of the account; zero or more.
    pub amount: Money,
}

/// What is left of a spend limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpendLeft {
    /// Of which.
    pub span: Span,
    /// The most that is spent within a period.
    pub amount: Money,
    /// What is spent in this period.
    pub spent: Money,
    /// What is neither spent nor held; zero when it is overdrawn.
    pub left: Money,
    /// In this currency.
    pub currency: Currency,
    /// When the next period begins; `None` is never.
    pub resets_at: Option<Timestamp>,
}

/// When something that is too much now would be allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wait {
    Until(Timestamp),
    /// It is more than the limit ever allows at once.
    Never,
}

impl Wait {
    pub(crate) const fn until(self) -> Option<Timestamp> {
        match self {
            Self::Until(at) => Some(at),
            Self::Never => None,
        }
    }
}
