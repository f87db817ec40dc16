//! Lengths of time for people.

/// Microseconds, with three digits that matter.
pub fn of_us(us: u64) -> String {
    match us {
        0..1_000 => format!("{us} µs"),
        1_000..100_000 => format!("{}.{} ms", us / 1_000, us % 1_000 / 100),
        100_000..1_000_000 => format!("{} ms", us / 1_000),
        1_000_000..100_000_000 => format!("{}.{:02} s", us / 1_000_000, us % 1_000_000 / 10_000),
        100_000_000..300_000_000 => format!("{} s", us / 1_000_000),
        _ => format!("{} min", us / 60_000_000),
    }
}

/// Microseconds of what may last for months, which nobody reads in minutes.
pub fn of_long_us(us: u64) -> String {
    const DAY_US: u64 = 86_400_000_000;
    if us < 2 * DAY_US { of_us(us) } else { format!("{:.1} d", us as f64 / DAY_US as f64) }
}

/// Milliseconds.
pub fn of_ms(ms: u64) -> String {
    of_us(ms.saturating_mul(1_000))
}

#[cfg(test)]
mod tests {
    use super::{of_long_us, of_us};

    #[track_caller]
    fn check(us: u64, expected: &str) {
        assert_eq!(of_us(us), expected);
    }

    #[test]
    fn a_length_is_short_and_true() {
        check(0, "0 µs");
        check(999, "999 µs");
        check(1_250, "1.2 ms");
        check(250_999, "250 ms");
        check(1_509_999, "1.50 s");
        check(61_000_000, "61.00 s");
        check(299_999_999, "299 s");
        check(3_600_000_000, "60 min");
        assert_eq!(of_long_us(547 * 86_400_000_000), "547.0 d");
    }
}
