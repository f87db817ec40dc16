//! An attempt under way: counted by the router, and written into the record, until it lands.

use std::{
    sync::{
        OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use http::HeaderValue;
use roundelay_ledger::{Case, ListCost, Money, Observed, Timestamp, Tokens};
use roundelay_protocol::{
    chat::Dialect,
    estimate::OutputTokens,
    failure::Class,
    handover,
    openai::{BUDGET_MIN, OutputMax, Request, Service},
    usage::Usage,
};
use roundelay_routing::{Attempt, AttemptKind, Candidate, Decision, DeploymentId, Exclusion, Outcome, Plan, Stop};
use tokio::time::Instant;

use super::{
    call::{Call, Inbound, Prompt},
    caller::Interruption,
    draft::Draft,
    gateway::Gateway,
    handover::{Hand, Handed},
    outcome::Failed,
    places::Place,
    refusal::Refusal,
    service,
    snapshot::Deployment,
};
use crate::{
    billing::{Advance, Hold, Need, Shortfall, Unpriced},
    common::clock::unix_time,
    config::{OnDisconnect, UnknownPrice},
};

/// An attempt that the router counts as in flight. Dropped before it landed, it is given back as abandoned.
///
/// All of it can be used while the attempt's own future holds on to it: of two attempts side by side one may have to
/// land while the other goes on.
#[derive(Debug)]
pub(super) struct Flight<'a> {
    pub(super) gateway: &'a Gateway,
    pub(super) deployment: &'a Deployment,
    pub(super) began: Instant,
    attempt: Attempt,
    hold: Hold<'a>,
    call: &'a Call,
    heard: OnceLock<Heard>,
    /// What the provider has counted of its input, which some tell before there is output.
    input: OnceLock<Usage>,
    /// What it took to make an answer that is whole and of no use.
    wasted: OnceLock<(Option<Usage>, OutputTokens)>,
    /// Since the attempt began.
    first_content: OnceLock<Duration>,
    is_sent: AtomicBool,
    has_landed: AtomicBool,
    /// How the conversation is handed over to it.
    pub(super) hand: Option<Hand>,
    /// What was made of the conversation; boxed, because it is rare.
    handed: Option<Box<Handed>>,
    prompt: Prompt,
}

/// The head of an upstream's answer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Heard {
    pub(super) status: u16,
    /// Since the attempt began.
    pub(super) after: Duration,
}

impl<'a> Flight<'a> {
    /// The deployment's name for its caller, with the model that one for any model was asked for.
    pub(super) fn shown_deployment(&self) -> HeaderValue {
        self.deployment.shown_name(&self.call.request.model)
    }

    /// Sets aside what the attempt needs, and begins it.
    ///
    /// # Errors
    /// What is short; then it did not begin, and the plan has to be told.
    pub(super) fn begin(
        gateway: &'a Gateway,
        call: &'a Call,
        (attempt, hand): (Attempt, Option<Hand>),
        draft: &mut Draft,
    ) -> Result<Self, Shortfall> {
        let deployment = call.snapshot.deployment(attempt.deployment);
        let outgoing = call.handed(deployment, hand).or_else(|| call.notes_asked(deployment));
        let prompt = call.prompt(attempt.deployment, outgoing.as_deref());
        let need = need(call, (attempt.deployment, &prompt), attempt.number, deployment, draft);
        let hold = gateway.billing.hold(&call.payer, &need)?;
        if let Some(sent) = hold.sent(
            &deployment.name,
            &deployment.who_pays,
            &observed(call, (deployment, &prompt), (None, None), OutputTokens::default()),
        ) {
            draft.sent(gateway.recorder.sent(&sent));
        }
        let flight = Self {
            gateway,
            deployment,
            began: Instant::now(),
            attempt,
            hold,
            call,
            heard: OnceLock::new(),
            input: OnceLock::new(),
            wasted: OnceLock::new(),
            first_content: OnceLock::new(),
            is_sent: AtomicBool::new(false),
            has_landed: AtomicBool::new(false),
            hand,
            handed: outgoing.and_then(|outgoing| outgoing.handed).map(Box::new),
            prompt,
        };
        if let Some(handed) = &flight.handed {
            gateway.metrics.handed_over(handed.told.kind.name());
            draft.hand_over(flight.number(), **handed);
        }
        draft.attempt_begins(&flight);
        Ok(flight)
    }

    pub(super) fn number(&self) -> u32 {
        self.attempt.number
    }

    pub(super) fn kind(&self) -> AttemptKind {
        self.attempt.kind
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// Notes that a byte of the request may reach the provider from now on, and cost money.
    pub(super) fn is_being_sent(&self) {
        self.is_sent.store(true, Ordering::Relaxed);
    }

    /// Notes that the head of the answer is here.
    pub(super) fn hear(&self, status: u16) {
        self.heard.get_or_init(|| Heard { status, after: self.elapsed() });
    }

    pub(super) fn heard(&self) -> Option<Heard> {
        self.heard.get().copied()
    }

    /// Notes what the provider has counted of its input, as soon as it is told. A count of nothing is none.
    pub(super) fn note_input(&self, counted: Option<Usage>) {
        if let Some(usage) = counted.filter(|usage| usage.prompt() > 0) {
            self.input.get_or_init(|| usage);
        }
    }

    /// Notes what a whole answer took that is of no use: whoever asked for it has had it made.
    pub(super) fn note_wasted(&self, usage: Option<Usage>, output: OutputTokens) {
        self.wasted.get_or_init(|| (usage, output));
    }

    pub(super) fn has_wasted(&self) -> bool {
        self.wasted.get().is_some()
    }

    pub(super) fn has_landed(&self) -> bool {
        self.has_landed.load(Ordering::Relaxed)
    }

    /// Says that content is here: its beginning where it is streamed, else all of it.
    pub(super) fn commit(&self, draft: &mut Draft, is_streamed: bool) {
        draft.content_begins(self);
        let first_content = is_streamed.then(|| *self.first_content.get_or_init(|| self.elapsed()));
        self.gateway.router().commit(&self.attempt, first_content, self.gateway.clock.now());
    }

    /// Notes that its first content is here, though it may not be shown yet.
    pub(super) fn note_content(&self) {
        self.first_content.get_or_init(|| self.elapsed());
    }

    /// A ceiling on one choice's output, which the provider has to be told because there is no money for more.
    pub(super) fn output_max(&self) -> Option<OutputMax> {
        let tokens = self.hold.ceiling?;
        Some(OutputMax { tokens, field: self.deployment.output_field })
    }

    /// A ceiling where its caller asked for more than its model gives, which many servers refuse.
    pub(super) fn most_it_gives(&self) -> Option<OutputMax> {
        let tokens = self.deployment.output_max?;
        let is_above = self.call.request.max_output_tokens? > tokens;
        is_above.then_some(OutputMax { tokens, field: self.deployment.output_field })
    }

    /// A ceiling where the window has no room for as much as is asked for, besides what was made of the conversation.
    pub(super) fn within_window(&self, asked: Option<OutputMax>, request: &Request) -> Option<OutputMax> {
        if self.call.errand.is_some() {
            // Some servers know a ceiling by one of its names alone.
            let field = self.deployment.output_field;
            return asked.or_else(|| Some(OutputMax { tokens: request.max_output_tokens?, field }));
        }
        let Some(handed) = &self.handed else { return asked };
        let tokens = self.call.room_left(self.deployment, handed.told.after);
        let most = asked.as_ref().map(|asked| asked.tokens).or(request.max_output_tokens);
        if most.is_none_or(|most| most <= tokens) {
            asked
        } else {
            Some(OutputMax { tokens, field: self.deployment.output_field })
        }
    }

    /// What its deployment is told of the conversation, for the answer's head; `None` where it cannot be another.
    pub(super) fn handover(&self) -> Option<&'static str> {
        let may_be = self.call.handing.is_told;
        may_be.then(|| self.handed.as_ref().map_or(handover::Kind::None, |handed| handed.told.kind).name())
    }

    /// Room for reading its answer to the end though its caller has left: of a provider that works on whether or not
    /// anybody reads, and for keys that want it. `None` where it is not worth it, nothing was sent, or too many are read
    /// so.
    pub(super) fn drain(&self, inbound: &Inbound) -> Option<Place> {
        if self.call.errand.is_some() {
            // It is given up when the gateway stops, and nobody is to wait for it then.
            return None;
        }
        let by_default = self.call.snapshot.config.money.on_disconnect;
        let wants = inbound.caller.on_disconnect.unwrap_or(by_default) == OnDisconnect::Drain;
        let is_worth =
            self.is_priced() && self.is_sent.load(Ordering::Relaxed) && (wants || !self.deployment.stops_on_cancel);
        if is_worth { self.gateway.drains.admit(&inbound.caller.key) } else { None }
    }

    /// Whether the provider was told of less output than its caller asked for.
    pub(super) fn is_lowered(&self) -> bool {
        self.hold.is_lowered()
    }

    /// Whether there may be no money for all of its answer.
    pub(super) fn is_bounded(&self) -> bool {
        self.hold.is_bounded()
    }

    /// Whether its end is worth knowing for the bill.
    pub(super) fn is_priced(&self) -> bool {
        self.hold.is_priced()
    }

    /// Whether there is money for so many tokens of output, at least and at most.
    pub(super) fn covers(&self, output: (u64, u64)) -> bool {
        self.hold.covers(output)
    }

    /// Ends an attempt that brought nothing.
    pub(super) fn fail(&self, plan: &mut Plan, draft: &mut Draft, failed: &Failed) {
        if failed.failure.class == Class::FirstByteTimeout && self.call.is_out_of_patience() {
            // Its caller has gone, or would have: that says nothing of the provider, and is no gift.
            return self.give_up(plan, draft, Interruption::CallerLeft);
        }
        if failed.failure.class == Class::NoToken {
            draft.lacks_token(self.deployment);
        }
        let fault = failed.fault(self.deployment.is_open());
        let (case, (usage, output)) = match self.wasted.get() {
            Some(wasted) => (Case::FailedMidStream, *wasted),
            // What may have been done before it failed may be billed; its caller got none of it.
            None if failed.may_be_billed() => (Case::Blank, Default::default()),
            None => (Case::Unbilled, Default::default()),
        };
        let bill = self.seen(usage, output);
        self.land(plan, draft, failed.failure.class.name(), &Outcome::Failure(fault), (case, bill));
    }

    /// Ends an attempt that is given up from this side before any of its answer was shown.
    pub(super) fn give_up(&self, plan: &mut Plan, draft: &mut Draft, why: Interruption) {
        self.land(
            plan,
            draft,
            "abandoned",
            &Outcome::Abandoned,
            (self.interrupted(why), self.seen(None, OutputTokens::default())),
        );
    }

    /// Ends an attempt beside which another one answers, or was there first: its caller pays for one.
    pub(super) fn lose(&self, plan: &mut Plan, draft: &mut Draft, name: &'static str) {
        let case = if self.cancelled() == Case::Unbilled { Case::Unbilled } else { Case::Superseded };
        self.land(plan, draft, name, &Outcome::Abandoned, (case, self.seen(None, OutputTokens::default())));
    }

    /// The case of an attempt that is given up from this side.
    pub(super) fn cancelled(&self) -> Case {
        if !self.is_sent.load(Ordering::Relaxed) {
            Case::Unbilled
        } else if self.deployment.stops_on_cancel {
            Case::Cancelled
        } else {
            Case::CancelledRunning
        }
    }

    /// The case of an attempt that is not carried on.
    pub(super) fn interrupted(&self, why: Interruption) -> Case {
        // An errand is given up by the gateway alone.
        let why = if self.call.errand.is_some() { Interruption::Stopping } else { why };
        match (why, self.cancelled()) {
            (Interruption::Stopping, Case::Cancelled | Case::CancelledRunning) => Case::Crashed,
            (_, case) => case,
        }
    }

    /// What is known of its tokens: what the provider counted of all of it or of its input, and how many tokens of output
    /// were shown. Where nobody counted the output, what a model has thought before is added, as far as can be told: at the pace at which it answered.
    pub(super) fn seen(&self, usage: Option<Usage>, shown: OutputTokens) -> Observed {
        let thought = if usage.is_none() && self.deployment.is_reasoning { self.thought(shown.total()) } else { 0 };
        let shown = OutputTokens { text: shown.text.saturating_add(thought), ..shown };
        observed(self.call, (self.deployment, &self.prompt), (usage, self.input.get().copied()), shown)
    }

    fn thought(&self, shown: u64) -> u64 {
        let Some(silent) = self.first_content.get().copied() else { return 0 };
        let spoken = self.elapsed().saturating_sub(silent).as_secs_f64();
        let pace = (shown as f64 / spoken.max(1.0)).min(THOUGHT_PER_SECOND_MAX);
        (silent.as_secs_f64() * pace) as u64
    }

    /// Ends an attempt: the record and the metrics say `name`, the plan learns where to go next, and what is owed for it
    /// is charged. Says how much that is; `None` where its price is not known or nobody owes anything.
    pub(super) fn land(
        &self,
        plan: &mut Plan,
        draft: &mut Draft,
        name: &'static str,
        outcome: &Outcome,
        (case, observed): (Case, Observed),
    ) -> Option<Money> {
        self.has_landed.store(true, Ordering::Relaxed);
        let charged = draft.charge(self, case, self.hold.settle(case, &self.deployment.who_pays, &observed));
        draft.attempt_ends(self, name);
        plan.report(&mut self.gateway.router(), &self.attempt, outcome, self.gateway.clock.now());
        charged
    }
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        if !self.has_landed() {
            self.gateway.router().report(&self.attempt, &Outcome::Abandoned, self.gateway.clock.now());
        }
    }
}

/// Why nobody can be asked for want of money: what is short for the first of those that were too dear, with whose it is.
pub(super) fn short(gateway: &Gateway, call: &Call, draft: &Draft, stop: Stop, decision: &Decision) -> Refusal {
    let is_too_dear = |candidate: &&Candidate| candidate.exclusion == Some(Exclusion::Unaffordable);
    let has_price = |candidate: &&Candidate| call.terms.quote(candidate.deployment).is_some();
    let too_dear = || decision.candidates.iter().filter(is_too_dear);
    let shortfall = too_dear().find(has_price).or_else(|| too_dear().next()).and_then(|candidate| {
        let deployment = call.snapshot.deployment(candidate.deployment);
        // As a second attempt: to ask what is short takes none of the requests a minute.
        let prompt = call.prompt(candidate.deployment, None);
        let need = need(call, (candidate.deployment, &prompt), 2, deployment, draft);
        // Where another request has just given back what was short, it is dropped at once.
        let held = gateway.billing.hold(&call.payer, &need);
        held.err().or_else(|| gateway.billing.was_short(&call.payer, &need))
    });
    match shortfall {
        Some(shortfall) => Refusal::Short(Box::new(shortfall)),
        None => Refusal::after(None, stop, decision, &gateway.clock, call.request.operation.dialect()),
    }
}

fn need<'a>(
    call: &'a Call,
    (id, prompt): (DeploymentId, &Prompt),
    attempt: u32,
    deployment: &Deployment,
    draft: &Draft,
) -> Need<'a> {
    let config = &call.snapshot.config;
    let service = call.request.operation.service();
    let longest = call.deadline.saturating_duration_since(Instant::now()) + deployment.timeouts.total + OVERDUE_AFTER;
    let expires_at = i64::try_from((unix_time() + longest).as_micros()).unwrap_or(i64::MAX);
    Need {
        exchange: draft.exchange(),
        attempt,
        is_request: call.errand.is_none(),
        quote: call.terms.quote(id),
        unpriced: match config.money.unknown_price {
            UnknownPrice::Refuse => Unpriced::Refuse,
            UnknownPrice::Free => Unpriced::Free,
            UnknownPrice::Hold(amount) => Unpriced::Costs(ListCost::from_usd(amount).unwrap_or(ListCost::MAX)),
        },
        input: prompt.bound,
        input_tokens: prompt.tokens,
        has_audio: call.demand.needs.audio || service.is_some_and(Service::has_audio),
        keeps_long: call.request.keeps_long,
        asked: call.asked(deployment),
        output_max: call.output_max(deployment),
        thought: thought_at_least(call, deployment),
        choices: if service.is_some() { 1 } else { call.request.generated },
        advance: match deployment {
            _ if !call.request.stream => Advance::All,
            // Stopped here, it goes on there.
            Deployment { stops_on_cancel: false, .. } => Advance::All,
            Deployment { is_reasoning: true, .. } => Advance::Thought,
            _ => Advance::Beginning,
        },
        // Half of a compaction is none.
        is_fixed: service.is_some() || call.compaction.is_some(),
        units: service::units(call.request.asked.units_max),
        rate: config.rate(),
        expires_at: Timestamp(expires_at),
    }
}

/// Anthropic's servers refuse a ceiling that has no room for the least budget of thought. What is asked for in other words
/// may become one.
fn thought_at_least(call: &Call, deployment: &Deployment) -> u64 {
    let request = &call.request;
    let may_have_budget = match request.operation.dialect() {
        Dialect::Anthropic => request.thinking_budget().is_some(),
        _ => request.needs.reasoning,
    };
    if deployment.dialect == Dialect::Anthropic && may_have_budget { BUDGET_MIN } else { 0 }
}

/// `usage` is what the provider has counted: all of it, or at least the input.
fn observed(
    call: &Call,
    (deployment, prompt): (&Deployment, &Prompt),
    (usage, input): (Option<Usage>, Option<Usage>),
    shown: OutputTokens,
) -> Observed {
    if let Some(service) = call.request.operation.service() {
        return service::observed(call, service, call.terms.quote(deployment.id), usage, shown);
    }
    let came = shown.total();
    let output_max = call.output_max(deployment).unwrap_or(came);
    let worst = output_max.saturating_mul(call.request.generated.into()).max(came);
    let counted = input.map(|usage| Tokens { output: 0, audio_output: 0, ..priced(usage) });
    let input = |guess| counted.unwrap_or_else(|| Tokens { input: guess, ..Tokens::default() });
    Observed {
        usage: usage.map(priced),
        delivered: Tokens { output: shown.text, audio_output: shown.audio, ..input(prompt.guess) },
        worst: Tokens { output: worst, ..input(prompt.tokens) },
        wasted: 0,
    }
}

/// What a provider counted, in the classes that have prices.
pub(super) fn priced(usage: Usage) -> Tokens {
    let Usage { input, cache_read, cache_write, cache_write_long, output, audio_input, audio_output, image, .. } =
        usage;
    let cache_write = cache_write.saturating_sub(cache_write_long);
    let units = service::units(usage.units);
    Tokens { input, cache_read, cache_write, cache_write_long, output, audio_input, audio_output, image, units }
}

/// The same classes as a provider would have counted them.
pub(super) fn counted(tokens: Tokens) -> Usage {
    let Tokens { input, cache_read, cache_write, cache_write_long, output, audio_input, audio_output, image, .. } =
        tokens;
    let cache_write = cache_write.saturating_add(cache_write_long);
    Usage {
        input,
        cache_read,
        cache_write,
        cache_write_long,
        output,
        audio_input,
        audio_output,
        image,
        ..Usage::default()
    }
}

/// Models that are faster are rare, and a guess is not to be at their callers' cost.
const THOUGHT_PER_SECOND_MAX: f64 = 100.0;
/// Every timer of an attempt has run out long before: what is still held then, nobody will end.
const OVERDUE_AFTER: Duration = Duration::from_secs(300);
