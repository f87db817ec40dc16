//! Chooses the next deployment: the conversation's own, else stage by stage.
//!
//! A strategy that measures compares every deployment of a stage at once. The others choose the member first and its
//! deployment second.

use std::borrow::Cow;
use std::ops::Range;

use crate::catalog::{Catalog, DeploymentId, Member, ModelId, PoolId, Target};
use crate::chance::Chance;
use crate::cost::Expected;
use crate::decision::{AffinityUse, AttemptRecord, Candidate, Draw, DrawOption, DrawnOption};
use crate::demand::{Capabilities, Demand};
use crate::eligibility::{self, Exclusion};
use crate::instant::Instant;
use crate::plan::Plan;
use crate::plan::round::Round;
use crate::router::Router;
use crate::strategy::{Offer, Strategy, Turn, adapt};

impl Plan {
    pub(super) fn draw(&mut self, router: &mut Router, now: Instant) -> Option<DeploymentId> {
        self.rounds().find_map(|round| self.draw_round(router, round, now))
    }

    /// The same, among those only who can take the conversation whole.
    pub(super) fn draw_whole(&mut self, router: &mut Router, now: Instant) -> Option<DeploymentId> {
        self.rounds().filter(|round| !round.is_reduced).find_map(|round| self.draw_round(router, round, now))
    }

    fn draw_round(&mut self, router: &mut Router, round: Round, now: Instant) -> Option<DeploymentId> {
        self.round = round;
        if self.is_first()
            && let Some(bound) = self.follow(router, now)
        {
            return Some(bound);
        }
        for stage in 0.. {
            if stage == 1 {
                self.open_chain();
            }
            if stage >= self.stages.len() {
                break;
            }
            let range = self.look_at(router, stage, now);
            if let Some(index) = self.draw_in(router, stage, range, now) {
                let drawn = self.decision.candidates[index].deployment;
                self.note_affinity(drawn);
                return Some(drawn);
            }
        }
        None
    }

    /// Chooses among all that `is_fit` of what was asked for; fallbacks are for failures.
    pub(super) fn draw_hedge(
        &mut self,
        router: &mut Router,
        is_fit: &dyn Fn(&Candidate) -> bool,
        now: Instant,
    ) -> Option<DeploymentId> {
        self.round = Round::FIRST;
        let range = self.look_at(router, 0, now);
        let strategy = strategy_of(&self.catalog, &self.demand, self.demand.target);
        let target = self.demand.target;
        let drawn = self.draw_among(router, target, strategy, range, is_fit, &|candidate| candidate.weight, now)?;
        Some(self.decision.candidates[drawn].deployment)
    }

    /// The deployment the conversation is bound to, if it can serve and its cache is not the strategy's own business.
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
        self.open_chain();
        self.decision.affinity = AffinityUse::Elsewhere;
        for stage in 0..self.stages.len() {
            let range = self.look_at(router, stage, now);
            let candidates = &self.decision.candidates[range];
            let is_bound = |candidate: &&Candidate| self.catalog.slots(candidate.deployment).deployment == slot;
            let Some(bound) = candidates.iter().find(is_bound) else { continue };
            match bound.exclusion {
                None if self.decision.strategy.weighs_cache() => {
                    self.bound = Some(bound.deployment);
                    return None;
                }
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

    /// What a strategy that weighs the cache made of the conversation's place.
    fn note_affinity(&mut self, drawn: DeploymentId) {
        if let (Some(bound), true) = (self.bound, self.is_first()) {
            self.decision.affinity =
                if bound == drawn { AffinityUse::Followed(bound) } else { AffinityUse::Left(bound) };
        }
    }

    fn open_chain(&mut self) {
        if self.stages.len() == 1 {
            chain(&self.catalog, self.demand.target, &mut self.stages);
        }
    }

    /// Judges every candidate of a stage anew; the first time, lists them.
    fn look_at(&mut self, router: &mut Router, stage: usize, now: Instant) -> Range<usize> {
        if stage == self.begins.len() {
            self.begins.push(self.decision.candidates.len());
            list(&self.catalog, &self.demand, self.stages[stage], stage, &mut self.decision.candidates);
        }
        let end = self.begins.get(stage + 1).copied().unwrap_or(self.decision.candidates.len());
        let range = self.begins[stage]..end;
        let slowest = eligibility::slowest(&self.catalog, &self.demand, self.stages[stage]);
        for index in range.clone() {
            let mut candidate = self.decision.candidates[index];
            self.decision.candidates[index].is_open = false;
            if candidate.lack.is_some() && !self.round.is_reduced {
                self.decision.candidates[index].exclusion = candidate.lack;
                continue;
            }
            if candidate.lack.is_none() && candidate.exclusion.is_some_and(Exclusion::is_lasting) {
                continue;
            }
            let slots = self.catalog.slots(candidate.deployment);
            router.pass_time(slots, now);
            (candidate.ramp, candidate.health) =
                router.deployments.at(slots.deployment).condition(now, &router.settings.breaker);
            let configured = candidate.member_weight * self.catalog.deployment(candidate.deployment).weight;
            candidate.weight = configured * candidate.ramp * candidate.health;
            let verdict = router.judge(&self.catalog, candidate.deployment, now);
            candidate.is_probe_due = verdict == Ok(true);
            candidate.exclusion = if self.was_tried(&candidate) || self.is_retry_too_dear(router, &candidate, now) {
                Some(Exclusion::Tried)
            } else if candidate.lack.is_none() && self.is_too_small(candidate.model) {
                Some(Exclusion::Window)
            } else {
                verdict.err().or_else(|| {
                    let slowest = slowest?;
                    router
                        .is_too_slow(slots, &self.demand_at(candidate.deployment), slowest, now)
                        .then_some(Exclusion::TooSlow)
                })
            };
            candidate.is_open = candidate.exclusion.is_none() && self.is_preferred(candidate.model);
            self.decision.candidates[index] = candidate;
        }
        range
    }

    fn is_preferred(&self, model: ModelId) -> bool {
        let prefers = self.round.prefers;
        prefers == Capabilities::NONE || self.catalog.model(model).capabilities.covers(prefers)
    }

    /// Whether a candidate that this exchange asked before costs more than the budget has for asking again.
    fn is_retry_too_dear(&mut self, router: &Router, candidate: &Candidate, now: Instant) -> bool {
        if self.round == Round::FIRST || self.attempts_at(candidate).next().is_none() {
            return false;
        }
        let budget = router.endpoints.at(self.catalog.slots(candidate.deployment).endpoint).budget;
        let is_too_dear = !budget.allows(self.cost_of_retry(candidate.deployment), now, &router.settings.retry);
        self.is_retry_refused |= is_too_dear;
        is_too_dear
    }

    /// Whether a window at least as large has refused the input. One of unknown size is not known to be larger.
    pub(super) fn is_too_small(&self, model: ModelId) -> bool {
        self.refused_window.is_some_and(|refused| self.catalog.model(model).context_window.unwrap_or(0) <= refused)
    }

    fn draw_in(&mut self, router: &mut Router, stage: usize, range: Range<usize>, now: Instant) -> Option<usize> {
        if !self.decision.candidates[range.clone()].iter().any(|candidate| candidate.is_open) {
            return None;
        }
        let strategy = strategy_of(&self.catalog, &self.demand, self.stages[stage]);
        if self.is_first()
            && let Some(index) = self.probe_due(strategy, range.clone())
        {
            return Some(index);
        }
        if strategy.measures() {
            return self.draw_measured(router, stage, strategy, range, now);
        }
        if let Some(model) = self.last_failed().map(|failed| failed.model) {
            let is_near = self.hopeful();
            let is_near = |candidate: &Candidate| candidate.model == model && is_near(candidate);
            if let Some(index) = self.draw_deployment(router, range.clone(), &is_near, now) {
                return Some(index);
            }
        }
        if let Some(model) = self.draw_member(router, stage, strategy, range.clone(), now) {
            return self.draw_deployment(router, range, &|candidate| candidate.model == model, now);
        }
        // Siblings of what failed, at the same endpoint: little hope, and better than none.
        self.draw_deployment(router, range, &|_| true, now)
    }

    pub(super) fn last_failed(&self) -> Option<&AttemptRecord> {
        self.last_failed.map(|position| &self.decision.attempts[position])
    }

    /// Which candidates do not share the endpoint of what failed last, unless that was not the endpoint's fault.
    fn hopeful(&self) -> impl Fn(&Candidate) -> bool + use<> {
        let catalog = self.catalog.clone();
        let spares = self.last_fault.is_none_or(super::FaultKind::spares_siblings);
        let failed = self.last_failed().map(|failed| catalog.deployment(failed.deployment).endpoint);
        move |candidate| spares || Some(catalog.deployment(candidate.deployment).endpoint) != failed
    }

    /// A probe that is due goes before the rotation, with a request that has somewhere else to go. Where order is a
    /// priority, it waits for its turn.
    fn probe_due(&self, strategy: Strategy, range: Range<usize>) -> Option<usize> {
        if strategy == Strategy::Priority {
            return None;
        }
        let candidates = &self.decision.candidates[range.clone()];
        let is_due = |candidate: &Candidate| {
            candidate.is_open
                && candidate.is_probe_due
                && self.catalog.model(candidate.model).strategy != Some(Strategy::Priority)
        };
        let due = candidates.iter().position(is_due)?;
        let mut open = candidates.iter().filter(|candidate| candidate.is_open);
        open.nth(1).map(|_| range.start + due)
    }

    /// Compares all open deployments of a stage. A model with a strategy of its own then has the last word among its own.
    fn draw_measured(
        &mut self,
        router: &mut Router,
        stage: usize,
        strategy: Strategy,
        range: Range<usize>,
        now: Instant,
    ) -> Option<usize> {
        let target = self.stages[stage];
        let is_hopeful = self.hopeful();
        let weight = |candidate: &Candidate| candidate.weight;
        let drawn = self
            .draw_among(router, target, strategy, range.clone(), &is_hopeful, &weight, now)
            .or_else(|| self.draw_among(router, target, strategy, range.clone(), &|_| true, &weight, now))?;
        let Candidate { model, deployment, .. } = self.decision.candidates[drawn];
        if self.is_first() && self.bound == Some(deployment) {
            return Some(drawn);
        }
        if matches!(target, Target::Model(_)) || self.catalog.model(model).strategy.is_none() {
            return Some(drawn);
        }
        self.draw_deployment(router, range, &|candidate| candidate.model == model, now)
    }

    /// Chooses a member that was not tried in this exchange.
    fn draw_member(
        &mut self,
        router: &mut Router,
        stage: usize,
        strategy: Strategy,
        range: Range<usize>,
        now: Instant,
    ) -> Option<ModelId> {
        let target = self.stages[stage];
        let Target::Pool(id) = target else {
            let model = self.decision.candidates[range.start].model;
            return self.counted_attempts().iter().all(|attempt| attempt.model != model).then_some(model);
        };
        let catalog = self.catalog.clone();
        let pool = catalog.pool(id);
        let mut offers = std::mem::take(&mut router.scratch);
        offers.clear();
        offers.resize(pool.members.len(), Offer::CLOSED);
        let tokens = if pool.adapt { router.expected_tokens(&catalog, &self.demand) } else { Expected::default() };
        for candidate in &self.decision.candidates[range] {
            let was_tried = self.counted_attempts().iter().any(|attempt| attempt.model == candidate.model);
            if candidate.is_open && !was_tried {
                let offer = &mut offers[candidate.member as usize];
                // A model is as well as its best deployment.
                let weight = candidate.member_weight * candidate.ramp * candidate.health;
                if weight > offer.weight {
                    (offer.weight, offer.ramp) = (weight, candidate.ramp);
                    (offer.failures, offer.seconds) = (1.0 - candidate.health, None);
                    if pool.adapt {
                        let id = candidate.deployment;
                        offer.seconds = router.expected_seconds(&catalog, id, &self.demand_at(id), tokens, now);
                    }
                }
            }
        }
        if pool.adapt && strategy == Strategy::Weighted {
            adapt(&mut offers, router.settings.measure.adapt);
        }
        let chosen = self.choose(router, target, strategy, &mut offers, Among::Members(id));
        router.scratch = offers;
        chosen.map(|index| pool.members[index].model)
    }

    /// Chooses among the open deployments that `is_wanted`, which are all of one model unless the stage is nearly spent.
    fn draw_deployment(
        &mut self,
        router: &mut Router,
        range: Range<usize>,
        is_wanted: &dyn Fn(&Candidate) -> bool,
        now: Instant,
    ) -> Option<usize> {
        let candidates = &self.decision.candidates;
        let is_open = |candidate: &Candidate| candidate.is_open && is_wanted(candidate);
        let first = range.clone().find(|&index| is_open(&candidates[index]))?;
        let model = candidates[first].model;
        let begin = range.clone().find(|&index| candidates[index].model == model)?;
        let count = self.catalog.model(model).deployments.len();
        if count == 1 {
            return Some(begin);
        }
        let catalog = self.catalog.clone();
        let target = Target::Model(model);
        let weight =
            |candidate: &Candidate| catalog.deployment(candidate.deployment).weight * candidate.ramp * candidate.health;
        self.draw_among(router, target, catalog.strategy(target), begin..begin + count, is_wanted, &weight, now)
    }

    /// Chooses among the open deployments of a range that `is_wanted`, each with its `weight`.
    #[expect(clippy::too_many_arguments, reason = "one choice has this many circumstances")]
    fn draw_among(
        &mut self,
        router: &mut Router,
        target: Target,
        strategy: Strategy,
        range: Range<usize>,
        is_wanted: &dyn Fn(&Candidate) -> bool,
        weight: &dyn Fn(&Candidate) -> f64,
        now: Instant,
    ) -> Option<usize> {
        let mut offers = std::mem::take(&mut router.scratch);
        offers.clear();
        let tokens =
            if strategy.measures() { router.expected_tokens(&self.catalog, &self.demand) } else { Expected::default() };
        for candidate in &self.decision.candidates[range.clone()] {
            if !candidate.is_open || !is_wanted(candidate) {
                offers.push(Offer::CLOSED);
                continue;
            }
            let mut offer = Offer {
                weight: weight(candidate),
                ramp: candidate.ramp,
                failures: 1.0 - candidate.health,
                ..Offer::CLOSED
            };
            if strategy.measures() {
                let is_bound = self.bound == Some(candidate.deployment);
                let id = candidate.deployment;
                let demand = self.demand_at(id);
                let tokens = match &demand {
                    Cow::Borrowed(_) => tokens,
                    Cow::Owned(reduced) => router.expected_tokens(&self.catalog, reduced),
                };
                router.measure(&self.catalog, id, &demand, tokens, is_bound, now, &mut offer);
            }
            offers.push(offer);
        }
        let chosen = self.choose(router, target, strategy, &mut offers, Among::Candidates(range.start));
        router.scratch = offers;
        chosen.map(|index| range.start + index)
    }

    /// Chooses one of the open offers, moves the rotation of `target` on by a first attempt, and keeps the record.
    fn choose(
        &mut self,
        router: &mut Router,
        target: Target,
        strategy: Strategy,
        offers: &mut [Offer],
        among: Among,
    ) -> Option<usize> {
        let is_first = self.is_first();
        let explore_share = router.settings.measure.explore_share;
        let mut turn = Turn { is_first, ..router.turn(&self.catalog, target, strategy) };
        match router.rotation_mut(&self.catalog, target) {
            Some(rotation) => {
                turn.next = rotation.next;
                if is_first && strategy.explores() {
                    rotation.explore = (rotation.explore + explore_share).min(1.0);
                    turn.may_explore = rotation.explore >= 1.0;
                }
                if is_first && strategy == Strategy::Weighted {
                    for (offer, &credit) in offers.iter_mut().zip(&rotation.credit) {
                        offer.credit = credit;
                    }
                }
            }
            // Its place was not carried over; always the first would send everybody there.
            None => turn.next = router.chance.index(offers.len()),
        }
        let record = self.begin_record(turn, offers, among, &router.chance);
        let chosen = turn.choose(offers, &mut router.chance);
        if let (Some(chosen), true, Some(rotation)) = (chosen, is_first, router.rotation_mut(&self.catalog, target)) {
            match strategy {
                Strategy::Weighted => {
                    for (credit, offer) in rotation.credit.iter_mut().zip(offers.iter()) {
                        *credit = offer.credit;
                    }
                }
                Strategy::RoundRobin => rotation.next = (chosen + 1) % offers.len(),
                Strategy::Fastest | Strategy::Balanced => {
                    if turn.may_explore && offers[chosen].is_stale {
                        rotation.explore -= 1.0;
                    }
                }
                Strategy::Priority | Strategy::Cheapest => {}
            }
        }
        if let Some(mut draw) = record {
            draw.chosen = chosen;
            for (option, offer) in draw.options.iter_mut().zip(offers.iter()) {
                option.offer.score = offer.score;
            }
            self.decision.draws.push(draw);
        }
        chosen
    }

    /// What the choice is made from, unless it is none or the options are too many to keep.
    fn begin_record(&self, turn: Turn, offers: &[Offer], among: Among, chance: &Chance) -> Option<Draw> {
        if offers.len() > OPTIONS_KEPT || offers.iter().filter(|offer| offer.weight > 0.0).nth(1).is_none() {
            return None;
        }
        let option = |(index, &offer): (usize, &Offer)| {
            let what = match among {
                Among::Members(pool) => DrawnOption::Model(self.catalog.pool(pool).members[index].model),
                Among::Candidates(begin) => DrawnOption::Deployment(self.decision.candidates[begin + index].deployment),
            };
            DrawOption { what, offer }
        };
        let options = offers.iter().enumerate().map(option).collect();
        Some(Draw { turn, dice: chance.state(), options, chosen: None })
    }
}

/// What the offers of one choice are.
#[derive(Clone, Copy, Debug)]
enum Among {
    /// The members of this pool.
    Members(PoolId),
    /// The candidates from this position on.
    Candidates(usize),
}

/// How a target chooses for this demand.
pub(crate) fn strategy_of(catalog: &Catalog, demand: &Demand, target: Target) -> Strategy {
    let cheaper_below = catalog.as_pool(target).and_then(|pool| pool.cheaper_below);
    match (demand.spendable, cheaper_below) {
        (Some(spendable), Some(level)) if spendable < level => Strategy::Cheapest,
        (Some(_) | None, Some(_) | None) => catalog.strategy(target),
    }
}

/// Lists what a target leads to directly, in the order given.
pub(crate) fn list(catalog: &Catalog, demand: &Demand, target: Target, stage: usize, candidates: &mut Vec<Candidate>) {
    candidates.reserve(match target {
        Target::Model(id) => catalog.model(id).deployments.len(),
        Target::Pool(id) => catalog.pool(id).members.len(),
    });
    let terms = eligibility::Terms::of(catalog, demand, target);
    let stage = u8::try_from(stage).unwrap_or(u8::MAX);
    let mut add = |position: usize, member: Member, is_scheduled: bool| {
        let exclusion = terms.of_model(member.model);
        let position = u32::try_from(position).expect("a pool has fewer than 2^32 members");
        for &deployment in &catalog.model(member.model).deployments {
            let weight = member.weight * catalog.deployment(deployment).weight;
            candidates.push(Candidate {
                deployment,
                model: member.model,
                stage,
                weight,
                exclusion: exclusion.or_else(|| terms.of_deployment(deployment, weight, is_scheduled)),
                member: position,
                member_weight: member.weight,
                ramp: 1.0,
                health: 1.0,
                is_probe_due: false,
                is_reduced: false,
                lack: None,
                is_open: false,
            });
        }
    };
    match target {
        Target::Model(model) => add(0, Member { model, weight: 1.0 }, false),
        Target::Pool(id) => {
            for (position, member) in catalog.pool(id).members.iter().enumerate() {
                let (weight, is_scheduled) = demand.hour.weight(id, position, member.weight);
                add(position, Member { weight, ..*member }, is_scheduled);
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

/// A choice among more than these is not kept in the record: it would outgrow the exchange.
const OPTIONS_KEPT: usize = 64;
