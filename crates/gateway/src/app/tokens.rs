//! Asks for the access tokens of providers that take them, and renews them, so that no request has to.

use std::{collections::HashMap, sync::Arc, time::Duration};

use tokio::{sync::watch, task::JoinSet, time::sleep};

use crate::{
    exchange::Gateway,
    telemetry::events,
    upstream::{TokenFault, TokenSource, Upstream},
};

/// How often it is seen whether something is due, or the configuration another one.
const LOOK: Duration = Duration::from_millis(500);

/// Renews until the gateway stops.
pub(super) async fn follow(gateway: &Gateway, mut stopped: watch::Receiver<bool>) {
    let upstream = Arc::new(Upstream::new());
    let mut renewal = Renewal::default();
    tokio::select! {
        () = renewal.run(gateway, &upstream) => {}
        () = upstream.sweep() => {}
        _ = stopped.wait_for(|stopped| *stopped) => {}
    }
}

#[derive(Default)]
struct Renewal {
    /// Those that are being asked, so that a slow one keeps no other waiting.
    asked: Vec<Arc<TokenSource>>,
    /// What the log was told of each provider that gets no token.
    told: HashMap<String, TokenFault>,
}

impl Renewal {
    async fn run(&mut self, gateway: &Gateway, upstream: &Arc<Upstream>) {
        // Dropped with this future, it ends what is under way.
        let mut asking = JoinSet::new();
        loop {
            let snapshot = gateway.snapshot.load_full();
            for source in &snapshot.token_sources {
                if source.is_due() && !self.asked.iter().any(|asked| Arc::ptr_eq(asked, source)) {
                    self.asked.push(Arc::clone(source));
                    let (source, upstream) = (Arc::clone(source), Arc::clone(upstream));
                    asking.spawn(async move {
                        let renewed = source.renew(&upstream).await;
                        (source, renewed)
                    });
                }
            }
            tokio::select! {
                () = sleep(LOOK) => {}
                Some(ended) = asking.join_next() => match ended {
                    Ok((source, renewed)) => {
                        self.asked.retain(|asked| !Arc::ptr_eq(asked, &source));
                        self.tell(&source, renewed);
                    }
                    Err(fault) => {
                        tracing::error!(%fault, "the renewal of an access token ended in a panic");
                        self.asked.clear();
                    }
                }
            }
        }
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
