//! The one table that says what a failed attempt means: total, and keyed by provider.
//!
//! Nothing else looks at an upstream's status. Order of evaluation: transport; the provider's own rules on
//! status, code, type and message (`providers`); the generic rules on those and the status alone (`rules`).
//! The most expensive mistake here is to read only the status: 429 alone has six meanings.

mod class;
mod flavour;
mod mask;
mod providers;
mod rules;
mod seen;
mod signature;
mod text;
mod told;
mod wait;

use std::time::Duration;

pub use class::Class;
pub use flavour::Flavour;
pub use mask::mask;
pub use seen::{Headers, Seen};
pub use signature::rejects_thoughts;

use self::told::Told;

/// What an attempt's end means, and what of the upstream's words may be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The effective class: an error inside a stream before content has the class of its cause, and is
    /// [`Class::PreContentStreamError`] only when it names none.
    pub class: Class,
    /// How long the upstream asks to wait, from its headers or its text; at most 400 days.
    /// A [`Class::NotReady`] with a wait is loading, one without is absent.
    pub retry_after: Option<Duration>,
    /// The upstream's own `x-should-retry`; `Some(false)` means not the same deployment.
    pub should_retry: Option<bool>,
    /// What happened, for a caller: at most 2 KiB, one line, no control characters, no HTML, no secret. Never empty.
    pub message: String,
    /// The upstream's `code`, `type` and `param`, cleaned like the message, at most 256 bytes each.
    pub code: Option<String>,
    pub kind: Option<String>,
    pub param: Option<String>,
    /// The endpoint as a whole is at fault (connect, edge HTML, 52x), not this deployment.
    pub at_endpoint: bool,
    /// The attempt may have been billed although it failed.
    pub uncertain: bool,
}

impl Failure {
    /// A failure that the gateway itself knows the class of.
    pub fn new(class: Class, message: &str) -> Self {
        Self {
            class,
            retry_after: None,
            should_retry: None,
            message: text::clean(message),
            code: None,
            kind: None,
            param: None,
            at_endpoint: class == Class::ConnectFail,
            uncertain: matches!(class, Class::FirstByteTimeout | Class::UncertainReset | Class::MidStreamError),
        }
    }
}

/// Says what an attempt's end means. Total: every input has exactly one class.
///
/// `unix_seconds` is now; stated reset dates become waits against it.
pub fn classify(flavour: Flavour, seen: &Seen<'_>, unix_seconds: i64) -> Failure {
    match seen {
        Seen::ConnectFailed => Failure::new(Class::ConnectFail, "the upstream could not be reached"),
        Seen::ResetBeforeContent => {
            Failure::new(Class::UncertainReset, "the upstream closed the connection before it answered")
        }
        Seen::FirstContentTimeout => Failure::new(Class::FirstByteTimeout, "the upstream did not answer in time"),
        Seen::EmptyAnswer => Failure::new(Class::EmptyOk, "the upstream sent an empty answer"),
        Seen::CutAfterContent => Failure::new(Class::MidStreamError, "the upstream's answer ended before it was whole"),
        Seen::StalledAfterContent => Failure::new(Class::MidStreamError, "the upstream stopped sending its answer"),
        Seen::Unparsable { after_content } => {
            let class = if *after_content { Class::MidStreamError } else { Class::ServerError };
            Failure::new(class, "the upstream sent an answer that cannot be read")
        }
        Seen::LengthReached => Failure::new(Class::TruncatedComplete, "the answer reached its length limit"),
        Seen::CallerLeft => Failure::new(Class::ClientGone, "the caller closed the connection"),
        Seen::Response { status, headers, body } => response(flavour, *status, *headers, body, unix_seconds),
        Seen::StreamError { data, after_content } => {
            let told = Told::read(data, &());
            let cause = rules::in_band(flavour, &told).unwrap_or(Class::PreContentStreamError);
            let class = if *after_content { Class::MidStreamError } else { cause };
            let retry_after = wait::retry_after(flavour, cause, &(), &told, unix_seconds);
            let mut failure = told.into_failure(class, "the upstream sent an error inside its answer");
            failure.retry_after = retry_after;
            failure
        }
    }
}

fn response(flavour: Flavour, status: u16, headers: &dyn Headers, body: &[u8], now: i64) -> Failure {
    let told = Told::read(body, headers);
    let class = match status {
        200..=299 => success_without_answer(flavour, &told),
        _ => rules::judge(flavour, status, headers, &told),
    };
    let retry_after = wait::retry_after(flavour, class, headers, &told, now);
    let is_html = told.is_html;
    let mut failure = told.into_failure(class, &format!("the upstream answered with status {status}"));
    failure.retry_after = retry_after;
    failure.should_retry = match headers.header("x-should-retry") {
        Some("true") => Some(true),
        Some("false") => Some(false),
        _ => None,
    };
    failure.at_endpoint = class == Class::ServerError && (is_html || matches!(status, 520..=527 | 530));
    // An edge that gave up waiting says nothing of what its origin went on to bill.
    failure.uncertain |= matches!(status, 408 | 504 | 520 | 524);
    failure
}

/// A success that is none: an error in its body, nothing in it, or not what was asked for.
fn success_without_answer(flavour: Flavour, told: &Told) -> Class {
    if told.is_error {
        return rules::in_band(flavour, told).unwrap_or(Class::ServerError);
    }
    match rules::in_band(flavour, told) {
        Some(class @ (Class::ContentPolicy | Class::EmptyOk | Class::TruncatedComplete)) => class,
        _ if told.is_json || told.is_blank => Class::EmptyOk,
        _ => Class::ServerError,
    }
}
