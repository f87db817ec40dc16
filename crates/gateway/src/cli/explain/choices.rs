//! The choices of an exchange in words, each made again from its inputs.

use roundelay_routing::{Offer, Strategy};
use serde_json::Value;

use super::super::{duration::of_us, say, table::printable};
use crate::exchange::{KeptDraw, Remade, read_draws};

pub(super) fn tell(decision: &Value) {
    let draws = match read_draws(decision) {
        Ok(draws) => draws,
        Err(fault) => return say(&format_args!("chosen      {fault}, so they cannot be made again")),
    };
    for draw in &draws {
        let turn = &draw.draw.turn;
        let by = if turn.is_first { "" } else { ", again" };
        let name = named(draw, draw.draw.chosen);
        let remade = verdict(draw, &draw.remake());
        say(&format_args!("chosen      {name}, by {}{by}; made again from its inputs: {remade}", turn.strategy.name()));
        let width = draw.names.iter().flatten().map(|name| name.chars().count()).max().unwrap_or_default();
        for (name, option) in draw.names.iter().zip(&draw.draw.options) {
            let Some(name) = name else { continue };
            let name = printable(name);
            say(&format_args!("{:<12}{name:<width$}  {}", "", known(&option.offer, turn.strategy, turn.is_first)));
        }
    }
}

/// What is not as recorded, if anything: a choice that comes out otherwise, or cannot be made again.
pub(super) fn difference(decision: &Value) -> Option<String> {
    let draws = match read_draws(decision) {
        Ok(draws) => draws,
        Err(fault) => return Some(fault.to_string()),
    };
    let remade = (1..).zip(&draws).map(|(number, draw)| (number, draw, draw.remake()));
    let mut differing = remade.filter(|(_, _, remade)| !remade.is_same);
    differing.next().map(|(number, draw, remade)| format!("choice {number} made again: {}", verdict(draw, &remade)))
}

fn verdict(draw: &KeptDraw, remade: &Remade) -> String {
    if remade.is_same {
        "the same".to_owned()
    } else if remade.chosen == draw.draw.chosen {
        format!("{} as well, with other scores", named(draw, remade.chosen))
    } else {
        format!("{} instead of {}", named(draw, remade.chosen), named(draw, draw.draw.chosen))
    }
}

fn named(draw: &KeptDraw, index: Option<usize>) -> String {
    index.and_then(|index| draw.names.get(index)?.as_deref()).map_or_else(|| "nothing".to_owned(), printable)
}

/// What the strategy knew of an option.
fn known(offer: &Offer, strategy: Strategy, is_first: bool) -> String {
    let mut words = vec![format!("weight {}", short(offer.weight))];
    if strategy == Strategy::Weighted && is_first {
        words.push(format!("owed {} of a turn", short(offer.credit)));
    }
    words.extend(offer.cost.map(|nano| format!("expected cost {}", usd(nano))));
    words.extend(offer.seconds.map(|seconds| format!("expected time {}", time(seconds))));
    if offer.failures > 0.0 {
        words.push(format!("{:.1} % fail", offer.failures * 100.0));
    }
    if offer.ramp < 1.0 {
        words.push(format!("{:.0} % back after a failure", offer.ramp * 100.0));
    }
    for (is_so, word) in [
        (offer.is_untried, "never asked"),
        (offer.is_stale, "not heard of lately"),
        (offer.is_bound, "the conversation is there"),
    ] {
        if is_so {
            words.push(word.to_owned());
        }
    }
    words.extend(score(offer.score, strategy));
    words.join(", ")
}

fn score(score: f64, strategy: Strategy) -> Option<String> {
    let score = match strategy {
        Strategy::Weighted | Strategy::RoundRobin | Strategy::Priority => return None,
        _ if !score.is_finite() => "beyond any: no price is known".to_owned(),
        Strategy::Fastest => time(score),
        Strategy::Cheapest => usd(score),
        Strategy::Balanced => short(score),
    };
    Some(format!("score {score}"))
}

fn time(seconds: f64) -> String {
    of_us((seconds * 1e6).round() as u64)
}

/// Nano-USD as USD, with as many digits as tell small amounts apart.
fn usd(nano: f64) -> String {
    format!("${:.6}", nano / 1e9)
}

/// Four places at most.
fn short(number: f64) -> String {
    let text = format!("{number:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
