//! A store that fails stops nobody, and loses nothing that was finished.

use roundelay::store::Store;
use roundelay_ledger::{EntryKind, Money};
use rusqlite::Connection;

use super::{Team, books, question, sum};

const ANSWER: i64 = 50_000;

#[track_caller]
fn answered(team: &Team, count: usize) {
    for stream in (0..count).map(|number| number % 2 == 0) {
        let answer = team.ask(&question("words-20", stream)).send(team.gateway.callers);
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
}

fn reasons(team: &Team) -> String {
    team.gateway.operator("GET", "/readyz", None).body
}

#[test]
fn a_store_that_is_locked_by_another_process_is_waited_for_by_nobody() {
    let team = Team::with(Money::from_nano(6 * ANSWER + 1_000_000));
    answered(&team, 2);
    let other = Connection::open(team.gateway.data().join("roundelay.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    answered(&team, 4);
    other.execute_batch("ROLLBACK").unwrap();
    assert!(team.gateway.gateway.recorder.flush());
    assert_eq!(sum(&team.books(), EntryKind::Charge), 6 * ANSWER);
}

#[test]
fn a_store_that_was_removed_is_written_again_with_all_that_was_in_it() {
    let team = Team::with(Money::from_nano(1_000_000_000));
    answered(&team, 2);
    assert!(team.gateway.gateway.recorder.flush());
    for file in ["roundelay.db", "roundelay.db-wal", "roundelay.db-shm"] {
        let _ = std::fs::remove_file(team.gateway.data().join(file));
    }
    answered(&team, 4);
    assert!(team.gateway.gateway.recorder.flush());
    assert!(reasons(&team).contains("could not be written in the last half minute"), "{}", reasons(&team));
    let other = Store::open(&team.gateway.data()).unwrap();
    assert_eq!(sum(&books(&other), EntryKind::Charge), 6 * ANSWER, "another process finds it there");
    drop(other);
    assert_eq!(sum(&team.books(), EntryKind::Charge), 6 * ANSWER);
}

#[test]
fn a_store_that_was_replaced_takes_nothing_until_it_is_back_and_nothing_is_lost() {
    let team = Team::with(Money::from_nano(1_000_000_000));
    answered(&team, 2);
    assert!(team.gateway.gateway.recorder.flush());
    let file = team.gateway.data().join("roundelay.db");
    for beside in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(file.with_extension(format!("db{beside}")));
    }
    std::fs::write(&file, "something else").unwrap();
    answered(&team, 4);
    let said = reasons(&team);
    assert!(said.contains("another file has taken the place of the store"), "{said}");
    std::fs::remove_file(&file).unwrap();
    assert!(team.gateway.gateway.recorder.flush());
    assert!(!reasons(&team).contains("another file"), "{}", reasons(&team));
    assert_eq!(sum(&team.books(), EntryKind::Charge), 6 * ANSWER);
}

#[test]
fn a_disk_that_takes_no_more_stops_nobody_and_heals() {
    let team = Team::with(Money::from_nano(1_000_000_000));
    answered(&team, 2);
    assert!(team.gateway.gateway.recorder.flush());
    // What a full disk says to an insert.
    let other = Connection::open(team.gateway.data().join("roundelay.db")).unwrap();
    other.execute_batch("ALTER TABLE entries RENAME TO away").unwrap();
    answered(&team, 4);
    assert!(!team.gateway.gateway.recorder.flush(), "the store takes nothing");
    assert!(reasons(&team).contains("could not be written in the last half minute"), "{}", reasons(&team));
    other.execute_batch("ALTER TABLE away RENAME TO entries").unwrap();
    assert!(team.gateway.gateway.recorder.flush());
    assert_eq!(sum(&team.books(), EntryKind::Charge), 6 * ANSWER);
}

#[test]
fn where_durability_is_strict_the_disk_has_an_answer_before_its_end_is_shown() {
    let team = Team::configured(Money::from_nano(1_000_000_000), |config| config + "[store]\ndurability = 'strict'\n");
    let forced = || team.gateway.gateway.recorder.forced();
    for count in 1..=4 {
        answered(&team, 1);
        assert!(forced() >= count, "{} of {count} answers", forced());
    }
    assert_eq!(sum(&team.books(), EntryKind::Charge), 4 * ANSWER);
    let fast = Team::with(Money::from_nano(1_000_000_000));
    answered(&fast, 2);
    assert_eq!(fast.gateway.gateway.recorder.forced(), 0);
}
