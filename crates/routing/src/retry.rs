//! Keeps retries from adding to what an endpoint suffers, and to what they cost.
//!
//! A retry where the exchange has been before must find gRPC's counter above half, and its cost in the bucket or a place
//! in the reserve. A fallback is charged to the endpoint that receives it and never refused: to that endpoint it is a
//! first attempt.

use crate::instant::Instant;
use crate::settings::RetrySettings;

/// What an endpoint can still take in retries. Costs are in nano-USD.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct RetryBudget {
    /// How far the counter of gRPC proposal A6 is below its maximum.
    missing: f64,
    earned: f64,
    earned_at: Instant,
    reserve_used: u32,
    reserve_from: Instant,
}

impl RetryBudget {
    pub(crate) fn first_attempt(&mut self, cost: f64, now: Instant, settings: &RetrySettings) {
        self.earned = self.earned(now, settings) + settings.share * cost;
        self.earned_at = now;
    }

    pub(crate) fn succeed(&mut self, settings: &RetrySettings) {
        self.missing = (self.missing - settings.counter_ratio).max(0.0);
    }

    pub(crate) fn fail(&mut self, settings: &RetrySettings) {
        self.missing = (self.missing + 1.0).min(settings.counter_max);
    }

    pub(crate) fn allows(&self, cost: f64, now: Instant, settings: &RetrySettings) -> bool {
        self.is_well(settings)
            && (self.earned(now, settings) >= cost || self.reserve_used(now, settings) < settings.reserve)
    }

    /// Whether the counter is above half: below it the endpoint is asked for nothing that could be left out.
    pub(crate) fn is_well(&self, settings: &RetrySettings) -> bool {
        self.missing < settings.counter_max / 2.0
    }

    pub(crate) fn charge(&mut self, cost: f64, now: Instant, settings: &RetrySettings) {
        let earned = self.earned(now, settings);
        if earned >= cost {
            self.earned = earned - cost;
            self.earned_at = now;
            return;
        }
        let used = self.reserve_used(now, settings);
        if used == 0 {
            self.reserve_from = now;
        }
        self.reserve_used = (used + 1).min(settings.reserve);
    }

    /// What was earned fades, so that a quiet night does not pay for a storm.
    fn earned(&self, now: Instant, settings: &RetrySettings) -> f64 {
        let age = now.saturating_duration_since(self.earned_at).as_secs_f64();
        self.earned * (-age / settings.earned_for.as_secs_f64().max(1e-3)).exp()
    }

    fn reserve_used(&self, now: Instant, settings: &RetrySettings) -> u32 {
        let is_over = now.saturating_duration_since(self.reserve_from) >= settings.reserve_every;
        if is_over { 0 } else { self.reserve_used }
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
    fn first_attempts_earn_a_tenth_of_their_cost_and_it_fades() {
        let settings = RetrySettings { reserve: 0, ..RetrySettings::default() };
        let mut budget = RetryBudget::default();
        assert!(!budget.allows(1.0, at(100), &settings));
        for _ in 0..10 {
            budget.first_attempt(1_000.0, at(100), &settings);
        }
        assert!(budget.allows(1_000.0 - 1e-6, at(100), &settings) && !budget.allows(1_001.0, at(100), &settings));
        budget.charge(600.0, at(100), &settings);
        assert!(budget.allows(399.0, at(100), &settings) && !budget.allows(401.0, at(100), &settings));
        let faded = 400.0 / std::f64::consts::E;
        assert!(budget.allows(faded - 1.0, at(160), &settings) && !budget.allows(faded + 1.0, at(160), &settings));
    }

    #[test]
    fn an_idle_endpoint_may_retry_three_times_in_ten_seconds() {
        let settings = RetrySettings::default();
        let mut budget = RetryBudget::default();
        for _ in 0..3 {
            assert!(budget.allows(9.0, at(100), &settings));
            budget.charge(9.0, at(100), &settings);
        }
        assert!(!budget.allows(9.0, at(109), &settings));
        assert!(budget.allows(9.0, at(110), &settings));
    }

    #[test]
    fn five_failures_end_retries_and_ten_successes_bring_one_back() {
        let settings = RetrySettings::default();
        let mut budget = RetryBudget::default();
        for _ in 0..4 {
            budget.fail(&settings);
        }
        assert!(budget.allows(1.0, at(100), &settings));
        budget.fail(&settings);
        assert!(!budget.allows(1.0, at(100), &settings));
        budget.succeed(&settings);
        assert!(budget.allows(1.0, at(100), &settings));
    }
}
