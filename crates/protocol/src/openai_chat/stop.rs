//! `finish_reason`.

use crate::chat::{Stop, StopWords, Text};

pub(super) const WORDS: StopWords =
    StopWords { sequence: false, which: false, window: false, pause: false, refusal: true };

/// Reads one. Some servers write an empty string where they mean null, and their own words for the known ones.
///
/// An answer that `has_calls` waits for their results whatever it says: OpenAI writes `stop` after a call that was forced by
/// name, and other servers after any.
pub(super) fn read<'a>(reason: Text<'a>, has_calls: bool) -> Option<Stop<'a>> {
    Some(match &*reason.decode() {
        "" => return None,
        "stop" | "eos" | "end_turn" if has_calls => Stop::ToolCalls,
        "stop" | "eos" | "end_turn" => Stop::Finished,
        "length" | "max_tokens" => Stop::Length,
        "tool_calls" | "function_call" => Stop::ToolCalls,
        "content_filter" | "sensitive" => Stop::Filter,
        _ => Stop::Other(reason.clone()),
    })
}

/// Whether the reason says that the upstream broke off: never a whole answer.
pub(super) fn is_failure(reason: &Text<'_>) -> bool {
    ["error", "network_error", "insufficient_system_resource"].iter().any(|word| reason.is(word))
}

/// The official clients' types know these words only.
pub(super) fn word(stop: &Stop<'_>) -> &'static str {
    match stop {
        Stop::Finished | Stop::Sequence(_) | Stop::Pause | Stop::Other(_) => "stop",
        Stop::Length | Stop::WindowFull => "length",
        Stop::ToolCalls => "tool_calls",
        Stop::Refusal(_) | Stop::Filter => "content_filter",
    }
}
