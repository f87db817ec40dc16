//! What is old is forgotten, and nothing that somebody may still ask for.

use roundelay::store::{EntryFilter, Record, Store};
use roundelay_ledger::ExchangeId;
use rusqlite::Connection;
use tempfile::tempdir;

use super::{money::charge, record};

const START_MS: i64 = 1_800_000_000_000;
const HOUR_MS: i64 = 3_600_000;

fn id(number: u64) -> ExchangeId {
    ExchangeId::from_u64(number)
}

#[test]
fn only_the_oldest_records_are_forgotten() {
    let dir = tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let made = |id: u64| Record {
        started_at_ms: START_MS + id.cast_signed(),
        entries: vec![charge("default", 5, id, 1)],
        ..record(id)
    };
    let records: Vec<Record> = (1..=6).map(made).collect();
    store.insert_exchanges(&records).unwrap();
    assert_eq!(store.forget_exchanges(START_MS + 4, id(9), 2).unwrap(), 2);
    assert_eq!(store.forget_exchanges(START_MS + 4, id(9), 2).unwrap(), 1);
    assert_eq!(store.forget_exchanges(START_MS + 4, id(9), 2).unwrap(), 0);
    assert_eq!(store.counts().unwrap().exchanges, 3);
    assert_eq!(store.exchange(id(3)).unwrap(), None);
    assert!(store.exchange(id(4)).unwrap().is_some());
    assert_eq!(store.entries(&EntryFilter::default(), 100).unwrap().len(), 6, "money is never forgotten");
}

#[test]
fn what_a_journal_holds_is_not_forgotten() {
    let dir = tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    store.insert_exchanges(&(1..=4).map(record).collect::<Vec<_>>()).unwrap();
    assert_eq!(store.forget_exchanges(i64::MAX, id(3), 100).unwrap(), 2);
    assert_eq!(store.forget_exchanges(i64::MAX, id(3), 100).unwrap(), 0);
    assert!(store.exchange(id(3)).unwrap().is_some());
}

#[test]
fn hours_are_forgotten_by_whole_days_that_were_added_up() {
    let dir = tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let made = |id: u64| Record { started_at_ms: START_MS + id.cast_signed() * HOUR_MS, ..record(id) };
    store.insert_exchanges(&(0..60).map(made).collect::<Vec<_>>()).unwrap();
    let direct = Connection::open(dir.path().join("roundelay.db")).unwrap();
    let kept = || direct.query_row("SELECT count(*) FROM usage_hours", [], |row| row.get::<_, i64>(0)).unwrap();
    // It began at eight in the morning: sixteen hours are of the first day, and twenty-four of the second.
    for (before, forgotten, left) in [(10, 0, 60), (17, 16, 44), (39, 0, 44), (1_000, 24, 20)] {
        assert_eq!(store.forget_hours(START_MS + before * HOUR_MS, 100).unwrap(), forgotten, "{before}");
        assert_eq!(kept(), left, "{before}");
    }
}
