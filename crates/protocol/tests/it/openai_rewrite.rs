//! What an upstream gets: the model's name, the wish for usage, and every other byte as sent.

use proptest::prelude::*;
use roundelay_protocol::openai::{Operation, Request};
use serde_json::{Value, json};

fn rewrite(body: &str, model: &str, ask_usage: bool) -> String {
    let request = Request::scan(Operation::Chat, body.as_bytes()).unwrap_or_else(|e| panic!("{body}: {e}"));
    String::from_utf8(request.rewrite(body.as_bytes(), model, ask_usage).to_vec()).unwrap()
}

/// `before` becomes `after` when usage is asked for and the model is `up`.
#[track_caller]
fn check(before: &str, after: &str) {
    assert_eq!(rewrite(before, "up", true), after);
}

const MESSAGES: &str = r#""messages":[ {"role":"user", "content":"\"model\": \"x\" é\u00e9 "} ]"#;

#[test]
fn only_the_spliced_bytes_change() {
    let m = MESSAGES;
    check(&format!(r#" {{ "model" : "m\u0031" , {m} }} "#), &format!(r#" {{ "model" : "up" , {m} }} "#));
    check(&format!(r#"{{{m},"stream":false,"model":"m"}}"#), &format!(r#"{{{m},"stream":false,"model":"up"}}"#));
    check(
        &format!(r#"{{ "stream":true,{m},"model":"m","x":1E+2}}"#),
        &format!(r#"{{"stream_options":{{"include_usage":true}}, "stream":true,{m},"model":"up","x":1E+2}}"#),
    );
    check(
        &format!(r#"{{"stream":true,"stream_options": null ,"model":"m",{m}}}"#),
        &format!(r#"{{"stream":true,"stream_options": {{"include_usage":true}} ,"model":"up",{m}}}"#),
    );
    check(
        &format!(r#"{{"stream":true,"model":"m",{m},"stream_options":{{ }}}}"#),
        &format!(r#"{{"stream":true,"model":"up",{m},"stream_options":{{"include_usage":true }}}}"#),
    );
    check(
        &format!(r#"{{"stream":true,"model":"m",{m},"stream_options":{{"include_obfuscation":false}}}}"#),
        &format!(
            r#"{{"stream":true,"model":"up",{m},"stream_options":{{"include_usage":true,"include_obfuscation":false}}}}"#
        ),
    );
    check(
        &format!(r#"{{"stream_options":{{"a":1,"include_usage" : false}},"stream":true,"model":"m",{m}}}"#),
        &format!(r#"{{"stream_options":{{"a":1,"include_usage" : true}},"stream":true,"model":"up",{m}}}"#),
    );
    check(
        &format!(r#"{{"stream_options":{{"include_usage":null}},"stream":true,"model":"m",{m}}}"#),
        &format!(r#"{{"stream_options":{{"include_usage":true}},"stream":true,"model":"up",{m}}}"#),
    );
}

#[test]
fn usage_is_asked_for_only_in_streams_and_only_once() {
    let asked = format!(r#"{{"model":"m","stream":true,"stream_options":{{"include_usage":true}},{MESSAGES}}}"#);
    check(&asked, &asked.replacen("\"m\"", "\"up\"", 1));
    let unasked = format!(r#"{{"model":"m","stream":true,{MESSAGES}}}"#);
    assert_eq!(rewrite(&unasked, "m", false), unasked);
    let whole = format!(r#"{{"model":"m","stream_options":{{"include_usage":false}},{MESSAGES}}}"#);
    assert_eq!(rewrite(&whole, "m", true), whole);
}

#[test]
fn a_models_name_is_escaped() {
    let body = format!(r#"{{"model":"m",{MESSAGES}}}"#);
    let rewritten: Value = serde_json::from_str(&rewrite(&body, "a\"b\\c\n🦀", true)).unwrap();
    assert_eq!(rewritten["model"], "a\"b\\c\n🦀");
}

fn stream_options() -> impl Strategy<Value = Option<Value>> {
    prop::sample::select(vec![
        None,
        Some(json!(null)),
        Some(json!({})),
        Some(json!({"include_usage": true})),
        Some(json!({"include_usage": false, "include_obfuscation": true})),
        Some(json!({"z": {"include_usage": false}})),
    ])
}

proptest! {
    #[test]
    fn a_rewritten_body_means_the_same_but_for_two_members(
        model in any::<String>().prop_filter("a name", |name| !name.is_empty()),
        upstream in any::<String>(),
        content in any::<String>(),
        stream in any::<bool>(),
        options in stream_options(),
        pretty in any::<bool>(),
        ask in any::<bool>(),
    ) {
        let mut sent = json!({
            "zeta": [1, {"model": "inner"}], "model": model, "stream": stream,
            "messages": [{"role": "user", "content": content}],
        });
        if let Some(options) = options {
            sent["stream_options"] = options;
        }
        let body = if pretty { serde_json::to_string_pretty(&sent) } else { serde_json::to_string(&sent) }.unwrap();
        let got: Value = serde_json::from_str(&rewrite(&body, &upstream, ask)).unwrap();
        let mut expected = sent;
        expected["model"] = json!(upstream);
        if stream && ask {
            if !expected["stream_options"].is_object() {
                expected["stream_options"] = json!({});
            }
            expected["stream_options"]["include_usage"] = json!(true);
        }
        prop_assert_eq!(got, expected);
    }
}
