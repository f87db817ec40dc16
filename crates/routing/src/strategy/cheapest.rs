//! The one that is expected to cost the least for this request.

use crate::strategy::Offer;

/// Scores by expected cost: its own, and what a second attempt elsewhere costs as often as it fails. A price that is not
/// known is above all others.
pub(super) fn score(offers: &mut [Offer]) {
    let (cheapest, second) = two_least(offers);
    for (index, offer) in offers.iter_mut().enumerate() {
        let Some(own) = offer.cost else {
            offer.score = f64::INFINITY;
            continue;
        };
        let other = cheapest.filter(|&(other, _)| other != index).or(second).map_or(own, |(_, cost)| cost);
        offer.score = own + offer.failures * other;
    }
}

type Least = Option<(usize, f64)>;

fn two_least(offers: &[Offer]) -> (Least, Least) {
    let (mut first, mut second): (Least, Least) = (None, None);
    for (index, offer) in offers.iter().enumerate().filter(|(_, offer)| offer.is_open()) {
        let Some(cost) = offer.cost else { continue };
        if first.is_none_or(|(_, least)| cost < least) {
            (first, second) = (Some((index, cost)), first);
        } else if second.is_none_or(|(_, least)| cost < least) {
            second = Some((index, cost));
        }
    }
    (first, second)
}
