//! Asks for the access tokens of providers that take them, and renews them, so that no request has to.

use std::{collections::HashMap, sync::Arc, time::Duration};

use tokio::{sync::watch, time::sleep};

use crate::{
    exchange::{Gateway, Snapshot},
    telemetry::events,
    upstream::{TokenFault, TokenSource, Upstream},
};

/// How often it is seen whether something is due, or the configuration another one.
const LOOK: Duration = Duration::from_millis(500);

/// Renews until the gateway stops.
pub(super) async fn follow(gateway: &Gateway, mut stopped: watch::Receiver<bool>) {
    let upstream = Upstream::new();
    let mut renewal = Renewal::default();
    tokio::select! {
        () = renewal.run(gateway, &upstream) => {}
        () = upstream.sweep() => {}
        _ = stopped.wait_for(|stopped| *stopped) => {}
    }
}

#[derive(Default)]
struct Renewal {
    snapshot: Option<Arc<Snapshot>>,
    /// What the log was told of each provider that gets no token.
    told: HashMap<String, TokenFault>,
}

impl Renewal {
    async fn run(&mut self, gateway: &Gateway, upstream: &Upstream) {
        loop {
            let snapshot = gateway.snapshot.load_full();
            self.follow_reload(&snapshot);
            for source in snapshot.token_sources.iter().filter(|source| source.is_due()) {
                let renewed = source.renew(upstream).await;
                self.tell(source, renewed);
            }
            sleep(LOOK).await;
        }
    }

    /// A token outlives the configuration that it was asked for under.
    fn follow_reload(&mut self, snapshot: &Arc<Snapshot>) {
        if self.snapshot.as_ref().is_some_and(|known| Arc::ptr_eq(known, snapshot)) {
            return;
        }
        for older in self.snapshot.iter().flat_map(|known| &known.token_sources) {
            snapshot.token_sources.iter().for_each(|source| source.adopt(older));
        }
        self.snapshot = Some(Arc::clone(snapshot));
    }

    /// A state that lasts is told once.
    fn tell(&mut self, source: &TokenSource, renewed: Result<(), TokenFault>) {
        match renewed {
            Ok(()) => {
                if self.told.remove(source.provider()).is_some() {
                    events::access_token_again(source.provider());
                }
            }
            Err(fault) if self.told.get(source.provider()) == Some(&fault) => {}
            Err(fault) => {
                events::no_access_token(source.provider(), &fault.to_string());
                self.told.insert(source.provider().to_owned(), fault);
            }
        }
    }
}
