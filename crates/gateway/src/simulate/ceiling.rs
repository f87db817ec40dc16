//! What outages leave possible: figures that follow from the incidents alone, against which a simulation is held.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{
    outages::{Impaired, Outages, Rule, Severity},
    scenario::{Adversity, Scenario, reached},
};

/// What a set of providers could give, were fallback instant and perfect.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Ceiling {
    /// Of each service, in the order they were named.
    pub alone: Vec<Alone>,
    /// Providers that requests can reach and of which no outage is told: they count as always up.
    pub always_up: Vec<String>,
    /// The share of requests that some service would have answered, 0..=1; failures within shared windows independent.
    pub together: f64,
    /// Times in which all were impaired: how many, and how long in minutes.
    pub overlaps: (usize, f64),
    /// How much longer all were impaired than if they failed independently; `None` when one was never impaired.
    pub correlation: Option<f64>,
    /// What fallback costs when the first service is always asked first: further calls as a share of requests.
    pub extra_calls: f64,
}

/// What one service gives by itself.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Alone {
    /// Its name.
    pub service: String,
    /// The share of requests it would have answered, 0..=1.
    pub availability: f64,
    /// Times in which it was impaired, overlapping incidents counted as one.
    pub windows: usize,
    /// The median length of those, in minutes.
    pub median_minutes: f64,
}

impl Ceiling {
    /// Computes it for these services.
    pub fn of(outages: &Outages, services: &[&str], rule: Rule, severity: Severity) -> Self {
        let watched = outages.watched_seconds() as f64;
        let windows: Vec<Vec<Impaired>> =
            services.iter().map(|service| outages.impaired(service, rule, severity)).collect();
        let alone: Vec<Alone> =
            services.iter().zip(&windows).map(|(service, windows)| Alone::of(service, windows, watched)).collect();
        let all =
            windows.iter().skip(1).fold(windows.first().cloned().unwrap_or_default(), |all, next| both(&all, next));
        let seconds = |windows: &[Impaired]| windows.iter().map(|window| window.end - window.start).sum::<i64>() as f64;
        let expected = windows.iter().map(|windows| seconds(windows) / watched).product::<f64>();
        Self {
            together: 1.0 - failing(&all) / watched,
            overlaps: (spans(&all).len(), seconds(&all) / 60.0),
            correlation: (expected > 0.0).then(|| seconds(&all) / watched / expected),
            always_up: Vec::new(),
            extra_calls: alone.first().map_or(0.0, |first| 1.0 - first.availability),
            alone,
        }
    }
}

impl Scenario {
    /// What the outages leave possible to these requests, in the time that is simulated; `None` without outages.
    pub fn ceiling(&self) -> Option<Ceiling> {
        let adversity = self.adversity.as_ref()?;
        let end = self.start + i64::try_from(self.workload.span().as_secs()).unwrap_or(i64::MAX - self.start) + 1;
        let outages = adversity.outages.clone().within(self.start..end);
        let (services, always_up) = self.services(adversity, &self.targets);
        let mut ceiling = Ceiling::of(&outages, &services, adversity.rule, adversity.severity);
        // Each request by whom it can reach: a provider of another pool is no help to it.
        let mut requests: BTreeMap<_, f64> = BTreeMap::new();
        for target in &self.targets {
            *requests.entry(*target).or_default() += 1.0;
        }
        let together = requests.iter().map(|(target, count)| {
            let (services, always_up) = self.services(adversity, &[*target]);
            if !always_up.is_empty() {
                return *count;
            }
            count * Ceiling::of(&outages, &services, adversity.rule, adversity.severity).together
        });
        ceiling.together = together.sum::<f64>() / self.targets.len().max(1) as f64;
        if !always_up.is_empty() {
            (ceiling.overlaps, ceiling.correlation) = ((0, 0.0), None);
        }
        ceiling.always_up = always_up;
        Some(ceiling)
    }

    /// The services with outages that can be reached by way of these targets, and the providers that have none.
    fn services<'a>(
        &'a self,
        adversity: &'a Adversity,
        targets: &[roundelay_routing::Target],
    ) -> (Vec<&'a str>, Vec<String>) {
        let providers: Vec<&str> = self.config.providers.iter().map(|provider| &*provider.name).collect();
        let joined = adversity.join(&providers).unwrap_or_default();
        let (mut services, mut always_up) = (Vec::new(), Vec::new());
        for id in reached(&self.layout.catalog, targets) {
            let provider = self.layout.deployments[id].provider;
            match joined.get(provider).copied().flatten() {
                Some(service) if !services.contains(&service) => services.push(service),
                Some(_) => {}
                None if always_up.iter().all(|name| name != providers[provider]) => {
                    always_up.push(providers[provider].to_owned());
                }
                None => {}
            }
        }
        (services, always_up)
    }
}

impl Alone {
    fn of(service: &str, windows: &[Impaired], watched: f64) -> Self {
        let mut lengths: Vec<i64> = spans(windows).iter().map(|(start, end)| end - start).collect();
        lengths.sort_unstable();
        let middle = lengths.len() / 2;
        let median = match lengths.len() {
            0 => 0.0,
            count if count % 2 == 1 => lengths[middle] as f64,
            _ => (lengths[middle - 1] + lengths[middle]) as f64 / 2.0,
        };
        Self {
            service: service.to_owned(),
            availability: 1.0 - failing(windows) / watched,
            windows: lengths.len(),
            median_minutes: median / 60.0,
        }
    }
}

/// Seconds weighted by the share of requests that fails.
fn failing(windows: &[Impaired]) -> f64 {
    windows.iter().fold(0.0, |sum, window| sum + (window.end - window.start) as f64 * window.share)
}

/// Windows that touch are one, whatever their shares.
fn spans(windows: &[Impaired]) -> Vec<(i64, i64)> {
    let mut spans: Vec<(i64, i64)> = Vec::new();
    for window in windows {
        match spans.last_mut() {
            Some((_, end)) if *end == window.start => *end = window.end,
            _ => spans.push((window.start, window.end)),
        }
    }
    spans
}

/// When both are impaired; a request fails when it fails at both.
fn both(some: &[Impaired], others: &[Impaired]) -> Vec<Impaired> {
    let (mut i, mut j) = (0, 0);
    let mut shared = Vec::new();
    while let (Some(a), Some(b)) = (some.get(i), others.get(j)) {
        let (start, end) = (a.start.max(b.start), a.end.min(b.end));
        if start < end {
            shared.push(Impaired { start, end, share: a.share * b.share });
        }
        if a.end <= b.end { i += 1 } else { j += 1 }
    }
    shared
}
