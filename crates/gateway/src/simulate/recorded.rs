//! What really happened to requests that are replayed: the row that the others are held against.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use super::{
    scenario::Scenario,
    tally::{Quantiles, RowKind, SLICES, Share, Summary, slice},
};

/// What became of one request when it was recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// Since the first request.
    pub at: Duration,
    /// Why there was no whole answer, in a word; `None` when there was one.
    pub unanswered: Option<&'static str>,
    /// From its arrival to its first content.
    pub first_content: Option<Duration>,
    /// From its arrival to its end.
    pub total: Duration,
    /// What it cost, in nano-USD; `None` when that is not known.
    pub cost_nano: Option<u64>,
    /// Its attempts in order.
    pub attempts: Box<[RecordedAttempt]>,
    /// Input tokens, and those of them that a prompt cache had.
    pub input_tokens: (u64, u64),
}

/// One attempt of a recorded request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedAttempt {
    /// Where it went.
    pub deployment: Arc<str>,
    /// Whether it answered.
    pub is_answered: bool,
    /// Whether it began beside one that was slow.
    pub is_hedge: bool,
}

impl Scenario {
    /// What really happened, where the workload says it.
    pub fn recorded(&self) -> Option<Summary> {
        let recorded = &self.workload.recorded[..];
        if recorded.is_empty() {
            return None;
        }
        let answered: Vec<&Recorded> = recorded.iter().filter(|request| request.unanswered.is_none()).collect();
        let mut unanswered = BTreeMap::new();
        let mut unanswered_over_time = vec![0; SLICES];
        for request in recorded {
            let Some(why) = request.unanswered else { continue };
            *unanswered.entry(why).or_default() += 1;
            unanswered_over_time[slice(request.at, self.workload.span())] += 1;
        }
        let attempts = || recorded.iter().flat_map(|request| &request.attempts);
        let further = recorded.iter().map(|request| (request.attempts.len() as u64).saturating_sub(1)).sum();
        let first = |request: &&Recorded| micros(request.first_content.unwrap_or(request.total));
        Some(Summary {
            name: "recorded".to_owned(),
            kind: RowKind::Recorded,
            requests: recorded.len() as u64,
            answered: answered.len() as u64,
            availability: answered.len() as f64 / recorded.len() as f64,
            unanswered,
            cost_nano: recorded.iter().filter_map(|request| request.cost_nano).sum(),
            // Records say what a request cost, not which of its attempts.
            extra_cost_nano: 0,
            unpriced: answered.iter().filter(|request| request.cost_nano.is_none()).count() as u64,
            attempts: attempts().count() as u64,
            further_attempts: further,
            hedges: attempts().filter(|attempt| attempt.is_hedge).count() as u64,
            first_content_us: Quantiles::of(answered.iter().map(first).collect()),
            total_us: Quantiles::of(answered.iter().map(|request| micros(request.total)).collect()),
            input_tokens: recorded.iter().map(|request| request.input_tokens.0).sum(),
            cached_tokens: recorded.iter().map(|request| request.input_tokens.1).sum(),
            cached_tokens_in_one: 0,
            deployments: self.recorded_shares(),
            unanswered_over_time,
        })
    }

    /// Those that this configuration has, in its order, and then those that it has not.
    fn recorded_shares(&self) -> Vec<Share> {
        let mut shares: Vec<Share> = self.reached().into_iter().map(|id| Share::of(self.deployment_name(id))).collect();
        for request in &self.workload.recorded {
            for (number, attempt) in request.attempts.iter().enumerate() {
                let place = shares.iter().position(|share| *share.deployment == *attempt.deployment);
                let place = place.unwrap_or_else(|| {
                    shares.push(Share::of(&attempt.deployment));
                    shares.len() - 1
                });
                let share = &mut shares[place];
                share.attempts += 1;
                share.first_attempts += u64::from(number == 0);
                if attempt.is_answered && request.unanswered.is_none() {
                    share.answered += 1;
                    share.over_time[slice(request.at, self.workload.span())] += 1;
                }
            }
        }
        shares
    }
}

fn micros(length: Duration) -> u64 {
    u64::try_from(length.as_micros()).unwrap_or(u64::MAX)
}
