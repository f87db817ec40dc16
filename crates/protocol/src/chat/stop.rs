//! Why an answer ended.

use super::Text;

/// The typed end of one choice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop<'a> {
    /// The model had said all.
    Finished,
    /// One of the caller's stop sequences; which, where the dialect says it.
    Sequence(Option<Text<'a>>),
    /// The limit of output tokens.
    Length,
    /// The context window was full.
    WindowFull,
    /// The model waits for the results of its tool calls.
    ToolCalls,
    /// The model declined; the reason it gave, if any.
    Refusal(Option<Text<'a>>),
    /// A filter cut the answer.
    Filter,
    /// The server paused a long turn; the caller may send it back to go on.
    Pause,
    /// A reason that this crate does not know: whole all the same.
    Other(Text<'a>),
}

impl Stop<'_> {
    pub fn into_owned(self) -> Stop<'static> {
        match self {
            Self::Finished => Stop::Finished,
            Self::Sequence(text) => Stop::Sequence(text.map(Text::into_owned)),
            Self::Length => Stop::Length,
            Self::WindowFull => Stop::WindowFull,
            Self::ToolCalls => Stop::ToolCalls,
            Self::Refusal(text) => Stop::Refusal(text.map(Text::into_owned)),
            Self::Filter => Stop::Filter,
            Self::Pause => Stop::Pause,
            Self::Other(text) => Stop::Other(text.into_owned()),
        }
    }
}
