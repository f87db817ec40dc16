//! What operators do to balances, each act once however often it is asked for.

use roundelay_ledger::{AccountKind, Money};
use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

use super::{
    Store, StoreFault,
    accounts::{AccountRow, account_in},
    books::{Books, is_reversed},
    entries::{Columns, SELECT},
};
use crate::store::{EntryRow, StoredEntry};

impl Store {
    /// Enters an operator's act: a top-up, an adjustment or a reversal. The same act under the same idempotency key is
    /// entered once; the entry made before is given back, with `false`.
    ///
    /// Errors with `KeyReused` when the key stands for another act, with `Missing` when the account is not there, with
    /// `Short` when it would take from a prepaid account more than its balance and its credit line, with `TooLarge` when
    /// an amount could not be written, and with `Exists` when that charge was reversed before.
    pub fn post(&self, row: &EntryRow) -> Result<(StoredEntry, bool), StoreFault> {
        let mut writer = self.writer()?;
        let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
        if let Some(made) = made_before(&transaction, row)? {
            return Ok((made, false));
        }
        check(&transaction, row)?;
        let mut books = Books::open(&transaction)?;
        let (sequence, balance) = books.enter_act(row)?;
        books.close()?;
        self.tell_done(&transaction)?;
        transaction.commit()?;
        Ok((StoredEntry { sequence, balance, row: row.clone() }, true))
    }

    /// The entry that was made for that act before, under its idempotency key.
    ///
    /// Errors with `KeyReused` when the key stands for another act.
    pub fn made_before(&self, row: &EntryRow) -> Result<Option<StoredEntry>, StoreFault> {
        made_before(&self.reader(), row)
    }
}

pub(super) fn made_before(connection: &Connection, row: &EntryRow) -> Result<Option<StoredEntry>, StoreFault> {
    let Some(idempotency) = &row.idempotency else { return Ok(None) };
    let mut statement = connection.prepare_cached(&format!("{SELECT} WHERE idempotency = ?1"))?;
    match statement.query_row([idempotency], Columns::read).optional()?.map(Columns::stored).transpose()? {
        Some(made) if !is_same_act(&made.row, row) => Err(StoreFault::KeyReused),
        made => Ok(made),
    }
}

pub(super) fn check(connection: &Connection, row: &EntryRow) -> Result<(), StoreFault> {
    if is_reversed(connection, row)? {
        let name = row.exchange.map(|exchange| exchange.to_string()).unwrap_or_default();
        return Err(StoreFault::Exists { what: "reversal of exchange", name });
    }
    // The ends of what can be written stand for all that is beyond.
    if [row.usd, row.change].iter().any(|amount| matches!(amount.nano(), i64::MIN | i64::MAX)) {
        return Err(StoreFault::TooLarge);
    }
    let Some(id) = &row.account else { return Ok(()) };
    let account = account_in(connection, id)?;
    let account = account.ok_or_else(|| StoreFault::Missing { what: "account", name: id.to_string() })?;
    if account.balance.checked_add(row.change).is_none() {
        return Err(StoreFault::TooLarge);
    }
    match left(&account) {
        Some(left) if row.change.is_negative() && left + i128::from(row.change.nano()) < 0 => {
            let left = i64::try_from(left.max(0)).unwrap_or(i64::MAX);
            Err(StoreFault::Short { left: Money::from_nano(left) })
        }
        _ => Ok(()),
    }
}

/// What may be taken of a prepaid account, in nano-units.
fn left(account: &AccountRow) -> Option<i128> {
    let terms = &account.terms;
    let left = i128::from(account.balance.nano()) + i128::from(terms.credit_line.nano());
    (terms.kind == AccountKind::Prepaid).then_some(left)
}

/// Whether an act that was made is the one that is asked for again: all but when, and at which rate that day.
fn is_same_act(made: &EntryRow, asked: &EntryRow) -> bool {
    let EntryRow { at_us, usd, rate, .. } = *made;
    *made == EntryRow { at_us, usd, rate, ..asked.clone() }
}
