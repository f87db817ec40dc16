//! Chooses the next deployment: the conversation's own, else stage by stage, member first and deployment second.

use std::ops::Range;

use crate::catalog::{Catalog, DeploymentId, Member, ModelId, Target};
use crate::decision::{AffinityUse, Candidate};
use crate::eligibility::{self, Exclusion};
use crate::instant::Instant;
use crate::plan::Plan;
use crate::router::Router;
use crate::strategy::Strategy;

impl Plan {
    pub(super) fn draw(&mut self, router: &mut Router, now: Instant) -> Option<DeploymentId> {
        if self.is_first()
            && let Some(bound) = self.follow(router, now)
        {
            return Some(bound);
        }
        for stage in 0.. {
            if stage == 1 && self.stages.len() == 1 {
                chain(&self.catalog, self.demand.target, &mut self.stages);
            }
            if stage >= self.stages.len() {
                break;
            }
            let range = self.look_at(router, stage, now);
            if let Some(index) = self.draw_in(router, stage, range) {
                return Some(self.decision.candidates[index].deployment);
            }
        }
        None
    }

    pub(super) fn was_tried(&self, id: DeploymentId) -> bool {
        self.decision.attempts.iter().any(|attempt| attempt.deployment == id)
    }

    /// The deployment the conversation is bound to, if it can serve.
    fn follow(&mut self, router: &mut Router, now: Instant) -> Option<DeploymentId> {
        let conversation = self.demand.conversation?;
        if conversation.is_first_turn && !conversation.is_explicit {
            self.decision.affinity = AffinityUse::FirstTurn;
            return None;
        }
        let Some(slot) = router.bindings.find(conversation.id, now, &router.settings.affinity) else {
            self.decision.affinity = AffinityUse::Unbound;
            return None;
        };
        if self.stages.len() == 1 {
            chain(&self.catalog, self.demand.target, &mut self.stages);
        }
        self.decision.affinity = AffinityUse::Elsewhere;
        for stage in 0..self.stages.len() {
            let range = self.look_at(router, stage, now);
            let candidates = &self.decision.candidates[range];
            let is_bound = |candidate: &&Candidate| self.catalog.slots(candidate.deployment).deployment == slot;
            let Some(bound) = candidates.iter().find(is_bound) else { continue };
            match bound.exclusion {
                None => {
                    self.decision.affinity = AffinityUse::Followed(bound.deployment);
                    return Some(bound.deployment);
                }
                Some(why) => self.decision.affinity = AffinityUse::Unusable(bound.deployment, why),
            }
            break;
        }
        None
    }

    /// Judges every candidate of a stage anew; the first time, lists them.
    fn look_at(&mut self, router: &mut Router, stage: usize, now: Instant) -> Range<usize> {
        if stage == self.begins.len() {
            self.begins.push(self.decision.candidates.len());
            list(&self.catalog, &self.demand, self.stages[stage], stage, &mut self.decision.candidates);
        }
        let end = self.begins.get(stage + 1).copied().unwrap_or(self.decision.candidates.len());
        let range = self.begins[stage]..end;
        for index in range.clone() {
            let mut candidate = self.decision.candidates[index];
            if candidate.exclusion.is_some_and(Exclusion::is_lasting) {
                continue;
            }
            let slots = self.catalog.slots(candidate.deployment);
            router.pass_time(slots, now);
            candidate.vigour = router.deployments.at(slots.deployment).vigour(now, &router.settings.breaker);
            let configured = candidate.member_weight * self.catalog.deployment(candidate.deployment).weight;
            candidate.weight = configured * candidate.vigour;
            let verdict = router.judge(&self.catalog, candidate.deployment, now);
            candidate.is_probe_due = verdict == Ok(true);
            candidate.exclusion = if self.was_tried(candidate.deployment) {
                Some(Exclusion::Tried)
            } else if self.is_too_small(candidate.model) {
                Some(Exclusion::Window)
            } else {
                verdict.err()
            };
            self.decision.candidates[index] = candidate;
        }
        range
    }

    /// Whether a window at least as large has refused the input. One of unknown size is not known to be larger.
    fn is_too_small(&self, model: ModelId) -> bool {
        let window = self.catalog.model(model).context_window.unwrap_or(0);
        self.refused_window.is_some_and(|refused| window <= refused)
    }

    fn draw_in(&mut self, router: &mut Router, stage: usize, range: Range<usize>) -> Option<usize> {
        let open = |candidate: &Candidate| candidate.exclusion.is_none();
        if !self.decision.candidates[range.clone()].iter().any(open) {
            return None;
        }
        if let Some(last) = self.decision.attempts.last() {
            let endpoint = self.catalog.deployment(last.deployment).endpoint;
            let model = last.model;
            let spares = self.last_fault.is_some_and(super::FaultKind::spares_siblings);
            let catalog = self.catalog.clone();
            let is_near = |candidate: &Candidate| {
                candidate.model == model && (spares || catalog.deployment(candidate.deployment).endpoint != endpoint)
            };
            if let Some(index) = self.draw_deployment(router, range.clone(), &is_near) {
                return Some(index);
            }
        } else if let Some(index) = self.probe_due(stage, range.clone()) {
            return Some(index);
        }
        if let Some(model) = self.draw_member(router, stage, range.clone()) {
            return self.draw_deployment(router, range, &|candidate| candidate.model == model);
        }
        // Siblings of what failed, at the same endpoint: little hope, and better than none.
        self.draw_deployment(router, range, &|_| true)
    }

    /// A probe that is due goes before the rotation, with a request that has somewhere else to go. Where order is a
    /// priority, it waits for its turn.
    fn probe_due(&self, stage: usize, range: Range<usize>) -> Option<usize> {
        let candidates = &self.decision.candidates[range.clone()];
        let open = candidates.iter().filter(|candidate| candidate.exclusion.is_none()).count();
        if open < 2 || self.catalog.strategy(self.stages[stage]) == Strategy::Priority {
            return None;
        }
        let is_due = |candidate: &Candidate| {
            candidate.exclusion.is_none()
                && candidate.is_probe_due
                && self.catalog.model(candidate.model).strategy != Strategy::Priority
        };
        candidates.iter().position(is_due).map(|index| range.start + index)
    }

    /// Chooses a member that was not tried in this exchange.
    fn draw_member(&mut self, router: &mut Router, stage: usize, range: Range<usize>) -> Option<ModelId> {
        let target = self.stages[stage];
        let Target::Pool(id) = target else {
            let model = self.decision.candidates[range.start].model;
            return self.decision.attempts.iter().all(|attempt| attempt.model != model).then_some(model);
        };
        let mut weights = std::mem::take(&mut router.scratch);
        weights.clear();
        weights.resize(self.catalog.pool(id).members.len(), 0.0);
        for candidate in &self.decision.candidates[range] {
            let was_tried = self.decision.attempts.iter().any(|attempt| attempt.model == candidate.model);
            if candidate.exclusion.is_none() && !was_tried {
                // A model is as well as its best deployment.
                let weight = &mut weights[candidate.member as usize];
                *weight = weight.max(candidate.member_weight * candidate.vigour);
            }
        }
        let strategy = self.catalog.strategy(target);
        let chosen = choose(&self.catalog, router, target, strategy, &weights, self.is_first());
        router.scratch = weights;
        chosen.map(|index| self.catalog.pool(id).members[index].model)
    }

    /// Chooses among the open deployments that `is_wanted`, which are all of one model unless the stage is nearly spent.
    fn draw_deployment(
        &mut self,
        router: &mut Router,
        range: Range<usize>,
        is_wanted: &dyn Fn(&Candidate) -> bool,
    ) -> Option<usize> {
        let candidates = &self.decision.candidates;
        let is_open = |candidate: &Candidate| candidate.exclusion.is_none() && is_wanted(candidate);
        let first = range.clone().find(|&index| is_open(&candidates[index]))?;
        let model = candidates[first].model;
        let begin = range.clone().find(|&index| candidates[index].model == model)?;
        let count = self.catalog.model(model).deployments.len();
        if count == 1 {
            return Some(begin);
        }
        let mut weights = std::mem::take(&mut router.scratch);
        weights.clear();
        weights.extend(candidates[begin..begin + count].iter().map(|candidate| {
            let weight = self.catalog.deployment(candidate.deployment).weight * candidate.vigour;
            if is_open(candidate) { weight } else { 0.0 }
        }));
        let strategy = self.catalog.model(model).strategy;
        let chosen = choose(&self.catalog, router, Target::Model(model), strategy, &weights, self.is_first());
        router.scratch = weights;
        chosen.map(|index| begin + index)
    }
}

fn choose(
    catalog: &Catalog,
    router: &mut Router,
    target: Target,
    strategy: Strategy,
    weights: &[f64],
    is_first: bool,
) -> Option<usize> {
    let next = match router.rotation_mut(catalog, target) {
        Some(rotation) if is_first => return strategy.rotate(rotation, weights),
        Some(rotation) => rotation.next,
        // Its place was not carried over; always the first would send everybody there.
        None => router.chance.index(weights.len()),
    };
    strategy.replace(next, weights, &mut router.chance)
}

/// Lists what a target leads to directly, in the order given.
pub(crate) fn list(
    catalog: &Catalog,
    demand: &crate::demand::Demand,
    target: Target,
    stage: usize,
    candidates: &mut Vec<Candidate>,
) {
    let mut add = |position: usize, member: Member| {
        let model = catalog.model(member.model);
        candidates.reserve(model.deployments.len());
        for &deployment in &model.deployments {
            candidates.push(Candidate {
                deployment,
                model: member.model,
                stage: u8::try_from(stage).unwrap_or(u8::MAX),
                weight: member.weight * catalog.deployment(deployment).weight,
                exclusion: eligibility::of_demand(catalog, demand, target, deployment, member.weight),
                member: u32::try_from(position).expect("a pool has fewer than 2^32 members"),
                member_weight: member.weight,
                vigour: 1.0,
                is_probe_due: false,
            });
        }
    };
    match target {
        Target::Model(model) => add(0, Member { model, weight: 1.0 }),
        Target::Pool(id) => {
            for (position, &member) in catalog.pool(id).members.iter().enumerate() {
                add(position, member);
            }
        }
    }
}

/// Appends the fallbacks of a target, each followed by its own, leaving out what is there already.
pub(crate) fn chain(catalog: &Catalog, target: Target, stages: &mut Vec<Target>) {
    let Target::Pool(id) = target else { return };
    for &fallback in &catalog.pool(id).fallback {
        if !stages.contains(&fallback) {
            stages.push(fallback);
            chain(catalog, fallback, stages);
        }
    }
}
