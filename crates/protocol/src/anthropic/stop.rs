//! `stop_reason`.

use crate::chat::{Stop, Text};

/// Reads one with what explains it.
pub(super) fn read<'a>(reason: Text<'a>, sequence: Option<Text<'a>>, explanation: Option<Text<'a>>) -> Stop<'a> {
    match reason.written() {
        "end_turn" => Stop::Finished,
        "stop_sequence" => Stop::Sequence(sequence),
        "max_tokens" => Stop::Length,
        "model_context_window_exceeded" => Stop::WindowFull,
        "tool_use" => Stop::ToolCalls,
        "refusal" => Stop::Refusal(explanation),
        "pause_turn" => Stop::Pause,
        _ => Stop::Other(reason),
    }
}

pub(super) fn word(stop: &Stop<'_>) -> &'static str {
    match stop {
        Stop::Finished | Stop::Other(_) | Stop::Sequence(None) => "end_turn",
        Stop::Sequence(Some(_)) => "stop_sequence",
        Stop::Length => "max_tokens",
        Stop::WindowFull => "model_context_window_exceeded",
        Stop::ToolCalls => "tool_use",
        Stop::Refusal(_) | Stop::Filter => "refusal",
        Stop::Pause => "pause_turn",
    }
}
