//! How long pages, an audit and the forgetting of records take when there are ten million records.
//!
//! ```text
//! cargo nextest run --release -p roundelay --run-ignored only ten_million --no-capture
//! ```

use std::time::{Duration, Instant};

use roundelay::store::{EntryFilter, ExchangeFilter, Record, Store, UsageBy, UsageFilter};
use roundelay_ledger::{AccountId, EntryKind, ExchangeId, KeyId, Sequence};
use rusqlite::Connection;
use tempfile::tempdir;

use super::record;

const START_MS: i64 = 1_800_057_600_000; // midnight
const HOUR_MS: i64 = 3_600_000;
const DAYS: i64 = 30;
/// Of a page, by the slowest of three readings; of a program that is optimised, as is the `SQLite` in it.
const PAGE_MAX: Duration = Duration::from_millis(100);

/// A month of 200 keys of 40 accounts, each of which uses three of 20 models, each at one of two deployments. An id is
/// made as `ExchangeId::from_parts` makes it.
const FILL: &str = "
    PRAGMA synchronous = OFF;
    WITH RECURSIVE number (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM number WHERE i + 1 < 40)
    INSERT INTO accounts SELECT 'a' || i, 'a', 'postpaid', 0, NULL, 'usd', 0, 1000000, NULL, 0 FROM number;
    WITH RECURSIVE number (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM number WHERE i + 1 < 200)
    INSERT INTO api_keys
    SELECT 'k' || i, 'a' || (i % 40), 'k', zeroblob(32), NULL, 0, NULL, NULL, NULL, NULL, NULL FROM number;
    WITH RECURSIVE
        number (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM number WHERE i + 1 < $COUNT),
        drawn AS (SELECT i, i * 2654435761 % 4294967296 AS r, $START + i * $SPAN / $COUNT AS ms FROM number),
        named AS (SELECT *, r % 200 AS k, (r % 200 * 7 + r / 256 % 3) % 20 AS m FROM drawn)
    INSERT INTO exchanges
    SELECT ((ms - 1577836800000) << 22) + i % 4194304, ms, 1500000, 400000, 'a' || (k % 40), 'k' || k, 'assistant',
           'p' || (r / 1024 % 2) || '/m' || m, 'm' || m, 200, iif(r / 4096 % 100 < 97, 'answered', 'cut'), NULL, 1,
           1000, 200, 30, 400, 5, 0, 1234, '[]', '{\"candidates\":\"' || hex(zeroblob(300)) || '\"}'
    FROM named;
    INSERT INTO usage_hours
    SELECT started_at_ms / 3600000, account, api_key, model, deployment, outcome, count(*), 0, 0, sum(input),
           sum(cache_read), sum(cache_write), sum(output), sum(reasoning), sum(cost_nano), sum(cost_nano), 0, 0, 0
    FROM exchanges GROUP BY 1, 2, 3, 4, 5, 6;
    INSERT INTO entries
    SELECT NULL, started_at_ms * 1000, 'charge', account, -1234, 'usd', 1234, 1000000, 1000000, id, 1, api_key, 7, 1300,
           NULL, 0, NULL, NULL, -1234 * row_number() OVER (PARTITION BY account ORDER BY id)
    FROM exchanges ORDER BY id;
    INSERT INTO exchange_hours SELECT started_at_ms / 3600000, min(id), max(id) FROM exchanges GROUP BY 1;
    INSERT INTO entry_hours SELECT at_us / 3600000000, min(sequence), max(sequence) FROM entries GROUP BY 1;
    UPDATE meta SET value = $COUNT WHERE name = 'exchanges';";

/// Pages that took too long.
#[derive(Default)]
struct Slow(Vec<String>);

impl Slow {
    #[track_caller]
    #[expect(clippy::print_stderr, reason = "a person reads the times")]
    fn check<T>(&mut self, name: &str, mut page: impl FnMut() -> Vec<T>) {
        let read = |_| {
            let start = Instant::now();
            let rows = page().len();
            (start.elapsed(), rows)
        };
        let (slowest, rows) = (0..3).map(read).max().unwrap();
        eprintln!("{slowest:>12.1?} {rows:>6} rows  {name}");
        assert!(rows > 0, "{name}");
        if slowest >= PAGE_MAX {
            self.0.push(format!("{name}: {slowest:.1?}"));
        }
    }
}

#[expect(clippy::print_stderr, reason = "a person reads the times")]
fn timed<T>(name: &str, act: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let done = act();
    eprintln!("{:>12.1?} {:>6}       {name}", start.elapsed(), "");
    done
}

#[test]
#[ignore = "a measurement, of minutes and gigabytes"]
#[expect(clippy::disallowed_methods, reason = "a person chooses how many")]
fn ten_million() {
    let count = std::env::var("ROUNDELAY_TEST_RECORDS").map_or(10_000_000, |count| count.parse().unwrap());
    let slow = look_at(count);
    assert!(slow.0.is_empty() || cfg!(debug_assertions), "over {PAGE_MAX:?}: {:#?}", slow.0);
}

/// The short form: every page has its rows; how long they take is for the long one.
#[test]
fn every_page_of_a_month_has_its_rows() {
    look_at(20_000);
}

/// Makes a month of so many records, and reads every kind of page of it.
fn look_at(count: u64) -> Slow {
    let dir = tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let direct = Connection::open(dir.path().join("roundelay.db")).unwrap();
    let fill = FILL.replace("$COUNT", &format!("{count}")).replace("$START", &START_MS.to_string());
    let fill = fill.replace("$SPAN", &(DAYS * 24 * HOUR_MS - 1).to_string());
    timed("all records are made", || direct.execute_batch(&fill).unwrap());

    let end_ms = START_MS + DAYS * 24 * HOUR_MS;
    let last = |number: u64, at_ms: i64| Record {
        started_at_ms: at_ms,
        id: ExchangeId::from_parts(at_ms.cast_unsigned(), number),
        ..record(number)
    };
    let hourly = |hour: i64| {
        let at_ms = START_MS + hour * HOUR_MS + 1;
        let id = ExchangeId::from_parts(at_ms.cast_unsigned(), 4_194_303);
        let account = if hour % 2 == 0 { AccountId::new("rare").unwrap() } else { AccountId::default_account() };
        let outcome = if hour % 2 == 0 { "answered" } else { "failed" };
        Record { id, started_at_ms: at_ms, account, outcome: outcome.into(), key: KeyId::new("hourly"), ..record(0) }
    };
    store.insert_exchanges(&(1..500).map(hourly).collect::<Vec<_>>()).unwrap();
    let once = Record { started_at_ms: START_MS, key: KeyId::new("once"), ..record(1) };
    store.insert_exchanges(&[once]).unwrap();
    for (number, at_ms, name) in [
        (1, end_ms - 1, "the first record after all, by which 29 days are added up"),
        (2, end_ms, "the first record of a day, by which the day before is added up"),
        (3, end_ms, "another"),
    ] {
        timed(name, || assert_eq!(store.insert_exchanges(&[last(number, at_ms)]).unwrap().added, 1));
    }

    let mut slow = Slow::default();
    // As somebody asks at three in the afternoon for the last 29 days and 15 hours.
    let month = UsageFilter { since_ms: Some(START_MS + 9 * HOUR_MS), ..UsageFilter::default() };
    for by in [UsageBy::Account, UsageBy::Key, UsageBy::Model, UsageBy::Deployment, UsageBy::Outcome] {
        slow.check(&format!("a month by {by:?}"), || store.usage_hours(&month, &[by], usize::MAX).unwrap());
    }
    let of_key = UsageFilter { key: Some(KeyId::new("k7")), ..month.clone() };
    slow.check("a month of a key by model", || store.usage_hours(&of_key, &[UsageBy::Model], usize::MAX).unwrap());
    let day = UsageFilter { since_ms: Some(end_ms - 24 * HOUR_MS), ..UsageFilter::default() };
    slow.check("a day by hour", || store.usage_hours(&day, &[UsageBy::Hour], usize::MAX).unwrap());
    slow.check("a day by hour and model", || {
        store.usage_hours(&day, &[UsageBy::Hour, UsageBy::Model], usize::MAX).unwrap()
    });
    slow.check("a month of charges by key", || store.spent_by_key((START_MS + 9 * HOUR_MS) * 1_000).unwrap());

    let middle_ms = START_MS + DAYS / 2 * 24 * HOUR_MS;
    let all = EntryFilter::default();
    slow.check("entries", || store.entries(&all, 1_000).unwrap());
    let deep = EntryFilter { before: Some(Sequence(count / 2)), ..all.clone() };
    slow.check("entries, in the middle", || store.entries(&deep, 1_000).unwrap());
    let old = EntryFilter { until_us: Some((START_MS + 24 * HOUR_MS) * 1_000), ..all.clone() };
    slow.check("entries of the first day", || store.entries(&old, 1_000).unwrap());
    for (name, before) in [("", None), (", in the middle", deep.before)] {
        let of_account = EntryFilter { account: AccountId::new("a7").ok(), before, ..all.clone() };
        slow.check(&format!("entries of an account{name}"), || store.entries(&of_account, 1_000).unwrap());
        let of_key = EntryFilter { key: Some(KeyId::new("k7")), before, ..all.clone() };
        slow.check(&format!("entries of a key{name}"), || store.entries(&of_key, 1_000).unwrap());
    }
    let of_key = EntryFilter { key: Some(KeyId::new("k7")), kind: Some(EntryKind::Charge), ..all };
    slow.check("charges of a key", || store.entries(&of_key, 1_000).unwrap());
    slow.check("accounts with balances", || store.accounts().unwrap());

    let all = ExchangeFilter::default();
    slow.check("exchanges", || store.recent_exchanges(&all, 1_000).unwrap());
    let before = Some(ExchangeId::from_parts(middle_ms.cast_unsigned(), 0));
    let deep = ExchangeFilter { before, ..all.clone() };
    slow.check("exchanges, in the middle", || store.recent_exchanges(&deep, 1_000).unwrap());
    let of_key = ExchangeFilter { key: Some(KeyId::new("k7")), ..all.clone() };
    slow.check("exchanges of a key", || store.recent_exchanges(&of_key, 100).unwrap());
    let deep = ExchangeFilter { key: Some(KeyId::new("k7")), before, ..all.clone() };
    slow.check("exchanges of a key, in the middle", || store.recent_exchanges(&deep, 100).unwrap());
    let once = ExchangeFilter { key: Some(KeyId::new("once")), ..all.clone() };
    slow.check("the only exchange of a key, at the beginning", || store.recent_exchanges(&once, 100).unwrap());
    let rare = ExchangeFilter { key: Some(KeyId::new("k7")), outcome: Some("cut".to_owned()), ..all.clone() };
    slow.check("cut exchanges of a key", || store.recent_exchanges(&rare, 100).unwrap());
    let of_account = ExchangeFilter { account: AccountId::new("rare").ok(), ..all.clone() };
    slow.check("exchanges of an account that asks every other hour", || {
        store.recent_exchanges(&of_account, 100).unwrap()
    });
    let failed = ExchangeFilter { outcome: Some("failed".to_owned()), ..all };
    slow.check("failed exchanges, of which there is one every other hour", || {
        store.recent_exchanges(&failed, 100).unwrap()
    });

    let found = timed("an audit", || roundelay::admin::audit::audit(&store, &mut |_| {}).unwrap());
    assert_eq!(found["consistent"], true, "{found}");
    let forget = || store.forget_exchanges(middle_ms, ExchangeId::from_u64(u64::MAX), 256).unwrap();
    assert_eq!(timed("256 records are forgotten", forget), 256);
    let forget = || store.forget_hours(middle_ms, 256).unwrap();
    assert_eq!(timed("256 sums of an hour are forgotten", forget), 256);
    slow
}
