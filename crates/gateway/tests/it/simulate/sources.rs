//! Workloads and worlds: what is read, and what every mistake is answered with.

use std::time::Duration;

use roundelay::{
    config::{Effect, Failing, World},
    simulate::{Kind, Turn, Workload},
};
use roundelay_routing::Capabilities;

use super::recorded;

fn parse(text: &str) -> Workload {
    Workload::parse("w", text.as_bytes(), usize::MAX).expect("a workload")
}

#[track_caller]
fn check_fault(text: &str, expected: &str) {
    let fault = Workload::parse("w", text.as_bytes(), usize::MAX).expect_err("a fault").to_string();
    assert!(fault.contains(expected), "{fault}");
}

#[test]
fn azure_traces_are_read_by_their_heading() {
    let workload = parse(
        "TIMESTAMP,ContextTokens,GeneratedTokens\r\n2023-11-16 18:15:50.9951690,396,109\r\n\
         2023-11-16 18:15:46.6805900,374,44\r\n2024-05-10 00:00:00.009930+00:00,1,2\r\n",
    );
    assert_eq!(workload.kind, Kind::Azure);
    let request = &workload.requests[1];
    assert_eq!(
        (request.at, request.input_tokens, request.output_tokens),
        (Duration::from_nanos(4_314_579_000), 396, 109)
    );
    assert_eq!(workload.began, Some(1_700_158_546));
}

#[test]
fn mooncakes_conversations_are_told_apart_by_their_second_block() {
    let workload = parse(
        r#"{"timestamp": 0, "input_length": 1000, "output_length": 5, "hash_ids": [0, 1]}
           {"timestamp": 27000, "input_length": 2000, "output_length": 5, "hash_ids": [0, 1, 2, 3]}
           {"timestamp": 27000, "input_length": 2000, "output_length": 5, "hash_ids": [0, 4, 5, 6]}"#,
    );
    assert_eq!(workload.kind, Kind::Mooncake);
    let turns: Vec<_> = workload.requests.iter().map(|request| request.turn.unwrap()).collect();
    assert_eq!(turns[0].conversation, turns[1].conversation);
    assert_ne!(turns[0].conversation, turns[2].conversation);
    assert!(turns[0].is_first && !turns[1].is_first && turns[2].is_first);
}

const RECORD: &str = r#"{"id":"x1","started_at_ms":1700000000000,"duration_us":2100000,"first_content_us":100000,
    "asked":"assistant","stream":true,"outcome":"answered","usage":{"input":900,"cache_read":100,"cache_write":0,"output":201},
    "attempts":[{"number":1,"deployment":"a/m","kind":"first","outcome":"server_error","started_us":0,"first_content_us":null,
    "duration_us":50000},{"number":2,"deployment":"b/m","kind":"fallback","outcome":"answered","started_us":60000,
    "first_content_us":100000,"duration_us":2100000}],"decision":{"hash_ids":[1]}}"#;

#[test]
fn records_are_read_by_line_or_as_a_list_and_teach_how_deployments_behave() {
    let line = RECORD.replace('\n', "");
    let failed = r#"{"started_at_ms":1700000060000,"asked":"assistant","usage":{"input":0,"output":0},"attempts":[]}"#;
    for text in [format!("{line}\n{failed}\n"), format!("[{RECORD},\n{failed}]")] {
        let workload = parse(&text);
        assert_eq!(workload.kind, Kind::Records);
        let [first, second] = &workload.requests[..] else { panic!("{workload:?}") };
        assert_eq!((first.input_tokens, first.cache_read, first.output_tokens), (1000, 100, 201));
        assert_eq!((second.input_tokens, second.output_tokens), (1000, 201), "what nobody counted is guessed");
        assert_eq!(second.at, Duration::from_secs(60));
        let [a, b] = &workload.learnt[..] else { panic!("{:?}", workload.learnt) };
        assert_eq!((a.deployment.as_str(), a.answered, a.failed), ("a/m", 0, 1));
        let fault = &a.behaviour.faults[0];
        assert_eq!(fault.share.to_bits(), 1f64.to_bits());
        let after = Some(Duration::from_millis(50));
        assert_eq!(fault.effect, Effect::Fail { how: Failing::ServerError, after, retry_after: None });
        assert_eq!((b.deployment.as_str(), b.answered, b.failed), ("b/m", 1, 0));
    }
}

/// A record of this time, outcome and decision.
fn record(started_at_ms: u64, asked: &str, outcome: &str, decision: &str) -> String {
    format!(
        r#"{{"started_at_ms":{started_at_ms},"asked":"{asked}","stream":true,"outcome":"{outcome}","usage":{{"input":300,"cache_read":500,"cache_write":200,"output":50}},"attempts":[],"decision":{decision}}}"#
    )
}

#[test]
fn what_the_router_was_told_of_a_request_is_read_from_its_record() {
    let demand = r#"{"target":"p","demand":{"input_tokens":1400,"output_tokens_max":4096,"needs":["tools","vision","levitation"],"conversation":"00000000000000ff","first_turn":false,"explicit":true,"deadline_ms":120000}}"#;
    let earlier =
        r#"{"target":"p","demand":{"input_tokens":7,"needs":[],"first_turn":false,"explicit":false,"deadline_ms":1}}"#;
    let lines = [
        record(1_000, "p", "answered", demand),
        record(2_000, "p", "answered", earlier),
        record(3_000, "p", "answered", r#"{"target":"p"}"#),
        record(4_000, "p", "answered", r#"{"demand":"of another form"}"#),
    ];
    let workload = parse(&lines.join("\n"));
    let [told, nameless, older, strange] = &workload.requests[..] else { panic!("{workload:?}") };
    assert_eq!(told.turn, Some(Turn { conversation: 0xff, is_first: false, is_explicit: true }));
    assert_eq!((told.input_tokens, told.input_estimate, told.output_max), (1000, Some(1400), Some(4096)));
    assert_eq!((told.cache_read, told.cache_write), (500, 200));
    assert_eq!(told.needs, Capabilities { tools: true, vision: true, ..Capabilities::NONE });
    assert_eq!((nameless.turn, nameless.input_estimate, nameless.output_max), (None, Some(7), None));
    for without in [older, strange] {
        assert_eq!((without.turn, without.input_estimate, without.needs), (None, None, Capabilities::NONE));
    }
}

#[test]
fn what_never_reached_the_router_is_counted_and_left_out() {
    let planned =
        r#"{"target":"p","demand":{"input_tokens":7,"needs":[],"first_turn":true,"explicit":false,"deadline_ms":1}}"#;
    let lines = [
        record(1_000, "", "refused", "\"\""),
        record(2_000, "no-such-model", "refused", "\"\""),
        record(3_000, "", "abandoned", "\"\""),
        record(4_000, "p", "refused", planned),
        record(5_000, "p", "answered", "\"\""),
    ];
    let workload = parse(&lines.join("\n"));
    assert_eq!((workload.requests.len(), workload.left_out), (2, 3));
    assert_eq!(workload.left_out_asked.into_iter().collect::<Vec<_>>(), [("no-such-model".to_owned(), 1)]);
    assert_eq!(workload.requests[1].at, Duration::from_secs(1), "time begins with the first that counts");
    assert_eq!(workload.began, Some(4));
    check_fault(&lines[..3].join("\n"), "w holds no request");
}

#[test]
fn steady_workloads_are_described_in_a_word() {
    let workload = Workload::read("steady:30/m,1h,500,200", usize::MAX).unwrap();
    assert_eq!(workload.requests.len(), 1800);
    assert_eq!(workload.requests[1].at - workload.requests[0].at, Duration::from_secs(2));
    for (written, expected) in [
        ("steady:30,1h,5,2", "its rate"),
        ("steady:30/m,1,5,2", "its duration"),
        ("steady:30/m,1h,x,2", "its input"),
        ("steady:1/h,1m,5,2", "no request"),
        ("steady:1/0s,1m,5,2", "its rate"),
        ("steady:1/h", "four parts"),
    ] {
        let fault = Workload::read(written, usize::MAX).unwrap_err().to_string();
        assert!(fault.contains(expected), "{fault}");
    }
}

#[test]
fn what_is_wrong_is_named_with_its_line() {
    check_fault("hello\n", "no workload that is known");
    check_fault("\n\n", "w holds no request");
    check_fault("TIMESTAMP,ContextTokens,GeneratedTokens\n", "w holds no request");
    check_fault("TIMESTAMP,ContextTokens,GeneratedTokens\n\nnoon,1,2\n", "w:3: `noon` is not a time");
    check_fault("TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:15:46,1\n", "w:2: this is not");
    check_fault("TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:15:46,9999999999,1\n", "9999999999 tokens");
    check_fault("{\"timestamp\": 1, \"hash_ids\": []}\n", "w:1: missing field");
}

#[test]
fn the_published_traces_are_read_whole() {
    let count = |path: &str| recorded(path).map(|path| Workload::read(path.to_str().unwrap(), usize::MAX).unwrap());
    let Some(conversation) = count("workloads/azure_llm_2023_conv.csv") else { return };
    assert_eq!(conversation.requests.len(), 19_366);
    assert_eq!(count("workloads/azure_llm_2023_code.csv").unwrap().requests.len(), 8_819);
    let mooncake = count("workloads/mooncake_conversation_trace.jsonl").unwrap();
    assert_eq!(mooncake.requests.len(), 12_031);
    let first_turns = mooncake.requests.iter().filter(|request| request.turn.unwrap().is_first).count();
    assert_eq!(first_turns, 7_373);
    let limited = recorded("workloads/azure_llm_2023_conv.csv").unwrap();
    assert_eq!(Workload::read(limited.to_str().unwrap(), 100).unwrap().requests.len(), 100);
}

#[test]
fn a_world_is_read_strictly_and_builds_on_its_default() {
    let world = World::parse(
        r#"
        [default]
        per_token = "5ms"
        [deployments."a/m"]
        first_content = "1s"
        per_1k_input = "0s"
        limits = { requests_per_minute = 60, concurrency = 4, retry_after = "2s" }
        cache = { off = true }
        faults = [{ from = "20m", until = "30m", slow = 5.0 }, { fail = "timeout", share = 0.5 }]
        "#,
        "world.toml",
    )
    .unwrap();
    let (a, is_written) = world.of("a/m#2");
    assert!(is_written, "what is said of a deployment holds for every key");
    assert_eq!((a.first_content, a.per_token), (Duration::from_secs(1), Duration::from_millis(5)));
    assert_eq!(a.limits.requests_per_minute, Some(60));
    assert!(a.cache.is_none());
    assert_eq!(a.faults.len(), 2);
    assert!(!world.of("b/m").1);
    assert_eq!(world.of("b/m").0.per_token, Duration::from_millis(5));
}

#[test]
fn a_fault_in_a_world_is_answered_with_what_to_write() {
    let fault = |text: &str| World::parse(text, "world.toml").unwrap_err().to_string();
    let told =
        fault("[deployments.a]\nfirst_contnt = \"1s\"\nfaults = [{ from = \"2s\", until = \"1s\", slow = 2.0 }, {}]\n");
    assert!(
        told.contains(
            "world.toml:2:1: deployments.a.first_contnt: unknown key `first_contnt`\n  did you mean `first_content`?"
        ),
        "{told}"
    );
    assert!(told.contains("this fault ends before it begins"), "{told}");
    assert!(told.contains("a fault is either slow or failing"), "{told}");
    assert!(fault("[deployments.a]\nfaults = [{ fail = \"rate_limit\" }]\n").contains("did you mean `rate_limited`?"));
    assert!(fault("[default]\nspread = 5\n").contains("write a number from 0 to 3"));
}
