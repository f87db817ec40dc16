//! One attempt's stream, from its first content to its end: relayed, and landed with what is owed for it.

use bytes::Bytes;
use roundelay_ledger::{Case, Observed, Payment};
use roundelay_protocol::failure::Failure;
use roundelay_routing::{Outcome, Plan};

use super::{
    Ending, Refusal,
    call::{Call, Inbound},
    caller::CallerSide,
    continuation::{self, Hop},
    draft::{self, Draft},
    flight::{self, Flight},
    gateway::Worker,
    incoming::{Cut, Incoming, ShownResponse},
    refusal::{BrokenStream, Words},
    relay::{self, Relayed},
    responses,
};
use crate::store;

/// All that take part in an exchange.
pub(super) struct Sides<'s> {
    pub(super) worker: &'s Worker,
    pub(super) inbound: &'s mut Inbound,
    pub(super) plan: &'s mut Plan,
    pub(super) caller: &'s mut CallerSide,
    pub(super) draft: &'s mut Draft,
}

/// A stream that broke off after content was shown.
pub(super) struct Broken {
    /// `None` where it was to carry on an answer and began another one.
    pub(super) failure: Option<Failure>,
    /// What its provider said.
    pub(super) words: Option<Words>,
    /// Where; `None` where nobody can carry it on.
    pub(super) cut: Option<Box<Cut>>,
    /// Why nobody can, where that has shown itself on the way.
    pub(super) unfit: Option<&'static str>,
    /// The data of its last chunk, where it is chat's.
    pub(super) last_chunk: Bytes,
    pub(super) response: ShownResponse,
}

/// Relays a stream, and lands its attempt. `hops` are the attempts before it whose answer it carries on; it becomes one
/// of them. Before the first of its words that is shown stands the `remark`.
///
/// # Errors
/// Where it broke off.
pub(super) async fn follow(
    Sides { worker, inbound, plan, caller, draft }: &mut Sides<'_>,
    call: &Call,
    flight: Flight<'_>,
    mut incoming: Box<Incoming>,
    hops: &mut Vec<Hop>,
    mut remark: Option<String>,
) -> Result<Ending, Broken> {
    responses::answered_by(inbound, flight.deployment.issuer);
    let relayed = relay::relay(&mut incoming, inbound, caller, &flight, &mut remark).await;
    let relayed = relay::read_out(relayed, &mut incoming, inbound, &flight).await;
    incoming.losses().into_iter().for_each(|losses| call.said_again.note(losses));
    if hops.is_empty() {
        draft.learn_stream(&incoming, flight.deployment);
    }
    let name = relayed.name();
    let (total, tokens) = (flight.elapsed(), incoming.tokens());
    flight.note_input(incoming.counted_so_far());
    let seen = Observed { wasted: incoming.wasted(), ..flight.seen(incoming.usage(), incoming.shown_tokens()) };
    let usage = draft::usage_of(&incoming);
    if let (Relayed::Whole(_), Some(remark)) = (&relayed, remark)
        && incoming.has_shown_words()
    {
        // Its last words come with the end.
        let _ = caller.remark(&remark);
    }
    match relayed {
        Relayed::Whole(tail) => {
            let bill = (Case::Complete, seen, usage);
            land(&flight, plan, draft, name, &Outcome::Success { total, tokens }, bill, hops);
            let tail = if hops.len() == 1 {
                let paid = flight::counted(seen.usage.unwrap_or(seen.delivered));
                incoming.priced(tail, paid, draft.charged(), flight.is_lowered())
            } else {
                let tail =
                    incoming.priced_in_all(tail, continuation::in_all(hops), draft.charged(), flight.is_lowered());
                continuation::with_attempts(inbound.operation.dialect(), &tail, hops)
            };
            // The connection may serve again once the answer's framing has been read to its end as well.
            worker.tasks.spawn(incoming.read_rest());
            Ok(Ending::Streamed(tail))
        }
        Relayed::Spent(tail) => {
            let bill = (flight.cancelled(), seen, usage);
            land(&flight, plan, draft, name, &Outcome::Success { total, tokens }, bill, hops);
            if hops.len() == 1 {
                let paid = seen.usage.unwrap_or(seen.delivered);
                let paid = (paid.total_input(), paid.total_output());
                return Ok(Ending::Streamed(incoming.counted(tail, paid, draft.charged())));
            }
            let paid = continuation::in_all(hops);
            let tail = incoming.counted(tail, (paid.prompt(), paid.completion()), draft.charged());
            Ok(Ending::Streamed(continuation::with_attempts(inbound.operation.dialect(), &tail, hops)))
        }
        Relayed::Broke(failure, words) => {
            land(&flight, plan, draft, name, &Outcome::MidStream, (Case::FailedMidStream, seen, usage), hops);
            let (unfit, last_chunk) = (incoming.unfit(), incoming.last_chunk());
            let (cut, response) = incoming.into_cut();
            Err(Broken { failure: Some(failure), words, cut, unfit, last_chunk, response })
        }
        Relayed::Diverged => {
            // Its provider has done what it was asked; its caller has nothing of it.
            land(&flight, plan, draft, name, &Outcome::Abandoned, (Case::FailedMidStream, seen, usage), hops);
            let last_chunk = incoming.last_chunk();
            Err(Broken { failure: None, words: None, cut: None, unfit: None, last_chunk, response: None })
        }
        Relayed::Interrupted(why) => {
            let case = if incoming.is_whole() { Case::Complete } else { flight.interrupted(why) };
            land(&flight, plan, draft, name, &Outcome::Abandoned, (case, seen, usage), hops);
            Ok(Ending::Interrupted(why))
        }
    }
}

fn land(
    flight: &Flight<'_>,
    plan: &mut Plan,
    draft: &mut Draft,
    name: &'static str,
    outcome: &Outcome,
    (case, seen, usage): (Case, Observed, store::Usage),
    hops: &mut Vec<Hop>,
) {
    let charged = flight.land(plan, draft, name, outcome, (case, seen));
    let delivered = seen.delivered.total_output();
    let shown = seen.usage.map_or(delivered, |usage| usage.total_output().saturating_sub(seen.wasted).min(delivered));
    let paid = Payment::of(case, &flight.deployment.who_pays, &seen).caller;
    hops.push(Hop::new((flight, name), (shown, seen.wasted), (paid, charged), usage));
    if hops.len() > 1 {
        draft.learn_hops(hops, matches!(outcome, Outcome::Success { .. }));
    }
}

/// The error that ends a stream that nobody carries on.
pub(super) fn broken(inbound: &Inbound, failure: Failure, words: Option<Words>, last_chunk: Bytes) -> Ending {
    let words = words.and_then(|words| words.fit_for(inbound.operation.dialect(), failure.class));
    Ending::Cut(Refusal::Broke(Box::new(BrokenStream { failure, words, last_chunk })))
}
