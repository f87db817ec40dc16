//! Amazon Bedrock's Converse, whose streams are binary frames. How it behaves is in the name of the model.

use std::{collections::BTreeMap, fs};

use roundelay_protocol::bedrock::frame;
use serde_json::{Value, json};

use super::signature::is_genuine;
use super::{BOTH, Caller, PRICE, ask, recorded, said, send};
use crate::exchange::{data, record};
use crate::support::{Asked, Said, Scripted, TestGateway, Upstream};

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const TEXT: &str = "Hello there, you";
const PROFILE: &str = "arn:aws:bedrock:eu-central-1:123456789012:application-inference-profile/abc123";

struct House {
    gateway: TestGateway,
    aws: Scripted,
    _gpt: Upstream,
}

impl House {
    fn start() -> Self {
        let (aws, gpt) = (Scripted::start(script), Upstream::start());
        let mut toml = format!(
            "[providers.aws]
protocol = 'bedrock'
region = 'eu-central-1'
base_url = 'http://{0}'
access_key_id = 'AKIDEXAMPLE'
secret_access_key = '{SECRET}'
session_token = 'TOKEN/+='
[providers.bearer]
protocol = 'bedrock'
region = 'eu-central-1'
base_url = 'http://{0}'
api_keys = ['bedrock-api-key-1']
[providers.gpt]
base_url = '{1}'
flavour = 'openai'
api_keys = ['sk-gpt']
",
            aws.address,
            gpt.base_url()
        );
        for (model, deployment) in [
            ("claude", "aws/eu.anthropic.claude-sonnet-4-5-20250929-v1:0"),
            ("profile", &format!("aws/{PROFILE}")),
            ("nova", "bearer/amazon.nova-lite-v1:0"),
            ("tool", "aws/tool"),
            ("down", "aws/throttled"),
            ("down-late", "aws/throttled-late"),
            ("cut", "aws/cut"),
            ("broken", "aws/broken"),
            ("garbled", "aws/garbled"),
            ("nobody", "aws/nobody"),
            ("bad", "aws/bad"),
            ("late", "aws/late"),
            ("gpt", "gpt/rehearsal-words-5"),
        ] {
            toml += &format!("[models.{model}]\ndeployments = ['{deployment}']\nattempts = 1\n{PRICE}\n");
        }
        for first in ["down", "down-late", "nobody"] {
            toml += &format!("[pools.{first}-gpt]\nstrategy = 'priority'\nmembers = ['{first}', 'gpt']\n");
        }
        Self { gateway: TestGateway::start(&toml), aws, _gpt: gpt }
    }
}

/// A stream's frames, up to the metadata at its end.
fn frames(events: &[(&str, Value)]) -> Vec<u8> {
    let mut out = Vec::new();
    for (kind, payload) in events {
        let (message_type, kind) = match kind.strip_prefix('!') {
            Some(exception) => ("exception", exception),
            None => ("event", *kind),
        };
        frame::write(&mut out, message_type, kind, payload.to_string().as_bytes());
    }
    out
}

fn begin() -> Vec<(&'static str, Value)> {
    vec![("messageStart", json!({ "role": "assistant", "p": "abcd" }))]
}

fn text(events: &mut Vec<(&'static str, Value)>) {
    for piece in ["Hello there,", " you"] {
        events.push(("contentBlockDelta", json!({ "contentBlockIndex": 0, "delta": { "text": piece } })));
    }
}

fn end(events: &mut Vec<(&'static str, Value)>, reason: &str) {
    events.push(("contentBlockStop", json!({ "contentBlockIndex": 0 })));
    events.push(("messageStop", json!({ "stopReason": reason })));
    events.push(("metadata", json!({ "usage": usage(), "metrics": { "latencyMs": 551 } })));
}

fn usage() -> Value {
    json!({
        "inputTokens": 10, "outputTokens": 6, "totalTokens": 22, "cacheReadInputTokens": 4, "cacheWriteInputTokens": 2,
        "cacheDetails": [{ "inputTokens": 2, "ttl": "5m" }]
    })
}

fn whole(content: Value, reason: &str) -> String {
    json!({
        "metrics": { "latencyMs": 551 },
        "output": { "message": { "role": "assistant", "content": [content] } },
        "stopReason": reason,
        "usage": usage()
    })
    .to_string()
}

const JSON: &str = "content-type: application/json\r\n";
const STREAM: &str = "content-type: application/vnd.amazon.eventstream\r\n";

fn script(asked: &Asked) -> Said {
    let (model, operation) = asked.target().strip_prefix("/model/").unwrap().rsplit_once('/').unwrap();
    let throttled = json!({ "message": "Too many tokens, please wait before trying again." });
    let mut events = begin();
    match (model, operation) {
        ("throttled", _) | ("throttled-late", "converse") => Said::new(
            429,
            "content-type: application/json\r\nx-amzn-errortype: ThrottlingException\r\n",
            throttled.to_string(),
        ),
        ("nobody", _) => Said::new(
            403,
            "content-type: application/json\r\nx-amzn-errortype: InvalidSignatureException:http://internal\r\n",
            format!(r#"{{"message":"The request signature of AKIDEXAMPLE with {SECRET} does not match"}}"#),
        ),
        ("bad", _) => Said::new(
            400,
            "content-type: application/json\r\nx-amzn-errortype: ValidationException\r\n",
            r#"{"message":"The maximum tokens you requested exceeds the model limit"}"#,
        ),
        // A path that AWS does not know is a success without anything in it.
        (_, "converse") if !is_known(model) => Said::new(
            200,
            JSON,
            r#"{"Output":{"__type":"com.amazon.coral.service#UnknownOperationException"},"Version":"1.0"}"#,
        ),
        ("tool", "converse") => {
            let call = json!({ "toolUse": { "toolUseId": "tooluse_1", "name": "f", "input": { "city": "Zürich" } } });
            Said::new(200, JSON, whole(call, "tool_use"))
        }
        (_, "converse") => Said::new(200, JSON, whole(json!({ "text": TEXT }), "end_turn")),
        ("throttled-late", _) => {
            events.push(("!throttlingException", throttled));
            Said::new(200, STREAM, frames(&events))
        }
        ("tool", _) => {
            let start = json!({ "toolUse": { "toolUseId": "tooluse_1", "name": "f" } });
            events.push(("contentBlockStart", json!({ "contentBlockIndex": 0, "start": start })));
            for piece in ["{\"city\":", "\"Zürich\"}"] {
                let delta = json!({ "toolUse": { "input": piece } });
                events.push(("contentBlockDelta", json!({ "contentBlockIndex": 0, "delta": delta })));
            }
            end(&mut events, "tool_use");
            Said::new(200, STREAM, frames(&events))
        }
        ("late" | "cut" | "broken" | "garbled", _) => {
            text(&mut events);
            let body = frames(&events);
            let mut rest = Vec::new();
            end(&mut rest, "end_turn");
            let mut later = frames(&rest);
            let mut missing = 0;
            match model {
                "late" => {
                    let told = json!({ "message": "it broke", "originalStatusCode": 500 });
                    later = frames(&[("!modelStreamErrorException", told)]);
                }
                "garbled" => later[15] ^= 1,
                // In the middle of a frame, by a connection that ends, or in order.
                _ => {
                    later.truncate(20);
                    missing = if model == "cut" { 99 } else { 0 };
                }
            }
            Said { later, missing, ..Said::new(200, STREAM, body) }
        }
        _ => {
            text(&mut events);
            end(&mut events, "end_turn");
            Said::new(200, STREAM, frames(&events))
        }
    }
}

/// One segment of a path, and no more.
fn is_known(model: &str) -> bool {
    !model.contains(['/', ':'])
}

#[test]
fn every_caller_is_answered_in_its_own_words() {
    let house = House::start();
    for caller in BOTH {
        for stream in [false, true] {
            for model in ["claude", "profile", "nova"] {
                let answer = ask(&house.gateway, caller, model, stream);
                let of = format!("{caller:?} at {model}, streamed: {stream}: {}", answer.body);
                assert_eq!(answer.status, 200, "{of}");
                let said = said(caller, stream, &answer);
                assert!(said.is_ended && !said.is_error, "{of}");
                let stop = if caller == Caller::Chat { "stop" } else { "end_turn" };
                assert_eq!((said.stop.as_deref(), &*said.text), (Some(stop), TEXT), "{of}");
                let prefix = if caller == Caller::Chat { "chatcmpl-x_" } else { "msg_x_" };
                assert!(answer.body.contains(&format!("\"id\":\"{prefix}")), "{of}");
                let id = match model {
                    "claude" => "eu.anthropic.claude-sonnet-4-5-20250929-v1:0",
                    "profile" => PROFILE,
                    _ => "amazon.nova-lite-v1:0",
                };
                assert!(answer.body.contains(&format!("\"model\":\"{id}\"")), "{of}");
                assert!(!answer.body.contains("\"created\":0"), "{of}");
                let record = record(&house.gateway);
                assert_eq!((&record["outcome"], &record["status"]), (&json!("answered"), &json!(200)), "{of}");
            }
        }
    }
}

#[test]
fn a_request_names_its_model_in_the_path_and_is_signed_for_its_region() {
    let house = House::start();
    for (model, segment) in [
        ("claude", "eu.anthropic.claude-sonnet-4-5-20250929-v1%3A0".to_owned()),
        ("profile", PROFILE.replace(':', "%3A").replace('/', "%2F")),
    ] {
        for (stream, operation) in [(false, "converse"), (true, "converse-stream")] {
            assert_eq!(ask(&house.gateway, Caller::Chat, model, stream).status, 200);
            let asked = house.aws.last();
            assert_eq!(asked.target(), format!("/model/{segment}/{operation}"));
            assert!(is_genuine(&asked, SECRET), "{}", asked.head);
            assert!(!is_genuine(&asked, "another"), "{}", asked.head);
            let scope = "/eu-central-1/bedrock/aws4_request, ";
            assert!(asked.fields("authorization")[0].contains(scope), "{}", asked.head);
            assert_eq!(asked.fields("x-amz-security-token"), ["TOKEN/+="]);
            assert!(!asked.head.contains(SECRET), "{}", asked.head);
            let body = asked.json();
            assert_eq!(body["messages"][0]["content"], json!([{ "text": "Hello" }]), "{body}");
            assert_eq!((&body["inferenceConfig"]["maxTokens"], body.get("model")), (&json!(64), None), "{body}");
        }
    }
    assert_eq!(ask(&house.gateway, Caller::Messages, "nova", false).status, 200);
    let asked = house.aws.last();
    assert_eq!(asked.target(), "/model/amazon.nova-lite-v1%3A0/converse");
    assert_eq!(asked.fields("authorization"), ["Bearer bedrock-api-key-1"]);
    assert!(asked.fields("x-amz-date").is_empty(), "{}", asked.head);
}

#[test]
fn what_was_counted_is_charged_with_its_cached_tokens_apart() {
    let house = House::start();
    for caller in BOTH {
        for stream in [false, true] {
            // 10 × 1,000 + 4 × 100 + 2 × 1,250 + 6 × 2,000
            let answer = ask(&house.gateway, caller, "claude", stream);
            let usage = said(caller, stream, &answer).usage;
            assert_eq!(usage["cost"].to_string(), "0.0000249", "{caller:?}, streamed: {stream}: {}", answer.body);
            assert_eq!(record(&house.gateway)["cost_nano"], 24_900);
            if caller == Caller::Chat {
                assert_eq!(usage["prompt_tokens"], 16, "{}", answer.body);
                assert_eq!(usage["prompt_tokens_details"]["cached_tokens"], 4, "{}", answer.body);
            }
        }
    }
}

#[test]
fn marks_for_the_cache_go_on_to_models_that_take_them() {
    let house = House::start();
    for (model, is_taken) in [("claude", true), ("nova", true), ("tool", false)] {
        let body = json!({
            "model": model, "max_tokens": 64,
            "system": [{ "type": "text", "text": "Be brief", "cache_control": { "type": "ephemeral" } }],
            "messages": [{ "role": "user", "content": "Hello" }],
        });
        let answer = send(&house.gateway, Caller::Messages, &body);
        assert_eq!(answer.status, 200, "{}", answer.body);
        let asked = house.aws.last();
        assert_eq!(asked.body.contains("cachePoint"), is_taken, "{}", asked.body);
    }
}

#[test]
fn before_content_another_provider_may_answer() {
    let house = House::start();
    for caller in BOTH {
        for stream in [false, true] {
            for first in ["down", "down-late"] {
                let answer = ask(&house.gateway, caller, &format!("{first}-gpt"), stream);
                let said = said(caller, stream, &answer);
                let of = format!("{caller:?} from {first}, streamed: {stream}: {}", answer.body);
                assert!(answer.status == 200 && said.is_ended && !said.is_error && !said.text.is_empty(), "{of}");
                assert!(answer.header("x-roundelay-deployment").unwrap().starts_with("gpt/"), "{of}");
            }
        }
    }
}

#[test]
fn after_content_an_exception_a_cut_or_a_damaged_frame_is_an_error() {
    let house = House::start();
    for caller in BOTH {
        for model in ["late", "cut", "broken", "garbled"] {
            let answer = ask(&house.gateway, caller, model, true);
            let said = said(caller, true, &answer);
            let of = format!("{caller:?} at {model}: {}", answer.body);
            assert!(said.is_error && !said.is_ended && said.text == TEXT, "{of}");
            assert_eq!(answer.body.contains("event: error\n"), caller == Caller::Messages, "{of}");
            assert_eq!(record(&house.gateway)["outcome"], "cut", "{of}");
        }
    }
}

#[test]
fn a_refused_signature_is_nobodys_business_and_tells_no_secret() {
    let house = House::start();
    let answer = ask(&house.gateway, Caller::Chat, "nobody", false);
    assert_eq!((answer.status, &answer.json()["error"]["code"]), (502, &json!("upstream_auth")), "{}", answer.body);
    assert!(!answer.body.contains(SECRET) && !answer.body.contains("AKID"), "{}", answer.body);
    let record = record(&house.gateway).to_string();
    assert!(record.contains("upstream_auth") && !record.contains(SECRET), "{record}");
    let answer = ask(&house.gateway, Caller::Chat, "nobody-gpt", false);
    assert_eq!(answer.status, 200, "{}", answer.body);
}

#[test]
fn what_a_caller_did_wrong_is_told_to_it() {
    let house = House::start();
    for caller in BOTH {
        let answer = ask(&house.gateway, caller, "bad", true);
        assert_eq!(answer.status, 400, "{}", answer.body);
        let error = &answer.json()["error"];
        assert_eq!(error["type"], "invalid_request_error", "{}", answer.body);
        assert!(error["message"].as_str().unwrap().contains("exceeds the model limit"), "{}", answer.body);
    }
}

#[test]
fn calls_of_tools_are_whole() {
    let house = House::start();
    for stream in [false, true] {
        let answer = ask(&house.gateway, Caller::Chat, "tool", stream);
        assert_eq!(said(Caller::Chat, stream, &answer).stop.as_deref(), Some("tool_calls"), "{}", answer.body);
        let mut arguments = String::new();
        for chunk in if stream { data(&answer.body) } else { vec![&*answer.body] } {
            let Ok(chunk) = serde_json::from_str::<Value>(chunk) else { continue };
            let call = &chunk["choices"][0][if stream { "delta" } else { "message" }]["tool_calls"][0];
            arguments += call["function"]["arguments"].as_str().unwrap_or_default();
        }
        let arguments: Value = serde_json::from_str(&arguments).unwrap();
        assert_eq!(arguments, json!({ "city": "Zürich" }), "{}", answer.body);
        let answer = ask(&house.gateway, Caller::Messages, "tool", stream);
        assert_eq!(said(Caller::Messages, stream, &answer).stop.as_deref(), Some("tool_use"), "{}", answer.body);
    }
}

#[test]
fn recorded_answers_reach_every_caller_whole() {
    let Some(folder) = recorded("fixtures/vercel-ai/amazon-bedrock") else { return };
    let mut recordings = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if name.starts_with("amazon-bedrock-") {
            recordings.insert(name, fs::read_to_string(&path).unwrap());
        }
    }
    assert!(recordings.len() >= 10, "{recordings:?}");
    let said_by = recordings.clone();
    let aws = Scripted::start(move |asked| {
        let (model, operation) = asked.target().strip_prefix("/model/").unwrap().rsplit_once('/').unwrap();
        match operation {
            "converse" => Said::new(200, JSON, &*said_by[model]),
            _ => Said::new(200, STREAM, recorded_frames(&said_by[model])),
        }
    });
    let gateway = TestGateway::start(&format!(
        "money.unknown_price = 'free'
[providers.aws]
protocol = 'bedrock'
region = 'us-east-1'
base_url = 'http://{}'
api_keys = ['bedrock-api-key-1']",
        aws.address
    ));
    for (name, recording) in &recordings {
        let stream = name.ends_with(".txt");
        for caller in BOTH {
            let answer = ask(&gateway, caller, &format!("aws/{name}"), stream);
            let said = said(caller, stream, &answer);
            let of = format!("{caller:?} at {name}: {}", answer.body);
            assert!(answer.status == 200 && said.is_ended && !said.is_error, "{of}");
            let reason =
                if recording.contains("tool_use\"") { ["tool_calls", "tool_use"] } else { ["stop", "end_turn"] };
            assert_eq!(said.stop.as_deref(), Some(reason[usize::from(caller == Caller::Messages)]), "{of}");
        }
    }
}

/// One line of a recording is what one frame held.
fn recorded_frames(recording: &str) -> Vec<u8> {
    let mut out = Vec::new();
    for line in recording.lines().filter(|line| !line.trim().is_empty()) {
        let event: Value = serde_json::from_str(line).unwrap();
        let (kind, payload) = event.as_object().unwrap().iter().next().unwrap();
        frame::write(&mut out, "event", kind, payload.to_string().as_bytes());
    }
    out
}
