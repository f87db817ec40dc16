//! A key behind which too little is left gets no requests until it is topped up, and what nobody tells keeps nobody out.

#![expect(clippy::unwrap_used, reason = "a test's helpers fail as its own lines do")]

use std::thread;
use std::time::{Duration, Instant};

use roundelay::rehearsal::Purse;
use serde_json::{Value, json};

use crate::support::{Request, TestGateway, Upstream};

/// A pool that prefers `poor`, whose balance is asked for, to `rich`.
fn config(upstream: &Upstream, poor: &str) -> String {
    format!(
        "[providers.poor]
base_url = '{url}'
flavour = 'openai'
api_keys = ['sk-canary-poor-1', 'sk-canary-poor-2']
{poor}
[providers.rich]
base_url = '{url}'
flavour = 'openai'
api_keys = ['sk-canary-rich']
[models.first]
deployments = ['poor/rehearsal']
strategy = 'priority'
[models.second]
deployments = ['rich/rehearsal']
[pools.both]
members = ['first', 'second']
strategy = 'priority'
",
        url = upstream.base_url()
    )
}

/// Both keys of `poor` have that much left from now on.
fn set(upstream: &Upstream, amount: &str) {
    upstream.control.set_balance(None, purse(amount)).unwrap();
}

fn purse(amount: &str) -> Purse {
    Purse { amount: amount.to_owned(), ..Purse::default() }
}

/// Asks for all balances now, and returns what was told.
#[track_caller]
fn poll(gateway: &TestGateway) -> Value {
    let polled = gateway.operator("POST", "/admin/balances/poll", None);
    assert_eq!(polled.status, 200, "{}", polled.body);
    polled.json()
}

/// Why each deployment of the pool is left out, in the order of the plan; `null` where it is not.
fn left_out(gateway: &TestGateway) -> Vec<Value> {
    let preview = gateway.operator("POST", "/admin/route", Some(&json!({ "model": "both" }))).json();
    let candidates = preview["candidates"].as_array().unwrap();
    let named = |name: &str| {
        let one = candidates.iter().find(|candidate| candidate["deployment"] == name);
        one.unwrap_or_else(|| panic!("{name}: {preview}"))["excluded"]["reason"].clone()
    };
    vec![named("poor/rehearsal"), named("poor/rehearsal#2"), named("rich/rehearsal")]
}

#[track_caller]
fn served_by(gateway: &TestGateway) -> String {
    let answer = gateway.chat("both");
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.header("x-roundelay-deployment").unwrap().to_owned()
}

/// Waits until it is so; the configuration is looked at each second.
#[track_caller]
fn until(what: &str, is_so: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < Duration::from_secs(10), "never so: {what}");
        thread::park_timeout(Duration::from_millis(5));
    }
}

/// A provider with half a unit left is passed over, and comes back when it has twenty.
#[track_caller]
fn check(kind: &str) {
    let upstream = Upstream::start();
    set(&upstream, "0.50");
    let poor = format!("balance_kind = '{kind}'\nbalance_poll = '1h'\nbalance_min = 1.00");
    let gateway = TestGateway::start(&config(&upstream, &poor));
    let told = poll(&gateway);
    assert_eq!(told.as_array().unwrap().len(), 2, "one poll a key: {told}");
    for (one, number) in told.as_array().unwrap().iter().zip(1..) {
        assert_eq!((&one["provider"], &one["key"]), (&json!("poor"), &json!(number)), "{kind}: {told}");
        assert_eq!((&one["enough"], &one["fault"]), (&json!(false), &Value::Null), "{kind}: {told}");
        assert_eq!(one["balances"][0]["available"], 0.5, "{kind}: {told}");
    }
    assert_eq!(left_out(&gateway), [json!("upstream_balance"), json!("upstream_balance"), Value::Null], "{kind}");
    assert_eq!(served_by(&gateway), "rich/rehearsal", "{kind}");
    let refused = gateway.chat("first");
    assert_eq!(
        (refused.status, &refused.json()["error"]["code"]),
        (503, &json!("no_deployment_with_credit")),
        "{kind}"
    );

    set(&upstream, "20");
    assert_eq!(served_by(&gateway), "rich/rehearsal", "{kind}: nobody has asked since");
    let told = poll(&gateway);
    assert_eq!((&told[0]["enough"], &told[0]["balances"][0]["available"]), (&json!(true), &json!(20.0)), "{kind}");
    assert_eq!(left_out(&gateway), [Value::Null, Value::Null, Value::Null], "{kind}");
    assert_eq!(served_by(&gateway), "poor/rehearsal", "{kind}");
}

#[test]
fn every_vendor_that_tells_is_believed() {
    check("deepseek");
    check("openrouter");
    check("moonshot");
    check("siliconflow");
}

#[test]
fn one_key_may_be_empty_while_the_other_is_not() {
    let upstream = Upstream::start();
    let yuan = Purse { amount: "7.0".to_owned(), currency: "CNY".to_owned(), key_limit: None };
    upstream.control.set_balance(Some("sk-canary-poor-1"), yuan).unwrap();
    upstream.control.set_balance(Some("sk-canary-poor-2"), purse("1.05")).unwrap();
    let gateway =
        TestGateway::start(&config(&upstream, "balance_kind = 'deepseek'\nbalance_poll = '1h'\nbalance_min = 1"));
    poll(&gateway);
    assert_eq!(left_out(&gateway), [json!("upstream_balance"), Value::Null, Value::Null], "7 yuan are 0.986 USD");
    let metrics = Request::get("/metrics").send(gateway.admin).body;
    let gauge = |key: u32| {
        let name = format!("roundelay_upstream_balance_usd{{provider=\"poor\",key=\"{key}\"}} ");
        let line = metrics.lines().find_map(|line| line.strip_prefix(&name));
        line.unwrap_or_else(|| panic!("{name} is not there")).parse::<f64>().unwrap()
    };
    assert!((gauge(1) - 7.0 / 7.1).abs() < 1e-6, "{metrics}");
    assert!((gauge(2) - 1.05).abs() < 1e-9, "{metrics}");
    let deployments = gateway.operator("GET", "/admin/deployments", None);
    let all = deployments.json();
    let second = all.as_array().unwrap().iter().find(|one| one["name"] == "poor/rehearsal#2").unwrap();
    assert_eq!(second["balance_usd"], 1.05);
    for text in [&metrics, &deployments.body, &gateway.operator("GET", "/admin/balances", None).body] {
        assert!(!text.contains("canary"), "{text}");
    }
}

#[test]
fn an_ordinary_openrouter_key_is_held_to_its_own_limit() {
    let upstream = Upstream::start();
    let limited = Purse { key_limit: Some("0.25".to_owned()), ..purse("500") };
    upstream.control.set_balance(Some("sk-canary-poor-1"), limited).unwrap();
    let gateway =
        TestGateway::start(&config(&upstream, "balance_kind = 'openrouter'\nbalance_poll = '1h'\nbalance_min = 1"));
    let told = poll(&gateway);
    assert_eq!((&told[0]["usd"], &told[1]["usd"]), (&json!(0.25), &json!(100.0)), "{told}");
    assert_eq!(left_out(&gateway), [json!("upstream_balance"), Value::Null, Value::Null]);
}

#[test]
fn what_is_not_told_keeps_nobody_out() {
    let upstream = Upstream::start();
    set(&upstream, "0.50");
    let gateway =
        TestGateway::start(&config(&upstream, "balance_kind = 'deepseek'\nbalance_poll = '1h'\nbalance_min = 1"));
    poll(&gateway);
    assert_eq!(left_out(&gateway)[0], "upstream_balance");
    for (scenario, fault) in [
        ("500", "the answer has status 500"),
        ("html-502", "the answer has status 502"),
        ("reset-before-headers", "the connection was closed"),
        ("garbage", "the answer is not HTTP"),
    ] {
        upstream.control.set_default(scenario).unwrap();
        let told = poll(&gateway);
        assert_eq!((&told[0]["fault"], &told[0]["usd"]), (&json!(fault), &Value::Null), "{scenario}: {told}");
        assert_eq!(left_out(&gateway)[0], Value::Null, "{scenario}");
        let metrics = Request::get("/metrics").send(gateway.admin).body;
        assert!(!metrics.contains("roundelay_upstream_balance_usd{"), "{scenario}: {metrics}");
    }
    upstream.control.clear_all();
    set(&upstream, "much");
    assert_eq!(poll(&gateway)[0]["fault"], "an amount is not a number");
    assert_eq!(left_out(&gateway)[0], Value::Null);
    set(&upstream, "0");
    poll(&gateway);
    assert_eq!(left_out(&gateway)[0], "upstream_balance");
}

#[test]
fn the_first_poll_needs_no_wish_and_a_reload_no_poll() {
    let upstream = Upstream::start();
    set(&upstream, "5");
    let poor = |rest: &str| config(&upstream, &format!("balance_kind = 'deepseek'\nbalance_poll = {rest}"));
    let gateway = TestGateway::start(&poor("'1h'\nbalance_min = 10"));
    until("it is left out", || left_out(&gateway)[0] == "upstream_balance");
    // What is told from now on would keep it out: so it is what was told before that lets it in.
    set(&upstream, "0");
    let reload = |config: &str| {
        gateway.write_config(config);
        let reloaded = gateway.operator("POST", "/admin/reload", None);
        assert_eq!(reloaded.status, 200, "{}", reloaded.body);
    };
    reload(&poor("'1h'\nbalance_min = 1"));
    until("it is let in", || left_out(&gateway)[0] == Value::Null);
    reload(&poor("'1h'\nbalance_min = 10"));
    until("it is left out again", || left_out(&gateway)[0] == "upstream_balance");
    reload(&poor("'off'"));
    until("nobody asks any more", || left_out(&gateway)[0] == Value::Null);
    assert_eq!(gateway.operator("GET", "/admin/balances", None).json(), json!([]));
}

#[test]
fn a_poll_that_hangs_holds_nobody_up() {
    let upstream = Upstream::start();
    upstream.control.set_default("silence").unwrap();
    let gateway = TestGateway::start(&config(&upstream, "balance_kind = 'deepseek'"));
    until("both keys are asked", || upstream.control.connections_open() == 2);
    let (socket, asked) = (gateway.socket(), gateway.operator("GET", "/admin/balances", None).json());
    assert_eq!((&asked[0]["enough"], &asked[0]["polled_at_ms"]), (&json!(true), &Value::Null), "{asked}");
    let waiting = thread::spawn(move || Request::new("POST", "/admin/balances/poll", None).send_to_socket(&socket));
    until("somebody waits for the poll", || gateway.gateway.balances.wish() == 1);
    assert_eq!(left_out(&gateway), [Value::Null, Value::Null, Value::Null]);
    let began = Instant::now();
    drop(gateway.stop());
    assert!(began.elapsed() < Duration::from_secs(4), "it stopped after {:?}", began.elapsed());
    drop(waiting.join());
}
