//! Follows a stream that is passed on as it is, so that another can carry it on.

use bytes::Bytes;
use roundelay_protocol::{
    chat::Dialect,
    openai_responses,
    seam::{Shown, Way},
    translate::{StreamEncoder, Translation},
};

/// What a caller was shown of a stream in its own dialect, and an encoder that has written the same, to nobody.
#[derive(Debug)]
pub(super) struct Shadow {
    translation: Translation,
    shown: Shown,
    /// The vendor's own names and numbers, which the caller has seen.
    response: Option<Box<openai_responses::Shown>>,
    is_lost: bool,
    unused: Vec<u8>,
}

impl Shadow {
    /// `wants_usage` is for a chat caller only.
    pub(super) fn new(dialect: Dialect, wants_usage: bool) -> Self {
        Self {
            translation: Translation::new(dialect, StreamEncoder::new(dialect, "", wants_usage)),
            shown: Shown::default(),
            response: (dialect == Dialect::OpenaiResponses).then(Box::default),
            is_lost: false,
            unused: Vec::new(),
        }
    }

    /// Learns what was shown: whole events.
    pub(super) fn push(&mut self, bytes: Bytes) {
        if self.is_lost {
            return;
        }
        if let Some(response) = &mut self.response {
            response.push(bytes.clone());
        }
        self.unused.clear();
        let shown = &mut self.shown;
        self.is_lost = self.translation.push(bytes, &mut self.unused, &mut |event| shown.note(event)).is_err();
    }

    pub(super) fn shown(&self) -> &Shown {
        &self.shown
    }

    /// Why it cannot be carried on; `None` where it can.
    pub(super) fn unfit(&self) -> Option<&'static str> {
        if self.is_lost { Some("what was shown cannot be read") } else { self.shown.unfit() }
    }

    /// A stream of the dialect `from` that carries it on; `None` where the caller's cannot go on at this place, which is
    /// between the events that end an item.
    pub(super) fn carry_on(&self, from: Dialect, way: Way) -> Option<Translation> {
        let mut next = self.translation.carry_on(from, self.shown.seam(way));
        next.take_over(self.response.as_deref()).then_some(next)
    }
}
