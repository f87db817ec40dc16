//! Attempts in doubt: sent by a gateway that ended before it could record what became of them.

use std::collections::BTreeMap;

use roundelay_ledger::{Conversion, ExchangeId, Factor, KeyId, ListCost, PriceId, Rate};
use rusqlite::{Connection, OptionalExtension, Row, TransactionBehavior};

use super::{
    Store, StoreFault,
    books::Books,
    rollup::{Group, Rollup},
    whole,
};
use crate::store::{EntryRow, SentRow};

impl Store {
    /// Keeps those of whose exchange there is no record, and says how many were new. One that is there already, or was
    /// resolved, stays as it is.
    pub fn keep_in_doubt(&self, sent: &[SentRow]) -> Result<u64, StoreFault> {
        let mut writer = self.writer()?;
        let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut kept = 0;
        {
            let mut statement = transaction.prepare_cached(KEEP)?;
            for one in sent {
                kept += statement.execute(rusqlite::params![
                    whole(one.exchange.as_u64()),
                    one.attempt,
                    one.at_us,
                    one.key.as_str(),
                    one.deployment,
                    one.price.map(|price| price.as_u64().cast_signed()),
                    whole(one.conversion.multiplier().millionths()),
                    whole(one.conversion.rate().millionths()),
                    one.held.parts().to_string(),
                    one.delivered.parts().to_string(),
                ])? as u64;
            }
        }
        transaction.commit()?;
        Ok(kept)
    }

    /// All that are in doubt, oldest first.
    pub fn in_doubt(&self) -> Result<Vec<SentRow>, StoreFault> {
        let reader = self.reader();
        let mut statement = reader.prepare_cached("SELECT * FROM in_doubt ORDER BY at_us, exchange, attempt")?;
        let rows = statement.query_map([], Columns::read)?;
        rows.map(|row| row?.sent()).collect()
    }

    /// Those of an exchange that are in doubt, the first one first.
    pub fn in_doubt_of(&self, exchange: ExchangeId) -> Result<Vec<SentRow>, StoreFault> {
        let reader = self.reader();
        let mut statement = reader.prepare_cached("SELECT * FROM in_doubt WHERE exchange = ?1 ORDER BY attempt")?;
        let rows = statement.query_map([whole(exchange.as_u64())], Columns::read)?;
        rows.map(|row| row?.sent()).collect()
    }

    /// Whether some of it was in doubt and is entered by now.
    pub fn was_in_doubt(&self, exchange: ExchangeId) -> Result<bool, StoreFault> {
        let reader = self.reader();
        let mut statement =
            reader.prepare_cached("SELECT EXISTS (SELECT 1 FROM resolved WHERE exchange = ?1 AND entered)")?;
        Ok(statement.query_row([whole(exchange.as_u64())], |row| row.get(0))?)
    }

    /// Enters what attempts in doubt came to, and says how many entries it took. All entries of an attempt come in one
    /// call; those of an attempt that is not in doubt, or no longer, are not taken.
    pub fn insert_late(&self, rows: &[EntryRow]) -> Result<u64, StoreFault> {
        let mut writer = self.writer()?;
        let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut attempts: BTreeMap<(ExchangeId, u32), Vec<&EntryRow>> = BTreeMap::new();
        for row in rows {
            if let Some(exchange) = row.exchange {
                attempts.entry((exchange, row.attempt)).or_default().push(row);
            }
        }
        let mut resolved = Vec::new();
        for ((exchange, attempt), rows) in attempts {
            if let Some(of) = resolve(&transaction, exchange, attempt, true)? {
                resolved.push((of, rows));
            }
        }
        let mut books = Books::open(&transaction)?;
        let mut rollup = Rollup::default();
        for (of, rows) in &resolved {
            let group = Group {
                hour: 0,
                account: &of.account,
                key: &of.key,
                model: "",
                deployment: &of.deployment,
                outcome: IN_DOUBT,
            };
            for row in rows {
                books.enter_attempt(row)?;
                rollup.add_entry(row, group);
            }
        }
        books.close()?;
        rollup.write(&transaction)?;
        transaction.commit()?;
        Ok(resolved.iter().map(|(_, rows)| rows.len() as u64).sum())
    }

    /// Takes an attempt off the list for which nothing is owed, and says whether it was there.
    pub fn drop_in_doubt(&self, exchange: ExchangeId, attempt: u32) -> Result<bool, StoreFault> {
        let mut writer = self.writer()?;
        let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let was_there = resolve(&transaction, exchange, attempt, false)?.is_some();
        transaction.commit()?;
        Ok(was_there)
    }
}

/// Who asked for an attempt, and where it went.
struct Of {
    account: String,
    key: String,
    deployment: String,
}

fn resolve(
    connection: &Connection,
    exchange: ExchangeId,
    attempt: u32,
    is_entered: bool,
) -> Result<Option<Of>, StoreFault> {
    let name = (whole(exchange.as_u64()), attempt);
    let mut taken = connection.prepare_cached(
        "DELETE FROM in_doubt WHERE exchange = ?1 AND attempt = ?2
         RETURNING api_key, deployment, (SELECT account FROM api_keys WHERE id = api_key)",
    )?;
    let columns = |row: &Row<'_>| {
        Ok(Of { account: row.get::<_, Option<_>>(2)?.unwrap_or_default(), key: row.get(0)?, deployment: row.get(1)? })
    };
    let of = taken.query_row(name, columns).optional()?;
    if of.is_some() {
        let mut noted = connection.prepare_cached("INSERT OR REPLACE INTO resolved VALUES (?1, ?2, ?3)")?;
        noted.execute((name.0, name.1, is_entered))?;
    }
    Ok(of)
}

/// What a batch of records has to know of attempts in doubt. Nearly always there are none.
pub(super) struct Doubts<'c> {
    connection: &'c Connection,
    is_any: bool,
}

impl<'c> Doubts<'c> {
    pub(super) fn look(connection: &'c Connection) -> Result<Self, StoreFault> {
        let mut statement = connection.prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM in_doubt) OR EXISTS (SELECT 1 FROM resolved WHERE entered)",
        )?;
        Ok(Self { connection, is_any: statement.query_row([], |row| row.get(0))? })
    }

    /// There is a record of the exchange now.
    pub(super) fn recorded(&self, exchange: ExchangeId) -> Result<(), StoreFault> {
        if self.is_any {
            let mut statement = self.connection.prepare_cached("DELETE FROM in_doubt WHERE exchange = ?1")?;
            statement.execute([whole(exchange.as_u64())])?;
        }
        Ok(())
    }

    /// Whether entries of that attempt came before its record.
    pub(super) fn is_entered(&self, row: &EntryRow) -> Result<bool, StoreFault> {
        let Some(exchange) = row.exchange.filter(|_| self.is_any) else { return Ok(false) };
        let mut statement = self.connection.prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM resolved WHERE exchange = ?1 AND attempt = ?2 AND entered)",
        )?;
        Ok(statement.query_row((whole(exchange.as_u64()), row.attempt), |row| row.get(0))?)
    }
}

struct Columns {
    exchange: i64,
    attempt: u32,
    at_us: i64,
    key: String,
    deployment: String,
    price: Option<i64>,
    multiplier: i64,
    rate: i64,
    held: String,
    delivered: String,
}

impl Columns {
    fn read(row: &Row<'_>) -> Result<Self, rusqlite::Error> {
        Ok(Self {
            exchange: row.get(0)?,
            attempt: row.get(1)?,
            at_us: row.get(2)?,
            key: row.get(3)?,
            deployment: row.get(4)?,
            price: row.get(5)?,
            multiplier: row.get(6)?,
            rate: row.get(7)?,
            held: row.get(8)?,
            delivered: row.get(9)?,
        })
    }

    fn sent(self) -> Result<SentRow, StoreFault> {
        let corrupt = || StoreFault::Corrupt { what: "attempt in doubt" };
        let cost = |text: &str| ListCost::from_parts(text.parse().ok()?).ok();
        let rate = Rate::from_millionths(self.rate.unsigned_abs()).ok_or_else(corrupt)?;
        let multiplier = Factor::from_millionths(self.multiplier.unsigned_abs());
        Ok(SentRow {
            exchange: ExchangeId::from_u64(self.exchange.unsigned_abs()),
            attempt: self.attempt,
            at_us: self.at_us,
            key: KeyId::new(self.key),
            deployment: self.deployment,
            price: self.price.map(|number| PriceId::from_u64(number.cast_unsigned())),
            conversion: Conversion::new(multiplier, rate).ok_or_else(corrupt)?,
            held: cost(&self.held).ok_or_else(corrupt)?,
            delivered: cost(&self.delivered).ok_or_else(corrupt)?,
        })
    }
}

/// The outcome under which usage shows what was charged for attempts in doubt.
const IN_DOUBT: &str = "in_doubt";
const KEEP: &str = "
    INSERT INTO in_doubt SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10
    WHERE NOT EXISTS (SELECT 1 FROM exchanges WHERE id = ?1)
      AND NOT EXISTS (SELECT 1 FROM resolved WHERE exchange = ?1 AND attempt = ?2)
    ON CONFLICT DO NOTHING";
