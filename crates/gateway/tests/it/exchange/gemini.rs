//! Gemini's dialect on either side, beside the two others.

pub(crate) mod scripted;
mod vertex;

use serde_json::{Value, json};

use self::scripted::Scripted;
use super::{data, dialects::claude::Claude, record};
use crate::support::{Answer, Request, TestGateway, Upstream};

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Caller {
    Chat,
    Messages,
    Gemini,
}

const ALL: [Caller; 3] = [Caller::Chat, Caller::Messages, Caller::Gemini];

struct House {
    gateway: TestGateway,
    gemini: Scripted,
    claude: Claude,
    gpt: Upstream,
}

impl House {
    fn start() -> Self {
        let (gemini, claude, gpt) = (Scripted::start(), Claude::start(), Upstream::start());
        let mut toml = format!(
            "server.header_hold = '1s'
server.keep_alive_comment = '100ms'
[providers.gemini]
protocol = 'gemini'
base_url = 'http://{}'
api_keys = ['AIza-key']
[providers.locked]
protocol = 'gemini'
base_url = 'http://{}'
api_keys = ['AIza-other']
[providers.claude]
protocol = 'anthropic'
base_url = 'http://{}'
api_keys = ['sk-claude']
[providers.gpt]
base_url = '{}'
flavour = 'openai'
api_keys = ['sk-gpt']
",
            gemini.address,
            gemini.address,
            claude.address,
            gpt.base_url()
        );
        for (model, deployment) in [
            ("pro", "gemini/gemini-3-pro"),
            ("pro-down", "gemini/overloaded"),
            ("pro-down-late", "gemini/overloaded-late"),
            ("pro-malformed", "gemini/malformed"),
            ("pro-empty", "gemini/empty"),
            ("pro-key", "locked/key"),
            ("pro-cut", "gemini/cut"),
            ("pro-late-error", "gemini/late-error"),
            ("pro-slow", "gemini/slow"),
            ("pro-tool", "gemini/tool"),
            ("pro-blocked", "gemini/blocked"),
            ("pro-bad", "gemini/bad"),
            ("claude", "claude/claude-opus-4-6"),
            ("claude-tool", "claude/tool"),
            ("gpt", "gpt/rehearsal-words-5"),
            ("gpt-down", "gpt/rehearsal-503"),
            ("gpt-cut", "gpt/rehearsal-cut-after-3"),
            ("gpt-tool", "gpt/rehearsal-tool-calls-1"),
        ] {
            let price = "price = { input = 1.0, cache_read = 0.1, cache_write = 1.25, output = 2.0 }";
            toml += &format!("[models.{model}]\ndeployments = ['{deployment}']\nattempts = 1\n{price}\n");
        }
        for (first, second) in FALLBACKS {
            toml += &format!("[pools.{first}-{second}]\nstrategy = 'priority'\nmembers = ['{first}', '{second}']\n");
        }
        Self { gateway: TestGateway::start(&toml), gemini, claude, gpt }
    }

    fn ask(&self, caller: Caller, model: &str, stream: bool) -> Answer {
        let mut chat = json!({
            "model": model, "max_tokens": 64, "stream": stream, "temperature": 0.5,
            "messages": [{ "role": "user", "content": "Hello" }]
        });
        let verb = if stream { "streamGenerateContent?alt=sse" } else { "generateContent" };
        let (path, body) = match caller {
            Caller::Chat => {
                if stream {
                    chat["stream_options"] = json!({ "include_usage": true });
                }
                ("/v1/chat/completions".to_owned(), chat)
            }
            Caller::Messages => ("/v1/messages".to_owned(), chat),
            Caller::Gemini => (
                format!("/v1beta/models/{model}:{verb}"),
                json!({
                    "contents": [{ "role": "user", "parts": [{ "text": "Hello" }] }],
                    "generationConfig": { "maxOutputTokens": 64, "temperature": 0.5 }
                }),
            ),
        };
        Request::post(&path, &body).header("x-goog-api-key", &self.gateway.key).send(self.gateway.callers)
    }

    fn post(&self, path: &str, body: &Value) -> Answer {
        Request::post(path, body).bearer(&self.gateway.key).send(self.gateway.callers)
    }
}

const FALLBACKS: [(&str, &str); 9] = [
    ("pro-empty", "gpt"),
    ("pro-down", "gpt"),
    ("pro-down", "claude"),
    ("pro-down-late", "gpt"),
    ("pro-malformed", "gpt"),
    ("pro-malformed", "pro"),
    ("pro-key", "claude"),
    ("gpt-down", "pro"),
    ("pro-down", "pro"),
];

/// What an answer says, in whatever dialect and form: its text, why it ended, its usage.
#[derive(Debug, Default)]
struct Said {
    text: String,
    stop: Option<String>,
    usage: Value,
    is_error: bool,
    is_ended: bool,
}

fn said(caller: Caller, stream: bool, answer: &Answer) -> Said {
    let mut said = Said { is_ended: !stream, ..Said::default() };
    let events = if stream { events(&answer.body) } else { vec![answer.body.clone()] };
    for event in events {
        if event == "[DONE]" {
            said.is_ended = true;
            continue;
        }
        let event: Value = serde_json::from_str(&event).unwrap_or_else(|fault| panic!("{fault}: {event}"));
        said.is_error |= event["error"].is_object();
        let (choice, candidate) = (&event["choices"][0], &event["candidates"][0]);
        let (text, stop) = match (caller, stream) {
            (Caller::Chat, true) => (&choice["delta"]["content"], &choice["finish_reason"]),
            (Caller::Chat, false) => (&choice["message"]["content"], &choice["finish_reason"]),
            (Caller::Messages, true) => (&event["delta"]["text"], &event["delta"]["stop_reason"]),
            (Caller::Messages, false) => (&event["content"][0]["text"], &event["stop_reason"]),
            (Caller::Gemini, _) => (&candidate["content"]["parts"][0]["text"], &candidate["finishReason"]),
        };
        said.text += text.as_str().unwrap_or_default();
        said.stop = stop.as_str().map(str::to_owned).or(said.stop);
        said.is_ended |= event["type"] == "message_stop" || candidate["finishReason"].is_string();
        for usage in [&event["usage"], &event["usageMetadata"]] {
            if usage.is_object() {
                said.usage = usage.clone();
            }
        }
    }
    said
}

/// The data of a stream's events, named or not.
fn events(stream: &str) -> Vec<String> {
    stream.lines().filter_map(|line| line.strip_prefix("data: ")).map(str::to_owned).collect()
}

#[test]
fn every_caller_is_answered_by_every_provider_in_its_own_words() {
    let house = House::start();
    for caller in ALL {
        for stream in [false, true] {
            for model in ["pro", "claude", "gpt"] {
                let answer = house.ask(caller, model, stream);
                let of = format!("{caller:?} at {model}, streamed: {stream}: {}", answer.body);
                assert_eq!(answer.status, 200, "{of}");
                let said = said(caller, stream, &answer);
                assert!(said.is_ended && !said.is_error, "{of}");
                let stop = match caller {
                    Caller::Chat => "stop",
                    Caller::Messages => "end_turn",
                    Caller::Gemini => "STOP",
                };
                assert_eq!(said.stop.as_deref(), Some(stop), "{of}");
                match model {
                    "pro" => assert_eq!(said.text, scripted::TEXT, "{of}"),
                    "claude" => assert_eq!(said.text, super::dialects::claude::TEXT, "{of}"),
                    _ => assert_eq!(said.text.split_whitespace().count(), 5, "{of}"),
                }
                let record = record(&house.gateway);
                assert_eq!((&record["outcome"], &record["status"]), (&json!("answered"), &json!(200)), "{of}");
            }
        }
    }
}

#[test]
fn cached_and_thought_tokens_are_charged_and_told_in_the_callers_words() {
    let house = House::start();
    for caller in ALL {
        for stream in [false, true] {
            let answer = house.ask(caller, "pro", stream);
            let of = format!("{caller:?}, streamed: {stream}: {}", answer.body);
            let usage = said(caller, stream, &answer).usage;
            let (found, expected) = match caller {
                Caller::Chat => {
                    let details = [&usage["prompt_tokens_details"], &usage["completion_tokens_details"]];
                    let cached = &details[0]["cached_tokens"];
                    let thought = &details[1]["reasoning_tokens"];
                    (json!([usage["prompt_tokens"], cached, usage["completion_tokens"], thought]), json!([14, 4, 6, 2]))
                }
                Caller::Messages => (json!([usage["output_tokens"]]), json!([6])),
                Caller::Gemini => (
                    json!([
                        usage["promptTokenCount"],
                        usage["cachedContentTokenCount"],
                        usage["candidatesTokenCount"],
                        usage["thoughtsTokenCount"]
                    ]),
                    json!([14, 4, 4, 2]),
                ),
            };
            assert_eq!(found, expected, "{of}");
            // 10 × 1,000 + 4 × 100 + 6 × 2,000
            assert_eq!(usage["cost"].to_string(), "0.0000224", "{of}");
            assert_eq!(record(&house.gateway)["cost_nano"], 22_400, "{of}");
        }
    }
    let usage = said(Caller::Gemini, true, &house.ask(Caller::Gemini, "claude", true)).usage;
    let found = json!([usage["promptTokenCount"], usage["cachedContentTokenCount"], usage["candidatesTokenCount"]]);
    assert_eq!(found, json!([16, 4, 6]), "{usage}");
    assert_eq!(usage["cost"].to_string(), "0.0000249", "{usage}");
}

#[test]
fn before_content_another_dialect_may_answer() {
    let house = House::start();
    for caller in ALL {
        for stream in [false, true] {
            for (first, second) in FALLBACKS {
                let answer = house.ask(caller, &format!("{first}-{second}"), stream);
                let said = said(caller, stream, &answer);
                let of = format!("{caller:?} from {first} to {second}, streamed: {stream}: {}", answer.body);
                assert!(answer.status == 200 && said.is_ended && !said.is_error && !said.text.is_empty(), "{of}");
                let provider = if second == "pro" { "gemini/gemini-3-pro" } else { second };
                let served = answer.header("x-roundelay-deployment").unwrap();
                assert!(served.starts_with(provider), "{served}: {of}");
            }
        }
    }
}

#[test]
fn a_stream_that_breaks_off_ends_with_an_error_in_the_callers_words() {
    let house = House::start();
    for caller in ALL {
        for model in ["pro-cut", "pro-late-error", "gpt-cut"] {
            let answer = house.ask(caller, model, true);
            let said = said(caller, true, &answer);
            let of = format!("{caller:?} at {model}: {}", answer.body);
            assert!(said.is_error && !said.is_ended && !said.text.is_empty(), "{of}");
            assert_eq!(answer.body.matches("\"error\":").count(), 1, "{of}");
            // Google's clients look for it at the beginning of an event.
            assert_eq!(answer.body.contains("data: {\"error\":{\"code\":502,"), caller == Caller::Gemini, "{of}");
            assert_eq!(record(&house.gateway)["outcome"], "cut", "{of}");
        }
    }
}

#[test]
fn a_blocked_prompt_is_a_refusal_of_the_model_and_nobody_elses() {
    let house = House::start();
    for stream in [false, true] {
        for (caller, stop) in [(Caller::Chat, "content_filter"), (Caller::Messages, "refusal")] {
            let answer = house.ask(caller, "pro-blocked", stream);
            assert_eq!(answer.status, 200, "{}", answer.body);
            assert_eq!(said(caller, stream, &answer).stop.as_deref(), Some(stop), "{}", answer.body);
        }
        let answer = house.ask(Caller::Gemini, "pro-blocked", stream);
        assert!(answer.status == 200 && answer.body.contains("\"blockReason\":\"SAFETY\""), "{}", answer.body);
    }
}

#[test]
fn one_dialect_on_both_sides_passes_byte_for_byte() {
    let house = House::start();
    let body = "{ \"new\": [1.0e2, \"\\u00e9\\/\"],\n\"generation_config\" :\t{\"temperature\":1.0,\"maxOutputTokens\":9},\
                \"contents\":[{\"parts\":[{\"text\":\"Hi\",\"y\":null}],\"role\":\"user\"}] }";
    for (verb, path, script) in [
        ("generateContent", "/v1beta/models/gemini-3-pro:generateContent", scripted::WHOLE),
        (
            "streamGenerateContent?alt=sse",
            "/v1beta/models/gemini-3-pro:streamGenerateContent?alt=sse",
            scripted::STREAM,
        ),
    ] {
        let request = Request::new("POST", &format!("/v1/models/pro:{verb}"), None)
            .header("x-goog-api-key", &house.gateway.key)
            .header("x-goog-api-client", "google-genai-sdk/3.4.0")
            .header("anthropic-version", "x")
            .header("openai-organization", "org")
            .body(body);
        let answer = request.send(house.gateway.callers);
        let (before, after) = script.rsplit_once("\"usageMetadata\": {").unwrap();
        assert_eq!(answer.body, format!("{before}\"usageMetadata\": {{\"cost\":0.0000224,{after}"));
        let (head, sent) = house.gemini.last();
        assert_eq!(sent, body);
        let head = head.to_lowercase();
        assert!(head.starts_with(&format!("post {} http/1.1\r\n", path.to_lowercase())), "{head}");
        for (field, count) in [
            ("\r\nx-goog-api-key: aiza-key\r\n", 1),
            ("\r\nx-goog-", 1),
            ("\r\nauthorization", 0),
            ("\r\nopenai-", 0),
            ("\r\nanthropic-", 0),
        ] {
            assert_eq!(head.matches(field).count(), count, "{field:?} in {head}");
        }
        assert!(!head.contains(&house.gateway.key), "{head}");
    }
}

#[test]
fn a_stream_is_an_array_unless_events_are_asked_for() {
    let house = House::start();
    let body = json!({ "contents": [{ "parts": [{ "text": "Hello" }] }] });
    for model in ["pro", "gpt", "claude"] {
        let answer = house.post(&format!("/v1beta/models/{model}:streamGenerateContent"), &body);
        assert!(answer.header("content-type").unwrap().starts_with("application/json"), "{:?}", answer.headers);
        let elements = answer.json();
        let elements = elements.as_array().unwrap();
        let last = elements.last().unwrap();
        assert_eq!(last["candidates"][0]["finishReason"], "STOP", "{}", answer.body);
        assert!(last["usageMetadata"]["cost"].is_number() && elements.len() > 1, "{}", answer.body);
    }
    let answer = house.post("/v1beta/models/pro-cut:streamGenerateContent", &body);
    let elements = answer.json();
    assert_eq!(elements.as_array().unwrap().last().unwrap()["error"]["code"], 502, "{}", answer.body);
    let answer = house.post("/v1beta/models/pro-slow:streamGenerateContent", &body);
    assert!(answer.body.starts_with("\n") && answer.json().is_array(), "{:?}", answer.body);
}

#[test]
fn a_slow_stream_shows_life_that_googles_clients_pass_over() {
    let house = House::start();
    let answer = house.ask(Caller::Gemini, "pro-slow", true);
    assert!(answer.body.starts_with("\n") && !answer.body.contains("\n:"), "{:?}", answer.body);
    assert!(said(Caller::Gemini, true, &answer).is_ended, "{}", answer.body);
}

#[test]
fn a_provider_is_told_in_geminis_words() {
    let house = House::start();
    let chat = json!({
        "model": "pro", "max_tokens": 64, "stream": true, "reasoning_effort": "low",
        "messages": [{ "role": "system", "content": "Be brief" }, { "role": "user", "content": "Hello" }],
        "tools": [{ "type": "function", "function": { "name": "f", "parameters": { "type": "object" } } }]
    });
    assert_eq!(house.post("/v1/chat/completions", &chat).status, 200);
    let (head, sent) = house.gemini.last();
    assert!(head.starts_with("POST /v1beta/models/gemini-3-pro:streamGenerateContent?alt=sse HTTP/1.1\r\n"), "{head}");
    let sent: Value = serde_json::from_str(&sent).unwrap();
    assert_eq!(sent["systemInstruction"]["parts"][0]["text"], "Be brief", "{sent}");
    assert_eq!(sent["contents"], json!([{ "role": "user", "parts": [{ "text": "Hello" }] }]), "{sent}");
    assert_eq!(sent["generationConfig"]["maxOutputTokens"], 64, "{sent}");
    assert_eq!(sent["generationConfig"]["thinkingConfig"]["thinkingLevel"], "LOW", "{sent}");
    assert_eq!(sent["tools"][0]["functionDeclarations"][0]["name"], "f", "{sent}");
    assert!(sent["model"].is_null() && sent["stream"].is_null(), "{sent}");
}

#[test]
fn a_conversation_with_tools_goes_on_with_its_signatures() {
    let house = House::start();
    for stream in [false, true] {
        let mut messages = vec![json!({ "role": "user", "content": "Weather?" })];
        let ask = |messages: &[Value], stream: bool| {
            house.post("/v1/chat/completions", &json!({ "model": "pro-tool", "stream": stream, "messages": messages }))
        };
        let answer = ask(&messages, stream);
        assert_eq!(said(Caller::Chat, stream, &answer).stop.as_deref(), Some("tool_calls"), "{}", answer.body);
        let message = if stream { assembled(&answer.body) } else { answer.json()["choices"][0]["message"].clone() };
        let calls = message["tool_calls"].as_array().unwrap().clone();
        let ids: Vec<&str> = calls.iter().map(|call| call["id"].as_str().unwrap()).collect();
        assert!(ids.len() == 2 && ids[0] != ids[1] && !ids[0].is_empty(), "{message}");
        messages.push(message);
        for id in &ids {
            messages.push(json!({ "role": "tool", "tool_call_id": id, "content": format!("sun for {id}") }));
        }
        ask(&messages, false);
        let sent: Value = serde_json::from_str(&house.gemini.last().1).unwrap();
        let parts = sent["contents"][1]["parts"].as_array().unwrap();
        let call = parts.iter().find(|part| part["functionCall"]["args"]["city"] == "Zürich").unwrap();
        assert_eq!(call["thoughtSignature"], "c2lnbmVk", "{sent}");
        let results = sent["contents"][2]["parts"].as_array().unwrap();
        assert_eq!(results.len(), 2, "{sent}");
        for (result, id) in results.iter().zip(&ids) {
            assert_eq!(result["functionResponse"]["name"], "f", "{sent}");
            assert_eq!(result["functionResponse"]["response"]["output"], format!("sun for {id}"), "{sent}");
        }
        // What Gemini signed is not for others.
        house.post("/v1/chat/completions", &json!({ "model": "claude", "max_tokens": 9, "messages": messages }));
        assert!(!house.claude.last().1.contains("c2lnbmVk"), "{}", house.claude.last().1);
    }
}

/// The message that the chunks of a stream make.
fn assembled(stream: &str) -> Value {
    let (mut message, mut calls) = (json!({ "role": "assistant", "content": null }), Vec::<Value>::new());
    for chunk in data(stream) {
        let Ok(chunk) = serde_json::from_str::<Value>(chunk) else { continue };
        let delta = &chunk["choices"][0]["delta"];
        for (name, value) in delta.as_object().into_iter().flatten() {
            if name == "reasoning_details" {
                let list = message[name].as_array().cloned().unwrap_or_default();
                message[name] = [list, value.as_array().unwrap().clone()].concat().into();
            }
        }
        for piece in delta["tool_calls"].as_array().into_iter().flatten() {
            let index = usize::try_from(piece["index"].as_u64().unwrap()).unwrap();
            if calls.len() <= index {
                calls.push(piece.clone());
                continue;
            }
            let more = piece["function"]["arguments"].as_str().unwrap_or_default();
            let all = calls[index]["function"]["arguments"].as_str().unwrap_or_default().to_owned() + more;
            calls[index]["function"]["arguments"] = all.into();
            for (name, value) in piece.as_object().unwrap() {
                if !matches!(name.as_str(), "index" | "function" | "id" | "type") {
                    calls[index][name] = value.clone();
                }
            }
        }
    }
    message["tool_calls"] = calls.into();
    message
}

#[test]
fn tools_of_geminis_callers_are_called_by_any_provider() {
    let house = House::start();
    for model in ["claude-tool", "gpt-tool"] {
        for stream in [false, true] {
            let answer = house.ask(Caller::Gemini, model, stream);
            let events = if stream { events(&answer.body) } else { vec![answer.body.clone()] };
            let calls: Vec<Value> = events
                .iter()
                .filter_map(|event| serde_json::from_str::<Value>(event).ok())
                .flat_map(|event| event["candidates"][0]["content"]["parts"].as_array().cloned().unwrap_or_default())
                .filter(|part| part["functionCall"].is_object())
                .collect();
            assert_eq!(calls.len(), 1, "{model}: {}", answer.body);
            let call = &calls[0]["functionCall"];
            assert!(call["args"].is_object() && call["id"].is_string() && call["name"].is_string(), "{call}");
        }
    }
}

#[test]
fn a_key_in_the_url_is_taken_and_goes_nowhere() {
    let house = House::start();
    let body = json!({ "contents": [{ "parts": [{ "text": "Hello" }] }] });
    let key = &house.gateway.key;
    let ask = |path: &str| Request::post(path, &body).send(house.gateway.callers);
    let answer = ask(&format!("/v1beta/models/pro:generateContent?key={key}"));
    assert_eq!(answer.status, 200, "{}", answer.body);
    let answer = ask(&format!("/v1beta/models/pro:streamGenerateContent?alt=sse&key={key}"));
    assert!(said(Caller::Gemini, true, &answer).is_ended, "{}", answer.body);
    assert!(!house.gemini.last().0.contains(key), "{}", house.gemini.last().0);
    let records = house.gateway.operator("GET", "/admin/exchanges?limit=9", None);
    assert!(records.status == 200 && !records.body.contains(&**key), "{}", records.body);
    assert_eq!(ask("/v1beta/models/pro:generateContent?key=rl-nobody").status, 401);
    // On other paths a URL is no place for a key, and a header comes first.
    assert_eq!(ask(&format!("/v1/chat/completions?key={key}")).status, 401);
    let request = Request::post(&format!("/v1beta/models/pro:generateContent?key={key}"), &body).bearer("rl-nobody");
    assert_eq!(request.send(house.gateway.callers).status, 401);
}

/// A refusal in Google's shape: its status, its word, and the gateway's own code.
#[track_caller]
fn check_refused(answer: &Answer, (status, word, reason): (u16, &str, &str)) {
    let body = answer.json();
    let error = &body["error"];
    let details = &error["details"][0];
    assert_eq!((answer.status, &error["code"], &error["status"]), (status, &json!(status), &json!(word)), "{body}");
    assert_eq!(details["reason"], reason, "{body}");
    assert!(error["message"].is_string(), "{body}");
}

#[test]
fn refusals_are_in_googles_shape() {
    let house = House::start();
    let body = json!({ "contents": [{ "parts": [{ "text": "x" }] }] });
    check_refused(&house.post("/v1beta/models/nobody:generateContent", &body), (404, "NOT_FOUND", "model_not_found"));
    check_refused(&house.post("/v1/models/nobody:countTokens", &body), (404, "NOT_FOUND", "model_not_found"));
    check_refused(
        &house.post("/v1/models/pro:generateContent", &json!({ "contents": [] })),
        (400, "INVALID_ARGUMENT", "invalid_value"),
    );
    check_refused(&house.post("/v1beta/models/pro:embedContent", &body), (501, "UNIMPLEMENTED", "not_served"));
    check_refused(&house.post("/v1beta/nothing", &body), (404, "NOT_FOUND", "not_found_error"));
    let get = Request::get("/v1beta/models/pro:generateContent").bearer(&house.gateway.key);
    check_refused(&get.send(house.gateway.callers), (405, "UNIMPLEMENTED", "invalid_request_error"));
    let stranger = Request::post("/v1beta/models/pro:generateContent", &body).bearer("rl-x");
    check_refused(&stranger.send(house.gateway.callers), (401, "UNAUTHENTICATED", "invalid_api_key"));
    for stream in [false, true] {
        let answer = house.ask(Caller::Gemini, "gpt-down", stream);
        check_refused(&answer, (503, "UNAVAILABLE", "upstream_overloaded"));
    }
    let answer = house.ask(Caller::Chat, "pro-bad", false);
    assert_eq!((answer.status, &answer.json()["error"]["type"]), (400, &json!("invalid_request_error")));
    // The gateway's own key is no caller's business.
    assert_eq!(house.ask(Caller::Gemini, "pro-key", false).status, 502);
}

#[test]
fn models_are_listed_in_googles_shape_for_googles_clients() {
    let house = House::start();
    let get = |path: &str| Request::get(path).header("x-goog-api-key", &house.gateway.key).send(house.gateway.callers);
    for path in ["/v1beta/models", "/v1/models?pageSize=50"] {
        let listed = get(path).json();
        let names: Vec<&Value> = listed["models"].as_array().unwrap().iter().map(|model| &model["name"]).collect();
        assert!(names.contains(&&json!("models/pro")), "{listed}");
    }
    assert_eq!(get("/v1beta/models/pro").json()["name"], "models/pro");
    let common = Request::get("/v1/models").bearer(&house.gateway.key).send(house.gateway.callers);
    assert_eq!(common.json()["object"], "list", "{}", common.body);
}

#[test]
fn tokens_are_estimated_before_they_are_sent() {
    let house = House::start();
    let inner = json!({ "contents": [{ "parts": [{ "text": "word ".repeat(1_000) }] }] });
    for body in [inner.clone(), json!({ "generateContentRequest": inner })] {
        let answer = house.post("/v1beta/models/pro:countTokens", &body);
        let tokens = answer.json()["totalTokens"].as_u64().unwrap();
        assert!((1_000..2_000).contains(&tokens), "{}", answer.body);
    }
    assert!(house.gpt.control.last_request().is_none() && house.gemini.last().0.is_empty(), "nobody is asked");
}

#[test]
fn nothing_is_counted_for_who_may_not_ask() {
    let house = House::start();
    let made = |body: Value| house.gateway.operator("POST", "/admin/keys", Some(&body)).json()["key"].clone();
    let body = json!({ "contents": [{ "parts": [{ "text": "x" }] }] });
    let count = |key: &Value| {
        let asked = Request::post("/v1beta/models/pro:countTokens", &body).bearer(key.as_str().unwrap());
        asked.send(house.gateway.callers)
    };
    let narrow = made(json!({ "allowed": ["gpt"] }));
    check_refused(&count(&narrow), (403, "PERMISSION_DENIED", "model_not_allowed"));
    let slow = made(json!({ "limits": { "requests_per_minute": 1 } }));
    assert_eq!(count(&slow).status, 200);
    check_refused(&count(&slow), (429, "RESOURCE_EXHAUSTED", "rate_limit_exceeded"));
}
