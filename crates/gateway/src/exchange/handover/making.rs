//! Summaries are made behind a conversation's back, so that they are there when it has to be handed over.
//!
//! Each is an exchange of its own: routed, paid and recorded like a caller's, by the key whose conversation it is. Nobody
//! waits for one, a shutdown least of all.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use roundelay_ledger::ExchangeId;
use roundelay_protocol::{
    chat,
    estimate::Tokenizer,
    handover::{Room, Takes, hand_over, prefixes, tokens},
    openai::Operation,
    translate::decode_request,
};
use roundelay_routing::Target;
use tokio::{
    sync::{Semaphore, watch},
    task::spawn_blocking,
    time::{Instant, timeout},
};

use super::{
    super::{
        call::{Call, Inbound},
        gateway::{Gateway, Worker},
        outgoing::is_kept_elsewhere,
        refusal::Refusal,
        serve,
        snapshot::Snapshot,
    },
    asking::{Said, asking, fitting, said},
    due::Due,
    permitted::{can_be_handed_over, may_be_told},
    queue::{Claim, Place, Queue},
    summaries::Summaries,
};
use crate::{
    auth::Caller,
    common::clock::unix_time,
    config::{self, Handover},
    telemetry::events,
};

/// What is being made, and what was seen of conversations.
#[derive(Debug)]
pub struct Making {
    queue: Queue,
    due: Due,
    /// Turns at handing over very long conversations beside the exchanges.
    pub(in crate::exchange) aside: Arc<Semaphore>,
    stopping: watch::Sender<bool>,
}

impl Default for Making {
    fn default() -> Self {
        Self {
            queue: Queue::default(),
            due: Due::default(),
            aside: Arc::new(Semaphore::new(ASIDE_MAX)),
            stopping: watch::Sender::new(false),
        }
    }
}

impl Making {
    /// Gives up what is being made: nobody is to wait for it.
    pub fn stop(&self) {
        self.stopping.send_replace(true);
    }
}

/// A conversation of which a summary may be due.
#[derive(Debug)]
struct Task {
    exchange: ExchangeId,
    caller: Arc<Caller>,
    operation: Operation,
    body: Bytes,
    snapshot: Arc<Snapshot>,
    tokenizer: Tokenizer,
    /// Which conversation it is, how long it was, and how much it grows between two summaries.
    conversation: u64,
    grown: (u64, u64),
}

/// Has a summary made of a conversation that is answered, where one is configured, due, allowed, and could be of use.
///
/// Who is limited in tokens a minute or in attempts at a time keeps these for its caller: a key, or an account above it.
pub(in crate::exchange) fn summarise(worker: &Arc<Worker>, inbound: &Inbound, call: &Call) {
    let settings = &call.snapshot.config.summaries;
    let (Some(summariser), Target::Pool(pool)) = (&settings.summariser, call.demand.target) else { return };
    let (making, input) = (&worker.gateway.making, call.demand.input_tokens);
    if call.handing.mode == Handover::Full
        || input <= settings.after.saturating_add(settings.verbatim)
        || *making.stopping.borrow()
        || !can_be_handed_over(&call.snapshot, pool, call.handing.mode)
        || !may_be_told(inbound, call, summariser)
        || worker.gateway.billing.shares_attempts(&call.payer)
        || making.due.is_resting(&inbound.caller.account, Instant::now())
        || !making.due.is_due(call.demand.conversation, input, settings.every)
    {
        return;
    }
    let Some(conversation) = call.demand.conversation.map(|conversation| conversation.id) else { return };
    let Some(place) = making.queue.admit(&inbound.caller.key, inbound.body.len()) else {
        making.due.forget(conversation);
        worker.gateway.metrics.summary("dropped");
        return;
    };
    let task = Task {
        exchange: inbound.id,
        caller: Arc::clone(&inbound.caller),
        operation: inbound.operation,
        body: inbound.body.clone(),
        snapshot: Arc::clone(&call.snapshot),
        tokenizer: call.tokenizer,
        conversation,
        grown: (input, settings.every),
    };
    worker.tasks.spawn(make(Arc::clone(worker), task, place));
}

async fn make(worker: Arc<Worker>, task: Task, place: Place) {
    let gateway = &worker.gateway;
    let (account, conversation, grown) = (task.caller.account.clone(), task.conversation, task.grown);
    let mut stopping = gateway.making.stopping.subscribe();
    let outcome = tokio::select! {
        biased;
        _ = stopping.wait_for(|stopping| *stopping) => Some("abandoned"),
        outcome = made(&worker, task, place) => outcome,
    };
    let due = &gateway.making.due;
    match outcome {
        Some("made") => due.made(&account, conversation),
        Some("dropped") => due.forget(conversation),
        Some(outcome @ ("failed" | "unfinished" | "unpaid")) => {
            due.failed((&account, conversation), grown, outcome != "unpaid", Instant::now());
        }
        Some(_) | None => {}
    }
    if let Some(outcome) = outcome {
        gateway.metrics.summary(outcome);
    }
}

/// Makes one, and says what came of it; `None` where none was due after all.
async fn made(worker: &Arc<Worker>, task: Task, mut place: Place) -> Option<&'static str> {
    let gateway = &worker.gateway;
    let (exchange, caller, snapshot) = (task.exchange, Arc::clone(&task.caller), Arc::clone(&task.snapshot));
    let settings = &snapshot.config.summaries;
    let Ok(turn) = timeout(settings.deadline, gateway.making.queue.turns.acquire()).await else {
        return Some("dropped");
    };
    let _turn = turn.ok()?;
    // A conversation of megabytes keeps a thread that others wait for no longer than they need.
    let reading = spawn_blocking({
        let gateway = Arc::clone(gateway);
        move || prepare(&gateway, &task)
    });
    let Wanted { claim, question } = reading.await.ok()??;
    place.lightened();
    // What may be told to whom was judged by the configuration of then.
    if !Arc::ptr_eq(&gateway.snapshot.load(), &snapshot) {
        return Some("dropped");
    }
    let (inbound, prefix) = (asking(gateway, &caller, exchange, settings, question), claim.prefix);
    // The exchange keeps to its own deadline; this is for what may come before it.
    let answer = match timeout(settings.deadline + GRACE, serve(worker, inbound)).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(Refusal::Short(_))) => return Some("unpaid"),
        Ok(Err(_)) | Err(_) => return Some("failed"),
    };
    let text = match said(&answer, settings.summary_max) {
        Said::Whole(text) => text,
        Said::Cut => return Some("unfinished"),
        Said::Nothing => return Some("failed"),
    };
    let expires_at = (unix_time() + settings.expires).as_secs().cast_signed();
    gateway.summaries.keep(&caller.account, prefix, text.as_str().into(), expires_at);
    if let Some(secret) = settings.sealed_with.clone() {
        let (store, account) = (gateway.keys.store().clone(), caller.account.clone());
        let kept = spawn_blocking(move || Summaries::store(&store, &secret, (&account, prefix, &text), expires_at));
        if let Ok(Err(fault)) = kept.await {
            events::store_fault("keep a summary", &fault);
        }
    }
    Some("made")
}

/// What is asked of a summariser.
struct Wanted {
    /// The turns that the summary will stand for.
    claim: Claim,
    /// The body of a request.
    question: Bytes,
}

/// What has to be summed up of a conversation; `None` where there is too little since the last time, where it does not go
/// on from what it was then, where it is being done already, or where it cannot be read.
fn prepare(gateway: &Gateway, task: &Task) -> Option<Wanted> {
    let Task { caller, operation, body, snapshot, tokenizer, conversation, .. } = task;
    let (settings, making) = (&snapshot.config.summaries, &gateway.making);
    let asked = decode_request(operation.dialect(), body).ok().filter(|asked| !is_kept_elsewhere(asked))?;
    let older = older(&asked, *tokenizer, settings)?;
    let prefixes = prefixes(&asked, &gateway.summaries.key(&caller.account, settings));
    let hash = |turns: usize| prefixes.get(turns.checked_sub(1)?).copied();
    if !making.due.goes_on(*conversation, older, hash) {
        return None;
    }
    // Before it is looked what there is: what somebody else has just made is there by then.
    let claim = making.queue.claim(hash(older)?)?;
    let earlier =
        (1..=older).rev().find_map(|turns| Some((turns, gateway.summaries.find(&caller.account, &hash(turns)?)?)));
    let from = earlier.as_ref().map_or(0, |(turns, _)| *turns);
    let since = &asked.turns[from..older];
    let most = if earlier.is_some() { settings.every } else { settings.after };
    let mut part = chat::Request::new(operation.dialect());
    part.turns = since.to_vec();
    if tokens(&part, *tokenizer) < most {
        return None;
    }
    let previous = earlier.as_ref().map(|(_, text)| &**text);
    let question = fitting(snapshot, settings, previous, since)?;
    Some(Wanted { claim, question })
}

/// How many of the first turns are older than the last ones, which stay as they are; `None` where there are none.
fn older(asked: &chat::Request<'_>, tokenizer: Tokenizer, settings: &config::Summaries) -> Option<usize> {
    let room = Room { tokens: u64::MAX, tokenizer, verbatim: Some(settings.verbatim), takes: Takes::ALL };
    // What stands for them is of no interest here.
    let told = hand_over(&mut asked.clone(), &room, &mut |_| Some(Arc::from("…"))).ok()?;
    Some(told.first_kept).filter(|&turns| turns > 0)
}

/// What an exchange may take beyond its own deadline before it is given up.
const GRACE: Duration = Duration::from_secs(5);
/// How many very long conversations are handed over beside the exchanges at once.
const ASIDE_MAX: usize = 4;
