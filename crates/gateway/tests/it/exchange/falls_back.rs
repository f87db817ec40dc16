//! While one provider can answer, the caller does not learn that another cannot; when none can, the caller learns why.

use serde_json::{Value, json};

use super::{ask, config, data, question};
use crate::support::{TestGateway, Upstream};

/// The first member of a pool fails so: both kinds of question are answered by the second, whole.
#[track_caller]
fn check(scenario: &str, attempts: u32) {
    let (bad, good) = (Upstream::start(), Upstream::start());
    for stream in [false, true] {
        // A gateway of its own, which has learnt nothing of the first failure.
        let gateway = TestGateway::start(&config(&bad, &good, scenario, ""));
        let answer = ask(&gateway, &question("sturdy", stream)).send(gateway.callers);
        assert_eq!(answer.status, 200, "{scenario}: {}", answer.body);
        assert_eq!(answer.header("x-roundelay-deployment"), Some("good/rehearsal-words-5"), "{scenario}");
        assert_eq!(answer.header("x-roundelay-attempts"), Some(&*attempts.to_string()), "{scenario}");
        assert_eq!(answer.body.ends_with("data: [DONE]\n\n"), stream, "{scenario}: {}", answer.body);
        assert!(!answer.body.contains("\"error\""), "{scenario}: {}", answer.body);
    }
    assert_eq!(good.control.requests(), 2, "{scenario}");
}

#[test]
fn a_failure_before_content_is_replaced_unseen() {
    check("503", 2);
    check("429", 2);
    check("401", 2);
    check("openai:insufficient_quota", 2);
    check("reset-before-headers", 2);
    check("close-before-headers", 2);
    check("garbage", 3);
    check("silence", 2);
    check("html-502", 3);
    check("empty-200", 3);
    check("error-first", 3);
}

#[test]
fn a_stream_that_begins_and_brings_no_content_is_replaced_unseen() {
    let (bad, good) = (Upstream::start(), Upstream::start());
    for scenario in
        ["slow-first-20s", "comments", "empty-choices", "empty-stream", "done-alone", "end-after-0", "cut-after-0"]
    {
        let gateway = TestGateway::start(&config(&bad, &good, scenario, ""));
        let answer = ask(&gateway, &question("sturdy", true)).send(gateway.callers);
        assert_eq!(answer.status, 200, "{scenario}: {}", answer.body);
        assert_eq!(answer.header("x-roundelay-deployment"), Some("good/rehearsal-words-5"), "{scenario}");
        let said: Vec<Value> = data(&answer.body).iter().filter_map(|data| serde_json::from_str(data).ok()).collect();
        let roles = said.iter().filter(|chunk| chunk["choices"][0]["delta"]["role"].is_string()).count();
        assert_eq!(roles, 1, "{scenario}: what was held back is not shown: {}", answer.body);
    }
}

#[test]
fn content_that_came_together_with_its_error_was_not_shown_and_is_replaced() {
    let (bad, good) = (Upstream::start(), Upstream::start());
    let gateway = TestGateway::start(&config(&bad, &good, "error-after-3", ""));
    let answer = ask(&gateway, &question("sturdy", true)).send(gateway.callers);
    assert_eq!(answer.header("x-roundelay-deployment"), Some("good/rehearsal-words-5"), "{}", answer.body);
    assert_eq!(data(&answer.body).len(), 8, "a role, five words, an end and a mark: {}", answer.body);
    assert_eq!(bad.control.requests(), 1, "what has been billed is not asked for twice there");
}

/// Nobody else can answer: the caller sees this status and code, in OpenAI's shape.
#[track_caller]
fn check_alone(scenario: &str, status: u16, code: &str) {
    let (bad, good) = (Upstream::start(), Upstream::start());
    for stream in [false, true] {
        let gateway = TestGateway::start(&config(&bad, &good, scenario, ""));
        let answer = ask(&gateway, &question("bad", stream)).send(gateway.callers);
        let error = &answer.json()["error"];
        assert_eq!((answer.status, &error["code"]), (status, &json!(code)), "{scenario}: {}", answer.body);
        assert!(error["message"].is_string() && error["type"].is_string(), "{}", answer.body);
        assert_eq!(answer.header("content-type"), Some("application/json"), "{scenario}");
        assert!(answer.header("x-roundelay-exchange").is_some_and(|id| id.starts_with("x_")), "{scenario}");
        assert!(!answer.body.contains("<html") && !answer.body.contains("sk-bad"), "{}", answer.body);
        let asks_back = answer.header("x-should-retry") == Some("true");
        assert_eq!(asks_back, answer.header("retry-after").is_some(), "{scenario}: {:?}", answer.headers);
    }
}

#[test]
fn a_failure_that_nobody_can_replace_keeps_its_true_status() {
    check_alone("503", 503, "upstream_overloaded");
    check_alone("500", 502, "upstream_failed");
    check_alone("429", 429, "rate_limit_exceeded");
    check_alone("401", 502, "upstream_auth");
    check_alone("openai:insufficient_quota", 503, "no_deployment_with_credit");
    check_alone("context-length-exceeded", 400, "context_length_exceeded");
    check_alone("model-not-found", 404, "model_not_found");
    check_alone("reset-before-headers", 502, "upstream_reset");
    check_alone("silence", 504, "upstream_timeout");
    check_alone("html-502", 502, "upstream_failed");
    check_alone("empty-200", 502, "empty_response");
}

#[test]
fn a_request_that_every_provider_would_refuse_is_sent_once() {
    let (bad, good) = (Upstream::start(), Upstream::start());
    let gateway = TestGateway::start(&config(&bad, &good, "400", ""));
    let answer = ask(&gateway, &question("sturdy", false)).send(gateway.callers);
    assert_eq!((answer.status, good.control.requests()), (400, 0), "{}", answer.body);
    assert_eq!(answer.header("x-should-retry"), Some("false"));
}

#[test]
fn a_caller_who_may_come_back_is_told_when() {
    let (bad, good) = (Upstream::start(), Upstream::start());
    for (scenario, seconds) in
        [("429-retry-after-7", Some(7)), ("429-retry-after-60", Some(60)), ("429-retry-after-600", None)]
    {
        let gateway = TestGateway::start(&config(&bad, &good, scenario, ""));
        // The second is refused without being sent.
        for sent in ["once", "not again"] {
            let answer = ask(&gateway, &question("bad", false)).send(gateway.callers);
            let number = |name: &str| answer.header(name).map(|value| value.parse::<u64>().unwrap());
            assert_eq!(
                (answer.status, number("retry-after")),
                (429, seconds),
                "{scenario}, {sent}: {:?}",
                answer.headers
            );
            assert_eq!(number("retry-after-ms").map(|ms| ms.div_ceil(1000)), seconds, "{scenario}, {sent}");
            assert_eq!(answer.header("x-should-retry"), Some(if seconds.is_some() { "true" } else { "false" }));
            assert_eq!(
                answer.json()["error"]["reset_at"].is_i64(),
                seconds.is_none(),
                "{scenario}, {sent}: {}",
                answer.body
            );
        }
    }
    assert_eq!(bad.control.requests(), 3);
}
