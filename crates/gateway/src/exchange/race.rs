//! One attempt up to its first content or its whole answer; where that is slow and the pool allows it, two.

use std::{pin::pin, sync::OnceLock};

use roundelay_ledger::Case;
use roundelay_routing::{Attempt, Exclusion, Plan};
use tokio::time::{Instant, sleep_until, timeout};

use super::{
    attempt::{self, Attempted},
    call::{Call, Inbound},
    caller::Interruption,
    draft::Draft,
    flight::Flight,
    gateway::Worker,
    handover::Hand,
    outgoing::Unsayable,
    places::DRAIN_WAIT,
};
use crate::billing::Shortfall;

/// The attempts of one step of a plan: the one it named, and perhaps a second beside it.
#[derive(Debug)]
pub(super) struct Race<'a> {
    worker: &'a Worker,
    call: &'a Call,
    first: Flight<'a>,
    /// Boxed, because it is rare, and a race is kept for each exchange.
    hedge: OnceLock<Box<Flight<'a>>>,
}

impl<'a> Race<'a> {
    /// # Errors
    /// What is short for the attempt; then it did not begin.
    pub(super) fn begin(
        worker: &'a Worker,
        call: &'a Call,
        attempt: (Attempt, Option<Hand>),
        draft: &mut Draft,
    ) -> Result<Self, Shortfall> {
        Ok(Self { worker, call, first: Flight::begin(&worker.gateway, call, attempt, draft)?, hedge: OnceLock::new() })
    }

    /// Runs until there is an answer, or no hope for one. What failed or lost has landed then; the one that answers is
    /// [`Self::winner`].
    ///
    /// Dropped, it closes the connections of all that still run, and [`Self::abandon`] lands them.
    pub(super) async fn run(&self, inbound: &Inbound, plan: &mut Plan, draft: &mut Draft) -> Attempted {
        if let Some(at) = self.hedge_at(plan) {
            // Boxed, so that who does not race does not take the room of two attempts.
            return Box::pin(self.run_two(at, inbound, plan, draft)).await;
        }
        let attempted = attempt::make(self.worker, inbound, self.call, &self.first).await;
        note(&self.first, &attempted, plan, draft);
        attempted
    }

    /// When a second attempt may begin; asks the router only where the pool has it.
    fn hedge_at(&self, plan: &Plan) -> Option<Instant> {
        if !self.call.may_hedge {
            return None;
        }
        let gateway = &self.worker.gateway;
        let at = plan.hedge_at(&gateway.router(), self.call.request.stream)?;
        Some(gateway.clock.instant(at))
    }

    /// The first alone until `at`; from then on, if the plan allows a second, both until one answers or both have failed.
    ///
    /// Dropped at any of its awaits it leaves nothing undone: a second attempt begins, and an attempt lands, in one go.
    async fn run_two(&self, at: Instant, inbound: &Inbound, plan: &mut Plan, draft: &mut Draft) -> Attempted {
        let Self { worker, call, first, hedge } = self;
        let gateway = &worker.gateway;
        let mut leading = pin!(attempt::make(worker, inbound, call, first));
        tokio::select! {
            biased;
            attempted = &mut leading => {
                note(first, &attempted, plan, draft);
                return attempted;
            }
            () = sleep_until(at) => {}
        }
        let second = plan.hedge(&mut gateway.router(), call.request.stream, gateway.clock.now());
        let second = second.and_then(|second| {
            let (deployment, hand) = (call.snapshot.deployment(second.deployment), call.hand(plan, &second));
            let exclusion = match call.check_sayable(gateway, inbound, (deployment, hand), None) {
                Err(Unsayable::DoesNotFit) => Exclusion::Window,
                Err(Unsayable::Bad(_)) => Exclusion::Dialect,
                Ok(()) if deployment.was_given_no_token() => {
                    draft.lacks_token(deployment);
                    Exclusion::NoToken
                }
                Ok(()) => match Flight::begin(gateway, call, (second, hand), draft) {
                    Ok(second) => return Some(second),
                    Err(_) => Exclusion::Unaffordable,
                },
            };
            plan.pass_over(&mut gateway.router(), &second, exclusion, gateway.clock.now());
            None
        });
        let Some(second) = second else {
            let attempted = leading.await;
            note(first, &attempted, plan, draft);
            return attempted;
        };
        let hedge = &**hedge.get_or_init(|| Box::new(second));
        let mut following = pin!(attempt::make(worker, inbound, call, hedge));
        let (ended, attempted, other, rest) = tokio::select! {
            biased;
            attempted = &mut leading => (first, attempted, hedge, following),
            attempted = &mut following => (hedge, attempted, first, leading),
        };
        note(ended, &attempted, plan, draft);
        let Attempted::Failed(failed) = attempted else {
            // Its connection closes on the way out, before any of the answer is shown.
            other.lose(plan, draft, "lost");
            return attempted;
        };
        let attempted = rest.await;
        note(other, &attempted, plan, draft);
        match attempted {
            Attempted::Failed(later) => Attempted::Failed(failed.or_more_telling(later)),
            answered => answered,
        }
    }

    /// Where the caller has left: waits all the same, if the exact bill is worth it; see [`Flight::drain`].
    ///
    /// Cancel-safe if `run` is.
    pub(super) async fn read_out(
        &self,
        run: impl Future<Output = Attempted>,
        inbound: &Inbound,
    ) -> Result<Attempted, Interruption> {
        let running = self.hedge.get().filter(|_| self.first.has_landed()).map_or(&self.first, |hedge| &**hedge);
        let Some(_drain) = running.drain(inbound) else { return Err(Interruption::CallerLeft) };
        let mut ending = self.worker.gateway.ending.subscribe();
        tokio::select! {
            attempted = timeout(DRAIN_WAIT, run) => attempted.map_err(|_| Interruption::CallerLeft),
            _ = ending.wait_for(|ending| *ending) => Err(Interruption::Stopping),
        }
    }

    /// The one that answers.
    pub(super) fn winner(self) -> Flight<'a> {
        match self.hedge.into_inner() {
            Some(hedge) if !hedge.has_landed() => *hedge,
            _ => self.first,
        }
    }

    /// Lands all that still run, for nobody waits for them.
    pub(super) fn abandon(self, plan: &mut Plan, draft: &mut Draft, why: Interruption) {
        if let Some(hedge) = self.hedge.into_inner().filter(|hedge| !hedge.has_landed()) {
            if self.first.has_landed() || self.first.cancelled() == Case::Unbilled {
                hedge.give_up(plan, draft, why);
            } else {
                // Its caller asked once, and pays once.
                hedge.lose(plan, draft, "abandoned");
            }
        }
        if !self.first.has_landed() {
            self.first.give_up(plan, draft, why);
        }
    }
}

/// Lands what failed, and commits to what answers.
fn note(flight: &Flight<'_>, attempted: &Attempted, plan: &mut Plan, draft: &mut Draft) {
    match attempted {
        Attempted::Failed(failed) => flight.fail(plan, draft, failed),
        Attempted::Whole(_) => flight.commit(draft, false),
        Attempted::Opened(_) => flight.commit(draft, true),
    }
}
