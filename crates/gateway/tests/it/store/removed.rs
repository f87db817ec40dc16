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
fn a_store_that_is_not_there_is_not_made() {
    let dir = tempdir().unwrap();
    let fault = Store::open_existing(dir.path()).unwrap_err().to_string();
    assert!(fault.contains("there is no store") && fault.contains("--data DIR"), "{fault}");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}
