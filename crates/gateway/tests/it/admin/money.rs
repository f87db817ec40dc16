//! Money that operators move: once however often it is asked for, seen in entries, and counted again by an audit.

use std::path::Path;

use serde_json::{Value, json};

use super::{
    commands::{complaint_of, json_of, run, text_of},
    config,
};
use crate::support::{Answer, TestGateway, Upstream};

fn account(gateway: &TestGateway, id: &str) -> Value {
    gateway.operator("GET", &format!("/admin/accounts/{id}"), None).json()
}

fn post(gateway: &TestGateway, act: &str, amount: &str, name: &str) -> Answer {
    let body = json!({ "amount": amount, "reason": "invoice 7", "idempotency": name });
    gateway.operator("POST", &format!("/admin/accounts/team-a/{act}"), Some(&body))
}

fn with_team(upstream: &Upstream) -> TestGateway {
    let gateway = TestGateway::start(&config(upstream));
    let team = json!({ "id": "team-a", "kind": "prepaid" });
    assert_eq!(gateway.operator("POST", "/admin/accounts", Some(&team)).status, 201);
    gateway
}

#[test]
fn a_credit_is_made_once_however_often_it_is_asked_for() {
    let upstream = Upstream::start();
    let gateway = with_team(&upstream);
    let first = post(&gateway, "credit", "12.5", "a");
    assert_eq!((first.status, &first.json()["is_new"]), (201, &json!(true)), "{}", first.body);
    let again = post(&gateway, "credit", "12.5", "a");
    assert_eq!((again.status, &again.json()["is_new"]), (200, &json!(false)), "{}", again.body);
    assert_eq!(first.json()["entry"], again.json()["entry"]);
    let other = post(&gateway, "credit", "13", "a");
    assert_eq!((other.status, &other.json()["error"]["code"]), (409, &json!("idempotency_reused")));
    let team = account(&gateway, "team-a");
    assert_eq!((&team["balance"], &team["balance_nano"]), (&json!("12.50"), &json!(12_500_000_000_i64)));
    assert_eq!((&team["left"], &team["held"]), (&json!("12.50"), &json!("0.00")));
}

#[test]
fn what_is_not_there_cannot_be_taken() {
    let upstream = Upstream::start();
    let gateway = with_team(&upstream);
    assert_eq!(post(&gateway, "credit", "2", "a").status, 201);
    let short = post(&gateway, "adjust", "-2.000000001", "b");
    assert_eq!((short.status, &short.json()["error"]["code"]), (409, &json!("short")), "{}", short.body);
    assert_eq!(post(&gateway, "adjust", "-1.5", "c").status, 201);
    assert_eq!(post(&gateway, "adjust", "+0.25", "d").status, 201);
    assert_eq!(account(&gateway, "team-a")["balance"], "0.75");
    let again = post(&gateway, "adjust", "-1.5", "c");
    assert_eq!(
        (again.status, &again.json()["is_new"]),
        (200, &json!(false)),
        "what was taken is not there: {}",
        again.body
    );
    assert_eq!(post(&gateway, "adjust", "-1.6", "c").status, 409);
    assert_eq!(account(&gateway, "team-a")["balance"], "0.75");
    for (act, amount) in [("credit", "-1"), ("credit", "0"), ("adjust", "0.00"), ("credit", "1e3"), ("credit", "")] {
        assert_eq!(post(&gateway, act, amount, "e").status, 400, "{act} {amount}");
    }
    for body in
        [json!({ "amount": "1" }), json!({ "amount": "1", "reason": "x" }), json!({ "amount": 1, "reason": "x" })]
    {
        assert_eq!(gateway.operator("POST", "/admin/accounts/team-a/credit", Some(&body)).status, 400, "{body}");
    }
    let below = json!({ "id": "alice", "parent": "team-a" });
    assert_eq!(gateway.operator("POST", "/admin/accounts", Some(&below)).status, 201);
    let unnamed =
        gateway.operator("POST", "/admin/accounts/team-a/credit", Some(&json!({ "amount": "1", "reason": "x" })));
    assert!(unnamed.status == 400 && unnamed.body.contains("`idempotency` is missing"), "{}", unnamed.body);
    let body = json!({ "amount": "1", "reason": "x", "idempotency": "f" });
    let refused = gateway.operator("POST", "/admin/accounts/alice/credit", Some(&body));
    assert!(refused.status == 400 && refused.body.contains("do this to `team-a`"), "{}", refused.body);
    assert_eq!(account(&gateway, "team-a")["balance"], "0.75");
}

#[test]
fn a_balance_that_cannot_be_written_is_refused_and_nothing_is_stored() {
    let upstream = Upstream::start();
    let gateway = with_team(&upstream);
    assert_eq!(post(&gateway, "credit", "9000000000", "a").status, 201);
    for (act, amount) in [("credit", "300000000"), ("adjust", "300000000"), ("credit", "9223372036.854775807")] {
        let refused = post(&gateway, act, amount, "b");
        assert_eq!((refused.status, &refused.json()["error"]["code"]), (400, &json!("too_large")), "{}", refused.body);
        assert!(refused.body.contains("too large"), "{}", refused.body);
    }
    assert_eq!(post(&gateway, "credit", "200000000", "b").status, 201, "what was refused has used no name");
    assert_eq!(account(&gateway, "team-a")["balance"], "9200000000.00");
    assert_eq!(gateway.operator("GET", "/admin/entries", None).json().as_array().unwrap().len(), 2);
}

#[test]
fn many_who_take_at_once_take_no_more_than_there_is() {
    let upstream = Upstream::start();
    let gateway = with_team(&upstream);
    assert_eq!(post(&gateway, "credit", "5", "all").status, 201);
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let take = |number: usize| {
            let gateway = &gateway;
            scope.spawn(move || post(gateway, "adjust", "-1", &format!("n{}", number / 2)).status)
        };
        let takers: Vec<_> = (0..16).map(take).collect();
        takers.into_iter().map(|taker| taker.join().unwrap()).collect()
    });
    assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 5, "each name once: {statuses:?}");
    assert_eq!(account(&gateway, "team-a")["balance"], "0.00");
    assert_eq!(account(&gateway, "team-a")["left"], "0.00", "in memory as in the store");
    let data = gateway.data();
    let audit = json_of(&data, &["audit"]);
    assert_eq!((&audit["consistent"], &audit["entries"]), (&json!(true), &json!(6)));
}

#[test]
fn entries_go_back_page_by_page_in_each_format() {
    let upstream = Upstream::start();
    let gateway = with_team(&upstream);
    for number in 1..=5 {
        assert_eq!(post(&gateway, "credit", &number.to_string(), &format!("n{number}")).status, 201);
    }
    assert_eq!(post(&gateway, "adjust", "-1", "m").status, 201);
    let get = |query: &str| gateway.operator("GET", &format!("/admin/entries{query}"), None);
    let changes = |query: &str| -> Vec<String> {
        let entries = get(query).json();
        entries.as_array().unwrap().iter().map(|entry| entry["change"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(changes("?account=team-a&limit=2"), ["-1.00", "5.00"]);
    let second = get("?limit=2").json()[1]["sequence"].clone();
    assert_eq!(changes(&format!("?limit=3&before={second}")), ["4.00", "3.00", "2.00"]);
    assert_eq!(changes("?kind=adjustment"), ["-1.00"]);
    assert_eq!(changes("?account=default"), [""; 0]);
    assert_eq!(changes("?since_ms=4102444800000"), [""; 0]);
    let csv = get("?format=csv&limit=1").body;
    let lines: Vec<&str> = csv.lines().collect();
    assert!(lines[0].starts_with("sequence,at_us,kind,account,change,balance,currency,usd,"), "{csv}");
    assert!(lines[1].starts_with("6,") && lines[1].contains(",adjustment,team-a,-1.00,14.00,usd,1.00,"), "{csv}");
    let lines = get("?format=jsonl&limit=2").body;
    assert_eq!(lines.lines().filter(|line| serde_json::from_str::<Value>(line).is_ok()).count(), 2, "{lines}");
    for query in ["?limit=0", "?limit=1001", "?kind=gift", "?format=xml", "?acount=a", "?account=a%20b"] {
        assert_eq!(get(query).status, 400, "{query}");
    }
    assert_eq!(get("?account=nobody").status, 404);
}

#[test]
fn money_moves_alike_with_and_without_a_gateway() {
    let upstream = Upstream::start();
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    json_of(&data, &["accounts", "create", "team-a", "--prepaid"]);
    let credit = ["accounts", "credit", "team-a", "10", "--reason", "first", "--key", "k1"];
    assert_eq!(json_of(&data, &credit)["is_new"], true);
    let told = text_of(&data, &["accounts", "adjust", "team-a", "-2.50", "--reason", "second"]);
    assert!(told.contains("adjustment of -2.50 usd\naccount team-a has 7.50 usd"), "{told}");
    assert!(
        told.lines().any(|line| line.strip_prefix("idempotency key ").is_some_and(|key| key.len() == 32)),
        "{told}"
    );
    let short = complaint_of(&data, &["accounts", "adjust", "team-a", "-8", "--reason", "x", "--key", "k2"]);
    assert!(short.contains("7.50 may be taken") && short.contains("idempotency key k2"), "{short}");

    let gateway = TestGateway::start_in(folder, &config(&upstream));
    assert_eq!(json_of(&data, &credit)["is_new"], false, "a gateway knows what was made before it");
    let again = text_of(&data, &credit);
    assert!(again.contains("made before: nothing was done now"), "{again}");
    let short = complaint_of(&data, &["accounts", "adjust", "team-a", "-8", "--reason", "x"]);
    assert!(short.contains("7.50 may be taken"), "{short}");
    assert_eq!(json_of(&data, &["accounts", "adjust", "team-a", "+1", "--reason", "x"])["is_new"], true);
    let table = text_of(&data, &["accounts", "entries", "team-a", "--kind", "adjustment"]);
    let rows: Vec<&str> = table.lines().skip(1).collect();
    assert!(rows.len() == 2 && rows[0].contains("1.00") && rows[0].contains("8.50"), "{table}");
    let all = text_of(&data, &["accounts", "entries", "--kind", "top-up"]);
    let row: Vec<&str> = all.lines().nth(1).unwrap().split_whitespace().skip(2).take(3).collect();
    assert_eq!(row, ["top-up", "team-a", "10.00"], "{all}");
    let loss = complaint_of(&data, &["accounts", "entries", "team-a", "--kind", "loss"]);
    assert!(loss.contains("`accounts entries --kind loss` shows them"), "{loss}");
    text_of(&data, &["accounts", "entries", "--kind", "loss"]);
    let csv = text_of(&data, &["accounts", "entries", "team-a", "--csv"]);
    let folder = gateway.stop();
    assert_eq!(text_of(&data, &["accounts", "entries", "team-a", "--csv"]), csv);
    assert_eq!(csv.lines().count(), 4);
    drop(folder);
}

#[test]
fn an_account_in_yuan_is_counted_in_dollars_at_the_rate_of_the_configuration() {
    let upstream = Upstream::start();
    let gateway = TestGateway::start(&format!("currency.cny_per_usd = 8\n{}", config(&upstream)));
    let made = json!({ "id": "team-a", "kind": "prepaid", "currency": "cny" });
    assert_eq!(gateway.operator("POST", "/admin/accounts", Some(&made)).status, 201);
    let posted = post(&gateway, "credit", "100", "a").json();
    let entry = &posted["entry"];
    assert_eq!((&entry["change"], &entry["usd"], &entry["rate"]), (&json!("100.00"), &json!("12.50"), &json!("8.00")));
}

fn tamper(data: &Path, sql: &str) {
    let store = rusqlite::Connection::open(data.join("roundelay.db")).unwrap();
    assert!(store.execute(sql, []).unwrap() > 0, "{sql}");
}

#[test]
fn an_audit_finds_every_balance_right_or_says_the_first_that_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    json_of(&data, &["accounts", "create", "team-a", "--prepaid"]);
    for amount in ["10", "5"] {
        json_of(&data, &["accounts", "credit", "team-a", amount, "--reason", "x"]);
    }
    json_of(&data, &["accounts", "adjust", "team-a", "-1", "--reason", "x"]);
    let audit = json_of(&data, &["audit"]);
    assert_eq!((&audit["consistent"], &audit["entries"], &audit["accounts"]), (&json!(true), &json!(3), &json!(2)));
    let usd = &audit["currencies"]["usd"];
    assert_eq!(
        (&usd["top_ups"], &usd["adjustments"], &usd["charges"]),
        (&json!("15.00"), &json!("-1.00"), &json!("0.00"))
    );
    assert!(text_of(&data, &["audit"]).contains("every balance is the sum of its entries"));

    tamper(&data, "UPDATE entries SET change_nano = change_nano + 1 WHERE rowid = 2");
    let output = run(&data, &["audit", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&found["consistent"], &found["difference"]["sequence"]), (&json!(false), &json!(2)), "{found}");
    assert_eq!(found["difference"]["account"], "team-a");
    tamper(&data, "UPDATE entries SET change_nano = change_nano - 1 WHERE rowid = 2");
    tamper(&data, "DELETE FROM entries WHERE rowid = 2");
    let output = run(&data, &["audit"]);
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.code() == Some(1) && told.contains("entry 2 was expected"), "{told}");
}

#[test]
fn what_exchanges_cost_is_charged_and_audited() {
    let upstream = Upstream::start();
    let priced = config(&upstream).replace("[models.first]\n", "[models.first]\nprice = { input = 1, output = 2 }\n");
    let gateway = TestGateway::start(&priced);
    let team = json!({ "id": "team-a", "kind": "prepaid" });
    assert_eq!(gateway.operator("POST", "/admin/accounts", Some(&team)).status, 201);
    let key = gateway.operator("POST", "/admin/keys", Some(&json!({ "account": "team-a" }))).json();
    let (id, key) = (key["id"].as_str().unwrap(), key["key"].as_str().unwrap());
    assert_eq!(gateway.chat_with_key("first", key).status, 402, "there is no money");
    assert_eq!(post(&gateway, "credit", "1", "a").status, 201);
    assert_eq!(gateway.chat_with_key("first", key).status, 200, "at once");
    let charge = &gateway.operator("GET", "/admin/entries?kind=charge", None).json()[0];
    let charged = -charge["change_nano"].as_i64().unwrap();
    assert!(charged > 0, "{charge}");
    let team = account(&gateway, "team-a");
    assert_eq!(team["balance_nano"], json!(1_000_000_000 - charged));
    assert_eq!((&team["spent_nano"], &team["held"]), (&json!(charged), &json!("0.00")));
    let usage = gateway.operator("GET", "/admin/usage?by=account", None).json();
    let row = usage["rows"].as_array().unwrap().iter().find(|row| row["account"] == "team-a").unwrap();
    assert_eq!(row["charged_usd_nano"], json!(charged));
    let data = gateway.data();
    assert_eq!(json_of(&data, &["audit"])["consistent"], true, "while it runs");
    let folder = gateway.stop();
    let alone = json_of(&data, &["accounts", "list"]);
    let team = alone.as_array().unwrap().iter().find(|account| account["id"] == "team-a").unwrap();
    assert_eq!(team["spent_nano"], json!(charged), "added up from its keys");
    assert_eq!(json_of(&data, &["audit"])["currencies"]["usd"]["charges_nano"], json!(charged));
    // The sum of all is right, and each of two keys is not.
    tamper(&data, "UPDATE usage_hours SET api_key = 'another' WHERE usd_nano > 0");
    let output = run(&data, &["audit"]);
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.code() == Some(1) && told.contains("for key `"), "{told}");
    tamper(&data, &format!("UPDATE usage_hours SET api_key = '{id}' WHERE usd_nano > 0"));
    assert_eq!(json_of(&data, &["audit"])["consistent"], true);
    tamper(&data, "UPDATE usage_hours SET usd_nano = usd_nano + 1000000000 WHERE usd_nano > 0");
    let output = run(&data, &["audit"]);
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.code() == Some(1) && told.contains("usage by the hour has 1.0"), "{told}");
    drop(folder);
}
