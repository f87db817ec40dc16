//! What routing would do with a request, without doing it.

use std::{sync::Arc, time::Duration};

use axum::{
    Json,
    body::Bytes,
    extract::{State, rejection::BytesRejection},
};
use roundelay_calendar::UnixTime;
use roundelay_routing::{Capabilities, Demand, Instant, Router, Target};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    Fault,
    desk::{Answer, Desk, read},
};
use crate::{
    common::{clock::unix_time, moment::moment},
    config::Config,
    exchange::{Snapshot, Terms, write_preview},
};

/// What `POST /admin/route` takes.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// The pool or model asked for.
    pub model: String,
    /// Estimated input tokens.
    #[serde(default)]
    pub input_tokens: u64,
    /// The most output tokens that the request asks for; 0 = it does not say.
    #[serde(default)]
    pub output_tokens: u64,
    /// The time to plan for (a date, which is 00:00 UTC, or RFC 3339): its prices and its duty, with the health of today. The present when left out.
    #[serde(default)]
    pub at: Option<String>,
}

/// How the complaint about a name that means nothing begins.
pub const UNKNOWN: &str = "no pool or model";

/// What would be tried, stage by stage, with each deployment's share, expected cost and time, or why it is left out.
///
/// # Errors
/// When the model is unknown, or `at` is no time.
pub fn answer(snapshot: &Snapshot, router: &Router, question: &Question, now: Instant) -> Result<Value, Fault> {
    let at = question.at.as_deref().map(time).transpose()?;
    let unknown = || {
        let suggestion = snapshot.config.suggestion(&question.model);
        Fault::not_found(format!("{UNKNOWN} `{}` is configured: {suggestion}", question.model))
    };
    let target = snapshot.target(&question.model).ok_or_else(unknown)?;
    let planned_for = at.map_or_else(|| unix_time().as_secs().cast_signed(), jiff::Timestamp::as_second);
    let terms = snapshot.terms_of(UnixTime(planned_for));
    let demand = demand(target, question, &terms, now);
    let preview = router.preview(&snapshot.catalog, &demand, now);
    let tokens = (question.input_tokens, question.output_tokens);
    let mut written = write_preview(snapshot, &preview, &terms, tokens, now);
    written["at"] = json!(at.map(|at| at.to_string()));
    written["until"] = json!(terms.until.and_then(shown));
    written["until_local"] = json!(terms.until.and_then(|until| shown_there(&snapshot.config, until)));
    Ok(written)
}

fn time(text: &str) -> Result<jiff::Timestamp, Fault> {
    moment(text).map_err(Fault::bad_request)
}

fn shown(at: UnixTime) -> Option<String> {
    jiff::Timestamp::from_second(at.0).ok().map(|at| at.to_string())
}

/// On the wall clock by which something changes then; `None` where that is UTC's.
fn shown_there(config: &Config, at: UnixTime) -> Option<String> {
    let zone = config.zone_of_change(at)?;
    Some(jiff::Timestamp::from_second(at.0).ok()?.in_tz(zone.name()).ok()?.to_string())
}

fn demand(target: Target, question: &Question, terms: &Terms, now: Instant) -> Demand {
    Demand {
        target,
        needs: Capabilities::NONE,
        input_tokens: question.input_tokens,
        together: None,
        units: [0.0; 4],
        output_tokens: question.output_tokens,
        allowed: None,
        conversation: None,
        payer: 0,
        spendable: None,
        unpriced_held: 0.0,
        hour: Arc::clone(&terms.hour),
        deadline: now + PLANNED,
        retries_allowed: true,
        may_hand_over: false,
    }
}

pub(super) async fn post(State(desk): State<Arc<Desk>>, body: Result<Bytes, BytesRejection>) -> Answer {
    let question: Question = read(body)?;
    let gateway = &desk.gateway;
    let snapshot = gateway.snapshot.load_full();
    answer(&snapshot, &gateway.router(), &question, gateway.clock.now()).map(Json)
}

/// A preview sends nothing, so any deadline that is not over will do.
const PLANNED: Duration = Duration::from_secs(60);
