//! `deployments` of a model: references to providers with weights, and with prices where they differ.

use std::sync::Arc;

use super::super::{
    catalogue::KnownModel,
    price::{Priced, PricesWritten},
    reader::{Place, Section, Share, Text},
    roster::Roster,
};

/// Where a model is served, as far as it was written.
pub(super) struct Written {
    /// Index into the providers.
    pub(super) provider: usize,
    pub(super) upstream_model: Arc<str>,
    pub(super) weight: f64,
    pub(super) prices: Option<Priced>,
}

/// Reads `deployments`, or asks the catalogue.
pub(super) fn read(
    section: &Section<'_>,
    name: &str,
    known: Option<&KnownModel>,
    prices: &PricesWritten,
    roster: &Roster<'_>,
) -> Vec<Written> {
    let places = read_places(section, name, known, prices, roster);
    if places.iter().all(|place| place.prices.is_none()) {
        prices.complain_of_no_price(section);
    }
    places
}

fn read_places(
    section: &Section<'_>,
    name: &str,
    known: Option<&KnownModel>,
    prices: &PricesWritten,
    roster: &Roster<'_>,
) -> Vec<Written> {
    // The model's own faults are told once, whatever its deployments have.
    let models = prices.list(section, None);
    let Some(written) = section.shares("deployments") else {
        if !section.has("deployments") {
            let prices = Prices { section, written: prices, models: models.as_ref() };
            return catalogue_deployments(&prices, name, known, roster);
        }
        return Vec::new();
    };
    let prices = Prices { section, written: prices, models: models.as_ref() };
    if !section.is_occupied("deployments") {
        section.complain("deployments", "a model needs a deployment", Some(FORM.to_owned()));
    } else if !written.is_empty() && written.iter().all(|share| share.weight <= 0.0) {
        section.complain("deployments", "every weight is 0", Some("give one of them a weight above 0".to_owned()));
    }
    let mut places: Vec<Written> = Vec::new();
    for Share { name: reference, weight, more, place } in written {
        let found = read_reference(&reference, name, known, &place, section, roster);
        let prices = prices.read_at(more, found.as_ref(), roster);
        let Some((provider, upstream_model)) = found else { continue };
        if places.iter().any(|other| (other.provider, &other.upstream_model) == (provider, &upstream_model)) {
            let instead = "write each deployment once; a weight gives it a larger share".to_owned();
            section.reading().complain(&place, "this deployment is here twice", Some(instead));
            continue;
        }
        places.push(Written { provider, upstream_model, weight, prices });
    }
    places
}

/// What a model says about prices, for each of its deployments.
struct Prices<'a> {
    section: &'a Section<'a>,
    written: &'a PricesWritten,
    /// What the model's own price comes to, when it has one.
    models: Option<&'a Priced>,
}

impl Prices<'_> {
    /// What a deployment costs about which nothing was written.
    fn of(&self, provider: usize, upstream_model: &str, roster: &Roster<'_>) -> Option<Priced> {
        if self.section.has("price") {
            return self.models.cloned();
        }
        self.written.list(self.section, roster.known_price(provider, upstream_model))
    }

    /// What a deployment costs about which `more` was written.
    fn read_at(
        &self,
        more: Option<Section<'_>>,
        found: Option<&(usize, Arc<str>)>,
        roster: &Roster<'_>,
    ) -> Option<Priced> {
        let Some(deployment) = more else {
            let (provider, upstream_model) = found?;
            return self.of(*provider, upstream_model, roster);
        };
        let own = self.written.read_at(&deployment);
        let is_own = deployment.has("price") || deployment.has("tariffs");
        let prices = if is_own {
            let known = found.and_then(|(provider, upstream_model)| roster.known_price(*provider, upstream_model));
            let prices = own.list(&deployment, known);
            if prices.is_none() && !self.section.has("price") && deployment.has("tariffs") {
                own.complain_of_no_price(&deployment);
            }
            prices
        } else {
            found.and_then(|(provider, upstream_model)| self.of(*provider, upstream_model, roster))
        };
        deployment.finish();
        prices
    }
}

/// `provider` or `provider/upstream_model`.
fn read_reference(
    reference: &Text,
    name: &str,
    known: Option<&KnownModel>,
    place: &Place,
    section: &Section<'_>,
    roster: &Roster<'_>,
) -> Option<(usize, Arc<str>)> {
    let (provider, upstream_model) = match reference.text.split_once('/') {
        Some((provider, upstream_model)) => (provider, Some(upstream_model)),
        None => (&*reference.text, None),
    };
    if upstream_model == Some("") {
        section.reading().complain(place, "nothing stands after the `/`", Some(FORM.to_owned()));
        return None;
    }
    let index = roster.provider_or_complain(provider, reference, place, section.reading())?;
    let upstream_model = upstream_model.or_else(|| Some(known?.at.get(provider)?.upstream_model)).unwrap_or(name);
    Some((index, upstream_model.into()))
}

fn catalogue_deployments(
    prices: &Prices<'_>,
    name: &str,
    known: Option<&KnownModel>,
    roster: &Roster<'_>,
) -> Vec<Written> {
    let section = prices.section;
    let Some(known) = known else {
        let message = format!("the catalogue does not know `{name}`, so it needs `deployments`");
        section.reading().complain(section.place(), message, Some(FORM.to_owned()));
        return Vec::new();
    };
    let places = roster.places_of(known);
    if places.is_empty() && !known.at.keys().any(|provider| roster.was_written(provider)) {
        let providers: Vec<&str> = known.at.keys().copied().collect();
        let message = format!("none of the providers of `{name}` is configured");
        let instead = format!("configure `{}`, or write `deployments`", providers.join("` or `"));
        section.reading().complain(section.place(), message, Some(instead));
    }
    let written = |(provider, upstream_model): (usize, Arc<str>)| {
        let prices = prices.of(provider, &upstream_model, roster);
        Written { provider, upstream_model, weight: 1.0, prices }
    };
    places.into_iter().map(written).collect()
}

const FORM: &str = "write `deployments = [\"provider\"]` or `[\"provider/upstream_model\"]`";
