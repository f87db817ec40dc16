//! The one that is best in cost, time and reliability together.
//!
//! One linear objective: expected cost and expected time, each over its mean among those that can serve, and the share of
//! failures, each times its importance. So nothing that another beats in every respect is ever chosen, and no unit or
//! size of request tips the scales.

use crate::strategy::{Offer, Rules, fastest};

pub(super) fn score(offers: &mut [Offer], rules: &Rules) {
    let costs = Usual::of(offers, |offer| offer.cost);
    let seconds = Usual::of(offers, |offer| Some(offer.seconds? + fastest::delay(offer.failures, rules)));
    for offer in offers {
        // A price that is not known counts as the dearest, a speed that is not known as the slowest: one
        // request measures it, and the others do not wait with that one.
        let cost = costs.part(offer.cost.unwrap_or(costs.most));
        let time = match offer.seconds {
            Some(own) => own + fastest::delay(offer.failures, rules),
            None => seconds.most + fastest::delay(offer.failures, rules),
        };
        let importance = &rules.importance;
        offer.score = importance.cost * cost
            + importance.latency * seconds.part(time)
            + importance.reliability * offer.failures / TOLERABLE;
    }
}

/// The most of a quality among the offers that are open, and its mean.
struct Usual {
    mean: f64,
    most: f64,
}

impl Usual {
    fn of(offers: &[Offer], quality: impl Fn(&Offer) -> Option<f64>) -> Self {
        let (mut sum, mut count, mut most) = (0.0, 0.0, 0.0f64);
        for known in offers.iter().filter(|offer| offer.is_open()).filter_map(quality) {
            sum += known;
            count += 1.0;
            most = most.max(known);
        }
        Self { mean: if count > 0.0 { sum / count } else { 0.0 }, most }
    }

    /// 1 is as usual. Always a number, so that an importance of 0 makes nothing of it.
    fn part(&self, of: f64) -> f64 {
        if self.mean > 0.0 { (of / self.mean).min(f64::MAX) } else { 0.0 }
    }
}

/// The share of failures that weighs as much as the usual cost or the usual time: one in ten.
const TOLERABLE: f64 = 0.1;
