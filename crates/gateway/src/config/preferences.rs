//! How a pool's strategy chooses, beyond its name: limits, importance, waits and second attempts.

use std::time::Duration;

use roundelay_routing as routing;

use super::reader::Section;

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
    pub(super) fn read(pool: &Section<'_>) -> Self {
        Self {
            adapt: pool.boolean("adapt").unwrap_or(false),
            importance: read_importance(pool.section("importance"), pool),
            limits: read_limits(pool),
            cheaper_below: pool.nano_usd("cheaper_below").map(|nano| nano as f64),
            hedge: pool.boolean("hedge").unwrap_or(false),
            wait: pool.duration("wait"),
        }
    }
}

fn read_importance(section: Section<'_>, pool: &Section<'_>) -> routing::Importance {
    let is_written = pool.has("importance");
    let read = |key| section.number(key, 0.0, 1000.0).unwrap_or(if is_written { 0.0 } else { 1.0 });
    let importance =
        routing::Importance { cost: read("cost"), latency: read("latency"), reliability: read("reliability") };
    section.finish();
    if importance.cost + importance.latency + importance.reliability <= 0.0 {
        let instead = "write `importance = { cost = 1, latency = 2, reliability = 1 }`".to_owned();
        pool.complain("importance", "nothing is important", Some(instead));
    }
    importance
}

fn read_limits(pool: &Section<'_>) -> routing::Limits {
    let price = pool.section("max_price");
    // Written for a million tokens, kept for one.
    let per_token = |key| price.nano_usd(key).map(|nano| nano as f64 / 1e6);
    let limits = routing::Limits {
        input_price: per_token("input"),
        output_price: per_token("output"),
        first_content: pool.duration("max_first_token"),
        regions: pool
            .texts("regions")
            .unwrap_or_default()
            .into_iter()
            .map(|region| region.value.text.as_str().into())
            .collect(),
    };
    price.finish();
    limits
}
