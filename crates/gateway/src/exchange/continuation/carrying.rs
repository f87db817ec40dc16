//! One attempt at carrying on an answer: how its model is asked, and where its words go.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use roundelay_protocol::{
    chat::{self, Dialect},
    estimate::Output,
    seam::{self, Way},
};

use crate::{
    exchange::{
        call::{Call, Inbound},
        incoming::{Cut, Incoming},
        outgoing::Outgoing,
        snapshot::Deployment,
    },
    upstream,
};

/// The least that OpenAI's Responses take for `max_output_tokens`.
const RESPONSES_OUTPUT_MIN: u64 = 16;
/// More tokens than the turn has that asks a model to go on, its frame included: it has fewer bytes.
const GO_ON_BOUND: u64 = 256;

/// What is carried on, and how.
#[derive(Debug)]
pub(in super::super) struct Carrying {
    cut: Arc<Cut>,
    way: Way,
    /// Another way, where the first is refused.
    otherwise: Option<Way>,
    /// Tokens of output that the caller was shown.
    delivered: u64,
    /// Tokens of output that may still come.
    left: Option<u64>,
    is_refused: AtomicBool,
}

impl Carrying {
    pub(super) fn new(
        cut: Arc<Cut>,
        (way, otherwise): (Way, Option<Way>),
        (delivered, left): (u64, Option<u64>),
    ) -> Self {
        Self { cut, way, otherwise, delivered, left, is_refused: AtomicBool::new(false) }
    }

    /// How its model is asked.
    pub(in super::super) fn way(&self) -> Way {
        match self.otherwise {
            Some(otherwise) if self.is_refused.load(Ordering::Relaxed) => otherwise,
            _ => self.way,
        }
    }

    /// The same, where it is not by the caller's own request.
    pub(in super::super) fn said(&self) -> Option<Way> {
        Some(self.way()).filter(|way| *way != Way::Again)
    }

    /// The ceiling that its model is told, where there is money for `most` tokens more and its answers have at most
    /// `output_max`. Who says the beginning again has to have room for it: that part is the house's.
    pub(in super::super) fn ceiling(&self, most: u64, output_max: Option<u64>) -> u64 {
        match self.said() {
            Some(_) => most.min(self.left.unwrap_or(u64::MAX)),
            None => most.saturating_add(self.delivered).min(output_max.unwrap_or(u64::MAX)),
        }
    }

    /// The most tokens that what is said besides the caller's request comes to.
    pub(in super::super) fn input_bound(&self) -> u64 {
        let text_bytes = self.cut.shown().text().len() as u64;
        let shown = Output { text_bytes, ..Output::default() };
        self.said().map_or(0, |_| shown.bound().saturating_add(GO_ON_BOUND))
    }

    /// Whether a server of the dialect would refuse so low a ceiling as is left.
    pub(super) fn is_too_little(&self, dialect: Dialect) -> bool {
        let is_refused = |left| dialect == Dialect::OpenaiResponses && left < RESPONSES_OUTPUT_MIN;
        self.said().and(self.left).is_some_and(is_refused)
    }

    /// Learns that the request was refused with this status. Whether to ask in another way, which [`Self::way`] is then.
    pub(in super::super) fn is_refused(&self, status: u16) -> bool {
        let is_about_it = matches!(status, 400 | 422) && self.otherwise.is_some();
        is_about_it && !self.is_refused.swap(true, Ordering::Relaxed)
    }

    /// The way in which its model refused to be asked.
    pub(in super::super) fn refused(&self) -> Option<Way> {
        self.is_refused.load(Ordering::Relaxed).then_some(self.way)
    }

    /// Makes of the caller's request what the model is asked.
    pub(in super::super) fn ask(&self, request: &mut chat::Request<'_>, way: Way) {
        seam::carry_on(request, self.cut.shown().text(), way, self.left);
    }

    /// Its stream, for a caller who has seen the beginning.
    pub(in super::super) fn incoming(
        &self,
        answer: upstream::Body,
        inbound: &Inbound,
        call: &Call,
        deployment: &Deployment,
        outgoing: Option<&Outgoing>,
    ) -> Incoming {
        let (from, to) = (deployment.dialect_for(inbound.operation), inbound.operation.dialect());
        let translation = self.cut.carry_on(from, self.way());
        let mut translation = translation.expect("only what can be carried on gets here");
        translation.tools = outgoing.map(|outgoing| outgoing.tools.clone()).unwrap_or_default();
        translation.issuer = Some(deployment.issuer);
        let mut incoming = Incoming::translated(answer, translation, (from, to), call.request.include_usage);
        incoming.go_on_from(&self.cut);
        if call.buffers_tools() {
            incoming.hold_calls();
        }
        incoming
    }
}
