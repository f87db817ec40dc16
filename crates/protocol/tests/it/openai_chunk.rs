//! What one chunk, and one whole answer, say.

use roundelay_protocol::{
    estimate::Output,
    openai::{Content, Finish, answer::Answer, chunk::Chunk},
};

#[track_caller]
fn content(delta: &str, expected: Content) {
    let chunk = format!(r#"{{"choices":[{{"index":0,"delta":{delta},"finish_reason":null}}]}}"#);
    assert_eq!(Chunk::scan(chunk.as_bytes()).unwrap().content, expected, "{delta}");
    let answer = format!(r#"{{"choices":[{{"message":{delta},"finish_reason":"stop"}}]}}"#);
    assert_eq!(Answer::scan(answer.as_bytes()).unwrap().content, expected, "{delta}");
}

#[track_caller]
fn is_error(json: &str, expected: bool) {
    assert_eq!(Chunk::scan(json.as_bytes()).unwrap().is_error, expected, "{json}");
    assert_eq!(Answer::scan(json.as_bytes()).unwrap().is_error, expected, "{json}");
}

#[track_caller]
fn finish(reason: &str, expected: Option<Finish>) {
    let chunk = format!(r#"{{"choices":[{{"delta":{{}},"finish_reason":{reason}}}]}}"#);
    let seen = Chunk::scan(chunk.as_bytes()).unwrap();
    assert_eq!(seen.finish, expected, "{reason}");
    assert_eq!(seen.finished, u128::from(expected.is_some()), "{reason}");
}

#[test]
fn content_is_what_a_caller_would_see() {
    content(r#"{"role":"assistant","content":"","refusal":null}"#, Content::None);
    content(r#"{"content":null,"tool_calls":null,"reasoning":""}"#, Content::None);
    content(r#"{"tool_calls":[]}"#, Content::None);
    content(r#"{"content":" "}"#, Content::Text);
    content(r#"{"cont\u0065nt":"a"}"#, Content::Text);
    content(r#"{"reasoning_content":"hm"}"#, Content::Reasoning);
    content(r#"{"reasoning":"hm","content":""}"#, Content::Reasoning);
    content(r#"{"reasoning_details":[{"type":"reasoning.text"}]}"#, Content::Reasoning);
    content(r#"{"reasoning":"hm","content":"a"}"#, Content::Text);
    content(r#"{"refusal":"no"}"#, Content::Refusal);
    content(r#"{"tool_calls":[{"index":0,"function":{"arguments":""}}]}"#, Content::ToolCall);
    content(r#"{"function_call":{"name":"f"}}"#, Content::ToolCall);
    content(r#"{"audio":{"data":"AA"}}"#, Content::Audio);
    content(r#"{"images":[{"image_url":{"url":"data:"}}]}"#, Content::Image);
    content(r#"{"content":[{"type":"thinking","thinking":[{"type":"text","text":"hm"}]}]}"#, Content::Reasoning);
    content(r#"{"content":[{"type":"text","text":"a"}]}"#, Content::Text);
    content(r#"{"content":[{"type":"text","text":""}]}"#, Content::None);
    content(r#"{"new_field":{"content":"a"}}"#, Content::None);
    let legacy = Chunk::scan(br#"{"object":"text_completion","choices":[{"text":"ab","index":0}]}"#).unwrap();
    assert_eq!((legacy.content, legacy.output.text_bytes), (Content::Text, 2));
}

#[test]
fn what_a_model_wrote_is_counted_and_what_stands_around_it_is_not() {
    #[track_caller]
    fn check(delta: &str, text_bytes: u64, audio_bytes: u64, images: u64) {
        let chunk = format!(r#"{{"choices":[{{"index":0,"delta":{delta}}}]}}"#);
        let output = Output { text_bytes, audio_bytes, images };
        assert_eq!(Chunk::scan(chunk.as_bytes()).unwrap().output, output, "{delta}");
        let answer = format!(r#"{{"choices":[{{"message":{delta}}}]}}"#);
        assert_eq!(Answer::scan(answer.as_bytes()).unwrap().output, output, "{delta}");
    }
    check(r#"{"content":"Hi","refusal":"no"}"#, 4, 0, 0);
    check(r#"{"tool_calls":[{"index":0,"function":{"arguments":"{\""}}]}"#, 3, 0, 0);
    check(
        r#"{"tool_calls":[{"index":0,"id":"call_1","type":"function","function":{"name":"now","arguments":""}}]}"#,
        3,
        0,
        0,
    );
    check(r#"{"tool_calls":[{"id":"c","function":{"name":"f","arguments":{"a":1}}}]}"#, 1 + 7, 0, 0);
    check(r#"{"tool_calls":[{"type":"custom","custom":{"name":"f","input":"abc"}}]}"#, 4, 0, 0);
    check(r#"{"function_call":{"name":"f","arguments":"{}"}}"#, 3, 0, 0);
    check(r#"{"audio":{"id":"a","data":"AAAA","transcript":"hey","expires_at":1}}"#, 3, 4, 0);
    check(r#"{"images":[{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}},{}]}"#, 0, 0, 2);
    let details = r#""reasoning_details":[{"type":"reasoning.text","text":"hmm","signature":"c2lnbmVk"}]"#;
    check(&format!(r#"{{"reasoning":"hmm",{details}}}"#), 3, 0, 0);
    check(&format!(r#"{{{details},"reasoning":"hmm, well"}}"#), 9, 0, 0);
    check(r#"{"reasoning_content":"ab","reasoning":"ab","content":"c"}"#, 3, 0, 0);
    check(
        r#"{"content":[{"type":"thinking","thinking":[{"type":"text","text":"hm"}]},{"type":"text","text":"a"}]}"#,
        3,
        0,
        0,
    );
    // What nobody writes counts as it stands.
    check(r#"{"tool_calls":[[[[[["deep"]]]]]]}"#, 10, 0, 0);
}

#[test]
fn an_error_is_seen_in_every_dialect() {
    is_error(r#"{"error":{"message":"x"}}"#, true);
    is_error(r#"{"error":"server busy"}"#, true);
    is_error(r#"{"choices":[{"delta":{"content":""},"finish_reason":"error"}],"error":{"code":502}}"#, true);
    is_error(r#"{"choices":[{"finish_reason":"error"}]}"#, true);
    is_error(r#"{"choices":[{"error":{"code":502},"message":{"content":""}}]}"#, true);
    is_error(r#"{"choices":[{"delta":{},"finish_reason":"insufficient_system_resource"}]}"#, true);
    is_error(r#"{"object":"error","message":"x","type":"y","code":"3000"}"#, true);
    is_error(r#"{"code":"InternalError","message":"x","request_id":"r"}"#, true);
    is_error(r#"{"choices":[{"delta":{"content":"a"}}],"error":null}"#, false);
    is_error(r#"{"choices":[],"error":{ }}"#, false);
    is_error(r#"{"choices":[],"error":false}"#, false);
    is_error(r#"{"choices":[],"message":"hello","code":"x"}"#, false);
    is_error(r#"{"object":"chat.completion.chunk"}"#, false);
}

#[test]
fn a_typed_end_is_a_reason_that_says_something() {
    finish("null", None);
    finish("\"\"", None);
    finish("\"stop\"", Some(Finish::Stop));
    finish("\"length\"", Some(Finish::Length));
    finish("\"tool_calls\"", Some(Finish::ToolCalls));
    finish("\"content_filter\"", Some(Finish::ContentFilter));
    finish("\"sensitive\"", Some(Finish::ContentFilter));
    finish("\"something_new\"", Some(Finish::Other));
    let third = Chunk::scan(br#"{"choices":[{"index":2,"delta":{},"finish_reason":"stop"}]}"#).unwrap();
    assert_eq!(third.finished, 0b100);
    let wild = br#"{"choices":[{"index":99999999999999999999,"finish_reason":"stop"},{"index":-1,"delta":{}}]}"#;
    assert_eq!(Chunk::scan(wild).unwrap().finished, 1);
}

#[test]
fn lifecycle_and_usage_chunks_are_told_apart() {
    let scan = |json: &str| Chunk::scan(json.as_bytes()).unwrap();
    assert!(scan(r#"{"choices":[{"delta":{"role":"assistant","content":""},"finish_reason":null}]}"#).role_only);
    assert!(!scan(r#"{"choices":[{"delta":{"role":"assistant","content":"a"}}]}"#).role_only);
    assert!(!scan(r#"{"choices":[{"delta":{"role":"assistant"},"finish_reason":"stop"}]}"#).role_only);
    assert!(scan(r#"{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4}}"#).usage_only);
    assert!(!scan(r#"{"choices":[],"usage":null}"#).usage_only);
    assert!(!scan(r#"{"choices":[],"prompt_filter_results":[{"prompt_index":0}]}"#).usage_only);
    let groq = scan(
        r#"{"choices":[{"delta":{},"finish_reason":"stop"}],"x_groq":{"id":"r","usage":{"prompt_tokens":3,"completion_tokens":4}}}"#,
    );
    assert_eq!(groq.usage.map(|usage| (usage.input, usage.output)), Some((3, 4)));
    assert!(!groq.usage_only);
}

#[test]
fn what_is_not_json_is_malformed() {
    for json in
        ["", "[DONE]", "{", "null", "[1]", r#"{"choices":[{"delta":{"content":"a"}]}"#, "{\"a\":\"\u{1}\"}", "{} {}"]
    {
        assert!(Chunk::scan(json.as_bytes()).is_err(), "{json}");
    }
    assert!(Chunk::scan(b"{\"a\":\"\xff\"}").is_err());
}

#[test]
fn an_answer_may_follow_blank_lines_and_be_empty() {
    let answer =
        Answer::scan(b"\n\n\r\n{\"choices\":[{\"message\":{\"content\":\"a\"},\"finish_reason\":\"stop\"}]}").unwrap();
    assert!(answer.has_content() && !answer.is_empty());
    assert_eq!(answer.choices, 1);
    assert!(Answer::scan(br#"{"choices":[]}"#).unwrap().is_empty());
    assert!(Answer::scan(br#"{"choices":[{"message":{"content":""},"finish_reason":null}]}"#).unwrap().is_empty());
    assert!(!Answer::scan(br#"{"choices":[{"message":{"content":""},"finish_reason":"stop"}]}"#).unwrap().is_empty());
}
