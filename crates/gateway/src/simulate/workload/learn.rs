//! How deployments behaved, learnt from records of their attempts.

use std::{collections::BTreeMap, time::Duration};

use super::records::{Attempt, Row};
use crate::config::{Behaviour, Effect, Failing, FaultWindow};

/// How one deployment behaved while the records were made.
#[derive(Debug, Clone, PartialEq)]
pub struct Learnt {
    /// Its name.
    pub deployment: String,
    /// Attempts that answered.
    pub answered: usize,
    /// Attempts that failed for reasons of its own.
    pub failed: usize,
    /// What was learnt. Where nothing answered, the times are the usual ones.
    pub behaviour: Behaviour,
}

/// Learns from the attempts of these records; times count from `start_ms`.
///
/// Times to first content and times an output token become medians and a spread. Failures become shares of the
/// attempts of each ten minutes, of the kind that was most common in them.
pub(super) fn learn(rows: &[Row], start_ms: i64) -> Vec<Learnt> {
    let mut seen: BTreeMap<&str, Seen> = BTreeMap::new();
    for row in rows {
        for attempt in &row.attempts {
            let seen = seen.entry(&attempt.deployment).or_default();
            let at =
                Duration::from_millis(row.started_at_ms.abs_diff(start_ms)) + Duration::from_micros(attempt.started_us);
            let tally = seen.slices.entry(at.as_secs() / SLICE_SECONDS).or_default();
            if attempt.outcome == "answered" {
                tally.attempts += 1;
                seen.answered += 1;
                seen.time(row.stream, attempt, row.usage.output);
            } else if let Some(how) = failing(&attempt.outcome) {
                tally.attempts += 1;
                *tally.failed.entry(how.name()).or_insert((how, 0)) =
                    (how, tally.failed.get(how.name()).map_or(0, |f| f.1) + 1);
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
    /// Microseconds.
    first_contents: Vec<f64>,
    /// Microseconds a token.
    per_token: Vec<f64>,
    /// Microseconds, of answers in one piece.
    wholes: Vec<f64>,
    slices: BTreeMap<u64, Slice>,
}

#[derive(Default)]
struct Slice {
    attempts: usize,
    failed: BTreeMap<&'static str, (Failing, usize)>,
}

impl Seen {
    fn time(&mut self, is_stream: bool, attempt: &Attempt, output: u64) {
        let Some(first) = attempt.first_content_us else { return };
        if !is_stream {
            // Its first content came with its last.
            self.wholes.push(attempt.duration_us.max(1) as f64);
            return;
        }
        // An answer that came at once says nothing of how fast its tokens were made.
        let rest = attempt.duration_us.saturating_sub(first);
        self.first_contents.push(first.max(1) as f64);
        if output > 1 && rest > 0 {
            self.per_token.push(rest as f64 / (output - 1) as f64);
        }
    }

    fn learnt(mut self, deployment: &str) -> Learnt {
        let usual = Behaviour::default();
        if self.first_contents.is_empty() {
            // Of answers in one piece alone only the whole is known; it has its usual output in it.
            self.per_token = vec![0.0; self.wholes.len()];
            self.first_contents = std::mem::take(&mut self.wholes);
        }
        let first_content = median(&mut self.first_contents);
        let per_token = median(&mut self.per_token);
        let micros = |micros: f64| Duration::from_secs_f64(micros / 1e6);
        let behaviour = Behaviour {
            first_content: first_content.map_or(usual.first_content, micros),
            // It is in the median already: the records' own sizes are replayed.
            per_1k_input: if first_content.is_some() { Duration::ZERO } else { usual.per_1k_input },
            per_token: per_token.map_or(usual.per_token, micros),
            spread: first_content.map_or(usual.spread, |median| spread(&self.first_contents, median)),
            cache: None,
            faults: self.slices.iter().filter_map(|(number, slice)| slice.fault(*number)).collect(),
            ..usual
        };
        Learnt { deployment: deployment.to_owned(), answered: self.answered, failed: self.failed, behaviour }
    }
}

impl Slice {
    fn fault(&self, number: u64) -> Option<FaultWindow> {
        let failed: usize = self.failed.values().map(|(_, count)| count).sum();
        let (how, _) = self.failed.values().max_by_key(|(_, count)| *count)?;
        let from = Duration::from_secs(number * SLICE_SECONDS);
        Some(FaultWindow {
            from,
            until: Some(from + Duration::from_secs(SLICE_SECONDS)),
            effect: Effect::Fail { how: *how, after: None, retry_after: None },
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

/// Sorts, and takes the one in the middle.
fn median(values: &mut [f64]) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

/// Standard deviation of the logarithms, from the quartiles, which a few stalled answers do not move.
fn spread(sorted: &[f64], median: f64) -> f64 {
    // The quartiles of a normal distribution lie 0.6745 standard deviations to either side of its middle.
    const QUARTILE: f64 = 0.674_489_75;
    let upper = sorted.get(sorted.len() * 3 / 4).copied().unwrap_or(median);
    let lower = sorted.get(sorted.len() / 4).copied().unwrap_or(median);
    ((upper / lower).ln() / (2.0 * QUARTILE)).clamp(0.0, 3.0)
}

const SLICE_SECONDS: u64 = 600;
