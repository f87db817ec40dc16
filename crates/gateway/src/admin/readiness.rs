//! Whether requests are welcome, and if not, why.

use std::{
    sync::{Arc, PoisonError},
    time::Duration,
};

use axum::{Json, extract::State};
use http::StatusCode;
use roundelay_routing::Instant;
use serde_json::{Value, json};

use super::{
    desk::{Desk, blocking},
    health,
};

pub(super) async fn get(State(desk): State<Arc<Desk>>) -> (StatusCode, Json<Value>) {
    let reasons = reasons(&desk).await;
    let status = if reasons.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let warnings: Vec<String> = no_deployment(&desk).into_iter().chain(no_token(&desk)).collect();
    (status, Json(json!({ "ready": reasons.is_empty(), "reasons": reasons, "warnings": warnings })))
}

/// That no deployment can be used now, if that is so. It is no reason against requests: the next ones find out whether a
/// deployment is back, and a gateway that gets none would never know.
fn no_deployment(desk: &Desk) -> Option<String> {
    let (snapshot, deployments, _) = health::look(desk);
    let count = deployments.len();
    let is_any_usable = deployments.iter().any(|health| health::is_usable(desk, &snapshot, health));
    (!is_any_usable).then(|| format!("none of {count} deployments can be used now; `/admin/deployments` says why"))
}

/// The providers whose credentials bring no access token now. Why that is, whoever gives them out says in words that are
/// the log's alone.
fn no_token(desk: &Desk) -> Vec<String> {
    let snapshot = desk.gateway.snapshot.load();
    let without = snapshot.token_sources.iter().filter(|source| source.is_without());
    without
        .map(|source| format!("the provider `{}` is given no access token; the log says why", source.provider()))
        .collect()
}

/// Why requests are not welcome now; empty when they are.
pub(super) async fn reasons(desk: &Arc<Desk>) -> Vec<String> {
    let mut reasons = Vec::new();
    if desk.is_draining() {
        reasons.push("the gateway is stopping and takes no new requests".to_owned());
    }
    let store = desk.store.clone();
    let checked = blocking(move || {
        store.counts()?;
        Ok(store.check_file().err())
    });
    match checked.await {
        Ok(None) => {}
        Ok(Some(fault)) => reasons.push(fault.to_string()),
        Err(fault) => reasons.push(format!("the store cannot be read: {fault}")),
    }
    let faults = desk.gateway.recorder.faults();
    let mut watch = desk.journal.lock().unwrap_or_else(PoisonError::into_inner);
    let count = faults.journal + faults.store + faults.dropped + faults.refused;
    if watch.is_failing(count, desk.gateway.clock.now()) {
        reasons.push("records could not be written in the last half minute".to_owned());
    }
    reasons
}

/// Turns a count of faults since the start into whether there were any lately.
#[derive(Debug, Default)]
pub(super) struct JournalWatch {
    seen: u64,
    grew: Option<Instant>,
}

impl JournalWatch {
    /// Hears of the count as often as somebody asks, and says whether it grew within the last 30 seconds.
    fn is_failing(&mut self, faults: u64, now: Instant) -> bool {
        if faults > self.seen {
            self.seen = faults;
            self.grew = Some(now);
        }
        self.grew.is_some_and(|grew| now.saturating_duration_since(grew) < LATELY)
    }
}

/// Three looks of a monitor that asks every ten seconds.
const LATELY: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::{Duration, Instant, JournalWatch};

    #[test]
    fn faults_are_forgiven_half_a_minute_after_the_last() {
        let at = |seconds| Instant::from_start(Duration::from_secs(seconds));
        let mut watch = JournalWatch::default();
        assert!(!watch.is_failing(0, at(0)));
        assert!(watch.is_failing(1, at(10)));
        assert!(watch.is_failing(2, at(35)));
        assert!(watch.is_failing(2, at(64)));
        assert!(!watch.is_failing(2, at(65)));
        assert!(watch.is_failing(3, at(500)));
    }
}
