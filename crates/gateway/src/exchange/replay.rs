//! Makes the choices of a recorded exchange again, from what its record kept of them.

use roundelay_routing::{DeploymentId, Draw, DrawOption, DrawnOption, ModelId, Offer};
use serde::Deserialize as _;
use serde_json::Value;

use super::decision::draws::{StoredDraw, StoredOption};

/// One choice, read back from a record.
#[derive(Debug, Clone)]
pub struct KeptDraw {
    /// The choice with its inputs. Its ids stand for positions among the options; what could not serve has weight 0.
    pub draw: Draw,
    /// The model or deployment that each option is; `None` for one that could not serve.
    pub names: Vec<Option<String>>,
}

/// A choice made again.
#[derive(Debug, Clone, PartialEq)]
pub struct Remade {
    /// Index among the options.
    pub chosen: Option<usize>,
    /// The score of each option; 0 under a strategy that gives none.
    pub scores: Vec<f64>,
    /// Whether it is the choice that was recorded, and every score agrees with the recorded one to the bit.
    pub is_same: bool,
}

/// Why a recorded choice cannot be made again.
#[derive(Debug, thiserror::Error)]
pub enum ReplayFault {
    /// The record of it is not of the form that this version writes.
    #[error("choice {number} of the record cannot be read: {fault}")]
    Form {
        /// Counts from 1.
        number: usize,
        /// What is wrong with it.
        fault: serde_json::Error,
    },
    /// Another version made it.
    #[error("choice {number} was made by the strategy `{strategy}`, which this version does not have")]
    Strategy {
        /// Counts from 1.
        number: usize,
        /// The strategy's name.
        strategy: String,
    },
    /// The choices did not fit into the record.
    #[error("{0} choices were too long for the record")]
    Omitted(u64),
}

/// Reads the choices of a recorded decision, in order; none where none was among several.
///
/// # Errors
/// See [`ReplayFault`].
pub fn read_draws(decision: &Value) -> Result<Vec<KeptDraw>, ReplayFault> {
    if let Some(omitted) = decision["draws_omitted"].as_u64() {
        return Err(ReplayFault::Omitted(omitted));
    }
    let draws = decision["draws"].as_array().into_iter().flatten();
    (1..).zip(draws).map(|(number, draw)| read(draw, number)).collect()
}

fn read(draw: &Value, number: usize) -> Result<KeptDraw, ReplayFault> {
    let stored: StoredDraw<Vec<Option<StoredOption<'_>>>> =
        StoredDraw::deserialize(draw).map_err(|fault| ReplayFault::Form { number, fault })?;
    let unknown = || ReplayFault::Strategy { number, strategy: stored.strategy.to_string() };
    let turn = stored.turn().ok_or_else(unknown)?;
    let option = |(index, option): (u32, &Option<StoredOption<'_>>)| DrawOption {
        what: match option {
            Some(option) if option.model.is_some() => DrawnOption::Model(ModelId(index)),
            Some(_) | None => DrawnOption::Deployment(DeploymentId(index)),
        },
        offer: option.as_ref().map_or(SHUT, |option| option.offer(turn.strategy)),
    };
    let name = |option: &Option<StoredOption<'_>>| {
        let option = option.as_ref()?;
        Some(option.model.as_ref().or(option.deployment.as_ref())?.to_string())
    };
    let options = (0..).zip(&stored.options).map(option).collect();
    let names = stored.options.iter().map(name).collect();
    Ok(KeptDraw { draw: Draw { turn, dice: stored.dice(), options, chosen: stored.chosen }, names })
}

impl KeptDraw {
    /// Makes the choice again.
    pub fn remake(&self) -> Remade {
        let (chosen, scores) = self.draw.replay();
        let is_open = |option: &DrawOption| option.offer.weight > 0.0;
        let mut scored = self.draw.options.iter().zip(&scores).filter(|(option, _)| is_open(option));
        let agrees = !self.draw.turn.strategy.measures()
            || scored.all(|(option, score)| option.offer.score.to_bits() == score.to_bits());
        Remade { chosen, is_same: chosen == self.draw.chosen && agrees, scores }
    }
}

/// What a record keeps as `null`, as routing had it.
const SHUT: Offer = Offer {
    weight: 0.0,
    credit: 0.0,
    cost: None,
    seconds: None,
    failures: 0.0,
    ramp: 1.0,
    is_stale: false,
    is_untried: false,
    is_bound: false,
    score: 0.0,
};

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::{Just, any, prop, prop_assert, prop_assert_eq, prop_oneof, proptest};
    use proptest::strategy::Strategy as Generator;
    use roundelay_routing::{
        Capabilities, Catalog, Deployment, EndpointId, Importance, KeyId, Model, Rules, Strategy, Turn,
    };

    use super::*;
    use crate::exchange::decision::draws;

    /// As many models as `count`, each with one deployment.
    fn catalog(count: u32) -> Catalog {
        let deployment = |index: u32| Deployment {
            name: format!("provider/{index}").into(),
            model: ModelId(index),
            key: KeyId(0),
            key_name: "key".into(),
            endpoint: EndpointId(0),
            endpoint_name: "endpoint".into(),
            weight: 1.0,
            concurrency_max: 1,
            region: None,
            stops_on_cancel: false,
        };
        let model = |index: u32| Model {
            name: format!("model \"{index}\"").into(),
            deployments: vec![DeploymentId(index)],
            strategy: None,
            context_window: None,
            capabilities: Capabilities::ALL,
            attempts: 1,
            deadline: Duration::from_secs(1),
            wait: None,
        };
        let all = 0..count;
        Catalog::new(all.clone().map(deployment).collect(), all.map(model).collect(), Vec::new()).expect("a catalog")
    }

    /// A number of any size with all its bits at work.
    fn number() -> impl Generator<Value = f64> {
        prop_oneof![Just(0.0), Just(1.0), any::<u64>().prop_map(|bits| f64::from_bits(bits).abs()), 0.0..1e9]
            .prop_filter("finite", |number| number.is_finite())
    }

    fn share() -> impl Generator<Value = f64> {
        prop_oneof![Just(0.0), 0.0..1.0]
    }

    fn offer() -> impl Generator<Value = Offer> {
        let known = (prop::option::of(number()), prop::option::of(number()), share(), share());
        let is = (any::<bool>(), any::<bool>(), any::<bool>());
        let open = (1e-9..1e6, -1.0..1.0, known, is).prop_map(
            |(weight, credit, (cost, seconds, failures, ramp), (is_stale, is_untried, is_bound))| Offer {
                weight,
                credit,
                cost,
                seconds,
                failures,
                ramp,
                is_stale,
                is_untried,
                is_bound,
                score: 0.0,
            },
        );
        prop_oneof![5 => open, 1 => Just(SHUT)]
    }

    fn turn() -> impl Generator<Value = Turn> {
        let rules = (share(), share(), share(), share(), share(), number()).prop_map(
            |(cost, latency, reliability, near, stay, failure)| Rules {
                importance: Importance { cost, latency, reliability },
                near,
                stay,
                failure,
            },
        );
        (prop::sample::select(&Strategy::ALL[..]), any::<bool>(), 0..9_usize, any::<bool>(), rules).prop_map(
            |(strategy, is_first, next, may_explore, rules)| Turn { strategy, is_first, next, may_explore, rules },
        )
    }

    proptest! {
        /// Whatever a choice was made from comes back from the record to the bit, and is chosen again.
        #[test]
        fn a_draw_survives_its_record(
            turn in turn(),
            dice in any::<u64>(),
            offers in prop::collection::vec(offer(), 2..9),
            is_model in any::<bool>(),
        ) {
            let what = |index| match is_model {
                true => DrawnOption::Model(ModelId(index)),
                false => DrawnOption::Deployment(DeploymentId(index)),
            };
            let options = (0..).zip(offers).map(|(index, offer)| DrawOption { what: what(index), offer }).collect();
            let mut draw = Draw { turn, dice, options, chosen: None };
            let (chosen, scores) = draw.replay();
            draw.chosen = chosen;
            for (option, score) in draw.options.iter_mut().zip(&scores) {
                option.offer.score = *score;
            }
            let catalog = catalog(9);
            let list = std::slice::from_ref(&draw);
            let json = format!(r#"{{"draws":{}}}"#, serde_json::to_string(&draws::list(list, &catalog)).expect("JSON"));
            let value: Value = serde_json::from_str(&json).expect("JSON");
            let kept = read_draws(&value).unwrap_or_else(|fault| panic!("{fault}: {json}"));
            let remade = kept[0].remake();
            prop_assert!(remade.is_same, "{remade:?} of {draw:?} by {json}");
            for (kept, option) in kept[0].draw.options.iter().zip(&draw.options) {
                let bits = |offer: &Offer| [offer.weight, offer.credit, offer.failures, offer.ramp].map(f64::to_bits);
                prop_assert_eq!(bits(&kept.offer), bits(&option.offer), "{}", json);
                prop_assert_eq!(kept.offer.cost.map(f64::to_bits), option.offer.cost.map(f64::to_bits));
                prop_assert_eq!(kept.offer.seconds.map(f64::to_bits), option.offer.seconds.map(f64::to_bits));
            }
        }
    }

    #[test]
    fn what_was_changed_is_found_out() {
        let draw = |chosen: u32, score: f64| {
            serde_json::json!({ "draws": [{
                "strategy": "cheapest", "first": true, "dice": "00000000000000ff",
                "rules": { "cost": 1.0, "latency": 1.0, "reliability": 1.0, "near": 0.2, "stay": 0.1, "failure": 5.0 },
                "options": [
                    { "deployment": "a", "weight": 1.0, "cost": 2.0, "score": score },
                    null,
                    { "deployment": "b", "weight": 1.0, "cost": 3.0, "score": 3.0 },
                ],
                "chosen": chosen,
            }] })
        };
        let is_same = |decision: &Value| read_draws(decision).expect("a draw")[0].remake().is_same;
        assert!(is_same(&draw(0, 2.0)));
        assert!(!is_same(&draw(2, 2.0)), "another choice");
        assert!(!is_same(&draw(0, 2.000_000_000_000_000_4)), "the last bit of a score");
        let fault = |decision: &Value| read_draws(decision).expect_err("no draw").to_string();
        assert!(fault(&serde_json::json!({ "draws": [{ "strategy": "cheapest" }] })).starts_with("choice 1 of"));
        let mut unknown = draw(0, 2.0);
        unknown["draws"][0]["strategy"] = "dearest".into();
        assert!(fault(&unknown).contains("`dearest`"));
        assert_eq!(
            fault(&serde_json::json!({ "draws": [], "draws_omitted": 3 })),
            "3 choices were too long for the record"
        );
        assert!(read_draws(&serde_json::json!({ "candidates": [] })).expect("an older record").is_empty());
    }
}
