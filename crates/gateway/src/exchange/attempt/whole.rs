//! A whole answer that is not streamed: read to its end, checked, and said as its caller reads it.

use bytes::{Bytes, BytesMut};
use http::HeaderValue;
use roundelay_ledger::{ExchangeId, Money};
use roundelay_protocol::{
    Malformed, anthropic,
    chat::{self, Dialect, Losses, WrittenAnswer},
    estimate::OutputTokens,
    failure::Seen,
    openai::{Finish, Request, answer::Answer as Scanned, service, with_cost},
    openai_responses,
    translate::{decode_answer, scan_answer, write_answer},
    usage::CostPlace,
};
use roundelay_routing::Tokens;
use tokio::time::{Instant, timeout_at};

use super::{failed, is_page, names, refused};
use crate::{
    exchange::{
        answer::{self, Answer, AnswerBody, Served},
        call::{Call, Inbound},
        compaction,
        flight::{Flight, counted},
        incoming::BUDGET,
        outcome::{self, Failed},
        outgoing::{Outgoing, told},
        responses::identity,
        snapshot::Deployment,
    },
    upstream::{self, Head, ReadFault},
};

/// An answer that is not streamed is held whole; the largest have inline images.
pub(super) const ANSWER_MAX: usize = 64 * 1024 * 1024;

/// A whole answer that is not streamed.
#[derive(Debug)]
pub(in crate::exchange) struct Whole {
    content_type: String,
    /// The caller's.
    dialect: Dialect,
    /// What of the request its deployment was not told.
    dropped: Option<HeaderValue>,
    pub(in crate::exchange) body: Bytes,
    pub(in crate::exchange) scanned: Scanned,
}

impl Whole {
    /// One that was made here of what a deployment said, in the words of Responses.
    pub(in crate::exchange) fn made_here(
        body: Bytes,
        scanned: Scanned,
        content_type: &str,
        outgoing: &Outgoing,
    ) -> Self {
        let (content_type, dropped) = (content_type.to_owned(), told(&[&outgoing.losses]));
        Self { content_type, dialect: Dialect::OpenaiResponses, dropped, body, scanned }
    }

    /// The same with another body.
    pub(in crate::exchange) fn with_body(self, body: Bytes, cost_place: Option<CostPlace>) -> Self {
        Self { body, scanned: Scanned { cost_place, ..self.scanned }, ..self }
    }

    pub(in crate::exchange) fn tokens(&self) -> Tokens {
        outcome::tokens(self.scanned.usage, 0)
    }

    /// Tokens of output, by the provider's count or our own.
    pub(in crate::exchange) fn output_tokens(&self) -> OutputTokens {
        self.scanned.usage.map_or_else(|| self.scanned.output.tokens(), |usage| outcome::output(&usage))
    }

    /// The answer with what was charged for it, in its usage and in its head; and with a word of it where it went as far as
    /// there was money for.
    pub(in crate::exchange) fn into_answer(
        self,
        id: ExchangeId,
        flight: &Flight<'_>,
        attempts: u32,
        charged: Option<Money>,
    ) -> Answer {
        let charged = charged.map(|charged| charged.to_string());
        let mut body = self.body;
        if let Some((charged, place)) = charged.as_deref().zip(self.scanned.cost_place) {
            body = with_cost(&body, place, charged).into();
        }
        if flight.is_lowered() && self.scanned.finish == Some(Finish::Length) {
            body = with_stop(&body);
        }
        let (deployment, handover) = (flight.shown_deployment(), flight.handover());
        let served = Served { deployment, attempts, dropped: self.dropped, handover };
        let mut answer = answer::head(id, self.dialect, &self.content_type, Some(served), AnswerBody::Whole(body));
        if let Some(charged) = charged {
            answer::name_cost(answer.headers_mut(), &charged);
        }
        answer
    }
}

/// The body with what chunks of a stream say in the same case.
fn with_stop(body: &Bytes) -> Bytes {
    let at = body.iter().position(|&byte| byte == b'{').map_or(0, |at| at + 1);
    let stop = format!("\"roundelay\":{{\"stop\":\"{BUDGET}\"}},");
    [&body[..at], stop.as_bytes(), &body[at..]].concat().into()
}

/// Reads the body of a whole answer. Dropped, it closes the connection.
pub(super) async fn read_whole(
    deployment: &Deployment,
    head: &Head,
    mut answer: upstream::Body,
    call: &Call,
    content_type: &str,
) -> Result<Bytes, Failed> {
    let failed = |seen: &Seen<'_>| failed(deployment, seen, Some(head.status));
    let mut first = Bytes::new();
    let mut joined = BytesMut::new();
    let timeouts = &deployment.timeouts;
    let end = call.deadline.min(Instant::now() + timeouts.total);
    loop {
        // Once its head is here an answer is being sent, and a silence in it is a stall.
        let read = timeout_at(end.min(Instant::now() + timeouts.idle), answer.read()).await;
        let piece = match read.map_err(|_| failed(&Seen::FirstContentTimeout))? {
            Ok(None) => break,
            Ok(Some(piece)) => piece,
            Err(ReadFault::Cut(_)) => return Err(failed(&Seen::ResetBeforeContent)),
            Err(ReadFault::Garbled(_)) => return Err(failed(&Seen::Unparsable { after_content: false })),
        };
        if first.is_empty() {
            first = piece;
            continue;
        }
        if joined.is_empty() {
            joined.extend_from_slice(&first);
        }
        joined.extend_from_slice(&piece);
        if joined.len() > ANSWER_MAX {
            return Err(failed(&Seen::Unparsable { after_content: false }));
        }
    }
    let body = if joined.is_empty() { first } else { joined.freeze() };
    // Text has no end of its own.
    if !answer.is_framed() && call.request.asked.is_text && !is_page(content_type) {
        return Err(failed(&Seen::ResetBeforeContent));
    }
    Ok(body)
}

/// A whole answer as its caller reads it.
pub(super) fn whole_of(
    body: Bytes,
    (head, content_type): (&Head, &str),
    inbound: &Inbound,
    call: &Call,
    flight: &Flight<'_>,
    outgoing: Option<&Outgoing>,
) -> Result<Whole, Box<Failed>> {
    let deployment = flight.deployment;
    let (dialect, wants_notes) = (deployment.dialect_for(inbound.operation), call.wants_notes(deployment));
    let check = |scanned| check_whole(scanned, &body, (deployment, head), call);
    let whole = match outgoing {
        Some(outgoing) if wants_notes || dialect != inbound.operation.dialect() => {
            let answer = decode_answer(dialect, &body).ok();
            let scanned = check(match &answer {
                Some(Ok(answer)) => scan_read(dialect, answer, &body),
                Some(Err(_)) => Ok(Scanned { is_error: true, ..Scanned::default() }),
                None => scan(dialect, &body),
            })?;
            let answer = answer.and_then(Result::ok);
            answer.and_then(|answer| said(answer, scanned, inbound, call, flight, outgoing))
        }
        outgoing => {
            let scanned = check(scan_whole(&call.request, dialect, content_type, &body))?;
            let (content_type, dropped) = (content_type.to_owned(), outgoing.and_then(|said| told(&[&said.losses])));
            let whole = Whole { content_type, dialect, dropped, body, scanned };
            if call.compaction.is_some() { compaction::natively(whole, deployment) } else { Some(whole) }
        }
    };
    whole.ok_or_else(|| {
        Box::new(match flight.has_wasted() {
            true => compaction::unfinished(head.status),
            false => failed(deployment, &Seen::Unparsable { after_content: false }, Some(head.status)),
        })
    })
}

/// A whole answer in the caller's words; `None` when a part of it is broken.
pub(super) fn said(
    mut answer: chat::Answer<'_>,
    scanned: Scanned,
    inbound: &Inbound,
    call: &Call,
    flight: &Flight<'_>,
    outgoing: &Outgoing,
) -> Option<Whole> {
    let deployment = flight.deployment;
    if call.wants_notes(deployment) {
        let model = names(inbound, call, deployment).model.unwrap_or_default();
        return compaction::of_notes(&answer, scanned, (call, inbound), flight, outgoing, &model.decode());
    }
    let to = inbound.operation.dialect();
    answer.stamp(deployment.issuer);
    answer.name(&names(inbound, call, deployment));
    outgoing.tools.answer(&mut answer);
    if scanned.usage.is_none() {
        // Other dialects always tell, and what is told is what is paid.
        answer.usage = Some(counted(flight.seen(None, scanned.output.tokens()).delivered));
    }
    let mut losses = Losses::default();
    let WrittenAnswer { body, cost_place } = match identity(inbound) {
        Some(identity) => openai_responses::write_answer(&answer, "", Some(&identity), &mut losses),
        None => write_answer(&answer, to, "", &mut losses),
    };
    // A call without its arguments is none; where the limit of output cut it, its caller is told that by the end.
    if scanned.finish != Some(Finish::Length) && losses.iter().any(|loss| loss.path == Losses::BROKEN_ARGUMENTS) {
        return None;
    }
    call.said_again.note(&losses);
    let dropped = told(&[&outgoing.losses, &losses]);
    let scanned = Scanned { cost_place, ..scanned };
    let content_type = "application/json".to_owned();
    Some(Whole { content_type, dialect: to, dropped, body: body.into(), scanned })
}

/// Whether a whole answer is one that its caller can read.
fn check_whole(
    scanned: Result<Scanned, Malformed>,
    body: &[u8],
    (deployment, head): (&Deployment, &Head),
    call: &Call,
) -> Result<Scanned, Box<Failed>> {
    let failed = |seen: &Seen<'_>| Err(Box::new(failed(deployment, seen, Some(head.status))));
    let request = &call.request;
    match scanned {
        // Of silence, a transcript as text is nothing.
        _ if body.trim_ascii().is_empty() && !request.asked.is_text => failed(&Seen::EmptyAnswer),
        // A page of an edge in front of the provider tells more than that it is not JSON.
        Err(_) => Err(Box::new(refused(deployment, head, body))),
        Ok(scanned) if scanned.is_error => Err(Box::new(refused(deployment, head, body))),
        Ok(scanned) if scanned.is_empty() => failed(&Seen::EmptyAnswer),
        // A caller who asked for a stream cannot read a whole answer. Models that hear may not stream at all, which their
        // callers know.
        Ok(_) if request.stream && request.operation.service().is_none() && !call.wants_notes(deployment) => {
            failed(&Seen::Unparsable { after_content: false })
        }
        Ok(scanned) => Ok(scanned),
    }
}

/// What an answer says that was not streamed. A transcript need not be JSON.
fn scan_whole(request: &Request, dialect: Dialect, content_type: &str, body: &[u8]) -> Result<Scanned, Malformed> {
    let Some(service) = request.operation.service() else { return scan(dialect, body) };
    let scanned = service::answer::scan(service, body);
    match scanned {
        Err(_) if request.asked.is_text && !content_type.contains("html") => Ok(service::answer::of_text(body)),
        scanned => scanned,
    }
}

/// What an answer says that was read, and stands in `body`. What is not read of it may be worth money where nobody counted,
/// and content where nothing else is.
fn scan_read(dialect: Dialect, answer: &chat::Answer<'_>, body: &[u8]) -> Result<Scanned, Malformed> {
    let scanned = Scanned::of(answer);
    if scanned.usage.is_some() && scanned.has_content() { Ok(scanned) } else { scan(dialect, body) }
}

fn scan(dialect: Dialect, body: &[u8]) -> Result<Scanned, Malformed> {
    match dialect {
        Dialect::Anthropic => anthropic::scan_answer(body),
        Dialect::OpenaiChat => Scanned::scan(body),
        Dialect::OpenaiResponses | Dialect::Gemini | Dialect::Bedrock => scan_answer(dialect, body),
    }
}
