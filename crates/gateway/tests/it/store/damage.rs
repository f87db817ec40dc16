//! A damaged journal, a record the store never takes, and what an ended gateway left cost nothing but themselves.

use std::fs;
use std::path::PathBuf;

use roundelay::journal::{Faults, Journal, Replayed, catch_up};
use roundelay::store::{Inserted, Store, UsageFilter};
use roundelay_ledger::ExchangeId;
use rusqlite::Connection;
use tempfile::tempdir;

use super::journal::{journal_of, leave_journal, segments, start};
use super::record;

/// A journal of five records, of which the third was changed by this: how many come back, and what is left of the file.
#[track_caller]
fn check_damage(what: &str, damage: impl Fn(&mut [u8]), lost: u64) {
    let dir = tempdir().unwrap();
    let damaged = journal_of(1..=2).len()..journal_of(1..=3).len();
    let mut bytes = journal_of(1..=5);
    damage(&mut bytes[damaged.clone()]);
    leave_journal(dir.path(), &bytes);
    let (store, recorder) = start(dir.path());
    assert!(recorder.flush());
    assert_eq!(store.counts().unwrap().exchanges, 5 - lost, "{what}");
    for number in [1, 2, 4, 5] {
        assert_eq!(store.exchange(ExchangeId::from_u64(number)).unwrap(), Some(record(number)), "{what}");
    }
    let faults = recorder.faults();
    assert_eq!(faults, Faults { torn_bytes: lost * damaged.len() as u64, ..Faults::default() }, "{what}");
    let kept = dir.path().join("journal/0000000001.torn");
    assert_eq!(fs::read(kept).ok(), (lost > 0).then_some(bytes), "{what}");
    assert_eq!(segments(dir.path()), Vec::<PathBuf>::new(), "{what}");
}

#[test]
fn a_damaged_record_costs_no_other() {
    check_damage("nothing", |_| {}, 0);
    check_damage("a byte of the body", |frame| frame[40] ^= 1, 1);
    check_damage("the checksum", |frame| frame[5] ^= 1, 1);
    check_damage("a smaller length", |frame| frame[0] ^= 1, 1);
    check_damage("a length beyond the file", |frame| frame[3] = 0x7f, 1);
    check_damage("zeroes", |frame| frame.fill(0), 1);
    check_damage("ones", |frame| frame.fill(1), 1);
    check_damage("text", |frame| frame.fill(b'x'), 1);
}

#[test]
fn a_segment_that_was_kept_is_not_overwritten_by_the_next() {
    let dir = tempdir().unwrap();
    let mut bytes = journal_of(1..=3);
    bytes[40] ^= 1;
    leave_journal(dir.path(), &bytes);
    let store = Store::open(dir.path()).unwrap();
    catch_up(dir.path(), &store).unwrap();
    let (_store, recorder) = start(dir.path());
    let _ = recorder.record(record(9), Vec::new());
    assert_eq!(segments(dir.path()), [dir.path().join("journal/0000000002.log")]);
}

#[test]
fn a_record_that_the_store_never_takes_costs_no_other() {
    let refuse_two = "CREATE TRIGGER refuse BEFORE INSERT ON exchanges WHEN new.id = 2
                      BEGIN SELECT RAISE(ABORT, 'not this one'); END";
    let dir = tempdir().unwrap();
    let (store, recorder) = start(dir.path());
    assert!(recorder.flush());
    let other = Connection::open(dir.path().join("roundelay.db")).unwrap();
    other.execute_batch(refuse_two).unwrap();
    (1..=3).for_each(|number| drop(recorder.record(record(number), Vec::new())));
    assert!(recorder.flush());
    assert_eq!(store.counts().unwrap().exchanges, 2);
    assert_eq!(recorder.faults(), Faults { refused: 1, ..Faults::default() });
    assert!(recorder.shutdown());
    assert_eq!(segments(dir.path()), Vec::<PathBuf>::new());

    leave_journal(dir.path(), &journal_of(1..=4));
    drop(recorder);
    let (_, replayed) = catch_up(dir.path(), &store).unwrap();
    assert_eq!(replayed, Replayed { records: 4, added: 1, refused: 1, torn_bytes: 0, in_doubt: 0 });
    assert_eq!(store.counts().unwrap().exchanges, 3);
}

#[test]
fn among_many_at_once_what_is_known_or_refused_costs_no_other() {
    let dir = tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let other = Connection::open(dir.path().join("roundelay.db")).unwrap();
    let refuse = "CREATE TRIGGER refuse BEFORE INSERT ON exchanges WHEN new.id = 22
                  BEGIN SELECT RAISE(ABORT, 'not this one'); END";
    other.execute_batch(refuse).unwrap();
    assert_eq!(store.insert_exchanges(&[record(3), record(40)]).unwrap(), Inserted { added: 2, refused: 0 });
    let records: Vec<_> = (1..=43).map(record).collect();
    assert_eq!(store.insert_exchanges(&records).unwrap(), Inserted { added: 40, refused: 1 });
    assert_eq!(store.insert_exchanges(&records).unwrap(), Inserted { added: 0, refused: 1 });
    assert_eq!(store.counts().unwrap().exchanges, 42);
    let used: u64 = store.usage_hours(&UsageFilter::default(), &[]).unwrap().iter().map(|sum| sum.exchanges).sum();
    assert_eq!(used, 42, "each is counted once");
}

#[test]
fn names_continue_after_what_an_ended_gateway_left() {
    let dir = tempdir().unwrap();
    let newest = || Journal::open(dir.path()).unwrap().newest_exchange().unwrap();
    assert_eq!(newest(), None);
    leave_journal(dir.path(), &journal_of([7, 900, 8].into_iter()));
    fs::write(dir.path().join("journal/0000000002.log"), journal_of(10..=12)).unwrap();
    assert_eq!(newest(), Some(ExchangeId::from_u64(900)));
}
