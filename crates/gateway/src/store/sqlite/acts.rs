//! Acts of operators in the store.

use roundelay_ledger::AccountId;
use rusqlite::{Connection, Row};

use super::{Store, StoreFault, whole};
use crate::store::{ActFilter, ActOutcome, ActRow, NewAct, OperatorId, Scope};

impl Store {
    /// Writes down an act that is about to be done, and says its number.
    pub fn begin_act(&self, act: &NewAct) -> Result<u64, StoreFault> {
        insert(&*self.writer()?, act, ActOutcome::Begun, None)
    }

    /// The store, for doing the act of that number: whatever is changed by this handle, the act is done in the same
    /// transaction.
    pub fn doing(&self, number: u64) -> Self {
        Self { act: Some(number), ..self.clone() }
    }

    /// Tells that the act of this handle is done, within the transaction that does it.
    pub(super) fn tell_done(&self, transaction: &Connection) -> Result<(), StoreFault> {
        let Some(number) = self.act else { return Ok(()) };
        let mut statement = transaction.prepare_cached("UPDATE acts SET outcome = 'done' WHERE number = ?1")?;
        statement.execute([whole(number)])?;
        Ok(())
    }

    /// Writes down how an act ended: `detail` is JSON. What was not known when it began (its object, its account) is
    /// filled in.
    pub fn finish_act(
        &self,
        number: u64,
        outcome: ActOutcome,
        object: Option<&str>,
        account: Option<&AccountId>,
        detail: Option<&str>,
    ) -> Result<(), StoreFault> {
        let writer = self.writer()?;
        writer.execute(
            "UPDATE acts SET outcome = ?2, object = coalesce(?3, object), account = coalesce(?4, account), detail = ?5
             WHERE number = ?1",
            (whole(number), outcome.label(), object, account.map(AccountId::as_str), detail),
        )?;
        forget_refusals(&writer)
    }

    /// Writes down what somebody was refused before anything was begun.
    pub fn keep_refusal(&self, act: &NewAct, detail: &str) -> Result<(), StoreFault> {
        let writer = self.writer()?;
        insert(&writer, act, ActOutcome::Refused, Some(detail))?;
        forget_refusals(&writer)
    }

    /// The latest acts that are meant, newest first: at most `limit`, and at most 1,000. The next page is what is before
    /// the last of these.
    pub(crate) fn acts(&self, filter: &ActFilter, scope: &Scope, limit: usize) -> Result<Vec<ActRow>, StoreFault> {
        let reader = self.reader();
        let mut statement = reader.prepare_cached(
            "SELECT number, at_us, operator, who, act, object, account, outcome, detail FROM acts
             WHERE number < ?1 AND (?2 IS NULL OR at_us >= ?2)
               AND (?3 IS NULL OR account IN (SELECT value FROM json_each(?3)))
             ORDER BY number DESC LIMIT ?4",
        )?;
        let before = filter.before.map_or(i64::MAX, whole);
        let limit = whole(limit.min(PAGE_MAX) as u64);
        let rows = statement.query_map((before, filter.since_us, scope.list(), limit), Columns::read)?;
        rows.map(|row| row?.act()).collect()
    }
}

fn insert(connection: &Connection, act: &NewAct, outcome: ActOutcome, detail: Option<&str>) -> Result<u64, StoreFault> {
    connection
        .prepare_cached(
            "INSERT INTO acts (at_us, operator, who, act, object, account, outcome, detail)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute((
            act.at_us,
            act.operator.as_ref().map(OperatorId::as_str),
            &act.who,
            &act.act,
            &act.object,
            act.account.as_ref().map(AccountId::as_str),
            outcome.label(),
            detail,
        ))?;
    Ok(connection.last_insert_rowid().unsigned_abs())
}

/// Keeps the latest [`REFUSALS_MAX`].
fn forget_refusals(connection: &Connection) -> Result<(), StoreFault> {
    let mut statement = connection.prepare_cached(
        "DELETE FROM acts WHERE outcome = 'refused' AND number <=
             (SELECT number FROM acts WHERE outcome = 'refused' ORDER BY number DESC LIMIT 1 OFFSET ?1)",
    )?;
    statement.execute([REFUSALS_MAX])?;
    Ok(())
}

struct Columns {
    number: i64,
    at_us: i64,
    operator: Option<String>,
    who: String,
    act: String,
    object: Option<String>,
    account: Option<String>,
    outcome: String,
    detail: Option<String>,
}

impl Columns {
    fn read(row: &Row<'_>) -> Result<Self, rusqlite::Error> {
        Ok(Self {
            number: row.get(0)?,
            at_us: row.get(1)?,
            operator: row.get(2)?,
            who: row.get(3)?,
            act: row.get(4)?,
            object: row.get(5)?,
            account: row.get(6)?,
            outcome: row.get(7)?,
            detail: row.get(8)?,
        })
    }

    fn act(self) -> Result<ActRow, StoreFault> {
        let account = |text: String| AccountId::new(&text).map_err(|_| StoreFault::Corrupt { what: "account id" });
        let act = NewAct {
            at_us: self.at_us,
            operator: self.operator.map(OperatorId::new),
            who: self.who,
            act: self.act,
            object: self.object,
            account: self.account.map(account).transpose()?,
        };
        let outcome = ActOutcome::from_label(&self.outcome).ok_or(StoreFault::Corrupt { what: "outcome of an act" })?;
        Ok(ActRow { number: self.number.unsigned_abs(), act, outcome, detail: self.detail })
    }
}

const PAGE_MAX: usize = 1_000;
const REFUSALS_MAX: i64 = 10_000;
