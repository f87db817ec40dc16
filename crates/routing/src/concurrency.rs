//! Limits the requests in flight at a deployment that has said "too many": additive increase, multiplicative decrease.
//!
//! A deployment is one model with one key, which is what vendors limit. Its key as a whole has the configured maximum.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use crate::instant::Instant;
use crate::settings::ConcurrencySettings;

/// Requests in flight, and how many there may be.
///
/// Until the first rate limit nothing holds but the configured maximum: a limit learnt from nothing would refuse the first
/// burst. In the first seconds after it is back, whatever had set it aside, the limit begins low and doubles, so that those
/// who waited do not all come at once.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Limiter {
    pub(crate) in_flight: u32,
    limit: Option<u32>,
    /// Successes since the limit last changed.
    round: u32,
    lowered: Option<Instant>,
}

impl Limiter {
    /// `age` = how long it has been back, where it had been set aside.
    pub(crate) fn limit(&self, max: u32, age: Option<Duration>, settings: &ConcurrencySettings) -> u32 {
        self.own_limit(age, settings).map_or(max, |limit| limit.min(max))
    }

    /// `age` = how long it has been back, where it had been set aside.
    pub(crate) fn is_full(&self, age: Option<Duration>, settings: &ConcurrencySettings) -> bool {
        self.own_limit(age, settings).is_some_and(|limit| self.in_flight >= limit)
    }

    fn own_limit(&self, age: Option<Duration>, settings: &ConcurrencySettings) -> Option<u32> {
        let Some(age) = age else { return self.limit };
        let times = u32::try_from(age.as_secs()).ok();
        let rising = times.and_then(|times| settings.start.checked_mul(1u32.checked_shl(times)?));
        match (self.limit, rising) {
            (Some(limit), Some(rising)) => Some(limit.min(rising)),
            (limit, rising) => limit.or(rising),
        }
    }

    /// One more for each full round of successes.
    pub(crate) fn succeed(&mut self) {
        let Some(limit) = &mut self.limit else { return };
        self.round += 1;
        if self.round >= *limit {
            *limit = limit.saturating_add(1);
            self.round = 0;
        }
    }

    /// Lowers the limit, once for all that were in flight together. `in_flight` still counts the attempt that was refused.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of a u32 is one, and casts saturate"
    )]
    pub(crate) fn throttle(&mut self, started: Instant, now: Instant, settings: &ConcurrencySettings) {
        if self.lowered.is_some_and(|lowered| started <= lowered) {
            return;
        }
        let share = |of: u32| (f64::from(of) * settings.decrease) as u32;
        self.limit = Some(match self.limit {
            None => share(self.in_flight).max(settings.start),
            Some(limit) => share(limit).max(1),
        });
        self.round = 0;
        self.lowered = Some(now);
    }
}

/// Exchanges that wait, as the instants at which they look again.
#[derive(Clone, Debug, Default)]
pub(crate) struct Queue {
    looks: BinaryHeap<Reverse<Instant>>,
}

impl Queue {
    /// Answers whether there was room to wait until `look`. A place is free again at that instant, so none can leak.
    pub(crate) fn enter(&mut self, look: Instant, now: Instant, max: usize) -> bool {
        while self.looks.peek().is_some_and(|first| first.0 <= now) {
            self.looks.pop();
        }
        if self.looks.len() >= max {
            return false;
        }
        self.looks.push(Reverse(look));
        true
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(seconds: u64) -> Instant {
        Instant::from_start(Duration::from_secs(seconds))
    }

    #[test]
    fn a_rate_limit_halves_once_a_burst_and_a_round_adds_one() {
        let settings = ConcurrencySettings::default();
        let limit = |limiter: &Limiter, max| limiter.limit(max, None, &settings);
        let mut limiter = Limiter { in_flight: 40, ..Limiter::default() };
        assert_eq!(limit(&limiter, 256), 256);
        limiter.throttle(at(1), at(2), &settings);
        limiter.throttle(at(2), at(3), &settings);
        assert_eq!(limit(&limiter, 256), 20, "one that began before the limit was lowered tells nothing new");
        for _ in 0..20 {
            limiter.succeed();
        }
        assert_eq!(limit(&limiter, 256), 21);
        limiter.throttle(at(4), at(5), &settings);
        assert_eq!(limit(&limiter, 256), 10);
        assert_eq!(limit(&limiter, 5), 5);
    }

    #[test]
    fn after_a_recovery_the_limit_doubles_each_second_up_to_the_one_there_was() {
        let settings = ConcurrencySettings::default();
        let age = |seconds| Some(Duration::from_secs(seconds));
        let check = |limiter: &Limiter, seconds, expected| {
            assert_eq!(limiter.limit(100_000, age(seconds), &settings), expected, "after {seconds} s");
        };
        let mut limiter = Limiter { in_flight: 40, ..Limiter::default() };
        for (seconds, expected) in [(0, 8), (1, 16), (3, 64), (10, 8_192), (50, 100_000), (600, 100_000)] {
            check(&limiter, seconds, expected);
        }
        assert!(limiter.is_full(age(2), &settings) && !limiter.is_full(age(3), &settings));
        limiter.throttle(at(20), at(20), &settings);
        for (seconds, expected) in [(0, 8), (1, 16), (2, 20), (60, 20)] {
            check(&limiter, seconds, expected);
        }
    }

    #[test]
    fn a_queue_has_places_again_once_those_who_waited_look() {
        let mut queue = Queue::default();
        assert!(queue.enter(at(5), at(1), 2) && queue.enter(at(6), at(1), 2));
        assert!(!queue.enter(at(7), at(4), 2));
        assert!(queue.enter(at(7), at(5), 2));
    }
}
