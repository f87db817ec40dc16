//! OpenAI's Responses, as sent.

use serde_json::{Value, json};

use super::turn;

pub(super) const PATH: &str = "/v1/responses";

/// A request's bytes before and after the prompt. Nothing is to be kept of it: keeping is no part of translating.
pub(super) fn around_prompt(model: &str, streams: bool) -> (String, &'static str) {
    let switches = if streams { r#""stream":true,"# } else { "" };
    let before = format!(
        r#"{{"model":"{model}",{switches}"store":false,"temperature":0.2,"max_output_tokens":256,"instructions":"You are a careful assistant.","input":[{{"role":"user","content":""#
    );
    (before, r#""}]}"#)
}

pub(super) fn turn(model: &str) -> Value {
    let mut input = vec![json!({"role": "user", "content": turn::question()})];
    for step in turn::steps() {
        let text = json!({"type": "output_text", "text": step.text, "annotations": []});
        input.push(json!({"type": "message", "role": "assistant", "content": [text]}));
        let arguments = step.arguments.to_string();
        input.push(json!({"type": "function_call", "call_id": step.id, "name": turn::CALLED, "arguments": arguments}));
        input.push(json!({"type": "function_call_output", "call_id": step.id, "output": step.result}));
    }
    let tool = |tool: turn::Tool| json!({"type": "function", "name": tool.name, "description": tool.description, "parameters": tool.schema, "strict": false});
    let tools: Vec<Value> = turn::tools().map(tool).collect();
    json!({
        "model": model, "max_output_tokens": 4096, "store": false, "instructions": turn::system(), "input": input,
        "tools": tools, "tool_choice": "auto",
    })
}

/// The text and the name of the called tool in a whole answer.
pub(super) fn said(answer: &Value) -> (Option<&str>, Option<&str>) {
    let item = |kind: &str| answer["output"].as_array()?.iter().find(|item| item["type"] == kind);
    (
        item("message").and_then(|item| item["content"][0]["text"].as_str()),
        item("function_call").and_then(|item| item["name"].as_str()),
    )
}
