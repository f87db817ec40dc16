//! The record of an exchange while it is being made.

use std::{borrow::Cow, sync::Arc, time::Duration};

use roundelay_calendar::UnixTime;
use roundelay_ledger::{EntryKind, ExchangeId, Money};
use roundelay_protocol::usage::Usage;
use roundelay_routing::Decision;
use serde::Serialize;
use tokio::time::Instant;

use super::{
    Ending, Refusal,
    attempt::Whole,
    call::{Call, Inbound},
    caller::Interruption,
    decision,
    flight::Flight,
    gateway::Gateway,
    handover::Handed,
    incoming::Incoming,
    snapshot::Deployment,
};
use crate::{
    billing::Settled,
    common::clock::unix_time,
    journal::{Recorded, SegmentNumber},
    store::{self, AttemptRecord, Record},
    telemetry::{AttemptEnded, ExchangeEnded, Tokens, events},
};

/// What is known of an exchange so far.
#[derive(Debug)]
pub(super) struct Draft {
    received: Instant,
    taken: Instant,
    first_content: Option<Instant>,
    first_dispatch: Option<Duration>,
    /// The label of the pool or model in metrics: what was asked for, once it is known to exist.
    label: Option<Arc<str>>,
    is_client_retry: bool,
    charged: Option<Money>,
    /// Segments of the journal that know of its attempts.
    sent: Vec<SegmentNumber>,
    /// What attempts were told of the conversation, where that was not what its caller sent.
    handed: Vec<(u32, Handed)>,
    seams: Vec<SeamRecord>,
    record: Record,
}

/// Where an answer was carried on.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct SeamRecord {
    /// The attempt that carried it on.
    pub(super) attempt: u32,
    /// How its model was asked.
    pub(super) way: &'static str,
    /// Bytes of text that had been shown.
    pub(super) shown: usize,
    /// Tokens of output that said some of it once more.
    pub(super) repeated: u64,
}

impl Draft {
    pub(super) fn begin(inbound: &Inbound) -> Self {
        let since = inbound.received.elapsed();
        let started_at = unix_time().saturating_sub(since);
        let record = Record {
            id: inbound.id,
            started_at_ms: i64::try_from(started_at.as_millis()).unwrap_or(i64::MAX),
            duration_us: 0,
            first_content_us: None,
            account: inbound.caller.account.clone(),
            key: inbound.caller.key.clone(),
            asked: String::new(),
            deployment: None,
            model: None,
            status: 0,
            outcome: Cow::Borrowed("answered"),
            failure: None,
            stream: false,
            usage: store::Usage::default(),
            cost: None,
            attempts: Vec::new(),
            entries: Vec::new(),
            decision: String::new(),
        };
        Self {
            received: inbound.received,
            taken: inbound.taken,
            first_content: None,
            first_dispatch: None,
            label: None,
            is_client_retry: inbound.client_retries() > 0,
            charged: None,
            sent: Vec::new(),
            handed: Vec::new(),
            seams: Vec::new(),
            record,
        }
    }

    /// Notes what an attempt is told of the conversation.
    pub(super) fn hand_over(&mut self, attempt: u32, handed: Handed) {
        self.handed.push((attempt, handed));
    }

    /// Its name.
    pub(super) fn exchange(&self) -> ExchangeId {
        self.record.id
    }

    /// Remembers where the journal noted an attempt.
    pub(super) fn sent(&mut self, segment: Option<SegmentNumber>) {
        self.sent.extend(segment);
    }

    /// Takes what came of an attempt's end.
    pub(super) fn charge(&mut self, settled: Settled) {
        let add = |sum: &mut Option<Money>, more: Money| {
            *sum = Some(Money::from_nano(sum.unwrap_or(Money::ZERO).nano().saturating_add(more.nano())));
        };
        if let Some(list) = settled.list {
            add(&mut self.record.cost, list);
        }
        for charge in settled.entries.iter().filter(|entry| entry.kind == EntryKind::Charge) {
            add(&mut self.charged, charge.usd);
        }
        self.record.entries.extend(settled.entries);
    }

    /// What was charged for its attempts so far, in dollars; `None` where no price is known.
    pub(super) fn charged(&self) -> Option<Money> {
        self.charged
    }

    /// When it began, by the wall clock: what is charged goes by this instant.
    pub(super) fn admitted(&self) -> UnixTime {
        UnixTime(self.record.started_at_ms.div_euclid(1000))
    }

    pub(super) fn learn_call(&mut self, call: &Call) {
        self.record.asked.clone_from(&call.request.model);
        self.record.stream = call.request.stream;
        self.label = Some(Arc::clone(call.snapshot.target_name(call.demand.target)));
    }

    /// Keeps the name that was asked for where nothing could be done with it.
    pub(super) fn learn_refusal(&mut self, refusal: &Refusal) {
        if let Refusal::UnknownModel(asked) | Refusal::ModelNotAllowed(asked) = refusal {
            self.record.asked.clone_from(asked);
        }
    }

    pub(super) fn attempt_begins(&mut self, flight: &Flight<'_>) {
        let since = flight.began.saturating_duration_since(self.received);
        let own_time = flight.began.saturating_duration_since(self.taken);
        self.first_dispatch.get_or_insert(own_time);
        self.record.attempts.push(AttemptRecord {
            number: flight.number(),
            deployment: flight.deployment.name.to_string(),
            kind: Cow::Borrowed(decision::kind_name(flight.kind())),
            outcome: Cow::Borrowed("abandoned"),
            status: None,
            started_us: micros(since),
            headers_us: None,
            first_content_us: None,
            duration_us: 0,
        });
    }

    pub(super) fn content_begins(&mut self, flight: &Flight<'_>) {
        self.first_content = Some(Instant::now());
        if let Some(attempt) = self.attempt_mut(flight) {
            attempt.first_content_us = Some(micros(flight.elapsed()));
        }
    }

    pub(super) fn attempt_ends(&mut self, flight: &Flight<'_>, outcome: &'static str) {
        let (duration, heard) = (flight.elapsed(), flight.heard());
        let Some(attempt) = self.attempt_mut(flight) else { return };
        attempt.outcome = Cow::Borrowed(outcome);
        attempt.status = heard.map(|heard| heard.status);
        attempt.headers_us = heard.map(|heard| micros(heard.after));
        attempt.duration_us = micros(duration);
        flight.gateway.metrics.attempt_ended(&AttemptEnded {
            deployment: &flight.deployment.name,
            provider: &flight.deployment.provider,
            kind: decision::kind_name(flight.kind()),
            outcome,
            duration,
            first_content: attempt.first_content_us.map(Duration::from_micros),
        });
    }

    /// How many attempts were begun.
    pub(super) fn attempts(&self) -> u32 {
        u32::try_from(self.record.attempts.len()).unwrap_or(u32::MAX)
    }

    /// Attempts count from 1, and are begun in that order.
    fn attempt_mut(&mut self, flight: &Flight<'_>) -> Option<&mut AttemptRecord> {
        self.record.attempts.get_mut(flight.number() as usize - 1)
    }

    pub(super) fn learn_whole(&mut self, whole: &Whole, deployment: &Deployment) {
        self.served_by(deployment);
        self.learn_usage(whole.scanned.usage, whole.output_tokens().total());
    }

    /// `before` are the tokens of output that earlier attempts have shown of the same answer.
    pub(super) fn learn_stream(&mut self, incoming: &Incoming, deployment: &Deployment, before: u64) {
        self.served_by(deployment);
        self.learn_usage(incoming.usage(), incoming.output_tokens());
        // Our own count is of what is new alone.
        let wasted = incoming.usage().map_or(0, |_| incoming.wasted());
        let output = &mut self.record.usage.output;
        *output = output.saturating_sub(wasted).saturating_add(before);
    }

    /// Notes where one attempt's words end and another's begin.
    pub(super) fn learn_seam(&mut self, seam: SeamRecord) {
        self.seams.push(seam);
    }

    fn served_by(&mut self, deployment: &Deployment) {
        self.record.deployment = Some(deployment.name.to_string());
        self.record.model = Some(deployment.model.to_string());
    }

    fn learn_usage(&mut self, usage: Option<Usage>, output: u64) {
        self.record.usage = match usage {
            Some(usage) => store::Usage {
                input: usage.input + usage.audio_input + usage.image,
                cache_read: usage.cache_read,
                cache_write: usage.cache_write,
                output: usage.completion(),
                reasoning: usage.reasoning,
                estimated: false,
            },
            None => store::Usage { output, estimated: true, ..store::Usage::default() },
        };
    }

    pub(super) fn learn_decision(&mut self, call: &Call, decision: Decision) {
        let deadline = call.deadline.saturating_duration_since(self.received);
        self.record.decision = decision::to_json(call, deadline, &decision, &self.handed, &self.seams);
    }

    /// Writes the record, which has to be safe before the caller can know that the exchange has ended.
    pub(super) fn record(mut self, gateway: &Gateway, ending: &Ending, has_begun: bool) -> Recorded {
        let duration = self.received.elapsed();
        let (outcome, status) = match ending {
            Ending::Whole(answer) => ("answered", answer.status().as_u16()),
            Ending::Streamed(_) => ("answered", 200),
            Ending::Refused(refusal) if refusal.class().is_some() => ("failed", refusal.wire().status),
            Ending::Refused(refusal) => ("refused", refusal.wire().status),
            Ending::Cut(_) => ("cut", 200),
            // Nginx's status for a caller who closed first.
            Ending::Interrupted(Interruption::CallerLeft) => ("abandoned", 499),
            Ending::Interrupted(Interruption::Stopping) => ("cut", Refusal::Stopping.wire().status),
        };
        // Whoever was shown a status was shown 200, and read the refusal in the stream.
        let was_told = !matches!(ending, Ending::Interrupted(Interruption::CallerLeft));
        let status = if has_begun && was_told { 200 } else { status };
        if let Ending::Refused(refusal) | Ending::Cut(refusal) = ending {
            let code = || refusal.wire().code.map(|code| Cow::Owned(code.to_owned()));
            self.record.failure = refusal.class().map(|class| Cow::Borrowed(class.name())).or_else(code);
        }
        if let ("failed" | "cut", Some(class)) = (outcome, &self.record.failure) {
            events::exchange_failed(self.record.id, &self.record.asked, class, self.attempts());
        }
        let first_content = self.first_content.map(|at| at.saturating_duration_since(self.received));
        self.record.outcome = Cow::Borrowed(outcome);
        self.record.status = status;
        self.record.duration_us = micros(duration);
        self.record.first_content_us = first_content.map(micros);
        gateway.metrics.exchange_ended(&ExchangeEnded {
            model: self.label.as_ref().unwrap_or_else(|| gateway.metrics.other()),
            outcome,
            status,
            stream: self.record.stream,
            duration,
            first_content,
            overhead: self.first_dispatch,
            tokens: Tokens {
                input: self.record.usage.input,
                cache_read: self.record.usage.cache_read,
                cache_write: self.record.usage.cache_write,
                output: self.record.usage.output,
                reasoning: self.record.usage.reasoning,
            },
            client_retry: self.is_client_retry,
        });
        gateway.recorder.record(self.record, self.sent)
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
