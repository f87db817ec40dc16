//! What is left at providers, behind each key that is asked.

use std::sync::Arc;

use axum::{Extension, Json, extract::State};
use serde_json::{Value, json};

use super::{
    acts,
    desk::{Answer, Desk, blocking},
    operator::Operator,
};
use crate::{
    exchange::{LastPoll, Polled, PolledKey, Snapshot},
    telemetry::BalanceView,
};

pub(super) async fn get(State(desk): State<Arc<Desk>>) -> Answer {
    let snapshot = desk.gateway.snapshot.load_full();
    Ok(Json(snapshot.polled_keys.iter().map(|key| describe(&desk, &snapshot, key)).collect()))
}

/// Asks every key now, and answers with what they told; the deadline of every route is this one's as well.
pub(super) async fn post_poll(state: State<Arc<Desk>>, Extension(by): Extension<Operator>) -> Answer {
    state.gateway.balances.poll_now().await;
    let store = state.store.clone();
    blocking(move || acts::keep_beside(&store, &by, "balances.poll", || Ok(()))).await?;
    get(state).await
}

/// What the keys of a snapshot told last, in USD; those that told no amount are left out.
pub(super) fn views(desk: &Desk, snapshot: &Snapshot) -> Vec<BalanceView> {
    let view = |key: &PolledKey| {
        let last = desk.gateway.balances.last(&key.identity)?;
        Some(BalanceView { provider: Arc::clone(&key.provider), key: key.number, usd: usd(snapshot, &last)? })
    };
    snapshot.polled_keys.iter().filter_map(view).collect()
}

/// Whether the router takes the key of that identity to have enough.
pub(super) fn has_enough(desk: &Desk, snapshot: &Snapshot, identity: &str) -> bool {
    let key = snapshot.polled_keys.iter().find(|key| &*key.identity == identity);
    let known = key.zip(desk.gateway.balances.last(identity));
    known.is_none_or(|(key, last)| key.has_enough(&last.polled, snapshot.config.cny_per_usd))
}

/// What is left behind the key of that identity, in USD.
pub(super) fn usd_of(desk: &Desk, snapshot: &Snapshot, identity: &str) -> Option<f64> {
    usd(snapshot, &desk.gateway.balances.last(identity)?)
}

fn usd(snapshot: &Snapshot, last: &LastPoll) -> Option<f64> {
    match &last.polled {
        Polled::Told(reading) => reading.nano_usd(snapshot.config.cny_per_usd).map(|nano| nano as f64 / NANO),
        Polled::Silent(_) => None,
    }
}

fn describe(desk: &Desk, snapshot: &Snapshot, key: &PolledKey) -> Value {
    let last = desk.gateway.balances.last(&key.identity);
    let (reading, fault) = match last.as_ref().map(|last| &last.polled) {
        None => (None, None),
        Some(Polled::Told(reading)) => (Some(reading), None),
        Some(Polled::Silent(reason)) => (None, Some(reason)),
    };
    let enough = last.as_ref().is_none_or(|last| key.has_enough(&last.polled, snapshot.config.cny_per_usd));
    let balances = reading.map(|reading| {
        let one = |balance: &roundelay_protocol::balance::Balance| {
            json!({ "currency": balance.currency.code(), "available": balance.available_nano as f64 / NANO })
        };
        reading.balances.iter().map(one).collect::<Vec<_>>()
    });
    json!({
        "provider": &*key.provider,
        "key": key.number,
        "kind": key.poll.vendor.name(),
        "balances": balances,
        "usd": last.as_ref().and_then(|last| usd(snapshot, last)),
        "min_usd": key.poll.min_nano_usd as f64 / NANO,
        "enough": enough,
        "fault": fault,
        "polled_at_ms": last.as_ref().map(|last| u64::try_from(last.at.as_millis()).unwrap_or(u64::MAX)),
        "every_s": key.poll.every.as_secs_f64(),
    })
}

const NANO: f64 = 1e9;
