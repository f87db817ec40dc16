//! An attempt under way: counted by the router, and written into the record, until it lands.

use std::{
    sync::{
        OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use roundelay_routing::{Attempt, AttemptKind, Outcome, Plan};
use tokio::time::Instant;

use super::{call::Call, draft::Draft, gateway::Gateway, outcome::Failed, snapshot::Deployment};

/// An attempt that the router counts as in flight. Dropped before it landed, it is given back as abandoned.
///
/// All of it can be used while the attempt's own future holds on to it: of two attempts side by side one may have to
/// land while the other goes on.
#[derive(Debug)]
pub(super) struct Flight<'a> {
    pub(super) gateway: &'a Gateway,
    pub(super) deployment: &'a Deployment,
    pub(super) began: Instant,
    attempt: Attempt,
    heard: OnceLock<Heard>,
    has_landed: AtomicBool,
}

/// The head of an upstream's answer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Heard {
    pub(super) status: u16,
    /// Since the attempt began.
    pub(super) after: Duration,
}

impl<'a> Flight<'a> {
    pub(super) fn begin(gateway: &'a Gateway, call: &'a Call, attempt: Attempt, draft: &mut Draft) -> Self {
        let flight = Self {
            gateway,
            deployment: call.snapshot.deployment(attempt.deployment),
            began: Instant::now(),
            attempt,
            heard: OnceLock::new(),
            has_landed: AtomicBool::new(false),
        };
        draft.attempt_begins(&flight);
        flight
    }

    pub(super) fn number(&self) -> u32 {
        self.attempt.number
    }

    pub(super) fn kind(&self) -> AttemptKind {
        self.attempt.kind
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// Notes that the head of the answer is here.
    pub(super) fn hear(&self, status: u16) {
        self.heard.get_or_init(|| Heard { status, after: self.elapsed() });
    }

    pub(super) fn heard(&self) -> Option<Heard> {
        self.heard.get().copied()
    }

    pub(super) fn has_landed(&self) -> bool {
        self.has_landed.load(Ordering::Relaxed)
    }

    /// Says that content is here: its beginning where it is streamed, else all of it.
    pub(super) fn commit(&self, draft: &mut Draft, is_streamed: bool) {
        draft.content_begins(self);
        let first_content = is_streamed.then(|| self.elapsed());
        self.gateway.router().commit(&self.attempt, first_content, self.gateway.clock.now());
    }

    /// Ends an attempt that brought nothing.
    pub(super) fn fail(&self, plan: &mut Plan, draft: &mut Draft, failed: &Failed) {
        let fault = failed.fault(self.deployment.is_open());
        self.land(plan, draft, failed.failure.class.name(), &Outcome::Failure(fault));
    }

    /// Ends an attempt: the record and the metrics say `name`, and the plan learns where to go next.
    pub(super) fn land(&self, plan: &mut Plan, draft: &mut Draft, name: &'static str, outcome: &Outcome) {
        self.has_landed.store(true, Ordering::Relaxed);
        draft.attempt_ends(self, name);
        plan.report(&mut self.gateway.router(), &self.attempt, outcome, self.gateway.clock.now());
    }
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        if !self.has_landed() {
            self.gateway.router().report(&self.attempt, &Outcome::Abandoned, self.gateway.clock.now());
        }
    }
}
