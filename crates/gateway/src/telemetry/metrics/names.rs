//! The closed list of metrics and their labels: nothing else is ever exposed.

/// One metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metric {
    /// As it is exposed; a histogram's series add `_bucket`, `_sum` and `_count`.
    pub name: &'static str,
    /// How its values are to be read.
    pub kind: Kind,
    /// Its labels, in the order they are written.
    pub labels: &'static [&'static str],
    /// One line for whoever reads the exposition.
    pub help: &'static str,
}

/// How the values of a metric are to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only grows, until the process ends.
    Counter,
    /// Goes up and down.
    Gauge,
    /// A distribution.
    Histogram,
}

const fn counter(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Metric {
    Metric { name, kind: Kind::Counter, labels, help }
}

const fn gauge(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Metric {
    Metric { name, kind: Kind::Gauge, labels, help }
}

const fn histogram(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Metric {
    Metric { name, kind: Kind::Histogram, labels, help }
}

macro_rules! metrics {
    ($($constant:ident = $make:ident($($argument:expr),+ $(,)?);)+) => {
        $(pub(super) const $constant: Metric = $make($($argument),+);)+
        /// Every metric there is, in the order of the exposition.
        pub const METRICS: &[Metric] = &[$($constant),+];
    };
}

metrics! {
    EXCHANGES = counter(
        "roundelay_exchanges_total", &["model", "outcome", "code", "stream"], "Requests that reached their last line.");
    EXCHANGE_DURATION = histogram(
        "roundelay_exchange_duration_seconds", &["model", "outcome", "stream"],
        "From a request's first byte to its answer's last.");
    EXCHANGE_FIRST_CONTENT = histogram(
        "roundelay_exchange_first_content_seconds", &["model", "stream"],
        "From a request's first byte to the first content shown.");
    OVERHEAD = histogram(
        "roundelay_overhead_seconds", &[], "The gateway's own time before the first dispatch.");
    EXCHANGES_IN_FLIGHT = gauge("roundelay_exchanges_in_flight", &[], "Requests under way.");
    CLIENT_RETRIES = counter(
        "roundelay_client_retries_total", &["model"], "Requests whose client said that it had tried before.");
    TOKENS = counter(
        "roundelay_tokens_total", &["model", "class"], "Tokens of answers, in classes that add up.");
    REASONING_TOKENS = counter(
        "roundelay_reasoning_tokens_total", &["model"], "The part of the output tokens that was reasoning.");
    ATTEMPTS = counter(
        "roundelay_attempts_total", &["deployment", "provider", "kind", "outcome"], "Dispatches to deployments.");
    ATTEMPT_DURATION = histogram(
        "roundelay_attempt_duration_seconds", &["deployment", "provider", "outcome"],
        "From a dispatch to its end, answered or failed.");
    ATTEMPT_FIRST_CONTENT = histogram(
        "roundelay_attempt_first_content_seconds", &["deployment", "provider"],
        "From a dispatch to its first content.");
    FALLBACKS = counter(
        "roundelay_fallbacks_total", &["reason"], "Moves to another deployment, by the class of the failure before.");
    REFUSALS = counter(
        "roundelay_refusals_total", &["reason"], "Requests refused before they became exchanges.");
    SUMMARIES = counter(
        "roundelay_summaries_total", &["outcome"], "Summaries of conversations, by what came of making them.");
    HANDOVERS = counter(
        "roundelay_handovers_total", &["kind"], "Attempts that were told less than the conversation their caller sent.");
    CONTINUATIONS = counter(
        "roundelay_continuations_total", &["outcome"], "Answers that broke off in pools that carry them on, by what came of it.");
    BREAKER = gauge(
        "roundelay_deployment_breaker", &["deployment", "provider"], "Breaker: 0 closed, 1 half-open, 2 open.");
    COOLING = gauge(
        "roundelay_deployment_cooling_seconds", &["deployment", "provider"],
        "For how long the deployment is still left alone.");
    IN_FLIGHT = gauge(
        "roundelay_deployment_in_flight", &["deployment", "provider"], "Attempts under way.");
    CONCURRENCY_LIMIT = gauge(
        "roundelay_deployment_concurrency_limit", &["deployment", "provider"], "Attempts allowed at once.");
    EFFECTIVE_WEIGHT = gauge(
        "roundelay_deployment_effective_weight", &["deployment", "provider"],
        "The configured weight bent by slow start and health.");
    SUCCESS_RATIO = gauge(
        "roundelay_deployment_success_ratio", &["deployment", "provider"],
        "Successes among the outcomes in the breaker's window, 0 to 1; absent without any.");
    UPSTREAM_BALANCE = gauge(
        "roundelay_upstream_balance_usd", &["provider", "key"],
        "What is left behind a provider's key; absent while it is not known.");
    CONNECTIONS = gauge("roundelay_connections", &[], "Callers' connections that are open.");
    CONNECTIONS_REFUSED = counter(
        "roundelay_connections_refused_total", &[], "Connections closed at once because there were too many.");
    RECORDS_QUEUED = gauge("roundelay_records_queued", &[], "Records of exchanges not yet in the store.");
    RECORDS_DROPPED = counter("roundelay_records_dropped_total", &[], "Records of exchanges lost to a full queue.");
    JOURNAL_FAULTS = counter("roundelay_journal_faults_total", &[], "Writes to the journal or store that failed.");
    CONFIG_RELOADS = counter("roundelay_config_reloads_total", &["outcome"], "Reloads of the configuration.");
    READY = gauge("roundelay_ready", &[], "1 when requests are welcome, else 0.");
    UPTIME = gauge("roundelay_uptime_seconds", &[], "Since the process started.");
    BUILD = gauge("roundelay_build_info", &["version"], "Always 1; the label says which build this is.");
}
