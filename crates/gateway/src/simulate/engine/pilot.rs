//! Who decides where a request goes: the production router, or an oracle.

use std::{sync::Arc, time::Duration};

use roundelay_routing::{
    Attempt, Catalog, Conversation, Demand, Fault, FaultKind, Hour, Instant, ModelId, Outcome, Plan, Router, Step,
    Target, Tokens,
};

use super::{
    super::{
        oracle::{self, Wish},
        prices::Sheet,
        scenario::{Scenario, ScenarioFault, Way},
        upstream::Upstream,
        workload::Request,
    },
    exchange::{Flight, Result as Landing},
};
use crate::config::Failing;

/// Who decides.
#[derive(Debug)]
pub(super) enum Pilot {
    /// As the gateway does.
    Router(Box<Routed>),
    /// As somebody would who knew everything.
    Oracle(Wish),
}

#[derive(Debug)]
pub(super) struct Routed {
    router: Router,
    catalog: Arc<Catalog>,
    /// What each deployment of the catalog is in the layout.
    deployments: Vec<usize>,
    /// Asked for in the place of what the request names.
    only: Option<Target>,
    retries_allowed: bool,
}

/// One request's way.
#[derive(Debug)]
pub(super) enum Course {
    Plan(Box<Plan>),
    /// What is left to ask; the last comes first.
    Known {
        left: Vec<usize>,
        attempts_max: u32,
    },
}

/// What to do now.
#[derive(Debug)]
pub(super) enum Bearing {
    Attempt { deployment: usize, routed: Option<Attempt> },
    Wait(Duration),
    Stop(&'static str),
}

impl Pilot {
    pub(super) fn new(scenario: &Scenario, way: Way) -> Result<Self, ScenarioFault> {
        let wish = match way {
            Way::OracleFastest => Wish::Fast,
            Way::OracleCheapest => Wish::Cheap,
            Way::Configured | Way::Strategy(_) | Way::Alone(_) => {
                let (catalog, deployments) = scenario.catalog(way)?;
                let mut router = Router::new(scenario.config.routing.clone(), scenario.seed);
                let catalog = router.adopt(catalog);
                let is_alone = matches!(way, Way::Alone(_));
                let only = is_alone.then_some(Target::Model(ModelId(0)));
                let routed = Routed { router, catalog, deployments, only, retries_allowed: !is_alone };
                return Ok(Self::Router(Box::new(routed)));
            }
        };
        Ok(Self::Oracle(wish))
    }

    /// Begins a request's way, as the exchange does.
    pub(super) fn set_out(
        &mut self,
        scenario: &Scenario,
        index: usize,
        sheet: &Sheet,
        upstreams: &mut [Upstream],
        now: Duration,
    ) -> Course {
        let target = scenario.target(index);
        match self {
            Self::Router(routed) => {
                let hour = match routed.only {
                    Some(_) => sheet.only(routed.deployments[0]),
                    None => Arc::clone(&sheet.hour),
                };
                let target = routed.only.unwrap_or(target);
                let retries_allowed = routed.retries_allowed;
                let demand = demand(scenario, index, &routed.catalog, target, hour, now);
                let demand = Demand { retries_allowed, ..demand };
                Course::Plan(Box::new(routed.router.plan(&routed.catalog, demand, instant(now))))
            }
            Self::Oracle(wish) => {
                let catalog = &scenario.layout.catalog;
                let demand = demand(scenario, index, catalog, target, Arc::clone(&sheet.hour), now);
                // It knows more than the router, and is allowed no more.
                let stages = catalog.candidates(&demand);
                let request = &scenario.workload.requests[index];
                let left = oracle::order(*wish, &stages, upstreams, sheet, request, now);
                Course::Known { left, attempts_max: catalog.attempts(target) }
            }
        }
    }

    pub(super) fn next(&mut self, course: &mut Course, attempts: u32, now: Duration) -> Bearing {
        match (&mut *self, &mut *course) {
            (Self::Router(routed), Course::Plan(plan)) => match plan.next(&mut routed.router, instant(now)) {
                // Its conversations have no words that could be cut.
                Step::HandOver => {
                    plan.hand_over(None);
                    self.next(course, attempts, now)
                }
                Step::Attempt(attempt) => {
                    let deployment = routed.deployments[attempt.deployment.0 as usize];
                    Bearing::Attempt { deployment, routed: Some(attempt) }
                }
                Step::Wait(until) => Bearing::Wait(until.since_start()),
                Step::Stop(stop) => Bearing::Stop(stop.reason.name()),
            },
            (_, Course::Known { left, attempts_max }) => match left.pop() {
                Some(deployment) if attempts < *attempts_max => Bearing::Attempt { deployment, routed: None },
                Some(_) | None => Bearing::Stop("attempts_spent"),
            },
            (Self::Oracle(_), Course::Plan(_)) => Bearing::Stop("attempts_spent"),
        }
    }

    /// When to look whether a second attempt should begin beside the first.
    pub(super) fn hedge_at(&self, course: &Course, is_stream: bool) -> Option<Duration> {
        match (self, course) {
            (Self::Router(routed), Course::Plan(plan)) => {
                plan.hedge_at(&routed.router, is_stream).map(Instant::since_start)
            }
            _ => None,
        }
    }

    /// Begins a second attempt beside the first, if one may be.
    pub(super) fn hedge(&mut self, course: &mut Course, is_stream: bool, now: Duration) -> Option<(usize, Attempt)> {
        let (Self::Router(routed), Course::Plan(plan)) = (self, course) else { return None };
        let attempt = plan.hedge(&mut routed.router, is_stream, instant(now))?;
        Some((routed.deployments[attempt.deployment.0 as usize], attempt))
    }

    /// Tells that an attempt lost the race, and nobody listens to it any more.
    pub(super) fn abandon(&mut self, course: &mut Course, flight: &Flight, now: Duration) {
        if let (Self::Router(routed), Course::Plan(plan), Some(attempt)) = (self, course, &flight.routed) {
            plan.report(&mut routed.router, attempt, &Outcome::Abandoned, instant(now));
        }
    }

    /// `first_content` = from dispatch; `None` where the answer came in one piece.
    pub(super) fn commit(&mut self, attempt: Option<&Attempt>, first_content: Option<Duration>, now: Duration) {
        if let (Self::Router(routed), Some(attempt)) = (self, attempt) {
            routed.router.commit(attempt, first_content, instant(now));
        }
    }

    pub(super) fn report(&mut self, course: &mut Course, flight: &Flight, request: &Request, now: Duration) {
        let (Self::Router(routed), Course::Plan(plan), Some(attempt)) = (self, course, &flight.routed) else { return };
        let outcome = match flight.result {
            Landing::Answered => {
                let tokens = Tokens {
                    input: u64::from(request.input_tokens),
                    cached: u64::from(flight.fate.cached),
                    output: u64::from(request.output_tokens),
                };
                Outcome::Success { total: now - flight.began, tokens }
            }
            Landing::Cut => Outcome::MidStream,
            Landing::Failed(failure) => {
                let retry_after = failure.retry_after;
                Outcome::Failure(Fault { retry_after, ..Fault::new(kind(failure.how)) })
            }
        };
        plan.report(&mut routed.router, attempt, &outcome, instant(now));
    }

    /// When a request that arrived then is given up.
    pub(super) fn deadline(&self, scenario: &Scenario, index: usize, arrived: Duration) -> Duration {
        let (catalog, only) = match self {
            Self::Router(routed) => (&*routed.catalog, routed.only),
            Self::Oracle(_) => (&scenario.layout.catalog, None),
        };
        arrived + deadline_of(catalog, only.unwrap_or_else(|| scenario.target(index)))
    }
}

/// What the exchange would ask of the router for this request.
fn demand(
    scenario: &Scenario,
    index: usize,
    catalog: &Catalog,
    target: Target,
    hour: Arc<Hour>,
    now: Duration,
) -> Demand {
    let request = &scenario.workload.requests[index];
    Demand {
        target,
        needs: request.needs,
        input_tokens: u64::from(request.input_estimate.unwrap_or(request.input_tokens)),
        together: None,
        units: [0.0; 4],
        output_tokens: u64::from(request.output_max.unwrap_or(0)),
        allowed: None,
        conversation: request.turn.map(|turn| Conversation {
            id: turn.conversation,
            is_first_turn: turn.is_first,
            is_explicit: turn.is_explicit,
        }),
        // Who asks is not known, so all count as one.
        payer: 0,
        spendable: None,
        unpriced_held: 0.0,
        hour,
        deadline: instant(now + deadline_of(catalog, target)),
        retries_allowed: true,
        may_hand_over: false,
    }
}

fn deadline_of(catalog: &Catalog, target: Target) -> Duration {
    match target {
        Target::Model(model) => catalog.model(model).deadline,
        Target::Pool(pool) => catalog.pool(pool).deadline,
    }
}

/// What the exchange makes of such a failure.
fn kind(how: Failing) -> FaultKind {
    match how {
        Failing::ServerError => FaultKind::ServerError { at_endpoint: false },
        Failing::Overloaded => FaultKind::Overloaded,
        Failing::RateLimited => FaultKind::RateLimited,
        Failing::Timeout => FaultKind::FirstContentTimeout,
        Failing::Connect => FaultKind::ConnectFailed { reused_connection: false },
        Failing::Reset => FaultKind::Reset,
        Failing::Empty => FaultKind::Empty,
        Failing::KeyRejected => FaultKind::KeyRejected,
        Failing::KeyEmpty => FaultKind::KeyEmpty,
    }
}

fn instant(at: Duration) -> Instant {
    Instant::from_start(at)
}
