//! `POST /v1/messages/count_tokens`: about how many tokens a request is, before it is sent.

use bytes::Bytes;
use roundelay_protocol::{
    estimate::{Tokenizer, input_tokens},
    openai::{Operation, Request},
};
use serde_json::{Value, json};

use crate::exchange::{Refusal, Worker};

/// Counts by the bytes, and says so under `estimated`: which model will answer, and so which tokenizer counts, is only
/// known when one does.
pub(super) fn count(worker: &Worker, body: &Bytes) -> Result<Value, Refusal> {
    let request = Request::scan(Operation::Messages, body).map_err(Refusal::BadRequest)?;
    let snapshot = worker.gateway.snapshot.load();
    if snapshot.target(&request.model).is_none() {
        return Err(Refusal::unknown_model(&request.model));
    }
    let most = input_tokens(Tokenizer::of_model(&request.model), &request.size, request.messages);
    // The estimate is of dense text, at two bytes a token; prose and code have four.
    Ok(json!({ "input_tokens": most.div_ceil(2), "estimated": true }))
}
