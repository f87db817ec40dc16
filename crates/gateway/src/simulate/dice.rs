//! Seeded dice that owe nothing to the order in which they are thrown.

use std::f64::consts::TAU;

/// Random numbers by splitmix64 (Steele, Lea and Flood 2014).
///
/// Dice are made anew for each attempt from what it is: the same request meets the same luck at the same deployment under
/// every strategy, so that strategies differ by their choices alone.
#[derive(Debug, Clone)]
pub(super) struct Dice(u64);

impl Dice {
    /// The dice of one attempt.
    pub(super) fn of(seed: u64, request: usize, deployment: usize, number: u32) -> Self {
        let word = mix(seed ^ mix(request as u64)) ^ mix((deployment as u64) << 32 | u64::from(number));
        Self(mix(word))
    }

    /// Evenly spread over 0..1.
    pub(super) fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        (mix(self.0) >> 11) as f64 / (1u64 << 53) as f64
    }

    /// With median 1, its logarithm normally distributed with this standard deviation.
    pub(super) fn log_normal(&mut self, spread: f64) -> f64 {
        // Box and Muller 1958. The first is kept above 0, whose logarithm is not a number.
        let (u, v) = (1.0 - self.unit(), self.unit());
        (spread * (-2.0 * u.ln()).sqrt() * (TAU * v).cos()).exp()
    }
}

fn mix(word: u64) -> u64 {
    let word = word.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    word ^ (word >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn luck_belongs_to_the_attempt_alone() {
        let throw = |request, deployment, number| Dice::of(7, request, deployment, number).unit();
        assert_eq!(throw(3, 1, 1).to_bits(), throw(3, 1, 1).to_bits());
        let others = [throw(4, 1, 1), throw(3, 2, 1), throw(3, 1, 2), Dice::of(8, 3, 1, 1).unit()];
        assert!(others.iter().all(|other| other.to_bits() != throw(3, 1, 1).to_bits()), "{others:?}");
    }

    #[test]
    fn half_of_all_throws_are_slower_than_the_median() {
        let mut slower = 0;
        let mut logarithms = 0.0;
        for request in 0..10_000 {
            let factor = Dice::of(1, request, 0, 1).log_normal(0.5);
            slower += usize::from(factor > 1.0);
            logarithms += factor.ln().powi(2);
        }
        assert!((4_850..=5_150).contains(&slower), "{slower}");
        let spread = f64::sqrt(logarithms / 10_000.0);
        assert!((0.48..0.52).contains(&spread), "{spread}");
    }
}
