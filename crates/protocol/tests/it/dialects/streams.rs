//! What no stream may do: mix the arguments of its calls, end quietly, or grow without bound.

use roundelay_protocol::chat::{Body, Dialect, Event, Problem, ProblemKind, StreamFault};

use super::{decode, encode, fold};

/// Chat chunks whose deltas are given, with a start and the reason to stop.
fn chat(deltas: &[&str], reason: &str) -> String {
    let chunk = |choices: String| format!("data: {{\"id\":\"c\",\"choices\":[{choices}]}}\n\n");
    let mut stream: String = deltas.iter().map(|delta| chunk(format!(r#"{{"index":0,"delta":{delta}}}"#))).collect();
    stream.push_str(&chunk(format!(r#"{{"index":0,"delta":{{}},"finish_reason":"{reason}"}}"#)));
    stream + "data: [DONE]\n\n"
}

fn calls_of(dialect: Dialect, stream: &[u8]) -> Vec<(String, String)> {
    let (events, end) = decode(dialect, [stream]);
    assert_eq!(end, Ok(()), "{}", String::from_utf8_lossy(stream));
    let answer = fold(dialect, &events).unwrap().unwrap();
    let calls = answer.choices[0].parts.iter().filter_map(|part| match &part.body {
        Body::ToolCall(call) => Some((call.name.decode().into_owned(), call.arguments.as_json().into_owned())),
        _ => None,
    });
    calls.collect()
}

/// The calls that a chat stream of these deltas makes, and makes again in every dialect.
#[track_caller]
fn check(deltas: &[&str], expected: &[(&str, &str)]) {
    let stream = chat(deltas, "tool_calls");
    let expected: Vec<_> = expected.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    assert_eq!(calls_of(Dialect::OpenaiChat, stream.as_bytes()), expected);
    let (events, _) = decode(Dialect::OpenaiChat, [stream.as_bytes()]);
    for caller in Dialect::ALL {
        assert_eq!(calls_of(caller, &encode(caller, &events)), expected, "as {}", caller.name());
    }
}

#[test]
fn a_message_that_comes_whole_in_its_first_event_is_whole() {
    // Calls out of running code come so, as Anthropic sends them.
    const MESSAGE: &str = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"content\":[\
        {\"type\":\"text\",\"text\":\"so\"},\
        {\"type\":\"tool_use\",\"id\":\"a\",\"name\":\"f\",\"input\":{\"x\":1}},\
        {\"type\":\"tool_use\",\"id\":\"b\",\"name\":\"g\",\"input\":{}}],\"stop_reason\":\"tool_use\"}}\n\n";
    const END: &str = "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";
    let whole = [MESSAGE, END].concat();
    let expected = [("f".to_owned(), r#"{"x":1}"#.to_owned()), ("g".to_owned(), "{}".to_owned())];
    assert_eq!(calls_of(Dialect::Anthropic, whole.as_bytes()), expected);
    let (events, _) = decode(Dialect::Anthropic, [whole.as_bytes()]);
    for caller in Dialect::ALL {
        assert_eq!(calls_of(caller, &encode(caller, &events)), expected, "as {}", caller.name());
    }
    assert_eq!(decode(Dialect::Anthropic, [MESSAGE.as_bytes()]).1, Err(StreamFault::Cut));
}

#[test]
fn arguments_of_parallel_calls_never_mix() {
    const A: &str = r#"{"tool_calls":[{"index":0,"id":"a","type":"function","function":{"name":"f","arguments":""}}]}"#;
    const B: &str = r#"{"tool_calls":[{"index":1,"id":"b","type":"function","function":{"name":"g","arguments":""}}]}"#;
    const A1: &str = r#"{"tool_calls":[{"index":0,"function":{"arguments":"{\"x\":"}}]}"#;
    const A2: &str = r#"{"tool_calls":[{"index":0,"function":{"arguments":"\"}\"}"}}]}"#;
    const B1: &str = r#"{"tool_calls":[{"index":1,"function":{"arguments":"{\"y\":"}}]}"#;
    const B2: &str = r#"{"tool_calls":[{"index":1,"function":{"arguments":"2}"}}]}"#;
    let both = [("f", r#"{"x":"}"}"#), ("g", r#"{"y":2}"#)];
    check(&[A, A1, A2, B, B1, B2], &both);
    check(&[A, B, A1, B1, A2, B2], &both);
    check(&[A, B, B1, B2, A1, A2], &both);
    check(&[r#"{"content":"so"}"#, A, A1, B, B1, A2, B2, r#"{"content":"!"}"#], &both);
    // Two in one delta.
    check(
        &[
            r#"{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{}"}},{"index":1,"id":"b","function":{"name":"g","arguments":"{}"}}]}"#,
        ],
        &[("f", "{}"), ("g", "{}")],
    );
}

#[test]
fn calls_are_told_apart_as_careless_servers_write_them() {
    // No index, as Mistral; index 0 for all, as some gateways; ids repeated or empty, as DashScope.
    check(
        &[
            r#"{"tool_calls":[{"id":"a","function":{"name":"f","arguments":"{\"x\":1}"}},{"id":"b","function":{"name":"f","arguments":"{\"x\":2}"}}]}"#,
        ],
        &[("f", r#"{"x":1}"#), ("f", r#"{"x":2}"#)],
    );
    check(
        &[
            r#"{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{\"x\":1}"}}]}"#,
            r#"{"tool_calls":[{"index":0,"id":"b","function":{"name":"g","arguments":"{\"x\":2}"}}]}"#,
        ],
        &[("f", r#"{"x":1}"#), ("g", r#"{"x":2}"#)],
    );
    check(
        &[
            r#"{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{\"x\""}}]}"#,
            r#"{"tool_calls":[{"index":0,"id":"","function":{"name":"","arguments":":1}"}}]}"#,
            r#"{"tool_calls":[{"index":0,"id":"a","function":{"arguments":""}}]}"#,
        ],
        &[("f", r#"{"x":1}"#)],
    );
    check(
        &[r#"{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":{"x":1}}}]}"#],
        &[("f", r#"{"x":1}"#)],
    );
    check(
        &[r#"{"function_call":{"name":"f","arguments":""}}"#, r#"{"function_call":{"arguments":"{}"}}"#],
        &[("f", "{}")],
    );
    check(&[r#"{"tool_calls":[{"index":0,"id":"a","function":{"name":"f"}}]}"#], &[("f", "{}")]);
}

#[test]
fn arguments_after_their_call_had_ended_are_a_fault() {
    let stream = chat(
        &[
            r#"{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{}"}}]}"#,
            r#"{"content":"x"}"#,
            r#"{"tool_calls":[{"index":0,"function":{"arguments":"{}"}}]}"#,
        ],
        "tool_calls",
    );
    let (_, end) = decode(Dialect::OpenaiChat, [stream.as_bytes()]);
    assert!(matches!(end, Err(StreamFault::Order(_))), "{end:?}");
}

#[test]
fn content_of_another_kind_than_its_part_is_a_fault() {
    let sse = |events: &[&str]| events.iter().map(|data| format!("data: {data}\n\n")).collect::<String>();
    let anthropic = |block: &str, delta: &str| {
        sse(&[
            r#"{"type":"message_start","message":{}}"#,
            &format!(r#"{{"type":"content_block_start","index":0,"content_block":{block}}}"#),
            &format!(r#"{{"type":"content_block_delta","index":0,"delta":{delta}}}"#),
        ])
    };
    let responses = |first: &str, second: &str| sse(&[r#"{"type":"response.created","response":{}}"#, first, second]);
    for (dialect, stream) in [
        (
            Dialect::Anthropic,
            anthropic(r#"{"type":"redacted_thinking","data":"x"}"#, r#"{"type":"text_delta","text":"a"}"#),
        ),
        (Dialect::Anthropic, anthropic(r#"{"type":"text"}"#, r#"{"type":"input_json_delta","partial_json":"{}"}"#)),
        (
            Dialect::OpenaiResponses,
            responses(
                r#"{"type":"response.reasoning_summary_text.delta","output_index":0,"delta":"a"}"#,
                r#"{"type":"response.output_item.done","output_index":0,"item":{"type":"function_call","call_id":"c","name":"f","arguments":"{}"}}"#,
            ),
        ),
        (
            Dialect::OpenaiResponses,
            responses(
                r#"{"type":"response.output_item.added","output_index":0,"item":{"type":"function_call","call_id":"c","name":"f"}}"#,
                r#"{"type":"response.reasoning_text.delta","output_index":0,"delta":"a"}"#,
            ),
        ),
        (
            Dialect::OpenaiResponses,
            responses(
                r#"{"type":"response.output_text.delta","output_index":0,"content_index":0,"delta":"a"}"#,
                r#"{"type":"response.refusal.delta","output_index":0,"content_index":0,"delta":"a"}"#,
            ),
        ),
    ] {
        let (_, end) = decode(dialect, [stream.as_bytes()]);
        assert!(matches!(end, Err(StreamFault::Order(_))), "{stream} {end:?}");
    }
}

#[test]
fn half_a_surrogate_pair_meets_its_other_half() {
    let stream = chat(&[r#"{"content":"\ud83e"}"#, r#"{"content":"\udd80"}"#], "stop");
    for caller in Dialect::ALL {
        let (events, _) = decode(Dialect::OpenaiChat, [stream.as_bytes()]);
        let (events, end) = decode(caller, [&encode(caller, &events)[..]]);
        assert_eq!(end, Ok(()));
        let answer = fold(caller, &events).unwrap().unwrap();
        assert_eq!(answer.choices[0].parts[0].as_text().unwrap(), "🦀", "{}", caller.name());
    }
}

#[test]
fn an_error_in_a_stream_is_the_last_thing_a_caller_sees() {
    let problem = Problem { kind: ProblemKind::Overloaded, message: "too busy".into(), code: None, param: None };
    for upstream in Dialect::ALL {
        let (start, _) = decode(Dialect::OpenaiChat, [chat(&[r#"{"content":"a"}"#], "stop").as_bytes()]);
        let mut events: Vec<_> = start.into_iter().take(3).collect();
        events.push(Event::Error(problem.clone()));
        let stream = encode(upstream, &events);
        let (seen, end) = decode(upstream, [&stream[..]]);
        assert_eq!(end, Ok(()), "{}", upstream.name());
        assert_eq!(seen.last(), Some(&Event::Error(problem.clone())), "{}", upstream.name());
        for caller in Dialect::ALL {
            let mut later = seen.clone();
            later.push(Event::End);
            let stream = encode(caller, &later);
            let (seen, _) = decode(caller, [&stream[..]]);
            assert!(matches!(fold(caller, &seen), Some(Err(_))), "{} to {}", upstream.name(), caller.name());
        }
    }
}

#[test]
fn what_has_no_typed_end_is_cut() {
    #[track_caller]
    fn cut(dialect: Dialect, stream: &str) {
        assert_eq!(decode(dialect, [stream.as_bytes()]).1, Err(StreamFault::Cut), "{stream}");
    }
    cut(Dialect::OpenaiChat, "");
    cut(Dialect::OpenaiChat, "data: [DONE]\n\n");
    cut(Dialect::OpenaiChat, "data: {\"id\":\"c\",\"choices\":[]}\n\ndata: [DONE]\n\n");
    cut(
        Dialect::OpenaiChat,
        "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}}]}\n\ndata: [DONE]\n\n",
    );
    cut(Dialect::OpenaiResponses, "");
    cut(Dialect::OpenaiResponses, "data: {\"type\":\"response.created\",\"response\":{}}\n\ndata: [DONE]\n\n");
    cut(Dialect::Gemini, "");
    cut(Dialect::Gemini, "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]}}]}\n\n");
    cut(Dialect::Anthropic, "");
    cut(Dialect::Anthropic, "data: {\"type\":\"message_start\",\"message\":{}}\n\n");
    cut(
        Dialect::Anthropic,
        "data: {\"type\":\"message_start\",\"message\":{}}\n\ndata: {\"type\":\"message_stop\"}\n\n",
    );
}

#[test]
fn bytes_that_are_no_stream_are_a_fault_and_no_panic() {
    for dialect in Dialect::ALL {
        for bytes in
            [&b"data: {\n\n"[..], b"data: [1]\n\n", b"data: \xff\n\n", b"data: 7\n\n", b"data: {\"choices\":7}\n\n"]
        {
            let (events, end) = decode(dialect, [bytes]);
            assert!(end.is_err(), "{}: {}", dialect.name(), String::from_utf8_lossy(bytes));
            assert!(!events.contains(&Event::End));
        }
    }
}

#[test]
fn every_piece_of_a_list_has_what_the_official_clients_put_it_together_by() {
    use roundelay_protocol::chat::{Annotation, Issuer, PartKind, Signature, ToolCallKind};
    let page = || Annotation::Url { url: "https://a".into(), title: None, start: None, end: None, raw: None };
    let tool = PartKind::ToolCall { id: "c".into(), name: "f".into(), kind: ToolCallKind::Function };
    let signature = Signature { text: "s".into(), issuer: Some(Issuer(1)) };
    let events = [
        Event::PartStart { part: 0, choice: 0, kind: PartKind::Text },
        Event::Annotation { part: 0, annotation: page() },
        Event::Annotation { part: 0, annotation: page() },
        Event::PartStart { part: 1, choice: 0, kind: tool },
        Event::Signature { part: 1, signature: signature.clone() },
        Event::PartStart { part: 2, choice: 0, kind: PartKind::Thinking },
        Event::Signature { part: 2, signature },
    ];
    let out = String::from_utf8(encode(Dialect::OpenaiChat, &events)).unwrap();
    let mut seen = 0;
    for data in out.split("\n\n").filter_map(|event| event.strip_prefix("data: ")) {
        let chunk: serde_json::Value = serde_json::from_str(data).unwrap();
        for (name, list) in chunk["choices"][0]["delta"].as_object().unwrap() {
            for item in list.as_array().into_iter().flatten() {
                assert!(item["index"].is_u64(), "{name}: {item}");
                assert!(name != "tool_calls" || item["function"].is_object(), "{item}");
                seen += 1;
            }
        }
    }
    assert_eq!(seen, 5);
}

#[test]
fn what_a_careless_server_says_after_its_reason_to_stop_is_not_lost() {
    const CHAT: &str = "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"},\"finish_reason\":\"stop\"}]}\n\n\
        data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"b\"}}]}\n\ndata: [DONE]\n\n";
    const GEMINI: &str = "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]},\"finishReason\":\"STOP\"}]}\n\n\
        data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"b\"}]}}]}\n\n";
    for (dialect, stream) in [(Dialect::OpenaiChat, CHAT), (Dialect::Gemini, GEMINI)] {
        let (events, end) = decode(dialect, [stream.as_bytes()]);
        assert_eq!(end, Ok(()));
        for caller in Dialect::ALL {
            let (events, end) = decode(caller, [&encode(caller, &events)[..]]);
            assert_eq!(end, Ok(()), "{} to {}", dialect.name(), caller.name());
            let answer = fold(caller, &events).unwrap().unwrap();
            let texts = answer.choices[0].parts.iter().filter_map(|part| part.as_text());
            let text: String = texts.map(|text| text.decode().into_owned()).collect();
            assert_eq!(text, "ab", "{} to {}", dialect.name(), caller.name());
        }
    }
}
