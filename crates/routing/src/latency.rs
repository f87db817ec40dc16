//! How fast a deployment answers: averages that fade, apart for small and large inputs.
//!
//! Only the time to first content and the time per output token are comparable between requests: the total follows the
//! length of the answer, which the request decides.

use std::time::Duration;

use crate::instant::Instant;
use crate::settings::MeasureSettings;

/// A mean in which old samples count less, by number and by age.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Average {
    mean: f64,
    /// How many samples' worth of weight the mean has.
    weight: f64,
    at: Instant,
}

impl Average {
    pub(crate) fn record(&mut self, sample: f64, now: Instant, settings: &MeasureSettings) {
        let age = now.saturating_duration_since(self.at).as_secs_f64();
        let kept = (-age / settings.fade.as_secs_f64().max(1e-3)).exp();
        self.weight = (self.weight * kept).min(settings.samples - 1.0).max(0.0) + 1.0;
        self.mean += (sample - self.mean) / self.weight;
        self.at = now;
    }

    pub(crate) fn mean(&self) -> Option<f64> {
        (self.weight > 0.0).then_some(self.mean)
    }
}

/// Sizes of input that are measured apart: under 1k, 8k and 64k tokens, and more.
const SIZES: [u64; 3] = [1_000, 8_000, 64_000];

/// Samples kept for percentiles.
const KEPT: usize = 64;

/// What is known of the speed of one deployment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Latency {
    /// Seconds to first content, by size of input; first without, then with reasoning.
    first_content: [Average; 8],
    /// Seconds for each token of output.
    per_token: Average,
    /// The last samples of each size of `first_content`, for percentiles.
    recent: [Recent; 8],
    /// When it was last asked, whatever came of it.
    pub(crate) asked: Option<Instant>,
    /// When anything was last heard.
    pub(crate) heard: Option<Instant>,
}

/// The newest samples, the oldest of them overwritten.
#[derive(Clone, Debug, Default)]
struct Recent {
    samples: Vec<f32>,
    next: usize,
}

/// Which averages a request belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bucket(u8);

impl Bucket {
    pub(crate) fn of(input_tokens: u64, is_reasoning: bool) -> Self {
        let size = SIZES.iter().filter(|&&size| input_tokens >= size).count();
        Self(u8::try_from(size).expect("three sizes") + if is_reasoning { 4 } else { 0 })
    }
}

impl Latency {
    pub(crate) fn record_first_content(
        &mut self,
        bucket: Bucket,
        took: Duration,
        now: Instant,
        settings: &MeasureSettings,
    ) {
        let index = usize::from(bucket.0);
        self.first_content[index].record(took.as_secs_f64(), now, settings);
        self.recent[index].record(took.as_secs_f32());
        self.heard = Some(now);
    }

    /// Learns from a whole answer: of the time after its first content, or, where it came in one piece, of what the
    /// first content usually leaves of it.
    pub(crate) fn record_answer(
        &mut self,
        bucket: Bucket,
        first_content: Option<Duration>,
        total: Duration,
        output_tokens: f64,
        now: Instant,
        settings: &MeasureSettings,
    ) {
        let before = first_content.map(|took| took.as_secs_f64()).or_else(|| self.first_content(bucket));
        let writing = (total.as_secs_f64() - before.unwrap_or(0.0)).max(0.0);
        self.per_token.record(writing / output_tokens, now, settings);
        self.heard = Some(now);
    }

    /// Learns from an attempt that was given up before it showed anything. Where even a whole answer of so many tokens would
    /// usually have come, it is at least as slow as that wait; else nothing is known of it.
    pub(crate) fn record_silence(
        &mut self,
        bucket: Bucket,
        waited: Duration,
        output_tokens: f64,
        now: Instant,
        settings: &MeasureSettings,
    ) {
        if self.predict(bucket, output_tokens).is_some_and(|usual| waited.as_secs_f64() > usual) {
            self.first_content[usize::from(bucket.0)].record(waited.as_secs_f64(), now, settings);
            self.heard = Some(now);
        }
    }

    /// Seconds to first content; that of the nearest size where this one was never measured.
    pub(crate) fn first_content(&self, bucket: Bucket) -> Option<f64> {
        let wanted = usize::from(bucket.0);
        if let Some(mean) = self.first_content[wanted].mean() {
            return Some(mean);
        }
        let distance = |index: usize| (index / 4).abs_diff(wanted / 4) * 8 + (index % 4).abs_diff(wanted % 4);
        let measured = (0..8).filter_map(|index| Some((index, self.first_content[index].mean()?)));
        measured.min_by_key(|&(index, _)| distance(index)).map(|(_, mean)| mean)
    }

    /// Seconds to first content, over all sizes the one heard of last.
    pub(crate) fn latest_first_content(&self) -> Option<f64> {
        let measured = self.first_content.iter().filter(|average| average.mean().is_some());
        measured.max_by_key(|average| average.at).and_then(Average::mean)
    }

    /// Seconds from dispatch to the last token; `None` = never measured.
    pub(crate) fn predict(&self, bucket: Bucket, output_tokens: f64) -> Option<f64> {
        let (first_content, per_token) = (self.first_content(bucket), self.per_token.mean());
        if first_content.is_none() && per_token.is_none() {
            return None;
        }
        Some(first_content.unwrap_or(0.0) + output_tokens * per_token.unwrap_or(0.0))
    }

    /// Seconds from the first content to the last token; `None` = never measured.
    pub(crate) fn writing(&self, output_tokens: f64) -> Option<f64> {
        self.per_token.mean().map(|seconds| output_tokens * seconds)
    }

    /// A percentile (0..1) of the time to first content; `None` with fewer than `least` samples.
    pub(crate) fn percentile(&self, bucket: Bucket, part: f64, least: usize) -> Option<Duration> {
        let mut samples = self.recent[usize::from(bucket.0)].samples.clone();
        if samples.len() < least.max(1) {
            return None;
        }
        samples.sort_by(f32::total_cmp);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "an index among 64"
        )]
        let index = ((samples.len() - 1) as f64 * part).round() as usize;
        Some(Duration::from_secs_f32(samples[index.min(samples.len() - 1)]))
    }
}

impl Recent {
    fn record(&mut self, sample: f32) {
        if self.samples.len() < KEPT {
            self.samples.push(sample);
        } else {
            self.samples[self.next] = sample;
        }
        self.next = (self.next + 1) % KEPT;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Instant {
        Instant::from_start(Duration::from_secs(seconds))
    }

    #[test]
    fn a_change_shows_after_few_samples_and_an_old_mean_gives_way_at_once() {
        let settings = MeasureSettings::default();
        let mut average = Average::default();
        for second in 0..30 {
            average.record(1.0, at(second), &settings);
        }
        average.record(5.0, at(30), &settings);
        let after_one = average.mean().unwrap();
        assert!((1.3..1.6).contains(&after_one), "{after_one}");
        average.record(1.0, at(30 + 3600), &settings);
        assert!((average.mean().unwrap() - 1.0).abs() < 1e-9, "an hour later nothing of the old is left");
    }

    #[test]
    fn a_size_never_measured_borrows_from_its_neighbour() {
        let (settings, mut latency) = (MeasureSettings::default(), Latency::default());
        assert_eq!(latency.predict(Bucket::of(10, false), 1.0), None);
        latency.record_first_content(Bucket::of(10, false), Duration::from_secs(1), at(1), &settings);
        latency.record_first_content(Bucket::of(100_000, false), Duration::from_secs(9), at(1), &settings);
        let first = Some(Duration::from_secs(1));
        latency.record_answer(Bucket::of(10, false), first, Duration::from_secs(2), 2.0, at(1), &settings);
        assert_eq!(latency.predict(Bucket::of(2_000, false), 2.0), Some(2.0));
        assert_eq!(latency.predict(Bucket::of(20_000, false), 2.0), Some(10.0));
        assert_eq!(latency.first_content(Bucket::of(20_000, true)), Some(9.0));
    }

    #[test]
    fn answers_in_one_piece_are_measured_too() {
        let (settings, mut latency, bucket) = (MeasureSettings::default(), Latency::default(), Bucket::of(10, false));
        latency.record_answer(bucket, None, Duration::from_secs(2), 4.0, at(1), &settings);
        assert_eq!(latency.predict(bucket, 10.0), Some(5.0));
        assert_eq!(latency.first_content(bucket), None);
    }

    #[test]
    fn percentiles_are_of_the_newest_samples_and_need_enough_of_them() {
        let (settings, mut latency, bucket) = (MeasureSettings::default(), Latency::default(), Bucket::of(0, false));
        for number in 0..49u64 {
            latency.record_first_content(bucket, Duration::from_secs(number), at(number), &settings);
        }
        assert_eq!(latency.percentile(bucket, 0.95, 50), None);
        for number in 49..200u64 {
            latency.record_first_content(bucket, Duration::from_secs(number), at(number), &settings);
        }
        assert_eq!(latency.percentile(bucket, 0.95, 50), Some(Duration::from_secs(196)));
    }

    #[test]
    fn the_newest_of_many_samples_has_a_tenth() {
        let (settings, mut average) = (MeasureSettings::default(), Average::default());
        (0..100).for_each(|_| average.record(1.0, at(1), &settings));
        average.record(11.0, at(1), &settings);
        assert!((average.mean().unwrap() - 2.0).abs() < 1e-9, "{average:?}");
    }

    #[test]
    fn sizes_and_reasoning_are_measured_apart() {
        let of = |tokens| (Bucket::of(tokens, false).0, Bucket::of(tokens, true).0);
        for (tokens, expected) in [(0, 0), (999, 0), (1_000, 1), (7_999, 1), (8_000, 2), (63_999, 2), (64_000, 3)] {
            assert_eq!(of(tokens), (expected, expected + 4), "{tokens} tokens");
        }
    }

    /// What was measured, in seconds, for a bucket that never was.
    #[track_caller]
    fn check_nearest(measured: &[(u8, u64)], wanted: u8, expected: f64) {
        let (settings, mut latency) = (MeasureSettings::default(), Latency::default());
        for &(bucket, seconds) in measured {
            latency.record_first_content(Bucket(bucket), Duration::from_secs(seconds), at(1), &settings);
        }
        assert_eq!(latency.first_content(Bucket(wanted)), Some(expected), "{wanted} among {measured:?}");
    }

    #[test]
    fn the_nearest_size_stands_in_and_reasoning_for_reasoning_first() {
        check_nearest(&[(0, 10), (2, 20)], 3, 20.0);
        check_nearest(&[(4, 10), (6, 20)], 7, 20.0);
        check_nearest(&[(3, 10), (4, 20)], 7, 20.0);
        check_nearest(&[(4, 10), (3, 20)], 0, 20.0);
        check_nearest(&[(0, 10), (3, 20)], 7, 20.0);
        check_nearest(&[(4, 10), (7, 20)], 3, 20.0);
        check_nearest(&[(7, 10), (0, 20)], 3, 20.0);
    }

    #[test]
    fn the_latest_is_of_whatever_size_was_heard_last() {
        let (settings, mut latency) = (MeasureSettings::default(), Latency::default());
        assert_eq!(latency.latest_first_content(), None);
        for (now, bucket, seconds) in [(1, 3, 3), (2, 0, 5), (3, 1, 7)] {
            latency.record_first_content(Bucket(bucket), Duration::from_secs(seconds), at(now), &settings);
            assert_eq!(latency.latest_first_content(), Some(Duration::from_secs(seconds).as_secs_f64()));
        }
    }

    #[test]
    fn sixty_four_samples_are_kept_and_as_many_as_needed_are_enough() {
        let (settings, mut latency, bucket) = (MeasureSettings::default(), Latency::default(), Bucket::of(0, false));
        for number in 0..65u64 {
            let least = usize::try_from(number.min(63)).unwrap() + 1;
            latency.record_first_content(bucket, Duration::from_secs(number), at(number), &settings);
            assert!(latency.percentile(bucket, 0.5, least).is_some() && latency.percentile(bucket, 0.5, 65).is_none());
        }
        assert_eq!(latency.percentile(bucket, 0.0, 1), Some(Duration::from_secs(1)), "the oldest is gone");
        assert_eq!(latency.percentile(bucket, 1.0, 1), Some(Duration::from_secs(64)));
    }
}
