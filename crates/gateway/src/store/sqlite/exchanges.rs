//! Records of exchanges in the store.

use std::{ops::ControlFlow, sync::LazyLock};

use roundelay_ledger::{AccountId, ExchangeId, KeyId, Money};
use rusqlite::{Connection, ErrorCode, OptionalExtension, Row, Statement, ToSql, TransactionBehavior};

use super::{
    Store, StoreFault,
    books::Books,
    doubt::Doubts,
    hours::Hours,
    rollup::{Rollup, hour_of_ms},
    search, whole,
};
use crate::store::{AttemptRecord, Label, Record, Scope, Usage};
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

/// Which records are meant; by default all of them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ExchangeFilter {
    /// Those of this account alone.
    pub account: Option<AccountId>,
    /// Those that this key asked for.
    pub key: Option<KeyId>,
    /// Those that showed an answer of this model.
    pub model: Option<String>,
    /// Those that ended so.
    pub outcome: Option<String>,
    /// Those that began then or later, in milliseconds since 1970-01-01 UTC.
    pub since_ms: Option<i64>,
    /// Those before this one.
    pub before: Option<ExchangeId>,
    /// Those of accounts in it.
    pub scope: Scope,
}

impl Store {
    /// Adds records in one transaction, with their entries, the balances after these, and their share of usage, and
    /// says how many were new: one whose id is there already is left as it was, so that adding twice is adding once.
    /// One that breaks a rule of the tables, which no second try would change, is skipped; any other fault leaves the
    /// store as it was.
    ///
    /// Entries of attempts that were in doubt and are entered already are left out, and nothing of a recorded exchange
    /// stays in doubt.
    pub fn insert_exchanges<'a>(&self, records: impl IntoIterator<Item = &'a Record>) -> Result<Inserted, StoreFault> {
        let mut writer = self.writer()?;
        let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let inserted = {
            let mut batch = Batch::open(&transaction)?;
            for record in records {
                batch.add(record)?;
            }
            batch.close()?
        };
        count(&transaction, whole(inserted.added))?;
        transaction.commit()?;
        Ok(inserted)
    }

    /// The record of an exchange.
    pub fn exchange(&self, id: ExchangeId) -> Result<Option<Record>, StoreFault> {
        let reader = self.reader();
        let mut statement = reader.prepare_cached(&format!("{SELECT} WHERE id = ?1"))?;
        statement.query_row([whole(id.as_u64())], Columns::read).optional()?.map(Columns::record).transpose()
    }

    /// The latest records that are meant, newest first: at most `limit`, and at most 1,000. The next page is what is
    /// before the last of these.
    pub fn recent_exchanges(&self, filter: &ExchangeFilter, limit: usize) -> Result<Vec<Record>, StoreFault> {
        let mut reader = self.pages();
        // No hours are forgotten between a look at them and one at their records.
        let reader = reader.transaction()?;
        let limit = limit.min(PAGE_MAX);
        let mut found = Vec::new();
        let before = filter.before.map_or(i64::MAX, |before| whole(before.as_u64()));
        let since = filter.since_ms.map_or(i64::MIN, hour_of_ms);
        let names = search::Names::of(filter);
        let sql = page(filter, &names);
        search::walk(&reader, &names, (since, before), |first, last| {
            let mut statement = reader.prepare_cached(&sql)?;
            let rest = whole((limit - found.len()) as u64);
            let search::Names { account, key, model, outcome, scope } = &names;
            let values = (account, key, model, outcome, first, last, filter.since_ms, rest, scope);
            for row in statement.query_map(values, Columns::read)? {
                found.push(row?.record()?);
            }
            Ok(if found.len() < limit { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
        })?;
        Ok(found)
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

/// A page between two ids (`?5` and `?6`), from whichever index has least to read. The names of what is asked for are
/// `?1` to `?4`, `?7` and `?8` a beginning and a limit, and `?9` the scope.
fn page(filter: &ExchangeFilter, names: &search::Names<'_>) -> String {
    let ExchangeFilter { account, key, model, outcome, .. } = filter;
    let is_rare = key.is_none() && account.is_none() && outcome.as_deref().is_some_and(|outcome| outcome != "answered");
    let mut sql = format!("{SELECT} WHERE id BETWEEN ?5 AND ?6 AND (?7 IS NULL OR started_at_ms >= ?7)");
    for (condition, is_asked) in [
        (if key.is_some() { " AND +account = ?1" } else { " AND account = ?1" }, account.is_some()),
        (" AND api_key = ?2", key.is_some()),
        (" AND model = ?3", model.is_some()),
        (if is_rare { " AND outcome = ?4" } else { " AND +outcome = ?4" }, outcome.is_some()),
        (" AND outcome <> 'answered'", is_rare), // the condition of an index
    ] {
        if is_asked {
            sql.push_str(condition);
        }
    }
    sql.push_str(&format!(" AND {} ORDER BY id DESC LIMIT ?8", names.scope_condition(9)));
    sql
}

/// Records on their way into one transaction, with all that follows them.
struct Batch<'c, 'a> {
    connection: &'c Connection,
    /// Several are written by one statement: to begin one costs as much as a row.
    pending: Vec<&'a Record>,
    inserted: Inserted,
    books: Books<'c, 'a>,
    doubts: Doubts<'c>,
    rollup: Rollup<'a>,
    hours: Hours,
}

impl<'c, 'a> Batch<'c, 'a> {
    fn open(connection: &'c Connection) -> Result<Self, StoreFault> {
        Ok(Self {
            connection,
            pending: Vec::with_capacity(AT_ONCE),
            inserted: Inserted::default(),
            books: Books::open(connection)?,
            doubts: Doubts::look(connection)?,
            rollup: Rollup::default(),
            hours: Hours::default(),
        })
    }

    fn add(&mut self, record: &'a Record) -> Result<(), StoreFault> {
        self.pending.push(record);
        if self.pending.len() == AT_ONCE { self.write() } else { Ok(()) }
    }

    /// Writes what is pending: at once where there are as many as one statement takes and all are new.
    fn write(&mut self) -> Result<(), StoreFault> {
        let records = std::mem::take(&mut self.pending);
        if records.len() == AT_ONCE && self.insert_all(&records)? {
            self.inserted.added += records.len() as u64;
            return records.into_iter().try_for_each(|record| self.follow(record));
        }
        records.into_iter().try_for_each(|record| self.insert(record))
    }

    /// Adds all of them, or none where one is there already or breaks a rule.
    fn insert_all(&self, records: &[&Record]) -> Result<bool, StoreFault> {
        let mut statement = self.connection.prepare_cached(&INSERT_MANY)?;
        match bind(&mut statement, records).and_then(|()| statement.raw_execute()) {
            Ok(_) => Ok(true),
            Err(fault) if is_broken_rule(&fault) => Ok(false),
            Err(fault) => Err(fault.into()),
        }
    }

    fn insert(&mut self, record: &'a Record) -> Result<(), StoreFault> {
        let mut statement = self.connection.prepare_cached(&INSERT)?;
        match bind(&mut statement, &[record]).and_then(|()| statement.raw_execute()) {
            Ok(0) => Ok(()),
            Ok(_) => {
                self.inserted.added += 1;
                self.follow(record)
            }
            Err(fault) if is_broken_rule(&fault) => {
                self.inserted.refused += 1;
                events::record_refused(record.id, &fault);
                Ok(())
            }
            Err(fault) => Err(fault.into()),
        }
    }

    fn follow(&mut self, record: &'a Record) -> Result<(), StoreFault> {
        self.doubts.recorded(record.id)?;
        self.rollup.add(record);
        self.hours.add(hour_of_ms(record.started_at_ms), whole(record.id.as_u64()));
        for entry in &record.entries {
            if !self.doubts.is_entered(entry)? {
                self.books.enter_attempt(entry)?;
                self.rollup.add_entry(entry, Rollup::group_of(record, entry.attempt));
            }
        }
        Ok(())
    }

    fn close(mut self) -> Result<Inserted, StoreFault> {
        self.write()?;
        self.books.close()?;
        self.rollup.write(self.connection)?;
        self.hours.write(self.connection, search::HOURS)?;
        Ok(self.inserted)
    }
}

fn is_broken_rule(fault: &rusqlite::Error) -> bool {
    fault.sqlite_error_code() == Some(ErrorCode::ConstraintViolation)
}

pub(super) fn count(connection: &Connection, more: i64) -> Result<(), StoreFault> {
    let mut statement = connection.prepare_cached("UPDATE meta SET value = value + ?1 WHERE name = 'exchanges'")?;
    statement.execute([more])?;
    Ok(())
}

/// Binds the columns of each record in turn.
fn bind(statement: &mut Statement<'_>, records: &[&Record]) -> Result<(), rusqlite::Error> {
    let mut parameter = 0;
    for record in records {
        let usage = &record.usage;
        let attempts = serde_json::to_string(&record.attempts).expect("attempts are numbers and strings");
        let values: [&dyn ToSql; COLUMNS] = [
            &whole(record.id.as_u64()),
            &record.started_at_ms,
            &whole(record.duration_us),
            &record.first_content_us.map(whole),
            &record.account.as_str(),
            &record.key.as_str(),
            &record.asked,
            &record.deployment,
            &record.model,
            &record.status,
            &record.outcome,
            &record.failure,
            &record.stream,
            &whole(usage.input),
            &whole(usage.cache_read),
            &whole(usage.cache_write),
            &whole(usage.output),
            &whole(usage.reasoning),
            &usage.estimated,
            &record.cost.map(Money::nano),
            &attempts,
            &record.decision,
        ];
        for value in values {
            parameter += 1;
            statement.raw_bind_parameter(parameter, value)?;
        }
    }
    Ok(())
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
const COLUMNS: usize = 22;
const AT_ONCE: usize = 8;
const VALUES: &str = "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
static INSERT: LazyLock<String> =
    LazyLock::new(|| format!("INSERT INTO exchanges VALUES {VALUES} ON CONFLICT DO NOTHING"));
static INSERT_MANY: LazyLock<String> =
    LazyLock::new(|| format!("INSERT INTO exchanges VALUES {}", [VALUES; AT_ONCE].join(", ")));

#[cfg(test)]
mod tests {
    use super::*;

    /// What `SQLite` says it reads.
    fn plan(filter: &ExchangeFilter) -> String {
        let dir = tempfile::tempdir().expect("a folder");
        let store = Store::open(dir.path()).expect("a store");
        let reader = store.reader();
        let mut statement = reader
            .prepare(&format!("EXPLAIN QUERY PLAN {}", page(filter, &search::Names::of(filter))))
            .expect("a page");
        let mut rows = statement.raw_query();
        let mut steps = String::new();
        while let Some(step) = rows.next().expect("a plan") {
            steps.push_str(&step.get::<_, String>(3).expect("a step"));
        }
        steps
    }

    #[test]
    fn a_page_is_read_from_an_index_and_never_sorted() {
        let all = ExchangeFilter::default;
        let (key, account) = (Some(KeyId::new("k1")), AccountId::new("a1").ok());
        let (cut, answered) = (Some("cut".to_owned()), Some("answered".to_owned()));
        for (filter, index) in [
            (all(), "USING INTEGER PRIMARY KEY"),
            (ExchangeFilter { model: Some("m".to_owned()), ..all() }, "USING INTEGER PRIMARY KEY"),
            (ExchangeFilter { outcome: answered, ..all() }, "USING INTEGER PRIMARY KEY"),
            (ExchangeFilter { outcome: cut.clone(), ..all() }, "USING INDEX exchanges_ended"),
            (ExchangeFilter { account: account.clone(), ..all() }, "USING INDEX exchanges_account"),
            (ExchangeFilter { account: account.clone(), outcome: cut.clone(), ..all() }, "exchanges_account"),
            (ExchangeFilter { key: key.clone(), ..all() }, "USING INDEX exchanges_key"),
            (ExchangeFilter { key, account, outcome: cut, ..all() }, "USING INDEX exchanges_key"),
        ] {
            let plan = plan(&filter);
            assert!(plan.contains(index) && plan.contains("rowid>?"), "{filter:?}: {plan}");
            assert!(!plan.contains("TEMP B-TREE"), "{filter:?}: {plan}");
        }
    }
}
