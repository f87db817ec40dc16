//! A scope shows what belongs to its accounts, all of it and page by page, and nothing else.

use proptest::{prelude::*, sample::select};
use roundelay::store::{EntryFilter, ExchangeFilter, Record, Scope, Store, UsageBy, UsageFilter};
use roundelay_ledger::{AccountId, AccountKind, EntryKind, KeyId, Sequence, Terms};
use tempfile::tempdir;

use super::{account, money::charge, record};

const TREE: [(&str, Option<&str>); 5] =
    [("a", None), ("a1", Some("a")), ("a2", Some("a")), ("a11", Some("a1")), ("b", None)];

fn id(text: &str) -> AccountId {
    AccountId::new(text).unwrap()
}

/// Exchanges of these accounts in this order, each with a charge.
fn store(dir: &std::path::Path, owners: &[&str]) -> (Store, Vec<Record>) {
    let store = Store::open(dir).unwrap();
    for (name, parent) in TREE {
        store.create_account(&account(name, parent, Terms::new(AccountKind::Postpaid))).unwrap();
    }
    let of = |(number, owner): (u64, &&str)| Record {
        account: id(owner),
        key: KeyId::new(format!("k-{owner}")),
        started_at_ms: 1_800_000_000_000 + (number * 1_500_000).cast_signed(),
        entries: vec![charge(owner, 7, number, 1)],
        ..record(number)
    };
    let records: Vec<Record> = (1..).zip(owners).map(of).collect();
    store.insert_exchanges(&records).unwrap();
    (store, records)
}

fn check(store: &Store, records: &[Record], root: Option<&str>, inside: &[&str]) {
    let scope = store.scope(root.map(id).as_ref()).unwrap();
    let within = store.within(&scope);
    let is_seen = |record: &&Record| inside.contains(&record.account.as_str());
    let seen: Vec<&Record> = records.iter().rev().filter(is_seen).collect();

    let (mut found, mut before) = (Vec::new(), None);
    loop {
        let page = within.entries(&EntryFilter { before, ..EntryFilter::default() }, 3).unwrap();
        before = page.last().map(|entry| entry.sequence);
        found.extend(page.iter().map(|entry| entry.sequence));
        if page.len() < 3 {
            break;
        }
    }
    let numbers: Vec<Sequence> = seen.iter().map(|record| Sequence(record.id.as_u64())).collect();
    assert_eq!(found, numbers, "entries within {root:?}");

    let (mut found, mut before) = (Vec::new(), None);
    loop {
        let page = within.recent_exchanges(&ExchangeFilter { before, ..ExchangeFilter::default() }, 3).unwrap();
        before = page.last().map(|record| record.id);
        found.extend(page.iter().map(|record| record.id));
        if page.len() < 3 {
            break;
        }
    }
    let ids: Vec<_> = seen.iter().map(|record| record.id).collect();
    assert_eq!(found, ids, "exchanges within {root:?}");

    let sums = within.usage_hours(&UsageFilter::default(), &[UsageBy::Account]).unwrap();
    let shown: u64 = sums.iter().map(|sum| sum.exchanges).sum();
    assert_eq!(shown, seen.len() as u64, "usage within {root:?}");
    assert!(sums.iter().all(|sum| inside.contains(&sum.account.as_deref().unwrap())));

    for (name, _) in TREE {
        let of = Some(id(name));
        let is_inside = inside.contains(&name);
        let count = records.iter().filter(|record| record.account.as_str() == name && is_inside).count();
        let filter = EntryFilter { account: of.clone(), kind: Some(EntryKind::Charge), ..EntryFilter::default() };
        assert_eq!(within.entries(&filter, 1_000).unwrap().len(), count);
        let filter = EntryFilter { key: Some(KeyId::new(format!("k-{name}"))), ..EntryFilter::default() };
        // The charges of these exchanges name another key, and the filter of entries is theirs.
        assert!(within.entries(&filter, 1_000).unwrap().is_empty());
        let filter = ExchangeFilter { account: of.clone(), ..ExchangeFilter::default() };
        assert_eq!(within.recent_exchanges(&filter, 1_000).unwrap().len(), count);
        let filter = ExchangeFilter { key: Some(KeyId::new(format!("k-{name}"))), ..ExchangeFilter::default() };
        assert_eq!(within.recent_exchanges(&filter, 1_000).unwrap().len(), count);
        let filter = UsageFilter { account: of, ..UsageFilter::default() };
        let shown: u64 = within.usage_hours(&filter, &[]).unwrap().iter().map(|sum| sum.exchanges).sum();
        assert_eq!(shown, count as u64);
        assert_eq!(within.account(&id(name)).unwrap().is_some(), is_inside);
    }
    for record in records {
        assert_eq!(within.exchange(record.id).unwrap().is_some(), is_seen(&record));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    #[test]
    fn what_is_outside_a_scope_is_not_there(
        owners in prop::collection::vec(select(vec!["a", "a1", "a2", "a11", "b"]), 0..40),
    ) {
        let dir = tempdir().unwrap();
        let (store, records) = store(dir.path(), &owners);
        check(&store, &records, None, &["a", "a1", "a2", "a11", "b"]);
        check(&store, &records, Some("a"), &["a", "a1", "a2", "a11"]);
        check(&store, &records, Some("a1"), &["a1", "a11"]);
        check(&store, &records, Some("b"), &["b"]);
        check(&store, &records, Some("nobody"), &[]);
        prop_assert!(store.scope(None).unwrap() == Scope::All);
    }
}
