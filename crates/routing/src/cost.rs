//! What a request is expected to cost at a deployment, from what such requests cost before.

use std::collections::HashMap;

use crate::chance::MixState;
use crate::hour::Rate;
use crate::instant::Instant;
use crate::latency::Average;
use crate::settings::MeasureSettings;

/// Expected cost of one attempt that is answered, in nano-USD. `cached` = the share of the input (0..=1) that the
/// upstream's prompt cache is expected to hold.
#[expect(clippy::cast_precision_loss, reason = "token counts are far below 2^52")]
pub(crate) fn expected(rate: &Rate, input_tokens: u64, cached: f64, output_tokens: f64) -> f64 {
    let rates = rate.of(input_tokens);
    let input = input_tokens as f64;
    input * (1.0 - cached) * rates.input + input * cached * rates.cache_read + output_tokens * rates.output
}

/// The most that reading the input and this many tokens of output can cost, in nano-USD.
#[expect(clippy::cast_precision_loss, reason = "token counts are far below 2^52")]
pub(crate) fn worst(rate: &Rate, input_tokens: u64, output_tokens: u64) -> f64 {
    let rates = rate.of(input_tokens);
    input_tokens as f64 * rates.input.max(rates.cache_write).max(rates.cache_read) + output_tokens as f64 * rates.output
}

/// What an attempt that brought nothing is taken to have cost: its input. Without a price a token counts as one
/// nano-USD, so that what is compared stays in proportion to size.
#[expect(clippy::cast_precision_loss, reason = "token counts are far below 2^52")]
pub(crate) fn of_input(rate: Option<&Rate>, input_tokens: u64) -> f64 {
    let per_token = rate.map_or(0.0, |rate| rate.of(input_tokens).input);
    input_tokens.max(1) as f64 * if per_token > 0.0 { per_token } else { 1.0 }
}

/// How much of the input a deployment reads from its prompt cache.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct CacheHits {
    /// For turns that followed their conversation there.
    warm: Average,
    /// For all others: a system prompt that many share is cached as well.
    cold: Average,
}

impl CacheHits {
    pub(crate) fn record(&mut self, is_warm: bool, share: f64, now: Instant, settings: &MeasureSettings) {
        let average = if is_warm { &mut self.warm } else { &mut self.cold };
        average.record(share.clamp(0.0, 1.0), now, settings);
    }

    /// The share that is expected to be cached, 0..=1.
    pub(crate) fn expected(&self, is_warm: bool, settings: &MeasureSettings) -> f64 {
        if is_warm { self.warm.mean().unwrap_or(settings.warm_prior) } else { self.cold.mean().unwrap_or(0.0) }
    }
}

/// What a request is expected to be counted at.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Expected {
    pub(crate) input: u64,
    pub(crate) output: f64,
}

/// How long answers are, and how far our estimates of inputs are off, by what was asked for and who asked.
///
/// Two generations make it bounded without a list of ages: when the young one is half of the limit, the old one goes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Habits {
    young: HashMap<u64, Habit, MixState>,
    old: HashMap<u64, Habit, MixState>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Habit {
    output: Average,
    /// Tokens of input as counted and as estimated. Their ratio is that of the long inputs, whose cost matters most.
    counted: Average,
    estimated: Average,
}

impl Habit {
    fn correction(&self) -> Option<f64> {
        Some(self.counted.mean()? / self.estimated.mean()?)
    }
}

impl Habits {
    /// For this asker, else for all who ask for the same, else for anything. `estimate` = tokens of input.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "token counts are far below 2^52, and casts saturate"
    )]
    pub(crate) fn expected(&self, target: u64, payer: u64, estimate: u64, settings: &MeasureSettings) -> Expected {
        let own = self.find(joined(target, payer));
        let all = self.find(target);
        let known = |part: fn(&Habit) -> Option<f64>| own.and_then(part).or_else(|| all.and_then(part));
        let counted = known(Habit::correction).unwrap_or(1.0);
        let output = known(|habit| habit.output.mean()).unwrap_or(settings.output_prior);
        Expected { input: (estimate as f64 * counted).round() as u64, output }
    }

    /// Learns from an answer: its length, and the tokens of input counted and estimated. What was not counted is 0.
    #[expect(clippy::cast_precision_loss, reason = "token counts are far below 2^52")]
    pub(crate) fn record(
        &mut self,
        (target, payer): (u64, u64),
        output: u64,
        (counted, estimated): (u64, u64),
        now: Instant,
        settings: &MeasureSettings,
    ) {
        for key in [target, joined(target, payer)] {
            let mut habit = self.find(key).copied().unwrap_or_default();
            if output > 0 {
                habit.output.record(output as f64, now, settings);
            }
            if counted > 0 && estimated > 0 {
                habit.counted.record(counted as f64, now, settings);
                habit.estimated.record(estimated as f64, now, settings);
            }
            if self.young.len() >= settings.lengths_max / 2 && !self.young.contains_key(&key) {
                self.old = std::mem::take(&mut self.young);
            }
            self.young.insert(key, habit);
        }
    }

    fn find(&self, key: u64) -> Option<&Habit> {
        self.young.get(&key).or_else(|| self.old.get(&key))
    }
}

fn joined(target: u64, payer: u64) -> u64 {
    target.rotate_left(32) ^ payer.wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::hour::TokenRates;

    fn rates(input: f64) -> TokenRates {
        TokenRates { input, cache_read: input / 10.0, cache_write: input * 1.25, output: input * 5.0 }
    }

    #[test]
    fn cost_counts_the_cached_share_the_output_and_the_tier() {
        let rate = Rate { base: rates(100.0), tiers: vec![(1_000, rates(200.0))], units: [0.0; 4] };
        let check = |tokens, cached, output, expected_cost: f64| {
            assert!((expected(&rate, tokens, cached, output) - expected_cost).abs() < 1e-6);
        };
        check(1_000, 0.0, 10.0, 105_000.0);
        check(1_000, 0.5, 10.0, 50_000.0 + 5_000.0 + 5_000.0);
        check(1_001, 0.0, 0.0, 200_200.0);
        assert!((worst(&rate, 10, 1) - 1_750.0).abs() < 1e-9);
        assert!((of_input(Some(&rate), 10) - 1_000.0).abs() < 1e-9);
        assert!((of_input(None, 10) - 10.0).abs() < 1e-9);
    }

    #[test]
    fn lengths_are_the_askers_own_where_known_and_bounded() {
        let settings = MeasureSettings { lengths_max: 8, ..MeasureSettings::default() };
        let mut lengths = Habits::default();
        let now = Instant::from_start(Duration::from_secs(1));
        assert!((lengths.expected(1, 1, 0, &settings).output - settings.output_prior).abs() < 1e-9);
        lengths.record((1, 1), 10, (0, 0), now, &settings);
        lengths.record((1, 2), 30, (0, 0), now, &settings);
        assert!((lengths.expected(1, 1, 0, &settings).output - 10.0).abs() < 1e-9);
        assert!((lengths.expected(1, 3, 0, &settings).output - 20.0).abs() < 1e-9);
        for payer in 10..100 {
            lengths.record((1, payer), 10, (0, 0), now, &settings);
        }
        assert!(lengths.young.len() + lengths.old.len() <= 8);
        for target in 10..100 {
            lengths.record((target, 1), 10, (0, 0), now, &settings);
        }
        assert!(lengths.young.len() + lengths.old.len() <= 8);
    }

    #[test]
    fn an_estimate_is_corrected_by_what_was_counted() {
        let (settings, now) = (MeasureSettings::default(), Instant::from_start(Duration::from_secs(1)));
        let mut habits = Habits::default();
        let input = |habits: &Habits, payer| habits.expected(7, payer, 1_000, &settings).input;
        assert_eq!(input(&habits, 1), 1_000);
        habits.record((7, 1), 10, (400, 800), now, &settings);
        habits.record((7, 2), 10, (0, 800), now, &settings);
        assert_eq!((input(&habits, 1), input(&habits, 2), input(&habits, 3)), (500, 500, 500));
        habits.record((7, 2), 10, (800, 800), now, &settings);
        assert_eq!((input(&habits, 1), input(&habits, 2), input(&habits, 3)), (500, 1_000, 750));
    }

    #[test]
    fn the_cache_is_measured_apart_for_a_conversation_s_own_place() {
        let (settings, now) = (MeasureSettings::default(), Instant::from_start(Duration::from_secs(1)));
        let mut hits = CacheHits::default();
        let expected = |hits: &CacheHits| (hits.expected(true, &settings), hits.expected(false, &settings));
        assert_eq!(expected(&hits), (0.5, 0.0));
        hits.record(true, 0.75, now, &settings);
        assert_eq!(expected(&hits), (0.75, 0.0));
        hits.record(false, 0.25, now, &settings);
        assert_eq!(expected(&hits), (0.75, 0.25));
        hits.record(false, 1.25, now, &settings);
        assert_eq!(expected(&hits), (0.75, 0.625), "no more than all");
    }

    #[test]
    fn those_who_ask_again_drive_nobody_out() {
        let settings = MeasureSettings { lengths_max: 8, ..MeasureSettings::default() };
        let now = Instant::from_start(Duration::from_secs(1));
        let mut lengths = Habits::default();
        for payer in [1, 2, 3, 3, 3, 3] {
            lengths.record((7, payer), 10 * payer, (0, 0), now, &settings);
        }
        for payer in 1..=3u32 {
            let own = lengths.expected(7, u64::from(payer), 0, &settings).output;
            assert!((own - 10.0 * f64::from(payer)).abs() < 1e-9, "{payer}: {own}");
        }
        // Whatever the hash of the target is.
        lengths.record((u64::MAX, 1), 10, (0, 0), now, &settings);
        lengths.record((u64::MAX, 2), 30, (0, 0), now, &settings);
        assert!((lengths.expected(u64::MAX, 1, 0, &settings).output - 10.0).abs() < 1e-9);
    }
}
