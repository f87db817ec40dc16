//! Terms of accounts and limits of keys: what is written down is what is read back, also by the next program.

use roundelay::config::OnDisconnect;
use roundelay::config::time_zone;
use roundelay::store::{AccountRow, KeyChange, KeyRow, Store, StoreFault};
use roundelay_ledger::{
    AccountId, AccountKind, ApiKey, Currency, Factor, KeyId, Limits, Money, Span, SpendLimit, Terms,
};
use tempfile::tempdir;

use super::account;

fn spend(span: Span, zone: &str, nano: i64) -> SpendLimit {
    SpendLimit { span, zone: time_zone(zone).unwrap(), amount: Money::from_nano(nano) }
}

fn limits() -> Limits {
    Limits {
        requests_per_minute: Some(60),
        tokens_per_minute: None,
        concurrency: Some(0),
        spend: vec![spend(Span::Day, "Asia/Shanghai", 5), spend(Span::Total, "UTC", i64::MAX)],
    }
}

fn key(id: &str) -> KeyRow {
    let key = ApiKey {
        id: KeyId::new(id),
        account: AccountId::default_account(),
        name: "laptop".to_owned(),
        allowed: None,
        created_at: 5,
        expires_at: Some(99),
        revoked_at: None,
    };
    let networks = ["10.0.0.0/8", "2001:db8::/32"].map(|network| network.parse().unwrap()).to_vec();
    KeyRow { key, limits: limits(), on_disconnect: Some(OnDisconnect::Drain), networks: Some(networks), hash: [7; 32] }
}

#[test]
fn an_account_has_the_terms_it_was_last_given() {
    let dir = tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let terms = Terms {
        currency: Currency::Cny,
        credit_line: Money::from_nano(7),
        multiplier: Factor::from_millionths(800_000),
        limits: limits(),
        is_closed: false,
        ..Terms::new(AccountKind::Prepaid)
    };
    let made = account("acme", None, terms.clone());
    store.create_account(&AccountRow { balance: Money::from_nano(5), ..made.clone() }).unwrap();
    assert_eq!(Store::open(dir.path()).unwrap().account(&made.account.id).unwrap(), Some(made.clone()));

    let other = Terms { is_closed: true, currency: Currency::Usd, ..Terms::new(AccountKind::Postpaid) };
    let changed = store.change_account(&made.account.id, &other, None).unwrap();
    assert_eq!(changed.terms, Terms { currency: Currency::Cny, ..other }, "a currency never changes");
    assert_eq!(changed.account.kind, AccountKind::Postpaid);
    assert_eq!(store.account(&made.account.id).unwrap(), Some(changed));
    let nobody = store.change_account(&AccountId::new("nobody").unwrap(), &terms, None);
    assert!(matches!(nobody, Err(StoreFault::Missing { what: "account", .. })));
}

#[test]
fn accounts_come_before_those_below_them() {
    let dir = tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    for (id, parent) in [("z", None), ("b", Some("z")), ("a", Some("b")), ("c", Some("default"))] {
        store.create_account(&account(id, parent, Terms::new(AccountKind::Inherits))).unwrap();
    }
    let ids: Vec<String> = store.accounts().unwrap().iter().map(|row| row.account.id.to_string()).collect();
    assert_eq!(ids, ["default", "z", "b", "c", "a"]);
}

#[test]
fn a_key_is_changed_whole() {
    let dir = tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    store.create_key(&key("k1")).unwrap();
    store.create_key(&key("k2")).unwrap();
    assert_eq!(Store::open(dir.path()).unwrap().keys().unwrap(), [key("k1"), key("k2")]);
    let change = KeyChange {
        allowed: Some(vec!["assistant".to_owned()]),
        expires_at: None,
        limits: Limits::default(),
        on_disconnect: None,
        networks: None,
    };
    let changed = store.change_key(&KeyId::new("k1"), &change).unwrap();
    let known = ApiKey { allowed: change.allowed.clone(), expires_at: None, ..key("k1").key };
    assert_eq!(
        changed,
        KeyRow { key: known, limits: Limits::default(), on_disconnect: None, networks: None, hash: [7; 32] }
    );
    assert_eq!(store.keys().unwrap(), [changed, key("k2")]);
    let missing = store.change_key(&KeyId::new("k3"), &change);
    assert!(matches!(missing, Err(StoreFault::Missing { what: "key", .. })));
}
