//! The tables: made once, by whoever comes first; what goes in comes out.

use roundelay::store::{ExchangeFilter, Store, StoreFault};
use roundelay_ledger::{AccountId, AccountKind, ExchangeId, Money, Terms};
use rusqlite::Connection;
use tempfile::tempdir;

use super::{account, record};

#[test]
fn a_new_store_has_the_default_account_which_pays_later() {
    let dir = tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let account = store.account(&AccountId::default_account()).unwrap().unwrap();
    assert_eq!(account.terms, Terms::new(AccountKind::Postpaid));
    assert_eq!((account.account.kind, account.balance), (AccountKind::Postpaid, Money::ZERO));
    assert_eq!(store.accounts().unwrap(), [account]);
}

#[test]
fn opening_again_changes_nothing_and_keeps_everything() {
    let dir = tempdir().unwrap();
    Store::open(dir.path()).unwrap().insert_exchanges(&[record(1)]).unwrap();
    let store = Store::open(dir.path()).unwrap();
    assert_eq!(store.exchange(ExchangeId::from_u64(1)).unwrap(), Some(record(1)));
    let steps = "SELECT count(*) FROM migrations WHERE number = 1";
    let direct = Connection::open(dir.path().join("roundelay.db")).unwrap();
    assert_eq!(direct.query_row(steps, [], |row| row.get::<_, i64>(0)).unwrap(), 1);
}

#[test]
fn programs_that_open_a_new_store_at_once_take_turns() {
    for _ in 0..5 {
        let dir = tempdir().unwrap();
        std::thread::scope(|scope| {
            for opener in 0..6 {
                let path = dir.path();
                scope.spawn(move || Store::open(path).unwrap().insert_exchanges(&[record(opener)]).unwrap());
            }
        });
        assert_eq!(Store::open(dir.path()).unwrap().counts().unwrap().exchanges, 6);
    }
}

#[test]
fn the_store_of_a_newer_program_is_left_alone() {
    let dir = tempdir().unwrap();
    drop(Store::open(dir.path()).unwrap());
    let direct = Connection::open(dir.path().join("roundelay.db")).unwrap();
    direct.execute("INSERT INTO migrations (number, name) VALUES (99, 'future')", []).unwrap();
    let fault = Store::open(dir.path()).unwrap_err();
    assert!(matches!(fault, StoreFault::TooNew { found: 99, .. }), "{fault}");
}

#[test]
fn a_file_that_is_no_store_is_named_in_the_fault() {
    let dir = tempdir().unwrap();
    std::fs::write(dir.path().join("roundelay.db"), "not a database, but long enough to be looked at".repeat(30))
        .unwrap();
    let fault = Store::open(dir.path()).unwrap_err().to_string();
    assert!(fault.contains("roundelay.db"), "{fault}");
}

#[test]
fn an_account_is_made_once_and_found_by_its_id() {
    let dir = tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let team = account("team-a", None, Terms::new(AccountKind::Prepaid));
    store.create_account(&team).unwrap();
    let again = store.create_account(&team).unwrap_err();
    assert!(matches!(again, StoreFault::Exists { what: "account", .. }), "{again}");
    assert_eq!(store.account(&team.account.id).unwrap(), Some(team));
    assert_eq!(store.account(&AccountId::new("team-b").unwrap()).unwrap(), None);
    assert_eq!(store.counts().unwrap().accounts, 2);
}

#[test]
fn a_record_comes_back_as_it_went_in() {
    let dir = tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let mut bare = record(2);
    (bare.first_content_us, bare.deployment, bare.model, bare.cost) = (None, None, None, None);
    bare.failure = Some("timeout_headers".into());
    bare.attempts.clear();
    let records = [record(1), bare];
    assert_eq!(store.insert_exchanges(&records).unwrap().added, 2);
    for record in records {
        assert_eq!(store.exchange(record.id).unwrap(), Some(record));
    }
    assert_eq!(store.exchange(ExchangeId::from_u64(3)).unwrap(), None);
}

#[test]
fn a_record_added_twice_is_there_once_and_counted_once() {
    let dir = tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    assert_eq!(store.insert_exchanges(&[record(1), record(2)]).unwrap().added, 2);
    assert_eq!(store.insert_exchanges(&[record(2), record(3)]).unwrap().added, 1);
    assert_eq!(store.counts().unwrap().exchanges, 3);
    assert_eq!(store.newest_exchange().unwrap(), Some(ExchangeId::from_u64(3)));
}

#[test]
fn records_are_paged_from_the_newest() {
    let dir = tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let records: Vec<_> = (1..=5).map(record).collect();
    store.insert_exchanges(&records).unwrap();
    let page = |limit, before: Option<u64>| -> Vec<u64> {
        let filter = ExchangeFilter { before: before.map(ExchangeId::from_u64), ..ExchangeFilter::default() };
        store.recent_exchanges(&filter, limit).unwrap().iter().map(|record| record.id.as_u64()).collect()
    };
    assert_eq!(page(2, None), [5, 4]);
    assert_eq!(page(2, Some(4)), [3, 2]);
    assert_eq!(page(usize::MAX, Some(2)), [1]);
    assert_eq!(page(0, None), [0; 0]);
}

#[test]
fn a_record_shows_its_decision_as_json() {
    let shown: serde_json::Value = serde_json::to_value(record(1)).unwrap();
    assert_eq!(shown["id"], "x_0000000000001");
    assert_eq!(shown["decision"]["candidates"][0], "deepseek/deepseek-chat");
    assert_eq!(shown["cost_nano"], 1_234);
}
