//! OpenAI's chat completions, as sent and as answered.

use serde_json::{Value, json};

use super::{Events, filler, turn};

pub(super) const PATH: &str = "/v1/chat/completions";
/// Bytes of an unstreamed answer's JSON body: 1.1 KB.
const ANSWER_BYTES: usize = 1_126;

/// A request's bytes before and after the prompt.
pub(super) fn around_prompt(model: &str, streams: bool) -> (String, &'static str) {
    let switches = if streams { r#""stream":true,"stream_options":{"include_usage":true},"# } else { "" };
    let before = format!(
        r#"{{"model":"{model}",{switches}"temperature":0.2,"max_tokens":256,"messages":[{{"role":"system","content":"You are a careful assistant."}},{{"role":"user","content":""#
    );
    (before, r#""}]}"#)
}

pub(super) fn turn(model: &str) -> Value {
    let mut messages = vec![
        json!({"role": "system", "content": turn::system()}),
        json!({"role": "user", "content": turn::question()}),
    ];
    for step in turn::steps() {
        let function = json!({"name": turn::CALLED, "arguments": step.arguments.to_string()});
        let call = json!({"id": step.id, "type": "function", "function": function});
        messages.push(json!({"role": "assistant", "content": step.text, "tool_calls": [call]}));
        messages.push(json!({"role": "tool", "tool_call_id": step.id, "content": step.result}));
    }
    let tool = |tool: turn::Tool| {
        let function = json!({"name": tool.name, "description": tool.description, "parameters": tool.schema});
        json!({"type": "function", "function": function})
    };
    let tools: Vec<Value> = turn::tools().map(tool).collect();
    json!({"model": model, "max_tokens": 4096, "messages": messages, "tools": tools, "tool_choice": "auto"})
}

/// The text and the name of the called tool in a whole answer.
pub(super) fn said(answer: &Value) -> (Option<&str>, Option<&str>) {
    let message = &answer["choices"][0]["message"];
    (message["content"].as_str(), message["tool_calls"][0]["function"]["name"].as_str())
}

pub(super) fn answer_body() -> String {
    format!("{BEFORE_TEXT}{}{AFTER_TEXT}", answer_text())
}

/// As much text as fills this dialect's answer.
pub(super) fn answer_text() -> String {
    filler(ANSWER_BYTES - BEFORE_TEXT.len() - AFTER_TEXT.len())
}

const BEFORE_TEXT: &str = r#"{"id":"chatcmpl-bench","object":"chat.completion","created":1764000000,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":""#;
const AFTER_TEXT: &str = r#"","refusal":null},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":92,"completion_tokens":160,"total_tokens":252,"prompt_tokens_details":{"cached_tokens":0,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":0,"audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}},"system_fingerprint":"fp_bench"}"#;

pub(super) fn call_body() -> String {
    let step = turn::next_step();
    let function = json!({"name": turn::CALLED, "arguments": step.arguments.to_string()});
    let call = json!({"id": step.id, "type": "function", "function": function});
    let message = json!({"role": "assistant", "content": step.text, "refusal": null, "tool_calls": [call]});
    json!({
        "id": "chatcmpl-bench", "object": "chat.completion", "created": 1_764_000_000, "model": "m",
        "choices": [{"index": 0, "message": message, "logprobs": null, "finish_reason": "tool_calls"}],
        "usage": {"prompt_tokens": 6_500, "completion_tokens": 120, "total_tokens": 6_620,
            "prompt_tokens_details": {"cached_tokens": 6_000}},
    })
    .to_string()
}

pub(super) const EVENTS: Events = Events {
    first: concat!(
        r#"data: {"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1764000000,"model":"m","system_fingerprint":"fp_bench","#,
        r#""choices":[{"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}]}"#,
        "\n\n"
    ),
    content: (
        r#"data: {"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1764000000,"model":"m","system_fingerprint":"fp_bench","choices":[{"index":0,"delta":{"content":"@"#,
        concat!(r#" "},"logprobs":null,"finish_reason":null}]}"#, "\n\n"),
    ),
    last: concat!(
        r#"data: {"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1764000000,"model":"m","system_fingerprint":"fp_bench","#,
        r#""choices":[{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}]}"#,
        "\n\n",
        r#"data: {"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1764000000,"model":"m","system_fingerprint":"fp_bench","#,
        r#""choices":[],"usage":{"prompt_tokens":92,"completion_tokens":160,"total_tokens":252}}"#,
        "\n\ndata: [DONE]\n\n"
    ),
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_has_the_promised_size_and_counts() {
        let answer: Value = serde_json::from_str(&answer_body()).unwrap();
        assert_eq!(answer["usage"]["total_tokens"], 252);
        assert_eq!(answer_body().len(), ANSWER_BYTES);
    }
}
