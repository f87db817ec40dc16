//! Seeded dice, so that every run can be repeated.

use std::hash::{BuildHasherDefault, Hasher};
use std::time::Duration;

/// Random numbers by splitmix64 (Steele, Lea and Flood 2014): one word of state, every seed is good.
#[derive(Clone, Debug)]
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// From which the same throws follow: `Chance::new(chance.state())`.
    pub(crate) fn state(&self) -> u64 {
        self.0
    }

    pub(crate) fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        mix(self.0)
    }

    /// Evenly spread over 0..1.
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit a double exactly")]
    pub(crate) fn unit(&mut self) -> f64 {
        (self.word() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// One of `count` places, each as likely as the others; 0 when there is none.
    pub(crate) fn index(&mut self, count: usize) -> usize {
        let count = u64::try_from(count).unwrap_or(u64::MAX).max(1);
        usize::try_from(self.word() % count).expect("less than the count, which is a usize")
    }

    /// Evenly spread over 0..limit (full jitter).
    pub(crate) fn up_to(&mut self, limit: Duration) -> Duration {
        limit.mul_f64(self.unit())
    }

    /// Within `spread` (0..1) of `length` to either side.
    pub(crate) fn around(&mut self, length: Duration, spread: f64) -> Duration {
        length.mul_f64(1.0 + spread * (2.0 * self.unit() - 1.0))
    }
}

fn mix(word: u64) -> u64 {
    let word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    word ^ (word >> 31)
}

/// Hashes keys that are keyed hashes already; the standard hasher would ask the operating system for a seed.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Mix(u64);

pub(crate) type MixState = BuildHasherDefault<Mix>;

impl Hasher for Mix {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(u64::from(byte));
        }
    }

    fn write_u64(&mut self, word: u64) {
        self.0 = mix(self.0 ^ word);
    }
}
