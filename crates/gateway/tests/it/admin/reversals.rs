//! What was entered is taken back whole, once, by an entry that names the first.

use serde_json::{Value, json};

use super::{
    commands::{complaint_of, json_of, text_of},
    config,
};
use crate::support::{Answer, TestGateway, Upstream};

fn reverse(gateway: &TestGateway, entry: &Value) -> Answer {
    let path = format!("/admin/entries/{entry}/reverse");
    gateway.operator("POST", &path, Some(&json!({ "reason": "of no use" })))
}

fn account(gateway: &TestGateway) -> Value {
    gateway.operator("GET", "/admin/accounts/team", None).json()
}

#[test]
fn a_charge_is_given_back_whole_and_once() {
    let upstream = Upstream::start();
    let priced = config(&upstream).replace("[models.first]\n", "[models.first]\nprice = { input = 1, output = 2 }\n");
    let gateway = TestGateway::start(&priced);
    let made = json!({ "id": "team", "kind": "prepaid" });
    assert_eq!(gateway.operator("POST", "/admin/accounts", Some(&made)).status, 201);
    let key = gateway.operator("POST", "/admin/keys", Some(&json!({ "account": "team" }))).json();
    let credit = json!({ "amount": "1", "reason": "x", "idempotency": "a" });
    let credit = gateway.operator("POST", "/admin/accounts/team/credit", Some(&credit)).json();
    let answer = gateway.chat_with_key("first", key["key"].as_str().unwrap());
    assert_eq!(answer.status, 200, "{}", answer.body);
    let charge = gateway.operator("GET", "/admin/entries?kind=charge", None).json()[0].clone();
    let charged = -charge["change_nano"].as_i64().unwrap();
    assert!(charged > 0, "{charge}");
    let reversed = reverse(&gateway, &charge["sequence"]);
    assert_eq!(reversed.status, 201, "{}", reversed.body);
    let entry = &reversed.json()["entry"];
    assert_eq!((&entry["kind"], &entry["change_nano"]), (&json!("reversal"), &json!(charged)));
    for field in ["exchange", "attempt", "key", "price", "rate", "multiplier", "account", "usd"] {
        assert_eq!(entry[field], charge[field], "{field}");
    }
    let reason = format!("reverses entry {}: of no use", charge["sequence"]);
    assert_eq!(entry["reason"], json!(reason));
    let table = text_of(&gateway.data(), &["accounts", "entries", "team", "--kind", "reversal"]);
    assert!(table.contains(&reason), "{table}");
    let team = account(&gateway);
    assert_eq!((&team["balance"], &team["left"]), (&json!("1.00"), &json!("1.00")), "spendable at once");
    assert_eq!(team["spent_nano"], json!(charged), "spend limits still count it");
    let again = reverse(&gateway, &charge["sequence"]);
    assert_eq!((again.status, &again.json()["is_new"]), (200, &json!(false)), "{}", again.body);
    assert_eq!(&again.json()["entry"], entry);
    assert_eq!(reverse(&gateway, &entry["sequence"]).status, 400, "a reversal is not reversed");
    assert_eq!(account(&gateway)["balance"], "1.00");
    // Top-ups and adjustments are taken back by an adjustment.
    let taken = reverse(&gateway, &credit["entry"]["sequence"]);
    let entry = &taken.json()["entry"];
    assert_eq!((taken.status, &entry["kind"], &entry["change"]), (201, &json!("adjustment"), &json!("-1.00")));
    assert_eq!(account(&gateway)["balance"], "0.00");
    assert_eq!(reverse(&gateway, &entry["sequence"]).json()["entry"]["change"], "1.00");
    let audit = json_of(&gateway.data(), &["audit"]);
    assert_eq!(audit["consistent"], true, "{audit}");
    let folder = gateway.stop();
    let gateway = TestGateway::start_in(folder, &priced);
    let data = gateway.data();
    let team = &json_of(&data, &["accounts", "list"])[1];
    assert_eq!((&team["id"], &team["balance"]), (&json!("team"), &json!("1.00")), "and after a start");
}

#[test]
fn only_what_there_is_can_be_reversed() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    json_of(&data, &["accounts", "create", "team", "--prepaid", "--title", "Team"]);
    let entry = json_of(&data, &["accounts", "credit", "team", "5", "--reason", "x"])["entry"]["sequence"].to_string();
    json_of(&data, &["accounts", "adjust", "team", "-3", "--reason", "x"]);
    let short = complaint_of(&data, &["accounts", "reverse", &entry, "--reason", "y"]);
    assert!(short.contains("2.00 may be taken"), "{short}");
    json_of(&data, &["accounts", "credit", "team", "5", "--reason", "x"]);
    let told = text_of(&data, &["accounts", "reverse", &entry, "--reason", "y"]);
    assert!(told.contains("entry 4 reverses entry 1: -5.00 usd\naccount team has 2.00 usd"), "{told}");
    assert!(text_of(&data, &["accounts", "reverse", &entry, "--reason", "z"]).contains("nothing was done now"));
    assert!(complaint_of(&data, &["accounts", "reverse", "99", "--reason", "y"]).contains("no entry 99"));
    for name in ["reverse:2", "code:abcdefgh"] {
        let taken = complaint_of(&data, &["accounts", "credit", "team", "5", "--reason", "x", "--key", name]);
        assert!(taken.contains("does not begin with"), "{taken}");
    }
    let renamed = json_of(&data, &["accounts", "change", "team", "--title", "Team Ä"]);
    assert_eq!((&renamed["name"], &renamed["kind"]), (&json!("Team Ä"), &json!("prepaid")));
    assert_eq!(json_of(&data, &["accounts", "change", "team", "--rpm", "5"])["name"], "Team Ä", "it stays");
    assert!(complaint_of(&data, &["accounts", "change", "team", "--title", &"x".repeat(201)]).contains("200"));
}
