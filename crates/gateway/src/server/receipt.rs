//! `GET /v1/receipts/{exchange}`: the signed receipt of an exchange that the same key asked for.

use std::{sync::Arc, time::Duration};

use serde_json::Value;
use tokio::{sync::Semaphore, task::spawn_blocking, time::timeout};

use crate::{
    admin::receipts,
    auth::Caller,
    exchange::{Refusal, Worker},
    store::Scope,
};

/// So many read the store at once for callers; others are told to come back.
static READERS: Semaphore = Semaphore::const_new(2);
const READ_MAX: Duration = Duration::from_secs(10);

/// The receipt; the exchanges of other keys are as if they were not there.
pub(super) async fn receipt(worker: &Worker, caller: &Caller, id: String) -> Result<Value, Refusal> {
    let reader = READERS.try_acquire().map_err(|_| Refusal::NoRecords)?;
    let (gateway, key) = (Arc::clone(&worker.gateway), caller.key.clone());
    let name: String = id.chars().filter(|c| !c.is_control()).take(64).collect();
    let reading = spawn_blocking(move || {
        gateway.recorder.flush();
        let receipt = receipts::one(gateway.keys.store(), &Scope::All, gateway.keys.receipt_key(), &id, Some(&key));
        drop(reader);
        receipt
    });
    let read = timeout(READ_MAX, reading).await.map_err(|_| Refusal::NoRecords)?.map_err(|_| Refusal::Internal)?;
    read.map_err(|fault| {
        if fault.is_of_the_store() {
            tracing::warn!(%fault, "a receipt could not be made");
            return Refusal::NoRecords;
        }
        if fault.is_in_doubt() {
            return Refusal::NoReceipt("exchange_in_doubt", fault.to_string());
        }
        let why = format!("no exchange of this key is named `{name}`, or none yet: an answer's `x-roundelay-exchange` is its name, and its receipt is there once it has ended");
        Refusal::NoReceipt("receipt_not_found", why)
    })
}
