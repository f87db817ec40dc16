//! `GET /v1/models` and `GET /v1/models/{id}`: what a key may ask for, what that can do, and what it costs it now.

use std::collections::BTreeSet;

use roundelay_calendar::UnixTime;
use roundelay_ledger::{Factor, TokenPrices};
use roundelay_protocol::openai::models::{self, Entry, Offer, Pricing};
use roundelay_routing::{Capabilities, Target};

use crate::{
    auth::Caller,
    common::clock::unix_time,
    config::{Config, Model, Pool},
    exchange::{Refusal, Worker},
};

/// In whose words models are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// One that all clients but Google's read.
    Common,
    /// Theirs.
    Google,
}

/// The whole list. Pools first: they are what callers should name.
pub(super) fn list(worker: &Worker, caller: &Caller, shape: Shape) -> Vec<u8> {
    let snapshot = worker.gateway.snapshot.load();
    let config = &snapshot.config;
    let asker = Asker::of(worker, caller);
    let pools = config.pools.iter().filter(|pool| caller.may_ask_for(&pool.name));
    let models = config.models.iter().filter(|model| !model.is_open() && caller.may_ask_for(&model.name));
    let pools = pools.map(|pool| (pool_entry(pool), asker.offer(&reach_of(config, pool))));
    let models = models.map(|model| (model_entry(model), asker.offer(&[model])));
    let listed: Vec<(Entry<'_>, Offer)> = pools.chain(models).collect();
    if shape == Shape::Google {
        return models::google::list(listed.into_iter().map(|(entry, _)| entry));
    }
    models::list(listed.iter().map(|(entry, offer)| Entry { offer: Some(offer), ..*entry }))
}

/// One of it.
pub(super) fn detail(worker: &Worker, caller: &Caller, name: &str, shape: Shape) -> Result<Vec<u8>, Refusal> {
    let snapshot = worker.gateway.snapshot.load();
    let config = &snapshot.config;
    let asker = Asker::of(worker, caller);
    let pool = config.pools.iter().find(|pool| *pool.name == *name);
    let pool = pool.map(|pool| (pool_entry(pool), reach_of(config, pool)));
    let model = || config.models.iter().find(|model| *model.name == *name && !model.is_open());
    let found = pool.or_else(|| model().map(|model| (model_entry(model), vec![model])));
    let (entry, reach) = found.filter(|_| caller.may_ask_for(name)).ok_or_else(|| Refusal::unknown_model(name))?;
    if shape == Shape::Google {
        return Ok(models::google::detail(&entry));
    }
    Ok(models::detail(&Entry { offer: Some(&asker.offer(&reach)), ..entry }))
}

fn pool_entry(pool: &Pool) -> Entry<'_> {
    Entry { id: &pool.name, owned_by: "pool", ..Entry::default() }
}

fn model_entry(model: &Model) -> Entry<'_> {
    Entry {
        id: &model.name,
        owned_by: "model",
        max_input_tokens: model.context_window,
        max_output_tokens: model.max_output,
        ..Entry::default()
    }
}

/// Every model that may answer for a pool at some hour, those it falls back on included.
fn reach_of<'a>(config: &'a Config, pool: &Pool) -> Vec<&'a Model> {
    let mut reached = BTreeSet::new();
    let mut ahead = vec![pool];
    while let Some(pool) = ahead.pop() {
        reached.extend(pool.everyone().into_iter().map(|(model, _)| model));
        for target in &pool.fallback {
            match *target {
                Target::Model(id) => drop(reached.insert(id.0 as usize)),
                // No fallback leads back to where it began, or the configuration would have been refused.
                Target::Pool(id) => ahead.push(&config.pools[id.0 as usize]),
            }
        }
    }
    reached.into_iter().map(|index| &config.models[index]).collect()
}

/// Who asks for offers, and when.
struct Asker {
    /// How many times the list price is charged, in millionths.
    multiplier: u64,
    now: UnixTime,
}

impl Asker {
    fn of(worker: &Worker, caller: &Caller) -> Self {
        let standing = worker.gateway.billing.caller_standing(&caller.key, &caller.account, &caller.limits);
        let multiplier = standing.map_or(Factor::ONE.millionths(), |standing| standing.multiplier_millionths);
        Self { multiplier, now: UnixTime(unix_time().as_secs().cast_signed()) }
    }

    /// What may be expected when any of these models may answer.
    fn offer(&self, models: &[&Model]) -> Offer {
        let places = || models.iter().flat_map(|model| &model.deployments);
        let quotes: Vec<_> = places().filter_map(|place| Some(place.prices.as_ref()?.at(self.now))).collect();
        let charged = || quotes.iter().map(|quote| self.charged(quote.price.base()));
        let pricing = charged().reduce(|a, b| a.zip(b, u64::max));
        let least = charged().reduce(|a, b| a.zip(b, u64::min));
        let can = models.iter().map(|model| model.capabilities).fold(Capabilities::NONE, either);
        Offer {
            pricing,
            pricing_min: least.filter(|_| least != pricing),
            pricing_until: quotes.iter().filter_map(|quote| quote.until).min().map(|until| until.0),
            unpriced: places().count() - quotes.len(),
            context_length: models.iter().filter_map(|model| model.context_window).max(),
            max_completion_tokens: models.iter().filter_map(|model| model.max_output).max(),
            input_modalities: input_modalities(can),
            supported_parameters: supported_parameters(can),
        }
    }

    fn charged(&self, list: &TokenPrices) -> Pricing {
        let one = u128::from(Factor::ONE.millionths());
        let times = |price: u64| {
            let exact = u128::from(price) * u128::from(self.multiplier);
            u64::try_from((exact + one / 2) / one).unwrap_or(u64::MAX)
        };
        Pricing {
            prompt: times(list.input),
            completion: times(list.output),
            input_cache_read: times(list.cache_read()),
            input_cache_write: times(list.cache_write()),
            image_output: times(list.units.image).saturating_mul(NANO),
            audio_second: times(list.units.second).saturating_mul(NANO),
            character: times(list.units.characters),
            search: times(list.units.search).saturating_mul(NANO),
        }
    }
}

/// Parts of 10⁻¹⁵ USD in a nano-dollar.
const NANO: u64 = 1_000_000;

/// What one or the other can do: a request goes to those that can do what it needs.
fn either(a: Capabilities, b: Capabilities) -> Capabilities {
    Capabilities {
        chat: a.chat || b.chat,
        tools: a.tools || b.tools,
        parallel_tools: a.parallel_tools || b.parallel_tools,
        vision: a.vision || b.vision,
        audio: a.audio || b.audio,
        documents: a.documents || b.documents,
        json_object: a.json_object || b.json_object,
        json_schema: a.json_schema || b.json_schema,
        reasoning: a.reasoning || b.reasoning,
        prefill: a.prefill || b.prefill,
        logprobs: a.logprobs || b.logprobs,
        completions: a.completions || b.completions,
        embeddings: a.embeddings || b.embeddings,
        rerank: a.rerank || b.rerank,
        moderations: a.moderations || b.moderations,
        images: a.images || b.images,
        speech: a.speech || b.speech,
        transcriptions: a.transcriptions || b.transcriptions,
    }
}

fn input_modalities(can: Capabilities) -> Vec<&'static str> {
    let known = [(true, "text"), (can.vision, "image"), (can.documents, "file"), (can.audio, "audio")];
    known.into_iter().filter_map(|(can, name)| can.then_some(name)).collect()
}

/// By OpenRouter's names. Only what is known of a model: whether it takes a temperature is not.
fn supported_parameters(can: Capabilities) -> Vec<&'static str> {
    let known = [
        (true, "max_tokens"),
        (can.tools, "tools"),
        (can.tools, "tool_choice"),
        (can.parallel_tools, "parallel_tool_calls"),
        (can.json_object || can.json_schema, "response_format"),
        (can.json_schema, "structured_outputs"),
        (can.reasoning, "reasoning"),
        (can.logprobs, "logprobs"),
        (can.logprobs, "top_logprobs"),
    ];
    known.into_iter().filter_map(|(can, name)| can.then_some(name)).collect()
}
