//! What has been spent in the present period of a spend limit.
//!
//! It changes only with entries, and looking at it changes nothing: so a fold of the same entries gives the same
//! window, whatever was asked in between. What is held is counted once for an account, not here, and therefore
//! outlives the end of a period.

use super::{SpendLimit, period::Period};
use crate::Timestamp;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SpendWindow {
    pub(crate) limit: SpendLimit,
    /// The period of the last charge; `None` before the first.
    period: Option<Period>,
    /// Charged in it, in nano-units.
    spent: i128,
}

impl SpendWindow {
    pub(crate) const fn new(limit: SpendLimit) -> Self {
        Self { limit, period: None, spent: 0 }
    }

    /// The same spending under another limit of the same span and zone.
    pub(crate) fn with_limit(&self, limit: SpendLimit) -> Self {
        Self { limit, ..self.clone() }
    }

    /// What counts as spent at `now`, in nano-units. A clock that was set back finds what was spent, and nothing new.
    pub(crate) fn spent(&self, now: Timestamp) -> i128 {
        match self.period {
            Some(period) if !period.is_over(now) => self.spent,
            _ => 0,
        }
    }

    /// What may still be spent at `now` while `held` is held, in nano-units; negative when it is overdrawn.
    pub(crate) fn left(&self, held: i128, now: Timestamp) -> i128 {
        i128::from(self.limit.amount.nano()) - self.spent(now) - held
    }

    /// Counts a charge.
    pub(crate) fn charge(&mut self, nano: i64, at: Timestamp) {
        self.spent = self.spent(at) + i128::from(nano);
        let is_within = self.period.is_some_and(|period| period.start <= at && !period.is_over(at));
        if !is_within {
            self.period = Some(self.limit.span.period(&self.limit.zone, at));
        }
    }

    /// An instant of the present period, and what was charged in it; `None` before the first charge.
    pub(crate) fn present(&self) -> Option<(Timestamp, i128)> {
        self.period.map(|period| (period.start, self.spent))
    }

    /// Begins with what was charged in the period of an instant.
    pub(crate) fn resume(&mut self, within: Timestamp, spent: i128) {
        self.period = Some(self.limit.span.period(&self.limit.zone, within));
        self.spent = spent;
    }

    /// When the period of `now` ends; `None` is never.
    pub(crate) fn resets_at(&self, now: Timestamp) -> Option<Timestamp> {
        self.limit.span.period(&self.limit.zone, now).end
    }
}
