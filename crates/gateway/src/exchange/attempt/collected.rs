//! A stream that becomes a whole answer: its caller wants one, and its deployment is asked for the other, so that a slow
//! beginning and a stall are noticed before any of it is lost time.

use std::time::Duration;

use bytes::Bytes;
use roundelay_protocol::{
    chat::{Dialect, Event, Fold, StreamFault},
    failure::Seen,
    openai::{answer::Answer as Scanned, chunk::Chunk},
    translate::{StreamDecoder, encode_error},
};
use tokio::time::{Instant, timeout_at};

use super::{
    Attempted, failed,
    whole::{ANSWER_MAX, said},
};
use crate::{
    exchange::{
        call::{Call, Inbound},
        compaction,
        flight::Flight,
        outcome::Failed,
        outgoing::Outgoing,
    },
    upstream::{Body, Head, ReadFault},
};

/// How long a typed end may follow the last choice's.
const GRACE: Duration = Duration::from_secs(2);

/// Why there is no whole answer.
enum Fault {
    /// The upstream said so, in an event with this data.
    Told(Bytes),
    Cut,
    Unfinished,
    Garbled,
    Silent,
}

/// Reads a stream to its typed end. A cut is like any failure before content, since nothing of it was shown.
pub(super) async fn collect(
    mut body: Body,
    head: &Head,
    inbound: &Inbound,
    call: &Call,
    flight: &Flight<'_>,
    outgoing: &Outgoing,
) -> Attempted {
    let deployment = flight.deployment;
    let mut collected = Collected::new(deployment.dialect_for(inbound.operation), call.request.choices);
    let fault = match collected.read(&mut body, call, flight).await {
        Ok(()) => {
            let scanned = collected.scanned();
            match collected.fold.finish().and_then(Result::ok) {
                _ if scanned.is_empty() => Fault::Unfinished,
                Some(answer) => match said(answer, scanned, inbound, call, flight, outgoing) {
                    Some(whole) => return Attempted::Whole(whole),
                    None if flight.has_wasted() => {
                        return Attempted::Failed(compaction::unfinished(head.status));
                    }
                    None => Fault::Garbled,
                },
                None => Fault::Cut,
            }
        }
        Err(fault) => fault,
    };
    let had_content = collected.chunk.has_content();
    let seen = match &fault {
        Fault::Told(data) => Seen::StreamError { data, after_content: false },
        Fault::Cut => Seen::ResetBeforeContent,
        Fault::Unfinished => Seen::EmptyAnswer,
        Fault::Garbled => Seen::Unparsable { after_content: false },
        Fault::Silent => Seen::FirstContentTimeout,
    };
    let words = match &seen {
        Seen::StreamError { data, .. } => deployment.words(200, data),
        _ => None,
    };
    Attempted::Failed(Failed { words, had_content, ..failed(deployment, &seen, Some(head.status)) })
}

/// What has come.
struct Collected {
    dialect: Dialect,
    choices: u32,
    decoder: StreamDecoder,
    fold: Fold,
    chunk: Chunk,
    has_ended: bool,
    bytes: usize,
}

impl Collected {
    fn new(dialect: Dialect, choices: u32) -> Self {
        let (decoder, fold) = (StreamDecoder::new(dialect), Fold::new(dialect));
        Self { dialect, choices, decoder, fold, chunk: Chunk::default(), has_ended: false, bytes: 0 }
    }

    async fn read(&mut self, body: &mut Body, call: &Call, flight: &Flight<'_>) -> Result<(), Fault> {
        let timeouts = &flight.deployment.timeouts;
        let end = call.deadline.min(Instant::now() + timeouts.total);
        let first = call.deadline.min(flight.began + timeouts.first_content);
        let (mut last_progress, mut whole_since) = (None, None);
        while !self.has_ended {
            let now = Instant::now();
            let silent = timeouts.transport_idle.map_or(end, |most| now + most);
            let until = match last_progress {
                _ if self.is_whole() => end.min(*whole_since.get_or_insert(now) + GRACE),
                None => first.min(silent),
                Some(at) => end.min(at + timeouts.idle).min(silent),
            };
            let progress = match timeout_at(until, body.read()).await {
                // Only the mark behind the last word is missing.
                Err(_) if self.is_whole() => return self.finish(),
                Err(_) => return Err(Fault::Silent),
                Ok(Ok(Some(piece))) => self.take(piece)?,
                Ok(Ok(None)) => return self.finish(),
                Ok(Err(ReadFault::Cut(_))) => return self.finish().map_err(|_| Fault::Cut),
                Ok(Err(ReadFault::Garbled(_))) => return Err(Fault::Garbled),
            };
            flight.note_input(self.chunk.usage);
            if progress {
                last_progress = Some(Instant::now());
            }
        }
        Ok(())
    }

    /// Reads a piece; whether it brought anything.
    fn take(&mut self, piece: Bytes) -> Result<bool, Fault> {
        self.bytes = self.bytes.saturating_add(piece.len());
        if self.bytes > ANSWER_MAX {
            return Err(Fault::Garbled);
        }
        self.with(|decoder, sink| decoder.push(piece, sink))
    }

    fn finish(&mut self) -> Result<(), Fault> {
        match self.with(StreamDecoder::finish) {
            _ if self.has_ended => Ok(()),
            Err(Fault::Cut) | Ok(_) => Err(if self.chunk.has_content() { Fault::Cut } else { Fault::Unfinished }),
            Err(fault) => Err(fault),
        }
    }

    fn with(
        &mut self,
        read: impl FnOnce(&mut StreamDecoder, &mut dyn FnMut(Event<'_>)) -> Result<(), StreamFault>,
    ) -> Result<bool, Fault> {
        let Self { dialect, decoder, fold, chunk, has_ended, .. } = self;
        let (mut problem, mut goes_on) = (None, false);
        let read = read(decoder, &mut |event| {
            if let Event::Error(told) = &event {
                problem = Some(Bytes::from(encode_error(told, *dialect)));
            }
            *has_ended |= event == Event::End;
            let mut brought = Chunk::default();
            brought.note(&event);
            goes_on |= brought.goes_on;
            chunk.note(&event);
            fold.take(&event);
        });
        if let Some(problem) = problem {
            return Err(Fault::Told(problem));
        }
        match read {
            Ok(()) => Ok(goes_on),
            Err(StreamFault::Cut) => Err(Fault::Cut),
            Err(_) => Err(Fault::Garbled),
        }
    }

    /// Whether every choice has its reason to end.
    fn is_whole(&self) -> bool {
        self.chunk.finished.count_ones() >= self.choices
    }

    /// What there is of it, without its text.
    fn scanned(&self) -> Scanned {
        let Chunk { content, output, finish, finished, usage, .. } = self.chunk;
        Scanned {
            content,
            output,
            finish,
            finished,
            choices: finished.count_ones(),
            usage,
            cost_place: None,
            is_error: false,
        }
    }
}
