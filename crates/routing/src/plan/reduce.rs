//! Who may be asked with less than the whole conversation, when nobody who can take it whole can be asked now.
//!
//! Only where somebody on the way, whatever its health, its hour or its price, could have taken the conversation whole: one
//! that is too long for all that the target has for this caller is the caller's to shorten, and who is told so does. Whoever
//! is let in is asked only after all who can take it whole.

use std::borrow::Cow;

use crate::catalog::{DeploymentId, ModelId, Target};
use crate::decision::Candidate;
use crate::demand::{Capabilities, Demand};
use crate::eligibility::{Exclusion, Terms};
use crate::plan::Plan;

/// What a conversation can be cut to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Least {
    /// Input tokens that it can be cut to, at least; estimated as [`Demand::input_tokens`] are.
    pub tokens: u64,
    /// What a model must be able to do even so.
    pub needs: Capabilities,
}

/// How far it is with what a conversation can be cut to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HandOver {
    /// Nobody has asked.
    Unasked,
    /// [`crate::Step::HandOver`] was given.
    Asked,
    /// Some candidates were let in.
    Reduced,
    /// It cannot be cut, or nobody said what to.
    Whole,
}

impl Plan {
    /// Answers [`crate::Step::HandOver`]: what the conversation can be cut to, `None` = it cannot. Changes nothing unless it
    /// was asked for. Those who can take as much, and an answer beside it, may be asked from now on when nobody is there who
    /// can take it whole; then [`crate::Attempt::is_reduced`] says so.
    pub fn hand_over(&mut self, least: Option<Least>) {
        if self.hand_over != HandOver::Asked {
            return;
        }
        let Some(least) = least else {
            self.hand_over = HandOver::Whole;
            return;
        };
        self.hand_over = HandOver::Reduced;
        for index in 0..self.decision.candidates.len() {
            self.decision.candidates[index] = self.let_in(self.decision.candidates[index], least);
        }
    }

    /// Estimated tokens of input that a model can take beside an answer: all of its window but the answer's share, which is
    /// what was asked for (1,024 where nobody said), and at most a quarter. Less where the estimate was seen to be low in
    /// this exchange: who refuses an input tells that it is at least as long as its window.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "token counts are far below 2^52, and casts saturate"
    )]
    pub fn room(&self, model: ModelId) -> u64 {
        let Some(window) = self.catalog.model(model).context_window else {
            return if self.refused_window.is_some() { 0 } else { u64::MAX };
        };
        let asked = if self.demand.output_tokens == 0 { ANSWER } else { self.demand.output_tokens };
        let room = window - asked.min(window / 4);
        (room as f64 * self.estimated_share).floor() as u64
    }

    /// Whether to ask what the conversation can be cut to. Once an exchange.
    pub(super) fn may_hand_over(&self) -> bool {
        self.demand.may_hand_over
            && self.hand_over == HandOver::Unasked
            && self.decision.candidates.iter().any(|candidate| self.could_be_reduced(candidate))
            && self.decision.candidates.iter().any(|candidate| self.could_be_whole(candidate))
    }

    /// The demand as a deployment gets it: with less input where it cannot take it whole.
    pub(super) fn demand_at(&self, id: DeploymentId) -> Cow<'_, Demand> {
        if self.is_reduced(id) {
            Cow::Owned(self.reduced_demand(self.catalog.deployment(id).model))
        } else {
            Cow::Borrowed(&self.demand)
        }
    }

    /// Whether a deployment is asked with less than the whole conversation.
    pub(super) fn is_reduced(&self, id: DeploymentId) -> bool {
        let is_it = |candidate: &Candidate| candidate.deployment == id && candidate.lack.is_some();
        self.hand_over == HandOver::Reduced && self.decision.candidates.iter().any(is_it)
    }

    /// Learns from a refusal, of the attempt whose record is at `position`, that the input is too long. Who refused even
    /// less than the whole is out, which says nothing of what others can take.
    #[expect(clippy::cast_precision_loss, reason = "token counts are far below 2^52")]
    pub(super) fn learn_too_long(&mut self, position: usize) {
        let attempt = self.decision.attempts[position];
        let window = self.catalog.model(attempt.model).context_window;
        if let Some(window) = window.filter(|&window| window > 0) {
            let sent = self.demand_at(attempt.deployment).input_tokens;
            self.estimated_share = self.estimated_share.min(sent as f64 / window as f64);
        }
        if !attempt.is_reduced {
            self.refused_window = self.refused_window.max(Some(window.unwrap_or(u64::MAX)));
            return;
        }
        for candidate in &mut self.decision.candidates {
            if candidate.deployment == attempt.deployment {
                (candidate.exclusion, candidate.lack) = (Some(Exclusion::Window), None);
            }
        }
    }

    /// Why a candidate cannot take the conversation whole, where that is the conversation's size or what it holds.
    fn lack(&self, candidate: &Candidate) -> Option<Exclusion> {
        match candidate.exclusion {
            Some(lack @ (Exclusion::Window | Exclusion::Capability(_))) => Some(lack),
            Some(exclusion) if exclusion.is_lasting() => None,
            Some(_) | None => self.is_too_small(candidate.model).then_some(Exclusion::Window),
        }
    }

    /// Whether a shorter conversation without images, sounds and documents could be for it.
    fn could_be_reduced(&self, candidate: &Candidate) -> bool {
        let needs = Capabilities { vision: false, audio: false, documents: false, ..self.demand.needs };
        let can = self.catalog.model(candidate.model).capabilities;
        self.lack(candidate).is_some() && can.covers(needs) && self.room(candidate.model) > 0
    }

    /// Whether it could have taken the conversation whole at a better moment.
    fn could_be_whole(&self, candidate: &Candidate) -> bool {
        let is_never = candidate.exclusion.is_some_and(|exclusion| match exclusion {
            Exclusion::NotAllowed
            | Exclusion::Capability(_)
            | Exclusion::Window
            | Exclusion::NoWeight
            | Exclusion::Region
            | Exclusion::Dialect
            | Exclusion::Continuation => true,
            Exclusion::OffDuty
            | Exclusion::Price
            | Exclusion::Unaffordable
            | Exclusion::TooSlow
            | Exclusion::UpstreamBalance
            | Exclusion::NoToken
            | Exclusion::Dead { .. }
            | Exclusion::Cooling { .. }
            | Exclusion::BreakerOpen { .. }
            | Exclusion::EndpointOpen { .. }
            | Exclusion::Probing
            | Exclusion::Busy
            | Exclusion::Tried => false,
        });
        !is_never && !self.is_too_small(candidate.model)
    }

    /// The candidate as it is once `least` is known.
    fn let_in(&self, mut candidate: Candidate, least: Least) -> Candidate {
        let can = self.catalog.model(candidate.model).capabilities;
        let Some(lack) = self.lack(&candidate) else { return candidate };
        if !can.covers(least.needs) || self.room(candidate.model) < least.tokens {
            return candidate;
        }
        let target = self.stages[usize::from(candidate.stage)];
        let is_scheduled = match target {
            Target::Model(_) => false,
            Target::Pool(id) => self.demand.hour.weight(id, candidate.member as usize, candidate.member_weight).1,
        };
        let demand = self.reduced_demand(candidate.model);
        let weight = candidate.member_weight * self.catalog.deployment(candidate.deployment).weight;
        let terms = Terms::of(&self.catalog, &demand, target);
        match terms.of_deployment(candidate.deployment, weight, is_scheduled) {
            Some(exclusion) => candidate.exclusion = Some(exclusion),
            None => (candidate.is_reduced, candidate.lack) = (true, Some(lack)),
        }
        candidate
    }

    fn reduced_demand(&self, model: ModelId) -> Demand {
        Demand { input_tokens: self.demand.input_tokens.min(self.room(model)), ..self.demand.clone() }
    }
}

/// Tokens kept for an answer where nobody said how long it may be.
const ANSWER: u64 = 1_024;
