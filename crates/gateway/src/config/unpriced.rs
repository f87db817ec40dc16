//! Choosing by cost where a price is not known is no fault, and most likely a price that somebody forgot.

use roundelay_routing::Strategy;

use super::{
    models::Model,
    reader::{Place, Reading, Section},
    roster::Roster,
};

/// What becomes of a pool's member without a price; `None` where prices do not count.
pub(super) fn effect_on_members(pool: &Section<'_>, strategy: Strategy) -> Option<&'static str> {
    effect(strategy).or_else(|| pool.has("max_price").then_some("`max_price` does not leave it out"))
}

/// Warns of a member that has no price somewhere. `shown` is its name as it may be shown.
pub(super) fn warn_of_member(
    shown: &str,
    place: &Place,
    model: &Model,
    effect: &str,
    roster: &Roster<'_>,
    reading: &Reading<'_>,
) {
    let providers = unpriced(model, roster);
    let Some(first) = providers.first() else { return };
    let instead = match shown.split_once('/') {
        Some((_, upstream)) if !model.is_written => format!(
            "write `[models.\"{upstream}\"]` with `deployments = [\"{first}\"]` and `{PRICE}` (0 where it costs \
             nothing), and make `{upstream}` the member"
        ),
        _ => in_section(shown),
    };
    reading.warn(place, message(shown, &providers, effect), Some(instead));
}

/// Warns of a model that chooses by price among its own deployments, where one has none.
pub(super) fn warn_of_model(section: &Section<'_>, model: &Model, roster: &Roster<'_>) {
    let Some(effect) = model.strategy.and_then(effect).filter(|_| model.deployments.len() > 1) else { return };
    let providers = unpriced(model, roster);
    if !providers.is_empty() {
        let message = message(&model.name, &providers, effect);
        section.reading().warn(&section.place_of("strategy"), message, Some(in_section(&model.name)));
    }
}

fn effect(strategy: Strategy) -> Option<&'static str> {
    match strategy {
        Strategy::Cheapest => Some("`cheapest` chooses it last"),
        Strategy::Balanced => Some("`balanced` counts it as the dearest"),
        Strategy::Weighted | Strategy::RoundRobin | Strategy::Priority | Strategy::Fastest => None,
    }
}

/// The providers at which its price is not known.
fn unpriced<'a>(model: &Model, roster: &'a Roster<'_>) -> Vec<&'a str> {
    let places = model.deployments.iter().filter(|place| place.prices.is_none());
    places.map(|place| &*roster.providers[place.provider].name).collect()
}

fn message(shown: &str, providers: &[&str], effect: &str) -> String {
    format!("no price of `{shown}` at {} is known: {effect}", providers.join(" and "))
}

fn in_section(shown: &str) -> String {
    format!("write `{PRICE}` into `[models.\"{shown}\"]`; 0 where it costs nothing")
}

const PRICE: &str = "price = { input = 3.00, output = 15.00 }";
