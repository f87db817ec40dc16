//! What Prometheus reads.

use std::sync::Arc;

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::header::CONTENT_TYPE;
use roundelay_routing::{BreakerState, DeploymentHealth, Instant};

use super::{balances, desk::Desk, health, readiness};
use crate::{
    exchange::Snapshot,
    telemetry::{DeploymentView, Metrics, RenderInputs},
};

pub(super) async fn get(State(desk): State<Arc<Desk>>) -> Response {
    let ready = readiness::reasons(&desk).await.is_empty();
    let text = desk.gateway.metrics.render(inputs(&desk, ready));
    ([(CONTENT_TYPE, Metrics::CONTENT_TYPE)], text).into_response()
}

fn inputs(desk: &Desk, ready: bool) -> RenderInputs {
    let (snapshot, health, now) = health::look(desk);
    let faults = desk.gateway.recorder.faults();
    let (config_reloads_ok, config_reloads_failed) = desk.reload.reloads();
    RenderInputs {
        deployments: health.iter().map(|health| view(&snapshot, health, now)).collect(),
        balances: balances::views(desk, &snapshot),
        records_queued: desk.gateway.recorder.queued(),
        records_dropped: faults.dropped,
        journal_faults: faults.journal + faults.store + faults.refused,
        connections: desk.gateway.connections.running() as u64,
        uptime_seconds: now.since_start().as_secs_f64(),
        ready,
        config_reloads_ok,
        config_reloads_failed,
        version: env!("CARGO_PKG_VERSION"),
    }
}

fn view(snapshot: &Snapshot, health: &DeploymentHealth, now: Instant) -> DeploymentView {
    DeploymentView {
        name: Arc::clone(&health.name),
        provider: Arc::clone(&snapshot.deployment(health.deployment).provider),
        breaker: severity(health.breaker).max(severity(health.endpoint_breaker)),
        cooling_seconds: health::left_alone_for(health, now).as_secs_f64(),
        in_flight: health.in_flight,
        concurrency_limit: health.concurrency_limit,
        effective_weight: health.effective_weight,
        success_ratio: health.success_ratio,
    }
}

fn severity(state: BreakerState) -> u8 {
    match state {
        BreakerState::Closed => 0,
        BreakerState::HalfOpen => 1,
        BreakerState::Open => 2,
    }
}
