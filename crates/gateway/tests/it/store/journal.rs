//! What was recorded reaches the store, whatever happens in between.

use std::fs;
use std::path::{Path, PathBuf};

use roundelay::journal::{Faults, Journal, JournalFault, Recorder, Replayed, catch_up};
use roundelay::store::{Record, Store};
use roundelay_ledger::ExchangeId;
use rusqlite::Connection;
use tempfile::tempdir;

use super::record;

pub(super) fn start(dir: &Path) -> (Store, Recorder) {
    let store = Store::open(dir).unwrap();
    let recorder = Recorder::start(store.clone(), Journal::open(dir).unwrap()).unwrap();
    (store, recorder)
}

pub(super) fn segments(dir: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> =
        fs::read_dir(dir.join("journal")).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "log"));
    paths.sort();
    paths
}

/// The journal as a gateway leaves it that is ended at once after recording.
pub(super) fn journal_of(numbers: impl Iterator<Item = u64>) -> Vec<u8> {
    let dir = tempdir().unwrap();
    let (_store, recorder) = start(dir.path());
    numbers.for_each(|number| drop(recorder.record(record(number), Vec::new())));
    fs::read(&segments(dir.path())[0]).unwrap()
}

/// Of these, 279 fill a segment.
fn large(number: u64) -> Record {
    Record { decision: format!("\"{}\"", "x".repeat(60_000)), ..record(number) }
}

pub(super) fn leave_journal(dir: &Path, bytes: &[u8]) {
    fs::create_dir_all(dir.join("journal")).unwrap();
    fs::write(dir.join("journal/0000000001.log"), bytes).unwrap();
}

#[test]
fn a_record_is_in_the_journal_at_once_and_in_the_store_after_a_flush() {
    let dir = tempdir().unwrap();
    let (store, recorder) = start(dir.path());
    let _ = recorder.record(record(1), Vec::new());
    assert!(fs::metadata(&segments(dir.path())[0]).unwrap().len() > 100);
    assert!(recorder.flush());
    assert_eq!(store.exchange(ExchangeId::from_u64(1)).unwrap(), Some(record(1)));
    assert_eq!(recorder.faults(), Faults::default());
}

#[test]
fn an_orderly_end_leaves_everything_in_the_store_and_no_segment() {
    let dir = tempdir().unwrap();
    let (store, recorder) = start(dir.path());
    (1..=2_000).for_each(|number| drop(recorder.record(record(number), Vec::new())));
    assert!(recorder.shutdown());
    assert_eq!(store.counts().unwrap().exchanges, 2_000);
    assert_eq!(segments(dir.path()), Vec::<PathBuf>::new());
}

#[test]
fn what_an_ended_gateway_left_is_replayed_at_the_next_start() {
    let dir = tempdir().unwrap();
    leave_journal(dir.path(), &journal_of(1..=1_500));
    let (store, recorder) = start(dir.path());
    assert!(recorder.flush());
    assert_eq!(store.counts().unwrap().exchanges, 1_500);
    let _ = recorder.record(record(9_999), Vec::new());
    assert_eq!(store.exchange(ExchangeId::from_u64(1_500)).unwrap(), Some(record(1_500)));
    assert_eq!(segments(dir.path()), [dir.path().join("journal/0000000002.log")]);
}

#[test]
fn replaying_what_the_store_has_changes_nothing() {
    let dir = tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let bytes = journal_of(1..=3);
    store.insert_exchanges(&[record(2)]).unwrap();
    for added in [2, 0] {
        leave_journal(dir.path(), &bytes);
        let (_, replayed) = catch_up(dir.path(), &store).unwrap();
        assert_eq!(replayed, Replayed { records: 3, added, ..Replayed::default() });
        assert_eq!(store.counts().unwrap().exchanges, 3);
    }
    assert_eq!(catch_up(dir.path(), &store).unwrap().1, Replayed::default());
}

#[test]
fn a_journal_cut_at_any_byte_gives_back_every_whole_record() {
    let bytes = journal_of(1..=3);
    let one = journal_of(1..=1).len();
    let two = journal_of(1..=2).len();
    let home = tempdir().unwrap();
    let store = Store::open(home.path()).unwrap();
    for end in 0..=bytes.len() {
        let dir = tempdir().unwrap();
        leave_journal(dir.path(), &bytes[..end]);
        let (records, whole) = match end {
            end if end < one => (0, 0),
            end if end < two => (1, one),
            end if end < bytes.len() => (2, two),
            _ => (3, bytes.len()),
        };
        let (_, replayed) = catch_up(dir.path(), &store).unwrap();
        assert_eq!((replayed.records, replayed.torn_bytes), (records, (end - whole) as u64), "cut at {end}");
        assert_eq!(store.counts().unwrap().exchanges, records, "cut at {end}");
    }
}

#[test]
fn records_of_a_newer_program_are_kept_for_it() {
    let dir = tempdir().unwrap();
    let mut bytes = journal_of(1..=2);
    let version = 12; // behind length and checksum; see journal/encoding.rs
    bytes[version] += 1;
    let body = 12..journal_of(1..=1).len();
    let sum = blake3::hash(&bytes[body]);
    bytes[4..12].copy_from_slice(&sum.as_bytes()[..8]);
    leave_journal(dir.path(), &bytes);
    let store = Store::open(dir.path()).unwrap();
    assert_eq!(catch_up(dir.path(), &store).unwrap().1.records, 1);
    assert_eq!(fs::read(dir.path().join("journal/0000000001.unread")).unwrap(), bytes);
}

#[test]
fn a_segment_is_deleted_once_the_store_has_all_of_it() {
    let dir = tempdir().unwrap();
    let (store, recorder) = start(dir.path());
    (1..=300).for_each(|number| drop(recorder.record(large(number), Vec::new())));
    assert!(recorder.flush());
    assert_eq!(segments(dir.path()), [dir.path().join("journal/0000000002.log")]);
    assert_eq!(store.counts().unwrap().exchanges, 300);
}

#[test]
fn while_the_store_is_locked_records_wait_and_what_finds_no_room_follows_from_the_journal() {
    let dir = tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let recorder = Recorder::start_bounded(store.clone(), Journal::open(dir.path()).unwrap(), 4).unwrap();
    assert!(recorder.flush());
    let other = Connection::open(dir.path().join("roundelay.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    (1..=10).for_each(|number| drop(recorder.record(record(number), Vec::new())));
    assert_eq!(recorder.faults(), Faults { dropped: 6, ..Faults::default() });
    assert_eq!(store.counts().unwrap().exchanges, 0);
    other.execute_batch("ROLLBACK").unwrap();
    assert!(recorder.flush());
    assert_eq!(store.counts().unwrap().exchanges, 10);
    let _ = recorder.record(record(11), Vec::new());
    assert!(recorder.shutdown());
    assert_eq!(store.counts().unwrap().exchanges, 11);
    assert_eq!(segments(dir.path()), Vec::<PathBuf>::new());
}

#[test]
fn what_the_store_refused_is_tried_again_and_keeps_its_room() {
    let dir = tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let recorder = Recorder::start_bounded(store.clone(), Journal::open(dir.path()).unwrap(), 4).unwrap();
    assert!(recorder.flush());
    let other = Connection::open(dir.path().join("roundelay.db")).unwrap();
    other.execute_batch("ALTER TABLE exchanges RENAME TO elsewhere").unwrap();
    (1..=4).for_each(|number| drop(recorder.record(record(number), Vec::new())));
    while recorder.faults().store == 0 {
        std::thread::yield_now();
    }
    (5..=7).for_each(|number| drop(recorder.record(record(number), Vec::new())));
    assert_eq!(recorder.faults().dropped, 3);
    other.execute_batch("ALTER TABLE elsewhere RENAME TO exchanges").unwrap();
    assert!(recorder.flush());
    assert_eq!(store.counts().unwrap().exchanges, 7);
}

#[test]
fn a_segment_of_which_the_store_has_only_a_part_is_not_deleted() {
    let dir = tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let recorder = Recorder::start_bounded(store.clone(), Journal::open(dir.path()).unwrap(), 4).unwrap();
    let other = Connection::open(dir.path().join("roundelay.db")).unwrap();
    other.execute_batch("ALTER TABLE exchanges RENAME TO elsewhere").unwrap();
    (1..=300).for_each(|number| drop(recorder.record(large(number), Vec::new())));
    assert_eq!(recorder.faults().dropped, 296);
    other.execute_batch("ALTER TABLE elsewhere RENAME TO exchanges").unwrap();
    assert!(recorder.flush());
    assert_eq!(store.counts().unwrap().exchanges, 300);
}

#[test]
fn a_torn_tail_is_cut_off_even_when_the_store_refuses_the_rest() {
    let dir = tempdir().unwrap();
    let whole = journal_of(1..=3);
    leave_journal(dir.path(), &[&whole[..], &whole[..50]].concat());
    let store = Store::open(dir.path()).unwrap();
    let other = Connection::open(dir.path().join("roundelay.db")).unwrap();
    other.execute_batch("ALTER TABLE exchanges RENAME TO elsewhere").unwrap();
    assert!(matches!(catch_up(dir.path(), &store), Err(JournalFault::Store(_))));
    assert_eq!(fs::read(&segments(dir.path())[0]).unwrap(), whole);
    other.execute_batch("ALTER TABLE elsewhere RENAME TO exchanges").unwrap();
    assert_eq!(catch_up(dir.path(), &store).unwrap().1, Replayed { records: 3, added: 3, ..Replayed::default() });
}

#[test]
fn while_the_journal_cannot_be_written_the_store_gets_the_record() {
    let dir = tempdir().unwrap();
    let (store, recorder) = start(dir.path());
    fs::remove_dir_all(dir.path().join("journal")).unwrap();
    let _ = recorder.record(record(1), Vec::new());
    assert_eq!(recorder.faults().journal, 1);
    assert!(recorder.flush());
    assert_eq!(store.counts().unwrap().exchanges, 1);
}

#[test]
fn a_journal_belongs_to_one_gateway_at_a_time() {
    let dir = tempdir().unwrap();
    let (store, recorder) = start(dir.path());
    let second = Journal::open(dir.path()).map(drop).unwrap_err();
    assert!(matches!(second, JournalFault::InUse { .. }), "{second}");
    assert!(matches!(catch_up(dir.path(), &store), Err(JournalFault::InUse { .. })));
    assert!(recorder.shutdown());
    drop(recorder);
    drop(Journal::open(dir.path()).unwrap());
}

#[test]
fn nothing_a_caller_chooses_grows_a_record_without_end() {
    let dir = tempdir().unwrap();
    let (store, recorder) = start(dir.path());
    let _ =
        recorder.record(Record { asked: "é".repeat(5 << 20), decision: "1".repeat(10 << 20), ..record(1) }, Vec::new());
    assert!(recorder.flush());
    let kept = store.exchange(ExchangeId::from_u64(1)).unwrap().unwrap();
    assert_eq!(kept.asked, "é".repeat(128));
    assert_eq!(kept.decision, r#"{"omitted_bytes":10485760}"#);
    assert!(fs::metadata(&segments(dir.path())[0]).unwrap().len() < 1_000);
}

#[test]
fn records_from_many_threads_all_arrive() {
    let dir = tempdir().unwrap();
    let (store, recorder) = start(dir.path());
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let recorder = &recorder;
            scope.spawn(move || {
                (0..1_000).for_each(|number| drop(recorder.record(record(thread * 1_000 + number), Vec::new())));
            });
        }
    });
    assert!(recorder.flush());
    assert_eq!(store.counts().unwrap().exchanges, 4_000);
}

#[test]
fn whoever_has_caught_up_keeps_gateways_out_until_it_has_written() {
    for has_journal in [false, true] {
        let dir = tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        if has_journal {
            leave_journal(dir.path(), &journal_of(1..=1));
        }
        let (kept, _) = catch_up(dir.path(), &store).unwrap();
        assert!(matches!(Journal::open(dir.path()), Err(JournalFault::InUse { .. })), "with a journal: {has_journal}");
        assert!(matches!(catch_up(dir.path(), &store), Err(JournalFault::InUse { .. })));
        drop(kept);
        drop(Journal::open(dir.path()).unwrap());
    }
}

#[test]
fn the_oldest_exchange_is_known_for_as_long_as_a_segment_has_it() {
    let dir = tempdir().unwrap();
    leave_journal(dir.path(), &journal_of([7, 3].into_iter()));
    let store = Store::open(dir.path()).unwrap();
    let journal = Journal::open(dir.path()).unwrap();
    let oldest = |recorder: &Recorder| recorder.oldest_exchange().unwrap().map(ExchangeId::as_u64);
    // A store that takes nothing leaves what an earlier run wrote.
    let direct = Connection::open(dir.path().join("roundelay.db")).unwrap();
    direct.execute_batch("ALTER TABLE exchanges RENAME TO away").unwrap();
    let recorder = Recorder::start(store, journal).unwrap();
    assert_eq!(oldest(&recorder), Some(3));
    let _ = recorder.record(record(2), Vec::new());
    let _ = recorder.record(record(9), Vec::new());
    assert_eq!(oldest(&recorder), Some(2));
    direct.execute_batch("ALTER TABLE away RENAME TO exchanges").unwrap();
    assert!(recorder.flush());
    assert_eq!(oldest(&recorder), Some(2), "its segment is still there");
    assert!(recorder.shutdown());
    assert_eq!(oldest(&recorder), None);
}

#[test]
fn a_strict_recorder_leaves_nothing_behind_and_can_be_opened_again() {
    let dir = tempdir().unwrap();
    for round in 1..=3 {
        let store = Store::open(dir.path()).unwrap();
        let recorder = Recorder::start_strict(store.clone(), Journal::open(dir.path()).unwrap()).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(recorder.record(record(round), Vec::new()).safe());
        assert_eq!((recorder.forced(), recorder.faults()), (1, Faults::default()));
        assert!(recorder.shutdown());
        assert_eq!(store.counts().unwrap().exchanges, round);
    }
}
