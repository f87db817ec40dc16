//! `POST /v1/redeem`: a caller puts what a code is worth on the account that pays for its key.

use bytes::Bytes;
use roundelay_ledger::Rate;
use roundelay_protocol::openai::BadRequest;
use serde::Deserialize;
use serde_json::Value;
use tokio::{sync::Semaphore, task::spawn_blocking};

use crate::{
    admin::{
        Books,
        codes::{self, NotRedeemed},
        operator::Operator,
    },
    auth::Caller,
    common::clock::unix_time,
    exchange::{NotPaid, Refusal, Worker},
    store::CodeRefusal,
};

/// So many are at the store at once; others are told to come back.
static TURNS: Semaphore = Semaphore::const_new(16);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    code: String,
}

/// Redeems a code. The same account may ask again, and is shown the entry that it has.
pub(super) async fn redeem(worker: &Worker, caller: &Caller, body: Bytes) -> Result<Value, Refusal> {
    let asked: Asked = serde_json::from_slice(&body).map_err(|_| {
        let message = "the body is `{\"code\": \"rc-…\"}`".to_owned();
        Refusal::BadRequest(BadRequest { message, param: Some("code".into()), code: "invalid_value" })
    })?;
    let gateway = &worker.gateway;
    let standing = gateway.billing.caller_standing(&caller.key, &caller.account, &caller.limits);
    let payer = standing.ok_or(Refusal::Internal)?.payer;
    let now = unix_time().as_secs().cast_signed();
    let turn = TURNS.try_acquire().map_err(|_| Refusal::NoRecords)?;
    gateway.keys.codes().attempt(&caller.key, now).map_err(|wait| Refusal::NotPaid(NotPaid::TooMany { wait }))?;
    let (shared, key, rate) =
        (std::sync::Arc::clone(gateway), caller.key.clone(), gateway.snapshot.load().config.rate());
    let redeeming = spawn_blocking(move || {
        let wanted = codes::redemption(asked.code, &payer);
        let done = codes::redeem(books(&shared, rate), shared.keys.codes(), &wanted, Some(&key), now);
        // Only what is no code at all may be a guess.
        if !matches!(done, Err(NotRedeemed::Worthless(CodeRefusal::Unknown))) {
            shared.keys.codes().was_right(&key);
        }
        drop(turn);
        done
    });
    match redeeming.await.map_err(|_| Refusal::Internal)? {
        Ok(done) => Ok(codes::describe_redeemed(&done)),
        Err(NotRedeemed::Worthless(refusal)) => Err(Refusal::NotPaid(NotPaid::Code(refusal))),
        Err(NotRedeemed::Fault(fault)) => {
            tracing::warn!(%fault, "a code could not be redeemed");
            Err(Refusal::NoRecords)
        }
    }
}

fn books(gateway: &crate::exchange::Gateway, rate: Rate) -> Books<'_> {
    Books { store: gateway.keys.store(), running: Some(&gateway.billing), rate: Some(rate), by: Operator::command() }
}
