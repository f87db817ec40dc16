//! What the clock decides: the price of every deployment, and who is on duty in every pool.

use crate::catalog::{DeploymentId, PoolId};

/// What the clock decides for a while.
///
/// The caller makes it anew when a tariff or a schedule changes, and a demand keeps the one it was made under, so that one
/// exchange is ranked, held and settled at the same prices.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Hour {
    /// By [`DeploymentId`]; `None`, or a list that is too short = the price is not known.
    pub rates: Vec<Option<Rate>>,
    /// By [`PoolId`]: weights of its members in their order, while an entry of its schedule holds; `None` = as configured.
    pub weights: Vec<Option<Vec<f64>>>,
}

/// What a deployment charges.
#[derive(Clone, Debug, PartialEq)]
pub struct Rate {
    /// For requests of any size, unless a tier says otherwise.
    pub base: TokenRates,
    /// For requests of more input tokens than this; ascending.
    pub tiers: Vec<(u64, TokenRates)>,
    /// For one of each of what is no token, in the order of [`crate::Demand::units`]; in nano-USD.
    pub units: [f64; UNITS],
}

/// How many kinds of units there are, beside tokens, by which something may be charged.
pub const UNITS: usize = 4;

/// Nano-USD (10⁻⁹ USD) for one token of each class; finite and at least 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TokenRates {
    /// Input read afresh.
    pub input: f64,
    /// Input read from the upstream's prompt cache.
    pub cache_read: f64,
    /// Input written to the upstream's prompt cache.
    pub cache_write: f64,
    /// Output, reasoning included.
    pub output: f64,
}

impl Hour {
    /// What a deployment charges; `None` = not known.
    pub fn rate(&self, id: DeploymentId) -> Option<&Rate> {
        self.rates.get(id.0 as usize)?.as_ref()
    }

    /// The weight of the member at `position` of a pool, and whether the schedule rather than the pool gives it.
    pub(crate) fn weight(&self, pool: PoolId, position: usize, configured: f64) -> (f64, bool) {
        match self.weights.get(pool.0 as usize) {
            Some(Some(weights)) => (weights.get(position).copied().unwrap_or(0.0), true),
            Some(None) | None => (configured, false),
        }
    }
}

impl Rate {
    /// What so many of each unit cost, in nano-USD.
    pub(crate) fn of_units(&self, units: &[f64; UNITS]) -> f64 {
        self.units.iter().zip(units).map(|(rate, count)| rate * count).sum()
    }

    /// The rates for a request of this size.
    pub fn of(&self, input_tokens: u64) -> &TokenRates {
        let tier = self.tiers.iter().rev().find(|(above, _)| input_tokens > *above);
        tier.map_or(&self.base, |(_, rates)| rates)
    }
}
