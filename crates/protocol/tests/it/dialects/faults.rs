//! A fault after every event of every stream, towards every caller: a whole answer or an error, never a quiet end.

use roundelay_protocol::{
    chat::{Answer, Body, Dialect, Problem, ProblemKind, ToolCallKind},
    translate::{StreamEncoder, Translation},
};
use serde_json::{Value, json};

use super::{
    clients::{Client, Seen},
    decode, fold, hostile, recordings,
};

fn broken_off() -> Problem<'static> {
    Problem { kind: ProblemKind::Server, message: "the upstream broke off".into(), code: None, param: None }
}

/// What of an answer a caller acts on: its text, and its calls with their arguments.
#[derive(Debug, PartialEq)]
pub(super) struct Acts {
    pub(super) text: String,
    pub(super) calls: Vec<(String, Value)>,
}

/// The official client's view of it, in the words of its dialect.
pub(super) fn acts_of_client(dialect: Dialect, answer: &Value) -> Acts {
    let parts = match dialect {
        Dialect::OpenaiChat => {
            let message = &answer["choices"][0]["message"];
            let text = message["content"].as_str().unwrap_or("").to_owned();
            let calls = list(&message["tool_calls"]).iter().map(|call| match &call["custom"] {
                Value::Null => named(&call["function"], "arguments"),
                custom => named(custom, "input"),
            });
            return Acts { text, calls: calls.collect() };
        }
        Dialect::OpenaiResponses => list(&answer["output"]),
        Dialect::Anthropic => list(&answer["content"]),
        Dialect::Gemini => list(&answer["candidates"][0]["content"]["parts"]),
        Dialect::Bedrock => list(&answer["output"]["message"]["content"]),
    };
    let mut acts = Acts { text: String::new(), calls: Vec::new() };
    for part in parts {
        let texts =
            if dialect == Dialect::OpenaiResponses { list(&part["content"]) } else { std::slice::from_ref(part) };
        let is_thought = part["thought"] == true || part["type"] == "reasoning";
        for text in texts.iter().filter(|_| !is_thought) {
            acts.text.push_str(text["text"].as_str().unwrap_or(""));
        }
        match part["type"].as_str() {
            Some("function_call") => acts.calls.push(named(part, "arguments")),
            Some("custom_tool_call") => acts.calls.push(named(part, "input")),
            Some("tool_use") => acts.calls.push(named(part, "input")),
            _ if part["functionCall"].is_object() => acts.calls.push(named(&part["functionCall"], "args")),
            _ if part["toolUse"].is_object() => acts.calls.push(named(&part["toolUse"], "input")),
            _ => {}
        }
    }
    acts
}

fn named(call: &Value, input: &str) -> (String, Value) {
    let input = match &call[input] {
        Value::String(text) => serde_json::from_str(text).unwrap_or_else(|_| json!(text)),
        value => value.clone(),
    };
    (call["name"].as_str().unwrap().to_owned(), input)
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// The same of what the upstream said.
fn acts_of(answer: &Answer<'_>, caller: Dialect) -> Acts {
    let mut acts = Acts { text: String::new(), calls: Vec::new() };
    for part in answer.choices.first().map_or(&[][..], |choice| &choice.parts) {
        match &part.body {
            Body::Text { text, .. } => acts.text.push_str(&text.decode()),
            Body::ToolCall(call) => {
                let text = call.arguments.as_text().decode().into_owned();
                let is_wrapped = !matches!(caller, Dialect::OpenaiChat | Dialect::OpenaiResponses);
                let input = match call.kind {
                    ToolCallKind::Custom if is_wrapped => json!({ "input": text }),
                    _ if text.trim().is_empty() => json!({}),
                    _ => serde_json::from_str(&text).unwrap_or(Value::String(text)),
                };
                acts.calls.push((call.name.decode().into_owned(), input));
            }
            _ => {}
        }
    }
    acts
}

/// Faults after so many events of a long stream, spread evenly.
const FAULTS: usize = 160;

#[track_caller]
fn check(name: &str, dialect: Dialect, events: &[Vec<u8>]) {
    let stream = events.concat();
    let (all, whole) = decode(dialect, [&stream[..]]);
    let step = (events.len() / FAULTS).max(1);
    for caller in Dialect::ALL {
        let mut translation = Translation::new(dialect, StreamEncoder::new(caller, "m", true));
        let mut client = Client::new(caller);
        let mut faults = 0;
        for (count, event) in events.iter().enumerate() {
            let place = format!("{name} as {} after {count} events", caller.name());
            if !translation.is_whole() && count % step == 0 {
                assert_eq!(client.clone().finish(), Seen::Quiet, "{place}: a whole answer out of a part of one");
                let (mut encoder, mut client, mut out) = (translation.encoder.clone(), client.clone(), Vec::new());
                encoder.fail(&broken_off(), &mut out);
                client.take(&out);
                assert_eq!(client.finish(), Seen::Raised("the upstream broke off".to_owned()), "{place}");
                let before = out.len();
                encoder.fail(&broken_off(), &mut out);
                assert_eq!(out.len(), before, "{place}: it fails twice");
                faults += 1;
            }
            let mut out = Vec::new();
            let pushed = translation.push(event.clone().into(), &mut out, &mut |_| {});
            assert!(pushed.is_ok() || whole.is_err(), "{place}: {pushed:?}");
            client.take(&out);
        }
        assert!(faults > 0 || events.len() < 2, "{name}");
        let mut out = Vec::new();
        let ended = translation.finish(&mut out, &mut |_| {});
        assert_eq!(ended, whole, "{name} as {}", caller.name());
        if ended.is_err() {
            translation.encoder.fail(&broken_off(), &mut out);
            client.take(&out);
            assert!(matches!(client.finish(), Seen::Raised(_)), "{name} as {}", caller.name());
            continue;
        }
        translation.end(None, &mut out).unwrap();
        let before = out.len();
        translation.encoder.fail(&broken_off(), &mut out);
        assert_eq!(out.len(), before, "{name} as {}: an error after the end", caller.name());
        client.take(&out);
        match (client.finish(), fold(dialect, &all).unwrap()) {
            (Seen::Whole(seen), Ok(answer)) => {
                let (found, mut expected) = (acts_of_client(caller, &seen), acts_of(&answer, caller));
                if caller == Dialect::Gemini {
                    // What is no object is an empty one there, and a refusal is text.
                    expected
                        .calls
                        .iter_mut()
                        .filter(|(_, input)| !input.is_object())
                        .for_each(|(_, input)| *input = json!({}));
                }
                let has_refusal = answer.choices[0].parts.iter().any(|part| matches!(part.body, Body::Refusal(_)));
                assert_eq!(found.calls, expected.calls, "{name} as {}", caller.name());
                assert!(found.text == expected.text || has_refusal, "{name} as {}: {found:?}", caller.name());
            }
            (Seen::Raised(_), Err(_)) => {}
            (seen, answer) => panic!("{name} as {}: {seen:?} of {answer:?}", caller.name()),
        }
    }
}

#[test]
fn a_fault_after_any_event_of_a_recorded_stream_is_raised_by_every_client() {
    for (name, dialect, events) in recordings::streams() {
        check(&name, dialect, &events);
    }
}

fn sse(events: &[&str]) -> Vec<Vec<u8>> {
    events.iter().map(|data| format!("data: {data}\n\n").into_bytes()).collect()
}

#[test]
fn calls_that_interleave_stay_apart_under_every_fault() {
    const CHAT: &[&str] = &[
        r#"{"id":"c","choices":[{"index":0,"delta":{"role":"assistant","content":"I look."}}]}"#,
        r#"{"id":"c","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"a","type":"function","function":{"name":"f","arguments":""}}]}}]}"#,
        r#"{"id":"c","choices":[{"index":0,"delta":{"tool_calls":[{"index":1,"id":"b","type":"function","function":{"name":"g","arguments":"{\"y\""}}]}}]}"#,
        r#"{"id":"c","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"x\":\"}"}}]}}]}"#,
        r#"{"id":"c","choices":[{"index":0,"delta":{"tool_calls":[{"index":2,"id":"d","type":"function","function":{"name":"f","arguments":"{}"}}]}}]}"#,
        r#"{"id":"c","choices":[{"index":0,"delta":{"tool_calls":[{"index":1,"function":{"arguments":":2}"}},{"index":0,"function":{"arguments":"\"}"}}]}}]}"#,
        r#"{"id":"c","choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}"#,
        r#"{"id":"c","choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2}}"#,
        "[DONE]",
    ];
    const ANTHROPIC: &[&str] = &[
        r#"{"type":"message_start","message":{"id":"m","usage":{"input_tokens":1}}}"#,
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"a","name":"f","input":{}}}"#,
        r#"{"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"b","name":"g","input":{}}}"#,
        r#"{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"{\"y\":"}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{\"x\":"}}"#,
        r#"{"type":"ping"}"#,
        r#"{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"2}"}}"#,
        r#"{"type":"content_block_stop","index":1}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"1}"}}"#,
        r#"{"type":"content_block_stop","index":0}"#,
        r#"{"type":"message_delta","delta":{"stop_reason":"tool_use"},"usage":{"output_tokens":9}}"#,
        r#"{"type":"message_stop"}"#,
    ];
    const RESPONSES: &[&str] = &[
        r#"{"type":"response.created","response":{"id":"r","status":"in_progress","output":[]}}"#,
        r#"{"type":"response.output_item.added","output_index":0,"item":{"type":"function_call","id":"fc_0","call_id":"a","name":"f","arguments":""}}"#,
        r#"{"type":"response.output_item.added","output_index":1,"item":{"type":"function_call","id":"fc_1","call_id":"b","name":"g","arguments":""}}"#,
        r#"{"type":"response.function_call_arguments.delta","item_id":"fc_1","output_index":1,"delta":"{\"y\":"}"#,
        r#"{"type":"response.function_call_arguments.delta","item_id":"fc_0","output_index":0,"delta":"{\"x\":1}"}"#,
        r#"{"type":"response.function_call_arguments.delta","item_id":"fc_1","output_index":1,"delta":"2}"}"#,
        r#"{"type":"response.output_item.done","output_index":1,"item":{"type":"function_call","id":"fc_1","call_id":"b","name":"g","arguments":"{\"y\":2}"}}"#,
        r#"{"type":"response.output_item.done","output_index":0,"item":{"type":"function_call","id":"fc_0","call_id":"a","name":"f","arguments":"{\"x\":1}"}}"#,
        r#"{"type":"response.completed","response":{"id":"r","status":"completed","output":[{"type":"function_call","id":"fc_0","call_id":"a","name":"f","arguments":"{\"x\":1}"},{"type":"function_call","id":"fc_1","call_id":"b","name":"g","arguments":"{\"y\":2}"}],"usage":{"input_tokens":1,"output_tokens":2}}}"#,
    ];
    check("chat", Dialect::OpenaiChat, &sse(CHAT));
    check("anthropic", Dialect::Anthropic, &sse(ANTHROPIC));
    check("responses", Dialect::OpenaiResponses, &sse(RESPONSES));
}

#[test]
fn an_error_of_the_upstream_is_raised_wherever_it_comes() {
    let error_of = |dialect: Dialect| {
        match dialect {
        Dialect::OpenaiChat => b"data: {\"error\":{\"message\":\"too busy\",\"type\":\"server_error\"}}\n\n".to_vec(),
        Dialect::OpenaiResponses => {
            b"event: error\ndata: {\"type\":\"error\",\"code\":\"server_error\",\"message\":\"too busy\"}\n\n".to_vec()
        }
        Dialect::Anthropic => {
            b"event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"too busy\"}}\n\n"
                .to_vec()
        }
        Dialect::Gemini => {
            b"data: {\"error\":{\"code\":503,\"message\":\"too busy\",\"status\":\"UNAVAILABLE\"}}\n\n".to_vec()
        }
        Dialect::Bedrock => {
            let mut out = Vec::new();
            let payload = br#"{"message":"too busy"}"#;
            roundelay_protocol::bedrock::frame::write(&mut out, "exception", "throttlingException", payload);
            out
        }
    }
    };
    for (name, dialect, events) in recordings::streams() {
        let error = error_of(dialect);
        let step = (events.len() / 4).max(1);
        for count in (0..events.len()).step_by(step) {
            for caller in Dialect::ALL {
                let mut translation = Translation::new(dialect, StreamEncoder::new(caller, "m", true));
                let mut out = Vec::new();
                let before = events[..count].concat();
                translation.push(before.into(), &mut out, &mut |_| {}).unwrap();
                if translation.is_whole() {
                    break;
                }
                translation.push(error.clone().into(), &mut out, &mut |_| {}).unwrap();
                translation.finish(&mut out, &mut |_| {}).unwrap_or_else(|fault| {
                    panic!("{name} as {} after {count} events: {fault}", caller.name());
                });
                assert!(!translation.is_whole());
                let seen = Client::read(caller, &out);
                let place = format!("{name} as {} after {count} events", caller.name());
                assert_eq!(seen, Seen::Raised("too busy".to_owned()), "{place}");
            }
        }
    }
}

#[test]
fn a_spoiled_stream_is_whole_or_an_error_to_every_client() {
    for (name, dialect, events) in recordings::streams() {
        let stream = events[..events.len().min(30)].concat();
        for seed in 0..12 {
            let spoiled = hostile::spoiled(&stream, seed);
            for caller in Dialect::ALL {
                let mut translation = Translation::new(dialect, StreamEncoder::new(caller, "m", true));
                let mut out = Vec::new();
                let pushed = translation.push(spoiled.clone().into(), &mut out, &mut |_| {});
                let read = pushed.and_then(|()| translation.finish(&mut out, &mut |_| {}));
                let ended = read.and_then(|()| translation.end(None, &mut out));
                if ended.is_err() {
                    translation.encoder.fail(&broken_off(), &mut out);
                }
                let seen = Client::read(caller, &out);
                assert_ne!(
                    seen,
                    Seen::Quiet,
                    "{name} as {}, seed {seed}: {}",
                    caller.name(),
                    String::from_utf8_lossy(&out)
                );
            }
        }
    }
}

#[test]
fn what_a_client_collected_comes_back_as_the_model_said_it() {
    use roundelay_protocol::{
        chat::{Arguments, Choice, Event, Issuer, Part, Signature, Stop, ToolCall},
        translate,
    };
    let mark = || Signature { text: "c2ln".into(), issuer: Some(Issuer(7)) };
    let call = |id: &'static str, name: &'static str, arguments: &'static str| {
        let arguments = Arguments::Text(arguments.into());
        let kind = ToolCallKind::Function;
        Part::new(Body::ToolCall(ToolCall { id: id.into(), name: name.into(), arguments, kind, signature: None }))
    };
    let parts = vec![
        Part::new(Body::Thinking { text: "Hm.\nSo.".into(), signature: Some(mark()) }),
        Part::text("I look.".into()),
        call("call_1", "weather", r#"{"city":"Köln"}"#),
        call("call_2", "clock", "{}"),
    ];
    let mut answer = Answer::new(Dialect::Anthropic);
    answer.choices = vec![Choice { parts: parts.clone(), stop: Some(Stop::ToolCalls), ..Choice::default() }];
    let mut events: Vec<Event<'static>> = Vec::new();
    answer.events(&mut |event| events.push(event.into_owned()));
    for caller in Dialect::ALL {
        let Seen::Whole(seen) = Client::read(caller, &super::encode(caller, &events)) else { panic!("it is whole") };
        let request = match caller {
            Dialect::OpenaiChat => json!({"model": "m", "messages": [seen["choices"][0]["message"]]}),
            Dialect::OpenaiResponses => json!({"model": "m", "input": seen["output"]}),
            Dialect::Anthropic => {
                let turn = json!({"role": "assistant", "content": seen["content"]});
                json!({"model": "m", "max_tokens": 9, "messages": [turn]})
            }
            Dialect::Gemini => json!({"contents": [seen["candidates"][0]["content"]]}),
            Dialect::Bedrock => json!({"messages": [seen["output"]["message"]]}),
        };
        let request = request.to_string();
        let read = translate::decode_request(caller, request.as_bytes()).unwrap();
        let said: Vec<_> = read.turns.iter().flat_map(|turn| &turn.parts).map(|part| &part.body).collect();
        let expected: Vec<_> = parts.iter().map(|part| &part.body).collect();
        assert_eq!(said, expected, "{}", caller.name());
    }
}
