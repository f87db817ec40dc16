//! Asks for the access tokens of providers that take them, and renews them, so that no request has to.

use std::{sync::Arc, time::Duration};

use tokio::{sync::watch, time::sleep};

use crate::{
    exchange::{Gateway, Snapshot},
    telemetry::events,
    upstream::Upstream,
};

/// How often it is seen whether something is due, or the configuration another one.
const LOOK: Duration = Duration::from_millis(500);

/// Renews until the gateway stops.
pub(super) async fn follow(gateway: &Gateway, mut stopped: watch::Receiver<bool>) {
    let upstream = Upstream::new();
    tokio::select! {
        () = renew(gateway, &upstream) => {}
        () = upstream.sweep() => {}
        _ = stopped.wait_for(|stopped| *stopped) => {}
    }
}

async fn renew(gateway: &Gateway, upstream: &Upstream) {
    let mut known: Option<Arc<Snapshot>> = None;
    loop {
        let snapshot = gateway.snapshot.load_full();
        if let Some(known) = known.filter(|known| !Arc::ptr_eq(known, &snapshot)) {
            for (source, older) in snapshot
                .token_sources
                .iter()
                .flat_map(|source| known.token_sources.iter().map(move |older| (source, older)))
            {
                source.adopt(older);
            }
        }
        for source in snapshot.token_sources.iter().filter(|source| source.is_due()) {
            match source.renew(upstream).await {
                Ok(()) => {}
                Err(fault) => events::no_access_token(source.provider(), &fault.to_string()),
            }
        }
        known = Some(snapshot);
        sleep(LOOK).await;
    }
}
