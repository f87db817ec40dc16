//! `finishReason`.

use crate::chat::{Problem, ProblemKind, Stop, StopWords, Text};

pub(super) const WORDS: StopWords =
    StopWords { sequence: false, which: false, window: false, pause: false, refusal: false };

/// Reads one. The dialect says STOP for tool calls as well.
pub(super) fn read<'a>(reason: Text<'a>, has_calls: bool) -> Stop<'a> {
    match reason.written() {
        "STOP" if has_calls => Stop::ToolCalls,
        "STOP" => Stop::Finished,
        "MAX_TOKENS" => Stop::Length,
        "SAFETY" | "RECITATION" | "BLOCKLIST" | "PROHIBITED_CONTENT" | "SPII" | "IMAGE_SAFETY" | "MODEL_ARMOR" => {
            Stop::Filter
        }
        _ => Stop::Other(reason),
    }
}

/// Reasons that mean that there is no answer.
pub(super) fn failure(reason: &Text<'_>) -> Option<Problem<'static>> {
    const FAILURES: [&str; 4] =
        ["MALFORMED_FUNCTION_CALL", "MALFORMED_RESPONSE", "MISSING_THOUGHT_SIGNATURE", "UNEXPECTED_TOOL_CALL"];
    let word = FAILURES.iter().find(|word| reason.is(word))?;
    let kind = match *word {
        "MISSING_THOUGHT_SIGNATURE" => ProblemKind::InvalidRequest,
        _ => ProblemKind::Server,
    };
    let message = Text::plain(format!("the model broke off: {word}"));
    Some(Problem { kind, message, code: Some(Text::plain(*word)), param: None })
}

pub(super) fn word(stop: &Stop<'_>) -> &'static str {
    match stop {
        Stop::Finished | Stop::Sequence(_) | Stop::ToolCalls | Stop::Pause => "STOP",
        Stop::Length | Stop::WindowFull => "MAX_TOKENS",
        Stop::Refusal(_) | Stop::Filter => "SAFETY",
        Stop::Other(_) => "OTHER",
    }
}
