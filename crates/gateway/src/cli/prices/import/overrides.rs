//! Offers beside a configuration: what is new becomes `[models.…]` sections.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt::Write as _,
};

use jiff::Timestamp;
use roundelay_calendar::UnixTime;
use roundelay_ledger::{Price, PriceList, TokenPrices, UnitPrices};

use super::{
    super::{classes, usd},
    lists::Offer,
};
use crate::config::{Config, Model, ModelDeployment};

/// A price that is not what was known.
#[derive(Debug)]
pub(super) struct Change {
    pub(super) model: String,
    pub(super) provider: String,
    pub(super) upstream_model: String,
    /// What was known; `None` when nothing was.
    pub(super) before: Option<Price>,
    pub(super) after: Price,
}

/// What a list changes.
#[derive(Debug, Default)]
pub(super) struct Overrides {
    /// By model.
    pub(super) changes: Vec<Change>,
    /// How many prices are those that are known, at some hour of the week.
    pub(super) unchanged: usize,
    /// How many deployments the list says nothing of.
    pub(super) missing: usize,
    /// Every deployment of each model that a change is of: its reference and its weight.
    places: BTreeMap<String, Vec<(String, f64)>>,
}

impl Overrides {
    /// Compares the offers with what the configuration has; with `all`, offers of other models of its providers are
    /// new.
    pub(super) fn of(config: &Config, offers: Vec<Offer>, all: bool) -> Self {
        let offers: HashMap<_, _> =
            offers.into_iter().map(|offer| ((offer.provider, offer.upstream_model), offer.price)).collect();
        let mut overrides = Self::default();
        let mut used = BTreeSet::new();
        for model in config.models.iter().filter(|model| !model.is_open()) {
            for place in &model.deployments {
                let Some((provider, upstream_model, vendor)) = reference(config, place) else { continue };
                let key = (vendor, upstream_model.to_owned());
                let Some(offer) = offers.get(&key) else {
                    overrides.missing += 1;
                    continue;
                };
                overrides.compare(model, provider, upstream_model, place.prices.as_deref(), offer);
                used.insert(key);
            }
            overrides.keep_places(config, model);
        }
        if all {
            overrides.add_others(config, &offers, &used);
        }
        overrides
    }

    fn compare(
        &mut self,
        model: &Model,
        provider: &str,
        upstream_model: &str,
        known: Option<&PriceList>,
        offer: &Price,
    ) {
        let after = known.map_or_else(|| offer.clone(), |known| merged(offer, known.standard()));
        if known.is_some_and(|known| prices_of(known).any(|price| price == merged(offer, &price))) {
            self.unchanged += 1;
            return;
        }
        self.changes.push(Change {
            model: model.name.to_string(),
            provider: provider.to_owned(),
            upstream_model: upstream_model.to_owned(),
            before: known.map(|known| known.standard().clone()),
            after,
        });
    }

    /// A section that names deployments names all of them, so those that stay are kept with their weights.
    fn keep_places(&mut self, config: &Config, model: &Model) {
        if self.changes.last().is_none_or(|change| change.model != *model.name) {
            return;
        }
        let places = model.deployments.iter().filter_map(|place| {
            let upstream_model = place.upstream_model.as_deref()?;
            Some((format!("{}/{upstream_model}", config.providers[place.provider].name), place.weight))
        });
        self.places.insert(model.name.to_string(), places.collect());
    }

    fn add_others(
        &mut self,
        config: &Config,
        offers: &HashMap<(&'static str, String), Price>,
        used: &BTreeSet<(&'static str, String)>,
    ) {
        let mut others: Vec<_> = offers.iter().filter(|(key, _)| !used.contains(*key)).collect();
        others.sort_by_key(|(key, _)| *key);
        for provider in &config.providers {
            let Some(vendor) = provider.vendor() else { continue };
            for ((_, upstream_model), price) in others.iter().filter(|((theirs, _), _)| *theirs == vendor) {
                let name = format!("{}/{upstream_model}", provider.name);
                if upstream_model.is_empty() || name.contains('*') || name.chars().any(char::is_control) {
                    continue;
                }
                self.places.insert(name.clone(), vec![(name.clone(), 1.0)]);
                self.changes.push(Change {
                    model: name,
                    provider: provider.name.to_string(),
                    upstream_model: upstream_model.clone(),
                    before: None,
                    after: (*price).clone(),
                });
            }
        }
    }

    /// The sections, after a heading of comments.
    pub(super) fn to_toml(&self, heading: &str) -> String {
        let mut toml = heading.to_owned();
        toml.push_str("# Where the configuration has a section of the same model, put the two together.\n");
        for (model, places) in &self.places {
            write!(toml, "\n[models.{}.deployments]\n", quoted(model)).expect("a string takes everything");
            for (reference, weight) in places {
                let change = self.changes.iter().find(|change| {
                    change.model == *model && *reference == format!("{}/{}", change.provider, change.upstream_model)
                });
                let value = match change {
                    Some(change) => format!("{{ weight = {weight}, price = {} }}", inline(&change.after)),
                    None => weight.to_string(),
                };
                writeln!(toml, "{} = {value}", quoted(reference)).expect("a string takes everything");
            }
        }
        toml
    }
}

/// The provider's name here, the model's name there, and whose address it is.
fn reference<'a>(config: &'a Config, place: &'a ModelDeployment) -> Option<(&'a str, &'a str, &'static str)> {
    let provider = &config.providers[place.provider];
    Some((&*provider.name, place.upstream_model.as_deref()?, provider.vendor()?))
}

/// What the list says, with the classes that it leaves out as they are known.
fn merged(offer: &Price, known: &Price) -> Price {
    let (base, before) = (offer.base(), known.base());
    let base = TokenPrices {
        cache_read: base.cache_read.or(before.cache_read),
        cache_write: base.cache_write.or(before.cache_write),
        cache_write_long: base.cache_write_long.or_else(|| written_long(before, base)),
        audio_input: base.audio_input.or(before.audio_input),
        audio_output: base.audio_output.or(before.audio_output),
        image_input: base.image_input.or(before.image_input),
        units: either(base.units, before.units),
        ..*base
    };
    let is_same = (base.input, base.output) == (before.input, before.output);
    let tiers = match (offer.tiers(), is_same) {
        ([], true) => known.tiers().to_vec(),
        ([], false) => Vec::new(),
        (tiers, _) => {
            let known =
                |above: u64| known.tiers().iter().find(|(size, _)| *size == above).map_or(&base, |(_, tier)| tier);
            tiers.iter().map(|(above, tier)| (*above, filled(tier, known(*above)))).collect()
        }
    };
    Price::tiered(base, tiers).expect("tiers in the order of one of two prices")
}

/// A tier with the classes that only the other names.
fn filled(tier: &TokenPrices, other: &TokenPrices) -> TokenPrices {
    TokenPrices {
        cache_read: tier.cache_read.or(other.cache_read),
        cache_write: tier.cache_write.or(other.cache_write),
        cache_write_long: tier.cache_write_long.or_else(|| written_long(other, tier)),
        audio_input: tier.audio_input.or(other.audio_input),
        audio_output: tier.audio_output.or(other.audio_output),
        image_input: tier.image_input.or(other.image_input),
        units: either(tier.units, other.units),
        ..*tier
    }
}

/// A written price of long writes, where it is of the same input: left out, it is derived from that.
fn written_long(known: &TokenPrices, new: &TokenPrices) -> Option<u64> {
    known.cache_write_long.filter(|_| known.input == new.input)
}

/// What is no token, of the one price or, where that has none, of the other.
fn either(own: UnitPrices, other: UnitPrices) -> UnitPrices {
    if own == UnitPrices::default() { other } else { own }
}

/// What holds outside of all tariffs, and at each change from now on.
fn prices_of(list: &PriceList) -> impl Iterator<Item = Price> {
    let first = list.at(UnixTime(Timestamp::now().as_second()));
    let quotes = std::iter::successors(Some(first), |quote| quote.until.map(|until| list.at(until)));
    std::iter::once(list.standard().clone()).chain(quotes.take(CHANGES_MAX).map(|quote| (*quote.price).clone()))
}

/// A week of a list that changes four times a day.
const CHANGES_MAX: usize = 28;

fn inline(price: &Price) -> String {
    let list = |prices: &TokenPrices| {
        let parts: Vec<String> = classes(prices).map(|(name, price)| format!("{name} = {}", usd(price))).collect();
        parts.join(", ")
    };
    let base = list(price.base());
    if price.tiers().is_empty() {
        return format!("{{ {base} }}");
    }
    let tiers = price.tiers().iter().map(|(above, tier)| format!("{{ above_input = {above}, {} }}", list(tier)));
    format!("{{ {base}, tiers = [{}] }}", tiers.collect::<Vec<_>>().join(", "))
}

/// A key of TOML.
fn quoted(key: &str) -> String {
    let mut quoted = String::from("\"");
    for character in key.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            _ if character.is_control() => quoted.push_str(&format!("\\u{:04X}", u32::from(character))),
            _ => quoted.push(character),
        }
    }
    quoted + "\""
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(offered: (u64, &[(u64, u64)]), long: &[u64]) {
        let prices = |input| TokenPrices { input, output: 15, ..TokenPrices::default() };
        let known = TokenPrices { cache_write_long: Some(7), ..prices(3) };
        let known = Price::tiered(known, Vec::new()).unwrap();
        let tiers = offered.1.iter().map(|&(above, input)| (above, prices(input))).collect();
        let merged = merged(&Price::tiered(prices(offered.0), tiers).unwrap(), &known);
        let tiers = merged.tiers().iter().map(|(_, tier)| tier.cache_write_long());
        assert_eq!(std::iter::once(merged.base().cache_write_long()).chain(tiers).collect::<Vec<_>>(), long);
    }

    #[test]
    fn a_long_write_costs_what_is_written_only_while_its_input_costs_the_same() {
        check((3, &[]), &[7]);
        check((4, &[]), &[8]);
        check((3, &[(200_000, 6)]), &[7, 12]);
        check((3, &[(200_000, 3)]), &[7, 7]);
    }
}
