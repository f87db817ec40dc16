//! What an upstream gets: the model's name, the wish for usage, and every other byte as sent.

use proptest::prelude::*;
use roundelay_protocol::openai::{Operation, OutputField, OutputMax, Request, Rewrite};
use serde_json::{Value, json};

fn rewrite(body: &str, model: &str, ask_usage: bool) -> String {
    rewritten(body, &Rewrite { upstream_model: model, ask_usage, output_max: None })
}

fn rewritten(body: &str, rewrite: &Rewrite<'_>) -> String {
    let request = Request::scan(Operation::Chat, body.as_bytes()).unwrap_or_else(|e| panic!("{body}: {e}"));
    String::from_utf8(request.rewrite(body.as_bytes(), rewrite).to_vec()).unwrap()
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

/// `before` becomes `after` with at most 100 tokens a choice; each `M` stands for the model and the messages.
#[track_caller]
fn check_output(field: OutputField, before: &str, after: &str) {
    let whole = |text: &str| text.replace("\"M\"", &format!(r#""model":"m",{MESSAGES}"#));
    let output_max = Some(OutputMax { tokens: 100, field });
    assert_eq!(rewritten(&whole(before), &Rewrite { upstream_model: "m", ask_usage: true, output_max }), whole(after));
}

#[test]
fn no_choice_may_have_more_output_than_the_ceiling() {
    use OutputField::{MaxCompletionTokens, MaxTokens};
    let check = check_output;
    check(MaxTokens, r#"{"M"}"#, r#"{"max_tokens":100,"M"}"#);
    check(MaxCompletionTokens, r#" { "M"}"#, r#" {"max_completion_tokens":100, "M"}"#);
    // What is within stays, whatever it is called.
    check(MaxCompletionTokens, r#"{"max_tokens": 100 ,"M"}"#, r#"{"max_tokens": 100 ,"M"}"#);
    check(MaxCompletionTokens, r#"{"max_tokens": 101 ,"M"}"#, r#"{"max_tokens": 100 ,"M"}"#);
    check(MaxTokens, r#"{"M","max_tokens":5}"#, r#"{"M","max_tokens":5}"#);
    // What is written where this upstream may not look is said where it does.
    check(MaxTokens, r#"{"M","max_completion_tokens":5}"#, r#"{"max_tokens":5,"M","max_completion_tokens":5}"#);
    check(MaxTokens, r#"{"M","max_completion_tokens":500}"#, r#"{"max_tokens":100,"M","max_completion_tokens":100}"#);
    // Servers differ in which one they take, so both are bounded.
    let both = r#"{"max_completion_tokens":7000,"M","max_tokens":900}"#;
    check(MaxTokens, both, r#"{"max_completion_tokens":100,"M","max_tokens":100}"#);
    check(
        MaxTokens,
        r#"{"max_tokens":30,"M","max_completion_tokens":900}"#,
        r#"{"max_tokens":30,"M","max_completion_tokens":100}"#,
    );
    // A null says nothing, and no member may be there twice.
    check(MaxTokens, r#"{"max_tokens":null,"M"}"#, r#"{"max_tokens":100,"M"}"#);
    check(MaxTokens, r#"{"max_completion_tokens":null,"M"}"#, r#"{"max_tokens":100,"max_completion_tokens":null,"M"}"#);
    check(
        MaxTokens,
        r#"{"max_completion_tokens":null,"M","max_tokens":101}"#,
        r#"{"max_completion_tokens":null,"M","max_tokens":100}"#,
    );
    // Some servers take -1 or 0 for "no limit", and some read numbers out of strings.
    for odd in ["-1", "0", "1e9", "99.5", "\"1000000\"", "99999999999999999999999", "{\"a\":1}"] {
        check(MaxTokens, &format!(r#"{{"M","max_tokens":{odd}}}"#), r#"{"M","max_tokens":100}"#);
    }
    check(
        MaxTokens,
        r#"{"M","max_completion_tokens":"x","max_tokens":30}"#,
        r#"{"M","max_completion_tokens":30,"max_tokens":30}"#,
    );
    // Two new members stand in one place.
    check(
        MaxTokens,
        r#"{"stream":true,"M"}"#,
        r#"{"stream_options":{"include_usage":true},"max_tokens":100,"stream":true,"M"}"#,
    );
    check(
        MaxTokens,
        r#"{"max_tokens":999,"stream_options":{},"stream":true,"M"}"#,
        r#"{"max_tokens":100,"stream_options":{"include_usage":true},"stream":true,"M"}"#,
    );
}

/// What may stand after `"max_tokens":`.
fn limit() -> impl Strategy<Value = Option<String>> {
    let written = prop_oneof![
        any::<u64>().prop_map(|n| n.to_string()),
        (0_u64..300).prop_map(|n| n.to_string()),
        prop::sample::select(vec!["null", "-1", "1.5", "2e3", "\"7\"", "[]", "true"]).prop_map(str::to_owned),
    ];
    prop::option::of(written)
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

    #[test]
    fn the_ceiling_is_what_is_asked_at_most_and_nothing_else_changes(
        max_tokens in limit(),
        max_completion_tokens in limit(),
        tokens in 1_u64..400,
        is_old in any::<bool>(),
        order in Just(vec![0, 1, 2, 3, 4]).prop_shuffle(),
        stream in any::<bool>(),
    ) {
        let member = |name: &str, value: &Option<String>| value.as_ref().map(|value| format!(" \"{name}\" : {value} "));
        let members = [
            Some(r#""model":"m""#.to_owned()),
            Some(MESSAGES.to_owned()),
            Some(format!("\"stream\":{stream}")),
            member("max_tokens", &max_tokens),
            member("max_completion_tokens", &max_completion_tokens),
        ];
        let sent: Vec<_> = order.into_iter().filter_map(|index: usize| members[index].clone()).collect();
        let sent = format!("{{{}}}", sent.join(","));
        let field = if is_old { OutputField::MaxTokens } else { OutputField::MaxCompletionTokens };
        let output_max = Some(OutputMax { tokens, field });
        let got = rewritten(&sent, &Rewrite { upstream_model: "m", ask_usage: false, output_max });

        let asked = Request::scan(Operation::Chat, sent.as_bytes()).unwrap().max_output_tokens;
        let told = Request::scan(Operation::Chat, got.as_bytes()).unwrap().max_output_tokens;
        prop_assert_eq!(told, Some(asked.map_or(tokens, |asked| asked.min(tokens))), "{}", got);

        // Without the two limits' values, and a member that was not there, both are byte for byte the same.
        let added = format!("\"{}\":{},", field.name(), told.unwrap());
        // What was sent has a blank before each of its own limits.
        let rest = if got[1..].starts_with(&added) { got.replacen(&added, "", 1) } else { got };
        prop_assert_eq!(without_limits(&rest), without_limits(&sent));
    }
}

/// The text with `_` for the value of each limit, which is written with a blank on either side.
fn without_limits(body: &str) -> String {
    let mut out = String::new();
    let mut rest = body;
    while let Some(at) = rest.find("_tokens\" : ") {
        let value = at + "_tokens\" : ".len();
        out.push_str(&rest[..value]);
        out.push('_');
        rest = &rest[value..];
        rest = &rest[rest.find(' ').unwrap()..];
    }
    out + rest
}
