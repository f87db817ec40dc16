//! A key is used from its networks and from nowhere else.

use serde_json::{Value, json};

use super::{
    commands::{complaint_of, json_of, text_of},
    config,
};
use crate::support::{Answer, Request, TestGateway, Upstream};

fn key(gateway: &TestGateway, networks: &[&str]) -> (String, String) {
    let made = gateway.operator("POST", "/admin/keys", Some(&json!({ "networks": networks })));
    assert_eq!(made.status, 201, "{}", made.body);
    let text = |field: &str| made.json()[field].as_str().unwrap().to_owned();
    (text("id"), text("key"))
}

fn ask(gateway: &TestGateway, key: &str, headers: &[(&str, &str)]) -> Answer {
    let body = json!({ "model": "first", "messages": [{ "role": "user", "content": "Hello" }] });
    let request = Request::post("/v1/chat/completions", &body).bearer(key);
    headers.iter().fold(request, |request, (name, value)| request.header(name, value)).send(gateway.callers)
}

#[test]
fn a_key_is_refused_outside_its_networks_before_anything_is_done() {
    let upstream = Upstream::start();
    let gateway = TestGateway::start(&config(&upstream));
    let (id, office) = key(&gateway, &["192.0.2.0/24", "2001:db8::/32"]);
    let asked = upstream.control.requests();
    let refused = ask(&gateway, &office, &[]);
    let error = refused.json()["error"].clone();
    assert_eq!((refused.status, &error["code"]), (403, &json!("address_not_allowed")), "{}", refused.body);
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("127.0.0.1") && message.contains("--network"), "{message}");
    // Nobody believes a caller's own word on where it is.
    for header in [("x-forwarded-for", "192.0.2.7"), ("forwarded", "for=192.0.2.7"), ("x-real-ip", "192.0.2.7")] {
        assert_eq!(ask(&gateway, &office, &[header]).status, 403, "{header:?}");
    }
    for path in ["/v1/models", "/v1/balance", "/v1/usage"] {
        assert_eq!(Request::get(path).bearer(&office).send(gateway.callers).status, 403, "{path}");
    }
    assert_eq!(upstream.control.requests(), asked, "nothing was sent");
    assert_eq!(gateway.operator("GET", "/admin/exchanges", None).json(), json!([]), "and nothing begun");
    let change = |networks: Value| {
        let changed = gateway.operator("PATCH", &format!("/admin/keys/{id}"), Some(&json!({ "networks": networks })));
        assert_eq!(changed.status, 200, "{}", changed.body);
        changed.json()["networks"].clone()
    };
    assert_eq!(change(json!(["127.0.0.0/8"])), json!(["127.0.0.0/8"]));
    assert_eq!(ask(&gateway, &office, &[]).status, 200, "at once");
    assert_eq!(change(json!(["127.0.0.2"])), json!(["127.0.0.2/32"]));
    assert_eq!(ask(&gateway, &office, &[]).status, 403);
    assert_eq!(change(Value::Null), Value::Null);
    assert_eq!(ask(&gateway, &office, &[]).status, 200, "anywhere");
}

#[test]
fn a_trusted_proxy_says_where_a_caller_is() {
    let upstream = Upstream::start();
    let trusting = format!("server.trusted_proxies = ['127.0.0.0/8', '10.0.0.0/8']\n{}", config(&upstream));
    let gateway = TestGateway::start(&trusting);
    let (_, office) = key(&gateway, &["192.0.2.0/24"]);
    let status = |headers: &[(&str, &str)]| ask(&gateway, &office, headers).status;
    assert_eq!(status(&[]), 403, "the proxy itself is not in it");
    assert_eq!(status(&[("x-forwarded-for", "192.0.2.7")]), 200);
    assert_eq!(status(&[("x-forwarded-for", "192.0.2.7, 10.1.1.1")]), 200);
    assert_eq!(status(&[("forwarded", "for=\"192.0.2.7:4711\";proto=https")]), 200);
    assert_eq!(status(&[("x-forwarded-for", "192.0.2.7, 198.51.100.7")]), 403, "written by the caller");
    assert_eq!(status(&[("x-forwarded-for", "198.51.100.7"), ("forwarded", "for=192.0.2.7")]), 403);
    let told = ask(&gateway, &office, &[("x-forwarded-for", "192.0.2.7, 198.51.100.7")]);
    assert!(told.body.contains("198.51.100.7"), "{}", told.body);
}

#[test]
fn networks_are_kept_and_slips_are_told() {
    let upstream = Upstream::start();
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let create =
        ["keys", "create", "--network", "127.0.0.0/8", "--network", "2001:db8::/32", "--network", "127.0.0.0/8"];
    let made = json_of(&data, &create);
    assert_eq!(made["networks"], json!(["127.0.0.0/8", "2001:db8::/32"]), "each once");
    let id = made["id"].as_str().unwrap();
    let slip = complaint_of(&data, &["keys", "create", "--network", "10.0.0.1/8"]);
    assert!(slip.contains("begins at `10.0.0.0/8`"), "{slip}");
    let gateway = TestGateway::start_in(folder, &config(&upstream));
    assert_eq!(ask(&gateway, made["key"].as_str().unwrap(), &[]).status, 200, "read at the start");
    assert_eq!(json_of(&data, &["keys", "change", id, "--rpm", "600"])["networks"], made["networks"], "it stays");
    json_of(&data, &["keys", "change", id, "--network", "10.0.0.0/8"]);
    assert_eq!(ask(&gateway, made["key"].as_str().unwrap(), &[]).status, 403);
    assert!(text_of(&data, &["keys", "list"]).contains("10.0.0.0/8"));
    let folder = gateway.stop();
    assert_eq!(json_of(&data, &["keys", "change", id, "--any-network"])["networks"], Value::Null);
    drop(folder);
    for networks in [json!([]), json!(["10.0.0.0/33"]), json!([7]), json!("10.0.0.0/8")] {
        let upstream = Upstream::start();
        let gateway = TestGateway::start(&config(&upstream));
        let refused = gateway.operator("POST", "/admin/keys", Some(&json!({ "networks": networks })));
        assert_eq!(refused.status, 400, "{networks}");
    }
}
