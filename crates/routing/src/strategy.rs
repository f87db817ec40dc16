//! The order in which a pool offers its models, and a model its deployments.

use crate::catalog::Importance;
use crate::chance::Chance;

mod balanced;
mod cheapest;
mod fastest;
mod measured;
mod priority;
mod round_robin;
mod weighted;

pub(crate) use self::weighted::adapt;

/// How one of several is chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Strategy {
    /// By weight, in smooth rotation: never more than one choice away from the exact share.
    #[default]
    Weighted,
    /// One after the other, whatever the weights.
    RoundRobin,
    /// The first that can serve, in the order given.
    Priority,
    /// The one whose answer is expected to be whole first.
    Fastest,
    /// The one that is expected to cost the least for this request.
    Cheapest,
    /// The one that is best in cost, time and reliability together.
    Balanced,
}

impl Strategy {
    /// As configuration and metrics write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Weighted => "weighted",
            Self::RoundRobin => "round_robin",
            Self::Priority => "priority",
            Self::Fastest => "fastest",
            Self::Cheapest => "cheapest",
            Self::Balanced => "balanced",
        }
    }

    /// All of them, in the order in which they are documented.
    pub const ALL: [Self; 6] =
        [Self::Weighted, Self::RoundRobin, Self::Priority, Self::Fastest, Self::Cheapest, Self::Balanced];

    /// Whether it looks at what was measured, rather than at what was configured.
    pub const fn measures(self) -> bool {
        matches!(self, Self::Fastest | Self::Cheapest | Self::Balanced)
    }

    /// Whether it weighs a conversation's prompt cache itself, so that no binding needs to stand above it.
    pub(crate) const fn weighs_cache(self) -> bool {
        matches!(self, Self::Cheapest | Self::Balanced)
    }

    /// Whether it lives on fresh measurements, so that what nobody asks must be asked now and then.
    pub(crate) const fn explores(self) -> bool {
        matches!(self, Self::Fastest | Self::Balanced)
    }
}

/// All that a strategy knows of one of those it chooses among.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Offer {
    /// Its weight bent by slow start, health and, where the pool adapts, speed; 0 = cannot serve now.
    pub weight: f64,
    /// What the rotation owes it, in slots.
    pub credit: f64,
    /// Expected cost of an answer, nano-USD; `None` = price not known.
    pub cost: Option<f64>,
    /// Expected seconds to the last token; `None` = never measured.
    pub seconds: Option<f64>,
    /// The share of its attempts that fail, 0..1.
    pub failures: f64,
    /// How far it is back after its breaker closed, 0..=1.
    pub ramp: f64,
    /// Whether it was never asked.
    pub is_untried: bool,
    /// Whether nobody has heard of it for long.
    pub is_stale: bool,
    /// Whether the conversation is there.
    pub is_bound: bool,
    /// What a strategy that measures made of it; the least is the best.
    pub score: f64,
}

impl Offer {
    pub(crate) const CLOSED: Self = Self {
        weight: 0.0,
        credit: 0.0,
        cost: None,
        seconds: None,
        failures: 0.0,
        ramp: 1.0,
        is_untried: false,
        is_stale: false,
        is_bound: false,
        score: 0.0,
    };

    fn is_open(&self) -> bool {
        self.weight > 0.0
    }
}

/// The numbers by which the strategies that measure choose.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rules {
    /// What `balanced` weighs.
    pub importance: Importance,
    /// See [`crate::MeasureSettings::near`].
    pub near: f64,
    /// See [`crate::MeasureSettings::stay`].
    pub stay: f64,
    /// See [`crate::MeasureSettings::failure`], in seconds.
    pub failure: f64,
}

/// The circumstances of one choice.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Turn {
    /// By what it is made.
    pub strategy: Strategy,
    /// Whether it is the first of its exchange: only these move the rotation on.
    pub is_first: bool,
    /// Whose turn it is, for [`Strategy::RoundRobin`].
    pub next: usize,
    /// Whether one that nobody has heard of for long may be tried.
    pub may_explore: bool,
    /// The numbers it keeps to.
    pub rules: Rules,
}

/// Where the rotation of one pool or model stands.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rotation {
    /// What each is owed, in slots.
    pub(crate) credit: Vec<f64>,
    /// Whose turn it is.
    pub(crate) next: usize,
    /// Saved up for trying what nobody has heard of; 1 pays for one try.
    pub(crate) explore: f64,
}

impl Turn {
    /// Chooses one of the open offers; `None` when none is open. Credits and scores change in place.
    pub(crate) fn choose(&self, offers: &mut [Offer], chance: &mut Chance) -> Option<usize> {
        if self.strategy == Strategy::Weighted {
            return if self.is_first { weighted::rotate(offers) } else { weighted::sample(offers, chance) };
        }
        hold_back(offers, chance);
        match self.strategy {
            Strategy::Weighted => unreachable!("answered above"),
            Strategy::RoundRobin => round_robin::after(self.next, offers),
            Strategy::Priority => priority::first(offers),
            Strategy::Fastest | Strategy::Cheapest | Strategy::Balanced => measured::choose(self, offers, chance),
        }
    }

    /// The share of choices that each would get if nothing changed.
    pub(crate) fn shares(&self, offers: &mut [Offer]) -> Vec<f64> {
        let only = |index: Option<usize>| {
            (0..offers.len()).map(|other| f64::from(u8::from(Some(other) == index))).collect::<Vec<_>>()
        };
        match self.strategy {
            Strategy::Weighted => proportions(offers.iter().map(|offer| offer.weight)),
            Strategy::RoundRobin => proportions(offers.iter().map(|offer| f64::from(u8::from(offer.is_open())))),
            Strategy::Priority => only(priority::first(offers)),
            Strategy::Fastest | Strategy::Cheapest | Strategy::Balanced => measured::shares(self, offers),
        }
    }
}

/// Lets one that is coming back after a failure have no more than its growing part of the traffic, where weights alone
/// do not see to it. Another must be there to take the rest.
fn hold_back(offers: &mut [Offer], chance: &mut Chance) {
    if offers.iter().all(|offer| offer.ramp >= 1.0) {
        return;
    }
    let open = offers.iter().filter(|offer| offer.is_open()).count();
    let mut held = 0;
    for offer in offers.iter_mut().filter(|offer| offer.is_open() && offer.ramp < 1.0) {
        if held + 1 < open && chance.unit() >= offer.ramp {
            offer.weight = 0.0;
            held += 1;
        }
    }
}

fn proportions(parts: impl Iterator<Item = f64> + Clone) -> Vec<f64> {
    let total: f64 = parts.clone().sum();
    parts.map(|part| if total > 0.0 { part / total } else { 0.0 }).collect()
}
