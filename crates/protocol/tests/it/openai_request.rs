//! What a request says about itself, and which requests are refused.

use proptest::prelude::*;
use roundelay_protocol::{
    estimate::Size,
    openai::{Needs, Operation, Request},
};

fn chat(body: &str) -> Request {
    Request::scan(Operation::Chat, body.as_bytes()).unwrap_or_else(|e| panic!("{body}: {e}"))
}

/// A chat request with one user message and these further members.
fn chat_with(members: &str) -> Request {
    chat(&format!(r#"{{"model":"m","messages":[{{"role":"user","content":"hi"}}]{members}}}"#))
}

fn completion(prompt: &str) -> Request {
    Request::scan(Operation::Completions, format!(r#"{{"model":"m","prompt":{prompt}}}"#).as_bytes()).unwrap()
}

#[track_caller]
fn refused(body: &str, param: Option<&str>, code: &str, words: &str) {
    let bad = Request::scan(Operation::Chat, body.as_bytes()).unwrap_err();
    assert_eq!((bad.param.as_deref(), bad.code), (param, code), "{bad}");
    assert!(bad.message.contains(words), "{bad}");
}

#[test]
fn a_request_is_read_without_its_messages() {
    let request = chat(
        r#" { "messages" : [{"role":"system","content":"be brief"},{"role":"user","content":[{"type":"text","text":"héllo"}]}],
            "model" : "assistant", "stream":true, "stream_options":{"include_usage":true}, "max_tokens":50,
            "max_completion_tokens": 70, "n":2, "user":"u1", "safety_identifier":"s1", "prompt_cache_key":"c1",
            "x":{"model":"other","stream":false}, "seed":123456789012345678901234567890, "temperature":1e-7 } "#,
    );
    assert_eq!(request.model, "assistant");
    assert!(request.stream && request.include_usage && request.is_first_turn);
    assert_eq!(request.max_output_tokens, Some(70));
    assert_eq!((request.choices, request.generated, request.messages), (2, 2, 2));
    assert_eq!(request.user.as_deref(), Some("s1"));
    assert_eq!(request.cache_key.as_deref(), Some("c1"));
    assert_eq!(request.needs, Needs::default());
    assert_eq!((request.size.text_bytes, request.size.wide_bytes), (10 + 8, 2));
}

#[test]
fn absent_and_null_members_have_their_defaults() {
    for members in ["", r#","stream":null,"stream_options":null,"n":null,"max_tokens":null,"user":null,"tools":null"#] {
        let request = chat_with(members);
        assert!(!request.stream && !request.include_usage, "{members}");
        assert_eq!((request.choices, request.max_output_tokens, request.user.as_deref()), (1, None, None));
        assert_eq!(request.needs, Needs::default());
    }
}

#[test]
fn keys_are_known_through_escapes_and_only_at_the_top() {
    let request = chat(
        r#"{"messages":[{"role":"user","model":"inner","content":"\"model\":\"x\"","stream":true}],
            "\u006dodel":"p\u00f6ol\/a\ud83e\udd80","stre\u0061m":false,"metadata":{"model":"m2","model":"m3"}}"#,
    );
    assert_eq!(request.model, "pöol/a🦀");
    assert!(!request.stream);
}

#[test]
fn needs_are_what_a_deployment_must_be_able_to_do() {
    #[track_caller]
    fn check(members: &str, expected: Needs) {
        assert_eq!(chat_with(members).needs, expected, "{members}");
    }
    let none = Needs::default();
    check(
        r#","tools":[{"type":"function"}],"parallel_tool_calls":true"#,
        Needs { tools: true, parallel_tools: true, ..none },
    );
    check(r#","tools":[ ],"parallel_tool_calls":false"#, none);
    check(r#","functions":[{"name":"f"}]"#, Needs { tools: true, ..none });
    check(
        r#","response_format":{"json_schema":{"schema":{"type":"x"}},"type":"json_schema"}"#,
        Needs { json_schema: true, ..none },
    );
    check(r#","response_format":{"type":"json_object"}"#, Needs { json_object: true, ..none });
    check(r#","response_format":{"type":"text"}"#, none);
    check(r#","modalities":["text","audio"],"audio":{"voice":"a"}"#, Needs { audio_output: true, ..none });
    check(r#","logprobs":true"#, Needs { logprobs: true, ..none });
    check(r#","logprobs":false,"top_logprobs":0"#, none);
    let reasoning = Needs { reasoning: true, ..none };
    check(r#","reasoning_effort":"low""#, reasoning);
    check(r#","reasoning_effort":"none""#, none);
    check(r#","reasoning":{"effort": "high"}"#, reasoning);
    check(r#","reasoning":{"effort": "none"}"#, none);
    check(r#","reasoning":{}"#, none);
    check(r#","thinking":{"type":"enabled","budget_tokens":100}"#, reasoning);
    check(r#","thinking":{"type":"disabled"}"#, none);
    check(r#","enable_thinking":true"#, reasoning);
    check(r#","enable_thinking":false"#, none);
    check(r#","web_search_options":{}"#, Needs { web_search: true, ..none });

    #[track_caller]
    fn part(part: &str, expected: Needs) {
        let body = format!(r#"{{"model":"m","messages":[{{"content":[{part}],"role":"user"}}]}}"#);
        assert_eq!(chat(&body).needs, expected, "{part}");
    }
    part(r#"{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}}"#, Needs { vision: true, ..none });
    part(r#"{"type":"input_audio","input_audio":{"data":"AA"}}"#, Needs { audio_input: true, ..none });
    part(r#"{"type":"file","file":{"file_data":"AA"}}"#, Needs { files: true, ..none });
    part(r#"{"type":"document_url","document_url":"https://x"}"#, Needs { files: true, ..none });
    part(r#"{"type":"audio_url","audio_url":{"url":"https://x"}}"#, Needs { audio_input: true, ..none });
    part(r#"{"type":"image","source":{"type":"base64","data":"AA"}}"#, none);
    part(r#"{"type":"text","text":"image_url"}"#, none);
    part(r#""bare", 7"#, none);
    let prefill =
        chat(r#"{"model":"m","messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}]}"#);
    assert!(prefill.needs.prefill && !prefill.is_first_turn);
}

#[test]
fn media_do_not_count_as_text() {
    let image = "A".repeat(100_000);
    let request = chat(&format!(
        r#"{{"model":"m","messages":[{{"role":"user","content":[{{"type":"image_url","image_url":{{"url":"data:{image}"}}}},
            {{"type":"input_audio","input_audio":{{"data":"{image}"}}}},{{"type":"file","file":{{"file_data":"{image}"}}}}]}}]}}"#
    ));
    assert_eq!((request.size.text_bytes, request.size.images), (0, 1));
    assert!(request.size.audio_bytes >= 100_000 && request.size.file_bytes >= 100_000);
}

#[test]
fn what_is_only_named_is_counted() {
    #[track_caller]
    fn check(part: &str, expected: Size) {
        let size = chat(&format!(r#"{{"model":"m","messages":[{{"role":"user","content":[{part}]}}]}}"#)).size;
        let bytes = |size: Size| Size { file_bytes: 0, audio_bytes: 0, video_bytes: 0, ..size };
        assert_eq!(bytes(size), expected, "{part}");
    }
    let none = Size::default();
    let (file, audio) = (Size { named_files: 1, ..none }, Size { named_audios: 1, ..none });
    let video = Size { named_videos: 1, ..none };
    check(r#"{"type":"file","file":{"file_id":"file-1"}}"#, file);
    check(r#"{"type":"file","file":{"filename":"a.pdf","file_data":"https://x/a.pdf"}}"#, file);
    check(r#"{"type":"file","file":{"file_data":" HTTPS:x/a.pdf"}}"#, file);
    check(r#"{"type":"file","file":{"file_data":"\u0068ttps\u003a//x/a.pdf"}}"#, file);
    check(r#"{"type":"file","file":{"file_data":"https:\/\/x\/a.pdf"}}"#, file);
    check(r#"{"type":"file","file":{"more":{"url":"x"}}}"#, file);
    check(r#"{"type":"input_file","file_id":"file-1"}"#, file);
    check(r#"{"type":"file_url","file_url":{"url":"https://x"}}"#, file);
    check(r#"{"type":"document_url","document_url":"https://x"}"#, file);
    check(r#"{"type":"document","source":{"type":"url","url":"https://x"}}"#, file);
    check(r#"{"type":"file","file":{"filename":"a.pdf","file_data":"data:application/pdf;base64,AAAA"}}"#, none);
    check(r#"{"type":"file","file":{"file_data":"JVBERi0\/AAAA"}}"#, none);
    check(r#"{"type":"input_audio","input_audio":{"data":"https://x/a.mp3","format":"mp3"}}"#, audio);
    check(r#"{"type":"audio_url","audio_url":{"url":"https://x/a.mp3"}}"#, audio);
    check(r#"{"type":"input_audio","input_audio":{"data":"AA","format":"wav"}}"#, none);
    check(r#"{"type":"video_url","video_url":{"url":"https://x/a.mp4"}}"#, video);
    check(r#"{"type":"video_url","video_url":{"url":"data:video/mp4;base64,AAAA"}}"#, none);
    check(r#"{"type":"video","video":["https://x/1.jpg","https://x/2.jpg"]}"#, Size { frames: 2, ..none });
    let alone = r#"{"model":"m","messages":[{"role":"user","content":{"type":"file","file":{"file_id":"f"}}}]}"#;
    assert_eq!(chat(alone).size.named_files, 1);
    let spoken = chat(
        r#"{"model":"m","messages":[{"role":"assistant","audio":{"id":"audio_1"}},{"role":"assistant","audio":null}]}"#,
    );
    assert_eq!(spoken.size.named_answers, 1);
}

#[test]
fn members_that_are_not_known_are_counted() {
    #[track_caller]
    fn check(members: &str, other_bytes: u64, other_wide_bytes: u64) {
        let size = chat_with(members).size;
        assert_eq!((size.other_bytes, size.other_wide_bytes), (other_bytes, other_wide_bytes), "{members}");
        assert_eq!(size.text_bytes, 4, "{members}");
    }
    check(r#","temperature":0.7,"seed":123456,"store":true,"x":null"#, 0, 0);
    check(r#","metadata":{"a":"b"},"logit_bias":{"50256":-100},"stop":["a","b"]"#, 0, 0);
    check(r#","prediction":{"type":"content","content":"abc"}"#, 34, 0);
    check(r#","documents":["é"],"prompt":"x""#, 6 + 3, 2);
    check(r#","plugins":[{"id":"web"}]"#, 14, 0);
    let suffix = "a".repeat(500_000);
    let body = format!(r#"{{"model":"m","prompt":"a","suffix":"{suffix}"}}"#);
    assert!(Request::scan(Operation::Completions, body.as_bytes()).unwrap().size.text_bytes > 500_000);
}

#[test]
fn members_that_change_the_price_are_noted() {
    #[track_caller]
    fn check(members: &str, expected: Option<&str>) {
        assert_eq!(chat_with(members).surcharge, expected, "{members}");
    }
    check(r#","service_tier":"priority""#, Some("service_tier"));
    check(r#","service_tier":"pri\u006frity""#, Some("service_tier"));
    check(r#","service_tier":7"#, Some("service_tier"));
    for tier in ["\"auto\"", "\"default\"", "\"flex\"", "null"] {
        check(&format!(r#","service_tier":{tier}"#), None);
    }
    for member in ["models", "route", "provider", "plugins", "web_search_options", "search_parameters"] {
        check(&format!(r#","{member}":null"#), None);
        check(&format!(r#","{member}":[ ]"#), None);
        check(&format!(r#","{member}":{{}}"#), Some(member));
        check(&format!(r#","{member}":["x"]"#), Some(member));
        check(&format!(r#","{member}":"x""#), Some(member));
    }
    check(r#","enable_search":true"#, Some("enable_search"));
    check(r#","enable_search":false"#, None);
    check(r#","tools":[{"type":"function","function":{"name":"f"}},{"type":"custom"},{}]"#, None);
    check(r#","tools":[{"type":"function","function":{"parameters":{"type":"object"}}}]"#, None);
    check(r#","tools":[{"type":"function"},{"type":"web_search"}]"#, Some("tools"));
    check(r#","tools":[{"type":"builtin_function","function":{"name":"$web_search"}}]"#, Some("tools"));
    check(r#","tools":[{"type":"function","type":"web_search"}]"#, Some("tools"));
    check(r#","tools":[7,[{"type":"x"}]]"#, None);
    check(r#","tools":null,"x":{"service_tier":"priority"}"#, None);
}

#[test]
fn a_conversations_head_stays_and_others_differ() {
    #[track_caller]
    fn head(messages: &str, seed: u64) -> u64 {
        let body = format!(r#"{{"messages":[{messages}],"model":"m"}}"#);
        chat(&body).head(body.as_bytes(), seed)
    }
    const SYSTEM: &str = r#"{"role":"system","content":"be brief"}"#;
    const FIRST: &str = r#"{"role":"user","content":"hello there, model"}"#;
    let first = head(&format!("{SYSTEM},{FIRST}"), 1);
    let later = format!(
        r#"{SYSTEM}, {FIRST},{{"role":"assistant","content":"hi"}},{{"role":"user","content":"more"}},{SYSTEM}"#
    );
    assert_eq!(head(&later, 1), first);
    assert_ne!(head(&later, 2), first);
    assert_ne!(head(FIRST, 1), first);
    assert_ne!(head(&format!("{FIRST},{SYSTEM}"), 1), first);
    assert_ne!(head(&format!(r#"{SYSTEM},{{"role":"user","content":"hello there, model\u0000"}}"#), 1), first);
    assert_ne!(head(&format!(r#"{{"role":"developer","content":"be brief!"}},{FIRST}"#), 1), first);
}

#[test]
fn a_turn_is_first_until_someone_answered() {
    #[track_caller]
    fn check(role: &str, first: bool) {
        let body = format!(
            r#"{{"model":"m","messages":[{{"role":"user","content":"a"}},{{"content":"b","role":"{role}"}}]}}"#
        );
        assert_eq!(chat(&body).is_first_turn, first, "{role}");
    }
    check("user", true);
    check("system", true);
    check("assistant", false);
    check("tool", false);
    check("function", false);
    check("new_role", true);
}

#[test]
fn legacy_prompts_come_in_four_shapes() {
    #[track_caller]
    fn check(prompt: &str, choices: u32, tokens: u64, text_bytes: u64) {
        let request = completion(prompt);
        assert_eq!(
            (request.choices, request.size.tokens, request.size.text_bytes),
            (choices, tokens, text_bytes),
            "{prompt}"
        );
    }
    check(r#""abc""#, 1, 0, 5);
    check(r#"["a","b","c"]"#, 3, 0, 9);
    check("[1,2,3,4]", 1, 4, 0);
    check("[[1,2],[3]]", 2, 3, 0);
    check("[]", 1, 0, 0);
    check("null", 1, 0, 0);
    let request =
        Request::scan(Operation::Completions, br#"{"model":"m","prompt":["a","b"],"n":2,"best_of":5}"#).unwrap();
    assert_eq!((request.choices, request.generated), (4, 10));
    assert!(Request::scan(Operation::Completions, br#"{"model":"m","prompt":[{}]}"#).is_err());
    assert!(Request::scan(Operation::Completions, br#"{"model":"m"}"#).is_ok());
}

#[test]
fn a_bad_request_is_told_where_and_what_to_write() {
    const OK: &str = r#""messages":[{"role":"user","content":"a"}]"#;
    refused("", None, "invalid_json", "line 1, column 1");
    refused("{\n  \"model\": \"m\",\n  oops\n}", None, "invalid_json", "line 3, column 3");
    refused("[]", None, "invalid_type", "JSON object");
    refused("{}", Some("model"), "missing_required_parameter", "\"model\": \"NAME\"");
    refused(r#"{"model":"m"}"#, Some("messages"), "missing_required_parameter", "messages");
    refused(&format!(r#"{{"model":"",{OK}}}"#), Some("model"), "invalid_value", "empty");
    refused(&format!(r#"{{"model":7,{OK}}}"#), Some("model"), "invalid_type", "a string (byte 9)");
    refused(&format!(r#"{{"model":"a",{OK},"\u006dodel":"b"}}"#), Some("model"), "duplicate_parameter", "twice");
    refused(
        &format!(r#"{{"model":"a","stream":true,{OK},"stream":false}}"#),
        Some("stream"),
        "duplicate_parameter",
        "twice",
    );
    refused(&format!(r#"{{"model":"a",{OK},{OK}}}"#), Some("messages"), "duplicate_parameter", "twice");
    refused(&format!(r#"{{"model":"a","n":1,{OK},"n":99}}"#), Some("n"), "duplicate_parameter", "twice");
    refused(&format!(r#"{{"model":"a",{OK},"stream":"true"}}"#), Some("stream"), "invalid_type", "`true` or `false`");
    refused(&format!(r#"{{"model":"a",{OK},"n":0}}"#), Some("n"), "invalid_type", "1 to 128");
    refused(&format!(r#"{{"model":"a",{OK},"n":1e3}}"#), Some("n"), "invalid_type", "1 to 128");
    refused(
        &format!(r#"{{"model":"a",{OK},"stream_options":"yes"}}"#),
        Some("stream_options"),
        "invalid_type",
        "an object",
    );
    refused(
        &format!(r#"{{"model":"a",{OK},"stream_options":{{"include_usage":true,"include_usage":false}}}}"#),
        Some("stream_options.include_usage"),
        "duplicate_parameter",
        "twice",
    );
    refused(r#"{"model":"m","messages":{}}"#, Some("messages"), "invalid_type", "a list");
    refused(r#"{"model":"m","messages":[]}"#, Some("messages"), "invalid_value", "empty");
    refused(r#"{"model":"m","messages":[{"role":"user"},"hi"]}"#, Some("messages"), "invalid_type", "element 1");
    refused(&format!(r#"{{"model":"a",{OK}}} x"#), None, "invalid_json", "after the value");
    refused(&format!(r#"{{"x":{},"model":"a"}}"#, "[".repeat(100_000)), None, "invalid_json", "512 levels");
}

#[test]
fn a_body_that_is_not_utf8_is_refused() {
    let bad = Request::scan(Operation::Chat, b"{\"model\":\"\xff\"}").unwrap_err();
    assert_eq!((bad.code, bad.message.contains("UTF-8")), ("invalid_json", true));
}

#[test]
fn a_stream_carries_a_bounded_number_of_choices() {
    let prompts = vec!["\"a\""; 65].join(",");
    let body = |stream| format!(r#"{{"model":"m","prompt":[{prompts}],"n":2,"stream":{stream}}}"#);
    assert!(Request::scan(Operation::Completions, body("true").as_bytes()).is_err());
    assert_eq!(Request::scan(Operation::Completions, body("false").as_bytes()).unwrap().choices, 130);
}

proptest! {
    #[test]
    fn a_scan_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..80), cut in 0_usize..200) {
        let body = br#"{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"\ud83e\udd80"}]}],"n":1,"stream_options":{"include_usage":false},"prompt":[[1]]}"#;
        let mut mixed = body[..cut.min(body.len())].to_vec();
        mixed.extend(&bytes);
        for operation in [Operation::Chat, Operation::Completions] {
            let _ = Request::scan(operation, &bytes);
            let _ = Request::scan(operation, &mixed);
        }
    }
}
