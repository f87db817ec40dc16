//! What the clock decides for a while: what each deployment costs, and who is on duty in each pool.

use roundelay_calendar::{UnixTime, Window, Zone};
use roundelay_ledger::{Price, Quote, TokenPrices};
use roundelay_routing as routing;

use super::{Config, deployments::Layout, zone::DEFAULT_ZONE};

impl Layout {
    /// What that deployment costs at an instant, to be kept for an exchange; `None` when not known. The id must be of
    /// this layout's catalog.
    pub fn quote(&self, deployment: routing::DeploymentId, at: UnixTime) -> Option<Quote> {
        self.deployments[deployment.0 as usize].prices.as_ref().map(|prices| prices.at(at))
    }

    /// What every deployment of this layout costs at an instant, in the order of the catalog.
    pub fn quotes(&self, at: UnixTime) -> Vec<Option<Quote>> {
        self.deployments.iter().map(|deployment| Some(deployment.prices.as_ref()?.at(at))).collect()
    }

    /// What the router is told of an instant, and the first later instant at which it would be told something else;
    /// `None` when that never comes. The configuration must be the one that was laid out.
    pub fn hour(&self, config: &Config, at: UnixTime) -> (routing::Hour, Option<UnixTime>) {
        config.hour(&self.quotes(at), at)
    }
}

impl Config {
    /// As [`Layout::hour`], where what each deployment costs at that instant is known already.
    pub fn hour(&self, quotes: &[Option<Quote>], at: UnixTime) -> (routing::Hour, Option<UnixTime>) {
        let (weights, until) = self.duties(at);
        let until = quotes.iter().flatten().fold(until, |until, quote| sooner(until, quote.until));
        let rates = quotes.iter().map(|quote| Some(rate(&quote.as_ref()?.price))).collect();
        (routing::Hour { rates, weights }, until)
    }

    /// The weights of the members of each pool that has a schedule, in the order of the catalog: those of the shift that
    /// is on duty at that instant, else the pool's own, without who serves in shifts alone. And the first later instant
    /// at which that changes for one of them, `None` when it never does.
    pub fn duties(&self, at: UnixTime) -> (Vec<Option<Vec<f64>>>, Option<UnixTime>) {
        let mut until = None;
        let weights = self.pools.iter().map(|pool| {
            let turn = pool.turn(at);
            until = sooner(until, turn.until);
            let own = || pool.everyone().into_iter().map(|(_, weight)| weight).collect();
            let on_duty = || turn.index.map_or_else(own, |index| pool.schedule[index].weights(&pool.everyone()));
            (!pool.schedule.is_empty()).then(on_duty)
        });
        (weights.collect(), until)
    }

    /// The zone by whose clock a schedule or a tariff begins or ends at that instant; `None` when none does, or by UTC.
    pub fn zone_of_change(&self, at: UnixTime) -> Option<&Zone> {
        let schedules = self.pools.iter().flat_map(|pool| pool.schedule.iter().map(|shift| &shift.window));
        let deployments = self.models.iter().flat_map(|model| &model.deployments);
        let tariffs = deployments.filter_map(|place| place.prices.as_ref()).flat_map(|prices| prices.windows());
        let changes = |window: &&Window| window.contains(at) != window.contains(UnixTime(at.0 - 1));
        let zones = schedules.chain(tariffs).filter(changes).map(|window| &window.zone);
        zones.into_iter().find(|zone| zone.name() != DEFAULT_ZONE)
    }
}

/// A price as the router compares it: it ranks by it, and charges nobody, so it need not be exact.
fn rate(price: &Price) -> routing::Rate {
    let tier = |(above, prices): &(u64, TokenPrices)| (*above, token_rates(prices));
    let each = price.base().units;
    // In the order of a demand's.
    let units = [each.image as f64, each.second as f64 / 1e3, each.characters as f64 / 1e6, each.search as f64];
    routing::Rate { base: token_rates(price.base()), tiers: price.tiers().iter().map(tier).collect(), units }
}

/// Written for a million tokens, kept for one.
fn token_rates(prices: &TokenPrices) -> routing::TokenRates {
    let each = |nano_usd: u64| nano_usd as f64 / 1e6;
    routing::TokenRates {
        input: each(prices.input),
        cache_read: each(prices.cache_read()),
        cache_write: each(prices.cache_write()),
        output: each(prices.output),
    }
}

/// The earlier of two instants, `None` being never.
fn sooner(one: Option<UnixTime>, other: Option<UnixTime>) -> Option<UnixTime> {
    one.into_iter().chain(other).min()
}
