//! What one request asks of routing.

use std::sync::Arc;

use crate::catalog::Target;
use crate::hour::{Hour, UNITS};
use crate::instant::Instant;

/// One request as routing sees it.
#[derive(Clone, Debug)]
pub struct Demand {
    /// The model or pool the caller named.
    pub target: Target,
    /// What the answering model must be able to do.
    pub needs: Capabilities,
    /// Estimated input tokens.
    pub input_tokens: u64,
    /// Those that have to fit a context window together; `None` = input and output. Texts to embed fit one each.
    pub together: Option<u64>,
    /// Most output tokens asked for; 0 = unknown.
    pub output_tokens: u64,
    /// What is asked for that is no token, as many of each as there may be: the router knows no more of them than that
    /// each has a rate.
    pub units: [f64; UNITS],
    /// What the caller's key may use; `None` = everything. Naming a pool allows all that the pool leads to.
    pub allowed: Option<Arc<[Target]>>,
    /// The conversation this request continues or begins.
    pub conversation: Option<Conversation>,
    /// Who asks, as a keyed hash: how long answers are is learnt for each.
    pub payer: u64,
    /// What the payer can still spend, in nano-USD; `None` = no limit.
    pub spendable: Option<f64>,
    /// What is set aside for an attempt whose price is not known, in nano-USD; infinite where such a deployment is not to
    /// be used by who can run out of money.
    pub unpriced_held: f64,
    /// The prices and the duty at the instant the exchange was admitted.
    pub hour: Arc<Hour>,
    /// When the exchange ends, whatever happens.
    pub deadline: Instant,
    /// Whether anything may be sent after a first attempt failed.
    pub retries_allowed: bool,
    /// Whether a model that cannot take the conversation whole may be asked with what is prepared for it.
    pub may_hand_over: bool,
}

/// Which conversation a request belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conversation {
    /// A keyed hash, different for every tenant.
    pub id: u64,
    /// First turns rotate, so that equal prompts keep to the weights.
    pub is_first_turn: bool,
    /// The caller named the session itself, so even a first turn follows an existing binding.
    pub is_explicit: bool,
}

/// What a model can do, or what a request needs done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// Takes part in a conversation.
    pub chat: bool,
    /// Calls tools.
    pub tools: bool,
    /// Calls several tools in one turn.
    pub parallel_tools: bool,
    /// Reads images.
    pub vision: bool,
    /// Hears or speaks audio.
    pub audio: bool,
    /// Reads documents such as PDF.
    pub documents: bool,
    /// Answers in JSON.
    pub json_object: bool,
    /// Answers in JSON that keeps to a schema.
    pub json_schema: bool,
    /// Shows its reasoning, or takes an effort for it.
    pub reasoning: bool,
    /// Continues an assistant turn that the caller began.
    pub prefill: bool,
    /// Gives token log probabilities.
    pub logprobs: bool,
    /// Completes plain text (the legacy completions call).
    pub completions: bool,
    /// Computes embeddings.
    pub embeddings: bool,
    /// Ranks documents.
    pub rerank: bool,
    /// Judges content.
    pub moderations: bool,
    /// Makes images.
    pub images: bool,
    /// Speaks a text.
    pub speech: bool,
    /// Writes down what it hears.
    pub transcriptions: bool,
}

impl Capabilities {
    /// No needs.
    pub const NONE: Self = Self {
        chat: false,
        tools: false,
        parallel_tools: false,
        vision: false,
        audio: false,
        documents: false,
        json_object: false,
        json_schema: false,
        reasoning: false,
        prefill: false,
        logprobs: false,
        completions: false,
        embeddings: false,
        rerank: false,
        moderations: false,
        images: false,
        speech: false,
        transcriptions: false,
    };

    /// What an unknown model is taken to do: the upstream, not the gateway, then says no.
    pub const ALL: Self = Self {
        chat: true,
        tools: true,
        parallel_tools: true,
        vision: true,
        audio: true,
        documents: true,
        json_object: true,
        json_schema: true,
        reasoning: true,
        prefill: true,
        logprobs: true,
        completions: true,
        embeddings: true,
        rerank: true,
        moderations: true,
        images: true,
        speech: true,
        transcriptions: true,
    };

    /// Names each need that is not covered; empty when all are.
    pub fn missing(self, needs: Self) -> impl Iterator<Item = &'static str> {
        let pairs = needs.list().into_iter().zip(self.list()).zip(NAMES);
        pairs.filter_map(|((is_needed, is_there), name)| (is_needed && !is_there).then_some(name))
    }

    /// With the capability of that name as well; `None` when no capability has it.
    #[must_use]
    pub fn with(mut self, name: &str) -> Option<Self> {
        let place = NAMES.iter().position(|known| *known == name)?;
        *self.list_mut()[place] = true;
        Some(self)
    }

    /// Whether all `needs` are among these capabilities.
    pub fn covers(self, needs: Self) -> bool {
        // Most requests need nothing but a conversation, and this is asked of every candidate of every request.
        let more = Self { chat: false, ..needs };
        (self.chat || !needs.chat) && (more == Self::NONE || self.missing(more).next().is_none())
    }

    /// In the order of [`NAMES`].
    fn list(self) -> [bool; NAMES.len()] {
        [
            self.chat,
            self.tools,
            self.parallel_tools,
            self.vision,
            self.audio,
            self.documents,
            self.json_object,
            self.json_schema,
            self.reasoning,
            self.prefill,
            self.logprobs,
            self.completions,
            self.embeddings,
            self.rerank,
            self.moderations,
            self.images,
            self.speech,
            self.transcriptions,
        ]
    }

    /// In the order of [`NAMES`].
    fn list_mut(&mut self) -> [&mut bool; NAMES.len()] {
        [
            &mut self.chat,
            &mut self.tools,
            &mut self.parallel_tools,
            &mut self.vision,
            &mut self.audio,
            &mut self.documents,
            &mut self.json_object,
            &mut self.json_schema,
            &mut self.reasoning,
            &mut self.prefill,
            &mut self.logprobs,
            &mut self.completions,
            &mut self.embeddings,
            &mut self.rerank,
            &mut self.moderations,
            &mut self.images,
            &mut self.speech,
            &mut self.transcriptions,
        ]
    }
}

/// As configuration writes them.
const NAMES: [&str; 18] = [
    "chat",
    "tools",
    "parallel_tools",
    "vision",
    "audio",
    "documents",
    "json_object",
    "json_schema",
    "reasoning",
    "prefill",
    "logprobs",
    "completions",
    "embeddings",
    "rerank",
    "moderations",
    "images",
    "speech",
    "transcriptions",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_stands_for_the_capability_that_is_missed_by_it() {
        for name in NAMES {
            let needs = Capabilities::NONE.with(name).expect("a known name");
            assert_eq!(Capabilities::NONE.missing(needs).collect::<Vec<_>>(), [name]);
        }
        assert_eq!(Capabilities::NONE.with("telepathy"), None);
    }
}
