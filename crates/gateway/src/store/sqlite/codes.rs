//! Codes that are worth money: each is redeemed once, in the transaction that makes its entry.

use roundelay_ledger::{AccountId, Currency, Money, Sequence};
use rusqlite::{Connection, OptionalExtension, Row, TransactionBehavior};

use super::{
    Store, StoreFault,
    books::Books,
    entries::{Columns as EntryColumns, SELECT as ENTRIES},
    posting, whole,
};
use crate::store::{EntryRow, StoredEntry};

/// A code as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeRow {
    /// The public part of it.
    pub id: String,
    /// The keyed hash of the whole code.
    pub hash: [u8; 32],
    /// What it is worth; above zero.
    pub amount: Money,
    /// In this currency.
    pub currency: Currency,
    /// What it is for; may be empty.
    pub note: String,
    /// When it was made, in unix seconds, as all times here.
    pub created_at: i64,
    /// The first second at which it is worth nothing; `None` is never.
    pub expires_at: Option<i64>,
    /// When somebody took it back.
    pub revoked_at: Option<i64>,
    /// Who has redeemed it.
    pub redeemed: Option<Redeemed>,
}

/// What became of a code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redeemed {
    /// When.
    pub at: i64,
    /// The account that has its money.
    pub account: AccountId,
    /// The entry.
    pub entry: Sequence,
}

/// Why a code is worth nothing to who presents it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CodeRefusal {
    /// It is none.
    #[error("there is no such code: look for a slip in it")]
    Unknown,
    /// Another account has redeemed it.
    #[error("the code was redeemed before")]
    Taken,
    /// Its time is over.
    #[error("the code has expired")]
    Expired,
    /// Somebody took it back.
    #[error("the code was revoked")]
    Revoked,
}

/// Why a code was not redeemed.
#[derive(Debug, thiserror::Error)]
pub enum RedeemFault {
    /// It is worth nothing here.
    #[error(transparent)]
    Refused(#[from] CodeRefusal),
    /// The store refused.
    #[error(transparent)]
    Store(#[from] StoreFault),
}

impl From<rusqlite::Error> for RedeemFault {
    fn from(fault: rusqlite::Error) -> Self {
        Self::Store(fault.into())
    }
}

impl CodeRow {
    /// Whether an account may redeem it at `now`, in unix seconds; it may ask again for what it has redeemed.
    ///
    /// # Errors
    /// Why not.
    pub fn permits(&self, account: Option<&AccountId>, now: i64) -> Result<(), CodeRefusal> {
        match &self.redeemed {
            Some(redeemed) if Some(&redeemed.account) == account => Ok(()),
            Some(_) => Err(CodeRefusal::Taken),
            None if self.revoked_at.is_some() => Err(CodeRefusal::Revoked),
            None if self.expires_at.is_some_and(|end| end <= now) => Err(CodeRefusal::Expired),
            None => Ok(()),
        }
    }
}

impl Store {
    /// Adds codes, all or none. Errors with `Exists` when an id is taken.
    pub fn create_codes(&self, rows: &[CodeRow]) -> Result<(), StoreFault> {
        let mut writer = self.writer()?;
        let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for row in rows {
            let added = transaction.prepare_cached(INSERT)?.execute((
                &row.id,
                row.hash,
                row.amount.nano(),
                row.currency.label(),
                &row.note,
                row.created_at,
                row.expires_at,
            ))?;
            if added == 0 {
                return Err(StoreFault::Exists { what: "code", name: row.id.clone() });
            }
        }
        self.tell_done(&transaction)?;
        transaction.commit()?;
        Ok(())
    }

    /// The latest codes, newest first: at most `limit`.
    pub fn codes(&self, limit: usize) -> Result<Vec<CodeRow>, StoreFault> {
        let reader = self.reader();
        let mut statement = reader.prepare_cached(&format!("{SELECT} ORDER BY created_at DESC, id LIMIT ?1"))?;
        let rows = statement.query_map([whole(limit as u64)], Columns::read)?;
        rows.map(|row| row?.code()).collect()
    }

    /// The code of that id.
    pub fn code(&self, id: &str) -> Result<Option<CodeRow>, StoreFault> {
        code_in(&self.reader(), id)
    }

    /// Takes a code back at `now` (unix seconds), and says what is known of it now: one that was revoked or redeemed
    /// before stays as it was. Errors with `Missing` when there is no such code.
    pub fn revoke_code(&self, id: &str, now: i64) -> Result<CodeRow, StoreFault> {
        let writer = self.writer()?;
        let transaction = writer.unchecked_transaction()?;
        transaction.execute(
            "UPDATE codes SET revoked_at = coalesce(revoked_at, ?2) WHERE id = ?1 AND redeemed_at IS NULL",
            (id, now),
        )?;
        let missing = || StoreFault::Missing { what: "code", name: id.to_owned() };
        let code = code_in(&transaction, id)?.ok_or_else(missing)?;
        // What was redeemed stays so, and nothing is done.
        if code.redeemed.is_none() {
            self.tell_done(&transaction)?;
        }
        transaction.commit()?;
        Ok(code)
    }

    /// Enters what a code is worth, once: says what was entered, and whether that was now. `row` is the entry for the
    /// account that redeems it at `now` (unix seconds); asked for again, the one made before is given back.
    ///
    /// # Errors
    /// When the code is worth nothing to that account, and as [`Store::post`].
    pub fn redeem(&self, id: &str, row: &EntryRow, now: i64) -> Result<(StoredEntry, bool), RedeemFault> {
        let mut writer = self.writer()?;
        let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let code = code_in(&transaction, id)?.ok_or(CodeRefusal::Unknown)?;
        code.permits(row.account.as_ref(), now)?;
        if let Some(redeemed) = &code.redeemed {
            let made = entry_in(&transaction, redeemed.entry)?;
            return Ok((made.ok_or(StoreFault::Corrupt { what: "redeemed code" })?, false));
        }
        if posting::made_before(&transaction, row)?.is_some() {
            return Err(StoreFault::KeyReused.into());
        }
        posting::check(&transaction, row)?;
        let mut books = Books::open(&transaction)?;
        let (sequence, balance) = books.enter_act(row)?;
        books.close()?;
        transaction.execute(
            "UPDATE codes SET redeemed_at = ?2, account = ?3, entry = ?4 WHERE id = ?1",
            (id, now, row.account.as_ref().map(AccountId::as_str), whole(sequence.0)),
        )?;
        self.tell_done(&transaction)?;
        transaction.commit()?;
        Ok((StoredEntry { sequence, balance, row: row.clone() }, true))
    }

    /// The entry of that number.
    pub fn entry(&self, sequence: Sequence) -> Result<Option<StoredEntry>, StoreFault> {
        entry_in(&self.reader(), sequence)
    }

    /// The entry that was made under that idempotency key.
    pub fn act(&self, idempotency: &str) -> Result<Option<StoredEntry>, StoreFault> {
        let reader = self.reader();
        let mut statement = reader.prepare_cached(&format!("{ENTRIES} WHERE idempotency = ?1"))?;
        statement.query_row([idempotency], EntryColumns::read).optional()?.map(EntryColumns::stored).transpose()
    }
}

fn entry_in(connection: &Connection, sequence: Sequence) -> Result<Option<StoredEntry>, StoreFault> {
    let mut statement = connection.prepare_cached(&format!("{ENTRIES} WHERE sequence = ?1"))?;
    let row = statement.query_row([whole(sequence.0)], EntryColumns::read).optional()?;
    row.map(EntryColumns::stored).transpose()
}

fn code_in(connection: &Connection, id: &str) -> Result<Option<CodeRow>, StoreFault> {
    let mut statement = connection.prepare_cached(&format!("{SELECT} WHERE id = ?1"))?;
    statement.query_row([id], Columns::read).optional()?.map(Columns::code).transpose()
}

struct Columns {
    id: String,
    hash: [u8; 32],
    amount: i64,
    currency: String,
    note: String,
    created_at: i64,
    expires_at: Option<i64>,
    revoked_at: Option<i64>,
    redeemed_at: Option<i64>,
    account: Option<String>,
    entry: Option<i64>,
}

impl Columns {
    fn read(row: &Row<'_>) -> Result<Self, rusqlite::Error> {
        Ok(Self {
            id: row.get(0)?,
            hash: row.get(1)?,
            amount: row.get(2)?,
            currency: row.get(3)?,
            note: row.get(4)?,
            created_at: row.get(5)?,
            expires_at: row.get(6)?,
            revoked_at: row.get(7)?,
            redeemed_at: row.get(8)?,
            account: row.get(9)?,
            entry: row.get(10)?,
        })
    }

    fn code(self) -> Result<CodeRow, StoreFault> {
        let corrupt = || StoreFault::Corrupt { what: "redeemed code" };
        let redeemed = match self.redeemed_at {
            None => None,
            Some(at) => Some(Redeemed {
                at,
                account: self.account.and_then(|id| AccountId::new(&id).ok()).ok_or_else(corrupt)?,
                entry: Sequence(self.entry.ok_or_else(corrupt)?.unsigned_abs()),
            }),
        };
        Ok(CodeRow {
            id: self.id,
            hash: self.hash,
            amount: Money::from_nano(self.amount),
            currency: Currency::from_label(&self.currency).ok_or(StoreFault::Corrupt { what: "currency" })?,
            note: self.note,
            created_at: self.created_at,
            expires_at: self.expires_at,
            revoked_at: self.revoked_at,
            redeemed,
        })
    }
}

const INSERT: &str = "
    INSERT INTO codes (id, hash, amount_nano, currency, note, created_at, expires_at)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO NOTHING";
const SELECT: &str = "
    SELECT id, hash, amount_nano, currency, note, created_at, expires_at, revoked_at, redeemed_at, account, entry
    FROM codes";
