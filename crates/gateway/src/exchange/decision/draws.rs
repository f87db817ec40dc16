//! The choices of an exchange as the record keeps them: every number that the choice was made from, to the last bit.
//!
//! One form for writing and for reading, so that the two cannot differ. A number is written as the shortest decimal that
//! reads back as itself; what has its usual value is left out.

use std::borrow::Cow;

use roundelay_routing::{Catalog, Draw, DrawOption, DrawnOption, Importance, Offer, Rules, Strategy, Turn};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use super::Each;

/// One choice among several. `O` is the list of its options; one that could not serve is `null`.
#[derive(Debug, Serialize, Deserialize)]
pub(in super::super) struct StoredDraw<O> {
    pub(in super::super) strategy: Cow<'static, str>,
    pub(in super::super) first: bool,
    #[serde(default, skip_serializing_if = "is_default")]
    next: usize,
    #[serde(default, skip_serializing_if = "is_default")]
    explore: bool,
    #[serde(serialize_with = "write_dice", deserialize_with = "read_dice")]
    dice: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rules: Option<StoredRules>,
    pub(in super::super) options: O,
    pub(in super::super) chosen: Option<usize>,
}

/// The numbers that a strategy that measures keeps to.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct StoredRules {
    cost: f64,
    latency: f64,
    reliability: f64,
    near: f64,
    stay: f64,
    failure: f64,
}

/// One of those among which a choice was made.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(in super::super) struct StoredOption<'a> {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in super::super) model: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in super::super) deployment: Option<Cow<'a, str>>,
    weight: f64,
    #[serde(default, skip_serializing_if = "is_zero")]
    credit: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cost: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    seconds: Option<f64>,
    #[serde(default, skip_serializing_if = "is_zero")]
    failures: f64,
    #[serde(default = "one", skip_serializing_if = "is_one")]
    ramp: f64,
    #[serde(default, skip_serializing_if = "is_default")]
    stale: bool,
    #[serde(default, skip_serializing_if = "is_default")]
    untried: bool,
    #[serde(default, skip_serializing_if = "is_default")]
    bound: bool,
    /// Of a strategy that measures; left out where it is beyond any number, as of a price that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    score: Option<f64>,
}

/// The choices of an exchange, in order; the catalog names what they were made among.
pub(in super::super) fn list<'a>(draws: &'a [Draw], catalog: &'a Catalog) -> impl Serialize + use<'a> {
    Each(draws, move |draw: &'a Draw| stored(draw, catalog))
}

fn stored<'a>(draw: &'a Draw, catalog: &'a Catalog) -> StoredDraw<impl Serialize + use<'a>> {
    let Turn { strategy, is_first, next, may_explore, rules } = draw.turn;
    StoredDraw {
        strategy: Cow::Borrowed(strategy.name()),
        first: is_first,
        next: if strategy == Strategy::RoundRobin { next } else { 0 },
        explore: may_explore,
        dice: draw.dice,
        rules: strategy.measures().then(|| StoredRules::of(rules)),
        options: Each(&draw.options, move |option: &'a DrawOption| StoredOption::of(option, strategy, catalog)),
        chosen: draw.chosen,
    }
}

impl<'a> StoredOption<'a> {
    fn of(option: &DrawOption, strategy: Strategy, catalog: &'a Catalog) -> Option<Self> {
        let offer = &option.offer;
        let (model, deployment) = match option.what {
            DrawnOption::Model(id) => (Some(Cow::Borrowed(&*catalog.model(id).name)), None),
            DrawnOption::Deployment(id) => (None, Some(Cow::Borrowed(&*catalog.deployment(id).name))),
        };
        (offer.weight > 0.0).then(|| Self {
            model,
            deployment,
            weight: offer.weight,
            credit: offer.credit,
            cost: offer.cost,
            seconds: offer.seconds,
            failures: offer.failures,
            ramp: offer.ramp,
            stale: offer.is_stale,
            untried: offer.is_untried,
            bound: offer.is_bound,
            score: Some(offer.score).filter(|score| strategy.measures() && score.is_finite()),
        })
    }

    /// What was known of it, and its score if the strategy gives any.
    pub(in super::super) fn offer(&self, strategy: Strategy) -> Offer {
        let unscored = if strategy.measures() { f64::INFINITY } else { 0.0 };
        Offer {
            weight: self.weight,
            credit: self.credit,
            cost: self.cost,
            seconds: self.seconds,
            failures: self.failures,
            ramp: self.ramp,
            is_stale: self.stale,
            is_untried: self.untried,
            is_bound: self.bound,
            score: self.score.unwrap_or(unscored),
        }
    }
}

impl<O> StoredDraw<O> {
    /// The circumstances; `None` where this version has no such strategy.
    pub(in super::super) fn turn(&self) -> Option<Turn> {
        let strategy = Strategy::ALL.into_iter().find(|strategy| strategy.name() == self.strategy)?;
        let rules = self.rules.map_or(UNUSED, StoredRules::rules);
        Some(Turn { strategy, is_first: self.first, next: self.next, may_explore: self.explore, rules })
    }

    pub(in super::super) fn dice(&self) -> u64 {
        self.dice
    }
}

impl StoredRules {
    fn of(rules: Rules) -> Self {
        let Rules { importance: Importance { cost, latency, reliability }, near, stay, failure } = rules;
        Self { cost, latency, reliability, near, stay, failure }
    }

    fn rules(self) -> Rules {
        let Self { cost, latency, reliability, near, stay, failure } = self;
        Rules { importance: Importance { cost, latency, reliability }, near, stay, failure }
    }
}

/// What strategies that do not measure never look at.
const UNUSED: Rules =
    Rules { importance: Importance { cost: 1.0, latency: 1.0, reliability: 1.0 }, near: 0.0, stay: 0.0, failure: 0.0 };

/// Sixteen hexadecimal digits: a JSON number of 64 bits is rounded by many who read it.
fn write_dice<S: Serializer>(dice: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{dice:016x}"))
}

fn read_dice<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let digits = Cow::<str>::deserialize(deserializer)?;
    u64::from_str_radix(&digits, 16).map_err(D::Error::custom)
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

fn is_zero(number: &f64) -> bool {
    number.to_bits() == 0
}

fn is_one(number: &f64) -> bool {
    number.to_bits() == one().to_bits()
}

fn one() -> f64 {
    1.0
}
