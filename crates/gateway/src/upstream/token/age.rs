//! How old a token is.

use std::time::Duration;

use tokio::time::Instant;

use crate::common::clock::unix_time;

/// Since when there is something, by two clocks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Age {
    began: Instant,
    /// Since 1970.
    began_unix: Duration,
}

impl Age {
    /// Of what begins now.
    pub(super) fn begin() -> Self {
        Self { began: Instant::now(), began_unix: unix_time() }
    }

    /// The longer of what the two clocks say: the one that only goes forward stands still while a machine sleeps, and the
    /// other may be set back.
    pub(super) fn now(self) -> Duration {
        self.began.elapsed().max(unix_time().saturating_sub(self.began_unix))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_that_slept_has_older_tokens() {
        let age = Age::begin();
        assert!(age.now() < Duration::from_secs(60));
        let slept = Age { began_unix: age.began_unix - Duration::from_secs(3_600), ..age };
        assert!(slept.now() >= Duration::from_secs(3_600));
        let set_back = Age { began_unix: age.began_unix + Duration::from_secs(3_600), ..age };
        assert!(set_back.now() < Duration::from_secs(60));
    }
}
