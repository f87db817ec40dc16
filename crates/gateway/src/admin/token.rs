//! A new admin token for one that was lost or seen.

use std::sync::Arc;

use axum::{Json, extract::State};
use http::StatusCode;
use serde_json::{Value, json};

use super::{
    Fault,
    desk::{Desk, blocking},
};
use crate::{auth::admin::AdminGate, common::secret::Secret, store::Store};

/// Ends the present token. The answer holds the new one, which is nowhere else.
///
/// # Errors
/// When the store cannot be written, or the system gives no random bytes; then the present token stays.
pub fn renew(gate: &AdminGate, store: &Store) -> Result<Value, Fault> {
    Ok(describe(&gate.renew(store)?))
}

/// A token as it is shown this once.
pub fn describe(token: &Secret) -> Value {
    json!({ "admin_token": token.expose() })
}

pub(super) async fn post(State(desk): State<Arc<Desk>>) -> Result<(StatusCode, Json<Value>), Fault> {
    let made = blocking(move || renew(&desk.gate, &desk.store)).await?;
    Ok((StatusCode::CREATED, Json(made)))
}
