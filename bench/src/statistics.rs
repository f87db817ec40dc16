//! Quantiles of many latencies, and the median and spread of a few rounds.

use serde::{Deserialize, Serialize};

/// Latencies in microseconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Distribution {
    pub(crate) count: usize,
    pub(crate) mean_us: f64,
    pub(crate) p50_us: f64,
    pub(crate) p90_us: f64,
    pub(crate) p99_us: f64,
    pub(crate) p999_us: f64,
    pub(crate) max_us: f64,
}

impl Distribution {
    /// `None` when nothing was observed: an empty distribution has no quantiles.
    pub(crate) fn of(mut nanoseconds: Vec<u64>) -> Option<Self> {
        nanoseconds.sort_unstable();
        let microseconds = |q| quantile(&nanoseconds, q).map(|ns| ns as f64 / 1e3);
        let sum: u128 = nanoseconds.iter().copied().map(u128::from).sum();
        Some(Self {
            count: nanoseconds.len(),
            mean_us: sum as f64 / nanoseconds.len() as f64 / 1e3,
            p50_us: microseconds(0.5)?,
            p90_us: microseconds(0.9)?,
            p99_us: microseconds(0.99)?,
            p999_us: microseconds(0.999)?,
            max_us: microseconds(1.0)?,
        })
    }
}

/// The nearest-rank quantile: the smallest value that at least `q` of all values do not exceed. `q` is in 0..=1.
pub(crate) fn quantile(sorted: &[u64], q: f64) -> Option<u64> {
    let rank = (q * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.clamp(1, sorted.len().max(1)) - 1).copied()
}

/// The middle of a few rounds, with the lowest and the highest of them.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) lowest: f64,
    pub(crate) highest: f64,
}

impl Spread {
    /// `None` when there are no rounds. An even count takes the mean of the two in the middle.
    pub(crate) fn of(rounds: &[f64]) -> Option<Self> {
        let mut sorted = rounds.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (lowest, highest) = (*sorted.first()?, *sorted.last()?);
        let middle = sorted.len() / 2;
        let median = if sorted.len().is_multiple_of(2) {
            f64::midpoint(sorted[middle - 1], sorted[middle])
        } else {
            sorted[middle]
        };
        Some(Self { median, lowest, highest })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(sorted: &[u64], q: f64, expected: Option<u64>) {
        assert_eq!(quantile(sorted, q), expected, "quantile {q} of {} values", sorted.len());
    }

    #[test]
    fn quantiles_are_nearest_rank() {
        let hundred: Vec<u64> = (1..=100).collect();
        check(&[], 0.5, None);
        check(&[7], 0.0, Some(7));
        check(&[7], 0.99, Some(7));
        check(&[1, 2], 0.5, Some(1));
        check(&[1, 2, 3], 0.5, Some(2));
        check(&[1, 2, 3, 4], 0.75, Some(3));
        check(&hundred, 0.99, Some(99));
        check(&hundred, 0.991, Some(100));
        check(&hundred, 1.0, Some(100));
    }

    #[test]
    fn one_slow_request_in_a_hundred_shows_in_the_maximum_and_not_in_the_median() {
        let mut latencies = vec![1_000; 99];
        latencies.insert(0, 5_000_000);
        let seen = Distribution::of(latencies).unwrap();
        assert_eq!((seen.count, seen.p50_us, seen.p99_us, seen.max_us), (100, 1.0, 1.0, 5_000.0));
        assert!((seen.mean_us - 50.99).abs() < 1e-9);
    }

    #[test]
    fn nothing_observed_has_no_distribution() {
        assert_eq!(Distribution::of(Vec::new()), None);
        assert_eq!(Spread::of(&[]), None);
    }

    #[test]
    fn spread_is_middle_lowest_highest_in_any_order() {
        assert_eq!(Spread::of(&[3.0, 1.0, 2.0]), Some(Spread { median: 2.0, lowest: 1.0, highest: 3.0 }));
        assert_eq!(Spread::of(&[4.0, 1.0]), Some(Spread { median: 2.5, lowest: 1.0, highest: 4.0 }));
    }
}
