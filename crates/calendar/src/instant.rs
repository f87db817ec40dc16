//! Instants, and what a wall clock shows at them.

/// Seconds since 1970-01-01T00:00:00Z, without leap seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixTime(pub i64);

/// What a wall clock shows: a day, and a second within it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct WallClock {
    /// Days since 1970-01-01, a Thursday.
    day: i64,
    /// Seconds since midnight on that clock, below 86,400.
    pub(crate) second: u32,
}

impl WallClock {
    /// The clock of a place that is that many seconds ahead of UTC. Where the sum cannot be written, the end of the
    /// range.
    pub(crate) fn at(instant: UnixTime, offset_seconds: i32) -> Self {
        let local = instant.0.saturating_add(i64::from(offset_seconds));
        let second = local.rem_euclid(DAY_SECONDS);
        Self {
            day: local.div_euclid(DAY_SECONDS),
            second: u32::try_from(second).expect("a remainder of 86,400 is small"),
        }
    }

    /// 0 for Monday to 6 for Sunday.
    pub(crate) fn weekday(self) -> u8 {
        // Day 0 was a Thursday.
        u8::try_from((self.day + 3).rem_euclid(7)).expect("a remainder of 7 is small")
    }

    /// The weekday before this one.
    pub(crate) fn weekday_before(self) -> u8 {
        (self.weekday() + 6) % 7
    }
}

const DAY_SECONDS: i64 = 86_400;
