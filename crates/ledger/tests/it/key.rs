//! A key works until it expires or is revoked, for the models it was made for.

use roundelay_ledger::{AccountId, ApiKey, KeyId, KeyRefusal};

fn key(expires_at: Option<i64>, revoked_at: Option<i64>) -> ApiKey {
    ApiKey {
        id: KeyId::new("k7m2q9xd"),
        account: AccountId::default_account(),
        name: String::new(),
        allowed: None,
        created_at: 0,
        expires_at,
        revoked_at,
    }
}

#[track_caller]
fn check(expires_at: Option<i64>, revoked_at: Option<i64>, now: i64, expected: Result<(), KeyRefusal>) {
    assert_eq!(key(expires_at, revoked_at).permits(now), expected);
}

#[test]
fn a_key_ends_at_the_second_it_expires() {
    check(None, None, i64::MAX, Ok(()));
    check(Some(100), None, 99, Ok(()));
    check(Some(100), None, 100, Err(KeyRefusal::Expired));
    check(Some(100), None, i64::MAX, Err(KeyRefusal::Expired));
}

#[test]
fn a_revoked_key_stays_revoked_whatever_the_clock_says() {
    check(None, Some(50), 51, Err(KeyRefusal::Revoked));
    check(None, Some(50), 0, Err(KeyRefusal::Revoked));
    check(Some(100), Some(50), 200, Err(KeyRefusal::Revoked));
}
