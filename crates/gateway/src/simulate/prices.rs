//! What an attempt costs, by the prices of the configuration.

use crate::config::{Config, Layout, Price};

/// The price of each deployment.
#[derive(Debug)]
pub(super) struct Prices {
    by_deployment: Vec<Option<Price>>,
}

/// Millionths of a nano-USD: what one token costs at a price of one nano-USD a million tokens. Sums stay exact.
pub(super) type Millionths = u128;

impl Prices {
    pub(super) fn of(config: &Config, layout: &Layout) -> Self {
        let price = |deployment: &crate::config::Deployment| config.models[deployment.model].price;
        Self { by_deployment: layout.deployments.iter().map(price).collect() }
    }

    /// What so much costs; `None` when the price is not known.
    pub(super) fn cost(&self, deployment: usize, fresh: u32, cached: u32, output: u32) -> Option<Millionths> {
        let price = self.by_deployment[deployment]?;
        let of = |tokens: u32, price: u64| u128::from(tokens) * u128::from(price);
        Some(of(fresh, price.input) + of(cached, price.cache_read.unwrap_or(price.input)) + of(output, price.output))
    }
}

/// Rounded half up.
pub(super) fn nano(millionths: Millionths) -> u128 {
    (millionths + 500_000) / 1_000_000
}
