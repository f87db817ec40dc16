//! Usage by the day: hours of days that are over, added up once, so that a month is thirty days and not 720 hours.

use rusqlite::Connection;

use super::StoreFault;

/// Hours as unix time / 3,600 s, each from the first to before the second: `before` and `after` are read by the hour,
/// `days` by the day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ranges {
    pub(super) before: (i64, i64),
    pub(super) days: (i64, i64),
    pub(super) after: (i64, i64),
}

impl Ranges {
    /// Splits a range of hours where days before `end` are added up.
    pub(super) fn split(from: i64, to: i64, end: i64) -> Self {
        let first = from.checked_add(DAY - 1).map_or(from, first_hour);
        let last = first_hour(to).min(end);
        if first < last {
            Self { before: (from, first), days: (first, last), after: (last, to) }
        } else {
            Self { before: (from, to), days: (0, 0), after: (0, 0) }
        }
    }
}

/// The first hour of the day (UTC) that an hour lies in; the earliest of all where that cannot be written.
pub(super) const fn first_hour(hour: i64) -> i64 {
    hour.div_euclid(DAY).saturating_mul(DAY)
}

/// The first hour that is not added up: the days before it are.
pub(super) fn end(connection: &Connection) -> Result<i64, StoreFault> {
    let mut statement = connection.prepare_cached("SELECT value FROM meta WHERE name = 'usage_days_end'")?;
    Ok(statement.query_row([], |row| row.get(0))?)
}

/// Adds up the days from `end` to before `new_end`, all of which are over. Some tenths of a second, once a day.
pub(super) fn add_up(connection: &Connection, end: i64, new_end: i64) -> Result<(), StoreFault> {
    connection.prepare_cached(ADD_UP)?.execute((end, new_end))?;
    connection.prepare_cached("UPDATE meta SET value = ?1 WHERE name = 'usage_days_end'")?.execute([new_end])?;
    Ok(())
}

/// From the first hour of a day to its last.
pub(super) const LAST_HOUR: i64 = DAY - 1;
const DAY: i64 = 24;
/// No hour is below zero here. A sum of hours is bounded as each of them is.
const ADD_UP: &str = "
    INSERT INTO usage_days
    SELECT hour / 24 * 24, account, api_key, model, deployment, outcome,
           sum(exchanges), sum(unpriced), sum(estimated),
           cast(min(total(input), 1 << 62) AS INTEGER), cast(min(total(cache_read), 1 << 62) AS INTEGER),
           cast(min(total(cache_write), 1 << 62) AS INTEGER), cast(min(total(output), 1 << 62) AS INTEGER),
           cast(min(total(reasoning), 1 << 62) AS INTEGER),
           sum(cost_nano), sum(usd_nano), sum(cny_nano), sum(cny_as_usd_nano), sum(lost_nano)
    FROM usage_hours WHERE hour >= ?1 AND hour < ?2
    GROUP BY 1, 2, 3, 4, 5, 6";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_split_at_days_that_are_added_up() {
        for ((from, to, end), (before, days, after)) in [
            ((0, 48, 48), ((0, 0), (0, 48), (48, 48))),
            ((1, 50, 48), ((1, 24), (24, 48), (48, 50))),
            ((1, 50, 24), ((1, 50), (0, 0), (0, 0))),
            ((1, 47, 72), ((1, 47), (0, 0), (0, 0))),
            ((25, 30, 72), ((25, 30), (0, 0), (0, 0))),
            ((50, 20, 72), ((50, 20), (0, 0), (0, 0))),
            ((0, i64::MAX, 72), ((0, 0), (0, 72), (72, i64::MAX))),
        ] {
            assert_eq!(Ranges::split(from, to, end), Ranges { before, days, after }, "{from} to {to}, {end}");
        }
        let all = Ranges::split(i64::MIN, i64::MAX, 72);
        assert_eq!((all.before.0, all.days.1, all.after), (i64::MIN, 72, (72, i64::MAX)));
        assert_eq!(all.before.1, all.days.0);
    }
}
