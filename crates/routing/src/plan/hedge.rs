//! A second attempt beside one that is slow to show anything.
//!
//! Allowed only where the pool asked for it, for small requests without tools, where whoever loses stops billing when it is
//! cancelled, to another endpoint that is not in trouble, for payers who can pay both, and within a share of requests and of
//! spend; never together with a retry. A first attempt that is a probe is hedged as well: its caller waits no less than
//! others, and a probe that loses is given back without a verdict.

use std::time::Duration;

use crate::catalog::DeploymentId;
use crate::decision::Candidate;
use crate::eligibility;
use crate::instant::Instant;
use crate::plan::{Attempt, AttemptKind, Plan};
use crate::router::Router;
use crate::router::measure::bucket;

impl Plan {
    /// When [`Plan::hedge`] should be asked for a second attempt beside the one that is running; `None` = never.
    ///
    /// `is_streamed` = the first content is what is raced for; else it is the last token, which comes later.
    pub fn hedge_at(&self, router: &Router, is_streamed: bool) -> Option<Instant> {
        let [only] = &self.decision.attempts[..] else { return None };
        let settings = &router.settings.hedge;
        let is_wanted = self.catalog.as_pool(self.demand.target).is_some_and(|pool| pool.hedge);
        let is_small = self.demand.input_tokens <= settings.input_max && !self.demand.needs.tools;
        let may_lose = self.catalog.deployment(only.deployment).stops_on_cancel;
        let is_running = self.awaited == [Some(only.id), None];
        if !(is_wanted && is_small && may_lose && is_running && self.demand.retries_allowed && self.attempts_left()) {
            return None;
        }
        let at = only.started + self.usual_wait(router, only.deployment, is_streamed)?.max(settings.after_min);
        (at < self.demand.deadline).then_some(at)
    }

    /// Begins the second attempt, if one may be and there is somewhere to send it. Report both: the one that lost as
    /// [`crate::Outcome::Abandoned`], after [`Router::commit`] of the other.
    ///
    /// Until both are reported the plan waits; what it does after both failed follows from the two failures together.
    pub fn hedge(&mut self, router: &mut Router, is_streamed: bool, now: Instant) -> Option<Attempt> {
        if now < self.hedge_at(router, is_streamed)? || now >= self.demand.deadline {
            return None;
        }
        let fit = self.fit_to_hedge(router, now)?;
        let is_fit = |candidate: &Candidate| !candidate.is_probe_due && fit.contains(&candidate.deployment);
        let second = self.draw_hedge(router, &is_fit, now)?;
        let cost = router.weight_in_budget(&self.catalog, second, &self.demand);
        router.hedges.withdraw(cost, now);
        Some(self.send(router, second, AttemptKind::Hedge, now))
    }

    /// How long this deployment takes at most times: to the first content, or to the end of a usual answer.
    fn usual_wait(&self, router: &Router, id: DeploymentId, is_streamed: bool) -> Option<Duration> {
        let settings = &router.settings.hedge;
        let latency = &router.deployments.at(self.catalog.slots(id).deployment).latency;
        let first = latency.percentile(bucket(&self.demand), settings.percentile, settings.samples_min)?;
        if is_streamed {
            return Some(first);
        }
        let writing = latency.writing(router.expected_tokens(&self.catalog, &self.demand).output)?;
        Some(first.saturating_add(Duration::try_from_secs_f64(writing).ok()?))
    }

    /// Whatever is elsewhere and not in trouble, stops when it is cancelled, and costs no more than the budget has and the
    /// payer can have set aside twice; `None` = the budget is spent.
    fn fit_to_hedge(&self, router: &mut Router, now: Instant) -> Option<Vec<DeploymentId>> {
        let room = router.hedges.room(now, &router.settings.hedge)?;
        let first = self.decision.attempts[0].deployment;
        let endpoint = self.catalog.deployment(first).endpoint;
        let spendable = self.demand.spendable.map(|spendable| spendable - eligibility::held(&self.demand, first));
        let is_fit = |&id: &DeploymentId| {
            let deployment = self.catalog.deployment(id);
            deployment.endpoint != endpoint
                && deployment.stops_on_cancel
                && router.endpoints.at(self.catalog.slots(id).endpoint).budget.is_well(&router.settings.retry)
                && router.weight_in_budget(&self.catalog, id, &self.demand) <= room
                && spendable.is_none_or(|spendable| eligibility::held(&self.demand, id) <= spendable)
        };
        Some(self.decision.candidates.iter().map(|candidate| candidate.deployment).filter(is_fit).collect())
    }
}
