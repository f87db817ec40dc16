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

/// That all comes out as recorded, in words; the error is a choice that comes out otherwise, or cannot be made again.
pub(super) fn verify(decision: &Value) -> Result<String, String> {
    let draws = read_draws(decision).map_err(|fault| fault.to_string())?;
    for (number, draw) in (1..).zip(&draws) {
        let remade = draw.remake();
        if !remade.is_same {
            return Err(format!("choice {number} made again: {}", verdict(draw, &remade)));
        }
    }
    Ok(match draws.len() {
        0 => "there was no choice among several".to_owned(),
        1 => "one choice among several, made again from its inputs: the same".to_owned(),
        many => format!("{many} choices among several, each made again from its inputs: the same"),
    })
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

#[cfg(test)]
mod tests {
    use roundelay_routing::Draw;
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(strategy: &str, option: &Value, words: &str) {
        let decision = json!({ "draws": [{
            "strategy": strategy, "first": true, "dice": "00000000000000ff", "options": [option], "chosen": 0,
        }] });
        let draws = read_draws(&decision).expect("a choice");
        let Draw { turn, options, .. } = &draws[0].draw;
        assert_eq!(known(&options[0].offer, turn.strategy, turn.is_first), words, "{strategy}");
    }

    #[test]
    fn an_option_is_told_with_what_its_strategy_looks_at() {
        check(
            "weighted",
            &json!({ "model": "m", "weight": 0.6, "credit": -0.25, "failures": 0.125 }),
            "weight 0.6, owed -0.25 of a turn, 12.5 % fail",
        );
        check(
            "round_robin",
            &json!({ "model": "m", "weight": 3.0, "ramp": 0.1 }),
            "weight 3, 10 % back after a failure",
        );
        check(
            "fastest",
            &json!({ "deployment": "d", "weight": 1.0, "seconds": 1.25, "score": 1.5, "stale": true }),
            "weight 1, expected time 1.25 s, not heard of lately, score 1.50 s",
        );
        check(
            "cheapest",
            &json!({ "deployment": "d", "weight": 1.0, "cost": 450_000.0, "score": 500_000.0, "bound": true }),
            "weight 1, expected cost $0.000450, the conversation is there, score $0.000500",
        );
        check(
            "cheapest",
            &json!({ "deployment": "d", "weight": 1.0, "untried": true }),
            "weight 1, never asked, score beyond any: no price is known",
        );
        check("balanced", &json!({ "deployment": "d", "weight": 1.0, "score": 2.5 }), "weight 1, score 2.5");
    }

    #[test]
    fn a_difference_names_the_choice_and_what_it_would_be() {
        let decision = |chosen: usize| {
            let option = |name: &str, weight: f64| json!({ "model": name, "weight": weight });
            json!({ "draws": [{
                "strategy": "priority", "first": true, "dice": "00000000000000ff",
                "options": [null, option("first", 1.0), option("second", 1.0)], "chosen": chosen,
            }] })
        };
        let same = "one choice among several, made again from its inputs: the same";
        assert_eq!(verify(&decision(1)).as_deref(), Ok(same));
        assert_eq!(verify(&decision(2)).unwrap_err(), "choice 1 made again: first instead of second");
        assert_eq!(verify(&json!({ "draws": [] })).as_deref(), Ok("there was no choice among several"));
        let omitted = verify(&json!({ "draws": [], "draws_omitted": 2 }));
        assert_eq!(omitted.unwrap_err(), "2 choices were too long for the record");
    }
}
