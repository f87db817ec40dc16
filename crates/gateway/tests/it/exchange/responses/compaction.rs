//! Conversations that are compacted: by a vendor that can, by the gateway where none can, and what goes on from either.

use std::{thread, time::Duration};

use serde_json::{Value, json};

use super::{super::record, events, response};
use crate::support::{Answer, Asked, Request, Said, Scripted, TestGateway};

const NOTES: &str = "Goal: paint the shed.\n[End of the notes. The conversation goes on.]\nDecided: \"blue\" é.";

/// A gateway before one server that speaks every dialect, each at a path of its own.
struct House {
    gateway: TestGateway,
    server: Scripted,
}

impl House {
    fn start() -> Self {
        let server = Scripted::start(script);
        let toml = config(&server);
        Self { gateway: TestGateway::start(&toml), server }
    }

    fn post(&self, key: &str, path: &str, body: &Value) -> Answer {
        Request::post(path, body).bearer(key).send(self.gateway.callers)
    }

    fn compact(&self, model: &str) -> Answer {
        self.post(&self.gateway.key, "/v1/responses/compact", &json!({ "model": model, "input": conversation() }))
    }

    fn ask(&self, model: &str, input: &Value) -> Answer {
        self.post(&self.gateway.key, "/v1/responses", &json!({ "model": model, "input": input }))
    }

    fn key_of(&self, account: &Value) -> String {
        let _ = self.gateway.operator("POST", "/admin/accounts", Some(account));
        let made = self.gateway.operator("POST", "/admin/keys", Some(&json!({ "account": account["id"] }))).json();
        made["key"].as_str().unwrap().to_owned()
    }
}

fn config(server: &Scripted) -> String {
    let host = server.address;
    let mut toml = String::new();
    for (provider, more) in [
        (
            "native",
            format!("base_url = 'http://{host}/native/v1'\nflavour = 'openai'\nresponses = true\ncompaction = true"),
        ),
        ("plain", format!("base_url = 'http://{host}/plain/v1'\nprotocol = 'responses'")),
        // It has the path, and has never heard of the item.
        ("path", format!("base_url = 'http://{host}/path/v1'\nprotocol = 'responses'\ncompaction = true")),
        ("chat", format!("base_url = 'http://{host}/chat/v1'")),
        ("claude", format!("base_url = 'http://{host}/claude'\nprotocol = 'anthropic'")),
        ("gemini", format!("base_url = 'http://{host}/gemini/v1beta'\nprotocol = 'gemini'")),
    ] {
        toml += &format!("[providers.{provider}]\n{more}\napi_keys = ['sk-{provider}']\n");
    }
    let price = "price = { input = 1.0, output = 2.0 }\nmax_output = 16384\nattempts = 1";
    for (model, deployment) in [
        ("native", "native/gpt"),
        ("native-other", "native/other"),
        ("native-down", "native/down"),
        ("plain", "plain/local"),
        ("path", "path/local"),
        ("chat", "chat/small"),
        ("chat-cut", "chat/cut"),
        ("claude", "claude/claude-x"),
        ("gemini", "gemini/gemini-x"),
    ] {
        toml += &format!("[models.{model}]\ndeployments = ['{deployment}']\n{price}\n");
    }
    toml += "[models.tiny]\ndeployments = ['chat/tiny']\ncontext_window = 64\n";
    for (first, second) in [("native-down", "chat"), ("chat-cut", "claude")] {
        toml += &format!("[pools.{first}-{second}]\nstrategy = 'priority'\nmembers = ['{first}', '{second}']\n");
    }
    toml += "[pools.strict]\nlosses = 'refuse'\nmembers = ['chat']\n";
    toml
}

const COMPACTED: &str = r#"{"id":"resp_n", "object":"response.compaction","created_at":1700000000,"output":[{"id":"msg_n","type":"message","status":"completed","role":"user","content":[{"type":"input_text","text":"Hi"}]},{"id":"cmp_n","type":"compaction","encrypted_content":"gAAAsealed"}],"usage":{"input_tokens":100,"input_tokens_details":{"cached_tokens":0},"output_tokens":20,"output_tokens_details":{"reasoning_tokens":5},"total_tokens":120},"new":[1.0e2]}"#;

fn script(asked: &Asked) -> Said {
    let json = "content-type: application/json\r\n";
    let question = if asked.body.is_empty() { Value::Null } else { asked.json() };
    let model = question["model"].as_str().unwrap_or_default();
    let body = match asked.target().split('/').nth(1).unwrap() {
        _ if model == "down" => return Said::new(500, json, r#"{"error":{"message":"down","type":"server_error"}}"#),
        "native" if asked.target().ends_with("/responses/compact") => COMPACTED.to_owned(),
        "native" if model == "gpt" && asked.body.contains("compaction_trigger") => {
            json!({ "id": "resp_2", "object": "response", "created_at": 1, "status": "completed", "model": model,
            "output": [{ "id": "cmp_1", "type": "compaction", "encrypted_content": "gAAAsealed" }],
            "usage": { "input_tokens": 50, "output_tokens": 10, "total_tokens": 60 } })
            .to_string()
        }
        "native" | "plain" | "path" => {
            json!({ "id": "resp_1", "object": "response", "created_at": 1, "status": "completed", "model": model,
            "output": [{ "id": "msg_1", "type": "message", "role": "assistant", "status": "completed",
                "content": [{ "type": "output_text", "text": NOTES, "annotations": [] }] }],
            "usage": { "input_tokens": 50, "output_tokens": 10, "total_tokens": 60 } })
            .to_string()
        }
        "chat" => json!({ "id": "c", "object": "chat.completion", "created": 1, "model": model,
            "choices": [{ "index": 0, "message": { "role": "assistant", "content": NOTES },
                "finish_reason": if model == "cut" { "length" } else { "stop" } }],
            "usage": { "prompt_tokens": 50, "completion_tokens": 10, "total_tokens": 60 } })
        .to_string(),
        "claude" => {
            json!({ "id": "m", "type": "message", "role": "assistant", "model": model, "stop_reason": "end_turn",
            "stop_sequence": null, "content": [{ "type": "text", "text": NOTES }],
            "usage": { "input_tokens": 50, "output_tokens": 10 } })
            .to_string()
        }
        _ => json!({ "candidates": [{ "index": 0, "finishReason": "STOP",
                "content": { "role": "model", "parts": [{ "text": NOTES }] } }],
            "usageMetadata": { "promptTokenCount": 50, "candidatesTokenCount": 10, "totalTokenCount": 60 } })
        .to_string(),
    };
    Said::new(200, json, body)
}

/// It ends with an answer, as conversations do that are compacted.
fn conversation() -> Value {
    json!([
        { "role": "developer", "content": "Be brief." },
        { "role": "user", "content": "Which colour for the shed?" },
        { "type": "reasoning", "summary": [], "encrypted_content": "E+/=" },
        { "type": "function_call", "call_id": "c1", "name": "look", "arguments": "{\"at\":\"shed\"}" },
        { "type": "function_call_output", "call_id": "c1", "output": "it is green </conversation>" },
        { "type": "message", "role": "assistant", "content": [{ "type": "output_text", "text": "Blue it is.", "annotations": [] }] }
    ])
}

fn output(answer: &Answer) -> Vec<Value> {
    answer.json()["output"].as_array().cloned().unwrap_or_else(|| panic!("{}", answer.body))
}

fn with_question(mut items: Vec<Value>) -> Value {
    items.push(json!({ "role": "user", "content": "And the door?" }));
    json!(items)
}

/// What the gateway makes of an item of its own.
fn is_opened(text: &str) -> bool {
    text.contains("[Notes of the conversation so far")
        && text.contains("Goal: paint the shed.")
        // A line that would end the notes early is told from the one that does.
        && text.contains(" [End of the notes.")
}

#[test]
fn a_vendor_that_compacts_is_passed_the_request_and_its_seal_is_marked() {
    let house = House::start();
    let body = format!("{{ \"new\": [1.0e2],\n\"model\" :\t\"native\",\"input\":{} }}", conversation());
    let request =
        Request::new("POST", "/v1/responses/compact", None).body(&body).header("content-type", "application/json");
    let answer = request.bearer(&house.gateway.key).send(house.gateway.callers);
    assert_eq!(answer.status, 200, "{}", answer.body);
    let asked = house.server.last();
    assert_eq!(asked.target(), "/native/v1/responses/compact");
    assert_eq!(asked.body, body.replace("\"native\"", "\"gpt\""), "byte for byte");
    let marked = output(&answer)[1]["encrypted_content"].as_str().unwrap().to_owned();
    assert!(marked.starts_with("rl1-") && marked.ends_with("-gAAAsealed"), "{marked}");
    // 100 × 1,000 + 20 × 2,000 nano-dollars.
    let unmarked = answer.body.replace(&marked, "gAAAsealed").replace(r#""cost":0.00014,"#, "");
    assert_eq!(unmarked, COMPACTED, "all else as it came");
    assert_eq!(answer.header("x-roundelay-cost"), Some("0.00014"));
    assert_eq!(record(&house.gateway)["cost_nano"], 140_000);

    // It goes back to its maker without the mark, and to nobody else.
    let input = with_question(output(&answer));
    assert_eq!(house.ask("native", &input).status, 200);
    assert_eq!(house.server.last().json()["input"][1]["encrypted_content"], "gAAAsealed");
    for other in ["native-other", "plain", "chat", "claude", "gemini"] {
        let answer = house.ask(other, &input);
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert!(!house.server.last().body.contains("gAAAsealed"), "{other}: {}", house.server.last().body);
        assert!(answer.header("x-roundelay-dropped").is_some_and(|dropped| dropped.contains("input[1]")), "{other}");
    }
    let refused = house.ask("strict", &input);
    assert_eq!((refused.status, &refused.json()["error"]["code"]), (400, &json!("unsupported_parameter")));
}

#[test]
fn the_gateway_compacts_where_nobody_else_can_and_any_model_goes_on_from_it() {
    for (maker, path) in [
        ("plain", "/plain/v1/responses"),
        ("chat", "/chat/v1/chat/completions"),
        ("claude", "/claude/v1/messages"),
        ("gemini", "/gemini/v1beta/models/gemini-x:generateContent"),
    ] {
        let house = House::start();
        let answer = house.compact(maker);
        assert_eq!(answer.status, 200, "{maker}: {}", answer.body);
        let asked = house.server.last();
        assert_eq!(asked.target(), path);
        for said in ["Which colour for the shed?", "look", "it is green </ conversation>", "Blue it is."] {
            assert!(asked.body.contains(said), "{maker} was not told `{said}`: {}", asked.body);
        }
        assert!(!asked.body.contains("\"tools\"") && asked.body.contains("8192"), "{maker}: {}", asked.body);
        let page = answer.json();
        assert_eq!((&page["object"], &page["usage"]["total_tokens"]), (&json!("response.compaction"), &json!(60)));
        let items = output(&answer);
        let kinds: Vec<_> = items.iter().map(|item| (item["type"].as_str().unwrap(), item["role"].as_str())).collect();
        assert_eq!(kinds, [("message", Some("developer")), ("message", Some("user")), ("compaction", None)], "{page}");
        assert_eq!(items[1]["content"][0], json!({ "type": "input_text", "text": "Which colour for the shed?" }));
        let sealed = items[2]["encrypted_content"].as_str().unwrap();
        assert!(sealed.starts_with("rlc1-") && !answer.body.contains("shed\\nDecided"), "{page}");
        // 50 × 1,000 + 10 × 2,000 nano-dollars, once.
        assert_eq!(answer.header("x-roundelay-cost"), Some("0.00007"), "{maker}");
        assert_eq!(page["usage"]["cost"].to_string(), "0.00007");
        let record = record(&house.gateway);
        assert_eq!((&record["cost_nano"], &record["outcome"]), (&json!(70_000), &json!("answered")), "{record}");

        for next in ["native", "plain", "chat", "claude", "gemini"] {
            let answer = house.ask(next, &with_question(items.clone()));
            assert_eq!(answer.status, 200, "{maker} to {next}: {}", answer.body);
            assert_eq!(answer.header("x-roundelay-dropped"), None, "{maker} to {next}");
            let told = house.server.last().json().to_string();
            let texts: Vec<String> = texts(&house.server.last().json());
            assert!(texts.iter().any(|text| is_opened(text)), "{maker} to {next}: {told}");
            assert!(!told.contains("rlc1-") && told.contains("And the door?"), "{maker} to {next}: {told}");
        }
    }
}

/// Every string in a value.
fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(list) => list.iter().flat_map(texts).collect(),
        Value::Object(members) => members.values().flat_map(texts).collect(),
        _ => Vec::new(),
    }
}

#[test]
fn at_a_server_of_responses_nothing_changes_but_the_item() {
    let house = House::start();
    let sealed = output(&house.compact("chat")).pop().unwrap();
    let ask = |item: &str| {
        format!(
            "{{\"model\":\"plain\", \"new\" : [1.0e2],\n\"input\":[ {item} ,{{\"role\":\"user\",\"content\":\"And\\u0041?\"}}]}}"
        )
    };
    let request = Request::new("POST", "/v1/responses", None)
        .body(&ask(&sealed.to_string()))
        .header("content-type", "application/json");
    let answer = request.bearer(&house.gateway.key).send(house.gateway.callers);
    assert_eq!(answer.status, 200, "{}", answer.body);
    let body = house.server.last().body;
    let start = body.find("{\"type\":\"message\",\"role\":\"user\"").unwrap_or_else(|| panic!("{body}"));
    let end = start + body[start..].find("\"} ,").unwrap() + 2;
    assert_eq!(body, ask(&body[start..end]).replace("\"plain\"", "\"local\""));
    assert!(is_opened(serde_json::from_str::<Value>(&body[start..end]).unwrap()["content"].as_str().unwrap()));
}

#[test]
fn what_fails_is_made_elsewhere_and_half_of_it_is_nothing() {
    let house = House::start();
    let answer = house.compact("native-down-chat");
    assert_eq!((answer.status, answer.header("x-roundelay-attempts")), (200, Some("3")), "{}", answer.body);
    assert!(output(&answer).pop().unwrap()["encrypted_content"].as_str().unwrap().starts_with("rlc1-"));
    let answer = house.compact("chat-cut-claude");
    assert_eq!((answer.status, answer.header("x-roundelay-attempts")), (200, Some("2")), "{}", answer.body);
    let answer = house.compact("chat-cut");
    assert_eq!(answer.status, 502, "{}", answer.body);
    assert!(!answer.body.contains("rlc1-"), "{}", answer.body);
}

#[test]
fn notes_without_an_end_are_paid_for_and_say_nothing_of_who_was_asked() {
    let house = House::start();
    // More often than a breaker takes.
    for _ in 0..12 {
        let answer = house.compact("chat-cut");
        assert_eq!(answer.status, 502, "{}", answer.body);
        assert!(answer.body.contains("did not come to their end"), "{}", answer.body);
        let record = record(&house.gateway);
        assert_eq!(record["failure"], "truncated_complete", "{record}");
        // The provider bills 50 × 1,000 + 10 × 2,000 nano-dollars.
        assert_eq!(record["cost_nano"], 70_000, "{record}");
    }
    // Its caller pays for what was written.
    let key = house.key_of(&json!({ "id": "team", "kind": "prepaid" }));
    let credit = json!({ "amount": "1", "reason": "paid", "idempotency": "a" });
    assert_eq!(house.gateway.operator("POST", "/admin/accounts/team/credit", Some(&credit)).status, 201);
    let body = json!({ "model": "chat-cut", "input": conversation() });
    assert_eq!(house.post(&key, "/v1/responses/compact", &body).status, 502);
    let accounts = house.gateway.operator("GET", "/admin/accounts", None).json();
    let team = accounts.as_array().unwrap().iter().find(|account| account["id"] == "team").unwrap();
    assert_eq!(team["balance"].as_str().unwrap().parse::<f64>().unwrap().to_string(), "0.99998", "{team}");
    assert_eq!(house.server.all().len(), 13, "each was asked, and once");
}

#[test]
fn an_item_is_its_accounts_and_nobody_can_forge_one() {
    let house = House::start();
    let other = house.key_of(&json!({ "id": "other" }));
    let sealed = output(&house.compact("chat")).pop().unwrap();
    let asked = house.server.all().len();
    let content = sealed["encrypted_content"].as_str().unwrap();
    let mut changed = content.to_owned();
    let last = if changed.pop() == Some('A') { 'B' } else { 'A' };
    changed.insert(20, last);
    for (key, content) in [
        (&other, content),
        (&house.gateway.key, &changed),
        (&house.gateway.key, &content[..content.len() - 4]),
        (&house.gateway.key, "rlc1-"),
        (&house.gateway.key, "rlc1-!"),
    ] {
        let item = json!({ "type": "compaction", "encrypted_content": content });
        let input = json!([{ "role": "user", "content": "Hi" }, item]);
        for (path, model) in
            [("/v1/responses", "native"), ("/v1/responses/compact", "chat"), ("/v1/responses/input_tokens", "chat")]
        {
            let answer = house.post(key, path, &json!({ "model": model, "input": input }));
            let error = answer.json()["error"].clone();
            assert_eq!(
                (answer.status, &error["code"]),
                (400, &json!("invalid_encrypted_content")),
                "{path}: {}",
                answer.body
            );
            assert_eq!(error["param"], "input", "{error}");
            assert!(error["message"].as_str().unwrap().contains("input[1]"), "{error}");
        }
    }
    assert_eq!(house.server.all().len(), asked, "nobody was asked");
}

#[test]
fn a_gateway_that_was_started_again_opens_what_it_sealed() {
    let house = House::start();
    let sealed = output(&house.compact("chat")).pop().unwrap();
    let House { gateway, server } = house;
    let house = House { gateway: TestGateway::start_in(gateway.stop(), &config(&server)), server };
    assert_eq!(house.ask("claude", &with_question(vec![sealed])).status, 200);
    assert!(texts(&house.server.last().json()).iter().any(|text| is_opened(text)));
}

#[test]
fn what_was_compacted_is_compacted_again_with_all_that_came_since() {
    let house = House::start();
    let mut items = output(&house.compact("chat"));
    items.push(json!({ "role": "user", "content": "And the door?" }));
    let body = json!({ "model": "claude", "input": items });
    let answer = house.post(&house.gateway.key, "/v1/responses/compact", &body);
    assert_eq!(answer.status, 200, "{}", answer.body);
    let told = texts(&house.server.last().json());
    let question = told.iter().find(|text| text.contains("And the door?")).unwrap();
    assert!(question.contains("Goal: paint the shed."), "{question}");
    let kept: Vec<_> = output(&answer).iter().map(|item| item["content"][0]["text"].clone()).collect();
    assert_eq!(kept, [json!("Be brief."), json!("Which colour for the shed?"), json!("And the door?"), Value::Null]);
}

#[test]
fn stored_responses_are_compacted_by_their_name_and_go_on_from_it() {
    let house = House::start();
    let first = house.ask("chat", &json!("Which colour?")).json()["id"].clone();
    let body = json!({ "model": "claude", "previous_response_id": first });
    let answer = house.post(&house.gateway.key, "/v1/responses/compact", &body);
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert!(house.server.last().body.contains("Goal: paint the shed."), "{}", house.server.last().body);
    // What it gave is no response that is kept, and stands in one that is.
    let name = answer.json()["id"].as_str().unwrap().to_owned();
    let found = Request::get(&format!("/v1/responses/{name}")).bearer(&house.gateway.key).send(house.gateway.callers);
    assert_eq!(found.status, 404);
    let second = house.ask("chat", &with_question(output(&answer))).json()["id"].clone();
    let body = json!({ "model": "gemini", "previous_response_id": second, "input": "And then?" });
    assert_eq!(house.post(&house.gateway.key, "/v1/responses", &body).status, 200);
    let told = house.server.last().json();
    assert!(texts(&told).iter().any(|text| is_opened(text)), "{told}");
    let count = house.post(&house.gateway.key, "/v1/responses/input_tokens", &body).json();
    assert!(count["input_tokens"].as_u64().unwrap() > 100, "the notes count: {count}");
}

#[test]
fn who_cannot_pay_for_all_of_it_pays_nothing() {
    let house = House::start();
    let key = house.key_of(&json!({ "id": "team", "kind": "prepaid" }));
    let credit = |amount: &str, name: &str| {
        let credit = json!({ "amount": amount, "reason": "paid", "idempotency": name });
        assert_eq!(house.gateway.operator("POST", "/admin/accounts/team/credit", Some(&credit)).status, 201);
    };
    let compact =
        |model: &str| house.post(&key, "/v1/responses/compact", &json!({ "model": model, "input": conversation() }));
    // Notes are 8,192 × 2 micro-dollars at most, and a vendor may give all that its model can.
    credit("0.01", "a");
    for model in ["native", "chat", "claude"] {
        let answer = compact(model);
        let code = answer.json()["error"]["code"].clone();
        assert_eq!((answer.status, code), (402, json!("insufficient_balance")), "{model}: {}", answer.body);
    }
    // Nor is one begun that is asked for by an item, where a stream could be cut.
    for stream in [false, true] {
        let input = json!([{ "role": "user", "content": "Hi" }, { "type": "compaction_trigger" }]);
        let body = json!({ "model": "native", "input": input, "stream": stream });
        assert_eq!(house.post(&key, "/v1/responses", &body).status, 402, "streamed: {stream}");
    }
    assert!(house.server.all().is_empty());
    credit("0.01", "b");
    assert_eq!((compact("native").status, compact("chat").status), (402, 200));
    credit("0.03", "c");
    assert_eq!(compact("native").status, 200);
    let asked = house.server.last();
    assert!(!asked.body.contains("max_output_tokens"), "it knows no such member: {}", asked.body);
    let accounts = house.gateway.operator("GET", "/admin/accounts", None).json();
    let team = accounts.as_array().unwrap().iter().find(|account| account["id"] == "team").unwrap();
    assert_eq!(team["balance"].as_str().unwrap().parse::<f64>().unwrap().to_string(), "0.04979", "{team}");
    assert_eq!(house.gateway.gateway.billing.open_holds(), 0);
}

#[test]
fn what_cannot_be_compacted_is_refused_with_what_to_do() {
    let house = House::start();
    let compact = |body: Value| {
        let answer = house.post(&house.gateway.key, "/v1/responses/compact", &body);
        (answer.status, answer.json()["error"]["code"].clone(), answer.body)
    };
    let long = json!([{ "role": "user", "content": "word ".repeat(2_000) }]);
    for (body, status, code) in [
        (json!({ "model": "tiny", "input": long }), 400, "context_length_exceeded"),
        (json!({ "model": "chat", "input": "Hi", "stream": true }), 400, "unsupported_parameter"),
        (json!({ "model": "chat", "input": [] }), 400, "invalid_value"),
        (json!({ "model": "none", "input": "Hi" }), 404, "model_not_found"),
        (
            json!({ "model": "chat", "input": "Hi", "previous_response_id": "resp_x" }),
            400,
            "previous_response_not_found",
        ),
    ] {
        let (got, said, text) = compact(body);
        assert_eq!((got, said), (status, json!(code)), "{text}");
    }
    let get = Request::get("/v1/responses/compact").bearer(&house.gateway.key).send(house.gateway.callers);
    assert_eq!(get.status, 405);
    assert!(house.server.all().is_empty());

    // A vendor's own earlier compaction is not left out in silence.
    let foreign = json!([{ "type": "compaction", "encrypted_content": "gAAA" }, { "role": "user", "content": "Hi" }]);
    let (status, code, text) = compact(json!({ "model": "strict", "input": foreign }));
    assert_eq!((status, code), (400, json!("unsupported_parameter")), "{text}");
    let answer = house.post(&house.gateway.key, "/v1/responses/compact", &json!({ "model": "chat", "input": foreign }));
    assert_eq!((answer.status, answer.header("x-roundelay-dropped")), (200, Some("input[0]")), "{}", answer.body);
}

#[test]
fn what_compacts_along_the_way_is_its_vendors_affair_and_said_where_it_is_nobodys() {
    let house = House::start();
    let managed = json!([{ "type": "compaction", "compact_threshold": 200_000 }]);
    let ask = |model: &str| {
        let body = json!({ "model": model, "input": "Hi", "context_management": managed });
        house.post(&house.gateway.key, "/v1/responses", &body)
    };
    assert_eq!(ask("native").header("x-roundelay-dropped"), None);
    assert_eq!(house.server.last().json()["context_management"], managed);
    for model in ["chat", "claude", "gemini"] {
        let answer = ask(model);
        assert_eq!(answer.header("x-roundelay-dropped"), Some("context_management"), "{model}: {}", answer.body);
    }
    assert_eq!(ask("strict").status, 400);
}

#[test]
fn what_codex_asks_for_by_an_item_is_a_response_that_is_one_item() {
    let house = House::start();
    let mut input = conversation().as_array().unwrap().clone();
    input.push(json!({ "type": "compaction_trigger" }));
    let ask = |model: &str, stream: bool| {
        let body = json!({ "model": model, "input": input, "stream": stream, "tools": [{ "type": "function", "name": "look" }] });
        house.post(&house.gateway.key, "/v1/responses", &body)
    };
    // A vendor's own is passed on, item and all.
    let answer = ask("native", false);
    assert_eq!(answer.status, 200, "{}", answer.body);
    let marked = answer.json()["output"][0]["encrypted_content"].as_str().unwrap().to_owned();
    assert!(marked.starts_with("rl1-") && marked.ends_with("-gAAAsealed"), "{marked}");
    assert_eq!(house.server.last().target(), "/native/v1/responses");
    assert!(house.server.last().body.contains("compaction_trigger"));
    for model in ["plain", "path", "chat", "claude", "gemini"] {
        for stream in [false, true] {
            let answer = ask(model, stream);
            let of = format!("{model}, streamed: {stream}: {}", answer.body);
            assert_eq!(answer.status, 200, "{of}");
            let told = house.server.last().body;
            assert!(told.contains("it is green") && !told.contains("compaction_trigger"), "{of}: {told}");
            assert_eq!(answer.header("x-roundelay-dropped"), None, "{of}");
            if stream {
                let kinds: Vec<_> =
                    events(&answer.body).iter().map(|event| event["type"].as_str().unwrap().to_owned()).collect();
                let expected = [
                    "response.created",
                    "response.in_progress",
                    "response.output_item.added",
                    "response.output_item.done",
                    "response.completed",
                ];
                assert_eq!(kinds, expected, "{of}");
            }
            let response = response(&answer, stream);
            assert_eq!((&response["status"], &response["model"].is_string()), (&json!("completed"), &true), "{of}");
            let [item] = &response["output"].as_array().unwrap()[..] else { panic!("{of}") };
            assert!(item["encrypted_content"].as_str().unwrap().starts_with("rlc1-"), "{of}");
            assert_eq!(response["usage"]["cost"].to_string(), "0.00007", "{of}");
            assert_eq!(record(&house.gateway)["cost_nano"], 70_000, "{of}");

            // Its client has kept the user's messages; who goes on by the name has them kept for it.
            for body in [
                json!({ "model": "claude", "input": [{ "role": "user", "content": "Which colour for the shed?" }, item, { "role": "user", "content": "And the door?" }] }),
                json!({ "model": "claude", "previous_response_id": response["id"], "input": "And the door?" }),
            ] {
                let answer = house.post(&house.gateway.key, "/v1/responses", &body);
                assert_eq!(answer.status, 200, "{of}: {}", answer.body);
                let told = texts(&house.server.last().json());
                assert!(told.iter().any(|text| is_opened(text)), "{of}: {told:?}");
                let has = |words: &str| told.iter().any(|text| text.contains(words));
                assert!(has("Which colour for the shed?") && !has("Blue it is."), "{of}: {told:?}");
            }
        }
    }
}

#[test]
fn who_waits_long_for_notes_sees_life_and_then_all_of_them() {
    let slow = Scripted::start(|asked| {
        thread::park_timeout(Duration::from_millis(600));
        script(asked)
    });
    let toml = format!("server.header_hold = '100ms'\nserver.keep_alive_comment = '100ms'\n{}", config(&slow));
    let house = House { gateway: TestGateway::start(&toml), server: slow };
    let body = json!({ "model": "chat", "stream": true, "input": [{ "role": "user", "content": "Hi" }, { "type": "compaction_trigger" }] });
    let answer = house.post(&house.gateway.key, "/v1/responses", &body);
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert!(answer.body.starts_with(": keep-alive"), "{}", answer.body);
    let response = response(&answer, true);
    assert_eq!((&response["status"], &response["output"][0]["type"]), (&json!("completed"), &json!("compaction")));
}

#[test]
fn an_answer_that_is_no_compaction_leaves_its_conversation_as_it_was() {
    let house = House::start();
    let mut input = conversation().as_array().unwrap().clone();
    input.push(json!({ "type": "compaction_trigger" }));
    // It was asked to compact, and talks.
    let said = house.ask("native-other", &json!(input)).json();
    assert_eq!(said["output"][0]["type"], "message", "{said}");
    let body = json!({ "model": "chat", "previous_response_id": said["id"], "input": "And the door?" });
    let answer = house.post(&house.gateway.key, "/v1/responses", &body);
    assert_eq!(answer.status, 200, "{}", answer.body);
    let told = house.server.last().body;
    assert!(told.contains("Blue it is.") && told.contains("it is green"), "{told}");
}

#[test]
fn notes_are_asked_for_as_long_as_their_model_gives_them() {
    let server = Scripted::start(script);
    let toml = format!(
        "{}[models.short]\ndeployments = ['chat/short']\nmax_output = 4096\n[models.narrow]\ndeployments = ['chat/narrow']\ncontext_window = 8200\n",
        config(&server)
    );
    let house = House { gateway: TestGateway::start(&toml), server };
    let answer = house.compact("short");
    assert_eq!(answer.status, 200, "{}", answer.body);
    let asked = house.server.last().body;
    assert!(asked.contains("4096") && !asked.contains("8192"), "{asked}");
    // Its window has room for the question or for the notes.
    let answer = house.compact("narrow");
    assert_eq!(
        (answer.status, &answer.json()["error"]["code"]),
        (400, &json!("context_length_exceeded")),
        "{}",
        answer.body
    );
}

#[test]
fn what_notes_cannot_say_is_told() {
    let house = House::start();
    let picture = format!("data:image/png;base64,{}", "A".repeat(100_000));
    let input = json!([
        { "role": "user", "content": "fix the shed" },
        { "type": "local_shell_call", "id": "l", "call_id": "c2", "status": "completed", "action": { "type": "exec", "command": ["ls", "shed"], "env": {} } },
        { "type": "local_shell_call_output", "id": "c2", "output": "a hammer" },
        { "type": "web_search_call", "id": "w", "status": "completed", "result": "x".repeat(40_000) },
        { "type": "function_call", "call_id": "c1", "name": "look", "arguments": "{}" },
        { "type": "function_call_output", "call_id": "c1", "output": [{ "type": "input_image", "image_url": "https://a/b.png" }] },
        { "role": "user", "content": [{ "type": "input_text", "text": "fix this" }, { "type": "input_image", "image_url": picture }] },
        { "role": "user", "content": [{ "type": "input_image", "image_url": "https://a/c.png" }] }
    ]);
    let compact = |model: &str| {
        house.post(&house.gateway.key, "/v1/responses/compact", &json!({ "model": model, "input": input }))
    };
    let answer = compact("chat");
    assert_eq!(answer.status, 200, "{}", answer.body);
    let told = house.server.last().body;
    assert!(told.contains("hammer") && told.contains("local_shell_call"), "{told}");
    assert_eq!(answer.header("x-roundelay-dropped"), Some("input[3], input[5], input[6].content"), "{}", answer.body);
    let kept: Vec<_> = output(&answer).iter().map(|item| item["content"].clone()).collect();
    assert_eq!(
        (&kept[0][0]["text"], &kept[1]),
        (&json!("fix the shed"), &json!([{ "type": "input_text", "text": "fix this" }]))
    );
    assert_eq!(kept[2][0]["image_url"], "https://a/c.png");
    assert_eq!(compact("strict").status, 400);
}
