//! A stream in another dialect than its caller's, said again event by event.

use bytes::{Bytes, BytesMut};
use roundelay_ledger::Money;
use roundelay_protocol::{
    anthropic::Place,
    chat::{self, Dialect, Event, Json, Losses},
    openai::chunk::Chunk,
    translate::{StreamEncoder, Translation, encode_error},
    usage::Usage,
};

use super::{Counted, HELD_BACK_MAX, Incoming, Progress, Reading, StreamFault};
use crate::upstream;

/// A translation under way. Its encoder keeps the typed end to itself until it is asked for.
#[derive(Debug)]
pub(super) struct Translated {
    translation: Translation,
    /// The upstream's.
    from: Dialect,
}

impl Translated {
    /// Remembers of what is about to be shown what an end made here has to go on from.
    pub(super) fn note_shown(&self, out: &[u8], place: &mut Place, last_chunk: &mut Bytes) {
        if let StreamEncoder::Anthropic(encoder) = &self.translation.encoder {
            *place = encoder.place();
        } else if last_chunk.is_empty() {
            let line = out.split(|&byte| byte == b'\n').next().unwrap_or_default();
            *last_chunk = Bytes::copy_from_slice(line.strip_prefix(b"data: ").unwrap_or_default());
        }
    }

    /// What of the answer its caller's dialect could not say, so far.
    pub(super) fn losses(&self) -> &Losses {
        self.translation.encoder.losses()
    }

    /// Takes it that no more comes of an answer all of whose choices have ended.
    pub(super) fn finish(&mut self, out: &mut BytesMut) {
        let mut said = Vec::new();
        if !self.translation.is_whole() {
            // Only a mark is missing.
            let _ = self.translation.finish(&mut said, &mut |_| {});
        }
        out.extend_from_slice(&said);
    }

    /// What came before the typed end, and that end with what all of the answer took, where that is not known from its
    /// events, and cost.
    pub(super) fn ended(&mut self, tail: &[u8], usage: Option<Usage>, cost: Option<Money>) -> Bytes {
        let mut said = tail.to_vec();
        let encoder = &mut self.translation.encoder;
        if let Some(usage) = usage {
            let _ = encoder.event(&Event::Usage(usage), &mut said);
        }
        if let Some(cost) = cost.and_then(|cost| Json::read(cost.to_string()).ok()) {
            encoder.set_cost(cost);
        }
        // All parts have ended by now, so that nothing is held back any more.
        let _ = encoder.event(&Event::End, &mut said);
        said.into()
    }
}

impl Incoming {
    /// A stream of the dialect `from`, for a caller who speaks `to`.
    pub(in super::super) fn translated(
        body: upstream::Body,
        translation: Translation,
        (from, to): (Dialect, Dialect),
        caller_asked_usage: bool,
    ) -> Self {
        let reading = Reading::Translated(Box::new(Translated { translation, from }));
        Self::of(body, reading, to, 1, caller_asked_usage || to != Dialect::OpenaiChat)
    }

    /// Says a piece again, or where there is none the end of the connection.
    pub(super) fn translate(&mut self, piece: Option<Bytes>) -> Result<Progress, StreamFault> {
        let Self {
            reading: Reading::Translated(translated), content, content_events, counted, terminal, finish, ..
        } = self
        else {
            return Ok(Progress::None);
        };
        let Translated { translation, from } = &mut **translated;
        let mut progress = Progress::None;
        let mut problem = None;
        let mut said = Vec::new();
        let mut watch = |event: &Event<'_>| {
            let mut chunk = Chunk::default();
            chunk.note(event);
            progress = progress.max(Progress::of(&chunk));
            if let Some(usage) = chunk.usage {
                *counted = Some(Counted { usage, content: *content, content_events: *content_events });
            }
            if let Event::Error(told) = event {
                problem = Some(Bytes::from(encode_error(told, *from)));
            }
            terminal.observe(&chunk);
            *finish = finish.or(chunk.finish);
            *content = content.plus(chunk.output);
            *content_events += u64::from(chunk.has_content());
        };
        let read = match piece {
            Some(piece) => translation.push(piece, &mut said, &mut watch),
            None => translation.finish(&mut said, &mut watch),
        };
        let is_ended = translation.is_whole();
        if problem.is_some() {
            // An error is told once, by who knows whether another deployment may answer.
            said.truncate(last_event(&said));
        }
        self.has_content |= progress == Progress::Content || self.is_whole();
        self.out.extend_from_slice(&said);
        if let Some(problem) = problem {
            return Err(StreamFault::Error(problem));
        }
        read.map_err(|fault| match fault {
            chat::StreamFault::Cut => StreamFault::Cut,
            _ => StreamFault::Garbled,
        })?;
        if !self.has_content && self.out.len() > HELD_BACK_MAX {
            return Err(StreamFault::Garbled);
        }
        self.is_over = is_ended;
        Ok(if is_ended { Progress::Ended } else { progress })
    }
}

/// Where the last of these whole events begins. Encoders write one line of data for each.
fn last_event(events: &[u8]) -> usize {
    let inside = events.strip_suffix(b"\n\n").unwrap_or(events);
    inside.windows(2).rposition(|pair| pair == b"\n\n").map_or(0, |at| at + 2)
}
