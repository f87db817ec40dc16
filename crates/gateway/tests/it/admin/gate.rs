//! Every route × every way to come in.

use serde_json::{Value, json};

use super::config;
use crate::support::{Request, TestGateway, Upstream};

/// Whom a route answers.
#[derive(Clone, Copy, PartialEq)]
enum For {
    Everybody,
    Operators,
}

#[track_caller]
fn check(gateway: &TestGateway, method: &str, path: &str, body: Option<&Value>, whom: For, expected: u16) {
    let request = Request::new(method, path, body);
    let shut = if whom == For::Everybody { expected } else { 401 };
    let wrong_token = format!("{}x", gateway.admin_token);
    let rows = [
        ("no token", request.clone().send(gateway.admin), shut),
        ("an empty token", request.clone().bearer("").send(gateway.admin), shut),
        ("a wrong token", request.clone().bearer(&wrong_token).send(gateway.admin), shut),
        ("a caller's key", request.clone().bearer(&gateway.key).send(gateway.admin), shut),
        ("the token elsewhere", request.clone().header("x-api-key", &gateway.admin_token).send(gateway.admin), shut),
        ("the token", request.clone().bearer(&gateway.admin_token).send(gateway.admin), expected),
        ("the socket", request.send_to_socket(&gateway.socket()), expected),
    ];
    for (how, answer, status) in rows {
        assert_eq!(answer.status, status, "{method} {path} with {how}: {}", answer.body);
        assert_eq!(answer.header("set-cookie"), None);
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        if status >= 400 && path != "/readyz" {
            let error = &answer.json()["error"];
            assert!(error["message"].is_string() && error["code"].is_string(), "{}", answer.body);
        }
        if status == 401 {
            assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
        }
    }
}

#[test]
fn every_route_answers_those_it_is_for_and_nobody_else() {
    let upstream = Upstream::start();
    let gateway = TestGateway::start(&config(&upstream));
    let g = &gateway;
    for path in ["/", "/healthz", "/livez", "/readyz", "/metrics", "/readyz?verbose"] {
        check(g, "GET", path, None, For::Everybody, 200);
    }
    for path in [
        "/admin/server",
        "/admin/deployments",
        "/admin/exchanges",
        "/admin/exchanges?limit=5",
        "/admin/keys",
        "/admin/accounts",
        "/admin/usage",
    ] {
        check(g, "GET", path, None, For::Operators, 200);
    }
    check(g, "GET", "/admin/exchanges/x_0000000000001", None, For::Operators, 404);
    check(g, "GET", "/admin/exchanges/1", None, For::Operators, 400);
    check(g, "POST", "/admin/keys", Some(&json!({})), For::Operators, 201);
    check(g, "POST", "/admin/keys/nosuchky/revoke", None, For::Operators, 404);
    check(g, "DELETE", "/admin/keys/nosuchky", None, For::Operators, 404);
    check(g, "POST", "/admin/accounts", Some(&json!({ "id": "default" })), For::Operators, 409);
    check(g, "POST", "/admin/route", Some(&json!({ "model": "assistant" })), For::Operators, 200);
    check(g, "POST", "/admin/reload", None, For::Operators, 200);
    // The last one, since it ends the token that this test has.
    check(g, "POST", "/admin/token", None, For::Operators, 201);
}

#[test]
fn a_new_admin_token_is_in_force_at_once_and_the_old_one_is_not() {
    let upstream = Upstream::start();
    let gateway = TestGateway::start(&config(&upstream));
    let made = gateway.operator("POST", "/admin/token", None);
    assert_eq!(made.status, 201, "{}", made.body);
    let token = made.json()["admin_token"].as_str().unwrap().to_owned();
    assert!(token.starts_with("rladmin-") && token != gateway.admin_token);
    assert_eq!(gateway.operator("GET", "/admin/keys", None).status, 401);
    assert_eq!(Request::get("/admin/keys").bearer(&token).send(gateway.admin).status, 200);
    let folder = gateway.stop();
    let gateway = TestGateway::start_in(folder, &config(&upstream));
    assert_eq!(Request::get("/admin/keys").bearer(&token).send(gateway.admin).status, 200, "after a restart");
}

/// Every kind of path answers a request that says this in its first lines with that status.
#[track_caller]
fn check_host(gateway: &TestGateway, line: impl Fn(&str) -> String, expected: Option<u16>) {
    for (path, otherwise) in [("/", 200), ("/healthz", 200), ("/readyz", 200), ("/metrics", 200), ("/admin/keys", 401)]
    {
        let answer = Request::raw(&line(path)).send(gateway.admin);
        assert_eq!(answer.status, expected.unwrap_or(otherwise), "{}: {}", line(path), answer.body);
        if answer.status == 421 {
            assert_eq!(answer.json()["error"]["code"], "misdirected");
            assert!(answer.body.contains(&gateway.admin.to_string()), "it says where to ask: {}", answer.body);
        }
    }
}

#[test]
fn a_name_that_a_stranger_let_lead_here_opens_nothing() {
    let upstream = Upstream::start();
    let gateway = TestGateway::start(&config(&upstream));
    let port = gateway.admin.port();
    let named = |host: String| move |path: &str| format!("GET {path} HTTP/1.1\r\nhost: {host}\r\n");
    for host in
        ["localhost".to_owned(), format!("localhost:{port}"), format!("127.0.0.1:{port}"), format!("[::1]:{port}")]
    {
        check_host(&gateway, named(host), None);
    }
    for host in
        ["attacker.example".to_owned(), format!("attacker.example:{port}"), "192.168.1.5".to_owned(), String::new()]
    {
        check_host(&gateway, named(host), Some(421));
    }
    let foreign = Some(421);
    check_host(&gateway, |path| format!("GET http://attacker.example{path} HTTP/1.1\r\nhost: localhost\r\n"), foreign);
    check_host(
        &gateway,
        |path| format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nhost: attacker.example\r\n"),
        foreign,
    );
    // No browser leaves it out; monitors of the old kind do.
    check_host(&gateway, |path| format!("GET {path} HTTP/1.0\r\n"), None);
    let socket = Request::raw("GET /admin/keys HTTP/1.1\r\nhost: attacker.example\r\n");
    assert_eq!(socket.send_to_socket(&gateway.socket()).status, 200, "no browser reaches the socket");
}

#[test]
fn an_address_that_others_reach_is_asked_for_by_any_name() {
    let upstream = Upstream::start();
    let server = "[server]\nlisten = '127.0.0.1:0'\nadmin = '0.0.0.0:0'\n";
    let gateway = TestGateway::start(&format!("{server}{}", config(&upstream)));
    let here = std::net::SocketAddr::from(([127, 0, 0, 1], gateway.admin.port()));
    let answer = Request::raw("GET /healthz HTTP/1.1\r\nhost: gateway.example\r\n").send(here);
    assert_eq!(answer.status, 200, "{}", answer.body);
}

#[test]
fn what_is_not_listed_is_closed() {
    let upstream = Upstream::start();
    let gateway = TestGateway::start(&config(&upstream));
    let g = &gateway;
    for path in [
        "/admin",
        "/admin/",
        "/admin/keys/",
        "//admin/keys",
        "/%61dmin/keys",
        "/healthz/../admin/keys",
        "/healthz/",
        "/Admin/keys",
        "/favicon.ico",
        "/v1/models",
    ] {
        check(g, "GET", path, None, For::Operators, 404);
    }
    check(g, "DELETE", "/admin/keys", None, For::Operators, 405);
    check(g, "GET", "/admin/reload", None, For::Operators, 405);
    // The path is the request line's alone.
    for header in ["x-original-url", "x-rewrite-url", "x-forwarded-uri"] {
        let answer = Request::get("/admin/keys").header(header, "/healthz").send(gateway.admin);
        assert_eq!(answer.status, 401, "{header}");
    }
    assert_eq!(Request::get("http://localhost/admin/keys").send(gateway.admin).status, 401);
}

#[track_caller]
fn check_body(gateway: &TestGateway, path: &str, body: &str, expected: (u16, &str)) {
    let request = Request::new("POST", path, None).bearer(&gateway.admin_token).body(body);
    let answer = request.send(gateway.admin);
    let code = answer.json()["error"]["code"].as_str().unwrap_or_default().to_owned();
    assert_eq!((answer.status, code.as_str()), expected, "{body:.80}: {}", answer.body);
}

#[test]
fn a_bad_body_is_refused_with_a_reason() {
    let upstream = Upstream::start();
    let gateway = TestGateway::start(&config(&upstream));
    let bad = (400, "bad_request");
    for body in [
        "{",
        "[]",
        "\u{0}",
        r#"{"nmae":"x"}"#,
        r#"{"name":7}"#,
        r#"{"allowed":[]}"#,
        r#"{"allowed":[""]}"#,
        r#"{"expires_at":1000}"#,
        r#"{"expires_at":"2027-01-01"}"#,
        r#"{"account":"a b"}"#,
        r#"{"name":"a\nb"}"#,
    ] {
        check_body(&gateway, "/admin/keys", body, bad);
    }
    check_body(&gateway, "/admin/keys", &json!({ "name": "n".repeat(201) }).to_string(), bad);
    check_body(&gateway, "/admin/keys", r#"{"account":"nobody"}"#, (404, "not_found"));
    check_body(&gateway, "/admin/keys", &"x".repeat(600 << 10), (413, "too_large"));
    check_body(&gateway, "/admin/accounts", "{}", bad);
    check_body(&gateway, "/admin/accounts", r#"{"id":"a/b"}"#, bad);
    check_body(&gateway, "/admin/route", r#"{"model":"nobody"}"#, (404, "not_found"));
    check_body(&gateway, "/admin/route", r#"{"model":"assistant","at":"tomorrow"}"#, bad);
}
