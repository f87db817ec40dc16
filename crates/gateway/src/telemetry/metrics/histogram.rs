//! A histogram of durations that threads add to without a lock.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

/// Upper bounds of the buckets, in microseconds, of what a provider takes: from a cache's answer to the ten minutes after
/// which SDKs give up (`openai` and `anthropic` clients: 600 s by default).
pub(super) const ANSWER_BOUNDS: [u64; 18] = [
    10_000,
    25_000,
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_000_000,
    4_000_000,
    7_000_000,
    10_000_000,
    15_000_000,
    30_000_000,
    60_000_000,
    120_000_000,
    180_000_000,
    300_000_000,
    600_000_000,
];

/// Upper bounds, in microseconds, of what the gateway takes itself. The last ones are there to show a fault.
pub(super) const OVERHEAD_BOUNDS: [u64; 12] =
    [25, 50, 100, 200, 400, 800, 1_600, 3_200, 10_000, 50_000, 250_000, 1_000_000];

/// Counts a bucket, and their sum.
#[derive(Debug)]
pub(super) struct Histogram {
    bounds: &'static [u64],
    /// One more than there are bounds: the last counts what is above all of them.
    counts: Box<[AtomicU64]>,
    sum_ns: AtomicU64,
}

impl Histogram {
    pub(super) fn new(bounds: &'static [u64]) -> Self {
        let counts = (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect();
        Self { bounds, counts, sum_ns: AtomicU64::new(0) }
    }

    pub(super) fn observe(&self, duration: Duration) {
        let ns = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        // A bucket holds what is equal to its bound, so a part of a microsecond lifts a duration over it.
        let bucket = self.bounds.partition_point(|bound| bound * 1_000 < ns);
        self.counts[bucket].fetch_add(1, Relaxed);
        self.sum_ns.fetch_add(ns, Relaxed);
    }

    /// Each bucket's bound in seconds with its own count, not cumulative; the last bound is infinite.
    pub(super) fn buckets(&self) -> Vec<(f64, u64)> {
        let bounds = self.bounds.iter().map(|&bound| Duration::from_micros(bound).as_secs_f64());
        bounds.chain([f64::INFINITY]).zip(self.counts.iter().map(|count| count.load(Relaxed))).collect()
    }

    /// The sum of all durations, in seconds.
    pub(super) fn sum(&self) -> f64 {
        Duration::from_nanos(self.sum_ns.load(Relaxed)).as_secs_f64()
    }
}

/// Of what a provider takes.
impl Default for Histogram {
    fn default() -> Self {
        Self::new(&ANSWER_BOUNDS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(duration: Duration, bound_seconds: f64) {
        let histogram = Histogram::default();
        histogram.observe(duration);
        let filled: Vec<f64> =
            histogram.buckets().into_iter().filter(|&(_, count)| count == 1).map(|(bound, _)| bound).collect();
        assert_eq!(filled, [bound_seconds]);
        assert!((histogram.sum() - duration.as_secs_f64()).abs() < 1e-9);
    }

    #[test]
    fn a_duration_is_in_the_lowest_bucket_that_holds_it() {
        check(Duration::ZERO, 0.01);
        check(Duration::from_millis(10), 0.01);
        check(Duration::from_nanos(10_000_001), 0.025);
        check(Duration::from_secs(600), 600.0);
        check(Duration::from_secs(601), f64::INFINITY);
    }

    #[test]
    fn bounds_ascend() {
        assert!(ANSWER_BOUNDS.is_sorted_by(|a, b| a < b));
        assert!(OVERHEAD_BOUNDS.is_sorted_by(|a, b| a < b));
    }
}
