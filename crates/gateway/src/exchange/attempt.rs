//! One dispatch to one deployment, up to its first content or the reason why there is none.

use std::{borrow::Cow, time::Duration};

use bytes::{Bytes, BytesMut};
use roundelay_ledger::{ExchangeId, Money};
use roundelay_protocol::{
    estimate::OutputTokens,
    failure::{Headers, Seen},
    openai::{Finish, Rewrite, answer::Answer as Scanned, with_cost},
};
use roundelay_routing::Tokens;
use tokio::time::{Instant, timeout_at};

use super::{
    answer::{self, Answer, AnswerBody},
    call::{Call, Inbound},
    flight::Flight,
    gateway::Worker,
    incoming::{BUDGET, Incoming, Progress, StreamFault},
    outcome::{self, Failed},
    snapshot::Deployment,
};
use crate::upstream::{self, DispatchFault, DispatchTimers, Head, ReadFault, RequestHead};

/// What is kept of a failure's body: the providers' errors are a tenth of it, and HTML pages are cut.
const FAILURE_BODY_MAX: usize = 64 * 1024;
/// How long a failure's body may take once its head is here.
const FAILURE_BODY_WAIT: Duration = Duration::from_secs(5);
/// An answer that is not streamed is held whole; the largest have inline images.
const ANSWER_MAX: usize = 64 * 1024 * 1024;

/// How an attempt ended, or began to answer.
#[derive(Debug)]
pub(super) enum Attempted {
    /// A whole answer that is not streamed.
    Whole(Whole),
    /// A stream with its first content, none of which was shown yet.
    Opened(Box<Incoming>),
    /// Nothing that could be shown.
    Failed(Failed),
}

/// A whole answer that is not streamed.
#[derive(Debug)]
pub(super) struct Whole {
    content_type: String,
    pub(super) body: Bytes,
    pub(super) scanned: Scanned,
}

impl Whole {
    pub(super) fn tokens(&self) -> Tokens {
        outcome::tokens(self.scanned.usage, 0)
    }

    /// Tokens of output, by the provider's count or our own.
    pub(super) fn output_tokens(&self) -> OutputTokens {
        self.scanned.usage.map_or_else(|| self.scanned.output.tokens(), |usage| outcome::output(&usage))
    }

    /// The answer with what was charged for it, in its usage and in its head; and with a word of it where it went as far as
    /// there was money for.
    pub(super) fn into_answer(
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
        let served = Some((&flight.deployment.name_header, attempts));
        let mut answer = answer::head(id, &self.content_type, served, AnswerBody::Whole(body));
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

impl Headers for Head {
    fn header(&self, name: &str) -> Option<&str> {
        Self::header(self, name)
    }
}

/// Makes one attempt. Dropped, it closes the connection.
pub(super) async fn make(worker: &Worker, inbound: &Inbound, call: &Call, flight: &Flight<'_>) -> Attempted {
    let deployment = flight.deployment;
    let request = &call.request;
    let upstream_model = deployment.upstream_model(&request.model);
    let body = request.rewrite(
        &inbound.body,
        &Rewrite { upstream_model, ask_usage: request.stream, output_max: flight.output_max() },
    );
    let head = request_head(inbound, deployment);
    let timers = timers(call, deployment);
    let dispatched = async {
        let connection = worker.upstream.connect(&deployment.endpoint, timers).await?;
        flight.is_being_sent();
        connection.send(&head, &body, timers).await
    };
    let (head, mut answer) = match dispatched.await {
        Ok(answered) => answered,
        Err(fault) => return Attempted::Failed(failed_dispatch(deployment, &fault)),
    };
    flight.hear(head.status);
    if !(200..300).contains(&head.status) {
        let body = read_failure(&mut answer, call.deadline).await;
        return Attempted::Failed(refused(deployment, &head, &body));
    }
    let content_type = head.header("content-type").unwrap_or_default();
    let is_events = request.stream && !content_type.contains("json") && !content_type.contains("html");
    if !is_events {
        return match read_whole(deployment, &head, answer, call, content_type).await {
            Ok(whole) => Attempted::Whole(whole),
            Err(failed) => Attempted::Failed(failed),
        };
    }
    let mut incoming = Box::new(Incoming::new(answer, request.choices, request.include_usage));
    let until = call.deadline.min(flight.began + deployment.timeouts.first_content);
    while !incoming.has_content {
        let silent = deployment.timeouts.transport_idle.map_or(until, |most| Instant::now() + most);
        let seen = match timeout_at(until.min(silent), incoming.read()).await {
            Ok(Ok(Progress::None | Progress::Content | Progress::Ended)) => continue,
            Ok(Err(fault)) => fault,
            Err(_) => StreamFault::Silent,
        };
        let seen = match &seen {
            StreamFault::Error(data) => Seen::StreamError { data, after_content: false },
            StreamFault::Cut => Seen::ResetBeforeContent,
            StreamFault::Unfinished => Seen::EmptyAnswer,
            StreamFault::Garbled => Seen::Unparsable { after_content: false },
            StreamFault::Silent => Seen::FirstContentTimeout,
        };
        let failed = failed(deployment, &seen, Some(head.status));
        return Attempted::Failed(Failed { had_content: incoming.has_content, ..failed });
    }
    Attempted::Opened(incoming)
}

/// The head of the upstream's request: ours, and of the caller's only what is the vendor's own business, and agents' names for
/// their sessions.
///
/// Everything else stays here: hop-by-hop fields, credentials, cookies, what is meant for the gateway, and the
/// OpenAI organisation and project, which name an account of the caller's.
fn request_head<'a>(inbound: &Inbound, deployment: &'a Deployment) -> Cow<'a, RequestHead> {
    let mut head = Cow::Borrowed(deployment.request_head(inbound.operation));
    for (name, value) in &inbound.headers {
        let name = name.as_str();
        let is_vendors = name.starts_with("openai-") || name.starts_with("anthropic-");
        let is_agents = matches!(name, "x-session-id" | "session_id" | "x-claude-code-session-id");
        if is_agents || is_vendors && !matches!(name, "openai-organization" | "openai-project") {
            head.to_mut().field(name, value.as_bytes());
        }
    }
    head
}

/// An answer that is not streamed sends nothing until it is generated, so its head may take as long as the first
/// content and the silence between two pieces of content together.
fn timers(call: &Call, deployment: &Deployment) -> DispatchTimers {
    let timeouts = &deployment.timeouts;
    let headers = if call.request.stream {
        timeouts.headers.min(timeouts.first_content)
    } else {
        timeouts.first_content + timeouts.idle
    };
    DispatchTimers { connect: timeouts.connect + timeouts.tls, headers, deadline: call.deadline }
}

fn failed(deployment: &Deployment, seen: &Seen<'_>, status: Option<u16>) -> Failed {
    Failed { failure: deployment.classify(seen), status, reused_connection: false, had_content: false }
}

fn failed_dispatch(deployment: &Deployment, fault: &DispatchFault) -> Failed {
    let seen = match fault {
        DispatchFault::Connect(_) | DispatchFault::ClosedIdle(_) => Seen::ConnectFailed,
        DispatchFault::Reset(_) => Seen::ResetBeforeContent,
        DispatchFault::Silent => Seen::FirstContentTimeout,
        DispatchFault::Garbled(_) => Seen::Unparsable { after_content: false },
    };
    let reused_connection = matches!(fault, DispatchFault::ClosedIdle(_));
    Failed { reused_connection, ..failed(deployment, &seen, None) }
}

fn refused(deployment: &Deployment, head: &Head, body: &[u8]) -> Failed {
    failed(deployment, &Seen::Response { status: head.status, headers: head, body }, Some(head.status))
}

/// As much of a failure's body as comes in time.
async fn read_failure(answer: &mut upstream::Body, deadline: Instant) -> Bytes {
    let until = deadline.min(Instant::now() + FAILURE_BODY_WAIT);
    let mut body = BytesMut::new();
    while body.len() < FAILURE_BODY_MAX {
        match timeout_at(until, answer.read()).await {
            Ok(Ok(Some(piece))) => body.extend_from_slice(&piece),
            Ok(Ok(None) | Err(_)) | Err(_) => break,
        }
    }
    body.truncate(FAILURE_BODY_MAX);
    body.freeze()
}

async fn read_whole(
    deployment: &Deployment,
    head: &Head,
    mut answer: upstream::Body,
    call: &Call,
    content_type: &str,
) -> Result<Whole, Failed> {
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
    match Scanned::scan(&body) {
        _ if body.trim_ascii().is_empty() => Err(failed(&Seen::EmptyAnswer)),
        // A page of an edge in front of the provider tells more than that it is not JSON.
        Err(_) => Err(refused(deployment, head, &body)),
        Ok(scanned) if scanned.is_error => Err(refused(deployment, head, &body)),
        Ok(scanned) if scanned.is_empty() => Err(failed(&Seen::EmptyAnswer)),
        // A caller who asked for a stream cannot read a whole answer.
        Ok(_) if call.request.stream => Err(failed(&Seen::Unparsable { after_content: false })),
        Ok(scanned) => Ok(Whole { content_type: content_type.to_owned(), body, scanned }),
    }
}
