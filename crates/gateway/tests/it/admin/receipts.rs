//! A receipt says what was paid for what, and nobody can change it unseen.

use std::fs;

use roundelay::admin::receipts;
use roundelay::auth::{Pepper, ReceiptKey};
use serde_json::{Value, json};

use super::{
    commands::{complaint_of, json_of, run, text_of},
    config,
};
use crate::support::{Request, TestGateway, Upstream};

fn priced(upstream: &Upstream) -> String {
    config(upstream).replace("[models.second]\n", "[models.second]\nprice = { input = 1, output = 2 }\n")
}

/// Asks a pool whose first member fails, and says the exchange's name.
fn exchange(gateway: &TestGateway, key: &str) -> String {
    let answer = gateway.chat_with_key("sturdy", key);
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.header("x-roundelay-exchange").unwrap().to_owned()
}

#[test]
fn a_caller_has_the_receipt_of_its_own_exchanges_alone() {
    let upstream = Upstream::start();
    let gateway = TestGateway::start(&priced(&upstream));
    let id = exchange(&gateway, &gateway.key);
    let get = |key: &str, id: &str| Request::get(&format!("/v1/receipts/{id}")).bearer(key).send(gateway.callers);
    let answer = get(&gateway.key, &id);
    assert_eq!(answer.status, 200, "{}", answer.body);
    let receipt = answer.json();
    let charge = gateway.operator("GET", "/admin/entries?kind=charge", None).json()[0].clone();
    let told = &receipt["charges"][0];
    assert_eq!(format!("-{}", told["amount"].as_str().unwrap()), charge["change"].as_str().unwrap());
    for (name, field) in [("account", "account"), ("price", "price"), ("rate", "rate"), ("currency", "currency")] {
        assert_eq!(told[name], charge[field], "{name}");
    }
    assert_eq!(receipt["paid"], json!({ "usd": told["amount"] }));
    assert_eq!((&receipt["asked"], &receipt["model"]), (&json!("sturdy"), &json!("second")));
    let attempts: Vec<_> = receipt["attempts"].as_array().unwrap().iter().map(|one| &one["provider"]).collect();
    assert_eq!(attempts, ["local", "spare"], "what failed, and what answered");
    let record = gateway.operator("GET", &format!("/admin/exchanges/{id}"), None).json();
    assert_eq!(receipt["tokens"]["output"], json!(record["usage"]["output"].to_string()));
    let other = gateway.operator("POST", "/admin/keys", Some(&json!({}))).json();
    for (key, id) in
        [(other["key"].as_str().unwrap(), id.as_str()), (&gateway.key, "x_0000000000001"), (&gateway.key, "x")]
    {
        let answer = get(key, id);
        assert_eq!((answer.status, &answer.json()["error"]["code"]), (404, &json!("receipt_not_found")), "{id}");
        assert!(answer.body.contains("or none yet"), "{}", answer.body);
    }
    let operator = gateway.operator("GET", &format!("/admin/exchanges/{id}/receipt"), None).json();
    let differ = receipts::differences(receipt.as_object().unwrap(), operator.as_object().unwrap());
    assert_eq!(differ, [""; 0], "operators see the same");
    // What is given back is told.
    let reversed = gateway.operator(
        "POST",
        &format!("/admin/entries/{}/reverse", charge["sequence"]),
        Some(&json!({ "reason": "of no use" })),
    );
    assert_eq!(reversed.status, 201, "{}", reversed.body);
    let receipt = get(&gateway.key, &id).json();
    assert_eq!((&receipt["paid"], &receipt["reversals"][0]["amount"]), (&json!({ "usd": "0.00" }), &told["amount"]));
}

#[test]
fn one_bit_changed_anywhere_is_refused() {
    let upstream = Upstream::start();
    let gateway = TestGateway::start(&priced(&upstream));
    let id = exchange(&gateway, &gateway.key);
    let text = Request::get(&format!("/v1/receipts/{id}")).bearer(&gateway.key).send(gateway.callers).body;
    let key = ReceiptKey::of(&Pepper::open(&gateway.data()).unwrap());
    let is_trusted = |text: &str| receipts::parse(text).and_then(|receipt| receipts::verify(&receipt, &key));
    assert_eq!(is_trusted(&text), Ok(()));
    let laid_out = serde_json::to_string_pretty(&serde_json::from_str::<Value>(&text).unwrap()).unwrap();
    assert_eq!(is_trusted(&laid_out), Ok(()), "how it is laid out means nothing");
    let mut tried = 0;
    for at in 0..text.len() {
        for bit in 0..8 {
            let mut changed = text.clone().into_bytes();
            changed[at] ^= 1 << bit;
            // What is not UTF-8 is not even read.
            let Ok(changed) = String::from_utf8(changed) else { continue };
            assert!(is_trusted(&changed).is_err(), "bit {bit} of byte {at}: {changed}");
            tried += 1;
        }
    }
    assert!(tried > 5 * text.len(), "{tried} of {} bytes", text.len());
    // Nor is anything left out, added, or signed by another.
    let whole: Value = serde_json::from_str(&text).unwrap();
    for name in whole.as_object().unwrap().keys() {
        let mut less = whole.clone();
        less.as_object_mut().unwrap().remove(name);
        assert!(is_trusted(&less.to_string()).is_err(), "without {name}");
    }
    let mut more = whole.clone();
    more["note"] = json!("and more");
    assert!(is_trusted(&more.to_string()).is_err());
    let twice = text.replacen('{', "{\"asked\":\"another\",", 1);
    assert!(is_trusted(&twice).is_err(), "a member that is there twice");
    let other = ReceiptKey::from_hex(&"5".repeat(64)).unwrap();
    assert!(receipts::verify(whole.as_object().unwrap(), &other).is_err());
    assert!(!text.contains(&key.to_hex()), "the key is not in it");
}

#[test]
fn a_receipt_is_checked_here_and_elsewhere() {
    let upstream = Upstream::start();
    let gateway = TestGateway::start(&priced(&upstream));
    let (data, id) = (gateway.data(), exchange(&gateway, &gateway.key));
    let file = data.parent().unwrap().join("receipt.json");
    let path = file.to_str().unwrap();
    let text = text_of(&data, &["receipts", "show", &id]);
    fs::write(&file, &text).unwrap();
    let told = text_of(&data, &["receipts", "verify", path]);
    assert!(told.contains("is as it was signed") && told.contains("usd paid"), "{told}");
    assert_eq!(json_of(&data, &["receipts", "verify", path])["valid"], true);
    let key = text_of(&data, &["receipts", "key"]);
    let elsewhere = tempfile::tempdir().unwrap();
    let nowhere = elsewhere.path().join("data");
    assert!(run(&nowhere, &["receipts", "verify", path, "--key", key.trim()]).status.success());
    assert!(complaint_of(&nowhere, &["receipts", "verify", path]).contains("--data DIR"));
    assert!(!nowhere.exists(), "no key is made to check with");
    // What was changed is told where the records are, and that none of it counts where they are not.
    let mut changed: Value = serde_json::from_str(&text).unwrap();
    changed["charges"][0]["amount"] = json!("0.000000001");
    changed["tokens"]["output"] = json!("1");
    fs::write(&file, changed.to_string()).unwrap();
    for _ in 0..2 {
        let told = complaint_of(&data, &["receipts", "verify", path]);
        assert!(told.contains("changed after it was signed"), "{told}");
        assert!(told.contains("tokens.output") && told.contains("charges[0].amount"), "{told}");
        assert!(!told.contains("tokens.input"), "{told}");
    }
    let told = complaint_of(&nowhere, &["receipts", "verify", path, "--key", key.trim()]);
    assert!(told.contains("nothing in it can be trusted"), "{told}");
    let folder = gateway.stop();
    assert!(complaint_of(&data, &["receipts", "verify", path]).contains("charges[0].amount"), "without a gateway");
    fs::write(&file, &text).unwrap();
    assert!(run(&data, &["receipts", "verify", path]).status.success());
    fs::write(&file, "{\"a\": 1}").unwrap();
    assert!(complaint_of(&data, &["receipts", "verify", path]).contains("no receipt"));
    drop(folder);
}
