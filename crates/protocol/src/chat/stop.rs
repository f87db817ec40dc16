//! Why an answer ended.

use super::{Losses, Text, Why};

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

/// Which reasons a dialect has words for, beyond those that all have.
#[expect(clippy::struct_excessive_bools, reason = "each is one word of a dialect, and any mix is valid")]
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct StopWords {
    pub(crate) sequence: bool,
    /// Which stop sequence it was.
    pub(crate) which: bool,
    pub(crate) window: bool,
    pub(crate) pause: bool,
    /// The model's own words when it declines.
    pub(crate) refusal: bool,
}

impl Stop<'_> {
    /// Reports what of the reason a dialect cannot tell.
    pub(crate) fn lose(&self, words: StopWords, losses: &mut Losses) {
        let (why, what) = match self {
            Self::Sequence(_) if !words.sequence => (Why::Changed, "a stop sequence told as the end"),
            Self::Sequence(Some(_)) if !words.which => (Why::Changed, "not which stop sequence it was"),
            Self::WindowFull if !words.window => (Why::Changed, "a full window told as the limit of output tokens"),
            Self::Pause if !words.pause => (Why::Changed, "a paused turn told as finished"),
            Self::Refusal(Some(_)) if !words.refusal => (Why::NoPeer, "the words of a refusal"),
            _ => return,
        };
        losses.add(why, "answer.stop", what);
    }

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
