//! The one place where it is decided whether a request reaches its handler.
//!
//! Every route carries its own gate, so that the path that was matched and the permission that was checked cannot differ.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use http::{HeaderMap, StatusCode};

use super::{
    Fault, acts,
    desk::{Desk, blocking, now},
    operator::{Operator, Permission},
};
use crate::auth::presented;

/// By which way a request came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// From whoever can reach the operator's address.
    Network,
    /// From whoever can open the socket in the data folder.
    Socket,
}

/// What stands before one route.
#[derive(Debug, Clone)]
pub(super) struct Gate {
    pub(super) desk: Arc<Desk>,
    pub(super) way: Way,
    pub(super) permission: Permission,
    /// The route's name.
    pub(super) name: &'static str,
    /// Whether the handler itself keeps what was done or refused.
    pub(super) is_act: bool,
}

/// Lets a request pass whose operator has the permission, and tells the handler who that is.
pub(super) async fn admit(State(gate): State<Gate>, mut request: Request, next: Next) -> Response {
    if gate.permission == Permission::Open {
        return next.run(request).await;
    }
    let operator = match gate.operator(request.headers()).await {
        Ok(operator) => operator,
        Err(fault) => return fault.into_response(),
    };
    let path = request.uri().path().to_owned();
    if !operator.may(gate.permission) {
        gate.keep_refusal(&operator, path, "forbidden").await;
        return Fault::forbidden(&operator, gate.permission).into_response();
    }
    request.extensions_mut().insert(operator.clone());
    let response = next.run(request).await;
    let is_foreign = response.status() == StatusCode::NOT_FOUND && operator.account.is_some();
    if is_foreign && !gate.is_act {
        gate.keep_refusal(&operator, path, "not_found").await;
    }
    response
}

impl Gate {
    async fn operator(&self, headers: &HeaderMap) -> Result<Operator, Fault> {
        if self.way == Way::Socket {
            return Ok(Operator::socket().clone());
        }
        // Only the header that no browser sends by itself.
        let authorization = headers.get(http::header::AUTHORIZATION).cloned();
        let headers: HeaderMap = authorization.map(|value| (http::header::AUTHORIZATION, value)).into_iter().collect();
        let token = presented(&headers).map_err(|_| Fault::unauthorized())?;
        let row = self.desk.operators.authenticate(token, now()).ok_or_else(Fault::unauthorized)?;
        let store = self.desk.store.clone();
        if row.account.is_none() {
            return Operator::of(&row, &store);
        }
        blocking(move || Operator::of(&row, &store)).await
    }

    async fn keep_refusal(&self, operator: &Operator, path: String, code: &'static str) {
        let (store, operator, name) = (self.desk.store.clone(), operator.clone(), self.name);
        // It is refused whether or not that can be written down, which says so itself.
        let keep = move || {
            acts::keep_refusal(&store, &operator, name, &path, code);
            Ok(())
        };
        let _ = blocking(keep).await;
    }
}
