//! Between which numbers lie the rows of each hour, so that a time is found by a number and needs no index of its own.

use std::collections::BTreeMap;

use rusqlite::Connection;

use super::StoreFault;

/// The hours of rows that are being added.
#[derive(Debug, Default)]
pub(super) struct Hours(BTreeMap<i64, (i64, i64)>);

impl Hours {
    /// Notes the number of a row of that hour (unix time / 3,600 s).
    pub(super) fn add(&mut self, hour: i64, number: i64) {
        let (first, last) = self.0.entry(hour).or_insert((number, number));
        (*first, *last) = ((*first).min(number), (*last).max(number));
    }

    /// Widens what `table` knows by all that was noted.
    pub(super) fn write(&self, connection: &Connection, table: &str) -> Result<(), StoreFault> {
        let mut statement = connection.prepare_cached(&format!(
            "INSERT INTO {table} VALUES (?1, ?2, ?3)
             ON CONFLICT DO UPDATE SET first = min(first, excluded.first), last = max(last, excluded.last)"
        ))?;
        for (hour, (first, last)) in &self.0 {
            statement.execute((hour, first, last))?;
        }
        Ok(())
    }
}

/// The first and the last number in `table` from one hour to another, both counted; `None` when there is none.
pub(super) fn span(
    connection: &Connection,
    table: &str,
    from: Option<i64>,
    to: Option<i64>,
) -> Result<Option<(i64, i64)>, StoreFault> {
    let mut statement = connection
        .prepare_cached(&format!("SELECT min(first), max(last) FROM {table} WHERE hour BETWEEN ?1 AND ?2"))?;
    let ends = (from.unwrap_or(i64::MIN), to.unwrap_or(i64::MAX));
    let (first, last) = statement.query_row(ends, |row| Ok((row.get::<_, Option<i64>>(0)?, row.get(1)?)))?;
    Ok(first.zip(last))
}
