//! Names of accounts need no quoting anywhere.

use roundelay_ledger::{AccountId, AccountKind, BadAccountId};

#[test]
fn an_account_is_named_by_plain_letters() {
    let longest = "x".repeat(64);
    for name in ["default", "team-a", "A.b_9", "-", &longest] {
        assert_eq!(AccountId::new(name).map(|id| id.to_string()).as_deref(), Ok(name));
    }
    let too_long = "x".repeat(65);
    for name in ["", "a b", "a/b", "é", "a\n", "a'", "a:b", &too_long] {
        assert_eq!(name.parse::<AccountId>(), Err(BadAccountId), "{name:?}");
    }
}

#[test]
fn a_kind_is_known_by_its_label() {
    for kind in [AccountKind::Postpaid, AccountKind::Prepaid, AccountKind::Inherits] {
        assert_eq!(AccountKind::from_label(kind.label()), Some(kind));
    }
    assert_eq!(AccountKind::from_label("free"), None);
}
