//! Answers as Gemini's `generateContent`, whole and as event streams.

use serde_json::{Value, json};

use super::answer::{Answer, ToolCall, Usage};
use super::asked::Asked;
use super::events::{Events, Kind};

/// Tells an answer as a stream. A call comes in one piece, and nothing follows the reason why it ended.
pub(super) fn stream(asked: &Asked, answer: &Answer<'_>, usage: Option<Usage>, is_early: bool) -> Events {
    let mut events = Events::default();
    if let Some(usage) = usage.filter(|_| is_early) {
        let mut chunk = chunk(asked, &[]);
        chunk["usageMetadata"] = usage_json(usage);
        events.push(Kind::Usage, &chunk);
    }
    for (at, word) in answer.reasoning.iter().enumerate() {
        let space = if at == 0 { "" } else { " " };
        events.push(Kind::Content, &chunk(asked, &[json!({"text": format!("{space}{word}"), "thought": true})]));
    }
    for (at, word) in answer.content.iter().enumerate() {
        let space = if at == 0 { "" } else { " " };
        events.push(Kind::Content, &chunk(asked, &[json!({"text": format!("{space}{word}")})]));
    }
    for call in &answer.tool_calls {
        events.push(Kind::Content, &chunk(asked, &[call_part(call)]));
    }
    let mut last = chunk(asked, &[json!({"text": ""})]);
    last["candidates"][0]["finishReason"] = finish_reason(answer).into();
    if let Some(usage) = usage.filter(|_| !is_early) {
        last["usageMetadata"] = usage_json(usage);
    }
    events.push(Kind::Finish, &last);
    events
}

/// Tells an answer in one piece.
pub(super) fn whole(asked: &Asked, answer: &Answer<'_>, usage: Option<Usage>) -> Value {
    let mut parts = Vec::new();
    if !answer.reasoning.is_empty() {
        parts.push(json!({"text": answer.reasoning.join(" "), "thought": true}));
    }
    if !answer.content.is_empty() {
        parts.push(json!({"text": answer.content.join(" ")}));
    }
    parts.extend(answer.tool_calls.iter().map(call_part));
    let mut body = chunk(asked, &parts);
    body["candidates"][0]["finishReason"] = finish_reason(answer).into();
    if let Some(usage) = usage {
        body["usageMetadata"] = usage_json(usage);
    }
    body
}

fn chunk(asked: &Asked, parts: &[Value]) -> Value {
    json!({
        "candidates": [{"content": {"role": "model", "parts": parts}, "index": 0}],
        "modelVersion": asked.model, "responseId": format!("rehearsal{:016x}", asked.seed),
    })
}

fn call_part(call: &ToolCall<'_>) -> Value {
    json!({"functionCall": {"id": call.id, "name": call.name, "args": call.input()}, "thoughtSignature": SIGNATURE})
}

/// An error in Google's shape.
pub(super) fn error(status: u16, message: &str) -> Value {
    let name = match status {
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        429 => "RESOURCE_EXHAUSTED",
        499 => "CANCELLED",
        503 => "UNAVAILABLE",
        504 => "DEADLINE_EXCEEDED",
        500.. => "INTERNAL",
        _ => "INVALID_ARGUMENT",
    };
    json!({"error": {"code": status, "message": message, "status": name}})
}

/// The prompt with what caches read; the output without thoughts.
fn usage_json(usage: Usage) -> Value {
    json!({
        "promptTokenCount": usage.prompt,
        "cachedContentTokenCount": usage.cached,
        "candidatesTokenCount": usage.completion - usage.reasoning,
        "thoughtsTokenCount": usage.reasoning,
        "totalTokenCount": usage.prompt + usage.completion,
    })
}

/// Calls end as plain answers do.
fn finish_reason(answer: &Answer<'_>) -> &'static str {
    match answer.finish {
        "length" => "MAX_TOKENS",
        "content_filter" => "SAFETY",
        _ => "STOP",
    }
}

/// A chunk without candidates.
pub(super) const EMPTY_EVENT: &[u8] = b"data: {\"candidates\":[]}\n\n";
const SIGNATURE: &str = "cmVoZWFyc2FsIHRob3VnaHQ=";
