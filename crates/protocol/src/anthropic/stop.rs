//! `stop_reason`.

use crate::chat::{Losses, Stop, StopWords, Text, Why};

const WORDS: StopWords = StopWords { sequence: true, which: true, window: true, pause: true, refusal: true };

/// Reports what cannot be told; the dialect names no stop sequence without its words.
pub(super) fn lose(stop: &Stop<'_>, losses: &mut Losses) {
    if *stop == Stop::Sequence(None) {
        losses.add(Why::Changed, "answer.stop", "a stop sequence told as the end");
    }
    stop.lose(WORDS, losses);
}

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
