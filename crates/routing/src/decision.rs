//! The record of why an exchange went where it went.

use crate::catalog::{DeploymentId, ModelId, Target};
use crate::chance::Chance;
use crate::eligibility::Exclusion;
use crate::instant::Instant;
use crate::outcome::Ending;
use crate::plan::{AttemptKind, MovedOn, Stop};
use crate::strategy::{Offer, Strategy, Turn};

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
    /// Every choice among several, in order: from these inputs it can be made again, see [`Draw::replay`].
    pub draws: Vec<Draw>,
    /// Every attempt, in order.
    pub attempts: Vec<AttemptRecord>,
    /// Why it ended, if it ended without an answer.
    pub stop: Option<Stop>,
}

/// One choice among several, with all that it was made from. Choices among more than 64 are not kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Draw {
    /// Its circumstances.
    pub turn: Turn,
    /// The state of the router's dice before it.
    pub dice: u64,
    /// What it was made among, and what was known of each. Scores are those that the strategy gave.
    pub options: Vec<DrawOption>,
    /// Index among the options.
    pub chosen: Option<usize>,
}

/// One of those among which a choice was made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DrawOption {
    /// Which.
    pub what: DrawnOption,
    /// What was known of it.
    pub offer: Offer,
}

/// What a choice is made among.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DrawnOption {
    /// Members of a pool.
    Model(ModelId),
    /// Deployments of a stage or a model.
    Deployment(DeploymentId),
}

impl Draw {
    /// Makes the choice again from what was kept of it: which option, and the score of each.
    ///
    /// Agrees to the bit with [`Draw::chosen`] and the scores kept, on any machine, as long as the rules are those of
    /// this version.
    pub fn replay(&self) -> (Option<usize>, Vec<f64>) {
        let mut offers: Vec<Offer> = self.options.iter().map(|option| Offer { score: 0.0, ..option.offer }).collect();
        let chosen = self.turn.choose(&mut offers, &mut Chance::new(self.dice));
        (chosen, offers.iter().map(|offer| offer.score).collect())
    }
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
    /// It was let in though it cannot take the conversation whole; why not is in `exclusion` when last looked at before those
    /// who can.
    pub is_reduced: bool,
    /// Why it cannot take the conversation whole, while it may be asked with less.
    pub(crate) lack: Option<Exclusion>,
    /// Whether it can be chosen in the round that was last looked at.
    pub(crate) is_open: bool,
    /// Position of the member in its pool.
    pub(crate) member: u32,
    /// Configured weight of the member in its pool.
    pub(crate) member_weight: f64,
    /// How far it was back after its breaker closed, when last looked at.
    pub(crate) ramp: f64,
    /// How much of its weight ill health left it, when last looked at.
    pub(crate) health: f64,
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
    /// As in [`crate::Attempt::is_reduced`].
    pub is_reduced: bool,
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
    /// The bound deployment could have been used, and another was clearly better.
    Left(DeploymentId),
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
    /// Tokens of output that such a request is expected to bring.
    pub output_tokens: f64,
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
    /// Expected cost of an answer, nano-USD; `None` = price not known.
    pub cost: Option<f64>,
    /// Expected seconds to the last token; `None` = never measured.
    pub seconds: Option<f64>,
    /// Expected seconds to the first content; `None` = never measured.
    pub first_content: Option<f64>,
    /// The share of its attempts that failed lately, 0..1.
    pub failures: f64,
    /// Why it would not be chosen now.
    pub exclusion: Option<Exclusion>,
}
