//! What can go wrong while measuring.

use std::fmt;
use std::io;

use crate::framing::FramingFault;

pub(crate) type Result<T> = std::result::Result<T, Fault>;

#[derive(Debug)]
pub(crate) enum Fault {
    /// The system refused something.
    Io { doing: String, source: io::Error },
    /// A program this figure needs is not there; `remedy` is what to type.
    Absent { program: String, remedy: String },
    /// The peer's bytes are not HTTP/1.1.
    Framing(FramingFault),
    /// An answer came that is not the expected one.
    Answer(String),
    /// A measurement could not be taken, and why.
    Measurement(String),
}

impl Fault {
    pub(crate) fn io(doing: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let doing = doing.into();
        move |source| Self::Io { doing, source }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { doing, source } => write!(f, "{doing}: {source}"),
            Self::Absent { program, remedy } => write!(f, "{program} is not installed: {remedy}"),
            Self::Framing(fault) => write!(f, "malformed HTTP: {fault}"),
            Self::Answer(what) => write!(f, "unexpected answer: {what}"),
            Self::Measurement(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for Fault {}

impl From<FramingFault> for Fault {
    fn from(fault: FramingFault) -> Self {
        Self::Framing(fault)
    }
}
