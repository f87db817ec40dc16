//! What an attempt costs, by the prices of the configuration.

use std::sync::Arc;

use roundelay_routing::{Hour, Rate, TokenRates};

use crate::config::{Config, Deployment, Layout, Price};

/// The price of each deployment.
#[derive(Debug)]
pub(super) struct Prices {
    by_deployment: Vec<Option<Price>>,
    hour: Arc<Hour>,
}

/// Millionths of a nano-USD: what one token costs at a price of one nano-USD a million tokens. Sums stay exact.
pub(super) type Millionths = u128;

impl Prices {
    pub(super) fn of(config: &Config, layout: &Layout) -> Self {
        let price = |deployment: &Deployment| config.models[deployment.model].price;
        let by_deployment: Vec<Option<Price>> = layout.deployments.iter().map(price).collect();
        let rates = by_deployment.iter().map(|price| price.as_ref().map(rate)).collect();
        Self { by_deployment, hour: Arc::new(Hour { rates, weights: Vec::new() }) }
    }

    /// What the router is told of prices.
    pub(super) fn hour(&self) -> Arc<Hour> {
        Arc::clone(&self.hour)
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

/// Nano-USD a token.
fn rate(price: &Price) -> Rate {
    let token = |a_million: u64| a_million as f64 / 1e6;
    let base = TokenRates {
        input: token(price.input),
        cache_read: token(price.cache_read.unwrap_or(price.input)),
        cache_write: token(price.cache_write.unwrap_or(price.input)),
        output: token(price.output),
    };
    Rate { base, tiers: Vec::new() }
}
