//! Who may do what over TCP: what is not listed as open needs the admin token.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use http::HeaderMap;

use super::{Fault, desk::Desk};
use crate::auth::presented;

/// Paths that machines ask without a token; they hold no key, no prompt and no caller's name.
const OPEN: [&str; 5] = ["/", "/healthz", "/livez", "/readyz", "/metrics"];

/// Lets a request pass that needs no token or has the right one.
pub(super) async fn admit(State(desk): State<Arc<Desk>>, request: Request, next: Next) -> Response {
    let is_open = OPEN.contains(&request.uri().path());
    if is_open || has_token(&desk, request.headers()) {
        next.run(request).await
    } else {
        Fault::unauthorized().into_response()
    }
}

fn has_token(desk: &Desk, headers: &HeaderMap) -> bool {
    // Only the header that no browser sends by itself.
    let authorization = headers.get(http::header::AUTHORIZATION).cloned();
    let headers: HeaderMap = authorization.map(|value| (http::header::AUTHORIZATION, value)).into_iter().collect();
    presented(&headers).is_ok_and(|token| desk.gate.admits(token))
}
