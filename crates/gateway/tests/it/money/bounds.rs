//! What is set aside is a bound: of all that the body brings, of what it only names, and of what changes the price.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener},
    thread,
    time::{Duration, Instant},
};

use roundelay_ledger::{EntryKind, Money};
use serde_json::{Value, json};

use super::{Team, config, question, stops, sum, works_on};
use crate::support::{Request, TestGateway, Upstream};

/// 0.2 USD: enough for 160,000 tokens of input in their dearest class.
const BALANCE: Money = Money::from_nano(200_000_000);

/// Half a million letters.
fn long() -> String {
    "a".repeat(500_000)
}

/// A question with a part besides its words.
fn with_part(part: &Value) -> Value {
    let mut body = question("words-20", false);
    body["max_tokens"] = 20.into();
    body["messages"][0]["content"] = json!([{ "type": "text", "text": "ten words" }, part]);
    body
}

/// A question with a member besides what it needs.
fn with_member(member: &str, value: &Value) -> Value {
    let mut body = question("words-20", false);
    body["max_tokens"] = 20.into();
    body[member] = value.clone();
    body
}

#[track_caller]
fn check(team: &Team, path: &str, body: &Value, expected: (u16, &Value)) {
    let answer = Request::post(path, body).bearer(&team.key).send(team.gateway.callers);
    let shown: String = body.to_string().chars().take(300).collect();
    assert_eq!((answer.status, &answer.json()["error"]["code"]), expected, "{shown}: {}", answer.body);
}

#[test]
fn whatever_a_provider_may_count_has_to_be_paid() {
    let team = Team::with(BALANCE);
    let (served, short) = ((200, &Value::Null), (402, &"insufficient_balance".into()));
    let chat = "/v1/chat/completions";
    check(&team, chat, &with_member("seed", &1.into()), served);
    check(&team, chat, &with_member("metadata", &json!({ "a": long() })), served);
    check(&team, chat, &with_member("prediction", &json!({ "type": "content", "content": long() })), short);
    check(&team, chat, &with_member("documents", &json!([long()])), short);
    let completion = |suffix: &str| json!({ "model": "words-20", "prompt": "a", "suffix": suffix, "max_tokens": 20 });
    check(&team, "/v1/completions", &completion("."), served);
    check(&team, "/v1/completions", &completion(&long()), short);
    let part = |part: &Value, expected| check(&team, chat, &with_part(part), expected);
    part(&json!({ "type": "file", "file": { "file_id": "file-1" } }), short);
    part(&json!({ "type": "file", "file": { "file_data": "https://example.com/a.pdf" } }), short);
    part(&json!({ "type": "video_url", "video_url": { "url": "https://example.com/a.mp4" } }), short);
    part(&json!({ "type": "input_audio", "input_audio": { "data": "https://example.com/a.mp3" } }), served);
    let data = |length| format!("data:text/plain;base64,{}", "A".repeat(length));
    part(&json!({ "type": "file", "file": { "file_data": data(1 << 20) } }), short);
    part(&json!({ "type": "file", "file": { "file_data": data(400_000) } }), served);
    team.books();
}

#[test]
fn a_model_reads_no_more_than_its_window() {
    let narrow = |config: String| config.replace("attempts = 1", "attempts = 1\ncontext_window = 10_000");
    let team = Team::configured(BALANCE, narrow);
    let file = with_part(&json!({ "type": "file", "file": { "file_id": "file-1" } }));
    check(&team, "/v1/chat/completions", &file, (200, &Value::Null));
    team.books();
}

#[test]
fn limits_of_tokens_go_by_what_is_there() {
    let bank = Upstream::start();
    let gateway = TestGateway::start(&config(&bank));
    let limits = json!({ "limits": { "tokens_per_minute": 10_000 } });
    let made = gateway.operator("POST", "/admin/keys", Some(&limits)).json();
    let file = with_part(&json!({ "type": "file", "file": { "file_id": "file-1" } }));
    let ask = Request::post("/v1/chat/completions", &file).bearer(made["key"].as_str().unwrap());
    assert_eq!(ask.send(gateway.callers).status, 200);
}

#[test]
fn who_has_a_file_read_and_leaves_pays_for_some_of_it() {
    let team = Team::configured(Money::from_nano(10_000_000_000), stops);
    let mut body = with_part(&json!({ "type": "file", "file": { "file_id": "file-1" } }));
    (body["model"], body["stream"]) = ("words-400-slow-words-20ms".into(), true.into());
    body.as_object_mut().unwrap().remove("max_tokens");
    let mut open = team.ask(&body).open(team.gateway.callers);
    let mut shown = String::new();
    while shown.matches("\"content\":\"").count() <= 2 {
        shown.push_str(&String::from_utf8(open.piece()).unwrap());
    }
    drop(open);
    let began = Instant::now();
    while team.gateway.gateway.billing.open_holds() > 0 {
        assert!(began.elapsed() < Duration::from_secs(10), "it never ended");
        thread::park_timeout(Duration::from_millis(5));
    }
    // A tenth of the bound, at 1,000 a token.
    let charged = sum(&team.books(), EntryKind::Charge);
    assert!((46_000_000..48_000_000).contains(&charged), "{charged}");
}

/// A provider that speaks for a second, and is gone.
fn speaker() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        let mut asked = Vec::new();
        while !asked.ends_with(b"}") {
            let mut piece = [0; 4096];
            let length = socket.read(&mut piece).unwrap();
            asked.extend_from_slice(&piece[..length]);
        }
        let second = "A".repeat(64_000);
        let delta = json!({ "audio": { "id": "a", "data": second, "transcript": "hey you" } });
        let event = format!("data: {}\n\n", json!({ "choices": [{ "index": 0, "delta": delta }] }));
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
        write!(socket, "{head}{:x}\r\n{event}\r\n", event.len()).unwrap();
    });
    address
}

#[test]
fn speech_that_was_heard_is_charged_at_its_own_price() {
    let address = speaker();
    let team = Team::configured(Money::from_nano(10_000_000_000), |config| {
        format!(
            "{config}[providers.speaker]\nbase_url = 'http://{address}/v1'\napi_keys = ['sk-speaker']\n\
             [models.speech]\ndeployments = ['speaker/speech']\nattempts = 1\n\
             price = {{ input = 1.0, output = 2.0, audio_output = 100.0 }}\n"
        )
    });
    let mut body = question("speech", true);
    (body["modalities"], body["max_tokens"]) = (json!(["text", "audio"]), 1_000.into());
    let answer = team.ask(&body).send(team.gateway.callers);
    assert!(answer.body.contains("hey you"), "{}", answer.body);
    // Two tokens of its transcript at 2,000, and twenty of speech at 100,000.
    assert_eq!(sum(&team.books(), EntryKind::Charge), 2 * 2_000 + 20 * 100_000);
}

/// What changes a provider's price, and what does not.
fn members() -> [(&'static str, Value, bool); 9] {
    [
        ("service_tier", json!("priority"), true),
        ("service_tier", json!("flex"), false),
        ("models", json!(["dearer"]), true),
        ("route", json!("fallback"), true),
        ("provider", json!({ "order": ["dearer"] }), true),
        ("plugins", json!([{ "id": "web" }]), true),
        ("web_search_options", json!({}), true),
        ("tools", json!([{ "type": "web_search" }]), true),
        ("tools", json!([{ "type": "function", "function": { "name": "f" } }]), false),
    ]
}

#[test]
fn what_may_cost_more_than_its_price_is_refused_where_money_is_limited() {
    let team = Team::with(BALANCE);
    let limited = json!({ "limits": { "spend": [{ "span": "day", "amount": "5" }] } });
    let made = team.gateway.operator("POST", "/admin/keys", Some(&limited)).json();
    for key in [team.key.as_str(), made["key"].as_str().unwrap()] {
        for (member, value, is_dearer) in members() {
            let body = with_member(member, &value);
            let answer = Request::post("/v1/chat/completions", &body).bearer(key).send(team.gateway.callers);
            if !is_dearer {
                assert_eq!(answer.status, 200, "{member}: {value}");
                continue;
            }
            let error = &answer.json()["error"];
            assert_eq!((answer.status, &error["code"]), (400, &"unsupported_parameter".into()), "{member}: {error}");
            assert_eq!(error["param"], member);
            let message = error["message"].as_str().unwrap();
            assert!(message.contains(&format!("`{member}`")) && message.contains("surcharges"), "{message}");
        }
    }
}

#[test]
fn what_may_cost_more_is_served_where_money_is_not_limited_or_an_operator_says_so() {
    let pass: fn(String) -> String = |config| config + "[money]\nsurcharges = 'pass'\n";
    for (adapt, is_prepaid) in [(pass, true), (works_on, false)] {
        let team = Team::configured(BALANCE, adapt);
        let made = team.gateway.operator("POST", "/admin/keys", Some(&json!({}))).json();
        let key = if is_prepaid { team.key.as_str() } else { made["key"].as_str().unwrap() };
        for (member, value, _) in members() {
            let body = with_member(member, &value);
            let answer = Request::post("/v1/chat/completions", &body).bearer(key).send(team.gateway.callers);
            assert_eq!(answer.status, 200, "{member}: {}", answer.body);
        }
    }
}
