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
    /// Splits a range of hours where days before `end` are added up, and hours before the day `begin` are forgotten: a
    /// day of which some hours are meant then counts whole.
    pub(super) fn split(from: i64, to: i64, (begin, end): (i64, i64)) -> Self {
        let from = if from < begin { first_hour(from) } else { from };
        let to = if to < begin { next_day(to) } else { to };
        let last = first_hour(to).min(end);
        let first = next_day(from);
        if first < last {
            Self { before: (from, first), days: (first, last), after: (last, to) }
        } else {
            Self { before: (from, to), days: (0, 0), after: (0, 0) }
        }
    }

    /// The tables to read with their conditions, and the ranges that are the values of these.
    pub(super) fn tables(&self) -> impl Iterator<Item = (&'static str, (i64, i64))> {
        let tables = [(HOURS, self.before), (DAYS, self.days), (HOURS, self.after)];
        tables.into_iter().filter(|(_, (from, to))| from < to)
    }
}

/// The hour itself where it is the first of a day, else the first of the next day.
fn next_day(hour: i64) -> i64 {
    hour.checked_add(DAY - 1).map_or(hour, first_hour)
}

/// The first hour of the day (UTC) that an hour lies in; the earliest of all where that cannot be written.
pub(super) const fn first_hour(hour: i64) -> i64 {
    hour.div_euclid(DAY).saturating_mul(DAY)
}

/// The first hour that is not added up: the days before it are.
pub(super) fn end(connection: &Connection) -> Result<i64, StoreFault> {
    value(connection, "usage_days_end")
}

/// The first hour that is not forgotten, which begins a day: of the days before it the sum alone is known.
pub(super) fn begin(connection: &Connection) -> Result<i64, StoreFault> {
    value(connection, "usage_hours_begin")
}

fn value(connection: &Connection, name: &str) -> Result<i64, StoreFault> {
    let mut statement = connection.prepare_cached("SELECT value FROM meta WHERE name = ?1")?;
    Ok(statement.query_row([name], |row| row.get(0))?)
}

/// Adds up the days from `end` to before `new_end`, all of which are over. Some tenths of a second, once a day.
pub(super) fn add_up(connection: &Connection, end: i64, new_end: i64) -> Result<(), StoreFault> {
    connection.prepare_cached(&add_up_sql())?.execute((end, new_end))?;
    connection.prepare_cached("UPDATE meta SET value = ?1 WHERE name = 'usage_days_end'")?.execute([new_end])?;
    Ok(())
}

const HOURS: &str = "usage_hours WHERE hour >= ?1 AND hour < ?2";
const DAYS: &str = "usage_days WHERE hour >= ?1 AND hour < ?2";
/// From the first hour of a day to its last.
pub(super) const LAST_HOUR: i64 = DAY - 1;
const DAY: i64 = 24;

/// No hour is below zero here. Sums are exact, and end where those of hours do: `sum` fails where 2⁶³ is passed, so
/// that the halves of each number are added up apart.
fn add_up_sql() -> String {
    let halves = |name| format!("min((min(sum({name} >> 32), 1 << 30) << 32) + sum({name} & 4294967295), 1 << 62)");
    let sums = BOUNDED.map(halves).join(", ");
    format!(
        "INSERT INTO usage_days
         SELECT hour / 24 * 24, account, api_key, model, deployment, outcome,
                sum(exchanges), sum(unpriced), sum(estimated), {sums}
         FROM usage_hours WHERE hour >= ?1 AND hour < ?2
         GROUP BY 1, 2, 3, 4, 5, 6"
    )
}

/// In the order of the table's columns.
const BOUNDED: [&str; 10] = [
    "input",
    "cache_read",
    "cache_write",
    "output",
    "reasoning",
    "cost_nano",
    "usd_nano",
    "cny_nano",
    "cny_as_usd_nano",
    "lost_nano",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_split_at_days_that_are_added_up() {
        for ((from, to, begin, end), (before, days, after)) in [
            ((0, 48, 0, 48), ((0, 0), (0, 48), (48, 48))),
            ((1, 50, 0, 48), ((1, 24), (24, 48), (48, 50))),
            ((1, 50, 0, 24), ((1, 50), (0, 0), (0, 0))),
            ((1, 47, 0, 72), ((1, 47), (0, 0), (0, 0))),
            ((25, 30, 0, 72), ((25, 30), (0, 0), (0, 0))),
            ((50, 20, 0, 72), ((50, 20), (0, 0), (0, 0))),
            ((0, i64::MAX, 0, 72), ((0, 0), (0, 72), (72, i64::MAX))),
            // A day of which no hour is known counts whole.
            ((1, 50, 24, 48), ((0, 0), (0, 48), (48, 50))),
            ((25, 30, 48, 72), ((24, 24), (24, 48), (48, 48))),
            ((25, 50, 48, 48), ((24, 24), (24, 48), (48, 50))),
        ] {
            let split = Ranges::split(from, to, (begin, end));
            assert_eq!(split, Ranges { before, days, after }, "{from} to {to}, {begin} to {end}");
        }
        for begin in [0, 48] {
            let all = Ranges::split(i64::MIN, i64::MAX, (begin, 72));
            assert_eq!((all.before.0, all.days.1, all.after), (i64::MIN, 72, (72, i64::MAX)));
            assert_eq!(all.before.1, all.days.0);
        }
    }
}
