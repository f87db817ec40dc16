//! Where a pool hedges, a slow provider is asked beside a second one: the caller gets the quicker answer and nothing of the
//! other, and the record tells of both.

use std::io::Write as _;
use std::net::TcpStream;

use serde_json::Value;

use super::{ask, data, question, record, until};
use crate::support::{TestGateway, Upstream};

/// Two providers of which the first is asked first, and is hedged 400 ms later.
struct Two {
    first: Upstream,
    second: Upstream,
    gateway: TestGateway,
}

const WORDS: [(&str, usize); 2] = [("rehearsal-words-5", 5), ("rehearsal-words-6", 6)];

impl Two {
    /// `patience` = how long the first may take to its first content.
    fn new(hedge: bool, patience: &str) -> Self {
        let (first, second) = (Upstream::start(), Upstream::start());
        let gateway = TestGateway::start(&config(&first, &second, hedge, patience));
        for _ in 0..6 {
            let answer = ask(&gateway, &question("raced", true)).send(gateway.callers);
            assert_eq!(answer.header("x-roundelay-attempts"), Some("1"), "too slow a machine for this test");
        }
        Self { first, second, gateway }
    }

    /// From now on the two behave so.
    fn behaving(first: &str, second: &str) -> Self {
        let two = Self::new(true, if first == "silence" { "1200ms" } else { "60s" });
        two.first.control.set_model(WORDS[0].0, first).unwrap();
        two.second.control.set_model(WORDS[1].0, second).unwrap();
        two
    }

    fn asked(&self) -> (u64, u64) {
        (self.first.control.requests() - 6, self.second.control.requests())
    }
}

fn config(first: &Upstream, second: &Upstream, hedge: bool, patience: &str) -> String {
    format!(
        "[providers.first]
base_url = '{}'
flavour = 'openai'
api_keys = ['sk-first']
stops_on_cancel = true
timeouts = {{ headers = '{patience}', first_content = '{patience}', idle = '100ms' }}
[providers.second]
base_url = '{}'
flavour = 'openai'
api_keys = ['sk-second']
stops_on_cancel = true
[models.first]
deployments = ['first/{}']
[models.second]
deployments = ['second/{}']
[models.third]
deployments = ['second/rehearsal-words-7']
[pools.raced]
strategy = 'priority'
members = ['first', 'second', 'third']
hedge = {hedge}
[routing.hedge]
after_min = '400ms'
samples_min = 1
share = 0.5
",
        first.base_url(),
        second.base_url(),
        WORDS[0].0,
        WORDS[1].0,
    )
}

/// Kind and outcome of each attempt, in the record and as the router saw it.
#[track_caller]
fn check_record(gateway: &TestGateway, expected: &[(&str, &str)]) -> Value {
    let record = record(gateway);
    let text = |value: &Value, key: &str| value[key].as_str().unwrap().to_owned();
    let attempts = record["attempts"].as_array().unwrap();
    let found: Vec<_> = attempts.iter().map(|one| (text(one, "kind"), text(one, "outcome"))).collect();
    let found: Vec<_> = found.iter().map(|(kind, outcome)| (&**kind, &**outcome)).collect();
    assert_eq!(found, expected, "{record}");
    let decided = record["decision"]["attempts"].as_array().unwrap();
    for (decided, (kind, outcome)) in decided.iter().zip(expected) {
        assert_eq!(decided["kind"], *kind);
        let is_same = matches!(*outcome, "answered" | "lost" | "abandoned");
        assert!(!is_same || decided["ended"] == *outcome, "{decided} and not {outcome}");
    }
    assert!(attempts.iter().all(|attempt| attempt["duration_us"].as_u64().unwrap() > 0), "{record}");
    record
}

/// Asks for a stream and for a whole answer: which of the two answers, whole and alone, and how each attempt ended.
#[track_caller]
fn check(first: &str, second: &str, by: usize, expected: &[(&str, &str)]) {
    for stream in [true, false] {
        let two = Two::behaving(first, second);
        let answer = ask(&two.gateway, &question("raced", stream)).send(two.gateway.callers);
        assert_eq!(answer.status, 200, "{}", answer.body);
        let attempts = expected.len().to_string();
        assert_eq!(answer.header("x-roundelay-attempts"), Some(&*attempts));
        let (model, words) = WORDS[by];
        assert!(answer.header("x-roundelay-deployment").unwrap().ends_with(model), "{:?}", answer.headers);
        if stream {
            assert_eq!(data(&answer.body).len(), words + 3, "a role, the words, an end and a mark: {}", answer.body);
        } else {
            assert_eq!(answer.json()["usage"]["completion_tokens"], words, "{}", answer.body);
        }
        let record = check_record(&two.gateway, expected);
        assert_eq!(record["attempts"][1 - by]["first_content_us"], Value::Null, "{record}");
        assert_eq!(two.asked(), (1, 1));
        let lost = expected.iter().filter(|(_, outcome)| *outcome == "lost").count() as u64;
        until("the loser is told", || {
            let cancelled = two.first.control.cancelled() + two.second.control.cancelled();
            let in_flight = two.first.control.counts().in_flight + two.second.control.counts().in_flight;
            // A provider that was too slow for its timer is told in the same way.
            cancelled >= lost && in_flight == 0
        });
    }
}

#[test]
fn the_quicker_of_two_answers_and_the_other_is_told_to_stop() {
    check("slow-first-20s", "honest-words-6", 1, &[("first", "lost"), ("hedge", "answered")]);
    check("slow-first-900ms-words-5", "slow-first-20s", 0, &[("first", "answered"), ("hedge", "lost")]);
}

#[test]
fn the_loser_is_told_before_the_winner_has_ended() {
    let two = Two::behaving("slow-first-20s", "words-500-slow-words-20ms");
    let mut open = ask(&two.gateway, &question("raced", true)).open(two.gateway.callers);
    assert!(open.piece().starts_with(b"data: "));
    until("the loser is told", || two.first.control.cancelled() == 1 && two.first.control.counts().in_flight == 0);
    assert_eq!(two.second.control.counts().in_flight, 1, "the winner goes on");
    drop(open);
    until("the record is there", || record(&two.gateway)["outcome"] == "abandoned");
    check_record(&two.gateway, &[("first", "lost"), ("hedge", "abandoned")]);
}

#[test]
fn where_one_of_two_fails_the_other_is_awaited() {
    let timed_out = ("first", "first_byte_timeout");
    check("silence", "slow-first-1500ms-words-6", 1, &[timed_out, ("hedge", "answered")]);
    check("slow-first-900ms-words-5", "503", 0, &[("first", "answered"), ("hedge", "overload")]);
}

#[test]
fn where_both_fail_a_third_is_asked() {
    let two = Two::behaving("silence", "503");
    let answer = ask(&two.gateway, &question("raced", true)).send(two.gateway.callers);
    assert_eq!(answer.header("x-roundelay-deployment"), Some("second/rehearsal-words-7"), "{}", answer.body);
    check_record(&two.gateway, &[("first", "first_byte_timeout"), ("hedge", "overload"), ("fallback", "answered")]);
}

#[test]
fn metrics_tell_hedges_and_losers_apart() {
    let two = Two::behaving("slow-first-20s", "honest-words-6");
    let answer = ask(&two.gateway, &question("raced", true)).send(two.gateway.callers);
    assert_eq!(answer.status, 200, "{}", answer.body);
    let metrics = two.gateway.operator("GET", "/metrics", None).body;
    for (kind, outcome) in [("first", "lost"), ("hedge", "answered")] {
        let labels = format!("kind=\"{kind}\",outcome=\"{outcome}\"}} 1\n");
        assert!(metrics.contains(&labels), "{labels}: {metrics}");
    }
}

/// Nobody else is asked, however slow the first is.
#[track_caller]
fn check_alone(two: &Two, header: Option<(&str, &str)>) {
    two.first.control.set_model(WORDS[0].0, "slow-first-900ms-words-5").unwrap();
    for stream in [true, false] {
        let mut request = ask(&two.gateway, &question("raced", stream));
        if let Some((name, value)) = header {
            request = request.header(name, value);
        }
        let answer = request.send(two.gateway.callers);
        assert_eq!(answer.header("x-roundelay-attempts"), Some("1"), "{}", answer.body);
        check_record(&two.gateway, &[("first", "answered")]);
    }
    assert_eq!(two.asked(), (2, 0));
}

#[test]
fn a_pool_that_does_not_hedge_waits() {
    check_alone(&Two::new(false, "60s"), None);
}

#[test]
fn a_caller_who_comes_back_is_not_hedged() {
    check_alone(&Two::new(true, "60s"), Some(("x-stainless-retry-count", "1")));
}

#[test]
fn a_caller_who_leaves_takes_both_along() {
    for stream in [true, false] {
        let two = Two::behaving("slow-first-20s", "slow-first-20s");
        let mut socket = TcpStream::connect(two.gateway.callers).unwrap();
        let (key, body) = (&two.gateway.key, question("raced", stream).to_string());
        let head = format!("POST /v1/chat/completions HTTP/1.1\r\nhost: test\r\nx-api-key: {key}\r\n");
        write!(socket, "{head}content-length: {}\r\n\r\n{body}", body.len()).unwrap();
        until("both are asked", || two.asked() == (1, 1));
        drop(socket);
        until("both are told", || two.first.control.cancelled() == 1 && two.second.control.cancelled() == 1);
        until("the record is there", || record(&two.gateway)["outcome"] == "abandoned");
        check_record(&two.gateway, &[("first", "abandoned"), ("hedge", "abandoned")]);
        let metrics = two.gateway.operator("GET", "/metrics", None).body;
        let is_idle = |line: &str| !line.starts_with("roundelay_deployment_in_flight{") || line.ends_with(" 0.0");
        assert!(metrics.lines().all(is_idle), "{metrics}");
    }
}
