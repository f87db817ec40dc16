//! Keeps retries from adding to what an endpoint suffers.
//!
//! A retry where the exchange has been before must find gRPC's counter above half and a token in the bucket. A fallback is
//! charged to the endpoint that receives it and never refused: to that endpoint it is a first attempt.

use crate::instant::Instant;
use crate::settings::RetrySettings;

/// What an endpoint can still take in retries.
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
    pub(crate) fn first_attempt(&mut self, now: Instant, settings: &RetrySettings) {
        self.earned = self.earned(now, settings) + settings.share;
        self.earned_at = now;
    }

    pub(crate) fn succeed(&mut self, settings: &RetrySettings) {
        self.missing = (self.missing - settings.counter_ratio).max(0.0);
    }

    pub(crate) fn fail(&mut self, settings: &RetrySettings) {
        self.missing = (self.missing + 1.0).min(settings.counter_max);
    }

    pub(crate) fn allows(&self, now: Instant, settings: &RetrySettings) -> bool {
        let is_well = self.missing < settings.counter_max / 2.0;
        is_well && (self.earned(now, settings) >= 1.0 || self.reserve_used(now, settings) < settings.reserve)
    }

    pub(crate) fn charge(&mut self, now: Instant, settings: &RetrySettings) {
        let earned = self.earned(now, settings);
        if earned >= 1.0 {
            self.earned = earned - 1.0;
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
