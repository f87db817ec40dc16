//! From the word a caller wrote into `model` to what it stands for.

use std::{collections::HashMap, sync::Arc};

use super::{Config, complaint::nearest};

/// Every name that can be asked for, in one table: a lookup costs the same with ten models or ten thousand.
#[derive(Debug, Clone, Default)]
pub(super) struct Names {
    by_name: HashMap<Arc<str>, Entry>,
    open_by_provider: HashMap<Arc<str>, usize>,
}

#[derive(Debug, Clone, Copy)]
enum Entry {
    Model(usize),
    Pool(usize),
}

/// What a name stands for. The numbers are indices into the configuration's models and pools.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found<'a> {
    /// A model.
    Model(usize),
    /// A pool.
    Pool(usize),
    /// An open model, and the name to send on.
    Open {
        /// Index of the open model.
        model: usize,
        /// What the caller wrote after `provider/`.
        upstream_model: &'a str,
    },
}

impl Config {
    /// What `asked` stands for: a pool or a model of that name, else `provider/anything`; `None` when it is unknown.
    pub fn find<'a>(&self, asked: &'a str) -> Option<Found<'a>> {
        match self.names.by_name.get(asked) {
            Some(&Entry::Model(model)) => return Some(Found::Model(model)),
            Some(&Entry::Pool(pool)) => return Some(Found::Pool(pool)),
            None => {}
        }
        let (provider, upstream_model) = asked.split_once('/')?;
        let model = *self.names.open_by_provider.get(provider)?;
        (!upstream_model.is_empty()).then_some(Found::Open { model, upstream_model })
    }
}

impl Config {
    /// What to say to somebody who asked for a name that is unknown: the nearest that is known, else what is.
    pub fn suggestion(&self, asked: &str) -> String {
        let models = self.models.iter().filter(|model| !model.is_open()).map(|model| &*model.name);
        let names: Vec<&str> = self.pools.iter().map(|pool| &*pool.name).chain(models).collect();
        if let Some(meant) = nearest(asked, names.iter().copied()) {
            return format!("did you mean `{meant}`?");
        }
        let shown: Vec<String> = names.iter().take(SHOWN_MAX).map(|name| format!("`{name}`")).collect();
        match names.len().saturating_sub(SHOWN_MAX) {
            0 if names.is_empty() => "write `provider/model`".to_owned(),
            0 => format!("known are {}", shown.join(", ")),
            more => format!("known are {} and {more} more", shown.join(", ")),
        }
    }
}

/// How many names are told at once.
const SHOWN_MAX: usize = 10;

impl Names {
    /// The names of these models and pools.
    pub(super) fn of(models: &[super::Model], pools: &[super::Pool]) -> Self {
        let mut names = Self::default();
        for (index, model) in models.iter().enumerate() {
            match model.name.strip_suffix("/*") {
                Some(provider) if model.is_open() => {
                    names.open_by_provider.insert(provider.into(), index);
                }
                _ => {
                    names.by_name.insert(Arc::clone(&model.name), Entry::Model(index));
                }
            }
        }
        for (index, pool) in pools.iter().enumerate() {
            names.by_name.insert(Arc::clone(&pool.name), Entry::Pool(index));
        }
        names
    }
}
