//! The order in which a pool offers its models, and a model its deployments.

use crate::chance::Chance;

/// How one of several is chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Strategy {
    /// By weight, in smooth rotation: never more than one choice away from the exact share.
    #[default]
    Weighted,
    /// One after the other, whatever the weights.
    RoundRobin,
    /// The first that can serve, in the order given.
    Priority,
}

impl Strategy {
    /// As configuration and metrics write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Weighted => "weighted",
            Self::RoundRobin => "round_robin",
            Self::Priority => "priority",
        }
    }
}

mod priority;
mod round_robin;
mod weighted;

/// Where the rotation of one pool or model stands.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rotation {
    /// What each is owed, in slots.
    pub(crate) credit: Vec<f64>,
    /// Whose turn it is.
    pub(crate) next: usize,
}

impl Strategy {
    /// Chooses for a first attempt, and moves the rotation on. Weight 0 = cannot serve now.
    pub(crate) fn rotate(self, rotation: &mut Rotation, weights: &[f64]) -> Option<usize> {
        match self {
            Self::Weighted => weighted::rotate(&mut rotation.credit, weights),
            Self::RoundRobin => {
                let chosen = round_robin::after(rotation.next, weights)?;
                rotation.next = (chosen + 1) % weights.len();
                Some(chosen)
            }
            Self::Priority => priority::first(weights),
        }
    }

    /// Chooses among what is left after a failure; the rotation stays, so that first attempts keep to the weights.
    pub(crate) fn replace(self, next: usize, weights: &[f64], chance: &mut Chance) -> Option<usize> {
        match self {
            Self::Weighted => weighted::sample(weights, chance),
            Self::RoundRobin => round_robin::after(next, weights),
            Self::Priority => priority::first(weights),
        }
    }
}
