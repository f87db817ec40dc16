//! Conversations at providers that speak Anthropic's dialect: their input is counted before their output comes, and
//! what they think is a part of what they may say.

use std::{
    thread,
    time::{Duration, Instant},
};

use roundelay_ledger::{EntryKind, Money};
use serde_json::{Value, json};

use super::{Team, sum};
use crate::support::{Paced, Request, Told};

const START: &str = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"c\",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,\"usage\":{\"input_tokens\":10,\"cache_read_input_tokens\":99000,\"cache_creation_input_tokens\":2,\"output_tokens\":1}}}\n\n";
const BLOCK: &str = "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n";
const TEXT: &str = "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"word\"}}\n\n";
const PING: &str = "event: ping\ndata: {\"type\": \"ping\"}\n\n";
const STOPS: &str = "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n";
const END: &str = "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\",\"stop_sequence\":null},\"usage\":{\"output_tokens\":9}}\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";

/// Seven tokens are written to the cache, five of them for an hour.
const KEPT: &str = r#"{"id":"m","type":"message","role":"assistant","model":"c","content":[{"type":"text","text":"word"}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":10,"cache_creation_input_tokens":7,"cache_creation":{"ephemeral_5m_input_tokens":2,"ephemeral_1h_input_tokens":5},"output_tokens":9}}"#;

/// A provider whose streams go as the names of its models say.
fn claude() -> Paced {
    Paced::start(|heard| {
        let model = heard.body["model"].as_str().unwrap_or_default();
        let body = match model {
            // What was said stands there, and goes on for longer than anybody waits.
            "says" => vec![(0, START), (0, BLOCK), (0, TEXT), (20_000, END)],
            "thinks" => vec![(0, START), (0, BLOCK), (20_000, END)],
            // It works for a second, and shows little of it.
            "works" => vec![(0, START), (0, BLOCK), (0, TEXT), (250, STOPS), (250, BLOCK), (250, STOPS), (250, END)],
            "pings" => vec![(0, START), (0, BLOCK), (0, TEXT), (250, PING), (250, PING), (250, PING), (250, END)],
            _ => vec![(0, START), (0, BLOCK), (0, TEXT), (0, STOPS), (0, END)],
        };
        if heard.body["stream"] == true {
            return Told::events(body);
        }
        if model == "keeps" {
            return Told::json(200, KEPT);
        }
        Told::json(
            200,
            r#"{"id":"m","type":"message","role":"assistant","model":"c","content":[{"type":"text","text":"word"}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":10,"output_tokens":9}}"#,
        )
    })
}

fn team(claude: &Paced, balance: i64, works_on: bool) -> Team {
    Team::configured(Money::from_nano(balance), |config| {
        let models = ["says", "keeps", "thinks", "works", "pings", "claude-3-7-sonnet"];
        let price = "price = { input = 1.0, cache_read = 0.1, cache_write = 1.25, output = 2.0 }";
        let models = models.map(|model| {
            format!("[models.'{model}']\ndeployments = ['claude/{model}']\nattempts = 1\nmax_output = 64000\n{price}\n")
        });
        format!(
            "{config}[providers.claude]\nprotocol = 'anthropic'\nbase_url = 'http://{}'\napi_keys = ['sk-claude']\n\
             stops_on_cancel = {}\ntimeouts = {{ idle = '400ms' }}\n{}",
            claude.address,
            !works_on,
            models.concat()
        )
    })
}

/// A long conversation, which nobody has counted yet.
fn turn(model: &str) -> Value {
    let text = "word ".repeat(40_000);
    json!({ "model": model, "max_tokens": 64, "stream": true, "messages": [{ "role": "user", "content": text }] })
}

fn path(is_chat: bool) -> &'static str {
    if is_chat { "/v1/chat/completions" } else { "/v1/messages" }
}

/// Leaves once so much of the stream was shown; a silent one is left without a word.
fn leave(team: &Team, is_chat: bool, model: &str, until: Option<&str>) {
    let request = Request::post(path(is_chat), &turn(model)).bearer(&team.key);
    match until {
        Some(word) => {
            let mut open = request.open(team.gateway.callers);
            let mut shown = String::new();
            while !shown.contains(word) {
                shown.push_str(&String::from_utf8(open.piece()).unwrap());
            }
        }
        // A caller whose patience is over is one who leaves.
        None => {
            request.header("x-stainless-read-timeout", "1").send(team.gateway.callers);
        }
    }
    let began = Instant::now();
    while team.gateway.gateway.billing.open_holds() > 0 {
        assert!(began.elapsed() < Duration::from_secs(10), "it never ended");
        thread::park_timeout(Duration::from_millis(5));
    }
}

#[test]
fn who_leaves_pays_for_the_input_as_it_was_counted() {
    for is_chat in [false, true] {
        for (model, until, output) in [("says", Some("word"), 2_000), ("thinks", None, 0)] {
            let claude = claude();
            let team = team(&claude, 10_000_000_000, false);
            leave(&team, is_chat, model, until);
            // 10 × 1,000 + 99,000 × 100 + 2 × 1,250, and what was shown.
            let books = team.books();
            let (charged, lost) = (sum(&books, EntryKind::Charge), sum(&books, EntryKind::Loss));
            assert_eq!((charged, lost), (9_912_500 + output, 0), "{model}, chat: {is_chat}: {books:#?}");
            assert!(books.last().unwrap().row.is_estimated, "{books:#?}");
        }
    }
}

#[test]
fn blocks_that_begin_and_end_are_progress_and_pings_are_not() {
    let claude = claude();
    let team = team(&claude, 10_000_000_000, false);
    for is_chat in [false, true] {
        for (model, is_whole) in [("works", true), ("pings", false)] {
            let request = Request::post(path(is_chat), &turn(model)).bearer(&team.key);
            let body = request.send(team.gateway.callers).body;
            let end = if is_chat { "[DONE]" } else { "\"message_stop\"" };
            assert_eq!((body.contains(end), body.contains("\"error\"")), (is_whole, !is_whole), "{model}: {body}");
        }
    }
}

/// A question whose first part is to be kept in the cache for so long.
fn kept(ttl: &str) -> Value {
    let mark = json!({ "type": "ephemeral", "ttl": ttl });
    let system = json!([{ "type": "text", "text": "word ".repeat(2_000), "cache_control": mark }]);
    json!({ "model": "keeps", "max_tokens": 9, "system": system, "messages": [{ "role": "user", "content": "word" }] })
}

#[test]
fn what_is_kept_for_an_hour_costs_what_an_hour_costs() {
    let claude = claude();
    let team = team(&claude, 1_000_000_000, false);
    let answer = Request::post("/v1/messages", &kept("1h")).bearer(&team.key).send(team.gateway.callers);
    // 10 × 1,000 + 2 × 1,250 + 5 × 2,000 + 9 × 2,000
    assert_eq!(answer.json()["usage"]["cost"].to_string(), "0.0000405", "{}", answer.body);
    assert_eq!(sum(&team.books(), EntryKind::Charge), 40_500);
}

#[test]
fn an_hours_price_that_is_written_is_the_one_that_is_charged() {
    let claude = claude();
    let team = Team::configured(Money::from_nano(1_000_000_000), |config| {
        format!(
            "{config}[providers.claude]\nprotocol = 'anthropic'\nbase_url = 'http://{}'\napi_keys = ['sk-claude']\n\
             [models.keeps]\ndeployments = ['claude/keeps']\n\
             price = {{ input = 1.0, cache_write = 1.25, cache_write_long = 1.6, output = 2.0 }}\n",
            claude.address
        )
    });
    let answer = Request::post("/v1/messages", &kept("1h")).bearer(&team.key).send(team.gateway.callers);
    // 10 × 1,000 + 2 × 1,250 + 5 × 1,600 + 9 × 2,000
    assert_eq!(answer.json()["usage"]["cost"].to_string(), "0.0000385", "{}", answer.body);
    assert_eq!(sum(&team.books(), EntryKind::Charge), 38_500);
}

#[test]
fn who_wants_it_kept_for_an_hour_needs_the_money_for_that() {
    // About 5,000 tokens of input: at 1,250 each there is enough, at 2,000 there is not.
    let claude = claude();
    let team = team(&claude, 8_000_000, false);
    for (ttl, status) in [("1h", 402), ("5m", 200)] {
        let answer = Request::post("/v1/messages", &kept(ttl)).bearer(&team.key).send(team.gateway.callers);
        assert_eq!(answer.status, status, "{ttl}: {}", answer.body);
    }
}

/// How much output and how much thought the provider was told of, where there is money for so many tokens of output.
fn told(is_chat: bool, affordable: i64) -> (u16, Option<(u64, u64)>) {
    let claude = claude();
    let team = team(&claude, affordable * 2_000 + 2_500_000, true);
    let mut body = json!({
        "model": "claude-3-7-sonnet", "max_tokens": 32_000, "messages": [{ "role": "user", "content": "word" }]
    });
    if is_chat {
        body["reasoning_effort"] = "high".into();
    } else {
        body["thinking"] = json!({ "type": "enabled", "budget_tokens": 31_999 });
    }
    let answer = Request::post(path(is_chat), &body).bearer(&team.key).send(team.gateway.callers);
    let told = claude.heard().pop().map(|heard| {
        let number = |value: &Value| value.as_u64().unwrap_or_else(|| panic!("{}", heard.body));
        (number(&heard.body["max_tokens"]), number(&heard.body["thinking"]["budget_tokens"]))
    });
    (answer.status, told)
}

#[test]
fn where_money_lowers_what_may_be_said_it_lowers_what_may_be_thought() {
    for is_chat in [false, true] {
        let (status, Some((most, thought))) = told(is_chat, 8_000) else { panic!("nobody was asked") };
        assert_eq!(status, 200);
        assert!((8_000..10_000).contains(&most) && (1_024..most).contains(&thought), "{most}, {thought}");
    }
}

#[test]
fn where_money_has_no_room_for_the_least_thought_it_is_short() {
    for is_chat in [false, true] {
        assert_eq!(told(is_chat, -300), (402, None), "chat: {is_chat}");
    }
}
