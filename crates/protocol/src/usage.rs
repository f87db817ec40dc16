//! What an upstream counted, in token classes that do not overlap.

mod anthropic;
mod bedrock;
mod gemini;
mod openai;
mod responses;
mod service;

pub(crate) use anthropic::Counts as AnthropicCounts;
pub use anthropic::anthropic;
pub use bedrock::bedrock;
pub(crate) use bedrock::read as read_bedrock;
pub use gemini::gemini;
pub(crate) use gemini::read as read_gemini;
pub(crate) use openai::read;
pub use openai::{CostPlace, openai};
pub(crate) use responses::read as read_responses;
pub use responses::responses;
pub(crate) use service::read as read_service;
pub use service::{from_seconds, service};

/// Tokens of one answer. The input classes are disjoint, so that each is priced once.
///
/// `input + cache_read + cache_write + audio_input + image` is the whole prompt and `output + audio_output`
/// the whole completion. Two alone are a part of another class: `reasoning` lies within `output`, and `cache_write_long`
/// within `cache_write`.
/// Every count is at most [`TOKENS_MAX`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Usage {
    /// Prompt tokens that were neither read from nor written to a cache, nor audio, nor image.
    pub input: u64,
    pub cache_read: u64,
    pub cache_write: u64,
    /// The part of `cache_write` that is to be kept for longer than the shortest time there is, which costs more:
    /// an hour at Anthropic's, twelve at OpenAI's.
    pub cache_write_long: u64,
    /// Completion tokens, reasoning included, audio excluded.
    pub output: u64,
    /// The part of `output` that was reasoning.
    pub reasoning: u64,
    pub audio_input: u64,
    pub audio_output: u64,
    /// Prompt tokens that came from images.
    pub image: u64,
    /// What was counted and is no token.
    pub units: Units,
}

/// Counts beside tokens, by which some services are billed. Each is at most [`TOKENS_MAX`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Units {
    /// Images that were made.
    pub images: u64,
    /// Audio that was heard, in milliseconds.
    pub audio_ms: u64,
    /// Characters that were spoken.
    pub characters: u64,
    /// Searches, as rerankers count them.
    pub searches: u64,
}

/// No answer has a trillion tokens: a larger count is a fault of the upstream and counts as unknown.
pub const TOKENS_MAX: u64 = 1_000_000_000_000;

impl Usage {
    /// All prompt tokens.
    pub fn prompt(&self) -> u64 {
        self.input + self.cache_read + self.cache_write + self.audio_input + self.image
    }

    /// All completion tokens.
    pub fn completion(&self) -> u64 {
        self.output + self.audio_output
    }
}
