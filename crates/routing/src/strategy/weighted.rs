//! Smooth weighted rotation, and weighted sampling for what comes after.
//!
//! Each choice credits everyone with their share and debits the chosen one a whole slot. Choosing simply the largest credit
//! (nginx) can stray 1.2 slots with nine members. Among those owed anything, the one whose slot is due first is chosen
//! instead: earliest deadline first, which keeps every credit within one slot (Tijdeman 1980; pfair scheduling).

use crate::chance::Chance;

/// Chooses the next in rotation; weight 0 = not now. `credit` has one entry for each weight.
pub(crate) fn rotate(credit: &mut [f64], weights: &[f64]) -> Option<usize> {
    let total: f64 = weights.iter().sum();
    let mut due: Option<(usize, f64)> = None;
    let mut richest: Option<usize> = None;
    for (index, &weight) in weights.iter().enumerate().filter(|&(_, &weight)| weight > 0.0) {
        let share = weight / total;
        // Weights that change can push beyond a slot; nobody carries more than one over.
        credit[index] = (credit[index] + share).min(1.0);
        if richest.is_none_or(|richest| credit[index] > credit[richest]) {
            richest = Some(index);
        }
        let wait = (1.0 - credit[index]) / share;
        if credit[index] > ROUNDING && due.is_none_or(|(_, earliest)| wait < earliest - ROUNDING) {
            due = Some((index, wait));
        }
    }
    let chosen = due.map(|(index, _)| index).or(richest)?;
    credit[chosen] = (credit[chosen] - 1.0).max(-1.0);
    Some(chosen)
}

/// Chooses one at random by weight; leaves the rotation as it is.
pub(crate) fn sample(weights: &[f64], chance: &mut Chance) -> Option<usize> {
    let mut left = chance.unit() * weights.iter().sum::<f64>();
    let mut last = None;
    for (index, &weight) in weights.iter().enumerate().filter(|&(_, &weight)| weight > 0.0) {
        last = Some(index);
        left -= weight;
        if left < 0.0 {
            break;
        }
    }
    last
}

/// What adding shares a million times may cost in exactness.
const ROUNDING: f64 = 1e-9;
