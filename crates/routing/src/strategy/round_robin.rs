//! One after the other.

use crate::strategy::Offer;

/// Chooses the first that can serve at or after `next`, going around.
pub(super) fn after(next: usize, offers: &[Offer]) -> Option<usize> {
    let count = offers.len();
    (0..count).map(|step| (next + step) % count).find(|&index| offers[index].is_open())
}
