//! What there is to choose from: deployments, models and pools, checked once and then read only.

use std::collections::BTreeSet;
use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::demand::Capabilities;
use crate::strategy::Strategy;

/// Index of a deployment in its [`Catalog`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeploymentId(pub u32);

/// Index of a model in its [`Catalog`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModelId(pub u32);

/// Index of a pool in its [`Catalog`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PoolId(pub u32);

/// Tells the keys of one [`Catalog`] apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(pub u32);

/// Tells the endpoints of one [`Catalog`] apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EndpointId(pub u32);

/// One model at one endpoint with one key.
#[derive(Clone, Debug)]
pub struct Deployment {
    /// Unique; health survives a reload by it.
    pub name: Arc<str>,
    /// The model it serves.
    pub model: ModelId,
    /// The key it is asked with.
    pub key: KeyId,
    /// Unique to the key; never the key itself.
    pub key_name: Arc<str>,
    /// Where it is.
    pub endpoint: EndpointId,
    /// Unique to the endpoint.
    pub endpoint_name: Arc<str>,
    /// Its share among the deployments of its model; finite and at least 0.
    pub weight: f64,
    /// Requests in flight with its key at most, even when it never complains; at least 1.
    pub concurrency_max: u32,
    /// Where it computes, in the operator's words; `None` = not said.
    pub region: Option<Arc<str>>,
    /// Whether it stops working, and billing, when its answer is no longer read.
    pub stops_on_cancel: bool,
}

/// A name that callers may ask for, and who can serve it.
#[derive(Clone, Debug)]
pub struct Model {
    /// Unique among models and pools.
    pub name: Arc<str>,
    /// Who serves it; in order of preference for [`Strategy::Priority`].
    pub deployments: Vec<DeploymentId>,
    /// How a deployment is chosen; `None` = as the pool chooses where that measures, else [`Strategy::Weighted`].
    pub strategy: Option<Strategy>,
    /// Input and output tokens together; `None` = unknown, so nothing is too long.
    pub context_window: Option<u64>,
    /// What it can do.
    pub capabilities: Capabilities,
    /// Attempts in one exchange that asks for it by name; at least 1.
    pub attempts: u32,
    /// How long such an exchange may take.
    pub deadline: Duration,
    /// How long such an exchange waits for something to reopen; `None` = [`crate::CooldownSettings::wait_max`].
    pub wait: Option<Duration>,
}

/// A named set of models.
#[derive(Clone, Debug)]
pub struct Pool {
    /// Unique among models and pools.
    pub name: Arc<str>,
    /// What it chooses from; in order of preference for [`Strategy::Priority`].
    pub members: Vec<Member>,
    /// How a member is chosen.
    pub strategy: Strategy,
    /// What is tried, in order, after every member.
    pub fallback: Vec<Target>,
    /// Attempts in one exchange that asks for it; at least 1.
    pub attempts: u32,
    /// How long such an exchange may take.
    pub deadline: Duration,
    /// How long such an exchange waits for something to reopen; `None` = [`crate::CooldownSettings::wait_max`].
    pub wait: Option<Duration>,
    /// Whether a second attempt may start beside a slow first one.
    pub hedge: bool,
    /// Whether weights bend with measured speed, for [`Strategy::Weighted`].
    pub adapt: bool,
    /// What [`Strategy::Balanced`] weighs.
    pub importance: Importance,
    /// What no candidate may exceed.
    pub limits: Limits,
    /// Below this many spendable nano-USD the cheapest candidate is chosen, whatever the strategy; `None` = never.
    pub cheaper_below: Option<f64>,
}

/// How much each quality counts for [`Strategy::Balanced`]; each finite and at least 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Importance {
    /// Of the expected cost.
    pub cost: f64,
    /// Of the expected time to the last token.
    pub latency: f64,
    /// Of the share of attempts that fail.
    pub reliability: f64,
}

impl Default for Importance {
    fn default() -> Self {
        Self { cost: 1.0, latency: 1.0, reliability: 1.0 }
    }
}

/// Hard limits on the candidates of a pool, its fallback chain included. What is not known does not exceed a limit.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Limits {
    /// Price of input, nano-USD a token, at the demand's hour.
    pub input_price: Option<f64>,
    /// Price of output, nano-USD a token, at the demand's hour.
    pub output_price: Option<f64>,
    /// Measured time to first content.
    pub first_content: Option<Duration>,
    /// The regions that may serve; empty = all. A deployment without a region is in none.
    pub regions: Vec<Arc<str>>,
}

/// One model of a pool.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Member {
    /// The model.
    pub model: ModelId,
    /// Its share; finite and at least 0. A member of weight 0 is not chosen but when a schedule gives it a weight.
    pub weight: f64,
}

/// What a caller may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// A model.
    Model(ModelId),
    /// A pool.
    Pool(PoolId),
}

/// Everything there is to choose from. Immutable once adopted by a router.
#[derive(Clone, Debug)]
pub struct Catalog {
    /// Indexed by [`DeploymentId`].
    pub deployments: Vec<Deployment>,
    /// Indexed by [`ModelId`].
    pub models: Vec<Model>,
    /// Indexed by [`PoolId`].
    pub pools: Vec<Pool>,
    /// Where the adopting router keeps the state of each deployment.
    pub(crate) slots: Vec<Slots>,
    /// Counts the catalogs of the adopting router; rotations belong to the newest alone.
    pub(crate) generation: u64,
    /// Hashes of the names of models, then pools: what is learnt of a target outlives its id.
    pub(crate) name_hashes: Vec<u64>,
}

/// Where a router keeps what it knows about one deployment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slots {
    pub(crate) deployment: u32,
    pub(crate) key: u32,
    pub(crate) endpoint: u32,
}

impl Catalog {
    /// Checks names, indices, weights and fallback chains.
    ///
    /// # Errors
    ///
    /// The first [`CatalogFault`] found.
    pub fn new(deployments: Vec<Deployment>, models: Vec<Model>, pools: Vec<Pool>) -> Result<Self, CatalogFault> {
        let catalog = Self { deployments, models, pools, slots: Vec::new(), generation: 0, name_hashes: Vec::new() };
        catalog.check_names()?;
        catalog.check_deployments()?;
        catalog.check_models()?;
        catalog.check_pools()?;
        Ok(catalog)
    }

    /// The deployment with this id, which must be of this catalog.
    pub fn deployment(&self, id: DeploymentId) -> &Deployment {
        &self.deployments[id.0 as usize]
    }

    /// The model with this id, which must be of this catalog.
    pub fn model(&self, id: ModelId) -> &Model {
        &self.models[id.0 as usize]
    }

    /// The pool with this id, which must be of this catalog.
    pub fn pool(&self, id: PoolId) -> &Pool {
        &self.pools[id.0 as usize]
    }

    /// The name a caller uses for this target.
    pub fn target_name(&self, target: Target) -> &Arc<str> {
        match target {
            Target::Model(id) => &self.model(id).name,
            Target::Pool(id) => &self.pool(id).name,
        }
    }

    /// How the first layer of this target chooses.
    pub fn strategy(&self, target: Target) -> Strategy {
        match target {
            Target::Model(id) => self.model(id).strategy.unwrap_or_default(),
            Target::Pool(id) => self.pool(id).strategy,
        }
    }

    /// Attempts an exchange that asks for this target may make.
    pub fn attempts(&self, target: Target) -> u32 {
        match target {
            Target::Model(id) => self.model(id).attempts,
            Target::Pool(id) => self.pool(id).attempts,
        }
    }

    /// How long an exchange that asks for this target waits for something to reopen, where that was said.
    pub(crate) fn wait(&self, target: Target) -> Option<Duration> {
        match target {
            Target::Model(id) => self.model(id).wait,
            Target::Pool(id) => self.pool(id).wait,
        }
    }

    /// The pool that a target is, if it is one.
    pub(crate) fn as_pool(&self, target: Target) -> Option<&Pool> {
        match target {
            Target::Model(_) => None,
            Target::Pool(id) => Some(self.pool(id)),
        }
    }

    pub(crate) fn name_hash(&self, target: Target) -> u64 {
        match target {
            Target::Model(id) => self.name_hashes[id.0 as usize],
            Target::Pool(id) => self.name_hashes[self.models.len() + id.0 as usize],
        }
    }

    pub(crate) fn slots(&self, id: DeploymentId) -> Slots {
        self.slots[id.0 as usize]
    }

    fn check_names(&self) -> Result<(), CatalogFault> {
        let models = self.models.iter().map(|model| &model.name);
        check_unique(models.chain(self.pools.iter().map(|pool| &pool.name)))?;
        check_unique(self.deployments.iter().map(|deployment| &deployment.name))
    }

    fn check_deployments(&self) -> Result<(), CatalogFault> {
        for deployment in &self.deployments {
            let name = || deployment.name.clone();
            self.check_model_index(deployment.model, &deployment.name)?;
            if !is_weight(deployment.weight) {
                return Err(CatalogFault::BadWeight { name: name() });
            }
            if deployment.concurrency_max == 0 {
                return Err(CatalogFault::NoConcurrency { name: name() });
            }
        }
        Ok(())
    }

    fn check_models(&self) -> Result<(), CatalogFault> {
        for (index, model) in self.models.iter().enumerate() {
            let name = || model.name.clone();
            if model.deployments.is_empty() {
                return Err(CatalogFault::Empty { name: name() });
            }
            let mut seen = BTreeSet::new();
            for &id in &model.deployments {
                let Some(deployment) = self.deployments.get(id.0 as usize) else {
                    return Err(CatalogFault::UnknownIndex { name: name() });
                };
                if deployment.model.0 as usize != index {
                    return Err(CatalogFault::ForeignDeployment { name: name() });
                }
                if !seen.insert(id) {
                    return Err(CatalogFault::DuplicateMember { name: name() });
                }
            }
            let weight = model.deployments.iter().map(|&id| self.deployment(id).weight).sum();
            check_sum(weight, &model.name)?;
            check_attempts(model.attempts, &model.name)?;
        }
        Ok(())
    }

    fn check_pools(&self) -> Result<(), CatalogFault> {
        for pool in &self.pools {
            let name = || pool.name.clone();
            if pool.members.is_empty() {
                return Err(CatalogFault::Empty { name: name() });
            }
            let mut seen = BTreeSet::new();
            for member in &pool.members {
                self.check_model_index(member.model, &pool.name)?;
                if !is_weight(member.weight) {
                    return Err(CatalogFault::BadWeight { name: name() });
                }
                if !seen.insert(member.model) {
                    return Err(CatalogFault::DuplicateMember { name: name() });
                }
            }
            check_sum(pool.members.iter().map(|member| member.weight).sum(), &pool.name)?;
            check_attempts(pool.attempts, &pool.name)?;
            let Importance { cost, latency, reliability } = pool.importance;
            if ![cost, latency, reliability].into_iter().all(is_weight) || cost + latency + reliability <= 0.0 {
                return Err(CatalogFault::BadImportance { name: name() });
            }
            for target in &pool.fallback {
                let is_known = match *target {
                    Target::Model(id) => (id.0 as usize) < self.models.len(),
                    Target::Pool(id) => (id.0 as usize) < self.pools.len(),
                };
                if !is_known {
                    return Err(CatalogFault::UnknownIndex { name: name() });
                }
            }
        }
        self.check_cycles()
    }

    /// Removes pools whose fallbacks are all settled until none is left; what cannot be removed is on a cycle or leads to one.
    fn check_cycles(&self) -> Result<(), CatalogFault> {
        let mut settled = vec![false; self.pools.len()];
        loop {
            let ready = (0..self.pools.len()).find(|&index| {
                !settled[index]
                    && self.pools[index].fallback.iter().all(|target| match *target {
                        Target::Model(_) => true,
                        Target::Pool(id) => settled[id.0 as usize],
                    })
            });
            match ready {
                Some(index) => settled[index] = true,
                None => break,
            }
        }
        match settled.iter().position(|is_settled| !is_settled) {
            Some(index) => Err(CatalogFault::FallbackCycle { name: self.pools[index].name.clone() }),
            None => Ok(()),
        }
    }

    fn check_model_index(&self, model: ModelId, name: &Arc<str>) -> Result<(), CatalogFault> {
        if (model.0 as usize) < self.models.len() {
            Ok(())
        } else {
            Err(CatalogFault::UnknownIndex { name: name.clone() })
        }
    }
}

fn check_unique<'a>(mut names: impl Iterator<Item = &'a Arc<str>>) -> Result<(), CatalogFault> {
    let mut seen = BTreeSet::new();
    match names.find(|name| !seen.insert(*name)) {
        Some(name) => Err(CatalogFault::DuplicateName { name: name.clone() }),
        None => Ok(()),
    }
}

fn is_weight(weight: f64) -> bool {
    weight.is_finite() && weight >= 0.0
}

fn check_sum(weight: f64, name: &Arc<str>) -> Result<(), CatalogFault> {
    if weight.is_finite() && weight > 0.0 { Ok(()) } else { Err(CatalogFault::NoWeight { name: name.clone() }) }
}

/// FNV-1a of a target's name.
pub(crate) fn name_hash(name: &str) -> u64 {
    name.bytes().fold(0xCBF2_9CE4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3))
}

fn check_attempts(attempts: u32, name: &Arc<str>) -> Result<(), CatalogFault> {
    if attempts > 0 { Ok(()) } else { Err(CatalogFault::NoAttempts { name: name.clone() }) }
}

/// Why a catalog cannot be used. `name` is the deployment, model or pool at fault.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CatalogFault {
    /// Two deployments share a name, or two among models and pools.
    DuplicateName {
        /// The shared name.
        name: Arc<str>,
    },
    /// An id points at nothing.
    UnknownIndex {
        /// Who holds the id.
        name: Arc<str>,
    },
    /// A model lists a deployment that serves another model.
    ForeignDeployment {
        /// The model.
        name: Arc<str>,
    },
    /// Something is listed twice.
    DuplicateMember {
        /// The model or pool.
        name: Arc<str>,
    },
    /// A weight is negative or not a number.
    BadWeight {
        /// The deployment or pool.
        name: Arc<str>,
    },
    /// All weights are 0, or their sum is beyond any number.
    NoWeight {
        /// The model or pool.
        name: Arc<str>,
    },
    /// There is nothing in it.
    Empty {
        /// The model or pool.
        name: Arc<str>,
    },
    /// It may make no attempt.
    NoAttempts {
        /// The model or pool.
        name: Arc<str>,
    },
    /// It may have no request in flight.
    NoConcurrency {
        /// The deployment.
        name: Arc<str>,
    },
    /// What it weighs is negative, not a number, or nothing at all.
    BadImportance {
        /// The pool.
        name: Arc<str>,
    },
    /// Its fallbacks lead back to where they began.
    FallbackCycle {
        /// A pool on the cycle, or leading to it.
        name: Arc<str>,
    },
}

impl fmt::Display for CatalogFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DuplicateName { name } => write!(f, "the name `{name}` is used twice"),
            Self::UnknownIndex { name } => {
                write!(f, "`{name}` refers to something that does not exist")
            }
            Self::ForeignDeployment { name } => {
                write!(f, "model `{name}` lists a deployment of another model")
            }
            Self::DuplicateMember { name } => write!(f, "`{name}` lists the same member twice"),
            Self::BadWeight { name } => {
                write!(f, "a weight of `{name}` is not a number of at least 0")
            }
            Self::NoWeight { name } => {
                write!(f, "the weights of `{name}` do not add up to a number above 0")
            }
            Self::Empty { name } => write!(f, "`{name}` has no members"),
            Self::NoAttempts { name } => write!(f, "`{name}` allows no attempts"),
            Self::NoConcurrency { name } => {
                write!(f, "deployment `{name}` allows no request in flight")
            }
            Self::BadImportance { name } => {
                write!(f, "`{name}` must weigh cost, latency or reliability with a number above 0, and none below 0")
            }
            Self::FallbackCycle { name } => write!(f, "the fallbacks of `{name}` lead in a circle"),
        }
    }
}

impl Error for CatalogFault {}
