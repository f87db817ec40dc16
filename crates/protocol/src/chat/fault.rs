//! Why bytes cannot be read as what they should be.

use std::fmt;

use crate::{json::Malformed, sse::SseFault};

/// Why a request or an answer cannot be decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DecodeFault {
    /// It is not JSON.
    Malformed(Malformed),
    /// A member has another shape than its dialect says.
    Shape {
        /// Where, as `messages.3.content`.
        path: String,
        /// What should stand there, as `a string`.
        expected: &'static str,
    },
}

impl DecodeFault {
    pub(crate) fn shape(path: impl Into<String>, expected: &'static str) -> Self {
        Self::Shape { path: path.into(), expected }
    }

    /// The same fault, seen from one level further out.
    pub(crate) fn within(self, step: impl fmt::Display) -> Self {
        match self {
            Self::Malformed(fault) => Self::Malformed(fault),
            Self::Shape { path, expected } if path.is_empty() => Self::Shape { path: step.to_string(), expected },
            Self::Shape { path, expected } => Self::Shape { path: format!("{step}.{path}"), expected },
        }
    }
}

impl From<Malformed> for DecodeFault {
    fn from(fault: Malformed) -> Self {
        Self::Malformed(fault)
    }
}

impl fmt::Display for DecodeFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(fault) => write!(f, "the body is not valid JSON: {fault}"),
            Self::Shape { path, expected } => write!(f, "`{path}` must be {expected}"),
        }
    }
}

impl std::error::Error for DecodeFault {}

/// Why a stream cannot be read on, or is not whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StreamFault {
    /// The frames around the events.
    Sse(SseFault),
    /// A frame of the binary event stream: its length, its checksums, its headers.
    Frame(&'static str),
    /// An event is not the JSON it should be.
    Malformed(Malformed),
    /// Events in an order that would mix or lose content.
    Order(&'static str),
    /// More parts or more held bytes than the limits allow.
    TooMuch(&'static str),
    /// It ended without its typed end.
    Cut,
    /// It was to carry on what had been shown, and says something else instead.
    Diverged,
}

impl From<Malformed> for StreamFault {
    fn from(fault: Malformed) -> Self {
        Self::Malformed(fault)
    }
}

impl From<SseFault> for StreamFault {
    fn from(fault: SseFault) -> Self {
        Self::Sse(fault)
    }
}

impl fmt::Display for StreamFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sse(fault) => fault.fmt(f),
            Self::Frame(what) => write!(f, "a frame of the event stream is broken: {what}"),
            Self::Malformed(fault) => write!(f, "an event is not valid JSON: {fault}"),
            Self::Order(what) => write!(f, "events out of order: {what}"),
            Self::TooMuch(what) => write!(f, "the stream exceeds a limit: {what}"),
            Self::Cut => f.write_str("the stream ended before the answer was whole"),
            Self::Diverged => f.write_str("the answer that was to carry on says something else than was shown"),
        }
    }
}

impl std::error::Error for StreamFault {}
