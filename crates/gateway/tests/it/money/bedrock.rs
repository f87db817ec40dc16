//! Money at Amazon Bedrock, which counts at the very end, works on when nobody reads, and is told limits in its own words.

use std::{
    thread,
    time::{Duration, Instant},
};

use roundelay_ledger::{EntryKind, Money};
use roundelay_protocol::bedrock::frame;
use serde_json::{Value, json};

use super::{Team, question, sum};
use crate::support::{Asked, Said, Scripted};

/// 10 × 1,000 + 4 × 100 + 2 × 1,250 + 6 × 2,000
const ANSWER: i64 = 24_900;

fn team(balance: i64) -> (Team, Scripted) {
    let aws = Scripted::start(script);
    let provider = format!(
        "[providers.aws]
protocol = 'bedrock'
region = 'us-east-1'
base_url = 'http://{}'
api_keys = ['bedrock-api-key-1']
[models.nova]
deployments = ['aws/amazon.nova-lite-v1:0']
attempts = 1
price = {{ input = 1.0, cache_read = 0.1, cache_write = 1.25, output = 2.0 }}
",
        aws.address
    );
    (Team::configured(Money::from_nano(balance), |config| config + &provider), aws)
}

fn script(asked: &Asked) -> Said {
    let usage = json!({
        "inputTokens": 10, "outputTokens": 6, "totalTokens": 22, "cacheReadInputTokens": 4, "cacheWriteInputTokens": 2
    });
    if asked.target().ends_with("/converse") {
        let message = json!({ "role": "assistant", "content": [{ "text": "Hello there, you" }] });
        let whole = json!({ "output": { "message": message }, "stopReason": "end_turn", "usage": usage });
        return Said::new(200, "content-type: application/json\r\n", whole.to_string());
    }
    let delta = |text| json!({ "contentBlockIndex": 0, "delta": { "text": text } });
    let body =
        frames(&[("messageStart", json!({ "role": "assistant" })), ("contentBlockDelta", delta("Hello there,"))]);
    let later = frames(&[
        ("contentBlockDelta", delta(" you")),
        ("contentBlockStop", json!({ "contentBlockIndex": 0 })),
        ("messageStop", json!({ "stopReason": "end_turn" })),
        ("metadata", json!({ "usage": usage })),
    ]);
    Said { later, ..Said::new(200, "content-type: application/vnd.amazon.eventstream\r\n", body) }
}

fn frames(events: &[(&str, Value)]) -> Vec<u8> {
    let mut out = Vec::new();
    for (kind, payload) in events {
        frame::write(&mut out, "event", kind, payload.to_string().as_bytes());
    }
    out
}

#[test]
fn an_answer_is_charged_by_its_last_frame() {
    for stream in [false, true] {
        let (team, _aws) = team(1_000_000_000);
        let answer = team.ask(&question("nova", stream)).send(team.gateway.callers);
        assert_eq!(answer.status, 200, "{}", answer.body);
        let books = team.books();
        assert_eq!((sum(&books, EntryKind::Charge), sum(&books, EntryKind::Loss)), (ANSWER, 0), "{books:#?}");
    }
}

#[test]
fn who_leaves_pays_what_is_billed_all_the_same() {
    let (team, _aws) = team(1_000_000_000);
    let mut open = team.ask(&question("nova", true)).open(team.gateway.callers);
    let first = open.piece();
    assert!(!String::from_utf8(first).unwrap().contains("you"), "its end is still to come");
    drop(open);
    let began = Instant::now();
    while team.gateway.gateway.billing.open_holds() > 0 {
        assert!(began.elapsed() < Duration::from_secs(10), "the exchange does not end");
        thread::park_timeout(Duration::from_millis(5));
    }
    let books = team.books();
    let found = (sum(&books, EntryKind::Charge), books.iter().any(|entry| entry.row.is_estimated));
    assert_eq!(found, (ANSWER, false), "{books:#?}");
}

#[test]
fn what_there_is_no_money_for_is_not_asked_for() {
    for stream in [false, true] {
        let (rich, aws) = team(1_000_000_000);
        let mut body = question("nova", stream);
        body["max_tokens"] = 4_000.into();
        assert_eq!(rich.ask(&body).send(rich.gateway.callers).status, 200);
        assert_eq!(aws.last().json()["inferenceConfig"]["maxTokens"], 4_000);

        let (short, aws) = team(1_000_000);
        assert_eq!(short.ask(&body).send(short.gateway.callers).status, 200);
        let most = aws.last().json()["inferenceConfig"]["maxTokens"].as_u64().unwrap();
        // A million nano-USD pay for less than 500 tokens of output beside the input.
        assert!((100..500).contains(&most), "{most}");

        let (poor, _aws) = team(1_000);
        let answer = poor.ask(&body).send(poor.gateway.callers);
        assert_eq!(answer.status, 402, "{}", answer.body);
    }
}
