//! The closed list of what can go wrong with an attempt, and what each entry asks for.

use std::fmt;

/// What an attempt's end means for the exchange, its deployment and its caller.
///
/// One entry answers: may the same deployment be asked again, may another one, whose health is touched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Class {
    /// The request itself is at fault; no deployment would take it. Touches no health.
    CallerBad,
    /// The prompt does not fit; only a larger context window helps. Touches no health.
    CallerTooLong,
    /// A content filter or the model itself refused. Not routed around unless a policy says so.
    ContentPolicy,
    /// The gateway's own check of the caller's key failed.
    CallerAuth,
    /// The upstream does not accept our key or the account behind it: the key is dead until someone acts.
    UpstreamAuth,
    /// The upstream account has no money or reached its spending limit: the key is empty until its reset.
    UpstreamMoney,
    /// A daily or plan window is used up: the key waits until the stated reset, one hour when none is stated.
    QuotaWindow,
    /// Too many requests or tokens just now: another deployment at once; this one after its wait.
    RateLimit,
    /// Traffic grew too fast, or the provider lowered our limit for hours: ramp slowly.
    RampLimit,
    /// The upstream is up but has no capacity: another deployment, else once more after a second.
    Overload,
    /// The upstream broke: once more on the same deployment, then another.
    ServerError,
    /// The model is not there for this key (404, a 403 about one model), or still loading; a wait tells loading from absent.
    NotReady,
    /// Nothing was dispatched, as there was no access token to show: says nothing of the deployment. Touches no health.
    NoToken,
    /// Nothing was dispatched: name lookup, refused, TLS, connect timeout. Replaying is safe.
    ConnectFail,
    /// Dispatched and no content came in time. May have been billed: at most one replay an exchange.
    FirstByteTimeout,
    /// The connection ended after dispatch and before content. May have been billed.
    UncertainReset,
    /// A stream error before any content that says nothing of its cause.
    PreContentStreamError,
    /// An error, an end or a stall after content was shown: it cannot be replaced silently.
    MidStreamError,
    /// A success without content and without a typed end.
    EmptyOk,
    /// The answer stopped at its length limit: a success, passed through.
    TruncatedComplete,
    /// The caller closed first.
    ClientGone,
    /// A limit of the gateway itself: budget, rate, queue.
    GatewayLimit,
}

impl Class {
    /// Every class, in the order of the table.
    pub const ALL: [Self; 22] = [
        Self::CallerBad,
        Self::CallerTooLong,
        Self::ContentPolicy,
        Self::CallerAuth,
        Self::UpstreamAuth,
        Self::UpstreamMoney,
        Self::QuotaWindow,
        Self::RateLimit,
        Self::RampLimit,
        Self::Overload,
        Self::ServerError,
        Self::NotReady,
        Self::NoToken,
        Self::ConnectFail,
        Self::FirstByteTimeout,
        Self::UncertainReset,
        Self::PreContentStreamError,
        Self::MidStreamError,
        Self::EmptyOk,
        Self::TruncatedComplete,
        Self::ClientGone,
        Self::GatewayLimit,
    ];

    /// The stable label for metrics, records and logs.
    pub fn name(self) -> &'static str {
        match self {
            Self::CallerBad => "caller_bad",
            Self::CallerTooLong => "caller_too_long",
            Self::ContentPolicy => "content_policy",
            Self::CallerAuth => "caller_auth",
            Self::UpstreamAuth => "upstream_auth",
            Self::UpstreamMoney => "upstream_money",
            Self::QuotaWindow => "quota_window",
            Self::RateLimit => "rate_limit",
            Self::RampLimit => "ramp_limit",
            Self::Overload => "overload",
            Self::ServerError => "server_error",
            Self::NotReady => "not_ready",
            Self::NoToken => "no_token",
            Self::ConnectFail => "connect_fail",
            Self::FirstByteTimeout => "first_byte_timeout",
            Self::UncertainReset => "uncertain_reset",
            Self::PreContentStreamError => "pre_content_stream_error",
            Self::MidStreamError => "mid_stream_error",
            Self::EmptyOk => "empty_ok",
            Self::TruncatedComplete => "truncated_complete",
            Self::ClientGone => "client_gone",
            Self::GatewayLimit => "gateway_limit",
        }
    }

    /// Whether the class says something about the health of a key, deployment or endpoint.
    pub fn touches_health(self) -> bool {
        !matches!(
            self,
            Self::CallerBad
                | Self::CallerTooLong
                | Self::ContentPolicy
                | Self::CallerAuth
                | Self::NoToken
                | Self::TruncatedComplete
                | Self::ClientGone
                | Self::GatewayLimit
        )
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
