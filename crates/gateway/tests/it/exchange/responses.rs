//! Callers of OpenAI's Responses, at providers that speak it and at those that do not.

mod compaction;
mod conversations;
mod money;
mod named;
mod scripted;
mod socket;

use serde_json::{Value, json};

use self::scripted::Scripted;
use super::record;
use crate::support::{Answer, Request, TestGateway, Upstream};

struct House {
    gateway: TestGateway,
    scripted: Scripted,
    gpt: Upstream,
}

impl House {
    fn start() -> Self {
        Self::with("")
    }

    fn with(more: &str) -> Self {
        let (scripted, gpt) = (Scripted::start(), Upstream::start());
        let price = "price = { input = 1.0, cache_read = 0.1, cache_write = 1.25, output = 2.0 }";
        let mut toml = format!(
            "server.header_hold = '100ms'
server.keep_alive_comment = '100ms'
{more}
[providers.own]
base_url = 'http://{0}/v1'
flavour = 'openai'
responses = true
api_keys = ['sk-own']
timeouts = {{ idle = '2s' }}
[providers.sole]
protocol = 'responses'
base_url = 'http://{0}/v1'
api_keys = ['sk-sole']
[providers.claude]
protocol = 'anthropic'
base_url = 'http://{0}'
api_keys = ['sk-claude']
[providers.gemini]
protocol = 'gemini'
base_url = 'http://{0}'
api_keys = ['AIza-key']
[providers.gpt]
base_url = '{1}'
flavour = 'openai'
api_keys = ['sk-gpt']
stops_on_cancel = true
timeouts = {{ idle = '250ms' }}
",
            scripted.address,
            gpt.base_url()
        );
        for (model, deployment) in [
            ("own", "own/gpt-6"),
            ("own-other", "own/other"),
            ("sole", "sole/gpt-6"),
            ("sole-cut", "sole/cut"),
            ("own-down", "own/down"),
            ("own-down-late", "own/down-late"),
            ("own-cut", "own/cut"),
            ("own-fails", "own/fails"),
            ("own-slow", "own/slow"),
            ("own-long", "own/long"),
            ("claude", "claude/claude-opus-4-6"),
            ("claude-down", "claude/overloaded"),
            ("claude-cut", "claude/cut"),
            ("gemini", "gemini/gemini-3-pro"),
            ("gpt", "gpt/rehearsal-words-5"),
            ("gpt-long", "gpt/rehearsal-words-2000"),
            ("gpt-slow", "gpt/rehearsal-words-500-slow-words-20ms"),
            ("gpt-cut", "gpt/rehearsal-cut-after-3"),
            ("gpt-tool", "gpt/rehearsal-tool-calls-1"),
            ("gpt-think", "gpt/rehearsal-words-3-reasoning-2"),
        ] {
            toml += &format!("[models.{model}]\ndeployments = ['{deployment}']\nattempts = 1\n{price}\n");
        }
        for (first, second) in
            [("own-down", "gpt"), ("own-down-late", "claude"), ("claude-down", "own"), ("own-down-late", "gpt")]
        {
            toml += &format!("[pools.{first}-{second}]\nstrategy = 'priority'\nmembers = ['{first}', '{second}']\n");
        }
        Self { gateway: TestGateway::start(&toml), scripted, gpt }
    }

    fn ask(&self, body: &Value) -> Answer {
        Request::post("/v1/responses", body).bearer(&self.gateway.key).send(self.gateway.callers)
    }

    fn hello(&self, model: &str, stream: bool) -> Answer {
        self.ask(&json!({ "model": model, "stream": stream, "input": "Hello", "max_output_tokens": 64 }))
    }
}

/// The data of a stream's events, without its mark.
fn events(stream: &str) -> Vec<Value> {
    let lines = stream.lines().filter_map(|line| line.strip_prefix("data: ")).filter(|line| *line != "[DONE]");
    lines.map(|line| serde_json::from_str(line).unwrap_or_else(|fault| panic!("{fault}: {line}"))).collect()
}

/// The response that an answer is, or ends with.
#[track_caller]
fn response(answer: &Answer, stream: bool) -> Value {
    if !stream {
        return answer.json();
    }
    let events = events(&answer.body);
    let numbers: Vec<_> = events.iter().map(|event| event["sequence_number"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (0..events.len() as u64).collect::<Vec<_>>(), "{}", answer.body);
    events.last().unwrap()["response"].clone()
}

fn text(response: &Value) -> String {
    let items = response["output"].as_array().unwrap().iter();
    let parts = items.filter(|item| item["type"] == "message").flat_map(|item| item["content"].as_array().unwrap());
    parts.map(|part| part["text"].as_str().unwrap()).collect()
}

#[test]
fn every_provider_answers_in_the_words_of_responses() {
    let house = House::start();
    for stream in [false, true] {
        for model in ["own", "claude", "gpt"] {
            let answer = house.hello(model, stream);
            let of = format!("{model}, streamed: {stream}: {}", answer.body);
            assert_eq!(answer.status, 200, "{of}");
            let response = response(&answer, stream);
            assert_eq!((&response["status"], &response["object"]), (&json!("completed"), &json!("response")), "{of}");
            assert!(response["id"].as_str().unwrap().starts_with("resp_"), "{of}");
            match model {
                "gpt" => assert_eq!(text(&response).split_whitespace().count(), 5, "{of}"),
                _ => assert_eq!(text(&response), scripted::TEXT, "{of}"),
            }
            // OpenAI's own streams have no mark behind their end.
            assert_eq!(answer.body.ends_with("data: [DONE]\n\n"), stream && model != "own", "{of}");
            let record = record(&house.gateway);
            assert_eq!((&record["outcome"], &record["status"]), (&json!("answered"), &json!(200)), "{of}");
        }
    }
}

#[test]
fn what_the_provider_counted_is_charged_and_told() {
    let house = House::start();
    for stream in [false, true] {
        for model in ["own", "claude"] {
            // 10 × 1,000 + 4 × 100 + 2 × 1,250 + 6 × 2,000
            let answer = house.hello(model, stream);
            let usage = response(&answer, stream)["usage"].clone();
            let of = format!("{model}, streamed: {stream}: {}", answer.body);
            assert_eq!((&usage["input_tokens"], &usage["output_tokens"]), (&json!(16), &json!(6)), "{of}");
            let details = &usage["input_tokens_details"];
            assert_eq!((&details["cached_tokens"], &details["cache_write_tokens"]), (&json!(4), &json!(2)), "{of}");
            assert_eq!(usage["cost"].to_string(), "0.0000249", "{of}");
            assert_eq!(answer.header("x-roundelay-cost"), (!stream).then_some("0.0000249"), "{of}");
            let record = record(&house.gateway);
            assert_eq!(record["cost_nano"], 24_900, "{record}");
            let reasoning = if model == "own" { 3 } else { 0 };
            assert_eq!(record["usage"]["reasoning"], reasoning, "{record}");
        }
    }
}

#[test]
fn one_dialect_on_both_sides_passes_byte_for_byte() {
    let house = House::start();
    let body = |model: &str, stream: bool| {
        format!(
            "{{ \"new\": [1.0e2, \"\\u00e9\\/\"],\n\"model\" :\t\"{model}\",\"stream\":{stream}, \"max_output_tokens\":99,\"store\":false,\
             \"tools\":[{{\"type\":\"namespace\",\"name\":\"n\",\"tools\":[]}}],\"client_metadata\":{{\"a\":1}},\
             \"input\":[{{\"type\":\"message\",\"role\":\"user\",\"content\":[{{\"type\":\"input_text\",\"text\":\"Hi\",\"y\":null}}]}}] }}"
        )
    };
    for (stream, script) in [(false, scripted::WHOLE.to_owned()), (true, scripted::stream())] {
        let request = Request::new("POST", "/v1/responses", None)
            .bearer(&house.gateway.key)
            .header("openai-beta", "new=1")
            .header("session-id", "s1")
            .body(&body("own", stream));
        let answer = request.send(house.gateway.callers);
        let (before, after) = script.rsplit_once("\"usage\":{").unwrap();
        assert_eq!(answer.body, format!("{before}\"usage\":{{\"cost\":0.0000249,{after}"));
        let (head, sent) = house.scripted.last();
        assert_eq!(sent, body("gpt-6", stream));
        let head = head.to_lowercase();
        assert!(head.starts_with("post /v1/responses http/1.1\r\n"), "{head}");
        for (field, count) in [
            ("\r\nauthorization: bearer sk-own\r\n", 1),
            ("\r\nopenai-beta: new=1\r\n", 1),
            ("\r\nsession-id: s1\r\n", 1),
        ] {
            assert_eq!(head.matches(field).count(), count, "{field:?} in {head}");
        }
    }
}

#[test]
fn callers_of_other_dialects_are_answered_by_who_speaks_responses_alone() {
    let house = House::start();
    let said = json!([{ "role": "user", "content": "Hello" }]);
    for stream in [false, true] {
        for path in ["/v1/chat/completions", "/v1/messages", "/v1/responses"] {
            let input = if path == "/v1/responses" { "input" } else { "messages" };
            let mut body = json!({ "model": "sole", "stream": stream, input: said });
            if path == "/v1/messages" {
                body["max_tokens"] = json!(64);
            }
            let answer = Request::post(path, &body).bearer(&house.gateway.key).send(house.gateway.callers);
            let of = format!("{path}, streamed: {stream}: {}", answer.body);
            assert!(answer.status == 200 && answer.body.contains("Hello there,"), "{of}");
            let (head, sent) = house.scripted.last();
            assert!(head.starts_with("POST /v1/responses "), "{head}");
            let sent: Value = serde_json::from_str(&sent).unwrap();
            assert_eq!(sent["input"][0]["content"], "Hello", "{sent}");
            let record = record(&house.gateway);
            assert_eq!((&record["outcome"], &record["cost_nano"]), (&json!("answered"), &json!(24_900)), "{of}");
        }
    }
    let body = json!({ "model": "sole-cut", "stream": true, "messages": said });
    let answer = Request::post("/v1/chat/completions", &body).bearer(&house.gateway.key).send(house.gateway.callers);
    assert!(answer.body.contains("\"error\":{") && !answer.body.contains("[DONE]"), "{}", answer.body);
    let legacy = json!({ "model": "sole", "prompt": "Hello" });
    let answer = Request::post("/v1/completions", &legacy).bearer(&house.gateway.key).send(house.gateway.callers);
    assert_ne!(answer.status, 200, "{}", answer.body);
}

#[test]
fn before_content_another_dialect_may_answer() {
    let house = House::start();
    for stream in [false, true] {
        for pool in ["own-down-gpt", "own-down-late-claude", "claude-down-own", "own-down-late-gpt"] {
            let answer = house.hello(pool, stream);
            let of = format!("{pool}, streamed: {stream}: {}", answer.body);
            assert_eq!(answer.status, 200, "{of}");
            assert_ne!(answer.header("x-roundelay-attempts"), Some("1"), "{of}");
            assert!(!text(&response(&answer, stream)).is_empty(), "{of}");
            assert!(!answer.body.contains("had an error"), "{of}");
        }
        let answer = house.hello("own-down", stream);
        assert!(answer.json()["error"]["code"].is_string(), "{}", answer.body);
        assert!(answer.status >= 400, "{}", answer.body);
    }
}

#[test]
fn a_stream_that_breaks_off_fails_in_its_own_words() {
    let house = House::start();
    for model in ["own-cut", "own-fails", "claude-cut", "gpt-cut"] {
        let answer = house.hello(model, true);
        assert_eq!(answer.status, 200, "{model}: {}", answer.body);
        let events = events(&answer.body);
        let response = response(&answer, true);
        assert_eq!(response["status"], "failed", "{model}: {}", answer.body);
        let [.., error, failed] = &events[..] else { panic!("{}", answer.body) };
        assert_eq!((&error["type"], &failed["type"]), (&json!("error"), &json!("response.failed")), "{}", answer.body);
        assert!(error["error"]["message"].is_string() && error["message"].is_string(), "{}", answer.body);
        assert_eq!(response["id"], events[0]["response"]["id"], "{}", answer.body);
        assert!(answer.body.contains("response.output_text.delta"), "{}", answer.body);
        assert!(!answer.body.contains("[DONE]") && !answer.body.contains("response.completed"), "{}", answer.body);
        assert_eq!(answer.body.matches("\"type\":\"error\"").count(), 1, "{}", answer.body);
        assert_eq!(record(&house.gateway)["outcome"], "cut");
    }
}

#[test]
fn a_silent_upstream_is_covered_by_comments() {
    let house = House::start();
    let answer = house.hello("own-slow", true);
    assert!(answer.body.starts_with(": keep-alive\n\n"), "{}", answer.body);
    assert_eq!(response(&answer, true)["status"], "completed");
}

#[test]
fn namespaces_are_flattened_for_those_who_have_none_and_calls_are_named_back() {
    let house = House::start();
    let tools = json!([
        { "type": "namespace", "name": "files", "description": "Files",
          "tools": [{ "type": "function", "name": "get_weather", "parameters": { "type": "object", "properties": {} } }] },
        { "type": "web_search" },
        { "type": "custom", "name": "apply" }
    ]);
    for stream in [false, true] {
        let body = json!({ "model": "gpt-tool", "stream": stream, "input": [
                { "role": "user", "content": "Hello" },
                { "type": "function_call", "call_id": "c0", "namespace": "files", "name": "get_weather", "arguments": "{}" },
                { "type": "function_call_output", "call_id": "c0", "output": "sunny" }
            ], "tools": tools, "reasoning": { "summary": "auto" }, "store": false,
            "include": ["reasoning.encrypted_content"], "client_metadata": { "x": "y" }, "prompt_cache_key": "k" });
        let answer = house.ask(&body);
        assert_eq!(answer.status, 200, "{}", answer.body);
        let sent: Value = serde_json::from_slice(&house.gpt.control.last_request().unwrap().body).unwrap();
        let names: Vec<_> = sent["tools"].as_array().unwrap().iter().map(|tool| &tool["function"]["name"]).collect();
        assert!(names.contains(&&json!("files__get_weather")), "{sent}");
        assert_eq!(sent["messages"][1]["tool_calls"][0]["function"]["name"], "files__get_weather", "{sent}");
        let dropped = answer.header("x-roundelay-dropped").unwrap_or_default();
        assert!(dropped.contains("tools[1]"), "{dropped}");
        let response = response(&answer, stream);
        let call = response["output"].as_array().unwrap().iter().find(|item| item["type"] == "function_call").unwrap();
        let name = (&call["namespace"], &call["name"]);
        // The rehearsal calls the first tool there is.
        assert_eq!(name, (&json!("files"), &json!("get_weather")), "{}", answer.body);
        assert!(serde_json::from_str::<Value>(call["arguments"].as_str().unwrap()).is_ok(), "{call}");
    }
}

#[test]
fn a_request_that_is_none_is_told_why() {
    let house = House::start();
    for (body, status, code) in [
        (json!({ "model": "own" }), 400, "missing_required_parameter"),
        (json!({ "model": "own", "input": 7 }), 400, "invalid_type"),
        (json!({ "model": "own", "input": "a", "background": true }), 400, "unsupported_parameter"),
        (json!({ "model": "none", "input": "a" }), 404, "model_not_found"),
        (json!({ "model": "own", "input": "a", "previous_response_id": "resp_x" }), 400, "previous_response_not_found"),
    ] {
        let answer = house.ask(&body);
        assert_eq!((answer.status, &answer.json()["error"]["code"]), (status, &json!(code)), "{}", answer.body);
    }
    assert_eq!(house.scripted.count(), 0);
}
