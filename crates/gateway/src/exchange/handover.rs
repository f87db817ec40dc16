//! Hand-over: what a model is told of a conversation that it cannot take whole, or that another model had before it.
//!
//! What is cut and what stands for it is decided in `protocol`; who is asked so, in `routing`. Here the two are brought
//! together: how much room there is, which summary is there, and what the caller and the record are told.

mod making;
mod seal;
mod summaries;

use std::sync::{Arc, OnceLock};

use roundelay_protocol::{
    chat,
    estimate::Tokenizer,
    handover::{Room, Takes, Told, least, prefixes},
    openai::Operation,
};
use roundelay_routing::{Attempt, Capabilities, Least, ModelId, Target};

pub use self::{making::Making, summaries::Summaries};
use super::{
    call::{Call, Inbound},
    gateway::Gateway,
    snapshot::{Deployment, Snapshot},
};
use crate::config::Handover;

/// Reason a conversation is not passed on as its caller sent it.
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

/// What was made of a conversation for a deployment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Handed {
    pub(super) why: Reason,
    pub(super) told: Told,
}

/// How the conversation of a call may be handed over.
#[derive(Debug)]
pub(super) struct Handing {
    pub(super) mode: Handover,
    /// The model that it is with, as far as that is known.
    with: OnceLock<ModelId>,
}

impl Handing {
    /// What is asked for by the name of a pool may be handed over as the pool says; nothing else is, and no errand.
    pub(super) fn of(snapshot: &Snapshot, target: Target, inbound: &Inbound) -> Self {
        let mode = match (target, inbound.operation) {
            (_, Operation::Completions | Operation::Service(_)) | (Target::Model(_), _) => Handover::Full,
            (Target::Pool(_), _) if inbound.errand.is_some() => Handover::Full,
            (Target::Pool(pool), _) => snapshot.config.pools[pool.0 as usize].handover,
        };
        Self { mode, with: OnceLock::new() }
    }

    /// Notes the model that the conversation is with; the first that is named counts.
    pub(super) fn is_with(&self, model: ModelId) {
        if self.mode == Handover::Summary {
            self.with.get_or_init(|| model);
        }
    }
}

impl Call {
    /// Reason an attempt is told another conversation than its caller sent; `None` where it is told the same.
    pub(super) fn why_handed(&self, attempt: &Attempt) -> Option<Reason> {
        if !attempt.is_reduced {
            let is_changed = || self.handing.with.get().is_some_and(|with| *with != self.model_of(attempt));
            return (self.handing.mode == Handover::Summary && is_changed()).then_some(Reason::ModelChanged);
        }
        let model = &self.snapshot.catalog.models[self.model_of(attempt).0 as usize];
        let input = self.demand.input_tokens;
        let fits = model.context_window.is_none_or(|window| input.saturating_add(self.share(window)) <= window);
        let can = model.capabilities.covers(self.demand.needs);
        Some(if fits && !can { Reason::Capability } else { Reason::Window })
    }

    /// The model that an attempt asks.
    pub(super) fn model_of(&self, attempt: &Attempt) -> ModelId {
        self.snapshot.catalog.deployments[attempt.deployment.0 as usize].model
    }

    /// The part of a window that is the answer's.
    fn share(&self, window: u64) -> u64 {
        let asked = Some(self.demand.output_tokens).filter(|&tokens| tokens > 0);
        asked.unwrap_or(ANSWER_TOKENS).min(window / 4)
    }

    /// What a deployment has room for.
    pub(super) fn room(&self, deployment: &Deployment, why: Reason) -> Room {
        let catalog = &self.snapshot.catalog;
        let model = &catalog.models[catalog.deployments[deployment.id.0 as usize].model.0 as usize];
        let tokens = model.context_window.map_or(u64::MAX, |window| window - self.share(window));
        let input = self.demand.input_tokens;
        // What should have fitted and was refused as too long has more tokens than it was taken for.
        let tokens = if why == Reason::Window && input <= tokens { input / 2 } else { tokens };
        Room {
            tokens,
            tokenizer: self.tokenizer,
            verbatim: (why == Reason::ModelChanged).then_some(self.snapshot.config.summaries.verbatim),
            takes: takes(model.capabilities),
        }
    }

    /// Tokens of output that a deployment has room for besides so many of input.
    pub(super) fn room_left(&self, deployment: &Deployment, input: u64) -> u64 {
        let catalog = &self.snapshot.catalog;
        let model = &catalog.models[catalog.deployments[deployment.id.0 as usize].model.0 as usize];
        model.context_window.map_or(u64::MAX, |window| window.saturating_sub(input).max(1))
    }

    /// The least that the conversation can be cut to; `None` where it cannot be cut, because it is kept elsewhere or
    /// cannot be read.
    pub(super) fn least(&self, inbound: &Inbound, asked: Option<&chat::Request<'_>>) -> Option<Least> {
        let asked = asked.filter(|asked| asked.previous.is_none())?;
        debug_assert_eq!(asked.dialect, inbound.operation.dialect());
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
pub(super) fn finder<'g>(
    gateway: &'g Gateway,
    inbound: &'g Inbound,
    snapshot: &Snapshot,
    asked: &chat::Request<'_>,
) -> impl FnMut(usize) -> Option<Arc<str>> + 'g {
    let (summaries, account) = (&gateway.summaries, &inbound.caller.account);
    let prefixes = match summaries.is_empty() {
        true => Vec::new(),
        false => prefixes(asked, &summaries.key(account, &snapshot.config.summaries)),
    };
    move |turns: usize| summaries.find(account, prefixes.get(turns.checked_sub(1)?)?)
}

/// What an answer has room for where its caller has not said how much it may have.
const ANSWER_TOKENS: u64 = 1_024;
