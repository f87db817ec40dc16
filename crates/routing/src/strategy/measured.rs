//! How the strategies that measure choose, once each offer has its score.

use crate::chance::Chance;
use crate::strategy::{Offer, Strategy, Turn, balanced, cheapest, fastest, weighted};

/// Chooses by score: first what is not known; a conversation's own place, unless another is
/// clearly better; else among the best.
pub(super) fn choose(turn: &Turn, offers: &mut [Offer], chance: &mut Chance) -> Option<usize> {
    score(turn, offers);
    if let Some(unknown) = explore(turn, offers, chance) {
        return Some(unknown);
    }
    let best = least_score(offers)?;
    let bound = offers.iter().position(|offer| offer.is_open() && offer.is_bound);
    if let Some(bound) = bound.filter(|&bound| offers[bound].score <= best * (1.0 + turn.rules.stay)) {
        return Some(bound);
    }
    let limit = limit(turn, best);
    let first = sample(offers, limit, None, chance)?;
    if turn.strategy != Strategy::Fastest {
        return Some(first);
    }
    // Two at random and the better of them: the one best of a moment ago does not get everything (Mitzenmacher 2001).
    let second = sample(offers, limit, Some(first), chance);
    Some(second.filter(|&second| offers[second].score < offers[first].score).unwrap_or(first))
}

/// What was never asked is asked once, since no estimate stands in for a measurement; what nobody has heard of for long,
/// as often as the share for it allows.
fn explore(turn: &Turn, offers: &[Offer], chance: &mut Chance) -> Option<usize> {
    // A conversation does not leave its cache for the sake of a measurement.
    if !turn.is_first || !turn.strategy.explores() || offers.iter().any(|offer| offer.is_open() && offer.is_bound) {
        return None;
    }
    let is_wanted = |offer: &Offer| offer.is_open() && (offer.is_untried || turn.may_explore && offer.is_stale);
    let count = offers.iter().filter(|offer| is_wanted(offer)).count();
    if count == 0 {
        return None;
    }
    let lot = chance.index(count);
    (0..offers.len()).filter(|&index| is_wanted(&offers[index])).nth(lot)
}

/// The share of each, while no conversation is bound and nothing needs exploring.
pub(super) fn shares(turn: &Turn, offers: &mut [Offer]) -> Vec<f64> {
    score(turn, offers);
    let Some(best) = least_score(offers) else { return vec![0.0; offers.len()] };
    let limit = limit(turn, best);
    let weight = |index: usize| if offers[index].score <= limit { offers[index].weight } else { 0.0 };
    let total: f64 = (0..offers.len()).map(weight).sum();
    let first = |index: usize| weight(index) / total;
    if turn.strategy != Strategy::Fastest {
        return (0..offers.len()).map(first).collect();
    }
    let mut shares = vec![0.0; offers.len()];
    for one in (0..offers.len()).filter(|&one| weight(one) > 0.0) {
        let rest = total - weight(one);
        if rest <= 0.0 {
            shares[one] += first(one);
            continue;
        }
        for other in (0..offers.len()).filter(|&other| other != one && weight(other) > 0.0) {
            let winner = if offers[other].score < offers[one].score { other } else { one };
            shares[winner] += first(one) * weight(other) / rest;
        }
    }
    shares
}

fn score(turn: &Turn, offers: &mut [Offer]) {
    match turn.strategy {
        Strategy::Cheapest => cheapest::score(offers),
        Strategy::Balanced => balanced::score(offers, &turn.rules),
        Strategy::Fastest | Strategy::Weighted | Strategy::RoundRobin | Strategy::Priority => {
            fastest::score(offers, &turn.rules);
        }
    }
}

fn least_score(offers: &[Offer]) -> Option<f64> {
    offers.iter().filter(|offer| offer.is_open()).map(|offer| offer.score).min_by(f64::total_cmp)
}

/// The score up to which an offer is as good as the best.
fn limit(turn: &Turn, best: f64) -> f64 {
    best * (1.0 + if turn.strategy == Strategy::Fastest { turn.rules.near } else { TIE })
}

/// By weight, among those up to `limit` but for one.
fn sample(offers: &[Offer], limit: f64, without: Option<usize>, chance: &mut Chance) -> Option<usize> {
    let is_wanted = |index: usize| offers[index].is_open() && offers[index].score <= limit && Some(index) != without;
    let total: f64 = (0..offers.len()).filter(|&index| is_wanted(index)).map(|index| offers[index].weight).sum();
    weighted::pick((0..offers.len()).filter(|&index| is_wanted(index)), total, |index| offers[index].weight, chance)
}

/// Costs closer than this part are alike.
const TIE: f64 = 0.01;
