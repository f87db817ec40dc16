//! Operators in the store: what is known of them, and the keyed hash of each one's token.

use std::{collections::BTreeSet, sync::Arc};

use roundelay_ledger::AccountId;
use rusqlite::{Connection, ErrorCode, OptionalExtension, Row};

use super::{Store, StoreFault};
use crate::store::{OperatorId, OperatorRow, Role, Scope};

impl Store {
    /// Adds an operator. Errors with `Exists` when its id is taken, with `Missing` when its account is not there.
    pub fn create_operator(&self, row: &OperatorRow) -> Result<(), StoreFault> {
        let writer = self.writer()?;
        let transaction = writer.unchecked_transaction()?;
        let added = transaction.execute(
            "INSERT INTO operators VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT DO NOTHING",
            (
                row.id.as_str(),
                &row.name,
                row.role.label(),
                row.account.as_ref().map(AccountId::as_str),
                &row.hash,
                row.created_at,
                row.expires_at,
                row.revoked_at,
            ),
        );
        match (added, &row.account) {
            (Ok(0), _) => Err(StoreFault::Exists { what: "operator", name: row.id.to_string() }),
            (Ok(_), _) => {
                self.tell_done(&transaction)?;
                Ok(transaction.commit()?)
            }
            // The foreign key is the only constraint a well-formed row can break.
            (Err(rusqlite::Error::SqliteFailure(fault, _)), Some(account))
                if fault.code == ErrorCode::ConstraintViolation =>
            {
                Err(StoreFault::Missing { what: "account", name: account.to_string() })
            }
            (Err(other), _) => Err(other.into()),
        }
    }

    /// Every operator, revoked ones too, oldest first.
    pub fn operators(&self) -> Result<Vec<OperatorRow>, StoreFault> {
        let reader = self.reader();
        let mut statement = reader.prepare_cached("SELECT * FROM operators ORDER BY created_at, id")?;
        let rows = statement.query_map([], Columns::read)?;
        rows.map(|row| row?.operator()).collect()
    }

    /// The operator of that id. Errors with `Missing` when there is none.
    pub fn operator(&self, id: &OperatorId) -> Result<OperatorRow, StoreFault> {
        operator_in(&self.reader(), id)
    }

    /// Gives an operator another token, the one before ending with it, and says what is known of it now. One that was
    /// revoked is so no longer where `is_revived` says so, and else is not there. Errors with `Missing` when there is no
    /// such operator.
    pub fn renew_operator(
        &self,
        id: &OperatorId,
        hash: &[u8; 32],
        is_revived: bool,
    ) -> Result<OperatorRow, StoreFault> {
        let change = "UPDATE operators SET hash = ?2, revoked_at = NULL WHERE id = ?1 AND (?3 OR revoked_at IS NULL)";
        self.change_operator(id, |connection| connection.execute(change, (id.as_str(), hash, is_revived)))
    }

    /// Revokes an operator at `now` (unix seconds) and says what is known of it now; one that was revoked before keeps
    /// its first time. Errors with `Missing` when there is no such operator.
    pub fn revoke_operator(&self, id: &OperatorId, now: i64) -> Result<OperatorRow, StoreFault> {
        let change = "UPDATE operators SET revoked_at = coalesce(revoked_at, ?2) WHERE id = ?1";
        self.change_operator(id, |connection| connection.execute(change, (id.as_str(), now)))
    }

    fn change_operator(
        &self,
        id: &OperatorId,
        change: impl FnOnce(&Connection) -> rusqlite::Result<usize>,
    ) -> Result<OperatorRow, StoreFault> {
        let writer = self.writer()?;
        let transaction = writer.unchecked_transaction()?;
        if change(&transaction)? == 0 {
            return Err(StoreFault::Missing { what: "operator", name: id.to_string() });
        }
        let row = operator_in(&transaction, id)?;
        self.tell_done(&transaction)?;
        transaction.commit()?;
        Ok(row)
    }

    /// What somebody who is limited to that account may see: it and all below it; `None` is not limited.
    pub fn scope(&self, account: Option<&AccountId>) -> Result<Scope, StoreFault> {
        let Some(account) = account else { return Ok(Scope::All) };
        let reader = self.reader();
        let mut statement = reader.prepare_cached(BELOW)?;
        let rows = statement.query_map([account.as_str()], |row| row.get::<_, String>(0))?;
        let mut accounts = BTreeSet::new();
        for row in rows {
            accounts.insert(AccountId::new(&row?).map_err(|_| StoreFault::Corrupt { what: "account id" })?);
        }
        Ok(Scope::Accounts(Arc::new(accounts)))
    }
}

fn operator_in(connection: &Connection, id: &OperatorId) -> Result<OperatorRow, StoreFault> {
    let mut statement = connection.prepare_cached("SELECT * FROM operators WHERE id = ?1")?;
    let columns = statement.query_row([id.as_str()], Columns::read).optional()?;
    columns.ok_or_else(|| StoreFault::Missing { what: "operator", name: id.to_string() })?.operator()
}

struct Columns {
    id: String,
    name: String,
    role: String,
    account: Option<String>,
    hash: [u8; 32],
    created_at: i64,
    expires_at: Option<i64>,
    revoked_at: Option<i64>,
}

impl Columns {
    fn read(row: &Row<'_>) -> Result<Self, rusqlite::Error> {
        Ok(Self {
            id: row.get(0)?,
            name: row.get(1)?,
            role: row.get(2)?,
            account: row.get(3)?,
            hash: row.get(4)?,
            created_at: row.get(5)?,
            expires_at: row.get(6)?,
            revoked_at: row.get(7)?,
        })
    }

    fn operator(self) -> Result<OperatorRow, StoreFault> {
        let account = |text: String| AccountId::new(&text).map_err(|_| StoreFault::Corrupt { what: "account id" });
        Ok(OperatorRow {
            id: OperatorId::new(self.id),
            name: self.name,
            role: Role::from_label(&self.role).ok_or(StoreFault::Corrupt { what: "role" })?,
            account: self.account.map(account).transpose()?,
            hash: self.hash,
            created_at: self.created_at,
            expires_at: self.expires_at,
            revoked_at: self.revoked_at,
        })
    }
}

const BELOW: &str = "
    WITH RECURSIVE below (id) AS (
        SELECT id FROM accounts WHERE id = ?1
        UNION ALL
        SELECT accounts.id FROM below CROSS JOIN accounts ON accounts.parent = below.id
    )
    SELECT id FROM below";
