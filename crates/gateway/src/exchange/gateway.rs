//! What all exchanges share, and what those of one runtime share.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use roundelay_routing::Router;
use tokio::sync::watch;

use super::{
    balances::Balances,
    handover::{Making, Summaries},
    places::Places,
    responses::Responses,
    snapshot::Snapshot,
};
use crate::{
    auth::Keys,
    billing::Billing,
    common::{clock::Clock, tasks::Tasks},
    config,
    journal::{ExchangeIds, Recorder},
    telemetry::Metrics,
    upstream::Upstream,
};

/// The state that all exchanges share. Everything here is reached without waiting.
#[derive(Debug)]
pub struct Gateway {
    /// The callers' side as it was at the start; it does not change with a reload.
    pub server: config::Server,
    /// The configuration in force.
    pub snapshot: ArcSwap<Snapshot>,
    /// Who may ask.
    pub keys: Keys,
    /// Who may spend what.
    pub billing: Billing,
    /// Where finished exchanges go.
    pub recorder: Recorder,
    /// Names for exchanges.
    pub ids: ExchangeIds,
    /// What is left at providers.
    pub balances: Balances,
    /// Responses that conversations go on from.
    pub responses: Responses,
    /// What stands for older turns of conversations.
    pub summaries: Summaries,
    /// Summaries that are being made.
    pub making: Making,
    /// What is counted.
    pub metrics: Metrics,
    /// Callers' connections.
    pub connections: Tasks,
    /// Answers that are read to their end for nobody but the bill.
    pub drains: Places,
    /// Counts of tokens that providers are asked for.
    pub counts: Places,
    /// Sockets that are open for requests.
    pub sockets: Places,
    /// Turns true when exchanges must end at once.
    pub ending: watch::Sender<bool>,
    /// What time it is.
    pub clock: Clock,
    /// Keeps one tenant from guessing another's conversation.
    pub conversation_seed: u64,
    router: Mutex<Router>,
}

impl Gateway {
    /// Joins the parts.
    pub fn new(
        server: config::Server,
        snapshot: Snapshot,
        router: Router,
        (keys, billing): (Keys, Billing),
        recorder: Recorder,
        ids: ExchangeIds,
    ) -> Self {
        let mut seed = [0; 8];
        getrandom::fill(&mut seed).expect("the system gives random bytes");
        Self {
            server,
            snapshot: ArcSwap::from_pointee(snapshot),
            keys,
            billing,
            drains: Places::at_providers(),
            counts: Places::at_providers(),
            sockets: Places::of_sockets(),
            recorder,
            ids,
            balances: Balances::default(),
            responses: Responses::default(),
            summaries: Summaries::default(),
            making: Making::default(),
            metrics: Metrics::new(),
            connections: Tasks::default(),
            ending: watch::Sender::new(false),
            clock: Clock::start(),
            conversation_seed: u64::from_ne_bytes(seed),
            router: Mutex::new(router),
        }
    }

    /// The router, for some microseconds; never across an `await`.
    pub fn router(&self) -> MutexGuard<'_, Router> {
        self.router.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the exchanges of one runtime share.
#[derive(Debug)]
pub struct Worker {
    /// What all share.
    pub gateway: Arc<Gateway>,
    /// Connections to providers.
    pub upstream: Upstream,
    /// The exchanges that run.
    pub tasks: Tasks,
}

impl Worker {
    /// A runtime's own part beside the shared one.
    pub fn new(gateway: Arc<Gateway>) -> Self {
        Self { gateway, upstream: Upstream::new(), tasks: Tasks::default() }
    }
}
