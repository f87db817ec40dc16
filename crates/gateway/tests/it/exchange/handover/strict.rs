//! Providers that refuse what their vendors refuse: too much for a window, and calls and results that are not in pairs.

use serde_json::{Value, json};

use super::{Asked, JSON, STREAM, Said};

/// A server of chat completions with that window.
pub(super) fn chat(asked: &Asked, window: usize) -> Said {
    let body = asked.json();
    match too_long(asked, &body, window).or_else(|| out_of_place(&body)) {
        Some(refusal) => Said::new(400, JSON, refusal.to_string()),
        None => say(asked, &format!("I am {}.", body["model"].as_str().unwrap())),
    }
}

/// Says that, whatever it is asked.
pub(super) fn say(asked: &Asked, text: &str) -> Said {
    let body = asked.json();
    let usage = json!({ "prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110 });
    let head = json!({ "id": "chatcmpl-1", "created": 1, "model": body["model"] });
    let with = |members: Value| {
        let mut whole = head.clone();
        members.as_object().unwrap().iter().for_each(|(name, value)| whole[name] = value.clone());
        whole
    };
    if body["stream"] != true {
        let choice =
            json!({ "index": 0, "message": { "role": "assistant", "content": text }, "finish_reason": "stop" });
        let answer = with(json!({ "object": "chat.completion", "choices": [choice], "usage": usage }));
        return Said::new(200, JSON, answer.to_string());
    }
    let delta = json!({ "index": 0, "delta": { "role": "assistant", "content": text }, "finish_reason": null });
    let end = json!({ "index": 0, "delta": {}, "finish_reason": "stop" });
    let chunk = |choices: Value| with(json!({ "object": "chat.completion.chunk", "choices": choices }));
    let mut last = chunk(json!([]));
    last["usage"] = usage;
    let chunks = [chunk(json!([delta])), chunk(json!([end])), last];
    let events: String = chunks.iter().map(|chunk| format!("data: {chunk}\n\n")).collect();
    Said::new(200, STREAM, events + "data: [DONE]\n\n")
}

/// A server of Messages with that window.
pub(super) fn messages(asked: &Asked, window: usize) -> Said {
    let body = asked.json();
    if let Some(refusal) = too_long(asked, &body, window).or_else(|| out_of_turn(&body)) {
        return Said::new(400, JSON, refusal.to_string());
    }
    assert_ne!(body["stream"], true, "it answers whole");
    let answer = json!({
        "id": "msg_1", "type": "message", "role": "assistant", "model": body["model"],
        "content": [{ "type": "text", "text": "I am claude." }],
        "stop_reason": "end_turn", "stop_sequence": null, "usage": { "input_tokens": 100, "output_tokens": 10 },
    });
    Said::new(200, JSON, answer.to_string())
}

fn refusal(message: &str, code: &str) -> Option<Value> {
    Some(json!({ "type": "error", "error": { "message": message, "type": "invalid_request_error", "code": code } }))
}

/// Counts a token for two bytes, and the answer with it.
fn too_long(asked: &Asked, body: &Value, window: usize) -> Option<Value> {
    let answer = body["max_tokens"].as_u64().or_else(|| body["max_completion_tokens"].as_u64()).unwrap_or(0) as usize;
    (asked.body.len() / 2 + answer > window)
        .then(|| refusal("This model's maximum context length is exceeded.", "context_length_exceeded"))
        .flatten()
}

/// OpenAI's rules: each result follows its call, each call has its result, before anybody else speaks.
fn out_of_place(body: &Value) -> Option<Value> {
    let mut open: Vec<&str> = Vec::new();
    for message in body["messages"].as_array().unwrap() {
        match message["role"].as_str().unwrap() {
            "tool" => {
                let id = message["tool_call_id"].as_str().unwrap();
                let Some(at) = open.iter().position(|one| *one == id) else {
                    return refusal(&format!("a result without a call: {id}"), "invalid_value");
                };
                open.remove(at);
            }
            _ if !open.is_empty() => return refusal(&format!("calls without results: {open:?}"), "invalid_value"),
            _ => {
                let calls = message["tool_calls"].as_array().into_iter().flatten();
                open.extend(calls.map(|call| call["id"].as_str().unwrap()));
            }
        }
    }
    (!open.is_empty()).then(|| refusal("calls without results at the end", "invalid_value")).flatten()
}

/// Anthropic's rules: the user begins, turns alternate, results come first in the turn behind their calls.
fn out_of_turn(body: &Value) -> Option<Value> {
    let (mut expected, mut open) = ("user", Vec::new());
    for message in body["messages"].as_array().unwrap() {
        if message["role"] != expected {
            return refusal(&format!("{expected} was to speak, not {}", message["role"]), "invalid_value");
        }
        expected = if expected == "user" { "assistant" } else { "user" };
        let blocks = message["content"].as_array().cloned().unwrap_or_default();
        for (at, block) in blocks.iter().enumerate() {
            match block["type"].as_str().unwrap() {
                "tool_use" => open.push(block["id"].clone()),
                "tool_result" => match open.iter().position(|id| *id == block["tool_use_id"]) {
                    Some(found) if at < blocks.len() => drop(open.remove(found)),
                    _ => return refusal("a result without a call", "invalid_value"),
                },
                _ => {}
            }
        }
        if expected == "assistant" && !open.is_empty() {
            return refusal(&format!("calls without results: {open:?}"), "invalid_value");
        }
    }
    (expected == "user").then(|| refusal("the user has the last word", "invalid_value")).flatten()
}
