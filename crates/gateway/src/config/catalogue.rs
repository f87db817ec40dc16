//! The models everybody knows, as data built into the binary: `catalogue/models.toml`.
//!
//! Names, windows and capabilities are read once. What a place costs is read when it is asked for, because most places
//! are of providers that nobody here has.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, LazyLock},
};

use roundelay_ledger::{Price, PriceList, Tariff};
use roundelay_routing::Capabilities;
use toml::de::DeTable;

use super::{
    currency::{CnyPerUsd, Currency},
    models::Refuses,
    price::{self, PriceOrigin},
    reader::Reading,
};

/// What the catalogue knows of a model.
#[derive(Debug)]
pub(super) struct KnownModel {
    /// The providers that serve it.
    pub(super) at: BTreeMap<&'static str, KnownPlace>,
    /// Input and output together, in tokens.
    pub(super) context_window: Option<u64>,
    /// The longest output, in tokens.
    pub(super) max_output: Option<u64>,
    pub(super) capabilities: Capabilities,
    pub(super) refuses: Refuses,
    /// The date on which its vendor stopped serving it.
    pub(super) retired: Option<&'static str>,
}

/// A model at one provider.
#[derive(Debug, Clone, Copy)]
pub(super) struct KnownPlace {
    /// Its name there.
    pub(super) upstream_model: &'static str,
    /// All that is written about it, a document of its own.
    line: &'static str,
}

/// What a model costs at one provider.
#[derive(Debug)]
pub(super) struct KnownPrice {
    /// As its vendor lists it.
    pub(super) listed: Price,
    pub(super) currency: Currency,
    pub(super) tariffs: Vec<Tariff>,
    pub(super) source: Source,
}

/// Where a fact is from, and of which day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Source {
    /// A vendor's page, or a collection that others keep.
    pub from: &'static str,
    /// The day it was read or last confirmed, as `2026-11-23`.
    pub date: &'static str,
}

/// The model of that name.
pub(super) fn known_model(name: &str) -> Option<&'static KnownModel> {
    CATALOGUE.models.get(name)
}

/// The model that a cloud serves under a name of its own: `us.anthropic.claude-sonnet-4-5-20250929-v1:0` at Bedrock, or an
/// ARN that ends with one, and `claude-sonnet-4-5@20250929` at Vertex AI. What it costs there is not said by that.
pub(super) fn known_in_cloud(upstream_model: &str) -> Option<&'static KnownModel> {
    if let Some((name, version)) = upstream_model.split_once('@') {
        return known_model(&format!("{name}-{version}")).or_else(|| known_model(name));
    }
    let id = upstream_model.rsplit('/').next()?.split(':').next()?;
    let (maker, name) = id.split_once('.')?;
    // The area that an inference profile stays in goes before the maker.
    let name = if AREAS.contains(&maker) { name.split_once('.')?.1 } else { name };
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let name = name.rsplit_once("-v").filter(|(_, version)| is_number(version)).map_or(name, |(name, _)| name);
    let undated = || name.rsplit_once('-').filter(|(_, date)| date.len() == 8 && is_number(date));
    known_model(name).or_else(|| known_model(undated()?.0))
}

/// What Bedrock's inference profiles begin with ("Supported cross-Region inference profiles").
const AREAS: [&str; 9] = ["us", "eu", "apac", "global", "jp", "au", "ca", "us-gov", "sa"];

/// All models, by name.
pub(super) fn known_models() -> impl Iterator<Item = (&'static str, &'static KnownModel)> {
    CATALOGUE.models.iter().map(|(name, model)| (*name, model))
}

/// What a known provider calls `upstream_model`, whatever it is called here.
pub(super) fn known_place(provider: &str, upstream_model: &str) -> Option<KnownPlace> {
    CATALOGUE.places.get(&(provider, upstream_model)).copied()
}

/// A price that needs no configuration.
#[derive(Debug, Clone)]
pub struct CataloguePrice {
    /// What the model is called here.
    pub model: &'static str,
    /// Who serves it.
    pub provider: &'static str,
    /// What it is called there.
    pub upstream_model: &'static str,
    /// In USD, with its tariffs; `None` when it is not published or was not confirmed.
    pub prices: Option<Arc<PriceList>>,
    /// Where it is from.
    pub origin: Option<PriceOrigin>,
}

/// Everything that the catalogue knows of prices, by model and provider.
pub fn catalogue_prices(rate: CnyPerUsd) -> Vec<CataloguePrice> {
    let places = known_models()
        .flat_map(|(model, known)| known.at.iter().map(move |(provider, place)| (model, provider, place)));
    let priced = places.map(|(model, provider, place)| {
        let priced = place.price().map(|price| price.in_usd(rate));
        let (prices, origin) = priced.map_or((None, None), |(prices, origin)| (Some(prices), Some(origin)));
        CataloguePrice { model, provider, upstream_model: place.upstream_model, prices, origin }
    });
    priced.collect()
}

impl KnownPlace {
    /// What it costs; `None` when that is not published or was not confirmed.
    pub(super) fn price(&self) -> Option<KnownPrice> {
        let line = DeTable::parse(self.line).expect(SOUND).into_inner();
        let (_, place) = table(&line, "at").and_then(|at| at.iter().next()).expect(SOUND);
        let place = place.get_ref().as_table().expect(SOUND);
        place.get("price")?;
        let reading = Reading::new(FILE, self.line, &|_| None);
        let section = reading.section(place);
        let listed = price::read_listed(&section).expect(SOUND);
        section.abandon();
        debug_assert!(!reading.has_faults(), "{}", self.line);
        let source = source(text(place, "source").expect(SOUND));
        let tariffs = text(place, "tariffs").map(tariffs).unwrap_or_default();
        Some(KnownPrice { listed: listed.price, currency: listed.currency, tariffs, source })
    }
}

fn source(name: &str) -> Source {
    let source = table(&HEAD, "sources").and_then(|sources| table(sources, name)).expect(SOUND);
    Source { from: text(source, "from").expect(SOUND), date: text(source, "date").expect(SOUND) }
}

fn tariffs(name: &str) -> Vec<Tariff> {
    let reading = Reading::new(FILE, MODELS, &|_| None);
    let listed = table(&HEAD, "tariffs").and_then(|tariffs| tariffs.get(name)).expect(SOUND);
    let listed = listed.get_ref().as_array().expect(SOUND);
    // Tariffs of the catalogue multiply, so no rate of exchange is needed.
    let read = |table| price::read_tariff(reading.section(table), CnyPerUsd::DEFAULT);
    listed.iter().map(|tariff| read(tariff.get_ref().as_table().expect(SOUND))).collect()
}

#[derive(Debug)]
struct Catalogue {
    models: BTreeMap<&'static str, KnownModel>,
    /// By provider and its own name for the model.
    places: HashMap<(&'static str, &'static str), KnownPlace>,
}

const FILE: &str = "catalogue/models.toml";
const MODELS: &str = include_str!("../../../../catalogue/models.toml");
/// How the part of a model begins.
const MODEL: &str = "\n[models.\"";

/// Why reading cannot fail.
const SOUND: &str = "a test reads the whole catalogue";

/// Sources and tariffs, which stand before the models.
static HEAD: LazyLock<DeTable<'static>> = LazyLock::new(|| {
    let (head, _) = MODELS.split_once(MODEL).expect(SOUND);
    DeTable::parse(head).expect(SOUND).into_inner()
});

static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| {
    let models: BTreeMap<_, _> = MODELS.split(MODEL).skip(1).map(read_model).collect();
    let places = models.values().flat_map(|model| &model.at);
    let places = places.map(|(provider, place)| ((*provider, place.upstream_model), *place)).collect();
    Catalogue { models, places }
});

/// Reads a model line by line, as the catalogue is written: parsing it all as TOML would be most of a start.
fn read_model(part: &'static str) -> (&'static str, KnownModel) {
    let (name, lines) = part.split_once("\"]\n").expect(SOUND);
    let mut model = KnownModel {
        at: BTreeMap::new(),
        context_window: None,
        max_output: None,
        capabilities: Capabilities::NONE,
        refuses: Refuses::default(),
        retired: None,
    };
    for line in lines.lines().filter(|line| !line.is_empty()) {
        let (key, value) = line.split_once(" = ").expect(SOUND);
        match key {
            "context_window" => model.context_window = value.parse().ok(),
            "max_output" => model.max_output = value.parse().ok(),
            "capabilities" => model.capabilities = read_capabilities(value),
            "refuses" => model.refuses = read_refuses(value),
            "retired" => model.retired = Some(value.trim_matches('"')),
            _ => {
                let provider = key.strip_prefix("at.").expect(SOUND);
                let upstream_model = value.strip_prefix("{ model = \"").and_then(|rest| rest.split('"').next());
                model.at.insert(provider, KnownPlace { upstream_model: upstream_model.unwrap_or(name), line });
            }
        }
    }
    (name, model)
}

/// What takes no part in a conversation says so by one of these.
const SERVICES: [&str; 6] = ["embeddings", "rerank", "moderations", "images", "speech", "transcriptions"];

/// What is missing in the list the model cannot do.
fn read_capabilities(list: &str) -> Capabilities {
    // A chat model answers in JSON when told to, and gives log probabilities or says that it does not.
    let is_service = SERVICES.iter().any(|service| list.contains(service));
    let mut capabilities = match is_service {
        true => Capabilities::NONE,
        false => Capabilities { chat: true, json_object: true, logprobs: true, ..Capabilities::NONE },
    };
    for capability in list.split('"').skip(1).step_by(2) {
        let known = match capability {
            "tools" => &mut capabilities.tools,
            "parallel_tools" => &mut capabilities.parallel_tools,
            "vision" => &mut capabilities.vision,
            "audio" => &mut capabilities.audio,
            "documents" => &mut capabilities.documents,
            "json_schema" => &mut capabilities.json_schema,
            "reasoning" => &mut capabilities.reasoning,
            "prefill" => &mut capabilities.prefill,
            "embeddings" => &mut capabilities.embeddings,
            "rerank" => &mut capabilities.rerank,
            "moderations" => &mut capabilities.moderations,
            "images" => &mut capabilities.images,
            "speech" => &mut capabilities.speech,
            "transcriptions" => &mut capabilities.transcriptions,
            other => panic!("the catalogue has a capability `{other}` that nothing asks for"),
        };
        *known = true;
    }
    capabilities
}

fn read_refuses(list: &str) -> Refuses {
    let mut refuses = Refuses::default();
    for name in list.split('"').skip(1).step_by(2) {
        *refuses.member(name).expect(SOUND) = true;
    }
    refuses
}

fn table<'a>(of: &'a DeTable<'a>, key: &str) -> Option<&'a DeTable<'a>> {
    of.get(key)?.get_ref().as_table()
}

fn text<'a>(of: &'a DeTable<'_>, key: &str) -> Option<&'a str> {
    of.get(key)?.get_ref().as_str()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{super::known_providers::known_provider, *};

    #[test]
    fn every_model_is_served_by_known_providers_and_has_sane_numbers() {
        assert!(known_models().count() >= 150);
        for (name, model) in known_models() {
            assert!(!model.at.is_empty(), "{name}");
            for provider in model.at.keys() {
                assert!(known_provider(provider).is_some(), "{name}: {provider}");
            }
            if model.capabilities.chat {
                let window = model.context_window.expect(name);
                assert!((4_096..=10_000_000).contains(&window), "{name}: {window}");
                assert!(model.max_output.unwrap_or(1) < window, "{name}");
            }
            if let Some(date) = model.retired {
                assert!(date.parse::<jiff::civil::Date>().is_ok(), "{name}: {date}");
            }
        }
    }

    #[test]
    fn every_price_is_read_and_is_one_that_somebody_could_ask() {
        let (mut providers, mut priced) = (BTreeSet::new(), 0);
        let mut names = BTreeSet::new();
        for (name, model) in known_models() {
            for (provider, place) in &model.at {
                assert!(
                    names.insert((*provider, place.upstream_model)),
                    "{name}: two models mean the same at {provider}"
                );
                let Some(price) = place.price() else { continue };
                providers.insert(*provider);
                priced += 1;
                assert!(price.source.date.parse::<jiff::civil::Date>().is_ok(), "{name} at {provider}");
                let classes =
                    [price.listed.base()].into_iter().chain(price.listed.tiers().iter().map(|(_, tier)| tier));
                for class in classes {
                    let dearest = class.input.max(class.output).max(class.cache_write()).max(class.audio_output());
                    assert!(dearest <= 1_000_000_000_000, "{name} at {provider}: above 1000 for a million tokens");
                    assert!(class.cache_read() <= class.input, "{name} at {provider}: reading a cache costs more");
                    let is_chat = model.capabilities.chat;
                    assert!(
                        !is_chat || class.output >= class.input || class.input == 0,
                        "{name} at {provider}: output is cheap"
                    );
                    let by_unit = class.units.list().iter().any(|&price| price > 0);
                    assert!(!is_chat || !by_unit, "{name} at {provider}: a conversation has no units");
                    assert!(!by_unit || class.input + class.output == 0, "{name} at {provider}: by token or by unit");
                }
                for (above, _) in price.listed.tiers() {
                    assert!(*above < model.context_window.expect(name), "{name} at {provider}: {above} never comes");
                }
            }
        }
        assert!(providers.len() >= 15 && priced >= 300, "{priced} prices at {providers:?}");
    }

    #[test]
    fn lines_say_what_the_whole_says_as_toml() {
        let whole = DeTable::parse(MODELS).expect("TOML").into_inner();
        let models = table(&whole, "models").expect("models");
        assert_eq!(models.len(), known_models().count());
        for (name, known) in known_models() {
            let model = table(models, name).expect(name);
            let number =
                |key: &str| model.get(key).map(|value| value.get_ref().as_integer().expect(key).as_str().to_owned());
            assert_eq!(known.context_window.map(|count| count.to_string()), number("context_window"), "{name}");
            assert_eq!(known.max_output.map(|count| count.to_string()), number("max_output"), "{name}");
            assert_eq!(known.retired, text(model, "retired"), "{name}");
            let listed = model.get("capabilities").and_then(|list| list.get_ref().as_array()).expect(name);
            let listed: Vec<&str> = listed.iter().filter_map(|capability| capability.get_ref().as_str()).collect();
            assert_eq!(known.capabilities, read_capabilities(&format!("{listed:?}")), "{name}");
            let refused = model.get("refuses").and_then(|list| list.get_ref().as_array());
            let refused: Vec<&str> =
                refused.into_iter().flatten().filter_map(|refused| refused.get_ref().as_str()).collect();
            assert_eq!(known.refuses, read_refuses(&format!("{refused:?}")), "{name}");
            let at = table(model, "at").expect(name);
            let places = at.iter().map(|(provider, place)| {
                let place = place.get_ref().as_table().expect("a table");
                (&**provider.get_ref(), text(place, "model").unwrap_or(name))
            });
            let places: BTreeMap<_, _> = places.collect();
            let read: BTreeMap<_, _> =
                known.at.iter().map(|(provider, place)| (*provider, place.upstream_model)).collect();
            assert_eq!(read, places, "{name}");
        }
    }

    #[test]
    fn clouds_names_are_those_of_models_that_are_known() {
        for (cloud, name) in [
            ("anthropic.claude-sonnet-4-5-20250929-v1:0", "claude-sonnet-4-5-20250929"),
            ("eu.anthropic.claude-sonnet-4-6", "claude-sonnet-4-6"),
            ("global.anthropic.claude-opus-4-6-20260205-v1:0", "claude-opus-4-6"),
            (
                "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-sonnet-4-5-20250929-v1:0",
                "claude-sonnet-4-5-20250929",
            ),
            ("claude-sonnet-4-5@20250929", "claude-sonnet-4-5-20250929"),
            ("claude-sonnet-4-6@default", "claude-sonnet-4-6"),
        ] {
            let found = known_in_cloud(cloud).unwrap_or_else(|| panic!("{cloud}"));
            assert!(std::ptr::eq(found, known_model(name).expect(name)), "{cloud}");
        }
        for cloud in ["amazon.nova-lite-v1:0", "claude-sonnet-4-6", "us.", "a.b.c", "", "@", "arn:aws:bedrock:x:y:z/q"]
        {
            assert!(known_in_cloud(cloud).is_none(), "{cloud}");
        }
    }

    #[test]
    fn what_vendors_document_is_what_the_catalogue_says() {
        let window = |name| known_model(name).and_then(|model| model.context_window);
        assert_eq!(window("gpt-4o"), Some(128_000));
        assert_eq!(window("gpt-5"), Some(400_000));
        assert_eq!(window("claude-sonnet-4-5"), Some(200_000));
        let gpt_4o = known_model("gpt-4o").expect("gpt-4o").capabilities;
        assert!(
            gpt_4o.chat
                && gpt_4o.tools
                && gpt_4o.vision
                && gpt_4o.json_schema
                && !gpt_4o.reasoning
                && !gpt_4o.embeddings
        );
        let vectors = known_model("text-embedding-3-small").expect("text-embedding-3-small").capabilities;
        assert_eq!(vectors, Capabilities { embeddings: true, ..Capabilities::NONE });
        // Anthropic refuses a beginning from 4.6 on; OpenAI, Google and others take it, and answer anew.
        let anew = [
            "claude-opus-4-6",
            "gpt-4o",
            "gpt-5",
            "o3",
            "gemini-2.5-pro",
            "grok-4.5",
            "command-r-plus-08-2024",
            "sonar",
        ];
        let thinking = ["deepseek-reasoner", "magistral-medium-latest", "kimi-k2-thinking", "qwen3.8-max"];
        for name in anew.into_iter().chain(thinking) {
            assert!(!known_model(name).expect(name).capabilities.prefill, "{name}");
        }
        for name in ["claude-sonnet-4-5", "mistral-large-latest", "deepseek-chat"] {
            assert!(known_model(name).expect(name).capabilities.prefill, "{name}");
        }
        let refuses = |name| known_model(name).expect(name).refuses;
        assert_eq!(refuses("claude-opus-4-6"), Refuses::default());
        assert!(refuses("claude-opus-5").sampling && refuses("gpt-5-mini").sampling);
    }
}
