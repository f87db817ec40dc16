//! Recorded times of one deployment, drawn again for requests of about the same size.

use std::{collections::HashMap, time::Duration};

/// How long one answer took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// All input tokens, cached or not.
    pub input_tokens: u64,
    /// Output tokens.
    pub output_tokens: u64,
    /// From dispatch to the first content.
    pub first: Duration,
    /// From dispatch to the end.
    pub total: Duration,
}

/// How long the answers of one deployment took; streams apart from answers in one piece.
///
/// Nothing is fitted to them: what never took longer than five seconds takes no longer here.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Samples {
    streams: Times,
    wholes: Times,
}

#[derive(Debug, Clone, Default, PartialEq)]
struct Times {
    /// By output tokens.
    sorted: Vec<Sample>,
    /// By the binary order of input and of output tokens: the places of those in `sorted`, and the mean of their seconds.
    cells: HashMap<(u32, u32), (Vec<usize>, f64)>,
}

/// Seconds to the first content, and from there to the end.
pub(super) type Seconds = (f64, f64);

impl Samples {
    /// Sorts what was recorded.
    pub(super) fn new(streams: Vec<Sample>, wholes: Vec<Sample>) -> Self {
        Self { streams: Times::new(streams), wholes: Times::new(wholes) }
    }

    /// Whether nothing was recorded.
    pub(super) fn is_empty(&self) -> bool {
        self.streams.sorted.is_empty() && self.wholes.sorted.is_empty()
    }

    /// One of the answers of about that size; `throw` is even over 0..1. `None` when nothing was recorded.
    pub(super) fn draw(&self, is_stream: bool, size: (u32, u32), throw: f64) -> Option<Seconds> {
        let (times, whole) = self.of(is_stream)?;
        let sample = times.near(size).nth(throw);
        let (first, total) = (sample.first.as_secs_f64(), sample.total.as_secs_f64());
        // Of an answer in one piece the first content came with its last.
        Some(if whole { (total, 0.0) } else { (first, (total - first).max(0.0)) })
    }

    /// How many seconds answers of about that size took to the end, on average.
    pub(super) fn mean(&self, is_stream: bool, size: (u32, u32)) -> Option<f64> {
        let (times, _) = self.of(is_stream)?;
        Some(times.near(size).mean())
    }

    /// The answers of one kind, or where there are none, those of the other; and whether they came in one piece.
    fn of(&self, is_stream: bool) -> Option<(&Times, bool)> {
        let both = [(&self.streams, false), (&self.wholes, true)];
        let ordered = if is_stream { both } else { [both[1], both[0]] };
        ordered.into_iter().find(|(times, _)| !times.sorted.is_empty())
    }
}

enum Near<'a> {
    Cell(&'a [Sample], &'a (Vec<usize>, f64)),
    Stretch(&'a [Sample]),
}

impl Times {
    fn new(mut sorted: Vec<Sample>) -> Self {
        sorted.sort_by_key(|sample| (sample.output_tokens, sample.input_tokens, sample.total, sample.first));
        let mut cells: HashMap<_, (Vec<usize>, f64)> = HashMap::new();
        for (place, sample) in sorted.iter().enumerate() {
            let cell = cells.entry((order(sample.input_tokens), order(sample.output_tokens))).or_default();
            cell.0.push(place);
            cell.1 += sample.total.as_secs_f64();
        }
        cells.retain(|_, (places, _)| places.len() >= ENOUGH);
        cells.values_mut().for_each(|(places, seconds)| *seconds /= places.len() as f64);
        Self { sorted, cells }
    }

    /// Those of the same order of input and output where there are enough of them, else the nearest by output.
    fn near(&self, (input, output): (u32, u32)) -> Near<'_> {
        let output = u64::from(output);
        if let Some(cell) = self.cells.get(&(order(u64::from(input)), order(output))) {
            return Near::Cell(&self.sorted, cell);
        }
        let below = self.sorted.partition_point(|sample| sample.output_tokens < output);
        let through = self.sorted.partition_point(|sample| sample.output_tokens <= output);
        let width = ENOUGH.min(self.sorted.len());
        let begin = ((below + through) / 2).saturating_sub(width / 2).min(self.sorted.len() - width);
        Near::Stretch(&self.sorted[begin..begin + width])
    }
}

impl Near<'_> {
    fn nth(&self, throw: f64) -> Sample {
        let place = |count: usize| ((throw * count as f64) as usize).min(count - 1);
        match self {
            Self::Cell(sorted, (places, _)) => sorted[places[place(places.len())]],
            Self::Stretch(samples) => samples[place(samples.len())],
        }
    }

    fn mean(&self) -> f64 {
        match self {
            Self::Cell(_, (_, mean)) => *mean,
            Self::Stretch(samples) => {
                samples.iter().map(|sample| sample.total.as_secs_f64()).sum::<f64>() / samples.len() as f64
            }
        }
    }
}

/// How many binary digits a number has.
fn order(count: u64) -> u32 {
    u64::BITS - count.leading_zeros()
}

/// With as many answers their tail begins to show; of fewer, results say so.
pub(super) const ENOUGH: usize = 30;

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(input_tokens: u64, output_tokens: u64, first_ms: u64, total_ms: u64) -> Sample {
        let (first, total) = (Duration::from_millis(first_ms), Duration::from_millis(total_ms));
        Sample { input_tokens, output_tokens, first, total }
    }

    #[track_caller]
    fn check(samples: &Samples, is_stream: bool, size: (u32, u32), throw: f64, expected: Seconds) {
        let (first, rest) = samples.draw(is_stream, size, throw).expect("something was recorded");
        assert!((first - expected.0).abs() < 1e-9 && (rest - expected.1).abs() < 1e-9, "{first} {rest}");
    }

    #[test]
    fn streams_and_whole_answers_are_drawn_apart() {
        let samples = Samples::new(vec![sample(10, 10, 100, 300)], vec![sample(10, 10, 2_000, 2_100)]);
        check(&samples, true, (10, 10), 0.5, (0.1, 0.2));
        check(&samples, false, (10, 10), 0.5, (2.1, 0.0));
        let streams = Samples::new(vec![sample(10, 10, 100, 300)], Vec::new());
        check(&streams, false, (10, 10), 0.5, (0.1, 0.2));
        assert_eq!(Samples::default().draw(true, (1, 1), 0.5), None);
    }

    #[test]
    fn times_are_of_about_the_same_size_and_none_is_longer_than_the_longest() {
        let of_size = |output: u64, ms: u64| (0..40).map(move |step| sample(100, output, ms, ms + step));
        let samples = Samples::new(of_size(16, 100).chain(of_size(1_600, 9_000)).collect(), Vec::new());
        check(&samples, true, (100, 20), 0.0, (0.1, 0.0));
        check(&samples, true, (100, 20), 0.999_999, (0.1, 0.039));
        check(&samples, true, (100, 1_500), 0.999_999, (9.0, 0.039));
        // Nothing was as long: the longest there is.
        check(&samples, true, (100, 50_000), 0.999_999, (9.0, 0.039));
        let mean = samples.mean(true, (100, 1_500)).unwrap();
        assert!((mean - 9.0195).abs() < 1e-9, "{mean}");
    }
}
