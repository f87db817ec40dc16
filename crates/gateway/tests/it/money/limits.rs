//! Limits of keys and accounts, and what a change of them leaves: spent is spent.

use std::path::Path;

use roundelay::billing::{Billing, Windows};
use roundelay::store::{EntryRow, Store};
use roundelay_ledger::{
    AccountId, Currency, EntryKind, Factor, KeyId, Limits, Money, NodeName, Rate, Span, SpendLimit,
};
use serde_json::{Value, json};

use super::{config, open_account, question};
use crate::support::{Request, TestGateway, Upstream};

/// A key of the account `default`, which pays afterwards: its id and its secret.
fn key(gateway: &TestGateway, limits: &Value) -> (String, String) {
    let made = gateway.operator("POST", "/admin/keys", Some(&json!({ "limits": limits }))).json();
    let text = |field: &str| made[field].as_str().unwrap().to_owned();
    (text("id"), text("key"))
}

fn spend(span: &str, amount: &str) -> Value {
    json!({ "spend": [{ "span": span, "amount": amount }] })
}

/// Asks with a key, and says the status and the code of a refusal.
fn ask(gateway: &TestGateway, model: &str, key: &str) -> (u16, Value) {
    let mut body = question(model, false);
    body["max_tokens"] = 20.into();
    let answer = Request::post("/v1/chat/completions", &body).bearer(key).send(gateway.callers);
    (answer.status, answer.json()["error"]["code"].clone())
}

#[test]
fn whoever_has_a_limit_on_spending_is_not_served_where_no_price_is_known() {
    let bank = Upstream::start();
    let gateway = TestGateway::start(&config(&bank));
    assert_eq!(ask(&gateway, "unpriced", &key(&gateway, &json!({})).1).0, 200, "without a limit it is served");
    for (span, amount) in [("total", "0"), ("total", "5"), ("day", "0"), ("hour", "0.000000001")] {
        let (_, key) = key(&gateway, &spend(span, amount));
        let said = ask(&gateway, "unpriced", &key);
        assert!((400..=503).contains(&said.0), "{span}:{amount} {said:?}");
        assert_eq!(said.1, "price_unknown", "{span}:{amount}");
        let pool = ask(&gateway, "bank/rehearsal-words-5", &key);
        assert_eq!(pool.1, "price_unknown", "{span}:{amount} by its provider's name");
    }
    // So it is when the limit comes later, and for limits of an account above.
    let (id, late) = key(&gateway, &json!({}));
    assert_eq!(ask(&gateway, "unpriced", &late).0, 200);
    let body = json!({ "limits": spend("total", "0") });
    assert_eq!(gateway.operator("PATCH", &format!("/admin/keys/{id}"), Some(&body)).status, 200);
    assert_eq!(ask(&gateway, "unpriced", &late).1, "price_unknown");
    let (_, free) = key(&gateway, &json!({}));
    assert_eq!(gateway.operator("PATCH", "/admin/accounts/default", Some(&body)).status, 200);
    assert_eq!(ask(&gateway, "unpriced", &free).1, "price_unknown");
}

#[test]
fn another_limit_is_no_fresh_allowance() {
    let bank = Upstream::start();
    let gateway = TestGateway::start(&config(&bank));
    // An answer costs 0.00005 USD, and more is set aside for it: that is left for one, and not for two.
    let (id, secret) = key(&gateway, &spend("day", "0.0002"));
    assert_eq!(ask(&gateway, "words-20", &secret).0, 200);
    assert_eq!(ask(&gateway, "words-20", &secret).1, "spend_limit_reached");
    let path = format!("/admin/keys/{id}");
    for (span, zone) in [("week", "UTC"), ("total", "UTC"), ("month", "Asia/Shanghai"), ("hour", "UTC")] {
        let limits = json!({ "spend": [{ "span": span, "amount": "0.0002", "zone": zone }] });
        let changed = gateway.operator("PATCH", &path, Some(&json!({ "limits": limits })));
        assert_eq!(changed.status, 200, "{}", changed.body);
        assert_eq!(ask(&gateway, "words-20", &secret).1, "spend_limit_reached", "{span} {zone}");
    }
    // The same for an account, and for one whose limit was taken away in between.
    let account = |limits: &Value| {
        let changed = gateway.operator("PATCH", "/admin/accounts/default", Some(&json!({ "limits": limits })));
        assert_eq!(changed.status, 200, "{}", changed.body);
    };
    let free = key(&gateway, &json!({})).1;
    account(&spend("day", "0.0002"));
    assert_eq!(ask(&gateway, "words-20", &free).1, "spend_limit_reached");
    account(&json!({ "spend": [] }));
    account(&spend("total", "0.00027"));
    assert_eq!(ask(&gateway, "words-20", &free).0, 200, "what is left can be spent");
    assert_eq!(ask(&gateway, "words-20", &free).0, 200);
    assert_eq!(ask(&gateway, "words-20", &free).1, "spend_limit_reached");
}

#[test]
fn a_key_that_is_changed_before_its_first_use_has_its_new_limits() {
    let folder = tempfile::tempdir().unwrap();
    let (billing, store) = billing(folder.path());
    let (id, account) = (KeyId::new("k1"), AccountId::default_account());
    let limits = |nano| {
        let limit =
            SpendLimit { span: Span::Total, zone: roundelay_calendar::Zone::utc(), amount: Money::from_nano(nano) };
        Limits { spend: vec![limit], ..Limits::default() }
    };
    let windows = billing.windows(&store, &NodeName::Key(id.clone()), &limits(5), Rate::ONE).unwrap();
    billing.change_key(&id, &account, &limits(5), &windows).unwrap();
    // A request that had read the key before asks now.
    let payer = billing.payer(&id, &account, &limits(9), Rate::ONE).unwrap();
    assert_eq!(payer.spendable.unwrap().usd(), Money::from_nano(5));
    billing.change_key(&id, &account, &limits(7), &Windows::default()).unwrap();
    assert_eq!(
        billing.payer(&id, &account, &limits(9), Rate::ONE).unwrap().spendable.unwrap().usd(),
        Money::from_nano(7)
    );
}

#[test]
fn what_cannot_be_written_is_refused_and_nothing_is_stored() {
    let folder = tempfile::tempdir().unwrap();
    open_account(folder.path(), Money::from_nano(2));
    let (billing, store) = billing(folder.path());
    let row = |nano: i64, name: &str| EntryRow {
        at_us: 1,
        kind: EntryKind::TopUp,
        account: Some(AccountId::new("team").unwrap()),
        change: Money::from_nano(nano),
        currency: Currency::Usd,
        usd: Money::from_nano(nano),
        rate: Rate::ONE,
        multiplier: Factor::ONE,
        exchange: None,
        attempt: 0,
        key: None,
        price: None,
        held: Money::ZERO,
        overrun: None,
        is_estimated: false,
        reason: Some("paid".into()),
        idempotency: Some(name.into()),
    };
    for nano in [i64::MAX, i64::MAX - 1] {
        assert!(billing.post(&store, &row(nano, "a")).is_err(), "{nano} by a gateway");
        store.post(&row(nano, "b")).expect_err("by a command");
    }
    let nobody = EntryRow { account: Some(AccountId::new("nobody").unwrap()), ..row(5, "c") };
    assert!(billing.post(&store, &nobody).is_err());
    assert_eq!(store.last_sequence().unwrap().0, 1, "nothing is stored");
    assert!(billing.post(&store, &row(i64::MAX - 2, "d")).unwrap().1, "what fits is taken");
    assert!(!billing.post(&store, &row(i64::MAX - 2, "d")).unwrap().1, "and asked for again it is the same");
    let team = AccountId::new("team").unwrap();
    let in_memory = billing.standing(&team).unwrap().balance;
    assert_eq!(store.account(&team).unwrap().unwrap().balance, in_memory);
}

fn billing(data: &Path) -> (Billing, Store) {
    let store = Store::open(data).unwrap();
    (Billing::load(&store, Rate::ONE).unwrap(), store)
}
