//! Anthropic's Messages, as sent and as answered.

use serde_json::{Value, json};

use super::{Events, chat, turn};

pub(super) const PATH: &str = "/v1/messages";

/// A request's bytes before and after the prompt.
pub(super) fn around_prompt(model: &str, streams: bool) -> (String, &'static str) {
    let switches = if streams { r#""stream":true,"# } else { "" };
    let before = format!(
        r#"{{"model":"{model}",{switches}"temperature":0.2,"max_tokens":256,"system":"You are a careful assistant.","messages":[{{"role":"user","content":""#
    );
    (before, r#""}]}"#)
}

pub(super) fn turn(model: &str) -> Value {
    let mut messages = vec![json!({"role": "user", "content": turn::question()})];
    for step in turn::steps() {
        let text = json!({"type": "text", "text": step.text});
        messages.push(json!({"role": "assistant", "content": [text, call(&step)]}));
        let result = json!({"type": "tool_result", "tool_use_id": step.id, "content": step.result});
        messages.push(json!({"role": "user", "content": [result]}));
    }
    let tool =
        |tool: turn::Tool| json!({"name": tool.name, "description": tool.description, "input_schema": tool.schema});
    let tools: Vec<Value> = turn::tools().map(tool).collect();
    json!({
        "model": model, "max_tokens": 4096, "system": turn::system(), "messages": messages, "tools": tools,
        "tool_choice": {"type": "auto"},
    })
}

fn call(step: &turn::Step) -> Value {
    json!({"type": "tool_use", "id": step.id, "name": turn::CALLED, "input": step.arguments})
}

/// The text and the name of the called tool in a whole answer.
pub(super) fn said(answer: &Value) -> (Option<&str>, Option<&str>) {
    let block = |kind: &str| answer["content"].as_array()?.iter().find(|block| block["type"] == kind);
    (block("text").and_then(|block| block["text"].as_str()), block("tool_use").and_then(|block| block["name"].as_str()))
}

/// The text of the chat's answer, so that both say the same.
pub(super) fn answer_body() -> String {
    whole(&json!([{"type": "text", "text": chat::answer_text()}]), "end_turn", (92, 0, 160))
}

pub(super) fn call_body() -> String {
    let step = turn::next_step();
    let content = json!([{"type": "text", "text": step.text}, call(&step)]);
    whole(&content, "tool_use", (500, 6_000, 120))
}

fn whole(content: &Value, stop_reason: &str, (input, cached, output): (u64, u64, u64)) -> String {
    json!({
        "id": "msg_bench", "type": "message", "role": "assistant", "model": "c", "content": content,
        "stop_reason": stop_reason, "stop_sequence": null,
        "usage": {"input_tokens": input, "cache_creation_input_tokens": 0, "cache_read_input_tokens": cached,
            "output_tokens": output, "service_tier": "standard"},
    })
    .to_string()
}

pub(super) const EVENTS: Events = Events {
    first: concat!(
        "event: message_start\n",
        r#"data: {"type":"message_start","message":{"id":"msg_bench","type":"message","role":"assistant","model":"c","content":[],"#,
        r#""stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":92,"cache_creation_input_tokens":0,"#,
        r#""cache_read_input_tokens":0,"output_tokens":1}}}"#,
        "\n\nevent: content_block_start\n",
        r#"data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#,
        "\n\nevent: ping\n",
        r#"data: {"type":"ping"}"#,
        "\n\n"
    ),
    content: (
        concat!(
            "event: content_block_delta\n",
            r#"data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"@"#
        ),
        concat!(r#" "}}"#, "\n\n"),
    ),
    last: concat!(
        "event: content_block_stop\n",
        r#"data: {"type":"content_block_stop","index":0}"#,
        "\n\nevent: message_delta\n",
        r#"data: {"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":160}}"#,
        "\n\nevent: message_stop\n",
        r#"data: {"type":"message_stop"}"#,
        "\n\n"
    ),
};
