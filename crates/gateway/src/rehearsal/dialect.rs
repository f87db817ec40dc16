//! The protocols that are spoken here, and who writes each.

use serde_json::Value;

use super::answer::{Answer, Usage};
use super::asked::Asked;
use super::events::Events;
use super::{anthropic, gemini, openai, responses};

/// The protocol a request came in and its answer is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    OpenAiChat,
    OpenAiCompletions,
    OpenAiResponses,
    Anthropic,
    Gemini,
}

impl Dialect {
    /// Tells an answer as a stream; usage comes where the dialect has it, or `is_early` before everything else.
    pub(super) fn stream(asked: &Asked, answers: &[Answer<'_>], usage: Option<Usage>, is_early: bool) -> Events {
        match asked.dialect {
            Self::OpenAiChat | Self::OpenAiCompletions => openai::stream(asked, answers, usage, is_early),
            Self::OpenAiResponses => responses::stream(asked, &answers[0], usage),
            Self::Anthropic => anthropic::stream(asked, &answers[0], usage, is_early),
            Self::Gemini => gemini::stream(asked, &answers[0], usage, is_early),
        }
    }

    /// Tells an answer in one piece.
    pub(super) fn whole(asked: &Asked, answers: &[Answer<'_>], usage: Option<Usage>) -> Value {
        match asked.dialect {
            Self::OpenAiChat | Self::OpenAiCompletions => openai::whole(asked, answers, usage),
            Self::OpenAiResponses => responses::whole(asked, &answers[0], usage),
            Self::Anthropic => anthropic::whole(asked, &answers[0], usage),
            Self::Gemini => gemini::whole(asked, &answers[0], usage),
        }
    }

    /// An error with this status.
    pub(super) fn error(self, status: u16, message: &str) -> Value {
        match self {
            Self::OpenAiChat | Self::OpenAiCompletions | Self::OpenAiResponses => {
                openai::error(message, openai::error_type(status), None, None)
            }
            Self::Anthropic => anthropic::error(status, message),
            Self::Gemini => gemini::error(status, message),
        }
    }

    /// The event that carries this error inside a stream.
    pub(super) fn error_event(self, body: &str) -> Vec<u8> {
        match (self, body.strip_prefix('{')) {
            (Self::OpenAiResponses, Some(members)) => {
                format!("event: error\ndata: {{\"type\":\"error\",{members}\n\n")
            }
            (Self::Anthropic | Self::OpenAiResponses, _) => format!("event: error\ndata: {body}\n\n"),
            (Self::OpenAiChat | Self::OpenAiCompletions | Self::Gemini, _) => format!("data: {body}\n\n"),
        }
        .into_bytes()
    }

    /// An event that is in order and says nothing.
    pub(super) fn empty_event(self) -> &'static [u8] {
        match self {
            Self::OpenAiChat | Self::OpenAiCompletions => openai::EMPTY_CHOICES_EVENT,
            Self::OpenAiResponses => responses::EMPTY_EVENT,
            Self::Anthropic => anthropic::PING,
            Self::Gemini => gemini::EMPTY_EVENT,
        }
    }

    /// Where a whole answer has its content, and under what name it says why each ended.
    pub(super) fn content_and_end(self) -> (&'static str, &'static str) {
        match self {
            Self::OpenAiChat | Self::OpenAiCompletions => ("choices", "finish_reason"),
            Self::OpenAiResponses => ("output", "status"),
            Self::Anthropic => ("content", "stop_reason"),
            Self::Gemini => ("candidates", "finishReason"),
        }
    }

    /// How the names of calls begin.
    pub(super) fn call_prefix(self) -> &'static str {
        if self == Self::Anthropic { "toolu" } else { "call" }
    }

    /// Whether usage comes in a stream that did not ask for it.
    pub(super) fn always_counts(self) -> bool {
        !matches!(self, Self::OpenAiChat | Self::OpenAiCompletions)
    }
}
