//! Answers of OpenAI's Responses API, whole and as event streams.

use serde_json::{Value, json};

use super::answer::{Answer, ToolCall, Usage};
use super::asked::Asked;
use super::events::{Events, Kind, fragments};

/// Tells an answer as a stream; usage comes with the whole answer in its last event.
pub(super) fn stream(asked: &Asked, answer: &Answer<'_>, usage: Option<Usage>) -> Events {
    let mut items = Items { events: Events::default(), number: 0, index: 0 };
    let begun = response(asked, "in_progress", &[]);
    items.push(Kind::Frame, "response.created", json!({ "response": begun }));
    items.push(Kind::Frame, "response.in_progress", json!({ "response": begun }));
    items.reasoning(asked, answer);
    items.message(asked, answer);
    for call in &answer.tool_calls {
        items.tool_call(call);
    }
    let whole = whole(asked, answer, usage);
    let name = if status(answer) == "incomplete" { "response.incomplete" } else { "response.completed" };
    items.push(Kind::Finish, name, json!({ "response": whole }));
    items.events
}

/// An answer that is being written item by item.
struct Items {
    events: Events,
    number: u64,
    index: usize,
}

impl Items {
    fn push(&mut self, kind: Kind, name: &str, mut data: Value) {
        data["type"] = name.into();
        data["sequence_number"] = self.number.into();
        self.number += 1;
        self.events.push_named(kind, name, &data);
    }

    fn added(&mut self, kind: Kind, item: &Value) {
        self.push(kind, "response.output_item.added", json!({"output_index": self.index, "item": item}));
    }

    fn done(&mut self, item: &Value) {
        self.push(Kind::Frame, "response.output_item.done", json!({"output_index": self.index, "item": item}));
        self.index += 1;
    }

    fn reasoning(&mut self, asked: &Asked, answer: &Answer<'_>) {
        if answer.reasoning.is_empty() {
            return;
        }
        let item = reasoning_item(asked, answer);
        let at = json!({"item_id": item["id"], "output_index": self.index, "summary_index": 0});
        let mut begun = item.clone();
        begun["summary"] = json!([]);
        self.added(Kind::Frame, &begun);
        let empty = json!({"type": "summary_text", "text": ""});
        self.push(Kind::Frame, "response.reasoning_summary_part.added", with(&at, "part", empty));
        for (place, word) in answer.reasoning.iter().enumerate() {
            let delta = if place == 0 { word.to_string() } else { format!(" {word}") };
            self.push(Kind::Content, "response.reasoning_summary_text.delta", with(&at, "delta", delta.into()));
        }
        let text = item["summary"][0]["text"].clone();
        self.push(Kind::Frame, "response.reasoning_summary_text.done", with(&at, "text", text));
        let part = item["summary"][0].clone();
        self.push(Kind::Frame, "response.reasoning_summary_part.done", with(&at, "part", part));
        self.done(&item);
    }

    fn message(&mut self, asked: &Asked, answer: &Answer<'_>) {
        if answer.content.is_empty() {
            return;
        }
        let item = message_item(asked, answer);
        let at = json!({"item_id": item["id"], "output_index": self.index, "content_index": 0});
        let mut begun = item.clone();
        begun["content"] = json!([]);
        begun["status"] = "in_progress".into();
        self.added(Kind::Frame, &begun);
        let empty = json!({"type": "output_text", "text": "", "annotations": [], "logprobs": []});
        self.push(Kind::Frame, "response.content_part.added", with(&at, "part", empty));
        for (place, word) in answer.content.iter().enumerate() {
            let delta = if place == 0 { word.to_string() } else { format!(" {word}") };
            let data = with(&with(&at, "delta", delta.into()), "logprobs", json!([]));
            self.push(Kind::Content, "response.output_text.delta", data);
        }
        let text = item["content"][0]["text"].clone();
        let data = with(&with(&at, "text", text), "logprobs", json!([]));
        self.push(Kind::Frame, "response.output_text.done", data);
        self.push(Kind::Frame, "response.content_part.done", with(&at, "part", item["content"][0].clone()));
        self.done(&item);
    }

    fn tool_call(&mut self, call: &ToolCall<'_>) {
        let item = call_item(call);
        let at = json!({"item_id": item["id"], "output_index": self.index});
        let mut begun = item.clone();
        begun["arguments"] = "".into();
        begun["status"] = "in_progress".into();
        self.added(Kind::Content, &begun);
        for piece in fragments(&call.arguments) {
            self.push(Kind::Content, "response.function_call_arguments.delta", with(&at, "delta", piece.into()));
        }
        let whole = with(&at, "arguments", item["arguments"].clone());
        self.push(Kind::Frame, "response.function_call_arguments.done", with(&whole, "name", call.name.into()));
        self.done(&item);
    }
}

/// Tells an answer in one piece.
pub(super) fn whole(asked: &Asked, answer: &Answer<'_>, usage: Option<Usage>) -> Value {
    let mut output = Vec::new();
    if !answer.reasoning.is_empty() {
        output.push(reasoning_item(asked, answer));
    }
    if !answer.content.is_empty() {
        output.push(message_item(asked, answer));
    }
    output.extend(answer.tool_calls.iter().map(call_item));
    let mut response = response(asked, status(answer), &output);
    if let Some(reason) = incomplete_reason(answer) {
        response["incomplete_details"] = json!({ "reason": reason });
    }
    if let Some(usage) = usage {
        response["usage"] = usage_json(usage);
    }
    response
}

fn response(asked: &Asked, status: &str, output: &[Value]) -> Value {
    json!({
        "id": format!("resp_rehearsal{:016x}", asked.seed), "object": "response", "created_at": CREATED,
        "status": status, "error": null, "incomplete_details": null, "instructions": null, "metadata": {},
        "model": asked.model, "output": output, "parallel_tool_calls": true, "temperature": 1.0, "tool_choice": "auto",
        "tools": [], "top_p": 1.0, "usage": null,
    })
}

fn reasoning_item(asked: &Asked, answer: &Answer<'_>) -> Value {
    json!({
        "id": format!("rs_rehearsal{:016x}", asked.seed), "type": "reasoning",
        "summary": [{"type": "summary_text", "text": answer.reasoning.join(" ")}],
    })
}

fn message_item(asked: &Asked, answer: &Answer<'_>) -> Value {
    json!({
        "id": format!("msg_rehearsal{:016x}", asked.seed), "type": "message", "status": "completed", "role": "assistant",
        "content": [{"type": "output_text", "text": answer.content.join(" "), "annotations": [], "logprobs": []}],
    })
}

fn call_item(call: &ToolCall<'_>) -> Value {
    json!({
        "id": format!("fc_{}", call.id), "type": "function_call", "status": "completed", "call_id": call.id,
        "name": call.name, "arguments": call.arguments,
    })
}

fn with(data: &Value, field: &str, value: Value) -> Value {
    let mut data = data.clone();
    data[field] = value;
    data
}

fn usage_json(usage: Usage) -> Value {
    json!({
        "input_tokens": usage.prompt,
        "input_tokens_details": {"cached_tokens": usage.cached, "cache_write_tokens": usage.written},
        "output_tokens": usage.completion,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": usage.prompt + usage.completion,
    })
}

fn status(answer: &Answer<'_>) -> &'static str {
    if incomplete_reason(answer).is_some() { "incomplete" } else { "completed" }
}

fn incomplete_reason(answer: &Answer<'_>) -> Option<&'static str> {
    match answer.finish {
        "length" => Some("max_output_tokens"),
        "content_filter" => Some("content_filter"),
        _ => None,
    }
}

/// An event that changes nothing.
pub(super) const EMPTY_EVENT: &[u8] =
    b"event: response.in_progress\ndata: {\"type\":\"response.in_progress\",\"sequence_number\":0,\"response\":{\"id\":\"resp_rehearsal\",\"object\":\"response\",\"status\":\"in_progress\",\"output\":[]}}\n\n";
/// 2026-01-01: a fixed date keeps equal requests' answers equal to the byte.
const CREATED: u64 = 1_767_225_600;
