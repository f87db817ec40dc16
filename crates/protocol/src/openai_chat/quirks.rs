//! Where servers that speak this dialect differ, as data.

use crate::failure::Flavour;

/// What a server takes beyond the common core, and how it wants it.
#[expect(clippy::struct_excessive_bools, reason = "each is one fact about a server, and any mix is valid")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quirks {
    pub output_limit: OutputLimit,
    /// The role of the system prompt: `system` or `developer`.
    pub system_role: &'static str,
    pub reasoning_effort: bool,
    /// How earlier reasoning goes back.
    pub replay: Replay,
    /// Whether a message's content may be a list of parts when all of them are text.
    pub text_parts: bool,
    /// `parallel_tool_calls`.
    pub parallel_tool_calls: bool,
    /// `strict` on a function.
    pub strict: bool,
    /// `custom` tools with free input.
    pub custom_tools: bool,
    /// `top_k`, which OpenAI itself does not know.
    pub top_k: bool,
    pub logit_bias: bool,
    pub seed: bool,
    /// `n` above 1.
    pub choices: bool,
    pub stream_options: bool,
    /// `prompt_cache_key`, `safety_identifier`, `verbosity`, `service_tier`, `store`, `metadata`.
    pub vendor_members: bool,
    /// `prompt_cache_breakpoint` on parts.
    pub cache_breakpoints: bool,
    /// `cache_control` on parts, in Anthropic's words.
    pub cache_control: bool,
    /// `extra_content.google.thought_signature` on tool calls.
    pub google_signatures: bool,
    pub prefill: Prefill,
    /// The answer to a prefill begins with it once more.
    pub echoes_prefill: bool,
}

/// How a server is told that the last message is the beginning of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prefill {
    /// Not at all: OpenAI, and Gemini at its compatible endpoint, take it and begin another message.
    Never,
    /// By its place alone: Ollama, llama.cpp, Groq ("Assistant message prefilling"), OpenRouter ("Assistant prefill"), and
    /// whoever else is said to continue.
    Place,
    /// `prefix` in the message: DeepSeek ("Chat prefix completion", at the base URL that ends in `/beta`) and Mistral,
    /// which otherwise refuses a last message of the assistant.
    Prefix,
    /// `partial` in the message: Alibaba's Model Studio ("Partial mode") and Moonshot ("Partial mode").
    Partial,
    /// `continue_final_message` beside `add_generation_prompt` in the request: vLLM, whose chat template would end the
    /// message and begin another.
    FinalMessage,
}

/// What a server calls the limit of output tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputLimit {
    MaxTokens,
    MaxCompletionTokens,
}

/// How earlier reasoning goes back to a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replay {
    /// Not at all.
    Never,
    /// `reasoning_content` beside the content.
    ReasoningContent,
    /// `reasoning_details` with signatures, as OpenRouter keeps them.
    Details,
}

impl Quirks {
    /// A server that took over the core and nothing else.
    const CORE: Self = Self {
        output_limit: OutputLimit::MaxTokens,
        system_role: "system",
        reasoning_effort: true,
        replay: Replay::Never,
        text_parts: true,
        parallel_tool_calls: true,
        strict: false,
        custom_tools: false,
        top_k: true,
        logit_bias: true,
        seed: true,
        choices: true,
        stream_options: true,
        vendor_members: false,
        cache_breakpoints: false,
        cache_control: false,
        google_signatures: false,
        prefill: Prefill::Place,
        echoes_prefill: false,
    };

    const OPENAI: Self = Self {
        output_limit: OutputLimit::MaxCompletionTokens,
        system_role: "developer",
        strict: true,
        custom_tools: true,
        top_k: false,
        vendor_members: true,
        cache_breakpoints: true,
        prefill: Prefill::Never,
        ..Self::CORE
    };

    /// What is known of a provider's server.
    pub fn of(flavour: Flavour) -> Self {
        match flavour {
            Flavour::OpenAi => Self::OPENAI,
            Flavour::Azure => Self { cache_breakpoints: false, ..Self::OPENAI },
            Flavour::Gemini => {
                Self { google_signatures: true, top_k: false, logit_bias: false, prefill: Prefill::Never, ..Self::CORE }
            }
            Flavour::DeepSeek => Self {
                replay: Replay::ReasoningContent,
                parallel_tool_calls: false,
                top_k: false,
                logit_bias: false,
                seed: false,
                choices: false,
                prefill: Prefill::Prefix,
                ..Self::CORE
            },
            Flavour::Mistral => Self {
                reasoning_effort: false,
                top_k: false,
                logit_bias: false,
                seed: false,
                prefill: Prefill::Prefix,
                echoes_prefill: true,
                ..Self::CORE
            },
            Flavour::Groq => Self {
                output_limit: OutputLimit::MaxCompletionTokens,
                top_k: false,
                logit_bias: false,
                choices: false,
                ..Self::CORE
            },
            Flavour::OpenRouter => Self { replay: Replay::Details, strict: true, cache_control: true, ..Self::CORE },
            Flavour::DashScope => {
                Self { reasoning_effort: false, cache_control: true, prefill: Prefill::Partial, ..Self::CORE }
            }
            Flavour::Moonshot => Self { prefill: Prefill::Partial, ..Self::of(Flavour::Zhipu) },
            Flavour::Zhipu => Self {
                reasoning_effort: false,
                replay: Replay::ReasoningContent,
                parallel_tool_calls: false,
                top_k: false,
                logit_bias: false,
                seed: false,
                ..Self::CORE
            },
            Flavour::Vllm => Self { prefill: Prefill::FinalMessage, ..Self::CORE },
            Flavour::Ollama => Self { parallel_tool_calls: false, logit_bias: false, choices: false, ..Self::CORE },
            Flavour::Anthropic | Flavour::Bedrock | Flavour::LlamaCpp | Flavour::Generic => Self::CORE,
        }
    }
}

impl Default for Quirks {
    fn default() -> Self {
        Self::OPENAI
    }
}
