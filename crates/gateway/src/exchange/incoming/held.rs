//! A stream that is passed on as it is, kept back from its first tool call on.

use bytes::BytesMut;
use roundelay_protocol::{anthropic::Place, estimate::Output, openai::Content};

use super::HELD_BACK_MAX;

/// Where what is kept back begins.
#[derive(Debug, Default)]
pub(super) struct Held {
    from: Option<From>,
}

#[derive(Debug, Clone, Copy)]
struct From {
    /// Among what was not shown yet.
    at: usize,
    /// The content before it.
    content: Output,
    place: Place,
}

impl Held {
    pub(super) fn is_holding(&self) -> bool {
        self.from.is_some()
    }

    /// Learns what kind of content comes next, behind `unshown` bytes, and what came before it.
    pub(super) fn note(&mut self, kind: Content, unshown: usize, content: Output, place: Place) {
        if kind == Content::ToolCall {
            self.from.get_or_insert(From { at: unshown, content, place });
        }
    }

    /// Whether more has come than is kept.
    pub(super) fn is_full(&self, unshown: usize) -> bool {
        self.from.is_some_and(|from| unshown.saturating_sub(from.at) > HELD_BACK_MAX)
    }

    /// Takes what may be shown, and says how far that goes; `None` where nothing is kept back.
    pub(super) fn split(&mut self, out: &mut BytesMut) -> Option<(BytesMut, Output, Place)> {
        let from = self.from.as_mut()?;
        let shown = out.split_to(std::mem::take(&mut from.at));
        Some((shown, from.content, from.place))
    }

    /// How much may be shown of so many bytes.
    pub(super) fn showable(&self, unshown: usize) -> usize {
        self.from.map_or(unshown, |from| from.at)
    }
}
