//! What is exposed, by which names and labels, and that nothing is lost on the way.

use std::{
    collections::BTreeSet,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use roundelay::telemetry::{
    AttemptEnded, BalanceView, DeploymentView, ExchangeEnded, Kind, METRICS, Metrics, RenderInputs, Tokens,
};

/// Adding a label means to have thought about how many values it takes. A caller's key, account or name is none; `key`
/// is the place of a provider's.
const LABELS: [&str; 11] =
    ["class", "code", "deployment", "key", "kind", "model", "outcome", "provider", "reason", "stream", "version"];

fn exchange(model: &Arc<str>) -> ExchangeEnded<'_> {
    ExchangeEnded {
        model,
        outcome: "answered",
        status: 200,
        stream: true,
        duration: Duration::from_millis(1_500),
        first_content: Some(Duration::from_millis(300)),
        overhead: Some(Duration::from_micros(90)),
        tokens: Tokens { input: 10, cache_read: 20, cache_write: 30, output: 40, reasoning: 5 },
        client_retry: true,
    }
}

fn attempt<'a>(deployment: &'a Arc<str>, provider: &'a Arc<str>) -> AttemptEnded<'a> {
    AttemptEnded {
        deployment,
        provider,
        kind: "first",
        outcome: "answered",
        duration: Duration::from_millis(1_400),
        first_content: Some(Duration::from_millis(280)),
    }
}

fn view() -> DeploymentView {
    DeploymentView {
        name: "openai/gpt-4o".into(),
        provider: "openai".into(),
        breaker: 2,
        cooling_seconds: 12.5,
        in_flight: 3,
        concurrency_limit: 40,
        effective_weight: 0.25,
        success_ratio: Some(0.5),
    }
}

fn inputs() -> RenderInputs {
    RenderInputs {
        deployments: vec![view()],
        balances: vec![BalanceView { provider: "deepseek".into(), key: 1, usd: 15.25 }],
        records_queued: 7,
        records_dropped: 8,
        journal_faults: 9,
        connections: 11,
        uptime_seconds: 12.5,
        ready: true,
        config_reloads_ok: 2,
        config_reloads_failed: 1,
        version: "0.1.0",
    }
}

/// Metrics on which every event happened once.
fn eventful() -> Metrics {
    let metrics = Metrics::new();
    let (model, deployment, provider) = ("assistant".into(), "openai/gpt-4o".into(), "openai".into());
    metrics.connection_refused();
    drop(metrics.exchange_began());
    metrics.exchange_ended(&exchange(&model));
    metrics.attempt_ended(&attempt(&deployment, &provider));
    metrics.fallback("overload");
    metrics.refused("unauthorized");
    metrics.summary("made");
    metrics.handed_over("extract");
    metrics.continuation("carried");
    metrics
}

/// A sample's name and the names of its labels.
fn parts(sample: &str) -> (&str, Vec<&str>) {
    let Some((name, rest)) = sample.split_once('{') else {
        return (sample.split_once(' ').unwrap().0, Vec::new());
    };
    let labels = rest.rsplit_once('}').unwrap().0;
    (name, labels.split(',').map(|label| label.split_once('=').unwrap().0).filter(|&label| label != "le").collect())
}

#[test]
fn nothing_is_exposed_that_is_not_on_the_closed_list() {
    let text = eventful().render(inputs());
    let mut exposed = BTreeSet::new();
    for sample in text.lines().filter(|line| !line.starts_with('#')) {
        let (name, labels) = parts(sample);
        let metric = METRICS.iter().find(|metric| match metric.kind {
            Kind::Histogram => {
                ["_bucket", "_sum", "_count"].iter().any(|part| name == format!("{}{part}", metric.name))
            }
            Kind::Counter | Kind::Gauge => name == metric.name,
        });
        let metric = metric.unwrap_or_else(|| panic!("{name} is not on the list"));
        assert_eq!(labels, metric.labels, "{name}");
        exposed.insert(metric.name);
    }
    assert_eq!(exposed, METRICS.iter().map(|metric| metric.name).collect(), "every metric has a sample");
}

#[test]
fn labels_are_few_and_none_says_who_called() {
    let labels: BTreeSet<&str> = METRICS.iter().flat_map(|metric| metric.labels).copied().collect();
    assert_eq!(labels, BTreeSet::from(LABELS));
}

#[test]
fn names_say_what_is_counted_and_in_which_unit() {
    for metric in METRICS {
        assert!(metric.name.starts_with("roundelay_"), "{}", metric.name);
        assert_eq!(metric.name.ends_with("_total"), metric.kind == Kind::Counter, "{}", metric.name);
        assert!(metric.kind != Kind::Histogram || metric.name.ends_with("_seconds"), "{}", metric.name);
    }
}

#[test]
fn both_pages_name_every_metric_and_no_other() {
    for page in [include_str!("../../../../../docs/metrics.md"), include_str!("../../../../../docs/metrics.zh-CN.md")] {
        let rows = page.lines().filter(|line| line.starts_with("| `roundelay_"));
        let named: Vec<(&str, Vec<&str>)> = rows
            .map(|row| {
                let cells: Vec<&str> = row.split('|').map(str::trim).collect();
                let labels =
                    cells[3].split(", ").map(|label| label.trim_matches('`')).filter(|label| !label.is_empty());
                (cells[1].trim_matches('`'), labels.collect())
            })
            .collect();
        let listed: Vec<_> = METRICS.iter().map(|metric| (metric.name, metric.labels.to_vec())).collect();
        assert_eq!(named, listed);
    }
}

#[track_caller]
fn check(metrics: &Metrics, sample: &str) {
    let text = metrics.render(inputs());
    assert!(text.lines().any(|line| line == sample), "no {sample} in\n{text}");
}

#[test]
fn an_exchange_is_counted_under_its_labels() {
    let metrics = eventful();
    check(&metrics, r#"roundelay_exchanges_total{model="assistant",outcome="answered",code="200",stream="true"} 1"#);
    let of = r#"model="assistant",outcome="answered",stream="true""#;
    check(&metrics, &format!(r#"roundelay_exchange_duration_seconds_sum{{{of}}} 1.5"#));
    check(&metrics, &format!(r#"roundelay_exchange_duration_seconds_bucket{{le="1.0",{of}}} 0"#));
    check(&metrics, &format!(r#"roundelay_exchange_duration_seconds_bucket{{le="2.0",{of}}} 1"#));
    check(&metrics, &format!(r#"roundelay_exchange_duration_seconds_bucket{{le="600.0",{of}}} 1"#));
    check(&metrics, &format!(r#"roundelay_exchange_duration_seconds_bucket{{le="+Inf",{of}}} 1"#));
    check(&metrics, r#"roundelay_exchange_first_content_seconds_sum{model="assistant",stream="true"} 0.3"#);
    check(&metrics, r#"roundelay_overhead_seconds_bucket{le="0.0001"} 1"#);
    check(&metrics, r#"roundelay_overhead_seconds_bucket{le="0.00005"} 0"#);
    check(&metrics, r#"roundelay_client_retries_total{model="assistant"} 1"#);
}

#[test]
fn tokens_are_counted_in_classes_that_add_up() {
    let metrics = eventful();
    check(&metrics, r#"roundelay_tokens_total{model="assistant",class="input"} 10"#);
    check(&metrics, r#"roundelay_tokens_total{model="assistant",class="cache_read"} 20"#);
    check(&metrics, r#"roundelay_tokens_total{model="assistant",class="cache_write"} 30"#);
    check(&metrics, r#"roundelay_tokens_total{model="assistant",class="output"} 40"#);
    check(&metrics, r#"roundelay_reasoning_tokens_total{model="assistant"} 5"#);
}

#[test]
fn attempts_that_failed_are_timed_apart() {
    let metrics = eventful();
    let (deployment, provider) = ("openai/gpt-4o".into(), "openai".into());
    let failed = AttemptEnded {
        kind: "retry",
        outcome: "rate_limit",
        duration: Duration::from_millis(20),
        first_content: None,
        ..attempt(&deployment, &provider)
    };
    metrics.attempt_ended(&failed);
    let of = r#"deployment="openai/gpt-4o",provider="openai""#;
    check(&metrics, &format!(r#"roundelay_attempts_total{{{of},kind="first",outcome="answered"}} 1"#));
    check(&metrics, &format!(r#"roundelay_attempts_total{{{of},kind="retry",outcome="rate_limit"}} 1"#));
    check(&metrics, &format!(r#"roundelay_attempt_duration_seconds_sum{{{of},outcome="answered"}} 1.4"#));
    check(&metrics, &format!(r#"roundelay_attempt_duration_seconds_sum{{{of},outcome="failed"}} 0.02"#));
    check(&metrics, &format!(r#"roundelay_attempt_first_content_seconds_count{{{of}}} 1"#));
    check(&metrics, r#"roundelay_fallbacks_total{reason="overload"} 1"#);
    check(&metrics, r#"roundelay_refusals_total{reason="unauthorized"} 1"#);
}

#[test]
fn the_state_of_the_moment_is_exposed_as_given() {
    let metrics = Metrics::new();
    metrics.connection_refused();
    let of = r#"{deployment="openai/gpt-4o",provider="openai"}"#;
    check(&metrics, &format!("roundelay_deployment_breaker{of} 2.0"));
    check(&metrics, &format!("roundelay_deployment_cooling_seconds{of} 12.5"));
    check(&metrics, &format!("roundelay_deployment_in_flight{of} 3.0"));
    check(&metrics, &format!("roundelay_deployment_concurrency_limit{of} 40.0"));
    check(&metrics, &format!("roundelay_deployment_effective_weight{of} 0.25"));
    check(&metrics, &format!("roundelay_deployment_success_ratio{of} 0.5"));
    check(&metrics, "roundelay_connections 11");
    check(&metrics, "roundelay_connections_refused_total 1");
    check(&metrics, "roundelay_records_queued 7");
    check(&metrics, "roundelay_records_dropped_total 8");
    check(&metrics, "roundelay_journal_faults_total 9");
    check(&metrics, r#"roundelay_config_reloads_total{outcome="ok"} 2"#);
    check(&metrics, r#"roundelay_config_reloads_total{outcome="failed"} 1"#);
    check(&metrics, "roundelay_ready 1");
    check(&metrics, "roundelay_uptime_seconds 12.5");
    check(&metrics, r#"roundelay_build_info{version="0.1.0"} 1"#);
}

#[test]
fn a_deployment_without_outcomes_has_no_success_ratio() {
    let deployments = vec![DeploymentView { success_ratio: None, ..view() }];
    let text = Metrics::new().render(RenderInputs { deployments, ..inputs() });
    assert!(!text.contains("\nroundelay_deployment_success_ratio{"));
    assert!(text.contains("\nroundelay_deployment_breaker{"));
}

#[test]
fn an_exchange_is_in_flight_until_its_guard_is_dropped() {
    let metrics = Metrics::new();
    let (first, second) = (metrics.exchange_began(), metrics.exchange_began());
    check(&metrics, "roundelay_exchanges_in_flight 2");
    drop(first);
    check(&metrics, "roundelay_exchanges_in_flight 1");
    drop(second);
    check(&metrics, "roundelay_exchanges_in_flight 0");
}

#[test]
fn a_name_cannot_break_out_of_its_label() {
    let metrics = Metrics::new();
    metrics.exchange_ended(&exchange(&"a\"} 1\nb\\".into()));
    check(&metrics, r#"roundelay_client_retries_total{model="a\"} 1\nb\\"} 1"#);
}

#[test]
fn unconfigured_models_share_one_label() {
    let metrics = Metrics::new();
    metrics.exchange_ended(&exchange(metrics.other()));
    check(&metrics, r#"roundelay_client_retries_total{model="other"} 1"#);
}

#[test]
fn the_exposition_ends_as_openmetrics_demands() {
    assert!(eventful().render(inputs()).ends_with("\n# EOF\n"));
}

#[test]
fn no_event_is_lost_between_threads() {
    const THREADS: u64 = 4;
    const EACH: u64 = 2_000;
    let metrics = Metrics::new();
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                let (model, deployment, provider) = ("assistant".into(), "openai/gpt-4o".into(), "openai".into());
                for _ in 0..EACH {
                    metrics.exchange_ended(&exchange(&model));
                    metrics.attempt_ended(&attempt(&deployment, &provider));
                }
            });
        }
    });
    let all = THREADS * EACH;
    let labels = r#"model="assistant",outcome="answered",code="200",stream="true""#;
    check(&metrics, &format!("roundelay_exchanges_total{{{labels}}} {all}"));
    let labels = r#"deployment="openai/gpt-4o",provider="openai",kind="first",outcome="answered""#;
    check(&metrics, &format!("roundelay_attempts_total{{{labels}}} {all}"));
    check(&metrics, &format!("roundelay_overhead_seconds_count {all}"));
}

/// `cargo nextest run --release --run-ignored only cost_of_one_exchange --no-capture`
#[test]
#[ignore = "a measurement, which depends on the machine"]
fn cost_of_one_exchange() {
    const EXCHANGES: u32 = 1_000_000;
    let metrics = eventful();
    let (model, deployment, provider) = ("assistant".into(), "openai/gpt-4o".into(), "openai".into());
    let began = Instant::now();
    for _ in 0..EXCHANGES {
        let under_way = metrics.exchange_began();
        metrics.attempt_ended(&attempt(&deployment, &provider));
        metrics.exchange_ended(&exchange(&model));
        drop(under_way);
    }
    println!("{} ns an exchange with one attempt", (began.elapsed() / EXCHANGES).as_nanos());
}
