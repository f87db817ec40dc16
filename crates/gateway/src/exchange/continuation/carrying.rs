//! One attempt at carrying on an answer: how its model is asked, and where its words go.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use roundelay_protocol::{
    chat,
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

/// What is carried on, and how.
#[derive(Debug)]
pub(in super::super) struct Carrying {
    cut: Arc<Cut>,
    way: Way,
    /// Another way, where the first is refused.
    otherwise: Option<Way>,
    /// Tokens of output that may still come.
    left: Option<u64>,
    is_refused: AtomicBool,
}

impl Carrying {
    pub(super) fn new(cut: Arc<Cut>, way: Way, otherwise: Option<Way>, left: Option<u64>) -> Self {
        Self { cut, way, otherwise, left, is_refused: AtomicBool::new(false) }
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

    /// The most output that is asked for. Who says the beginning again has to have room for it.
    pub(in super::super) fn left(&self) -> Option<u64> {
        self.said().and(self.left)
    }

    /// Learns that the request was refused with this status. Whether to ask in another way, which [`Self::way`] is then.
    pub(in super::super) fn is_refused(&self, status: u16) -> bool {
        let is_about_it = matches!(status, 400 | 422) && self.otherwise.is_some();
        is_about_it && !self.is_refused.swap(true, Ordering::Relaxed)
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
