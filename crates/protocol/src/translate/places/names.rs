//! What the callers' dialects call what the common form has its own words for.

use crate::chat::Dialect;

/// Where a dialect may say what the common form has at `path`; none where it has the same name.
pub(super) fn of_path(dialect: Dialect, path: &str) -> &'static [&'static str] {
    use Dialect::{Anthropic, Bedrock, Gemini, OpenaiChat, OpenaiResponses};
    match (dialect, path) {
        (OpenaiChat, "format") => &["response_format"],
        (OpenaiChat, "format.name") => &["response_format.json_schema.name", "response_format"],
        (OpenaiResponses, "format") => &["text.format"],
        (OpenaiResponses, "format.name") => &["text.format.name", "text.format"],
        (Anthropic, "format") => &["output_config.format", "output_format"],
        (Gemini, "format") => &[
            "generationConfig.responseJsonSchema",
            "generationConfig.responseSchema",
            "generationConfig.responseMimeType",
        ],
        (Bedrock, "format" | "format.name") => &["outputConfig.textFormat", "outputConfig"],

        (OpenaiChat, "choices") => &["n"],
        (Gemini, "choices") => &["generationConfig.candidateCount"],
        (OpenaiChat | OpenaiResponses, "parallel_tools") => &["parallel_tool_calls"],
        (Anthropic, "parallel_tools") => &["tool_choice.disable_parallel_tool_use"],
        (OpenaiChat | OpenaiResponses, "cache_key") => &["prompt_cache_key"],
        (OpenaiResponses, "previous") => &["previous_response_id"],
        (OpenaiChat | OpenaiResponses, "user") => &["safety_identifier", "user"],
        (Anthropic, "user") => &["metadata.user_id"],
        (OpenaiResponses, "verbosity") => &["text.verbosity"],
        (Anthropic, "keep" | ".keep") => &["cache_control"],

        (Anthropic, "stop") => &["stop_sequences"],
        (Gemini, "stop") => &["generationConfig.stopSequences"],
        (Bedrock, "stop") => &["inferenceConfig.stopSequences"],

        (OpenaiChat, "reasoning" | "reasoning.effort") => &["reasoning_effort", "reasoning.effort", "reasoning"],
        (OpenaiChat, "reasoning.budget") => &["reasoning.max_tokens", "reasoning"],
        (OpenaiResponses, "reasoning.effort") => &["reasoning.effort", "reasoning"],
        (Anthropic, "reasoning") => &["thinking", "output_config.effort"],
        (Anthropic, "reasoning.effort") => &["output_config.effort", "thinking"],
        (Anthropic, "reasoning.budget") => &["thinking.budget_tokens", "thinking"],
        (Gemini, "reasoning") => &["generationConfig.thinkingConfig"],
        (Gemini, "reasoning.effort") => {
            &["generationConfig.thinkingConfig.thinkingLevel", "generationConfig.thinkingConfig"]
        }
        (Gemini, "reasoning.budget") => {
            &["generationConfig.thinkingConfig.thinkingBudget", "generationConfig.thinkingConfig"]
        }
        (Bedrock, "reasoning") => {
            &["additionalModelRequestFields.thinking", "additionalModelRequestFields.output_config.effort"]
        }
        (Bedrock, "reasoning.effort") => {
            &["additionalModelRequestFields.output_config.effort", "additionalModelRequestFields.thinking"]
        }
        (Bedrock, "reasoning.budget") => {
            &["additionalModelRequestFields.thinking.budget_tokens", "additionalModelRequestFields.thinking"]
        }

        (Gemini, "tool_choice") => &["toolConfig.functionCallingConfig", "toolConfig"],
        (Bedrock, "tool_choice") => &["toolConfig.toolChoice"],
        (Bedrock, "tools") => &["toolConfig.tools"],
        (Gemini, "service_tier") => &["serviceTier"],
        (Bedrock, "service_tier") => &["serviceTier"],
        (Gemini, "system") => &["systemInstruction"],
        (OpenaiResponses, "system") => &["instructions"],

        (Gemini, "temperature") => &["generationConfig.temperature"],
        (Gemini, "top_p") => &["generationConfig.topP"],
        (Gemini, "top_k") => &["generationConfig.topK"],
        (Gemini, "presence_penalty") => &["generationConfig.presencePenalty"],
        (Gemini, "frequency_penalty") => &["generationConfig.frequencyPenalty"],
        (Gemini, "seed") => &["generationConfig.seed"],
        (Gemini, "logprobs") => &["generationConfig.responseLogprobs"],
        (Gemini, "top_logprobs") => &["generationConfig.logprobs"],
        (Gemini, "responseMimeType") => &["generationConfig.responseMimeType"],
        (Bedrock, "temperature") => &["inferenceConfig.temperature"],
        (Bedrock, "top_p") => &["inferenceConfig.topP"],
        (Bedrock, "top_k") => &["additionalModelRequestFields.top_k"],
        _ => &[],
    }
}

/// What a member of a part or a tool may be called in any dialect; its own name first.
pub(super) fn of_member(member: &str) -> Vec<&str> {
    let others: &[&str] = match member {
        "keep" => &["prompt_cache_breakpoint", "cache_control"],
        "is_error" => &["status", "error"],
        "signature" => &["thoughtSignature", "thought_signature", "encrypted_content"],
        "arguments" => &["input", "args"],
        "name" => &["filename", "displayName", "title"],
        "annotations" => &["citations"],
        "content" => &["output"],
        _ => &[],
    };
    std::iter::once(member).chain(others.iter().copied()).collect()
}

/// The place of what does not stand in the body as it came, as `messages[].name`.
pub(super) fn unfound(dialect: Dialect, path: &str) -> String {
    let mut words = path.split('.');
    let (list, rest): (&str, Vec<&str>) = match words.next() {
        Some("turns") => (dialect.turns(), words.skip(1).collect()),
        Some("tools" | "namespaces") if path.contains('.') => ("tools", words.skip(1).collect()),
        _ => {
            let known = of_path(dialect, path);
            return known.first().map_or_else(|| path.to_owned(), |name| (*name).to_owned());
        }
    };
    let member = rest.last().filter(|word| **word != "parts" && word.parse::<usize>().is_err());
    match member {
        Some(member) => format!("{list}[].{member}"),
        None => format!("{list}[]"),
    }
}
