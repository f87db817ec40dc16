//! Why a caller gets no answer, and how that is said: the one place that knows statuses, types and codes.

mod dialect;
mod failed;
mod short;
mod unpaid;
mod unserved;
mod words;

use std::{borrow::Cow, net::IpAddr, time::Duration};

use bytes::Bytes;
use roundelay_protocol::{
    chat::Dialect,
    failure::{Class, Failure},
    openai::{BadRequest, error},
};
use roundelay_routing::{Decision, Stop, StopReason};

pub(super) use self::words::Words;
pub use self::{failed::FailedExchange, unpaid::NotPaid, unserved::Unserved};
use super::{outcome::Failed, places::SOCKETS_PER_KEY_MAX};
use crate::{
    auth::AuthRefusal,
    billing::Shortfall,
    common::clock::{Clock, unix_time},
};

/// Official SDKs obey a `retry-after` of up to 60 s (Node) or 120 s (Python); a longer one makes some sleep for days.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(60);

const NO_CREDIT: &str = "the gateway's account at the provider has no credit left: an operator must top it up";
pub(super) const NO_TOKEN: &str = "no access token could be had for this provider";
/// When who gives tokens out is asked again at the earliest.
const TOKEN_WAIT: Duration = Duration::from_secs(5);
const KEY_REFUSED: &str = "the provider refused the gateway's key: an operator must replace it in the configuration";

/// Why there is no answer.
#[derive(Debug)]
pub enum Refusal {
    /// The caller is not known.
    Unauthorized(AuthRefusal),
    /// Nothing is served at that path.
    NotFound(String),
    /// There is no receipt of that exchange, or no response of that name: a word for programs, and why.
    NoReceipt(&'static str, String),
    /// It is not served here, and why.
    NotServed(&'static str),
    /// Its key has as many sockets open as it may.
    TooManySockets,
    /// Something is, but not by that method.
    Method(&'static str),
    /// The body is not such a request.
    BadRequest(BadRequest),
    /// The body is larger than the settings allow.
    BodyTooLarge(u64),
    /// The body came too slowly.
    BodySlow,
    /// The body ended before its length.
    BodyCut,
    /// The body is compressed.
    Encoded,
    /// The head of the request is larger than the settings allow.
    HeadTooLarge,
    /// The request line is.
    AddressTooLong,
    /// What came is not HTTP/1.1.
    NotHttp,
    /// The head of the request did not come in time.
    HeadSlow,
    /// No pool or model has that name.
    UnknownModel(String),
    /// The key may not ask for it.
    ModelNotAllowed(String),
    /// The key may not be used from there.
    AddressNotAllowed(IpAddr),
    /// An attempt failed, and nothing else could answer.
    Failed(Box<FailedExchange>),
    /// The answer broke off after content was shown.
    Broke(Box<BrokenStream>),
    /// The same, where another model was to carry it on.
    NotCarriedOn(Box<NotCarriedOn>),
    /// Its payer has not the money, or not the right.
    Short(Box<Shortfall>),
    /// A code brought no money.
    NotPaid(NotPaid),
    /// No attempt could be made.
    Unserved(Unserved),
    /// What was recorded cannot be read now.
    NoRecords,
    /// The gateway stops.
    Stopping,
    /// A fault of ours.
    Internal,
}

/// A refusal in the words of OpenAI's protocol; those of the others are made of them, unless it is passed on.
#[derive(Debug)]
pub struct Wire<'a> {
    /// The HTTP status.
    pub status: u16,
    /// `error.type`.
    pub kind: &'a str,
    /// `error.code`.
    pub code: Option<&'a str>,
    /// `error.param`.
    pub param: Option<&'a str>,
    /// What happened, and what to do.
    pub message: Cow<'a, str>,
    /// The value of `retry-after`; at most 60 s.
    pub retry_after: Option<Duration>,
    /// The value of `x-should-retry`.
    pub should_retry: bool,
    /// When the cause ends, as Unix seconds.
    pub reset_at: Option<i64>,
    /// The body as the provider wrote it, in the caller's dialect.
    pub own_words: Option<&'a Bytes>,
    /// A part of the answer was shown.
    pub is_partial: bool,
    /// The data of the last chunk that was shown, where it is chat's.
    pub last_chunk: Option<&'a Bytes>,
    /// The attempts that were shown something of, or paid for, as a list in JSON.
    pub attempts: Option<&'a str>,
}

/// An answer that broke off after content was shown.
#[derive(Debug)]
pub struct BrokenStream {
    pub(super) failure: Failure,
    /// What its provider said, where the caller is to read that.
    pub(super) words: Option<Words>,
    /// The data of its last chunk, where it is chat's.
    pub(super) last_chunk: Bytes,
}

/// An answer that broke off, and that nobody could carry on.
#[derive(Debug)]
pub struct NotCarriedOn {
    /// Why it broke off the first time.
    pub(super) failure: Failure,
    /// Tokens of output that were shown, about.
    pub(super) delivered: u64,
    /// Why it was not carried on.
    pub(super) why: &'static str,
    /// Its attempts, as a list in JSON.
    pub(super) attempts: String,
    /// The data of its last chunk, where it is chat's.
    pub(super) last_chunk: Bytes,
}

impl Refusal {
    /// For a name that means nothing here.
    pub fn unknown_model(asked: &str) -> Self {
        Self::UnknownModel(bounded(asked))
    }

    pub(super) fn model_not_allowed(asked: &str) -> Self {
        Self::ModelNotAllowed(bounded(asked))
    }

    /// Why an exchange that went through its candidates has no answer.
    pub(super) fn after(
        last: Option<Failed>,
        stop: Stop,
        decision: &Decision,
        clock: &Clock,
        dialect: Dialect,
    ) -> Self {
        let reopens_in = stop.retry_at.map(|at| at.saturating_duration_since(clock.now()));
        let is_account = |failed: &Failed| {
            matches!(failed.failure.class, Class::UpstreamAuth | Class::UpstreamMoney | Class::NoToken)
        };
        // Where others may serve again soon, that is what a caller should know, not the trouble with one account.
        let last = last.filter(|failed| stop.reason != StopReason::AllCooling || !is_account(failed));
        let Some(Failed { failure, status, words, .. }) = last else {
            return Self::Unserved(Unserved::of(stop, decision, reopens_in));
        };
        let all_missing = failure.class == Class::NotReady && failure.retry_after.is_none();
        let attempts = decision.attempts.len();
        let words = words.and_then(|words| words.fit_for(dialect, failure.class));
        Self::Failed(Box::new(FailedExchange { failure, status, words, reopens_in, attempts, all_missing }))
    }

    /// The failure class for the record; `None` when no attempt failed.
    pub(super) fn class(&self) -> Option<Class> {
        match self {
            Self::Failed(failed) => Some(failed.failure.class),
            Self::Broke(broken) => Some(broken.failure.class),
            Self::NotCarriedOn(cut) => Some(cut.failure.class),
            _ => None,
        }
    }

    /// The label of a request that was refused before it became an exchange.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Unauthorized(_) | Self::AddressNotAllowed(_) => "unauthorized",
            Self::NotFound(_) | Self::NoReceipt(..) | Self::NotServed(_) => "not_found",
            Self::Method(_) => "method",
            Self::BodyTooLarge(_) | Self::BodySlow | Self::BodyCut | Self::Encoded => "body",
            Self::HeadTooLarge | Self::AddressTooLong | Self::NotHttp | Self::HeadSlow => "head",
            Self::UnknownModel(_) | Self::ModelNotAllowed(_) => "model",
            Self::NotPaid(_) => "code",
            Self::BadRequest(_)
            | Self::TooManySockets
            | Self::Failed(_)
            | Self::Broke(_)
            | Self::NotCarriedOn(_)
            | Self::Short(_)
            | Self::Unserved(_) => "exchange",
            Self::NoRecords | Self::Stopping | Self::Internal => "gateway",
        }
    }

    /// The refusal as it is sent.
    pub fn wire(&self) -> Wire<'_> {
        match self {
            Self::Unauthorized(refusal) => {
                Wire { code: Some("invalid_api_key"), ..Wire::new(401, "authentication_error", refusal.to_string()) }
            }
            Self::NotFound(path) => Wire::new(
                404,
                "not_found_error",
                format!(
                    "nothing is served at `{path}`: callers use `/v1/chat/completions`, `/v1/completions`, `/v1/messages`, `/v1/responses`, `/v1beta/models/MODEL:generateContent`, `/v1/embeddings`, `/v1/rerank`, `/v1/moderations`, `/v1/images/…`, `/v1/audio/…`, `/v1/models`, `/v1/balance`, `/v1/usage`, `/v1/key`, `/v1/credits`, `/v1/receipts/…` and `/v1/redeem`"
                ),
            ),
            Self::NoReceipt(code, why) => Wire { code: Some(code), ..Wire::new(404, "not_found_error", why.as_str()) },
            Self::NotServed(why) => Wire { code: Some("not_served"), ..Wire::new(501, "invalid_request_error", *why) },
            Self::TooManySockets => Wire {
                code: Some("too_many_sockets"),
                ..Wire::new(
                    429,
                    "rate_limit_error",
                    format!("this API key has {SOCKETS_PER_KEY_MAX} WebSockets open: close one, or ask by HTTP"),
                )
            },
            Self::Method(allowed) => Wire::new(405, "invalid_request_error", format!("use {allowed} here")),
            Self::BadRequest(bad) => Wire {
                param: bad.param.as_deref(),
                code: Some(bad.code),
                ..Wire::new(400, "invalid_request_error", bad.message.as_str())
            },
            Self::BodyTooLarge(max) => Wire {
                code: Some("request_too_large"),
                ..Wire::new(
                    413,
                    "invalid_request_error",
                    format!(
                        "the body is larger than {max} bytes, the limit of this gateway (`server.body_max`, and `server.upload_max` for forms)"
                    ),
                )
            },
            Self::BodySlow => Wire {
                code: Some("body_too_slow"),
                ..Wire::new(408, "invalid_request_error", "the body came too slowly and was not waited for")
            },
            Self::BodyCut => Wire {
                code: Some("body_incomplete"),
                ..Wire::new(400, "invalid_request_error", "the body ended before its announced length")
            },
            Self::Encoded => Wire::new(
                415,
                "invalid_request_error",
                "compressed bodies are not taken: send the body without `content-encoding`",
            ),
            Self::HeadTooLarge => Wire::new(
                431,
                "invalid_request_error",
                "the request has more header fields, or longer ones, than this gateway takes (`server.headers_max`, `server.header_bytes_max`)",
            ),
            Self::AddressTooLong => Wire::new(414, "invalid_request_error", "the request line is too long"),
            Self::NotHttp => {
                Wire::new(400, "invalid_request_error", "this is not an HTTP/1.1 request that can be read")
            }
            Self::HeadSlow => Wire::new(408, "invalid_request_error", "the head of the request did not come in time"),
            Self::UnknownModel(asked) => Wire {
                code: Some("model_not_found"),
                param: Some("model"),
                ..Wire::new(
                    404,
                    "not_found_error",
                    format!(
                        "no pool or model is named `{asked}`: `GET /v1/models` lists those there are, and `provider/model` reaches any model of a configured provider"
                    ),
                )
            },
            Self::ModelNotAllowed(asked) => Wire {
                code: Some("model_not_allowed"),
                param: Some("model"),
                ..Wire::new(403, "permission_error", format!("this API key may not ask for `{asked}`"))
            },
            Self::AddressNotAllowed(address) => Wire {
                code: Some("address_not_allowed"),
                ..Wire::new(
                    403,
                    "permission_error",
                    format!(
                        "this API key may not be used from {address}: ask from one of its networks, or have an operator \
                         allow this one (`roundelay keys change ID --network {address}`); behind a proxy, its address \
                         belongs into `server.trusted_proxies`"
                    ),
                )
            },
            Self::Failed(failed) => failed.wire(),
            Self::Broke(broken) => {
                let BrokenStream { failure, words, last_chunk } = &**broken;
                Wire {
                    own_words: words.as_ref().map(|words| &words.body),
                    code: Some(failure.code.as_deref().unwrap_or("stream_interrupted")),
                    last_chunk: Some(last_chunk),
                    ..Wire::new(
                        502,
                        "upstream_error",
                        format!("the answer broke off and is not whole: {}", failure.message),
                    )
                }
            }
            Self::NotCarriedOn(cut) => Wire {
                code: Some(cut.failure.code.as_deref().unwrap_or("stream_interrupted")),
                is_partial: true,
                last_chunk: Some(&cut.last_chunk),
                attempts: Some(&cut.attempts),
                ..Wire::new(
                    502,
                    "upstream_error",
                    format!(
                        "the answer broke off after about {} tokens and is not whole: {}; it was not carried on, \
                         because {}",
                        cut.delivered, cut.failure.message, cut.why
                    ),
                )
            },
            Self::Short(shortfall) => short::wire(shortfall),
            Self::NotPaid(refused) => refused.wire(),
            Self::Unserved(unserved) => unserved.wire(),
            Self::NoRecords => Wire {
                code: Some("records_unavailable"),
                ..Wire::new(503, "server_error", "what was recorded cannot be read now: ask again in a few seconds")
                    .waiting(Some(Duration::from_secs(5)))
            },
            Self::Stopping => Wire {
                code: Some("gateway_stopping"),
                should_retry: true,
                ..Wire::new(
                    503,
                    "server_error",
                    "the gateway is being stopped and could not wait for this answer's end",
                )
            },
            Self::Internal => Wire {
                code: Some("internal"),
                ..Wire::new(500, "server_error", "the gateway failed at this request; its log says more")
            },
        }
    }
}

impl<'a> Wire<'a> {
    fn new(status: u16, kind: &'a str, message: impl Into<Cow<'a, str>>) -> Self {
        Self {
            status,
            kind,
            code: None,
            param: None,
            message: message.into(),
            retry_after: None,
            should_retry: false,
            reset_at: None,
            own_words: None,
            is_partial: false,
            last_chunk: None,
            attempts: None,
        }
    }

    /// Tells the caller when to come back: in a header when that is soon, else in the body alone.
    fn waiting(mut self, reopens_in: Option<Duration>) -> Self {
        match reopens_in {
            Some(wait) if wait <= RETRY_AFTER_MAX => {
                self.retry_after = Some(wait.max(Duration::from_millis(100)));
                self.should_retry = true;
            }
            Some(wait) => self.reset_at = Some((unix_time() + wait).as_secs().cast_signed()),
            None => {}
        }
        self
    }

    /// `request_id` is told where no header says it any more.
    fn error<'e>(&'e self, request_id: Option<&'e str>) -> error::ErrorBody<'e> {
        error::ErrorBody {
            message: &self.message,
            kind: self.kind,
            code: self.code,
            param: self.param,
            reset_at: self.reset_at,
            partial: self.is_partial,
            request_id,
        }
    }
}

/// A caller's word in a message: no longer than a name is, and without control characters.
fn bounded(word: &str) -> String {
    word.chars().filter(|c| !c.is_control()).take(100).collect()
}

#[cfg(test)]
mod tests {
    use roundelay_routing::{AffinityUse, DeadReason, Exclusion, Instant, ModelId, Strategy, Target};
    use serde_json::Value;

    use super::*;

    /// Status, type and code, and whether the caller is asked to come back.
    type Row = (u16, &'static str, Option<&'static str>, bool);

    fn seconds(seconds: u64) -> Option<Duration> {
        Some(Duration::from_secs(seconds))
    }

    /// The refusal of an exchange whose one attempt failed so, where something reopens in 7 s.
    fn failed(failure: Failure, status: Option<u16>) -> Refusal {
        let failed = Failed { failure, status, words: None, reused_connection: false, had_content: false };
        let clock = Clock::start();
        let decision = Decision {
            target: Target::Model(ModelId(0)),
            strategy: Strategy::Weighted,
            affinity: AffinityUse::NoConversation,
            draws: Vec::new(),
            candidates: Vec::new(),
            attempts: Vec::new(),
            stop: None,
        };
        let stop = Stop { reason: StopReason::AttemptsSpent, retry_at: Some(clock.now() + Duration::from_secs(7)) };
        Refusal::after(Some(failed), stop, &decision, &clock, Dialect::OpenaiChat)
    }

    #[track_caller]
    fn check(refusal: &Refusal, (status, kind, code, should_retry): Row) {
        let wire = refusal.wire();
        assert_eq!(
            (wire.status, wire.kind, wire.code, wire.should_retry),
            (status, kind, code, should_retry),
            "{refusal:?}"
        );
        assert_eq!(wire.retry_after.is_some(), should_retry, "{refusal:?}");
        let body: Value = serde_json::from_slice(&wire.body(Dialect::OpenaiChat, None)).unwrap();
        let error = body["error"].as_object().unwrap();
        assert!(error["message"].as_str().is_some_and(|message| !message.is_empty()), "{body}");
        assert_eq!((&error["type"], &error["code"]), (&kind.into(), &code.into()), "{body}");
        assert!(error.contains_key("param"), "{body}");
    }

    #[test]
    fn every_class_of_failure_has_its_status() {
        let class = |class, status| failed(Failure::new(class, "what the provider said"), status);
        let bad = "invalid_request_error";
        let up = "upstream_error";
        for (of, status, row) in [
            (Class::CallerBad, Some(422), (422, bad, None, false)),
            (Class::CallerBad, Some(200), (400, bad, None, false)),
            (Class::CallerTooLong, Some(413), (400, bad, Some("context_length_exceeded"), false)),
            (Class::ContentPolicy, Some(403), (400, bad, Some("content_filter"), false)),
            (Class::CallerAuth, Some(401), (502, up, None, false)),
            (Class::UpstreamAuth, Some(401), (502, up, Some("upstream_auth"), false)),
            (Class::UpstreamMoney, Some(402), (503, up, Some("no_deployment_with_credit"), false)),
            (Class::QuotaWindow, Some(429), (429, "rate_limit_error", Some("rate_limit_exceeded"), true)),
            (Class::RateLimit, Some(429), (429, "rate_limit_error", Some("rate_limit_exceeded"), true)),
            (Class::RampLimit, Some(429), (429, "rate_limit_error", Some("rate_limit_exceeded"), true)),
            (Class::Overload, Some(529), (503, up, Some("upstream_overloaded"), true)),
            (Class::ServerError, Some(500), (502, up, Some("upstream_failed"), true)),
            (Class::NotReady, Some(404), (404, "not_found_error", Some("model_not_found"), false)),
            (Class::NoToken, None, (502, up, Some("upstream_auth"), true)),
            (Class::ConnectFail, None, (502, up, Some("upstream_unreachable"), true)),
            (Class::FirstByteTimeout, None, (504, up, Some("upstream_timeout"), false)),
            (Class::UncertainReset, None, (502, up, Some("upstream_reset"), false)),
            (Class::PreContentStreamError, Some(200), (502, up, Some("upstream_failed"), true)),
            (Class::MidStreamError, Some(200), (502, up, Some("upstream_failed"), false)),
            (Class::EmptyOk, Some(200), (502, up, Some("empty_response"), true)),
            (Class::TruncatedComplete, Some(200), (502, up, None, false)),
            (Class::ClientGone, None, (502, up, None, false)),
            (Class::GatewayLimit, None, (502, up, None, false)),
        ] {
            check(&class(of, status), row);
        }
        // A model that is loading is there in a while.
        let loading = Failure { retry_after: seconds(5), ..Failure::new(Class::NotReady, "loading") };
        check(&failed(loading, Some(503)), (502, up, Some("upstream_not_ready"), true));
    }

    #[test]
    fn the_providers_words_reach_the_caller_only_where_they_are_about_the_request() {
        let words = |class, status| {
            let mut failure = Failure::new(class, "what the provider said");
            let theirs = |word: &str| Some(format!("their_{word}"));
            (failure.kind, failure.code, failure.param) = (theirs("type"), theirs("code"), theirs("param"));
            let refusal = failed(failure, status);
            let wire = refusal.wire();
            let [kind, code, param] =
                [Some(wire.kind), wire.code, wire.param].map(|w| w.is_some_and(|w| w.starts_with("their")));
            (kind, code, param, wire.message.contains("provider said"))
        };
        assert_eq!(words(Class::CallerBad, Some(400)), (true, true, true, true));
        assert_eq!(words(Class::ContentPolicy, Some(400)), (true, true, true, true));
        assert_eq!(words(Class::CallerTooLong, Some(400)), (false, false, false, true));
        assert_eq!(words(Class::RateLimit, Some(429)), (false, false, false, true));
        assert_eq!(words(Class::ServerError, Some(500)), (false, false, false, true));
        assert_eq!(words(Class::UpstreamAuth, Some(401)), (false, false, false, false));
        assert_eq!(words(Class::UpstreamMoney, Some(429)), (false, false, false, false));
    }

    #[test]
    fn a_wait_is_told_in_a_header_when_it_is_short_and_in_the_body_when_it_is_long() {
        let wire = |reopens_in| Wire::new(429, "rate_limit_error", "wait").waiting(reopens_in);
        for (wait, header) in [(0, 100), (100, 100), (1_500, 1_500), (60_000, 60_000)] {
            let told = wire(Some(Duration::from_millis(wait)));
            assert_eq!((told.retry_after, told.reset_at), (Some(Duration::from_millis(header)), None), "{wait} ms");
            assert!(told.should_retry);
        }
        let (before, told, after) = (unix_time(), wire(seconds(3600)), unix_time());
        assert_eq!((told.retry_after, told.should_retry), (None, false));
        let at = told.reset_at.unwrap().cast_unsigned();
        assert!((before.as_secs() + 3600..=after.as_secs() + 3600).contains(&at), "{at}");
        let body: Value = serde_json::from_slice(&told.body(Dialect::OpenaiChat, None)).unwrap();
        assert_eq!(body["error"]["reset_at"], at);
        let silent = wire(None);
        assert_eq!((silent.retry_after, silent.reset_at, silent.should_retry), (None, None, false));
    }

    #[test]
    fn a_request_that_could_not_be_sent_says_what_stood_in_the_way() {
        let until = Instant::from_start(Duration::from_secs(7));
        let dead = |why| Some(Exclusion::Dead { why, until });
        let unserved = |reason, because| Refusal::Unserved(Unserved { reason, reopens_in: seconds(7), because });
        for (reason, because, row) in [
            (StopReason::TooLong, None, (400, "invalid_request_error", Some("context_length_exceeded"), false)),
            (
                StopReason::NoneEligible,
                Some(Exclusion::Window),
                (400, "invalid_request_error", Some("context_length_exceeded"), false),
            ),
            (
                StopReason::NoneEligible,
                Some(Exclusion::Capability("tools")),
                (400, "invalid_request_error", Some("unsupported_capability"), false),
            ),
            (StopReason::NoneEligible, Some(Exclusion::NoToken), (502, "upstream_error", Some("upstream_auth"), true)),
            (
                StopReason::NoneEligible,
                Some(Exclusion::NotAllowed),
                (403, "permission_error", Some("model_not_allowed"), false),
            ),
            (
                StopReason::AllDead,
                dead(DeadReason::KeyEmpty),
                (503, "upstream_error", Some("no_deployment_with_credit"), false),
            ),
            (StopReason::AllDead, dead(DeadReason::KeyRejected), (502, "upstream_error", Some("upstream_auth"), false)),
            (
                StopReason::AllDead,
                dead(DeadReason::QuotaWindow),
                (429, "rate_limit_error", Some("rate_limit_exceeded"), true),
            ),
            (StopReason::AllDead, dead(DeadReason::Missing), (404, "not_found_error", Some("model_not_found"), false)),
            (
                StopReason::AllCooling,
                Some(Exclusion::Cooling { until }),
                (429, "rate_limit_error", Some("rate_limit_exceeded"), true),
            ),
            (
                StopReason::AllCooling,
                Some(Exclusion::BreakerOpen { until }),
                (503, "upstream_error", Some("no_deployment_available"), true),
            ),
            (StopReason::Busy, Some(Exclusion::Busy), (503, "overloaded_error", Some("concurrency_limit"), true)),
            (StopReason::DeadlinePassed, None, (504, "upstream_error", Some("deadline_passed"), false)),
            (StopReason::NoneEligible, None, (503, "upstream_error", Some("no_deployment_available"), true)),
        ] {
            check(&unserved(reason, because), row);
        }
    }

    #[test]
    fn what_the_caller_did_wrong_has_its_own_status() {
        let bad = "invalid_request_error";
        for (refusal, row) in [
            (
                Refusal::Unauthorized(AuthRefusal::Revoked),
                (401, "authentication_error", Some("invalid_api_key"), false),
            ),
            (Refusal::NotFound("/x".to_owned()), (404, "not_found_error", None, false)),
            (
                Refusal::NoReceipt("receipt_not_found", "why".to_owned()),
                (404, "not_found_error", Some("receipt_not_found"), false),
            ),
            (Refusal::Method("POST"), (405, bad, None, false)),
            (Refusal::TooManySockets, (429, "rate_limit_error", Some("too_many_sockets"), false)),
            (Refusal::BodyTooLarge(1024), (413, bad, Some("request_too_large"), false)),
            (Refusal::BodySlow, (408, bad, Some("body_too_slow"), false)),
            (Refusal::BodyCut, (400, bad, Some("body_incomplete"), false)),
            (Refusal::Encoded, (415, bad, None, false)),
            (Refusal::HeadTooLarge, (431, bad, None, false)),
            (Refusal::AddressTooLong, (414, bad, None, false)),
            (Refusal::NotHttp, (400, bad, None, false)),
            (Refusal::HeadSlow, (408, bad, None, false)),
            (Refusal::unknown_model("x"), (404, "not_found_error", Some("model_not_found"), false)),
            (
                Refusal::AddressNotAllowed([192, 0, 2, 7].into()),
                (403, "permission_error", Some("address_not_allowed"), false),
            ),
            (Refusal::model_not_allowed("x"), (403, "permission_error", Some("model_not_allowed"), false)),
            (
                Refusal::Broke(Box::new(BrokenStream {
                    failure: Failure::new(Class::MidStreamError, "cut"),
                    words: None,
                    last_chunk: Bytes::new(),
                })),
                (502, "upstream_error", Some("stream_interrupted"), false),
            ),
            (Refusal::Internal, (500, "server_error", Some("internal"), false)),
        ] {
            check(&refusal, row);
        }
    }

    #[test]
    fn a_callers_word_in_a_message_is_bounded() {
        let refusal = Refusal::unknown_model(&"\n\u{7}é".repeat(300));
        let message = refusal.wire().message.into_owned();
        assert_eq!(message.matches('é').count(), 100);
        assert!(!message.contains(char::is_control), "{message:?}");
    }
}
