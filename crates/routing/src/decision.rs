//! The record of why an exchange went where it went.

use crate::catalog::{DeploymentId, ModelId, Target};
use crate::eligibility::Exclusion;
use crate::instant::Instant;
use crate::outcome::Ending;
use crate::plan::{AttemptKind, MovedOn, Stop};
use crate::strategy::Strategy;

/// Why an exchange went where it went.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// What was asked for.
    pub target: Target,
    /// How its first layer chooses.
    pub strategy: Strategy,
    /// What the conversation's binding did.
    pub affinity: AffinityUse,
    /// Every deployment considered, stage by stage in the order of the fallback chain. Later stages appear when reached.
    pub candidates: Vec<Candidate>,
    /// Every attempt, in order.
    pub attempts: Vec<AttemptRecord>,
    /// Why it ended, if it ended without an answer.
    pub stop: Option<Stop>,
}

/// A deployment that could have been chosen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Candidate {
    /// The deployment.
    pub deployment: DeploymentId,
    /// Its model.
    pub model: ModelId,
    /// 0 = what was asked for, 1 = the first of the fallback chain, and so on.
    pub stage: u8,
    /// The configured weights of both layers multiplied, bent by slow start and health, when last looked at.
    pub weight: f64,
    /// Why it could not be chosen when last looked at.
    pub exclusion: Option<Exclusion>,
    /// Position of the member in its pool.
    pub(crate) member: u32,
    /// Configured weight of the member in its pool.
    pub(crate) member_weight: f64,
    /// Slow start and health, when last looked at.
    pub(crate) vigour: f64,
    /// Whether it would be a probe.
    pub(crate) is_probe_due: bool,
}

/// One attempt as the record keeps it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AttemptRecord {
    /// As in [`crate::Attempt::id`].
    pub id: u64,
    /// Where it went.
    pub deployment: DeploymentId,
    /// The model there.
    pub model: ModelId,
    /// Why it was made.
    pub kind: AttemptKind,
    /// Whether it tested a deployment that had been set aside.
    pub is_probe: bool,
    /// When it was handed out.
    pub started: Instant,
    /// How it ended; `None` while nobody has said.
    pub ending: Option<Ending>,
    /// What was decided after it failed.
    pub moved_on: Option<MovedOn>,
}

/// What a conversation's binding did for an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AffinityUse {
    /// The request belongs to no conversation.
    NoConversation,
    /// A first turn, which rotates.
    FirstTurn,
    /// Nothing is remembered about the conversation.
    Unbound,
    /// The first attempt went where the conversation was.
    Followed(DeploymentId),
    /// The bound deployment could not be used.
    Unusable(DeploymentId, Exclusion),
    /// The bound deployment is not among those that the target leads to.
    Elsewhere,
}

/// What a plan would do, in order, without doing it.
#[derive(Clone, Debug, PartialEq)]
pub struct Preview {
    /// What was asked for.
    pub target: Target,
    /// How its first layer chooses.
    pub strategy: Strategy,
    /// Where the conversation is bound, if that would be followed.
    pub bound: Option<DeploymentId>,
    /// Stage by stage; within a stage those that could serve first, by share or priority.
    pub candidates: Vec<PreviewCandidate>,
}

/// One line of a [`Preview`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PreviewCandidate {
    /// The deployment.
    pub deployment: DeploymentId,
    /// Its model.
    pub model: ModelId,
    /// 0 = what was asked for, 1 = the first of the fallback chain, and so on.
    pub stage: u8,
    /// Its share of first attempts within its stage, 0..=1.
    pub share: f64,
    /// Why it would not be chosen now.
    pub exclusion: Option<Exclusion>,
}
