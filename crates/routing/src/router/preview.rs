//! What a plan would do, without doing it.

use std::sync::Arc;

use crate::catalog::{Catalog, DeploymentId, Target};
use crate::decision::{Candidate, Preview, PreviewCandidate};
use crate::demand::Demand;
use crate::instant::Instant;
use crate::plan::draw;
use crate::router::Router;
use crate::strategy::Strategy;

impl Router {
    /// What a plan would do now, changing nothing.
    pub fn preview(&self, catalog: &Arc<Catalog>, demand: &Demand, now: Instant) -> Preview {
        let mut stages = vec![demand.target];
        draw::chain(catalog, demand.target, &mut stages);
        let mut candidates = Vec::new();
        for (stage, &target) in stages.iter().enumerate() {
            candidates.extend(self.preview_stage(catalog, demand, target, stage, now));
        }
        let bound = self.preview_bound(catalog, demand, &candidates, now);
        Preview { target: demand.target, strategy: catalog.strategy(demand.target), bound, candidates }
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
        for candidate in &mut listed {
            let slots = catalog.slots(candidate.deployment);
            candidate.vigour = self.deployments.at(slots.deployment).vigour(now, &self.settings.breaker);
            candidate.exclusion = candidate.exclusion.or_else(|| self.judge(catalog, candidate.deployment, now).err());
        }
        let mut shown: Vec<_> = listed
            .iter()
            .map(|candidate| PreviewCandidate {
                deployment: candidate.deployment,
                model: candidate.model,
                stage: candidate.stage,
                share: share(catalog, target, &listed, candidate),
                exclusion: candidate.exclusion,
            })
            .collect();
        // A stable sort: equals, and those of a priority list, keep the order given.
        shown.sort_by(|one, other| {
            one.exclusion.is_some().cmp(&other.exclusion.is_some()).then(other.share.total_cmp(&one.share))
        });
        shown
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
}

/// The member's share in its pool × the deployment's share in its model.
fn share(catalog: &Catalog, target: Target, listed: &[Candidate], of: &Candidate) -> f64 {
    if of.exclusion.is_some() {
        return 0.0;
    }
    let open = || listed.iter().filter(|candidate| candidate.exclusion.is_none());
    let mut members: Vec<(u32, f64)> = Vec::new();
    for candidate in open() {
        let weight = candidate.member_weight * candidate.vigour;
        match members.last_mut() {
            Some((member, best)) if *member == candidate.member => *best = best.max(weight),
            _ => members.push((candidate.member, weight)),
        }
    }
    let at = members.iter().position(|&(member, _)| member == of.member).expect("an open candidate's member is open");
    let weights: Vec<f64> = members.iter().map(|&(_, weight)| weight).collect();
    let siblings: Vec<&Candidate> = open().filter(|candidate| candidate.member == of.member).collect();
    let own = siblings.iter().position(|candidate| candidate.deployment == of.deployment);
    let own = own.expect("an open candidate is among the open ones");
    let weight = |candidate: &&Candidate| catalog.deployment(candidate.deployment).weight * candidate.vigour;
    let deployments: Vec<f64> = siblings.iter().map(weight).collect();
    part(catalog.strategy(target), &weights, at) * part(catalog.model(of.model).strategy, &deployments, own)
}

#[expect(clippy::cast_precision_loss, reason = "a count of members fits a double")]
fn part(strategy: Strategy, weights: &[f64], index: usize) -> f64 {
    match strategy {
        Strategy::Weighted => weights[index] / weights.iter().sum::<f64>(),
        Strategy::RoundRobin => 1.0 / weights.len() as f64,
        Strategy::Priority => f64::from(u8::from(index == 0)),
    }
}
