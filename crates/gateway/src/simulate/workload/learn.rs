//! How deployments behaved, learnt from records of their attempts.

use std::{collections::BTreeMap, time::Duration};

use super::records::{Attempt, Row};
use crate::{
    config::{Behaviour, Effect, Failing, FaultWindow},
    simulate::samples::{Sample, Samples},
};

/// How one deployment behaved while the records were made.
#[derive(Debug, Clone, PartialEq)]
pub struct Learnt {
    /// Its name.
    pub deployment: String,
    /// Attempts that answered.
    pub answered: usize,
    /// Attempts that failed for reasons of its own.
    pub failed: usize,
    /// When it failed. How long answers took is in `samples`; where there are none, the times are the usual ones.
    pub behaviour: Behaviour,
    /// How long its answers took.
    pub samples: Samples,
}

/// Learns from the attempts of these records; times count from `start_ms`.
///
/// Times are kept as they were. Failures become shares of the attempts of each ten minutes, of the kind that was most
/// common in them and after the median of their times.
pub(super) fn learn(rows: &[Row], start_ms: i64) -> Vec<Learnt> {
    let mut seen: BTreeMap<&str, Seen> = BTreeMap::new();
    for row in rows {
        for attempt in &row.attempts {
            let seen = seen.entry(&attempt.deployment).or_default();
            let at =
                Duration::from_millis(row.started_at_ms.abs_diff(start_ms)) + Duration::from_micros(attempt.started_us);
            let slice = seen.slices.entry(at.as_secs() / SLICE_SECONDS).or_default();
            if attempt.outcome == "answered" {
                slice.attempts += 1;
                seen.answered += 1;
                seen.time(row, attempt);
            } else if let Some(how) = failing(&attempt.outcome) {
                slice.attempts += 1;
                slice.failed.entry(how.name()).or_insert_with(|| (how, Vec::new())).1.push(attempt.duration_us);
                seen.failed += 1;
            }
        }
    }
    seen.into_iter().map(|(deployment, seen)| seen.learnt(deployment)).collect()
}

#[derive(Default)]
struct Seen {
    answered: usize,
    failed: usize,
    streams: Vec<Sample>,
    wholes: Vec<Sample>,
    slices: BTreeMap<u64, Slice>,
}

#[derive(Default)]
struct Slice {
    attempts: usize,
    /// By the name of the kind: how long each took, in microseconds.
    failed: BTreeMap<&'static str, (Failing, Vec<u64>)>,
}

impl Seen {
    fn time(&mut self, row: &Row, attempt: &Attempt) {
        let Some(first) = attempt.first_content_us else { return };
        let sample = Sample {
            input_tokens: row.usage.all_input(),
            output_tokens: row.usage.output,
            first: Duration::from_micros(first),
            total: Duration::from_micros(attempt.duration_us.max(first)),
        };
        if row.stream { self.streams.push(sample) } else { self.wholes.push(sample) }
    }

    fn learnt(self, deployment: &str) -> Learnt {
        let behaviour = Behaviour {
            cache: None,
            faults: self.slices.iter().filter_map(|(number, slice)| slice.fault(*number)).collect(),
            ..Behaviour::default()
        };
        let samples = Samples::new(self.streams, self.wholes);
        let (answered, failed) = (self.answered, self.failed);
        Learnt { deployment: deployment.to_owned(), answered, failed, behaviour, samples }
    }
}

impl Slice {
    fn fault(&self, number: u64) -> Option<FaultWindow> {
        let failed: usize = self.failed.values().map(|(_, times)| times.len()).sum();
        let (how, times) = self.failed.values().max_by_key(|(_, times)| times.len())?;
        let from = Duration::from_secs(number * SLICE_SECONDS);
        Some(FaultWindow {
            from,
            until: Some(from + Duration::from_secs(SLICE_SECONDS)),
            effect: Effect::Fail { how: *how, after: median(times).map(Duration::from_micros), retry_after: None },
            share: failed as f64 / self.attempts.max(1) as f64,
        })
    }
}

/// A recorded outcome as a way of failing; `None` for those that say nothing of the deployment.
fn failing(outcome: &str) -> Option<Failing> {
    Some(match outcome {
        "server_error" | "pre_content_stream_error" | "mid_stream_error" | "not_ready" => Failing::ServerError,
        "overload" => Failing::Overloaded,
        "rate_limit" | "ramp_limit" | "quota_window" => Failing::RateLimited,
        "first_byte_timeout" => Failing::Timeout,
        "connect_fail" => Failing::Connect,
        "uncertain_reset" => Failing::Reset,
        "empty_ok" | "truncated_complete" => Failing::Empty,
        "upstream_auth" => Failing::KeyRejected,
        "upstream_money" => Failing::KeyEmpty,
        _ => return None,
    })
}

fn median(values: &[u64]) -> Option<u64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len() / 2).copied()
}

const SLICE_SECONDS: u64 = 600;
