//! Accounts in the store.

use roundelay_ledger::{Account, AccountId, AccountKind};
use rusqlite::{OptionalExtension, Row};

use super::{Store, StoreFault};

impl Store {
    /// Adds an account. Errors with `Exists` when there is one of that id.
    pub fn create_account(&self, account: &Account) -> Result<(), StoreFault> {
        let added = self.writer().execute(
            "INSERT INTO accounts (id, name, kind, created_at) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
            (account.id.as_str(), &account.name, account.kind.label(), account.created_at),
        )?;
        match added {
            0 => Err(StoreFault::Exists { what: "account", name: account.id.to_string() }),
            _ => Ok(()),
        }
    }

    /// Every account, by id.
    pub fn accounts(&self) -> Result<Vec<Account>, StoreFault> {
        let reader = self.reader();
        let mut statement = reader.prepare_cached("SELECT id, name, kind, created_at FROM accounts ORDER BY id")?;
        let rows = statement.query_map([], columns)?;
        rows.map(|row| account(row?)).collect()
    }

    /// The account of that id.
    pub fn account(&self, id: &AccountId) -> Result<Option<Account>, StoreFault> {
        let reader = self.reader();
        let mut statement = reader.prepare_cached("SELECT id, name, kind, created_at FROM accounts WHERE id = ?1")?;
        statement.query_row([id.as_str()], columns).optional()?.map(account).transpose()
    }
}

type Columns = (String, String, String, i64);

fn columns(row: &Row<'_>) -> Result<Columns, rusqlite::Error> {
    Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
}

fn account((id, name, kind, created_at): Columns) -> Result<Account, StoreFault> {
    let id = AccountId::new(&id).map_err(|_| StoreFault::Corrupt { what: "account id" })?;
    let kind = AccountKind::from_label(&kind).ok_or(StoreFault::Corrupt { what: "account kind" })?;
    Ok(Account { id, name, kind, created_at })
}
