//! The one whose answer is expected to be whole first.

use crate::strategy::{Offer, Rules};

/// Scores by expected seconds. What was never measured comes after all that was: one request asks it, and the others do
/// not wait with that one.
pub(super) fn score(offers: &mut [Offer], rules: &Rules) {
    let is_any_known = offers.iter().any(|offer| offer.is_open() && offer.seconds.is_some());
    let unknown = if is_any_known { f64::INFINITY } else { 0.0 };
    for offer in offers {
        offer.score = offer.seconds.unwrap_or(unknown) + delay(offer.failures, rules);
    }
}

/// The seconds that failures are expected to add: each costs [`Rules::failure`], however fast it was.
pub(super) fn delay(failures: f64, rules: &Rules) -> f64 {
    if failures > 0.0 { failures / (1.0 - failures).max(0.01) * rules.failure } else { 0.0 }
}
