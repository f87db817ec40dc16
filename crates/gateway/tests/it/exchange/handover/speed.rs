//! How long a caller waits for a conversation to be handed over.

use serde_json::{Value, json};

use super::{House, conversation, header, until};

/// A conversation of about 200,000 tokens, as they are estimated.
fn long() -> Value {
    let mut body = conversation("talk");
    let messages = body["messages"].as_array_mut().unwrap();
    let last = messages.split_off(messages.len() - 2);
    for turn in 0..150 {
        let said = format!(
            "In hall {turn} we found vase {} and agreed to keep it; its price is {} euros. ",
            turn * 7,
            turn * 31
        );
        messages.push(json!({ "role": "user", "content": said.repeat(6) }));
        messages.push(json!({ "role": "assistant", "content": said.repeat(20) }));
    }
    messages.extend(last);
    body["max_tokens"] = json!(500);
    body
}

/// The time before the attempt that answers, since the failure before it or the caller's request, in microseconds: the
/// plan, what is prepared, and the money that is set aside.
fn between(house: &House) -> u64 {
    let records = house.gateway.operator("GET", "/admin/exchanges?limit=10", None).json();
    let own = records.as_array().unwrap().iter().find(|record| record["decision"]["purpose"].is_null()).unwrap();
    let attempts = own["attempts"].as_array().unwrap();
    let at = |attempt: &Value, name: &str| attempt[name].as_u64().unwrap();
    let ended = |attempt: &Value| at(attempt, "started_us") + at(attempt, "duration_us");
    let [earlier @ .., last] = &attempts[..] else { panic!("an attempt at least: {own}") };
    at(last, "started_us") - earlier.last().map_or(0, ended)
}

/// The median of some.
fn measured(house: &House, model: &str, expected: &str) -> u64 {
    let mut body = long();
    body["model"] = json!(model);
    let mut times: Vec<u64> = (0..15)
        .map(|_| {
            let answer = house.ask(&body);
            assert_eq!((answer.status, header(&answer, "handover")), (200, Some(expected)), "{}", answer.body);
            between(house)
        })
        .collect();
    times.sort_unstable();
    times[times.len() / 2]
}

/// `cargo test --release -p roundelay --test it handover::speed -- --ignored --nocapture`
#[test]
#[ignore = "a measurement, of a release build alone"]
fn what_a_hand_over_adds_to_a_failover() {
    let wide = "[models.wide]\ndeployments = ['small/wide']\n[pools.wides]\nmembers = ['big']\nfallback = ['wide']\n";
    let extract = House::start(wide);
    extract.falls_ill();
    let passed_on = measured(&extract, "wides", "none");
    let by_rule = measured(&extract, "talk", "extract");
    let warm = House::start("[handover]\nsummariser = 'sum'\nafter = 2000\nevery = 2000\n");
    assert_eq!(warm.ask(&long()).status, 200);
    until("a summary is made", || warm.metric(r#"roundelay_summaries_total{outcome="made"}"#) == 1);
    warm.falls_ill();
    let with_summary = measured(&warm, "talk", "summary");
    let bytes = long().to_string().len();
    println!(
        "a failover of {bytes} bytes: {passed_on} us passed on, {by_rule} us with an extract, {with_summary} us with a summary"
    );
}
