//! What a rehearsed model can do, where vendors' models differ: its window, a beginning of its answer, its own words.

use serde_json::Value;

use super::asked::Asked;
use super::dialect::Dialect;
use super::openai;

/// What holds of a model whether its scenario acts or rests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Nature {
    /// Tokens of input it takes at most. One is three bytes of what the model reads: texts, calls, results and tools.
    pub window: Option<u32>,
    /// What it makes of a last turn that is its own.
    pub prefill: Prefill,
    /// Its words depend on its name, and it does not repeat what the user said.
    pub is_varied: bool,
}

/// What a model makes of a last turn that is its own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Prefill {
    /// It says the rest.
    #[default]
    CarriesOn,
    /// It says the turn again, and the rest, as Mistral's do.
    Echoes,
    /// 400, as Claude's since 4.6.
    Refuses,
}

impl Nature {
    /// Why it takes no such request, in its dialect.
    pub(super) fn refuses(&self, asked: &Asked) -> Option<Value> {
        let tokens = asked.prompt_bytes.div_ceil(BYTES_PER_TOKEN);
        if let Some(window) = self.window.filter(|window| tokens > u64::from(*window)) {
            return Some(too_long(asked.dialect, tokens, window));
        }
        let refuses = self.prefill == Prefill::Refuses && asked.prefill.is_some();
        refuses.then(|| asked.dialect.error(400, no_prefill(asked.dialect)))
    }

    /// What its words are drawn from.
    pub(super) fn seed(&self, asked: &Asked) -> u64 {
        let name = asked
            .model
            .bytes()
            .fold(0, |hash: u64, byte| hash.rotate_left(8) ^ hash.wrapping_mul(31) ^ u64::from(byte));
        if self.is_varied { asked.seed ^ name } else { asked.seed }
    }
}

/// As OpenAI, Anthropic, AWS and Google say it.
fn too_long(dialect: Dialect, tokens: u64, window: u32) -> Value {
    let code = Some("context_length_exceeded");
    match dialect {
        Dialect::OpenAiChat | Dialect::OpenAiCompletions => {
            let message = format!(
                "This model's maximum context length is {window} tokens. However, your messages resulted in {tokens} \
                 tokens. Please reduce the length of the messages."
            );
            openai::error(&message, "invalid_request_error", Some("messages"), code)
        }
        Dialect::OpenAiResponses => {
            let message =
                "Your input exceeds the context window of this model. Please adjust your input and try again.";
            openai::error(message, "invalid_request_error", Some("input"), code)
        }
        Dialect::Anthropic => dialect.error(400, &format!("prompt is too long: {tokens} tokens > {window} maximum")),
        Dialect::Bedrock => dialect.error(
            400,
            &format!("The model returned the following errors: prompt is too long: {tokens} tokens > {window} maximum"),
        ),
        Dialect::Gemini => dialect.error(
            400,
            &format!("The input token count ({tokens}) exceeds the maximum number of tokens allowed ({window})."),
        ),
    }
}

/// As Mistral, Anthropic (which Responses of its models repeat), AWS and Google say it.
fn no_prefill(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::OpenAiChat | Dialect::OpenAiCompletions => {
            "Expected last role User or Tool (or Assistant with prefix True) for serving but got assistant"
        }
        Dialect::OpenAiResponses | Dialect::Anthropic => {
            "This model does not support assistant message prefill. The conversation must end with a user message."
        }
        Dialect::Bedrock => {
            "The model returned the following errors: This model does not support assistant message prefill. The \
             conversation must end with a user message."
        }
        Dialect::Gemini => "Please ensure that multiturn requests end with a user role or a function response.",
    }
}

/// Dense text; prose has four or more.
const BYTES_PER_TOKEN: u64 = 3;
