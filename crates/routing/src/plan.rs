//! One exchange's way through its candidates.

use std::sync::Arc;

use crate::catalog::{Catalog, DeploymentId, ModelId, Target};
use crate::cost;
use crate::decision::{AffinityUse, AttemptRecord, Decision};
use crate::demand::{Capabilities, Demand};
use crate::eligibility::Exclusion;
use crate::instant::Instant;
use crate::outcome::{Ending, Fault, FaultKind, Outcome};
use crate::router::measure::bucket;
use crate::router::{Flight, Router};

mod carry_on;
pub(crate) mod draw;
mod hedge;
mod last_resort;
mod learn;
mod reduce;
mod round;

use reduce::HandOver;
pub use reduce::Least;
use round::Round;

/// What to do now.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Step {
    /// Dispatch this, then report its outcome exactly once.
    Attempt(Attempt),
    /// Ask again at this instant, which is before the deadline.
    Wait(Instant),
    /// Nobody who can take the request whole can be asked now or within the wait that is allowed, and somebody else might be asked with less: say with
    /// [`Plan::hand_over`] what it can be cut to, then ask again. At most once an exchange, and only where
    /// [`Demand::may_hand_over`].
    HandOver,
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
    /// It cannot take the conversation whole: at most [`Plan::room`] of it, and not all that it holds.
    pub is_reduced: bool,
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
    /// Another deployment, beside one that has shown nothing yet.
    Hedge,
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
    /// The payer cannot spend what any candidate might cost.
    Unaffordable,
}

impl StopReason {
    /// As records and reports write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::CallerAtFault => "caller_at_fault",
            Self::TooLong => "too_long",
            Self::AttemptsSpent => "attempts_spent",
            Self::DeadlinePassed => "deadline_passed",
            Self::RetriesRefused => "retries_refused",
            Self::AllCooling => "all_cooling",
            Self::AllDead => "all_dead",
            Self::NoneEligible => "none_eligible",
            Self::Busy => "busy",
            Self::Unaffordable => "unaffordable",
        }
    }
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
    /// Nothing yet: the other of two attempts side by side may still answer.
    Other,
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
    /// The attempts whose outcome is not known: one, or two where one is a hedge.
    awaited: [Option<u64>; 2],
    /// Where the conversation is, for a strategy that weighs its cache.
    bound: Option<DeploymentId>,
    /// How many of the attempts were before a wait: what failed then may be asked again.
    forgiven: usize,
    retries: u32,
    uncertain_replays: u32,
    /// The largest window that refused the input; `Some(u64::MAX)` if it is not known.
    refused_window: Option<u64>,
    last_fault: Option<FaultKind>,
    /// Position of the attempt that had it.
    last_failed: Option<usize>,
    is_retry_refused: bool,
    hand_over: HandOver,
    /// What our estimates of this input are of what upstreams count, at most; 1 until one refuses it as too long.
    estimated_share: f64,
    /// Position of an attempt that broke off after content, until somebody asks to carry on.
    broken: Option<usize>,
    /// Once an answer is carried on: what its next model should be able to do.
    prefers: Option<Capabilities>,
    /// Whom the last choice was among.
    round: Round,
    /// Until when this exchange may wait for something to reopen, and for a place.
    patience: Option<Instant>,
    queue_patience: Option<Instant>,
}

const STALE_CONNECTION: Ending = Ending::Failure(FaultKind::ConnectFailed { reused_connection: true });

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
        let strategy = draw::strategy_of(&catalog, &demand, target);
        Self {
            catalog,
            demand,
            decision: Decision {
                target,
                strategy,
                affinity: AffinityUse::NoConversation,
                candidates: Vec::new(),
                draws: Vec::new(),
                attempts: Vec::new(),
                stop: None,
            },
            stages: vec![target],
            begins: Vec::new(),
            intent: Intent::Draw,
            awaited: [None; 2],
            bound: None,
            forgiven: 0,
            retries: 0,
            uncertain_replays: 0,
            refused_window: None,
            last_fault: None,
            last_failed: None,
            is_retry_refused: false,
            hand_over: HandOver::Unasked,
            estimated_share: 1.0,
            broken: None,
            prefers: None,
            round: Round::FIRST,
            patience: None,
            queue_patience: None,
        }
    }

    /// Chooses what to do now. Call after each report, and after each wait.
    ///
    /// Ends: there are finitely many attempts, and every wait ends before the deadline. Asking while an attempt is
    /// unreported gives that attempt (or both of two) up as one whose work may have been done.
    #[must_use]
    pub fn next(&mut self, router: &mut Router, now: Instant) -> Step {
        if let Some(stop) = self.decision.stop {
            return Step::Stop(stop);
        }
        for given_up in std::mem::take(&mut self.awaited).into_iter().flatten() {
            if let Some(position) = self.position(given_up) {
                self.learn(router, position, &Fault::new(FaultKind::Reset), now);
            }
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
            if self.is_reduced(deployment)
                && let Some(whole) = self.draw_whole(router, now)
            {
                return self.dispatch(router, whole, self.kind_of(whole), now);
            }
            if self.is_usable(router, deployment, now) {
                return self.dispatch(router, deployment, AttemptKind::Retry, now);
            }
            self.intent = Intent::Draw;
        }
        if let Some(deployment) = self.draw(router, now) {
            return self.dispatch(router, deployment, self.kind_of(deployment), now);
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
        if self.may_hand_over() {
            if let Some(look) = self.wait_for_whole(router, now) {
                return Step::Wait(look);
            }
            self.hand_over = HandOver::Asked;
            return Step::HandOver;
        }
        self.last_resort(router, now)
    }

    /// Tells the router how an attempt ended, and learns from it what to do next.
    pub fn report(&mut self, router: &mut Router, attempt: &Attempt, outcome: &Outcome, now: Instant) {
        let was_committed = router.settle(attempt.id, outcome, now).unwrap_or(false);
        let Some(place) = self.awaited.iter().position(|&awaited| awaited == Some(attempt.id)) else { return };
        self.awaited[place] = None;
        let Some(position) = self.position(attempt.id) else { return };
        let other = self.awaited.into_iter().flatten().next();
        let is_lost = *outcome == Outcome::Abandoned && other.is_some_and(|other| router.has_content(other));
        let ending = match outcome {
            _ if is_lost => Ending::Lost,
            Outcome::Failure(_) if was_committed => Ending::MidStream,
            _ => Ending::from(outcome),
        };
        self.decision.attempts[position].ending = Some(ending);
        match outcome {
            Outcome::Failure(fault) if !was_committed => self.learn(router, position, fault, now),
            Outcome::Abandoned if other.is_some() => {}
            Outcome::Failure(_) | Outcome::Success { .. } | Outcome::Abandoned | Outcome::MidStream => {
                self.intent = Intent::Stop(StopReason::AttemptsSpent);
            }
        }
        if ending == Ending::MidStream {
            self.broken = Some(position);
        }
    }

    /// Takes back an attempt that was not sent, because its payer cannot pay for it or its dialect has no words for the
    /// request: the candidate is left out from now on, and nothing is learnt of it. Ask [`Plan::next`] where to go instead.
    pub fn pass_over(&mut self, router: &mut Router, attempt: &Attempt, exclusion: Exclusion, now: Instant) {
        self.take_back(router, attempt, now);
        for candidate in &mut self.decision.candidates {
            if candidate.deployment == attempt.deployment {
                (candidate.exclusion, candidate.lack) = (Some(exclusion), None);
            }
        }
    }

    /// Takes back an attempt that was not sent, though nothing is the matter with the candidate: nobody waits for it any
    /// more.
    pub fn take_back(&mut self, router: &mut Router, attempt: &Attempt, now: Instant) {
        router.settle(attempt.id, &Outcome::Abandoned, now);
        for awaited in &mut self.awaited {
            *awaited = awaited.filter(|&id| id != attempt.id);
        }
        self.decision.attempts.retain(|record| record.id != attempt.id);
        self.forgiven = self.forgiven.min(self.decision.attempts.len());
        self.intent = Intent::Draw;
    }

    /// Why the exchange went where it went, so far.
    pub fn decision(&self) -> &Decision {
        &self.decision
    }

    /// Gives the record away at the end of the exchange.
    pub fn into_decision(self) -> Decision {
        self.decision
    }

    fn is_awaited(&self) -> bool {
        self.awaited.iter().any(Option::is_some)
    }

    /// Where the record of an attempt is.
    fn position(&self, attempt: u64) -> Option<usize> {
        self.decision.attempts.iter().position(|record| record.id == attempt)
    }

    /// The attempts that stand in the way of asking the same again.
    fn counted_attempts(&self) -> &[AttemptRecord] {
        &self.decision.attempts[self.forgiven..]
    }

    fn kind_of(&self, deployment: DeploymentId) -> AttemptKind {
        if self.is_first() {
            AttemptKind::First
        } else if self.decision.attempts.iter().any(|attempt| attempt.deployment == deployment) {
            AttemptKind::Retry
        } else {
            AttemptKind::Fallback
        }
    }

    fn is_first(&self) -> bool {
        self.decision.attempts.is_empty()
    }

    /// A kept connection that turned out closed costs an exchange nothing, so it takes no attempt from those that may answer.
    fn attempts_left(&self) -> bool {
        let is_stale = |attempt: &&AttemptRecord| attempt.ending != Some(STALE_CONNECTION);
        self.decision.attempts.iter().filter(is_stale).count() < self.catalog.attempts(self.demand.target) as usize
    }

    fn is_usable(&self, router: &mut Router, deployment: DeploymentId, now: Instant) -> bool {
        router.pass_time(self.catalog.slots(deployment), now);
        router.judge(&self.catalog, deployment, now).is_ok()
    }

    fn dispatch(&mut self, router: &mut Router, deployment: DeploymentId, kind: AttemptKind, now: Instant) -> Step {
        Step::Attempt(self.send(router, deployment, kind, now))
    }

    fn send(&mut self, router: &mut Router, deployment: DeploymentId, kind: AttemptKind, now: Instant) -> Attempt {
        let slots = self.catalog.slots(deployment);
        router.pass_time(slots, now);
        // A last resort passes though the judgement is no; it is a probe too.
        let is_probe = router.judge(&self.catalog, deployment, now).unwrap_or(true);
        let is_alone = is_probe && self.is_alone(router, deployment, now);
        self.charge(router, deployment, kind, now);
        let id = router.depart(self.flight(router, deployment, now), is_alone);
        let model = self.catalog.deployment(deployment).model;
        let is_reduced = self.is_reduced(deployment);
        let (started, ending, moved_on) = (now, None, None);
        let record = AttemptRecord { id, deployment, model, kind, is_probe, is_reduced, started, ending, moved_on };
        self.decision.attempts.push(record);
        let place = usize::from(kind == AttemptKind::Hedge);
        self.awaited[place] = Some(id);
        self.intent = Intent::Draw;
        let number = u32::try_from(self.decision.attempts.len()).expect("attempts are counted in a u32");
        Attempt { id, deployment, model, number, kind, is_probe, is_reduced }
    }

    fn charge(&mut self, router: &mut Router, deployment: DeploymentId, kind: AttemptKind, now: Instant) {
        self.retries += u32::from(kind == AttemptKind::Retry);
        let cost = match kind {
            AttemptKind::First => router.weight_in_budget(&self.catalog, deployment, &self.demand_at(deployment)),
            AttemptKind::Hedge => return,
            AttemptKind::Retry | AttemptKind::Fallback => self.cost_of_retry(deployment),
        };
        let settings = &router.settings.retry;
        let budget = &mut router.endpoints.at_mut(self.catalog.slots(deployment).endpoint).budget;
        if kind == AttemptKind::First {
            budget.first_attempt(cost, now, settings);
            router.hedges.first_attempt(cost, now);
        } else {
            budget.charge(cost, now, settings);
        }
    }

    /// What another attempt is taken to waste: its input, and that twice where the failed one may have been billed too.
    fn cost_of_retry(&self, deployment: DeploymentId) -> f64 {
        let input = cost::of_input(self.demand.hour.rate(deployment), self.demand_at(deployment).input_tokens);
        if self.last_fault.is_some_and(FaultKind::is_uncertain) { 2.0 * input } else { input }
    }

    fn flight(&self, router: &Router, deployment: DeploymentId, now: Instant) -> Flight {
        let slots = self.catalog.slots(deployment);
        let conversation = self.demand.conversation.map(|conversation| conversation.id);
        let bound = conversation.and_then(|id| router.bindings.find(id, now, &router.settings.affinity));
        let demand = self.demand_at(deployment);
        let is_whole = !self.is_carried_on() && !self.is_reduced(deployment);
        Flight {
            slots,
            conversation,
            started: now,
            expires: self.demand.deadline.max(now) + router.settings.breaker.report_grace,
            is_committed: false,
            bucket: bucket(&demand),
            target: self.catalog.name_hash(self.demand.target),
            payer: self.demand.payer,
            input_tokens: if is_whole { demand.input_tokens } else { 0 },
            is_rest: self.is_carried_on(),
            is_warm: bound == Some(slots.deployment),
            first_content: None,
        }
    }

    fn stop(&mut self, router: &mut Router, reason: StopReason, now: Instant) -> Step {
        let stop = Stop { reason, retry_at: self.survey(router, now).reopens };
        self.decision.stop = Some(stop);
        Step::Stop(stop)
    }
}
