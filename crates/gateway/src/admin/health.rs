//! How every deployment is doing, as routing sees it.

use std::{sync::Arc, time::Duration};

use axum::{Json, extract::State};
use roundelay_routing::{BreakerState, DeploymentHealth, Instant};
use serde_json::{Value, json};

use super::{
    balances,
    desk::{Answer, Desk},
};
use crate::exchange::Snapshot;

pub(super) async fn get(State(desk): State<Arc<Desk>>) -> Answer {
    let (snapshot, health, now) = look(&desk);
    Ok(Json(health.iter().map(|health| describe(&desk, &snapshot, health, now)).collect()))
}

/// The health of this moment, and the configuration it speaks of.
pub(super) fn look(desk: &Desk) -> (Arc<Snapshot>, Vec<DeploymentHealth>, Instant) {
    let gateway = &desk.gateway;
    let snapshot = gateway.snapshot.load_full();
    let now = gateway.clock.now();
    let health = gateway.router().health(&snapshot.catalog, now);
    (snapshot, health, now)
}

/// Whether a request could go there now.
pub(super) fn is_usable(desk: &Desk, snapshot: &Snapshot, health: &DeploymentHealth) -> bool {
    let is_well = health.open_until.is_none() && health.cooldown_until.is_none() && health.dead_until.is_none();
    is_well && balances::has_enough(desk, snapshot, &snapshot.catalog.deployment(health.deployment).key_name)
}

/// Until when it is left alone, whatever for.
pub(super) fn left_alone_for(health: &DeploymentHealth, now: Instant) -> Duration {
    let dead = health.dead_until.map(|(until, _)| until);
    let until = [health.open_until, health.cooldown_until, dead].into_iter().flatten().max();
    until.map_or(Duration::ZERO, |until| until.saturating_duration_since(now))
}

fn describe(desk: &Desk, snapshot: &Snapshot, health: &DeploymentHealth, now: Instant) -> Value {
    let deployment = snapshot.deployment(health.deployment);
    let key = &snapshot.catalog.deployment(health.deployment).key_name;
    let wait_ms = |until: Instant| milliseconds(until.saturating_duration_since(now));
    json!({
        "name": &*health.name,
        "provider": &*deployment.provider,
        "model": &*deployment.model,
        "usable": is_usable(desk, snapshot, health),
        "breaker": breaker_name(health.breaker),
        "endpoint_breaker": breaker_name(health.endpoint_breaker),
        "open_for_ms": health.open_until.map(wait_ms),
        "cooling_for_ms": health.cooldown_until.map(wait_ms),
        "dead": health.dead_until.map(|(until, why)| json!({ "reason": why.name(), "for_ms": wait_ms(until) })),
        "in_flight": health.in_flight,
        "concurrency_limit": health.concurrency_limit,
        "effective_weight": health.effective_weight,
        "success_ratio": health.success_ratio,
        "mid_stream_ratio": health.mid_stream_ratio,
        "balance_usd": balances::usd_of(desk, snapshot, key),
        "first_content_ms": health.first_content.map(milliseconds),
    })
}

fn breaker_name(state: BreakerState) -> &'static str {
    match state {
        BreakerState::Closed => "closed",
        BreakerState::HalfOpen => "half_open",
        BreakerState::Open => "open",
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
