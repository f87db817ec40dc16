//! The router, made from the table of routes, each behind its own gate.

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Extension, Json, Router,
    extract::{DefaultBodyLimit, Request, State},
    handler::Handler as _,
    middleware::{Next, from_fn, from_fn_with_state},
    response::{IntoResponse as _, Response},
    routing::MethodRouter,
};
use http::{HeaderName, HeaderValue, header};
use serde_json::json;
use tokio::time::timeout;

use super::{
    Fault, acts,
    desk::{Answer, Desk, blocking},
    gate::{self, Gate, Way},
    host,
    operator::{Operator, Permission},
    route::Route,
    table::ROUTES,
};

/// Every route, for whoever may open the socket for commands.
pub(super) fn all(desk: &Arc<Desk>) -> Router {
    table(desk, Way::Socket).layer(from_fn(bounded)).with_state(Arc::clone(desk))
}

/// Every route, for whoever can reach the operator's address.
pub(super) fn behind_the_gate(desk: &Arc<Desk>, bound: SocketAddr) -> Router {
    table(desk, Way::Network)
        .layer(from_fn_with_state(bound, host::know))
        .layer(from_fn(bounded))
        .with_state(Arc::clone(desk))
}

fn table(desk: &Arc<Desk>, way: Way) -> Router<Arc<Desk>> {
    let mut paths: BTreeMap<&str, MethodRouter<Arc<Desk>>> = BTreeMap::new();
    for route in ROUTES {
        let handler = (route.handler)(route.method.filter());
        let gated = handler.route_layer(from_fn_with_state(gate_of(desk, way, route), gate::admit));
        let others = paths.remove(route.path).unwrap_or_default();
        paths.insert(route.path, others.merge(gated));
    }
    let router = paths.into_iter().fold(Router::new(), |router, (path, methods)| router.route(path, methods));
    let any_token = Gate { desk: Arc::clone(desk), way, permission: Permission::Token, name: "unknown", is_act: false };
    router
        .fallback(nothing_here.layer(from_fn_with_state(any_token.clone(), gate::admit)))
        .method_not_allowed_fallback(wrong_method.layer(from_fn_with_state(any_token, gate::admit)))
        .layer(DefaultBodyLimit::max(BODY_MAX))
}

fn gate_of(desk: &Arc<Desk>, way: Way, route: &'static Route) -> Gate {
    let (permission, name, is_act) = (route.permission, route.name, route.is_act());
    Gate { desk: Arc::clone(desk), way, permission, name, is_act }
}

/// Where callers connect, for whoever is to be told.
pub(super) async fn server(State(desk): State<Arc<Desk>>) -> Json<serde_json::Value> {
    let callers = desk.gateway.server.listen.to_string();
    Json(json!({ "callers": callers, "version": env!("CARGO_PKG_VERSION") }))
}

pub(super) async fn alive() -> &'static str {
    "ok\n"
}

pub(super) async fn reload(State(desk): State<Arc<Desk>>, Extension(by): Extension<Operator>) -> Answer {
    let reload = move || {
        let reload = || desk.reload.reload().map_err(Fault::refused_configuration);
        acts::keep_beside(&desk.store, &by, "reload", reload)
    };
    blocking(reload).await?;
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
