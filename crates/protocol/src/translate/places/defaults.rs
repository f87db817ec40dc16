//! Values that say no more than if they were left out.

use crate::chat::Dialect;

/// Members that the gateway itself sees to, whatever their value.
const SEEN_TO: &[(Dialect, &str)] = &[
    // A response is kept, or not, and shows its metadata by the gateway, whoever answers.
    (Dialect::OpenaiResponses, "store"),
    (Dialect::OpenaiResponses, "metadata"),
    // Nothing is added to a stream's events to hide their length, which is more than was asked for only where it is off.
    (Dialect::OpenaiResponses, "stream_options"),
];

/// What each dialect's reference calls the default: of OpenAI's API reference, Anthropic's "Messages", Google's
/// `GenerationConfig` and Amazon's `Converse`.
const DEFAULTS: &[(Dialect, &str, &str)] = &[
    (Dialect::OpenaiChat, "n", "1"),
    (Dialect::OpenaiChat, "logprobs", "false"),
    (Dialect::OpenaiChat, "top_logprobs", "0"),
    (Dialect::OpenaiChat, "logit_bias", "{}"),
    (Dialect::OpenaiChat, "presence_penalty", "0"),
    (Dialect::OpenaiChat, "frequency_penalty", "0"),
    (Dialect::OpenaiChat, "temperature", "1"),
    (Dialect::OpenaiChat, "top_p", "1"),
    (Dialect::OpenaiChat, "parallel_tool_calls", "true"),
    (Dialect::OpenaiChat, "service_tier", r#""auto""#),
    (Dialect::OpenaiChat, "store", "false"),
    (Dialect::OpenaiChat, "metadata", "{}"),
    (Dialect::OpenaiChat, "verbosity", r#""medium""#),
    (Dialect::OpenaiChat, "modalities", r#"["text"]"#),
    (Dialect::OpenaiChat, "tool_choice", r#""auto""#),
    (Dialect::OpenaiChat, "prompt_cache_retention", r#""in_memory""#),
    (Dialect::OpenaiResponses, "background", "false"),
    (Dialect::OpenaiResponses, "truncation", r#""disabled""#),
    (Dialect::OpenaiResponses, "top_logprobs", "0"),
    (Dialect::OpenaiResponses, "temperature", "1"),
    (Dialect::OpenaiResponses, "top_p", "1"),
    (Dialect::OpenaiResponses, "parallel_tool_calls", "true"),
    (Dialect::OpenaiResponses, "service_tier", r#""auto""#),
    (Dialect::OpenaiResponses, "text.verbosity", r#""medium""#),
    (Dialect::OpenaiResponses, "tool_choice", r#""auto""#),
    (Dialect::OpenaiResponses, "prompt_cache_retention", r#""in_memory""#),
    (Dialect::Anthropic, "temperature", "1"),
    (Dialect::Anthropic, "top_p", "1"),
    (Dialect::Anthropic, "service_tier", r#""auto""#),
    (Dialect::Anthropic, "context_management", "{}"),
    (Dialect::Gemini, "generationConfig.candidateCount", "1"),
    (Dialect::Gemini, "generationConfig.responseLogprobs", "false"),
    (Dialect::Gemini, "generationConfig.logprobs", "0"),
    (Dialect::Gemini, "generationConfig.presencePenalty", "0"),
    (Dialect::Gemini, "generationConfig.frequencyPenalty", "0"),
    (Dialect::Gemini, "generationConfig.responseModalities", r#"["TEXT"]"#),
    (Dialect::Gemini, "labels", "{}"),
    (Dialect::Bedrock, "serviceTier", r#"{"type":"default"}"#),
    (Dialect::Bedrock, "performanceConfig", r#"{"latency":"standard"}"#),
    (Dialect::Bedrock, "requestMetadata", "{}"),
];

/// Whether a member is one that the gateway itself sees to.
pub(super) fn is_seen_to(dialect: Dialect, place: &str) -> bool {
    SEEN_TO.iter().any(|(of, name)| *of == dialect && place == *name)
}

/// Whether a member of a caller's body with this value asks for nothing that it would not have without it.
pub(super) fn says_nothing(dialect: Dialect, place: &str, value: &str) -> bool {
    if matches!(value, "null" | "\"\"") || is_same(value, "[]") {
        return true;
    }
    let is_it = |of: Dialect, name: &str| of == dialect && is_place(dialect, place, name);
    is_seen_to(dialect, place) || DEFAULTS.iter().any(|(of, name, default)| is_it(*of, name) && is_same(value, default))
}

fn is_place(dialect: Dialect, place: &str, name: &str) -> bool {
    place == name || dialect == Dialect::Gemini && place.replace('_', "").eq_ignore_ascii_case(name)
}

/// Whether two JSON texts say the same; `default` has no spaces.
fn is_same(value: &str, default: &str) -> bool {
    match (value.parse::<f64>(), default.parse::<f64>()) {
        (Ok(value), Ok(default)) => value.total_cmp(&default).is_eq(),
        _ => value.split_ascii_whitespace().collect::<String>() == default,
    }
}
