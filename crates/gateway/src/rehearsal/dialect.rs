//! The protocols that are spoken here, and who writes each.

use std::borrow::Cow;

use serde_json::Value;

use super::answer::{Answer, Usage};
use super::asked::Asked;
use super::catalogue::ProviderError;
use super::events::Events;
use super::{anthropic, bedrock, gemini, openai, responses};

/// The protocol a request came in and its answer is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    OpenAiChat,
    OpenAiCompletions,
    OpenAiResponses,
    Anthropic,
    Gemini,
    Bedrock,
}

impl Dialect {
    /// Tells an answer as a stream; usage comes where the dialect has it, or `is_early` before everything else.
    pub(super) fn stream(asked: &Asked, answers: &[Answer<'_>], usage: Option<Usage>, is_early: bool) -> Events {
        match asked.dialect {
            Self::OpenAiChat | Self::OpenAiCompletions => openai::stream(asked, answers, usage, is_early),
            Self::OpenAiResponses => responses::stream(asked, &answers[0], usage),
            Self::Anthropic => anthropic::stream(asked, &answers[0], usage, is_early),
            Self::Gemini => gemini::stream(asked, &answers[0], usage, is_early),
            Self::Bedrock => bedrock::stream(&answers[0], usage),
        }
    }

    /// Tells an answer in one piece.
    pub(super) fn whole(asked: &Asked, answers: &[Answer<'_>], usage: Option<Usage>) -> Value {
        match asked.dialect {
            Self::OpenAiChat | Self::OpenAiCompletions => openai::whole(asked, answers, usage),
            Self::OpenAiResponses => responses::whole(asked, &answers[0], usage),
            Self::Anthropic => anthropic::whole(asked, &answers[0], usage),
            Self::Gemini => gemini::whole(asked, &answers[0], usage),
            Self::Bedrock => bedrock::whole(&answers[0], usage),
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
            Self::Bedrock => bedrock::error(message),
        }
    }

    /// What an error with this status says outside its body.
    pub(super) fn error_headers(self, status: u16) -> Vec<(&'static str, &'static str)> {
        match self {
            Self::Bedrock => vec![(bedrock::TYPE_HEADER, bedrock::error_type(status))],
            _ => Vec::new(),
        }
    }

    /// The event that carries an error inside a stream: this one, or one of the server's own.
    pub(super) fn error_event(self, error: Option<&ProviderError>, body: &str) -> Vec<u8> {
        match (self, body.strip_prefix('{')) {
            (Self::Bedrock, _) => {
                let named =
                    |error: &&ProviderError| error.headers.iter().find(|(name, _)| *name == bedrock::TYPE_HEADER);
                let kind = error.as_ref().and_then(named).map(|(_, kind)| *kind);
                return bedrock::exception(kind.unwrap_or_else(|| bedrock::error_type(500)), body);
            }
            (Self::OpenAiResponses, Some(members)) => {
                format!("event: error\ndata: {{\"type\":\"error\",{members}\n\n")
            }
            (Self::Anthropic | Self::OpenAiResponses, _) => format!("event: error\ndata: {body}\n\n"),
            (Self::OpenAiChat | Self::OpenAiCompletions | Self::Gemini, _) => format!("data: {body}\n\n"),
        }
        .into_bytes()
    }

    /// An event that is in order and says nothing.
    pub(super) fn empty_event(self) -> Cow<'static, [u8]> {
        Cow::Borrowed(match self {
            Self::Bedrock => return Cow::Owned(bedrock::empty_event()),
            Self::OpenAiChat | Self::OpenAiCompletions => openai::EMPTY_CHOICES_EVENT,
            Self::OpenAiResponses => responses::EMPTY_EVENT,
            Self::Anthropic => anthropic::PING,
            Self::Gemini => gemini::EMPTY_EVENT,
        })
    }

    /// An event that cannot be read.
    pub(super) fn malformed_event(self) -> Cow<'static, [u8]> {
        match self {
            Self::Bedrock => Cow::Owned(bedrock::garbled()),
            _ => Cow::Borrowed(b"data: {\"id\":\"chatcmpl-rehearsal\",\"object\":\"chat.compl\n\n"),
        }
    }

    /// A sign of life that is no event; frames have none.
    pub(super) fn comment(self) -> &'static [u8] {
        if self == Self::Bedrock { b"" } else { b": keep-alive\n\n" }
    }

    /// The type of a stream.
    pub(super) fn stream_type(self) -> &'static str {
        match self {
            Self::Bedrock => "application/vnd.amazon.eventstream",
            _ => "text/event-stream; charset=utf-8",
        }
    }

    /// Where a whole answer has its content (RFC 6901), and under what name it says why each ended.
    pub(super) fn content_and_end(self) -> (&'static str, &'static str) {
        match self {
            Self::OpenAiChat | Self::OpenAiCompletions => ("/choices", "finish_reason"),
            Self::OpenAiResponses => ("/output", "status"),
            Self::Anthropic => ("/content", "stop_reason"),
            Self::Gemini => ("/candidates", "finishReason"),
            Self::Bedrock => ("/output/message/content", "stopReason"),
        }
    }

    /// How the names of calls begin.
    pub(super) fn call_prefix(self) -> &'static str {
        match self {
            Self::Anthropic => "toolu",
            Self::Bedrock => "tooluse",
            _ => "call",
        }
    }

    /// Whether usage comes in a stream that did not ask for it.
    pub(super) fn always_counts(self) -> bool {
        !matches!(self, Self::OpenAiChat | Self::OpenAiCompletions)
    }
}
