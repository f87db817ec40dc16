//! Claude at Vertex AI: Anthropic's words at a project's paths.

use serde_json::json;

use super::{BOTH, Caller, PRICE, ask, send};
use crate::support::{Asked, Request, Said, Scripted, TestGateway};

const JSON: &str = "content-type: application/json\r\n";
const STREAM: &str = "content-type: text/event-stream\r\n";
const MODEL: &str = "claude-sonnet-4-5@20250929";
const PROJECT: &str = "/v1/projects/project-1/locations/europe-west1/publishers/anthropic/models";

fn start() -> (TestGateway, Scripted) {
    let vertex = Scripted::start(script);
    let gateway = TestGateway::start(&format!(
        "[providers.vertex-claude]
protocol = 'anthropic'
base_url = 'http://{}'
project = 'project-1'
location = 'europe-west1'
api_keys = ['ya29.a-token']
[models.claude]
deployments = ['vertex-claude/{MODEL}']
{PRICE}",
        vertex.address
    ));
    (gateway, vertex)
}

fn script(asked: &Asked) -> Said {
    let usage = json!({ "input_tokens": 10, "output_tokens": 6, "cache_read_input_tokens": 4 });
    let message = json!({ "id": "msg_vrtx_1", "type": "message", "role": "assistant", "model": MODEL,
        "content": [{ "type": "text", "text": "Hello there" }], "stop_reason": "end_turn", "usage": usage });
    if asked.target().ends_with("count-tokens:rawPredict") {
        return Said::new(200, JSON, r#"{"input_tokens":17}"#);
    }
    if asked.target().ends_with(":rawPredict") {
        return Said::new(200, JSON, message.to_string());
    }
    let mut begun = message;
    begun["content"] = json!([]);
    let events = [
        json!({ "type": "message_start", "message": begun }),
        json!({ "type": "content_block_start", "index": 0, "content_block": { "type": "text", "text": "" } }),
        json!({ "type": "content_block_delta", "index": 0, "delta": { "type": "text_delta", "text": "Hello there" } }),
        json!({ "type": "content_block_stop", "index": 0 }),
        json!({ "type": "message_delta", "delta": { "stop_reason": "end_turn" }, "usage": { "output_tokens": 6 } }),
        json!({ "type": "message_stop" }),
    ];
    let named = |event: &serde_json::Value| format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap());
    Said::new(200, STREAM, events.iter().map(named).collect::<String>())
}

#[test]
fn the_model_stands_in_the_path_and_the_version_in_the_body() {
    let (gateway, vertex) = start();
    for caller in BOTH {
        for stream in [false, true] {
            let answer = ask(&gateway, caller, "claude", stream);
            assert!(answer.status == 200 && answer.body.contains("Hello there"), "{}", answer.body);
            let asked = vertex.last();
            let verb = if stream { "streamRawPredict" } else { "rawPredict" };
            assert_eq!(asked.target(), format!("{PROJECT}/{MODEL}:{verb}"), "{caller:?}");
            assert_eq!(asked.fields("authorization"), ["Bearer ya29.a-token"]);
            assert!(asked.fields("x-api-key").is_empty() && asked.fields("anthropic-version").is_empty());
            let body = asked.json();
            assert_eq!(body["anthropic_version"], "vertex-2023-10-16");
            assert!(body["model"].is_null() && body["stream"].as_bool().unwrap_or(false) == stream, "{body}");
            assert_eq!(body["messages"].as_array().unwrap().len(), 1, "{body}");
        }
    }
}

#[test]
fn every_other_byte_is_the_callers_and_so_are_its_betas() {
    let (gateway, vertex) = start();
    let body =
        r#"{ "max_tokens":64,"model" : "claude" , "messages":[{"role":"user","content":"é"}], "own":{"model":1} }"#;
    let asked = Request::new("POST", "/v1/messages?beta=true", None)
        .header("content-type", "application/json")
        .body(body)
        .header("x-api-key", &gateway.key)
        .header("anthropic-version", "2023-06-01")
        .header("anthropic-beta", "context-1m-2025-08-07,interleaved-thinking-2025-05-14");
    let answer = asked.send(gateway.callers);
    assert_eq!(answer.status, 200, "{}", answer.body);
    let asked = vertex.last();
    assert_eq!(asked.target(), format!("{PROJECT}/{MODEL}:rawPredict"), "no query is known there");
    assert_eq!(asked.fields("anthropic-beta"), ["context-1m-2025-08-07,interleaved-thinking-2025-05-14"]);
    assert!(asked.fields("anthropic-version").is_empty(), "{}", asked.head);
    assert_eq!(asked.body, body.replace(r#""model" : "claude""#, r#""anthropic_version":"vertex-2023-10-16""#));
}

#[test]
fn tokens_are_counted_at_a_path_of_their_own() {
    let (gateway, vertex) = start();
    let body = json!({ "model": "claude", "messages": [{ "role": "user", "content": "Hello" }] });
    let asked = Request::post("/v1/messages/count_tokens", &body).header("x-api-key", &gateway.key);
    let answer = asked.send(gateway.callers);
    assert_eq!(answer.json(), json!({ "input_tokens": 17 }), "{}", answer.body);
    let asked = vertex.last();
    assert_eq!(asked.target(), format!("{PROJECT}/count-tokens:rawPredict"));
    let body = asked.json();
    assert_eq!((&body["model"], &body["anthropic_version"]), (&json!(MODEL), &json!("vertex-2023-10-16")));
}

#[test]
fn usage_and_thoughts_are_as_at_anthropics() {
    let (gateway, vertex) = start();
    let body = json!({
        "model": "claude", "max_tokens": 64, "thinking": { "type": "enabled", "budget_tokens": 1024 },
        "messages": [{ "role": "user", "content": [{ "type": "text", "text": "Hello",
            "cache_control": { "type": "ephemeral" } }] }]
    });
    let answer = send(&gateway, Caller::Messages, &body).json();
    assert_eq!(
        (&answer["usage"]["input_tokens"], &answer["usage"]["cache_read_input_tokens"]),
        (&json!(10), &json!(4))
    );
    let asked = vertex.last().json();
    assert_eq!((&asked["thinking"], &asked["messages"]), (&body["thinking"], &body["messages"]));
}

#[test]
fn the_address_is_googles_and_the_publisher_anthropic() {
    let check = |toml: &str, part: &str| {
        let found = roundelay::config::parse(toml, "test.toml", &|_| None);
        let found = found.map(|config| config.providers[0].base_url.to_string()).map_err(|faults| faults.to_string());
        let (Ok(text) | Err(text)) = found;
        assert!(text.contains(part), "{toml}: {text}");
    };
    check(
        "[providers.c]\nprotocol = 'anthropic'\nproject = 'p'\nlocation = 'us-east5'\ncredentials = 'workload'",
        "https://us-east5-aiplatform.googleapis.com/v1/projects/p/locations/us-east5/publishers/anthropic",
    );
    check(
        "[providers.c]\nprotocol = 'anthropic'\nproject = 'p'\ncredentials = 'workload'",
        "https://aiplatform.googleapis.com/v1/projects/p/locations/global/publishers/anthropic",
    );
    check("[providers.c]\nprotocol = 'anthropic'\nlocation = 'us'\ncredentials = 'workload'", "which project pays");
}
