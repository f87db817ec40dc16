//! Instants as people write them.

use jiff::{
    Timestamp,
    civil::{Date, DateTime},
    tz::TimeZone,
};

/// Reads a date (its first instant in UTC) or an RFC 3339 time.
///
/// # Errors
/// What to write instead.
pub fn moment(text: &str) -> Result<Timestamp, String> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(at);
    }
    let day = text.parse::<Date>().ok().filter(|_| text.len() == "2026-11-01".len());
    if let Some(start) = day.and_then(|day| day.to_zoned(TimeZone::UTC).ok()) {
        return Ok(start.timestamp());
    }
    if text.parse::<DateTime>().is_ok() {
        return Err(format!("`{text}` lacks its offset from UTC: write `{text}Z`, or `{text}+08:00` for Shanghai"));
    }
    Err(format!("`{text}` is no date and no time: write 2026-11-01 or 2026-11-01T08:00:00Z"))
}

#[cfg(test)]
mod tests {
    use super::moment;

    #[track_caller]
    fn check(text: &str, expected: Result<&str, &str>) {
        match (moment(text), expected) {
            (Ok(at), Ok(expected)) => assert_eq!(at.to_string(), expected, "{text}"),
            (Err(told), Err(words)) => assert!(told.contains(words), "`{words}` is not in: {told}"),
            (read, _) => panic!("{text}: {read:?}"),
        }
    }

    #[test]
    fn a_date_is_its_beginning_and_a_time_needs_its_offset() {
        check("2026-12-01", Ok("2026-12-01T00:00:00Z"));
        check("2026-12-01T03:00+08:00", Ok("2026-11-30T19:00:00Z"));
        check("2026-12-01T03:00", Err("lacks its offset from UTC: write `2026-12-01T03:00Z`"));
        check("2026-12-01 03:00:00", Err("lacks its offset"));
        check("tomorrow", Err("no date and no time"));
        check("2026-13-01", Err("no date and no time"));
    }
}
