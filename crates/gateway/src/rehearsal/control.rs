//! The handle that sets scenarios and reads counts; shared by every connection, the endpoint, and tests.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use super::balance::Purse;
use super::counts::{Counts, LastRequest};
use super::grammar::ScenarioError;
use super::rule::{Rule, RuleError};
use super::scenario::Scenario;

/// What a rule applies to. The first of these that has a rule decides: key, model, the scenario in the
/// model's name, default.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Target {
    /// Every request no other rule covers.
    Default,
    /// Requests for this model.
    Model(String),
    /// Requests that come with this API key.
    Key(String),
}

/// Sets and clears scenarios and reads counts. Clones are handles to the same provider.
#[derive(Debug, Clone, Default)]
pub struct Control(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    started: Instant,
    // Held for the length of a map look-up, never across an await.
    state: Mutex<State>,
}

impl Default for Shared {
    fn default() -> Self {
        Self { started: Instant::now(), state: Mutex::default() }
    }
}

#[derive(Debug, Default)]
struct State {
    rules: HashMap<Target, Active>,
    /// Scenarios that model names spelt out, with their own counts, so that `once` means once.
    named: HashMap<String, Active>,
    accepted_keys: Option<Vec<String>>,
    /// What is left, by key; that of `None` is for every other key.
    purses: HashMap<Option<String>, Purse>,
    counts: Counts,
    last: Option<LastRequest>,
}

#[derive(Debug)]
struct Active {
    rule: Arc<Rule>,
    since: Instant,
    seen: u64,
    acted: u64,
}

/// What a request meets.
#[derive(Debug, Clone)]
pub(super) struct Choice {
    pub(super) rule: Arc<Rule>,
    pub(super) acts: bool,
}

impl Choice {
    /// The scenario to play: the rule's own, or what is left of it while it rests.
    pub(super) fn scenario(&self) -> Scenario {
        let mut scenario = if self.acts { self.rule.scenario.clone() } else { self.rule.scenario.at_rest() };
        scenario.pace = scenario.pace.max(self.rule.pace);
        scenario
    }
}

impl Control {
    /// Answers `target` by this scenario from now on, until it is cleared.
    ///
    /// # Errors
    /// When the scenario cannot be read; what was set stays.
    pub fn set(&self, target: Target, scenario: &str) -> Result<(), RuleError> {
        self.set_rule(target, Rule::parse(scenario)?)
    }

    /// The same with every number a rule can have. Counting of `times`, `every` and the flapping clock start anew.
    ///
    /// # Errors
    /// When 1,000 rules are set already.
    pub fn set_rule(&self, target: Target, rule: Rule) -> Result<(), RuleError> {
        let mut state = self.state();
        if state.rules.len() >= RULES_MAX && !state.rules.contains_key(&target) {
            return Err(RuleError::TooMany);
        }
        state.rules.insert(target, Active::new(rule));
        Ok(())
    }

    /// Sets the scenario of a model.
    ///
    /// # Errors
    /// As [`set`](Self::set).
    pub fn set_model(&self, model: &str, scenario: &str) -> Result<(), RuleError> {
        self.set(Target::Model(model.to_owned()), scenario)
    }

    /// Sets the scenario of every model that has none of its own.
    ///
    /// # Errors
    /// As [`set`](Self::set).
    pub fn set_default(&self, scenario: &str) -> Result<(), RuleError> {
        self.set(Target::Default, scenario)
    }

    /// Answers `target` honestly again; says whether something was set.
    pub fn clear(&self, target: &Target) -> bool {
        self.state().rules.remove(target).is_some()
    }

    /// Forgets every rule and balance, accepts every key again, and lets `once` in model names count anew. Counts stay.
    pub fn clear_all(&self) {
        let mut state = self.state();
        state.rules.clear();
        state.named.clear();
        state.accepted_keys = None;
        state.purses.clear();
    }

    /// Takes only these API keys from now on, and answers others with 401; `None` takes any and none.
    pub fn accept_keys(&self, keys: Option<Vec<String>>) {
        self.state().accepted_keys = keys;
    }

    /// Sets what is left behind a key, or behind every key that has no balance of its own. Until it is set, that is 100
    /// USD. No answer costs anything.
    ///
    /// # Errors
    /// When 1,000 are set already.
    pub fn set_balance(&self, key: Option<&str>, purse: Purse) -> Result<(), RuleError> {
        let mut state = self.state();
        let key = key.map(str::to_owned);
        if state.purses.len() >= RULES_MAX && !state.purses.contains_key(&key) {
            return Err(RuleError::TooMany);
        }
        state.purses.insert(key, purse);
        Ok(())
    }

    /// What is left behind a key.
    pub fn balance(&self, key: &str) -> Purse {
        let state = self.state();
        let own = state.purses.get(&Some(key.to_owned()));
        own.or_else(|| state.purses.get(&None)).cloned().unwrap_or_default()
    }

    /// How many keys are accepted; `None` when any is.
    pub fn accepted_keys(&self) -> Option<usize> {
        self.state().accepted_keys.as_ref().map(Vec::len)
    }

    /// The rules in force, by target.
    pub fn rules(&self) -> Vec<(Target, Rule)> {
        let state = self.state();
        let mut rules: Vec<_> =
            state.rules.iter().map(|(target, active)| (target.clone(), Rule::clone(&active.rule))).collect();
        rules.sort_by(|left, right| left.0.cmp(&right.0));
        rules
    }

    /// Everything counted so far.
    pub fn counts(&self) -> Counts {
        self.state().counts.clone()
    }

    /// Sets the counts back to nothing; open connections and requests in flight stay counted.
    pub fn reset_counts(&self) {
        let counts = &mut self.state().counts;
        *counts =
            Counts { connections_open: counts.connections_open, in_flight: counts.in_flight, ..Counts::default() };
    }

    /// Requests seen so far.
    pub fn requests(&self) -> u64 {
        self.state().counts.requests
    }

    /// Requests that asked for `model`.
    pub fn requests_for(&self, model: &str) -> u64 {
        self.state().counts.models.get(model).copied().unwrap_or(0)
    }

    /// Requests that came with `key`; the empty key stands for none.
    pub fn requests_with_key(&self, key: &str) -> u64 {
        self.state().counts.keys.iter().find(|count| count.key == key).map_or(0, |count| count.requests)
    }

    /// Requests whose caller hung up before the end.
    pub fn cancelled(&self) -> u64 {
        self.state().counts.cancelled
    }

    /// Connections open now.
    pub fn connections_open(&self) -> u64 {
        self.state().counts.connections_open
    }

    /// The latest request to an answering endpoint, credentials included.
    pub fn last_request(&self) -> Option<LastRequest> {
        self.state().last.clone()
    }

    /// Decides what a request meets, and counts it.
    pub(super) fn choose(&self, model: &str, key: &str, last: LastRequest) -> Result<Choice, ScenarioError> {
        let now = Instant::now();
        let mut state = self.state();
        let choice = state.choose(model, key, now);
        let scenario = match &choice {
            Ok(choice) if choice.acts => choice.rule.text.as_str(),
            Ok(_) => "honest",
            Err(_) => "unknown",
        };
        state.note(self.age_ms(now), model, key, scenario, last);
        choice
    }

    /// Counts a request whose key is not accepted; it meets no rule and uses none up.
    pub(super) fn note_wrong_key(&self, model: &str, key: &str, last: LastRequest) {
        let at_ms = self.age_ms(Instant::now());
        self.state().note(at_ms, model, key, "wrong-key", last);
    }

    fn age_ms(&self, now: Instant) -> u64 {
        now.duration_since(self.0.started).as_millis().try_into().unwrap_or(u64::MAX)
    }

    /// The default rule, for requests that name no model; never used up by them.
    pub(super) fn glance(&self) -> Option<Scenario> {
        let state = self.state();
        let rule = &state.rules.get(&Target::Default)?.rule;
        (rule.scenario.rhythm == super::Rhythm::default()).then(|| rule.scenario.clone())
    }

    pub(super) fn accepts(&self, key: &str) -> bool {
        self.state().accepted_keys.as_ref().is_none_or(|keys| keys.iter().any(|accepted| accepted == key))
    }

    pub(super) fn connection_refused(&self) {
        self.state().counts.connections_refused += 1;
    }

    /// Counts a connection as open until the returned value is dropped.
    pub(super) fn connection(&self) -> OpenConnection {
        let mut state = self.state();
        state.counts.connections_open += 1;
        state.counts.connections_accepted += 1;
        drop(state);
        OpenConnection(self.clone())
    }

    pub(super) fn request_began(&self) {
        self.state().counts.in_flight += 1;
    }

    pub(super) fn request_ended(&self, bytes_sent: u64, is_cancelled: bool) {
        let counts = &mut self.state().counts;
        counts.in_flight -= 1;
        counts.bytes_sent += bytes_sent;
        counts.cancelled += u64::from(is_cancelled);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Counts are still counts after a panic elsewhere.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn note(&mut self, at_ms: u64, model: &str, key: &str, scenario: &str, last: LastRequest) {
        self.counts.note(at_ms, model, key, scenario);
        self.last = Some(last);
    }

    fn choose(&mut self, model: &str, key: &str, now: Instant) -> Result<Choice, ScenarioError> {
        // The empty map is the common case under load: no key is built to look into it.
        if !self.rules.is_empty() {
            for target in [Target::Key(key.to_owned()), Target::Model(model.to_owned())] {
                if let Some(active) = self.rules.get_mut(&target) {
                    return Ok(active.choose(now));
                }
            }
        }
        if let Some(scenario) = model.strip_prefix(NAME_PREFIX) {
            return self.named(scenario).map(|active| active.choose(now));
        }
        match self.rules.get_mut(&Target::Default) {
            Some(active) => Ok(active.choose(now)),
            None => Ok(Choice { rule: Arc::default(), acts: false }),
        }
    }

    fn named(&mut self, text: &str) -> Result<&mut Active, ScenarioError> {
        if !self.named.contains_key(text) {
            let rule = Rule { text: text.to_owned(), scenario: text.parse()?, ..Rule::default() };
            // Starting over is better than growing: a test that needs its counts does not use a thousand names.
            if self.named.len() >= RULES_MAX {
                self.named.clear();
            }
            self.named.insert(text.to_owned(), Active::new(rule));
        }
        Ok(self.named.get_mut(text).expect("it was inserted above unless it was there"))
    }
}

impl Active {
    fn new(rule: Rule) -> Self {
        Self { rule: Arc::new(rule), since: Instant::now(), seen: 0, acted: 0 }
    }

    fn choose(&mut self, now: Instant) -> Choice {
        self.seen += 1;
        let acts = self.rule.scenario.rhythm.acts(self.seen, self.acted, now.duration_since(self.since));
        self.acted += u64::from(acts);
        Choice { rule: Arc::clone(&self.rule), acts }
    }
}

/// A connection that counts as open.
#[derive(Debug)]
pub(super) struct OpenConnection(Control);

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.state().counts.connections_open -= 1;
    }
}

/// A model name that begins like this spells out its scenario.
pub(super) const NAME_PREFIX: &str = "rehearsal-";
const RULES_MAX: usize = 1_000;
