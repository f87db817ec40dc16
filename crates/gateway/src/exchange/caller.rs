//! The caller's side of an exchange: who waits, what they have been shown, and whether they are still there.

mod array;

use std::{borrow::Cow, future::pending, pin::pin, time::Duration};

use roundelay_ledger::ExchangeId;
use roundelay_protocol::{
    chat::Dialect,
    openai::{Operation, Service},
    openai_responses::Begun,
};
use tokio::{
    sync::{oneshot, watch},
    time::{Instant, sleep_until, timeout},
};

use self::array::JsonArray;
use super::{
    Ending, Refusal,
    answer::{self, Answer, AnswerBody, Served},
    call::{Call, Inbound},
    flight::Flight,
    gateway::Gateway,
    incoming::Incoming,
    pipe::{self, PipeWriter, pipe},
};

/// Where the head of the answer goes.
pub(super) type Reply = oneshot::Sender<Result<Answer, Refusal>>;

/// Why an exchange is not carried on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Interruption {
    /// The caller hung up, or has not taken what was written for longer than the settings allow.
    CallerLeft,
    /// The gateway stops, and has waited as long as its settings allow.
    Stopping,
}

impl From<pipe::CallerLeft> for Interruption {
    fn from(_: pipe::CallerLeft) -> Self {
        Self::CallerLeft
    }
}

/// A comment of server-sent events: every parser skips it, every proxy on the way sees life.
const KEEP_ALIVE: &[u8] = b": keep-alive\n\n";
/// Anthropic's own sign of life.
const PING: &[u8] = b"event: ping\ndata: {\"type\": \"ping\"}\n\n";
/// Google's clients take a comment for a part of an answer; an empty line is nothing in a stream and in an array.
const EMPTY_LINE: &[u8] = b"\n";
const STREAM: &str = "text/event-stream; charset=utf-8";
const ARRAY: &str = "application/json; charset=utf-8";

/// One caller.
#[derive(Debug)]
pub(super) struct CallerSide {
    id: ExchangeId,
    dialect: Dialect,
    shown: Shown,
    /// Of a response, what an error that ends it has to go on from.
    response: Option<Box<Begun>>,
    /// What a stream's events become elements of, where that was asked for.
    array: Option<JsonArray>,
    /// When the caller of a stream must see life again.
    next_sign: Option<Instant>,
    keep_alive: Duration,
    stall_max: Duration,
    ending: watch::Receiver<bool>,
    /// Whether a stream is made of events.
    has_events: bool,
    /// The name that was asked for; known once the request was understood.
    asked: String,
}

#[derive(Debug)]
enum Shown {
    /// Nothing; not even a status.
    Nothing(Reply),
    /// A status of 200, and what was written since.
    Stream(PipeWriter),
    /// All there is.
    Everything,
}

impl CallerSide {
    pub(super) fn new(reply: Reply, inbound: &Inbound, gateway: &Gateway) -> Self {
        Self {
            id: inbound.id,
            dialect: inbound.operation.dialect(),
            shown: Shown::Nothing(reply),
            response: (inbound.operation == Operation::Responses).then(Box::default),
            array: inbound.addressed.as_ref().filter(|addressed| addressed.is_array).map(|_| JsonArray::default()),
            next_sign: Some(inbound.received + gateway.server.header_hold),
            keep_alive: gateway.server.keep_alive_comment,
            stall_max: gateway.server.client_write_stall,
            ending: gateway.ending.subscribe(),
            has_events: true,
            asked: String::new(),
        }
    }

    /// Only a stream shows life before its content: any other answer has one status and one body, and so may that of a
    /// model that hears, whatever was asked for.
    pub(super) fn learn_call(&mut self, call: &Call) {
        self.asked.clone_from(&call.request.model);
        if !call.request.stream || call.request.operation.service().is_some_and(Service::hears) {
            self.next_sign = None;
        }
    }

    /// Does the work, while the caller is kept waiting; stops it when the caller leaves.
    ///
    /// Not cancel-safe where `work` is not.
    pub(super) async fn attend<T>(&mut self, work: impl Future<Output = T>) -> Result<T, Interruption> {
        let mut work = pin!(work);
        let mut ending = self.ending.clone();
        loop {
            let next_sign = self.next_sign;
            let sign = async {
                match next_sign {
                    Some(at) => sleep_until(at).await,
                    None => pending().await,
                }
            };
            tokio::select! {
                biased;
                done = &mut work => return Ok(done),
                _ = ending.wait_for(|ending| *ending) => return Err(Interruption::Stopping),
                () = left(&mut self.shown) => return Err(Interruption::CallerLeft),
                () = sign => self.show_life()?,
            }
        }
    }

    /// Commits to a streamed answer, unless that was done while its first content was waited for.
    pub(super) fn open(&mut self, flight: &Flight<'_>, attempts: u32, incoming: &mut Incoming) {
        let dropped = incoming.dropped.take();
        self.has_events = incoming.has_events();
        let (deployment, handover) = (flight.shown_deployment(), flight.handover());
        let served = Served { deployment, attempts, dropped, handover };
        self.begin_stream(Some(served), incoming.content_type().unwrap_or(STREAM));
    }

    /// Shows bytes of a stream, and waits while the caller has too many unread.
    pub(super) async fn write(&mut self, bytes: &[u8]) -> Result<(), Interruption> {
        let Shown::Stream(pipe) = &self.shown else { return Err(Interruption::CallerLeft) };
        if let Some(response) = &mut self.response {
            response.push(bytes);
        }
        let has_room = match self.array.as_mut().map(|array| array.push(bytes)) {
            None => pipe.write(bytes)?,
            Some(Ok(elements)) => pipe.write(&elements)?,
            Some(Err(_)) => {
                // Its stream is broken off: nothing may stand behind what is missing.
                self.shown = Shown::Everything;
                return Err(Interruption::CallerLeft);
            }
        };
        self.next_sign = self.has_events.then(|| Instant::now() + self.keep_alive);
        if has_room {
            return Ok(());
        }
        let mut ending = self.ending.clone();
        tokio::select! {
            biased;
            room = timeout(self.stall_max, pipe.room()) => match room {
                Ok(room) => Ok(room?),
                Err(_) => Err(Interruption::CallerLeft),
            },
            _ = ending.wait_for(|ending| *ending) => Err(Interruption::Stopping),
        }
    }

    /// The same, behind a remark where there is one, which is taken.
    pub(super) async fn write_behind(
        &mut self,
        remark: Option<&mut Option<String>>,
        bytes: &[u8],
    ) -> Result<(), Interruption> {
        if let Some(remark) = remark.and_then(Option::take) {
            self.remark(&remark)?;
        }
        self.write(bytes).await
    }

    /// Says something between the events of a stream that every client passes over: a comment, where that is one.
    ///
    /// # Errors
    /// As [`Self::write`]; it does not wait.
    pub(super) fn remark(&mut self, remark: &str) -> Result<(), Interruption> {
        let Shown::Stream(pipe) = &self.shown else { return Err(Interruption::CallerLeft) };
        // Google's clients take a comment for a part of an answer.
        if self.has_events && self.dialect != Dialect::Gemini {
            pipe.write(format!(": {remark}\n\n").as_bytes())?;
        }
        Ok(())
    }

    /// Whether a status has been shown, which is 200 then.
    pub(super) fn has_begun(&self) -> bool {
        !matches!(self.shown, Shown::Nothing(_))
    }

    /// Whether nobody is there any more.
    pub(super) fn has_left(&self) -> bool {
        match &self.shown {
            Shown::Nothing(reply) => reply.is_closed(),
            Shown::Stream(pipe) => pipe.is_closed(),
            Shown::Everything => false,
        }
    }

    /// Shows how the exchange ended.
    pub(super) fn conclude(self, ending: Ending) {
        let (dialect, id, asked, mut array) = (self.dialect, self.id, self.asked, self.array);
        let (response, has_events) = (self.response, self.has_events);
        let error = |refusal: &Refusal| match &response {
            Some(response) => refusal.wire().response_events(response, id),
            None => refusal.wire().event(dialect, id, &asked),
        };
        let mut end = |pipe: PipeWriter, last: &[u8]| {
            let last = match array.as_mut().map(|array| array.end(last)) {
                None => Cow::Borrowed(last),
                Some(Ok(elements)) => Cow::Owned(elements),
                // An array that lacks an element is broken off like a stream whose caller left.
                Some(Err(_)) => return,
            };
            let _ = pipe.write(&last);
            pipe.end();
        };
        match (self.shown, ending) {
            // A caller who left in this very moment is not told.
            (Shown::Nothing(reply), Ending::Whole(answer)) => drop(reply.send(Ok(answer))),
            (Shown::Nothing(reply), Ending::Refused(refusal) | Ending::Cut(refusal)) => {
                drop(reply.send(Err(refusal)));
            }
            (Shown::Stream(pipe), Ending::Streamed(tail)) => end(pipe, &tail),
            // All of its events at once.
            (Shown::Stream(pipe), Ending::Whole(answer)) => {
                if let AnswerBody::Whole(events) = answer.into_body() {
                    end(pipe, &events);
                }
            }
            // Among bytes that are no events, nothing can be said but that they end too early.
            (Shown::Stream(_), Ending::Refused(_) | Ending::Cut(_) | Ending::Interrupted(_)) if !has_events => {}
            (Shown::Stream(pipe), Ending::Refused(refusal) | Ending::Cut(refusal)) => end(pipe, &error(&refusal)),
            (Shown::Nothing(reply), Ending::Interrupted(Interruption::Stopping)) => {
                drop(reply.send(Err(Refusal::Stopping)));
            }
            (Shown::Stream(pipe), Ending::Interrupted(Interruption::Stopping)) => {
                end(pipe, &error(&Refusal::Stopping));
            }
            // A stream whose caller left is broken off by the pipe's end going unsaid.
            (Shown::Nothing(_) | Shown::Stream(_), _) | (Shown::Everything, _) => {}
        }
    }

    fn show_life(&mut self) -> Result<(), Interruption> {
        self.begin_stream(None, STREAM);
        let Shown::Stream(pipe) = &self.shown else { return Err(Interruption::CallerLeft) };
        pipe.write(match self.dialect {
            Dialect::Anthropic => PING,
            Dialect::Gemini => EMPTY_LINE,
            _ => KEEP_ALIVE,
        })?;
        self.next_sign = Some(Instant::now() + self.keep_alive);
        Ok(())
    }

    fn begin_stream(&mut self, served: Option<Served>, content_type: &str) {
        let shown = std::mem::replace(&mut self.shown, Shown::Everything);
        self.shown = match shown {
            Shown::Nothing(reply) => {
                let (writer, reader) = pipe();
                let kind = if self.array.is_some() { ARRAY } else { content_type };
                let answer = answer::head(self.id, self.dialect, kind, served, AnswerBody::Stream(reader));
                // A caller who left is found by the next write.
                drop(reply.send(Ok(answer)));
                Shown::Stream(writer)
            }
            shown @ (Shown::Stream(_) | Shown::Everything) => shown,
        };
    }
}

/// Waits until the caller has gone. Cancel-safe.
async fn left(shown: &mut Shown) {
    match shown {
        Shown::Nothing(reply) => reply.closed().await,
        Shown::Stream(pipe) => pipe.closed().await,
        Shown::Everything => pending().await,
    }
}
