//! Summaries are made behind a conversation's back, so that they are there when it has to be handed over.
//!
//! Each is an exchange of its own: routed, paid and recorded like a caller's, by the key whose conversation it is. Nobody
//! waits for one, a shutdown least of all.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::HeaderMap;
use roundelay_ledger::ExchangeId;
use roundelay_protocol::{
    chat,
    estimate::Tokenizer,
    handover::{Room, Takes, hand_over, prefixes, question, tokens},
    openai::Operation,
    translate::decode_request,
};
use roundelay_routing::{Conversation, Target};
use serde_json::{Value, json};
use tokio::{
    sync::{Semaphore, watch},
    task::spawn_blocking,
    time::{Instant, timeout},
};

use super::{
    super::{
        answer::{Answer, AnswerBody},
        call::{Call, Errand, Inbound},
        gateway::{Gateway, Worker},
        outgoing::is_kept_elsewhere,
        refusal::Refusal,
        serve,
        snapshot::Snapshot,
    },
    summaries::{Prefix, Summaries},
};
use crate::{
    auth::Caller,
    common::clock::unix_time,
    config::{self, Handover},
    telemetry::events,
};

/// What is being made, and what was looked at.
#[derive(Debug)]
pub struct Making {
    /// So many at once.
    turns: Semaphore,
    /// How many are made or wait for their turn.
    waiting: Arc<AtomicUsize>,
    /// How long each conversation was when it was last looked at, in tokens.
    looked_at: Mutex<HashMap<u64, u64>>,
    stopping: watch::Sender<bool>,
}

impl Default for Making {
    fn default() -> Self {
        Self {
            turns: Semaphore::new(AT_ONCE_MAX),
            waiting: Arc::default(),
            looked_at: Mutex::default(),
            stopping: watch::Sender::new(false),
        }
    }
}

impl Making {
    /// Gives up what is being made: nobody is to wait for it.
    pub fn stop(&self) {
        self.stopping.send_replace(true);
    }

    /// Whether a conversation has grown enough since it was last looked at, which is now.
    fn is_due(&self, conversation: Option<Conversation>, tokens: u64, every: u64) -> bool {
        let Some(Conversation { id, .. }) = conversation else { return true };
        let mut looked_at = self.looked_at.lock().unwrap_or_else(PoisonError::into_inner);
        // One that has become shorter is another than it was.
        let is_due = looked_at.get(&id).is_none_or(|&then| tokens < then || tokens - then >= every);
        if is_due {
            if looked_at.len() >= LOOKED_AT_MAX {
                // Some are looked at once more, which costs a look.
                looked_at.clear();
            }
            looked_at.insert(id, tokens);
        }
        is_due
    }

    /// Lets a conversation be due again.
    fn forget(&self, conversation: Option<Conversation>) {
        if let Some(Conversation { id, .. }) = conversation {
            self.looked_at.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
        }
    }

    fn admit(&self) -> Option<Waiting> {
        let waiting = Waiting(Arc::clone(&self.waiting));
        (self.waiting.fetch_add(1, Ordering::Relaxed) < WAITING_MAX).then_some(waiting)
    }
}

/// One that waits or is made, until it is dropped.
#[derive(Debug)]
struct Waiting(Arc<AtomicUsize>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
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
    _waiting: Waiting,
}

/// Has a summary made of a conversation that is answered, where one is configured and due.
///
/// A key that is limited in tokens a minute or in attempts at a time keeps these for its caller.
pub(in crate::exchange) fn summarise(worker: &Arc<Worker>, inbound: &Inbound, call: &Call) {
    let settings = &call.snapshot.config.summaries;
    if settings.summariser.is_none() || call.handing.mode == Handover::Full {
        return;
    }
    let limits = &inbound.caller.limits;
    let (making, input) = (&worker.gateway.making, call.demand.input_tokens);
    if limits.tokens_per_minute.is_some()
        || limits.concurrency.is_some()
        || input <= settings.after.saturating_add(settings.verbatim)
        || *making.stopping.borrow()
        || !making.is_due(call.demand.conversation, input, settings.every)
    {
        return;
    }
    let Some(waiting) = making.admit() else {
        making.forget(call.demand.conversation);
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
        _waiting: waiting,
    };
    worker.tasks.spawn(make(Arc::clone(worker), task));
}

async fn make(worker: Arc<Worker>, task: Task) {
    let gateway = &worker.gateway;
    let mut stopping = gateway.making.stopping.subscribe();
    let outcome = tokio::select! {
        biased;
        _ = stopping.wait_for(|stopping| *stopping) => Some("abandoned"),
        outcome = made(&worker, task) => outcome,
    };
    if let Some(outcome) = outcome {
        gateway.metrics.summary(outcome);
    }
}

/// Makes one, and says what came of it; `None` where none was due after all.
async fn made(worker: &Arc<Worker>, task: Task) -> Option<&'static str> {
    let gateway = &worker.gateway;
    let _turn = gateway.making.turns.acquire().await.ok()?;
    let (exchange, caller, snapshot) = (task.exchange, Arc::clone(&task.caller), Arc::clone(&task.snapshot));
    let settings = &snapshot.config.summaries;
    // A conversation of megabytes keeps a thread that others wait for no longer than they need.
    let reading = spawn_blocking({
        let gateway = Arc::clone(gateway);
        move || prepare(&gateway, &task)
    });
    let Wanted { prefix, question } = reading.await.ok()??;
    let inbound = asking(gateway, &caller, exchange, settings, &question)?;
    // The exchange keeps to its own deadline; this is for what may come before it.
    let answer = match timeout(settings.deadline + GRACE, serve(worker, inbound)).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(Refusal::Short(_))) => return Some("unpaid"),
        Ok(Err(_)) | Err(_) => return Some("failed"),
    };
    let Some(text) = said(&answer, settings.summary_max) else { return Some("failed") };
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
    prefix: Prefix,
    question: String,
}

/// What has to be summed up of a conversation; `None` where there is too little since the last time, or it cannot be read.
fn prepare(gateway: &Gateway, task: &Task) -> Option<Wanted> {
    let Task { caller, operation, body, snapshot, tokenizer, .. } = task;
    let settings = &snapshot.config.summaries;
    let asked = decode_request(operation.dialect(), body).ok().filter(|asked| !is_kept_elsewhere(asked))?;
    let older = older(&asked, *tokenizer, settings)?;
    let prefixes = prefixes(&asked, &gateway.summaries.key(&caller.account, settings));
    let earlier = (1..=older).rev().find_map(|turns| {
        let text = gateway.summaries.find(&caller.account, prefixes.get(turns - 1)?)?;
        Some((turns, text))
    });
    let from = earlier.as_ref().map_or(0, |(turns, _)| *turns);
    let since = &asked.turns[from..older];
    let most = if earlier.is_some() { settings.every } else { settings.after };
    let mut part = chat::Request::new(operation.dialect());
    part.turns = since.to_vec();
    if tokens(&part, *tokenizer) < most {
        return None;
    }
    let room = room_of_summariser(snapshot, settings)?;
    let previous = earlier.as_ref().map(|(_, text)| &**text);
    // Two bytes are a token at most, but for scripts of which each byte may be one.
    let is_dense = body.iter().filter(|byte| !byte.is_ascii()).count() > body.len() / 10;
    let bytes_max = if is_dense { room } else { 2 * room };
    let question = question(previous, since, usize::try_from(bytes_max).unwrap_or(usize::MAX));
    Some(Wanted { prefix: *prefixes.get(older - 1)?, question })
}

/// How many of the first turns are older than the last ones, which stay as they are; `None` where there are none.
fn older(asked: &chat::Request<'_>, tokenizer: Tokenizer, settings: &config::Summaries) -> Option<usize> {
    let room = Room { tokens: u64::MAX, tokenizer, verbatim: Some(settings.verbatim), takes: Takes::ALL };
    // What stands for them is of no interest here.
    let told = hand_over(&mut asked.clone(), &room, &mut |_| Some(Arc::from("…"))).ok()?;
    Some(told.first_kept).filter(|&turns| turns > 0)
}

/// Tokens of input that every model of the summariser can take besides its answer.
fn room_of_summariser(snapshot: &Snapshot, settings: &config::Summaries) -> Option<u64> {
    let catalog = &snapshot.catalog;
    let window = match snapshot.target(settings.summariser.as_deref()?)? {
        Target::Model(model) => catalog.models[model.0 as usize].context_window,
        Target::Pool(pool) => {
            let members = catalog.pools[pool.0 as usize].members.iter();
            members.filter_map(|member| catalog.models[member.model.0 as usize].context_window).min()
        }
    };
    let window = window.unwrap_or(WINDOW_UNKNOWN);
    Some(window.saturating_sub(settings.summary_max.min(window / 4)).saturating_sub(INSTRUCTIONS_TOKENS).max(1))
}

fn asking(
    gateway: &Gateway,
    caller: &Arc<Caller>,
    serves: ExchangeId,
    settings: &config::Summaries,
    question: &str,
) -> Option<Inbound> {
    let mut messages = Vec::new();
    if let Some(instructions) = &settings.instructions {
        messages.push(json!({ "role": "system", "content": &**instructions }));
    }
    messages.push(json!({ "role": "user", "content": question }));
    let body = json!({
        "model": settings.summariser.as_deref()?,
        "max_completion_tokens": settings.summary_max,
        "messages": messages,
    });
    let received = Instant::now();
    Some(Inbound {
        id: gateway.ids.next(u64::try_from(unix_time().as_millis()).unwrap_or(u64::MAX)),
        received,
        taken: received,
        caller: Arc::clone(caller),
        operation: Operation::Chat,
        addressed: None,
        headers: HeaderMap::new(),
        query: None,
        body: body.to_string().into(),
        turn: None,
        errand: Some(Errand { serves, deadline: settings.deadline }),
    })
}

/// The words of an answer; `None` where there are none.
fn said(answer: &Answer, tokens_max: u64) -> Option<String> {
    let AnswerBody::Whole(body) = answer.body() else { return None };
    let answer: Value = serde_json::from_slice(body).ok()?;
    let text = answer["choices"][0]["message"]["content"].as_str()?.trim();
    // A model that does not keep to its limit takes no more memory for it.
    let most = usize::try_from(tokens_max.saturating_mul(BYTES_PER_TOKEN_MAX)).unwrap_or(usize::MAX);
    let text = &text[..text.floor_char_boundary(most)];
    (!text.is_empty()).then(|| text.to_owned())
}

/// Conversations that wait for their summary, those included that are being made.
const WAITING_MAX: usize = 64;
const AT_ONCE_MAX: usize = 4;
/// Conversations whose length is remembered.
const LOOKED_AT_MAX: usize = 65_536;
/// What the words around a question take, those of an operator included.
const INSTRUCTIONS_TOKENS: u64 = 1_000;
/// The smallest window among models of today that are worth asking.
const WINDOW_UNKNOWN: u64 = 32_768;
const BYTES_PER_TOKEN_MAX: u64 = 8;
const GRACE: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conversation_is_looked_at_when_it_has_grown() {
        let making = Making::default();
        let conversation = |id| Some(Conversation { id, is_first_turn: false, is_explicit: false });
        for (id, tokens, expected) in
            [(1, 100, true), (1, 150, false), (2, 150, true), (1, 199, false), (1, 200, true), (1, 90, true)]
        {
            assert_eq!(making.is_due(conversation(id), tokens, 100), expected, "{id} at {tokens}");
        }
        for id in 0..2 * LOOKED_AT_MAX as u64 {
            making.is_due(conversation(id), 1, 1);
        }
        assert!(making.looked_at.lock().unwrap().len() <= LOOKED_AT_MAX);
    }

    #[test]
    fn only_so_many_wait() {
        let making = Making::default();
        let waiting: Vec<_> = std::iter::from_fn(|| making.admit()).collect();
        assert_eq!(waiting.len(), WAITING_MAX);
        drop(waiting);
        assert_eq!(making.waiting.load(Ordering::Relaxed), 0, "who was not let in is not counted");
    }
}
