//! Keeps second attempts beside slow first ones to a small share of requests and of spend.

use crate::instant::Instant;
use crate::settings::HedgeSettings;

/// Counts that fade over an hour.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct HedgeBudget {
    requests: f64,
    spend: f64,
    hedges: f64,
    hedge_spend: f64,
    at: Instant,
}

impl HedgeBudget {
    pub(crate) fn first_attempt(&mut self, cost: f64, now: Instant) {
        self.fade(now);
        self.requests += 1.0;
        self.spend += cost;
    }

    /// What one more may cost so that the share of both is kept; `None` = there may be no more.
    pub(crate) fn room(&mut self, now: Instant, settings: &HedgeSettings) -> Option<f64> {
        self.fade(now);
        let is_within = self.hedges + 1.0 <= settings.share * self.requests;
        is_within.then_some(settings.share * self.spend - self.hedge_spend)
    }

    /// Counts one that there was room for.
    pub(crate) fn withdraw(&mut self, cost: f64, now: Instant) {
        self.fade(now);
        self.hedges += 1.0;
        self.hedge_spend += cost;
    }

    fn fade(&mut self, now: Instant) {
        let kept = (-now.saturating_duration_since(self.at).as_secs_f64() / HOUR).exp();
        for count in [&mut self.requests, &mut self.spend, &mut self.hedges, &mut self.hedge_spend] {
            *count *= kept;
        }
        self.at = now;
    }
}

const HOUR: f64 = 3600.0;

#[cfg(test)]
mod tests {
    use super::*;

    /// A thousand requests of cost 10, each hedged at this cost where there is room: how many were.
    #[track_caller]
    fn check(cost: f64, expected: usize) {
        let (settings, now) = (HedgeSettings::default(), Instant::default());
        let mut budget = HedgeBudget::default();
        let hedged = (0..1_000).filter(|_| {
            budget.first_attempt(10.0, now);
            let is_within = budget.room(now, &settings).is_some_and(|room| cost <= room);
            if is_within {
                budget.withdraw(cost, now);
            }
            is_within
        });
        assert_eq!(hedged.count(), expected, "at a cost of {cost}");
    }

    #[test]
    fn hedges_stay_under_two_percent_of_requests_and_of_spend() {
        check(10.0, 20);
        check(1.0, 20);
        check(100.0, 2);
        check(1_000.0, 0);
    }
}
