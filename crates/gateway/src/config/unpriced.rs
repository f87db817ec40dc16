//! A price that is not known is no fault, and most likely one that somebody forgot: where prices decide, and at clouds,
//! whose prices the catalogue does not have.

use roundelay_routing::Strategy;

use super::{
    models::{Model, ModelDeployment},
    reader::{Place, Reading, Section, quoted},
    roster::Roster,
};

/// What becomes of a pool's member without a price; `None` where prices do not count.
pub(super) fn effect_on_members(pool: &Section<'_>, strategy: Strategy) -> Option<&'static str> {
    effect(strategy).or_else(|| pool.has("max_price").then_some("`max_price` does not leave it out"))
}

/// Warns of a member that has no price somewhere, where `effect` says what comes of it; and once of a cloud's model that
/// has no section. `shown` is its name as it may be shown.
pub(super) fn warn_of_member(
    shown: &str,
    place: &Place,
    index: usize,
    effect: Option<&str>,
    roster: &mut Roster<'_>,
    reading: &Reading<'_>,
) {
    let model = roster.model(index);
    let at_clouds = unpriced(model, roster, true);
    if reading.has_faulty_price(&section_of(&model.name)) || model.is_written && !at_clouds.is_empty() {
        return;
    }
    let (providers, effect) = match effect {
        Some(effect) => (unpriced(model, roster, false), effect),
        None => (at_clouds, AT_CLOUDS),
    };
    let Some(first) = providers.first() else { return };
    let instead = match shown.split_once('/') {
        Some((_, upstream)) if !model.is_written => format!(
            "write `[models.\"{upstream}\"]` with `deployments = [\"{first}\"]` and `{PRICE}` (0 where it costs \
             nothing), and `{upstream}` here"
        ),
        _ => in_section(shown),
    };
    let message = message(shown, &providers, effect);
    if roster.is_first_warning(index) || effect != AT_CLOUDS {
        reading.warn(place, message, Some(instead));
    }
}

/// Warns of a model that chooses by price among its own deployments, where one has none, and of a cloud's.
pub(super) fn warn_of_model(section: &Section<'_>, model: &Model, roster: &Roster<'_>) {
    if section.reading().has_faulty_price(&section_of(&model.name)) {
        return;
    }
    let chooses = model.strategy.and_then(effect).filter(|_| model.deployments.len() > 1);
    let (providers, effect, place) = match chooses {
        Some(effect) => (unpriced(model, roster, false), effect, section.place_of("strategy")),
        None => (unpriced(model, roster, true), AT_CLOUDS, section.place().clone()),
    };
    if !providers.is_empty() {
        let message = message(&model.name, &providers, effect);
        section.reading().warn(&place, message, Some(in_section(&model.name)));
    }
}

fn effect(strategy: Strategy) -> Option<&'static str> {
    match strategy {
        Strategy::Cheapest => Some("`cheapest` chooses it last"),
        Strategy::Balanced => Some("`balanced` counts it as the dearest"),
        Strategy::Weighted | Strategy::RoundRobin | Strategy::Priority | Strategy::Fastest => None,
    }
}

/// The providers at which its price is not known, each once; of all, or of those alone that are clouds.
fn unpriced<'a>(model: &Model, roster: &Roster<'a>, at_clouds: bool) -> Vec<&'a str> {
    let providers = roster.providers;
    let is_meant =
        |place: &&ModelDeployment| place.prices.is_none() && (!at_clouds || providers[place.provider].is_at_cloud());
    let mut names: Vec<&str> = Vec::new();
    for place in model.deployments.iter().filter(is_meant) {
        let name = &*providers[place.provider].name;
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// Where the faults of a model's section are.
fn section_of(name: &str) -> String {
    format!("models.{}.", quoted(name))
}

fn message(shown: &str, providers: &[&str], effect: &str) -> String {
    format!("no price of `{shown}` at {} is known: {effect}", providers.join(" and "))
}

fn in_section(shown: &str) -> String {
    format!("write `{PRICE}` into `[models.\"{shown}\"]`; 0 where it costs nothing")
}

/// What becomes of a cloud's model without a price, whoever asks for it.
const AT_CLOUDS: &str = "what it costs is in no sum, and `money.unknown_price` says who may ask for it";
const PRICE: &str = "price = { input = 3.00, output = 15.00 }";
