//! How entries are written: numbered, with the balance after each, within the transaction of whoever brings them.

use std::collections::HashMap;

use roundelay_ledger::{AccountId, EntryKind, Money, OverrunCause, Sequence};
use rusqlite::{CachedStatement, Connection, OptionalExtension};

use super::{StoreFault, hours::Hours, whole};
use crate::store::EntryRow;

/// The books, open for one transaction. [`Books::close`] them before it is committed.
pub(super) struct Books<'c> {
    connection: &'c Connection,
    insert: CachedStatement<'c>,
    last: i64,
    balances: HashMap<AccountId, i64>,
    hours: Hours,
}

impl<'c> Books<'c> {
    pub(super) fn open(connection: &'c Connection) -> Result<Self, StoreFault> {
        Ok(Self {
            insert: connection.prepare_cached(INSERT)?,
            last: last_sequence(connection)?,
            balances: HashMap::new(),
            hours: Hours::default(),
            connection,
        })
    }

    /// Writes an entry of an attempt. Its idempotency key is left out: an attempt is kept unique by its exchange.
    pub(super) fn enter_attempt(&mut self, row: &EntryRow) -> Result<(), StoreFault> {
        self.write(row, None).map(drop)
    }

    /// Writes an operator's entry.
    pub(super) fn enter_act(&mut self, row: &EntryRow) -> Result<(Sequence, Money), StoreFault> {
        self.write(row, row.idempotency.as_deref())
    }

    /// Tells in which hours the entries lie.
    pub(super) fn close(self) -> Result<(), StoreFault> {
        self.hours.write(self.connection, "entry_hours")
    }

    fn write(&mut self, row: &EntryRow, idempotency: Option<&str>) -> Result<(Sequence, Money), StoreFault> {
        let balance = match &row.account {
            Some(account) => self.balance_after(account, row.change)?,
            None => 0,
        };
        self.insert.execute(rusqlite::params![
            self.last + 1,
            row.at_us,
            row.kind.label(),
            row.account.as_ref().map(AccountId::as_str),
            row.change.nano(),
            row.currency.label(),
            row.usd.nano(),
            whole(row.rate.millionths()),
            whole(row.multiplier.millionths()),
            row.exchange.map(|exchange| whole(exchange.as_u64())),
            row.attempt,
            row.key.as_ref().map(|key| key.as_str()),
            row.price.map(|price| price.as_u64().cast_signed()),
            row.held.nano(),
            row.overrun.map(OverrunCause::label),
            row.is_estimated,
            row.reason,
            idempotency,
            balance,
        ])?;
        self.last += 1;
        self.hours.add(row.at_us.div_euclid(HOUR_US), self.last);
        if let Some(account) = &row.account {
            match self.balances.get_mut(account) {
                Some(kept) => *kept = balance,
                None => drop(self.balances.insert(account.clone(), balance)),
            }
        }
        Ok((Sequence(self.last.unsigned_abs()), Money::from_nano(balance)))
    }

    /// Stops at the end of what can be written, as the ledger shows it.
    fn balance_after(&self, account: &AccountId, change: Money) -> Result<i64, StoreFault> {
        let before = match self.balances.get(account) {
            Some(&balance) => balance,
            None => balance(self.connection, account)?,
        };
        Ok(before.saturating_add(change.nano()))
    }
}

/// What an account has: the balance of its last entry.
pub(super) fn balance(connection: &Connection, account: &AccountId) -> Result<i64, StoreFault> {
    let mut statement =
        connection.prepare_cached("SELECT balance FROM entries WHERE account = ?1 ORDER BY sequence DESC LIMIT 1")?;
    Ok(statement.query_row([account.as_str()], |row| row.get(0)).optional()?.unwrap_or(0))
}

pub(super) fn last_sequence(connection: &Connection) -> Result<i64, StoreFault> {
    let mut statement = connection.prepare_cached("SELECT coalesce(max(sequence), 0) FROM entries")?;
    Ok(statement.query_row([], |row| row.get(0))?)
}

/// Whether that charge was given back.
pub(super) fn is_reversed(connection: &Connection, row: &EntryRow) -> Result<bool, StoreFault> {
    let Some(exchange) = row.exchange.filter(|_| row.kind == EntryKind::Reversal) else { return Ok(false) };
    let mut statement = connection.prepare_cached(
        "SELECT EXISTS (SELECT 1 FROM entries
             WHERE kind = 'reversal' AND kind <> 'charge' AND exchange = ?1 AND attempt = ?2)",
    )?;
    Ok(statement.query_row((whole(exchange.as_u64()), row.attempt), |row| row.get(0))?)
}

const HOUR_US: i64 = 3_600_000_000;
const INSERT: &str = "INSERT INTO entries VALUES
    (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19)";
