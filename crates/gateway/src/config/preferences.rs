//! How a pool's strategy chooses, beyond its name: limits, importance, waits and second attempts.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use roundelay_routing as routing;

use super::{
    complaint::nearest,
    reader::{At, Section},
    roster::Roster,
};

/// What a pool asks of its strategy.
#[derive(Debug, Clone, Default)]
pub struct Preferences {
    /// Whether weights bend with measured speed.
    pub adapt: bool,
    /// What `balanced` weighs.
    pub importance: routing::Importance,
    /// What no candidate may exceed.
    pub limits: routing::Limits,
    /// Nano-USD below which the cheapest candidate is chosen.
    pub cheaper_below: Option<f64>,
    /// Whether a second attempt may start beside a slow first one.
    pub hedge: bool,
    /// How long an exchange waits for something to reopen; `None` = as `[routing.cooldown]` says.
    pub wait: Option<Duration>,
}

impl Preferences {
    pub(super) fn read(
        pool: &Section<'_>,
        strategy: routing::Strategy,
        members: &[usize],
        roster: &Roster<'_>,
    ) -> Self {
        let preferences = Self {
            adapt: pool.boolean("adapt").unwrap_or(false),
            importance: read_importance(pool.section("importance"), pool),
            limits: read_limits(pool, roster),
            cheaper_below: read_cheaper_below(pool),
            hedge: pool.boolean("hedge").unwrap_or(false),
            wait: pool.wait("wait"),
        };
        warn_of_no_effect(pool, strategy, &preferences);
        if preferences.hedge && !can_hedge(members, roster) {
            let instead = "second attempts need members at two addresses that stop billing when cancelled: \
                           see `stops_on_cancel` of the providers";
            pool.reading().warn(&pool.place_of("hedge"), "no second attempt will be made", Some(instead.to_owned()));
        }
        preferences
    }
}

fn read_importance(section: Section<'_>, pool: &Section<'_>) -> routing::Importance {
    let written = ["cost", "latency", "reliability"].map(|key| section.number(key, 0.0, 1000.0));
    section.finish();
    let otherwise = if pool.has("importance") { 0.0 } else { 1.0 };
    let [cost, latency, reliability] = written.map(|number| number.unwrap_or(otherwise));
    let is_empty = pool.has("importance") && !pool.is_occupied("importance");
    let is_any_read = written.iter().any(Option::is_some);
    // Where none could be read, that is what was complained about.
    if cost + latency + reliability <= 0.0 && (is_any_read || is_empty) {
        let instead = "write `importance = { cost = 1, latency = 2, reliability = 1 }`".to_owned();
        pool.complain("importance", "nothing is important", Some(instead));
    }
    routing::Importance { cost, latency, reliability }
}

fn read_limits(pool: &Section<'_>, roster: &Roster<'_>) -> routing::Limits {
    let price = pool.section("max_price");
    // Written for a million tokens, kept for one.
    let per_token = |key| price.nano_usd(key).map(|nano| nano as f64 / 1e6);
    let limits = routing::Limits {
        input_price: per_token("input"),
        output_price: per_token("output"),
        first_content: pool.duration("max_first_token"),
        regions: read_regions(pool, roster),
    };
    price.finish();
    limits
}

fn read_regions(pool: &Section<'_>, roster: &Roster<'_>) -> Vec<Arc<str>> {
    let Some(written) = pool.texts("regions") else { return Vec::new() };
    if !pool.is_occupied("regions") {
        let instead = "name one, or leave `regions` out: then all may serve".to_owned();
        pool.complain("regions", "no region may serve", Some(instead));
    }
    let known: BTreeSet<&str> = roster.providers.iter().filter_map(|provider| provider.region.as_deref()).collect();
    for At { value: region, place } in &written {
        if known.contains(region.text.as_str()) {
            continue;
        }
        let instead = match nearest(&region.text, known.iter().copied()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => "write `region` into a provider, or leave this one out".to_owned(),
        };
        pool.reading().complain(place, format!("no provider is in the region `{}`", region.shown()), Some(instead));
    }
    written.into_iter().map(|region| region.value.text.into()).collect()
}

fn read_cheaper_below(pool: &Section<'_>) -> Option<f64> {
    let nano = pool.nano_usd("cheaper_below")?;
    if nano == 0 {
        let instead = "write an amount in USD: `5.00`; or leave it out".to_owned();
        pool.complain("cheaper_below", "no balance is below this", Some(instead));
    }
    Some(nano as f64)
}

/// What only another strategy reads is no fault, and most likely a mistake.
fn warn_of_no_effect(pool: &Section<'_>, strategy: routing::Strategy, preferences: &Preferences) {
    let of_another = [
        ("adapt", preferences.adapt, routing::Strategy::Weighted),
        ("importance", pool.has("importance"), routing::Strategy::Balanced),
    ];
    for (key, is_written, needed) in of_another {
        if is_written && strategy != needed {
            let message = format!("the strategy `{}` takes no notice of this", strategy.name());
            let instead = format!("write `strategy = \"{}\"`, or leave it out", needed.name());
            pool.reading().warn(&pool.place_of(key), message, Some(instead));
        }
    }
}

/// Whether two addresses behind a pool's members stop billing when they are cancelled.
fn can_hedge(members: &[usize], roster: &Roster<'_>) -> bool {
    let places = members.iter().flat_map(|&model| &roster.model(model).deployments);
    let stopping = places.map(|place| place.provider).filter(|&provider| roster.providers[provider].stops_on_cancel);
    stopping.collect::<BTreeSet<_>>().len() > 1
}
