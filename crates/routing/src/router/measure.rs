//! What a request is expected to take and to cost at a deployment.

use std::time::Duration;

use crate::catalog::{Catalog, DeploymentId, Slots};
use crate::cost::{self, Expected};
use crate::demand::Demand;
use crate::instant::Instant;
use crate::latency::Bucket;
use crate::router::Router;
use crate::strategy::Offer;

impl Router {
    /// The tokens that the demand is expected to be counted at.
    #[expect(clippy::cast_precision_loss, reason = "token counts are far below 2^52")]
    pub(crate) fn expected_tokens(&self, catalog: &Catalog, demand: &Demand) -> Expected {
        let target = catalog.name_hash(demand.target);
        let usual = self.habits.expected(target, demand.payer, demand.input_tokens, &self.settings.measure);
        if demand.output_tokens == 0 {
            return usual;
        }
        Expected { output: usual.output.min(demand.output_tokens as f64), ..usual }
    }

    /// Seconds to the last of that many tokens of output, more where many are in flight already; `None` = never measured.
    pub(crate) fn expected_seconds(
        &self,
        catalog: &Catalog,
        id: DeploymentId,
        demand: &Demand,
        tokens: Expected,
        now: Instant,
    ) -> Option<f64> {
        let state = self.deployments.at(catalog.slots(id).deployment);
        let unloaded = state.latency.predict(bucket(demand), tokens.output)?;
        if state.limiter.in_flight == 0 {
            return Some(unloaded);
        }
        let most = self.limit(catalog, id, now);
        let load = f64::from(state.limiter.in_flight) / f64::from(most.max(1));
        Some(unloaded * (1.0 + load))
    }

    /// Cost of an answer of that many tokens, in nano-USD; `None` = the price is not known. `is_warm` = the conversation was
    /// there before.
    pub(crate) fn expected_cost(
        &self,
        catalog: &Catalog,
        id: DeploymentId,
        demand: &Demand,
        tokens: Expected,
        is_warm: bool,
    ) -> Option<f64> {
        let rate = demand.hour.rate(id)?;
        let hits = &self.deployments.at(catalog.slots(id).deployment).cache_hits;
        let cached = hits.expected(is_warm, &self.settings.measure);
        Some(cost::expected(rate, tokens.input, cached, tokens.output) + rate.of_units(&demand.units))
    }

    /// What an attempt weighs in the budgets of retries and hedges: its expected cost, or where no price is known the
    /// tokens of its input.
    pub(crate) fn weight_in_budget(&self, catalog: &Catalog, id: DeploymentId, demand: &Demand) -> f64 {
        let tokens = self.expected_tokens(catalog, demand);
        let known = self.expected_cost(catalog, id, demand, tokens, false).filter(|&cost| cost > 0.0);
        known.unwrap_or_else(|| cost::of_input(None, demand.input_tokens))
    }

    /// Completes an offer with what was measured. `tokens` = [`Router::expected_tokens`], the same for all offers.
    #[expect(clippy::too_many_arguments, reason = "one measurement has this many circumstances")]
    pub(crate) fn measure(
        &self,
        catalog: &Catalog,
        id: DeploymentId,
        demand: &Demand,
        tokens: Expected,
        is_bound: bool,
        now: Instant,
        offer: &mut Offer,
    ) {
        let state = self.deployments.at(catalog.slots(id).deployment);
        let (asked, heard) = (state.latency.asked, state.latency.heard);
        offer.cost = self.expected_cost(catalog, id, demand, tokens, is_bound);
        offer.seconds = self.expected_seconds(catalog, id, demand, tokens, now);
        offer.is_untried = asked.is_none();
        offer.is_stale = heard.is_some_and(|heard| self.is_long_ago(heard, now));
        offer.is_bound = is_bound;
    }

    /// Whether its measured time to first content is above `slowest`, and not so old that it should be measured again. That
    /// takes one request: while it is out, the others are spared.
    pub(crate) fn is_too_slow(&self, slots: Slots, demand: &Demand, slowest: Duration, now: Instant) -> bool {
        let latency = &self.deployments.at(slots.deployment).latency;
        let is_slow = latency.first_content(bucket(demand)).is_some_and(|took| took > slowest.as_secs_f64());
        is_slow && !latency.heard.max(latency.asked).is_some_and(|last| self.is_long_ago(last, now))
    }

    fn is_long_ago(&self, heard: Instant, now: Instant) -> bool {
        now.saturating_duration_since(heard) >= self.settings.measure.explore_every
    }
}

/// Which averages a demand belongs to.
pub(crate) fn bucket(demand: &Demand) -> Bucket {
    Bucket::of(demand.input_tokens, demand.needs.reasoning)
}
