//! Usage by the hour is what the records and their entries add up to, whatever the order in which they come.

use std::collections::BTreeMap;

use proptest::prelude::*;
use roundelay::store::{EntryRow, ExchangeFilter, KeySpent, Record, Store, Usage, UsageBy, UsageFilter, UsageSum};
use roundelay_ledger::{AccountId, Currency, EntryKind, ExchangeId, KeyId, Money, Rate};
use tempfile::tempdir;

use super::{
    money::{charge, loss},
    record,
};

const START_MS: i64 = 1_800_000_000_000;
const HOUR_MS: i64 = 3_600_000;
const DIMENSIONS: [UsageBy; 6] =
    [UsageBy::Hour, UsageBy::Account, UsageBy::Key, UsageBy::Model, UsageBy::Deployment, UsageBy::Outcome];

/// What is added up for one name, by hand.
#[derive(Debug, Default, PartialEq, Eq)]
struct Sum {
    exchanges: u64,
    unpriced: u64,
    input: u64,
    cost: i64,
    usd: i64,
    cny: i64,
    lost: i64,
}

fn name(by: UsageBy, record: &Record, at_ms: i64) -> String {
    match by {
        UsageBy::Hour => (at_ms - at_ms % HOUR_MS).to_string(),
        UsageBy::Account => record.account.to_string(),
        UsageBy::Key => record.key.to_string(),
        UsageBy::Model => record.model.clone().unwrap_or_default(),
        UsageBy::Deployment => record.deployment.clone().unwrap_or_default(),
        UsageBy::Outcome => record.outcome.to_string(),
    }
}

fn told(by: UsageBy, sum: &UsageSum) -> (String, Sum) {
    let hour = sum.hour_ms.map(|hour| hour.to_string());
    let names = [&hour, &sum.account, &sum.key, &sum.model, &sum.deployment, &sum.outcome];
    let place = DIMENSIONS.iter().position(|one| *one == by).unwrap();
    let others = names.iter().enumerate().filter(|(index, name)| *index != place && name.is_some()).count();
    assert_eq!(others, 0, "only what was asked for is named");
    assert_eq!(sum.charged_usd.nano(), sum.in_usd.nano() + sum.in_cny.nano() / 7);
    let told = Sum {
        exchanges: sum.exchanges,
        unpriced: sum.unpriced,
        input: sum.usage.input,
        cost: sum.cost_nano,
        usd: sum.in_usd.nano(),
        cny: sum.in_cny.nano(),
        lost: sum.lost_usd.nano(),
    };
    (names[place].clone().unwrap_or_default(), told)
}

/// Those of the hours from the first to before the second.
fn by_hand(records: &[Record], by: UsageBy, from_ms: i64, to_ms: i64) -> BTreeMap<String, Sum> {
    let mut sums = BTreeMap::<String, Sum>::new();
    let is_meant = |at_ms: i64| (from_ms..to_ms).contains(&at_ms);
    for record in records {
        if is_meant(record.started_at_ms) {
            let sum = sums.entry(name(by, record, record.started_at_ms)).or_default();
            sum.exchanges += 1;
            sum.unpriced += u64::from(record.cost.is_none() && record.model.is_some());
            sum.input += record.usage.input.min(1 << 40);
            sum.cost += record.cost.map_or(0, Money::nano);
        }
        for entry in record.entries.iter().filter(|entry| is_meant(entry.at_us / 1_000)) {
            let sum = sums.entry(name(by, record, entry.at_us / 1_000)).or_default();
            match (entry.kind, entry.currency) {
                (EntryKind::Loss, _) => sum.lost += entry.usd.nano(),
                (_, Currency::Usd) => sum.usd -= entry.change.nano(),
                (_, Currency::Cny) => sum.cny -= entry.change.nano(),
            }
        }
    }
    sums
}

fn records() -> impl Strategy<Value = Vec<Record>> {
    let names = (0..3u8, 0..4u8, 0..3u8, 0..2u8);
    let one = (names, 0..100i64, 0..3i64, prop_oneof![Just(u64::MAX), 0..100u64], 0..4u8, 0..1_000i64);
    prop::collection::vec(one, 1..60).prop_map(|rows| {
        let made =
            rows.into_iter().zip(1..).map(|(((account, key, model, outcome), hour, late, input, paid, nano), id)| {
                let mut record = record(id);
                record.account = AccountId::new(&format!("a{account}")).unwrap();
                record.key = KeyId::new(format!("k{key}"));
                record.model = (model > 0).then(|| format!("m{model}"));
                record.deployment = record.model.as_ref().map(|model| format!("p/{model}"));
                record.outcome = if outcome == 0 { "answered".into() } else { "failed".into() };
                record.started_at_ms = START_MS + hour * HOUR_MS + 17;
                record.usage.input = input;
                record.cost = (paid > 0).then(|| Money::from_nano(nano));
                let at_us = (record.started_at_ms + late * HOUR_MS) * 1_000;
                let charge = EntryRow { at_us, key: Some(record.key.clone()), ..charge("default", nano, id, 1) };
                let yuan = EntryRow {
                    currency: Currency::Cny,
                    change: Money::from_nano(-nano * 7),
                    rate: Rate::from_millionths(7_000_000).unwrap(),
                    ..charge.clone()
                };
                record.entries = match paid {
                    0 => vec![],
                    1 => vec![charge, EntryRow { at_us, ..loss(3, id, 1) }],
                    2 => vec![yuan],
                    _ => vec![charge, EntryRow { attempt: 2, ..yuan }],
                };
                record
            });
        made.collect()
    })
}

#[track_caller]
fn check(store: &Store, records: &[Record], from_hour: i64, hours: i64) {
    let (from_ms, to_ms) = (START_MS + from_hour * HOUR_MS, START_MS + (from_hour + hours) * HOUR_MS);
    // Anywhere within the first hour, and anywhere within the last.
    let range = UsageFilter { since_ms: Some(from_ms + 5), until_ms: Some(to_ms - 5), ..UsageFilter::default() };
    for by in DIMENSIONS {
        let sums = store.usage_hours(&range, &[by]).unwrap();
        let told: BTreeMap<_, _> = sums.iter().map(|sum| told(by, sum)).collect();
        assert_eq!(told.len(), sums.len());
        assert_eq!(told, by_hand(records, by, from_ms, to_ms), "{by:?} from hour {from_hour}, {hours} hours");
    }
    let of_key: Vec<Record> = records.iter().filter(|record| record.key.as_str() == "k1").cloned().collect();
    let filter = UsageFilter { key: Some(KeyId::new("k1")), ..range };
    let sums = store.usage_hours(&filter, &[UsageBy::Model]).unwrap();
    let told: BTreeMap<_, _> = sums.iter().map(|sum| told(UsageBy::Model, sum)).collect();
    assert_eq!(told, by_hand(&of_key, UsageBy::Model, from_ms, to_ms));

    let mut spent = BTreeMap::<_, (i64, i64)>::new();
    for entry in records.iter().flat_map(|record| &record.entries) {
        if entry.kind == EntryKind::Charge && entry.at_us >= from_ms * 1_000 {
            let (amount, usd) = spent.entry((entry.key.clone().unwrap(), entry.currency)).or_default();
            (*amount, *usd) = (*amount - entry.change.nano(), *usd + entry.usd.nano());
        }
    }
    let made = |((key, currency), (amount, usd))| KeySpent {
        key,
        currency,
        amount: Money::from_nano(amount),
        usd: Money::from_nano(usd),
    };
    let expected: Vec<KeySpent> = spent.into_iter().filter(|(_, (amount, _))| *amount > 0).map(made).collect();
    assert_eq!(store.spent_by_key(from_ms * 1_000 + 9).unwrap(), expected);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn usage_is_the_sum_of_records_and_entries(
        records in records(),
        batch in 1..40usize,
        from in -30..100i64,
        hours in 1..200i64,
    ) {
        let dir = tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        for share in records.chunks(batch) {
            store.insert_exchanges(share).unwrap();
        }
        check(&store, &records, from, hours);
        check(&store, &records, -1_000, 5_000);
        // Forgetting records forgets no usage.
        prop_assert_eq!(store.forget_exchanges(i64::MAX, ExchangeId::from_u64(u64::MAX), usize::MAX).unwrap(), records.len() as u64);
        prop_assert_eq!(store.counts().unwrap().exchanges, 0);
        check(&store, &records, from, hours);
    }
}

/// Every page of what is meant, and the same by hand.
#[track_caller]
fn check_pages(store: &Store, records: &[Record], filter: &ExchangeFilter) {
    let mut found = Vec::new();
    let mut before = None;
    loop {
        let page = store.recent_exchanges(&ExchangeFilter { before, ..filter.clone() }, 3).unwrap();
        found.extend(page.iter().map(|record| record.id));
        before = page.last().map(|record| record.id);
        if page.len() < 3 {
            break;
        }
    }
    let is_meant = |record: &&Record| {
        filter.account.as_ref().is_none_or(|account| *account == record.account)
            && filter.key.as_ref().is_none_or(|key| *key == record.key)
            && filter.model.as_ref().is_none_or(|model| Some(model) == record.model.as_ref())
            && filter.outcome.as_ref().is_none_or(|outcome| *outcome == record.outcome)
            && filter.since_ms.is_none_or(|since| record.started_at_ms >= since)
    };
    let expected: Vec<ExchangeId> = records.iter().rev().filter(is_meant).map(|record| record.id).collect();
    assert_eq!(found, expected, "{filter:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Ids do not rise with time here, as if clocks were set back and forth.
    #[test]
    fn every_exchange_that_is_meant_is_on_one_page(records in records(), batch in 1..40usize, since in 0..100i64) {
        let dir = tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        for share in records.chunks(batch) {
            store.insert_exchanges(share).unwrap();
        }
        let all = ExchangeFilter::default;
        let since_ms = Some(START_MS + since * HOUR_MS + 17);
        let account = AccountId::new("a1").ok();
        for filter in [
            all(),
            ExchangeFilter { since_ms, ..all() },
            ExchangeFilter { account: account.clone(), ..all() },
            ExchangeFilter { key: Some(KeyId::new("k2")), since_ms, ..all() },
            ExchangeFilter { model: Some("m1".to_owned()), outcome: Some("answered".to_owned()), ..all() },
            ExchangeFilter { account, key: Some(KeyId::new("k0")), model: Some("m2".to_owned()), since_ms, ..all() },
            ExchangeFilter { outcome: Some("refused".to_owned()), ..all() },
        ] {
            check_pages(&store, &records, &filter);
        }
    }
}

/// A day in hours, and the hour from `START_MS` at which one begins.
const DAY: i64 = 24;
const MIDNIGHT: i64 = 16;

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn days_stay_where_their_hours_are_forgotten(
        records in records(),
        batch in 1..40usize,
        until in 0..150i64,
        limit in 1..30usize,
    ) {
        let dir = tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        let share = records.len() / 2;
        for share in records[..share].chunks(batch) {
            store.insert_exchanges(share).unwrap();
        }
        while store.forget_hours(START_MS + until * HOUR_MS, limit).unwrap() > 0 {}
        // What comes late is counted once all the same.
        store.insert_exchanges(&records[share..]).unwrap();
        for day in -1..6 {
            let from = MIDNIGHT + day * DAY;
            let (from_ms, to_ms) = (START_MS + from * HOUR_MS, START_MS + (from + 2 * DAY) * HOUR_MS);
            let range = UsageFilter { since_ms: Some(from_ms), until_ms: Some(to_ms), ..UsageFilter::default() };
            for by in &DIMENSIONS[1..] {
                let sums = store.usage_hours(&range, &[*by]).unwrap();
                let told: BTreeMap<_, _> = sums.iter().map(|sum| told(*by, sum)).collect();
                prop_assert_eq!(told, by_hand(&records, *by, from_ms, to_ms), "{:?} from {}", by, from);
            }
            let hours = store.usage_hours(&range, &[UsageBy::Hour]).unwrap();
            let counted: u64 = hours.iter().map(|hour| hour.exchanges).sum();
            let meant = |record: &&Record| (from_ms..to_ms).contains(&record.started_at_ms);
            prop_assert_eq!(counted, records.iter().filter(meant).count() as u64);
            prop_assert!(hours.iter().all(|hour| (from_ms..to_ms).contains(&hour.hour_ms.unwrap())));
        }
        check_pages(&store, &records, &ExchangeFilter { key: Some(KeyId::new("k2")), ..ExchangeFilter::default() });
        let since_ms = Some(START_MS + until / 2 * HOUR_MS + 17);
        check_pages(&store, &records, &ExchangeFilter { account: AccountId::new("a1").ok(), since_ms, ..ExchangeFilter::default() });
    }
}

/// A provider may claim anything, and so may its price: what is beyond a sum ends it, and is no error.
#[test]
fn no_claim_is_too_large_to_be_added_up() {
    let dir = tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let end = i64::MAX - 1;
    let claim = |id: u64| {
        let started_at_ms = START_MS + id.cast_signed() % 3 * HOUR_MS;
        let usage = Usage { input: u64::MAX, output: u64::MAX, ..Usage::default() };
        let mut entries = vec![charge("default", end, id, 1), loss(end, id, 1)];
        for entry in &mut entries {
            entry.at_us = started_at_ms * 1_000;
        }
        Record { started_at_ms, usage, cost: Some(Money::MAX), entries, ..record(id) }
    };
    store.insert_exchanges(&(1..=9).map(claim).collect::<Vec<_>>()).unwrap();
    // The day is over, and is added up.
    store.insert_exchanges(&[Record { started_at_ms: START_MS + 2 * DAY * HOUR_MS, ..record(10) }]).unwrap();
    for by in DIMENSIONS {
        let sums = store.usage_hours(&UsageFilter::default(), &[by]).unwrap();
        assert_eq!(sums.iter().map(|sum| sum.exchanges).sum::<u64>(), 10, "{by:?}");
    }
    let all = &store.usage_hours(&UsageFilter::default(), &[]).unwrap()[0];
    assert_eq!((all.usage.input, all.usage.output), (9 * (1 << 40) + 10, 9 * (1 << 40) + 40));
    assert_eq!((all.in_usd.nano(), all.lost_usd.nano()), (1 << 62, 1 << 62));
    for since in [i64::MIN, START_MS * 1_000] {
        let spent = store.spent_by_key(since).unwrap();
        assert_eq!((spent.len(), spent[0].amount > Money::from_nano(1 << 61)), (1, true), "{spent:?}");
    }
}

#[test]
fn what_keys_spent_ends_where_money_ends() {
    let dir = tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    for id in 1..=3u64 {
        let started_at_ms = START_MS + id.cast_signed() * HOUR_MS;
        let entries = vec![EntryRow { at_us: started_at_ms * 1_000, ..charge("default", i64::MAX - 1, id, 1) }];
        store.insert_exchanges(&[Record { started_at_ms, entries, ..record(id) }]).unwrap();
    }
    assert_eq!(store.spent_by_key(i64::MIN).unwrap()[0].amount, Money::MAX);
}
