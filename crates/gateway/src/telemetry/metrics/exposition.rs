//! The counters and the gauges of a moment as `OpenMetrics` text.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeGaugeValue, MetricEncoder, NoLabelSet, text},
    metrics::MetricType,
    registry::Registry,
};

use super::{
    histogram::Histogram,
    names::{self, Kind, Metric},
    series::{AttemptTiming, Series, TOKEN_CLASSES},
};

/// What the counters do not know: the state of a moment, from the rooms that hold it.
#[derive(Debug, Clone, Default)]
pub struct RenderInputs {
    /// Every configured deployment.
    pub deployments: Vec<DeploymentView>,
    /// What is left behind the providers' keys, where that is known.
    pub balances: Vec<BalanceView>,
    /// Records not yet in the store.
    pub records_queued: u64,
    /// Records lost to a full queue, since the start.
    pub records_dropped: u64,
    /// Failed writes of the journal or the store, since the start.
    pub journal_faults: u64,
    /// Callers' open connections.
    pub connections: u64,
    /// Since the process started, in seconds.
    pub uptime_seconds: f64,
    /// Whether requests are welcome.
    pub ready: bool,
    /// Reloads that took effect, since the start.
    pub config_reloads_ok: u64,
    /// Reloads that were refused, since the start.
    pub config_reloads_failed: u64,
    /// Which build this is.
    pub version: &'static str,
}

/// A deployment as routing sees it now.
#[derive(Debug, Clone)]
pub struct DeploymentView {
    /// Its configured name.
    pub name: Arc<str>,
    /// Its provider's configured name.
    pub provider: Arc<str>,
    /// 0 closed, 1 half-open, 2 open: the worse of its own and its endpoint's.
    pub breaker: u8,
    /// For how long it is still left alone, in seconds; 0 when it is not.
    pub cooling_seconds: f64,
    /// Attempts under way.
    pub in_flight: u32,
    /// Attempts allowed at once.
    pub concurrency_limit: u32,
    /// Configured weight bent by slow start and health.
    pub effective_weight: f64,
    /// Of the outcomes in the breaker's window, 0 to 1; `None` without any.
    pub success_ratio: Option<f64>,
}

/// What is left behind one key.
#[derive(Debug, Clone)]
pub struct BalanceView {
    /// The provider's configured name.
    pub provider: Arc<str>,
    /// The key's place among the provider's keys, from 1.
    pub key: usize,
    /// In USD, converted where the account is in another currency.
    pub usd: f64,
}

pub(super) fn render(series: Arc<Series>, inputs: RenderInputs) -> String {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Scrape { series, inputs }));
    let mut text = String::with_capacity(16 << 10);
    text::encode(&mut text, &registry).expect("a String takes all that is written");
    text
}

#[derive(Debug)]
struct Scrape {
    series: Arc<Series>,
    inputs: RenderInputs,
}

impl Collector for Scrape {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        self.encode_exchanges(&mut encoder)?;
        self.encode_models(&mut encoder)?;
        self.encode_attempts(&mut encoder)?;
        self.encode_deployments(&mut encoder)?;
        self.encode_process(&mut encoder)
    }
}

impl Scrape {
    fn encode_exchanges(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let models = &self.series.models;
        family(encoder, &names::EXCHANGES, |to| {
            models.for_each(|model, series| {
                series.exchanges.for_each(|key, count| {
                    let code = key.status.to_string();
                    to.count(&[model, key.outcome, &code, name_of(key.stream)], count)
                })
            })
        })?;
        family(encoder, &names::EXCHANGE_DURATION, |to| {
            models.for_each(|model, series| {
                series.durations.for_each(|key, times| to.times(&[model, key.outcome, name_of(key.stream)], times))
            })
        })?;
        family(encoder, &names::EXCHANGE_FIRST_CONTENT, |to| {
            models.for_each(|model, series| {
                let [whole, stream] = &series.first_content;
                to.times(&[model, name_of(false)], whole)?;
                to.times(&[model, name_of(true)], stream)
            })
        })?;
        family(encoder, &names::OVERHEAD, |to| to.times(&[], &self.series.overhead))?;
        let in_flight = self.series.in_flight.load(Relaxed);
        family(encoder, &names::EXCHANGES_IN_FLIGHT, |to| to.gauge(&[], &in_flight))
    }

    fn encode_models(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let models = &self.series.models;
        family(encoder, &names::CLIENT_RETRIES, |to| {
            models.for_each(|model, series| to.count(&[model], &series.client_retries))
        })?;
        family(encoder, &names::TOKENS, |to| {
            models.for_each(|model, series| {
                let mut classes = TOKEN_CLASSES.iter().zip(&series.tokens);
                classes.try_for_each(|(class, count)| to.count(&[model, class], count))
            })
        })?;
        family(encoder, &names::REASONING_TOKENS, |to| {
            models.for_each(|model, series| to.count(&[model], &series.reasoning))
        })
    }

    fn encode_attempts(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let deployments = &self.series.deployments;
        family(encoder, &names::ATTEMPTS, |to| {
            deployments.for_each(|name, series| {
                let provider = series.provider();
                series.attempts.for_each(|key, count| to.count(&[name, provider, key.kind, key.outcome], count))
            })
        })?;
        family(encoder, &names::ATTEMPT_DURATION, |to| {
            deployments.for_each(|name, series| {
                let mut kinds = [AttemptTiming::Answered, AttemptTiming::Failed].into_iter().zip(&series.durations);
                kinds.try_for_each(|(kind, times)| to.times(&[name, series.provider(), kind.name()], times))
            })
        })?;
        family(encoder, &names::ATTEMPT_FIRST_CONTENT, |to| {
            deployments.for_each(|name, series| to.times(&[name, series.provider()], &series.first_content))
        })?;
        family(encoder, &names::FALLBACKS, |to| {
            self.series.fallbacks.for_each(|reason, count| to.count(&[reason], count))
        })?;
        family(encoder, &names::REFUSALS, |to| {
            self.series.refusals.for_each(|reason, count| to.count(&[reason], count))
        })?;
        family(encoder, &names::SUMMARIES, |to| {
            self.series.summaries.for_each(|outcome, count| to.count(&[outcome], count))
        })?;
        family(encoder, &names::HANDOVERS, |to| {
            self.series.handovers.for_each(|kind, count| to.count(&[kind], count))
        })?;
        family(encoder, &names::CONTINUATIONS, |to| {
            self.series.continuations.for_each(|outcome, count| to.count(&[outcome], count))
        })
    }

    fn encode_deployments(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        self.encode_view(encoder, &names::BREAKER, |view| Some(f64::from(view.breaker)))?;
        self.encode_view(encoder, &names::COOLING, |view| Some(view.cooling_seconds))?;
        self.encode_view(encoder, &names::IN_FLIGHT, |view| Some(f64::from(view.in_flight)))?;
        self.encode_view(encoder, &names::CONCURRENCY_LIMIT, |view| Some(f64::from(view.concurrency_limit)))?;
        self.encode_view(encoder, &names::EFFECTIVE_WEIGHT, |view| Some(view.effective_weight))?;
        self.encode_view(encoder, &names::SUCCESS_RATIO, |view| view.success_ratio)?;
        family(encoder, &names::UPSTREAM_BALANCE, |to| {
            let mut balances = self.inputs.balances.iter();
            balances.try_for_each(|view| to.gauge(&[&view.provider, &view.key.to_string()], &view.usd))
        })
    }

    fn encode_view(
        &self,
        encoder: &mut DescriptorEncoder<'_>,
        metric: &Metric,
        value: impl Fn(&DeploymentView) -> Option<f64>,
    ) -> fmt::Result {
        family(encoder, metric, |to| {
            let mut values = self.inputs.deployments.iter().filter_map(|view| Some((view, value(view)?)));
            values.try_for_each(|(view, value)| to.gauge(&[&view.name, &view.provider], &value))
        })
    }

    fn encode_process(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let inputs = &self.inputs;
        family(encoder, &names::CONNECTIONS, |to| to.gauge(&[], &inputs.connections))?;
        family(encoder, &names::CONNECTIONS_REFUSED, |to| to.count(&[], &self.series.connections_refused))?;
        family(encoder, &names::RECORDS_QUEUED, |to| to.gauge(&[], &inputs.records_queued))?;
        family(encoder, &names::RECORDS_DROPPED, |to| to.counter(&[], inputs.records_dropped))?;
        family(encoder, &names::JOURNAL_FAULTS, |to| to.counter(&[], inputs.journal_faults))?;
        family(encoder, &names::CONFIG_RELOADS, |to| {
            to.counter(&["ok"], inputs.config_reloads_ok)?;
            to.counter(&["failed"], inputs.config_reloads_failed)
        })?;
        family(encoder, &names::READY, |to| to.gauge(&[], &u32::from(inputs.ready)))?;
        family(encoder, &names::UPTIME, |to| to.gauge(&[], &inputs.uptime_seconds))?;
        family(encoder, &names::BUILD, |to| to.gauge(&[inputs.version], &1_u32))
    }
}

/// One metric being written.
struct FamilyEncoder<'a, 'b> {
    encoder: &'a mut MetricEncoder<'b>,
    metric: &'a Metric,
}

fn family(
    encoder: &mut DescriptorEncoder<'_>,
    metric: &Metric,
    write: impl FnOnce(&mut FamilyEncoder<'_, '_>) -> fmt::Result,
) -> fmt::Result {
    let (name, kind) = match metric.kind {
        // The encoder adds the suffix to the samples; the family goes without.
        Kind::Counter => (metric.name.trim_end_matches("_total"), MetricType::Counter),
        Kind::Gauge => (metric.name, MetricType::Gauge),
        Kind::Histogram => (metric.name, MetricType::Histogram),
    };
    let mut encoder = encoder.encode_descriptor(name, metric.help, None, kind)?;
    write(&mut FamilyEncoder { encoder: &mut encoder, metric })
}

impl FamilyEncoder<'_, '_> {
    fn count(&mut self, labels: &[&str], count: &AtomicU64) -> fmt::Result {
        self.counter(labels, count.load(Relaxed))
    }

    fn counter(&mut self, labels: &[&str], count: u64) -> fmt::Result {
        self.sample(labels, |sample| sample.encode_counter::<NoLabelSet, _, f64>(&count, None))
    }

    fn gauge(&mut self, labels: &[&str], value: &impl EncodeGaugeValue) -> fmt::Result {
        self.sample(labels, |sample| sample.encode_gauge(value))
    }

    /// A histogram that has seen nothing yet is left out.
    fn times(&mut self, labels: &[&str], times: &Histogram) -> fmt::Result {
        let buckets = times.buckets();
        // Not counted apart, so that the count and the infinite bucket agree in every scrape.
        let count = buckets.iter().map(|&(_, count)| count).sum();
        if count == 0 {
            return Ok(());
        }
        self.sample(labels, |sample| sample.encode_histogram::<NoLabelSet>(times.sum(), count, &buckets, None))
    }

    fn sample(&mut self, values: &[&str], write: impl FnOnce(&mut MetricEncoder<'_>) -> fmt::Result) -> fmt::Result {
        debug_assert_eq!(values.len(), self.metric.labels.len(), "{}", self.metric.name);
        if values.is_empty() {
            return write(self.encoder);
        }
        let labels: Vec<(&str, &str)> = self.metric.labels.iter().copied().zip(values.iter().copied()).collect();
        write(&mut self.encoder.encode_family(&labels)?)
    }
}

fn name_of(flag: bool) -> &'static str {
    if flag { "true" } else { "false" }
}
