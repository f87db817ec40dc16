//! Time: the wall clock two processes of one host share, and sleeping until an instant without the kernel's rounding.

use std::time::{Duration, Instant};

/// Nanoseconds since 1970, which sender and receiver on one host read alike.
#[expect(
    clippy::disallowed_types,
    reason = "processes share no other clock, and this program stands apart from the gateway"
)]
pub(crate) fn unix_nanoseconds() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// Asks the kernel not to delay this thread's timers, nor those of threads it starts later.
///
/// The default slack of 50 µs (`prctl(2)`, `PR_SET_TIMERSLACK`) would be added to every intended instant.
/// Where the file cannot be written the slack stays, for every candidate alike.
pub(crate) fn sharpen_timers() {
    drop(std::fs::write("/proc/self/timerslack_ns", "1"));
}

/// Returns at `instant`, or at once when it has passed.
pub(crate) fn sleep_until(instant: Instant) {
    let left = instant.saturating_duration_since(Instant::now());
    if left > Duration::ZERO {
        sleep(left);
    }
}

/// Sleeps on the calling thread.
#[expect(clippy::disallowed_methods, reason = "there is no runtime here: a connection is a thread")]
pub(crate) fn sleep(duration: Duration) {
    std::thread::sleep(duration);
}

pub(crate) fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
