//! The refusal of an exchange whose attempts failed.

use std::time::Duration;

use roundelay_protocol::failure::{Class, Failure};

use super::{KEY_REFUSED, NO_CREDIT, TOKEN_WAIT, Wire, Words};

/// The last failure of an exchange that has no answer.
#[derive(Debug)]
pub struct FailedExchange {
    pub(super) failure: Failure,
    pub(super) status: Option<u16>,
    /// What its provider said, where the caller is to read that.
    pub(super) words: Option<Words>,
    /// From now until something may serve again.
    pub(super) reopens_in: Option<Duration>,
    pub(super) attempts: usize,
    /// Every deployment asked said that it has no such model.
    pub(super) all_missing: bool,
}

impl FailedExchange {
    pub(super) fn wire(&self) -> Wire<'_> {
        let failure = &self.failure;
        let (status, kind, code) = self.sort();
        let tries = match self.attempts {
            1 => String::new(),
            tries => format!(" (after {tries} attempts)"),
        };
        // About our account the provider's words would mislead: the caller would look at a key and a bill of its own.
        let message = match failure.class {
            Class::UpstreamAuth => KEY_REFUSED,
            Class::UpstreamMoney => NO_CREDIT,
            _ => &failure.message,
        };
        let wire = Wire {
            code: failure.code.as_deref().filter(|_| keeps_code(failure.class)).or(code),
            param: failure.param.as_deref().filter(|_| keeps_code(failure.class)),
            ..Wire::new(status, kind, format!("{message}{tries}"))
        };
        let wire = match &self.words {
            // Its clients know how to wait.
            Some(words) => Wire {
                status: words.status,
                own_words: Some(&words.body),
                should_retry: failure.class == Class::Overload && failure.should_retry != Some(false),
                ..wire
            },
            None => wire,
        };
        let soon = (failure.class == Class::NoToken).then_some(TOKEN_WAIT);
        if waiting_helps(failure.class) && !self.all_missing { wire.waiting(self.reopens_in.or(soon)) } else { wire }
    }

    /// Status, type and code of the failure's class, as a caller sees it when nothing is left to try.
    fn sort(&self) -> (u16, &str, Option<&str>) {
        let failure = &self.failure;
        let kind = failure.kind.as_deref();
        let status = self.status.filter(|status| (400..500).contains(status));
        match failure.class {
            Class::CallerBad => (status.unwrap_or(400), kind.unwrap_or("invalid_request_error"), None),
            Class::CallerTooLong => (400, "invalid_request_error", Some("context_length_exceeded")),
            Class::ContentPolicy => (400, kind.unwrap_or("invalid_request_error"), Some("content_filter")),
            Class::UpstreamAuth | Class::NoToken => (502, "upstream_error", Some("upstream_auth")),
            Class::UpstreamMoney => (503, "upstream_error", Some("no_deployment_with_credit")),
            Class::QuotaWindow | Class::RateLimit | Class::RampLimit => {
                (429, "rate_limit_error", Some("rate_limit_exceeded"))
            }
            Class::Overload => (503, "upstream_error", Some("upstream_overloaded")),
            Class::NotReady if self.all_missing => (404, "not_found_error", Some("model_not_found")),
            Class::NotReady => (502, "upstream_error", Some("upstream_not_ready")),
            Class::ConnectFail => (502, "upstream_error", Some("upstream_unreachable")),
            Class::FirstByteTimeout => (504, "upstream_error", Some("upstream_timeout")),
            Class::UncertainReset => (502, "upstream_error", Some("upstream_reset")),
            Class::EmptyOk => (502, "upstream_error", Some("empty_response")),
            Class::ServerError | Class::PreContentStreamError | Class::MidStreamError => {
                (502, "upstream_error", Some("upstream_failed"))
            }
            Class::CallerAuth | Class::TruncatedComplete | Class::ClientGone | Class::GatewayLimit => {
                (502, "upstream_error", None)
            }
        }
    }
}

/// Codes that mean something to the caller; those about our account at an upstream do not.
fn keeps_code(class: Class) -> bool {
    matches!(class, Class::CallerBad | Class::ContentPolicy)
}

/// Whether the same request may fare better when the caller sends it again a little later.
fn waiting_helps(class: Class) -> bool {
    matches!(
        class,
        Class::QuotaWindow
            | Class::RateLimit
            | Class::RampLimit
            | Class::Overload
            | Class::ServerError
            | Class::PreContentStreamError
            | Class::NoToken
            | Class::ConnectFail
            | Class::NotReady
            | Class::EmptyOk
    )
}
