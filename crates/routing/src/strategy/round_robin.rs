//! One after the other.

/// Chooses the first that can serve at or after `next`, going around.
pub(crate) fn after(next: usize, weights: &[f64]) -> Option<usize> {
    let count = weights.len();
    (0..count).map(|step| (next + step) % count).find(|&index| weights[index] > 0.0)
}
