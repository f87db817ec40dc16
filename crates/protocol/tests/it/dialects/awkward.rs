//! What careless servers send that no recording has: read as it is meant.

use roundelay_protocol::{
    chat::{Body, Dialect, Event, Stop},
    usage::Usage,
};

use super::{clients, decode, encode, fold};

/// What came of a stream, in brief: `text|thinking|name(arguments)…|stop`.
#[track_caller]
fn check(dialect: Dialect, events: &[&str], expected: &str) {
    let plain: String = events.iter().map(|data| format!("data: {data}\n\n")).collect();
    assert_eq!(brief(dialect, plain.as_bytes()), expected);
    // As servers on other systems write it: a mark at the beginning, other line ends, names, comments, stray fields.
    let dressed: String =
        events.iter().map(|data| format!(": hi\r\nid: 7\r\nevent\r\nretry: 5\r\ndata:{data}\r\n\r\n")).collect();
    let dressed = format!("\u{feff}{dressed}event: x\r\n\r\n");
    assert_eq!(brief(dialect, dressed.as_bytes()), expected, "dressed");
}

#[track_caller]
fn brief(dialect: Dialect, stream: &[u8]) -> String {
    let (events, end) = decode(dialect, [stream]);
    assert_eq!(end, Ok(()), "{events:?}");
    for caller in Dialect::ALL {
        let out = encode(caller, &events);
        assert_ne!(clients::Client::read(caller, &out), clients::Seen::Quiet, "{}", caller.name());
    }
    let answer = match fold(dialect, &events).unwrap() {
        Ok(answer) => answer,
        Err(problem) => return format!("error {}", problem.message),
    };
    let (mut text, mut thinking, mut calls) = (String::new(), String::new(), String::new());
    for part in &answer.choices[0].parts {
        match &part.body {
            Body::Text { text: said, .. } | Body::Refusal(said) => text.push_str(&said.decode()),
            Body::Thinking { text: said, .. } => thinking.push_str(&said.decode()),
            Body::ToolCall(call) => calls += &format!("{}({})", call.name, call.arguments.as_json()),
            _ => {}
        }
    }
    let usage = answer.usage.map_or(String::new(), |Usage { input, output, .. }| format!("|{input}+{output}"));
    let stop = match answer.choices[0].stop.as_ref().unwrap() {
        Stop::Other(word) => word.decode().into_owned(),
        stop => format!("{stop:?}"),
    };
    format!("{text}|{thinking}|{calls}|{stop}{usage}")
}

#[test]
fn chunks_of_careless_chat_servers() {
    let chat = |events: &[&str], expected: &str| check(Dialect::OpenaiChat, events, expected);
    // Null members, an empty first chunk, a choice without an index, usage inside the choice.
    chat(
        &[
            r#"{"id":"","choices":[],"usage":null}"#,
            r#"{"id":"c","object":null,"model":null,"choices":[{"delta":{"role":"assistant","content":null,"tool_calls":null,"refusal":null,"reasoning_content":null,"annotations":null},"finish_reason":null,"logprobs":null}],"error":null,"usage":null}"#,
            r#"{"id":"c","choices":[{"index":null,"delta":{"content":"a"},"finish_reason":""}]}"#,
            r#"{"id":"c","choices":[{"index":0,"delta":null,"finish_reason":"stop","usage":{"prompt_tokens":3,"completion_tokens":4}}]}"#,
            "[DONE]",
        ],
        "a|||Finished|3+4",
    );
    // Usage on every chunk, cumulative; the last counts. Numbers beyond all reason do not.
    chat(
        &[
            r#"{"id":"c","created":1e400,"choices":[{"index":0,"delta":{"content":"a"}}],"usage":{"prompt_tokens":3,"completion_tokens":1}}"#,
            r#"{"id":"c","choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":2}}"#,
            r#"{"id":"c","choices":[],"usage":{"prompt_tokens":99999999999999999999999,"completion_tokens":-1}}"#,
        ],
        "a|||Finished|3+2",
    );
    // Members of other vendors, an unknown reason, a name and id repeated.
    chat(
        &[
            r#"{"id":"c","choices":[{"index":0,"delta":{"content":"","new":{"deep":[[1]]},"tool_calls":[{"index":0,"id":"i","type":"function","function":{"name":"f","arguments":""}}]}}],"new":true}"#,
            r#"{"id":"c","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"i","type":"function","function":{"name":"f","arguments":"{}"}}]}}]}"#,
            r#"{"id":"c","choices":[{"index":0,"delta":{"content":""},"finish_reason":"something_new"}]}"#,
        ],
        "||f({})|something_new",
    );
    chat(
        &[r#"{"id":"c","choices":[{"index":0,"delta":{"content":"a"}}]}"#, r#"{"error":{"message":"no"}}"#],
        "error no",
    );
    // Nothing of the other answers is told behind the error of one.
    chat(
        &[
            r#"{"id":"c","choices":[{"index":0,"delta":{"content":"a"},"error":{"message":"no"}},{"index":1,"delta":{"content":"b"}}],"usage":{"prompt_tokens":1}}"#,
        ],
        "error no",
    );
}

#[test]
fn events_of_careless_messages_servers() {
    let anthropic = |events: &[&str], expected: &str| check(Dialect::Anthropic, events, expected);
    anthropic(
        &[
            r#"{"type":"ping"}"#,
            r#"{"type":"message_start","message":{"id":"m","content":[],"usage":null,"stop_reason":null}}"#,
            r#"{"type":"brand_new","index":4}"#,
            r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":"","citations":null}}"#,
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":""}}"#,
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"brand_new_delta","x":1}}"#,
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"a"}}"#,
            r#"{"type":"content_block_stop","index":0}"#,
            r#"{"type":"content_block_start","index":7,"content_block":{"type":"brand_new_block","x":{}}}"#,
            r#"{"type":"content_block_stop","index":7}"#,
            r#"{"type":"content_block_start","index":8,"content_block":{"type":"tool_use","id":"t","name":"f","input":{"x":1}}}"#,
            r#"{"type":"content_block_stop","index":8}"#,
            r#"{"type":"message_delta","delta":{"stop_reason":null},"usage":{"output_tokens":1}}"#,
            r#"{"type":"message_delta","delta":{"stop_reason":"tool_use","stop_sequence":null},"usage":{"input_tokens":2,"output_tokens":3}}"#,
            r#"{"type":"ping"}"#,
            r#"{"type":"message_stop","new":1}"#,
        ],
        r#"a||f({"x":1})|ToolCalls|2+3"#,
    );
    anthropic(&[r#"{"type":"error","error":{"type":"overloaded_error","message":"no"}}"#], "error no");
    anthropic(&[r#"{"type":"error","error":null}"#], "error ");
    // The beginning said again counts once, with the later counts.
    anthropic(
        &[
            r#"{"type":"message_start","message":{"id":"m","content":[],"usage":{"input_tokens":3,"output_tokens":1}}}"#,
            r#"{"type":"message_start","message":{"id":"m","content":[],"usage":{"input_tokens":5,"output_tokens":1}}}"#,
            r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#,
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"a"}}"#,
            r#"{"type":"content_block_stop","index":0}"#,
            r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":7}}"#,
            r#"{"type":"message_stop"}"#,
        ],
        "a|||Finished|5+7",
    );
    // All that there is may stand in the beginning.
    anthropic(
        &[
            r#"{"type":"message_start","message":{"id":"m","content":[{"type":"code_execution_tool_result","tool_use_id":"s","content":{}},{"type":"text","text":"a"},{"type":"tool_use","id":"t","name":"f","input":{"b":1}}],"stop_reason":"tool_use","usage":{"input_tokens":3,"output_tokens":7}}}"#,
            r#"{"type":"message_stop"}"#,
        ],
        r#"a||f({"b":1})|ToolCalls|3+7"#,
    );
    // A reason that stands there does not count where another comes.
    anthropic(
        &[
            r#"{"type":"message_start","message":{"id":"m","content":[],"stop_reason":"end_turn","usage":{"input_tokens":3,"output_tokens":1}}}"#,
            r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":"b"}}"#,
            r#"{"type":"content_block_stop","index":0}"#,
            r#"{"type":"message_delta","delta":{"stop_reason":"max_tokens"},"usage":{"output_tokens":7}}"#,
            r#"{"type":"message_stop"}"#,
        ],
        "b|||Length|3+7",
    );
    // Or its first blocks, and more come.
    anthropic(
        &[
            r#"{"type":"message_start","message":{"id":"m","content":[{"type":"text","text":"a"}],"stop_reason":null,"usage":{"input_tokens":3,"output_tokens":1}}}"#,
            r#"{"type":"content_block_start","index":1,"content_block":{"type":"text","text":"b"}}"#,
            r#"{"type":"content_block_stop","index":1}"#,
            r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":7}}"#,
            r#"{"type":"message_stop"}"#,
        ],
        "ab|||Finished|3+7",
    );
}

#[test]
fn events_of_careless_responses_servers() {
    let responses = |events: &[&str], expected: &str| check(Dialect::OpenaiResponses, events, expected);
    // Items told when they are done and not before.
    responses(
        &[
            r#"{"type":"response.created","response":{"id":"r"}}"#,
            r#"{"type":"response.output_item.done","output_index":0,"item":{"type":"reasoning","summary":[{"type":"summary_text","text":"hm"}],"encrypted_content":null}}"#,
            r#"{"type":"response.output_item.done","output_index":1,"item":{"type":"message","content":[{"type":"output_text","text":"a","annotations":[]},{"type":"refusal","refusal":"b"}]}}"#,
            r#"{"type":"response.output_item.done","output_index":2,"item":{"type":"function_call","call_id":"c","name":"f","arguments":"{}"}}"#,
            r#"{"type":"response.completed","response":{"id":"r","status":"completed","output":[],"usage":{"input_tokens":1,"output_tokens":2}}}"#,
        ],
        "ab|hm|f({})|ToolCalls|1+2",
    );
    // All of it at the end, by a server that does not stream.
    responses(
        &[
            r#"{"type":"response.created","response":{"id":"r"}}"#,
            r#"{"type":"response.completed","response":{"id":"r","output":[{"type":"message","role":"assistant","content":[{"type":"output_text","text":"a"}]}]}}"#,
        ],
        "a|||Finished",
    );
    // Deltas without the frames around them, and a whole that repeats them.
    responses(
        &[
            r#"{"type":"response.output_text.delta","output_index":0,"content_index":0,"delta":"a"}"#,
            r#"{"type":"response.output_text.done","output_index":0,"content_index":0,"text":"a"}"#,
            r#"{"type":"response.output_item.done","output_index":0,"item":{"type":"message","role":"assistant","content":[{"type":"output_text","text":"a"}]}}"#,
            r#"{"type":"response.brand_new","x":1}"#,
            r#"{"type":"response.incomplete","response":{"status":"incomplete","incomplete_details":{"reason":"brand_new"},"output":[{"type":"message","role":"assistant","content":[{"type":"output_text","text":"a"}]}]}}"#,
        ],
        "a|||brand_new",
    );
    responses(
        &[r#"{"type":"response.failed","response":{"error":{"code":"server_error","message":"no"}}}"#],
        "error no",
    );
    responses(&[r#"{"type":"error","code":null,"message":"no","param":null}"#], "error no");
}

#[test]
fn events_of_careless_gemini_servers() {
    let gemini = |events: &[&str], expected: &str| check(Dialect::Gemini, events, expected);
    gemini(
        &[
            r#"{"usageMetadata":{"trafficType":"ON_DEMAND"}}"#,
            r#"{"candidates":[{"content":{},"index":0,"safetyRatings":null}]}"#,
            r#"{"candidates":[{"content":{"role":"model","parts":[{"text":""},{"text":"hm","thought":true},{"text":"a","thought":false},{"brandNew":{}}]},"finishReason":null}]}"#,
            r#"{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":null}}]}}]}"#,
            r#"{"candidates":[{"content":{"parts":null},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":2,"candidatesTokenCount":3}}"#,
            r#"{"candidates":[],"usageMetadata":{"promptTokenCount":2,"candidatesTokenCount":4,"thoughtsTokenCount":1}}"#,
        ],
        "a|hm|f({})|ToolCalls|2+5",
    );
    gemini(&[r#"{"promptFeedback":{"blockReason":"SAFETY"},"usageMetadata":{"promptTokenCount":2}}"#], "|||Filter|2+0");
    gemini(&[r#"{"error":{"code":429,"message":"no","status":"RESOURCE_EXHAUSTED"}}"#], "error no");
    gemini(
        &[
            r#"{"candidates":[{"index":0,"finishReason":"MALFORMED_FUNCTION_CALL"},{"index":1,"content":{"parts":[{"text":"b"}]}}]}"#,
        ],
        "error the model broke off: MALFORMED_FUNCTION_CALL",
    );
}

#[test]
fn frames_of_careless_converse_servers() {
    let mut stream = Vec::new();
    for (kind, payload) in [
        ("messageStart", r#"{"role":"assistant","p":"abcd"}"#),
        ("brandNew", r#"{"x":1}"#),
        ("contentBlockDelta", r#"{"contentBlockIndex":0,"delta":{"text":"a","brandNew":null}}"#),
        ("contentBlockDelta", r#"{"contentBlockIndex":0,"delta":{}}"#),
        ("contentBlockStop", r#"{"contentBlockIndex":0}"#),
        ("contentBlockStop", r#"{"contentBlockIndex":0}"#),
        ("contentBlockStart", r#"{"contentBlockIndex":2,"start":{"toolUse":{"toolUseId":"t","name":"f"}}}"#),
        ("contentBlockStop", r#"{"contentBlockIndex":2}"#),
        ("metadata", r#"{"usage":{"inputTokens":1,"outputTokens":2,"totalTokens":3},"metrics":{"latencyMs":1}}"#),
        ("messageStop", r#"{"stopReason":"brand_new","additionalModelResponseFields":null}"#),
    ] {
        roundelay_protocol::bedrock::frame::write(&mut stream, "event", kind, payload.as_bytes());
    }
    assert_eq!(brief(Dialect::Bedrock, &stream), "a||f({})|brand_new|1+2");
    let (events, _) = decode(Dialect::Bedrock, [&stream[..]]);
    assert_eq!(events.last(), Some(&Event::End));
}
