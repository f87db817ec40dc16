//! One simulated deployment: what an attempt there comes to.

use std::{sync::Arc, time::Duration};

use super::{
    cache::PrefixCache,
    dice::Dice,
    samples::{Samples, Seconds},
    workload::Request,
};
use crate::config::{Behaviour, Effect, Failing, FaultWindow};

/// A deployment as the world describes it, at one point in time.
#[derive(Debug)]
pub(super) struct Upstream {
    behaviour: Behaviour,
    /// How long its answers took, where that was recorded.
    samples: Option<Arc<Samples>>,
    /// By their beginning; those before `begun` have begun.
    faults: Vec<FaultWindow>,
    begun: usize,
    open: Vec<FaultWindow>,
    in_flight: u32,
    /// Requests that may be sent at once, and when that was last so.
    bucket: (f64, Duration),
    cache: Option<PrefixCache>,
}

/// What an attempt comes to, were there nobody to give it up.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Fate {
    /// How it fails; `None` = it answers.
    pub(super) failure: Option<Failure>,
    /// From dispatch to the first content, or to the failure.
    pub(super) first: Duration,
    /// From dispatch to the last token, or to the failure.
    pub(super) total: Duration,
    /// Input tokens that the cache had.
    pub(super) cached: u32,
}

/// How an attempt fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) how: Failing,
    pub(super) retry_after: Option<Duration>,
}

/// What one request is expected to take, by somebody who knows everything but the dice.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Foresight {
    /// Seconds to the last token, on average.
    pub(super) seconds: f64,
    /// Input tokens that the cache has.
    pub(super) cached: u32,
    /// The share of such attempts that would fail now.
    pub(super) failing: f64,
}

impl Upstream {
    /// Faults are those of the behaviour with `more` beside them.
    pub(super) fn new(behaviour: &Behaviour, more: Vec<FaultWindow>, samples: Option<Arc<Samples>>) -> Self {
        let mut faults = behaviour.faults.clone();
        faults.extend(more);
        faults.sort_by_key(|fault| fault.from);
        Self {
            samples,
            faults,
            begun: 0,
            open: Vec::new(),
            in_flight: 0,
            bucket: (f64::from(behaviour.limits.requests_per_minute.unwrap_or(0)), Duration::ZERO),
            cache: behaviour.cache.map(PrefixCache::new),
            behaviour: behaviour.clone(),
        }
    }

    pub(super) fn is_billed(&self, failure: Failure) -> bool {
        self.behaviour.is_billed_on_failure && failure.how.is_taken()
    }

    /// Takes an attempt, which is in flight until [`Self::release`]. `now` never runs backwards.
    pub(super) fn take(&mut self, request: &Request, mut dice: Dice, now: Duration) -> Fate {
        self.pass_time(now);
        self.in_flight += 1;
        let failure = self.refusal().or_else(|| self.fault(&mut dice));
        if let Some((failure, after)) = failure {
            return Fate { failure: Some(failure), first: after, total: after, cached: 0 };
        }
        let (cached, slow) = (self.cached(request, now), self.slow(&mut dice));
        let (first, rest) = self.recorded(request, &mut dice).unwrap_or_else(|| {
            let (first, rest) = self.medians(request, cached);
            (first * dice.log_normal(self.behaviour.spread), rest * dice.log_normal(self.behaviour.spread))
        });
        let (first, total) = (first * slow, length((first + rest) * slow));
        Fate { failure: None, first: if request.is_stream { length(first) } else { total }, total, cached }
    }

    /// The prompt has been computed: its blocks are in the cache.
    pub(super) fn keep(&mut self, request: &Request, now: Duration) {
        if let Some(cache) = &mut self.cache
            && !request.prefix.is_empty()
        {
            cache.keep(&request.prefix, now);
        }
    }

    /// An attempt is over, or nobody listens to it any more.
    pub(super) fn release(&mut self) {
        self.in_flight -= 1;
    }

    /// What this request would take here now.
    pub(super) fn foresee(&mut self, request: &Request, now: Duration) -> Foresight {
        self.pass_time(now);
        let limits = self.behaviour.limits;
        let is_full = limits.concurrency.is_some_and(|most| self.in_flight >= most)
            || (limits.requests_per_minute.is_some() && self.bucket.0 < 1.0);
        let passing: f64 = self.open.iter().filter(|fault| is_failing(fault)).map(|fault| 1.0 - fault.share).product();
        let cached = self.cached(request, now);
        let recorded = self.samples.as_ref().and_then(|samples| samples.mean(request.is_stream, size(request)));
        let seconds = recorded.unwrap_or_else(|| {
            let (first, rest) = self.medians(request, cached);
            // The mean of a log-normal distribution of median 1.
            (first + rest) * (self.behaviour.spread.powi(2) / 2.0).exp()
        });
        Foresight { seconds: seconds * self.mean_slow(), cached, failing: if is_full { 1.0 } else { 1.0 - passing } }
    }

    fn pass_time(&mut self, now: Duration) {
        while let Some(fault) = self.faults.get(self.begun).filter(|fault| fault.from <= now) {
            self.open.push(fault.clone());
            self.begun += 1;
        }
        self.open.retain(|fault| fault.until.is_none_or(|until| until > now));
        if let Some(a_minute) = self.behaviour.limits.requests_per_minute {
            let a_minute = f64::from(a_minute);
            let filled = now.saturating_sub(self.bucket.1).as_secs_f64() / 60.0 * a_minute;
            self.bucket = ((self.bucket.0 + filled).min(a_minute), now);
        }
    }

    fn refusal(&mut self) -> Option<(Failure, Duration)> {
        let limits = self.behaviour.limits;
        let is_crowded = limits.concurrency.is_some_and(|most| self.in_flight > most);
        let is_empty = limits.requests_per_minute.is_some() && self.bucket.0 < 1.0;
        if is_crowded || is_empty {
            let failure = Failure { how: Failing::RateLimited, retry_after: limits.retry_after };
            return Some((failure, usual_wait(Failing::RateLimited)));
        }
        self.bucket.0 -= 1.0;
        None
    }

    fn fault(&self, dice: &mut Dice) -> Option<(Failure, Duration)> {
        self.open.iter().find_map(|fault| match fault.effect {
            // Each fault has its throw, whether it is needed or not, so that later throws do not depend on it.
            Effect::Fail { how, after, retry_after } => (dice.unit() < fault.share)
                .then(|| (Failure { how, retry_after }, after.unwrap_or_else(|| usual_wait(how)))),
            Effect::Slow(_) => None,
        })
    }

    fn slow(&self, dice: &mut Dice) -> f64 {
        let mut slow = 1.0;
        for fault in &self.open {
            if let Effect::Slow(factor) = fault.effect
                && dice.unit() < fault.share
            {
                slow *= factor;
            }
        }
        slow
    }

    fn mean_slow(&self) -> f64 {
        let factor = |fault: &FaultWindow| match fault.effect {
            Effect::Slow(factor) => 1.0 + (factor - 1.0) * fault.share,
            Effect::Fail { .. } => 1.0,
        };
        self.open.iter().map(factor).product()
    }

    fn cached(&self, request: &Request, now: Duration) -> u32 {
        if request.prefix.is_empty() {
            // A record does not say what else is cached: another deployment is taken to have had the same part of it.
            return request.cache_read.min(request.input_tokens);
        }
        self.cache.as_ref().map_or(0, |cache| cache.cached(&request.prefix, request.input_tokens, now))
    }

    fn recorded(&self, request: &Request, dice: &mut Dice) -> Option<Seconds> {
        self.samples.as_ref()?.draw(request.is_stream, size(request), dice.unit())
    }

    /// Seconds to the first content and from there to the last, before dice and faults.
    fn medians(&self, request: &Request, cached: u32) -> (f64, f64) {
        let behaviour = &self.behaviour;
        let fresh = f64::from(request.input_tokens.saturating_sub(cached));
        let first = behaviour.first_content.as_secs_f64() + behaviour.per_1k_input.as_secs_f64() * fresh / 1000.0;
        (first, behaviour.per_token.as_secs_f64() * f64::from(request.output_tokens.saturating_sub(1)))
    }
}

fn size(request: &Request) -> (u32, u32) {
    (request.input_tokens, request.output_tokens)
}

fn is_failing(fault: &FaultWindow) -> bool {
    matches!(fault.effect, Effect::Fail { .. })
}

/// After how long such failures usually show; a timeout lasts until somebody gives up.
fn usual_wait(how: Failing) -> Duration {
    match how {
        Failing::RateLimited | Failing::KeyRejected | Failing::KeyEmpty => Duration::from_millis(2),
        Failing::Connect => Duration::from_millis(20),
        Failing::ServerError | Failing::Overloaded | Failing::Reset | Failing::Empty => Duration::from_millis(200),
        Failing::Timeout => FOREVER,
    }
}

fn length(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(FOREVER).min(FOREVER)
}

/// Longer than any timer.
const FOREVER: Duration = Duration::from_secs(30 * 24 * 3600);
