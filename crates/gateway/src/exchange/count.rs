//! How many tokens a request is, before it is sent.

use std::{borrow::Cow, time::Duration};

use bytes::Bytes;
use roundelay_ledger::{ExchangeId, ListCost, Timestamp, Units};
use roundelay_protocol::{
    chat::Dialect,
    estimate::{Tokenizer, input_tokens},
    openai::{Operation, Request, Rewrite},
};
use roundelay_routing::Target;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{
    attempt::with_callers_fields,
    call::{Inbound, allowed},
    compaction::opened,
    gateway::{Gateway, Worker},
    refusal::Refusal,
    snapshot::{Deployment, Snapshot},
};
use crate::{
    auth::Caller,
    billing::{Advance, Need, Unpriced},
    common::clock::unix_time,
    upstream::{DispatchTimers, Grant},
};

/// Counts by the bytes, with `asked` for the model where its path names that.
///
/// It costs nothing, and takes one of the requests a minute that its key has.
///
/// # Errors
/// When the body is not such a request, names what is unknown or not allowed to this caller, or its key is at its limits.
pub fn estimate(
    gateway: &Gateway,
    caller: &Caller,
    (operation, asked): (Operation, Option<&str>),
    body: &Bytes,
) -> Result<u64, Refusal> {
    let mut request = Request::scan(operation, body).map_err(Refusal::BadRequest)?;
    if let Some(body) = opened(gateway, &caller.account, &request, body)? {
        request = Request::scan(operation, &body).map_err(Refusal::BadRequest)?;
    }
    let asked = asked.unwrap_or(&request.model);
    let snapshot = gateway.snapshot.load();
    let target = snapshot.target(asked).ok_or_else(|| Refusal::unknown_model(asked))?;
    allowed(caller, &snapshot, asked, target)?;
    let id = gateway.ids.next(u64::try_from(unix_time().as_millis()).unwrap_or(u64::MAX));
    admit(gateway, caller, id, &snapshot)?;
    Ok(likely(&request, asked))
}

/// The estimate is of dense text, at two bytes a token; prose and code have four.
fn likely(request: &Request, asked: &str) -> u64 {
    input_tokens(Tokenizer::of_model(asked), &request.size, request.messages).div_ceil(2)
}

/// As the provider counts, where one that speaks Anthropic's dialect is among those that may answer; else by the bytes.
///
/// An estimate says so under `estimated`: which model will answer, and so which tokenizer counts, is only known when one
/// does.
///
/// It costs nothing, and takes one of the requests a minute that its key has.
///
/// # Errors
/// When the body is not such a request, names what is unknown or not allowed to this caller, or its key is at its limits.
pub async fn count_tokens(worker: &Worker, inbound: &Inbound) -> Result<Value, Refusal> {
    let request = Request::scan(Operation::Messages, &inbound.body).map_err(Refusal::BadRequest)?;
    let snapshot = worker.gateway.snapshot.load_full();
    let target = snapshot.target(&request.model).ok_or_else(|| Refusal::unknown_model(&request.model))?;
    let allowed = allowed(&inbound.caller, &snapshot, &request.model, target)?;
    admit(&worker.gateway, &inbound.caller, inbound.id, &snapshot)?;
    let may_count = |target: &Target| allowed.as_ref().is_none_or(|allowed| allowed.contains(target));
    if let Some(deployment) = counter(&snapshot, target, may_count)
        && let Some(_place) = worker.gateway.counts.admit(&inbound.caller.key)
        && let Some(counted) = ask(worker, inbound, &request, deployment).await
    {
        return Ok(counted);
    }
    Ok(json!({ "input_tokens": likely(&request, &request.model), "estimated": true }))
}

/// Asks whether a request for nothing would be served now.
pub(super) fn admit(
    gateway: &Gateway,
    caller: &Caller,
    exchange: ExchangeId,
    snapshot: &Snapshot,
) -> Result<(), Refusal> {
    let billing = &gateway.billing;
    let rate = snapshot.config.rate();
    let payer = billing.payer(&caller.key, &caller.account, &caller.limits, rate).ok_or(Refusal::Internal)?;
    let need = Need {
        exchange,
        attempt: 1,
        is_request: true,
        quote: None,
        unpriced: Unpriced::Costs(ListCost::ZERO),
        input: 0,
        input_tokens: 0,
        has_audio: false,
        keeps_long: false,
        asked: Some(0),
        output_max: Some(0),
        thought: 0,
        is_fixed: false,
        units: Units::default(),
        choices: 1,
        advance: Advance::Beginning,
        rate,
        expires_at: Timestamp(i64::MAX),
    };
    // Given back at once.
    billing.hold(&payer, &need).map(drop).map_err(|short| Refusal::Short(Box::new(short)))
}

/// The first deployment that may answer and can count.
fn counter(snapshot: &Snapshot, target: Target, may_count: impl Fn(&Target) -> bool) -> Option<&Deployment> {
    let catalog = &snapshot.catalog;
    let models = match target {
        Target::Model(model) => vec![model],
        Target::Pool(pool) => {
            let members = catalog.pools[pool.0 as usize].members.iter().map(|member| member.model);
            members.filter(|model| may_count(&Target::Model(*model))).collect()
        }
    };
    let deployments = models.iter().flat_map(|model| &catalog.models[model.0 as usize].deployments);
    deployments.map(|id| snapshot.deployment(*id)).find(|deployment| deployment.dialect == Dialect::Anthropic)
}

/// The provider's count; `None` where it does not give one in time.
async fn ask(worker: &Worker, inbound: &Inbound, request: &Request, deployment: &Deployment) -> Option<Value> {
    let upstream_model = deployment.upstream_model(&request.model);
    let body = request.rewrite(&inbound.body, &Rewrite { upstream_model, ask_usage: false, output_max: None });
    let body = deployment.finished_count(body);
    let mut head =
        with_callers_fields(Cow::Borrowed(deployment.count_head()), inbound, deployment, Operation::Messages);
    let timers = DispatchTimers { connect: COUNT_WAIT, headers: COUNT_WAIT, deadline: Instant::now() + COUNT_WAIT };
    if let Some(tokens) = &deployment.tokens
        && let Grant::Bearer(bearer) = tokens.grant(timers.deadline).await?
    {
        head.to_mut().field("authorization", bearer.as_bytes());
    }
    let (status, answer) =
        worker.upstream.fetch(&deployment.endpoint, &head, &body, timers, COUNT_BYTES_MAX).await.ok()?;
    let counted: Value = serde_json::from_slice(&answer).ok()?;
    (status == 200 && counted["input_tokens"].is_u64()).then_some(counted)
}

/// An estimate at once is of more use than a count that agents wait for.
const COUNT_WAIT: Duration = Duration::from_secs(3);
/// The answer is one number.
const COUNT_BYTES_MAX: usize = 16 * 1024;
