//! Errors that a provider of the caller's own dialect wrote for its callers reach them as they were written.

use serde_json::{Value, json};

use crate::support::{Answer, Paced, Request, TestGateway, Told};

const BAD: &str = r#"{"type": "error","error":{"type":"invalid_request_error","message":"messages.1: `tool_use` ids","details":{"error_visibility":"user_facing"}},"request_id":"req_011CSHoEeqs5C35K2UUqR7Fy"}"#;
const LONG: &str = r#"{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 200001 tokens > 200000 maximum"},"new":1.50}"#;
const BUSY: &str =
    r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"},"request_id":"req_1"}"#;
const SECRET: &str =
    r#"{"type":"error","error":{"type":"invalid_request_error","message":"not with sk-claude-0123456789"}}"#;
const KEY: &str = r#"{"type":"error","error":{"type":"authentication_error","message":"invalid x-api-key"}}"#;
const RATE: &str =
    r#"{"type":"error","error":{"type":"rate_limit_error","message":"your organization (acme) has had enough"}}"#;
const BEGIN: &str = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"c\",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,\"usage\":{\"input_tokens\":1,\"output_tokens\":1}}}\n\n";
const TEXT: &str = "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"word\"}}\n\n";
/// A turn in which only Anthropic's own tools spoke, and a call came of it.
const AT_ONCE: &str = r#"event: message_start
data: {"type":"message_start","message":{"id":"m","type":"message","role":"assistant","model":"c","content":[{"type":"code_execution_tool_result","tool_use_id":"s","content":{}},{"type":"tool_use","id":"toolu_1","name":"roll","input":{"player":"two"}}],"stop_reason":"tool_use","stop_sequence":null,"usage":{"input_tokens":0,"output_tokens":0}}}

event: message_stop
data: {"type":"message_stop"}

"#;

struct House {
    gateway: TestGateway,
    _claude: Paced,
}

impl House {
    fn start() -> Self {
        let claude = Paced::start(|heard| {
            let event = format!("event: error\ndata: {BUSY}\n\n");
            match heard.body["model"].as_str().unwrap_or_default() {
                "bad" => Told::json(400, BAD),
                "long" => Told::json(413, LONG),
                "secret" => Told::json(400, SECRET),
                "key" => Told::json(401, KEY),
                "rate" => Told::json(429, RATE),
                "page" => Told::json(529, "<html><title>Busy</title></html>"),
                "early" => Told::events([(0, BEGIN), (0, &*event)]),
                "at-once" => Told::events([(0, AT_ONCE)]),
                "late" => Told::events([(0, BEGIN), (0, TEXT), (50, &*event)]),
                _ => Told::json(529, BUSY),
            }
        });
        let models = ["bad", "long", "secret", "key", "rate", "page", "early", "late", "at-once", "busy"];
        let models = models.map(|model| format!("[models.{model}]\ndeployments = ['claude/{model}']\nattempts = 1\n"));
        let toml = format!(
            "[providers.claude]\nprotocol = 'anthropic'\nbase_url = 'http://{}'\napi_keys = ['sk-claude-0123456789']\n{}\
             [models.twice]\ndeployments = ['claude/one', 'claude/two']\nattempts = 2\n",
            claude.address,
            models.concat()
        );
        Self { gateway: TestGateway::start(&toml), _claude: claude }
    }

    fn ask(&self, path: &str, model: &str, stream: bool) -> Answer {
        let body = json!({
            "model": model, "max_tokens": 64, "stream": stream, "messages": [{ "role": "user", "content": "Hello" }]
        });
        Request::post(path, &body).bearer(&self.gateway.key).send(self.gateway.callers)
    }

    #[track_caller]
    fn check(&self, model: &str, expected: (u16, &str, &str)) {
        for stream in [false, true] {
            if model == "early" && !stream {
                continue;
            }
            let answer = self.ask("/v1/messages", model, stream);
            let retry = answer.header("x-should-retry").unwrap_or_default();
            assert_eq!((answer.status, answer.body.as_str(), retry), expected, "{model}, streamed: {stream}");
            let id = answer.header("x-roundelay-exchange").unwrap();
            assert_eq!(answer.header("request-id"), Some(id), "{model}");
        }
    }
}

#[test]
fn what_a_caller_did_wrong_is_told_as_the_provider_wrote_it() {
    let house = House::start();
    house.check("bad", (400, BAD, "false"));
    house.check("long", (413, LONG, "false"));
    house.check("secret", (400, &SECRET.replace("sk-claude-0123456789", "***"), "false"));
}

#[test]
fn that_too_many_ask_is_told_as_the_provider_wrote_it() {
    let house = House::start();
    house.check("busy", (529, BUSY, "true"));
    house.check("twice", (529, BUSY, "true"));
    house.check("early", (529, BUSY, "true"));
    let answer = house.ask("/v1/messages", "late", true);
    assert!(answer.body.ends_with(&format!("event: error\ndata: {BUSY}\n\n")), "{}", answer.body);
}

#[test]
fn what_is_about_the_operators_account_is_told_in_the_gateways_words() {
    for (model, status, kind) in
        [("key", 502, "api_error"), ("rate", 429, "rate_limit_error"), ("page", 502, "api_error")]
    {
        let house = House::start();
        let answer = house.ask("/v1/messages", model, false);
        let error = answer.json()["error"].clone();
        assert_eq!((answer.status, &error["type"]), (status, &json!(kind)), "{}", answer.body);
        assert!(error["code"].is_string() && !answer.body.contains("x-api-key"), "{}", answer.body);
    }
}

#[test]
fn who_speaks_otherwise_is_told_otherwise() {
    let house = House::start();
    for (model, status) in [("bad", 400), ("busy", 503), ("long", 400)] {
        let answer = house.ask("/v1/chat/completions", model, false);
        assert_eq!((answer.status, &answer.json()["type"]), (status, &Value::Null), "{}", answer.body);
        assert!(answer.json()["error"]["message"].is_string(), "{}", answer.body);
    }
}

#[test]
fn an_answer_that_stands_in_its_first_event_is_passed_on_whole() {
    let house = House::start();
    let answer = house.ask("/v1/messages", "at-once", true);
    assert_eq!((answer.status, answer.body.as_str()), (200, AT_ONCE));
    let answer = house.ask("/v1/chat/completions", "at-once", true);
    let is_whole = answer.body.contains(r#""name":"roll""#) && answer.body.contains(r#""finish_reason":"tool_calls""#);
    assert!(is_whole && answer.body.ends_with("data: [DONE]\n\n"), "{}", answer.body);
}
