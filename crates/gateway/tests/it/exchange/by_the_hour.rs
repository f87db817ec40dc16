//! Prices and duties are those of the hour at which an exchange was admitted.

use roundelay::exchange::Terms;
use roundelay_calendar::UnixTime;
use roundelay_ledger::TokenPrices;
use roundelay_routing::DeploymentId;
use serde_json::{Value, json};

use crate::support::{TestGateway, Upstream};

/// One model that costs half at night in Shanghai, and one that has a flat price; who is on duty changes as well.
fn config(upstream: &Upstream) -> String {
    format!(
        "
[providers.local]
base_url = '{}'
flavour = 'openai'
[models.tidal]
deployments = ['local/rehearsal-words-20']
price = {{ input = 3.00, output = 15.00, cache_read = 0.30, tiers = [{{ above_input = 100000, input = 6.00, output = 22.50, cache_read = 0.60 }}] }}
tariffs = [{{ hours = '00:30-08:30', zone = 'Asia/Shanghai', multiply = 0.5 }}]
[models.flat]
deployments = ['local/rehearsal-words-21']
price = {{ input = 2.00, output = 10.00 }}
[models.uncounted]
deployments = ['local/rehearsal-no-usage']
price = {{ input = 2.00, output = 10.00 }}
[models.unpriced]
deployments = ['local/rehearsal']
[pools.p]
members = {{ tidal = 1, flat = 3 }}
strategy = 'cheapest'
max_price = {{ output = 20.00 }}
[pools.shift]
members = ['tidal']
schedule = [{{ days = 'sat-sun', members = ['flat'] }}]
",
        upstream.base_url()
    )
}

fn route(gateway: &TestGateway, question: &Value) -> Value {
    let answer = gateway.operator("POST", "/admin/route", Some(question));
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()
}

/// The candidate for that model.
#[track_caller]
fn of<'a>(preview: &'a Value, model: &str) -> &'a Value {
    preview["candidates"].as_array().unwrap().iter().find(|one| one["model"] == model).unwrap()
}

#[test]
fn a_plan_for_another_hour_has_its_prices_and_says_until_when() {
    let upstream = Upstream::start();
    let gateway = TestGateway::start(&config(&upstream));
    let at = |time: &str| route(&gateway, &json!({ "model": "p", "at": time, "input_tokens": 2000 }));
    // Without a measurement 211 tokens of output are expected.
    let day = at("2026-12-01T12:00+08:00");
    assert_eq!((&of(&day, "tidal")["share"], &of(&day, "flat")["share"]), (&json!(0.0), &json!(1.0)), "{day}");
    assert_eq!(of(&day, "tidal")["cost_usd"], json!(0.009_165));
    assert_eq!(of(&day, "flat")["cost_usd"], json!(0.006_11));
    assert_eq!(of(&day, "tidal")["price"]["tariff"], Value::Null);
    assert_eq!((&day["at"], &day["until"]), (&json!("2026-12-01T04:00:00Z"), &json!("2026-12-01T16:30:00Z")));
    let night = at("2026-12-01T03:00+08:00");
    assert_eq!((&of(&night, "tidal")["share"], &of(&night, "flat")["share"]), (&json!(1.0), &json!(0.0)), "{night}");
    assert_eq!(of(&night, "tidal")["cost_usd"], json!(0.004_582_5));
    let price = json!({ "input": 1.5, "output": 7.5, "cache_read": 0.15, "cache_write": 1.5, "tariff": 1 });
    assert_eq!(of(&night, "tidal")["price"], price);
    assert_eq!(night["until"], "2026-12-01T00:30:00Z");
    // A tier makes it too dear by day, and not by night.
    let long = |time: &str| route(&gateway, &json!({ "model": "p", "at": time, "input_tokens": 100_001 }));
    assert_eq!(of(&long("2026-12-01T12:00+08:00"), "tidal")["excluded"]["reason"], "price");
    assert_eq!(of(&long("2026-12-01T03:00+08:00"), "tidal")["excluded"], Value::Null);
}

#[test]
fn a_plan_shows_what_all_of_the_output_would_cost() {
    let upstream = Upstream::start();
    let gateway = TestGateway::start(&config(&upstream));
    let ask = |output: u64| {
        let question = json!({ "model": "flat", "input_tokens": 1000, "output_tokens": output });
        let preview = route(&gateway, &question);
        let of = |field: &str| preview["candidates"][0][field].clone();
        (preview["output_tokens"].clone(), of("cost_usd"), of("cost_most_usd"))
    };
    assert_eq!(ask(4000), (json!(211), json!(0.004_11), json!(0.042)));
    assert_eq!(ask(100), (json!(100), json!(0.003), json!(0.003)), "no more than was asked for");
    assert_eq!(ask(0), (json!(211), json!(0.004_11), Value::Null));
}

#[test]
fn a_schedule_decides_who_is_on_duty_at_the_time_asked_for() {
    let upstream = Upstream::start();
    let gateway = TestGateway::start(&config(&upstream));
    let at = |time: &str| route(&gateway, &json!({ "model": "shift", "at": time }));
    let friday = at("2026-12-04T23:59:59Z");
    assert_eq!(
        (&of(&friday, "tidal")["share"], &of(&friday, "flat")["excluded"]["reason"]),
        (&json!(1.0), &json!("off_duty"))
    );
    let saturday = at("2026-12-05T00:00:00Z");
    assert_eq!(
        (&of(&saturday, "flat")["share"], &of(&saturday, "tidal")["excluded"]["reason"]),
        (&json!(1.0), &json!("off_duty"))
    );
}

#[test]
fn an_answer_is_charged_at_the_price_of_its_admission() {
    let upstream = Upstream::start();
    let gateway = TestGateway::start(&config(&upstream));
    for _ in 0..2 {
        assert_eq!(gateway.chat("tidal").status, 200);
    }
    let record = super::record(&gateway);
    let snapshot = gateway.gateway.snapshot.load_full();
    let id = snapshot.catalog.deployments.iter().position(|one| &*one.name == "local/rehearsal-words-20").unwrap();
    let admitted = UnixTime(record["started_at_ms"].as_i64().unwrap() / 1000);
    let terms = snapshot.terms_of(admitted);
    let TokenPrices { input, output, .. } = *terms.quote(DeploymentId(id as u32)).unwrap().price.base();
    let used = |class: &str| record["usage"][class].as_u64().unwrap();
    let exact = used("input") * input + used("output") * output;
    assert_eq!(record["cost_nano"].as_u64().unwrap(), (exact + 500_000) / 1_000_000, "{record}");
    assert!(used("output") == 20 && exact > 0, "{record}");

    // Where the provider does not count: 38 tokens of input at 2,000 nano-USD, and 32 of output at 10,000.
    for (model, cost) in [("unpriced", Value::Null), ("uncounted", json!(396_000))] {
        assert_eq!(gateway.chat(model).status, 200);
        assert_eq!(super::record(&gateway)["cost_nano"], cost, "{model}");
    }
    let usage = gateway.operator("GET", "/admin/usage", None).json();
    let twice = 2 * record["cost_nano"].as_u64().unwrap();
    let all = twice + 396_000;
    assert_eq!((&usage["cost_nano"], &usage["unpriced"]), (&json!(all), &json!(1)), "{usage}");
    assert_eq!(usage["by_model"]["tidal"]["cost_nano"], json!(twice));
    assert_eq!(usage["by_model"]["free"]["unpriced"], json!(1));
}

#[test]
fn a_request_goes_where_it_is_cheapest_at_its_hour() {
    let upstream = Upstream::start();
    let toml = "[pools.two]\nmembers = { dear = 9, flat = 1 }\nstrategy = 'cheapest'
[models.dear]\ndeployments = ['local/rehearsal-words-22']\nprice = { input = 200, output = 1000 }
[pools.none]\nmembers = ['dear']\nmax_price = { output = 20.00 }\n";
    let gateway = TestGateway::start(&format!("{}{toml}", config(&upstream)));
    for _ in 0..5 {
        assert_eq!(gateway.chat("two").header("x-roundelay-deployment"), Some("local/rehearsal-words-21"));
        let options = super::record(&gateway)["decision"]["draws"][0]["options"].clone();
        assert!(options.as_array().unwrap().iter().all(|one| one["cost"].as_f64() > Some(0.0)), "{options}");
    }
    let answer = gateway.chat("none");
    assert_eq!((answer.status, &answer.json()["error"]["code"]), (503, &json!("limits_exceeded")), "{}", answer.body);
}

#[test]
fn the_same_terms_serve_until_the_clock_changes_them() {
    let upstream = Upstream::start();
    let gateway = TestGateway::start(&config(&upstream));
    let snapshot = gateway.gateway.snapshot.load_full();
    let at = |time: &str| UnixTime(time.parse::<jiff::Timestamp>().unwrap().as_second());
    let terms = |time: &str| snapshot.terms(at(time));
    let day = terms("2026-12-01T01:00:00Z");
    assert_eq!(day.until, Some(at("2026-12-01T16:30:00Z")));
    assert!(std::sync::Arc::ptr_eq(&day, &terms("2026-12-01T16:29:59Z")), "nothing is made anew");
    let night = terms("2026-12-01T16:30:00Z");
    let id = DeploymentId(0);
    assert_eq!(2 * night.quote(id).unwrap().price.base().input, day.quote(id).unwrap().price.base().input);
    let output = |terms: &Terms| terms.hour.rate(id).map(|rate| rate.base.output);
    assert_eq!((output(&day), output(&night)), (Some(15_000.0), Some(7_500.0)), "nano-USD a token");
}
