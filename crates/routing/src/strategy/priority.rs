//! The first that can serve.

/// Chooses the first that can serve.
pub(crate) fn first(weights: &[f64]) -> Option<usize> {
    weights.iter().position(|&weight| weight > 0.0)
}
