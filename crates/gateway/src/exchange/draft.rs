//! The record of an exchange while it is being made.

use std::{borrow::Cow, sync::Arc, time::Duration};

use roundelay_calendar::UnixTime;
use roundelay_ledger::{Case, EntryKind, ExchangeId, Money};
use roundelay_protocol::usage::Usage;
use roundelay_routing::Decision;
use serde::Serialize;
use tokio::time::Instant;

use super::{
    Ending, Refusal,
    attempt::Whole,
    call::{Call, Inbound},
    caller::Interruption,
    continuation::Hop,
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
    store::{self, AttemptRecord, Part, Record},
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
    /// Whether something was shown whose price is not known.
    is_unpriced: bool,
    /// Whether several attempts said the answer.
    has_hops: bool,
    /// Segments of the journal that know of its attempts.
    sent: Vec<SegmentNumber>,
    /// What attempts were told of the conversation, where that was not what its caller sent.
    handed: Vec<(u32, Handed)>,
    seams: Vec<SeamRecord>,
    halt: Option<&'static str>,
    without_token: Vec<WithoutToken>,
    record: Record,
}

/// A deployment that could not be asked for want of an access token.
#[derive(Debug, Clone, Serialize)]
pub(super) struct WithoutToken {
    deployment: String,
    /// Who was asked for one, where, and what came of it; nothing that those who give them out said.
    why: String,
}

/// Where an answer was carried on.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct SeamRecord {
    /// The attempt that carried it on.
    pub(super) attempt: u32,
    /// How its model was asked.
    pub(super) way: &'static str,
    /// How it had refused to be asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) refused: Option<&'static str>,
    /// Bytes of text that had been shown.
    pub(super) shown: usize,
    /// Tokens of output that said some of it once more.
    pub(super) repeated: u64,
    /// What became of it.
    pub(super) end: SeamEnd,
}

/// What became of an attempt to carry an answer on.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum SeamEnd {
    /// It ended the answer.
    Ended,
    /// There was no money for more of it, and the answer ended there.
    Spent,
    /// It broke off as well.
    Broke,
    /// It began another answer.
    Diverged,
    /// It showed nothing.
    Failed,
    /// It was given up from this side.
    Interrupted,
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
            is_unpriced: false,
            has_hops: false,
            sent: Vec::new(),
            handed: Vec::new(),
            seams: Vec::new(),
            halt: None,
            without_token: Vec::new(),
            record,
        }
    }

    /// Notes what an attempt is told of the conversation.
    pub(super) fn hand_over(&mut self, attempt: u32, handed: Handed) {
        self.handed.push((attempt, handed));
    }

    /// Notes why a deployment has no access token.
    pub(super) fn lacks_token(&mut self, deployment: &Deployment) {
        let why = deployment.tokens.as_ref().map_or_else(String::new, |tokens| tokens.why_without());
        self.without_token.push(WithoutToken { deployment: deployment.name.to_string(), why });
    }

    /// Its name.
    pub(super) fn exchange(&self) -> ExchangeId {
        self.record.id
    }

    /// Remembers where the journal noted an attempt.
    pub(super) fn sent(&mut self, segment: Option<SegmentNumber>) {
        self.sent.extend(segment);
    }

    /// Takes what came of an attempt's end, and says what was charged for it; `None` where nothing was, since its price is
    /// not known or nobody owes anything.
    pub(super) fn charge(&mut self, flight: &Flight<'_>, case: Case, settled: Settled) -> Option<Money> {
        let add = |sum: &mut Option<Money>, more: Money| {
            *sum = Some(Money::from_nano(sum.unwrap_or(Money::ZERO).nano().saturating_add(more.nano())));
        };
        let mut charged = None;
        for charge in settled.entries.iter().filter(|entry| entry.kind == EntryKind::Charge) {
            add(&mut charged, charge.usd);
        }
        let was_shown = self.attempt_mut(flight).is_some_and(|attempt| attempt.first_content_us.is_some());
        let is_paid = charged.is_some_and(|charged| charged > Money::ZERO);
        let cost = settled.list.filter(|_| was_shown || is_paid);
        if (self.attempts() > 1 || case != Case::Complete)
            && (settled.list.is_some() || settled.is_unpriced)
            && let Some(attempt) = self.attempt_mut(flight)
        {
            let (model, usage) = (flight.deployment.model.to_string(), store::Usage::default());
            attempt.part = Some(Box::new(Part { model, usage, cost, unpriced: settled.is_unpriced }));
        }
        if let Some(cost) = cost {
            add(&mut self.record.cost, cost);
        }
        if let Some(charged) = charged {
            add(&mut self.charged, charged);
        }
        self.is_unpriced |= settled.is_unpriced;
        self.record.entries.extend(settled.entries);
        charged
    }

    /// What was charged for its attempts so far, in dollars; `None` where a price is not known.
    pub(super) fn charged(&self) -> Option<Money> {
        self.charged.filter(|_| !self.is_unpriced)
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
            part: None,
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
        self.record.usage = usage(whole.scanned.usage, whole.output_tokens().total());
    }

    pub(super) fn learn_stream(&mut self, incoming: &Incoming, deployment: &Deployment) {
        self.served_by(deployment);
        self.record.usage = usage_of(incoming);
    }

    /// Learns what each attempt had of an answer that several of them said. The record is in the name of who ended it, or
    /// said the last of it, with the input that this one read; of the others what was shown counts.
    pub(super) fn learn_hops(&mut self, hops: &[Hop], has_ended: bool) {
        let last = hops.len().saturating_sub(1);
        let teller = if has_ended { last } else { hops.iter().rposition(|hop| hop.shown > 0).unwrap_or(0) };
        let Some(told) = hops.get(teller) else { return };
        let mut all = if has_ended { told.usage } else { store::Usage { output: told.shown, ..told.usage } };
        self.set_part(told, all);
        for (_, hop) in hops.iter().enumerate().filter(|(at, _)| *at != teller) {
            let estimated = hop.usage.estimated && hop.shown > 0;
            self.set_part(hop, store::Usage { output: hop.shown, estimated, ..store::Usage::default() });
            all.output = all.output.saturating_add(hop.shown);
            all.estimated |= estimated;
        }
        self.has_hops = hops.len() > 1;
        self.record.usage = all;
        self.record.deployment = Some(told.deployment.to_string());
        self.record.model = Some(told.model.to_string());
    }

    fn set_part(&mut self, hop: &Hop, usage: store::Usage) {
        let Some(attempt) = self.record.attempts.get_mut(hop.number as usize - 1) else { return };
        match &mut attempt.part {
            Some(part) => part.usage = usage,
            // Sums are of the parts alone where there is any.
            None if usage == store::Usage::default() => {}
            part => {
                let model = hop.model.to_string();
                *part = Some(Box::new(Part { model, usage, cost: None, unpriced: false }));
            }
        }
    }

    /// Notes where one attempt's words end and another's begin.
    pub(super) fn learn_seam(&mut self, seam: SeamRecord) {
        self.seams.push(seam);
    }

    /// Notes why an answer that broke off was not carried on.
    pub(super) fn learn_halt(&mut self, why: &'static str) {
        self.halt = Some(why);
    }

    fn served_by(&mut self, deployment: &Deployment) {
        self.record.deployment = Some(deployment.name.to_string());
        self.record.model = Some(deployment.model.to_string());
    }

    pub(super) fn learn_decision(&mut self, call: &Call, decision: Decision) {
        let deadline = call.deadline.saturating_duration_since(self.received);
        self.record.decision =
            decision::to_json(call, deadline, &decision, &self.handed, (&self.seams, self.halt), &self.without_token);
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
        if self.is_unpriced {
            self.record.cost = None;
        }
        sort_parts(&mut self.record, self.has_hops);
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

/// Sees that the parts, where there are any, add up to what is said of the exchange.
fn sort_parts(record: &mut Record, has_hops: bool) {
    let Record { attempts, deployment, model, usage, .. } = record;
    let parts = attempts.iter().filter(|attempt| attempt.part.is_some()).count();
    if parts == 0 || has_hops {
        return;
    }
    let is_tellers = |attempt: &AttemptRecord| deployment.as_deref() == Some(&attempt.deployment);
    let Some(teller) = attempts.iter().rposition(is_tellers) else { return };
    let part = &mut attempts[teller].part;
    if parts == 1 && part.is_some() {
        // What one attempt alone cost is said of the exchange.
        *part = None;
        return;
    }
    let new = || Part { model: model.clone().unwrap_or_default(), usage: *usage, cost: None, unpriced: false };
    part.get_or_insert_with(|| Box::new(new())).usage = *usage;
}

/// What a stream took, but for what was said once more.
pub(super) fn usage_of(incoming: &Incoming) -> store::Usage {
    let counted = incoming.usage();
    let of = usage(counted, incoming.output_tokens());
    // Our own count is of what is new alone.
    let wasted = counted.map_or(0, |_| incoming.wasted());
    store::Usage { output: of.output.saturating_sub(wasted), ..of }
}

fn usage(usage: Option<Usage>, output: u64) -> store::Usage {
    match usage {
        Some(usage) => store::Usage {
            input: usage.input + usage.audio_input + usage.image,
            cache_read: usage.cache_read,
            cache_write: usage.cache_write,
            output: usage.completion(),
            reasoning: usage.reasoning,
            estimated: false,
        },
        None => store::Usage { output, estimated: true, ..store::Usage::default() },
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
