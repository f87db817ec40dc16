//! The one place that reads clocks; everybody else is told the time.

use std::time::Duration;

use roundelay_routing as routing;
use tokio::time::Instant;

/// The process's monotonic clock, in the form the router thinks in.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    start: Instant,
}

impl Clock {
    /// Starts a clock at zero.
    pub fn start() -> Self {
        Self { start: Instant::now() }
    }

    /// Time since the clock began.
    pub fn now(&self) -> routing::Instant {
        self.at(Instant::now())
    }

    /// An instant of the runtime's timers, as the router says it.
    pub fn at(&self, instant: Instant) -> routing::Instant {
        routing::Instant::from_start(instant.saturating_duration_since(self.start))
    }

    /// An instant of the router, as the runtime's timers say it.
    pub fn instant(&self, at: routing::Instant) -> Instant {
        self.start + at.since_start()
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::start()
    }
}

/// Wall-clock time since 1970-01-01 UTC; zero on a machine whose clock is set before that.
#[expect(clippy::disallowed_types, reason = "this is the place that reads the wall clock")]
pub fn unix_time() -> Duration {
    std::time::SystemTime::now().duration_since(std::time::SystemTime::UNIX_EPOCH).unwrap_or_default()
}
