//! Which deployments may serve a demand now, and why the others may not.

use std::time::Duration;

use crate::breaker::Passage;
use crate::catalog::{Catalog, DeploymentId, Limits, ModelId, Target};
use crate::cooldown::{KeyPassage, KeyState};
use crate::cost;
use crate::demand::Demand;
use crate::instant::Instant;
use crate::router::state::{DeploymentState, EndpointState};

/// Why a deployment may not be chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exclusion {
    /// The caller's key may not use it.
    NotAllowed,
    /// The model cannot do what is needed; the first need it lacks.
    Capability(&'static str),
    /// The request does not fit its context window, or one as small refused it in this exchange.
    Window,
    /// Its weight is 0.
    NoWeight,
    /// The schedule leaves it out at this hour.
    OffDuty,
    /// It computes in none of the regions that the pool allows.
    Region,
    /// Its price is above what the pool allows.
    Price,
    /// The payer cannot spend what it might cost.
    Unaffordable,
    /// The request cannot be said in its dialect, or not without leaving out what the caller will not go without.
    Dialect,
    /// It cannot carry on the answer that broke off.
    Continuation,
    /// There is no access token to show it.
    NoToken,
    /// Its time to first content is above what the pool allows.
    TooSlow,
    /// Too little is left of the balance behind its key.
    UpstreamBalance,
    /// It is set aside until then, for a reason that does not pass by itself within moments.
    Dead {
        /// What is the matter.
        why: DeadReason,
        /// When it is tried again.
        until: Instant,
    },
    /// It asked to be left alone until then.
    Cooling {
        /// When it is asked again.
        until: Instant,
    },
    /// The breaker of the deployment is open until then.
    BreakerOpen {
        /// When it is probed.
        until: Instant,
    },
    /// The breaker of its endpoint is open until then.
    EndpointOpen {
        /// When it is probed.
        until: Instant,
    },
    /// Another request is testing it.
    Probing,
    /// It has as many requests in flight as it can take.
    Busy,
    /// It was tried in this exchange.
    Tried,
}

/// What sets a deployment aside for long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DeadReason {
    /// Its key was rejected.
    KeyRejected,
    /// The account behind its key is empty.
    KeyEmpty,
    /// The long quota of its key is used up.
    QuotaWindow,
    /// It does not exist at the upstream.
    Missing,
}

impl DeadReason {
    /// As records and the operator's pages write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::KeyRejected => "key_rejected",
            Self::KeyEmpty => "key_empty",
            Self::QuotaWindow => "quota_window",
            Self::Missing => "missing",
        }
    }
}

impl Exclusion {
    /// Whether it holds for this demand whatever the time.
    pub(crate) fn is_lasting(self) -> bool {
        match self {
            Self::NotAllowed
            | Self::Capability(_)
            | Self::Window
            | Self::NoWeight
            | Self::OffDuty
            | Self::Region
            | Self::Price
            | Self::Unaffordable
            | Self::Dialect
            | Self::Continuation
            | Self::NoToken => true,
            Self::TooSlow
            | Self::UpstreamBalance
            | Self::Dead { .. }
            | Self::Cooling { .. }
            | Self::BreakerOpen { .. }
            | Self::EndpointOpen { .. }
            | Self::Probing
            | Self::Busy
            | Self::Tried => false,
        }
    }
}

/// What a demand asks of all that is reached through one target, found once for all of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms<'a> {
    catalog: &'a Catalog,
    demand: &'a Demand,
    target: Target,
    tokens: u64,
    /// Whether a region, a price or the payer's money can exclude anything.
    is_limited: bool,
}

impl<'a> Terms<'a> {
    pub(crate) fn of(catalog: &'a Catalog, demand: &'a Demand, target: Target) -> Self {
        let binds = |limits: &Limits| {
            !limits.regions.is_empty() || limits.input_price.is_some() || limits.output_price.is_some()
        };
        let is_limited = demand.spendable.is_some() || limits(catalog, demand, target).any(binds);
        let tokens = demand.together.unwrap_or_else(|| demand.input_tokens.saturating_add(demand.output_tokens));
        Self { catalog, demand, target, tokens, is_limited }
    }

    /// Judges what the demand alone decides of all deployments of a model.
    pub(crate) fn of_model(&self, id: ModelId) -> Option<Exclusion> {
        let Self { catalog, demand, target, tokens, .. } = *self;
        if let Some(allowed) = &demand.allowed
            && ![demand.target, target, Target::Model(id)].iter().any(|way| allowed.contains(way))
        {
            return Some(Exclusion::NotAllowed);
        }
        let model = catalog.model(id);
        if !model.capabilities.covers(demand.needs) {
            return model.capabilities.missing(demand.needs).next().map(Exclusion::Capability);
        }
        model.context_window.is_some_and(|window| tokens > window).then_some(Exclusion::Window)
    }

    /// Judges what the demand alone decides of one deployment, its hour and its payer included. `weight` = that of the
    /// deployment in the target, which a schedule gave if it `is_scheduled`.
    pub(crate) fn of_deployment(&self, id: DeploymentId, weight: f64, is_scheduled: bool) -> Option<Exclusion> {
        if weight <= 0.0 {
            return Some(if is_scheduled { Exclusion::OffDuty } else { Exclusion::NoWeight });
        }
        if self.is_limited { self.of_limits(id) } else { None }
    }

    fn of_limits(&self, id: DeploymentId) -> Option<Exclusion> {
        let Self { catalog, demand, target, .. } = *self;
        let region = &catalog.deployment(id).region;
        for limits in limits(catalog, demand, target) {
            let regions = &limits.regions;
            if !regions.is_empty() && !region.as_ref().is_some_and(|region| regions.contains(region)) {
                return Some(Exclusion::Region);
            }
            if is_too_dear(limits, demand, id) {
                return Some(Exclusion::Price);
            }
        }
        demand.spendable.filter(|&spendable| held(demand, id) > spendable).map(|_| Exclusion::Unaffordable)
    }
}

/// The limits on what is reached through a target: those of the pool that was asked for, which bind its whole fallback
/// chain, and those of a pool on that chain.
fn limits<'a>(catalog: &'a Catalog, demand: &Demand, target: Target) -> impl Iterator<Item = &'a Limits> + use<'a> {
    let other = Some(target).filter(|&target| target != demand.target);
    [Some(demand.target), other].into_iter().flatten().filter_map(|way| Some(&catalog.as_pool(way)?.limits))
}

/// The longest that its first content may usually take, for what is reached through a target.
pub(crate) fn slowest(catalog: &Catalog, demand: &Demand, target: Target) -> Option<Duration> {
    limits(catalog, demand, target).filter_map(|limits| limits.first_content).min()
}

fn is_too_dear(limits: &Limits, demand: &Demand, id: DeploymentId) -> bool {
    if limits.input_price.is_none() && limits.output_price.is_none() {
        return false;
    }
    let Some(rates) = demand.hour.rate(id).map(|rate| rate.of(demand.input_tokens)) else { return false };
    let exceeds = |price: f64, limit: Option<f64>| limit.is_some_and(|limit| price > limit);
    exceeds(rates.input, limits.input_price) || exceeds(rates.output, limits.output_price)
}

/// Nano-USD that would be set aside for an attempt.
pub(crate) fn held(demand: &Demand, id: DeploymentId) -> f64 {
    let Some(rate) = demand.hour.rate(id) else { return demand.unpriced_held };
    let output = if demand.output_tokens == 0 { OUTPUT_HELD } else { demand.output_tokens.min(OUTPUT_HELD) };
    cost::worst(rate, demand.input_tokens, output) + rate.of_units(&demand.units)
}

/// Tokens of output that there has to be money for before an answer begins, unless fewer were asked for: for less it is
/// not worth beginning. Longer ones are paid for as they come.
const OUTPUT_HELD: u64 = 256;

/// Judges what the state of the deployment, its key and its endpoint decides; `Ok` tells whether it would be a probe.
/// `is_full` = it has as many requests in flight as it can take.
pub(crate) fn of_state(
    deployment: &DeploymentState,
    key: &KeyState,
    endpoint: &EndpointState,
    is_full: bool,
    now: Instant,
) -> Result<bool, Exclusion> {
    if key.is_short() {
        return Err(Exclusion::UpstreamBalance);
    }
    let is_test = match key.passage(now) {
        KeyPassage::Free => false,
        KeyPassage::Test => true,
        KeyPassage::Testing => return Err(Exclusion::Probing),
        KeyPassage::Dead { why, until } => return Err(Exclusion::Dead { why, until }),
    };
    if let Some(until) = deployment.cooldown.ends(now) {
        return Err(Exclusion::Cooling { until });
    }
    if is_full {
        return Err(Exclusion::Busy);
    }
    let is_endpoint_probe = match endpoint.breaker.passage(now) {
        Passage::Free => false,
        Passage::Probe => true,
        Passage::Probing => return Err(Exclusion::Probing),
        Passage::Shut { until } => return Err(Exclusion::EndpointOpen { until }),
    };
    let is_own_probe = match deployment.breaker.passage(now) {
        Passage::Free => false,
        Passage::Probe => true,
        Passage::Probing => return Err(Exclusion::Probing),
        Passage::Shut { until } => return Err(Exclusion::BreakerOpen { until }),
    };
    // Last, so that nothing else stands in the way of one that is missing: it may be a last resort.
    match deployment.missing.ends(now) {
        Some(until) => Err(Exclusion::Dead { why: DeadReason::Missing, until }),
        None => Ok(is_test || is_endpoint_probe || is_own_probe),
    }
}
