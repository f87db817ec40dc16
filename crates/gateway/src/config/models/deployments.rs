//! `deployments` of a model: references to providers with weights, and with prices where they differ.

use std::sync::Arc;

use roundelay_ledger::PriceList;

use super::super::{
    catalogue::KnownModel,
    price::PricesWritten,
    reader::{Place, Section, Share, Text},
    roster::Roster,
};

/// Where a model is served, as far as it was written.
pub(super) struct Written {
    /// Index into the providers.
    pub(super) provider: usize,
    pub(super) upstream_model: Arc<str>,
    pub(super) weight: f64,
    pub(super) prices: Option<Arc<PriceList>>,
}

/// Reads `deployments`, or asks the catalogue.
pub(super) fn read(
    section: &Section<'_>,
    name: &str,
    known: Option<&KnownModel>,
    prices: &PricesWritten,
    roster: &Roster<'_>,
) -> Vec<Written> {
    // The model's own faults are told once, whatever its deployments have.
    let models = prices.list(section);
    let Some(written) = section.shares("deployments") else {
        if !section.has("deployments") {
            return catalogue_deployments(section, name, known, models.as_ref(), roster);
        }
        return Vec::new();
    };
    if !section.is_occupied("deployments") {
        section.complain("deployments", "a model needs a deployment", Some(FORM.to_owned()));
    } else if !written.is_empty() && written.iter().all(|share| share.weight <= 0.0) {
        section.complain("deployments", "every weight is 0", Some("give one of them a weight above 0".to_owned()));
    }
    let mut places: Vec<Written> = Vec::new();
    for Share { name: reference, weight, more, place } in written {
        let prices = more.map_or_else(|| models.clone(), |more| read_prices(more, prices, models.as_ref()));
        let Some((provider, upstream_model)) = read_reference(&reference, name, known, &place, section, roster) else {
            continue;
        };
        if places.iter().any(|other| (other.provider, &other.upstream_model) == (provider, &upstream_model)) {
            let instead = "write each deployment once; a weight gives it a larger share".to_owned();
            section.reading().complain(&place, "this deployment is here twice", Some(instead));
            continue;
        }
        places.push(Written { provider, upstream_model, weight, prices });
    }
    places
}

fn read_prices(
    deployment: Section<'_>,
    prices: &PricesWritten,
    models: Option<&Arc<PriceList>>,
) -> Option<Arc<PriceList>> {
    let own = prices.read_at(&deployment);
    let is_own = deployment.has("price") || deployment.has("tariffs");
    let list = if is_own { own.list(&deployment) } else { models.cloned() };
    deployment.finish();
    list
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
    let upstream_model =
        upstream_model.or_else(|| known.and_then(|known| known.at.get(provider)).map(String::as_str)).unwrap_or(name);
    Some((index, upstream_model.into()))
}

fn catalogue_deployments(
    section: &Section<'_>,
    name: &str,
    known: Option<&KnownModel>,
    prices: Option<&Arc<PriceList>>,
    roster: &Roster<'_>,
) -> Vec<Written> {
    let Some(known) = known else {
        let message = format!("the catalogue does not know `{name}`, so it needs `deployments`");
        section.reading().complain(section.place(), message, Some(FORM.to_owned()));
        return Vec::new();
    };
    let places = roster.places_of(known);
    if places.is_empty() && !known.at.keys().any(|provider| roster.was_written(provider)) {
        let providers: Vec<&str> = known.at.keys().map(String::as_str).collect();
        let message = format!("none of the providers of `{name}` is configured");
        let instead = format!("configure `{}`, or write `deployments`", providers.join("` or `"));
        section.reading().complain(section.place(), message, Some(instead));
    }
    let written =
        |(provider, upstream_model)| Written { provider, upstream_model, weight: 1.0, prices: prices.cloned() };
    places.into_iter().map(written).collect()
}

const FORM: &str = "write `deployments = [\"provider\"]` or `[\"provider/upstream_model\"]`";
