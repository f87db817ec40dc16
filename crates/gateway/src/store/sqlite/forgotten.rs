//! What is old is forgotten: records, and usage by the hour. Entries, and usage by the day, never are.

use roundelay_ledger::ExchangeId;
use rusqlite::{Connection, TransactionBehavior};

use super::{Store, StoreFault, days, exchanges::count, rollup::hour_of_ms, whole};

impl Store {
    /// Forgets those of the oldest `limit` records that began before `before_ms` (milliseconds since 1970-01-01 UTC) and
    /// have an id below `below`, and says how many these were. What they cost and what was used stays.
    ///
    /// A record that is forgotten is one that may be added again, so `below` must be no later than the oldest exchange
    /// that a journal still holds.
    pub fn forget_exchanges(&self, before_ms: i64, below: ExchangeId, limit: usize) -> Result<u64, StoreFault> {
        let mut writer = self.writer()?;
        let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let forgotten = transaction.prepare_cached(FORGET_EXCHANGES)?.execute((
            before_ms,
            whole(limit as u64),
            whole(below.as_u64()),
        ))? as u64;
        if forgotten > 0 {
            count(&transaction, -whole(forgotten))?;
            transaction.prepare_cached(FORGET_PLACES)?.execute([])?;
        }
        transaction.commit()?;
        Ok(forgotten)
    }

    /// Forgets usage by the hour of days that were over before `before_ms` (milliseconds since 1970-01-01 UTC) and are
    /// added up by the day; at most `limit` rows, and says how many these were. From then on what is asked about those
    /// days is answered by the day.
    pub fn forget_hours(&self, before_ms: i64, limit: usize) -> Result<u64, StoreFault> {
        let mut writer = self.writer()?;
        let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let begin = days::first_hour(hour_of_ms(before_ms)).min(days::end(&transaction)?);
        // At first, so that nobody counts some hours of a day.
        begin_hours(&transaction, begin)?;
        let forgotten = transaction.prepare_cached(FORGET_HOURS)?.execute((begin, whole(limit as u64)))? as u64;
        transaction.commit()?;
        Ok(forgotten)
    }
}

/// What was forgotten does not come back when more is kept.
fn begin_hours(connection: &Connection, begin: i64) -> Result<(), StoreFault> {
    let sql = "UPDATE meta SET value = max(value, ?1) WHERE name = 'usage_hours_begin'";
    connection.prepare_cached(sql)?.execute([begin])?;
    Ok(())
}

const FORGET_EXCHANGES: &str = "
    DELETE FROM exchanges
    WHERE id IN (SELECT id FROM exchanges WHERE id < ?3 ORDER BY id LIMIT ?2) AND started_at_ms < ?1";
const FORGET_PLACES: &str = "
    DELETE FROM exchange_hours WHERE last < coalesce((SELECT min(id) FROM exchanges), last + 1)";
const FORGET_HOURS: &str = "
    DELETE FROM usage_hours
    WHERE (hour, account, api_key, model, deployment, outcome) IN (
        SELECT hour, account, api_key, model, deployment, outcome FROM usage_hours
        WHERE hour < ?1 ORDER BY hour, account, api_key, model, deployment, outcome LIMIT ?2)";
