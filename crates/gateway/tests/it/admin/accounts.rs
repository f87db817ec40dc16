//! Accounts and keys with terms: what can be, and that what is changed is in force.

use serde_json::{Value, json};

use super::{
    commands::{complaint_of, json_of, text_of},
    config,
};
use crate::support::{TestGateway, Upstream};

#[test]
fn an_account_keeps_the_terms_that_were_written_with_and_without_a_gateway() {
    let upstream = Upstream::start();
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let create = "accounts create team-a --prepaid --credit-line 5 --multiplier 0.8 --rpm 60 --concurrency 4 \
                  --spend day:10@Asia/Shanghai --spend total:100 --title Team";
    let made = json_of(&data, &create.split_whitespace().collect::<Vec<_>>());
    assert_eq!((&made["kind"], &made["currency"], &made["parent"]), (&json!("prepaid"), &json!("usd"), &Value::Null));
    assert_eq!((&made["credit_line"], &made["credit_line_nano"]), (&json!("5.00"), &json!(5_000_000_000_i64)));
    assert_eq!((&made["multiplier"], &made["left"]), (&json!("0.80"), &json!("5.00")));
    let limits = json!({
        "requests_per_minute": 60,
        "tokens_per_minute": null,
        "concurrency": 4,
        "spend": [
            { "span": "day", "amount": "10.00", "amount_nano": 10_000_000_000_i64, "zone": "Asia/Shanghai" },
            { "span": "total", "amount": "100.00", "amount_nano": 100_000_000_000_i64, "zone": "UTC" },
        ],
    });
    assert_eq!(made["limits"], limits);

    let gateway = TestGateway::start_in(folder, &config(&upstream));
    let below = json_of(&data, &["accounts", "create", "alice", "--parent", "team-a"]);
    assert_eq!(
        (&below["kind"], &below["parent"], &below["balance"]),
        (&json!("inherits"), &json!("team-a"), &Value::Null)
    );
    let change = ["accounts", "change", "team-a", "--rpm", "none", "--spend", "none", "--credit-line", "0"];
    let changed = json_of(&data, &change);
    assert_eq!((&changed["credit_line"], &changed["multiplier"]), (&json!("0.00"), &json!("0.80")), "the rest stays");
    let limits = &changed["limits"];
    assert_eq!(
        (&limits["requests_per_minute"], &limits["spend"], &limits["concurrency"]),
        (&Value::Null, &json!([]), &json!(4))
    );

    let listed = text_of(&data, &["accounts", "list"]);
    let lines: Vec<&str> = listed.lines().collect();
    assert!(lines[1].starts_with("default") && lines[2].starts_with("team-a"), "{listed}");
    assert!(lines[3].starts_with("  alice "), "a tree: {listed}");
    let running = json_of(&data, &["accounts", "list"]);
    let folder = gateway.stop();
    let mut alone = json_of(&data, &["accounts", "list"]);
    for (alone, running) in alone.as_array_mut().unwrap().iter_mut().zip(running.as_array().unwrap()) {
        for field in ["held", "held_nano", "running"] {
            assert_eq!(alone[field], Value::Null, "nobody knows what is held");
            alone[field] = running[field].clone();
        }
    }
    assert_eq!(alone, running, "the same list without a gateway");
    drop(folder);
}

#[test]
fn terms_that_cannot_be_are_refused_with_what_to_write() {
    let upstream = Upstream::start();
    let gateway = TestGateway::start(&config(&upstream));
    let post = |body: &Value| gateway.operator("POST", "/admin/accounts", Some(body));
    #[track_caller]
    fn check(answer: &crate::support::Answer, status: u16, words: &str) {
        assert_eq!(answer.status, status, "{}", answer.body);
        let message = answer.json()["error"]["message"].as_str().unwrap().to_owned();
        assert!(message.contains(words), "`{words}` is not in: {message}");
    }
    check(&post(&json!({ "id": "a", "kind": "free" })), 400, "write `prepaid`, `postpaid` or `inherits`");
    check(&post(&json!({ "id": "a", "kind": "inherits" })), 400, "make it `prepaid` or `postpaid`");
    check(&post(&json!({ "id": "a", "currency": "eur" })), 400, "write `usd` or `cny`");
    check(&post(&json!({ "id": "a", "parent": "b" })), 404, "no account `b`");
    check(&post(&json!({ "id": "a", "credit_line": "-1" })), 400, "below zero");
    check(&post(&json!({ "id": "a", "credit_line": 5 })), 400, "expected a string");
    check(&post(&json!({ "id": "a", "multiplier": "101" })), 400, "more than a hundred");
    check(&post(&json!({ "id": "a", "prepaid": true })), 400, "unknown field `prepaid`");
    let spend = |span: &str, amount: &str, zone: &str| {
        let limits = json!({ "spend": [{ "span": span, "amount": amount, "zone": zone }] });
        post(&json!({ "id": "a", "limits": limits }))
    };
    check(&spend("fortnight", "1", "UTC"), 400, "write one of `hour`, `day`, `week`, `month`, `total`");
    check(&spend("day", "1e3", "UTC"), 400, "like 12.50");
    check(&spend("day", "-1", "UTC"), 400, "zero or more");
    check(&spend("day", "1", "Mars/Olympus"), 400, "time zone database");
    let twice = json!([{ "span": "day", "amount": "1" }, { "span": "day", "amount": "2" }]);
    check(&post(&json!({ "id": "a", "limits": { "spend": twice } })), 400, "two spend limits are for each `day`");
    check(&post(&json!({ "id": "a", "limits": { "concurrency": 0 } })), 400, "1 or more, or null");
    let patch = |id: &str, body: &Value| gateway.operator("PATCH", &format!("/admin/accounts/{id}"), Some(body));
    check(&patch("nobody", &json!({})), 404, "no account `nobody`");
    check(&patch("default", &json!({ "currency": "cny" })), 400, "unknown field `currency`");
    check(&patch("default", &json!({ "kind": "inherits" })), 400, "make it `prepaid` or `postpaid`");
    for level in 1..8 {
        let parent = if level == 1 { "default".to_owned() } else { format!("l{}", level - 1) };
        assert_eq!(post(&json!({ "id": format!("l{level}"), "parent": parent })).status, 201);
    }
    check(&post(&json!({ "id": "l8", "parent": "l7" })), 400, "more than eight accounts above one another");
    let listed = gateway.operator("GET", "/admin/accounts", None).json();
    assert_eq!(listed.as_array().unwrap().len(), 8, "what was refused is not there: {listed}");
}

#[test]
fn a_change_that_is_refused_changes_nothing() {
    let upstream = Upstream::start();
    let gateway = TestGateway::start(&config(&upstream));
    let made = json!({ "id": "below", "parent": "default", "multiplier": "50" });
    assert_eq!(gateway.operator("POST", "/admin/accounts", Some(&made)).status, 201);
    let change = json!({ "multiplier": "3", "limits": { "requests_per_minute": 1 } });
    let refused = gateway.operator("PATCH", "/admin/accounts/default", Some(&change));
    assert_eq!(refused.status, 400, "{}", refused.body);
    let account = gateway.operator("GET", "/admin/accounts/default", None).json();
    assert_eq!((&account["multiplier"], &account["limits"]["requests_per_minute"]), (&json!("1.00"), &Value::Null));
    assert_eq!((gateway.chat("first").status, gateway.chat("first").status), (200, 200), "nor is it in force");
}

#[test]
fn a_closed_account_is_refused_at_once_until_it_is_opened() {
    let upstream = Upstream::start();
    let gateway = TestGateway::start(&config(&upstream));
    assert_eq!(gateway.chat("first").status, 200);
    assert_eq!(json_of(&gateway.data(), &["accounts", "change", "default", "--close"])["closed"], true);
    assert!((400..500).contains(&gateway.chat("first").status));
    assert!(text_of(&gateway.data(), &["accounts", "list"]).contains("postpaid, closed"));
    assert_eq!(json_of(&gateway.data(), &["accounts", "change", "default", "--open"])["closed"], false);
    assert_eq!(gateway.chat("first").status, 200);
}

#[test]
fn a_key_keeps_its_limits_until_they_are_changed() {
    let upstream = Upstream::start();
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let create =
        "keys create --rpm 60 --spend day:5@Asia/Shanghai --on-disconnect drain --allow first --expires 2100-01-01";
    let made = json_of(&data, &create.split_whitespace().collect::<Vec<_>>());
    let (id, key) = (made["id"].as_str().unwrap(), made["key"].as_str().unwrap());
    assert_eq!((&made["limits"]["requests_per_minute"], &made["on_disconnect"]), (&json!(60), &json!("drain")));
    assert!(text_of(&data, &["keys", "list"]).contains("60 rpm, day:5.00@Asia/Shanghai"));
    let gateway = TestGateway::start_in(folder, &config(&upstream));
    assert_ne!(gateway.chat_with_key("second", key).status, 200);
    let change = ["keys", "change", id, "--allow-all", "--expires", "never", "--tpm", "1000000", "--spend", "none"];
    let changed = json_of(&data, &change);
    assert_eq!((&changed["allowed"], &changed["expires_at"]), (&Value::Null, &Value::Null));
    assert_eq!(
        (&changed["limits"]["requests_per_minute"], &changed["limits"]["tokens_per_minute"]),
        (&json!(60), &json!(1_000_000))
    );
    assert_eq!(changed["on_disconnect"], "drain", "what was not named stays");
    assert_eq!(gateway.chat_with_key("second", key).status, 200, "at once");
    json_of(&data, &["keys", "change", id, "--rpm", "1"]);
    let statuses = [(); 3].map(|()| gateway.chat_with_key("second", key).status);
    assert_eq!(statuses[1..], [429, 429], "at once");
    let body = json!({ "on_disconnect": null, "allowed": ["first"] });
    let changed = gateway.operator("PATCH", &format!("/admin/keys/{id}"), Some(&body)).json();
    assert_eq!((&changed["on_disconnect"], &changed["allowed"]), (&Value::Null, &json!(["first"])));
    assert_ne!(gateway.chat_with_key("second", key).status, 200, "at once");
    assert!(complaint_of(&data, &["keys", "change", "nosuchky", "--rpm", "1"]).contains("no key `nosuchky`"));
    assert!(complaint_of(&data, &["keys", "change", id, "--on-disconnect", "x"]).contains("`cancel` or `drain`"));
    let revoked = json_of(&data, &["keys", "revoke", id]);
    let still = json_of(&data, &["keys", "change", id, "--rpm", "none"]);
    assert_eq!((&still["state"], &still["revoked_at"]), (&json!("revoked"), &revoked["revoked_at"]));
}

#[test]
fn an_account_with_a_balance_does_not_become_one_that_keeps_none() {
    let upstream = Upstream::start();
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    json_of(&data, &["accounts", "create", "team", "--prepaid"]);
    json_of(&data, &["accounts", "create", "below", "--parent", "team", "--prepaid"]);
    json_of(&data, &["accounts", "credit", "below", "5", "--reason", "first"]);
    let change = ["accounts", "change", "below", "--inherits"];
    let alone = complaint_of(&data, &change);
    assert!(
        alone.contains("`below` has 5.00 usd") && alone.contains("`accounts adjust below -5.00 --reason"),
        "{alone}"
    );
    let gateway = TestGateway::start_in(folder, &config(&upstream));
    assert_eq!(complaint_of(&data, &change), alone, "with a gateway");
    json_of(&data, &["accounts", "adjust", "below", "-5.00", "--reason", "to the one above"]);
    assert_eq!(json_of(&data, &change)["kind"], "inherits");
    drop(gateway);
}
