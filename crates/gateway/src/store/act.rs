//! What operators did, and what they were refused.

use roundelay_ledger::AccountId;

use super::OperatorId;

/// An act that is about to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAct {
    /// When, in microseconds since 1970-01-01 UTC.
    pub at_us: i64,
    /// Who, where it is somebody with a token.
    pub operator: Option<OperatorId>,
    /// What people call them; `socket` or `command` without a token.
    pub who: String,
    /// What, by the name of its route: `keys.create`.
    pub act: String,
    /// What it is done to, where that is known beforehand.
    pub object: Option<String>,
    /// Whose operators may read of it.
    pub account: Option<AccountId>,
}

/// How an act ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActOutcome {
    /// Not yet: it is under way, or its process ended before it was done.
    Begun,
    /// It was done.
    Done,
    /// It was not for whoever asked, or could not be.
    Refused,
    /// It went wrong.
    Failed,
}

impl ActOutcome {
    const ALL: [Self; 4] = [Self::Begun, Self::Done, Self::Refused, Self::Failed];

    /// The word for it.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Begun => "begun",
            Self::Done => "done",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }

    /// The outcome that a word stands for.
    pub fn from_label(label: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.label() == label)
    }
}

/// An act as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActRow {
    /// Its number, larger than those of all before it.
    pub number: u64,
    /// Who did what, and when.
    pub act: NewAct,
    /// How it ended.
    pub outcome: ActOutcome,
    /// What changed, or why it did not: JSON.
    pub detail: Option<String>,
}

/// Which acts are meant; by default all of them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ActFilter {
    /// From then on, in microseconds since 1970-01-01 UTC.
    pub since_us: Option<i64>,
    /// Before this one.
    pub before: Option<u64>,
}
