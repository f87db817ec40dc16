//! `[routing]`: the numbers of breakers, cooldowns, retries, concurrency and affinity.

use roundelay_routing::{
    AffinitySettings, BreakerSettings, ConcurrencySettings, CooldownSettings, HedgeSettings, MeasureSettings,
    RetrySettings, Settings,
};

use super::reader::Section;

pub(super) fn read(section: Section<'_>) -> Settings {
    let settings = Settings {
        breaker: breaker(section.section("breaker")),
        cooldown: cooldown(section.section("cooldown")),
        retry: retry(section.section("retry")),
        concurrency: concurrency(section.section("concurrency")),
        affinity: affinity(section.section("affinity")),
        measure: measure(section.section("measure")),
        hedge: hedge(section.section("hedge")),
    };
    section.finish();
    settings
}

fn breaker(section: Section<'_>) -> BreakerSettings {
    let default = BreakerSettings::default();
    let count = |key, otherwise| small(&section, key, 1..10_001, otherwise);
    let time = |key, otherwise| section.duration(key).unwrap_or(otherwise);
    let share = |key, least, otherwise| section.number(key, least, 1.0).unwrap_or(otherwise);
    let settings = BreakerSettings {
        consecutive: count("consecutive", default.consecutive),
        endpoint_consecutive: count("endpoint_consecutive", default.endpoint_consecutive),
        success_ratio: share("success_ratio", 0.0, default.success_ratio),
        outcomes_min: count("outcomes_min", default.outcomes_min),
        window: time("window", default.window),
        open: time("open", default.open),
        open_max: time("open_max", default.open_max),
        jitter: section.number("jitter", 0.0, 0.9).unwrap_or(default.jitter),
        probes: count("probes", default.probes),
        slow_start: time("slow_start", default.slow_start),
        slow_start_floor: share("slow_start_floor", 0.01, default.slow_start_floor),
        health_floor: share("health_floor", 0.001, default.health_floor),
        health_prior: small(&section, "health_prior", 0..10_001, default.health_prior),
        report_grace: time("report_grace", default.report_grace),
        silence: time("silence", default.silence),
    };
    ordered(&section, "open", settings.open <= settings.open_max, "open_max");
    section.finish();
    settings
}

fn cooldown(section: Section<'_>) -> CooldownSettings {
    let default = CooldownSettings::default();
    let time = |key, otherwise| section.duration(key).unwrap_or(otherwise);
    let settings = CooldownSettings {
        rate_limited: time("rate_limited", default.rate_limited),
        rate_limited_max: time("rate_limited_max", default.rate_limited_max),
        retry_after_max: time("retry_after_max", default.retry_after_max),
        ramp: time("ramp", default.ramp),
        key_rejected: time("key_rejected", default.key_rejected),
        key_empty: time("key_empty", default.key_empty),
        key_empty_max: time("key_empty_max", default.key_empty_max),
        quota_window: time("quota_window", default.quota_window),
        missing: time("missing", default.missing),
        wait_max: time("wait_max", default.wait_max),
    };
    ordered(&section, "rate_limited", settings.rate_limited <= settings.rate_limited_max, "rate_limited_max");
    ordered(&section, "key_empty", settings.key_empty <= settings.key_empty_max, "key_empty_max");
    section.finish();
    settings
}

fn retry(section: Section<'_>) -> RetrySettings {
    let default = RetrySettings::default();
    let time = |key, otherwise| section.duration(key).unwrap_or(otherwise);
    let settings = RetrySettings {
        same_target_max: small(&section, "same_target_max", 0..10, default.same_target_max),
        uncertain_max: small(&section, "uncertain_max", 0..10, default.uncertain_max),
        backoff: time("backoff", default.backoff),
        backoff_max: time("backoff_max", default.backoff_max),
        overloaded_wait: time("overloaded_wait", default.overloaded_wait),
        counter_max: section.number("counter_max", 1.0, 1000.0).unwrap_or(default.counter_max),
        counter_ratio: section.number("counter_ratio", 0.001, 1.0).unwrap_or(default.counter_ratio),
        share: section.number("share", 0.0, 1.0).unwrap_or(default.share),
        earned_for: time("earned_for", default.earned_for),
        reserve: small(&section, "reserve", 0..1001, default.reserve),
        reserve_every: time("reserve_every", default.reserve_every),
    };
    ordered(&section, "backoff", settings.backoff <= settings.backoff_max, "backoff_max");
    section.finish();
    settings
}

fn concurrency(section: Section<'_>) -> ConcurrencySettings {
    let default = ConcurrencySettings::default();
    let settings = ConcurrencySettings {
        start: small(&section, "start", 1..257, default.start),
        decrease: section.number("decrease", 0.05, 0.95).unwrap_or(default.decrease),
        queue_max: section.count("queue_max", 0..100_001).map_or(default.queue_max, |count| count as usize),
        queue_wait: section.duration("queue_wait").unwrap_or(default.queue_wait),
        queue_poll: section.duration("queue_poll").unwrap_or(default.queue_poll),
        waiting_max: section.count("waiting_max", 0..100_001).map_or(default.waiting_max, |count| count as usize),
    };
    section.finish();
    settings
}

fn affinity(section: Section<'_>) -> AffinitySettings {
    let default = AffinitySettings::default();
    let settings = AffinitySettings {
        bindings_max: section.count("bindings_max", 0..10_000_001).map_or(default.bindings_max, |count| count as usize),
        idle: section.duration("idle").unwrap_or(default.idle),
    };
    section.finish();
    settings
}

fn measure(section: Section<'_>) -> MeasureSettings {
    let default = MeasureSettings::default();
    let time = |key, otherwise| section.duration(key).unwrap_or(otherwise);
    let number = |key, least, most, otherwise| section.number(key, least, most).unwrap_or(otherwise);
    let settings = MeasureSettings {
        samples: number("samples", 1.0, 1000.0, default.samples),
        fade: time("fade", default.fade),
        near: number("near", 0.0, 10.0, default.near),
        failure: time("failure", default.failure),
        explore_every: time("explore_every", default.explore_every),
        explore_share: number("explore_share", 0.0, 0.5, default.explore_share),
        adapt: (number("adapt_least", 0.01, 1.0, default.adapt.0), number("adapt_most", 1.0, 100.0, default.adapt.1)),
        output_prior: number("output_prior", 0.0, 1e6, default.output_prior),
        warm_prior: number("warm_prior", 0.0, 1.0, default.warm_prior),
        stay: number("stay", 0.0, 10.0, default.stay),
        lengths_max: section.count("lengths_max", 2..10_000_001).map_or(default.lengths_max, |count| count as usize),
    };
    section.finish();
    settings
}

fn hedge(section: Section<'_>) -> HedgeSettings {
    let default = HedgeSettings::default();
    let settings = HedgeSettings {
        after_min: section.duration("after_min").unwrap_or(default.after_min),
        percentile: section.number("percentile", 0.5, 0.999).unwrap_or(default.percentile),
        samples_min: section.count("samples_min", 1..65).map_or(default.samples_min, |count| count as usize),
        input_max: section.count("input_max", 0..1_000_001).unwrap_or(default.input_max),
        share: section.number("share", 0.0, 0.5).unwrap_or(default.share),
    };
    section.finish();
    settings
}

fn small(section: &Section<'_>, key: &'static str, range: std::ops::Range<u64>, otherwise: u32) -> u32 {
    section.count(key, range).map_or(otherwise, |count| count as u32)
}

fn ordered(section: &Section<'_>, key: &str, is_ordered: bool, most: &str) {
    if !is_ordered {
        section.complain(key, format!("this is longer than `{most}`"), Some(format!("raise `{most}` with it")));
    }
}
