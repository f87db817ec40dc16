//! What a plan would do, without doing it.

use std::sync::Arc;

use crate::catalog::{Catalog, DeploymentId, Target};
use crate::cost::Expected;
use crate::decision::{Candidate, Preview, PreviewCandidate};
use crate::demand::Demand;
use crate::eligibility::{self, Exclusion};
use crate::instant::Instant;
use crate::plan::draw;
use crate::router::Router;
use crate::router::measure::bucket;
use crate::strategy::{Offer, Rules, Strategy, Turn, adapt};

impl Router {
    /// What a plan would do now, changing nothing. Exploration, slow returns and a conversation's place aside.
    pub fn preview(&self, catalog: &Arc<Catalog>, demand: &Demand, now: Instant) -> Preview {
        let mut stages = vec![demand.target];
        draw::chain(catalog, demand.target, &mut stages);
        let mut candidates = Vec::new();
        for (stage, &target) in stages.iter().enumerate() {
            candidates.extend(self.preview_stage(catalog, demand, target, stage, now));
        }
        let bound = self.preview_bound(catalog, demand, &candidates, now);
        let strategy = draw::strategy_of(catalog, demand, demand.target);
        let output_tokens = self.told_tokens(catalog, demand).output;
        Preview { target: demand.target, strategy, output_tokens, bound, candidates }
    }

    /// Who asks what would happen knows the size of the input; it is no estimate to be corrected.
    fn told_tokens(&self, catalog: &Catalog, demand: &Demand) -> Expected {
        Expected { input: demand.input_tokens, ..self.expected_tokens(catalog, demand) }
    }

    fn preview_stage(
        &self,
        catalog: &Catalog,
        demand: &Demand,
        target: Target,
        stage: usize,
        now: Instant,
    ) -> Vec<PreviewCandidate> {
        let mut listed = Vec::new();
        draw::list(catalog, demand, target, stage, &mut listed);
        let slowest = eligibility::slowest(catalog, demand, target);
        for candidate in &mut listed {
            let slots = catalog.slots(candidate.deployment);
            let state = self.deployments.at(slots.deployment);
            (candidate.ramp, candidate.health) = state.condition(now, &self.settings.breaker);
            candidate.weight *= candidate.ramp * candidate.health;
            let is_slow = || slowest.is_some_and(|slowest| self.is_too_slow(slots, demand, slowest, now));
            candidate.exclusion = candidate
                .exclusion
                .or_else(|| self.judge(catalog, candidate.deployment, now).err())
                .or_else(|| is_slow().then_some(Exclusion::TooSlow));
        }
        let shares = self.shares(catalog, demand, target, &listed, now);
        let mut shown: Vec<_> = listed
            .iter()
            .zip(shares)
            .map(|(candidate, share)| self.preview_candidate(catalog, demand, candidate, share, now))
            .collect();
        // A stable sort: equals, and those of a priority list, keep the order given.
        shown.sort_by(|one, other| {
            one.exclusion.is_some().cmp(&other.exclusion.is_some()).then(other.share.total_cmp(&one.share))
        });
        shown
    }

    fn preview_candidate(
        &self,
        catalog: &Catalog,
        demand: &Demand,
        candidate: &Candidate,
        share: f64,
        now: Instant,
    ) -> PreviewCandidate {
        let id = candidate.deployment;
        let latency = &self.deployments.at(catalog.slots(id).deployment).latency;
        let tokens = self.told_tokens(catalog, demand);
        PreviewCandidate {
            deployment: id,
            model: candidate.model,
            stage: candidate.stage,
            share,
            cost: self.expected_cost(catalog, id, demand, tokens, false),
            seconds: self.expected_seconds(catalog, id, demand, tokens, now),
            first_content: latency.first_content(bucket(demand)),
            failures: 1.0 - candidate.health,
            exclusion: candidate.exclusion,
        }
    }

    fn preview_bound(
        &self,
        catalog: &Catalog,
        demand: &Demand,
        candidates: &[PreviewCandidate],
        now: Instant,
    ) -> Option<DeploymentId> {
        let conversation = demand.conversation.filter(|turn| !turn.is_first_turn || turn.is_explicit)?;
        let slot = self.bindings.find(conversation.id, now, &self.settings.affinity)?;
        let is_bound = |candidate: &&PreviewCandidate| {
            candidate.exclusion.is_none() && catalog.slots(candidate.deployment).deployment == slot
        };
        candidates.iter().find(is_bound).map(|candidate| candidate.deployment)
    }

    /// The share of first attempts that each candidate of one stage gets.
    fn shares(
        &self,
        catalog: &Catalog,
        demand: &Demand,
        target: Target,
        listed: &[Candidate],
        now: Instant,
    ) -> Vec<f64> {
        let strategy = draw::strategy_of(catalog, demand, target);
        let tokens = self.told_tokens(catalog, demand);
        let offer = |candidate: &Candidate, weight: f64| {
            let mut offer = Offer { weight, ramp: candidate.ramp, failures: 1.0 - candidate.health, ..Offer::CLOSED };
            self.measure(catalog, candidate.deployment, demand, tokens, false, now, &mut offer);
            if candidate.exclusion.is_some() { Offer::CLOSED } else { offer }
        };
        let mut all: Vec<Offer> = listed.iter().map(|candidate| offer(candidate, candidate.weight)).collect();
        if strategy.measures() {
            return self.turn(catalog, target, strategy).shares(&mut all);
        }
        let members = self.member_shares(catalog, target, strategy, listed, &all);
        let mut shares = vec![0.0; listed.len()];
        for (member, member_share) in (0u32..).zip(members) {
            let own: Vec<usize> = (0..listed.len()).filter(|&index| listed[index].member == member).collect();
            let Some(&first) = own.first() else { continue };
            let model = Target::Model(listed[first].model);
            let weight = |index: usize| {
                let candidate = &listed[index];
                catalog.deployment(candidate.deployment).weight * candidate.ramp * candidate.health
            };
            let mut offers: Vec<Offer> = own.iter().map(|&index| offer(&listed[index], weight(index))).collect();
            let within = self.turn(catalog, model, catalog.strategy(model)).shares(&mut offers);
            for (index, share) in own.into_iter().zip(within) {
                shares[index] = member_share * share;
            }
        }
        shares
    }

    fn member_shares(
        &self,
        catalog: &Catalog,
        target: Target,
        strategy: Strategy,
        listed: &[Candidate],
        offers: &[Offer],
    ) -> Vec<f64> {
        let Some(pool) = catalog.as_pool(target) else { return vec![1.0] };
        let mut members = vec![Offer::CLOSED; pool.members.len()];
        for (candidate, offer) in listed.iter().zip(offers).filter(|(candidate, _)| candidate.exclusion.is_none()) {
            let weight = candidate.member_weight * candidate.ramp * candidate.health;
            let member = &mut members[candidate.member as usize];
            if weight > member.weight {
                *member = Offer { weight, ..*offer };
            }
        }
        if pool.adapt && strategy == Strategy::Weighted {
            adapt(&mut members, self.settings.measure.adapt);
        }
        self.turn(catalog, target, strategy).shares(&mut members)
    }

    /// The circumstances of a first choice at a target, its rotation aside.
    pub(crate) fn turn(&self, catalog: &Catalog, target: Target, strategy: Strategy) -> Turn {
        let measure = &self.settings.measure;
        let rules = Rules {
            importance: catalog.as_pool(target).map(|pool| pool.importance).unwrap_or_default(),
            near: measure.near,
            stay: measure.stay,
            failure: measure.failure.as_secs_f64(),
        };
        Turn { strategy, is_first: true, next: 0, may_explore: false, rules }
    }
}
