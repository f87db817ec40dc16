//! The one shape of every error of the operator's side: `{"error":{"message","code"}}`.

use std::net::SocketAddr;

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, StatusCode, header::WWW_AUTHENTICATE};
use roundelay_ledger::{BadTerms, Money, PostRefused};
use serde_json::json;

use super::operator::{Operator, Permission};
use crate::{
    auth::KeyFault,
    billing::PostFault,
    store::{ActOutcome, StoreFault},
};

/// Why the operator's request was not done. Its text is for people and says what to do where that is known.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Fault {
    status: StatusCode,
    code: &'static str,
    message: String,
}

impl Fault {
    /// The request itself is at fault.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, code: "bad_request", message: message.into() }
    }

    /// There is no such thing.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self { status: StatusCode::NOT_FOUND, code: "not_found", message: message.into() }
    }

    /// It was begun, and nobody knows yet how it ended.
    pub(super) fn in_doubt(message: String) -> Self {
        Self { status: StatusCode::NOT_FOUND, code: IN_DOUBT, message }
    }

    /// Whether it is [`Self::in_doubt`].
    pub fn is_in_doubt(&self) -> bool {
        self.code == IN_DOUBT
    }

    /// Whether the store could not do it, whatever was asked.
    pub fn is_of_the_store(&self) -> bool {
        self.code == "store_failed"
    }

    /// What is there stands in the way.
    pub(super) fn conflict(code: &'static str, message: impl Into<String>) -> Self {
        Self { status: StatusCode::CONFLICT, code, message: message.into() }
    }

    pub(super) fn unauthorized() -> Self {
        let message = "this needs an operator's token: send it as `Authorization: Bearer rladmin-…`";
        Self { status: StatusCode::UNAUTHORIZED, code: "unauthorized", message: message.to_owned() }
    }

    /// The operator may not do this at all, whatever it would be done to.
    pub(super) fn forbidden(operator: &Operator, permission: Permission) -> Self {
        let role = operator.role.label();
        let least = permission.role().filter(|least| operator.role < *least);
        let message = match least {
            Some(least) => format!("this needs the role `{}`, and this token has `{role}`", least.label()),
            None => "this is about the gateway as a whole, and this token is limited to an account".to_owned(),
        };
        Self { status: StatusCode::FORBIDDEN, code: "forbidden", message }
    }

    /// As [`Self::forbidden`], for what only those may who are not limited to an account.
    pub(super) fn limited(message: impl Into<String>) -> Self {
        Self { status: StatusCode::FORBIDDEN, code: "forbidden", message: message.into() }
    }

    /// The word for programs.
    pub(super) fn code(&self) -> &'static str {
        self.code
    }

    /// How an act ended that ended with this.
    pub(super) fn outcome(&self) -> ActOutcome {
        if self.status.is_client_error() { ActOutcome::Refused } else { ActOutcome::Failed }
    }

    pub(super) fn misdirected(bound: SocketAddr) -> Self {
        let port = bound.port();
        let message = format!(
            "this address answers to names of this machine only: ask for `http://localhost:{port}` or `http://{bound}`"
        );
        Self { status: StatusCode::MISDIRECTED_REQUEST, code: "misdirected", message }
    }

    pub(super) fn method_not_allowed() -> Self {
        let message = "this path does not take that method".to_owned();
        Self { status: StatusCode::METHOD_NOT_ALLOWED, code: "method_not_allowed", message }
    }

    pub(super) fn body(status: StatusCode, message: String) -> Self {
        let code = if status == StatusCode::PAYLOAD_TOO_LARGE { "too_large" } else { "bad_request" };
        Self { status, code, message }
    }

    pub(super) fn refused_configuration(message: String) -> Self {
        Self { status: StatusCode::UNPROCESSABLE_ENTITY, code: "configuration_refused", message }
    }

    /// A prepaid account has not so much to take away.
    fn short(left: Money) -> Self {
        let message =
            format!("this would take more than is there: {left} may be taken, what is held by requests left out");
        Self { status: StatusCode::CONFLICT, code: "short", message }
    }

    pub(super) fn timeout() -> Self {
        let message = "this took too long and was given up".to_owned();
        Self { status: StatusCode::GATEWAY_TIMEOUT, code: "timeout", message }
    }

    pub(super) fn internal() -> Self {
        let message = "the gateway failed at this; its log says more".to_owned();
        Self { status: StatusCode::INTERNAL_SERVER_ERROR, code: "internal", message }
    }
}

impl From<BadTerms> for Fault {
    fn from(fault: BadTerms) -> Self {
        let advice = match fault {
            BadTerms::MultiplierTooLarge => "; those of all accounts above it are multiplied with its own",
            BadTerms::TooDeep => "; make it below one that is higher up",
            _ => "",
        };
        Self::bad_request(format!("this cannot be: {fault}{advice}"))
    }
}

impl From<PostFault> for Fault {
    fn from(fault: PostFault) -> Self {
        match fault {
            PostFault::Store(fault) => fault.into(),
            PostFault::Refused(PostRefused::Short { left }) => Self::short(left),
            PostFault::Refused(PostRefused::TooLarge) => StoreFault::TooLarge.into(),
            PostFault::Refused(refused) => Self::bad_request(refused.to_string()),
        }
    }
}

impl From<StoreFault> for Fault {
    fn from(fault: StoreFault) -> Self {
        let (status, code) = match &fault {
            StoreFault::Exists { .. } => (StatusCode::CONFLICT, "exists"),
            StoreFault::Missing { .. } => (StatusCode::NOT_FOUND, "not_found"),
            StoreFault::KeyReused => (StatusCode::CONFLICT, "idempotency_reused"),
            StoreFault::Short { left } => return Self::short(*left),
            StoreFault::TooLarge => (StatusCode::BAD_REQUEST, "too_large"),
            StoreFault::TooMany { .. } => {
                return Self::bad_request(format!("{fault}: name less in `by`, or less time"));
            }
            _ => (StatusCode::SERVICE_UNAVAILABLE, "store_failed"),
        };
        Self { status, code, message: fault.to_string() }
    }
}

impl From<KeyFault> for Fault {
    fn from(fault: KeyFault) -> Self {
        match fault {
            KeyFault::Store(fault) => fault.into(),
            KeyFault::Random(_) => {
                Self { status: StatusCode::SERVICE_UNAVAILABLE, code: "no_random_bytes", message: fault.to_string() }
            }
        }
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let body = Json(json!({ "error": { "message": self.message, "code": self.code } }));
        let mut response = (self.status, body).into_response();
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

const IN_DOUBT: &str = "in_doubt";
