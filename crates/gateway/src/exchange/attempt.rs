//! One dispatch to one deployment, up to its first content or the reason why there is none.

mod collected;
mod whole;

use std::{borrow::Cow, sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use roundelay_protocol::{
    anthropic,
    chat::{Dialect, Start, Text},
    failure::{Class, Failure, Headers, Seen, rejects_thoughts},
    openai::{Operation, OutputMax, Request, Rewrite, Service, content_type_as_read},
    translate::{Follower, StreamEncoder, Translation},
};
use tokio::time::{Instant, timeout_at};

pub(super) use self::whole::Whole;
use self::whole::{read_whole, whole_of};
use super::{
    call::{Call, Inbound},
    clock_skew,
    flight::Flight,
    gateway::Worker,
    incoming::{Incoming, Progress, StreamFault},
    outcome::Failed,
    outgoing::{Outgoing, Thoughts, Unsayable, told},
    refusal::NO_TOKEN,
    responses::identity,
    snapshot::Deployment,
};
use crate::{
    common::clock::unix_time,
    telemetry::events,
    upstream::{self, DispatchFault, DispatchTimers, Grant, Head, RequestHead},
};

/// What is kept of a failure's body: the providers' errors are a tenth of it, and HTML pages are cut.
const FAILURE_BODY_MAX: usize = 64 * 1024;
/// How long a failure's body may take once its head is here.
const FAILURE_BODY_WAIT: Duration = Duration::from_secs(5);
/// How soon another access token is there, when one is not taken any more: it is seen to every half second.
const TOKEN_RENEWAL: Duration = Duration::from_secs(1);
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

impl Headers for Head {
    fn header(&self, name: &str) -> Option<&str> {
        Self::header(self, name)
    }
}

/// Makes one attempt. Dropped, it closes the connection.
pub(super) async fn make(worker: &Worker, inbound: &Inbound, call: &Call, flight: &Flight<'_>) -> Attempted {
    let deployment = flight.deployment;
    let sent = match send(worker, inbound, call, flight, Thoughts::Readable).await {
        // A model that does not go on from a beginning after all may say it again.
        Err(Unanswered { rejects_carrying: true, .. }) => send(worker, inbound, call, flight, Thoughts::Readable).await,
        // Thoughts of an earlier turn whose mark was lost, or that its maker no longer knows: it may answer without them.
        Err(Unanswered { rejects_thoughts: true, .. }) => send(worker, inbound, call, flight, Thoughts::None).await,
        sent => sent,
    };
    let (head, answer, outgoing) = match sent {
        Ok(sent) => sent,
        Err(Unanswered { mut failed, .. }) => {
            if call.carrying.is_some() && failed.failure.class == Class::CallerBad {
                // What it calls bad is not the caller's request, and it was asked in every way there is.
                failed.failure.should_retry.get_or_insert(false);
            }
            return Attempted::Failed(failed);
        }
    };
    let outgoing = outgoing.as_deref();
    let request = outgoing.map_or(&call.request, |outgoing| &outgoing.request);
    let content_type = head.header("content-type").unwrap_or_default();
    if !is_streamed(request, content_type) {
        let whole = match read_whole(deployment, &head, answer, call, content_type).await {
            Ok(body) => whole_of(body, (&head, content_type), inbound, call, flight, outgoing),
            Err(failed) => Err(Box::new(failed)),
        };
        return whole.map_or_else(|failed| Attempted::Failed(*failed), Attempted::Whole);
    }
    if let (false, Some(outgoing)) = (call.request.stream, outgoing.filter(|outgoing| outgoing.request.stream)) {
        // Boxed, because it is rare.
        return Box::pin(collected::collect(answer, &head, inbound, call, flight, outgoing)).await;
    }
    let mut incoming = Box::new(incoming(answer, inbound, call, deployment, outgoing, content_type));
    // Who carries it on may be the first for whom there may be no money for all of it.
    if flight.is_bounded() || incoming.is_followed() {
        incoming.may_be_cut_short();
    }
    let mut until = call.deadline.min(flight.began + deployment.timeouts.first_content);
    let end = call.deadline.min(flight.began + deployment.timeouts.total);
    while !incoming.has_content {
        let silent = deployment.timeouts.transport_idle.map_or(until, |most| Instant::now() + most);
        let read = timeout_at(until.min(silent), incoming.read()).await;
        flight.note_input(incoming.counted_so_far());
        let seen = match read {
            // A call that is kept back until it is whole is on its way like any other content.
            Ok(Ok(Progress::Work | Progress::Content)) if incoming.is_holding() => {
                flight.note_content();
                if !flight.covers(incoming.output_bounds()) {
                    break;
                }
                until = end.min(Instant::now() + deployment.timeouts.idle);
                continue;
            }
            Ok(Ok(Progress::None | Progress::Work | Progress::Content | Progress::Ended)) => continue,
            Ok(Err(fault)) => fault,
            Err(_) => StreamFault::Silent,
        };
        // What is kept back is content all the same: its provider has answered.
        let is_held = incoming.is_holding() && !call.is_out_of_patience();
        let seen = match &seen {
            StreamFault::Error(data) => Seen::StreamError { data, after_content: false },
            StreamFault::Cut | StreamFault::Unfinished if is_held => Seen::CutAfterContent,
            StreamFault::Silent if is_held => Seen::StalledAfterContent,
            StreamFault::Cut => Seen::ResetBeforeContent,
            StreamFault::Unfinished => Seen::EmptyAnswer,
            StreamFault::Garbled => Seen::Unparsable { after_content: is_held },
            StreamFault::Silent | StreamFault::Diverged => Seen::FirstContentTimeout,
        };
        let words = match &seen {
            Seen::StreamError { data, .. } => deployment.words(200, data),
            _ => None,
        };
        let failed = Failed { words, ..failed(deployment, &seen, Some(head.status)) };
        return Attempted::Failed(Failed { had_content: incoming.has_content || incoming.is_holding(), ..failed });
    }
    Attempted::Opened(incoming)
}

/// Why a request that was sent has no answer.
struct Unanswered {
    failed: Failed,
    /// Whether it was refused for the thoughts of earlier turns that it holds, and may be told without them.
    rejects_thoughts: bool,
    /// Whether it was refused for the way in which an answer was to be carried on, and there is another one.
    rejects_carrying: bool,
}

impl From<Failed> for Unanswered {
    fn from(failed: Failed) -> Self {
        Self { failed, rejects_thoughts: false, rejects_carrying: false }
    }
}

/// Sends the request as its deployment has to be told it; gives the head of a success, with the rest to be read.
async fn send(
    worker: &Worker,
    inbound: &Inbound,
    call: &Call,
    flight: &Flight<'_>,
    thoughts: Thoughts,
) -> Result<(Head, upstream::Body, Option<Arc<Outgoing>>), Unanswered> {
    let deployment = flight.deployment;
    let target = (deployment, flight.hand);
    let outgoing = call.outgoing(&worker.gateway, inbound, target, thoughts).map_err(|unsayable| {
        let failure = match unsayable {
            Unsayable::Bad(bad) => Failure::new(Class::CallerBad, &bad.message),
            Unsayable::DoesNotFit => Failure::new(Class::CallerTooLong, "not even the last turn fits"),
        };
        let (words, reused_connection, had_content) = (None, false, false);
        Failed { failure, status: None, words, reused_connection, had_content }
    })?;
    let (request, body) =
        outgoing.as_deref().map_or((&call.request, &inbound.body), |outgoing| (&outgoing.request, &outgoing.body));
    let upstream_model = deployment.upstream_model(&call.request.model);
    // The others always tell, and services know no such option.
    let ask_usage = request.stream && matches!(request.operation, Operation::Chat | Operation::Completions);
    let output_max = flight.output_max().or_else(|| flight.most_it_gives());
    let output_max = flight.within_window(output_max, request);
    let output_max = match call.carrying.as_deref() {
        Some(carrying) => output_max
            .map(|most| OutputMax { tokens: carrying.ceiling(most.tokens, call.output_max(deployment)), ..most }),
        None => output_max,
    };
    let body = request.rewrite(body, &Rewrite { upstream_model, ask_usage, output_max });
    let body = deployment.finished(request.operation, body);
    let head = match call.compact_head(deployment) {
        Some(head) => Cow::Borrowed(head),
        None => deployment.request_head(request.operation, upstream_model, request.stream),
    };
    let mut head = with_callers_fields(head, inbound, deployment, request.operation);
    let timers = timers(call, deployment, request.stream);
    let mut grant = None;
    if let Some(tokens) = &deployment.tokens {
        let given = tokens.grant(call.deadline.min(flight.began + timers.connect)).await;
        let given = grant.insert(given.ok_or_else(|| without_token(None))?);
        if let Grant::Bearer(bearer) = given {
            head.to_mut().field("authorization", bearer.as_bytes());
        }
    }
    let dispatched = async {
        let connection = worker.upstream.connect(&deployment.endpoint, timers).await?;
        flight.is_being_sent();
        let lent = match &grant {
            Some(Grant::Signer(signer)) => Some(&**signer),
            _ => deployment.signer.as_ref(),
        };
        if let Some(signer) = lent {
            signer.sign(head.to_mut(), &body, now());
        }
        connection.send(&head, &body, timers).await
    };
    let (head, mut answer) = dispatched.await.map_err(|fault| failed_dispatch(deployment, &fault))?;
    let is_success = (200..300).contains(&head.status);
    if !is_success {
        let body = read_failure(&mut answer, call.deadline).await;
        let may_lose_them = thoughts == Thoughts::Readable && request.holds.thoughts && call.may_leave_out();
        let rejects_thoughts = may_lose_them && rejects_thoughts(head.status, &body);
        let rejects_carrying = call.carrying.as_deref().is_some_and(|carrying| carrying.is_refused(head.status));
        if !rejects_thoughts && !rejects_carrying {
            flight.hear(head.status);
        }
        let mut failed = refused(deployment, &head, &body);
        if failed.failure.class == Class::UpstreamAuth
            && let (Some(tokens), Some(grant)) = (&deployment.tokens, &grant)
            && tokens.hear_refused(grant)
        {
            failed = Failed { status: failed.status, ..without_token(Some(TOKEN_RENEWAL)) };
        }
        return Err(Unanswered { failed, rejects_thoughts, rejects_carrying });
    }
    flight.hear(head.status);
    Ok((head, answer, outgoing))
}

/// The head of the upstream's request: ours, and of the caller's only what is the vendor's own business, and agents' names for
/// their sessions.
///
/// Everything else stays here: hop-by-hop fields, credentials, cookies, what is meant for the gateway, and the
/// OpenAI organisation and project, which name an account of the caller's.
///
/// What callers say to one vendor in headers is not for a server of another dialect, and Anthropic's has to be told a
/// version whoever asks.
///
/// What Anthropic's callers write behind the `?` is Anthropic's business as well.
pub(super) fn with_callers_fields<'a>(
    mut head: Cow<'a, RequestHead>,
    inbound: &Inbound,
    deployment: &Deployment,
    operation: Operation,
) -> Cow<'a, RequestHead> {
    if operation.service().is_some() {
        head.to_mut().field("content-type", content_type_as_read(inbound.content_type()).as_bytes());
    }
    let is_translated = operation.dialect() != inbound.operation.dialect();
    let mut has_version = operation != Operation::Messages || deployment.has_version();
    for (name, value) in &inbound.headers {
        let name = name.as_str();
        let is_anthropics = name.starts_with("anthropic-")
            && (operation == Operation::Messages || !is_translated && operation.dialect() == Dialect::OpenaiChat);
        // Vertex AI has its version in the body.
        let is_version = name == "anthropic-version" && operation == Operation::Messages;
        if is_version && (is_translated || has_version) {
            continue;
        }
        has_version |= name == "anthropic-version";
        let is_openais = name.starts_with("openai-")
            && matches!(operation.dialect(), Dialect::OpenaiChat | Dialect::OpenaiResponses);
        let is_vendors = is_openais || is_anthropics;
        let is_agents = matches!(
            name,
            "x-session-id"
                | "session_id"
                | "session-id"
                | "thread-id"
                | "x-claude-code-session-id"
                | "x-claude-code-agent-id"
        );
        // A socket of a caller's is no business of the provider's.
        let is_sockets = name == "openai-beta" && value.as_bytes().starts_with(b"responses_websockets");
        if is_agents || is_vendors && !is_sockets && !matches!(name, "openai-organization" | "openai-project") {
            head.to_mut().field(name, value.as_bytes());
        }
    }
    if !has_version {
        head.to_mut().field("anthropic-version", anthropic::Version::default().name().as_bytes());
    }
    if operation == Operation::Messages
        && !is_translated
        && !deployment.predicts
        && let Some(query) = inbound.query_passed_on()
    {
        head.to_mut().query(&query);
    }
    head
}

/// An attempt that was not made for want of an access token, or whose token is not taken any more; another may be there so
/// soon.
fn without_token(retry_after: Option<Duration>) -> Failed {
    // What the server of tokens said of the operator's credentials stands in the log, and is no business of callers'.
    let failure = Failure { retry_after, ..Failure::new(Class::NoToken, NO_TOKEN) };
    Failed { failure, status: None, words: None, reused_connection: false, had_content: false }
}

/// How its stream is read: as it is where the caller speaks the deployment's dialect, else through a translation.
fn incoming(
    answer: upstream::Body,
    inbound: &Inbound,
    call: &Call,
    deployment: &Deployment,
    outgoing: Option<&Outgoing>,
    content_type: &str,
) -> Incoming {
    if inbound.operation.service().is_some() {
        return match call.request.stream {
            true => Incoming::events(answer, call.request.choices, content_type),
            false => Incoming::audio(answer, content_type),
        };
    }
    if let Some(carrying) = &call.carrying {
        return carrying.incoming(answer, inbound, call, deployment, outgoing);
    }
    let to = inbound.operation.dialect();
    let mut incoming = match (outgoing, deployment.dialect_for(inbound.operation)) {
        (Some(outgoing), from) if from != to => {
            let mut encoder = StreamEncoder::new(to, "", call.request.include_usage);
            if let (StreamEncoder::OpenaiResponses(encoder), Some(identity)) = (&mut encoder, identity(inbound)) {
                encoder.introduce(identity);
            }
            let mut translation = Translation::new(from, encoder);
            translation.tools = outgoing.tools.clone();
            translation.issuer = Some(deployment.issuer);
            translation.names = names(inbound, call, deployment);
            Incoming::translated(answer, translation, (from, to), call.request.include_usage)
        }
        (_, Dialect::Anthropic) => Incoming::messages(answer),
        (_, dialect) => match Follower::new(dialect) {
            Some(follower) => Incoming::passed(answer, dialect, follower),
            None => Incoming::new(answer, call.request.choices, call.request.include_usage),
        },
    };
    incoming.dropped = outgoing.and_then(|outgoing| told(&[&outgoing.losses]));
    if call.may_be_carried_on() {
        incoming.follow_along(to, call.request.include_usage);
    }
    if call.buffers_tools() {
        incoming.hold_calls();
    }
    incoming
}

/// What an answer is called whose own dialect names none.
fn names(inbound: &Inbound, call: &Call, deployment: &Deployment) -> Start<'static> {
    let prefix = match inbound.operation.dialect() {
        Dialect::Anthropic => "msg_",
        Dialect::OpenaiResponses => "resp_",
        Dialect::OpenaiChat => "chatcmpl-",
        Dialect::Gemini | Dialect::Bedrock => "",
    };
    // A name at AWS tells the number of an account, which is no business of callers'.
    let model = match deployment.upstream_model(&call.request.model) {
        name if name.starts_with("arn:") && !deployment.is_open() => &deployment.model,
        name => name,
    };
    let seconds = inbound.id.unix_ms() / 1000;
    Start {
        id: Some(Text::plain(format!("{prefix}{}", inbound.id))),
        model: Some(Text::plain(model.to_owned())),
        created: Some(seconds.cast_signed()),
    }
}

/// Whether an answer is shown as it comes.
fn is_streamed(request: &Request, content_type: &str) -> bool {
    match request.operation.service() {
        None => request.stream && !is_page(content_type),
        Some(Service::Speech) => !is_page(content_type),
        // Models that hear may not stream, and answer in text that is no event.
        Some(_) => request.stream && content_type.contains("event-stream"),
    }
}

/// Whether an answer has a whole that its own words tell.
fn is_page(content_type: &str) -> bool {
    content_type.contains("json") || content_type.contains("html")
}

/// An answer that is not streamed sends nothing until it is generated, so its head may take as long as the first
/// content and the silence between two pieces of content together.
fn timers(call: &Call, deployment: &Deployment, is_streamed: bool) -> DispatchTimers {
    let timeouts = &deployment.timeouts;
    let headers =
        if is_streamed { timeouts.headers.min(timeouts.first_content) } else { timeouts.first_content + timeouts.idle };
    DispatchTimers { connect: timeouts.connect + timeouts.tls, headers, deadline: call.deadline }
}

/// Seconds since 1970 UTC.
fn now() -> i64 {
    unix_time().as_secs().cast_signed()
}

fn failed(deployment: &Deployment, seen: &Seen<'_>, status: Option<u16>) -> Failed {
    Failed { failure: deployment.classify(seen), status, words: None, reused_connection: false, had_content: false }
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
    if deployment.is_signed()
        && let Some(off_by) = clock_skew::refused_by(head.status, head, body, now())
    {
        events::clock_refused(&deployment.provider, off_by);
    }
    let words = deployment.words(head.status, body);
    let seen = Seen::Response { status: head.status, headers: head, body };
    Failed { words, ..failed(deployment, &seen, Some(head.status)) }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_events_and_speech_are_shown_as_they_come() {
        #[track_caller]
        fn check(operation: Operation, stream: bool, shown: &[&str], whole: &[&str]) {
            let body = br#"{"model":"m","messages":[{"role":"user","content":"a"}]}"#;
            let mut request = Request::scan(Operation::Chat, body).unwrap();
            (request.operation, request.stream) = (operation, stream);
            for (types, expected) in [(shown, true), (whole, false)] {
                for content_type in types {
                    assert_eq!(is_streamed(&request, content_type), expected, "{content_type}");
                }
            }
        }
        let (events, text, json) =
            ("text/event-stream; charset=utf-8", "text/plain; charset=utf-8", "application/json");
        check(Operation::Chat, true, &[events, text, ""], &[json, "text/html"]);
        check(Operation::Chat, false, &[], &[events, text, json]);
        check(Operation::Service(Service::Speech), false, &["audio/mpeg", ""], &[json]);
        check(Operation::Service(Service::Transcriptions), true, &[events], &[text, json, ""]);
        check(Operation::Service(Service::Transcriptions), false, &[], &[events, text, json]);
        check(Operation::Service(Service::Images), true, &[events], &[json]);
    }
}
