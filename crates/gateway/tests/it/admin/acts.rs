//! What operators do and are refused is written down, with what changed, and without a secret.

use serde_json::{Value, json};

use super::{
    commands::{json_of, run, text_of},
    config,
};
use crate::support::{Request, TestGateway, Upstream};

/// The latest acts, the oldest of them first: who, what, on what, how it ended.
fn latest(gateway: &TestGateway, count: usize) -> Vec<Value> {
    let page = gateway.operator("GET", &format!("/admin/acts?limit={count}"), None).json();
    page.as_array().unwrap().iter().rev().cloned().collect()
}

#[track_caller]
fn check(act: &Value, name: &str, object: &Value, outcome: &str, detail: &Value) {
    let shown = (&act["act"], &act["object"], &act["outcome"], &act["detail"]);
    assert_eq!(shown, (&json!(name), object, &json!(outcome), detail), "{act}");
}

#[test]
fn every_act_is_kept_with_what_changed() {
    let upstream = Upstream::start();
    let gateway = TestGateway::start(&config(&upstream));
    let post = |path: &str, body: Value| gateway.operator("POST", path, Some(&body)).json();
    post("/admin/accounts", json!({ "id": "team-a", "kind": "prepaid" }));
    gateway.operator("PATCH", "/admin/accounts/team-a", Some(&json!({ "multiplier": "0.8" })));
    post("/admin/accounts/team-a/credit", json!({ "amount": "5", "reason": "r", "idempotency": "i" }));
    post("/admin/accounts/team-a/credit", json!({ "amount": "5", "reason": "r", "idempotency": "i" }));
    post("/admin/accounts/team-a/adjust", json!({ "amount": "-9", "reason": "r", "idempotency": "j" }));
    let key = post("/admin/keys", json!({ "account": "team-a", "name": "ci", "allowed": ["first"] }));
    let key = &key["id"];
    let id = key.as_str().unwrap();
    gateway.operator("PATCH", &format!("/admin/keys/{id}"), Some(&json!({ "limits": { "concurrency": 4 } })));
    gateway.operator("POST", &format!("/admin/keys/{id}/revoke"), None);
    gateway.operator("POST", "/admin/reload", None);
    gateway.operator("POST", "/admin/balances/poll", None);
    let operator = post("/admin/operators", json!({ "name": "grafana", "role": "viewer" }));
    let operator = &operator["id"];
    gateway.operator("POST", &format!("/admin/operators/{}/revoke", operator.as_str().unwrap()), None);

    let acts = latest(&gateway, 12);
    let limits = |concurrency: Value| json!({ "requests_per_minute": null, "tokens_per_minute": null, "concurrency": concurrency, "spend": [] });
    let terms = json!({ "kind": "prepaid", "credit_line": "0.00", "multiplier": "1.00", "limits": limits(Value::Null), "closed": false });
    let credit = |is_new: bool| json!({ "entry": 1, "change": "5.00", "currency": "usd", "is_new": is_new });
    let team = json!("team-a");
    check(&acts[0], "accounts.create", &team, "done", &json!({ "parent": null, "terms": terms }));
    check(&acts[1], "accounts.change", &team, "done", &json!({ "multiplier": { "from": "1.00", "to": "0.80" } }));
    check(&acts[2], "accounts.credit", &team, "done", &credit(true));
    check(&acts[3], "accounts.credit", &team, "done", &credit(false));
    check(&acts[4], "accounts.adjust", &team, "refused", &json!({ "code": "short" }));
    let made = json!({ "account": "team-a", "name": "ci", "allowed": ["first"], "expires_at": null, "limits": limits(Value::Null), "networks": null });
    check(&acts[5], "keys.create", key, "done", &made);
    let changed = json!({ "limits": { "from": limits(Value::Null), "to": limits(json!(4)) } });
    check(&acts[6], "keys.change", key, "done", &changed);
    check(&acts[7], "keys.revoke", key, "done", &Value::Null);
    check(&acts[8], "reload", &Value::Null, "done", &Value::Null);
    check(&acts[9], "balances.poll", &Value::Null, "done", &Value::Null);
    let made = json!({ "name": "grafana", "role": "viewer", "expires_at": null });
    check(&acts[10], "operators.create", operator, "done", &made);
    check(&acts[11], "operators.revoke", operator, "done", &json!({ "name": "grafana" }));
    assert!(acts.iter().all(|act| act["who"] == "owner" && act["operator"] == "theowner"));
    let accounts: Vec<&Value> = acts.iter().map(|act| &act["account"]).collect();
    assert!(accounts[..8].iter().all(|account| **account == "team-a"), "{accounts:?}");
}

#[test]
fn what_was_refused_is_kept_without_what_was_pasted() {
    let upstream = Upstream::start();
    let gateway = TestGateway::start(&config(&upstream));
    gateway.operator("POST", "/admin/accounts", Some(&json!({ "id": "team-a" })));
    let wanted = json!({ "name": "intern", "role": "member", "account": "team-a" });
    let token =
        gateway.operator("POST", "/admin/operators", Some(&wanted)).json()["token"].as_str().unwrap().to_owned();
    let ask = |method: &str, path: &str| Request::new(method, path, None).bearer(&token).send(gateway.admin).status;
    assert_eq!(ask("POST", "/admin/reload"), 403);
    assert_eq!(ask("GET", "/admin/accounts/default"), 404);
    assert_eq!(ask("POST", &format!("/admin/keys/{}/revoke", gateway.key)), 404);
    assert_eq!(ask("GET", &format!("/admin/accounts/{}", gateway.key)), 404);
    let acts = latest(&gateway, 4);
    let expected = [
        ("reload", "/admin/reload", "forbidden"),
        ("accounts.show", "/admin/accounts/default", "not_found"),
        ("keys.revoke", "***", "not_found"),
        ("accounts.show", "/admin/accounts/***", "not_found"),
    ];
    for (act, (name, object, code)) in acts.iter().zip(expected) {
        check(act, name, &json!(object), "refused", &json!({ "code": code }));
        assert_eq!((&act["who"], &act["account"]), (&json!("intern"), &json!("team-a")));
    }
    // Those who may read acts and are limited to the tenant see these, and nothing else.
    let wanted = json!({ "name": "boss", "role": "admin", "account": "team-a" });
    let boss = gateway.operator("POST", "/admin/operators", Some(&wanted)).json()["token"].as_str().unwrap().to_owned();
    let seen = Request::get("/admin/acts").bearer(&boss).send(gateway.admin).json();
    let names: Vec<&str> = seen.as_array().unwrap().iter().map(|act| act["act"].as_str().unwrap()).collect();
    let own = [
        "operators.create",
        "accounts.show",
        "keys.revoke",
        "accounts.show",
        "reload",
        "operators.create",
        "accounts.create",
    ];
    assert_eq!(names, own);
}

#[test]
fn commands_keep_what_they_do_with_and_without_a_gateway() {
    let upstream = Upstream::start();
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    json_of(&data, &["accounts", "create", "team-a"]);
    let made = json_of(&data, &["operators", "create", "--name", "ci", "--role", "viewer", "--account", "team-a"]);
    let gateway = TestGateway::start_in(folder, &config(&upstream));
    assert!(!gateway.admin_token.is_empty(), "the first start makes the first owner even so");
    let token = made["token"].as_str().unwrap();
    assert_eq!(Request::get("/admin/accounts").bearer(token).send(gateway.admin).json()[0]["id"], "team-a");
    let id = made["id"].as_str().unwrap();
    assert!(text_of(&data, &["operators", "list"]).contains(&format!("{id}  active  viewer  team-a   ci")));
    json_of(&data, &["operators", "revoke", id]);
    assert_eq!(Request::get("/admin/accounts").bearer(token).send(gateway.admin).status, 401);
    let folder = gateway.stop();
    let refused = run(&data, &["operators", "revoke", "nosuchid"]);
    assert!(!refused.status.success());
    let told = String::from_utf8(run(&data, &["acts", "--json", "--since", "1h"]).stdout).unwrap();
    let acts: Vec<Value> = told.lines().rev().map(|line| serde_json::from_str(line).unwrap()).collect();
    let shown: Vec<[&str; 3]> =
        acts.iter().map(|act| ["who", "act", "outcome"].map(|field| act[field].as_str().unwrap())).collect();
    assert_eq!(
        shown,
        [
            ["command", "accounts.create", "done"],
            ["command", "operators.create", "done"],
            ["socket", "operators.revoke", "done"],
            ["command", "operators.revoke", "refused"],
        ]
    );
    let table = text_of(&data, &["acts", "--limit", "2"]);
    assert!(table.lines().count() == 3 && table.contains("nosuchid"), "{table}");
    assert!(!told.contains(token), "no token is in it");
    assert_eq!(text_of(&data, &["acts", "--since", "2100-01-01"]).lines().count(), 1);
    drop(folder);
}
