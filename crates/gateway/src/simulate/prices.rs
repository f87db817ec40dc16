//! What attempts cost, by the prices and tariffs of the configuration.

use std::{sync::Arc, time::Duration};

use roundelay_calendar::UnixTime;
use roundelay_ledger::{Quote, Tokens};
use roundelay_routing::{DeploymentId, Hour};

use super::scenario::Scenario;

/// Follows the prices through a run.
#[derive(Debug)]
pub(super) struct Prices {
    sheet: Arc<Sheet>,
    /// When another sheet holds, in seconds since 1970-01-01 UTC.
    until: Option<UnixTime>,
}

/// The prices and the duty of an instant: what an exchange that arrives then is planned and charged by, to its end.
#[derive(Debug)]
pub(super) struct Sheet {
    pub(super) hour: Arc<Hour>,
    /// By deployment.
    quotes: Vec<Option<Quote>>,
}

impl Prices {
    pub(super) fn new(scenario: &Scenario) -> Self {
        let (sheet, until) = Sheet::of(scenario, at(scenario, Duration::ZERO));
        Self { sheet: Arc::new(sheet), until }
    }

    /// What holds for an exchange that arrives now. Time never runs backwards.
    pub(super) fn freeze(&mut self, scenario: &Scenario, now: Duration) -> Arc<Sheet> {
        let now = at(scenario, now);
        if self.until.is_some_and(|until| now >= until) {
            let (sheet, until) = Sheet::of(scenario, now);
            (self.sheet, self.until) = (Arc::new(sheet), until);
        }
        Arc::clone(&self.sheet)
    }
}

impl Sheet {
    fn of(scenario: &Scenario, at: UnixTime) -> (Self, Option<UnixTime>) {
        let (hour, until) = scenario.layout.hour(&scenario.config, at);
        let ids = (0u32..).take(scenario.layout.deployments.len());
        let quotes = ids.map(|id| scenario.layout.quote(DeploymentId(id), at)).collect();
        (Self { hour: Arc::new(hour), quotes }, until)
    }

    /// What these tokens cost, in nano-USD; `None` when the price is not known.
    pub(super) fn cost(&self, deployment: usize, tokens: &Tokens) -> Option<u64> {
        let charge = self.quotes[deployment].as_ref()?.charge(tokens).ok()?;
        Some(charge.nano().unsigned_abs())
    }

    /// The prices of one deployment as the only one.
    pub(super) fn only(&self, deployment: usize) -> Arc<Hour> {
        Arc::new(Hour { rates: vec![self.hour.rates[deployment].clone()], weights: Vec::new() })
    }
}

fn at(scenario: &Scenario, now: Duration) -> UnixTime {
    UnixTime(scenario.start.saturating_add_unsigned(now.as_secs()))
}
