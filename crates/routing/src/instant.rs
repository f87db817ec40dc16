//! A point on the caller's clock.

use std::ops::Add;
use std::time::Duration;

/// Time since the caller's clock began.
///
/// Only differences and order matter; the caller chooses the beginning and never lets it run backwards.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(Duration);

impl Instant {
    /// The instant this long after the caller's clock began.
    pub const fn from_start(elapsed: Duration) -> Self {
        Self(elapsed)
    }

    /// How long the caller's clock had run.
    pub const fn since_start(self) -> Duration {
        self.0
    }

    /// How long ago `earlier` was; zero if it was not.
    pub const fn saturating_duration_since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    /// Saturates at the end of time, so that an absurd `retry-after` cannot panic.
    fn add(self, later: Duration) -> Self {
        Self(self.0.saturating_add(later))
    }
}
