//! The one whose answer is expected to be whole first.

use crate::strategy::{Offer, Rules};

/// Scores by expected seconds. What was never measured is taken to be as fast as the fastest, so that it gets measured.
pub(super) fn score(offers: &mut [Offer], rules: &Rules) {
    let known = offers.iter().filter(|offer| offer.is_open()).filter_map(|offer| offer.seconds);
    let best = known.fold(f64::INFINITY, f64::min);
    let unknown = if best.is_finite() { best } else { 0.0 };
    for offer in offers {
        offer.score = offer.seconds.unwrap_or(unknown) + delay(offer.failures, rules);
    }
}

/// The seconds that failures are expected to add: each costs [`Rules::failure`], however fast it was.
pub(super) fn delay(failures: f64, rules: &Rules) -> f64 {
    failures / (1.0 - failures).max(0.01) * rules.failure
}
