//! What the requests ask for, in the names of this configuration.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt,
    sync::Arc,
};

use roundelay_routing::{ModelId, PoolId, Target};

use super::{
    scenario::{Scenario, ScenarioFault, Setup},
    workload::Workload,
};
use crate::config::{Config, Found, nearest};

/// A name that the configuration does not know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownName {
    /// As it was asked for.
    pub name: String,
    /// How many requests asked for it; `None` when it was named for all of them.
    pub requests: Option<u64>,
    /// One that it may have meant.
    pub nearest: Option<String>,
}

impl Setup {
    /// What each request asks for; one entry when all ask for the same.
    pub(super) fn targets(&self) -> Result<Vec<Target>, ScenarioFault> {
        if let Some(name) = &self.pool {
            let target = target(&self.config, name).ok_or_else(|| self.unknown([(name.as_str(), None)]))?;
            return Ok(vec![target]);
        }
        let renamed = self.renamed()?;
        let mut known: HashMap<&Arc<str>, Option<Target>> = HashMap::new();
        let mut unknown: BTreeMap<&str, u64> = BTreeMap::new();
        let mut targets = Vec::new();
        for asked in self.workload.requests.iter().filter_map(|request| request.asked.as_ref()) {
            let found = *known
                .entry(asked)
                .or_insert_with(|| renamed.get(&**asked).copied().or_else(|| target(&self.config, asked)));
            match found {
                Some(target) => targets.push(target),
                None => *unknown.entry(asked).or_default() += 1,
            }
        }
        if !unknown.is_empty() {
            return Err(self.unknown(unknown.into_iter().map(|(name, requests)| (name, Some(requests)))));
        }
        if targets.len() == self.workload.requests.len() {
            return Ok(targets);
        }
        match &self.config.pools[..] {
            [pool] => Ok(target(&self.config, &pool.name).into_iter().collect()),
            pools => {
                let names: Vec<&str> = pools.iter().map(|pool| &*pool.name).collect();
                Err(ScenarioFault::NoTarget { known: names.join(", ") })
            }
        }
    }

    /// What names of the records stand for here.
    fn renamed(&self) -> Result<HashMap<&str, Target>, ScenarioFault> {
        let mut renamed = HashMap::new();
        for (old, new) in &self.renamed {
            let is_asked = |request: &super::Request| request.asked.as_deref() == Some(old);
            if !self.workload.requests.iter().any(is_asked) {
                let asked = asked(&self.workload);
                let nearest = nearest(old, asked.iter().copied()).map(str::to_owned);
                return Err(ScenarioFault::NobodyAsked { old: old.clone(), new: new.clone(), nearest });
            }
            let target = target(&self.config, new).ok_or_else(|| self.unknown([(new.as_str(), None)]))?;
            renamed.insert(old.as_str(), target);
        }
        Ok(renamed)
    }

    fn unknown<'a>(&self, names: impl IntoIterator<Item = (&'a str, Option<u64>)>) -> ScenarioFault {
        let known = known(&self.config);
        let names = names.into_iter().map(|(name, requests)| {
            let nearest = nearest(name, known.iter().copied()).map(str::to_owned);
            UnknownName { name: name.to_owned(), requests, nearest }
        });
        ScenarioFault::UnknownTargets { names: names.collect(), known: listed(&known) }
    }
}

impl Scenario {
    /// Names asked for by requests that never reached the router and that this configuration does not know: how many
    /// requests by name.
    pub(super) fn turned_away(&self) -> Vec<(String, u64)> {
        let unknown = self.workload.left_out_asked.iter().filter(|(name, _)| self.config.find(name).is_none());
        unknown.map(|(name, requests)| (name.clone(), *requests)).collect()
    }

    /// The pools and models that requests ask for, in the order of their names.
    pub(super) fn asked(&self) -> Vec<String> {
        let targets: BTreeSet<Target> = self.targets.iter().copied().collect();
        targets.into_iter().map(|target| self.layout.catalog.target_name(target).to_string()).collect()
    }
}

impl fmt::Display for UnknownName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`", self.name)?;
        let requests = self
            .requests
            .map(|requests| if requests == 1 { "1 request".to_owned() } else { format!("{requests} requests") });
        let nearest = self.nearest.as_ref().map(|nearest| format!("did you mean `{nearest}`?"));
        match (requests, nearest) {
            (None, None) => Ok(()),
            (Some(one), None) | (None, Some(one)) => write!(f, " ({one})"),
            (Some(requests), Some(nearest)) => write!(f, " ({requests}; {nearest})"),
        }
    }
}

/// Names in one line, however many there are.
pub(super) fn listed<T: fmt::Display>(names: &[T]) -> String {
    let mut shown: Vec<String> = names.iter().take(LISTED_MAX).map(ToString::to_string).collect();
    if names.len() > LISTED_MAX {
        shown.push(format!("and {} more", names.len() - LISTED_MAX));
    }
    shown.join(", ")
}

fn target(config: &Config, name: &str) -> Option<Target> {
    Some(match config.find(name)? {
        Found::Pool(pool) => Target::Pool(PoolId(pool as u32)),
        Found::Model(model) | Found::Open { model, .. } => Target::Model(ModelId(model as u32)),
    })
}

/// The names that callers may use, pools first.
fn known(config: &Config) -> Vec<&str> {
    let pools = config.pools.iter().map(|pool| &*pool.name);
    pools.chain(config.models.iter().filter(|model| !model.is_open()).map(|model| &*model.name)).collect()
}

fn asked(workload: &Workload) -> Vec<&str> {
    let mut asked: Vec<&str> = workload.requests.iter().filter_map(|request| request.asked.as_deref()).collect();
    asked.sort_unstable();
    asked.dedup();
    asked
}

const LISTED_MAX: usize = 20;
