//! What callers may see of their own money and of what models cost, by their key alone.

use std::time::{Duration, Instant};

use roundelay::auth::KeyWish;
use roundelay_ledger::{AccountId, Limits, Money, Span, SpendLimit};
use serde_json::{Value, json};

use crate::support::{Answer, Request, TestGateway, Upstream};

/// A team that pays half the list price, and a key of it that may spend 2 USD a month.
struct Team {
    gateway: TestGateway,
    key: String,
    _bank: Upstream,
}

impl Team {
    fn start() -> Self {
        let bank = Upstream::start();
        let config = format!(
            "[providers.bank]
base_url = '{}'
[models.cheap]
deployments = ['bank/rehearsal-words-20']
price = {{ input = 1.0, cache_read = 0.1, output = 2.0 }}
context_window = 8000
max_output = 1000
capabilities = {{ tools = true, vision = false, reasoning = false }}
[models.dear]
deployments = ['bank/rehearsal-words-5']
price = {{ input = 3.0, output = 1.5 }}
tariffs = [{{ days = 'daily', hours = '00:00-12:00', zone = 'UTC', multiply = 1 }}]
context_window = 32000
[models.unknown]
deployments = ['bank/rehearsal-words-3']
[pools.all]
members = ['cheap', 'unknown']
fallback = ['dear']
",
            bank.base_url()
        );
        let gateway = TestGateway::start(&config);
        let account = json!({ "id": "team", "kind": "prepaid", "multiplier": "0.5" });
        let made = gateway.operator("POST", "/admin/accounts", Some(&account));
        assert_eq!(made.status, 201, "{}", made.body);
        let credit = json!({ "amount": "1", "reason": "paid", "idempotency": "a" });
        assert_eq!(gateway.operator("POST", "/admin/accounts/team/credit", Some(&credit)).status, 201);
        let zone = roundelay::config::time_zone("UTC").unwrap();
        let spend = vec![SpendLimit { span: Span::Month, zone, amount: Money::from_nano(2_000_000_000) }];
        let wish = KeyWish {
            account: AccountId::new("team").unwrap(),
            name: "laptop".into(),
            allowed: Some(["cheap", "all"].map(str::to_owned).to_vec()),
            expires_at: None,
            limits: Limits { requests_per_minute: Some(60), spend, ..Limits::default() },
            on_disconnect: None,
            networks: None,
        };
        let key = gateway.gateway.keys.create(wish, 0).unwrap().1.expose().to_owned();
        Self { gateway, key, _bank: bank }
    }

    fn get(&self, path: &str) -> Answer {
        Request::get(path).bearer(&self.key).send(self.gateway.callers)
    }

    #[track_caller]
    fn page(&self, path: &str) -> Value {
        let answer = self.get(path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        answer.json()
    }

    /// The usage page once it counts so many exchanges.
    #[track_caller]
    fn usage_of(&self, exchanges: u64, query: &str) -> Value {
        let until = Instant::now() + Duration::from_secs(10);
        loop {
            let page = self.page(&format!("/v1/usage{query}"));
            if page["total"]["exchanges"] == exchanges || Instant::now() > until {
                return page;
            }
            std::thread::yield_now();
        }
    }
}

#[test]
fn a_caller_sees_its_own_balance_limits_and_usage() {
    let team = Team::start();
    let before = team.page("/v1/balance");
    assert_eq!(
        (&before["balance"], &before["left"], &before["currency"]),
        (&json!("1.00"), &json!("1.00"), &json!("usd"))
    );
    assert_eq!((&before["account"], &before["price_multiplier"]), (&json!("team"), &json!("0.50")));
    let month = &before["limits"]["spend"][0];
    assert_eq!((&month["of"], &month["span"], &month["left"]), (&json!("key"), &json!("month"), &json!("2.00")));
    assert_eq!(before["limits"]["requests_left"], 60);

    assert_eq!(team.gateway.chat_with_key("cheap", &team.key).status, 200);
    let usage = team.usage_of(1, "?by=model,hour");
    let total = &usage["total"];
    assert_eq!((&total["output"], &usage["rows"][0]["model"]), (&json!(20), &json!("cheap")), "{usage}");
    // A token of input costs 1,000 nano-USD, one of output 2,000, and the team pays half.
    let nano = 500 * total["input"].as_i64().unwrap() + 50 * total["cache_read"].as_i64().unwrap() + 1_000 * 20;
    let spent = Money::from_nano(nano);
    assert_eq!(total["charged_usd"], spent.to_string());
    assert!(total["lost_usd"].is_null() && usage["rows"][0]["deployment"].is_null(), "not the caller's business");

    let after = team.page("/balance");
    let left = Money::from_nano(1_000_000_000 - nano);
    assert_eq!((&after["balance"], &after["held"]), (&json!(left.to_string()), &json!("0.00")), "{after}");
    assert_eq!((&after["key"]["spent"], &after["limits"]["requests_left"]), (&json!(spent.to_string()), &json!(59)));

    let usd = nano as f64 / 1e9;
    assert_eq!(team.page("/api/v1/credits"), json!({ "data": { "total_credits": 1.0, "total_usage": usd } }));
    let key = &team.page("/api/v1/key")["data"];
    assert_eq!((&key["label"], &key["usage"], &key["limit"]), (&json!("laptop"), &json!(usd), &json!(2.0)));
    assert_eq!((&key["limit_reset"], &key["is_free_tier"]), (&json!("monthly"), &json!(false)));
    assert!((key["limit_remaining"].as_f64().unwrap() - (2.0 - usd)).abs() < 1e-12, "{key}");
    assert_eq!(key["rate_limit"], json!({ "requests": 60, "interval": "60s" }));
}

#[test]
fn nobody_sees_what_another_key_did() {
    let team = Team::start();
    assert_eq!(team.gateway.chat("cheap").status, 200);
    assert_eq!(team.gateway.chat_with_key("cheap", &team.key).status, 200);
    assert_eq!(team.usage_of(1, "")["total"]["exchanges"], 1);
    let other = Request::get("/v1/usage").bearer(&team.gateway.key).send(team.gateway.callers).json();
    assert_eq!(other["rows"], json!([]));
    for path in ["/v1/usage", "/v1/balance", "/v1/key", "/v1/credits"] {
        assert_eq!(Request::get(path).send(team.gateway.callers).status, 401, "{path}");
        let post = Request::post(path, &json!({})).bearer(&team.key).send(team.gateway.callers);
        assert_eq!(post.status, 405, "{path}");
    }
    assert_eq!(team.page("/v1/usage?since=2100-01-01")["total"]["exchanges"], 0);
    for query in ["?by=deployment", "?by=", "?since=yesterday", "?key=abc", "?until=2026-01-01T00:00"] {
        let answer = team.get(&format!("/v1/usage{query}"));
        assert_eq!((answer.status, &answer.json()["error"]["code"]), (400, &json!("invalid_value")), "{query}");
    }
}

#[test]
fn the_models_list_says_what_each_costs_this_caller() {
    let team = Team::start();
    let list = team.page("/api/v1/models");
    let ids: Vec<&str> = list["data"].as_array().unwrap().iter().map(|model| model["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["all", "cheap"], "what the key may ask for");
    let cheap = &list["data"][1];
    let half = json!({
        "prompt": "0.0000005", "completion": "0.000001",
        "input_cache_read": "0.00000005", "input_cache_write": "0.0000005",
    });
    assert_eq!((&cheap["pricing"], &cheap["pricing_until"]), (&half, &Value::Null));
    assert!(cheap["pricing_min"].is_null() && cheap["unpriced_deployments"].is_null());
    assert_eq!((&cheap["context_length"], &cheap["object"]), (&json!(8000), &json!("model")));
    assert_eq!(cheap["top_provider"]["max_completion_tokens"], 1000);
    let modalities = cheap["architecture"]["input_modalities"].as_array().unwrap();
    assert!(!modalities.contains(&json!("image")) && modalities.contains(&json!("text")), "{cheap}");
    let parameters = cheap["supported_parameters"].as_array().unwrap();
    assert!(parameters.contains(&json!("tools")) && !parameters.contains(&json!("reasoning")), "{cheap}");

    // Class by class the most and the least of `cheap` and of what it falls back on.
    let pool = team.page("/v1/models/all");
    let most = json!({
        "prompt": "0.0000015", "completion": "0.000001",
        "input_cache_read": "0.0000015", "input_cache_write": "0.0000015",
    });
    let least = json!({
        "prompt": "0.0000005", "completion": "0.00000075",
        "input_cache_read": "0.00000005", "input_cache_write": "0.0000005",
    });
    assert_eq!((&pool["pricing"], &pool["pricing_min"]), (&most, &least), "{pool}");
    assert_eq!((&pool["unpriced_deployments"], &pool["context_length"]), (&json!(1), &json!(32_000)));
    let until = pool["pricing_until"].as_i64().unwrap();
    assert_eq!(until.rem_euclid(43_200), 0, "the tariff turns at noon and at midnight: {until}");
    assert_eq!(team.get("/v1/models/dear").status, 404);
}
