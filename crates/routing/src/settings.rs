//! Every number of the resilience rules, with its default and where it comes from.

use std::time::Duration;

/// All tunable numbers. Those that shape one exchange (attempts, deadline) are on the pool or model instead.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settings {
    /// Breaker of each deployment and endpoint, slow start and health.
    pub breaker: BreakerSettings,
    /// How long a deployment or key is left alone.
    pub cooldown: CooldownSettings,
    /// Retries and their budget.
    pub retry: RetrySettings,
    /// Requests in flight at once.
    pub concurrency: ConcurrencySettings,
    /// Conversations that stay where they are.
    pub affinity: AffinitySettings,
    /// What is learnt of speed, cost and length, and how choices use it.
    pub measure: MeasureSettings,
    /// Second attempts beside slow first ones.
    pub hedge: HedgeSettings,
}

/// When a breaker opens, how long it stays open, and how its deployment returns.
///
/// The unified rule (consecutive or ratio) is linkerd2-proxy's; the ramp is Envoy's slow start.
#[derive(Clone, Debug, PartialEq)]
pub struct BreakerSettings {
    /// Hard failures in a row that open a deployment's breaker: 5 (Envoy outlier detection).
    pub consecutive: u32,
    /// Connection failures in a row, at any of its deployments, that open an endpoint's breaker: 3.
    pub endpoint_consecutive: u32,
    /// The success ratio below which a breaker opens, 0..=1: 0.50 (resilience4j).
    pub success_ratio: f64,
    /// Outcomes in the window before the ratio counts: 10.
    pub outcomes_min: u32,
    /// How far back the ratio looks, in 12 buckets: 120 s, longer than most answers take.
    pub window: Duration,
    /// How long a breaker is open the first time: 10 s; each failed probe doubles it.
    pub open: Duration,
    /// The longest a breaker is open: 300 s (Envoy).
    pub open_max: Duration,
    /// How far the open time strays to either side, 0..1: 0.2.
    pub jitter: f64,
    /// Successful probes in a row that close it: 2.
    pub probes: u32,
    /// How long a deployment takes back its full weight after its breaker closed: 60 s.
    pub slow_start: Duration,
    /// The share of its weight it begins with, 0..=1: 0.1.
    pub slow_start_floor: f64,
    /// The least share of its weight that ill health leaves a deployment, 0..=1: 0.05.
    pub health_floor: f64,
    /// Successes that health takes for granted, so that one early failure does not condemn: 5.
    pub health_prior: u32,
    /// How long after its exchange's deadline an unreported attempt is given up: 60 s.
    pub report_grace: Duration,
    /// The least silence after which an attempt that its caller gave up before any content counts as failed, where it is
    /// also three times as long as a whole answer usually takes: 10 s.
    pub silence: Duration,
}

impl Default for BreakerSettings {
    fn default() -> Self {
        Self {
            consecutive: 5,
            endpoint_consecutive: 3,
            success_ratio: 0.50,
            outcomes_min: 10,
            window: Duration::from_secs(120),
            open: Duration::from_secs(10),
            open_max: Duration::from_secs(300),
            jitter: 0.2,
            probes: 2,
            slow_start: Duration::from_secs(60),
            slow_start_floor: 0.1,
            health_floor: 0.05,
            health_prior: 5,
            report_grace: Duration::from_secs(60),
            silence: Duration::from_secs(10),
        }
    }
}

/// How long something is left alone when the upstream does not say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CooldownSettings {
    /// After the first rate limit: 5 s (`LiteLLM`'s cooldown); doubles with each that follows.
    pub rate_limited: Duration,
    /// The longest a rate limit cools by default: 60 s.
    pub rate_limited_max: Duration,
    /// The longest `retry-after` of a rate limit that is believed: 1 h.
    pub retry_after_max: Duration,
    /// After growing too fast: 30 s, then half the weight, ramping up.
    pub ramp: Duration,
    /// A rejected key is tried again after: 10 min.
    pub key_rejected: Duration,
    /// An empty account is tried again after: 1 h; doubles.
    pub key_empty: Duration,
    /// The longest an empty account or a used-up quota rests: 24 h.
    pub key_empty_max: Duration,
    /// A used-up quota is tried again after: 1 h.
    pub quota_window: Duration,
    /// The longest a missing deployment is left alone: 10 min. The first time as long as `rate_limited`; doubles.
    pub missing: Duration,
    /// The longest an exchange waits for something to reopen when nothing else is left, unless its pool or model says
    /// otherwise: 2 s.
    pub wait_max: Duration,
}

impl Default for CooldownSettings {
    fn default() -> Self {
        Self {
            rate_limited: Duration::from_secs(5),
            rate_limited_max: Duration::from_secs(60),
            retry_after_max: Duration::from_secs(3600),
            ramp: Duration::from_secs(30),
            key_rejected: Duration::from_secs(600),
            key_empty: Duration::from_secs(3600),
            key_empty_max: Duration::from_secs(24 * 3600),
            quota_window: Duration::from_secs(3600),
            missing: Duration::from_secs(600),
            wait_max: Duration::from_secs(2),
        }
    }
}

/// How a retry waits and what it costs.
#[derive(Clone, Debug, PartialEq)]
pub struct RetrySettings {
    /// Retries at the same deployment in one exchange: 1.
    pub same_target_max: u32,
    /// Attempts in one exchange that follow one whose work may have been done: 1.
    pub uncertain_max: u32,
    /// Upper bound of the first random wait: 0.5 s; doubles (full jitter).
    pub backoff: Duration,
    /// Upper bound of any random wait: 8 s.
    pub backoff_max: Duration,
    /// An overloaded deployment is asked again after this and up to twice this: 0.5 s.
    pub overloaded_wait: Duration,
    /// Tokens of the counter of gRPC proposal A6: 10. A failure takes one; at half or below, no retries.
    pub counter_max: f64,
    /// What a success gives back to the counter: 0.1.
    pub counter_ratio: f64,
    /// What each first attempt earns for retries, as a share of its own expected cost: 0.1 (the SRE book's 10 %).
    pub share: f64,
    /// How long what was earned lasts: 60 s.
    pub earned_for: Duration,
    /// Retries an idle endpoint may always make in each `reserve_every`: 3.
    pub reserve: u32,
    /// See `reserve`: 10 s.
    pub reserve_every: Duration,
}

impl Default for RetrySettings {
    fn default() -> Self {
        Self {
            same_target_max: 1,
            uncertain_max: 1,
            backoff: Duration::from_millis(500),
            backoff_max: Duration::from_secs(8),
            overloaded_wait: Duration::from_millis(500),
            counter_max: 10.0,
            counter_ratio: 0.1,
            share: 0.1,
            earned_for: Duration::from_secs(60),
            reserve: 3,
            reserve_every: Duration::from_secs(10),
        }
    }
}

/// How many requests a deployment has at once.
#[derive(Clone, Debug, PartialEq)]
pub struct ConcurrencySettings {
    /// The least that the first rate limit leaves: 8. Before it, only the deployment's own maximum holds. What is back after
    /// having been set aside begins with as many, doubled each second.
    pub start: u32,
    /// What each rate limit leaves of the limit, 0..1: 0.5.
    pub decrease: f64,
    /// Exchanges that may wait for a place: 50.
    pub queue_max: usize,
    /// How long one may wait: 5 s.
    pub queue_wait: Duration,
    /// How often a waiting exchange looks again: 0.1 s.
    pub queue_poll: Duration,
    /// Exchanges that may wait for something to reopen, and then for a place there: 1,000.
    pub waiting_max: usize,
}

impl Default for ConcurrencySettings {
    fn default() -> Self {
        Self {
            start: 8,
            decrease: 0.5,
            queue_max: 50,
            queue_wait: Duration::from_secs(5),
            queue_poll: Duration::from_millis(100),
            waiting_max: 1_000,
        }
    }
}

/// How many conversations are remembered, and how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AffinitySettings {
    /// Bindings kept at most: 100,000.
    pub bindings_max: usize,
    /// A binding unused for this long is gone: 1 h, the longest a vendor keeps a prompt cache.
    pub idle: Duration,
}

impl Default for AffinitySettings {
    fn default() -> Self {
        Self { bindings_max: 100_000, idle: Duration::from_secs(3600) }
    }
}

/// What is learnt of speed, cost and length, and how the strategies that measure use it.
#[derive(Clone, Debug, PartialEq)]
pub struct MeasureSettings {
    /// Samples that an average remembers at most: 10.
    pub samples: f64,
    /// How long a sample keeps a third (1/e) of its say without newer ones: 60 s.
    pub fade: Duration,
    /// How much slower than the fastest still counts as fast: 0.2. Among these, two are drawn and the better one taken.
    pub near: f64,
    /// What one failure adds to a predicted time: 5 s (linkerd2-proxy's least penalty), so that fast refusals do not attract.
    pub failure: Duration,
    /// A candidate nobody has heard of for this long is tried again: 30 s. One that is too slow for its pool, by one request.
    pub explore_every: Duration,
    /// The share of first attempts that may go to such candidates, 0..1: 0.01.
    pub explore_share: f64,
    /// The least and the most that `adapt` makes of a weight: 0.25 and 4.
    pub adapt: (f64, f64),
    /// Tokens of output expected while nothing is known: 211, the mean of 19,366 conversations (Azure LLM trace 2023).
    pub output_prior: f64,
    /// The share of input expected to be cached where a conversation was before, while not measured, 0..=1: 0.5.
    pub warm_prior: f64,
    /// How much cheaper or better another must be before a conversation leaves where it is: 0.1.
    pub stay: f64,
    /// Askers whose answer lengths are remembered at most: 20,000.
    pub lengths_max: usize,
}

impl Default for MeasureSettings {
    fn default() -> Self {
        Self {
            samples: 10.0,
            fade: Duration::from_secs(60),
            near: 0.2,
            failure: Duration::from_secs(5),
            explore_every: Duration::from_secs(30),
            explore_share: 0.01,
            adapt: (0.25, 4.0),
            output_prior: 211.0,
            warm_prior: 0.5,
            stay: 0.1,
            lengths_max: 20_000,
        }
    }
}

/// When a second attempt may start beside a slow first one. It stays off unless a pool asks for it.
///
/// The limits are those of Finagle's backup requests and of gRPC proposal A6, made stricter because a lost race is billed.
#[derive(Clone, Debug, PartialEq)]
pub struct HedgeSettings {
    /// The earliest: 2 s.
    pub after_min: Duration,
    /// The percentile of the time to first content that must have passed, 0..1: 0.95.
    pub percentile: f64,
    /// Samples that the percentile needs: 50, at most 64.
    pub samples_min: usize,
    /// The most input tokens of a request that is hedged: 8,192.
    pub input_max: u64,
    /// The share of requests that may be hedged, and of spend that may go to hedges, 0..1: 0.02, over an hour.
    pub share: f64,
}

impl Default for HedgeSettings {
    fn default() -> Self {
        Self { after_min: Duration::from_secs(2), percentile: 0.95, samples_min: 50, input_max: 8_192, share: 0.02 }
    }
}
