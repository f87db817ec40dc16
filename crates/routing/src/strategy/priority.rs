//! The first that can serve.

use crate::strategy::Offer;

/// Chooses the first that can serve.
pub(super) fn first(offers: &[Offer]) -> Option<usize> {
    offers.iter().position(Offer::is_open)
}
