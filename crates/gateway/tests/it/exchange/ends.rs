//! However an exchange ends, its caller can tell, its provider is told, and its record says so.

use std::io::Write as _;
use std::net::TcpStream;

use serde_json::{Value, json};

use super::{ask, config, data, question, record, until};
use crate::support::{TestGateway, Upstream};

/// The record of an exchange: how it ended, its status, its failure, and how each of its attempts ended.
type Row<'a> = (&'a str, u16, Option<&'a str>, &'a [&'a str]);

#[track_caller]
fn check(gateway: &TestGateway, expected: Row<'_>) {
    let record = record(gateway);
    let attempts = record["attempts"].as_array().unwrap();
    let ends: Vec<&str> = attempts.iter().map(|attempt| attempt["outcome"].as_str().unwrap()).collect();
    let (outcome, status) = (record["outcome"].as_str().unwrap(), record["status"].as_u64().unwrap());
    let found: Row<'_> = (outcome, status.try_into().unwrap(), record["failure"].as_str(), &ends);
    assert_eq!(found, expected, "{record}");
    let durations = attempts.iter().all(|attempt| attempt["duration_us"].as_u64().unwrap() > 0);
    assert!(durations && record["duration_us"].as_u64().unwrap() > 0, "{record}");
}

/// Asks a pool whose first member behaves like this, and looks at the record.
#[track_caller]
fn check_exchange(model: &str, scenario: &str, stream: bool, expected: Row<'_>) {
    let (bad, good) = (Upstream::start(), Upstream::start());
    let gateway = TestGateway::start(&config(&bad, &good, scenario, ""));
    let answer = ask(&gateway, &question(model, stream)).send(gateway.callers);
    assert_eq!(answer.status, expected.1, "{}", answer.body);
    check(&gateway, expected);
}

#[test]
fn every_end_is_recorded_with_its_attempts() {
    for stream in [false, true] {
        check_exchange("good", "500", stream, ("answered", 200, None, &["answered"]));
        check_exchange("sturdy", "503", stream, ("answered", 200, None, &["overload", "answered"]));
        check_exchange("sturdy", "silence", stream, ("answered", 200, None, &["first_byte_timeout", "answered"]));
        check_exchange("bad", "503", stream, ("failed", 503, Some("overload"), &["overload"]));
        check_exchange("nobody", "500", stream, ("refused", 404, Some("model_not_found"), &[]));
    }
    check_exchange("bad", "cut-after-3", true, ("cut", 200, Some("mid_stream_error"), &["mid_stream_error"]));
}

/// Asks for a stream that breaks off after three words: what was said, then an error, and no mark of a good end.
#[track_caller]
fn check_cut(scenario: &str) {
    let (bad, good) = (Upstream::start(), Upstream::start());
    let gateway = TestGateway::start(&config(&bad, &good, scenario, ""));
    let answer = ask(&gateway, &question("sturdy", true)).send(gateway.callers);
    let events: Vec<Value> = data(&answer.body)
        .iter()
        .map(|data| serde_json::from_str(data).expect("no mark, and nothing that is no JSON"))
        .collect();
    let words = |chunk: &&Value| chunk["choices"][0]["delta"]["content"].as_str().is_some_and(|word| !word.is_empty());
    assert_eq!(events.iter().filter(words).count(), 3, "{scenario}: {}", answer.body);
    let last = events.last().unwrap();
    assert!(last["error"]["message"].is_string() && last["error"]["code"].is_string(), "{scenario}: {last}");
    assert_eq!(last["choices"][0]["finish_reason"], "error", "{scenario}");
    assert_eq!(good.control.requests(), 0, "{scenario}: what was shown is not replaced");
    check(&gateway, ("cut", 200, Some("mid_stream_error"), &["mid_stream_error"]));
}

#[test]
fn an_answer_that_breaks_off_ends_in_an_error_and_never_as_a_whole_one() {
    check_cut("cut-after-3");
    check_cut("reset-after-3");
    check_cut("end-after-3");
    check_cut("stall-after-3");
    // Apart, so that the words are shown before the error is here.
    check_cut("error-after-3-slow-words-10ms");
}

#[test]
fn an_answer_is_whole_when_its_typed_end_came() {
    let (bad, good) = (Upstream::start(), Upstream::start());
    for scenario in ["missing-done", "malformed-event-3", "one-byte-writes", "reasoning-3", "tool-calls-2", "no-usage"]
    {
        let gateway = TestGateway::start(&config(&bad, &good, scenario, ""));
        let answer = ask(&gateway, &question("bad", true)).send(gateway.callers);
        assert!(answer.body.ends_with("data: [DONE]\n\n"), "{scenario}: {}", answer.body);
        assert_eq!(answer.body.matches("[DONE]").count(), 1, "{scenario}");
        check(&gateway, ("answered", 200, None, &["answered"]));
    }
}

const HOLD: &str = "server.header_hold = '50ms'\nserver.keep_alive_comment = '50ms'";

#[test]
fn a_caller_who_waits_long_sees_life_and_then_the_error_in_band() {
    let (bad, good) = (Upstream::start(), Upstream::start());
    let gateway = TestGateway::start(&config(&bad, &good, "silence", HOLD));
    let mut open = ask(&gateway, &question("bad", true)).open(gateway.callers);
    assert_eq!((open.status, open.piece()), (200, b": keep-alive\n\n".to_vec()));
    let answer = open.finish();
    let comments = answer.body.matches(": keep-alive\n\n").count();
    assert!((1..=10).contains(&comments), "a comment each 50 ms for 250 ms: {}", answer.body);
    let events = data(&answer.body);
    let error: Value = serde_json::from_str(events[0]).unwrap();
    assert_eq!((events.len(), &error["error"]["code"]), (1, &json!("upstream_timeout")), "{}", answer.body);
    assert!(!answer.body.contains("[DONE]"), "{}", answer.body);
    // The record keeps the status that was seen.
    check(&gateway, ("failed", 200, Some("first_byte_timeout"), &["first_byte_timeout"]));
}

#[test]
fn a_caller_who_waits_long_is_answered_all_the_same() {
    let (bad, good) = (Upstream::start(), Upstream::start());
    let gateway = TestGateway::start(&config(&bad, &good, "silence", HOLD));
    let answer = ask(&gateway, &question("sturdy", true)).send(gateway.callers);
    assert!(
        answer.body.starts_with(": keep-alive\n\n") && answer.body.ends_with("data: [DONE]\n\n"),
        "{}",
        answer.body
    );
    // One who does not stream has one status, and waits for it.
    let answer = ask(&gateway, &question("bad", false)).send(gateway.callers);
    assert_eq!(answer.status, 504, "{}", answer.body);
}

/// Leaves while the provider behaves so; with `is_open`, not before the first content was shown.
#[track_caller]
fn check_leaving(model: &str, scenario: &str, stream: bool, is_open: bool) {
    let (bad, good) = (Upstream::start(), Upstream::start());
    let gateway = TestGateway::start(&config(&bad, &good, scenario, "").replace("'250ms'", "'60s'"));
    let upstream = if model == "bad" { &bad } else { &good };
    let body = question(model, stream);
    if is_open {
        let mut open = ask(&gateway, &body).open(gateway.callers);
        assert!(!open.piece().is_empty());
        drop(open);
    } else {
        let mut socket = TcpStream::connect(gateway.callers).unwrap();
        let (key, body) = (&gateway.key, body.to_string());
        let head = format!(
            "POST /v1/chat/completions HTTP/1.1\r\nhost: test\r\nx-api-key: {key}\r\ncontent-length: {}",
            body.len()
        );
        socket.write_all(format!("{head}\r\n\r\n{body}").as_bytes()).unwrap();
        until("the provider is asked", || upstream.control.counts().in_flight == 1);
        drop(socket);
    }
    until("the provider is told", || upstream.control.cancelled() == 1 && upstream.control.counts().in_flight == 0);
    until("the record is there", || record(&gateway)["outcome"] == "abandoned");
    check(&gateway, ("abandoned", 499, None, &["abandoned"]));
    let metrics = gateway.operator("GET", "/metrics", None).body;
    assert!(metrics.contains("\nroundelay_exchanges_in_flight 0\n"), "{metrics}");
    assert_eq!(upstream.control.requests(), 1, "nothing is asked for nobody");
}

#[test]
fn a_caller_who_leaves_takes_the_providers_work_along() {
    check_leaving("slow", "500", true, true);
    check_leaving("slow", "500", false, false);
    check_leaving("bad", "silence", true, false);
    check_leaving("bad", "stall-after-3", true, true);
    check_leaving("bad", "comments", true, false);
}

#[test]
fn a_caller_who_stops_reading_is_not_waited_for() {
    let (bad, good) = (Upstream::start(), Upstream::start());
    let stall = "server.client_write_stall = '2s'";
    // Its provider takes a while for so many words, which is not what is looked at.
    let config = config(&bad, &good, "words-100000", stall).replace("250ms", "30s").replace("100ms", "30s");
    let gateway = TestGateway::start(&config);
    let mut open = ask(&gateway, &question("bad", true)).open(gateway.callers);
    assert!(open.piece().starts_with(b"data: "));
    until("the record is there", || record(&gateway)["outcome"] == "abandoned");
    check(&gateway, ("abandoned", 499, None, &["abandoned"]));
    until("the provider is let go", || bad.control.counts().in_flight == 0);
}
