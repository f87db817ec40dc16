//! Callers of OpenAI's dialect and of Anthropic's, at providers of either: each pair, streamed or not.

pub(super) mod claude;
mod counts;
mod own_words;

use serde_json::{Value, json};

use self::claude::Claude;
use super::{data, record};
use crate::support::{Answer, Request, TestGateway, Upstream};

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Caller {
    Chat,
    Messages,
}

pub(super) const BOTH: [Caller; 2] = [Caller::Chat, Caller::Messages];

struct House {
    gateway: TestGateway,
    claude: Claude,
    gpt: Upstream,
}

impl House {
    fn start() -> Self {
        let (claude, gpt) = (Claude::start(), Upstream::start());
        let price = "price = { input = 1.0, cache_read = 0.1, cache_write = 1.25, output = 2.0 }";
        let mut toml = format!(
            "server.header_hold = '100ms'
server.keep_alive_comment = '100ms'
[providers.claude]
protocol = 'anthropic'
base_url = 'http://{}'
api_keys = ['sk-claude']
[providers.gpt]
base_url = '{}'
flavour = 'openai'
api_keys = ['sk-gpt']
timeouts = {{ idle = '250ms' }}
",
            claude.address,
            gpt.base_url()
        );
        for (model, deployment) in [
            ("claude", "claude/claude-opus-4-8"),
            ("claude-down", "claude/overloaded"),
            ("claude-down-late", "claude/overloaded-late"),
            ("claude-cut", "claude/cut"),
            ("claude-slow", "claude/slow"),
            ("claude-tool", "claude/tool"),
            ("claude-bad", "claude/bad"),
            ("claude-forgetful", "claude/forgetful"),
            ("gpt", "gpt/rehearsal-words-5"),
            ("gpt-uncounted", "gpt/rehearsal-words-5-no-usage"),
            ("gpt-cached", "gpt/rehearsal-words-5-cached-4"),
            ("gpt-down", "gpt/rehearsal-503"),
            ("gpt-down-late", "gpt/rehearsal-error-first"),
            ("gpt-cut", "gpt/rehearsal-cut-after-3"),
            ("gpt-tool", "gpt/rehearsal-tool-calls-1"),
        ] {
            toml += &format!("[models.{model}]\ndeployments = ['{deployment}']\nattempts = 1\n{price}\n");
        }
        toml += "[models.claude-exact]\ndeployments = ['claude/forgetful']\nattempts = 1\nlosses = 'refuse'\n";
        for (first, second) in [
            ("claude-down", "gpt"),
            ("claude-down-late", "gpt"),
            ("gpt-down", "claude"),
            ("gpt-down-late", "claude"),
            ("gpt", "claude"),
        ] {
            toml += &format!("[pools.{first}-{second}]\nstrategy = 'priority'\nmembers = ['{first}', '{second}']\n");
        }
        Self { gateway: TestGateway::start(&toml), claude, gpt }
    }

    fn ask(&self, caller: Caller, model: &str, stream: bool) -> Answer {
        let mut body = json!({
            "model": model, "max_tokens": 64, "stream": stream, "temperature": 0.5,
            "messages": [{ "role": "user", "content": "Hello" }]
        });
        if caller == Caller::Chat && stream {
            body["stream_options"] = json!({ "include_usage": true });
        }
        let path = match caller {
            Caller::Chat => "/v1/chat/completions",
            Caller::Messages => "/v1/messages?beta=true",
        };
        Request::post(path, &body).header("x-api-key", &self.gateway.key).send(self.gateway.callers)
    }
}

/// What an answer says, in whatever dialect and form: its text, why it ended, its usage.
#[derive(Debug, PartialEq)]
pub(super) struct Said {
    pub(super) text: String,
    pub(super) stop: Option<String>,
    pub(super) usage: Value,
    pub(super) is_error: bool,
    pub(super) is_ended: bool,
}

pub(super) fn said(caller: Caller, stream: bool, answer: &Answer) -> Said {
    let mut said = Said { text: String::new(), stop: None, usage: Value::Null, is_error: false, is_ended: !stream };
    let events = match stream {
        true => events(&answer.body),
        false => vec![answer.body.clone()],
    };
    for event in events {
        if event == "[DONE]" {
            said.is_ended = true;
            continue;
        }
        let event: Value = serde_json::from_str(&event).unwrap_or_else(|fault| panic!("{fault}: {event}"));
        said.is_error |= event["error"].is_object();
        let (text, stop) = match (caller, stream) {
            (Caller::Chat, true) => (&event["choices"][0]["delta"]["content"], &event["choices"][0]["finish_reason"]),
            (Caller::Chat, false) => {
                (&event["choices"][0]["message"]["content"], &event["choices"][0]["finish_reason"])
            }
            (Caller::Messages, true) => (&event["delta"]["text"], &event["delta"]["stop_reason"]),
            (Caller::Messages, false) => (&event["content"][0]["text"], &event["stop_reason"]),
        };
        said.text += text.as_str().unwrap_or_default();
        said.stop = stop.as_str().map(str::to_owned).or(said.stop);
        said.is_ended |= event["type"] == "message_stop";
        if event["usage"].is_object() {
            said.usage = event["usage"].clone();
        }
    }
    said
}

/// The data of a stream's events, named or not.
fn events(stream: &str) -> Vec<String> {
    let lines = stream.lines().filter_map(|line| line.strip_prefix("data: "));
    lines.map(str::to_owned).collect()
}

#[test]
fn every_caller_is_answered_by_every_provider_in_its_own_words() {
    let house = House::start();
    for caller in BOTH {
        for stream in [false, true] {
            for model in ["claude", "gpt"] {
                let answer = house.ask(caller, model, stream);
                let of = format!("{caller:?} at {model}, streamed: {stream}: {}", answer.body);
                assert_eq!(answer.status, 200, "{of}");
                let said = said(caller, stream, &answer);
                assert!(said.is_ended && !said.is_error, "{of}");
                let stop = if caller == Caller::Chat { "stop" } else { "end_turn" };
                assert_eq!(said.stop.as_deref(), Some(stop), "{of}");
                match model {
                    "claude" => assert_eq!(said.text, claude::TEXT, "{of}"),
                    _ => assert_eq!(said.text.split_whitespace().count(), 5, "{of}"),
                }
                let dropped = answer.header("x-roundelay-dropped").unwrap_or_default();
                let is_dropped = (caller, model) == (Caller::Chat, "claude");
                assert_eq!(dropped.contains("temperature"), is_dropped, "{of}");
                let names = ["request-id", "x-request-id"].map(|name| answer.header(name).is_some());
                assert_eq!(names, [caller == Caller::Messages, true], "{of}");
                let record = record(&house.gateway);
                assert_eq!((&record["outcome"], &record["status"]), (&json!("answered"), &json!(200)), "{of}");
            }
        }
    }
}

#[test]
fn what_the_provider_counted_is_charged_and_told_in_the_callers_words() {
    let house = House::start();
    for caller in BOTH {
        for stream in [false, true] {
            // 10 × 1,000 + 4 × 100 + 2 × 1,250 + 6 × 2,000
            let answer = house.ask(caller, "claude", stream);
            let usage = said(caller, stream, &answer).usage;
            let expected = match caller {
                Caller::Chat => json!([16, 6, 4, 2]),
                Caller::Messages => json!([10, 6, 4, 2]),
            };
            let found = match caller {
                Caller::Chat => {
                    let details = &usage["prompt_tokens_details"];
                    json!([
                        usage["prompt_tokens"],
                        usage["completion_tokens"],
                        details["cached_tokens"],
                        details["cache_write_tokens"]
                    ])
                }
                Caller::Messages => {
                    // The counts of the beginning are not said again at the end.
                    let shown: Value = serde_json::from_str(
                        &events(&answer.body).first().cloned().unwrap_or_else(|| answer.body.clone()),
                    )
                    .unwrap();
                    let all = if stream { &shown["message"]["usage"] } else { &usage };
                    json!([
                        all["input_tokens"],
                        usage["output_tokens"],
                        all["cache_read_input_tokens"],
                        all["cache_creation_input_tokens"]
                    ])
                }
            };
            assert_eq!(found, expected, "{caller:?}, streamed: {stream}: {}", answer.body);
            assert_eq!(usage["cost"].to_string(), "0.0000249", "{caller:?}, streamed: {stream}: {}", answer.body);
            let record = record(&house.gateway);
            assert_eq!(record["cost_nano"], 24_900, "{record}");

            let answer = house.ask(caller, "gpt-cached", stream);
            let usage = said(caller, stream, &answer).usage;
            let cached = match caller {
                Caller::Chat => &usage["prompt_tokens_details"]["cached_tokens"],
                Caller::Messages => &usage["cache_read_input_tokens"],
            };
            assert_eq!(cached, 1, "{caller:?}, streamed: {stream}: {}", answer.body);
            // 1 × 100 + 5 × 2,000
            assert_eq!(usage["cost"].to_string(), "0.0000101", "{caller:?}, streamed: {stream}: {}", answer.body);
        }
    }
}

#[test]
fn before_content_another_dialect_may_answer() {
    let house = House::start();
    for caller in BOTH {
        for stream in [false, true] {
            for (first, second) in [
                ("claude-down", "gpt"),
                ("claude-down-late", "gpt"),
                ("gpt-down", "claude"),
                ("gpt-down-late", "claude"),
            ] {
                let answer = house.ask(caller, &format!("{first}-{second}"), stream);
                let said = said(caller, stream, &answer);
                let of = format!("{caller:?} from {first} to {second}, streamed: {stream}: {}", answer.body);
                assert!(answer.status == 200 && said.is_ended && !said.is_error && !said.text.is_empty(), "{of}");
                let served = answer.header("x-roundelay-deployment").unwrap();
                assert!(served.starts_with(second), "{of}");
            }
        }
    }
}

#[test]
fn a_stream_that_breaks_off_ends_with_an_error_in_the_callers_words() {
    let house = House::start();
    for caller in BOTH {
        for model in ["claude-cut", "gpt-cut"] {
            let answer = house.ask(caller, model, true);
            let said = said(caller, true, &answer);
            let of = format!("{caller:?} at {model}: {}", answer.body);
            assert!(said.is_error && !said.is_ended && !said.text.is_empty(), "{of}");
            assert_eq!(answer.body.contains("event: error\n"), caller == Caller::Messages, "{of}");
            assert_eq!(answer.body.matches("\"error\":{").count(), 1, "{of}");
            assert_eq!(record(&house.gateway)["outcome"], "cut", "{of}");
        }
    }
}

#[test]
fn one_dialect_on_both_sides_passes_byte_for_byte() {
    let house = House::start();
    let body = |model: &str, stream: bool| {
        format!(
            "{{ \"new\": [1.0e2, \"\\u00e9\\/\"],\n\"model\" :\t\"{model}\",\"stream\":{stream}, \"max_tokens\":9,\"temperature\":1.0,\
                 \"system\":[{{\"type\":\"text\",\"text\":\"S\",\"cache_control\":{{\"type\":\"ephemeral\"}}}}],\
                 \"messages\":[{{\"role\":\"user\",\"content\":[{{\"type\":\"text\",\"text\":\"Hi\",\"y\":null}}]}}] }}"
        )
    };
    for (stream, script) in [(false, claude::WHOLE), (true, claude::STREAM)] {
        let request = Request::new("POST", "/anthropic/v1/messages?beta=true&new=%2f%20", None)
            .bearer(&house.gateway.key)
            .header("anthropic-version", "2026-10-21")
            .header("anthropic-beta", "new-2026-11-11")
            .header("openai-organization", "org")
            .header("x-claude-code-agent-id", "agent-7")
            .body(&body("claude", stream));
        let answer = request.send(house.gateway.callers);
        let (before, after) = script.rsplit_once("\"usage\":{").unwrap();
        assert_eq!(answer.body, format!("{before}\"usage\":{{\"cost\":0.0000249,{after}"));
        let (head, sent) = house.claude.last();
        assert_eq!(sent, body("claude-opus-4-8", stream));
        let head = head.to_lowercase();
        assert!(head.starts_with("post /v1/messages?beta=true&new=%2f%20 http/1.1\r\n"), "{head}");
        for (field, count) in [
            ("\r\nx-api-key: sk-claude\r\n", 1),
            ("\r\nanthropic-version: 2026-10-21\r\n", 1),
            ("\r\nanthropic-version", 1),
            ("\r\nanthropic-beta: new-2026-11-11\r\n", 1),
            ("\r\nx-claude-code-agent-id: agent-7\r\n", 1),
            ("\r\nauthorization", 0),
            ("\r\nopenai-", 0),
        ] {
            assert_eq!(head.matches(field).count(), count, "{field:?} in {head}");
        }
    }
}

#[test]
fn a_callers_own_key_in_a_query_goes_no_further() {
    let house = House::start();
    let body = json!({ "model": "claude", "max_tokens": 9, "messages": [{ "role": "user", "content": "x" }] });
    let key = &house.gateway.key;
    for (query, sent) in [(format!("?a=1&key={key}&beta=true"), "?a=1&beta=true"), (format!("?key={key}"), "")] {
        let request = Request::post(&format!("/v1/messages{query}"), &body).bearer(key);
        assert_eq!(request.send(house.gateway.callers).status, 200);
        let head = house.claude.last().0;
        assert!(head.starts_with(&format!("POST /v1/messages{sent} HTTP/1.1\r\n")), "{head}");
    }
    let chat = Request::post("/v1/chat/completions?beta=true", &body).bearer(key);
    assert_eq!(chat.send(house.gateway.callers).status, 200);
    assert!(house.claude.last().0.starts_with("POST /v1/messages HTTP/1.1\r\n"), "it is another dialect's");
}

#[test]
fn a_provider_is_told_in_its_own_words() {
    let house = House::start();
    let answer = house.ask(Caller::Chat, "claude", false);
    assert_eq!(answer.status, 200, "{}", answer.body);
    let (head, sent) = house.claude.last();
    assert!(head.to_lowercase().contains("\r\nanthropic-version: 2023-06-01\r\n"), "{head}");
    let sent: Value = serde_json::from_str(&sent).unwrap();
    assert_eq!((&sent["model"], &sent["max_tokens"]), (&json!("claude-opus-4-8"), &json!(64)), "{sent}");
    assert!(sent["temperature"].is_null(), "{sent}");

    let body = json!({
        "model": "gpt", "max_tokens": 64, "stream": true, "system": "Be brief", "tools": [{ "name": "f", "input_schema": {} }],
        "messages": [{ "role": "user", "content": "Hello" }]
    });
    let request = Request::post("/v1/messages", &body).bearer(&house.gateway.key).header("anthropic-beta", "x");
    assert_eq!(request.send(house.gateway.callers).status, 200);
    let sent = house.gpt.control.last_request().unwrap();
    assert!(sent.headers.iter().all(|(name, _)| !name.starts_with("anthropic-")), "{:?}", sent.headers);
    let sent: Value = serde_json::from_slice(&sent.body).unwrap();
    assert_eq!(
        (&sent["model"], &sent["stream_options"]),
        (&json!("rehearsal-words-5"), &json!({ "include_usage": true }))
    );
    assert_eq!(
        (&sent["max_completion_tokens"], &sent["tools"][0]["function"]["name"]),
        (&json!(64), &json!("f")),
        "{sent}"
    );
    assert_eq!(sent["messages"][1]["content"], "Hello", "{sent}");
}

#[test]
fn calls_of_tools_are_whole_in_either_dialect() {
    let house = House::start();
    for stream in [false, true] {
        let answer = house.ask(Caller::Chat, "claude-tool", stream);
        assert_eq!(said(Caller::Chat, stream, &answer).stop.as_deref(), Some("tool_calls"), "{}", answer.body);
        let mut arguments = String::new();
        for chunk in if stream { data(&answer.body) } else { vec![&*answer.body] } {
            let Ok(chunk) = serde_json::from_str::<Value>(chunk) else { continue };
            let choice = &chunk["choices"][0];
            let call = &choice[if stream { "delta" } else { "message" }]["tool_calls"][0];
            arguments += call["function"]["arguments"].as_str().unwrap_or_default();
        }
        let arguments: Value = serde_json::from_str(&arguments).unwrap();
        assert_eq!(arguments, json!({ "city": "Zürich" }), "{}", answer.body);

        let answer = house.ask(Caller::Messages, "gpt-tool", stream);
        assert_eq!(said(Caller::Messages, stream, &answer).stop.as_deref(), Some("tool_use"), "{}", answer.body);
        assert!(answer.body.contains("\"type\":\"tool_use\""), "{}", answer.body);
    }
}

#[test]
fn a_slow_stream_shows_life_in_the_callers_words() {
    let house = House::start();
    for (caller, sign) in
        [(Caller::Messages, "event: ping\ndata: {\"type\": \"ping\"}\n\n"), (Caller::Chat, ": keep-alive\n\n")]
    {
        let answer = house.ask(caller, "claude-slow", true);
        assert!(answer.body.starts_with(sign), "{caller:?}: {}", answer.body);
        assert!(said(caller, true, &answer).is_ended, "{caller:?}: {}", answer.body);
    }
}

/// A refusal in Anthropic's shape: its status, its type, and the gateway's own code.
#[track_caller]
fn check_refused(answer: &Answer, (status, kind, code): (u16, &str, Option<&str>)) {
    let body = answer.json();
    let error = &body["error"];
    let found = (answer.status, error["type"].as_str().unwrap(), error["code"].as_str());
    assert_eq!(found, (status, kind, code), "{body}");
    assert!(body["type"] == "error" && error["message"].is_string(), "{body}");
}

#[test]
fn refusals_are_in_anthropics_shape() {
    let house = House::start();
    let post = |path: &str, key: &str, body: &Value| Request::post(path, body).bearer(key).send(house.gateway.callers);
    let key = &house.gateway.key;
    let question =
        |model: &str| json!({ "model": model, "max_tokens": 9, "messages": [{ "role": "user", "content": "x" }] });
    let unknown = ("not_found_error", Some("model_not_found"));
    check_refused(&post("/v1/messages", key, &question("nobody")), (404, unknown.0, unknown.1));
    check_refused(&post("/v1/messages/count_tokens", key, &question("nobody")), (404, unknown.0, unknown.1));
    check_refused(
        &post("/v1/messages", "rl-x", &question("gpt")),
        (401, "authentication_error", Some("invalid_api_key")),
    );
    check_refused(&post("/anthropic/v1/nothing", key, &json!({})), (404, "not_found_error", None));
    check_refused(&post("/v1/messages/batches", key, &json!({})), (404, "not_found_error", None));
    check_refused(
        &Request::get("/v1/messages").bearer(key).send(house.gateway.callers),
        (405, "invalid_request_error", None),
    );
    let missing = post("/v1/messages", key, &json!({ "model": "gpt" }));
    check_refused(&missing, (400, "invalid_request_error", Some("missing_required_parameter")));
    check_refused(
        &house.ask(Caller::Messages, "gpt-down", false),
        (503, "overloaded_error", Some("upstream_overloaded")),
    );
    for model in ["claude-bad", "claude-down"] {
        let answer = house.ask(Caller::Messages, model, true);
        let kind = if model == "claude-bad" { (400, "invalid_request_error") } else { (529, "overloaded_error") };
        assert_eq!((answer.status, answer.json()["error"]["type"].as_str().unwrap()), kind, "{}", answer.body);
    }
    // The same failure for a caller of the other dialect.
    let answer = house.ask(Caller::Chat, "claude-bad", false);
    assert_eq!(
        (answer.status, &answer.json()["error"]["type"]),
        (400, &json!("invalid_request_error")),
        "{}",
        answer.body
    );
}

#[test]
fn tokens_are_estimated_before_they_are_sent() {
    let house = House::start();
    let body = json!({ "model": "gpt", "messages": [{ "role": "user", "content": "word ".repeat(1_000) }] });
    let answer =
        Request::post("/v1/messages/count_tokens", &body).bearer(&house.gateway.key).send(house.gateway.callers);
    let tokens = answer.json()["input_tokens"].as_u64().unwrap();
    assert!((1_000..2_000).contains(&tokens), "{}", answer.body);
    assert_eq!(house.gpt.control.last_request().map(|_| ()), None, "nobody is asked");
}

/// A conversation in Anthropic's words, whose last answer has these thoughts.
fn after_thoughts(model: &str, thoughts: &str) -> String {
    format!(
        "{{\"model\":\"{model}\", \"max_tokens\":9,\"messages\":[{{\"role\":\"user\",\"content\":\"x\"}},\
         {{\"role\":\"assistant\",\"content\":[{thoughts}{{\"type\":\"text\",\"text\":\"y\"}}]}}, {{\"role\":\"user\",\"content\":\"z\"}}]}}"
    )
}

fn ask_messages(house: &House, body: &str) -> Answer {
    Request::new("POST", "/v1/messages", None).bearer(&house.gateway.key).body(body).send(house.gateway.callers)
}

#[test]
fn thoughts_of_others_are_left_out_and_the_rest_passes_byte_for_byte() {
    let house = House::start();
    let own = "{\"type\":\"thinking\",\"thinking\":\"a\",\"signature\":\"Sig\"} , ";
    let unsigned = "{\"type\":\"thinking\",\"thinking\":\"a\",\"signature\": \"\"} , ";
    let foreign = "{\"type\":\"redacted_thinking\",\"data\":\"rl1-0000000000000001-Sig\"} , ";
    for (thoughts, sent, dropped) in [
        (own, own, None),
        (unsigned, "", Some("messages[1].content[0]")),
        (foreign, "", Some("messages[1].content[0]")),
    ] {
        let answer = ask_messages(&house, &after_thoughts("claude", thoughts));
        assert_eq!((answer.status, answer.header("x-roundelay-dropped")), (200, dropped), "{}", answer.body);
        assert_eq!(house.claude.last().1, after_thoughts("claude-opus-4-8", sent));
    }
}

#[test]
fn thoughts_that_their_server_refuses_are_left_out_and_it_is_asked_again() {
    let house = House::start();
    let own = "{\"type\":\"thinking\",\"thinking\":\"a\",\"signature\":\"Sig\"},";
    let answer = ask_messages(&house, &after_thoughts("claude-forgetful", own));
    assert_eq!((answer.status, answer.header("x-roundelay-attempts")), (200, Some("1")), "{}", answer.body);
    assert_eq!(answer.header("x-roundelay-dropped"), Some("messages[1].content[0]"));
    assert_eq!(house.claude.last().1, after_thoughts("forgetful", ""));
    let record = record(&house.gateway);
    assert_eq!((&record["outcome"], &record["cost_nano"]), (&json!("answered"), &json!(24_900)), "{record}");
}

#[test]
fn what_its_server_refuses_stays_refused_where_nothing_may_be_left_out() {
    let house = House::start();
    let own = "{\"type\":\"thinking\",\"thinking\":\"a\",\"signature\":\"Sig\"},";
    let answer = ask_messages(&house, &after_thoughts("claude-exact", own));
    assert_eq!((answer.status, answer.header("x-roundelay-dropped")), (400, None), "{}", answer.body);
    assert_eq!(house.claude.last().1, after_thoughts("forgetful", own));
}

#[test]
fn a_tool_loop_whose_thoughts_were_refused_goes_on_without_thinking() {
    let house = House::start();
    let body = |model: &str, thought: &str, thinking: &str| {
        format!(
            "{{\"model\":\"{model}\",\"max_tokens\":2049,\"thinking\":{{{thinking}}},\"messages\":[{{\"role\":\"user\",\"content\":\"x\"}},\
             {{\"role\":\"assistant\",\"content\":[{thought}{{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"f\",\"input\":{{}}}}]}},\
             {{\"role\":\"user\",\"content\":[{{\"type\":\"tool_result\",\"tool_use_id\":\"t\",\"content\":\"4\"}}]}}]}}"
        )
    };
    let (enabled, disabled) = ("\"type\":\"enabled\",\"budget_tokens\":2048", "\"type\":\"disabled\"");
    let own = "{\"type\":\"thinking\",\"thinking\":\"a\",\"signature\":\"Sig\"},";
    let answer = ask_messages(&house, &body("claude-forgetful", own, enabled));
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.header("x-roundelay-dropped"), Some("messages[1].content[0], thinking;changed"));
    assert_eq!(house.claude.last().1, body("forgetful", "", disabled));
}

#[test]
fn who_is_charged_by_an_estimate_is_told_its_numbers() {
    let house = House::start();
    let ask = |path: &str, stream: bool| {
        let mut body = json!({ "model": "gpt-uncounted", "stream": stream });
        match path {
            "/v1/messages" => {
                body["max_tokens"] = json!(64);
                body["messages"] = json!([{ "role": "user", "content": "Hello" }]);
            }
            _ => body["input"] = json!("Hello"),
        }
        let answer = Request::post(path, &body).bearer(&house.gateway.key).send(house.gateway.callers);
        let last = |event: &String| {
            let event: Value = serde_json::from_str(event).ok()?;
            [&event["usage"], &event["response"]["usage"]].into_iter().find(|usage| usage.is_object()).cloned()
        };
        match stream {
            true => events(&answer.body).iter().rev().find_map(last).unwrap_or_default(),
            false => answer.json()["usage"].clone(),
        }
    };
    for (path, stream) in
        [("/v1/messages", true), ("/v1/messages", false), ("/v1/responses", true), ("/v1/responses", false)]
    {
        let usage = ask(path, stream);
        let [input, output] = ["input_tokens", "output_tokens"].map(|class| usage[class].as_u64().unwrap_or_default());
        assert!(input > 0 && output > 0, "{path} {stream}: {usage}");
        let charged = record(&house.gateway)["cost_nano"].as_u64();
        assert_eq!(charged, Some(input * 1_000 + output * 2_000), "{path} {stream}: {usage}");
    }
}

#[test]
fn what_a_model_refuses_is_left_out_and_a_limit_above_its_own_is_lowered() {
    let (claude, gpt) = (Claude::start(), Upstream::start());
    let gateway = TestGateway::start(&format!(
        "[providers.claude]\nprotocol = 'anthropic'\nbase_url = 'http://{}'\napi_keys = ['k']\n\
         [providers.gpt]\nbase_url = '{}'\napi_keys = ['k']\n\
         [models.small]\ndeployments = ['gpt/rehearsal-words-1']\nrefuses = ['sampling', 'forced_tools', 'system']\nmax_output = 100\n\
         [models.any]\ndeployments = ['gpt/rehearsal-words-1']\n\
         [models.brief]\ndeployments = ['claude/x']\nmax_output = 100\ncache = 'auto'\n\
         [models.exact]\ndeployments = ['claude/x']\nlosses = 'refuse'\n\
         [pools.exact-or-any]\nmembers = ['exact', 'any']\nstrategy = 'priority'\nlosses = 'refuse'\n",
        claude.address,
        gpt.base_url()
    ));
    let body = |model: &str| {
        json!({
            "model": model, "max_tokens": 500, "temperature": 0.5, "logit_bias": {"7": 1}, "tool_choice": "required",
            "tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}],
            "messages": [{ "role": "system", "content": "S" }, { "role": "user", "content": "Hello" }]
        })
    };
    let ask =
        |model: &str| Request::post("/v1/chat/completions", &body(model)).bearer(&gateway.key).send(gateway.callers);

    let answer = ask("small");
    let dropped = answer.header("x-roundelay-dropped").unwrap_or_default();
    assert!(answer.status == 200 && dropped.contains("temperature") && dropped.contains("tool_choice"), "{dropped}");
    let sent: Value = serde_json::from_slice(&gpt.control.last_request().unwrap().body).unwrap();
    assert!(sent["temperature"].is_null() && sent["tool_choice"] != "required" && sent["max_tokens"] == 100, "{sent}");
    assert_eq!((&sent["messages"][0]["role"], &sent["logit_bias"]), (&json!("user"), &json!({"7": 1})), "{sent}");

    assert_eq!(ask("brief").status, 200);
    let sent: Value = serde_json::from_str(&claude.last().1).unwrap();
    assert_eq!(sent["max_tokens"], 100, "{sent}");
    let marked = |value: &Value| value.to_string().matches("cache_control").count();
    assert_eq!((marked(&sent["tools"]), marked(&sent["system"]), marked(&sent["messages"])), (1, 1, 1), "{sent}");

    let answer = ask("exact");
    let message = answer.json()["error"]["message"].as_str().unwrap().to_owned();
    assert!(answer.status == 400 && message.contains("`logit_bias`") && message.contains("losses"), "{message}");
    assert_eq!(answer.json()["error"]["param"], "logit_bias", "{}", answer.body);
    let answer = ask("exact-or-any");
    assert_eq!(answer.header("x-roundelay-deployment"), Some("gpt/rehearsal-words-1@any"), "{}", answer.body);
}

#[test]
fn what_a_decoder_does_not_know_may_be_taken_by_the_callers_own_vendor() {
    let house = House::start();
    let body = |model: &str| {
        json!({"model": model, "max_tokens": 9, "messages": [{"role": "referee", "content": "x"}]}).to_string()
    };
    let answer = ask_messages(&house, &body("gpt-claude"));
    assert_eq!((answer.status, answer.header("x-roundelay-attempts")), (200, Some("1")), "{}", answer.body);
    assert!(house.claude.last().1.contains("referee"));
    let answer = ask_messages(&house, &body("gpt"));
    assert_eq!((answer.status, &answer.json()["error"]["type"]), (400, &json!("invalid_request_error")));
}

#[test]
fn who_may_not_be_told_less_is_told_all_that_would_be_left_out() {
    let claude = Claude::start();
    let gateway = TestGateway::start(&format!(
        "[providers.claude]\nprotocol = 'anthropic'\nbase_url = 'http://{}'\napi_keys = ['k']\n\
         [models.any]\ndeployments = ['claude/x']\n\
         [models.exact]\ndeployments = ['claude/x']\nlosses = 'refuse'\n",
        claude.address,
    ));
    let mut messages = Vec::new();
    for turn in 0..5 {
        messages.push(json!({ "role": "user", "name": format!("n{turn}"), "content": "a" }));
        messages.push(json!({ "role": "assistant", "content": "b" }));
    }
    messages.push(json!({ "role": "user", "content": [{ "type": "text", "text": "c" },
        { "type": "input_audio", "input_audio": { "data": "UklGRg==", "format": "wav" } }] }));
    let body = |model: &str| {
        json!({ "model": model, "max_tokens": 9, "messages": messages, "seed": 7, "n": 1, "store": false,
            "tools": [{ "type": "function", "function": { "name": "f" } }] })
    };
    let ask =
        |model: &str| Request::post("/v1/chat/completions", &body(model)).bearer(&gateway.key).send(gateway.callers);
    let answer = ask("any");
    let dropped = answer.header("x-roundelay-dropped");
    assert_eq!(
        (answer.status, dropped),
        (200, Some("messages[].name (5), messages[10].content[1], seed")),
        "{}",
        answer.body
    );
    let record = record(&gateway);
    assert_eq!(record["decision"]["dropped"][0]["place"], "messages[10].content[1]", "{record}");
    assert_eq!(record["decision"]["dropped"][0]["what"], "audio", "{record}");
    assert_eq!(record["decision"]["dropped"][1]["times"], 5, "{record}");

    let answer = ask("exact");
    let error = &answer.json()["error"];
    let message = error["message"].as_str().unwrap();
    assert_eq!((answer.status, &error["param"]), (400, &json!("messages[0].name")), "{}", answer.body);
    for part in [
        "`messages[].name`, 5 times (a member that is not known here)",
        "`messages[10].content[1]` (audio)",
        "`seed` (the provider's dialect has no word for it)",
        "another model or pool",
        "`losses = \"report\"`",
    ] {
        assert!(message.contains(part), "{part}: {message}");
    }
    assert!(!message.contains("`n`") && !message.contains("`store`"), "{message}");
}
