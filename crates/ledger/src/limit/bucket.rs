//! A rate a minute, exact in integers: a bucket that leaks.
//!
//! It decides as the generic cell rate algorithm does (ITU-T I.371, where both forms are shown to be one), with a
//! burst of one minute's allowance. What it holds is counted in units × microseconds, so that a unit a minute and
//! four thousand million are both exact, and leaks `per_minute` of these every microsecond.

use super::Wait;
use crate::Timestamp;

/// How much of a rate has been used of late.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bucket {
    per_minute: u32,
    /// What had not leaked at `at`, in units × microseconds.
    level: i64,
    /// What was taken for what is still under way and not added to the level, which was full.
    uncounted: i64,
    at: Timestamp,
}

impl Bucket {
    pub(crate) const fn new(per_minute: u32, at: Timestamp) -> Self {
        Self { per_minute, level: 0, uncounted: 0, at }
    }

    pub(crate) const fn per_minute(self) -> u32 {
        self.per_minute
    }

    /// Another rate from now on; what was used stays used.
    pub(crate) fn change(&mut self, per_minute: u32, now: Timestamp) {
        self.leak(now);
        self.per_minute = per_minute;
        self.level = self.level.min(self.most());
    }

    /// Whether that many units may be used now.
    pub(crate) fn check(&mut self, units: u64, now: Timestamp) -> Result<(), Wait> {
        self.leak(now);
        let Some(more) = u32::try_from(units).ok().filter(|&units| units <= self.per_minute) else {
            return Err(Wait::Never);
        };
        let excess = self.level + i64::from(more) * MINUTE - self.capacity();
        match excess {
            ..=0 => Ok(()),
            // From `at`, which is later than `now` for a caller that came out of order.
            _ => Err(Wait::Until(self.at.plus(ceil_div(excess, i64::from(self.per_minute))))),
        }
    }

    /// Takes units for what begins, whether or not there are as many. What is owed beyond the capacity is bounded, so
    /// that one wrong count delays the next request by a minute more and not by an hour.
    pub(crate) fn take(&mut self, units: u64, now: Timestamp) {
        self.leak(now);
        let wanted = self.level.saturating_add(in_parts(units));
        self.level = wanted.min(self.most());
        self.uncounted = self.uncounted.saturating_add(wanted - self.level);
    }

    /// Ends what units were taken for: so many of them as were used stay. What was taken and had no room is not given
    /// back, as it was never there.
    pub(crate) fn settle(&mut self, taken: u64, used: u64, now: Timestamp) {
        self.leak(now);
        let counted = self.forget(taken);
        let level = i128::from(self.level) - i128::from(counted) + i128::from(in_parts(used));
        self.level = i64::try_from(level.clamp(0, i128::from(self.most()))).expect("it is no more than the most");
    }

    /// Ends what units were taken for, and all of them stay used. Returns what of them was counted.
    pub(crate) fn forget(&mut self, taken: u64) -> i64 {
        let taken = in_parts(taken);
        let uncounted = self.uncounted.min(taken);
        self.uncounted -= uncounted;
        taken - uncounted
    }

    /// How many units may be used now.
    pub(crate) fn left(&self, now: Timestamp) -> u64 {
        let mut then = *self;
        then.leak(now);
        u64::try_from((then.capacity() - then.level).max(0) / MINUTE).expect("not negative")
    }

    fn leak(&mut self, now: Timestamp) {
        let elapsed = now.since(self.at);
        if elapsed < 0 && elapsed > -REORDERED {
            return; // another caller read the clock first and came second
        }
        // A clock that was set back leaks nothing, and goes on from there.
        let leaked = elapsed.max(0).saturating_mul(i64::from(self.per_minute));
        self.level = (self.level - leaked).max(0);
        self.at = now;
    }

    fn most(&self) -> i64 {
        self.capacity().saturating_mul(DEBT_MAX)
    }

    fn capacity(&self) -> i64 {
        i64::from(self.per_minute) * MINUTE
    }
}

/// In units × microseconds.
fn in_parts(units: u64) -> i64 {
    i64::try_from(units).unwrap_or(i64::MAX).saturating_mul(MINUTE)
}

fn ceil_div(number: i64, by: i64) -> i64 {
    number / by + i64::from(number % by != 0)
}

/// A minute in microseconds.
const MINUTE: i64 = 60_000_000;
/// How much of a step back of the clock, in microseconds, is taken for reports out of order.
const REORDERED: i64 = 1_000_000;
/// How many capacities a bucket holds at most.
const DEBT_MAX: i64 = 2;
