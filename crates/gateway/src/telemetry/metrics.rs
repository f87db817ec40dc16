//! Counters of the hot path: plain atomics behind one short look-up an event, encoded only when somebody scrapes.

use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use self::series::{AttemptCount, AttemptTiming, DeploymentSeries, ExchangeCount, ExchangeTiming, ModelSeries, Series};
pub use self::{
    exposition::{BalanceView, DeploymentView, RenderInputs},
    names::{Kind, METRICS, Metric},
};

mod exposition;
mod histogram;
mod names;
mod series;
mod table;

/// What an upstream counted, in disjoint classes; `reasoning` is within `output`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tokens {
    /// Input that no cache served.
    pub input: u64,
    /// Input served from a prompt cache.
    pub cache_read: u64,
    /// Input written into a prompt cache.
    pub cache_write: u64,
    /// Everything generated.
    pub output: u64,
    /// The part of the output that the caller was not shown.
    pub reasoning: u64,
}

/// An exchange that has reached its last line.
#[derive(Debug, Clone, Copy)]
pub struct ExchangeEnded<'a> {
    /// The configured pool or model that was asked for, or [`Metrics::other`]; never a text a caller chose.
    pub model: &'a Arc<str>,
    /// `answered`, `refused`, `failed`, `cut` or `abandoned`.
    pub outcome: &'static str,
    /// The HTTP status the caller got.
    pub status: u16,
    /// Whether the caller asked for a stream.
    pub stream: bool,
    /// From the request's first byte to the answer's last.
    pub duration: Duration,
    /// From the request's first byte to the first content shown.
    pub first_content: Option<Duration>,
    /// The gateway's own time before the first dispatch.
    pub overhead: Option<Duration>,
    /// Of the answer that the caller got.
    pub tokens: Tokens,
    /// The caller's SDK said that it had tried before.
    pub client_retry: bool,
}

/// One dispatch to one deployment, ended.
#[derive(Debug, Clone, Copy)]
pub struct AttemptEnded<'a> {
    /// The deployment's configured name.
    pub deployment: &'a Arc<str>,
    /// The provider's configured name.
    pub provider: &'a Arc<str>,
    /// `first`, `retry`, `fallback` or `hedge`.
    pub kind: &'static str,
    /// `answered`, `lost`, `spent`, `diverged`, `abandoned`, or the name of the failure's class.
    pub outcome: &'static str,
    /// From dispatch to the end.
    pub duration: Duration,
    /// From dispatch to the first content.
    pub first_content: Option<Duration>,
}

/// All counters of one gateway. Every method may be called from every thread and waits for no I/O.
#[derive(Debug)]
pub struct Metrics {
    series: Arc<Series>,
    other: Arc<str>,
}

impl Metrics {
    /// The `content-type` of [`Metrics::render`]: `OpenMetrics` 1.0 text.
    pub const CONTENT_TYPE: &'static str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

    /// Counters at zero.
    pub fn new() -> Self {
        Self { series: Arc::default(), other: Arc::from(table::OTHER) }
    }

    /// The label of every model that is not configured, so that callers cannot make series by inventing names.
    pub fn other(&self) -> &Arc<str> {
        &self.other
    }

    /// A connection was closed at once because there were too many.
    pub fn connection_refused(&self) {
        self.series.connections_refused.fetch_add(1, Relaxed);
    }

    /// An exchange is under way until the guard is dropped.
    pub fn exchange_began(&self) -> InFlight {
        self.series.in_flight.fetch_add(1, Relaxed);
        InFlight(Arc::clone(&self.series))
    }

    /// An exchange reached its last line, whether or not its caller saw it.
    pub fn exchange_ended(&self, ended: &ExchangeEnded<'_>) {
        if let Some(overhead) = ended.overhead {
            self.series.overhead.observe(overhead);
        }
        self.series.model(ended.model, |model| count_exchange(model, ended));
    }

    /// An attempt was answered or failed.
    pub fn attempt_ended(&self, ended: &AttemptEnded<'_>) {
        self.series.deployment(ended.deployment, ended.provider, |deployment| {
            count_attempt(deployment, ended);
        });
    }

    /// An exchange moved on to another deployment; `reason` is the name of a failure's class.
    pub fn fallback(&self, reason: &'static str) {
        self.series.fallbacks.with(reason, |count| count.fetch_add(1, Relaxed));
    }

    /// A request was refused before it became an exchange; `reason` is from a closed list.
    pub fn refused(&self, reason: &'static str) {
        self.series.refusals.with(reason, |count| count.fetch_add(1, Relaxed));
    }

    /// A summary of a conversation was made, or was not; `outcome` is from a closed list.
    pub fn summary(&self, outcome: &'static str) {
        self.series.summaries.with(outcome, |count| count.fetch_add(1, Relaxed));
    }

    /// An attempt is told less than the conversation its caller sent; `kind` is from a closed list.
    pub fn handed_over(&self, kind: &'static str) {
        self.series.handovers.with(kind, |count| count.fetch_add(1, Relaxed));
    }

    /// An answer that broke off was carried on, or was not; `outcome` is from a closed list.
    pub fn continuation(&self, outcome: &'static str) {
        self.series.continuations.with(outcome, |count| count.fetch_add(1, Relaxed));
    }

    /// Everything counted so far, and the gauges given, as `OpenMetrics` text ([`Metrics::CONTENT_TYPE`]).
    pub fn render(&self, inputs: RenderInputs) -> String {
        exposition::render(Arc::clone(&self.series), inputs)
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

/// Keeps an exchange in the count of those under way.
#[derive(Debug)]
#[must_use = "the exchange leaves the gauge when this is dropped"]
pub struct InFlight(Arc<Series>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Relaxed);
    }
}

fn count_exchange(model: &ModelSeries, ended: &ExchangeEnded<'_>) {
    let count = ExchangeCount { outcome: ended.outcome, status: ended.status, stream: ended.stream };
    model.exchanges.with(count, |count| count.fetch_add(1, Relaxed));
    let timing = ExchangeTiming { outcome: ended.outcome, stream: ended.stream };
    model.durations.with(timing, |histogram| histogram.observe(ended.duration));
    if let Some(first_content) = ended.first_content {
        model.first_content[usize::from(ended.stream)].observe(first_content);
    }
    model.count_tokens(&ended.tokens);
    if ended.client_retry {
        model.client_retries.fetch_add(1, Relaxed);
    }
}

fn count_attempt(deployment: &DeploymentSeries, ended: &AttemptEnded<'_>) {
    let count = AttemptCount { kind: ended.kind, outcome: ended.outcome };
    deployment.attempts.with(count, |count| count.fetch_add(1, Relaxed));
    let timing = AttemptTiming::of(ended.outcome);
    deployment.durations[timing as usize].observe(ended.duration);
    if let Some(first_content) = ended.first_content {
        deployment.first_content.observe(first_content);
    }
}
