//! `roundelay prices`.

mod import;
mod list;

use std::process::ExitCode;

use clap::{Args, Subcommand};
use roundelay_ledger::{Money, Price, TokenPrices};
use serde_json::{Value, json};

use super::{Common, Failure};

/// Show what models cost, and take prices from lists that others keep.
#[derive(Debug, Args)]
pub(super) struct PricesCommand {
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, Subcommand)]
enum Act {
    List(list::List),
    Import(import::Import),
}

impl PricesCommand {
    pub(super) fn run(self, common: &Common) -> Result<ExitCode, Failure> {
        match self.act {
            Act::List(list) => list.run(common),
            Act::Import(import) => import.run(common),
        }
    }
}

/// USD as people write it; a price beyond what can be written as money is shown as the largest that can.
fn usd(nano: u64) -> String {
    Money::from_nano(i64::try_from(nano).unwrap_or(i64::MAX)).to_string()
}

/// What is written of a price, by the names of the configuration, in USD for a million tokens or what else it is for.
fn classes(prices: &TokenPrices) -> impl Iterator<Item = (&'static str, u64)> {
    let always = [("input", Some(prices.input)), ("output", Some(prices.output))];
    let written = [
        ("cache_read", prices.cache_read),
        ("cache_write", prices.cache_write),
        ("audio_input", prices.audio_input),
        ("audio_output", prices.audio_output),
        ("image_input", prices.image_input),
    ];
    let units = prices.units.named().map(|(name, price)| (name, (price > 0).then_some(price)));
    let written = written.into_iter().chain(units);
    always.into_iter().chain(written).filter_map(|(name, price)| Some((name, price?)))
}

/// A price for scripts: every number a decimal text, so that none is rounded on the way.
fn to_json(price: &Price) -> Value {
    let object = |prices: &TokenPrices| -> serde_json::Map<String, Value> {
        classes(prices).map(|(name, price)| (name.to_owned(), usd(price).into())).collect()
    };
    let tiers = price.tiers().iter().map(|(above, prices)| {
        let mut tier = serde_json::Map::from_iter([("above_input".to_owned(), json!(above))]);
        tier.extend(object(prices));
        Value::Object(tier)
    });
    let tiers: Vec<Value> = tiers.collect();
    let mut whole = object(price.base());
    whole.insert("tiers".to_owned(), tiers.into());
    Value::Object(whole)
}
