//! Which deployments may serve a demand now, and why the others may not.

use crate::breaker::Passage;
use crate::catalog::{Catalog, DeploymentId, Target};
use crate::cooldown::{KeyPassage, KeyState};
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
        matches!(self, Self::NotAllowed | Self::Capability(_) | Self::Window | Self::NoWeight)
    }
}

/// Judges what the demand alone decides. `stage` is the target through which the deployment was reached.
pub(crate) fn of_demand(
    catalog: &Catalog,
    demand: &Demand,
    stage: Target,
    id: DeploymentId,
    member_weight: f64,
) -> Option<Exclusion> {
    let deployment = catalog.deployment(id);
    let model = catalog.model(deployment.model);
    if let Some(allowed) = &demand.allowed {
        let ways = [demand.target, stage, Target::Model(deployment.model)];
        if !ways.iter().any(|way| allowed.contains(way)) {
            return Some(Exclusion::NotAllowed);
        }
    }
    if let Some(missing) = model.capabilities.missing(demand.needs).next() {
        return Some(Exclusion::Capability(missing));
    }
    let tokens = demand.input_tokens.saturating_add(demand.output_tokens);
    if model.context_window.is_some_and(|window| tokens > window) {
        return Some(Exclusion::Window);
    }
    (member_weight * deployment.weight <= 0.0).then_some(Exclusion::NoWeight)
}

/// Judges what the state of the deployment, its key and its endpoint decides; `Ok` tells whether it would be a probe.
pub(crate) fn of_state(
    deployment: &DeploymentState,
    key: &KeyState,
    endpoint: &EndpointState,
    concurrency_max: u32,
    now: Instant,
) -> Result<bool, Exclusion> {
    let is_test = match key.passage(now) {
        KeyPassage::Free => false,
        KeyPassage::Test => true,
        KeyPassage::Testing => return Err(Exclusion::Probing),
        KeyPassage::Dead { why, until } => return Err(Exclusion::Dead { why, until }),
    };
    if let Some(until) = deployment.cooldown.ends(now) {
        return Err(Exclusion::Cooling { until });
    }
    if deployment.limiter.is_full(concurrency_max) {
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
