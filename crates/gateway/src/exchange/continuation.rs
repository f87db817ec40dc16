//! Carries on an answer that broke off after some of its text was shown, by asking another model to go on.

mod carrying;
mod told;

use std::sync::Arc;

use bytes::Bytes;
use roundelay_protocol::{
    chat,
    failure::{Class, Failure},
    seam::{self, Way},
    translate::decode_request,
};
use roundelay_routing::{AttemptKind, Candidate, Capabilities, Exclusion, Step, StopReason, Target};
use tokio::time::{Instant, sleep_until};

use self::told::attempts;
pub(super) use self::{
    carrying::Carrying,
    told::{Hop, in_all, with_attempts},
};
use super::{
    Ending, Refusal,
    attempt::Attempted,
    call::Call,
    caller::Interruption,
    draft::{SeamEnd, SeamRecord},
    follow::{Broken, Sides, broken, follow},
    incoming::{Cut, ShownResponse},
    outgoing::manner,
    race::Race,
    refusal::NotCarriedOn,
    snapshot::Deployment,
};
use crate::config::Continuation;

/// An answer that is carried on.
struct Thread<'a> {
    call: &'a Call,
    asked: chat::Request<'a>,
    /// Why it broke off the first time, which is what its caller is told if nobody can carry it on.
    failure: Failure,
    cut: Arc<Cut>,
    last_chunk: Bytes,
    response: ShownResponse,
    hops: Vec<Hop>,
}

/// Why an answer is not carried on.
#[derive(Debug, Clone, Copy)]
struct Halt {
    /// As metrics call it: `none` where nobody could be asked, `refused` where whoever was asked did not answer, and
    /// `diverged` where another answer came.
    outcome: &'static str,
    /// In words.
    why: &'static str,
}

impl Halt {
    const fn none(why: &'static str) -> Self {
        Self { outcome: "none", why }
    }
}

/// Carries on the answer that broke off. `hops` are the attempts that have shown something of it.
///
/// Attempts cost as they always do, each with a hold of its own before it is sent. The caller pays for what it was shown,
/// and for the input of the attempt that ended the answer.
pub(super) async fn carry_on(sides: &mut Sides<'_>, call: &Call, first: Broken, hops: Vec<Hop>) -> Ending {
    let Broken { failure, words, cut, unfit, last_chunk, response } = first;
    let failure = failure.expect("only an answer that carries on another one can differ from it");
    if !call.wants_carrying_on() {
        return broken(sides.inbound, failure, words, last_chunk);
    }
    let body = sides.inbound.body.clone();
    let (cut, asked) = match fit(sides, call, &failure, cut.ok_or(unfit), &body) {
        Ok(fit) => fit,
        Err(why) => return not_carried_on(sides, failure, (&hops, last_chunk), Halt::none(why)),
    };
    let mut thread = Thread { call, asked, failure, cut: Arc::from(cut), last_chunk, response, hops };
    match thread.pursue(sides).await {
        Ok(ending) => {
            if let Ending::Streamed(_) = ending {
                let is_spent = thread.hops.last().is_some_and(Hop::is_spent);
                sides.worker.gateway.metrics.continuation(if is_spent { "spent" } else { "carried" });
            }
            ending
        }
        Err(halt) => not_carried_on(sides, thread.failure, (&thread.hops, thread.last_chunk), halt),
    }
}

/// What is carried on, and what its caller asked.
///
/// # Errors
/// Why it cannot be.
fn fit<'a>(
    sides: &Sides<'_>,
    call: &Call,
    failure: &Failure,
    cut: Result<Box<Cut>, Option<&'static str>>,
    body: &'a [u8],
) -> Result<(Box<Cut>, chat::Request<'a>), &'static str> {
    if !is_curable(failure.class) {
        return Err(INCURABLE);
    }
    let cut = cut.map_err(|unfit| unfit.or_else(|| call.unfit()).unwrap_or(UNFIT))?;
    if let Some(why) = cut.unfit() {
        return Err(why);
    }
    let asked = decode_request(sides.inbound.operation.dialect(), body).map_err(|_| "the request cannot be read")?;
    match seam::unfit_request(&asked) {
        Some(why) => Err(why),
        None => Ok((cut, asked)),
    }
}

fn not_carried_on(
    sides: &mut Sides<'_>,
    failure: Failure,
    (hops, last_chunk): (&[Hop], Bytes),
    Halt { outcome, why }: Halt,
) -> Ending {
    sides.worker.gateway.metrics.continuation(outcome);
    sides.draft.learn_halt(why);
    let (delivered, attempts) = (delivered(hops), attempts(hops));
    Ending::Cut(Refusal::NotCarriedOn(Box::new(NotCarriedOn { failure, delivered, why, attempts, last_chunk })))
}

/// Tokens of output that the caller was shown and pays.
fn delivered(hops: &[Hop]) -> u64 {
    hops.iter().map(|hop| hop.shown).sum()
}

impl Thread<'_> {
    /// Goes from candidate to candidate until the answer has ended.
    ///
    /// # Errors
    /// Why it cannot be carried on.
    async fn pursue(&mut self, sides: &mut Sides<'_>) -> Result<Ending, Halt> {
        let gateway = &*sides.worker.gateway;
        let mut deadline = self.go_on(sides);
        // What became of the last who was to carry it on.
        let mut halt = None;
        loop {
            if self.left() == Some(0) {
                return Err(Halt::none("as much of it was delivered as was asked for"));
            }
            let step = sides.plan.next(&mut gateway.router(), gateway.clock.now());
            let attempt = match step {
                Step::Attempt(attempt) => attempt,
                Step::Wait(until) => match sides.caller.attend(sleep_until(gateway.clock.instant(until))).await {
                    Ok(()) => continue,
                    Err(why) => return Ok(Ending::Interrupted(why)),
                },
                Step::HandOver => {
                    sides.plan.hand_over(None);
                    continue;
                }
                Step::Stop(stop) => return Err(halt.unwrap_or_else(|| Halt::none(self.stopped_by(stop.reason, sides)))),
            };
            let deployment = self.call.snapshot.deployment(attempt.deployment);
            let carrying = self.carrying(deployment);
            let has_room = !carrying.is_too_little(deployment.dialect_for(self.call.request.operation));
            let call = self.call.carried(carrying, delivered(&self.hops), deadline);
            // Who cannot take the conversation whole cannot go on as if it had.
            let is_sayable =
                || call.check_sayable(gateway, sides.inbound, (deployment, None), Some(&self.asked)).is_ok();
            let has_token = !deployment.was_given_no_token();
            if !has_token {
                sides.draft.lacks_token(deployment);
            }
            let lacks = match attempt.is_reduced {
                _ if !has_token => Some(Exclusion::NoToken),
                true => Some(Exclusion::Window),
                false => (!has_room || !is_sayable()).then_some(Exclusion::Continuation),
            };
            if let Some(lacks) = lacks {
                let now = gateway.clock.now();
                sides.plan.pass_over(&mut gateway.router(), &attempt, lacks, now);
                continue;
            }
            let number = attempt.number;
            let Ok(race) = Race::begin(sides.worker, &call, (attempt, None), sides.draft) else {
                let now = gateway.clock.now();
                sides.plan.pass_over(&mut gateway.router(), &attempt, Exclusion::Unaffordable, now);
                halt = Some(Halt::none(UNAFFORDABLE));
                continue;
            };
            if attempt.kind == AttemptKind::Fallback {
                gateway.metrics.fallback(self.failure.class.name());
            }
            let attempted = {
                let mut run = Box::pin(race.run(sides.inbound, sides.plan, sides.draft));
                match sides.caller.attend(run.as_mut()).await {
                    Err(Interruption::CallerLeft) => race.read_out(run, sides.inbound).await,
                    attempted => attempted,
                }
            };
            let mut incoming = match attempted {
                Err(why) => {
                    race.abandon(sides.plan, sides.draft, why);
                    return Ok(Ending::Interrupted(why));
                }
                Ok(Attempted::Failed(_)) if sides.caller.has_left() => {
                    return Ok(Ending::Interrupted(Interruption::CallerLeft));
                }
                Ok(Attempted::Opened(incoming)) => incoming,
                Ok(Attempted::Failed(_)) => {
                    halt = Some(Halt { outcome: "refused", why: NOBODY });
                    if let Some(refused) = call.carrying.as_deref().and_then(Carrying::refused) {
                        self.note_seam(sides, (number, &call), Some(refused), SeamEnd::Failed);
                    }
                    continue;
                }
                Ok(Attempted::Whole(_)) => unreachable!("where a stream is asked for, a whole answer is a failure"),
            };
            let flight = race.winner();
            let way = call.carrying.as_deref().map_or(Way::Again, Carrying::way);
            let from = self.said_last();
            let remark = remark(&from, &flight.deployment.name, way);
            incoming.take_over(self.response.take());
            let ended = follow(sides, &call, flight, incoming, &mut self.hops, Some(remark)).await;
            let end = match &ended {
                Ok(Ending::Interrupted(_)) => SeamEnd::Interrupted,
                Ok(_) if self.hops.last().is_some_and(Hop::is_spent) => SeamEnd::Spent,
                Ok(_) => SeamEnd::Ended,
                Err(Broken { failure: None, .. }) => SeamEnd::Diverged,
                Err(_) => SeamEnd::Broke,
            };
            self.note_seam(sides, (number, &call), None, end);
            self.call.said_again.take_in(&call.said_again);
            let Broken { failure, cut, unfit, last_chunk, response, .. } = match ended {
                Ok(ending) => return Ok(ending),
                Err(broken) => broken,
            };
            if !last_chunk.is_empty() {
                self.last_chunk = last_chunk;
            }
            let Some(failure) = failure else {
                return Err(Halt { outcome: "diverged", why: "another model's answer went another way" });
            };
            if !is_curable(failure.class) {
                return Err(Halt::none(INCURABLE));
            }
            let cut = cut.ok_or_else(|| Halt::none(unfit.unwrap_or(UNFIT)))?;
            if let Some(why) = cut.unfit() {
                return Err(Halt::none(why));
            }
            (self.cut, self.response, halt) = (Arc::from(cut), response, None);
            deadline = self.go_on(sides);
        }
    }

    /// Who has said the last of it.
    fn said_last(&self) -> Arc<str> {
        let said = self.hops.iter().rfind(|hop| hop.shown > 0).or_else(|| self.hops.first());
        said.map_or_else(|| Arc::from(""), |hop| Arc::clone(&hop.deployment))
    }

    /// Notes for the record how one attempt carried it on, or did not.
    fn note_seam(&self, sides: &mut Sides<'_>, (attempt, call): (u32, &Call), refused: Option<Way>, end: SeamEnd) {
        let carrying = call.carrying.as_deref();
        let repeated = self.hops.last().filter(|hop| hop.number == attempt).map_or(0, |hop| hop.repeated);
        sides.draft.learn_seam(SeamRecord {
            attempt,
            way: carrying.map_or(Way::Again, Carrying::way).name(),
            refused: refused.or_else(|| carrying?.refused()).map(Way::name),
            shown: self.cut.shown().text().len(),
            repeated,
            end,
        });
    }

    /// Tells the plan to go on after a cut, and until when the next content has to be there.
    fn go_on(&self, sides: &mut Sides<'_>) -> Instant {
        let pool = match self.call.demand.target {
            Target::Pool(pool) => &self.call.snapshot.catalog.pools[pool.0 as usize],
            Target::Model(_) => unreachable!("only pools carry on, and a call of one is what was followed"),
        };
        let until = Instant::now() + pool.deadline;
        let prefers = Capabilities { prefill: true, ..Capabilities::NONE };
        sides.plan.carry_on(prefers, sides.worker.gateway.clock.at(until));
        until
    }

    /// How a deployment is asked to go on.
    fn carrying(&self, deployment: &Deployment) -> Carrying {
        let is_asked = self.call.continuation() == Continuation::Prompt && self.asked.tools.is_empty();
        let otherwise = if is_asked { Way::Prompt } else { Way::Again };
        let dialect = deployment.dialect_for(self.call.request.operation);
        let model = deployment.upstream_model(&self.call.request.model);
        let manner = manner(deployment, dialect, model);
        let takes_prefill = deployment.capabilities.prefill && seam::takes_prefill(&self.asked, &manner);
        let prefill = takes_prefill.then(|| seam::prefill_of(&manner));
        let first = prefill.unwrap_or(otherwise);
        let ways = (first, prefill.map(|_| otherwise));
        Carrying::new(Arc::clone(&self.cut), ways, (delivered(&self.hops), self.left()))
    }

    /// Tokens of output that may still come.
    fn left(&self) -> Option<u64> {
        let most = self.call.request.max_output_tokens?;
        Some(most.saturating_sub(delivered(&self.hops)))
    }
}

const NOBODY: &str = "no other model could";
const UNAFFORDABLE: &str = "there is no money for more of it";
const INCURABLE: &str = "what ended it lies with what was asked for";
const NARROW: &str = "nobody else who could be asked has room for the whole conversation";
const UNFIT: &str = "more than plain text was shown";

impl Thread<'_> {
    /// Why nobody was asked.
    fn stopped_by(&self, reason: StopReason, sides: &Sides<'_>) -> &'static str {
        let decision = sides.plan.decision();
        let is_spent = decision.attempts.len() >= self.call.snapshot.catalog.attempts(self.call.demand.target) as usize;
        let is_asked = |one: &Candidate| decision.attempts.iter().any(|attempt| attempt.deployment == one.deployment);
        let is_narrow = |one: &&Candidate| one.exclusion == Some(Exclusion::Window) && !is_asked(one);
        let is_one_narrow = decision.candidates.iter().any(|one| is_narrow(&one));
        match reason {
            StopReason::AttemptsSpent if is_spent => "its attempts are used up",
            StopReason::AttemptsSpent | StopReason::AllCooling | StopReason::NoneEligible if is_one_narrow => NARROW,
            reason => stopped_by(reason),
        }
    }
}

/// Why nobody was asked, as far as that is the same for all who might have been.
fn stopped_by(reason: StopReason) -> &'static str {
    match reason {
        StopReason::CallerAtFault => NOBODY,
        StopReason::TooLong => "it has become too long for every other model",
        StopReason::AttemptsSpent => "the attempts at those who could be asked are used up",
        StopReason::DeadlinePassed => "the time for it is over",
        StopReason::RetriesRefused => "there were too many retries already",
        StopReason::AllCooling => "every other model is to be left alone for a while",
        StopReason::AllDead => "every other model's key is dead, empty, or does not reach it",
        StopReason::NoneEligible => "no other model may or can",
        StopReason::Busy => "every other model is busy",
        StopReason::Unaffordable => UNAFFORDABLE,
    }
}

/// Whether another model may do what this one could not: not where the caller or what it asked for is at fault.
fn is_curable(class: Class) -> bool {
    !matches!(
        class,
        Class::CallerBad
            | Class::CallerAuth
            | Class::CallerTooLong
            | Class::ContentPolicy
            | Class::GatewayLimit
            | Class::ClientGone
    )
}

/// Where one attempt's words end and another's begin, for those who look at the stream itself.
fn remark(from: &str, to: &str, way: Way) -> String {
    let told = serde_json::json!({ "from": from, "to": to, "way": way.name() });
    format!("roundelay seam {told}")
}
