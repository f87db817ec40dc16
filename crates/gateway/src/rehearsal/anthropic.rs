//! Answers as Anthropic's Messages, whole and as event streams.

use serde_json::{Value, json};

use super::answer::{Answer, Usage};
use super::asked::Asked;
use super::events::{Events, Kind, fragments};

/// Tells an answer as a stream.
pub(super) fn stream(asked: &Asked, answer: &Answer<'_>, usage: Option<Usage>, is_early: bool) -> Events {
    let mut message = Blocks { events: Events::default(), index: 0 };
    let mut head = head(asked);
    if let Some(usage) = usage {
        head["usage"] = usage_json(Usage { completion: usage.completion.min(1), ..usage });
    }
    message.push(Kind::Frame, "message_start", json!({ "message": head }));
    message.thinking(answer);
    message.text(answer);
    message.tool_calls(answer);
    let mut end = json!({"delta": {"stop_reason": stop_reason(answer), "stop_sequence": null}});
    if let Some(usage) = usage.filter(|_| !is_early) {
        end["usage"] = usage_json(usage);
    }
    message.push(Kind::Finish, "message_delta", end);
    message.push(Kind::Done, "message_stop", json!({}));
    message.events
}

/// A message that is being written block by block.
struct Blocks {
    events: Events,
    index: usize,
}

impl Blocks {
    fn push(&mut self, kind: Kind, name: &str, mut data: Value) {
        data["type"] = name.into();
        self.events.push_named(kind, name, &data);
    }

    fn start(&mut self, kind: Kind, block: &Value) {
        self.push(kind, "content_block_start", json!({"index": self.index, "content_block": block}));
    }

    fn delta(&mut self, kind: Kind, delta: &Value) {
        self.push(kind, "content_block_delta", json!({"index": self.index, "delta": delta}));
    }

    fn stop(&mut self) {
        self.push(Kind::Frame, "content_block_stop", json!({ "index": self.index }));
        self.index += 1;
    }

    fn thinking(&mut self, answer: &Answer<'_>) {
        if answer.reasoning.is_empty() {
            return;
        }
        self.start(Kind::Frame, &json!({"type": "thinking", "thinking": "", "signature": ""}));
        for (at, word) in answer.reasoning.iter().enumerate() {
            let space = if at == 0 { "" } else { " " };
            self.delta(Kind::Content, &json!({"type": "thinking_delta", "thinking": format!("{space}{word}")}));
        }
        self.delta(Kind::Frame, &json!({"type": "signature_delta", "signature": SIGNATURE}));
        self.stop();
    }

    fn text(&mut self, answer: &Answer<'_>) {
        if answer.content.is_empty() {
            return;
        }
        self.start(Kind::Frame, &json!({"type": "text", "text": ""}));
        for (at, word) in answer.content.iter().enumerate() {
            let space = if at == 0 { "" } else { " " };
            self.delta(Kind::Content, &json!({"type": "text_delta", "text": format!("{space}{word}")}));
        }
        self.stop();
    }

    fn tool_calls(&mut self, answer: &Answer<'_>) {
        for call in &answer.tool_calls {
            let block = json!({"type": "tool_use", "id": call.id, "name": call.name, "input": {}});
            self.start(Kind::Content, &block);
            for piece in fragments(&call.arguments) {
                self.delta(Kind::Content, &json!({"type": "input_json_delta", "partial_json": piece}));
            }
            self.stop();
        }
    }
}

/// Tells an answer in one piece.
pub(super) fn whole(asked: &Asked, answer: &Answer<'_>, usage: Option<Usage>) -> Value {
    let mut content = Vec::new();
    if !answer.reasoning.is_empty() {
        content.push(json!({"type": "thinking", "thinking": answer.reasoning.join(" "), "signature": SIGNATURE}));
    }
    if !answer.content.is_empty() {
        content.push(json!({"type": "text", "text": answer.content.join(" ")}));
    }
    for call in &answer.tool_calls {
        content.push(json!({"type": "tool_use", "id": call.id, "name": call.name, "input": call.input()}));
    }
    let mut message = head(asked);
    message["content"] = content.into();
    message["stop_reason"] = stop_reason(answer).into();
    if let Some(usage) = usage {
        message["usage"] = usage_json(usage);
    }
    message
}

/// A message without content.
fn head(asked: &Asked) -> Value {
    json!({
        "id": format!("msg_rehearsal{:016x}", asked.seed), "type": "message", "role": "assistant",
        "model": asked.model, "content": [], "stop_reason": null, "stop_sequence": null,
    })
}

/// An error in Anthropic's shape.
pub(super) fn error(status: u16, message: &str) -> Value {
    let kind = match status {
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        504 => "timeout_error",
        529 => "overloaded_error",
        500.. => "api_error",
        _ => "invalid_request_error",
    };
    json!({"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_rehearsal"})
}

/// Input without what caches read and took; thinking is within the output.
fn usage_json(usage: Usage) -> Value {
    json!({
        "input_tokens": usage.prompt - usage.cached - usage.written,
        "cache_read_input_tokens": usage.cached,
        "cache_creation_input_tokens": usage.written,
        "output_tokens": usage.completion,
    })
}

fn stop_reason(answer: &Answer<'_>) -> &'static str {
    match answer.finish {
        "length" => "max_tokens",
        "tool_calls" => "tool_use",
        "content_filter" => "refusal",
        _ => "end_turn",
    }
}

/// A sign of life.
pub(super) const PING: &[u8] = b"event: ping\ndata: {\"type\": \"ping\"}\n\n";
const SIGNATURE: &str = "cmVoZWFyc2FsIHRob3VnaHQ=";
