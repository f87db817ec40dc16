//! What is made of a very long conversation is made on a thread of its own, so that the other exchanges of its core do not
//! wait for it.

use std::sync::Arc;

use roundelay_protocol::translate::decode_request;
use tokio::task::spawn_blocking;

use super::{Conversation, Kind, Outgoing, Thoughts, Words, is_kept_elsewhere};
use crate::exchange::{
    call::{Call, Inbound},
    gateway::Gateway,
    handover::{Hand, finder},
    snapshot::Deployment,
};

impl Call {
    /// Makes what a deployment is told of a conversation that is handed over to it, or that it is asked for notes of, where that takes long enough to matter;
    /// [`Call::outgoing`] finds it then. What cannot be made so is left to that, and so is what comes while as many are
    /// made as may be at once: nobody waits for a turn.
    ///
    /// Cancel-safe: dropped, what is being made is made for nobody.
    pub(in crate::exchange) async fn make_aside(
        &self,
        gateway: &Arc<Gateway>,
        inbound: &Inbound,
        deployment: &Deployment,
        hand: Option<Hand>,
    ) {
        let wants_notes = self.wants_notes(deployment);
        if inbound.body.len() < BYTES_MIN || hand.is_none() && !wants_notes {
            return;
        }
        let kind = self.kind(deployment, hand, Thoughts::Readable);
        let Ok(turn) = Arc::clone(&gateway.making.aside).try_acquire_owned() else { return };
        if self.said_again.lock().find(&kind).is_some() {
            return;
        }
        let (gateway, snapshot, caller) =
            (Arc::clone(gateway), Arc::clone(&self.snapshot), Arc::clone(&inbound.caller));
        let (request, body, dialect) = (self.request.clone(), inbound.body.clone(), inbound.operation.dialect());
        if wants_notes {
            let (conversation, output_max) = (Conversation::of(inbound), deployment.output_max);
            let made = spawn_blocking(move || {
                let _turn = turn;
                Outgoing::for_notes(&kind, &request, output_max, &conversation).ok()
            });
            return self.note_made(kind, made.await.ok().flatten());
        }
        let is_renumbered = Words::of(inbound).is_renumbered;
        let made = spawn_blocking(move || {
            let _turn = turn;
            let asked = decode_request(dialect, &body).ok().filter(|asked| !is_kept_elsewhere(asked))?;
            let mut find = finder(&gateway, &caller.account, &snapshot, &asked);
            Outgoing::translated(
                asked,
                Some(Words { body: &body, is_renumbered }),
                &kind,
                &request,
                Some(&mut find),
                None,
            )
            .ok()
        });
        // What was handed over whole after all may be better passed on as it is.
        self.note_made(kind, made.await.ok().flatten().filter(|outgoing| outgoing.handed.is_some()));
    }

    fn note_made(&self, kind: Kind, made: Option<Outgoing>) {
        let Some(outgoing) = made else { return };
        let mut said = self.said_again.lock();
        said.note(&outgoing.losses);
        said.kinds.push((kind, Some(Arc::new(outgoing))));
    }
}

/// Some 2 ms of work: an extract of 366 KB takes 7.
const BYTES_MIN: usize = 256 << 10;
