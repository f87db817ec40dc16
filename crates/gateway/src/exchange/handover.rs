//! Hand-over: what a model is told of a conversation that it cannot take whole, or that another model had before it.
//!
//! What is cut and what stands for it is decided in `protocol`; who is asked so, in `routing`. Here the two are brought
//! together: how much room there is, which summary is there, and what the caller and the record are told.

mod asking;
mod due;
mod making;
mod permitted;
mod queue;
mod seal;
mod summaries;

use std::sync::{Arc, OnceLock};

use roundelay_ledger::AccountId;
use roundelay_protocol::{
    chat,
    handover::{Room, Takes, Told, least, prefixes},
    openai::Operation,
};
use roundelay_routing::{Attempt, Capabilities, Least, Model, ModelId, Plan, Target};

pub(super) use self::making::summarise;
pub use self::{making::Making, summaries::Summaries};
use super::{
    call::{Call, Inbound},
    gateway::Gateway,
    outgoing::is_kept_elsewhere,
    snapshot::{Deployment, Snapshot},
};
use crate::config::Handover;

/// Why a conversation is not passed on as its caller sent it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    /// It does not fit the context window.
    Window,
    /// It holds what the model cannot take: images, audio or files.
    Capability,
    /// It was with another model, and its pool wants a summary then.
    ModelChanged,
}

impl Reason {
    /// As records call it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Window => "window",
            Self::Capability => "capability",
            Self::ModelChanged => "model_changed",
        }
    }
}

/// How a conversation is handed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hand {
    pub(super) reason: Reason,
    /// Tokens of input that there is room for.
    pub(super) tokens: u64,
}

/// What was made of a conversation for a deployment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Handed {
    pub(super) reason: Reason,
    pub(super) told: Told,
}

/// How the conversation of a call may be handed over.
#[derive(Debug)]
pub(super) struct Handing {
    pub(super) mode: Handover,
    /// Whether its caller is told how it was handed over.
    pub(super) is_told: bool,
    /// The model that it is with, as far as that is known.
    with: OnceLock<ModelId>,
}

impl Handing {
    /// What is asked for by the name of a pool may be handed over as the pool says; nothing else is, and no errand.
    pub(super) fn of(snapshot: &Snapshot, target: Target, inbound: &Inbound) -> Self {
        let is_conversation = !matches!(inbound.operation, Operation::Completions | Operation::Service(_));
        let mode = match target {
            Target::Pool(pool) if is_conversation && inbound.errand.is_none() => {
                Some(snapshot.config.pools[pool.0 as usize].handover)
            }
            Target::Pool(_) | Target::Model(_) => None,
        };
        Self { mode: mode.unwrap_or(Handover::Full), is_told: mode.is_some(), with: OnceLock::new() }
    }

    /// The same for what goes on from the whole conversation.
    pub(super) fn whole(&self) -> Self {
        Self { mode: Handover::Full, is_told: self.is_told, with: OnceLock::new() }
    }

    /// Notes the model that the conversation is with; the first that is named counts.
    pub(super) fn is_with(&self, model: ModelId) {
        if self.mode == Handover::Summary {
            self.with.get_or_init(|| model);
        }
    }
}

impl Call {
    /// How the conversation is handed over to an attempt; `None` where it is told what its caller sent.
    pub(super) fn hand(&self, plan: &Plan, attempt: &Attempt) -> Option<Hand> {
        if !attempt.is_reduced && self.handing.mode != Handover::Summary {
            return None;
        }
        let model = self.model_of(attempt);
        let tokens = plan.room(model);
        if !attempt.is_reduced {
            let is_changed = self.handing.with.get().is_some_and(|with| *with != model);
            return is_changed.then_some(Hand { reason: Reason::ModelChanged, tokens });
        }
        let can = self.snapshot.catalog.models[model.0 as usize].capabilities;
        let lacks = !can.covers(self.demand.needs) && self.demand.input_tokens <= tokens;
        Some(Hand { reason: if lacks { Reason::Capability } else { Reason::Window }, tokens })
    }

    /// The model that the conversation was answered by last, where that matters.
    pub(super) fn bound_model(&self, plan: &Plan, gateway: &Gateway) -> Option<ModelId> {
        if self.handing.mode != Handover::Summary {
            return None;
        }
        plan.bound_model(&gateway.router(), gateway.clock.now())
    }

    /// The model that an attempt asks.
    pub(super) fn model_of(&self, attempt: &Attempt) -> ModelId {
        self.snapshot.catalog.deployments[attempt.deployment.0 as usize].model
    }

    /// What a deployment has room for.
    pub(super) fn room(&self, deployment: &Deployment, hand: Hand) -> Room {
        let is_changed = hand.reason == Reason::ModelChanged;
        Room {
            tokens: hand.tokens,
            tokenizer: self.tokenizer,
            verbatim: is_changed.then_some(self.snapshot.config.summaries.verbatim),
            takes: takes(self.routed(deployment).capabilities),
        }
    }

    fn routed(&self, deployment: &Deployment) -> &Model {
        let catalog = &self.snapshot.catalog;
        &catalog.models[catalog.deployments[deployment.id.0 as usize].model.0 as usize]
    }

    /// Tokens of output that a deployment has room for besides so many of input.
    pub(super) fn room_left(&self, deployment: &Deployment, input: u64) -> u64 {
        self.routed(deployment).context_window.map_or(u64::MAX, |window| window.saturating_sub(input).max(1))
    }

    /// The least that the conversation can be cut to; `None` where it cannot be cut, because it is kept elsewhere or
    /// cannot be read.
    pub(super) fn least(&self, asked: Option<&chat::Request<'_>>) -> Option<Least> {
        let asked = asked.filter(|asked| !is_kept_elsewhere(asked))?;
        let least = least(asked, self.tokenizer);
        let needs = self.demand.needs;
        let needs = Capabilities {
            vision: needs.vision && least.needs.images,
            audio: needs.audio && (least.needs.audio || self.request.needs.audio_output),
            documents: needs.documents && least.needs.files,
            ..needs
        };
        Some(Least { tokens: least.tokens, needs })
    }
}

fn takes(capabilities: Capabilities) -> Takes {
    Takes { images: capabilities.vision, audio: capabilities.audio, files: capabilities.documents }
}

/// A look at the summaries of one conversation: what stands for so many of its first turns.
///
/// One that stands for a few of those as well that are kept is better than none, and than one that lacks some: it says
/// what they say once more.
pub(super) fn finder<'g>(
    gateway: &'g Gateway,
    account: &'g AccountId,
    snapshot: &Snapshot,
    asked: &chat::Request<'_>,
) -> impl FnMut(usize) -> Option<Arc<str>> + 'g {
    let summaries = &gateway.summaries;
    let prefixes = match summaries.is_empty() {
        true => Vec::new(),
        false => prefixes(asked, &summaries.key(account, &snapshot.config.summaries)),
    };
    let mut is_first = true;
    move |turns: usize| {
        let last = turns.checked_sub(1)?;
        // The first that is asked for stands for all that is left out.
        let beyond = if std::mem::take(&mut is_first) { prefixes.len() } else { turns };
        prefixes.get(last..beyond.max(turns))?.iter().find_map(|prefix| summaries.find(account, prefix))
    }
}
