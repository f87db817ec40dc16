//! Leaves alone what asked for it, or what is known not to work for a while.

use std::time::Duration;

use crate::breaker::doubled;
use crate::eligibility::DeadReason;
use crate::instant::Instant;

/// A deadline that only ever moves away, and doubles when it turns out too short.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cooldown {
    until: Instant,
    strikes: u32,
    struck: Option<Instant>,
}

impl Cooldown {
    /// The end, if it is not over.
    pub(crate) fn ends(&self, now: Instant) -> Option<Instant> {
        (now < self.until).then_some(self.until)
    }

    /// Begins or lengthens it: by `told`, else by `default` doubled for each earlier strike up to `max`.
    ///
    /// An attempt that had `started` before the last strike tells nothing new, so a burst of refusals doubles once.
    pub(crate) fn strike(
        &mut self,
        started: Instant,
        now: Instant,
        default: Duration,
        max: Duration,
        told: Option<Duration>,
    ) {
        if self.struck.is_none_or(|struck| started > struck) {
            self.strikes = self.strikes.saturating_add(1);
            self.struck = Some(now);
        }
        let length = told.unwrap_or_else(|| doubled(default, self.strikes - 1).min(max));
        self.until = self.until.max(now + length);
    }

    /// What an attempt that had `started` since the last strike found proves it wrong: it is over at once.
    pub(crate) fn refute(&mut self, started: Instant) {
        if self.struck.is_none_or(|struck| started >= struck) {
            *self = Self::default();
        }
    }

    /// It works again, so the next strike is the first. A deadline that stands keeps standing.
    pub(crate) fn forgive(&mut self) {
        self.strikes = 0;
        self.struck = None;
    }
}

/// What is known about a key.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct KeyState {
    cooldown: Cooldown,
    /// Why it is, or was, set aside; `None` once it has worked again.
    why: Option<DeadReason>,
    /// The one attempt that may find out whether it works again, and when that attempt is given up.
    test: Option<(u64, Instant)>,
}

/// Whether a key may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyPassage {
    Free,
    Test,
    Testing,
    Dead { why: DeadReason, until: Instant },
}

impl KeyState {
    pub(crate) fn passage(&self, now: Instant) -> KeyPassage {
        let Some(why) = self.why else { return KeyPassage::Free };
        if let Some(until) = self.cooldown.ends(now) {
            return KeyPassage::Dead { why, until };
        }
        match self.test {
            Some((_, expires)) if now < expires => KeyPassage::Testing,
            Some(_) | None => KeyPassage::Test,
        }
    }

    pub(crate) fn begin(&mut self, attempt: u64, expires: Instant) {
        if self.why.is_some() {
            self.test = Some((attempt, expires));
        }
    }

    pub(crate) fn release(&mut self, attempt: u64) {
        if self.test.is_some_and(|(test, _)| test == attempt) {
            self.test = None;
        }
    }

    pub(crate) fn succeed(&mut self, now: Instant) {
        // An answer that was on its way when the account ran dry does not fill it.
        if self.cooldown.ends(now).is_none() {
            *self = Self::default();
        }
    }

    pub(crate) fn set_aside(
        &mut self,
        why: DeadReason,
        started: Instant,
        now: Instant,
        (default, max): (Duration, Duration),
        told: Option<Duration>,
    ) {
        self.cooldown.strike(started, now, default, max, told.map(|told| told.min(max)));
        self.why = Some(why);
    }

    pub(crate) fn dead(&self, now: Instant) -> Option<(Instant, DeadReason)> {
        Some((self.cooldown.ends(now)?, self.why?))
    }
}
