//! Follows a stream that is passed on as it is, so that another can carry it on.

use bytes::Bytes;

use super::{StreamEncoder, Translation};
use crate::{
    chat::Dialect,
    openai_responses,
    seam::{Shown, Way},
};

/// What a caller was shown of a stream in its own dialect, and the encoder that would have written it.
///
/// It decodes everything once more, and keeps the text; it is for callers who asked for that.
#[derive(Debug)]
pub struct Shadow {
    translation: Translation,
    shown: Shown,
    /// The items and numbers of the vendor's own, which the caller has seen.
    response: Option<Box<openai_responses::Shown>>,
    is_lost: bool,
    unused: Vec<u8>,
}

impl Shadow {
    /// `wants_usage` is for a chat caller only.
    pub fn new(dialect: Dialect, wants_usage: bool) -> Self {
        Self {
            translation: Translation::new(dialect, StreamEncoder::new(dialect, "", wants_usage)),
            shown: Shown::default(),
            response: (dialect == Dialect::OpenaiResponses).then(Box::default),
            is_lost: false,
            unused: Vec::new(),
        }
    }

    /// Learns what was shown: whole events.
    pub fn push(&mut self, bytes: Bytes) {
        if self.is_lost {
            return;
        }
        // What cannot be carried on any more needs no names.
        self.response.take_if(|response| self.shown.is_spoilt() || response.is_long());
        if let Some(response) = &mut self.response {
            response.push(bytes.clone());
        }
        self.unused.clear();
        let shown = &mut self.shown;
        self.is_lost = self.translation.push(bytes, &mut self.unused, &mut |event| shown.note(event)).is_err();
    }

    pub fn shown(&self) -> &Shown {
        &self.shown
    }

    /// Why it cannot be carried on; `None` where it can.
    pub fn unfit(&self) -> Option<&'static str> {
        if self.is_lost { Some("what was shown cannot be read") } else { self.shown.unfit() }
    }

    /// A stream of the dialect `from` that carries it on; `None` where the caller's cannot go on at this place, which is
    /// between the events that end an item.
    pub fn carry_on(&self, from: Dialect, way: Way) -> Option<Translation> {
        let mut next = self.translation.carry_on(from, self.shown.seam(way));
        next.take_over(self.response.as_deref()).then_some(next)
    }
}
