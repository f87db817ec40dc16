//! Where among ten million records those are that somebody asks for: usage says in which hours there are any.

use std::ops::ControlFlow;

use roundelay_ledger::{AccountId, KeyId};
use rusqlite::Connection;

use super::{StoreFault, days, exchanges::ExchangeFilter, hours::span};

/// Shows ranges of ids, from the newest down, of which every one that is meant lies in one: not before the hour
/// `since` (unix time / 3,600 s), and below the id `before`. Ends when told to.
pub(super) fn walk(
    connection: &Connection,
    names: &Names<'_>,
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
    if *names == Names::default() {
        return visit(since, i64::MAX).map(drop);
    }
    let end = days::end(connection)?;
    if each(connection, "usage_hours", names, (since.max(end), i64::MAX), |hour| visit(hour, hour))?.is_break() {
        return Ok(());
    }
    let begin = days::begin(connection)?;
    each(connection, "usage_days", names, (days::first_hour(since), end.saturating_sub(1)), |day| {
        let hours = (day.max(since), day + days::LAST_HOUR);
        if day < begin {
            return visit(hours.0, hours.1); // its hours are forgotten
        }
        each(connection, "usage_hours", names, hours, |hour| visit(hour, hour))
    })
    .map(drop)
}

/// What has a name of its own in usage; `None` is any.
#[derive(Debug, PartialEq, Eq, Default)]
pub(super) struct Names<'a> {
    pub(super) account: Option<&'a str>,
    pub(super) key: Option<&'a str>,
    pub(super) model: Option<&'a str>,
    pub(super) outcome: Option<&'a str>,
    /// Those accounts there are for whoever asks: a JSON list.
    pub(super) scope: Option<String>,
}

impl<'a> Names<'a> {
    pub(super) fn of(filter: &'a ExchangeFilter) -> Self {
        let ExchangeFilter { account, key, model, outcome, scope, .. } = filter;
        Self {
            account: account.as_ref().map(AccountId::as_str),
            key: key.as_ref().map(KeyId::as_str),
            model: model.as_deref(),
            outcome: outcome.as_deref(),
            scope: scope.list(),
        }
    }

    /// What of SQL keeps to the scope, whose list has that number: without one, a condition that no row is asked about.
    pub(super) fn scope_condition(&self, number: usize) -> String {
        match self.scope {
            Some(_) => format!("account IN (SELECT value FROM json_each(?{number}))"),
            None => format!("?{number} IS NULL"),
        }
    }
}

/// Shows the hours from one to another, both counted, in which there are exchanges that are meant, the last one first.
fn each(
    connection: &Connection,
    table: &str,
    names: &Names<'_>,
    (from, to): (i64, i64),
    mut show: impl FnMut(i64) -> Result<ControlFlow<()>, StoreFault>,
) -> Result<ControlFlow<()>, StoreFault> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT DISTINCT hour FROM {table}
         WHERE (?1 IS NULL OR account = ?1) AND (?2 IS NULL OR api_key = ?2) AND (?3 IS NULL OR model = ?3)
           AND (?4 IS NULL OR outcome = ?4) AND hour BETWEEN ?5 AND ?6 AND exchanges > 0 AND {}
         ORDER BY hour DESC",
        names.scope_condition(7)
    ))?;
    let Names { account, key, model, outcome, scope } = names;
    let mut rows = statement.query((account, key, model, outcome, from, to, scope))?;
    while let Some(row) = rows.next()? {
        if show(row.get(0)?)?.is_break() {
            return Ok(ControlFlow::Break(()));
        }
    }
    Ok(ControlFlow::Continue(()))
}

pub(super) const HOURS: &str = "exchange_hours";
