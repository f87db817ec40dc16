//! The story of one request: receive, authenticate, decode, plan, attempt, relay, record.
//!
//! Every exchange runs in a task of its own and reaches its last line whether or not its caller waits: a server
//! drops the handler of a caller who left, so nothing that must happen lives there.

mod answer;
mod attempt;
mod balances;
mod call;
mod caller;
mod clock_skew;
mod compaction;
mod continuation;
mod count;
mod decision;
mod draft;
mod flight;
mod follow;
mod gateway;
mod handover;
mod incoming;
mod outcome;
mod outgoing;
mod pipe;
mod places;
mod preview;
mod race;
mod refusal;
mod relay;
mod replay;
mod responses;
mod service;
mod snapshot;
mod terms;

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use roundelay_ledger::Case;
use roundelay_protocol::{
    chat,
    failure::Class,
    openai::{BadRequest, Operation},
    translate::decode_request,
};
use roundelay_routing::{AttemptKind, Exclusion, Outcome, Plan, Step, StopReason};
use tokio::sync::oneshot;
use tokio::time::sleep_until;

pub use self::{
    answer::{Answer, AnswerBody, BrokenOff, name_exchange},
    balances::{Balances, LastPoll, Polled, PolledKey},
    call::{Addressed, Errand, Inbound},
    compaction::Compaction,
    count::{count_tokens, estimate},
    decision::explain_stop,
    gateway::{Gateway, Worker},
    handover::{Making, Summaries},
    places::{Place, Places},
    preview::write_preview,
    refusal::{FailedExchange, NotPaid, Refusal, Unserved, Wire},
    replay::{KeptDraw, Remade, ReplayFault, read_draws},
    responses::{Kept, Recent, Responses, Turn, make_ready, spelled_out},
    snapshot::{Snapshot, SnapshotFault},
    terms::Terms,
};
use self::{
    attempt::Attempted,
    call::Call,
    caller::{CallerSide, Interruption},
    continuation::carry_on,
    draft::Draft,
    follow::{Sides, follow},
    outcome::Failed,
    outgoing::Unsayable,
    race::Race,
};
use crate::billing::Shortfall;

/// Serves one authenticated request whose body has been received.
///
/// # Errors
/// With why nothing could be answered, for the caller's own protocol.
pub async fn serve(worker: &Arc<Worker>, inbound: Inbound) -> Result<Answer, Refusal> {
    let (reply, answer) = oneshot::channel();
    // Boxed, so that it is built once and not moved with each layer around it.
    worker.tasks.spawn(Box::pin(run(Arc::clone(worker), inbound, reply)));
    // The sender goes unused only when the exchange panicked.
    answer.await.unwrap_or(Err(Refusal::Internal))
}

/// How an exchange ends. What of it the caller has not seen yet is shown after it was recorded.
#[derive(Debug)]
enum Ending {
    /// A whole answer that was not streamed.
    Whole(Answer),
    /// The end of a stream whose typed terminal was seen: the bytes that were held back for the record's sake.
    Streamed(Bytes),
    /// Nothing could be answered.
    Refused(Refusal),
    /// The answer broke off after content was shown.
    Cut(Refusal),
    /// It was not carried on from this side.
    Interrupted(Interruption),
}

async fn run(worker: Arc<Worker>, mut inbound: Inbound, reply: caller::Reply) {
    let gateway = &*worker.gateway;
    let _in_flight = gateway.metrics.exchange_began();
    let mut draft = Draft::begin(&inbound);
    let mut caller = CallerSide::new(reply, &inbound, gateway);
    let taken_up = match inbound.operation {
        Operation::Responses => responses::take_up(gateway, &mut inbound),
        _ => Ok(()),
    };
    let ending = match taken_up.and_then(|()| Call::decode(gateway, &mut inbound, draft.admitted())) {
        Ok(call) => {
            draft.learn_call(&call);
            caller.learn_call(&call);
            let mut plan = gateway.router().plan(&call.snapshot.catalog, call.demand.clone(), gateway.clock.now());
            let ending = pursue(&worker, &mut inbound, &call, &mut plan, &mut caller, &mut draft).await;
            draft.learn_decision(&call, plan.into_decision());
            ending
        }
        Err(refusal) => {
            draft.learn_refusal(&refusal);
            Ending::Refused(refusal)
        }
    };
    // The record is safe before the caller can know that the exchange has ended, or anybody can go on from it.
    draft.record(gateway, &ending, caller.has_begun()).safe().await;
    responses::keep(gateway, &mut inbound, &ending);
    caller.conclude(ending);
}

/// Goes from candidate to candidate until one answers, or none is left.
async fn pursue(
    worker: &Arc<Worker>,
    inbound: &mut Inbound,
    call: &Call,
    plan: &mut Plan,
    caller: &mut CallerSide,
    draft: &mut Draft,
) -> Ending {
    let gateway = &*worker.gateway;
    let mut last: Option<Failed> = None;
    let mut short: Option<Shortfall> = None;
    let mut unsaid: Option<BadRequest> = None;
    // The request in the common form, where it was read to be cut.
    // Boxed, since it is rare.
    let (mut body, mut asked): (OnceLock<Bytes>, Option<Box<chat::Request<'_>>>) = (OnceLock::new(), None);
    if let Some(model) = call.bound_model(plan, gateway) {
        call.handing.is_with(model);
    }
    loop {
        let step = plan.next(&mut gateway.router(), gateway.clock.now());
        let attempt = match step {
            Step::Attempt(attempt) => attempt,
            Step::Wait(until) => match caller.attend(sleep_until(gateway.clock.instant(until))).await {
                Ok(()) => continue,
                Err(why) => return Ending::Interrupted(why),
            },
            Step::HandOver => {
                let body = body.get_or_init(|| inbound.body.clone());
                asked = decode_request(inbound.operation.dialect(), body).ok().map(Box::new);
                plan.hand_over(call.least(asked.as_deref()));
                continue;
            }
            Step::Stop(_) if last.is_none() && short.is_some() => {
                return Ending::Refused(Refusal::Short(Box::new(short.expect("it was seen above"))));
            }
            Step::Stop(_) if last.is_none() && unsaid.is_some() => {
                return Ending::Refused(Refusal::BadRequest(unsaid.expect("it was seen above")));
            }
            Step::Stop(stop) if last.is_none() && stop.reason == StopReason::Unaffordable => {
                return Ending::Refused(flight::short(gateway, call, draft, stop, plan.decision()));
            }
            Step::Stop(stop) => {
                let dialect = inbound.operation.dialect();
                return Ending::Refused(Refusal::after(last, stop, plan.decision(), &gateway.clock, dialect));
            }
        };
        // Another candidate may speak the caller's own dialect, or take all that the request holds.
        let (deployment, hand) = (call.snapshot.deployment(attempt.deployment), call.hand(plan, &attempt));
        if deployment.was_given_no_token() {
            draft.lacks_token(deployment);
            plan.pass_over(&mut gateway.router(), &attempt, Exclusion::NoToken, gateway.clock.now());
            continue;
        }
        if (hand.is_some() || call.wants_notes(deployment))
            && let Err(why) = caller.attend(call.make_aside(&worker.gateway, inbound, deployment, hand)).await
        {
            plan.take_back(&mut gateway.router(), &attempt, gateway.clock.now());
            return Ending::Interrupted(why);
        }
        if let Err(unsayable) = call.check_sayable(gateway, inbound, (deployment, hand), asked.as_deref()) {
            let exclusion = match unsayable {
                Unsayable::DoesNotFit => Exclusion::Window,
                Unsayable::Bad(bad) => {
                    unsaid = Some(bad);
                    Exclusion::Dialect
                }
            };
            plan.pass_over(&mut gateway.router(), &attempt, exclusion, gateway.clock.now());
            continue;
        }
        if let (AttemptKind::Fallback, Some(failed)) = (attempt.kind, &last) {
            gateway.metrics.fallback(failed.failure.class.name());
        }
        let race = match Race::begin(worker, call, (attempt, hand), draft) {
            Ok(race) => race,
            // Another candidate may be cheaper; when there is none, this is what the caller is told.
            Err(shortfall) => {
                plan.pass_over(&mut gateway.router(), &attempt, Exclusion::Unaffordable, gateway.clock.now());
                short = Some(shortfall);
                continue;
            }
        };
        call.handing.is_with(call.model_of(&attempt));
        let attempted = {
            // Boxed, so that an open stream does not keep the room that an attempt takes.
            let mut run = Box::pin(race.run(inbound, plan, draft));
            match caller.attend(run.as_mut()).await {
                Err(Interruption::CallerLeft) => race.read_out(run, inbound).await,
                attempted => attempted,
            }
        };
        match attempted {
            Err(why) => {
                race.abandon(plan, draft, why);
                return Ending::Interrupted(why);
            }
            // Nobody waits for what another could answer.
            Ok(Attempted::Failed(_)) if caller.has_left() => return Ending::Interrupted(Interruption::CallerLeft),
            // The caller can shorten what it sent, and not what was made of it.
            Ok(Attempted::Failed(failed)) if hand.is_some() && failed.failure.class == Class::CallerTooLong => {}
            Ok(Attempted::Failed(failed)) => {
                last = Some(match last {
                    Some(earlier) => earlier.or_more_telling(failed),
                    None => failed,
                });
            }
            Ok(Attempted::Whole(whole)) => {
                let flight = race.winner();
                draft.learn_whole(&whole, flight.deployment);
                responses::answered_by(inbound, flight.deployment.issuer);
                let (total, tokens) = (flight.elapsed(), whole.tokens());
                let bill = (Case::Complete, flight.seen(whole.scanned.usage, whole.output_tokens()));
                flight.land(plan, draft, "answered", &Outcome::Success { total, tokens }, bill);
                handover::summarise(worker, inbound, call);
                if caller.has_left() {
                    return Ending::Interrupted(Interruption::CallerLeft);
                }
                let answer = whole.into_answer(inbound.id, &flight, draft.attempts(), draft.charged());
                return Ending::Whole(answer);
            }
            Ok(Attempted::Opened(mut incoming)) => {
                let flight = race.winner();
                handover::summarise(worker, inbound, call);
                if !incoming.is_followed() {
                    // Nothing is sent again: a stream of an hour need not hold its question.
                    inbound.forget();
                }
                drop(asked.take());
                drop(body.take());
                call.said_again.forget();
                caller.open(&flight, draft.attempts(), &mut incoming);
                let mut sides = Sides { worker, inbound, plan, caller, draft };
                let mut hops = Vec::new();
                return match follow(&mut sides, call, flight, incoming, &mut hops, None).await {
                    Ok(ending) => ending,
                    Err(broken) => Box::pin(carry_on(&mut sides, call, broken, hops)).await,
                };
            }
        }
    }
}
