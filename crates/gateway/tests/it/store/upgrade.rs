//! The store of an older program keeps what it has.

use std::process::Command;

use roundelay::journal::Alone;
use roundelay::store::{Store, UsageBy, UsageFilter};
use roundelay_ledger::{AccountId, AccountKind, ExchangeId, Limits, Money, Terms};
use rusqlite::Connection;
use tempfile::tempdir;

/// What `migrations` keeps of a step is its number and name, so that this is a store as version 0.1.0 left it.
const FIRST: &str = concat!(
    "CREATE TABLE migrations (number INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT;",
    "INSERT INTO migrations VALUES (1, 'first');",
    include_str!("../../../src/store/sqlite/migrations/0001_first.sql"),
    "
    INSERT INTO accounts VALUES ('acme', 'Acme', 'prepaid', 7);
    INSERT INTO api_keys VALUES ('k1', 'acme', 'laptop', zeroblob(32), '[\"m\"]', 5, 9, NULL);
    INSERT INTO api_keys VALUES ('k2', 'default', '', zeroblob(32), NULL, 6, NULL, 8);
    INSERT INTO exchanges VALUES
        (1, 3600000, 1, NULL, 'acme', 'k1', 'm', 'd/m', 'm', 200, 'answered', NULL, 1, 1, 2, 3, 4, 5, 0, 100, '[]', '{}'),
        (2, 7199999, 1, NULL, 'acme', 'k1', 'm', 'd/m', 'm', 200, 'answered', NULL, 1, 10, 2, 3, 4, 5, 1, NULL, '[]', '{}'),
        (3, 7200000, 1, NULL, 'acme', 'k1', 'm', NULL, NULL, 400, 'refused', NULL, 0,
         9223372036854775807, 0, 0, 0, 0, 0, NULL, '[]', '{}');
    UPDATE meta SET value = 3 WHERE name = 'exchanges';"
);

#[test]
fn a_store_of_the_first_version_keeps_its_rows_and_gains_their_usage() {
    let dir = tempdir().unwrap();
    Connection::open(dir.path().join("roundelay.db")).unwrap().execute_batch(FIRST).unwrap();
    for _ in 0..2 {
        let store = Store::open(dir.path()).unwrap();
        let accounts = store.accounts().unwrap();
        assert_eq!(accounts.iter().map(|row| row.account.id.as_str()).collect::<Vec<_>>(), ["acme", "default"]);
        assert_eq!((&*accounts[0].account.name, accounts[0].account.created_at), ("Acme", 7));
        assert_eq!(accounts[0].terms, Terms::new(AccountKind::Prepaid));
        assert_eq!((accounts[0].balance, &accounts[0].parent), (Money::ZERO, &None));
        let keys = store.keys().unwrap();
        assert_eq!((keys[0].key.id.as_str(), keys[0].key.account.as_str()), ("k1", "acme"));
        assert_eq!((&keys[0].key.allowed, keys[0].key.expires_at), (&Some(vec!["m".to_owned()]), Some(9)));
        assert_eq!((keys[1].key.revoked_at, keys[1].hash), (Some(8), [0; 32]));
        assert!(keys.iter().all(|row| row.limits == Limits::default() && row.on_disconnect.is_none()));
        assert_eq!(store.counts().unwrap().exchanges, 3);
        assert_eq!(store.newest_exchange().unwrap(), Some(ExchangeId::from_u64(3)));
        assert_eq!(store.recent_exchanges(&Default::default(), 9).unwrap().len(), 3);
        let sums = store.usage_hours(&UsageFilter::default(), &[UsageBy::Hour, UsageBy::Model], usize::MAX).unwrap();
        let told: Vec<_> = sums
            .iter()
            .map(|sum| (sum.hour_ms, sum.model.as_deref(), sum.exchanges, sum.usage.input, sum.cost_nano, sum.unpriced))
            .collect();
        assert_eq!(told, [(Some(3_600_000), Some("m"), 2, 11, 100, 1), (Some(7_200_000), None, 1, 1 << 40, 0, 0)]);
        assert!(sums[0].usage.estimated);
    }
}

#[test]
fn the_tables_of_an_older_gateway_that_runs_stay_as_they_are() {
    let dir = tempdir().unwrap();
    let tables = || {
        let store = Connection::open(dir.path().join("roundelay.db")).unwrap();
        store.query_row("SELECT max(number) FROM migrations", [], |row| row.get::<_, u32>(0)).unwrap()
    };
    Connection::open(dir.path().join("roundelay.db")).unwrap().execute_batch(FIRST).unwrap();
    let _running = Alone::take(dir.path()).unwrap();
    let fault = Store::open_beside(dir.path()).unwrap_err();
    assert!(fault.to_string().contains("restart the gateway first"), "{fault}");
    let mut command = Command::new(env!("CARGO_BIN_EXE_roundelay"));
    let output = command.args(["accounts", "list", "--data"]).arg(dir.path()).output().unwrap();
    assert!(!output.status.success(), "it cannot reach the gateway");
    assert_eq!(tables(), 1);
}

#[test]
fn accounts_and_keys_of_an_upgraded_store_still_hang_together() {
    let dir = tempdir().unwrap();
    Connection::open(dir.path().join("roundelay.db")).unwrap().execute_batch(FIRST).unwrap();
    let store = Store::open(dir.path()).unwrap();
    let inherits = Terms::new(AccountKind::Inherits);
    store.create_account(&super::account("team", Some("acme"), inherits.clone())).unwrap();
    store.create_account(&super::account("a", Some("team"), inherits.clone())).unwrap();
    let orphan = super::account("b", Some("nobody"), inherits);
    assert_eq!(store.create_account(&orphan).unwrap_err().to_string(), "no account `nobody`");
    let ids: Vec<_> = store.accounts().unwrap().into_iter().map(|row| row.account.id).collect();
    assert_eq!(ids, ["acme", "default", "team", "a"].map(|id| AccountId::new(id).unwrap()));
    let direct = Connection::open(dir.path().join("roundelay.db")).unwrap();
    let faults = direct.prepare("PRAGMA foreign_key_check").unwrap().exists([]).unwrap();
    assert!(!faults);
    direct.pragma_update(None, "foreign_keys", true).unwrap();
    direct.execute("DELETE FROM accounts WHERE id = 'acme'", []).unwrap_err();
}
