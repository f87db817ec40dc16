//! What the clock decides, made once for all exchanges that are admitted until it decides otherwise.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use roundelay_calendar::UnixTime;
use roundelay_ledger::{PriceList, Quote};
use roundelay_routing::{DeploymentId, Hour};

use crate::config::Config;

/// The prices and the duty of some hours. An exchange keeps those it was admitted under to its last line, so that it is
/// ranked and charged at the same prices, whatever the clock does meanwhile.
#[derive(Debug)]
pub struct Terms {
    /// What the router is told.
    pub hour: Arc<Hour>,
    /// The instant they were made for.
    pub from: UnixTime,
    /// The first instant at which others hold; `None` when that never comes.
    pub until: Option<UnixTime>,
    quotes: Vec<Option<Quote>>,
}

impl Terms {
    /// What holds at an instant. `prices` are those of each deployment of the catalog.
    pub(super) fn at<'a>(
        config: &Config,
        prices: impl Iterator<Item = Option<&'a Arc<PriceList>>>,
        at: UnixTime,
    ) -> Self {
        let quotes: Vec<Option<Quote>> = prices.map(|prices| Some(prices?.at(at))).collect();
        let (hour, until) = config.hour(&quotes, at);
        Self { hour: Arc::new(hour), from: at, until, quotes }
    }

    /// What a deployment costs; `None` = not known.
    pub fn quote(&self, deployment: DeploymentId) -> Option<&Quote> {
        self.quotes.get(deployment.0 as usize)?.as_ref()
    }

    /// A clock that was set back is before `from`: what held then is not known here.
    fn holds(&self, at: UnixTime) -> bool {
        self.from <= at && self.until.is_none_or(|until| at < until)
    }
}

/// The terms that were in force last.
#[derive(Debug, Default)]
pub(super) struct InForce(ArcSwapOption<Terms>);

impl InForce {
    /// What holds at an instant; `make` is asked when that is not known yet. Where several ask at the change itself, each
    /// makes the same.
    pub(super) fn at(&self, at: UnixTime, make: impl FnOnce() -> Terms) -> Arc<Terms> {
        let known = self.0.load_full().filter(|terms| terms.holds(at));
        known.unwrap_or_else(|| {
            let terms = Arc::new(make());
            self.0.store(Some(Arc::clone(&terms)));
            terms
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms(from: i64, until: Option<i64>) -> Terms {
        Terms { hour: Arc::default(), from: UnixTime(from), until: until.map(UnixTime), quotes: Vec::new() }
    }

    #[test]
    fn terms_are_made_anew_when_they_end_or_the_clock_is_set_back_and_not_before() {
        let (in_force, made) = (InForce::default(), std::cell::Cell::new(0));
        let ask = |now: i64, until: Option<i64>| {
            let terms = in_force.at(UnixTime(now), || {
                made.set(made.get() + 1);
                terms(now, until)
            });
            (terms.from.0, made.get())
        };
        assert_eq!(ask(100, Some(200)), (100, 1));
        assert_eq!(ask(100, None), (100, 1));
        assert_eq!(ask(199, None), (100, 1));
        assert_eq!(ask(200, None), (200, 2), "the end is the first instant of what follows");
        assert_eq!(ask(i64::MAX, None), (200, 2), "these never end");
        assert_eq!(ask(199, Some(200)), (199, 3), "the clock was set back");
        assert_eq!(ask(200, Some(300)), (200, 4));
    }
}
