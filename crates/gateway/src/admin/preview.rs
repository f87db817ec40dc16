//! What routing would do with a request, without doing it.

use std::{sync::Arc, time::Duration};

use axum::{
    Json,
    body::Bytes,
    extract::{State, rejection::BytesRejection},
};
use roundelay_routing::{Capabilities, Demand, Instant, Router, Target};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    Fault,
    desk::{Answer, Desk, read},
};
use crate::exchange::{Snapshot, write_preview};

/// What `POST /admin/route` takes.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// The pool or model asked for.
    pub model: String,
    /// Estimated input tokens.
    #[serde(default)]
    pub input_tokens: u64,
    /// The time to plan for (RFC 3339). No rule depends on the hour, so it is checked and repeated in the answer only.
    #[serde(default)]
    pub at: Option<String>,
}

/// What would be tried, stage by stage, with each deployment's share or why it is left out.
///
/// # Errors
/// When the model is unknown, or `at` is no time.
pub fn answer(snapshot: &Snapshot, router: &Router, question: &Question, now: Instant) -> Result<Value, Fault> {
    let at = question.at.as_deref().map(time).transpose()?;
    let unknown = || Fault::not_found(format!("no pool or model `{}` is configured", question.model));
    let target = snapshot.target(&question.model).ok_or_else(unknown)?;
    let demand = demand(target, question.input_tokens, now);
    let preview = router.preview(&snapshot.catalog, &demand, now);
    let mut written = write_preview(snapshot, &preview, now);
    written["input_tokens"] = json!(question.input_tokens);
    written["at"] = json!(at.map(|at| at.to_string()));
    Ok(written)
}

fn time(text: &str) -> Result<jiff::Timestamp, Fault> {
    text.parse().map_err(|_| Fault::bad_request(format!("`{text}` is not a time: write one as `2027-01-31T09:30:00Z`")))
}

fn demand(target: Target, input_tokens: u64, now: Instant) -> Demand {
    Demand {
        target,
        needs: Capabilities::NONE,
        input_tokens,
        output_tokens: 0,
        allowed: None,
        conversation: None,
        payer: 0,
        spendable: None,
        hour: Arc::default(),
        deadline: now + PLANNED,
        retries_allowed: true,
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
