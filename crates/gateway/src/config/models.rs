//! `[models.NAME]`: what callers may ask for, and where it is served.

use std::{sync::Arc, time::Duration};

use roundelay_ledger::PriceList;
use roundelay_protocol::failure::Flavour;
use roundelay_routing as routing;

use super::{
    catalogue::{self, KnownModel},
    losses::Losses,
    price::{PriceOrigin, Priced, PricesWritten},
    providers::{Protocol, Provider},
    reader::Section,
    roster::Roster,
    timeouts::{Timeouts, TimeoutsWritten},
    unpriced,
};

mod deployments;
mod refuses;

pub use refuses::Refuses;

/// A name callers may ask for.
#[derive(Debug, Clone)]
pub struct Model {
    /// The name callers write into `model`; `provider/*` when the model is open.
    pub name: Arc<str>,
    /// Whether it has a section of its own; else the catalogue, a pool or a provider brought it.
    pub is_written: bool,
    /// Where it is served. Each becomes one deployment a key of its provider.
    pub deployments: Vec<ModelDeployment>,
    /// The order in which its deployments are offered; `None` = as the pool chooses where that measures, else by weight.
    pub strategy: Option<routing::Strategy>,
    /// Input and output together, in tokens; `None` when not known.
    pub context_window: Option<u64>,
    /// Most tokens of output; `None` when not known.
    pub max_output: Option<u64>,
    /// What it can do; everything when not known.
    pub capabilities: routing::Capabilities,
    /// What is left out of requests to it; `None` when nothing is known of it.
    pub refuses: Option<Refuses>,
    /// Whether it is known to think before it answers; part of that may never be seen.
    pub is_reasoning: bool,
    /// Most attempts for one exchange that asks for this model itself.
    pub attempts: u32,
    /// Longest time to the first content of an exchange that asks for this model itself, over all attempts.
    pub deadline: Duration,
    /// Whether what a prompt cache should keep is marked for callers who marked nothing.
    pub marks_cache: bool,
    /// What becomes of a request for this model itself that a deployment cannot be told in full.
    pub losses: Losses,
    /// How long such an exchange waits for something to reopen; `None` = as `[routing.cooldown]` says.
    pub wait: Option<Duration>,
}

/// One place where a model is served.
#[derive(Debug, Clone)]
pub struct ModelDeployment {
    /// Index into [`super::Config::providers`].
    pub provider: usize,
    /// The name sent on; `None` when the model is open and the caller's own word is sent on.
    pub upstream_model: Option<Arc<str>>,
    /// Its share among the model's deployments.
    pub weight: f64,
    /// The provider's timers with the model's own in their place.
    pub timeouts: Timeouts,
    /// Its price with its tariffs: those written for it, else the model's, else the catalogue's; `None` when not known.
    pub prices: Option<Arc<PriceList>>,
    /// Where that price is from; `None` when there is none.
    pub price_origin: Option<PriceOrigin>,
}

/// Attempts of one exchange when nothing was written: the three of Google's SRE book ("Handling Overload").
pub(super) const ATTEMPTS: u32 = 3;

/// Time to the first content of one exchange when nothing was written.
pub(super) const DEADLINE: Duration = Duration::from_secs(120);

impl Model {
    /// Whether this stands for every model of its provider: it is asked for as `provider/anything`.
    pub fn is_open(&self) -> bool {
        self.deployments.iter().any(|deployment| deployment.upstream_model.is_none())
    }

    /// The longest a healthy deployment of it may take to its first content.
    pub(super) fn patience(&self) -> Duration {
        self.deployments.iter().map(|place| place.timeouts.first_content).max().unwrap_or_default()
    }

    /// A model about which nothing was written: what the catalogue knows, or nothing.
    pub(super) fn unwritten(
        name: &str,
        known: Option<&KnownModel>,
        places: Vec<(usize, Option<Arc<str>>)>,
        roster: &Roster<'_>,
    ) -> Self {
        let mut capabilities = known.map_or(UNKNOWN, |known| known.capabilities);
        capabilities.prefill &= places.iter().all(|(provider, _)| continues(&roster.providers[*provider]));
        let is_reasoning = known.is_some_and(|known| known.capabilities.reasoning);
        let deployment = |(provider, upstream_model): (usize, Option<Arc<str>>)| {
            let known = upstream_model.as_deref().and_then(|name| roster.known_price(provider, name));
            let (prices, price_origin) = parts(known.map(|known| known.in_usd(roster.rate)));
            let timeouts = roster.providers[provider].timeouts_for(&TimeoutsWritten::default(), is_reasoning);
            ModelDeployment { provider, upstream_model, weight: 1.0, timeouts, prices, price_origin }
        };
        let mut model = Self {
            name: name.into(),
            is_written: false,
            deployments: places.into_iter().map(deployment).collect(),
            strategy: None,
            context_window: known.and_then(|known| known.context_window),
            max_output: known.and_then(|known| known.max_output),
            capabilities,
            refuses: known.map(|known| known.refuses),
            is_reasoning,
            attempts: ATTEMPTS,
            deadline: DEADLINE,
            marks_cache: false,
            losses: Losses::default(),
            wait: None,
        };
        model.deadline = DEADLINE.max(model.patience());
        model
    }
}

fn parts(priced: Option<Priced>) -> (Option<Arc<PriceList>>, Option<PriceOrigin>) {
    priced.map_or((None, None), |(prices, origin)| (Some(prices), Some(origin)))
}

/// Reads one model. One that is not usable is left out, and complained about.
pub(super) fn read(name: &str, section: Section<'_>, roster: &Roster<'_>) -> Option<Model> {
    let known = catalogue::known_model(name);
    let prices = PricesWritten::read(&section, roster.rate);
    let places = deployments::read(&section, name, known, &prices, roster);
    // A name of one's own says nothing, and that of a cloud much.
    let is_clouds =
        |provider: usize| matches!(roster.providers[provider].protocol, Protocol::Bedrock | Protocol::VertexAnthropic);
    let known = known.or_else(|| {
        let first = places.first().filter(|place| is_clouds(place.provider))?;
        catalogue::known_in_cloud(&first.upstream_model)
    });
    let written = section.section("capabilities");
    let says_prefill = written.has("prefill");
    let (mut capabilities, is_reasoning) = read_capabilities(written, known);
    let timeouts = TimeoutsWritten::read(section.section("timeouts"));
    let deployments: Vec<ModelDeployment> = places
        .into_iter()
        .map(|place| {
            let (prices, price_origin) = parts(place.prices);
            ModelDeployment {
                provider: place.provider,
                upstream_model: Some(place.upstream_model),
                weight: place.weight,
                timeouts: roster.providers[place.provider].timeouts_for(&timeouts, is_reasoning),
                prices,
                price_origin,
            }
        })
        .collect();
    if !says_prefill {
        capabilities.prefill &= deployments.iter().all(|place| continues(&roster.providers[place.provider]));
    }
    let mut model = Model {
        name: name.into(),
        is_written: true,
        deployments,
        strategy: read_strategy(&section),
        context_window: section
            .count("context_window", 1..TOKENS_MAX)
            .or_else(|| known.and_then(|known| known.context_window)),
        max_output: section.count("max_output", 1..TOKENS_MAX).or_else(|| known.and_then(|known| known.max_output)),
        capabilities,
        refuses: Refuses::read(&section).or_else(|| known.map(|known| known.refuses)),
        is_reasoning,
        attempts: section.count("attempts", 1..11).map_or(ATTEMPTS, |count| count as u32),
        deadline: DEADLINE,
        marks_cache: section.choice("cache", &[("caller", false), ("auto", true)]).unwrap_or(false),
        losses: Losses::read(&section),
        wait: section.wait("wait"),
    };
    model.deadline = section.duration("deadline").unwrap_or_else(|| DEADLINE.max(model.patience()));
    if name.is_empty() || name.contains('*') || name.chars().any(char::is_control) {
        let instead = "leave out `*` and control characters".to_owned();
        section.reading().complain(section.place(), "this cannot be the name of a model", Some(instead));
    }
    warn_of_retirement(&section, known);
    unpriced::warn_of_model(&section, &model, roster);
    section.finish();
    (!model.deployments.is_empty()).then_some(model)
}

/// The strategy that was written.
pub(super) fn read_strategy(section: &Section<'_>) -> Option<routing::Strategy> {
    section.choice("strategy", &routing::Strategy::ALL.map(|strategy| (strategy.name(), strategy)))
}

/// What a model is taken to do about which nothing is known: whatever its provider does not refuse. A turn begun for it is
/// not refused where it is not understood, but answered anew, which cannot be told from going on.
const UNKNOWN: routing::Capabilities = routing::Capabilities { prefill: false, ..routing::Capabilities::ALL };

/// Whether a server goes on from a beginning where its model does, as its makers document: Anthropic ("Prefill Claude's
/// response"), Bedrock, Mistral ("Prefix"), DeepSeek ("Chat prefix completion", under `/beta` alone), Alibaba and Moonshot
/// ("Partial mode"), Groq ("Assistant message prefilling"), OpenRouter ("Assistant prefill"), and servers of one's own. Another
/// that serves the same model may answer anew.
fn continues(provider: &Provider) -> bool {
    match (provider.protocol, provider.flavour) {
        (Protocol::Anthropic | Protocol::VertexAnthropic | Protocol::Bedrock, _) => true,
        (Protocol::OpenAi, Flavour::DeepSeek) => provider.base_url.path_prefix.split('/').any(|part| part == "beta"),
        (Protocol::OpenAi, Flavour::Mistral | Flavour::DashScope | Flavour::Moonshot) => true,
        (Protocol::OpenAi, Flavour::Groq | Flavour::OpenRouter) => true,
        (Protocol::OpenAi, Flavour::Vllm | Flavour::Ollama | Flavour::LlamaCpp) => true,
        _ => false,
    }
}

fn read_capabilities(section: Section<'_>, known: Option<&KnownModel>) -> (routing::Capabilities, bool) {
    let base = known.map_or(UNKNOWN, |known| known.capabilities);
    let reasoning = section.boolean("reasoning");
    let read = |key, otherwise| section.boolean(key).unwrap_or(otherwise);
    let capabilities = routing::Capabilities {
        tools: read("tools", base.tools),
        parallel_tools: read("parallel_tools", base.parallel_tools),
        vision: read("vision", base.vision),
        audio: read("audio", base.audio),
        documents: read("documents", base.documents),
        json_object: read("json_object", base.json_object),
        json_schema: read("json_schema", base.json_schema),
        reasoning: reasoning.unwrap_or(base.reasoning),
        prefill: read("prefill", base.prefill),
        logprobs: read("logprobs", base.logprobs),
        completions: read("completions", base.completions),
        embeddings: read("embeddings", base.embeddings),
        rerank: read("rerank", base.rerank),
        moderations: read("moderations", base.moderations),
        images: read("images", base.images),
        speech: read("speech", base.speech),
        transcriptions: read("transcriptions", base.transcriptions),
        chat: read("chat", base.chat),
    };
    section.finish();
    // Of a model nobody described it is not known that it reasons, so it gets no extra time for that.
    (capabilities, reasoning.unwrap_or_else(|| known.is_some() && base.reasoning))
}

fn warn_of_retirement(section: &Section<'_>, known: Option<&KnownModel>) {
    if let Some(date) = known.and_then(|known| known.retired.as_ref())
        && !section.has("deployments")
    {
        let message = format!("its vendor retired this model on {date}, as far as the catalogue knows");
        section.reading().warn(section.place(), message, None);
    }
}

/// Above any window; keeps sums of tokens far from overflow.
const TOKENS_MAX: u64 = 1_000_000_001;
