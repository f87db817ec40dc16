//! Stops asking a deployment or endpoint that keeps failing, and tests it one request at a time.
//!
//! ```text
//!            5 hard failures in a row, or
//!            under half of 10 or more succeed
//!   Closed ───────────────────────────────────► Open ◄──────────────┐
//!     ▲                                        │    │               │ the probe failed, or
//!     │                    10 s × 2ⁿ ≤ 300 s   │    │ last resort:  │ nobody reported it:
//!     │                    have passed         │    │ one early     │ twice as long
//!     │                                        ▼    ▼ probe good    │
//!     └──────────────────────────────────── HalfOpen ───────────────┘
//!            2 probes in a row succeeded        one probe at a time
//! ```
//!
//! The last resort is for a request to which nothing else is left: it may go through early, and if it fails the next
//! may 10 s later, while the open period stays as long as it was. One good probe of such a request closes the breaker:
//! nobody has an alternative in which to wait for the second. Outcomes of attempts that began before the breaker opened
//! change nothing.

use std::time::Duration;

use crate::chance::Chance;
use crate::instant::Instant;
use crate::settings::BreakerSettings;

/// Where a breaker stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BreakerState {
    /// Requests pass.
    Closed,
    /// None pass.
    Open,
    /// One at a time passes, to test.
    HalfOpen,
}

/// What a breaker says to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Passage {
    Free,
    /// As a probe.
    Probe,
    /// Another request is the probe.
    Probing,
    Shut {
        until: Instant,
    },
}

#[derive(Clone, Debug)]
pub(crate) struct Breaker {
    standing: Standing,
    hard_in_a_row: u32,
    /// How often it opened since it was last closed.
    opened: u32,
    pub(crate) window: Window,
}

#[derive(Clone, Copy, Debug)]
enum Standing {
    Closed,
    Open { until: Instant, early: Early },
    HalfOpen { successes: u32, probe: Option<Probe> },
}

#[derive(Clone, Copy, Debug)]
enum Early {
    Unused,
    Running(Probe),
    /// One failed; the next may follow at that instant.
    Rests(Instant),
}

#[derive(Clone, Copy, Debug)]
struct Probe {
    attempt: u64,
    expires: Instant,
    /// Its request had nothing else.
    is_alone: bool,
}

impl Probe {
    /// How many of the successes that close a breaker its own is worth.
    fn worth(self, settings: &BreakerSettings) -> u32 {
        if self.is_alone { settings.probes } else { 1 }
    }
}

impl Default for Breaker {
    fn default() -> Self {
        Self { standing: Standing::Closed, hard_in_a_row: 0, opened: 0, window: Window::default() }
    }
}

impl Breaker {
    pub(crate) fn state(&self) -> BreakerState {
        match self.standing {
            Standing::Closed => BreakerState::Closed,
            Standing::Open { .. } => BreakerState::Open,
            Standing::HalfOpen { .. } => BreakerState::HalfOpen,
        }
    }

    /// When it lets a probe through, if it is open.
    pub(crate) fn opens(&self, now: Instant) -> Option<Instant> {
        match self.standing {
            Standing::Open { until, .. } if now < until => Some(until),
            Standing::Closed | Standing::Open { .. } | Standing::HalfOpen { .. } => None,
        }
    }

    /// Does what time alone does: ends an open period, and gives up a probe that nobody reported.
    pub(crate) fn pass_time(&mut self, now: Instant, settings: &BreakerSettings, chance: &mut Chance) {
        match self.standing {
            Standing::Open { until, early } if now >= until => {
                let probe = match early {
                    Early::Running(probe) => Some(probe),
                    Early::Unused | Early::Rests(_) => None,
                };
                self.standing = Standing::HalfOpen { successes: 0, probe };
                self.pass_time(now, settings, chance);
            }
            Standing::Open { until, early: Early::Running(probe) } if now >= probe.expires => {
                self.standing = Standing::Open { until, early: Early::Rests(now + settings.open) };
            }
            Standing::HalfOpen { probe: Some(probe), .. } if now >= probe.expires => {
                self.open(now, settings, chance);
            }
            Standing::Closed | Standing::Open { .. } | Standing::HalfOpen { .. } => {}
        }
    }

    pub(crate) fn passage(&self, now: Instant) -> Passage {
        match self.standing {
            Standing::Closed => Passage::Free,
            Standing::Open { early: Early::Running(_), .. } => Passage::Probing,
            Standing::Open { until, .. } if now < until => Passage::Shut { until },
            Standing::Open { .. } | Standing::HalfOpen { probe: None, .. } => Passage::Probe,
            Standing::HalfOpen { probe: Some(_), .. } => Passage::Probing,
        }
    }

    /// From when a request to which nothing else is left may pass; `None` while a probe runs.
    ///
    /// Once in a first open period's length, however long the present one is: whoever has a single provider must not
    /// be shut out for minutes after it is back.
    pub(crate) fn passes_last_resort(&self, now: Instant) -> Option<Instant> {
        match self.standing {
            Standing::Closed | Standing::Open { early: Early::Unused, .. } | Standing::HalfOpen { probe: None, .. } => {
                Some(now)
            }
            Standing::Open { until, early: Early::Rests(at) } => Some(at.min(until).max(now)),
            Standing::Open { early: Early::Running(_), .. } | Standing::HalfOpen { .. } => None,
        }
    }

    /// Makes an attempt the probe, unless requests pass freely. `is_alone` = its request had nothing else.
    pub(crate) fn begin(&mut self, attempt: u64, expires: Instant, is_alone: bool) {
        let started = Probe { attempt, expires, is_alone };
        match &mut self.standing {
            Standing::Closed => {}
            Standing::Open { early, .. } => *early = Early::Running(started),
            Standing::HalfOpen { probe, .. } => *probe = Some(started),
        }
    }

    /// Answers whether this success closed it.
    pub(crate) fn succeed(&mut self, attempt: u64, now: Instant, settings: &BreakerSettings) -> bool {
        let successes = match self.standing {
            Standing::Closed => {
                self.hard_in_a_row = 0;
                self.window.record(now, settings.window, true);
                return false;
            }
            Standing::Open { early: Early::Running(probe), .. } if probe.attempt == attempt => probe.worth(settings),
            Standing::HalfOpen { successes, probe: Some(probe) } if probe.attempt == attempt => {
                successes.saturating_add(probe.worth(settings))
            }
            Standing::Open { .. } | Standing::HalfOpen { .. } => return false,
        };
        if successes < settings.probes {
            self.standing = Standing::HalfOpen { successes, probe: None };
            return false;
        }
        *self = Self::default();
        true
    }

    /// A failure that counts in a row and in the ratio.
    pub(crate) fn fail_hard(
        &mut self,
        attempt: u64,
        in_a_row: u32,
        now: Instant,
        settings: &BreakerSettings,
        chance: &mut Chance,
    ) {
        if matches!(self.standing, Standing::Closed) {
            self.hard_in_a_row += 1;
            if self.hard_in_a_row >= in_a_row {
                self.window.record(now, settings.window, false);
                self.open(now, settings, chance);
                return;
            }
        }
        self.fail_soft(attempt, now, settings, chance);
    }

    /// A failure that counts in the ratio alone. A probe fails by it all the same.
    pub(crate) fn fail_soft(&mut self, attempt: u64, now: Instant, settings: &BreakerSettings, chance: &mut Chance) {
        match self.standing {
            Standing::Closed => {
                self.window.record(now, settings.window, false);
                let (good, bad) = self.window.totals(now, settings.window);
                let is_bad = f64::from(good) < settings.success_ratio * f64::from(good + bad);
                if good + bad >= settings.outcomes_min && is_bad {
                    self.open(now, settings, chance);
                }
            }
            Standing::Open { until, early: Early::Running(probe) } if probe.attempt == attempt => {
                self.standing = Standing::Open { until, early: Early::Rests(now + settings.open) };
            }
            Standing::HalfOpen { probe: Some(probe), .. } if probe.attempt == attempt => {
                self.open(now, settings, chance);
            }
            Standing::Open { .. } | Standing::HalfOpen { .. } => {}
        }
    }

    /// As [`Self::fail_soft`], for a breaker without a ratio.
    pub(crate) fn fail_probe(&mut self, attempt: u64, now: Instant, settings: &BreakerSettings, chance: &mut Chance) {
        if !matches!(self.standing, Standing::Closed) {
            self.fail_soft(attempt, now, settings, chance);
        }
    }

    /// An attempt ended that says nothing; if it was the probe, another may be.
    pub(crate) fn release(&mut self, attempt: u64) {
        match self.standing {
            Standing::HalfOpen { successes, probe: Some(probe) } if probe.attempt == attempt => {
                self.standing = Standing::HalfOpen { successes, probe: None };
            }
            Standing::Open { until, early: Early::Running(probe) } if probe.attempt == attempt => {
                self.standing = Standing::Open { until, early: Early::Unused };
            }
            Standing::Closed | Standing::Open { .. } | Standing::HalfOpen { .. } => {}
        }
    }

    fn open(&mut self, now: Instant, settings: &BreakerSettings, chance: &mut Chance) {
        let length = doubled(settings.open, self.opened).min(settings.open_max);
        let until = now + chance.around(length, settings.jitter);
        self.opened += 1;
        self.standing = Standing::Open { until, early: Early::Unused };
    }
}

/// `length` × 2^`times`, without overflow.
pub(crate) fn doubled(length: Duration, times: u32) -> Duration {
    length.saturating_mul(1u32.checked_shl(times).unwrap_or(u32::MAX).max(1))
}

/// Successes and failures of the last while, in buckets that expire by themselves.
#[derive(Clone, Debug, Default)]
pub(crate) struct Window {
    buckets: [Bucket; BUCKETS as usize],
    /// The epoch of the newest failure; 0 = none yet.
    spotted: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Bucket {
    /// Which stretch of time it counts; 0 is the one before the clock began.
    epoch: u64,
    good: u32,
    bad: u32,
}

const BUCKETS: u32 = 12;

impl Window {
    pub(crate) fn record(&mut self, now: Instant, length: Duration, is_good: bool) {
        let epoch = epoch(now, length);
        let index = usize::try_from(epoch % u64::from(BUCKETS)).expect("a bucket index is under 12");
        let bucket = &mut self.buckets[index];
        if bucket.epoch != epoch {
            *bucket = Bucket { epoch, good: 0, bad: 0 };
        }
        if is_good {
            bucket.good = bucket.good.saturating_add(1);
        } else {
            bucket.bad = bucket.bad.saturating_add(1);
            self.spotted = epoch;
        }
    }

    /// Whether it holds no failure. Asked of every candidate of every request, so it does not count.
    pub(crate) fn is_spotless(&self, now: Instant, length: Duration) -> bool {
        self.spotted == 0 || self.spotted + u64::from(BUCKETS) <= epoch(now, length)
    }

    /// Successes and failures.
    pub(crate) fn totals(&self, now: Instant, length: Duration) -> (u32, u32) {
        let newest = epoch(now, length);
        let is_fresh = |bucket: &&Bucket| bucket.epoch + u64::from(BUCKETS) > newest;
        self.buckets.iter().filter(is_fresh).fold((0, 0), |(good, bad), bucket| {
            (u32::saturating_add(good, bucket.good), u32::saturating_add(bad, bucket.bad))
        })
    }

    /// The share of successes; `None` without outcomes.
    pub(crate) fn ratio(&self, now: Instant, length: Duration) -> Option<f64> {
        let (good, bad) = self.totals(now, length);
        (good + bad > 0).then(|| f64::from(good) / (f64::from(good) + f64::from(bad)))
    }
}

fn epoch(now: Instant, length: Duration) -> u64 {
    let width = (length / BUCKETS).as_millis().max(1);
    u64::try_from(now.since_start().as_millis() / width).unwrap_or(u64::MAX >> 1) + 1
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: f64) -> Instant {
        Instant::from_start(Duration::from_secs_f64(seconds))
    }

    proptest! {
        #[test]
        fn window_counts_what_a_list_of_the_last_twelve_buckets_counts(
            steps in prop::collection::vec((0.0..40.0f64, any::<bool>()), 1..60),
        ) {
            let length = Duration::from_secs(120);
            let (mut window, mut list, mut clock) = (Window::default(), Vec::new(), 0.0);
            for (pause, is_good) in steps {
                clock += pause;
                window.record(at(clock), length, is_good);
                list.push((at(clock).since_start().as_secs() / 10, is_good));
                let newest = at(clock).since_start().as_secs() / 10;
                let fresh = list.iter().filter(|(bucket, _)| newest - bucket < 12);
                let (good, bad): (Vec<&(u64, bool)>, Vec<_>) = fresh.partition(|(_, is_good)| *is_good);
                let counted = window.totals(at(clock), length);
                prop_assert_eq!((counted.0 as usize, counted.1 as usize), (good.len(), bad.len()));
                prop_assert_eq!(window.is_spotless(at(clock), length), bad.is_empty());
            }
        }

        #[test]
        fn open_periods_double_within_jitter_and_never_pass_the_cap(failures in 1u32..12, seed: u64) {
            let settings = BreakerSettings::default();
            let (mut breaker, mut chance, mut now) = (Breaker::default(), Chance::new(seed), at(1.0));
            for attempt in 0..5 {
                breaker.fail_hard(attempt, settings.consecutive, now, &settings, &mut chance);
            }
            for round in 0..failures {
                let Passage::Shut { until } = breaker.passage(now) else { panic!("open after failing") };
                let length = until.saturating_duration_since(now).as_secs_f64();
                let plain = (10.0 * 2f64.powi(round.try_into().unwrap())).min(300.0);
                prop_assert!((length / plain - 1.0).abs() <= 0.2 + 1e-6, "round {round}: {length}");
                now = until;
                breaker.pass_time(now, &settings, &mut chance);
                prop_assert_eq!(breaker.passage(now), Passage::Probe);
                breaker.begin(100, now + Duration::from_secs(60), false);
                prop_assert_eq!(breaker.passage(now), Passage::Probing);
                breaker.fail_soft(100, now, &settings, &mut chance);
            }
        }
    }

    #[test]
    fn an_unreported_probe_counts_as_failed() {
        let settings = BreakerSettings::default();
        let (mut breaker, mut chance) = (Breaker::default(), Chance::new(1));
        for attempt in 0..5 {
            breaker.fail_hard(attempt, settings.consecutive, at(0.0), &settings, &mut chance);
        }
        breaker.pass_time(at(13.0), &settings, &mut chance);
        breaker.begin(9, at(20.0), true);
        breaker.pass_time(at(19.9), &settings, &mut chance);
        assert_eq!(breaker.passage(at(19.9)), Passage::Probing);
        breaker.pass_time(at(20.0), &settings, &mut chance);
        assert!(matches!(breaker.passage(at(20.0)), Passage::Shut { .. }));
    }

    /// Open since 0 s, until the instant answered.
    fn opened(settings: &BreakerSettings, chance: &mut Chance) -> (Breaker, Instant) {
        let mut breaker = Breaker::default();
        for attempt in 0..5 {
            breaker.fail_hard(attempt, settings.consecutive, at(0.0), settings, chance);
        }
        let until = breaker.opens(at(0.0)).expect("five in a row open it");
        (breaker, until)
    }

    #[test]
    fn an_open_period_ends_at_its_instant() {
        let (settings, mut chance) = (BreakerSettings::default(), Chance::new(1));
        let (breaker, until) = opened(&settings, &mut chance);
        let before = at(until.since_start().as_secs_f64() - 0.001);
        assert_eq!((breaker.opens(before), breaker.opens(until)), (Some(until), None));
        assert_eq!((breaker.passage(before), breaker.passage(until)), (Passage::Shut { until }, Passage::Probe));
    }

    #[test]
    fn it_opens_when_under_half_of_ten_succeed() {
        #[track_caller]
        fn check(good: u32, bad: u32, expected: BreakerState) {
            let (settings, mut chance, mut breaker) = (BreakerSettings::default(), Chance::new(1), Breaker::default());
            (0..good).for_each(|_| _ = breaker.succeed(0, at(1.0), &settings));
            (0..bad).for_each(|_| breaker.fail_soft(0, at(1.0), &settings, &mut chance));
            assert_eq!(breaker.state(), expected, "{good} good, {bad} bad");
        }
        check(4, 5, BreakerState::Closed);
        check(5, 5, BreakerState::Closed);
        check(4, 6, BreakerState::Open);
        check(5, 6, BreakerState::Open);
        check(0, 9, BreakerState::Closed);
        check(0, 10, BreakerState::Open);
    }

    #[test]
    fn only_the_probe_has_a_say_while_one_runs() {
        let (settings, mut chance) = (BreakerSettings::default(), Chance::new(1));
        let others = |breaker: &mut Breaker, chance: &mut Chance| {
            let standing = format!("{:?}", breaker.standing);
            assert!(!breaker.succeed(8, at(5.0), &settings));
            breaker.fail_soft(8, at(5.0), &settings, chance);
            breaker.release(8);
            assert_eq!(format!("{:?}", breaker.standing), standing);
        };
        let (mut breaker, _) = opened(&settings, &mut chance);
        breaker.begin(9, at(60.0), true);
        others(&mut breaker, &mut chance);
        assert!(breaker.succeed(9, at(5.0), &settings), "one that is alone closes it");

        let (mut breaker, _) = opened(&settings, &mut chance);
        breaker.begin(9, at(60.0), false);
        assert!(!breaker.succeed(9, at(5.0), &settings));
        assert_eq!(breaker.state(), BreakerState::HalfOpen, "one of two");
        breaker.begin(10, at(60.0), false);
        others(&mut breaker, &mut chance);
        breaker.release(10);
        assert_eq!(breaker.passage(at(6.0)), Passage::Probe, "the probe was given back");
        breaker.begin(11, at(60.0), false);
        assert!(breaker.succeed(11, at(6.0), &settings), "what succeeded before the release counts");

        let (mut breaker, until) = opened(&settings, &mut chance);
        breaker.begin(9, at(60.0), true);
        breaker.release(9);
        assert_eq!(breaker.passes_last_resort(at(5.0)), Some(at(5.0)), "as if it had not been asked");
        breaker.begin(10, at(60.0), true);
        breaker.fail_soft(10, at(5.0), &settings, &mut chance);
        assert_eq!(breaker.passes_last_resort(at(5.0)), Some(until.min(at(15.0))));
    }

    #[test]
    fn an_early_probe_that_nobody_reported_lets_the_next_through_a_while_later() {
        let settings = BreakerSettings { open: Duration::from_secs(100), ..BreakerSettings::default() };
        let mut chance = Chance::new(1);
        let (mut breaker, until) = opened(&settings, &mut chance);
        breaker.begin(9, at(20.0), true);
        breaker.pass_time(at(19.9), &settings, &mut chance);
        assert_eq!(breaker.passes_last_resort(at(19.9)), None);
        breaker.pass_time(at(20.0), &settings, &mut chance);
        assert_eq!(breaker.passes_last_resort(at(20.0)), Some(until.min(at(120.0))));
    }

    #[test]
    fn a_breaker_without_a_ratio_fails_by_its_probe_alone() {
        let (settings, mut chance) = (BreakerSettings::default(), Chance::new(1));
        let mut closed = Breaker::default();
        (0..20).for_each(|_| closed.fail_probe(0, at(1.0), &settings, &mut chance));
        assert_eq!((closed.state(), closed.window.ratio(at(1.0), settings.window)), (BreakerState::Closed, None));
        let (mut breaker, until) = opened(&settings, &mut chance);
        breaker.pass_time(until, &settings, &mut chance);
        breaker.begin(9, at(60.0), false);
        breaker.fail_probe(9, until, &settings, &mut chance);
        assert_eq!(breaker.state(), BreakerState::Open);
    }

    #[test]
    fn a_window_forgets_after_its_length_and_gives_a_share_of_what_there_is() {
        let (length, mut window) = (Duration::from_secs(120), Window::default());
        assert_eq!(window.ratio(at(0.0), length), None);
        window.record(at(0.0), length, true);
        assert_eq!(window.ratio(at(0.0), length), Some(1.0));
        (0..3).for_each(|_| window.record(at(1.0), length, false));
        assert_eq!(window.ratio(at(119.9), length), Some(0.25));
        assert_eq!((window.totals(at(120.0), length), window.ratio(at(120.0), length)), ((0, 0), None));
    }
}
