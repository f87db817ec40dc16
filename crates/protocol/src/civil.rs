//! Calendar dates as Unix seconds, for the few forms in which providers write a reset.

use std::ops::Range;

const DAY: i64 = 86_400;

/// A moment of the proleptic Gregorian calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Date {
    pub(crate) year: i64,
    pub(crate) month: i64,
    pub(crate) day: i64,
}

impl Date {
    /// The date in UTC.
    pub(crate) fn of(unix_seconds: i64) -> Self {
        // Counts in 400-year eras of 146,097 days that begin in March, so that the leap day comes last.
        let days = unix_seconds.div_euclid(DAY).saturating_add(719_468);
        let era = days.div_euclid(146_097);
        let of_era = days.rem_euclid(146_097);
        let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let march_month = (5 * of_year + 2) / 153;
        let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
        Self {
            year: year_of_era + era * 400 + i64::from(month <= 2),
            month,
            day: of_year - (153 * march_month + 2) / 5 + 1,
        }
    }

    /// Midnight UTC of the date.
    pub(crate) fn unix_seconds(self) -> i64 {
        let year = self.year - i64::from(self.month <= 2);
        let era = year.div_euclid(400);
        let year_of_era = year.rem_euclid(400);
        let march_month = (self.month + 9) % 12;
        let of_year = (153 * march_month + 2) / 5 + self.day - 1;
        let of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + of_year;
        (era * 146_097 + of_era - 719_468) * DAY
    }
}

/// The moment as RFC 3339 in UTC: `2026-11-23T03:47:45Z`.
pub(crate) fn rfc3339(unix_seconds: i64) -> String {
    let Date { year, month, day } = Date::of(unix_seconds);
    let second = unix_seconds.rem_euclid(DAY);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// The first instant of the next month, UTC.
pub(crate) fn next_month(now: i64) -> i64 {
    let Date { year, month, .. } = Date::of(now);
    let (year, month) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
    Date { year, month, day: 1 }.unix_seconds()
}

/// The next midnight in Los Angeles, by the United States' rule since 2007: UTC-7 from 2:00 on the second Sunday
/// of March to 2:00 on the first Sunday of November, UTC-8 otherwise.
pub(crate) fn next_pacific_midnight(now: i64) -> i64 {
    let offset = pacific_offset(now);
    let local_midnight = (now + offset).div_euclid(DAY) * DAY + DAY;
    // The clock change lies at 2:00, so midnight has the offset of the instant just before it.
    local_midnight - pacific_offset(local_midnight - offset - 1)
}

fn pacific_offset(now: i64) -> i64 {
    let year = Date::of(now).year;
    let sunday = |month, from_day| {
        let start = Date { year, month, day: from_day }.unix_seconds();
        // 1970-01-01 was a Thursday.
        let weekday = (start.div_euclid(DAY) + 4).rem_euclid(7);
        start + (7 - weekday) % 7 * DAY
    };
    let summer = sunday(3, 8) + 10 * 3600..sunday(11, 1) + 9 * 3600;
    if summer.contains(&now) { -7 * 3600 } else { -8 * 3600 }
}

/// The first of [`find_all`].
pub(crate) fn find(text: &str, default_offset: i64) -> Option<i64> {
    find_all(text, default_offset).next()
}

/// Finds every `YYYY-MM-DD`, with ` HH:MM[:SS]` or `THH:MM:SS` after it, and an offset where one follows.
/// Without an offset the clock is `default_offset` seconds ahead of UTC.
pub(crate) fn find_all(text: &str, default_offset: i64) -> impl Iterator<Item = i64> {
    let windows = text.as_bytes().windows(10).enumerate();
    windows
        .filter(|(_, window)| is_date(window))
        .filter_map(move |(start, _)| moment(text.get(start..)?, default_offset))
}

/// Whether a text begins with `YYYY-MM-DD`.
pub(crate) fn begins_with_date(text: &str) -> bool {
    text.as_bytes().get(..10).is_some_and(is_date)
}

/// The moment that a text begins with.
fn moment(text: &str, default_offset: i64) -> Option<i64> {
    let number = |digits: Range<usize>| -> Option<i64> { text.get(digits)?.parse().ok() };
    let date = Date { year: number(0..4)?, month: number(5..7)?, day: number(8..10)? };
    if !(1..=12).contains(&date.month) || !(1..=31).contains(&date.day) {
        return None;
    }
    let rest = text.get(10..)?;
    let clock = rest.trim_start_matches(['T', 't', ' ']);
    let clock = clock.strip_prefix("at ").unwrap_or(clock);
    let (seconds, zone) = clock_time(clock).unwrap_or((0, clock));
    let offset = zone_offset(zone).unwrap_or(default_offset);
    Some(date.unix_seconds() + seconds - offset)
}

fn is_date(window: &[u8]) -> bool {
    window.iter().enumerate().all(|(i, b)| if i == 4 || i == 7 { *b == b'-' } else { b.is_ascii_digit() })
}

/// `HH:MM` or `HH:MM:SS[.fraction]`, and what follows it.
fn clock_time(text: &str) -> Option<(i64, &str)> {
    let two = |at: usize| -> Option<i64> { text.get(at..at + 2)?.parse().ok() };
    let is_colon = |at: usize| text.as_bytes().get(at) == Some(&b':');
    if !is_colon(2) {
        return None;
    }
    let minutes = two(0)? * 60 + two(3)?;
    if !is_colon(5) {
        return Some((minutes * 60, text.get(5..)?));
    }
    let rest = text.get(8..)?.trim_start_matches(|c: char| c == '.' || c.is_ascii_digit());
    Some((minutes * 60 + two(6)?, rest))
}

fn zone_offset(text: &str) -> Option<i64> {
    let text = text.trim_start();
    if text.starts_with(['Z', 'z']) || text.get(..3).is_some_and(|zone| zone.eq_ignore_ascii_case("utc")) {
        return Some(0);
    }
    let sign = match text.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let hours: i64 = text.get(1..3)?.parse().ok()?;
    let minutes: i64 =
        text.get(3..).map(|rest| rest.trim_start_matches(':')).and_then(|rest| rest.get(..2)?.parse().ok())?;
    Some(sign * (hours * 3600 + minutes * 60))
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`, the one form RFC 9110 lets servers send.
pub(crate) fn http_date(text: &str) -> Option<i64> {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let words: Vec<&str> = text.split([' ', ',']).filter(|word| !word.is_empty()).collect();
    let [_, day, month, year, clock, "GMT"] = words[..] else { return None };
    let month = MONTHS.iter().position(|name| *name == month)? as i64 + 1;
    let date = Date {
        year: year.parse().ok().filter(|y| (1970..10_000).contains(y))?,
        month,
        day: day.parse().ok().filter(|d| (1..=31).contains(d))?,
    };
    Some(date.unix_seconds() + clock_time(clock)?.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(found: Option<i64>, expected: &str) {
        assert_eq!(found, find(expected, 0), "{expected}");
        assert!(found.is_some());
    }

    #[test]
    fn dates_are_read_in_every_form() {
        assert_eq!(find("1970-01-01T00:00:00Z", 0), Some(0));
        assert_eq!(find("2026-11-23T03:47:45Z", 0), Some(1_795_405_665));
        check(http_date("Sun, 06 Nov 1994 08:49:37 GMT"), "1994-11-06T08:49:37Z");
        check(find("regain access on 2026-12-01 at 00:00 UTC.", 99), "2026-12-01T00:00:00Z");
        check(find("将在 2026-11-24 08:00:00 重置", 8 * 3600), "2026-11-24T00:00:00Z");
        check(find("2026-11-24T08:00:00.123+08:00", 0), "2026-11-24T00:00:00Z");
        check(find("2024-02-29 00:00:00", 0), "2024-02-29T00:00:00Z");
        assert_eq!(http_date("Sun, 06 Nov 1994 08:49:3 GMT"), None);
        check(find("2026-12-01 08:00:1é", 0), "2026-12-01T00:00:00Z");
        check(find("from 2026-13-01 to 2026-12-01", 0), "2026-12-01T00:00:00Z");
        assert_eq!(find("2026-13-01", 0), None);
        assert_eq!(find("no date 12-34", 0), None);
    }

    #[test]
    fn resets_fall_on_the_next_month_and_the_next_pacific_midnight() {
        check(Some(next_month(find("2026-12-31T23:59:59Z", 0).unwrap())), "2027-01-01T00:00:00Z");
        check(Some(next_month(find("2026-11-01T00:00:00Z", 0).unwrap())), "2026-12-01T00:00:00Z");
        let midnight = |now: &str| Some(next_pacific_midnight(find(now, 0).unwrap()));
        check(midnight("2026-11-23T03:00:00Z"), "2026-11-23T08:00:00Z");
        check(midnight("2026-11-23T08:00:00Z"), "2026-11-24T08:00:00Z");
        check(midnight("2026-07-01T12:00:00Z"), "2026-07-02T07:00:00Z");
        check(midnight("2026-03-03T12:00:00Z"), "2026-03-04T08:00:00Z");
        // The days of the two clock changes.
        check(midnight("2026-03-08T09:00:00Z"), "2026-03-09T07:00:00Z");
        check(midnight("2026-11-01T08:30:00Z"), "2026-11-02T08:00:00Z");
    }

    #[test]
    fn every_day_reads_back() {
        for day in -200_000..200_000 {
            assert_eq!(Date::of(day * DAY + 5).unix_seconds(), day * DAY);
        }
        assert_eq!(find(&rfc3339(1_795_405_665), 0), Some(1_795_405_665));
    }
}
