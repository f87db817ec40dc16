//! When a key ends, as people write it.

use jiff::{Timestamp, civil::Date, tz::TimeZone};

/// Reads `30d` (from `now`, in unix seconds), `2027-01-31` (the beginning of that day, UTC) or an RFC 3339 time, as
/// unix seconds after `now`.
pub(super) fn parse(text: &str, now: i64) -> Result<i64, String> {
    let advice = || {
        format!("`--expires {text}` is no time to end at: write `30d`, `12h`, `2027-01-31` or `2027-01-31T09:30:00Z`")
    };
    let end = match span(text) {
        Some(seconds) => now.checked_add(seconds).ok_or_else(advice)?,
        None => instant(text).ok_or_else(advice)?,
    };
    if end <= now {
        return Err(format!("`--expires {text}` is not in the future"));
    }
    Ok(end)
}

fn instant(text: &str) -> Option<i64> {
    let at: Result<Timestamp, _> = match text.parse::<Date>() {
        Ok(date) if text.len() == "2027-01-31".len() => date.to_zoned(TimeZone::UTC).map(|start| start.timestamp()),
        _ => text.parse(),
    };
    at.ok().map(Timestamp::as_second)
}

/// A count and one of `m h d w`, in seconds.
fn span(text: &str) -> Option<i64> {
    let unit = text.chars().last()?;
    let count: u32 = text.strip_suffix(unit)?.parse().ok()?;
    let seconds = match unit {
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        'w' => 7 * 86_400,
        _ => return None,
    };
    i64::from(count).checked_mul(seconds)
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[track_caller]
    fn check(text: &str, expected: Option<i64>) {
        assert_eq!(parse(text, 1_000).ok(), expected, "{text}");
    }

    #[test]
    fn an_end_is_read_in_each_form() {
        check("30m", Some(1_000 + 1_800));
        check("12h", Some(1_000 + 43_200));
        check("30d", Some(1_000 + 2_592_000));
        check("2w", Some(1_000 + 1_209_600));
        check("1970-01-02", Some(86_400));
        check("2027-01-01T00:00:00Z", Some(1_798_761_600));
        check("2027-01-01T08:00:00+08:00", Some(1_798_761_600));
    }

    #[test]
    fn what_is_no_end_is_refused() {
        for text in [
            "",
            "d",
            "0d",
            "1970-01-01",
            "30",
            "-1d",
            "30y",
            "tomorrow",
            "2027-13-01",
            "2027-01-01T00:00:00",
            "4294967296d",
        ] {
            check(text, None);
        }
    }
}
