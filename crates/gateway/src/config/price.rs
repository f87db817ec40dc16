//! Prices and tariffs, exact: decimal digits in, integers out, no floating point between.

use std::sync::Arc;

use roundelay_ledger::{BadPrice, Effect, Factor, Factors, Price, PriceList, Tariff, TokenPrices, UnitPrices};

use super::{
    catalogue::{KnownPrice, Source},
    currency::{CnyPerUsd, Currency},
    reader::Section,
    window,
};

/// Where the price of a deployment is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PriceOrigin {
    /// The configuration.
    Written,
    /// The catalogue, though the tariffs may be the configuration's.
    Catalogue {
        /// Where the catalogue has it from.
        source: Source,
        /// What the vendor lists it in.
        currency: Currency,
    },
}

/// A price with its tariffs in USD, and where it is from.
pub(super) type Priced = (Arc<PriceList>, PriceOrigin);

/// A price in the currency it was written in.
#[derive(Debug)]
pub(super) struct Listed {
    pub(super) price: Price,
    pub(super) currency: Currency,
}

/// What was written about prices at a model or at one of its deployments.
#[derive(Debug, Clone)]
pub(super) struct PricesWritten {
    price: Option<Price>,
    /// `None` when there is no such key.
    tariffs: Option<Vec<Tariff>>,
    rate: CnyPerUsd,
}

impl PricesWritten {
    /// Reads the price and the tariffs of a model.
    pub(super) fn read(model: &Section<'_>, rate: CnyPerUsd) -> Self {
        let price = read_price(model, rate);
        let tariffs = model.sections_as("tariffs", TARIFFS).into_iter();
        let tariffs = tariffs.map(|tariff| read_tariff(tariff, rate)).collect();
        Self { price, tariffs: model.has("tariffs").then_some(tariffs), rate }
    }

    /// Reads those of a deployment, where the model's are not its own.
    ///
    /// A price of its own leaves the model's tariffs behind, because they are of another supplier; tariffs of its own
    /// take the place of the model's.
    pub(super) fn read_at(&self, deployment: &Section<'_>) -> Self {
        let own = Self::read(deployment, self.rate);
        if deployment.has("price") {
            return own;
        }
        let tariffs = own.tariffs.or_else(|| self.tariffs.clone());
        Self { price: self.price.clone(), tariffs, rate: self.rate }
    }

    /// What it comes to where the catalogue knows that price, or none; `owner` is where a fault is told. What was not
    /// written is as the catalogue has it.
    pub(super) fn list(&self, owner: &Section<'_>, known: Option<KnownPrice>) -> Option<Priced> {
        let Some(price) = &self.price else {
            let known = known?;
            let tariffs = self.tariffs.clone().unwrap_or_else(|| known.tariffs.clone());
            return known.priced(tariffs, self.rate).map_err(|fault| complain_of(fault, owner)).ok();
        };
        let tariffs = self.tariffs.clone().unwrap_or_default();
        let list = PriceList::new(price.clone(), tariffs).map_err(|fault| complain_of(fault, owner)).ok()?;
        Some((Arc::new(list), PriceOrigin::Written))
    }

    /// Complains about tariffs at `owner` that change nothing, because no price is known.
    pub(super) fn complain_of_no_price(&self, owner: &Section<'_>) {
        if !owner.has("price") && self.tariffs.as_ref().is_some_and(|tariffs| !tariffs.is_empty()) {
            let instead = "write `price = { input = 3.00, output = 15.00 }` beside them";
            owner.complain("tariffs", "there is no price that these tariffs could change", Some(instead.to_owned()));
        }
    }
}

impl KnownPrice {
    /// In USD, with its own tariffs.
    pub(super) fn in_usd(self, rate: CnyPerUsd) -> Priced {
        let tariffs = self.tariffs.clone();
        self.priced(tariffs, rate).expect("a test makes every list of the catalogue")
    }

    fn priced(&self, tariffs: Vec<Tariff>, rate: CnyPerUsd) -> Result<Priced, BadPrice> {
        let list = PriceList::new(rate.price_in_usd(&self.listed, self.currency), tariffs)?;
        Ok((Arc::new(list), PriceOrigin::Catalogue { source: self.source, currency: self.currency }))
    }
}

fn complain_of(fault: BadPrice, owner: &Section<'_>) {
    owner.complain("tariffs", fault.to_string(), Some("write a smaller factor".to_owned()));
}

pub(super) fn read_tariff(section: Section<'_>, rate: CnyPerUsd) -> Tariff {
    let window = window::read(&section);
    let replacement = read_price(&section, rate);
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

/// Reads the `price` of a model, a deployment or a tariff in USD, when one was written.
fn read_price(owner: &Section<'_>, rate: CnyPerUsd) -> Option<Price> {
    read_listed(owner).map(|listed| rate.price_in_usd(&listed.price, listed.currency))
}

/// Reads the `price` of a model, a deployment or a tariff as it was written.
pub(super) fn read_listed(owner: &Section<'_>) -> Option<Listed> {
    let section = owner.section_as("price", PRICE);
    let currency = section.choice("currency", &Currency::ALL).unwrap_or(Currency::Usd);
    let base = read_classes(&section);
    complain_of_missing(&section, owner.has("price"));
    let mut tiers: Vec<(u64, TokenPrices)> = Vec::new();
    for tier in section.sections_as("tiers", TIERS) {
        tiers.extend(read_tier(tier, &section, tiers.last().map(|&(above, _)| above)));
    }
    section.finish();
    Some(Listed { price: Price::tiered(base?, tiers).ok()?, currency })
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
    let classes = ["cache_read", "cache_write", "cache_write_long", "audio_input", "audio_output", "image_input"];
    for class in classes.into_iter().chain(UNITS) {
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
    let image_input = section.nano_usd("image_input");
    let units = read_units(section);
    // What is billed by its images, seconds, characters or searches need not have tokens.
    let is_by_unit = UNITS.iter().any(|unit| section.has(unit));
    let free = is_by_unit.then_some(0);
    let (input, output) = (input.or(free), output.or(free));
    let cache = ["cache_read", "cache_write", "cache_write_long"].map(|key| section.nano_usd(key));
    let audio = [section.nano_usd("audio_input"), section.nano_usd("audio_output")];
    Some(TokenPrices {
        input: input?,
        output: output?,
        cache_read: cache[0],
        cache_write: cache[1],
        cache_write_long: cache[2],
        audio_input: audio[0],
        audio_output: audio[1],
        image_input,
        units,
    })
}

fn read_units(section: &Section<'_>) -> UnitPrices {
    let read = |key| section.nano_usd(key).unwrap_or(0);
    UnitPrices {
        image: read("per_image"),
        second: read("per_second"),
        characters: read("characters"),
        search: read("per_search"),
    }
}

fn complain_of_missing(section: &Section<'_>, is_written: bool) {
    if UNITS.iter().any(|unit| section.has(unit)) {
        return;
    }
    for key in ["input", "output"] {
        if is_written && !section.has(key) {
            let instead = format!("write `{key} = 3.00`, in USD for a million tokens; 0 when it is free");
            section.complain(key, format!("a price needs `{key}`"), Some(instead));
        }
    }
}

/// By what else than tokens a price may charge.
const UNITS: [&str; 4] = ["per_image", "per_second", "characters", "per_search"];

/// Above any window of tokens.
const TOKENS_END: u64 = 1_000_000_001;

/// Where the keys of every price and tariff are documented, whoever has it.
const PRICE: &str = "models.*.price";
const TIERS: &str = "models.*.price.tiers";
const TARIFFS: &str = "models.*.tariffs";
