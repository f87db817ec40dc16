//! Limits the requests in flight at a deployment that has said "too many": additive increase, multiplicative decrease.

use crate::instant::Instant;
use crate::settings::ConcurrencySettings;

/// Requests in flight, and how many there may be.
///
/// Until the first rate limit only the configured maximum holds: a limit learnt from nothing would refuse the first burst.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Limiter {
    pub(crate) in_flight: u32,
    limit: Option<u32>,
    /// Successes since the limit last changed.
    round: u32,
    lowered: Option<Instant>,
}

impl Limiter {
    pub(crate) fn limit(&self, max: u32) -> u32 {
        self.limit.map_or(max, |limit| limit.min(max))
    }

    pub(crate) fn is_full(&self, max: u32) -> bool {
        self.in_flight >= self.limit(max)
    }

    /// One more for each full round of successes.
    pub(crate) fn succeed(&mut self) {
        let Some(limit) = &mut self.limit else { return };
        self.round += 1;
        if self.round >= *limit {
            *limit = limit.saturating_add(1);
            self.round = 0;
        }
    }

    /// Lowers the limit, once for all that were in flight together. `in_flight` still counts the attempt that was refused.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of a u32 is one, and casts saturate"
    )]
    pub(crate) fn throttle(&mut self, started: Instant, now: Instant, settings: &ConcurrencySettings) {
        if self.lowered.is_some_and(|lowered| started <= lowered) {
            return;
        }
        let share = |of: u32| (f64::from(of) * settings.decrease) as u32;
        self.limit = Some(match self.limit {
            None => share(self.in_flight).max(settings.start),
            Some(limit) => share(limit).max(1),
        });
        self.round = 0;
        self.lowered = Some(now);
    }
}

/// Exchanges that wait for a place, as the instants at which they look again.
#[derive(Clone, Debug, Default)]
pub(crate) struct Queue {
    looks: Vec<Instant>,
}

impl Queue {
    /// Answers whether there was room to wait until `look`. A place is free again at that instant, so none can leak.
    pub(crate) fn enter(&mut self, look: Instant, now: Instant, max: usize) -> bool {
        self.looks.retain(|&look| look > now);
        if self.looks.len() >= max {
            return false;
        }
        self.looks.push(look);
        true
    }
}
