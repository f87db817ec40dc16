//! `[pools.NAME]`: sets of models under one name, with weights, a strategy and a fallback chain.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use roundelay_routing as routing;

use super::{
    continuation::Continuation,
    losses::Losses,
    models::{ATTEMPTS, DEADLINE, read_strategy},
    preferences::Preferences,
    reader::{At, Place, Section},
    roster::Roster,
    unpriced,
};

mod members;
mod schedule;

pub use self::schedule::Shift;

/// A named set of models.
#[derive(Debug, Clone)]
pub struct Pool {
    /// The name callers write into `model`.
    pub name: Arc<str>,
    /// Indices into [`super::Config::models`] with their weights, in the order they were written.
    pub members: Vec<(usize, f64)>,
    /// What takes the place of the members for some hours; the first shift that holds counts.
    pub schedule: Vec<Shift>,
    /// The order in which its members are offered.
    pub strategy: routing::Strategy,
    /// What is asked after the members, in order. The ids are indices into this configuration.
    pub fallback: Vec<routing::Target>,
    /// Most attempts for one exchange.
    pub attempts: u32,
    /// Longest time to the first content of an exchange, over all attempts.
    pub deadline: Duration,
    /// Whether an answer cut after content was shown is carried on by another model.
    pub continuation: Continuation,
    /// Whether an answer is kept back from its first tool call on, until all of it is here.
    pub buffer_tools: bool,
    /// What is prepared for a model that takes over a conversation.
    pub handover: Handover,
    /// What becomes of a request that a member cannot be told in full.
    pub losses: Losses,
    /// How its strategy chooses, beyond its name.
    pub preferences: Preferences,
}

/// What is prepared so that another model can carry on a conversation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Handover {
    /// The whole conversation where it can be taken; where nobody who can is left, what the others can take of it.
    #[default]
    Auto,
    /// The whole conversation as the caller sent it, or nothing.
    Full,
    /// Whenever the model changes, the last turns and what stands for the older ones.
    Summary,
}

impl Handover {
    const CHOICES: [(&'static str, Self); 3] = [("auto", Self::Auto), ("full", Self::Full), ("summary", Self::Summary)];
}

/// Reads `[pools]`, and lets the roster make what the members need.
pub(super) fn read_all(document: &Section<'_>, roster: &mut Roster<'_>) -> Vec<Pool> {
    let sections = document.named_sections("pools");
    let ids: HashMap<String, u32> = (0..).zip(&sections).map(|(index, (name, _))| (name.clone(), index)).collect();
    let places: Vec<Place> = sections.iter().map(|(_, section)| section.place().clone()).collect();
    let mut pools = Vec::new();
    for (name, section) in sections {
        pools.push(read(&name, section, &ids, roster));
    }
    complain_of_names(document, &pools, &places, roster);
    complain_of_cycles(document, &pools, &places);
    pools
}

fn read(name: &str, section: Section<'_>, ids: &HashMap<String, u32>, roster: &mut Roster<'_>) -> Pool {
    let strategy = read_strategy(&section).unwrap_or(routing::Strategy::Weighted);
    let unpriced = unpriced::effect_on_members(&section, strategy);
    let members = members::read(&section, unpriced, ids, roster);
    let schedule = schedule::read(&section, unpriced, ids, roster);
    let fallback = read_fallback(&section, ids, roster);
    let everyone: Vec<usize> =
        members.iter().chain(schedule.iter().flat_map(|shift| &shift.members)).map(|&(model, _)| model).collect();
    let patience = everyone.iter().map(|&model| roster.model(model).patience()).max().unwrap_or_default();
    let preferences = Preferences::read(&section, strategy, &everyone, roster);
    let pool = Pool {
        name: name.into(),
        members,
        schedule,
        strategy,
        fallback,
        attempts: section.count("attempts", 1..11).map_or(ATTEMPTS, |count| count as u32),
        deadline: section.duration("deadline").unwrap_or_else(|| DEADLINE.max(patience)),
        continuation: Continuation::read(&section),
        buffer_tools: section.boolean("buffer_tools").unwrap_or(false),
        handover: section.choice("handover", &Handover::CHOICES).unwrap_or_default(),
        losses: Losses::read(&section),
        preferences,
    };
    let models = fallback_models(&pool.fallback).map(|fallback| [everyone, fallback].concat());
    pool.continuation.advise(&section, &models.unwrap_or_default(), roster);
    section.finish();
    pool
}

/// The models of a fallback; `None` where there is a pool among them, which may not be read yet.
fn fallback_models(fallback: &[routing::Target]) -> Option<Vec<usize>> {
    let model = |target: &routing::Target| match target {
        routing::Target::Model(model) => Some(model.0 as usize),
        routing::Target::Pool(_) => None,
    };
    fallback.iter().map(model).collect()
}

fn read_fallback(section: &Section<'_>, ids: &HashMap<String, u32>, roster: &mut Roster<'_>) -> Vec<routing::Target> {
    let mut fallback = Vec::new();
    for At { value: name, place } in section.texts("fallback").unwrap_or_default() {
        if let Some(&pool) = ids.get(&name.text) {
            fallback.push(routing::Target::Pool(routing::PoolId(pool)));
        } else if let Some(model) = roster.model_or_complain(&name, &place, section.reading()) {
            unpriced::warn_of_member(name.shown(), &place, model, None, roster, section.reading());
            fallback.push(routing::Target::Model(routing::ModelId(model as u32)));
        }
    }
    fallback
}

/// A pool hides a model of the catalogue, but never one that is written.
fn complain_of_names(document: &Section<'_>, pools: &[Pool], places: &[Place], roster: &Roster<'_>) {
    for (pool, place) in pools.iter().zip(places) {
        let name = &*pool.name;
        let complain = |message: String, instead: &str| {
            document.reading().complain(place, message, Some(instead.to_owned()));
        };
        if roster.has_written_model(name) {
            complain(format!("`{name}` is both a pool and a model"), "give the pool another name");
        } else if name.is_empty() || name.contains('*') || name.chars().any(char::is_control) {
            complain("this cannot be the name of a pool".to_owned(), "leave out `*` and control characters");
        }
    }
}

fn complain_of_cycles(document: &Section<'_>, pools: &[Pool], places: &[Place]) {
    let next = |pool: usize| {
        pools[pool].fallback.iter().filter_map(|target| match target {
            routing::Target::Pool(id) => Some(id.0 as usize),
            routing::Target::Model(_) => None,
        })
    };
    for (start, place) in places.iter().enumerate() {
        let mut reached = BTreeSet::new();
        let mut ahead: Vec<usize> = next(start).collect();
        while let Some(pool) = ahead.pop() {
            if reached.insert(pool) {
                ahead.extend(next(pool));
            }
        }
        if reached.contains(&start) {
            let message = format!("the fallback of `{}` leads back to itself", pools[start].name);
            let instead = "end the chain in models".to_owned();
            document.reading().complain(place, message, Some(instead));
        }
    }
}
