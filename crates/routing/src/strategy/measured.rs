//! How the strategies that measure choose, once each offer has its score.

use crate::chance::Chance;
use crate::strategy::{Offer, Strategy, Turn, balanced, cheapest, fastest, weighted};

/// Chooses by score: first what is not known; a conversation's own place, unless another is clearly better; else among the
/// best.
pub(super) fn choose(turn: &Turn, offers: &mut [Offer], chance: &mut Chance) -> Option<usize> {
    score(turn, offers);
    let field = Field::of(turn, offers);
    if field.unknown > 0 && field.bound.is_none() {
        let lot = chance.index(field.unknown);
        return (0..offers.len()).filter(|&index| is_wanted(turn, &offers[index])).nth(lot);
    }
    let best = field.best?;
    if let Some(bound) = field.bound.filter(|&bound| offers[bound].score <= best * (1.0 + turn.rules.stay)) {
        return Some(bound);
    }
    let limit = limit(turn, best);
    let is_near = |offer: &Offer| offer.is_open() && offer.score <= limit;
    let near = || (0..offers.len()).filter(|&index| is_near(&offers[index]));
    let weight = |index: usize| offers[index].weight;
    let total: f64 = near().map(weight).sum();
    let first = weighted::pick(near(), total, weight, chance)?;
    if turn.strategy != Strategy::Fastest {
        return Some(first);
    }
    // Two at random and the better of them: the one best of a moment ago does not get everything (Mitzenmacher 2001).
    let others = near().filter(|&index| index != first);
    let second = weighted::pick(others, total - offers[first].weight, weight, chance);
    Some(second.filter(|&second| offers[second].score < offers[first].score).unwrap_or(first))
}

/// What is open, at a glance.
#[derive(Default)]
struct Field {
    best: Option<f64>,
    /// Where the conversation is.
    bound: Option<usize>,
    /// How many should be measured before anything else.
    unknown: usize,
}

impl Field {
    fn of(turn: &Turn, offers: &[Offer]) -> Self {
        let mut field = Self::default();
        for (index, offer) in offers.iter().enumerate().filter(|(_, offer)| offer.is_open()) {
            if field.best.is_none_or(|best| offer.score < best) {
                field.best = Some(offer.score);
            }
            if offer.is_bound {
                field.bound = field.bound.or(Some(index));
            }
            field.unknown += usize::from(is_wanted(turn, offer));
        }
        field
    }
}

/// Whether a request should measure it: what was never asked is asked once, since no estimate stands in for a measurement;
/// what nobody has heard of for long, as often as the share for it allows. A conversation does not leave its cache for that.
fn is_wanted(turn: &Turn, offer: &Offer) -> bool {
    let is_unknown = offer.is_untried || turn.may_explore && offer.is_stale;
    is_unknown && offer.is_open() && turn.is_first && turn.strategy.explores()
}

/// The share of each, while no conversation is bound and nothing needs exploring.
pub(super) fn shares(turn: &Turn, offers: &mut [Offer]) -> Vec<f64> {
    score(turn, offers);
    let Some(best) = Field::of(turn, offers).best else { return vec![0.0; offers.len()] };
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

/// The score up to which an offer is as good as the best.
fn limit(turn: &Turn, best: f64) -> f64 {
    best * (1.0 + if turn.strategy == Strategy::Fastest { turn.rules.near } else { TIE })
}

/// Costs closer than this part are alike.
const TIE: f64 = 0.01;
