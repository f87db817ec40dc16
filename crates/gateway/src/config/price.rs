//! Prices and tariffs, exact: decimal digits in, integers out, no floating point between.

use std::sync::Arc;

use roundelay_ledger::{Effect, Factor, Factors, Price, PriceList, Tariff, TokenPrices};

use super::{reader::Section, window};

/// What was written about prices at a model or at one of its deployments.
#[derive(Debug, Clone)]
pub(super) struct PricesWritten {
    price: Option<Price>,
    /// `None` when there is no such key.
    tariffs: Option<Vec<Tariff>>,
}

impl PricesWritten {
    /// Reads the price and the tariffs of a model.
    pub(super) fn read(model: &Section<'_>) -> Self {
        let written = Self::of(model);
        if !model.has("price") && written.tariffs.as_ref().is_some_and(|tariffs| !tariffs.is_empty()) {
            complain_of_no_price(model);
        }
        written
    }

    /// Reads those of a deployment, where the model's are not its own.
    ///
    /// A price of its own leaves the model's tariffs behind, because they are of another supplier; tariffs of its own
    /// take the place of the model's.
    pub(super) fn read_at(&self, deployment: &Section<'_>) -> Self {
        let Self { price, tariffs } = Self::of(deployment);
        if deployment.has("price") {
            return Self { price, tariffs };
        }
        let has_price = self.price.is_some();
        if !has_price && tariffs.as_ref().is_some_and(|tariffs| !tariffs.is_empty()) {
            complain_of_no_price(deployment);
        }
        Self { price: self.price.clone(), tariffs: tariffs.or_else(|| self.tariffs.clone()) }
    }

    /// What it comes to; `owner` is where a fault is told.
    pub(super) fn list(&self, owner: &Section<'_>) -> Option<Arc<PriceList>> {
        let tariffs = self.tariffs.clone().unwrap_or_default();
        match PriceList::new(self.price.clone()?, tariffs) {
            Ok(list) => Some(Arc::new(list)),
            Err(fault) => {
                owner.complain("tariffs", fault.to_string(), Some("write a smaller factor".to_owned()));
                None
            }
        }
    }

    fn of(owner: &Section<'_>) -> Self {
        let price = read_price(owner);
        let tariffs = owner.sections_as("tariffs", TARIFFS).into_iter().map(read_tariff).collect();
        Self { price, tariffs: owner.has("tariffs").then_some(tariffs) }
    }
}

fn complain_of_no_price(owner: &Section<'_>) {
    let instead = "write `price = { input = 3.00, output = 15.00 }` beside them";
    owner.complain("tariffs", "there is no price that these tariffs could change", Some(instead.to_owned()));
}

fn read_tariff(section: Section<'_>) -> Tariff {
    let window = window::read(&section);
    let replacement = read_price(&section);
    let factors = read_factors(&section);
    match (section.has("price"), section.has("multiply")) {
        (true, true) => {
            let instead = "leave one of them out".to_owned();
            section.complain("multiply", "a tariff has either `multiply` or `price`", Some(instead));
        }
        (false, false) => {
            let instead = "write `multiply = 0.5`, or `price = { input = 1.50, output = 7.50 }`".to_owned();
            section.reading().complain(section.place(), "this does not say what it changes", Some(instead));
        }
        _ => {}
    }
    section.finish();
    let effect = replacement.map_or(Effect::Multiply(factors), Effect::Replace);
    Tariff { window, effect }
}

/// One factor for all, or a table with one for each class.
fn read_factors(tariff: &Section<'_>) -> Factors {
    if tariff.has("multiply") && !tariff.is_table("multiply") {
        return Factors::all(tariff.millionths("multiply").map_or(Factor::ONE, Factor::from_millionths));
    }
    let section = tariff.section("multiply");
    let factor = |key| section.millionths(key).map(Factor::from_millionths);
    let factors = Factors {
        input: factor("input").unwrap_or(Factor::ONE),
        output: factor("output").unwrap_or(Factor::ONE),
        cache_read: factor("cache_read"),
        cache_write: factor("cache_write"),
        audio_input: factor("audio_input"),
        audio_output: factor("audio_output"),
    };
    section.finish();
    factors
}

/// Reads the `price` of a model, a deployment or a tariff, when one was written.
fn read_price(owner: &Section<'_>) -> Option<Price> {
    let section = owner.section_as("price", PRICE);
    let base = read_classes(&section);
    complain_of_missing(&section, owner.has("price"));
    let mut tiers: Vec<(u64, TokenPrices)> = Vec::new();
    for tier in section.sections_as("tiers", TIERS) {
        tiers.extend(read_tier(tier, &section, tiers.last().map(|&(above, _)| above)));
    }
    section.finish();
    Price::tiered(base?, tiers).ok()
}

fn read_tier(tier: Section<'_>, base: &Section<'_>, below: Option<u64>) -> Option<(u64, TokenPrices)> {
    let above = tier.count("above_input", 1..TOKENS_END);
    if !tier.has("above_input") {
        let instead = "write `above_input = 200000`, in tokens of input".to_owned();
        tier.complain("above_input", "a tier says where it begins", Some(instead));
    } else if above.zip(below).is_some_and(|(above, below)| above <= below) {
        let instead = "write the tiers in rising order, each beginning once".to_owned();
        tier.complain("above_input", "this is not above the tier before", Some(instead));
        tier.abandon();
        return None;
    }
    let prices = read_classes(&tier);
    complain_of_missing(&tier, true);
    for class in ["cache_read", "cache_write", "audio_input", "audio_output"] {
        // Taking it from the base or from the tier's input would both surprise somebody.
        if base.has(class) && !tier.has(class) {
            let instead = format!("write `{class}` here too");
            tier.complain(class, format!("the price has `{class}`, and this tier does not"), Some(instead));
        }
    }
    tier.finish();
    Some((above?, prices?))
}

fn read_classes(section: &Section<'_>) -> Option<TokenPrices> {
    let (input, output) = (section.nano_usd("input"), section.nano_usd("output"));
    let cache = [section.nano_usd("cache_read"), section.nano_usd("cache_write")];
    let audio = [section.nano_usd("audio_input"), section.nano_usd("audio_output")];
    Some(TokenPrices {
        input: input?,
        output: output?,
        cache_read: cache[0],
        cache_write: cache[1],
        audio_input: audio[0],
        audio_output: audio[1],
    })
}

fn complain_of_missing(section: &Section<'_>, is_written: bool) {
    for key in ["input", "output"] {
        if is_written && !section.has(key) {
            let instead = format!("write `{key} = 3.00`, in USD for a million tokens; 0 when it is free");
            section.complain(key, format!("a price needs `{key}`"), Some(instead));
        }
    }
}

/// Above any window of tokens.
const TOKENS_END: u64 = 1_000_000_001;

/// Where the keys of every price and tariff are documented, whoever has it.
const PRICE: &str = "models.*.price";
const TIERS: &str = "models.*.price.tiers";
const TARIFFS: &str = "models.*.tariffs";
