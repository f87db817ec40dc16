//! Requests as clients write them.

use roundelay_protocol::{
    chat::{Body, Dialect, Losses, Role, Target},
    openai_chat,
    translate::{self, Manner},
};
use serde_json::{Value, json};

use super::{able, read, written};

/// The body that a request in `from` becomes in `to`.
#[track_caller]
fn check(from: Dialect, request: &Value, to: Dialect, expected: &Value) {
    let body = request.to_string();
    let (out, _) = written(&read(from, body.as_bytes()), to);
    let found: Value = serde_json::from_slice(&out).unwrap();
    assert_eq!(&found, expected, "\n{found:#}");
}

#[test]
fn a_chat_request_becomes_messages() {
    check(
        Dialect::OpenaiChat,
        &json!({
            "model": "m", "max_tokens": 50, "stream": true, "user": "u", "parallel_tool_calls": false,
            "messages": [
                {"role": "system", "content": "S"},
                {"role": "user", "content": [{"type": "text", "text": "look"}, {"type": "image_url", "image_url": {"url": "https://x/y.png"}}]},
                {"role": "assistant", "content": null, "tool_calls": [{"id": "a:1", "type": "function", "function": {"name": "f", "arguments": "{\"x\":1}"}}]},
                {"role": "tool", "tool_call_id": "a:1", "content": "done"},
                {"role": "user", "content": "and?"},
            ],
            "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}],
        }),
        Dialect::Anthropic,
        &json!({
            "model": "m", "max_tokens": 50, "stream": true, "system": "S", "metadata": {"user_id": "u"},
            "messages": [
                {"role": "user", "content": [{"type": "text", "text": "look"}, {"type": "image", "source": {"type": "url", "url": "https://x/y.png"}}]},
                {"role": "assistant", "content": [{"type": "tool_use", "id": "a_1", "name": "f", "input": {"x": 1}}]},
                {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a_1", "content": "done"}, {"type": "text", "text": "and?"}]},
            ],
            "tools": [{"name": "f", "input_schema": {"type": "object"}}],
            "tool_choice": {"type": "auto", "disable_parallel_tool_use": true},
        }),
    );
}

#[test]
fn messages_become_a_chat_request() {
    check(
        Dialect::Anthropic,
        &json!({
            "model": "m", "max_tokens": 50, "stop_sequences": ["X"],
            "system": [{"type": "text", "text": "S", "cache_control": {"type": "ephemeral"}}],
            "thinking": {"type": "adaptive"}, "output_config": {"effort": "max"},
            "messages": [
                {"role": "user", "content": "hi"},
                {"role": "assistant", "content": [{"type": "thinking", "thinking": "t", "signature": "s"}, {"type": "text", "text": "a"}, {"type": "tool_use", "id": "t1", "name": "f", "input": {}}]},
                {"role": "user", "content": [
                    {"type": "text", "text": "see"},
                    {"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "text", "text": "r"}, {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA=="}}]},
                ]},
            ],
            "tool_choice": {"type": "tool", "name": "f"},
            "tools": [{"name": "f", "description": "d", "input_schema": {"type": "object"}}],
        }),
        Dialect::OpenaiChat,
        &json!({
            "model": "m", "max_completion_tokens": 50, "stop": ["X"], "reasoning_effort": "max",
            "messages": [
                {"role": "developer", "content": [{"type": "text", "text": "S", "prompt_cache_breakpoint": {"mode": "explicit"}}]},
                {"role": "user", "content": "hi"},
                {"role": "assistant", "content": "a", "tool_calls": [{"id": "t1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
                {"role": "tool", "tool_call_id": "t1", "content": "r"},
                {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}, {"type": "text", "text": "see"}]},
            ],
            "tool_choice": {"type": "function", "function": {"name": "f"}},
            "tools": [{"type": "function", "function": {"name": "f", "description": "d", "parameters": {"type": "object"}}}],
        }),
    );
}

#[test]
fn what_is_unknown_comes_back_in_its_own_dialect() {
    let chat = json!({
        "model": "m", "messages": [{"role": "user", "content": [{"type": "text", "text": "a", "x": [1]}, {"type": "new", "y": 2}], "name": "Ann", "z": null}],
        "brand_new": {"a": 1.50}, "tools": [{"type": "new_tool", "q": {}}], "tool_choice": {"type": "new_choice"},
        "response_format": {"type": "new_format"},
    });
    check(Dialect::OpenaiChat, &chat, Dialect::OpenaiChat, &chat);
    let messages = json!({
        "model": "m", "max_tokens": 1, "brand_new": {"a": 1.50}, "thinking": {"type": "between_tools"},
        "output_config": {"new": 1},
        "messages": [{"role": "user", "content": [{"type": "text", "text": "a", "x": [1]}, {"type": "new", "y": 2}], "z": null}],
        "tools": [{"type": "new_tool", "q": {}}, {"name": "f", "input_schema": {}, "defer_loading": true}], "tool_choice": {"type": "new_choice"},
    });
    check(Dialect::Anthropic, &messages, Dialect::Anthropic, &messages);
}

#[test]
fn a_request_is_read_the_same_after_it_was_written() {
    for (dialect, body) in [
        (
            Dialect::OpenaiChat,
            json!({"model": "m", "messages": [
                {"role": "developer", "content": "D"}, {"role": "user", "content": "a"}, {"role": "user", "content": "b"},
                {"role": "assistant", "content": "c", "refusal": "no", "reasoning_content": "r"}, {"role": "system", "content": "mid"},
                {"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}}, {"type": "file", "file": {"file_id": "f"}}]}],
                "tools": [{"type": "custom", "custom": {"name": "patch", "format": {"type": "grammar"}}}],
                "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {}, "strict": true}},
                "logprobs": true, "seed": 7, "n": 2, "verbosity": "low", "store": false, "metadata": {"k": "v"},
                "prompt_cache_key": "k", "service_tier": "flex", "top_logprobs": 3}),
        ),
        (
            Dialect::Anthropic,
            json!({"model": "m", "max_tokens": 9000, "thinking": {"type": "enabled", "budget_tokens": 2000, "display": "omitted"}, "top_k": 3,
                "cache_control": {"type": "ephemeral", "ttl": "1h"}, "service_tier": "standard_only", "metadata": {"user_id": "u"},
                "messages": [{"role": "user", "content": [{"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "d"}, "title": "T", "citations": {"enabled": true}}]},
                    {"role": "assistant", "content": [{"type": "redacted_thinking", "data": "x"}, {"type": "text", "text": "a", "citations": [{"type": "char_location", "cited_text": "d"}]}]},
                    {"role": "system", "content": "mid"}, {"role": "user", "content": "b"}]}),
        ),
    ] {
        let body = body.to_string();
        let mut first = read(dialect, body.as_bytes());
        // Earlier thoughts do not go back to OpenAI.
        for turn in &mut first.turns {
            turn.parts.retain(|part| dialect == Dialect::Anthropic || !matches!(part.body, Body::Thinking { .. }));
        }
        let (again, losses) = written(&first, dialect);
        assert!(losses.is_empty(), "{losses:?}");
        assert_eq!(read(dialect, &again), first, "{}", String::from_utf8_lossy(&again));
    }
}

#[test]
fn a_broken_request_says_where() {
    #[track_caller]
    fn fault(dialect: Dialect, body: &str, expected: &str) {
        let fault = translate::decode_request(dialect, body.as_bytes()).unwrap_err().to_string();
        assert_eq!(fault, expected, "{body}");
    }
    for dialect in Dialect::ALL {
        fault(dialect, "[]", "`body` must be an object");
        fault(dialect, r#"{"model":7}"#, "`model` must be a string");
    }
    for dialect in [Dialect::OpenaiChat, Dialect::Anthropic] {
        fault(dialect, r#"{"messages":{}}"#, "`messages` must be a list");
        fault(dialect, r#"{"messages":[{"role":"user"},7]}"#, "`messages.1` must be an object");
        fault(dialect, r#"{"tools":[1]}"#, "`tools.0` must be an object");
    }
    fault(
        Dialect::OpenaiChat,
        r#"{"messages":[{"role":"user","content":[7]}]}"#,
        "`messages.0.content.0` must be an object",
    );
    fault(
        Dialect::OpenaiChat,
        r#"{"messages":[{"role":"narrator","content":"x"}]}"#,
        "`messages.0.role` must be `system`, `developer`, `user`, `assistant` or `tool`",
    );
    fault(Dialect::Anthropic, r#"{"messages":["#, "the body is not valid JSON: the text ends too early at byte 13");
}

#[test]
fn a_model_gets_only_what_it_takes() {
    let body = json!({
        "model": "m", "temperature": 0.5, "tool_choice": "required", "reasoning_effort": "high",
        "messages": [{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "image_url", "image_url": {"url": "https://x/y"}}]}, {"role": "assistant", "content": "b"}],
        "tools": [{"type": "function", "function": {"name": "f"}}],
    })
    .to_string();
    let request = read(Dialect::OpenaiChat, body.as_bytes());
    for dialect in Dialect::ALL {
        let mut target = Target::default();
        (target.capabilities.sampling, target.capabilities.vision, target.capabilities.forced_tools) =
            (false, false, false);
        target.capabilities.thinking = false;
        let mut losses = Losses::default();
        let out = translate::encode_request(&request, &target, &Manner::of(dialect), &mut losses);
        let out = String::from_utf8(out).unwrap();
        for word in ["temperature", "https://x/y", "required", "\"any\"", "effort", "thinking"] {
            assert!(!out.contains(word), "{word} to {}: {out}", dialect.name());
        }
        for path in ["temperature", "turns.0.parts.1", "tool_choice", "reasoning"] {
            assert!(losses.names(path), "{path} to {}: {losses:?}", dialect.name());
        }
    }
}

#[test]
fn servers_get_their_own_words() {
    use roundelay_protocol::failure::Flavour;
    let body = json!({"model": "m", "max_tokens": 7, "seed": 1, "stream": true, "messages": [{"role": "system", "content": "S"}, {"role": "user", "content": "a"}]});
    let body = body.to_string();
    let request = read(Dialect::OpenaiChat, body.as_bytes());
    let out = |flavour| {
        let mut losses = Losses::default();
        let quirks = openai_chat::Quirks::of(flavour);
        let body = openai_chat::encode_request(&request, &able(), &quirks, &mut losses);
        (serde_json::from_slice::<Value>(&body).unwrap(), losses)
    };
    let (openai, losses) = out(Flavour::OpenAi);
    assert_eq!((&openai["max_completion_tokens"], &openai["messages"][0]["role"]), (&json!(7), &json!("developer")));
    assert_eq!(openai["stream_options"]["include_usage"], true);
    assert!(losses.is_empty());
    let (deepseek, losses) = out(Flavour::DeepSeek);
    assert_eq!((&deepseek["max_tokens"], &deepseek["messages"][0]["role"]), (&json!(7), &json!("system")));
    assert!(losses.names("seed") && deepseek.get("seed").is_none());
}

#[test]
fn a_system_turn_in_between_stays_where_it_is() {
    let body = json!({"model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": "a"}, {"role": "system", "content": "now brief"}, {"role": "user", "content": "b"}]});
    let body = body.to_string();
    for to in [Dialect::OpenaiChat, Dialect::Anthropic] {
        let (out, _) = written(&read(Dialect::Anthropic, body.as_bytes()), to);
        let roles: Vec<_> = read(to, &out).turns.iter().map(|turn| turn.role).collect();
        assert_eq!(roles, [Role::User, Role::System, Role::User], "{}", to.name());
    }
}

#[test]
fn a_codex_request_becomes_messages() {
    check(
        Dialect::OpenaiResponses,
        &json!({
            "model": "m", "instructions": "I", "stream": true, "store": false, "include": ["reasoning.encrypted_content"],
            "input": [
                {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "D"}]},
                {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]},
                {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "rl1-0000000000000007-s"},
                {"type": "function_call", "id": "fc_1", "call_id": "c", "name": "shell", "arguments": "{\"command\":[\"ls\"]}"},
                {"type": "function_call_output", "call_id": "c", "output": "a.txt"},
                {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "one file", "annotations": []}]},
                {"role": "user", "content": "thanks"},
            ],
            "tools": [{"type": "function", "name": "shell", "strict": false, "parameters": {"type": "object"}}, {"type": "web_search"}],
            "tool_choice": "auto", "parallel_tool_calls": false, "prompt_cache_key": "k", "max_output_tokens": 70,
        }),
        Dialect::Anthropic,
        &json!({
            "model": "m", "max_tokens": 70, "stream": true,
            "system": [{"type": "text", "text": "I"}, {"type": "text", "text": "D"}],
            "messages": [
                {"role": "user", "content": "hi"},
                {"role": "assistant", "content": [{"type": "tool_use", "id": "c", "name": "shell", "input": {"command": ["ls"]}}]},
                {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c", "content": "a.txt"}]},
                {"role": "assistant", "content": "one file"},
                {"role": "user", "content": "thanks"},
            ],
            "tools": [{"name": "shell", "input_schema": {"type": "object"}, "strict": false}],
            "tool_choice": {"type": "auto", "disable_parallel_tool_use": true},
        }),
    );
}

#[test]
fn messages_become_gemini_contents() {
    check(
        Dialect::Anthropic,
        &json!({
            "model": "m", "max_tokens": 50, "system": "S", "thinking": {"type": "enabled", "budget_tokens": 2000},
            "messages": [
                {"role": "user", "content": "hi"},
                {"role": "assistant", "content": [{"type": "tool_use", "id": "t1", "name": "f", "input": {"x": 1}}, {"type": "tool_use", "id": "t2", "name": "g", "input": {}}]},
                {"role": "user", "content": [
                    {"type": "tool_result", "tool_use_id": "t1", "content": "sun"},
                    {"type": "tool_result", "tool_use_id": "t2", "content": "no", "is_error": true},
                ]},
            ],
            "tools": [{"name": "f", "input_schema": {"type": "object"}}, {"name": "g", "input_schema": {"type": "object"}}],
            "tool_choice": {"type": "tool", "name": "f"},
        }),
        Dialect::Gemini,
        &json!({
            "systemInstruction": {"parts": [{"text": "S"}]},
            "contents": [
                {"role": "user", "parts": [{"text": "hi"}]},
                {"role": "model", "parts": [
                    {"functionCall": {"id": "t1", "name": "f", "args": {"x": 1}}, "thoughtSignature": "skip_thought_signature_validator"},
                    {"functionCall": {"id": "t2", "name": "g", "args": {}}},
                ]},
                {"role": "user", "parts": [
                    {"functionResponse": {"id": "t1", "name": "f", "response": {"output": "sun"}}},
                    {"functionResponse": {"id": "t2", "name": "g", "response": {"error": "no"}}},
                ]},
            ],
            "tools": [{"functionDeclarations": [{"name": "f", "parametersJsonSchema": {"type": "object"}}, {"name": "g", "parametersJsonSchema": {"type": "object"}}]}],
            "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f"]}},
            "generationConfig": {"maxOutputTokens": 50, "thinkingConfig": {"thinkingBudget": 2000, "includeThoughts": true}},
        }),
    );
}

#[test]
fn gemini_contents_become_a_chat_request() {
    check(
        Dialect::Gemini,
        &json!({
            "system_instruction": {"parts": [{"text": "S"}]},
            "contents": [
                {"role": "user", "parts": [{"text": "hi"}, {"inline_data": {"mime_type": "image/png", "data": "AA=="}}]},
                {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {"x": 1}}, "thoughtSignature": "s"}, {"functionCall": {"name": "f", "args": {"x": 2}}}]},
                {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {"a": 1}}}, {"functionResponse": {"name": "f", "response": {"output": "two"}}}]},
            ],
            "tools": [{"functionDeclarations": [{"name": "f", "parameters": {"type": "OBJECT", "properties": {"x": {"type": "NUMBER"}}}}]}],
            "generationConfig": {"responseMimeType": "application/json", "responseSchema": {"type": "OBJECT"}, "stopSequences": ["X"]},
        }),
        Dialect::OpenaiChat,
        &json!({
            "model": "",
            "messages": [
                {"role": "developer", "content": "S"},
                {"role": "user", "content": [{"type": "text", "text": "hi"}, {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}]},
                {"role": "assistant", "content": null, "tool_calls": [
                    {"id": "gemini-f-0", "type": "function", "function": {"name": "f", "arguments": "{\"x\":1}"}},
                    {"id": "gemini-f-1", "type": "function", "function": {"name": "f", "arguments": "{\"x\":2}"}},
                ]},
                {"role": "tool", "tool_call_id": "gemini-f-0", "content": "{\"a\":1}"},
                {"role": "tool", "tool_call_id": "gemini-f-1", "content": "two"},
            ],
            "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {"x": {"type": "number"}}}}}],
            "response_format": {"type": "json_schema", "json_schema": {"name": "answer", "schema": {"type": "object"}}},
            "stop": ["X"],
        }),
    );
}

#[test]
fn a_chat_request_becomes_a_conversation_with_bedrock() {
    check(
        Dialect::OpenaiChat,
        &json!({
            "model": "m", "max_tokens": 50, "temperature": 0.5, "reasoning_effort": "low",
            "messages": [
                {"role": "system", "content": "S"}, {"role": "assistant", "content": "a"},
                {"role": "user", "content": "b"}, {"role": "system", "content": "mid"}, {"role": "user", "content": ""},
                {"role": "assistant", "content": null, "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "no json"}}]},
                {"role": "tool", "tool_call_id": "c", "content": "r"},
            ],
            "tools": [{"type": "function", "function": {"name": "f"}}], "tool_choice": "required",
        }),
        Dialect::Bedrock,
        &json!({
            "system": [{"text": "S"}],
            "messages": [
                {"role": "user", "content": [{"text": "."}]},
                {"role": "assistant", "content": [{"text": "a"}]},
                {"role": "user", "content": [{"text": "b"}, {"text": "mid"}]},
                {"role": "assistant", "content": [{"toolUse": {"toolUseId": "c", "name": "f", "input": {}}}]},
                {"role": "user", "content": [{"toolResult": {"toolUseId": "c", "content": [{"text": "r"}]}}]},
            ],
            "inferenceConfig": {"maxTokens": 50, "temperature": 0.5},
            "toolConfig": {"tools": [{"toolSpec": {"name": "f", "inputSchema": {"json": {"type": "object", "properties": {}}}}}], "toolChoice": {"any": {}}},
            "additionalModelRequestFields": {"thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}},
        }),
    );
}

#[test]
fn a_streamed_answer_that_comes_back_in_pieces_is_one_text() {
    let model = |parts: Value| json!({"role": "model", "parts": parts});
    check(
        Dialect::Gemini,
        &json!({
            "contents": [
                {"role": "user", "parts": [{"text": "a"}, {"text": " "}, {"text": "b"}]},
                model(json!([{"text": "I"}, {"text": " "}, {"text": "go\u{1f600}\n"}])),
                model(json!([{"text": " on"}, {"functionCall": {"name": "f", "args": {}}}])),
                {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {"output": "x"}}}]},
            ],
            "generationConfig": {"maxOutputTokens": 50},
        }),
        Dialect::OpenaiChat,
        &json!({
            "model": "", "max_completion_tokens": 50,
            "messages": [
                {"role": "user", "content": [
                    {"type": "text", "text": "a"}, {"type": "text", "text": " "}, {"type": "text", "text": "b"}]},
                {"role": "assistant", "content": "I go\u{1f600}\n on", "tool_calls": [
                    {"id": "gemini-f-0", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
                {"role": "tool", "tool_call_id": "gemini-f-0", "content": "x"},
            ],
        }),
    );
}
