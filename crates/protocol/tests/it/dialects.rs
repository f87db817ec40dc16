//! The dialects and the common form between them.

mod answers;
mod awkward;
mod carried;
mod clients;
mod collected;
mod faults;
mod hostile;
mod logprobs;
mod matrix;
mod places;
mod prefilled;
mod recordings;
mod requests;
mod streams;
mod table;

use bytes::Bytes;
use roundelay_protocol::{
    chat::{Answer, Dialect, Event, Fold, Losses, Problem, Request, StreamFault, Target},
    translate::{self, Manner, StreamDecoder, StreamEncoder},
};

/// All events of a stream that arrives in pieces, and how it ended.
fn decode<'p>(
    dialect: Dialect,
    pieces: impl IntoIterator<Item = &'p [u8]>,
) -> (Vec<Event<'static>>, Result<(), StreamFault>) {
    let mut decoder = StreamDecoder::new(dialect);
    let mut events = Vec::new();
    for piece in pieces {
        let pushed = decoder.push(Bytes::copy_from_slice(piece), &mut |event| events.push(event.into_owned()));
        if pushed.is_err() {
            return (events, pushed);
        }
    }
    let end = decoder.finish(&mut |event| events.push(event.into_owned()));
    (events, end)
}

/// The stream that these events are in a dialect.
#[track_caller]
fn encode(dialect: Dialect, events: &[Event<'_>]) -> Vec<u8> {
    let mut encoder = StreamEncoder::new(dialect, "", true);
    let mut out = Vec::new();
    for event in events {
        encoder.event(event, &mut out).unwrap();
    }
    out
}

/// The answer that the events make; `None` when they do not end.
fn fold(dialect: Dialect, events: &[Event<'_>]) -> Option<Result<Answer<'static>, Problem<'static>>> {
    let mut fold = Fold::new(dialect);
    events.iter().for_each(|event| fold.take(event));
    fold.finish()
}

/// A target that takes everything that its dialect can say.
fn able() -> Target<'static> {
    let mut target = Target::default();
    target.capabilities.prefill = true;
    target
}

/// The request in the words of a dialect, and what got lost.
pub(crate) fn written(request: &Request<'_>, dialect: Dialect) -> (Vec<u8>, Losses) {
    let mut losses = Losses::default();
    let body = translate::encode_request(request, &able(), &Manner::of(dialect), &mut losses);
    (body, losses)
}

#[track_caller]
fn read(dialect: Dialect, body: &[u8]) -> Request<'_> {
    translate::decode_request(dialect, body)
        .unwrap_or_else(|fault| panic!("{fault}: {}", String::from_utf8_lossy(body)))
}
