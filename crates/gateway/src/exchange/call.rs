//! From a request's bytes to what the router and the relay need to know of it.

use std::{
    borrow::Cow,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, header};
use roundelay_calendar::UnixTime;
use roundelay_ledger::ExchangeId;
use roundelay_protocol::{
    chat,
    estimate::{Tokenizer, input_bound, input_tokens, plain_tokens},
    openai::{BadRequest, Needs, Operation, Request, Service},
    usage::Units,
};
use roundelay_routing::{Capabilities, Conversation, Demand, DeploymentId, Target};
use tokio::time::Instant;

use super::{
    compaction::{self, Compaction, Form, NOTES_TOKENS_MAX},
    continuation::Carrying,
    gateway::Gateway,
    handover::{Hand, Handing},
    outgoing::{Outgoing, SaidAgain, Thoughts, Unsayable},
    refusal::Refusal,
    responses::Turn,
    snapshot::{Deployment, Snapshot},
    terms::Terms,
};
use crate::{
    auth::Caller,
    billing::Payer,
    common::secret::is_ours,
    config::{Continuation, Handover, Losses, Surcharges, UnknownPrice},
};

/// A request whose caller is known and whose body is here.
#[derive(Debug)]
pub struct Inbound {
    /// The exchange's name.
    pub id: ExchangeId,
    /// When its head had been read.
    pub received: Instant,
    /// When its body had been read as well.
    pub taken: Instant,
    /// Who asks.
    pub caller: Arc<Caller>,
    /// What is asked for.
    pub operation: Operation,
    /// What of that stands in the path, in Gemini's dialect.
    pub addressed: Option<Addressed>,
    /// The request's header fields.
    pub headers: HeaderMap,
    /// What stands in its address behind the `?`.
    pub query: Option<Box<str>>,
    /// The request's body, as sent.
    pub body: Bytes,
    /// Of one for a response, its place in its conversation.
    pub turn: Option<Box<Turn>>,
    /// Of one for a conversation to be compacted, what becomes of it.
    pub compaction: Option<Box<Compaction>>,
    /// What the gateway itself asks it for; `None` for a caller's own.
    pub errand: Option<Errand>,
}

/// What the gateway asks for by itself, for an exchange of a caller's who pays for it.
#[derive(Debug, Clone, Copy)]
pub struct Errand {
    /// The exchange that it serves.
    pub serves: ExchangeId,
    /// How long it may take.
    pub deadline: Duration,
}

/// What the path of a request in Gemini's dialect says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addressed {
    /// The name of a model or pool.
    pub model: String,
    /// Whether the answer is to be streamed.
    pub is_streamed: bool,
    /// Whether the stream is to be one JSON array, and not server-sent events.
    pub is_array: bool,
}

impl Inbound {
    /// Lets go of what only an attempt needs.
    pub(super) fn forget(&mut self) {
        self.body = Bytes::new();
        self.headers = HeaderMap::new();
        self.query = None;
        if let Some(turn) = &mut self.turn {
            turn.forget();
        }
    }

    /// The query as its vendor's server is to have it: byte for byte, but for a caller's key to this gateway.
    pub(super) fn query_passed_on(&self) -> Option<Cow<'_, str>> {
        let query = self.query.as_deref().filter(|query| !query.is_empty())?;
        let has_key = |pair: &&str| pair.split_once('=').is_some_and(|(_, value)| is_ours(value));
        if !query.split('&').any(|pair| has_key(&pair)) {
            return Some(query.into());
        }
        let others: Vec<&str> = query.split('&').filter(|pair| !has_key(pair)).collect();
        (!others.is_empty()).then(|| others.join("&").into())
    }

    /// How often the caller's SDK has tried this call before; 0 for the first time.
    ///
    /// OpenAI's and Anthropic's SDKs send `x-stainless-retry-count`.
    pub(super) fn client_retries(&self) -> u32 {
        self.number("x-stainless-retry-count").unwrap_or(0)
    }

    /// How long the caller's SDK waits, as `x-stainless-read-timeout` (Python) or `x-stainless-timeout` (Node) say.
    fn patience(&self) -> Option<Duration> {
        let seconds = self.number("x-stainless-read-timeout").or_else(|| self.number("x-stainless-timeout"))?;
        Some(Duration::from_secs(seconds))
    }

    fn number<T: std::str::FromStr>(&self, header: &str) -> Option<T> {
        let text = self.headers.get(header)?.to_str().ok()?;
        // Python writes `600.0` where its timeout is a float.
        text.split('.').next()?.parse().ok()
    }

    /// What its body is, as the caller says.
    pub(super) fn content_type(&self) -> &str {
        self.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("application/json")
    }

    /// The caller's own name for the conversation, from our header or from those that agents send.
    fn session(&self) -> Option<&[u8]> {
        const SESSION_HEADERS: [&str; 5] =
            ["x-roundelay-session", "x-session-id", "session_id", "session-id", "x-claude-code-session-id"];
        SESSION_HEADERS.iter().find_map(|name| self.headers.get(*name)).map(|value| value.as_bytes())
    }
}

/// A request that was understood.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) snapshot: Arc<Snapshot>,
    pub(super) request: Request,
    pub(super) demand: Demand,
    /// Who pays.
    pub(super) payer: Payer,
    /// The most tokens that its input may be billed as, whatever it is sent to.
    input_bound: u64,
    /// The prices it is ranked and charged at.
    pub(super) terms: Arc<Terms>,
    /// No attempt begins, and none waits for content, after this instant.
    pub(super) deadline: Instant,
    /// Whether that is earlier than configured, because the caller's SDK waits no longer.
    is_hurried: bool,
    /// Whether a second attempt may run beside a slow first one.
    pub(super) may_hedge: bool,
    /// What deployments of other dialects are told.
    pub(super) said_again: SaidAgain,
    /// How its tokens are counted where nobody has counted them.
    pub(super) tokenizer: Tokenizer,
    /// How its conversation may be handed over.
    pub(super) handing: Handing,
    /// What the gateway itself asks it for.
    pub(super) errand: Option<Errand>,
    /// How its conversation is asked to be compacted; `None` for an answer.
    pub(super) compaction: Option<Form>,
    /// The answer of another that is to be carried on; `None` for an answer from its beginning.
    pub(super) carrying: Option<Box<Carrying>>,
}

impl Call {
    /// Reads the request and looks up what it asks for. The instant is that of its admission.
    ///
    /// # Errors
    /// When the body is not such a request, or names what is unknown here or not allowed to this caller.
    pub(super) fn decode(gateway: &Gateway, inbound: &mut Inbound, admitted: UnixTime) -> Result<Self, Refusal> {
        let request = match inbound.operation {
            Operation::Service(service) => Request::scan_service(service, inbound.content_type(), &inbound.body),
            operation => match inbound.turn.as_deref().and_then(Turn::request) {
                Some(request) => Ok(request.clone()),
                None => Request::scan(operation, &inbound.body),
            },
        };
        let mut request = request.map_err(Refusal::BadRequest)?;
        if let Some(Addressed { model, is_streamed, .. }) = &inbound.addressed {
            request.model.clone_from(model);
            (request.stream, request.include_usage) = (*is_streamed, true);
        }
        let compaction = compaction::begin(inbound, &request);
        if let Some(body) = compaction::opened(gateway, &inbound.caller.account, &request, &inbound.body)? {
            inbound.body = body;
            request = Request::scan(inbound.operation, &inbound.body).map_err(Refusal::BadRequest)?;
            // What was compacted had answers.
            request.is_first_turn = false;
        }
        if let Some(form) = compaction {
            compaction::narrow(&mut request, form)?;
        }
        let inbound = &*inbound;
        let snapshot = gateway.snapshot.load_full();
        let target = snapshot.target(&request.model).ok_or_else(|| Refusal::unknown_model(&request.model))?;
        let allowed = allowed(&inbound.caller, &snapshot, &request.model, target)?;
        let (attempts_deadline, tokenizer) = match target {
            Target::Pool(pool) => (snapshot.catalog.pools[pool.0 as usize].deadline, Tokenizer::Unknown),
            Target::Model(model) => {
                (snapshot.catalog.models[model.0 as usize].deadline, Tokenizer::of_model(&request.model))
            }
        };
        let attempts_deadline =
            inbound.errand.map_or(attempts_deadline, |errand| errand.deadline.min(attempts_deadline));
        let patience = within_patience(attempts_deadline, inbound.patience());
        let deadline = inbound.received + patience;
        let terms = snapshot.terms(admitted);
        let caller = &inbound.caller;
        let payer = gateway.billing.payer(&caller.key, &caller.account, &caller.limits, snapshot.config.rate());
        let payer = payer.ok_or(Refusal::Internal)?;
        refuse_surcharge(&request, &payer, &snapshot)?;
        let heard = heard(&request);
        let (input_tokens, input_bound) = match request.operation {
            Operation::Service(_) => plain_tokens(tokenizer, &request.size, request.asked.pieces),
            _ => (
                input_tokens(tokenizer, &request.size, request.messages),
                input_bound(tokenizer, &request.size, request.messages),
            ),
        };
        let input_tokens = input_tokens.saturating_add(heard.0);
        let mut handing = Handing::of(&snapshot, target, inbound);
        if compaction.is_some() {
            handing = handing.whole();
        }
        let demand = Demand {
            target,
            needs: capabilities(&request.needs, inbound.operation),
            input_tokens,
            together: together(&request, input_tokens),
            units: unit_counts(request.asked.units),
            output_tokens: match request.operation {
                Operation::Service(_) => request.asked.output_max,
                _ if compaction.is_some() => NOTES_TOKENS_MAX,
                _ => request.max_output_tokens.unwrap_or(0),
            },
            allowed,
            conversation: conversation(gateway, inbound, &request).filter(|_| inbound.errand.is_none()),
            payer: payer_hash(gateway, inbound),
            spendable: payer.spendable.map(|spendable| spendable.usd().nano() as f64),
            unpriced_held: match snapshot.config.money.unknown_price {
                UnknownPrice::Refuse => f64::INFINITY,
                UnknownPrice::Free => 0.0,
                UnknownPrice::Hold(amount) => amount.nano() as f64,
            },
            hour: Arc::clone(&terms.hour),
            deadline: gateway.clock.at(deadline),
            retries_allowed: true,
            may_hand_over: handing.mode != Handover::Full,
        };
        let is_own = inbound.errand.is_none();
        let is_hedged = is_own
            && compaction.is_none()
            && matches!(target, Target::Pool(pool) if snapshot.catalog.pools[pool.0 as usize].hedge);
        // Who comes back because we were slow is not helped by asking twice as much.
        let may_hedge = is_hedged && inbound.client_retries() == 0;
        let is_hurried = patience < attempts_deadline;
        let input_bound = input_bound.saturating_add(heard.1);
        let said_again = SaidAgain::default();
        let errand = inbound.errand;
        Ok(Self {
            snapshot,
            request,
            demand,
            payer,
            input_bound,
            terms,
            deadline,
            is_hurried,
            may_hedge,
            said_again,
            tokenizer,
            handing,
            errand,
            compaction,
            carrying: None,
        })
    }

    /// Whether the time is over that the caller's SDK waits, and not that of the configuration.
    pub(super) fn is_out_of_patience(&self) -> bool {
        self.is_hurried && Instant::now() >= self.deadline
    }

    /// The most output that one choice may have, as far as the caller or the catalogue says.
    pub(super) fn output_max(&self, deployment: &Deployment) -> Option<u64> {
        if self.request.operation.service().is_some() {
            return Some(self.request.asked.output_max);
        }
        let most = deployment.output_max;
        self.asked(deployment).into_iter().chain(most).min()
    }

    /// The most output of one choice that a deployment is asked for.
    pub(super) fn asked(&self, deployment: &Deployment) -> Option<u64> {
        if self.wants_notes(deployment) { Some(NOTES_TOKENS_MAX) } else { self.request.max_output_tokens }
    }
}

impl Call {
    /// Checks that a deployment can be told the request, and all of it where nothing may be left out.
    ///
    /// # Errors
    /// With what its caller is told where no other can.
    pub(super) fn check_sayable(
        &self,
        gateway: &Gateway,
        inbound: &Inbound,
        target: (&Deployment, Option<Hand>),
        asked: Option<&chat::Request<'_>>,
    ) -> Result<(), Unsayable> {
        let outgoing = self.outgoing_of(gateway, inbound, target, Thoughts::Readable, asked)?;
        let Some(outgoing) = outgoing else { return Ok(()) };
        match outgoing.left_out().filter(|_| !self.may_leave_out()) {
            Some(left_out) => Err(left_out.into()),
            None => Ok(()),
        }
    }

    /// Whether a deployment may be told less than its caller wrote.
    pub(super) fn may_leave_out(&self) -> bool {
        let config = &self.snapshot.config;
        let losses = match self.demand.target {
            Target::Pool(pool) => config.pools[pool.0 as usize].losses,
            Target::Model(model) => config.models[model.0 as usize].losses,
        };
        losses != Losses::Refuse
    }

    /// What becomes of an answer that is cut after content was shown.
    pub(super) fn continuation(&self) -> Continuation {
        match self.demand.target {
            Target::Pool(pool) => self.snapshot.config.pools[pool.0 as usize].continuation,
            Target::Model(_) => Continuation::Off,
        }
    }

    /// Whether another model may carry on its answer, as far as its pool and a first look at the request say.
    pub(super) fn may_be_carried_on(&self) -> bool {
        self.wants_carrying_on() && self.unfit().is_none()
    }

    /// Whether its pool has answers like this one's carried on.
    pub(super) fn wants_carrying_on(&self) -> bool {
        let Request { operation, stream, .. } = &self.request;
        let is_chat = !matches!(operation, Operation::Completions | Operation::Service(_));
        // Half of a compaction is none, and no words of another make it whole.
        self.continuation().is_on() && *stream && is_chat && self.compaction.is_none()
    }

    /// Why its answer is not carried on, as far as a first look at the request says.
    pub(super) fn unfit(&self) -> Option<&'static str> {
        let Request { choices, needs, holds, .. } = &self.request;
        if *choices != 1 {
            Some("more than one choice was asked for")
        } else if holds.forced_tools {
            Some("a tool was demanded")
        } else if needs.json_object || needs.json_schema {
            Some("a format was asked for")
        } else if needs.logprobs {
            Some("probabilities were asked for")
        } else if needs.audio_output {
            Some("audio was asked for")
        } else {
            None
        }
    }

    /// Whether tool calls of a stream are kept back until they are whole.
    pub(super) fn buffers_tools(&self) -> bool {
        let Request { operation, stream, needs, .. } = &self.request;
        let is_chat = !matches!(operation, Operation::Completions | Operation::Service(_));
        let buffers = match self.demand.target {
            Target::Pool(pool) => self.snapshot.config.pools[pool.0 as usize].buffer_tools,
            Target::Model(_) => false,
        };
        buffers && *stream && is_chat && needs.tools
    }

    /// What is asked to carry on an answer: the same request, with the input that what was shown comes to as well.
    pub(super) fn carried(&self, carrying: Carrying, shown_tokens: u64, deadline: Instant) -> Self {
        let bound = carrying.input_bound();
        // Who is asked the same once more reads no more.
        let likely = if carrying.said().is_some() { shown_tokens } else { 0 };
        let demand = Demand { input_tokens: self.demand.input_tokens.saturating_add(likely), ..self.demand.clone() };
        Self {
            snapshot: Arc::clone(&self.snapshot),
            request: self.request.clone(),
            demand,
            payer: self.payer,
            input_bound: self.input_bound.saturating_add(bound),
            terms: Arc::clone(&self.terms),
            deadline,
            is_hurried: false,
            may_hedge: false,
            said_again: SaidAgain::default(),
            tokenizer: self.tokenizer,
            handing: self.handing.whole(),
            errand: self.errand,
            compaction: self.compaction,
            carrying: Some(Box::new(carrying)),
        }
    }

    /// The most tokens that its input may be billed as by a deployment: no more than its model reads of each prompt, as far
    /// as the catalogue says.
    pub(super) fn input_bound(&self, id: DeploymentId) -> u64 {
        let model = self.snapshot.catalog.deployments[id.0 as usize].model;
        let window = self.snapshot.catalog.models[model.0 as usize].context_window;
        let prompts = match self.request.operation {
            Operation::Chat
            | Operation::Messages
            | Operation::Responses
            | Operation::Generate
            | Operation::Converse => 1,
            Operation::Completions | Operation::Service(_) => self.request.messages.max(1),
        };
        let most = window.map_or(u64::MAX, |window| window.saturating_mul(prompts.into()));
        self.input_bound.min(most).max(self.demand.input_tokens)
    }

    /// What an attempt is taken to have of input.
    pub(super) fn prompt(&self, id: DeploymentId, outgoing: Option<&Outgoing>) -> Prompt {
        let Some(Outgoing { request, .. }) = outgoing else {
            return Prompt { tokens: self.demand.input_tokens, bound: self.input_bound(id), guess: self.input_guess() };
        };
        let tokens = input_tokens(self.tokenizer, &request.size, request.messages);
        let bound = input_bound(self.tokenizer, &request.size, request.messages);
        let model = self.snapshot.catalog.deployments[id.0 as usize].model;
        let window = self.snapshot.catalog.models[model.0 as usize].context_window;
        let bound = bound.min(window.unwrap_or(u64::MAX)).max(tokens);
        Prompt { tokens, bound, guess: guess(tokens, bound) }
    }

    /// Tokens of audio in the input of a service, as is likely and at most.
    pub(super) fn heard(&self) -> (u64, u64) {
        heard(&self.request)
    }

    /// As [`Self::input_guess`], without what is heard.
    pub(super) fn text_guess(&self) -> u64 {
        let (likely, most) = self.heard();
        let text = self.demand.input_tokens.saturating_sub(likely);
        let beyond = self.input_bound.saturating_sub(most).saturating_sub(text);
        text.div_ceil(2).saturating_add(beyond / 10)
    }

    /// Tokens of input to charge where nobody counted them: the estimate goes by two bytes a token, and prose and code
    /// have four; and of what is in the bound alone a tenth, as a named file is ten pages more often than a hundred.
    pub(super) fn input_guess(&self) -> u64 {
        guess(self.demand.input_tokens, self.input_bound)
    }
}

/// Tokens of input, before anybody has counted them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Prompt {
    /// As is likely at most.
    pub(super) tokens: u64,
    /// The most that may be billed.
    pub(super) bound: u64,
    /// What is charged where nobody counts.
    pub(super) guess: u64,
}

fn guess(estimate: u64, bound: u64) -> u64 {
    estimate.div_ceil(2).saturating_add(bound.saturating_sub(estimate) / 10)
}

/// Who can run out of money is not served what costs more than the price that is set aside for it.
fn refuse_surcharge(request: &Request, payer: &Payer, snapshot: &Snapshot) -> Result<(), Refusal> {
    let Some(member) = request.surcharge else { return Ok(()) };
    if payer.spendable.is_none() || snapshot.config.money.surcharges == Surcharges::Pass {
        return Ok(());
    }
    let message = format!(
        "`{member}` can make the provider charge more than the listed price, and the money of this key is limited: leave \
         it out, or have an operator set `surcharges = \"pass\"` in `[money]`{}",
        match member {
            "tools" if request.operation == Operation::Generate => " (`functionDeclarations` are fine)",
            "serviceTier" => " (`standard` and `flex` are fine)",
            "tools" => " (tools of type `function` and `custom` are fine)",
            "service_tier" => " (`auto`, `default`, `flex` and `standard_only` are fine)",
            "speed" => " (`standard` is fine)",
            "inference_geo" => " (`global` is fine)",
            _ => "",
        }
    );
    Err(Refusal::BadRequest(BadRequest { message, param: Some(member.into()), code: "unsupported_parameter" }))
}

/// A gateway that gives up before its caller does can still say why, and settle.
fn within_patience(configured: Duration, patience: Option<Duration>) -> Duration {
    const MARGIN: Duration = Duration::from_secs(5);
    match patience {
        Some(patience) if patience > 2 * MARGIN => configured.min(patience - MARGIN),
        Some(patience) if !patience.is_zero() => configured.min(patience.mul_f64(0.8)),
        _ => configured,
    }
}

/// What a restricted key may reach behind the name it asked for; `None` when that is everything.
pub(super) fn allowed(
    caller: &Caller,
    snapshot: &Snapshot,
    asked: &str,
    target: Target,
) -> Result<Option<Arc<[Target]>>, Refusal> {
    let Some(names) = &caller.allowed else { return Ok(None) };
    if caller.may_ask_for(asked) {
        return Ok(None);
    }
    // A key for some models may name a pool: it reaches those of its members.
    let Target::Pool(_) = target else { return Err(Refusal::model_not_allowed(asked)) };
    let targets: Arc<[Target]> = names.iter().filter_map(|name| snapshot.target(name)).collect();
    if targets.is_empty() { Err(Refusal::model_not_allowed(asked)) } else { Ok(Some(targets)) }
}

fn capabilities(needs: &Needs, operation: Operation) -> Capabilities {
    if let Operation::Service(service) = operation {
        return service_needs(service);
    }
    Capabilities {
        chat: operation != Operation::Completions,
        tools: needs.tools,
        parallel_tools: needs.parallel_tools,
        vision: needs.vision,
        audio: needs.audio_input || needs.audio_output,
        documents: needs.files,
        json_object: needs.json_object,
        json_schema: needs.json_schema,
        logprobs: needs.logprobs,
        // Anthropic's clients ask for thoughts whoever answers, and do without.
        reasoning: needs.reasoning && operation != Operation::Messages,
        completions: operation == Operation::Completions,
        ..Capabilities::NONE
    }
}

/// What a service needs is a model for it.
fn service_needs(service: Service) -> Capabilities {
    let none = Capabilities::NONE;
    match service {
        Service::Embeddings => Capabilities { embeddings: true, ..none },
        Service::Rerank => Capabilities { rerank: true, ..none },
        Service::Moderations => Capabilities { moderations: true, ..none },
        Service::Images | Service::ImageEdits | Service::ImageVariations => Capabilities { images: true, ..none },
        Service::Speech => Capabilities { speech: true, ..none },
        Service::Transcriptions | Service::Translations => Capabilities { transcriptions: true, ..none },
    }
}

/// Tokens of the audio that a service is to hear: ten a second (OpenAI).
fn heard(request: &Request) -> (u64, u64) {
    const MS_PER_TOKEN: u64 = 100;
    let tokens = |units: Units| units.audio_ms.div_ceil(MS_PER_TOKEN);
    (tokens(request.asked.units), tokens(request.asked.units_max))
}

/// In the order of a [`roundelay_routing::Rate`]'s: images, milliseconds, characters, searches.
fn unit_counts(units: Units) -> [f64; 4] {
    let Units { images, audio_ms, characters, searches } = units;
    [images, audio_ms, characters, searches].map(|count| count as f64)
}

/// What has to fit a window: of a service, one of its pieces, at four bytes a token as most texts have, since their windows
/// are small and texts are cut to fit them.
fn together(request: &Request, input_tokens: u64) -> Option<u64> {
    match request.operation.service()? {
        Service::Embeddings | Service::Rerank => Some(input_tokens / (2 * u64::from(request.asked.pieces.max(1)))),
        _ => Some(0),
    }
}

/// Who asks, so that how long answers are is learnt for each.
fn payer_hash(gateway: &Gateway, inbound: &Inbound) -> u64 {
    let mut hasher = DefaultHasher::new();
    gateway.conversation_seed.hash(&mut hasher);
    inbound.caller.key.hash(&mut hasher);
    hasher.finish()
}

/// Which conversation a request belongs to: its tenant's, by name if it has one, else by its beginning.
fn conversation(gateway: &Gateway, inbound: &Inbound, request: &Request) -> Option<Conversation> {
    let mut hasher = DefaultHasher::new();
    gateway.conversation_seed.hash(&mut hasher);
    inbound.caller.key.hash(&mut hasher);
    request.model.hash(&mut hasher);
    let name = inbound.session().or_else(|| request.cache_key.as_deref().map(str::as_bytes));
    match name {
        Some(name) => name.hash(&mut hasher),
        None if matches!(inbound.operation, Operation::Completions | Operation::Service(_)) => return None,
        None => request.head(&inbound.body, gateway.conversation_seed).hash(&mut hasher),
    }
    Some(Conversation { id: hasher.finish(), is_first_turn: request.is_first_turn, is_explicit: name.is_some() })
}
