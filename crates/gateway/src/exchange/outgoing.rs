//! A request in the words of deployments that speak another dialect than its caller does.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::HeaderValue;
use roundelay_protocol::{
    anthropic,
    chat::{Capabilities, Dialect, FreeTools, Issuer, Losses, Target},
    openai::{BadRequest, Operation, Request},
    openai_chat,
    translate::{Manner, decode_request, encode_request},
};

use super::{
    call::{Call, Inbound},
    snapshot::Deployment,
};

/// A request as it was said again.
#[derive(Debug)]
pub(super) struct Outgoing {
    /// With the name of the model that the caller wrote: each attempt has its own spliced in.
    pub(super) body: Bytes,
    /// What the body says, and where.
    pub(super) request: Request,
    /// Tools that were said as functions, to be turned back in the answer.
    pub(super) tools: FreeTools,
    losses: Losses,
}

/// The ways in which a request was said again: one for each kind of target, however many attempts go there.
#[derive(Debug, Default)]
pub(super) struct SaidAgain(Mutex<Vec<(Kind, Arc<Outgoing>)>>);

/// Targets that are told the same.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Kind {
    manner: Manner,
    capabilities: Capabilities,
    output_max: u64,
    /// Where the request holds signatures that only their own deployment can read.
    issuer: Option<Issuer>,
}

impl Call {
    /// The request in the words of a deployment; `None` where these are the caller's own, and none of its thoughts were
    /// thought by somebody else.
    ///
    /// # Errors
    /// When the request cannot be read as its dialect says. A server of that dialect would refuse it as well.
    pub(super) fn outgoing(
        &self,
        inbound: &Inbound,
        deployment: &Deployment,
    ) -> Result<Option<Arc<Outgoing>>, BadRequest> {
        if inbound.operation.service().is_some() {
            return Ok(None);
        }
        let from = inbound.operation.dialect();
        let is_own = deployment.dialect == from;
        if is_own && (!self.snapshot.speaks_messages || inbound.operation == Operation::Completions) {
            return Ok(None);
        }
        let body = std::str::from_utf8(&inbound.body).unwrap_or_default();
        let has_marks = body.contains(MARK);
        if is_own && !has_marks && !(from == Dialect::Anthropic && body.contains(UNSIGNED)) {
            return Ok(None);
        }
        let upstream_model = deployment.upstream_model(&self.request.model);
        let kind = Kind {
            manner: manner(deployment, upstream_model),
            capabilities: capabilities(deployment, upstream_model),
            output_max: deployment.output_max.unwrap_or(OUTPUT_MAX),
            issuer: has_marks.then_some(deployment.issuer),
        };
        let mut said = self.said_again.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, outgoing)) = said.iter().find(|(known, _)| *known == kind) {
            return Ok(Some(Arc::clone(outgoing)));
        }
        let outgoing = Arc::new(Outgoing::new(from, &inbound.body, &kind)?);
        said.push((kind, Arc::clone(&outgoing)));
        Ok(Some(outgoing))
    }

    /// What of the request some deployment was not told, for the record: where it stood, and why.
    pub(super) fn dropped(&self) -> Vec<String> {
        let said = self.said_again.0.lock().unwrap_or_else(PoisonError::into_inner);
        let losses = said.iter().flat_map(|(_, outgoing)| outgoing.losses.iter());
        let mut dropped: Vec<String> =
            losses.map(|loss| format!("{}: {}", shown(&loss.path), loss.why.name())).collect();
        dropped.sort_unstable();
        dropped.dedup();
        dropped
    }
}

impl Outgoing {
    fn new(from: Dialect, body: &[u8], kind: &Kind) -> Result<Self, BadRequest> {
        let asked = decode_request(from, body).map_err(|fault| BadRequest {
            message: fault.to_string(),
            param: None,
            code: "invalid_value",
        })?;
        let mut losses = Losses::default();
        let Kind { manner, capabilities, output_max, issuer } = *kind;
        let target = Target { model: "", capabilities, issuer, output_max };
        let said = encode_request(&asked, &target, &manner, &mut losses);
        let operation = match manner.dialect() {
            Dialect::Anthropic => Operation::Messages,
            _ => Operation::Chat,
        };
        let request = Request::scan(operation, &said)?;
        let tools = FreeTools::of(&asked, manner.takes_free_input());
        Ok(Self { body: said.into(), request, tools, losses })
    }

    /// What was left out or changed, for the answer's head: the places, in the caller's own words.
    pub(super) fn dropped(&self) -> Option<HeaderValue> {
        let mut places = String::new();
        for loss in self.losses.iter() {
            let place = shown(&loss.path);
            if places.len() + place.len() > DROPPED_MAX {
                places.push_str(", ...");
                break;
            }
            if !places.is_empty() {
                places.push_str(", ");
            }
            places.push_str(&place);
        }
        if places.is_empty() { None } else { HeaderValue::try_from(places).ok() }
    }
}

/// A place is made of names that the caller may have chosen.
fn shown(path: &str) -> String {
    path.chars().map(|c| if c.is_ascii_graphic() { c } else { '_' }).take(PLACE_MAX).collect()
}

/// How the server wants what its dialect says in more than one way.
fn manner(deployment: &Deployment, model: &str) -> Manner {
    match deployment.dialect {
        // Anthropic, "adaptive thinking" (from 4.6 on) and "structured outputs" (from 4.1 and 4.5 on).
        Dialect::Anthropic => Manner::Anthropic(anthropic::Quirks {
            adaptive: !is_one_of(model, &["claude-3", "-4-0", "-4-1", "-4-5", "-4-2025"]),
            output_format: !is_one_of(model, &["claude-3", "-4-0", "-4-2025"]),
            ..anthropic::Quirks::default()
        }),
        _ => Manner::OpenaiChat(openai_chat::Quirks::of(deployment.flavour)),
    }
}

/// Anthropic's models after Claude 3 may refuse `temperature`, `top_p` and `top_k`, whatever their values.
fn capabilities(deployment: &Deployment, model: &str) -> Capabilities {
    let refuses = deployment.dialect == Dialect::Anthropic && model.contains("claude") && !model.contains("claude-3");
    Capabilities { sampling: !refuses, ..deployment.capabilities }
}

fn is_one_of(model: &str, parts: &[&str]) -> bool {
    parts.iter().any(|part| model.contains(part))
}

/// How signatures begin that tell who made them.
const MARK: &str = "\"rl1";
/// A thought of a model that signs none. Anthropic's servers refuse it.
const UNSIGNED: &str = "\"signature\":\"\"";
/// Tokens of output where the dialect demands a limit, the caller gave none, and the model's is not known.
const OUTPUT_MAX: u64 = 4096;
/// Bytes of an answer's header.
const DROPPED_MAX: usize = 1024;
/// Characters of one place.
const PLACE_MAX: usize = 100;
