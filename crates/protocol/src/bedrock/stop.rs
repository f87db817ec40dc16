//! `stopReason`.

use crate::chat::{Problem, ProblemKind, Stop, StopWords, Text};

pub(super) const WORDS: StopWords =
    StopWords { sequence: true, which: false, window: true, pause: false, refusal: false };

pub(super) fn read(reason: Text<'_>) -> Stop<'_> {
    match reason.written() {
        "end_turn" => Stop::Finished,
        "tool_use" => Stop::ToolCalls,
        "max_tokens" => Stop::Length,
        "stop_sequence" => Stop::Sequence(None),
        "guardrail_intervened" | "content_filtered" => Stop::Filter,
        "model_context_window_exceeded" => Stop::WindowFull,
        _ => Stop::Other(reason),
    }
}

/// Reasons that mean that there is no answer.
pub(super) fn failure(reason: &Text<'_>) -> Option<Problem<'static>> {
    let word = ["malformed_model_output", "malformed_tool_use"].into_iter().find(|word| reason.is(word))?;
    let message = Text::plain(format!("the model broke off: {word}"));
    Some(Problem { kind: ProblemKind::Server, message, code: Some(Text::plain(word)), param: None })
}

pub(super) fn word(stop: &Stop<'_>) -> &'static str {
    match stop {
        Stop::Finished | Stop::Pause | Stop::Other(_) => "end_turn",
        Stop::Sequence(_) => "stop_sequence",
        Stop::ToolCalls => "tool_use",
        Stop::Length => "max_tokens",
        Stop::WindowFull => "model_context_window_exceeded",
        Stop::Refusal(_) | Stop::Filter => "content_filtered",
    }
}
