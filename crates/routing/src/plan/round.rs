//! Whom a choice is among: first those from whom most can be hoped.

use crate::decision::{AttemptRecord, Candidate};
use crate::demand::Capabilities;
use crate::outcome::{Ending, FaultKind};
use crate::plan::Plan;
use crate::plan::reduce::HandOver;

/// Whom a choice is among.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Round {
    /// Those too who cannot take the conversation whole.
    pub(super) is_reduced: bool,
    /// Those too whose answer broke off in this exchange.
    pub(super) is_again: bool,
    /// Only those who can do this.
    pub(super) prefers: Capabilities,
}

impl Round {
    /// All who were not asked and can take the conversation whole; for most exchanges the only one.
    pub(super) const FIRST: Self = Self { is_reduced: false, is_again: false, prefers: Capabilities::NONE };
}

impl Plan {
    /// The rounds of a choice, in order.
    pub(super) fn rounds(&self) -> impl Iterator<Item = Round> + use<> {
        let both = |also: bool| if also { &[false, true][..] } else { &[false][..] };
        let (reduced, again) = (both(self.hand_over == HandOver::Reduced), both(self.is_carried_on()));
        let preferred = self.prefers.filter(|&prefers| prefers != Capabilities::NONE);
        reduced.iter().flat_map(move |&is_reduced| {
            again.iter().flat_map(move |&is_again| {
                let round = move |prefers| Round { is_reduced, is_again, prefers };
                preferred.into_iter().chain([Capabilities::NONE]).map(round)
            })
        })
    }

    /// Whether a candidate was asked in this exchange, with an end that leaves nothing to hope for in this round.
    pub(super) fn was_tried(&self, candidate: &Candidate) -> bool {
        let is_hopeless = |attempt: &AttemptRecord| match attempt.ending {
            Some(Ending::Failure(FaultKind::CallerTooLong)) => attempt.is_reduced || candidate.lack.is_none(),
            Some(Ending::MidStream | Ending::Lost) => !self.round.is_again,
            Some(_) | None => true,
        };
        // Each time it is asked for all of its input; who breaks off twice does so a third time.
        let has_broken_twice =
            || self.attempts_at(candidate).filter(|attempt| attempt.ending == Some(Ending::MidStream)).count() > 1;
        self.attempts_at(candidate).any(is_hopeless) || has_broken_twice()
    }

    /// The attempts at a candidate that stand in the way of asking it again.
    pub(super) fn attempts_at(&self, candidate: &Candidate) -> impl Iterator<Item = &AttemptRecord> {
        let id = candidate.deployment;
        self.counted_attempts().iter().filter(move |attempt| attempt.deployment == id)
    }
}
