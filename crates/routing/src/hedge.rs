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

    /// Whether one more stays within the share of both; if so it counts.
    pub(crate) fn withdraw(&mut self, cost: f64, now: Instant, settings: &HedgeSettings) -> bool {
        self.fade(now);
        let is_within = self.hedges + 1.0 <= settings.share * self.requests
            && self.hedge_spend + cost <= settings.share * self.spend;
        if is_within {
            self.hedges += 1.0;
            self.hedge_spend += cost;
        }
        is_within
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

    #[test]
    fn hedges_stay_under_two_percent_of_requests_and_of_spend() {
        let (settings, now) = (HedgeSettings::default(), Instant::default());
        let mut budget = HedgeBudget::default();
        let mut hedges = 0;
        for _ in 0..1_000 {
            budget.first_attempt(10.0, now);
            hedges += u32::from(budget.withdraw(10.0, now, &settings));
        }
        assert_eq!(hedges, 20);
        let mut budget = HedgeBudget::default();
        let hedges = (0..1_000).filter(|_| {
            budget.first_attempt(10.0, now);
            budget.withdraw(100.0, now, &settings)
        });
        assert_eq!(hedges.count(), 2, "dear ones are fewer");
    }
}
