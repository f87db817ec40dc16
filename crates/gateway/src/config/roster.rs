//! The providers and models read so far, by name: where references are looked up, and models that need no entry are made.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use super::{
    catalogue::{self, KnownModel, KnownPrice},
    complaint::nearest,
    currency::CnyPerUsd,
    models::{self, Model},
    providers::Provider,
    reader::{Place, Reading, Section, Text},
};

/// What names may refer to.
pub(super) struct Roster<'a> {
    pub(super) providers: &'a [Provider],
    /// What a price in yuan is in dollars.
    pub(super) rate: CnyPerUsd,
    /// Whose address each provider has.
    vendors: Vec<Option<&'static str>>,
    /// Names of all providers that stand in the file, the unusable ones included: each fault is told once.
    written_providers: BTreeSet<String>,
    written_models: BTreeSet<String>,
    models: Vec<Model>,
    model_index: HashMap<Arc<str>, usize>,
    /// The models without a section whose price was warned of.
    unpriced: BTreeSet<usize>,
}

impl<'a> Roster<'a> {
    pub(super) fn new(providers: &'a [Provider], written_providers: BTreeSet<String>, rate: CnyPerUsd) -> Self {
        Self {
            providers,
            rate,
            vendors: providers.iter().map(Provider::vendor).collect(),
            written_providers,
            written_models: BTreeSet::new(),
            models: Vec::new(),
            model_index: HashMap::new(),
            unpriced: BTreeSet::new(),
        }
    }

    /// Reads `[models]`.
    pub(super) fn read_models(&mut self, document: &Section<'_>) {
        for (name, section) in document.named_sections("models") {
            let model = models::read(&name, section, self);
            self.written_models.insert(name);
            if let Some(model) = model {
                self.add(model);
            }
        }
    }

    /// Adds what needs no entry: the catalogue's models of the providers here, and an open model a provider.
    /// A pool that has the name of a catalogue's model hides it.
    pub(super) fn add_unwritten(&mut self, pools: &BTreeSet<&str>) {
        for (name, known) in catalogue::known_models() {
            let places = self.places_of(known);
            if !places.is_empty() && !pools.contains(name) && !self.written_models.contains(name) {
                self.add_known(name, known, places);
            }
        }
        for (index, provider) in self.providers.iter().enumerate() {
            let name = format!("{}/*", provider.name);
            self.add(Model::unwritten(&name, None, vec![(index, None)], self));
        }
    }

    pub(super) fn into_models(self) -> Vec<Model> {
        self.models
    }

    pub(super) fn model(&self, index: usize) -> &Model {
        &self.models[index]
    }

    /// Whether the price of that model is warned of for the first time.
    pub(super) fn is_first_warning(&mut self, index: usize) -> bool {
        self.unpriced.insert(index)
    }

    pub(super) fn has_written_model(&self, name: &str) -> bool {
        self.written_models.contains(name)
    }

    /// Whether a model may be meant by that name.
    pub(super) fn knows(&self, name: &str) -> bool {
        self.model_index.contains_key(name)
            || self.written_models.contains(name)
            || catalogue::known_model(name).is_some()
            || name.contains('/')
    }

    pub(super) fn was_written(&self, provider: &str) -> bool {
        self.written_providers.contains(provider)
    }

    /// Where the providers here serve a model of the catalogue.
    pub(super) fn places_of(&self, known: &KnownModel) -> Vec<(usize, Arc<str>)> {
        let places = self.providers.iter().enumerate();
        places
            .filter_map(|(index, provider)| Some((index, known.at.get(&*provider.name)?.upstream_model.into())))
            .collect()
    }

    /// What the catalogue knows of a price there.
    pub(super) fn known_price(&self, provider: usize, upstream_model: &str) -> Option<KnownPrice> {
        catalogue::known_place(self.vendors[provider]?, upstream_model)?.price()
    }

    /// The provider of that name, which is a part of `reference`; complains when nothing of that name was written.
    pub(super) fn provider_or_complain(
        &self,
        name: &str,
        reference: &Text,
        place: &Place,
        reading: &Reading<'_>,
    ) -> Option<usize> {
        let index = self.provider(name);
        if index.is_none() && !self.was_written(name) {
            let names = || self.written_providers.iter().map(String::as_str);
            // A reference that may be shown as it is may be shown in part.
            let name = if reference.shown() == reference.text { name } else { reference.shown() };
            let instead = match nearest(name, names()) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("configured: {}; or add `[providers.{name}]`", list(names())),
            };
            reading.complain(place, format!("there is no provider `{name}`"), Some(instead));
        }
        index
    }

    /// The model a pool means by `name`: written, known to the catalogue, or `provider/upstream_model`.
    pub(super) fn model_or_complain(&mut self, asked: &Text, place: &Place, reading: &Reading<'_>) -> Option<usize> {
        let name = asked.text.as_str();
        if let Some(&index) = self.model_index.get(name) {
            return Some(index);
        }
        if self.written_models.contains(name) {
            // It has a fault of its own, which was told.
            return None;
        }
        if let Some(known) = catalogue::known_model(name) {
            return self.known_or_complain(asked, known, place, reading);
        }
        if let Some((provider, upstream_model)) = name.split_once('/')
            && !upstream_model.is_empty()
        {
            let provider = self.provider_or_complain(provider, asked, place, reading)?;
            let places = vec![(provider, Some(Arc::from(upstream_model)))];
            return Some(self.add(Model::unwritten(name, None, places, self)));
        }
        self.complain_of_model(asked, place, reading);
        None
    }

    fn known_or_complain(
        &mut self,
        asked: &Text,
        known: &KnownModel,
        place: &Place,
        reading: &Reading<'_>,
    ) -> Option<usize> {
        let places = self.places_of(known);
        let shown = asked.shown();
        if places.is_empty() {
            if !known.at.keys().any(|provider| self.was_written(provider)) {
                let providers = list(known.at.keys().copied());
                let message = format!("no provider here serves `{shown}`");
                let instead =
                    format!("configure one of {providers}, or write `[models.\"{shown}\"]` with `deployments`");
                reading.complain(place, message, Some(instead));
            }
            return None;
        }
        if let Some(date) = &known.retired {
            let message = format!("the vendor of `{shown}` retired it on {date}, as far as the catalogue knows");
            reading.warn(place, message, None);
        }
        Some(self.add_known(&asked.text, known, places))
    }

    fn complain_of_model(&self, asked: &Text, place: &Place, reading: &Reading<'_>) {
        let served = catalogue::known_models().filter(|(_, known)| !self.places_of(known).is_empty());
        let names = served.map(|(name, _)| name).chain(self.written_models.iter().map(String::as_str));
        let provider = self.written_providers.iter().next().map_or("provider", String::as_str);
        let shown = asked.shown();
        let any = format!("`{provider}/{shown}` asks a provider for it without an entry");
        let instead = match nearest(&asked.text, names) {
            Some(meant) => format!("did you mean `{meant}`? Or {any}"),
            None => format!("write `[models.\"{shown}\"]` with `deployments`, or {any}"),
        };
        reading.complain(place, format!("there is no model `{shown}`"), Some(instead));
    }

    fn add_known(&mut self, name: &str, known: &KnownModel, places: Vec<(usize, Arc<str>)>) -> usize {
        if let Some(&index) = self.model_index.get(name) {
            return index;
        }
        let places = places.into_iter().map(|(provider, upstream_model)| (provider, Some(upstream_model)));
        self.add(Model::unwritten(name, Some(known), places.collect(), self))
    }

    fn add(&mut self, model: Model) -> usize {
        let index = self.models.len();
        self.model_index.insert(Arc::clone(&model.name), index);
        self.models.push(model);
        index
    }

    fn provider(&self, name: &str) -> Option<usize> {
        self.providers.iter().position(|provider| &*provider.name == name)
    }
}

fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let quoted: Vec<String> = names.map(|name| format!("`{name}`")).collect();
    if quoted.is_empty() { "none".to_owned() } else { quoted.join(", ") }
}
