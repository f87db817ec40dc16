//! Every route × every role × the own tenant and a foreign one: whom each answers, and what it shows.

use std::collections::BTreeSet;

use roundelay::admin::openapi::document;
use serde_json::{Value, json};

use super::config;
use crate::support::{Answer, Request, TestGateway, Upstream};

const ROLES: [&str; 4] = ["viewer", "member", "admin", "owner"];

/// What becomes of a request of somebody who is limited to an account.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Limited {
    /// It names an object: what is another's is not there.
    Object,
    /// It shows what is the tenant's own.
    List,
    /// It is about the gateway as a whole: forbidden.
    Whole,
    /// It is about nobody's objects.
    Same,
}
use Limited::{List, Object, Same, Whole};

/// A route, by its name in the document; the request; the least role, and what limits do; the status of success.
/// `{account}`, `{key}`, `{doomed}`, `{exchange}` and `{operator}` stand for an object, `{new}` for a new name.
type Row = (&'static str, &'static str, &'static str, &'static str, Limited, u16);

const ROWS: &[Row] = &[
    ("GET /admin/server", "/admin/server", "", "viewer", Same, 200),
    ("POST /admin/token", "/admin/token", "", "viewer", Same, 201),
    ("GET /admin/deployments", "/admin/deployments", "", "viewer", Whole, 200),
    ("GET /admin/balances", "/admin/balances", "", "viewer", Whole, 200),
    ("POST /admin/balances/poll", "/admin/balances/poll", "", "admin", Whole, 200),
    ("POST /admin/route", "/admin/route", r#"{"model":"assistant"}"#, "viewer", Whole, 200),
    ("POST /admin/reload", "/admin/reload", "", "admin", Whole, 200),
    ("GET /admin/exchanges", "/admin/exchanges", "", "viewer", List, 200),
    ("GET /admin/exchanges", "/admin/exchanges?account={account}", "", "viewer", List, 200),
    ("GET /admin/exchanges", "/admin/exchanges?key={key}&since_ms=1", "", "viewer", List, 200),
    ("GET /admin/exchanges/{id}", "/admin/exchanges/{exchange}", "", "viewer", Object, 200),
    ("GET /admin/keys", "/admin/keys", "", "viewer", List, 200),
    ("POST /admin/keys", "/admin/keys", r#"{"account":"{account}"}"#, "member", Object, 201),
    ("PATCH /admin/keys/{id}", "/admin/keys/{key}", r#"{"limits":{"concurrency":9}}"#, "member", Object, 200),
    ("DELETE /admin/keys/{id}", "/admin/keys/{doomed}", "", "member", Object, 200),
    ("POST /admin/keys/{id}/revoke", "/admin/keys/{doomed}/revoke", "", "member", Object, 200),
    ("GET /admin/accounts", "/admin/accounts", "", "viewer", List, 200),
    ("GET /admin/accounts/{id}", "/admin/accounts/{account}", "", "viewer", Object, 200),
    ("POST /admin/accounts", "/admin/accounts", r#"{"id":"{new}","parent":"{account}"}"#, "admin", Object, 201),
    ("POST /admin/accounts", "/admin/accounts", r#"{"id":"{new}"}"#, "admin", Whole, 201),
    ("PATCH /admin/accounts/{id}", "/admin/accounts/{account}", r#"{"multiplier":"1"}"#, "admin", Object, 200),
    ("POST /admin/accounts/{id}/credit", "/admin/accounts/{account}/credit", POSTING, "admin", Whole, 201),
    ("POST /admin/accounts/{id}/adjust", "/admin/accounts/{account}/adjust", POSTING, "admin", Whole, 201),
    ("GET /admin/entries", "/admin/entries", "", "viewer", List, 200),
    ("GET /admin/entries", "/admin/entries?format=csv&limit=1000", "", "viewer", List, 200),
    ("GET /admin/entries", "/admin/entries?account={account}", "", "viewer", Object, 200),
    ("GET /admin/entries", "/admin/entries?key={key}&kind=charge", "", "viewer", List, 200),
    ("GET /admin/exchanges/{id}/receipt", "/admin/exchanges/{exchange}/receipt", "", "viewer", Object, 200),
    (
        "POST /admin/entries/{sequence}/reverse",
        "/admin/entries/{entry}/reverse",
        r#"{"reason":"r"}"#,
        "admin",
        Whole,
        200,
    ),
    ("GET /admin/codes", "/admin/codes", "", "admin", Whole, 200),
    ("POST /admin/codes", "/admin/codes", r#"{"amount":"1"}"#, "admin", Whole, 201),
    (
        "POST /admin/codes/redeem",
        "/admin/codes/redeem",
        r#"{"code":"{code}","account":"{account}"}"#,
        "admin",
        Object,
        200,
    ),
    ("POST /admin/codes/{id}/revoke", "/admin/codes/{open}/revoke", "", "admin", Whole, 200),
    ("GET /admin/usage", "/admin/usage?by=account,key,model", "", "viewer", List, 200),
    ("GET /admin/usage", "/admin/usage?by=hour,key&account={account}", "", "viewer", Object, 200),
    ("GET /admin/usage", "/admin/usage?key={key}", "", "viewer", Object, 200),
    ("GET /admin/operators", "/admin/operators", "", "owner", List, 200),
    ("POST /admin/operators", "/admin/operators", OPERATOR, "owner", Object, 201),
    ("POST /admin/operators/{id}/revoke", "/admin/operators/{operator}/revoke", "", "owner", Object, 200),
    ("GET /admin/acts", "/admin/acts", "", "admin", List, 200),
];
const POSTING: &str = r#"{"amount":"1","reason":"test","idempotency":"{new}"}"#;
const OPERATOR: &str = r#"{"name":"{new}","role":"owner","account":"{account}"}"#;

/// What there is of one tenant.
struct Tenant {
    account: &'static str,
    key: String,
    doomed: String,
    exchange: String,
    operator: String,
    /// The charge of the exchange, reversed.
    entry: String,
    /// A code, and the id of another.
    code: String,
    open: String,
}

struct World {
    gateway: TestGateway,
    own: Tenant,
    foreign: Tenant,
    nothing: Tenant,
}

/// Two tenants, `team-a` and `team-b`, each with an account that pays below it, keys, exchanges, entries and operators.
fn world(upstream: &Upstream) -> World {
    let price = "[models.first]\nprice = { input = 3, output = 15 }\n";
    let gateway = TestGateway::start(&config(upstream).replace("[models.first]\n", price));
    let make = |account: &'static str, team: &str| {
        for body in [json!({ "id": team }), json!({ "id": account, "parent": team, "kind": "prepaid" })] {
            done(&gateway.operator("POST", "/admin/accounts", Some(&body)));
        }
        let credit = json!({ "amount": "5", "reason": format!("of-{account}"), "idempotency": account });
        done(&gateway.operator("POST", &format!("/admin/accounts/{account}/credit"), Some(&credit)));
        let key = || done(&gateway.operator("POST", "/admin/keys", Some(&json!({ "account": account, "name": team }))));
        let used = key();
        let answer = gateway.chat_with_key("first", used["key"].as_str().unwrap());
        let exchange = answer.header("x-roundelay-exchange").unwrap().to_owned();
        let operator = json!({ "name": format!("of-{team}"), "role": "viewer", "account": team });
        let operator = done(&gateway.operator("POST", "/admin/operators", Some(&operator)));
        let id = |made: &Value| made["id"].as_str().unwrap().to_owned();
        let charge = gateway.operator("GET", &format!("/admin/entries?account={account}&kind=charge"), None).json();
        let entry = charge[0]["sequence"].to_string();
        let reason = json!({ "reason": "r" });
        done(&gateway.operator("POST", &format!("/admin/entries/{entry}/reverse"), Some(&reason)));
        let codes = done(&gateway.operator("POST", "/admin/codes", Some(&json!({ "amount": "1", "count": 2 }))));
        let (code, open) = (codes[0]["code"].as_str().unwrap().to_owned(), id(&codes[1]));
        let operator = id(&operator);
        Tenant { account, key: id(&used), doomed: id(&key()), exchange, operator, entry, code, open }
    };
    let (own, foreign) = (make("alice", "team-a"), make("bob", "team-b"));
    let nothing = Tenant {
        account: "zed",
        key: "zzzzzzzz".into(),
        doomed: "zzzzzzzz".into(),
        exchange: "x_0000000000001".into(),
        operator: "zzzzzzzz".into(),
        entry: "999999".into(),
        code: "rc-none".into(),
        open: "zzzzzzzz".into(),
    };
    World { gateway, own, foreign, nothing }
}

#[track_caller]
fn done(answer: &Answer) -> Value {
    assert!((200..300).contains(&answer.status), "{}", answer.body);
    answer.json()
}

impl World {
    /// The token of a new operator.
    fn token(&self, role: &str, account: Option<&str>) -> String {
        let wanted = json!({ "name": format!("{role}-of-test"), "role": role, "account": account });
        done(&self.gateway.operator("POST", "/admin/operators", Some(&wanted)))["token"].as_str().unwrap().to_owned()
    }

    fn ask(&self, row: &Row, of: &Tenant, token: Option<&str>, new: &str) -> Answer {
        let filled = |text: &str| {
            text.replace("{account}", of.account)
                .replace("{key}", &of.key)
                .replace("{doomed}", &of.doomed)
                .replace("{exchange}", &of.exchange)
                .replace("{operator}", &of.operator)
                .replace("{entry}", &of.entry)
                .replace("{code}", &of.code)
                .replace("{open}", &of.open)
                .replace("{new}", new)
        };
        let method = row.0.split(' ').next().unwrap();
        let request = Request::new(method, &filled(row.1), None).body(&filled(row.2));
        let request = token.into_iter().fold(request, |request, token| request.bearer(token));
        request.send(self.gateway.admin)
    }

    /// What nobody may see who is limited to the other tenant.
    fn marks_of_the_foreign(&self) -> [&str; 6] {
        let Tenant { key, doomed, exchange, operator, .. } = &self.foreign;
        ["team-b", "bob", key, doomed, exchange, operator]
    }
}

#[test]
fn every_route_has_its_row() {
    let document = document();
    let mut routes = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap().iter().filter(|(name, _)| *name != "servers") {
            let is_for_operators = operation["security"][0].get("operator").is_some();
            if is_for_operators {
                let name = format!("{} {path}", method.to_uppercase());
                let row = ROWS.iter().find(|row| row.0 == name);
                let row = row.unwrap_or_else(|| panic!("{name} has no row: say here whom it answers"));
                assert_eq!(operation["x-role"], row.3, "{name}");
                routes.insert(name);
            } else if operation["security"] == json!([]) {
                assert!(["/", "/healthz", "/livez", "/readyz", "/metrics", "/openapi.json"].contains(&path.as_str()));
            }
        }
    }
    let rows: BTreeSet<String> = ROWS.iter().map(|row| row.0.to_owned()).collect();
    assert_eq!(rows, routes, "a row is for a route that is not there");
}

#[test]
fn every_role_does_what_is_its_own_and_sees_its_own_tenant() {
    let upstream = Upstream::start();
    let world = world(&upstream);
    let mut new = 0;
    for row in ROWS {
        let &(name, _, _, least, limited, success) = row;
        for (rank, role) in ROLES.into_iter().enumerate() {
            let may = ROLES.iter().position(|role| *role == least).unwrap() <= rank;
            for account in [None, Some("team-a")] {
                let token = world.token(role, account);
                for (which, of) in [("own", &world.own), ("foreign", &world.foreign)] {
                    new += 1;
                    let answer = world.ask(row, of, Some(&token), &format!("n{new}"));
                    let how = format!("{name} ({}) as {role} of {account:?}, {which}: {}", row.1, answer.body);
                    let is_limited = account.is_some();
                    let expected = match limited {
                        Whole if is_limited => 403,
                        _ if !may => 403,
                        Object if is_limited && which == "foreign" => 404,
                        _ => success,
                    };
                    assert_eq!(answer.status, expected, "{how}");
                    if is_limited && which == "foreign" && expected == 404 {
                        let missing = world.ask(row, &world.nothing, Some(&token), &format!("m{new}"));
                        assert_eq!(missing.status, 404, "{how}");
                        assert_eq!(
                            named(&answer.body, of),
                            named(&missing.body, &world.nothing),
                            "as if it were missing"
                        );
                    }
                    if is_limited && expected == success {
                        let marks = world.marks_of_the_foreign();
                        let shown = without_refusals(&answer.body);
                        let seen = marks.iter().find(|mark| shown.contains(*mark));
                        assert!(seen.is_none(), "it shows {seen:?}: {how}");
                    }
                    if limited == List && expected == success && which == "own" {
                        assert!(answer.body.len() > 2, "it shows what is its own: {how}");
                    }
                    if name == "POST /admin/token" {
                        break; // it has ended its own token
                    }
                }
            }
        }
        assert_eq!(world.ask(row, &world.own, None, "nobody").status, 401, "{name}");
    }
}

/// A list without refused acts: these show what somebody of the tenant typed.
fn without_refusals(body: &str) -> String {
    match serde_json::from_str(body) {
        Ok(Value::Array(mut rows)) => {
            rows.retain(|row| row["act"].is_null() || row["outcome"] != "refused");
            Value::Array(rows).to_string()
        }
        _ => body.to_owned(),
    }
}

/// A body with what it names left out.
fn named(body: &str, of: &Tenant) -> String {
    [of.account, &of.key, &of.doomed, &of.exchange, &of.operator, &of.entry]
        .iter()
        .fold(body.to_owned(), |body, name| body.replace(*name, "…"))
}

#[test]
fn the_first_operator_and_the_socket_are_owners_and_tokens_end() {
    let upstream = Upstream::start();
    let world = world(&upstream);
    let gateway = &world.gateway;
    let status = |token: &str| Request::get("/admin/server").bearer(token).send(gateway.admin).status;
    let listed = gateway.operator("GET", "/admin/operators", None).json();
    let first = listed.as_array().unwrap().iter().find(|operator| operator["id"] == "theowner").unwrap();
    assert_eq!((&first["role"], &first["name"]), (&json!("owner"), &json!("owner")));
    assert_eq!(Request::get("/admin/operators").send_to_socket(&gateway.socket()).status, 200);

    let wanted = json!({ "name": "ci", "role": "member" });
    let made = done(&gateway.operator("POST", "/admin/operators", Some(&wanted)));
    let (id, token) = (made["id"].as_str().unwrap(), made["token"].as_str().unwrap());
    assert!(token.starts_with(&format!("rladmin-{id}-")));
    assert_eq!(status(token), 200);
    let renewed = Request::new("POST", "/admin/token", None).bearer(token).send(gateway.admin);
    let renewed = renewed.json()["admin_token"].as_str().unwrap().to_owned();
    assert_eq!((status(token), status(&renewed)), (401, 200), "the one before ends");
    assert_eq!(status(&gateway.admin_token), 200, "another's does not");
    done(&gateway.operator("POST", &format!("/admin/operators/{id}/revoke"), None));
    assert_eq!(status(&renewed), 401, "revoked");

    for bad in [
        json!({ "name": "x", "role": "root" }),
        json!({ "name": "", "role": "viewer" }),
        json!({ "name": "x", "role": "viewer", "expires_at": 1000 }),
    ] {
        assert_eq!(gateway.operator("POST", "/admin/operators", Some(&bad)).status, 400, "{bad}");
    }
}

#[test]
fn an_operator_without_an_account_of_its_own_in_the_request_makes_what_is_in_its_own() {
    let upstream = Upstream::start();
    let world = world(&upstream);
    let ask = |path: &str, body: &Value| {
        let token = world.token("owner", Some("team-a"));
        done(&Request::new("POST", path, Some(body)).bearer(&token).send(world.gateway.admin))
    };
    assert_eq!(ask("/admin/keys", &json!({}))["account"], "team-a");
    assert_eq!(ask("/admin/operators", &json!({ "name": "x", "role": "owner" }))["account"], "team-a");
    let token = world.token("viewer", Some("alice"));
    let shown = Request::get("/admin/accounts").bearer(&token).send(world.gateway.admin).json();
    assert_eq!((shown.as_array().unwrap().len(), &shown[0]["parent"]), (1, &Value::Null), "what is above is not shown");
}

/// `team` below `house`, which pays for it; and the token of an admin who is limited to `team`.
fn below_a_house(gateway: &TestGateway) -> String {
    for body in [json!({ "id": "house", "kind": "prepaid" }), json!({ "id": "team", "parent": "house" })] {
        done(&gateway.operator("POST", "/admin/accounts", Some(&body)));
    }
    let credit = json!({ "amount": "5", "reason": "r", "idempotency": "once" });
    done(&gateway.operator("POST", "/admin/accounts/house/credit", Some(&credit)));
    let wanted = json!({ "name": "boss", "role": "admin", "account": "team" });
    done(&gateway.operator("POST", "/admin/operators", Some(&wanted)))["token"].as_str().unwrap().to_owned()
}

#[test]
fn whoever_is_limited_to_an_account_changes_nothing_of_it_but_its_name() {
    let upstream = Upstream::start();
    let gateway = TestGateway::start(&config(&upstream));
    let boss = below_a_house(&gateway);
    let patch = |account: &str, body: &Value| {
        let path = format!("/admin/accounts/{account}");
        Request::new("PATCH", &path, Some(body)).bearer(&boss).send(gateway.admin)
    };
    done(&gateway.operator("PATCH", "/admin/accounts/team", Some(&json!({ "limits": { "concurrency": 2 } }))));
    let before = gateway.operator("GET", "/admin/accounts/team", None).json();
    for terms in [
        json!({ "kind": "prepaid" }),
        json!({ "kind": "postpaid" }),
        json!({ "credit_line": "9" }),
        json!({ "multiplier": "0" }),
        json!({ "limits": { "concurrency": null } }),
        json!({ "limits": { "spend": [] } }),
        json!({ "closed": false }),
        json!({ "name": "mine", "multiplier": "0.5" }),
    ] {
        let answer = patch("team", &terms);
        assert_eq!((answer.status, answer.json()["error"]["code"].as_str()), (403, Some("forbidden")), "{terms}");
    }
    assert_eq!(gateway.operator("GET", "/admin/accounts/team", None).json(), before);
    assert_eq!(done(&patch("team", &json!({ "name": "mine" })))["name"], "mine");
    let below = Request::new("POST", "/admin/accounts", Some(&json!({ "id": "sub", "parent": "team" })));
    done(&below.bearer(&boss).send(gateway.admin));
    assert_eq!(done(&patch("sub", &json!({ "multiplier": "2" })))["multiplier"], "2.00", "what is below it is its own");
    for granted in [json!({ "multiplier": "1.9" }), json!({ "credit_line": "1" }), json!({ "kind": "postpaid" })] {
        assert_eq!(patch("sub", &granted).status, 403, "it is not its own to grant: {granted}");
    }
    for granted in [
        json!({ "kind": "postpaid" }),
        json!({ "multiplier": "0.5" }),
        json!({ "kind": "prepaid", "credit_line": "1" }),
    ] {
        let mut wanted = json!({ "id": "other", "parent": "team" });
        wanted.as_object_mut().unwrap().extend(granted.as_object().unwrap().clone());
        let made = Request::new("POST", "/admin/accounts", Some(&wanted)).bearer(&boss).send(gateway.admin);
        assert_eq!(made.status, 403, "{wanted}: {}", made.body);
    }
}

#[test]
fn whoever_is_limited_sees_in_a_receipt_what_an_account_above_has_paid_and_no_name_of_it_elsewhere() {
    let upstream = Upstream::start();
    let price = "[models.first]\nprice = { input = 3, output = 15 }\n";
    let gateway = TestGateway::start(&config(&upstream).replace("[models.first]\n", price));
    let boss = below_a_house(&gateway);
    let key = done(&gateway.operator("POST", "/admin/keys", Some(&json!({ "account": "team" }))));
    let answer = gateway.chat_with_key("first", key["key"].as_str().unwrap());
    let path = format!("/admin/exchanges/{}/receipt", answer.header("x-roundelay-exchange").unwrap());
    let all = gateway.operator("GET", &path, None).json();
    let limited = Request::get(&path).bearer(&boss).send(gateway.admin).json();
    assert_eq!(all["charges"].as_array().unwrap().len(), 1);
    assert_eq!((&limited["charges"], &limited["paid"]), (&all["charges"], &all["paid"]));
    let charge = gateway.operator("GET", "/admin/entries?kind=charge", None).json()[0]["sequence"].to_string();
    let reason = json!({ "reason": "r" });
    done(&gateway.operator("POST", &format!("/admin/entries/{charge}/reverse"), Some(&reason)));
    let limited = Request::get(&path).bearer(&boss).send(gateway.admin).json();
    assert_eq!((limited["reversals"].as_array().unwrap().len(), &limited["paid"]), (1, &json!({ "usd": "0.00" })));

    let acts = Request::get("/admin/acts").bearer(&boss).send(gateway.admin);
    assert!(acts.body.contains("accounts.create") && !acts.body.contains("house"), "{}", acts.body);
}

/// However a path is written, it reaches no handler whose permission is missing.
#[test]
fn no_spelling_of_a_path_passes_by_the_gate() {
    let upstream = Upstream::start();
    let world = world(&upstream);
    let gateway = &world.gateway;
    let viewer = world.token("viewer", Some("team-a"));
    let before = gateway.operator("GET", "/admin/operators", None).body;
    let mut tried = 0;
    for row in ROWS.iter().filter(|row| row.3 != "viewer" || row.4 == Whole) {
        let method = row.0.split(' ').next().unwrap();
        let path =
            row.1.replace("{account}", "alice").replace("{doomed}", &world.own.key).replace("{key}", &world.own.key);
        let path = path.replace("{operator}", &world.own.operator).replace("{entry}", &world.own.entry);
        let path = path.replace("{open}", &world.own.open);
        let body = row.2.replace("{account}", "alice").replace("{new}", "smuggled");
        let tail = path.strip_prefix("/admin/").unwrap().to_owned();
        let targets = [
            path.clone(),
            format!("/{path}"),
            format!("{path}/"),
            format!("/admin//{tail}"),
            format!("/admin/./{tail}"),
            format!("/admin/%2e/{tail}"),
            format!("/admin/%2F{tail}"),
            format!("/healthz/..{path}"),
            format!("/healthz/%2e%2e{path}"),
            format!("/healthz;{path}"),
            format!("/healthz%2f..%2fadmin/{tail}"),
            format!("/%61dmin/{tail}"),
            format!("/ADMIN/{tail}"),
            format!("\\admin\\{tail}"),
            format!("{path}?token={}", gateway.admin_token),
            format!("{path}#/healthz"),
            format!("http://localhost{path}"),
            format!("http://localhost/healthz/..{path}"),
            format!("http://attacker.example{path}"),
            format!("http://{}@localhost{path}", gateway.admin_token),
        ];
        for target in &targets {
            for request in [
                Request::new(method, target, None).body(&body),
                Request::new(method, target, None).body(&body).bearer(&viewer),
                Request::new(method, target, None).body(&body).header("cookie", &gateway.admin_token),
            ] {
                let answer = request.send(gateway.admin);
                assert!([400, 401, 403, 404, 405, 421].contains(&answer.status), "{method} {target}: {}", answer.body);
                tried += 1;
            }
        }
        for header in ["x-original-url", "x-rewrite-url", "x-forwarded-uri", "x-forwarded-path", "referer"] {
            let aside = Request::get("/healthz").header(header, &path).bearer(&viewer).send(gateway.admin);
            assert_eq!((aside.status, aside.body.as_str()), (200, "ok\n"), "{header} is passed over");
            let there = Request::new(method, &path, None).body(&body).header(header, "/healthz").bearer(&viewer);
            assert_eq!(there.send(gateway.admin).status, 403, "{header} is passed over");
        }
        for header in ["x-http-method-override", "x-method-override"] {
            let aside = Request::new("GET", "/admin/keys", None).header(header, method).body(&body).bearer(&viewer);
            let answer = aside.send(gateway.admin);
            assert!(answer.status == 200 && answer.json().is_array(), "{header} is passed over");
        }
    }
    assert!(tried > 500, "{tried}");
    assert_eq!(gateway.operator("GET", "/admin/operators", None).body, before, "nothing was done");
    let acts = gateway.operator("GET", "/admin/acts?limit=1000", None).json();
    let done =
        acts.as_array().unwrap().iter().find(|act| act["who"] == "viewer-of-test" && act["outcome"] != "refused");
    assert_eq!(done, None, "nothing was done");
}
