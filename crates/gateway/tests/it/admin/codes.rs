//! A code is worth its money once, to whoever has it first.

use serde_json::{Value, json};

use super::{
    commands::{complaint_of, json_of, run, text_of},
    config,
};
use crate::support::{Answer, Request, TestGateway, Upstream};

fn codes(gateway: &TestGateway, wanted: &Value) -> Vec<Value> {
    let made = gateway.operator("POST", "/admin/codes", Some(wanted));
    assert_eq!(made.status, 201, "{}", made.body);
    made.json().as_array().unwrap().clone()
}

fn code(gateway: &TestGateway, amount: &str) -> String {
    codes(gateway, &json!({ "amount": amount }))[0]["code"].as_str().unwrap().to_owned()
}

fn key_of(gateway: &TestGateway, account: &Value) -> String {
    assert_eq!(gateway.operator("POST", "/admin/accounts", Some(account)).status, 201);
    let made = gateway.operator("POST", "/admin/keys", Some(&json!({ "account": account["id"] }))).json();
    made["key"].as_str().unwrap().to_owned()
}

fn redeem(gateway: &TestGateway, key: &str, code: &str) -> Answer {
    Request::post("/v1/redeem", &json!({ "code": code })).bearer(key).send(gateway.callers)
}

#[track_caller]
fn refused(answer: &Answer, status: u16, code: &str) {
    assert_eq!((answer.status, &answer.json()["error"]["code"]), (status, &json!(code)), "{}", answer.body);
}

#[test]
fn a_code_is_redeemed_once_and_spendable_at_once() {
    let upstream = Upstream::start();
    let priced = config(&upstream).replace("[models.first]\n", "[models.first]\nprice = { input = 1, output = 2 }\n");
    let gateway = TestGateway::start(&priced);
    let team = key_of(&gateway, &json!({ "id": "team", "kind": "prepaid" }));
    let below = key_of(&gateway, &json!({ "id": "alice", "parent": "team" }));
    let other = key_of(&gateway, &json!({ "id": "other", "kind": "prepaid" }));
    assert_eq!(gateway.chat_with_key("first", &team).status, 402);
    let ten = code(&gateway, "10");
    let first = redeem(&gateway, &below, &ten);
    assert_eq!((first.status, &first.json()["is_new"]), (200, &json!(true)), "{}", first.body);
    let entry = &first.json()["entry"];
    assert_eq!(
        (&entry["account"], &entry["change"], &entry["balance"], &entry["kind"]),
        (&json!("team"), &json!("10.00"), &json!("10.00"), &json!("top-up")),
        "the account that pays for the key"
    );
    assert_eq!(gateway.chat_with_key("first", &team).status, 200);
    // The same account sees the same entry, whoever of it asks and however it is typed.
    let typed = format!(" {} ", ten.to_uppercase().replace('-', " ").replace('0', "O"));
    for (key, code) in [(&below, &ten), (&team, &ten), (&team, &typed)] {
        let again = redeem(&gateway, key, code);
        assert_eq!((again.status, &again.json()["is_new"]), (200, &json!(false)), "{}", again.body);
        assert_eq!(&again.json()["entry"], entry);
    }
    refused(&redeem(&gateway, &other, &ten), 409, "code_redeemed");
    let listed = gateway.operator("GET", "/admin/codes", None).json();
    assert_eq!(
        (&listed[0]["state"], &listed[0]["account"], &listed[0]["entry"]),
        (&json!("redeemed"), &json!("team"), &entry["sequence"])
    );
    assert_eq!(json_of(&gateway.data(), &["audit"])["consistent"], true);
    let folder = gateway.stop();
    let store = std::fs::read(folder.path().join("data/roundelay.db")).unwrap();
    let secret = ten.rsplit('-').next().unwrap();
    for text in [ten.as_str(), &ten.replace('-', ""), &ten[12..]] {
        assert!(memchr::memmem::find(&store, text.as_bytes()).is_none(), "{secret} is in the store");
    }
}

#[test]
fn many_at_once_redeem_a_code_once() {
    let upstream = Upstream::start();
    let gateway = TestGateway::start(&config(&upstream));
    let keys: Vec<String> =
        (0..4).map(|n| key_of(&gateway, &json!({ "id": format!("t{n}"), "kind": "prepaid" }))).collect();
    let ten = code(&gateway, "10");
    let answers: Vec<Answer> = std::thread::scope(|scope| {
        let (gateway, ten, keys) = (&gateway, &ten, &keys);
        let all: Vec<_> = (0..16).map(|n| scope.spawn(move || redeem(gateway, &keys[n % 4], ten))).collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let new = answers.iter().filter(|answer| answer.status == 200 && answer.json()["is_new"] == true).count();
    let same = answers.iter().filter(|answer| answer.status == 200 && answer.json()["is_new"] == false).count();
    let taken = answers.iter().filter(|answer| answer.status == 409).count();
    assert_eq!((new, same, taken), (1, 3, 12));
    let accounts = gateway.operator("GET", "/admin/accounts", None).json();
    let sum: i64 = accounts.as_array().unwrap().iter().map(|account| account["balance_nano"].as_i64().unwrap()).sum();
    assert_eq!(sum, 10_000_000_000);
}

#[test]
fn what_is_no_code_is_refused_and_guessing_ends() {
    let upstream = Upstream::start();
    let gateway = TestGateway::start(&config(&upstream));
    let team = key_of(&gateway, &json!({ "id": "team", "kind": "prepaid" }));
    let [good, revoked] = [code(&gateway, "1"), code(&gateway, "1")];
    let id = |code: &str| code[3..11].to_owned();
    let revoke = |code: &str| gateway.operator("POST", &format!("/admin/codes/{}/revoke", id(code)), None);
    assert_eq!(revoke(&revoked).json()["state"], "revoked");
    assert_eq!(revoke(&revoked).status, 200, "twice is no fault");
    refused(&redeem(&gateway, &team, &revoked), 410, "code_revoked");
    let body = Request::post("/v1/redeem", &json!({ "coed": good })).bearer(&team).send(gateway.callers);
    assert_eq!(body.status, 400);
    assert_eq!(Request::get("/v1/redeem").bearer(&team).send(gateway.callers).status, 405);
    let mut wrong = good.clone().into_bytes();
    let last = wrong.last_mut().unwrap();
    *last = if *last == b'0' { b'1' } else { b'0' };
    let wrong = String::from_utf8(wrong).unwrap();
    for guess in [&wrong, "", "rc-", "x", &"a".repeat(500)].into_iter().chain([wrong.as_str(); 4]) {
        refused(&redeem(&gateway, &team, guess), 404, "code_unknown");
        // What is a code does not give the guesses back.
        refused(&redeem(&gateway, &team, &revoked), 410, "code_revoked");
    }
    refused(&redeem(&gateway, &team, &wrong), 404, "code_unknown");
    refused(&redeem(&gateway, &team, &wrong), 429, "too_many_codes");
    refused(&redeem(&gateway, &team, &good), 429, "too_many_codes");
    let other = key_of(&gateway, &json!({ "id": "other", "kind": "prepaid" }));
    assert_eq!(redeem(&gateway, &other, &good).status, 200, "another key is not touched");
    let late = revoke(&good);
    assert_eq!((late.status, &late.json()["error"]["code"]), (409, &json!("redeemed")), "{}", late.body);
    assert!(late.body.contains("accounts reverse"), "{}", late.body);
    for wanted in [
        json!({}),
        json!({ "amount": "0" }),
        json!({ "amount": "-1" }),
        json!({ "amount": "1", "count": 0 }),
        json!({ "amount": "1", "count": 1001 }),
        json!({ "amount": "1", "currency": "eur" }),
        json!({ "amount": "1", "expires_at": 5 }),
    ] {
        assert_eq!(gateway.operator("POST", "/admin/codes", Some(&wanted)).status, 400, "{wanted}");
    }
}

#[test]
fn a_code_in_another_currency_is_converted_by_the_rate() {
    let upstream = Upstream::start();
    let gateway = TestGateway::start(&format!("currency.cny_per_usd = 8\n{}", config(&upstream)));
    let yuan = key_of(&gateway, &json!({ "id": "yuan", "kind": "prepaid", "currency": "cny" }));
    let dollar = key_of(&gateway, &json!({ "id": "dollar", "kind": "prepaid" }));
    let in_yuan = codes(&gateway, &json!({ "amount": "100", "currency": "cny", "count": 2, "note": "fair" }));
    let in_yuan: Vec<&str> = in_yuan.iter().map(|code| code["code"].as_str().unwrap()).collect();
    for (key, code, change, usd) in [
        (&yuan, code(&gateway, "10").as_str(), "80.00", "10.00"),
        (&yuan, in_yuan[0], "100.00", "12.50"),
        (&dollar, in_yuan[1], "12.50", "12.50"),
    ] {
        let entry = redeem(&gateway, key, code).json()["entry"].clone();
        assert_eq!((&entry["change"], &entry["usd"]), (&json!(change), &json!(usd)), "{entry}");
        assert!(entry["reason"].as_str().unwrap().starts_with("code "), "{entry}");
    }
}

#[test]
fn codes_are_made_listed_and_redeemed_with_and_without_a_gateway() {
    let upstream = Upstream::start();
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    json_of(&data, &["accounts", "create", "team", "--prepaid"]);
    let told =
        text_of(&data, &["codes", "create", "--amount", "2.5", "--count", "3", "--expires", "90d", "--note", "x y"]);
    let made: Vec<&str> = told.lines().take_while(|line| !line.is_empty()).collect();
    assert!(made.len() == 3 && told.contains("3 of 2.50 usd each"), "{told}");
    let redeem = |code: &str| json_of(&data, &["codes", "redeem", code, "--account", "team"]);
    assert_eq!(redeem(made[0])["entry"]["reason"], format!("code {}: x y", &made[0][3..11]));
    assert_eq!(redeem(made[0])["is_new"], false);
    let gateway = TestGateway::start_in(folder, &config(&upstream));
    assert_eq!(redeem(made[0])["is_new"], false, "a gateway knows what was done before it");
    assert_eq!(redeem(made[1])["entry"]["balance"], "5.00");
    json_of(&data, &["codes", "revoke", &made[2][3..11]]);
    assert!(complaint_of(&data, &["codes", "redeem", made[2], "--account", "team"]).contains("was revoked"));
    assert!(complaint_of(&data, &["codes", "redeem", made[2], "--account", "nobody"]).contains("no account `nobody`"));
    assert!(complaint_of(&data, &["codes", "revoke", made[2]]).contains("eight letters"));
    let running = text_of(&data, &["codes", "list"]);
    let folder = gateway.stop();
    assert_eq!(text_of(&data, &["codes", "list"]), running, "the same list without a gateway");
    assert!(!made.iter().any(|code| running.contains(code)), "{running}");
    assert!(complaint_of(&data, &["codes", "redeem", "rc-nothing", "--account", "team"]).contains("no such code"));
    // A code whose time is over.
    let store = rusqlite::Connection::open(data.join("roundelay.db")).unwrap();
    store.execute("UPDATE codes SET expires_at = 5, revoked_at = NULL WHERE redeemed_at IS NULL", []).unwrap();
    drop(store);
    assert!(complaint_of(&data, &["codes", "redeem", made[2], "--account", "team"]).contains("has expired"));
    assert!(run(&data, &["audit"]).status.success());
    drop(folder);
}
