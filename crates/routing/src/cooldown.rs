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

    /// What an attempt that had `started` since the last strike found proves it wrong: it is over at once. Answers whether
    /// there was one.
    pub(crate) fn refute(&mut self, started: Instant) -> bool {
        let is_wrong = self.struck.is_some_and(|struck| started >= struck);
        if is_wrong {
            *self = Self::default();
        }
        is_wrong
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
    /// When it last worked again after having been set aside.
    pub(crate) back: Option<Instant>,
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
        if self.cooldown.ends(now).is_none() && self.why.is_some() {
            self.works_again();
            self.back = Some(now);
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

    /// Strikes with a default of 5 s up to 60 s: when the attempt began, when it was refused, what it was told; and how many
    /// seconds it then rests.
    #[track_caller]
    fn check(strikes: &[(u64, u64, Option<u64>)], expected: u64) {
        let mut cooldown = Cooldown::default();
        let mut last = 0;
        for &(started, now, told) in strikes {
            let told = told.map(Duration::from_secs);
            cooldown.strike(at(started), at(now), Duration::from_secs(5), Duration::from_secs(60), told);
            last = now;
        }
        let ends = cooldown.ends(at(last)).map_or(0, |ends| ends.since_start().as_secs() - last);
        assert_eq!(ends, expected, "{strikes:?}");
        assert_eq!(cooldown.ends(at(last + expected)), None, "it is over at its end");
    }

    #[test]
    fn each_strike_that_tells_something_new_doubles_and_what_was_told_is_believed_once() {
        check(&[(0, 1, None)], 5);
        check(&[(0, 1, None), (10, 11, None)], 10);
        check(&[(0, 1, None), (10, 11, None), (30, 31, None)], 20);
        check(&[(0, 1, None), (10, 11, None), (30, 31, None), (60, 61, None), (110, 111, None)], 60);
        // Of one burst, to the instant.
        check(&[(0, 1, None), (1, 2, None)], 5);
        check(&[(0, 1, None), (2, 2, None)], 10);
        check(&[(0, 1, Some(0))], 0);
        check(&[(0, 1, Some(9))], 9);
        check(&[(0, 1, Some(0)), (2, 3, Some(0))], 5);
        check(&[(0, 1, Some(0)), (2, 3, Some(0)), (10, 11, Some(0))], 10);
        check(&[(0, 1, Some(0)), (2, 3, Some(30))], 30);
        // A deadline only ever moves away.
        check(&[(0, 1, Some(100)), (0, 2, Some(1))], 99);
    }

    #[test]
    fn a_strike_after_it_worked_again_is_the_first() {
        let mut cooldown = Cooldown::default();
        let strike = |cooldown: &mut Cooldown, now: u64| {
            cooldown.strike(at(now), at(now), Duration::from_secs(5), Duration::from_secs(60), None);
            cooldown.ends(at(now))
        };
        strike(&mut cooldown, 1);
        cooldown.forgive();
        assert_eq!(cooldown.ends(at(2)), Some(at(6)), "what was asked for still holds");
        assert_eq!(strike(&mut cooldown, 10), Some(at(15)));
        assert!(!cooldown.refute(at(9)), "an answer from before the strike proves nothing");
        assert!(cooldown.refute(at(10)) && cooldown.ends(at(10)).is_none());
        assert!(!cooldown.refute(at(11)), "there is nothing to prove wrong");
    }

    fn set_aside(key: &mut KeyState, now: u64) {
        let rest = (Duration::from_secs(10), Duration::from_secs(60));
        key.set_aside(DeadReason::KeyEmpty, at(now), at(now), rest, None);
    }

    #[test]
    fn a_key_set_aside_is_tested_by_one_request_at_a_time() {
        let mut key = KeyState::default();
        key.begin(1, at(60));
        assert_eq!((key.passage(at(0)), key.in_flight), (KeyPassage::Free, 1));
        key.succeed(at(1));
        assert_eq!(key.back, None, "it was never away");
        set_aside(&mut key, 1);
        assert_eq!(key.passage(at(10)), KeyPassage::Dead { why: DeadReason::KeyEmpty, until: at(11) });
        key.succeed(at(10));
        assert_eq!(key.dead(at(10)), Some((at(11), DeadReason::KeyEmpty)), "an answer from before changes nothing");
        assert_eq!(key.passage(at(11)), KeyPassage::Test);
        key.begin(2, at(20));
        assert_eq!((key.passage(at(19)), key.passage(at(20))), (KeyPassage::Testing, KeyPassage::Test));
        key.release(1);
        assert_eq!((key.passage(at(19)), key.in_flight), (KeyPassage::Testing, 1), "another one ended");
        key.release(2);
        assert_eq!((key.passage(at(19)), key.in_flight), (KeyPassage::Test, 0));
        key.succeed(at(19));
        assert_eq!((key.passage(at(19)), key.back), (KeyPassage::Free, Some(at(19))));
    }

    #[test]
    fn a_key_is_short_when_nothing_is_left() {
        let short = |spendable| KeyState { spendable, ..KeyState::default() }.is_short();
        assert_eq!([None, Some(1.0), Some(0.0), Some(-1.0)].map(short), [false, false, true, true]);
    }
}
