//! Answers as Amazon Bedrock's Converse, whole and as streams of binary frames.

mod frame;
mod signed;

use serde_json::{Value, json};

use super::answer::{Answer, ToolCall, Usage};
use super::events::{Events, Kind, fragments};

pub(super) use frame::{garbled, padded};
pub(super) use signed::unsigned;

/// Tells an answer as a stream. What was counted has its place after the end of the message, and no other.
pub(super) fn stream(answer: &Answer<'_>, usage: Option<Usage>) -> Events {
    let mut message = Blocks { events: Events::default(), index: 0 };
    message.push(Kind::Frame, "messageStart", json!({ "role": "assistant" }));
    message.reasoning(answer);
    message.text(answer);
    message.tool_calls(answer);
    message.push(Kind::Finish, "messageStop", json!({ "stopReason": stop_reason(answer) }));
    message.push(Kind::Usage, "metadata", counted(json!({}), usage));
    message.events
}

/// A message that is being written block by block.
struct Blocks {
    events: Events,
    index: usize,
}

impl Blocks {
    /// Each event has a `p` of some letters, so that lengths tell nothing of what is said.
    fn push(&mut self, kind: Kind, name: &str, mut payload: Value) {
        payload["p"] = PADDING[..=name.len() % PADDING.len()].into();
        let payload = payload.to_string();
        self.events.push_with(kind, |out| frame::write(out, "event", name, payload.as_bytes()));
    }

    fn delta(&mut self, kind: Kind, delta: &Value) {
        self.push(kind, "contentBlockDelta", json!({ "contentBlockIndex": self.index, "delta": delta }));
    }

    fn stop(&mut self) {
        self.push(Kind::Frame, "contentBlockStop", json!({ "contentBlockIndex": self.index }));
        self.index += 1;
    }

    fn reasoning(&mut self, answer: &Answer<'_>) {
        if answer.reasoning.is_empty() {
            return;
        }
        for (at, word) in answer.reasoning.iter().enumerate() {
            let space = if at == 0 { "" } else { " " };
            self.delta(Kind::Content, &json!({"reasoningContent": {"text": format!("{space}{word}")}}));
        }
        self.delta(Kind::Frame, &json!({"reasoningContent": {"signature": SIGNATURE}}));
        self.stop();
    }

    fn text(&mut self, answer: &Answer<'_>) {
        if answer.content.is_empty() {
            return;
        }
        for (at, word) in answer.content.iter().enumerate() {
            let space = if at == 0 { "" } else { " " };
            self.delta(Kind::Content, &json!({"text": format!("{space}{word}")}));
        }
        self.stop();
    }

    /// Calls alone are begun with an event.
    fn tool_calls(&mut self, answer: &Answer<'_>) {
        for call in &answer.tool_calls {
            let start = json!({"toolUse": {"toolUseId": call.id, "name": call.name}});
            self.push(Kind::Content, "contentBlockStart", json!({"contentBlockIndex": self.index, "start": start}));
            for piece in fragments(&call.arguments) {
                self.delta(Kind::Content, &json!({"toolUse": {"input": piece}}));
            }
            self.stop();
        }
    }
}

/// Tells an answer in one piece.
pub(super) fn whole(answer: &Answer<'_>, usage: Option<Usage>) -> Value {
    let mut content = Vec::new();
    if !answer.reasoning.is_empty() {
        let text = answer.reasoning.join(" ");
        content.push(json!({"reasoningContent": {"reasoningText": {"text": text, "signature": SIGNATURE}}}));
    }
    if !answer.content.is_empty() {
        content.push(json!({"text": answer.content.join(" ")}));
    }
    content.extend(answer.tool_calls.iter().map(call_block));
    let message = json!({"role": "assistant", "content": content});
    counted(json!({"output": {"message": message}, "stopReason": stop_reason(answer)}), usage)
}

fn call_block(call: &ToolCall<'_>) -> Value {
    json!({"toolUse": {"toolUseId": call.id, "name": call.name, "input": call.input()}})
}

/// Adds what was counted: the input is without what caches read and took, and reasoning is within the output.
fn counted(mut body: Value, usage: Option<Usage>) -> Value {
    body["metrics"] = json!({"latencyMs": 551});
    if let Some(usage) = usage {
        body["usage"] = json!({
            "inputTokens": usage.prompt - usage.cached - usage.written,
            "outputTokens": usage.completion,
            "totalTokens": usage.prompt + usage.completion,
            "cacheReadInputTokens": usage.cached,
            "cacheWriteInputTokens": usage.written,
        });
    }
    body
}

fn stop_reason(answer: &Answer<'_>) -> &'static str {
    match answer.finish {
        "length" => "max_tokens",
        "tool_calls" => "tool_use",
        "content_filter" => "content_filtered",
        _ => "end_turn",
    }
}

/// An error in AWS's shape, whose type is in a header.
pub(super) fn error(message: &str) -> Value {
    json!({ "message": message })
}

/// The header with the type of an error.
pub(super) const TYPE_HEADER: &str = "x-amzn-errortype";

/// The type that goes with a status.
pub(super) fn error_type(status: u16) -> &'static str {
    match status {
        401 | 403 => "AccessDeniedException",
        404 => "ResourceNotFoundException",
        408 => "ModelTimeoutException",
        424 => "ModelErrorException",
        429 => "ThrottlingException",
        503 => "ServiceUnavailableException",
        500.. => "InternalServerException",
        _ => "ValidationException",
    }
}

/// The frame that carries an error inside a stream. Its type begins with a small letter there.
pub(super) fn exception(kind: &str, body: &str) -> Vec<u8> {
    let kind = format!("{}{}", kind[..1].to_ascii_lowercase(), &kind[1..]);
    let mut out = Vec::new();
    frame::write(&mut out, "exception", &kind, body.as_bytes());
    out
}

/// A frame that is in order and says nothing.
pub(super) fn empty_event() -> Vec<u8> {
    let mut out = Vec::new();
    frame::write(&mut out, "event", "contentBlockDelta", br#"{"contentBlockIndex":0,"delta":{"text":""}}"#);
    out
}

const PADDING: &str = "abcdefghijklmnopqrstuvwxyz";
const SIGNATURE: &str = "cmVoZWFyc2FsIHRob3VnaHQ=";
