//! Smooth weighted rotation, and weighted sampling for what comes after.
//!
//! Each choice credits everyone with their share and debits the chosen one a whole slot. Choosing simply the largest credit
//! (nginx) can stray 1.2 slots with nine members. Among those owed anything, the one whose slot is due first is chosen
//! instead: earliest deadline first, which keeps every credit within one slot (Tijdeman 1980; pfair scheduling).

use crate::chance::Chance;
use crate::strategy::Offer;

/// Chooses the next in rotation.
pub(super) fn rotate(offers: &mut [Offer]) -> Option<usize> {
    let total: f64 = offers.iter().map(|offer| offer.weight).sum();
    let mut due: Option<(usize, f64)> = None;
    let mut richest: Option<(usize, f64)> = None;
    for (index, offer) in offers.iter_mut().enumerate().filter(|(_, offer)| offer.is_open()) {
        let share = offer.weight / total;
        // Weights that change can push beyond a slot; nobody carries more than one over.
        offer.credit = (offer.credit + share).min(1.0);
        if richest.is_none_or(|(_, most)| offer.credit > most) {
            richest = Some((index, offer.credit));
        }
        let wait = (1.0 - offer.credit) / share;
        if offer.credit > ROUNDING && due.is_none_or(|(_, earliest)| wait < earliest - ROUNDING) {
            due = Some((index, wait));
        }
    }
    let (chosen, _) = due.or(richest)?;
    offers[chosen].credit = (offers[chosen].credit - 1.0).max(-1.0);
    Some(chosen)
}

/// Chooses one at random by weight; leaves the rotation as it is.
pub(super) fn sample(offers: &[Offer], chance: &mut Chance) -> Option<usize> {
    let open = (0..offers.len()).filter(|&index| offers[index].is_open());
    pick(open, offers.iter().map(|offer| offer.weight).sum(), |index| offers[index].weight, chance)
}

/// Chooses one of `among` at random by weight, whose sum is `total`.
pub(super) fn pick(
    among: impl Iterator<Item = usize>,
    total: f64,
    weight: impl Fn(usize) -> f64,
    chance: &mut Chance,
) -> Option<usize> {
    let mut left = chance.unit() * total;
    let mut last = None;
    for index in among {
        last = Some(index);
        left -= weight(index);
        if left < 0.0 {
            break;
        }
    }
    last
}

/// Bends the weights towards those that answer sooner, within `bounds`. What was never measured keeps its weight.
#[expect(clippy::cast_precision_loss, reason = "a count of offers fits a double")]
pub(crate) fn adapt(offers: &mut [Offer], (least, most): (f64, f64)) {
    let measured = || offers.iter().filter(|offer| offer.is_open()).filter_map(|offer| offer.seconds);
    let count = measured().count();
    if count < 2 {
        return;
    }
    // The geometric mean, so that twice as fast and twice as slow are equally far from it.
    let usual = (measured().map(|seconds| seconds.max(SHORTEST).ln()).sum::<f64>() / count as f64).exp();
    for offer in offers.iter_mut() {
        if let Some(seconds) = offer.seconds {
            offer.weight *= (usual / seconds.max(SHORTEST)).clamp(least, most);
        }
    }
}

/// What adding shares a million times may cost in exactness.
const ROUNDING: f64 = 1e-9;

/// Times below this are alike, in seconds.
const SHORTEST: f64 = 1e-4;
