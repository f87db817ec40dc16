//! Records of exchanges in the store.

use roundelay_ledger::{AccountId, ExchangeId, KeyId, Money};
use rusqlite::{ErrorCode, OptionalExtension, Row, Statement, TransactionBehavior};

use super::{Store, StoreFault};
use crate::store::{AttemptRecord, Label, Record, Usage};
use crate::telemetry::events;

/// How much there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Counts {
    /// Accounts.
    pub accounts: u64,
    /// Keys, revoked ones too.
    pub keys: u64,
    /// Exchanges.
    pub exchanges: u64,
}

/// What became of records that were to be added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Inserted {
    /// Those that were new.
    pub added: u64,
    /// Those that the store will never take.
    pub refused: u64,
}

impl Store {
    /// Adds records in one transaction, and says how many were new: one whose id is there already is left as it was,
    /// so that adding twice is adding once. One that breaks a rule of the tables, which no second try would change, is
    /// skipped; any other fault leaves the store as it was.
    pub fn insert_exchanges<'a>(&self, records: impl IntoIterator<Item = &'a Record>) -> Result<Inserted, StoreFault> {
        let mut writer = self.writer();
        let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut inserted = Inserted::default();
        {
            let mut statement = transaction.prepare_cached(INSERT)?;
            for record in records {
                match insert(&mut statement, record) {
                    Ok(added) => inserted.added += added as u64,
                    Err(fault) if fault.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => {
                        inserted.refused += 1;
                        events::record_refused(record.id, &fault);
                    }
                    Err(fault) => return Err(fault.into()),
                }
            }
            let mut count =
                transaction.prepare_cached("UPDATE meta SET value = value + ?1 WHERE name = 'exchanges'")?;
            count.execute([whole(inserted.added)])?;
        }
        transaction.commit()?;
        Ok(inserted)
    }

    /// The record of an exchange.
    pub fn exchange(&self, id: ExchangeId) -> Result<Option<Record>, StoreFault> {
        let reader = self.reader();
        let mut statement = reader.prepare_cached(&format!("{SELECT} WHERE id = ?1"))?;
        statement.query_row([whole(id.as_u64())], Columns::read).optional()?.map(Columns::record).transpose()
    }

    /// The latest records, newest first: at most `limit` (1,000 at most), and older than `before` where it is given.
    pub fn recent_exchanges(&self, limit: usize, before: Option<ExchangeId>) -> Result<Vec<Record>, StoreFault> {
        let reader = self.reader();
        let mut statement = reader.prepare_cached(&format!("{SELECT} WHERE id < ?1 ORDER BY id DESC LIMIT ?2"))?;
        let before = before.map_or(i64::MAX, |id| whole(id.as_u64()));
        let rows = statement.query_map((before, whole(limit.min(PAGE_MAX) as u64)), Columns::read)?;
        rows.map(|row| row?.record()).collect()
    }

    /// How much there is, without reading the exchanges.
    pub fn counts(&self) -> Result<Counts, StoreFault> {
        let reader = self.reader();
        let mut statement = reader.prepare_cached(
            "SELECT (SELECT count(*) FROM accounts), (SELECT count(*) FROM api_keys),
                    (SELECT value FROM meta WHERE name = 'exchanges')",
        )?;
        let counts = statement.query_row([], |row| {
            let count = |column| row.get::<_, i64>(column).map(i64::unsigned_abs);
            Ok(Counts { accounts: count(0)?, keys: count(1)?, exchanges: count(2)? })
        })?;
        Ok(counts)
    }

    /// The newest exchange, so that new names continue after it.
    pub fn newest_exchange(&self) -> Result<Option<ExchangeId>, StoreFault> {
        let sql = "SELECT max(id) FROM exchanges";
        let newest: Option<i64> = self.reader().query_row(sql, [], |row| row.get(0))?;
        Ok(newest.map(|id| ExchangeId::from_u64(id.unsigned_abs())))
    }
}

fn insert(statement: &mut Statement<'_>, record: &Record) -> Result<usize, rusqlite::Error> {
    let usage = &record.usage;
    let attempts = serde_json::to_string(&record.attempts).expect("attempts are numbers and strings");
    statement.execute(rusqlite::params![
        whole(record.id.as_u64()),
        record.started_at_ms,
        whole(record.duration_us),
        record.first_content_us.map(whole),
        record.account.as_str(),
        record.key.as_str(),
        record.asked,
        record.deployment,
        record.model,
        record.status,
        record.outcome,
        record.failure,
        record.stream,
        whole(usage.input),
        whole(usage.cache_read),
        whole(usage.cache_write),
        whole(usage.output),
        whole(usage.reasoning),
        usage.estimated,
        record.cost.map(Money::nano),
        attempts,
        record.decision,
    ])
}

/// SQL's integers end at 2⁶³ − 1; no true count or time comes near.
fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

struct Columns {
    record: Record,
    account: String,
    attempts: String,
}

impl Columns {
    fn read(row: &Row<'_>) -> Result<Self, rusqlite::Error> {
        let count = |column: &str| row.get::<_, i64>(column).map(i64::unsigned_abs);
        let usage = Usage {
            input: count("input")?,
            cache_read: count("cache_read")?,
            cache_write: count("cache_write")?,
            output: count("output")?,
            reasoning: count("reasoning")?,
            estimated: row.get("estimated")?,
        };
        let record = Record {
            id: ExchangeId::from_u64(count("id")?),
            started_at_ms: row.get("started_at_ms")?,
            duration_us: count("duration_us")?,
            first_content_us: row.get::<_, Option<i64>>("first_content_us")?.map(i64::unsigned_abs),
            account: AccountId::default_account(),
            key: KeyId::new(row.get::<_, String>("api_key")?),
            asked: row.get("asked")?,
            deployment: row.get("deployment")?,
            model: row.get("model")?,
            status: row.get("status")?,
            outcome: Label::Owned(row.get("outcome")?),
            failure: row.get::<_, Option<String>>("failure")?.map(Label::Owned),
            stream: row.get("stream")?,
            usage,
            cost: row.get::<_, Option<i64>>("cost_nano")?.map(Money::from_nano),
            attempts: Vec::new(),
            entries: Vec::new(),
            decision: row.get("decision")?,
        };
        Ok(Self { record, account: row.get("account")?, attempts: row.get("attempts")? })
    }

    fn record(self) -> Result<Record, StoreFault> {
        let account = AccountId::new(&self.account).map_err(|_| StoreFault::Corrupt { what: "account id" })?;
        let attempts: Vec<AttemptRecord> =
            serde_json::from_str(&self.attempts).map_err(|_| StoreFault::Corrupt { what: "list of attempts" })?;
        Ok(Record { account, attempts, ..self.record })
    }
}

const PAGE_MAX: usize = 1_000;
const SELECT: &str = "SELECT * FROM exchanges";
const INSERT: &str = "INSERT INTO exchanges VALUES
    (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22)
    ON CONFLICT DO NOTHING";
