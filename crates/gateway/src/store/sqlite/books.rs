//! How entries are written: numbered, with the balance after each, within the transaction of whoever brings them.

use std::{collections::HashMap, sync::LazyLock};

use roundelay_ledger::{AccountId, EntryKind, Money, OverrunCause, Sequence};
use rusqlite::{Connection, OptionalExtension, ToSql};

use super::{StoreFault, hours::Hours, whole};
use crate::store::EntryRow;

/// The books, open for one transaction. [`Books::close`] them before it is committed.
pub(super) struct Books<'c, 'a> {
    connection: &'c Connection,
    /// Several are written by one statement: to begin one costs as much as a row.
    pending: Vec<Numbered<'a>>,
    last: i64,
    balances: HashMap<AccountId, i64>,
    hours: Hours,
}

/// An entry with its place in the books.
struct Numbered<'a> {
    row: &'a EntryRow,
    sequence: i64,
    balance: i64,
    idempotency: Option<&'a str>,
}

impl<'c, 'a> Books<'c, 'a> {
    pub(super) fn open(connection: &'c Connection) -> Result<Self, StoreFault> {
        Ok(Self {
            last: last_sequence(connection)?,
            pending: Vec::with_capacity(AT_ONCE),
            balances: HashMap::new(),
            hours: Hours::default(),
            connection,
        })
    }

    /// Enters what an attempt owes. Its idempotency key is left out: an attempt is kept unique by its exchange.
    pub(super) fn enter_attempt(&mut self, row: &'a EntryRow) -> Result<(), StoreFault> {
        self.enter(row, None).map(drop)
    }

    /// Enters an operator's act.
    pub(super) fn enter_act(&mut self, row: &'a EntryRow) -> Result<(Sequence, Money), StoreFault> {
        self.enter(row, row.idempotency.as_deref())
    }

    /// Writes what is left to be written, and in which hours the entries lie.
    pub(super) fn close(mut self) -> Result<(), StoreFault> {
        for numbered in std::mem::take(&mut self.pending) {
            self.write(&[numbered])?;
        }
        self.hours.write(self.connection, "entry_hours")
    }

    fn enter(&mut self, row: &'a EntryRow, idempotency: Option<&'a str>) -> Result<(Sequence, Money), StoreFault> {
        let balance = match &row.account {
            Some(account) => self.balance_after(account, row.change)?,
            None => 0,
        };
        self.last += 1;
        self.pending.push(Numbered { row, sequence: self.last, balance, idempotency });
        self.hours.add(row.at_us.div_euclid(HOUR_US), self.last);
        if let Some(account) = &row.account {
            match self.balances.get_mut(account) {
                Some(kept) => *kept = balance,
                None => drop(self.balances.insert(account.clone(), balance)),
            }
        }
        if self.pending.len() == AT_ONCE {
            let full = std::mem::take(&mut self.pending);
            self.write(&full)?;
        }
        Ok((Sequence(self.last.unsigned_abs()), Money::from_nano(balance)))
    }

    fn write(&self, rows: &[Numbered<'_>]) -> Result<(), StoreFault> {
        let sql = if rows.len() == AT_ONCE { INSERT_MANY.as_str() } else { INSERT };
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut parameter = 0;
        for Numbered { row, sequence, balance, idempotency } in rows {
            let values: [&dyn ToSql; COLUMNS] = [
                sequence,
                &row.at_us,
                &row.kind.label(),
                &row.account.as_ref().map(AccountId::as_str),
                &row.change.nano(),
                &row.currency.label(),
                &row.usd.nano(),
                &whole(row.rate.millionths()),
                &whole(row.multiplier.millionths()),
                &row.exchange.map(|exchange| whole(exchange.as_u64())),
                &row.attempt,
                &row.key.as_ref().map(|key| key.as_str()),
                &row.price.map(|price| price.as_u64().cast_signed()),
                &row.held.nano(),
                &row.overrun.map(OverrunCause::label),
                &row.is_estimated,
                &row.reason,
                idempotency,
                balance,
            ];
            for value in values {
                parameter += 1;
                statement.raw_bind_parameter(parameter, value)?;
            }
        }
        statement.raw_execute()?;
        Ok(())
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
const COLUMNS: usize = 19;
const AT_ONCE: usize = 8;
const INSERT: &str = "INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
static INSERT_MANY: LazyLock<String> = LazyLock::new(|| {
    let row = &INSERT[INSERT.find('(').expect("it is written above")..];
    INSERT.to_owned() + &format!(", {row}").repeat(AT_ONCE - 1)
});
