//! A caller's request: what routing and money need to know of it, learnt in one pass.

mod anthropic;
mod asked;
mod bad_request;
mod bedrock;
mod fields;
mod form;
mod gemini;
mod head;
mod media;
mod messages;
mod output;
mod prompt;
mod recording;
mod responses;
mod rewrite;
mod scan;
mod service;
mod surcharge;

use std::ops::Range;

pub use asked::Asked;
pub use bad_request::BadRequest;
pub use form::content_type_as_read;
pub use output::{BUDGET_MIN, OutputField, OutputMax};
pub use rewrite::{Rewrite, as_stream};

use self::{
    head::Head,
    output::OutputLimits,
    rewrite::{ModelSplice, UsageSplice},
};
use super::Operation;
use crate::estimate::Size;

/// What a request says about itself. The messages stay in the body, unread beyond what is listed here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    pub operation: Operation,
    pub model: String,
    pub stream: bool,
    /// The caller set `stream_options.include_usage`.
    pub include_usage: bool,
    /// `max_completion_tokens`, else `max_tokens`, of a response `max_output_tokens`; `None` leaves it to the model. For
    /// one choice.
    pub max_output_tokens: Option<u64>,
    /// Choices the answer will have: `n`, times the number of prompts. At most 128 in a stream.
    pub choices: u32,
    /// Choices the upstream generates and bills: larger than `choices` where `best_of` is.
    pub generated: u32,
    pub needs: Needs,
    pub holds: Holds,
    /// Messages of a chat, items of a response's input; prompts of a legacy completion.
    pub messages: u32,
    /// No assistant or tool message yet.
    pub is_first_turn: bool,
    /// What the prompt is made of, for [`crate::estimate::input_tokens`] and [`crate::estimate::input_bound`].
    pub size: Size,
    /// Some of it is asked to be kept in a cache for longer than the shortest time there is, which costs more.
    pub keeps_long: bool,
    /// The first member by which the provider may charge more than the listed price, or for something else.
    pub surcharge: Option<&'static str>,
    /// The caller's own `safety_identifier`, else `user`.
    pub user: Option<String>,
    /// `prompt_cache_key`: requests that share one want the same deployment.
    pub cache_key: Option<String>,
    /// What a service is asked for, in what it may be billed by.
    pub asked: Asked,
    /// Where the value of `model` stands; nowhere where it stands in the path.
    pub model_span: Range<usize>,
    model_splice: ModelSplice,
    usage_splice: UsageSplice,
    output_limits: OutputLimits,
    head: Head,
}

impl Request {
    /// Tokens of output that may be thought, of those that may come at all; `None` where the request does not say.
    pub fn thinking_budget(&self) -> Option<u64> {
        self.output_limits.budget.as_ref().and_then(|budget| budget.tokens)
    }
}

/// What a deployment must be able to do to take the request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Needs {
    pub tools: bool,
    pub parallel_tools: bool,
    pub vision: bool,
    pub audio_input: bool,
    pub audio_output: bool,
    pub files: bool,
    pub json_object: bool,
    pub json_schema: bool,
    pub logprobs: bool,
    /// The caller asked for reasoning by name: an effort, or that thinking be on.
    pub reasoning: bool,
    pub web_search: bool,
    /// The last message is the assistant's: the model is asked to go on with it.
    pub prefill: bool,
}

/// What some model or deployment may refuse, so that it is left out there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Holds {
    /// `temperature`, `top_p`, `top_k`, or a penalty.
    pub sampling: bool,
    /// A tool that must be used.
    pub forced_tools: bool,
    /// A system prompt.
    pub system: bool,
    /// Thoughts of earlier turns, or what seals them.
    pub thoughts: bool,
    /// Thoughts that are marked with their deployment, or signed by nobody: not every server of the dialect reads them.
    pub foreign_thoughts: bool,
    /// Compaction items that the gateway sealed.
    pub compactions: bool,
    /// The wish for what was said so far to be compacted, in the place of an answer.
    pub compaction_trigger: bool,
    /// Items of an earlier response by their names alone.
    pub references: bool,
}
