//! What a run came to: counted while it lasts, summed up at its end.

use std::{collections::BTreeMap, time::Duration};

use serde::Serialize;

use super::{engine::Flight, scenario::Scenario};

/// What one run came to. Times are microseconds, money is nano-USD.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// What the row is called.
    pub name: String,
    /// What it is a row of.
    pub kind: RowKind,
    /// How many there were.
    pub requests: u64,
    /// How many of them had a whole answer.
    pub answered: u64,
    /// The share of them, 0..=1.
    pub availability: f64,
    /// Why the others had none.
    pub unanswered: BTreeMap<&'static str, u64>,
    /// What the answers cost.
    pub cost_nano: u64,
    /// What attempts without an answer cost on top, at worst; 0 where that is not known, in what was recorded.
    pub extra_cost_nano: u64,
    /// Attempts at deployments whose price is not known.
    pub unpriced: u64,
    /// Dispatches.
    pub attempts: u64,
    /// Dispatches after the first of a request.
    pub further_attempts: u64,
    /// Those of them that began beside one that was slow.
    pub hedges: u64,
    /// From the arrival of a request to its first content; of those answered.
    pub first_content_us: Quantiles,
    /// From the arrival of a request to the end of its answer; of those answered.
    pub total_us: Quantiles,
    /// Input tokens of all requests.
    pub input_tokens: u64,
    /// Those of them that a prompt cache had.
    pub cached_tokens: u64,
    /// Those that the prompt cache of one deployment would have had which sees every request.
    pub cached_tokens_in_one: u64,
    /// By deployment, those that requests could reach.
    pub deployments: Vec<Share>,
    /// Requests without an answer by the time of their arrival, in [`SLICES`] equal parts.
    pub unanswered_over_time: Vec<u32>,
}

/// What a row of a comparison is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RowKind {
    /// What really happened.
    Recorded,
    /// The production router.
    Simulated,
    /// Somebody who knows more than any gateway can.
    Oracle,
}

/// What one deployment did in a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Share {
    /// Its name.
    pub deployment: String,
    /// First attempts.
    pub first_attempts: u64,
    /// All attempts.
    pub attempts: u64,
    /// Whole answers.
    pub answered: u64,
    /// Whole answers by the arrival of their requests, in [`SLICES`] equal parts.
    pub over_time: Vec<u32>,
}

/// Quantiles by nearest rank over all values, in microseconds; all 0 when there are none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Quantiles {
    /// Half are at most this.
    pub p50: u64,
    /// 90 %.
    pub p90: u64,
    /// 95 %.
    pub p95: u64,
    /// 99 %.
    pub p99: u64,
    /// The mean.
    pub mean: u64,
    /// The largest.
    pub max: u64,
    /// At most this by hundredths, from 0 to 100: for curves.
    #[serde(skip)]
    pub percentiles: Vec<u64>,
}

/// Counts while a run lasts.
#[derive(Debug)]
pub(super) struct Tally {
    /// By deployment.
    counts: Vec<Share>,
    unanswered: BTreeMap<&'static str, u64>,
    unanswered_over_time: Vec<u32>,
    /// The slice of each request is its arrival by this.
    span: Duration,
    arrivals: Vec<Duration>,
    first_contents: Vec<u64>,
    totals: Vec<u64>,
    /// Nano-USD.
    cost: u64,
    extra: u64,
    unpriced: u64,
    hedges: u64,
    cached_tokens: u64,
    cached_tokens_in_one: u64,
}

impl Tally {
    pub(super) fn new(scenario: &Scenario) -> Self {
        let requests = &scenario.workload().requests;
        let share = |deployment: &roundelay_routing::Deployment| Share::of(&deployment.name);
        Self {
            counts: scenario.layout.catalog.deployments.iter().map(share).collect(),
            unanswered: BTreeMap::new(),
            unanswered_over_time: vec![0; SLICES],
            span: scenario.workload().span(),
            arrivals: requests.iter().map(|request| request.at).collect(),
            first_contents: Vec::with_capacity(requests.len()),
            totals: Vec::with_capacity(requests.len()),
            cost: 0,
            extra: 0,
            unpriced: 0,
            hedges: 0,
            cached_tokens: 0,
            cached_tokens_in_one: 0,
        }
    }

    pub(super) fn attempt(&mut self, deployment: usize, is_first: bool) {
        let count = &mut self.counts[deployment];
        count.attempts += 1;
        count.first_attempts += u64::from(is_first);
    }

    pub(super) fn answered(
        &mut self,
        request: usize,
        flight: &Flight,
        first_content: Duration,
        total: Duration,
        cost: Option<u64>,
    ) {
        let slice = self.slice(request);
        let count = &mut self.counts[flight.deployment];
        count.answered += 1;
        count.over_time[slice] += 1;
        self.first_contents.push(micros(first_content));
        self.totals.push(micros(total));
        self.cached_tokens += u64::from(flight.fate.cached);
        self.cost = self.cost.saturating_add(cost.unwrap_or(0));
        self.unpriced += u64::from(cost.is_none());
    }

    /// An attempt that brought no answer cost so much at worst.
    pub(super) fn wasted(&mut self, cost: Option<u64>) {
        self.extra = self.extra.saturating_add(cost.unwrap_or(0));
        self.unpriced += u64::from(cost.is_none());
    }

    pub(super) fn hedge(&mut self) {
        self.hedges += 1;
    }

    pub(super) fn unanswered(&mut self, request: usize, reason: &'static str) {
        *self.unanswered.entry(reason).or_default() += 1;
        let slice = self.slice(request);
        self.unanswered_over_time[slice] += 1;
    }

    pub(super) fn cached_in_one(&mut self, tokens: u32) {
        self.cached_tokens_in_one += u64::from(tokens);
    }

    pub(super) fn conclude(self, name: String, kind: RowKind, scenario: &Scenario) -> Summary {
        let requests = scenario.workload().requests.len() as u64;
        let attempts = self.counts.iter().map(|count| count.attempts).sum::<u64>();
        let first: u64 = self.counts.iter().map(|count| count.first_attempts).sum();
        let answered = self.totals.len() as u64;
        let reached = scenario.reached();
        let counts = self.counts.into_iter().enumerate();
        Summary {
            name,
            kind,
            requests,
            answered,
            availability: answered as f64 / requests.max(1) as f64,
            unanswered: self.unanswered,
            cost_nano: self.cost,
            extra_cost_nano: self.extra,
            unpriced: self.unpriced,
            attempts,
            further_attempts: attempts - first,
            hedges: self.hedges,
            first_content_us: Quantiles::of(self.first_contents),
            total_us: Quantiles::of(self.totals),
            input_tokens: scenario.workload().requests.iter().map(|request| u64::from(request.input_tokens)).sum(),
            cached_tokens: self.cached_tokens,
            cached_tokens_in_one: self.cached_tokens_in_one,
            deployments: counts.filter(|(index, _)| reached.contains(index)).map(|(_, count)| count).collect(),
            unanswered_over_time: self.unanswered_over_time,
        }
    }

    fn slice(&self, request: usize) -> usize {
        slice(self.arrivals[request], self.span)
    }
}

impl Share {
    /// One that did nothing yet.
    pub(super) fn of(deployment: &str) -> Self {
        let deployment = deployment.to_owned();
        Self { deployment, first_attempts: 0, attempts: 0, answered: 0, over_time: vec![0; SLICES] }
    }
}

impl Quantiles {
    /// Of these microseconds.
    pub(super) fn of(mut values: Vec<u64>) -> Self {
        values.sort_unstable();
        let Some(&max) = values.last() else { return Self::default() };
        let rank = |share: f64| values[((share * values.len() as f64).ceil() as usize).clamp(1, values.len()) - 1];
        let sum: u128 = values.iter().map(|value| u128::from(*value)).sum();
        Self {
            p50: rank(0.50),
            p90: rank(0.90),
            p95: rank(0.95),
            p99: rank(0.99),
            mean: u64::try_from(sum / values.len() as u128).unwrap_or(u64::MAX),
            max,
            percentiles: (0..=100).map(|hundredths| rank(f64::from(hundredths) / 100.0)).collect(),
        }
    }
}

impl Summary {
    /// What attempts without an answer cost, as a share of what the answers cost; 0 when nothing cost anything.
    pub fn extra_share(&self) -> f64 {
        if self.cost_nano == 0 { 0.0 } else { self.extra_cost_nano as f64 / self.cost_nano as f64 }
    }

    /// The share of answers that a deployment gave, 0..=1.
    pub fn answered_share(&self, share: &Share) -> f64 {
        share.answered as f64 / self.answered.max(1) as f64
    }
}

/// Which of the [`SLICES`] parts of a run an arrival is in.
pub(super) fn slice(at: Duration, span: Duration) -> usize {
    let part = at.as_secs_f64() / span.as_secs_f64().max(f64::MIN_POSITIVE);
    ((part * SLICES as f64) as usize).min(SLICES - 1)
}

fn micros(length: Duration) -> u64 {
    u64::try_from(length.as_micros()).unwrap_or(u64::MAX)
}

/// Parts of a run's time for which shares are told.
pub const SLICES: usize = 60;
