//! What is old is forgotten: records, and usage by the hour. Entries, and usage by the day, never are.

use roundelay_ledger::ExchangeId;
use rusqlite::{Connection, TransactionBehavior};

use super::{Store, StoreFault, days, exchanges::count, hours::span, rollup::hour_of_ms, search::HOURS, whole};

impl Store {
    /// Forgets records that began before `before_ms` (milliseconds since 1970-01-01 UTC) and have an id below `below`: the
    /// oldest `limit` of them at most, and says how many these were. What they cost and what was used stays. Zero when
    /// there are none, or when in the hour of `before_ms` others come first.
    ///
    /// A record that is forgotten is one that may be added again, so `below` must be no later than the oldest exchange
    /// that a journal still holds.
    pub fn forget_exchanges(&self, before_ms: i64, below: ExchangeId, limit: usize) -> Result<u64, StoreFault> {
        let mut writer = self.writer()?;
        let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let (hour, below) = (hour_of_ms(before_ms), whole(below.as_u64()));
        let limit = whole(limit as u64);
        let forget = |sql: &str, from: Option<i64>, to: i64| {
            let Some((first, last)) = span(&transaction, HOURS, from, Some(to))? else { return Ok(0) };
            let last = last.min(below.saturating_sub(1));
            Ok::<_, StoreFault>(transaction.prepare_cached(sql)?.execute((before_ms, limit, first, last))? as u64)
        };
        // In hours that are over nearly every record is meant, and one that a wrong clock has dated later is passed over.
        let mut forgotten = forget(FORGET_OF_HOURS, None, hour.saturating_sub(1))?;
        if forgotten == 0 {
            forgotten = forget(FORGET_OF_THIS_HOUR, Some(hour), hour)?;
        }
        if forgotten > 0 {
            count(&transaction, -whole(forgotten))?;
            transaction.prepare_cached(FORGET_PLACES)?.execute([hour])?;
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

const FORGET_OF_HOURS: &str = "
    DELETE FROM exchanges
    WHERE id IN (
        SELECT id FROM exchanges WHERE id BETWEEN ?3 AND ?4 AND started_at_ms < ?1 ORDER BY id LIMIT ?2)";
/// Looks at no more than the limit, since most of the hour may be too young.
const FORGET_OF_THIS_HOUR: &str = "
    DELETE FROM exchanges
    WHERE id IN (SELECT id FROM exchanges WHERE id BETWEEN ?3 AND ?4 ORDER BY id LIMIT ?2) AND started_at_ms < ?1";
const FORGET_PLACES: &str = "
    DELETE FROM exchange_hours
    WHERE hour <= ?1
      AND NOT EXISTS (SELECT 1 FROM exchanges WHERE id BETWEEN exchange_hours.first AND exchange_hours.last)";
const FORGET_HOURS: &str = "
    DELETE FROM usage_hours
    WHERE (hour, account, api_key, model, deployment, outcome) IN (
        SELECT hour, account, api_key, model, deployment, outcome FROM usage_hours
        WHERE hour < ?1 ORDER BY hour, account, api_key, model, deployment, outcome LIMIT ?2)";
