//! Tells the log what happens to deployments: breakers that open and close, keys that are set aside.
//!
//! The router decides within a request and must not wait for a log; so its state is looked at once a second instead.

use std::{collections::HashMap, sync::Arc, time::Duration};

use roundelay_routing::{BreakerState, DeadReason, DeploymentHealth};
use tokio::{sync::watch, time::sleep};

use crate::{exchange::Gateway, telemetry::events};

const LOOK: Duration = Duration::from_secs(1);

/// What of a deployment's health is worth a line when it changes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Seen {
    is_open: bool,
    dead: Option<DeadReason>,
}

/// Watches until the gateway stops.
pub(super) async fn follow(gateway: &Gateway, mut stopped: watch::Receiver<bool>) {
    let mut known: HashMap<Arc<str>, Seen> = HashMap::new();
    loop {
        tokio::select! {
            () = sleep(LOOK) => {}
            _ = stopped.wait_for(|stopped| *stopped) => return,
        }
        let snapshot = gateway.snapshot.load();
        let health = gateway.router().health(&snapshot.catalog, gateway.clock.now());
        // Deployments that a reload has removed are forgotten with the map.
        known = health.into_iter().map(|health| compare(&known, health)).collect();
    }
}

fn compare(known: &HashMap<Arc<str>, Seen>, health: DeploymentHealth) -> (Arc<str>, Seen) {
    let before = known.get(&health.name).copied().unwrap_or_default();
    let is_open = [health.breaker, health.endpoint_breaker].contains(&BreakerState::Open);
    let is_closed = [health.breaker, health.endpoint_breaker] == [BreakerState::Closed; 2];
    // A probe that fails and opens the breaker again is no news.
    let seen = Seen { is_open: is_open || before.is_open && !is_closed, dead: health.dead_until.map(|(_, why)| why) };
    match (before.is_open, seen.is_open) {
        (false, true) => events::breaker_opened(&health.name),
        (true, false) => events::breaker_closed(&health.name),
        _ => {}
    }
    if let Some(why) = seen.dead.filter(|why| before.dead != Some(*why)) {
        events::key_set_aside(&health.name, reason(why));
    }
    (health.name, seen)
}

fn reason(why: DeadReason) -> &'static str {
    match why {
        DeadReason::KeyRejected => "the provider refused the key: replace it in the configuration",
        DeadReason::KeyEmpty => "the account behind the key has no credit left: top it up",
        DeadReason::QuotaWindow => "the quota of the key is used up until its next window",
        DeadReason::Missing => "the provider has no such model: correct the deployment",
    }
}
