//! Reads server-sent events from bytes that arrive in any pieces.
//!
//! Follows the WHATWG HTML standard, section 9.2 "server-sent events", with two differences: the bytes of every
//! block are kept exactly, comments included, and a last event without its blank line is given, not dropped.

mod boundary;
mod fields;

use std::{collections::VecDeque, fmt};

use bytes::{Bytes, BytesMut};

use self::boundary::{Boundary, Found};

/// One block of a stream: an event, or a comment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The exact bytes received, the blank line included. Concatenated, they are the stream.
    pub raw: Bytes,
    /// The data lines joined by a line feed; `None` when the block had none. A part of `raw` when it is one line.
    pub data: Option<Bytes>,
    /// The value of the last `event` field.
    pub name: Option<Bytes>,
}

impl Event {
    /// Whether the block carries no data: comments, a lone `id` or `retry`, stray blank lines.
    pub fn is_comment(&self) -> bool {
        self.data.is_none()
    }
}

/// How long a line and an event may grow, in bytes; one event at a time is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    pub line: usize,
    pub event: usize,
}

impl Limits {
    /// 32 MiB: images come whole within a line, and so does a response that says once more all that it said.
    pub const LARGE: Self = Self { line: 32 << 20, event: 32 << 20 };
}

impl Default for Limits {
    /// 1 MiB a line, 8 MiB an event.
    fn default() -> Self {
        Self { line: 1 << 20, event: 8 << 20 }
    }
}

/// Why a stream of events cannot be read on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SseFault {
    LineTooLong { limit: usize },
    EventTooLong { limit: usize },
}

impl fmt::Display for SseFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LineTooLong { limit } => write!(f, "an event line is longer than {limit} bytes"),
            Self::EventTooLong { limit } => write!(f, "an event is longer than {limit} bytes"),
        }
    }
}

impl std::error::Error for SseFault {}

/// An incremental reader. An event that lies within one pushed piece shares its memory; one that spans several
/// is put together once.
#[derive(Debug, Default)]
pub struct Reader {
    input: VecDeque<Bytes>,
    /// The beginning of an event whose end has not come.
    partial: BytesMut,
    boundary: Boundary,
    has_begun: bool,
    fault: Option<SseFault>,
}

impl Reader {
    pub fn new(limits: Limits) -> Self {
        Self { boundary: Boundary::new(limits), ..Self::default() }
    }

    /// Takes the next bytes of the stream. Call [`Self::next`] until it gives `None` before the next push:
    /// pieces wait unread, and only read ones count against the limits.
    pub fn push(&mut self, bytes: Bytes) {
        if !bytes.is_empty() {
            self.input.push_back(bytes);
        }
    }

    /// The next whole event; `None` when more bytes are needed. After a fault it stays at that fault.
    #[expect(clippy::should_implement_trait, reason = "an empty reader is not at its end: more may be pushed")]
    pub fn next(&mut self) -> Option<Result<Event, SseFault>> {
        if let Some(fault) = self.fault {
            return Some(Err(fault));
        }
        while let Some(input) = self.input.front_mut() {
            match self.boundary.advance(input) {
                Ok(Found::End(length)) => {
                    let piece = input.split_to(length);
                    if input.is_empty() {
                        self.input.pop_front();
                    }
                    return Some(Ok(self.complete(piece)));
                }
                Ok(Found::Nothing) => {
                    self.partial.extend_from_slice(input);
                    self.input.pop_front();
                }
                Err(fault) => {
                    self.fault = Some(fault);
                    return Some(Err(fault));
                }
            }
        }
        None
    }

    /// The last event of a stream that ended without its blank line. Call it after `next` gave `None`.
    pub fn finish(&mut self) -> Option<Result<Event, SseFault>> {
        if let Some(fault) = self.fault {
            return Some(Err(fault));
        }
        (!self.partial.is_empty()).then(|| Ok(self.complete(Bytes::new())))
    }

    fn complete(&mut self, piece: Bytes) -> Event {
        let raw = if self.partial.is_empty() {
            piece
        } else {
            self.partial.extend_from_slice(&piece);
            std::mem::take(&mut self.partial).freeze()
        };
        let is_first = !std::mem::replace(&mut self.has_begun, true);
        fields::read(raw, is_first)
    }
}
