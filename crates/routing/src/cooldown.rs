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

    /// Begins or lengthens it: by `told`, else by `default` doubled for each earlier strike up to `max`. What was told is
    /// believed once; after it has proved too short, it is no less than one strike fewer would have made it.
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
        let length = match told {
            None => doubled(default, self.strikes - 1).min(max),
            Some(told) if self.strikes < 2 => told,
            Some(told) => told.max(doubled(default, self.strikes - 2).min(max)),
        };
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
    /// Requests in flight with it, at all its deployments.
    pub(crate) in_flight: u32,
    /// What may still be spent of the balance behind it, in nano-USD; `None` = not known.
    spendable: Option<f64>,
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

    pub(crate) fn learn_balance(&mut self, spendable: Option<f64>) {
        let is_topped_up =
            matches!((self.spendable, spendable), (Some(before), Some(now)) if now > before && now > 0.0);
        if is_topped_up && self.why == Some(DeadReason::KeyEmpty) {
            self.works_again();
        }
        self.spendable = spendable;
    }

    /// Whether nothing is left of the balance behind it.
    pub(crate) fn is_short(&self) -> bool {
        self.spendable.is_some_and(|spendable| spendable <= 0.0)
    }

    pub(crate) fn begin(&mut self, attempt: u64, expires: Instant) {
        self.in_flight += 1;
        if self.why.is_some() {
            self.test = Some((attempt, expires));
        }
    }

    pub(crate) fn release(&mut self, attempt: u64) {
        self.in_flight = self.in_flight.saturating_sub(1);
        if self.test.is_some_and(|(test, _)| test == attempt) {
            self.test = None;
        }
    }

    pub(crate) fn succeed(&mut self, now: Instant) {
        // An answer that was on its way when the account ran dry does not fill it.
        if self.cooldown.ends(now).is_none() {
            self.works_again();
        }
    }

    fn works_again(&mut self) {
        self.cooldown = Cooldown::default();
        self.why = None;
        self.test = None;
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

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Instant {
        Instant::from_start(Duration::from_secs(seconds))
    }

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn a_top_up_ends_what_an_empty_account_began_and_nothing_else() {
        let check = |why, before, now, is_free| {
            let mut key = KeyState::default();
            key.learn_balance(before);
            key.set_aside(why, at(1), at(2), (HOUR, HOUR), None);
            key.learn_balance(now);
            assert_eq!(key.passage(at(3)) == KeyPassage::Free, is_free, "{why:?} {before:?} {now:?}");
        };
        check(DeadReason::KeyEmpty, Some(0.0), Some(5.0), true);
        check(DeadReason::KeyEmpty, Some(5.0), Some(5.0), false);
        check(DeadReason::KeyEmpty, Some(-2.0), Some(-1.0), false);
        check(DeadReason::KeyEmpty, None, Some(5.0), false);
        check(DeadReason::KeyRejected, Some(0.0), Some(5.0), false);
    }

    #[test]
    fn what_was_told_is_believed_once_and_then_only_if_it_is_long_enough() {
        let default = Duration::from_secs(5);
        let mut cooldown = Cooldown::default();
        for (now, expected) in [(10, None), (11, Some(16)), (16, Some(26)), (26, Some(46))] {
            cooldown.strike(at(now), at(now), default, Duration::from_secs(60), Some(Duration::ZERO));
            assert_eq!(cooldown.ends(at(now)), expected.map(at), "struck at {now} s");
        }
    }
}
