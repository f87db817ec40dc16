//! One exchange's way through its candidates.

use std::sync::Arc;

use crate::catalog::{Catalog, DeploymentId, ModelId, Target};
use crate::decision::{AffinityUse, AttemptRecord, Decision};
use crate::demand::Demand;
use crate::instant::Instant;
use crate::outcome::{Ending, Fault, FaultKind, Outcome};
use crate::router::Router;

pub(crate) mod draw;
mod last_resort;
mod learn;

/// What to do now.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Step {
    /// Dispatch this, then report its outcome exactly once.
    Attempt(Attempt),
    /// Ask again at this instant, which is before the deadline.
    Wait(Instant),
    /// Give up.
    Stop(Stop),
}

/// One dispatch to one deployment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Unique in its router.
    pub id: u64,
    /// Where to.
    pub deployment: DeploymentId,
    /// The model there.
    pub model: ModelId,
    /// Counts the attempts of the exchange from 1.
    pub number: u32,
    /// Why it is made.
    pub kind: AttemptKind,
    /// Whether it tests a deployment that had been set aside.
    pub is_probe: bool,
}

/// Why an attempt is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AttemptKind {
    /// The first of its exchange.
    First,
    /// The same deployment again.
    Retry,
    /// Another deployment.
    Fallback,
}

/// Why no further attempt is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stop {
    /// What stands in the way.
    pub reason: StopReason,
    /// The earliest instant at which something that could serve reopens.
    pub retry_at: Option<Instant>,
}

/// What stands in the way of another attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StopReason {
    /// The request is at fault.
    CallerAtFault,
    /// No candidate has a larger window than the one that refused.
    TooLong,
    /// The attempts, the uncertain replays or the candidates of the exchange are used up, or it has ended.
    AttemptsSpent,
    /// The deadline has passed, or the next wait would.
    DeadlinePassed,
    /// Retries are not allowed, or the budget for them is spent.
    RetriesRefused,
    /// Every candidate was asked to be left alone or has an open breaker.
    AllCooling,
    /// Every candidate has a dead key, an empty account or does not exist.
    AllDead,
    /// No candidate may or can serve this demand at all.
    NoneEligible,
    /// Every candidate has as many requests in flight as it can take.
    Busy,
}

/// What was decided after a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MovedOn {
    /// The same deployment again, not before this instant.
    Same(Instant),
    /// Another deployment.
    Next,
    /// Another deployment, or if there is none the same, not before this instant.
    NextOrSame(Instant),
    /// Nothing more.
    Stop(StopReason),
}

/// One exchange's way through its candidates.
///
/// Built for every request, so it holds the target's candidates and nothing of the rest of the catalog.
#[derive(Debug)]
pub struct Plan {
    catalog: Arc<Catalog>,
    demand: Demand,
    decision: Decision,
    /// The target and, once it is exhausted, its whole fallback chain in order.
    stages: Vec<Target>,
    /// Where the candidates of each opened stage begin.
    begins: Vec<usize>,
    intent: Intent,
    /// The attempt whose outcome is not known.
    awaited: Option<u64>,
    retries: u32,
    uncertain_replays: u32,
    /// The largest window that refused the input; `Some(u64::MAX)` if it is not known.
    refused_window: Option<u64>,
    last_fault: Option<FaultKind>,
    is_retry_refused: bool,
    /// Until when this exchange may wait for something to reopen, and for a place.
    patience: Option<Instant>,
    queue_patience: Option<Instant>,
}

/// What the last failure asks for.
#[derive(Clone, Copy, Debug)]
enum Intent {
    Draw,
    Same { deployment: DeploymentId, at: Instant },
    DrawOrSame { deployment: DeploymentId, at: Instant },
    Stop(StopReason),
}

impl Plan {
    pub(crate) fn new(catalog: Arc<Catalog>, demand: Demand) -> Self {
        let target = demand.target;
        let strategy = catalog.strategy(target);
        Self {
            catalog,
            demand,
            decision: Decision {
                target,
                strategy,
                affinity: AffinityUse::NoConversation,
                candidates: Vec::new(),
                attempts: Vec::new(),
                stop: None,
            },
            stages: vec![target],
            begins: Vec::new(),
            intent: Intent::Draw,
            awaited: None,
            retries: 0,
            uncertain_replays: 0,
            refused_window: None,
            last_fault: None,
            is_retry_refused: false,
            patience: None,
            queue_patience: None,
        }
    }

    /// Chooses what to do now. Call after each report, and after each wait.
    ///
    /// Ends: there are finitely many attempts, and every wait ends before the deadline. Asking while an attempt is
    /// unreported gives that attempt up as one whose work may have been done.
    #[must_use]
    pub fn next(&mut self, router: &mut Router, now: Instant) -> Step {
        if let Some(stop) = self.decision.stop {
            return Step::Stop(stop);
        }
        if self.awaited.take().is_some() {
            self.learn(router, &Fault::new(FaultKind::Reset), now);
        }
        if let Intent::Stop(reason) = self.intent {
            return self.stop(router, reason, now);
        }
        if now >= self.demand.deadline {
            return self.stop(router, StopReason::DeadlinePassed, now);
        }
        if let Intent::Same { deployment, at } = self.intent {
            if now < at {
                return Step::Wait(at);
            }
            if self.is_usable(router, deployment, now) {
                return self.dispatch(router, deployment, AttemptKind::Retry, now);
            }
            self.intent = Intent::Draw;
        }
        if let Some(deployment) = self.draw(router, now) {
            let kind = if self.is_first() { AttemptKind::First } else { AttemptKind::Fallback };
            return self.dispatch(router, deployment, kind, now);
        }
        if let Intent::DrawOrSame { deployment, at } = self.intent {
            if now < at {
                return Step::Wait(at);
            }
            self.intent = Intent::Draw;
            if self.is_usable(router, deployment, now) {
                return self.dispatch(router, deployment, AttemptKind::Retry, now);
            }
        }
        self.last_resort(router, now)
    }

    /// Tells the router how an attempt ended, and learns from it what to do next.
    pub fn report(&mut self, router: &mut Router, attempt: &Attempt, outcome: &Outcome, now: Instant) {
        let was_committed = router.settle(attempt.id, outcome, now).unwrap_or(false);
        if self.awaited != Some(attempt.id) {
            return;
        }
        self.awaited = None;
        if let Some(record) = self.decision.attempts.last_mut() {
            record.ending = Some(Ending::from(outcome));
        }
        match outcome {
            Outcome::Failure(fault) if !was_committed => self.learn(router, fault, now),
            Outcome::Failure(_) | Outcome::Success { .. } | Outcome::Abandoned | Outcome::MidStream => {
                self.intent = Intent::Stop(StopReason::AttemptsSpent);
            }
        }
    }

    /// Why the exchange went where it went, so far.
    pub fn decision(&self) -> &Decision {
        &self.decision
    }

    /// Gives the record away at the end of the exchange.
    pub fn into_decision(self) -> Decision {
        self.decision
    }

    fn is_first(&self) -> bool {
        self.decision.attempts.is_empty()
    }

    fn attempts_left(&self) -> bool {
        self.decision.attempts.len() < self.catalog.attempts(self.demand.target) as usize
    }

    fn is_usable(&self, router: &mut Router, deployment: DeploymentId, now: Instant) -> bool {
        router.pass_time(self.catalog.slots(deployment), now);
        router.judge(&self.catalog, deployment, now).is_ok()
    }

    fn dispatch(&mut self, router: &mut Router, deployment: DeploymentId, kind: AttemptKind, now: Instant) -> Step {
        let slots = self.catalog.slots(deployment);
        router.pass_time(slots, now);
        // A last resort passes though the judgement is no; it is a probe too.
        let is_probe = router.judge(&self.catalog, deployment, now).unwrap_or(true);
        let is_alone = is_probe && self.is_alone(router, deployment, now);
        let budget = &mut router.endpoints.at_mut(slots.endpoint).budget;
        match kind {
            AttemptKind::First => budget.first_attempt(now, &router.settings.retry),
            AttemptKind::Retry | AttemptKind::Fallback => {
                budget.charge(now, &router.settings.retry);
            }
        }
        self.retries += u32::from(kind == AttemptKind::Retry);
        let conversation = self.demand.conversation.map(|conversation| conversation.id);
        let id = router.depart(slots, conversation, self.demand.deadline, is_alone, now);
        let model = self.catalog.deployment(deployment).model;
        let record =
            AttemptRecord { id, deployment, model, kind, is_probe, started: now, ending: None, moved_on: None };
        self.decision.attempts.push(record);
        self.awaited = Some(id);
        self.intent = Intent::Draw;
        let number = u32::try_from(self.decision.attempts.len()).expect("attempts are counted in a u32");
        Step::Attempt(Attempt { id, deployment, model, number, kind, is_probe })
    }

    fn stop(&mut self, router: &mut Router, reason: StopReason, now: Instant) -> Step {
        let stop = Stop { reason, retry_at: self.survey(router, now).reopens };
        self.decision.stop = Some(stop);
        Step::Stop(stop)
    }
}
