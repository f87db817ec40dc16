//! A stream in another dialect than its caller's, said again event by event.

use bytes::{Bytes, BytesMut};
use roundelay_ledger::Money;
use roundelay_protocol::{
    anthropic::Place,
    chat::{self, Dialect, Event, Json, Losses, PartKind},
    openai::chunk::Chunk,
    translate::{Hold, StreamEncoder, Translation, encode_error},
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

    pub(super) fn hold_calls(&mut self) {
        self.translation.hold = Some(Hold::default());
    }

    pub(super) fn is_holding(&self) -> bool {
        self.translation.hold.as_ref().is_some_and(Hold::is_holding)
    }

    /// The translation as it is where the stream broke off.
    pub(super) fn into_translation(self) -> Translation {
        self.translation
    }

    /// Bytes of output that said once more what the caller had.
    pub(super) fn repeated(&self) -> u64 {
        self.translation.seam.as_ref().map_or(0, |seam| seam.repeated())
    }

    /// Takes it that no more comes of an answer all of whose choices have ended.
    pub(super) fn finish(&mut self, out: &mut BytesMut) {
        let mut said = Vec::new();
        if !self.translation.is_whole() {
            // Only a mark is missing.
            let _ = self.translation.finish(&mut said, &mut |_| {});
        }
        let _ = self.translation.release(&mut said);
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
        mut translation: Translation,
        (from, to): (Dialect, Dialect),
        caller_asked_usage: bool,
    ) -> Self {
        // An error is told once, by who knows whether another deployment may answer.
        translation.tells_errors = false;
        translation.came = translation.seam.as_ref().map(|_| Chunk::default());
        let reading = Reading::Translated(Box::new(Translated { translation, from }));
        Self::of(body, reading, to, 1, caller_asked_usage || to != Dialect::OpenaiChat)
    }

    /// Says a piece again, or where there is none the end of the connection.
    pub(super) fn translate(&mut self, piece: Option<Bytes>) -> Result<Progress, StreamFault> {
        let Self {
            reading: Reading::Translated(translated),
            content,
            content_events,
            counted,
            terminal,
            finish,
            followed,
            before_calls,
            ..
        } = self
        else {
            return Ok(Progress::None);
        };
        let Translated { translation, from } = &mut **translated;
        let mut progress = Progress::None;
        // Of what is not kept back.
        let mut shows = false;
        let mut problem = None;
        let mut said = Vec::new();
        let mut is_holding = translation.hold.as_ref().is_some_and(Hold::is_holding);
        let holds = translation.hold.is_some();
        let mut watch = |event: &Event<'_>| {
            let mut chunk = Chunk::default();
            chunk.note(event);
            is_holding |= holds && is_call(event);
            if let (false, Some(followed)) = (is_holding, followed.as_mut()) {
                followed.note(event);
            }
            progress = progress.max(Progress::of(&chunk));
            shows |= chunk.has_content() && !is_holding;
            if let Some(usage) = chunk.usage {
                *counted = Some(Counted { usage, content: *content, content_events: *content_events });
            }
            if let Event::Error(told) = event {
                problem = Some(Bytes::from(encode_error(told, *from)));
            }
            terminal.observe(&chunk);
            *finish = finish.or(chunk.finish);
            if !is_holding {
                *before_calls = content.plus(chunk.output);
            }
            *content = content.plus(chunk.output);
            *content_events += u64::from(chunk.has_content());
        };
        let read = match piece {
            Some(piece) => translation.push(piece, &mut said, &mut watch),
            None => translation.finish(&mut said, &mut watch),
        };
        let is_ended = translation.is_whole();
        if holds && translation.hold.is_none() && !is_ended {
            // More has come than is kept.
            (*followed, shows) = (None, true);
        }
        // Nothing of what it says again is shown, and it is a sign that the model works all the same.
        let works = translation.came.take().is_some_and(|came| came.goes_on);
        translation.came = works.then(Chunk::default).or_else(|| translation.seam.as_ref().map(|_| Chunk::default()));
        if works {
            (progress, shows) = (progress.max(Progress::Content), true);
        }
        self.has_content |= shows || self.is_whole();
        self.out.extend_from_slice(&said);
        if let Some(problem) = problem {
            return Err(StreamFault::Error(problem));
        }
        match read {
            Ok(()) => {}
            Err(chat::StreamFault::Cut) => return Err(StreamFault::Cut),
            // Told by the next read: what came before it is content of an attempt that has answered.
            Err(chat::StreamFault::Diverged) => {
                (self.has_diverged, self.has_content) = (true, true);
                return Ok(Progress::Content);
            }
            Err(_) => return Err(StreamFault::Garbled),
        }
        if !self.has_content && self.out.len() > HELD_BACK_MAX {
            return Err(StreamFault::Garbled);
        }
        self.is_over = is_ended;
        Ok(if is_ended { Progress::Ended } else { progress })
    }
}

fn is_call(event: &Event<'_>) -> bool {
    matches!(event, Event::PartStart { kind: PartKind::ToolCall { .. }, .. })
}
