//! A key works from when it is made until it is revoked, and is nowhere but in the answer that made it.

use serde_json::json;

use super::config;
use crate::support::{Request, TestGateway, Upstream};

#[test]
fn a_key_works_at_once_and_is_refused_at_once() {
    let upstream = Upstream::start();
    let gateway = TestGateway::start(&config(&upstream));
    let made = gateway.operator("POST", "/admin/keys", Some(&json!({ "name": "ci" }))).json();
    let (id, key) = (made["id"].as_str().unwrap(), made["key"].as_str().unwrap());
    assert_eq!(gateway.chat_with_key("assistant", key).status, 200);

    let revoked = gateway.operator("POST", &format!("/admin/keys/{id}/revoke"), None).json();
    assert_eq!(revoked["state"], "revoked");
    assert_eq!(gateway.chat_with_key("assistant", key).status, 401);
    assert_eq!(gateway.chat("assistant").status, 200, "another key is not touched");

    let again = gateway.operator("DELETE", &format!("/admin/keys/{id}"), None);
    assert_eq!((again.status, again.json()["revoked_at"].clone()), (200, revoked["revoked_at"].clone()));
}

#[test]
fn a_key_keeps_to_its_models_and_its_account() {
    let upstream = Upstream::start();
    let gateway = TestGateway::start(&config(&upstream));
    assert_eq!(gateway.operator("POST", "/admin/accounts", Some(&json!({ "id": "team-a" }))).status, 201);
    let wanted = json!({ "account": "team-a", "allowed": ["second"], "expires_at": 4_000_000_000_i64 });
    let made = gateway.operator("POST", "/admin/keys", Some(&wanted)).json();
    assert_eq!((&made["account"], &made["allowed"]), (&wanted["account"], &wanted["allowed"]));
    assert_eq!(made["expires_at"], wanted["expires_at"]);
    let key = made["key"].as_str().unwrap();
    assert_eq!(gateway.chat_with_key("second", key).status, 200);
    assert_ne!(gateway.chat_with_key("first", key).status, 200);
    let records = gateway.operator("GET", "/admin/exchanges", None).json();
    assert_eq!(records[0]["account"], "team-a");
}

#[test]
fn no_route_shows_a_secret() {
    let upstream = Upstream::start();
    let gateway = TestGateway::start(&config(&upstream));
    let prompt = "canary-prompt-7719";
    let body = json!({ "model": "sturdy", "messages": [{ "role": "user", "content": prompt }] });
    let answer = Request::post("/v1/chat/completions", &body).bearer(&gateway.key).send(gateway.callers);
    assert_eq!(answer.status, 200, "{}", answer.body);
    let exchange = answer.header("x-roundelay-exchange").unwrap().to_owned();
    let pepper = std::fs::read_to_string(gateway.data().join("pepper")).unwrap();
    let secrets = [&gateway.key, &gateway.admin_token, "sk-canary", prompt, pepper.trim()];
    for path in [
        "/",
        "/readyz",
        "/metrics",
        "/admin/deployments",
        "/admin/exchanges",
        "/admin/keys",
        "/admin/accounts",
        "/admin/usage",
        "/admin/operators",
        "/admin/acts",
        "/openapi.json",
        &format!("/admin/exchanges/{exchange}"),
    ] {
        let answer = gateway.operator("GET", path, None);
        assert_eq!(answer.status, 200, "{path}");
        for secret in secrets {
            assert!(!answer.body.contains(secret), "{path} shows {secret}: {}", answer.body);
        }
    }
}
