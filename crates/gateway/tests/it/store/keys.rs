//! API keys and the operator's token: shown once, kept as hashes, refused for a reason.

use std::path::Path;

use roundelay::auth::{AuthRefusal, KeyFault, KeyWish, Keys, OperatorWish, Operators, Pepper};
use roundelay::journal::{Journal, Recorder};
use roundelay::store::{Role, Store, StoreFault};
use roundelay_ledger::{AccountId, KeyId, Limits};
use tempfile::tempdir;

use super::record;

const NOW: i64 = 1_800_000_000;

fn open(dir: &Path) -> Keys {
    Keys::load(Store::open(dir).unwrap(), Pepper::open(dir).unwrap()).unwrap()
}

fn wish() -> KeyWish {
    KeyWish {
        account: AccountId::default_account(),
        name: "laptop".to_owned(),
        allowed: None,
        expires_at: None,
        limits: Limits::default(),
        on_disconnect: None,
        networks: None,
    }
}

/// Asks as often as a gateway would: at once, and after a restart.
#[track_caller]
fn check(dir: &Path, keys: &Keys, presented: &str, now: i64, expected: Result<(), AuthRefusal>) {
    assert_eq!(keys.authenticate(presented, now).map(drop), expected, "at once");
    assert_eq!(open(dir).authenticate(presented, now).map(drop), expected, "after a restart");
}

#[test]
fn a_key_works_until_it_is_revoked() {
    let dir = tempdir().unwrap();
    let keys = open(dir.path());
    let (key, secret) = keys.create(wish(), NOW).unwrap();
    let (_, other) = keys.create(wish(), NOW).unwrap();
    check(dir.path(), &keys, secret.expose(), NOW, Ok(()));
    assert_eq!(keys.revoke(&key.id, NOW + 5).unwrap().revoked_at, Some(NOW + 5));
    check(dir.path(), &keys, secret.expose(), NOW, Err(AuthRefusal::Revoked));
    check(dir.path(), &keys, other.expose(), NOW, Ok(()));
    assert_eq!(keys.revoke(&key.id, NOW + 9).unwrap().revoked_at, Some(NOW + 5), "the first time stands");
}

#[test]
fn a_key_expires_at_its_second() {
    let dir = tempdir().unwrap();
    let keys = open(dir.path());
    let (_, secret) = keys.create(KeyWish { expires_at: Some(NOW + 60), ..wish() }, NOW).unwrap();
    check(dir.path(), &keys, secret.expose(), NOW + 59, Ok(()));
    check(dir.path(), &keys, secret.expose(), NOW + 60, Err(AuthRefusal::Expired));
}

#[test]
fn what_is_no_key_is_malformed_and_a_wrong_secret_is_unknown() {
    let dir = tempdir().unwrap();
    let keys = open(dir.path());
    let (key, secret) = keys.create(wish(), NOW).unwrap();
    let secret = secret.expose();
    for end in 0..secret.len() {
        check(dir.path(), &keys, &secret[..end], NOW, Err(AuthRefusal::Malformed));
    }
    for strange in [format!("{secret}0"), secret.replace("rl-", "sk-"), secret.replace(&secret[20..21], "é")] {
        check(dir.path(), &keys, &strange, NOW, Err(AuthRefusal::Malformed));
    }
    let last = if secret.ends_with('0') { "1" } else { "0" };
    check(dir.path(), &keys, &format!("{}{last}", &secret[..54]), NOW, Err(AuthRefusal::Unknown));
    let elsewhere = secret.replace(key.id.as_str(), "00000000");
    check(dir.path(), &keys, &elsewhere, NOW, Err(AuthRefusal::Unknown));
}

#[test]
fn a_caller_has_what_its_key_was_given() {
    let dir = tempdir().unwrap();
    let keys = open(dir.path());
    let allowed = Some(vec!["assistant".to_owned(), "deepseek-chat".to_owned()]);
    let (key, secret) = keys.create(KeyWish { allowed, ..wish() }, NOW).unwrap();
    assert_eq!(secret.expose().len(), 55);
    assert!(secret.expose().starts_with(&format!("rl-{}-", key.id)));
    for keys in [keys, open(dir.path())] {
        let caller = keys.authenticate(secret.expose(), NOW).unwrap();
        assert_eq!((caller.key.clone(), caller.account.as_str(), &*caller.name), (key.id.clone(), "default", "laptop"));
        assert!(caller.may_ask_for("assistant"));
        assert!(!caller.may_ask_for("claude-sonnet-4-6"));
        let listed: Vec<_> = keys.list().unwrap().into_iter().map(|row| row.key).collect();
        assert_eq!(listed, std::slice::from_ref(&key));
    }
}

#[test]
fn a_key_asks_for_what_it_was_made_for() {
    let dir = tempdir().unwrap();
    let keys = open(dir.path());
    let asks = |allowed: Option<&[&str]>| {
        let allowed = allowed.map(|names| names.iter().map(ToString::to_string).collect());
        let (_, secret) = keys.create(KeyWish { allowed, ..wish() }, NOW).unwrap();
        let caller = keys.authenticate(secret.expose(), NOW).unwrap();
        ["assistant", "assistan", ""].map(|name| caller.may_ask_for(name))
    };
    assert_eq!(asks(None), [true, true, true]);
    assert_eq!(asks(Some(&["assistant"])), [true, false, false]);
    assert_eq!(asks(Some(&[])), [false, false, false]);
}

#[test]
fn a_key_needs_an_account_and_only_a_key_can_be_revoked() {
    let dir = tempdir().unwrap();
    let keys = open(dir.path());
    let nobody = KeyWish { account: AccountId::new("nobody").unwrap(), ..wish() };
    let fault = keys.create(nobody, NOW).unwrap_err();
    assert!(matches!(fault, KeyFault::Store(StoreFault::Missing { what: "account", .. })), "{fault}");
    let fault = keys.revoke(&KeyId::new("00000000"), NOW).unwrap_err();
    assert!(matches!(fault, StoreFault::Missing { what: "key", .. }), "{fault}");
}

#[test]
fn without_the_pepper_a_copy_of_the_store_admits_nobody() {
    let (here, elsewhere) = (tempdir().unwrap(), tempdir().unwrap());
    let (_, secret) = open(here.path()).create(wish(), NOW).unwrap();
    let stolen = Keys::load(Store::open(here.path()).unwrap(), Pepper::open(elsewhere.path()).unwrap()).unwrap();
    assert_eq!(stolen.authenticate(secret.expose(), NOW), Err(AuthRefusal::Unknown));
}

#[cfg(unix)]
#[test]
fn only_the_owner_may_read_the_pepper() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempdir().unwrap();
    Pepper::open(dir.path()).unwrap();
    let mode = std::fs::metadata(dir.path().join("pepper")).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o600);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "no draft is left");
}

#[test]
fn a_damaged_pepper_is_never_replaced() {
    let dir = tempdir().unwrap();
    let path = dir.path().join("pepper");
    for damaged in ["", "abc", &"g".repeat(64), &"0".repeat(66)] {
        std::fs::write(&path, damaged).unwrap();
        assert!(Pepper::open(dir.path()).is_err(), "{damaged:?}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), damaged);
    }
}

#[test]
fn programs_that_start_at_once_agree_on_the_pepper_and_show_one_admin_token() {
    let dir = tempdir().unwrap();
    let gates: Vec<_> = std::thread::scope(|scope| {
        let start =
            || Operators::open(&Store::open(dir.path()).unwrap(), Pepper::open(dir.path()).unwrap(), NOW).unwrap();
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(start)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let shown: Vec<_> = gates.iter().filter_map(|(_, token)| token.as_ref()).collect();
    assert_eq!(shown.len(), 1);
    assert!(gates.iter().all(|(gate, _)| gate.authenticate(shown[0].expose(), NOW).is_some()));
    assert!(
        gates
            .iter()
            .all(|(gate, _)| ["rladmin-", "rladmin--", ""].iter().all(|no| gate.authenticate(no, NOW).is_none()))
    );
}

#[test]
fn an_operators_token_works_until_it_expires_or_is_revoked() {
    let dir = tempdir().unwrap();
    let (store, pepper) = (Store::open(dir.path()).unwrap(), Pepper::open(dir.path()).unwrap());
    let (operators, _) = Operators::open(&store, pepper.clone(), NOW).unwrap();
    let wish = |expires_at| OperatorWish { name: "ci".to_owned(), role: Role::Viewer, account: None, expires_at };
    let (ends, ending) = operators.create(&store, wish(Some(NOW + 5)), NOW).unwrap();
    let (stays, staying) = operators.create(&store, wish(None), NOW).unwrap();
    let who = |operators: &Operators, token: &str, now| operators.authenticate(token, now).map(|row| row.id.clone());
    assert_eq!(who(&operators, ending.expose(), NOW + 4), Some(ends.id.clone()));
    assert_eq!(who(&operators, ending.expose(), NOW + 5), None);
    let (_, secret) = staying.expose().rsplit_once('-').unwrap();
    assert_eq!(who(&operators, &format!("rladmin-{}-{secret}", ends.id), NOW), None, "another's secret");
    operators.revoke(&store, &stays.id, NOW + 7).unwrap();
    assert!(operators.renew(&store, &stays.id).is_err(), "a new token would bring it back");
    let reopened = Operators::load(&store, pepper).unwrap();
    for operators in [&operators, &reopened] {
        assert_eq!(who(operators, staying.expose(), NOW + 8), None);
        assert_eq!(who(operators, ending.expose(), NOW + 4), Some(ends.id.clone()));
    }
    assert_eq!(operators.revoke(&store, &stays.id, NOW + 9).unwrap().revoked_at, Some(NOW + 7), "the first time stays");
    let nowhere = OperatorWish { account: AccountId::new("nobody").ok(), ..wish(None) };
    assert!(operators.create(&store, nowhere, NOW).unwrap_err().to_string().contains("no account `nobody`"));
}

#[test]
fn a_new_admin_token_ends_the_old_one() {
    let dir = tempdir().unwrap();
    let (store, pepper) = (Store::open(dir.path()).unwrap(), Pepper::open(dir.path()).unwrap());
    let (open, first) = Operators::open(&store, pepper.clone(), NOW).unwrap();
    let second = open.renew_first(&store).unwrap();
    assert!(open.authenticate(second.expose(), NOW).is_some(), "at once");
    let first = first.unwrap();
    assert!(open.authenticate(first.expose(), NOW).is_none(), "at once");
    let (gate, none) = Operators::open(&store, pepper, NOW).unwrap();
    assert!(none.is_none());
    assert!(gate.authenticate(second.expose(), NOW).is_some());
    assert!(gate.authenticate(first.expose(), NOW).is_none());
}

#[test]
fn no_secret_is_in_any_file() {
    let dir = tempdir().unwrap();
    let keys = open(dir.path());
    let (key, secret) = keys.create(wish(), NOW).unwrap();
    let store = Store::open(dir.path()).unwrap();
    let (_, token) = Operators::open(&store, Pepper::open(dir.path()).unwrap(), NOW).unwrap();
    let caller = keys.authenticate(secret.expose(), NOW).unwrap();
    let recorder = Recorder::start(store, Journal::open(dir.path()).unwrap()).unwrap();
    let _ = recorder.record(roundelay::store::Record { key: caller.key.clone(), ..record(1) }, Vec::new());
    assert!(recorder.flush());

    let bytes = all_bytes(dir.path());
    let holds = |needle: &str| bytes.windows(needle.len()).any(|window| window == needle.as_bytes());
    assert!(holds(key.id.as_str()), "the id is there, so this test looks in the right place");
    assert!(!holds(&secret.expose()[12..]));
    assert!(!holds(&token.unwrap().expose()["rladmin-".len()..]));
}

fn all_bytes(dir: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        bytes.extend(if path.is_dir() { all_bytes(&path) } else { std::fs::read(path).unwrap() });
    }
    bytes
}

#[test]
fn no_refusal_repeats_what_was_presented() {
    let dir = tempdir().unwrap();
    let (_, secret) = open(dir.path()).create(wish(), NOW).unwrap();
    let shown = format!("{secret:?}");
    assert!(!shown.contains(&secret.expose()[12..]), "{shown}");
    let elsewhere = tempdir().unwrap();
    let refusal = open(elsewhere.path()).authenticate(secret.expose(), NOW).unwrap_err();
    assert!(!refusal.to_string().contains(&secret.expose()[3..11]), "{refusal}");
}
