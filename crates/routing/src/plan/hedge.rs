//! A second attempt beside one that is slow to show anything.
//!
//! Allowed only where the pool asked for it, for small requests without tools, where whoever loses stops billing when it is
//! cancelled, to another endpoint, and within a share of requests and of spend; never together with a retry.

use crate::decision::Candidate;
use crate::instant::Instant;
use crate::plan::{Attempt, AttemptKind, Plan};
use crate::router::Router;
use crate::router::measure::bucket;

impl Plan {
    /// When [`Plan::hedge`] should be asked for a second attempt beside the one that is running; `None` = never.
    pub fn hedge_at(&self, router: &Router) -> Option<Instant> {
        let [only] = &self.decision.attempts[..] else { return None };
        let settings = &router.settings.hedge;
        let is_wanted = self.catalog.as_pool(self.demand.target).is_some_and(|pool| pool.hedge);
        let is_small = self.demand.input_tokens <= settings.input_max && !self.demand.needs.tools;
        let may_lose = self.catalog.deployment(only.deployment).stops_on_cancel;
        let is_running = self.awaited == [Some(only.id), None];
        if !(is_wanted && is_small && may_lose && is_running && self.demand.retries_allowed && self.attempts_left()) {
            return None;
        }
        let latency = &router.deployments.at(self.catalog.slots(only.deployment).deployment).latency;
        let usual = latency.percentile(bucket(&self.demand), settings.percentile, settings.samples_min)?;
        let at = only.started + usual.max(settings.after_min);
        (at < self.demand.deadline).then_some(at)
    }

    /// Begins the second attempt, if one may be and there is somewhere to send it. Report both: the one that lost as
    /// [`crate::Outcome::Abandoned`].
    pub fn hedge(&mut self, router: &mut Router, now: Instant) -> Option<Attempt> {
        if now < self.hedge_at(router)? {
            return None;
        }
        let first = self.decision.attempts[0].deployment;
        let endpoint = self.catalog.deployment(first).endpoint;
        let catalog = self.catalog.clone();
        let is_fit = |candidate: &Candidate| {
            let deployment = catalog.deployment(candidate.deployment);
            deployment.endpoint != endpoint && deployment.stops_on_cancel && !candidate.is_probe_due
        };
        let second = self.draw_hedge(router, &is_fit, now)?;
        let cost = router.weight_in_budget(&self.catalog, second, &self.demand);
        let settings = router.settings.hedge.clone();
        router.hedges.withdraw(cost, now, &settings).then(|| self.send(router, second, AttemptKind::Hedge, now))
    }
}
