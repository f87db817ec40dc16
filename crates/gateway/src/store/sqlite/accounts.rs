//! Accounts in the store, with their terms and what they have.

use roundelay_ledger::{Account, AccountId, AccountKind, Currency, Factor, Money, Terms};
use rusqlite::{Connection, ErrorCode, OptionalExtension, Row};

use super::{
    Store, StoreFault,
    limits::{self, LimitsReader},
    whole,
};

/// An account as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountRow {
    /// What is known of it.
    pub account: Account,
    /// The account above it; it never changes.
    pub parent: Option<AccountId>,
    /// Its conditions; their kind is that of `account`.
    pub terms: Terms,
    /// What it has, in the currency of its terms: the sum of its entries.
    pub balance: Money,
}

impl Store {
    /// Adds an account, whose balance is zero whatever the row says. Errors with `Exists` when there is one of that
    /// id, with `Missing` when its parent is not there.
    pub fn create_account(&self, row: &AccountRow) -> Result<(), StoreFault> {
        let AccountRow { account, parent, terms, .. } = row;
        let writer = self.writer()?;
        let transaction = writer.unchecked_transaction()?;
        let added = transaction.execute(
            "INSERT INTO accounts
                 (id, name, kind, created_at, parent, currency, credit_line_nano, multiplier, limits, closed)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT DO NOTHING",
            (
                account.id.as_str(),
                &account.name,
                terms.kind.label(),
                account.created_at,
                parent.as_ref().map(AccountId::as_str),
                terms.currency.label(),
                terms.credit_line.nano(),
                whole(terms.multiplier.millionths()),
                limits::text(&terms.limits),
                terms.is_closed,
            ),
        );
        match (added, parent) {
            (Ok(0), _) => Err(StoreFault::Exists { what: "account", name: account.id.to_string() }),
            (Ok(_), _) => {
                self.tell_done(&transaction)?;
                Ok(transaction.commit()?)
            }
            // The foreign key is the only constraint a well-formed row can break.
            (Err(rusqlite::Error::SqliteFailure(fault, _)), Some(parent))
                if fault.code == ErrorCode::ConstraintViolation =>
            {
                Err(StoreFault::Missing { what: "account", name: parent.to_string() })
            }
            (Err(other), _) => Err(other.into()),
        }
    }

    /// Gives an account other terms, and another name if there is one, and says what is known of it now. Its currency
    /// stays what it was. Errors with `Missing` when there is no such account.
    pub fn change_account(&self, id: &AccountId, terms: &Terms, name: Option<&str>) -> Result<AccountRow, StoreFault> {
        let writer = self.writer()?;
        let transaction = writer.unchecked_transaction()?;
        transaction.execute(
            "UPDATE accounts SET kind = ?2, credit_line_nano = ?3, multiplier = ?4, limits = ?5, closed = ?6,
                 name = coalesce(?7, name)
             WHERE id = ?1",
            (
                id.as_str(),
                terms.kind.label(),
                terms.credit_line.nano(),
                whole(terms.multiplier.millionths()),
                limits::text(&terms.limits),
                terms.is_closed,
                name,
            ),
        )?;
        let missing = || StoreFault::Missing { what: "account", name: id.to_string() };
        let row = account_in(&transaction, id)?.ok_or_else(missing)?;
        self.tell_done(&transaction)?;
        transaction.commit()?;
        Ok(row)
    }

    /// Every account, those above before those below, and otherwise by id.
    pub fn accounts(&self) -> Result<Vec<AccountRow>, StoreFault> {
        accounts_in(&self.reader())
    }

    /// The account of that id.
    pub fn account(&self, id: &AccountId) -> Result<Option<AccountRow>, StoreFault> {
        account_in(&self.reader(), id)
    }
}

pub(super) fn accounts_in(connection: &Connection) -> Result<Vec<AccountRow>, StoreFault> {
    let mut statement =
        connection.prepare_cached(&format!("{TREE} {SELECT} JOIN tree USING (id) ORDER BY depth, id"))?;
    let rows = statement.query_map([], Columns::read)?;
    let mut limits = LimitsReader::default();
    rows.map(|row| row?.account_row(&mut limits)).collect()
}

pub(super) fn account_in(connection: &Connection, id: &AccountId) -> Result<Option<AccountRow>, StoreFault> {
    let mut statement = connection.prepare_cached(&format!("{SELECT} WHERE id = ?1"))?;
    let columns = statement.query_row([id.as_str()], Columns::read).optional()?;
    columns.map(|columns| columns.account_row(&mut LimitsReader::default())).transpose()
}

struct Columns {
    id: String,
    name: String,
    kind: String,
    created_at: i64,
    parent: Option<String>,
    currency: String,
    credit_line: i64,
    multiplier: i64,
    limits: Option<String>,
    is_closed: bool,
    balance: i64,
}

impl Columns {
    fn read(row: &Row<'_>) -> Result<Self, rusqlite::Error> {
        Ok(Self {
            id: row.get(0)?,
            name: row.get(1)?,
            kind: row.get(2)?,
            created_at: row.get(3)?,
            parent: row.get(4)?,
            currency: row.get(5)?,
            credit_line: row.get(6)?,
            multiplier: row.get(7)?,
            limits: row.get(8)?,
            is_closed: row.get(9)?,
            balance: row.get(10)?,
        })
    }

    fn account_row(self, limits: &mut LimitsReader) -> Result<AccountRow, StoreFault> {
        let id = |text: &str| AccountId::new(text).map_err(|_| StoreFault::Corrupt { what: "account id" });
        let kind = AccountKind::from_label(&self.kind).ok_or(StoreFault::Corrupt { what: "account kind" })?;
        let terms = Terms {
            kind,
            currency: Currency::from_label(&self.currency).ok_or(StoreFault::Corrupt { what: "currency" })?,
            credit_line: Money::from_nano(self.credit_line),
            multiplier: Factor::from_millionths(self.multiplier.unsigned_abs()),
            limits: limits.read(self.limits.as_deref())?,
            is_closed: self.is_closed,
        };
        Ok(AccountRow {
            account: Account { id: id(&self.id)?, name: self.name, kind, created_at: self.created_at },
            parent: self.parent.as_deref().map(id).transpose()?,
            terms,
            balance: Money::from_nano(self.balance),
        })
    }
}

const SELECT: &str = "
    SELECT id, name, kind, created_at, parent, currency, credit_line_nano, multiplier, limits, closed,
           coalesce((SELECT balance FROM entries WHERE entries.account = accounts.id ORDER BY sequence DESC LIMIT 1), 0)
    FROM accounts";
const TREE: &str = "
    WITH RECURSIVE tree (id, depth) AS (
        SELECT id, 0 FROM accounts WHERE parent IS NULL
        UNION ALL
        SELECT accounts.id, depth + 1 FROM tree CROSS JOIN accounts ON accounts.parent = tree.id
    )";
