//! Numbers with units, as operators write them.

use std::time::Duration;

/// The longest time that may be written.
pub(super) const WEEK: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// The longest time of a simulation.
pub(super) const DECADE: Duration = Duration::from_secs(3_652 * 24 * 60 * 60);

/// The largest factor that may be written.
pub(super) const MILLIONTHS_MAX: u64 = 1_000_000_000_000;

/// Decimal places of a nano-USD.
const NANO_PLACES: usize = 9;

pub(super) fn count(text: &str) -> Option<u64> {
    text.trim().parse().ok()
}

pub(super) fn number(text: &str) -> Option<f64> {
    text.trim().parse().ok().filter(|number: &f64| number.is_finite())
}

/// `250ms`, `5s`, `30m`, `1h`, also with decimals and put together: `1.5s`, `1h30m`. A number without a unit is refused.
pub(in super::super) fn duration(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    let mut whole = Duration::ZERO;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let (digits, after) = split_number(rest)?;
        let unit_end = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
        let milliseconds = match &after[..unit_end] {
            "ms" => 1,
            "s" => 1000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return None,
        };
        // Nine places of a millisecond are far below what a timer can keep.
        let nanoseconds = decimal(digits, 6)?.checked_mul(milliseconds)?;
        whole = whole.checked_add(Duration::from_nanos(nanoseconds))?;
        rest = &after[unit_end..];
    }
    Some(whole)
}

/// `65536`, `64KiB`, `10MB`: `kB`, `MB`, `GB` count in thousands, `KiB`, `MiB`, `GiB` in 1024s.
pub(super) fn size(text: &str) -> Option<u64> {
    let (digits, unit) = split_number(text.trim())?;
    let bytes: u64 = match unit.trim_start() {
        "" | "B" => 1,
        "kB" | "KB" => 1000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    let thousandths = decimal(digits, 3)?.checked_mul(bytes)?;
    (thousandths % 1000 == 0).then_some(thousandths / 1000)
}

/// Exactly the digits, times 10⁹; refused when there are more than nine places or the number does not fit.
pub(super) fn nano_usd(text: &str) -> Option<u64> {
    decimal(text.trim(), NANO_PLACES)
}

/// Exactly the digits, times 10⁶; refused when there are more than six places or the number does not fit.
pub(super) fn millionths(text: &str) -> Option<u64> {
    decimal(text.trim(), 6)
}

/// A decimal number without sign or exponent, as a whole number of its last of `places`.
fn decimal(digits: &str, places: usize) -> Option<u64> {
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let fraction = fraction.trim_end_matches('0');
    let is_number = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !is_number(whole) || !is_number(fraction) || fraction.len() > places {
        return None;
    }
    format!("{whole}{fraction:0<places$}").parse().ok()
}

fn split_number(text: &str) -> Option<(&str, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    (end > 0).then(|| text.split_at(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check<T: PartialEq + std::fmt::Debug>(parse: fn(&str) -> Option<T>, rows: &[(&str, Option<T>)]) {
        for (text, expected) in rows {
            assert_eq!(&parse(text), expected, "{text:?}");
        }
    }

    #[test]
    fn times_need_units() {
        let ms = |ms| Some(Duration::from_millis(ms));
        check(
            duration,
            &[
                ("250ms", ms(250)),
                ("1.5s", ms(1500)),
                ("1h30m", ms(5_400_000)),
                ("2d", ms(172_800_000)),
                ("0s", ms(0)),
                ("", None),
                ("5", None),
                ("s", None),
                ("5 s", None),
                ("-5s", None),
                ("5sec", None),
                ("1.2.3s", None),
                ("0.0000001ms", None),
                ("99999999999999999999s", None),
            ],
        );
    }

    #[test]
    fn sizes_are_whole_bytes() {
        check(
            size,
            &[
                ("65536", Some(65_536)),
                ("10MB", Some(10_000_000)),
                ("1.5 KiB", Some(1536)),
                ("1.5", None),
                ("10mb", None),
                ("-1", None),
                ("99999999999999GB", None),
            ],
        );
    }

    #[test]
    fn money_is_exact_or_refused() {
        check(
            nano_usd,
            &[
                ("3.00", Some(3_000_000_000)),
                ("0.075", Some(75_000_000)),
                ("0.000000001", Some(1)),
                ("0.1000000000000", Some(100_000_000)),
                ("0.0000000001", None),
                ("1e3", None),
                ("-1", None),
                (".5", None),
                ("18446744073.709551615", Some(u64::MAX)),
                ("18446744073.709551616", None),
            ],
        );
    }
}
