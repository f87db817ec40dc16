//! Entries: numbered without gaps, each with the balance after it, and entered once whatever comes again.

use std::ops::ControlFlow;
use std::path::Path;

use roundelay::store::{EntryFilter, EntryRow, Record, SentRow, Store, StoreFault, StoredEntry};
use roundelay_ledger::{
    AccountId, AccountKind, Conversion, Currency, EntryKind, ExchangeId, Factor, KeyId, ListCost, Money, OverrunCause,
    PriceId, Rate, Sequence, Terms,
};
use tempfile::tempdir;

use super::{account, record};

const AT_US: i64 = 1_800_000_000_000_000;
const HOUR_US: i64 = 3_600_000_000;

fn open(dir: &Path) -> Store {
    let store = Store::open(dir).unwrap();
    store.create_account(&account("acme", None, Terms::new(AccountKind::Prepaid))).unwrap();
    let yuan = Terms { currency: Currency::Cny, ..Terms::new(AccountKind::Postpaid) };
    store.create_account(&account("beijing", None, yuan)).unwrap();
    store
}

/// A charge of so many nano-dollars for the attempt of that exchange.
pub(super) fn charge(account: &str, nano: i64, exchange: u64, attempt: u32) -> EntryRow {
    EntryRow {
        at_us: AT_US,
        kind: EntryKind::Charge,
        account: Some(AccountId::new(account).unwrap()),
        change: Money::from_nano(-nano),
        currency: Currency::Usd,
        usd: Money::from_nano(nano),
        rate: Rate::ONE,
        multiplier: Factor::ONE,
        exchange: Some(ExchangeId::from_u64(exchange)),
        attempt,
        key: Some(KeyId::new("k7m2q9xd")),
        price: Some(PriceId::from_u64(u64::MAX - exchange)),
        held: Money::from_nano(nano),
        overrun: None,
        is_estimated: false,
        reason: None,
        idempotency: None,
    }
}

pub(super) fn loss(nano: i64, exchange: u64, attempt: u32) -> EntryRow {
    let charge = charge("default", nano, exchange, attempt);
    EntryRow { kind: EntryKind::Loss, account: None, change: Money::from_nano(nano), ..charge }
}

pub(super) fn top_up(account: &str, nano: i64, idempotency: &str) -> EntryRow {
    EntryRow {
        kind: EntryKind::TopUp,
        change: Money::from_nano(nano),
        usd: Money::from_nano(nano),
        exchange: None,
        attempt: 0,
        key: None,
        price: None,
        held: Money::ZERO,
        reason: Some("invoice 7".to_owned()),
        idempotency: Some(idempotency.to_owned()),
        ..charge(account, 0, 0, 0)
    }
}

pub(super) fn with(number: u64, entries: Vec<EntryRow>) -> Record {
    Record { entries, ..record(number) }
}

fn sent(exchange: u64, attempt: u32) -> SentRow {
    SentRow {
        exchange: ExchangeId::from_u64(exchange),
        attempt,
        at_us: AT_US - exchange.cast_signed(),
        key: KeyId::new("k7m2q9xd"),
        deployment: "deepseek/deepseek-chat".to_owned(),
        price: Some(PriceId::from_u64(u64::MAX)),
        conversion: Conversion::new(Factor::from_millionths(800_000), Rate::from_millionths(7_100_000).unwrap())
            .unwrap(),
        held: ListCost::MAX,
        delivered: ListCost::from_parts(12_345).unwrap(),
    }
}

fn all(store: &Store) -> Vec<StoredEntry> {
    let mut entries = Vec::new();
    let show = |entry: &StoredEntry| {
        entries.push(entry.clone());
        ControlFlow::Continue(())
    };
    store.walk_entries(show).unwrap();
    entries
}

/// Numbers without gaps, and every balance the sum of what came before: counted by another way than the store's.
#[track_caller]
fn check_books(store: &Store) {
    let mut sums = std::collections::BTreeMap::<AccountId, i64>::new();
    for (index, entry) in all(store).iter().enumerate() {
        assert_eq!(entry.sequence, Sequence(index as u64 + 1));
        let expected = entry.row.account.clone().map_or(0, |account| {
            let sum = sums.entry(account).or_default();
            *sum += entry.row.change.nano();
            *sum
        });
        assert_eq!(entry.balance, Money::from_nano(expected), "after entry {}", entry.sequence);
    }
    for row in store.accounts().unwrap() {
        let sum = sums.get(&row.account.id).copied().unwrap_or(0);
        assert_eq!(row.balance, Money::from_nano(sum), "of {}", row.account.id);
        assert_eq!(store.account(&row.account.id).unwrap(), Some(row));
    }
    assert_eq!(store.last_sequence().unwrap(), Sequence(all(store).len() as u64));
}

#[test]
fn every_entry_has_its_number_and_the_balance_after_it() {
    let dir = tempdir().unwrap();
    let store = open(dir.path());
    check_books(&store);
    store.post(&top_up("acme", 1_000, "a")).unwrap();
    let records = [
        with(1, vec![charge("acme", 10, 1, 1), loss(5, 1, 2), charge("default", 7, 1, 3)]),
        with(2, vec![]),
        with(3, vec![charge("acme", 2_000, 3, 1)]),
    ];
    store.insert_exchanges(&records).unwrap();
    store.insert_exchanges(&[with(4, vec![charge("default", 3, 4, 1)])]).unwrap();
    store.post(&top_up("acme", 5, "b")).unwrap();
    check_books(&store);
    let balances: Vec<i64> = all(&store).iter().map(|entry| entry.balance.nano()).collect();
    assert_eq!(balances, [1_000, 990, 0, -7, -1_010, -10, -1_005]);
    check_books(&Store::open(dir.path()).unwrap());
}

#[test]
fn an_entry_comes_back_as_it_went_in() {
    let dir = tempdir().unwrap();
    let store = open(dir.path());
    let yuan = EntryRow {
        currency: Currency::Cny,
        rate: Rate::from_millionths(7_100_000).unwrap(),
        multiplier: Factor::from_millionths(800_000),
        price: None,
        overrun: Some(OverrunCause::InDoubt),
        is_estimated: true,
        reason: Some("the gateway ended".to_owned()),
        ..charge("beijing", 71, 1, 2)
    };
    let rows = vec![charge("acme", 10, 1, 1), yuan, loss(3, 1, 2)];
    store.insert_exchanges(&[with(1, rows.clone())]).unwrap();
    assert_eq!(all(&store).into_iter().map(|entry| entry.row).collect::<Vec<_>>(), rows);
}

#[test]
fn a_record_that_comes_twice_is_paid_once() {
    let dir = tempdir().unwrap();
    let store = open(dir.path());
    let records = [with(1, vec![charge("acme", 10, 1, 1)]), with(2, vec![charge("acme", 20, 2, 1)])];
    store.insert_exchanges(&records[..1]).unwrap();
    store.insert_exchanges(&records).unwrap();
    store.insert_exchanges(records.iter().chain(&records)).unwrap();
    check_books(&store);
    assert_eq!(all(&store).len(), 2);
    let usage = store.usage_hours(&Default::default(), &[], usize::MAX).unwrap();
    assert_eq!((usage[0].exchanges, usage[0].charged_usd), (2, Money::from_nano(30)));
}

#[test]
fn a_batch_that_fails_leaves_neither_records_nor_entries() {
    let dir = tempdir().unwrap();
    let store = open(dir.path());
    let other = rusqlite::Connection::open(dir.path().join("roundelay.db")).unwrap();
    let records = [with(1, vec![charge("acme", 10, 1, 1)])];
    for table in ["entries", "usage_hours", "entry_hours", "exchange_hours"] {
        other.execute_batch(&format!("ALTER TABLE {table} RENAME TO elsewhere")).unwrap();
        store.insert_exchanges(&records).unwrap_err();
        other.execute_batch(&format!("ALTER TABLE elsewhere RENAME TO {table}")).unwrap();
        assert_eq!((store.counts().unwrap().exchanges, all(&store).len()), (0, 0), "without {table}");
    }
    store.insert_exchanges(&records).unwrap();
    check_books(&store);
}

#[test]
fn an_act_is_entered_once_under_its_idempotency_key() {
    let dir = tempdir().unwrap();
    let store = open(dir.path());
    let (made, is_new) = store.post(&top_up("acme", 100, "a")).unwrap();
    assert!(is_new);
    assert_eq!((made.sequence, made.balance), (Sequence(1), Money::from_nano(100)));
    store.insert_exchanges(&[with(1, vec![charge("acme", 10, 1, 1)])]).unwrap();
    let later = EntryRow { at_us: AT_US + 5, ..top_up("acme", 100, "a") };
    assert_eq!(store.post(&later).unwrap(), (made, false));
    for other in [
        top_up("acme", 101, "a"),
        top_up("default", 100, "a"),
        EntryRow { reason: None, ..top_up("acme", 100, "a") },
        EntryRow { kind: EntryKind::Adjustment, ..top_up("acme", 100, "a") },
    ] {
        assert!(matches!(store.post(&other), Err(StoreFault::KeyReused)));
    }
    assert!(matches!(store.post(&top_up("nobody", 1, "b")), Err(StoreFault::Missing { what: "account", .. })));
    assert!(store.post(&top_up("acme", 100, "c")).unwrap().1);
    assert_eq!(all(&store).len(), 3);
    check_books(&store);
}

#[test]
fn no_act_takes_what_a_prepaid_account_has_not() {
    let dir = tempdir().unwrap();
    let store = open(dir.path());
    store.post(&top_up("acme", 100, "a")).unwrap();
    let take = |account, nano: i64, name| {
        store
            .post(&EntryRow { kind: EntryKind::Adjustment, ..top_up(account, -nano, name) })
            .map(|(entry, _)| entry.balance)
    };
    assert!(matches!(take("acme", 101, "b"), Err(StoreFault::Short { left }) if left == Money::from_nano(100)));
    let id = AccountId::new("acme").unwrap();
    let terms = Terms { credit_line: Money::from_nano(50), ..Terms::new(AccountKind::Prepaid) };
    store.change_account(&id, &terms, None).unwrap();
    assert_eq!(take("acme", 150, "b").unwrap(), Money::from_nano(-50));
    assert!(matches!(take("acme", 1, "c"), Err(StoreFault::Short { left: Money::ZERO })));
    assert_eq!(take("default", 1, "d").unwrap(), Money::from_nano(-1));
    check_books(&store);
}

#[test]
fn a_charge_is_given_back_once() {
    let dir = tempdir().unwrap();
    let store = open(dir.path());
    store.insert_exchanges(&[with(1, vec![charge("acme", 10, 1, 1), charge("acme", 10, 1, 2)])]).unwrap();
    let back = |attempt, name: &str| EntryRow {
        kind: EntryKind::Reversal,
        change: Money::from_nano(10),
        reason: Some("wrong".to_owned()),
        idempotency: Some(name.to_owned()),
        ..charge("acme", 10, 1, attempt)
    };
    assert!(store.post(&back(1, "a")).unwrap().1);
    assert!(!store.post(&back(1, "a")).unwrap().1);
    assert!(matches!(store.post(&back(1, "b")), Err(StoreFault::Exists { .. })));
    assert!(store.post(&back(2, "c")).unwrap().1);
    check_books(&store);
}

#[test]
fn what_is_in_doubt_is_kept_until_it_is_resolved() {
    let dir = tempdir().unwrap();
    let store = open(dir.path());
    store.insert_exchanges(&[record(1)]).unwrap();
    let rows = [sent(1, 1), sent(2, 1), sent(2, 2), sent(3, 1)];
    assert_eq!(store.keep_in_doubt(&rows).unwrap(), 3, "of one there is a record");
    assert_eq!(store.keep_in_doubt(&rows).unwrap(), 0);
    assert_eq!(store.in_doubt().unwrap(), [sent(3, 1), sent(2, 1), sent(2, 2)]);

    let late = [charge("acme", 10, 2, 1), loss(4, 2, 1), charge("acme", 9, 9, 1)];
    assert_eq!(store.insert_late(&late).unwrap(), 2, "of one nothing was in doubt");
    assert_eq!(store.insert_late(&late).unwrap(), 0);
    assert!(store.drop_in_doubt(ExchangeId::from_u64(3), 1).unwrap());
    assert!(!store.drop_in_doubt(ExchangeId::from_u64(3), 1).unwrap());
    assert_eq!(store.insert_late(&[charge("acme", 10, 3, 1)]).unwrap(), 0);
    assert_eq!(store.in_doubt().unwrap(), [sent(2, 2)]);
    assert_eq!(store.in_doubt_of(ExchangeId::from_u64(2)).unwrap(), [sent(2, 2)]);
    let was = [1, 2, 3, 9].map(|exchange| store.was_in_doubt(ExchangeId::from_u64(exchange)).unwrap());
    assert_eq!(was, [false, true, false, false], "what was settled, and is paid");
    assert_eq!(store.keep_in_doubt(&rows).unwrap(), 0, "what was resolved is not asked about again");
    check_books(&store);
    let usage = store.usage_hours(&Default::default(), &[], usize::MAX).unwrap();
    assert_eq!(
        (usage[0].exchanges, usage[0].charged_usd, usage[0].lost_usd),
        (1, Money::from_nano(10), Money::from_nano(4))
    );
}

#[test]
fn a_record_that_is_found_after_all_resolves_its_doubts_and_is_not_paid_twice() {
    let dir = tempdir().unwrap();
    let store = open(dir.path());
    store.keep_in_doubt(&[sent(2, 1), sent(2, 2), sent(3, 1)]).unwrap();
    store.insert_late(&[charge("acme", 10, 2, 1)]).unwrap();
    let found = with(2, vec![charge("acme", 12, 2, 1), charge("acme", 7, 2, 2)]);
    store.insert_exchanges(&[found]).unwrap();
    assert_eq!(store.in_doubt().unwrap(), [sent(3, 1)]);
    let changes: Vec<i64> = all(&store).iter().map(|entry| entry.row.change.nano()).collect();
    assert_eq!(changes, [-10, -7]);
    check_books(&store);
}

#[test]
fn entries_are_paged_from_the_newest_and_sifted() {
    let dir = tempdir().unwrap();
    let store = open(dir.path());
    store.post(&EntryRow { at_us: AT_US - 2 * HOUR_US, ..top_up("acme", 100, "a") }).unwrap(); // 1
    let other = EntryRow { key: Some(KeyId::new("other")), at_us: AT_US + HOUR_US, ..charge("acme", 1, 2, 1) };
    store.insert_exchanges(&[with(1, vec![charge("acme", 1, 1, 1), loss(1, 1, 1)]), with(2, vec![other])]).unwrap(); // 2 to 4
    store.insert_exchanges(&[with(3, vec![charge("default", 1, 3, 1)])]).unwrap(); // 5
    #[track_caller]
    fn check(store: &Store, filter: EntryFilter, expected: &[u64]) {
        let mut before = filter.before;
        let mut found = Vec::new();
        loop {
            let page = store.entries(&EntryFilter { before, ..filter.clone() }, 2).unwrap();
            found.extend(page.iter().map(|entry| entry.sequence.0));
            before = page.last().map(|entry| entry.sequence);
            if page.len() < 2 {
                break;
            }
        }
        assert_eq!(found, expected, "{filter:?}");
    }
    let filter = EntryFilter::default;
    check(&store, filter(), &[5, 4, 3, 2, 1]);
    check(&store, EntryFilter { before: Some(Sequence(4)), ..filter() }, &[3, 2, 1]);
    check(&store, EntryFilter { account: AccountId::new("acme").ok(), ..filter() }, &[4, 2, 1]);
    check(&store, EntryFilter { key: Some(KeyId::new("other")), ..filter() }, &[4]);
    check(&store, EntryFilter { kind: Some(EntryKind::Charge), ..filter() }, &[5, 4, 2]);
    check(&store, EntryFilter { kind: Some(EntryKind::TopUp), ..filter() }, &[1]);
    check(&store, EntryFilter { kind: Some(EntryKind::Loss), ..filter() }, &[3]);
    check(&store, EntryFilter { since_us: Some(AT_US), ..filter() }, &[5, 4, 3, 2]);
    check(&store, EntryFilter { since_us: Some(AT_US + 1), ..filter() }, &[4]);
    check(&store, EntryFilter { until_us: Some(AT_US), ..filter() }, &[1]);
    check(&store, EntryFilter { until_us: Some(AT_US + 1), ..filter() }, &[5, 3, 2, 1]);
    check(&store, EntryFilter { since_us: Some(AT_US + 9 * HOUR_US), ..filter() }, &[]);
}
