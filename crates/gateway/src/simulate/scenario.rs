//! Everything that a run needs, put together and checked once.

use std::{sync::Arc, time::Duration};

use roundelay_routing::{Catalog, CatalogFault, DeploymentId, ModelId, Strategy, Target};

use super::{
    outages::{Outages, Rule, Severity},
    samples::{self, Samples},
    targets::{UnknownName, listed},
    upstream::Upstream,
    workload::Workload,
};
use crate::config::{Config, Effect, Failing, FaultWindow, Layout, World};

/// What a simulation is asked for.
#[derive(Debug)]
pub struct Setup {
    /// The configuration in the form in which a gateway runs it.
    pub config: Config,
    /// Who asks for what, and when.
    pub workload: Workload,
    /// How the deployments behave; `None` = as the workload's records say, else as usual.
    pub world: Option<World>,
    /// Real incidents on top of that.
    pub outages: Option<Adversity>,
    /// The pool or model that all requests name; `None` = what the workload says, else the only pool there is.
    pub pool: Option<String>,
    /// What names that the workload says stand for here: old, new.
    pub renamed: Vec<(String, String)>,
    /// Where every die begins.
    pub seed: u64,
    /// Wall-clock time of the first request, in seconds since 1970-01-01 UTC; `None` = as the workload or the outages say.
    pub start: Option<i64>,
}

/// Incidents, and whom they meet.
#[derive(Debug)]
pub struct Adversity {
    /// The incidents.
    pub outages: Outages,
    /// When they end.
    pub rule: Rule,
    /// What they do.
    pub severity: Severity,
    /// The service that each provider is, by their names; a provider that is not named has no incidents.
    pub services: Vec<(String, String)>,
}

/// One row of the comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// As the configuration says.
    Configured,
    /// The production router with this strategy in the place of the configured one.
    Strategy(Strategy),
    /// One deployment without any other, and one attempt a request.
    Alone(usize),
    /// Somebody who knows how long everything takes but for the dice.
    OracleFastest,
    /// Somebody who knows what everything costs.
    OracleCheapest,
}

/// A checked simulation.
#[derive(Debug)]
pub struct Scenario {
    pub(super) config: Config,
    pub(super) layout: Layout,
    pub(super) workload: Workload,
    pub(super) seed: u64,
    pub(super) start: i64,
    /// What each request names; one entry when all name the same.
    pub(super) targets: Vec<Target>,
    pub(super) adversity: Option<Adversity>,
    /// By deployment.
    behaviours: Vec<Known>,
    /// Deployments that can serve and about which nothing was written or learnt.
    assumed: Vec<String>,
    /// Deployments about which little was learnt, with how many answers it was learnt from.
    thin: Vec<(String, usize)>,
}

/// What is known of how one deployment behaves.
#[derive(Debug)]
struct Known {
    behaviour: crate::config::Behaviour,
    incidents: Vec<FaultWindow>,
    samples: Option<Arc<Samples>>,
}

/// Why a simulation makes no sense.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioFault {
    /// The router refuses the configuration.
    #[error("the configuration cannot be routed: {0}")]
    Catalog(#[from] CatalogFault),
    /// Nothing says what the requests name.
    #[error("name the pool or model that the requests ask for with `--pool NAME`: {known}")]
    NoTarget {
        /// What there is.
        known: String,
    },
    /// The configuration does not know names that are asked for.
    #[error(
        "this configuration knows no pool and no model {}; let those that asked for one ask for another with \
         `--pool OLD=NEW`, or all of them with `--pool NAME`; known are {known}",
        listed(names)
    )]
    UnknownTargets {
        /// All of them.
        names: Vec<UnknownName>,
        /// What there is.
        known: String,
    },
    /// A name was to stand for another, and nobody used it.
    #[error(
        "`--pool {old}={new}`: no request of this workload asks for `{old}`{}",
        nearest.as_ref().map(|near| format!("; did you mean `{near}`?")).unwrap_or_default()
    )]
    NobodyAsked {
        /// As it was written.
        old: String,
        /// As it was written.
        new: String,
        /// One that it may have meant.
        nearest: Option<String>,
    },
    /// The world describes something that is not there.
    #[error("the world describes `{name}`, which is no deployment of this configuration{}", nearest.as_ref().map(|near| format!("; did you mean `{near}`?")).unwrap_or_default())]
    UnknownDeployment {
        /// The name.
        name: String,
        /// One that it may have meant.
        nearest: Option<String>,
    },
    /// The outages are of other services.
    #[error(
        "no provider of this configuration is one of the services with outages ({services}): say which with `--service PROVIDER=SERVICE`"
    )]
    NoService {
        /// The services of the file.
        services: String,
    },
    /// A provider or a service that is not there was joined.
    #[error("`--service {provider}={service}`: {what}")]
    UnknownService {
        /// As it was written.
        provider: String,
        /// As it was written.
        service: String,
        /// Which of them is not there.
        what: String,
    },
}

impl Setup {
    /// Checks and joins the parts.
    ///
    /// # Errors
    /// See [`ScenarioFault`].
    pub fn prepare(self) -> Result<Scenario, ScenarioFault> {
        let layout = self.config.layout()?;
        let names: Vec<&str> = layout.catalog.deployments.iter().map(|deployment| &*deployment.name).collect();
        let learnt = self.learnt();
        let world = self.world.as_ref().or(learnt.as_ref());
        if let Some((name, nearest)) = self.world.as_ref().and_then(|world| world.stranger(&names)) {
            return Err(ScenarioFault::UnknownDeployment {
                name: name.to_owned(),
                nearest: nearest.map(str::to_owned),
            });
        }
        let targets = self.targets()?;
        let start = self.start();
        let usual = World::default();
        let world = world.unwrap_or(&usual);
        let incidents = self.incidents(&layout, start)?;
        let reached = reached(&layout.catalog, &targets);
        let reached = || reached.iter().map(|&id| names[id]);
        let assumed = reached().filter(|name| !world.of(name).1).map(str::to_owned).collect();
        let learnt = |name: &str| if self.world.is_none() { self.workload.learnt_of(name) } else { None };
        let thin = reached()
            .filter_map(|name| Some((name.to_owned(), learnt(name)?.answered)))
            .filter(|(_, answered)| *answered < samples::ENOUGH)
            .collect();
        let known = |(name, incidents): (&&str, _)| {
            let samples = learnt(name).map(|learnt| &learnt.samples).filter(|samples| !samples.is_empty());
            Known { behaviour: world.of(name).0.clone(), incidents, samples: samples.cloned().map(Arc::new) }
        };
        let behaviours = names.iter().zip(incidents).map(known).collect();
        let Self { config, workload, seed, outages: adversity, .. } = self;
        Ok(Scenario { config, layout, workload, seed, start, targets, adversity, behaviours, assumed, thin })
    }

    /// What the records say of the deployments, as a world.
    fn learnt(&self) -> Option<World> {
        let learnt = &self.workload.learnt;
        let deployments = learnt.iter().map(|learnt| (learnt.deployment.clone(), learnt.behaviour.clone())).collect();
        (!learnt.is_empty()).then(|| World { deployments, ..World::default() })
    }

    /// Outages are laid under the workload from their own first day, unless a time was asked for.
    fn start(&self) -> i64 {
        let of_outages = self.outages.as_ref().map(|adversity| adversity.outages.watched.start);
        self.start.or(of_outages).or(self.workload.began).unwrap_or(A_MONDAY)
    }

    /// By deployment: the incidents of the service that its provider is.
    fn incidents(&self, layout: &Layout, start: i64) -> Result<Vec<Vec<FaultWindow>>, ScenarioFault> {
        let Some(adversity) = &self.outages else { return Ok(vec![Vec::new(); layout.deployments.len()]) };
        let providers: Vec<&str> = self.config.providers.iter().map(|provider| &*provider.name).collect();
        let joined = adversity.join(&providers)?;
        let by_provider: Vec<Vec<FaultWindow>> = joined
            .iter()
            .map(|service| service.map_or_else(Vec::new, |service| adversity.windows(service, start)))
            .collect();
        Ok(layout.deployments.iter().map(|deployment| by_provider[deployment.provider].clone()).collect())
    }
}

impl Adversity {
    /// By provider: the service it is; by what was said, else `openai` is `openai_api` and so on.
    pub fn join<'a>(&'a self, providers: &[&str]) -> Result<Vec<Option<&'a str>>, ScenarioFault> {
        let services = self.outages.services();
        for (provider, service) in &self.services {
            let is_provider = providers.contains(&provider.as_str());
            if !is_provider || !services.contains(&service.as_str()) {
                let what = if is_provider {
                    format!("the outages have no such service, only {}", services.join(", "))
                } else {
                    format!("there is no such provider, only {}", providers.join(", "))
                };
                let (provider, service) = (provider.clone(), service.clone());
                return Err(ScenarioFault::UnknownService { provider, service, what });
            }
        }
        let joined: Vec<Option<&str>> = providers
            .iter()
            .map(|provider| {
                let said = self.services.iter().find(|(name, _)| name == provider).map(|(_, service)| service.as_str());
                let is_like = |service: &&str| *service == *provider || **service == format!("{provider}_api");
                said.or_else(|| services.iter().copied().find(is_like))
            })
            .collect();
        if joined.iter().all(Option::is_none) {
            return Err(ScenarioFault::NoService { services: services.join(", ") });
        }
        Ok(joined)
    }

    /// The incidents of a service as faults; `start` is when the first request arrives.
    fn windows(&self, service: &str, start: i64) -> Vec<FaultWindow> {
        let since = |at: i64| Duration::from_secs((at - start).max(0).unsigned_abs());
        let impaired = self.outages.impaired(service, self.rule, self.severity).into_iter();
        let ahead = impaired.filter(|window| window.end > start);
        let effect = Effect::Fail { how: Failing::ServerError, after: None, retry_after: None };
        ahead
            .map(|window| FaultWindow {
                from: since(window.start),
                until: Some(since(window.end)),
                effect,
                share: window.share,
            })
            .collect()
    }
}

impl Way {
    /// By the word that the command line takes.
    pub fn of(word: &str) -> Option<Self> {
        Some(match word {
            "configured" => Self::Configured,
            "oracle-fastest" => Self::OracleFastest,
            "oracle-cheapest" => Self::OracleCheapest,
            _ => Self::Strategy(Strategy::ALL.into_iter().find(|strategy| strategy.name() == word)?),
        })
    }

    /// What the configuration says, every strategy and both oracles.
    pub fn all() -> Vec<Self> {
        let strategies = Strategy::ALL.into_iter().map(Self::Strategy);
        let oracles = [Self::OracleFastest, Self::OracleCheapest];
        [Self::Configured].into_iter().chain(strategies).chain(oracles).collect()
    }

    /// Whether it is an oracle, which no gateway can be.
    pub fn is_oracle(self) -> bool {
        matches!(self, Self::OracleFastest | Self::OracleCheapest)
    }

    /// The words that [`Self::of`] takes.
    pub fn words() -> Vec<&'static str> {
        let strategies = Strategy::ALL.iter().map(|strategy| strategy.name());
        ["configured"].into_iter().chain(strategies).chain(["oracle-fastest", "oracle-cheapest"]).collect()
    }
}

impl Scenario {
    /// What a row is called.
    pub fn name_of(&self, way: Way) -> String {
        match way {
            Way::Configured => "configured".to_owned(),
            Way::Strategy(strategy) => strategy.name().to_owned(),
            Way::Alone(deployment) => format!("only {}", self.deployment_name(deployment)),
            Way::OracleFastest => "oracle-fastest".to_owned(),
            Way::OracleCheapest => "oracle-cheapest".to_owned(),
        }
    }

    /// One row for each deployment that the requests can reach, without the others.
    pub fn each_alone(&self) -> Vec<Way> {
        self.reached().into_iter().map(Way::Alone).collect()
    }

    /// Deployments that are taken to behave as usual, because nothing says how they do.
    pub fn assumed(&self) -> &[String] {
        &self.assumed
    }

    /// Deployments that were learnt from fewer than 30 answers, and from how many.
    pub fn thin(&self) -> &[(String, usize)] {
        &self.thin
    }

    /// Wall-clock time of the first request, in seconds since 1970-01-01 UTC.
    pub fn start(&self) -> i64 {
        self.start
    }

    /// Where every die begins.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The requests.
    pub fn workload(&self) -> &Workload {
        &self.workload
    }

    pub(super) fn deployment_name(&self, deployment: usize) -> &str {
        &self.layout.catalog.deployments[deployment].name
    }

    pub(super) fn target(&self, request: usize) -> Target {
        if self.targets.len() == 1 { self.targets[0] } else { self.targets[request] }
    }

    /// Deployments that some request can reach, in the order of the catalog.
    pub(super) fn reached(&self) -> Vec<usize> {
        reached(&self.layout.catalog, &self.targets)
    }

    pub(super) fn upstreams(&self) -> Vec<Upstream> {
        let upstream = |known: &Known| Upstream::new(&known.behaviour, known.incidents.clone(), known.samples.clone());
        self.behaviours.iter().map(upstream).collect()
    }

    /// The catalog of a row, and what each of its deployments is in the layout.
    pub(super) fn catalog(&self, way: Way) -> Result<(Catalog, Vec<usize>), CatalogFault> {
        let mut catalog = self.layout.catalog.clone();
        match way {
            Way::Configured | Way::OracleFastest | Way::OracleCheapest => {}
            Way::Strategy(strategy) => choose(&mut catalog, &self.targets, strategy),
            Way::Alone(deployment) => return Ok((alone(&catalog, deployment)?, vec![deployment])),
        }
        let all = (0..catalog.deployments.len()).collect();
        Ok((catalog, all))
    }
}

/// Puts a strategy in the place of the configured one, in both layers of what is asked for.
fn choose(catalog: &mut Catalog, targets: &[Target], strategy: Strategy) {
    let mut asked: Vec<Target> = targets.to_vec();
    asked.sort_unstable();
    asked.dedup();
    for target in asked {
        match target {
            Target::Model(model) => catalog.models[model.0 as usize].strategy = Some(strategy),
            Target::Pool(pool) => {
                let pool = &mut catalog.pools[pool.0 as usize];
                pool.strategy = strategy;
                for member in &pool.members {
                    catalog.models[member.model.0 as usize].strategy = Some(strategy);
                }
            }
        }
    }
}

/// A catalog with one deployment and its model, which is asked for by name.
fn alone(catalog: &Catalog, deployment: usize) -> Result<Catalog, CatalogFault> {
    let mut only = catalog.deployments[deployment].clone();
    let mut model = catalog.model(only.model).clone();
    only.model = ModelId(0);
    only.weight = 1.0;
    model.deployments = vec![DeploymentId(0)];
    model.attempts = 1;
    Catalog::new(vec![only], vec![model], Vec::new())
}

/// The deployments behind what is asked for, whoever is on duty, and those of its fallback chain.
pub(super) fn reached(catalog: &Catalog, targets: &[Target]) -> Vec<usize> {
    let mut ahead: Vec<Target> = targets.to_vec();
    ahead.sort_unstable();
    ahead.dedup();
    let mut reached = Vec::new();
    let mut next = 0;
    while let Some(&target) = ahead.get(next) {
        next += 1;
        let mut reach =
            |model: ModelId| reached.extend(catalog.model(model).deployments.iter().map(|id| id.0 as usize));
        match target {
            Target::Model(model) => reach(model),
            Target::Pool(pool) => {
                let pool = catalog.pool(pool);
                pool.members.iter().for_each(|member| reach(member.model));
                for &target in &pool.fallback {
                    if !ahead.contains(&target) {
                        ahead.push(target);
                    }
                }
            }
        }
    }
    reached.sort_unstable();
    reached.dedup();
    reached
}

/// 2026-01-05 00:00 UTC: where nothing says when, prices by the hour begin with a week.
const A_MONDAY: i64 = 1_767_571_200;
