//! Where among ten million records those are that somebody asks for: usage says in which hours there are any.

use std::ops::ControlFlow;

use roundelay_ledger::{AccountId, KeyId};
use rusqlite::Connection;

use super::{StoreFault, days, exchanges::ExchangeFilter, hours::span};

/// Shows ranges of ids, from the newest down, of which every one that is meant lies in one: not before the hour
/// `since` (unix time / 3,600 s), and below the id `before`. Ends when told to.
pub(super) fn walk(
    connection: &Connection,
    filter: &ExchangeFilter,
    (since, before): (i64, i64),
    mut show: impl FnMut(i64, i64) -> Result<ControlFlow<()>, StoreFault>,
) -> Result<(), StoreFault> {
    let mut below = before;
    let mut visit = |from: i64, to: i64| {
        let Some((first, _)) = span(connection, HOURS, Some(from), Some(to))? else {
            return Ok(ControlFlow::Continue(()));
        };
        if first >= below {
            return Ok(ControlFlow::Continue(())); // an earlier page has shown all of it
        }
        // Clocks are set back: an earlier hour may have a later id.
        let last =
            span(connection, HOURS, None, Some(to))?.map_or(first, |(_, last)| last).min(below.saturating_sub(1));
        if first > last {
            return Ok(ControlFlow::Continue(()));
        }
        below = first;
        show(first, last)
    };
    if names(filter) == (None, None, None, None) {
        return visit(since, i64::MAX).map(drop);
    }
    let end = days::end(connection)?;
    if each(connection, "usage_hours", filter, (since.max(end), i64::MAX), |hour| visit(hour, hour))?.is_break() {
        return Ok(());
    }
    let begin = days::begin(connection)?;
    each(connection, "usage_days", filter, (days::first_hour(since), end.saturating_sub(1)), |day| {
        let hours = (day.max(since), day + days::LAST_HOUR);
        if day < begin {
            return visit(hours.0, hours.1); // its hours are forgotten
        }
        each(connection, "usage_hours", filter, hours, |hour| visit(hour, hour))
    })
    .map(drop)
}

/// What has a name of its own in usage, in the order of its columns.
pub(super) fn names(filter: &ExchangeFilter) -> (Option<&str>, Option<&str>, Option<&str>, Option<&str>) {
    let ExchangeFilter { account, key, model, outcome, .. } = filter;
    (account.as_ref().map(AccountId::as_str), key.as_ref().map(KeyId::as_str), model.as_deref(), outcome.as_deref())
}

/// Shows the hours from one to another, both counted, in which there are exchanges that are meant, the last one first.
fn each(
    connection: &Connection,
    table: &str,
    filter: &ExchangeFilter,
    (from, to): (i64, i64),
    mut show: impl FnMut(i64) -> Result<ControlFlow<()>, StoreFault>,
) -> Result<ControlFlow<()>, StoreFault> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT DISTINCT hour FROM {table}
         WHERE (?1 IS NULL OR account = ?1) AND (?2 IS NULL OR api_key = ?2) AND (?3 IS NULL OR model = ?3)
           AND (?4 IS NULL OR outcome = ?4) AND hour BETWEEN ?5 AND ?6 AND exchanges > 0
         ORDER BY hour DESC"
    ))?;
    let (account, key, model, outcome) = names(filter);
    let mut rows = statement.query((account, key, model, outcome, from, to))?;
    while let Some(row) = rows.next()? {
        if show(row.get(0)?)?.is_break() {
            return Ok(ControlFlow::Break(()));
        }
    }
    Ok(ControlFlow::Continue(()))
}

pub(super) const HOURS: &str = "exchange_hours";
