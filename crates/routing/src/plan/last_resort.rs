//! What remains when no candidate can be asked now: wait a little, try the one that reopens first, or stop.

use std::time::Duration;

use crate::catalog::DeploymentId;
use crate::decision::Candidate;
use crate::eligibility::{DeadReason, Exclusion};
use crate::instant::Instant;
use crate::outcome::FaultKind;
use crate::plan::{Plan, Step, StopReason, draw};
use crate::router::Router;

/// How the candidates stand when none was drawn.
#[derive(Debug, Default)]
pub(super) struct Survey {
    /// The earliest reopening of anything that could serve.
    pub(super) reopens: Option<Instant>,
    /// The same, among those not tried in this exchange.
    untried: Option<Instant>,
    /// The untried one with an open breaker that reopens first and may be asked now.
    early: Option<(Instant, DeploymentId)>,
    /// The untried one that was said not to exist and rests the shortest.
    missing: Option<(Instant, DeploymentId)>,
    is_any_well: bool,
    is_any_busy: bool,
    is_any_soft: bool,
    is_any_dead: bool,
}

impl Plan {
    pub(super) fn last_resort(&mut self, router: &mut Router, now: Instant) -> Step {
        let survey = self.survey(router, now);
        if let Some(look) = self.wait(router, &survey, now) {
            return Step::Wait(look);
        }
        if let (Some((_, deployment)), false) = (survey.early.or(survey.missing), survey.is_any_busy) {
            return self.dispatch(router, deployment, self.kind_of(deployment), now);
        }
        let reason = self.reason(&survey);
        self.stop(router, reason, now)
    }

    /// When to look again, if waiting is worth it and allowed.
    fn wait(&mut self, router: &mut Router, survey: &Survey, now: Instant) -> Option<Instant> {
        let chosen = self.catalog.wait(self.demand.target);
        // Who asked for waits is served by what failed in this exchange too, once that is open again.
        let reopens = if chosen.is_some() && self.attempts_left() { survey.reopens } else { survey.untried };
        if let Some(reopens) = reopens {
            let longest = chosen.unwrap_or(router.settings.cooldown.wait_max);
            let patience = *self.patience.get_or_insert(now + longest);
            let look = reopens.max(now + SHORTEST_WAIT);
            let is_allowed = look <= patience && look < self.demand.deadline;
            if is_allowed && router.waiting.enter(look, now, router.settings.concurrency.waiting_max) {
                if chosen.is_some() {
                    self.forgiven = self.decision.attempts.len();
                }
                return Some(look);
            }
        }
        if !survey.is_any_busy {
            return None;
        }
        let settings = &router.settings.concurrency;
        let longest = chosen.map_or(settings.queue_wait, |chosen| chosen.max(settings.queue_wait));
        let patience = *self.queue_patience.get_or_insert(now + longest);
        let look = now + settings.queue_poll.max(SHORTEST_WAIT);
        let is_allowed = look <= patience && look < self.demand.deadline;
        // Whoever was to wait for it to reopen waits on while it takes back its crowd.
        let (queue, most) = match chosen {
            Some(_) => (&mut router.waiting, settings.waiting_max),
            None => (&mut router.queue, settings.queue_max),
        };
        (is_allowed && queue.enter(look, now, most)).then_some(look)
    }

    fn reason(&self, survey: &Survey) -> StopReason {
        // Who refused what was made of the conversation says nothing of the whole.
        let was_whole = self.last_failed().is_none_or(|failed| !failed.is_reduced);
        if self.last_fault == Some(FaultKind::CallerTooLong) && was_whole {
            StopReason::TooLong
        } else if survey.is_any_busy {
            StopReason::Busy
        } else if survey.is_any_well {
            if self.is_retry_refused { StopReason::RetriesRefused } else { StopReason::AttemptsSpent }
        } else if survey.is_any_soft {
            StopReason::AllCooling
        } else if survey.is_any_dead {
            StopReason::AllDead
        } else if self.decision.candidates.iter().any(|one| one.exclusion == Some(Exclusion::Unaffordable)) {
            StopReason::Unaffordable
        } else {
            StopReason::NoneEligible
        }
    }

    /// When to look again for somebody who can take the conversation whole, as long as would be waited if it could not be cut.
    pub(super) fn wait_for_whole(&mut self, router: &mut Router, now: Instant) -> Option<Instant> {
        let survey = self.survey_of(router, now, &|candidate| !self.is_too_small(candidate.model));
        self.wait(router, &survey, now)
    }

    pub(super) fn survey(&self, router: &mut Router, now: Instant) -> Survey {
        self.survey_of(router, now, &|_| true)
    }

    fn survey_of(&self, router: &mut Router, now: Instant, counts: &dyn Fn(&Candidate) -> bool) -> Survey {
        let mut survey = Survey::default();
        for candidate in self.decision.candidates.iter().filter(|candidate| counts(candidate)) {
            if candidate.exclusion.is_some_and(Exclusion::is_lasting) {
                continue;
            }
            if candidate.exclusion == Some(Exclusion::TooSlow) {
                continue;
            }
            let id = candidate.deployment;
            let is_tried = self.was_tried(candidate);
            router.pass_time(self.catalog.slots(id), now);
            match router.judge(&self.catalog, id, now) {
                Ok(_) => survey.is_any_well = true,
                Err(Exclusion::Busy) if is_tried => survey.is_any_well = true,
                Err(Exclusion::Busy) => survey.is_any_busy = true,
                Err(Exclusion::Dead { why: DeadReason::QuotaWindow, until }) => {
                    survey.reopens(until, true);
                }
                Err(Exclusion::Dead { why, until }) => {
                    survey.is_any_dead = true;
                    if why == DeadReason::Missing && !is_tried {
                        let this = (until, id);
                        survey.missing = Some(survey.missing.map_or(this, |other| other.min(this)));
                    }
                }
                Err(Exclusion::UpstreamBalance) => survey.is_any_dead = true,
                Err(Exclusion::Probing) => survey.reopens(now + PROBE_POLL, is_tried),
                Err(Exclusion::Cooling { until }) => survey.reopens(until, is_tried),
                Err(Exclusion::BreakerOpen { until } | Exclusion::EndpointOpen { until }) => {
                    let early = self.passes_last_resort(router, id, now);
                    survey.reopens(early.filter(|at| *at > now).map_or(until, |at| at.min(until)), is_tried);
                    if !is_tried && early == Some(now) {
                        survey.early = Some(survey.early.map_or((until, id), |early| early.min((until, id))));
                    }
                }
                Err(
                    Exclusion::NotAllowed
                    | Exclusion::Capability(_)
                    | Exclusion::Window
                    | Exclusion::NoWeight
                    | Exclusion::OffDuty
                    | Exclusion::Region
                    | Exclusion::Price
                    | Exclusion::Unaffordable
                    | Exclusion::Dialect
                    | Exclusion::Continuation
                    | Exclusion::NoToken
                    | Exclusion::TooSlow
                    | Exclusion::Tried,
                ) => {}
            }
        }
        survey
    }

    /// Whether no other deployment that the target leads to can be asked now.
    pub(super) fn is_alone(&self, router: &mut Router, id: DeploymentId, now: Instant) -> bool {
        let (catalog, target) = (&self.catalog, self.demand.target);
        let mut stages = vec![target];
        draw::chain(catalog, target, &mut stages);
        let mut candidates = Vec::new();
        for (stage, &target) in stages.iter().enumerate() {
            draw::list(catalog, &self.demand, target, stage, &mut candidates);
        }
        let reduced = self.decision.candidates.iter().filter(|candidate| candidate.lack.is_some());
        !candidates
            .iter()
            .filter(|other| other.exclusion.is_none())
            .chain(reduced)
            .any(|other| other.deployment != id && self.is_usable(router, other.deployment, now))
    }

    fn passes_last_resort(&self, router: &Router, id: DeploymentId, now: Instant) -> Option<Instant> {
        let slots = self.catalog.slots(id);
        let deployment = router.deployments.at(slots.deployment).breaker.passes_last_resort(now)?;
        let endpoint = router.endpoints.at(slots.endpoint).breaker.passes_last_resort(now)?;
        Some(deployment.max(endpoint))
    }
}

impl Survey {
    fn reopens(&mut self, at: Instant, is_tried: bool) {
        let earliest = |known: Option<Instant>| Some(known.map_or(at, |known| known.min(at)));
        self.is_any_soft = true;
        self.reopens = earliest(self.reopens);
        if !is_tried {
            self.untried = earliest(self.untried);
        }
    }
}

/// How soon another request's probe may be over.
const PROBE_POLL: Duration = Duration::from_millis(250);

/// So that no caller is told to come back at once, for ever.
const SHORTEST_WAIT: Duration = Duration::from_millis(1);
