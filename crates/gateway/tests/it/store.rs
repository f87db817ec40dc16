//! Keys, accounts and records outlive the process, and nothing secret is written down.

#![expect(clippy::unwrap_used, reason = "a test's helpers fail as its own lines do")]

mod acts;
mod admission;
mod damage;
mod forgotten;
mod journal;
mod keys;
mod money;
mod removed;
mod scale;
mod scope;
mod tables;
mod terms;
mod upgrade;
mod usage;

use std::path::Path;

use roundelay::journal::{Alone, JournalFault, Replayed};
use roundelay::store::{AccountRow, AttemptRecord, Record, Store, Usage};
use roundelay_ledger::{Account, AccountId, ExchangeId, KeyId, Money, Terms};

/// An account of that name, below another.
fn account(id: &str, parent: Option<&str>, terms: Terms) -> AccountRow {
    let id = AccountId::new(id).unwrap();
    let account =
        Account { name: format!("{id}; DROP TABLE accounts"), id, kind: terms.kind, created_at: 1_800_000_000 };
    AccountRow { account, parent: parent.map(|id| AccountId::new(id).unwrap()), terms, balance: Money::ZERO }
}

/// As a command does before it writes.
fn catch_up(dir: &Path, store: &Store) -> Result<(Alone, Replayed), JournalFault> {
    let alone = Alone::take(dir)?;
    let replayed = alone.catch_up(store)?;
    Ok((alone, replayed))
}

/// A finished exchange of that number; equal numbers make equal records.
fn record(number: u64) -> Record {
    Record {
        id: ExchangeId::from_u64(number),
        started_at_ms: 1_800_000_000_000,
        duration_us: 1_500_000 + number,
        first_content_us: Some(400_000),
        account: AccountId::default_account(),
        key: KeyId::new("k7m2q9xd"),
        asked: "assistant".to_owned(),
        deployment: Some("deepseek/deepseek-chat".to_owned()),
        model: Some("deepseek-chat".to_owned()),
        status: 200,
        outcome: "answered".into(),
        failure: None,
        stream: true,
        usage: Usage { input: 10, cache_read: 20, cache_write: 30, output: 40, reasoning: 5, estimated: false },
        cost: Some(Money::from_nano(1_234)),
        entries: Vec::new(),
        attempts: vec![AttemptRecord {
            number: 1,
            deployment: "deepseek/deepseek-chat".to_owned(),
            kind: "first".into(),
            outcome: "answered".into(),
            status: Some(200),
            started_us: 90,
            headers_us: Some(350_000),
            first_content_us: Some(400_000),
            duration_us: 1_400_000,
            part: None,
        }],
        decision: r#"{"candidates":["deepseek/deepseek-chat"]}"#.to_owned(),
    }
}
