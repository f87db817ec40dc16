//! A store whose file was removed or replaced while it was open loses nothing, whatever stands in the way.

use std::{fs, path::Path};

use roundelay::store::{Store, StoreFault};
use roundelay_ledger::ExchangeId;
use tempfile::tempdir;

use super::record;

const FILE: &str = "roundelay.db";
const FILES: [&str; 3] = [FILE, "roundelay.db-wal", "roundelay.db-shm"];

fn has(store: &Store, number: u64) -> bool {
    store.exchange(ExchangeId::from_u64(number)).unwrap().is_some()
}

/// While `block` stands in the way, what is open reads, takes nothing, and says so; without it, all of it is back.
#[track_caller]
fn check(name: &str, block: fn(&Path), unblock: fn(&Path)) {
    let dir = tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    store.insert_exchanges(&[record(1)]).unwrap();
    for file in FILES {
        let _ = fs::remove_file(dir.path().join(file));
    }
    block(dir.path());
    for _ in 0..3 {
        assert!(store.restore_if_removed().is_err(), "{name}");
        assert!(has(&store, 1), "{name}: what is open reads");
        let refused = store.insert_exchanges(&[record(2)]).unwrap_err();
        let says = matches!(refused, StoreFault::Removed { .. } | StoreFault::Replaced { .. });
        assert!(says && store.check_file().is_err(), "{name}: {refused}");
    }
    unblock(dir.path());
    assert!(store.restore_if_removed().unwrap(), "{name}");
    assert!(!store.restore_if_removed().unwrap(), "{name}: once is enough");
    assert_eq!(store.insert_exchanges(&[record(2)]).unwrap().added, 1, "{name}");
    drop(store);
    let again = Store::open_existing(dir.path()).unwrap();
    assert!(has(&again, 1) && has(&again, 2), "{name}");
    assert_eq!(again.counts().unwrap().exchanges, 2, "{name}");
}

fn obstruct(path: &Path) {
    fs::create_dir_all(path.join("full")).unwrap();
}

#[test]
fn a_removed_store_is_written_again_once_nothing_stands_in_the_way() {
    check(
        "its log cannot be removed",
        |dir| obstruct(&dir.join(FILES[1])),
        |dir| {
            fs::remove_dir_all(dir.join(FILES[1])).unwrap();
        },
    );
    check(
        "the draft cannot be written",
        |dir| obstruct(&dir.join("roundelay.db.draft")),
        |dir| {
            fs::remove_dir_all(dir.join("roundelay.db.draft")).unwrap();
        },
    );
    check(
        "something else has its name",
        |dir| obstruct(&dir.join(FILE)),
        |dir| {
            fs::remove_dir_all(dir.join(FILE)).unwrap();
        },
    );
    check(
        "another store has its place",
        |dir| drop(Store::open(dir).unwrap()),
        |dir| {
            fs::rename(dir.join(FILE), dir.join("moved")).unwrap();
        },
    );
    check("the folder is gone", |dir| fs::remove_dir_all(dir).unwrap(), |dir| fs::create_dir(dir).unwrap());
}

#[test]
fn a_store_that_was_replaced_leaves_a_copy_of_all_it_had() {
    let dir = tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    store.insert_exchanges(&[record(1)]).unwrap();
    for file in FILES {
        let _ = fs::remove_file(dir.path().join(file));
    }
    Store::open(dir.path()).unwrap().insert_exchanges(&[record(7)]).unwrap();
    assert!(matches!(store.restore_if_removed(), Err(StoreFault::Replaced { .. })));
    drop(store);
    let other = Store::open_existing(dir.path()).unwrap();
    assert!(has(&other, 7) && !has(&other, 1), "the other's file is left as it is");
    let kept = tempdir().unwrap();
    fs::rename(dir.path().join("roundelay.db.kept"), kept.path().join(FILE)).unwrap();
    assert!(has(&Store::open_existing(kept.path()).unwrap(), 1));
}

#[test]
fn each_time_it_is_replaced_a_copy_is_kept_and_none_is_lost() {
    let dir = tempdir().unwrap();
    let replaced = |number: u64| {
        let store = Store::open(dir.path()).unwrap();
        store.insert_exchanges(&[record(number)]).unwrap();
        for file in FILES {
            let _ = fs::remove_file(dir.path().join(file));
        }
        drop(Store::open(dir.path()).unwrap());
        for _ in 0..2 {
            assert!(matches!(store.restore_if_removed(), Err(StoreFault::Replaced { .. })));
        }
        store
    };
    let first = replaced(1);
    let second = replaced(2);
    // The same process again, after its file came back.
    for file in FILES {
        let _ = fs::remove_file(dir.path().join(file));
    }
    assert!(second.restore_if_removed().unwrap());
    second.insert_exchanges(&[record(3)]).unwrap();
    fs::remove_file(dir.path().join(FILE)).unwrap();
    fs::write(dir.path().join(FILE), "").unwrap();
    assert!(second.restore_if_removed().is_err());
    drop((first, second));
    for (name, number) in [("db.kept-1", 1), ("db.kept-2", 2), ("db.kept", 3)] {
        let kept = tempdir().unwrap();
        fs::rename(dir.path().join(FILE).with_extension(name), kept.path().join(FILE)).unwrap();
        assert!(has(&Store::open_existing(kept.path()).unwrap(), number), "{name}");
    }
    let kept = fs::read_dir(dir.path())
        .unwrap()
        .filter(|file| file.as_ref().unwrap().file_name().to_string_lossy().contains("kept"));
    assert_eq!(kept.count(), 0, "one copy each time");
}

/// A log that lost its name has what was written last; after that, all of it is where everybody looks.
#[track_caller]
fn check_log(name: &str, lose: fn(&Path)) {
    let dir = tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    store.force_commits().unwrap();
    store.insert_exchanges(&[record(1)]).unwrap();
    assert!(store.check_file().is_ok() && !store.restore_if_removed().unwrap(), "{name}");
    lose(dir.path());
    assert!(matches!(store.check_file(), Err(StoreFault::Removed { .. })), "{name}");
    assert!(store.insert_exchanges(&[record(2)]).is_err(), "{name}: nothing is written that goes with the process");
    assert!(has(&store, 1), "{name}: what is open reads");
    assert!(store.restore_if_removed().unwrap(), "{name}");
    assert!(!store.restore_if_removed().unwrap(), "{name}: once is enough");
    store.insert_exchanges(&[record(2)]).unwrap();
    let log = fs::metadata(dir.path().join(FILES[1])).unwrap();
    assert!(log.len() > 0, "{name}: it is written to the log that has the name");
    // As another process sees it, while this one has it open.
    let other = rusqlite::Connection::open(dir.path().join(FILE)).unwrap();
    let count = other.query_row("SELECT count(*) FROM exchanges", [], |row| row.get::<_, u32>(0));
    assert_eq!(count, Ok(2), "{name}");
    assert!(has(&store, 1) && has(&store, 2), "{name}");
}

#[test]
fn a_log_that_was_removed_is_begun_again() {
    check_log("the log alone", |dir| fs::remove_file(dir.join(FILES[1])).unwrap());
    check_log("with the file for locks", |dir| {
        FILES[1..].iter().for_each(|file| fs::remove_file(dir.join(file)).unwrap());
    });
    check_log("another's log has its place", |dir| {
        let other = tempdir().unwrap();
        let store = Store::open(other.path()).unwrap();
        store.insert_exchanges(&[record(7)]).unwrap();
        fs::rename(dir.join(FILES[1]), dir.join("moved")).unwrap();
        fs::copy(other.path().join(FILES[1]), dir.join(FILES[1])).unwrap();
    });
}

#[test]
fn a_store_that_is_not_there_is_not_made() {
    let dir = tempdir().unwrap();
    let fault = Store::open_existing(dir.path()).unwrap_err().to_string();
    assert!(fault.contains("there is no store") && fault.contains("--data DIR"), "{fault}");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}
