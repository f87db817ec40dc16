//! What is remembered about each deployment and endpoint, found again by name after a reload.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::breaker::{Breaker, BreakerState, Window};
use crate::concurrency::Limiter;
use crate::cooldown::Cooldown;
use crate::cost::CacheHits;
use crate::instant::Instant;
use crate::latency::Latency;
use crate::retry::RetryBudget;
use crate::settings::BreakerSettings;

#[derive(Clone, Debug, Default)]
pub(crate) struct DeploymentState {
    pub(crate) breaker: Breaker,
    pub(crate) cooldown: Cooldown,
    /// Set aside because it does not exist at the upstream.
    pub(crate) missing: Cooldown,
    pub(crate) limiter: Limiter,
    pub(crate) ramp: Option<Ramp>,
    /// When it was, or will be, back after having been set aside.
    pub(crate) back: Option<Instant>,
    /// Whether answers that began were whole.
    pub(crate) mid_stream: Window,
    pub(crate) latency: Latency,
    pub(crate) cache_hits: CacheHits,
}

/// A return to full weight.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ramp {
    pub(crate) from: Instant,
    pub(crate) floor: f64,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct EndpointState {
    pub(crate) breaker: Breaker,
    /// When its breaker last closed.
    pub(crate) back: Option<Instant>,
    pub(crate) budget: RetryBudget,
}

impl DeploymentState {
    /// How far it is back after its breaker closed, and how much of its weight ill health leaves it. Exactly 1 and 1 when
    /// there is nothing to say against it, and while a breaker that is not closed decides.
    pub(crate) fn condition(&self, now: Instant, settings: &BreakerSettings) -> (f64, f64) {
        if self.breaker.state() != BreakerState::Closed {
            return (1.0, 1.0);
        }
        (self.ramp_share(now, settings.slow_start), self.health(now, settings))
    }

    fn ramp_share(&self, now: Instant, length: Duration) -> f64 {
        let Some(ramp) = self.ramp else { return 1.0 };
        let age = now.saturating_duration_since(ramp.from).as_secs_f64();
        let done = (age / length.as_secs_f64().max(1e-3)).min(1.0);
        ramp.floor + (1.0 - ramp.floor) * done
    }

    fn health(&self, now: Instant, settings: &BreakerSettings) -> f64 {
        if self.breaker.window.is_spotless(now, settings.window) {
            return 1.0;
        }
        let (good, bad) = self.breaker.window.totals(now, settings.window);
        let prior = f64::from(settings.health_prior);
        ((f64::from(good) + prior) / (f64::from(good) + f64::from(bad) + prior)).max(settings.health_floor)
    }
}

/// States by name. A name keeps its slot for good, so that what is in flight during a reload finds its own state.
#[derive(Clone, Debug, Default)]
pub(crate) struct Named<T> {
    slots: BTreeMap<Arc<str>, u32>,
    states: Vec<T>,
}

impl<T: Default> Named<T> {
    pub(crate) fn slot(&mut self, name: &Arc<str>) -> u32 {
        if let Some(&slot) = self.slots.get(name) {
            return slot;
        }
        let slot = u32::try_from(self.states.len()).expect("fewer than 2^32 names were ever configured");
        self.states.push(T::default());
        self.slots.insert(name.clone(), slot);
        slot
    }

    pub(crate) fn at(&self, slot: u32) -> &T {
        &self.states[slot as usize]
    }

    pub(crate) fn at_mut(&mut self, slot: u32) -> &mut T {
        &mut self.states[slot as usize]
    }
}
