//! The common form: what every dialect says of a conversation, in this house's own words.
//!
//! A decoder of one dialect makes it and an encoder of another reads it; no wire type is shared. Text and JSON
//! stay as they were written (escapes, digits, order of members), so that a translation copies and never reprints.
//! What a dialect says beyond this form is carried along as [`Extra`] or [`Body::Opaque`], comes back out in the same
//! dialect, and becomes a [`Loss`] in another: nothing is dropped in silence.

mod answer;
mod arguments;
mod event;
mod fault;
mod fold;
mod free_tools;
mod keep;
mod logprobs;
mod loss;
mod problem;
mod request;
mod signature;
mod stop;
mod target;
mod text;
mod turn;
pub mod words;
mod written;

pub use answer::{Answer, Choice};
pub use arguments::Arguments;
pub(crate) use arguments::Progress;
pub use event::{Event, PartKind, Start};
pub use fault::{DecodeFault, StreamFault};
pub use fold::Fold;
pub use free_tools::FreeTools;
pub(crate) use keep::Lifetimes;
pub(crate) use logprobs::openai as openai_logprobs;
pub use logprobs::{Logprob, Token};
pub use loss::{Loss, Losses, Told, Why};
pub use problem::{Problem, ProblemKind};
pub use request::{Effort, Format, Reasoning, Request, Sampling, Tool, ToolBody, ToolChoice};
pub use signature::{Issuer, Signature};
pub use stop::Stop;
pub(crate) use stop::StopWords;
pub use target::{Capabilities, Target};
pub use text::{Extra, Json, Text};
pub(crate) use turn::write_data_url;
pub use turn::{Annotation, Body, Keep, Part, Role, Source, ToolCall, ToolCallKind, ToolResult, Turn, Turns};
pub use written::{WrittenAnswer, WrittenRequest};

/// Whose words something came in or goes out in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// `POST /v1/chat/completions`, OpenAI's and everybody's who copied it.
    OpenaiChat,
    /// `POST /v1/responses`.
    OpenaiResponses,
    /// `POST /v1/messages`.
    Anthropic,
    /// `:generateContent` and `:streamGenerateContent`.
    Gemini,
    /// Amazon Bedrock's Converse.
    Bedrock,
}

impl Dialect {
    /// Every dialect.
    pub const ALL: [Self; 5] = [Self::OpenaiChat, Self::OpenaiResponses, Self::Anthropic, Self::Gemini, Self::Bedrock];

    /// The stable label for metrics, records and headers.
    pub fn name(self) -> &'static str {
        match self {
            Self::OpenaiChat => "openai_chat",
            Self::OpenaiResponses => "openai_responses",
            Self::Anthropic => "anthropic",
            Self::Gemini => "gemini",
            Self::Bedrock => "bedrock",
        }
    }
}
