//! The configuration as the router sees it, and the way back from each routing deployment.

use std::{collections::HashSet, sync::Arc};

use roundelay_ledger::PriceList;
use roundelay_routing as routing;

use super::{
    Config,
    models::{Model, ModelDeployment},
    pools::Pool,
    providers::Protocol,
    timeouts::Timeouts,
};

/// A catalog for the router, with what the router does not know beside it.
#[derive(Debug, Clone)]
pub struct Layout {
    /// What [`routing::Router::adopt`] takes. Model and pool ids are indices into the configuration.
    pub catalog: routing::Catalog,
    /// What each deployment of the catalog is; the index is its [`routing::DeploymentId`].
    pub deployments: Vec<Deployment>,
}

/// One model at one provider with one key.
#[derive(Debug, Clone)]
pub struct Deployment {
    /// Index into [`Config::providers`].
    pub provider: usize,
    /// Index into the provider's keys; `None` when it has none.
    pub key: Option<usize>,
    /// Index into [`Config::models`].
    pub model: usize,
    /// The name sent on; `None` when the model is open and the caller's own word is sent on.
    pub upstream_model: Option<Arc<str>>,
    /// The timers of an attempt here.
    pub timeouts: Timeouts,
    /// What it costs, by the clock; `None` when not known.
    pub prices: Option<Arc<PriceList>>,
}

impl Config {
    /// Lays the configuration out for the router: one deployment for each model, provider and key.
    ///
    /// A deployment is named `provider/upstream_model`, with `#2` for the provider's second key and so on, so that
    /// its health is found again after a reload; where two models mean the same, the later one's is
    /// `provider/upstream_model@model`. The keys of one provider share the weight written for it. The health of a key
    /// and of an address follows the key and the address themselves: one that is replaced begins anew.
    ///
    /// # Errors
    ///
    /// Only when the router refuses what the checks of the configuration let through.
    pub fn layout(&self) -> Result<Layout, routing::CatalogFault> {
        let keys = KeyIds::of(self);
        let mut listed: Vec<routing::Deployment> = Vec::new();
        let mut names = HashSet::new();
        let mut deployments = Vec::new();
        let mut models = Vec::with_capacity(self.models.len());
        for (model_index, model) in self.models.iter().enumerate() {
            let first = listed.len();
            for place in &model.deployments {
                for key in keys.of_provider(place.provider) {
                    let mut routed = self.routed(model_index, place, &key);
                    if !names.insert(Arc::clone(&routed.name)) {
                        routed.name = format!("{}@{}", routed.name, model.name).into();
                        names.insert(Arc::clone(&routed.name));
                    }
                    listed.push(routed);
                    deployments.push(Deployment {
                        provider: place.provider,
                        key: key.index,
                        model: model_index,
                        upstream_model: place.upstream_model.clone(),
                        timeouts: place.timeouts.clone(),
                        prices: place.prices.clone(),
                    });
                }
            }
            models.push(routing::Model {
                name: Arc::clone(&model.name),
                deployments: (first..listed.len()).map(|id| routing::DeploymentId(id as u32)).collect(),
                strategy: model.strategy,
                context_window: model.context_window,
                capabilities: self.capabilities(model),
                attempts: model.attempts,
                deadline: model.deadline,
                wait: model.wait,
            });
        }
        let pools = self.pools.iter().map(routed_pool).collect();
        Ok(Layout { catalog: routing::Catalog::new(listed, models, pools)?, deployments })
    }

    /// What a model can do wherever it is served, or of what is no conversation anywhere: only OpenAI's API has that, and
    /// legacy completions.
    fn capabilities(&self, model: &Model) -> routing::Capabilities {
        let speaks_openai = |place: &ModelDeployment| {
            matches!(self.providers[place.provider].protocol, Protocol::OpenAi | Protocol::Azure)
        };
        let can = model.capabilities;
        let completions = can.completions && model.deployments.iter().all(speaks_openai);
        if model.deployments.iter().any(speaks_openai) {
            return routing::Capabilities { completions, ..can };
        }
        routing::Capabilities {
            completions,
            embeddings: false,
            rerank: false,
            moderations: false,
            images: false,
            speech: false,
            transcriptions: false,
            ..can
        }
    }

    fn routed(&self, model: usize, place: &ModelDeployment, key: &Key) -> routing::Deployment {
        let provider = &self.providers[place.provider];
        let upstream_model = place.upstream_model.as_deref().unwrap_or("*");
        routing::Deployment {
            name: format!("{}/{upstream_model}{}", provider.name, key.suffix()).into(),
            model: routing::ModelId(model as u32),
            key: key.id,
            key_name: provider.key_identity(key.index).into(),
            endpoint: routing::EndpointId(place.provider as u32),
            endpoint_name: provider.endpoint_identity().into(),
            weight: place.weight / provider.api_keys.len().max(1) as f64,
            concurrency_max: provider.concurrency_max,
            region: provider.region.clone(),
            stops_on_cancel: provider.stops_on_cancel,
        }
    }
}

/// Those of the schedule alone are members as well, of weight 0 until their shift begins.
fn routed_pool(pool: &Pool) -> routing::Pool {
    let member = |&(model, weight): &(usize, f64)| routing::Member { model: routing::ModelId(model as u32), weight };
    routing::Pool {
        name: Arc::clone(&pool.name),
        members: pool.everyone().iter().map(member).collect(),
        strategy: pool.strategy,
        fallback: pool.fallback.clone(),
        attempts: pool.attempts,
        deadline: pool.deadline,
        wait: pool.preferences.wait,
        hedge: pool.preferences.hedge,
        adapt: pool.preferences.adapt,
        importance: pool.preferences.importance,
        limits: pool.preferences.limits.clone(),
        cheaper_below: pool.preferences.cheaper_below,
    }
}

/// Numbers for all keys: those of the first provider, then those of the second, and so on.
struct KeyIds {
    /// The first id and the count of keys of each provider.
    ranges: Vec<(u32, usize)>,
}

/// One key of a provider, or its way without a key.
struct Key {
    id: routing::KeyId,
    index: Option<usize>,
}

impl KeyIds {
    fn of(config: &Config) -> Self {
        let mut next = 0;
        let ranges = config.providers.iter().map(|provider| {
            let first = next;
            // A provider without a key takes one id as well: its health as an account is kept all the same.
            next += provider.api_keys.len().max(1) as u32;
            (first, provider.api_keys.len())
        });
        Self { ranges: ranges.collect() }
    }

    fn of_provider(&self, provider: usize) -> impl Iterator<Item = Key> {
        let (first, count) = self.ranges[provider];
        (0..count.max(1))
            .map(move |index| Key { id: routing::KeyId(first + index as u32), index: (count > 0).then_some(index) })
    }
}

impl Key {
    fn suffix(&self) -> String {
        match self.index {
            None | Some(0) => String::new(),
            Some(index) => format!("#{}", index + 1),
        }
    }
}
