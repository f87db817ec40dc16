//! The table of the operator's routes.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, Request, State},
    middleware::{Next, from_fn, from_fn_with_state},
    response::{IntoResponse as _, Response},
    routing::{delete, get, post},
};
use http::{HeaderName, HeaderValue, header};
use serde_json::json;
use tokio::time::timeout;

use super::{
    Fault, accounts, balances, codes,
    desk::{Answer, Desk, blocking},
    entries, exchanges, gate, health, host, keys, metrics, page, postings, preview, readiness, receipts, reversals,
    token, usage,
};

/// Every route, for whoever may open the socket for commands.
pub(super) fn all(desk: &Arc<Desk>) -> Router {
    table().layer(from_fn(bounded)).with_state(Arc::clone(desk))
}

/// Every route, for whoever can reach the operator's address: most of them need the admin token.
pub(super) fn behind_the_gate(desk: &Arc<Desk>, bound: SocketAddr) -> Router {
    let gate = from_fn_with_state(Arc::clone(desk), gate::admit);
    table()
        .layer(gate)
        .layer(from_fn_with_state(bound, host::know))
        .layer(from_fn(bounded))
        .with_state(Arc::clone(desk))
}

fn table() -> Router<Arc<Desk>> {
    Router::new()
        .route("/", get(page::get))
        .route("/healthz", get(alive))
        .route("/livez", get(alive))
        .route("/readyz", get(readiness::get))
        .route("/metrics", get(metrics::get))
        .route("/admin/server", get(server))
        .route("/admin/deployments", get(health::get))
        .route("/admin/exchanges", get(exchanges::get_recent))
        .route("/admin/exchanges/{id}", get(exchanges::get_one))
        .route("/admin/exchanges/{id}/receipt", get(receipts::get))
        .route("/admin/keys", get(keys::get).post(keys::post))
        .route("/admin/keys/{id}", delete(keys::post_revoke).patch(keys::patch))
        .route("/admin/keys/{id}/revoke", post(keys::post_revoke))
        .route("/admin/accounts", get(accounts::get).post(accounts::post))
        .route("/admin/accounts/{id}", get(accounts::get_one).patch(accounts::patch))
        .route("/admin/accounts/{id}/credit", post(postings::post_credit))
        .route("/admin/accounts/{id}/adjust", post(postings::post_adjust))
        .route("/admin/entries", get(entries::get))
        .route("/admin/entries/{sequence}/reverse", post(reversals::post))
        .route("/admin/codes", get(codes::get).post(codes::post))
        .route("/admin/codes/redeem", post(codes::post_redeem))
        .route("/admin/codes/{id}/revoke", post(codes::post_revoke))
        .route("/admin/balances", get(balances::get))
        .route("/admin/balances/poll", post(balances::post_poll))
        .route("/admin/usage", get(usage::get))
        .route("/admin/route", post(preview::post))
        .route("/admin/reload", post(reload))
        .route("/admin/token", post(token::post))
        .fallback(nothing_here)
        .method_not_allowed_fallback(wrong_method)
        .layer(DefaultBodyLimit::max(BODY_MAX))
}

/// Where callers connect, for whoever is to be told.
async fn server(State(desk): State<Arc<Desk>>) -> Json<serde_json::Value> {
    let callers = desk.gateway.server.listen.to_string();
    Json(json!({ "callers": callers, "version": env!("CARGO_PKG_VERSION") }))
}

async fn alive() -> &'static str {
    "ok\n"
}

async fn reload(State(desk): State<Arc<Desk>>) -> Answer {
    blocking(move || desk.reload.reload().map_err(Fault::refused_configuration)).await?;
    Ok(Json(json!({ "reloaded": true })))
}

async fn nothing_here() -> Fault {
    Fault::not_found("nothing is here; `GET /` lists what is")
}

async fn wrong_method() -> Fault {
    Fault::method_not_allowed()
}

/// Gives every request its deadline, and every answer the headers that keep it out of caches and other people's pages.
async fn bounded(request: Request, next: Next) -> Response {
    let answered = timeout(DEADLINE, next.run(request)).await;
    let mut response = answered.unwrap_or_else(|_| Fault::timeout().into_response());
    let headers = response.headers_mut();
    for (name, value) in ALWAYS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

const ALWAYS: [(HeaderName, &str); 4] = [
    (header::CACHE_CONTROL, "no-store"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CONTENT_SECURITY_POLICY, "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"),
];
/// No act takes a longer body: a list of a thousand names.
const BODY_MAX: usize = 512 << 10;
/// Longer than the five seconds that a look at the records may wait for the store.
const DEADLINE: Duration = Duration::from_secs(30);
