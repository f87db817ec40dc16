//! Every choice of every exchange can be made again from its record, to the bit, and comes out the same.

use roundelay::exchange::read_draws;
use roundelay_routing::{DrawnOption, Strategy};
use serde_json::{Value, json};

use crate::support::{Request, TestGateway, Upstream};

/// Five members behind two addresses, one of them with two keys: two that are well, a slow one, one that fails at times
/// and one that is rate limited at times. Prices differ, and one is not known.
fn config(one: &Upstream, two: &Upstream, strategy: Strategy) -> String {
    format!(
        "
[providers.one]
base_url = '{}'
flavour = 'openai'
api_keys = ['sk-a', 'sk-b']
[providers.two]
base_url = '{}'
flavour = 'openai'
[models.quick]
deployments = ['one/rehearsal-words-5']
price = {{ input = 3.00, output = 15.00, cache_read = 0.30 }}
[models.slow]
deployments = ['two/rehearsal-words-5-slow-first-3ms']
price = {{ input = 0.25, output = 1.25 }}
[models.twice]
deployments = {{ 'one/rehearsal-words-7' = 2, 'two/rehearsal-words-8' = 1 }}
strategy = 'weighted'
[models.failing]
deployments = ['two/rehearsal-503-every-3']
price = {{ input = 0.10, output = 0.40 }}
[models.limited]
deployments = ['one/rehearsal-429-every-4']
price = {{ input = 0.15, output = 0.60 }}
[pools.p]
members = {{ quick = 0.3, slow = 0.3, twice = 0.2, failing = 0.1, limited = 0.1 }}
strategy = '{}'
adapt = {}
importance = {{ cost = 1, latency = 3, reliability = 0.7 }}
",
        one.base_url(),
        two.base_url(),
        strategy.name(),
        strategy == Strategy::Weighted,
    )
}

/// Many exchanges, some of conversations that go on, under one strategy.
#[track_caller]
fn check(strategy: Strategy) {
    let (one, two) = (Upstream::start(), Upstream::start());
    let gateway = TestGateway::start(&config(&one, &two, strategy));
    for turn in 0..60 {
        let body = json!({
            "model": "p",
            "messages": [{ "role": "user", "content": format!("Hello {}", "again ".repeat(turn % 7 * 40)) }],
            "stream": turn % 2 == 0,
            "max_tokens": 10 + turn,
        });
        let mut request = Request::post("/v1/chat/completions", &body).bearer(&gateway.key);
        if turn % 3 > 0 {
            request = request.header("x-session-id", &format!("talk-{}", turn % 5));
        }
        let answer = request.send(gateway.callers);
        assert_eq!(answer.status, 200, "{}: {}", strategy.name(), answer.body);
    }
    let records = gateway.operator("GET", "/admin/exchanges?limit=1000", None).json();
    let records = records.as_array().unwrap();
    assert_eq!(records.len(), 60);
    let made: usize = records.iter().map(|record| check_record(record, strategy)).sum();
    // A turn that follows its conversation is no choice among several, nor is one with a single member left.
    assert!(made >= 15, "{}: too few choices among several: {made}", strategy.name());
}

/// The choices of one record come out the same; how many there are.
#[track_caller]
fn check_record(record: &Value, strategy: Strategy) -> usize {
    let decision = &record["decision"];
    let draws = read_draws(decision).unwrap_or_else(|fault| panic!("{fault}: {decision}"));
    for draw in &draws {
        let remade = draw.remake();
        assert!(remade.is_same, "{}: {remade:?} of {decision}", strategy.name());
        assert!(draw.names[remade.chosen.unwrap()].is_some(), "what could not serve was chosen: {decision}");
    }
    // Of several layers the last one names the deployment.
    if let Some(last) = draws.last().filter(|last| matches!(last.draw.options[0].what, DrawnOption::Deployment(_))) {
        let name = last.names[last.draw.chosen.unwrap()].as_deref();
        let mut asked = decision["attempts"].as_array().unwrap().iter().map(|attempt| attempt["deployment"].as_str());
        assert!(asked.any(|asked| asked == name), "{name:?} was chosen and not asked: {decision}");
    }
    assert!(decision["demand"]["input_tokens"].as_u64().unwrap() > 0, "{decision}");
    draws.len()
}

#[test]
fn weighted() {
    check(Strategy::Weighted);
}

#[test]
fn round_robin() {
    check(Strategy::RoundRobin);
}

#[test]
fn priority() {
    check(Strategy::Priority);
}

#[test]
fn fastest() {
    check(Strategy::Fastest);
}

#[test]
fn cheapest() {
    check(Strategy::Cheapest);
}

#[test]
fn balanced() {
    check(Strategy::Balanced);
}

#[test]
fn what_was_asked_is_kept_without_a_word_of_it() {
    let (one, two) = (Upstream::start(), Upstream::start());
    let gateway = TestGateway::start(&config(&one, &two, Strategy::Weighted));
    let secret = "the canary sings at dawn";
    let ask = |body: &Value, session: Option<&str>| {
        let request = Request::post("/v1/chat/completions", body).bearer(&gateway.key);
        let request = match session {
            Some(session) => request.header("x-session-id", session),
            None => request,
        };
        assert_eq!(request.send(gateway.callers).status, 200);
        let record = super::record(&gateway);
        assert!(!record.to_string().contains("canary"), "{record}");
        record["decision"]["demand"].clone()
    };
    let user = json!({ "role": "user", "content": secret });
    let tool = json!({ "type": "function", "function": { "name": "f", "parameters": {} } });
    let first = ask(&json!({ "model": "p", "messages": [user], "max_completion_tokens": 77, "tools": [tool] }), None);
    assert_eq!((&first["output_tokens_max"], &first["needs"]), (&json!(77), &json!(["tools"])), "{first}");
    assert_eq!((&first["first_turn"], &first["explicit"]), (&json!(true), &json!(false)), "{first}");
    assert_eq!(first["deadline_ms"], 300_000, "local models may have to load: {first}");
    assert!((50..500).contains(&first["input_tokens"].as_u64().unwrap()), "{first}");

    let answer = json!({ "role": "assistant", "content": "indeed" });
    let later = ask(&json!({ "model": "p", "messages": [user, answer, user] }), None);
    assert_eq!(later["conversation"], first["conversation"], "one conversation");
    assert_eq!((&later["first_turn"], &later["output_tokens_max"]), (&json!(false), &Value::Null), "{later}");
    let named = ask(&json!({ "model": "p", "messages": [user] }), Some("canary-session"));
    assert_eq!(named["explicit"], true);
    assert_ne!(named["conversation"], first["conversation"]);
    assert_eq!(named["conversation"].as_str().unwrap().len(), 16, "{named}");
}

#[test]
fn choices_too_long_for_the_record_are_left_out_and_counted() {
    let upstream = Upstream::start();
    // Sixty names of 600 letters fit into a record once, and not twice.
    let member = |index: usize| format!("'local/rehearsal{index}{}'", "x".repeat(600));
    let members: Vec<String> = (0..60).map(member).collect();
    let gateway = TestGateway::start(&format!(
        "[providers.local]\nbase_url = '{}'\n[pools.wide]\nmembers = [{}]",
        upstream.base_url(),
        members.join(", ")
    ));
    assert_eq!(gateway.chat("wide").status, 200);
    let decision = &super::record(&gateway)["decision"];
    assert_eq!((&decision["draws_omitted"], &decision["draws"]), (&json!(1), &json!([])));
    assert_eq!(decision["candidates"].as_array().map(Vec::len), Some(60), "the rest is kept");
    assert!(read_draws(decision).is_err(), "and nobody takes it for a record without choices");
}
