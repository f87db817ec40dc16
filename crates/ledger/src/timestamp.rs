//! Instants fine enough for rates.

use roundelay_calendar::UnixTime;

/// Microseconds since 1970-01-01T00:00:00Z, without leap seconds. Arithmetic stops at the ends of the range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// The last instant that can be written.
    pub const MAX: Self = Self(i64::MAX);

    /// The beginning of a second.
    pub const fn from_unix(time: UnixTime) -> Self {
        Self(time.0.saturating_mul(MICROS))
    }

    /// The second it lies in.
    pub const fn unix(self) -> UnixTime {
        UnixTime(self.0.div_euclid(MICROS))
    }

    /// So many microseconds later; earlier when negative.
    #[must_use]
    pub const fn plus(self, micros: i64) -> Self {
        Self(self.0.saturating_add(micros))
    }

    /// Microseconds from `earlier` to here; negative when that is later.
    pub const fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

const MICROS: i64 = 1_000_000;
