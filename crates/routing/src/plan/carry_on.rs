//! Goes on after an answer broke off that its caller had seen the beginning of.

use crate::catalog::ModelId;
use crate::demand::Capabilities;
use crate::instant::Instant;
use crate::outcome::FaultKind;
use crate::plan::{Intent, MovedOn, Plan, StopReason};
use crate::router::Router;

impl Plan {
    /// Goes on to another candidate after an attempt was reported as [`crate::Outcome::MidStream`], once for each; else
    /// changes nothing. The attempts of the exchange hold for all that follow, and `until` takes the place of the deadline,
    /// which a long answer may have left behind.
    ///
    /// Asked are, of those not asked yet, first those whose model covers `prefers`; then those whose answers broke off in this
    /// exchange, as retries. A candidate that turns out unable to carry on is passed over with
    /// [`crate::Exclusion::Continuation`]. One that calls what it was asked a bad request ([`FaultKind::CallerBad`]) is asked
    /// once more, unless its fault says `same_target_forbidden`: it was not the caller's request.
    pub fn carry_on(&mut self, prefers: Capabilities, until: Instant) {
        let Some(position) = self.broken.take() else { return };
        self.decision.stop = None;
        self.prefers = Some(prefers);
        self.demand.deadline = until;
        (self.patience, self.queue_patience) = (None, None);
        // What was uncertain before has answered since.
        self.uncertain_replays = 0;
        // What broke may have been billed, and whatever broke it may be the whole endpoint's.
        (self.last_fault, self.last_failed) = (Some(FaultKind::Reset), Some(position));
        let (intent, moved_on) = match self.obstacle() {
            Some(reason) => (Intent::Stop(reason), MovedOn::Stop(reason)),
            None => (Intent::Draw, MovedOn::Next),
        };
        self.intent = intent;
        self.decision.attempts[position].moved_on = Some(moved_on);
    }

    /// The model that this conversation was last answered by, if it is bound and known. Looks through the catalog.
    pub fn bound_model(&self, router: &Router, now: Instant) -> Option<ModelId> {
        let conversation = self.demand.conversation.filter(|turn| !turn.is_first_turn || turn.is_explicit)?;
        let slot = router.bindings.find(conversation.id, now, &router.settings.affinity)?;
        let place = self.catalog.slots.iter().position(|slots| slots.deployment == slot)?;
        Some(self.catalog.deployments[place].model)
    }

    /// Why nothing more may be sent at all.
    pub(super) fn obstacle(&self) -> Option<StopReason> {
        if !self.demand.retries_allowed {
            Some(StopReason::RetriesRefused)
        } else if !self.attempts_left() {
            Some(StopReason::AttemptsSpent)
        } else {
            None
        }
    }

    /// Whether what is asked for now is the rest of an answer.
    pub(super) fn is_carried_on(&self) -> bool {
        self.prefers.is_some()
    }
}
