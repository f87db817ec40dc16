//! A request in the words of the deployment it goes to, where these are not its caller's own.

mod aside;
mod elsewhere;

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::HeaderValue;
use roundelay_protocol::{
    anthropic::{self, Readable, Readied, with_readable_thoughts},
    bedrock,
    chat::{self, Capabilities, Dialect, FreeTools, Issuer, Keep, Losses, Target, Told, Why},
    gemini,
    handover::{self, Room, hand_over},
    openai::{BadRequest, Operation, Request, as_stream},
    openai_chat, openai_responses,
    seam::Way,
    translate::{Manner, decode_request, locate, turned_tools, write_request},
};
use serde::Serialize;

pub(super) use self::elsewhere::is_kept_elsewhere;
use self::elsewhere::{check_known, vendors_own};
use super::{
    call::{Call, Inbound},
    compaction::question,
    continuation::Carrying,
    gateway::Gateway,
    handover::{Hand, Handed, Reason, finder},
    snapshot::Deployment,
};
use crate::config::Refuses;

/// A request as it was said again.
#[derive(Debug)]
pub(super) struct Outgoing {
    /// With the name of the model that the caller wrote: each attempt has its own spliced in.
    pub(super) body: Bytes,
    /// What the body says, and where.
    pub(super) request: Request,
    /// Tools that were said as functions, to be turned back in the answer.
    pub(super) tools: FreeTools,
    pub(super) losses: Losses,
    /// What was made of the conversation, where it is not its caller's.
    pub(super) handed: Option<Handed>,
}

/// Why a deployment cannot be told a request.
#[derive(Debug)]
pub(super) enum Unsayable {
    /// It cannot be read, or may not be told in part.
    Bad(BadRequest),
    /// There is no room even for the least of its conversation.
    DoesNotFit,
}

impl From<BadRequest> for Unsayable {
    fn from(bad: BadRequest) -> Self {
        Self::Bad(bad)
    }
}

/// The ways in which a request was said again: one for each kind of target, however many attempts go there.
#[derive(Debug, Default)]
pub(super) struct SaidAgain(Mutex<Said>);

#[derive(Debug, Default)]
struct Said {
    /// `None` where the request is passed on as it is after all.
    kinds: Vec<(Kind, Option<Arc<Outgoing>>)>,
    /// What of requests and answers was not told, for the record.
    dropped: Vec<Dropped>,
}

/// What was not told, or not exactly, as a record keeps it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(super) struct Dropped {
    place: String,
    why: &'static str,
    /// In English words, none of them the caller's.
    what: String,
    #[serde(skip_serializing_if = "is_one")]
    times: u32,
}

fn is_one(times: &u32) -> bool {
    *times == 1
}

/// Targets that are told the same.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Kind {
    manner: Manner,
    capabilities: Capabilities,
    output_max: u64,
    /// Where the request holds thoughts that only their own deployment can read.
    issuer: Option<Issuer>,
    thoughts: Thoughts,
    marks_cache: bool,
    /// Where its conversation is handed over.
    room: Option<(Hand, Room)>,
    /// Whether a stream is asked for of an answer that its caller wants whole.
    streams_whole: bool,
    /// How the answer of another is carried on, where that is not by the same request.
    carried: Option<Way>,
    /// Whether notes are asked for, of a conversation that is to be compacted.
    wants_notes: bool,
}

/// Which thoughts of earlier turns are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Thoughts {
    /// Those that the deployment should be able to read.
    Readable,
    /// None, because it has refused them.
    None,
}

impl Call {
    /// The request in the words of a deployment; `None` where these are the caller's own, and the deployment takes all that
    /// it holds.
    ///
    /// # Errors
    /// When the request cannot be read as its dialect says. A server of that dialect may know more than is known here.
    pub(super) fn outgoing(
        &self,
        gateway: &Gateway,
        inbound: &Inbound,
        target: (&Deployment, Option<Hand>),
        thoughts: Thoughts,
    ) -> Result<Option<Arc<Outgoing>>, Unsayable> {
        self.outgoing_of(gateway, inbound, target, thoughts, None)
    }

    /// As [`Self::outgoing`], with the request in the common form where that is known.
    ///
    /// # Errors
    /// As there.
    pub(super) fn outgoing_of(
        &self,
        gateway: &Gateway,
        inbound: &Inbound,
        (deployment, hand): (&Deployment, Option<Hand>),
        thoughts: Thoughts,
        asked: Option<&chat::Request<'_>>,
    ) -> Result<Option<Arc<Outgoing>>, Unsayable> {
        if let Some(service) = inbound.operation.service() {
            if deployment.dialect == Dialect::OpenaiChat {
                return Ok(None);
            }
            let message = format!("no model that may answer now is at a provider with OpenAI's `{}`", service.path());
            return Err(BadRequest { message, param: None, code: "unsupported_parameter" }.into());
        }
        let from = inbound.operation.dialect();
        let is_own = deployment.dialect_for(inbound.operation) == from;
        let is_changed = !is_own || self.is_changed(deployment, thoughts);
        let streams_whole = self.streams_whole(deployment);
        let is_carried = self.carrying.as_deref().and_then(Carrying::said).is_some();
        let wants_notes = self.wants_notes(deployment);
        if !is_changed && !streams_whole && !is_carried && !wants_notes && hand.is_none() {
            return Ok(None);
        }
        let kind = self.kind(deployment, hand, thoughts);
        if let Some(outgoing) = self.said_again.lock().find(&kind) {
            return Ok(outgoing);
        }
        // Two attempts at once are rare, and both would say the same.
        let in_own_words = || match (is_changed, streams_whole) {
            (true, false) => Outgoing::without_thoughts(&inbound.body, thoughts, deployment.issuer).map(Some),
            (true, true) => {
                Outgoing::without_thoughts(&inbound.body, thoughts, deployment.issuer)?.into_stream().map(Some)
            }
            (false, true) => Outgoing::streamed(&inbound.body, &self.request).map(Some),
            (false, false) => Ok(None),
        };
        // What can be taken as it is, is passed on byte for byte.
        let is_cut_out = is_own && (!is_changed || from == Dialect::Anthropic);
        let outgoing = if wants_notes {
            Some(Outgoing::for_notes(&kind, &self.request, deployment.output_max, &Conversation::of(inbound))?)
        } else if is_cut_out && !is_carried && hand.is_none() {
            in_own_words()?
        } else {
            let known = asked;
            let asked = match known {
                Some(asked) => asked.clone(),
                None => decode_request(from, &inbound.body).map_err(|fault| bad(fault.to_string()))?,
            };
            if hand.is_some() && is_kept_elsewhere(&asked) {
                return self.outgoing_of(gateway, inbound, (deployment, None), thoughts, Some(&asked));
            }
            let mut find = hand.map(|_| finder(gateway, &inbound.caller.account, &self.snapshot, &asked));
            let find = find.as_mut().map(|find| find as &mut dyn FnMut(usize) -> Option<Arc<str>>);
            let translated = Outgoing::translated(
                asked,
                Some(Words::of(inbound)),
                &kind,
                &self.request,
                find,
                self.carrying.as_deref(),
            );
            let outgoing = match (translated, hand) {
                // Who can take the whole is told the whole where it cannot be made shorter.
                (Err(Unsayable::DoesNotFit), Some(Hand { reason: Reason::ModelChanged, .. })) => {
                    return self.outgoing_of(gateway, inbound, (deployment, None), thoughts, known);
                }
                (translated, _) => translated?,
            };
            match outgoing.handed {
                None if hand.is_some() && is_cut_out => in_own_words()?,
                _ => Some(outgoing),
            }
        };
        let outgoing = outgoing.map(Arc::new);
        let mut said = self.said_again.lock();
        if let Some(outgoing) = &outgoing {
            said.note(&outgoing.losses);
        }
        said.kinds.push((kind, outgoing.clone()));
        Ok(outgoing)
    }

    /// What was prepared for a deployment, where its conversation is not its caller's.
    pub(super) fn handed(&self, deployment: &Deployment, hand: Option<Hand>) -> Option<Arc<Outgoing>> {
        let kind = self.kind(deployment, Some(hand?), Thoughts::Readable);
        self.said_again.lock().find(&kind)?.filter(|outgoing| outgoing.handed.is_some())
    }

    /// What a deployment is told that is asked for notes, where it was told already.
    pub(super) fn notes_asked(&self, deployment: &Deployment) -> Option<Arc<Outgoing>> {
        if !self.wants_notes(deployment) {
            return None;
        }
        self.said_again.lock().find(&self.kind(deployment, None, Thoughts::Readable))?
    }

    fn kind(&self, deployment: &Deployment, hand: Option<Hand>, thoughts: Thoughts) -> Kind {
        let operation = self.request.operation;
        let upstream_model = deployment.upstream_model(&self.request.model);
        let refuses = refuses(deployment, upstream_model);
        let to = deployment.dialect_for(operation);
        let is_own = to == operation.dialect();
        let capabilities = Capabilities {
            sampling: !refuses.sampling,
            forced_tools: !refuses.forced_tools,
            system: !refuses.system,
            cache_marks: takes_cache_marks(deployment, upstream_model),
            ..deployment.capabilities
        };
        Kind {
            manner: manner(deployment, to, upstream_model),
            capabilities,
            output_max: deployment.output_max.unwrap_or(OUTPUT_MAX),
            issuer: self.request.holds.foreign_thoughts.then_some(deployment.issuer),
            thoughts,
            // What is asked once is not worth keeping.
            marks_cache: deployment.marks_cache && !is_own && self.compaction.is_none(),
            wants_notes: self.wants_notes(deployment),
            streams_whole: self.streams_whole(deployment),
            carried: self.carrying.as_deref().and_then(Carrying::said),
            room: hand.map(|hand| (hand, self.room(deployment, hand))),
        }
    }

    /// Whether a deployment is asked for a stream of what the caller wants whole: not where the answer may hold what only a
    /// whole answer of its own dialect can say.
    fn streams_whole(&self, deployment: &Deployment) -> bool {
        let Request { operation, stream, needs, .. } = &self.request;
        let is_chat = !matches!(operation, Operation::Completions | Operation::Service(_));
        let compacts_itself = self.compaction.is_some() && !self.wants_notes(deployment);
        deployment.streams_whole && !compacts_itself && !stream && is_chat && !needs.logprobs && !needs.audio_output
    }

    /// Whether a deployment of the caller's own dialect must be told something else than its caller wrote. Anthropic's
    /// callers rely on their words being passed on as they are, but for thoughts that the deployment cannot read.
    fn is_changed(&self, deployment: &Deployment, thoughts: Thoughts) -> bool {
        let refuses = refuses(deployment, deployment.upstream_model(&self.request.model));
        let holds = self.request.holds;
        let has_refused_thoughts = holds.foreign_thoughts || thoughts == Thoughts::None && holds.thoughts;
        match self.request.operation {
            Operation::Completions | Operation::Service(_) => false,
            Operation::Messages | Operation::Responses | Operation::Generate | Operation::Converse => {
                has_refused_thoughts
            }
            Operation::Chat => {
                has_refused_thoughts
                    || refuses.sampling && holds.sampling
                    || refuses.forced_tools && holds.forced_tools
                    || refuses.system && holds.system
            }
        }
    }
}

impl SaidAgain {
    fn lock(&self) -> std::sync::MutexGuard<'_, Said> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes what of an answer its caller's dialect could not say.
    pub(super) fn note(&self, losses: &Losses) {
        self.lock().note(losses);
    }

    /// Takes in what another request for the same answer left out.
    pub(super) fn take_in(&self, other: &Self) {
        let dropped = std::mem::take(&mut other.lock().dropped);
        let mut said = self.lock();
        let room = Losses::MAX.saturating_sub(said.dropped.len());
        said.dropped.extend(dropped.into_iter().take(room));
    }

    /// Lets go of the bodies. What was not told is kept.
    pub(super) fn forget(&self) {
        self.lock().kinds = Vec::new();
    }

    /// What was not told, or not exactly: where it stood, and why.
    pub(super) fn dropped(&self) -> Vec<Dropped> {
        let mut dropped = self.lock().dropped.clone();
        dropped.sort_unstable();
        dropped.dedup();
        dropped
    }
}

impl Said {
    fn find(&self, kind: &Kind) -> Option<Option<Arc<Outgoing>>> {
        self.kinds.iter().find(|(known, _)| known == kind).map(|(_, outgoing)| outgoing.clone())
    }

    fn note(&mut self, losses: &Losses) {
        let told = losses.told().into_iter().map(|told| Dropped {
            place: shown(&told.place),
            why: told.why.name(),
            what: told.what.chars().filter(|c| !c.is_control()).take(PLACE_MAX).collect(),
            times: told.times,
        });
        self.dropped.extend(told.take(Losses::MAX.saturating_sub(self.dropped.len())));
    }
}

/// The caller's own words, of which a request was read.
#[derive(Clone, Copy)]
struct Words<'w> {
    body: &'w [u8],
    /// Its items have other numbers than the caller's own.
    is_renumbered: bool,
}

impl<'w> Words<'w> {
    fn of(inbound: &'w Inbound) -> Self {
        let is_renumbered = inbound.turn.as_deref().is_some_and(|turn| turn.is_renumbered);
        Self { body: &inbound.body, is_renumbered }
    }

    /// What of a request for a compaction neither its notes nor what stays beside them say.
    fn locate_compacted(self, losses: &mut Losses, asked: &chat::Request<'_>, without_media: &[usize]) {
        locate(losses, asked, self.body);
        for number in without_media {
            losses.add(Why::NoPeer, format!("input[{number}].content"), "what is no text and too large to stay");
        }
        if self.is_renumbered {
            losses.forget_numbers("input");
        }
    }

    fn locate(self, losses: &mut Losses, asked: &chat::Request<'_>) {
        locate(losses, asked, self.body);
        if self.is_renumbered {
            losses.forget_numbers("input");
        }
    }
}

/// A conversation that is to be compacted.
struct Conversation {
    body: Bytes,
    dialect: Dialect,
    is_renumbered: bool,
    without_media: Vec<usize>,
}

impl Conversation {
    fn of(inbound: &Inbound) -> Self {
        let without_media = inbound.compaction.as_deref().map(|compaction| compaction.without_media().to_vec());
        Self {
            body: inbound.body.clone(),
            dialect: inbound.operation.dialect(),
            is_renumbered: Words::of(inbound).is_renumbered,
            without_media: without_media.unwrap_or_default(),
        }
    }
}

impl Outgoing {
    /// The question for notes of a conversation; `output_max` is the most that its model gives, where that is known.
    fn for_notes(
        kind: &Kind,
        caller: &Request,
        output_max: Option<u64>,
        conversation: &Conversation,
    ) -> Result<Self, Unsayable> {
        let Conversation { body, dialect, is_renumbered, without_media } = conversation;
        let asked = decode_request(*dialect, body).map_err(|fault| bad(fault.to_string()))?;
        if let Some(bad) = vendors_own(&asked) {
            return Err(bad.into());
        }
        let (question, mut losses) = question(&asked, output_max)?;
        Words { body, is_renumbered: *is_renumbered }.locate_compacted(&mut losses, &asked, without_media);
        let mut caller = caller.clone();
        // Whoever waits for it, half of it is of no use to them.
        caller.stream = false;
        let mut outgoing = Self::translated(question, None, kind, &caller, None, None)?;
        for loss in losses.iter() {
            outgoing.losses.add(loss.why, loss.path.clone(), loss.what.clone());
        }
        Ok(outgoing)
    }

    /// `words` are those of which `asked` was read, where it was; `caller` is what was read of the caller's own body, and of
    /// what its dialect has elsewhere; `find` gives what stands for so many of the first turns; `carrying` is the answer
    /// that is to be carried on.
    fn translated(
        mut asked: chat::Request<'_>,
        words: Option<Words<'_>>,
        kind: &Kind,
        caller: &Request,
        find: Option<&mut dyn FnMut(usize) -> Option<Arc<str>>>,
        carrying: Option<&Carrying>,
    ) -> Result<Self, Unsayable> {
        check_known(&asked, kind.manner.dialect())?;
        let mut losses = Losses::default();
        let Kind {
            manner, capabilities, output_max, issuer, thoughts, marks_cache, room, streams_whole, carried, ..
        } = *kind;
        let handed = match (room, find) {
            (Some((hand, room)), Some(find)) => {
                let told = hand_over(&mut asked, &room, find).map_err(|_| Unsayable::DoesNotFit)?;
                Some(Handed { reason: hand.reason, told }).filter(|_| told.kind != handover::Kind::None)
            }
            _ => None,
        };
        if marks_cache {
            asked.mark(Keep::Default);
        }
        if thoughts == Thoughts::None {
            asked.forget_thoughts();
            losses.add(Why::Issuer, "thoughts", "their deployment refused them");
        }
        asked.is_streaming = caller.stream || streams_whole;
        if let Some((carrying, way)) = carrying.zip(carried) {
            carrying.ask(&mut asked, way);
        }
        let target = Target { model: &caller.model, capabilities, issuer, output_max };
        let written = write_request(&asked, &target, &manner, &mut losses);
        if let Some(words) = words {
            words.locate(&mut losses, &asked);
        }
        let operation = match manner.dialect() {
            Dialect::Anthropic => Operation::Messages,
            Dialect::OpenaiResponses => Operation::Responses,
            Dialect::Gemini => Operation::Generate,
            Dialect::Bedrock => Operation::Converse,
            Dialect::OpenaiChat => Operation::Chat,
        };
        let mut request = Request::scan_written(operation, &written)?;
        request.stream = asked.is_streaming;
        let tools = turned_tools(&asked, &manner);
        Ok(Self { body: written.body.into(), request, tools, losses, handed })
    }

    /// The caller's words, byte for byte, but for the wish for a stream.
    fn streamed(body: &Bytes, request: &Request) -> Result<Self, BadRequest> {
        let outgoing = Self {
            body: body.clone(),
            request: request.clone(),
            tools: FreeTools::default(),
            losses: Losses::default(),
            handed: None,
        };
        outgoing.into_stream()
    }

    /// The same with the wish for a stream.
    fn into_stream(mut self) -> Result<Self, BadRequest> {
        let operation = self.request.operation;
        // Others say it in the path.
        if matches!(operation, Operation::Chat | Operation::Messages | Operation::Responses) {
            self.body = as_stream(&self.body).map_err(|fault| bad(fault.to_string()))?;
            self.request = Request::scan(operation, &self.body)?;
        }
        self.request.stream = true;
        Ok(self)
    }

    /// The words of Anthropic's callers, byte for byte, without the thoughts that the deployment cannot read.
    fn without_thoughts(body: &[u8], thoughts: Thoughts, own: Issuer) -> Result<Self, BadRequest> {
        let readable = match thoughts {
            Thoughts::Readable => Readable::OwnAnd(own),
            Thoughts::None => Readable::None,
        };
        let Readied { body, dropped, stops_thinking } =
            with_readable_thoughts(body, readable).map_err(|fault| bad(fault.to_string()))?;
        let mut losses = Losses::default();
        for place in dropped {
            losses.add(Why::Issuer, place, "thoughts that the deployment cannot read");
        }
        if stops_thinking {
            losses.add(Why::Changed, "thinking", "the tool calls before have no thoughts to go on from");
        }
        let request = Request::scan(Operation::Messages, &body)?;
        Ok(Self { body: body.into(), request, tools: FreeTools::default(), losses, handed: None })
    }

    /// Why a request that nothing may be left out of is not sent so; `None` where all is said.
    ///
    /// What is said in other words, and labels that no answer depends on, do not count.
    pub(super) fn left_out(&self) -> Option<BadRequest> {
        let told = self.losses.told();
        let left_out: Vec<&Told> =
            told.iter().filter(|told| matches!(told.why, Why::NoPeer | Why::Unsupported | Why::Issuer)).collect();
        let first = left_out.first()?;
        let place = |told: &Told| shown(&told.place);
        let mut list = String::new();
        for told in left_out.iter().take(NAMED_MAX) {
            let times = if told.times > 1 { format!(", {} times", told.times) } else { String::new() };
            let between = if list.is_empty() { "" } else { "; " };
            list += &format!("{between}`{}`{times} ({})", place(told), told.what);
        }
        if left_out.len() > NAMED_MAX {
            list += &format!("; and {} more", left_out.len() - NAMED_MAX);
        }
        let message = format!(
            "no model that may answer now can be told all of this request. What would be left out: {list}. Leave it out \
             yourself, name another model or pool, or ask the operator for `losses = \"report\"`"
        );
        // Of many that are told together it is the first of them.
        let mut alike = self.losses.iter().filter(|loss| loss.why == first.why && loss.what == first.what);
        let param = alike.next().map_or_else(|| place(first), |loss| shown(&loss.path));
        Some(BadRequest { message, param: Some(param.into()), code: "unsupported_parameter" })
    }
}

/// What was left out or changed, for the answer's head: the places, and what became of them.
pub(super) fn told(lists: &[&Losses]) -> Option<HeaderValue> {
    let mut places = String::new();
    let mut more: usize = lists.iter().map(|losses| losses.unlisted() as usize).sum();
    for told in lists.iter().flat_map(|losses| losses.told()) {
        let mut item = shown(&told.place);
        if told.times > 1 {
            item += &format!(" ({})", told.times);
        }
        if told.why == Why::Changed {
            item += ";changed";
        }
        if places.len() + item.len() > TOLD_MAX {
            more += told.times as usize;
            continue;
        }
        if !places.is_empty() {
            places.push_str(", ");
        }
        places.push_str(&item);
    }
    if more > 0 {
        places += &format!(", ... ({more} more)");
    }
    if places.is_empty() { None } else { HeaderValue::try_from(places).ok() }
}

/// A place is made of names that the caller may have chosen.
fn shown(path: &str) -> String {
    path.chars().map(|c| if c.is_ascii_graphic() && c != ',' && c != ';' { c } else { '_' }).take(PLACE_MAX).collect()
}

pub(super) fn bad(message: String) -> BadRequest {
    BadRequest { message, param: None, code: "invalid_value" }
}

/// How the server wants what its dialect says in more than one way.
pub(super) fn manner(deployment: &Deployment, dialect: Dialect, model: &str) -> Manner {
    match dialect {
        Dialect::OpenaiResponses => Manner::OpenaiResponses(openai_responses::Quirks::default()),
        // Anthropic, "adaptive thinking" (from 4.6 on) and "structured outputs" (from 4.1 and 4.5 on). Models of others
        // know budgets alone.
        Dialect::Anthropic => Manner::Anthropic(anthropic::Quirks {
            adaptive: is_claude_after(model, 6),
            output_format: is_claude_after(model, 1),
            version: deployment.version,
        }),
        Dialect::Bedrock => Manner::Bedrock(bedrock_quirks(deployment, model)),
        // Google, "thinking" and "thought signatures": levels and calls that must be signed are there since Gemini 3.
        Dialect::Gemini => {
            let is_older = ["gemini-1", "gemini-2", "gemma", "learnlm"].iter().any(|older| model.contains(older));
            Manner::Gemini(gemini::Quirks { levels: !is_older, stand_in: !is_older, ..gemini::Quirks::default() })
        }
        Dialect::OpenaiChat => Manner::OpenaiChat(openai_chat::Quirks::of(deployment.flavour)),
    }
}

/// A profile of one's own does not tell its model; what callers call it may.
fn bedrock_quirks(deployment: &Deployment, model: &str) -> bedrock::Quirks {
    let named = name_of_model(deployment, model);
    bedrock::Quirks {
        claude: named.contains("claude"),
        output_config: !named.contains("claude") || is_claude_after(named, 5),
        adaptive: is_claude_after(named, 6),
    }
}

fn name_of_model<'n>(deployment: &'n Deployment, model: &'n str) -> &'n str {
    let is_hidden = deployment.dialect == Dialect::Bedrock && !model.contains("claude");
    if is_hidden && deployment.model.contains("claude") { &deployment.model } else { model }
}

/// Bedrock, "Prompt caching for faster model inference": other models refuse a request with a mark.
fn takes_cache_marks(deployment: &Deployment, model: &str) -> bool {
    let named = name_of_model(deployment, model);
    deployment.dialect != Dialect::Bedrock || named.contains("claude") || named.contains("amazon.nova")
}

/// What a model refuses. Of one about which nothing is written the name alone is known: Claude models from 4.7 on refuse
/// `temperature`, `top_p` and `top_k`.
fn refuses(deployment: &Deployment, model: &str) -> Refuses {
    let by_name = || Refuses { sampling: is_claude_after(name_of_model(deployment, model), 7), ..Refuses::default() };
    deployment.refuses.unwrap_or_else(by_name)
}

/// Whether it is a Claude model of version 4 with at least that minor number, or of a later one: `claude-opus-4-6`,
/// `claude-sonnet-4-5-20250929`, `claude-sonnet-4@20250514`, `anthropic.claude-opus-5-v1:0`.
fn is_claude_after(model: &str, minor: u32) -> bool {
    let Some((_, name)) = model.split_once("claude-") else { return false };
    let mut numbers = name.split(['-', '@', '.', ':']).filter_map(|part| part.parse::<u32>().ok());
    match (numbers.next(), numbers.next()) {
        (Some(4), Some(known)) if known < 1000 => known >= minor,
        (Some(4), _) => minor == 0,
        (Some(major), _) => major > 4 && major < 1000,
        (None, _) => true,
    }
}

/// Tokens of output where the dialect demands a limit, the caller gave none, and the model's is not known.
const OUTPUT_MAX: u64 = 4096;
/// So many of what would be left out are named in an error.
const NAMED_MAX: usize = 8;
/// Bytes of an answer's header.
const TOLD_MAX: usize = 1024;
/// Characters of one place.
const PLACE_MAX: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_names_however_they_are_written() {
        for (model, minor, expected) in [
            ("claude-opus-4-6", 6, true),
            ("claude-sonnet-4-5-20250929", 6, false),
            ("claude-sonnet-4-5-20250929", 5, true),
            ("claude-sonnet-4@20250514", 6, false),
            ("claude-sonnet-4-20250514", 1, false),
            ("claude-opus-4-10", 6, true),
            ("claude-3-5-sonnet-latest", 1, false),
            ("anthropic.claude-opus-5-5-v1:0", 7, true),
            ("us.anthropic.claude-sonnet-4-6-v1:0", 7, false),
            ("deepseek-chat", 1, false),
        ] {
            assert_eq!(is_claude_after(model, minor), expected, "{model} after 4.{minor}");
        }
    }
}
