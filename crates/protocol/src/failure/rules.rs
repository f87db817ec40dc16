//! How a rule reads, the generic rules, and the order in which rules are asked.

use super::{Class, Flavour, Headers, providers, text, told::Told};

/// One row of a table: when all that it names is there, its class holds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rule {
    class: Class,
    /// Any of these codes, types or reasons; lowercase, without a trailing `exception`.
    words: &'static [&'static str],
    /// Any of these inside a code, type or reason; lowercase.
    word_parts: &'static [&'static str],
    /// Any of these in the message; lowercase.
    texts: &'static [&'static str],
    /// Any of these statuses; also an error in band that names no status.
    statuses: &'static [u16],
    has_retry_after: bool,
}

impl Rule {
    const fn new(class: Class) -> Self {
        Self { class, words: &[], word_parts: &[], texts: &[], statuses: &[], has_retry_after: false }
    }

    pub(super) const fn words(words: &'static [&'static str], class: Class) -> Self {
        Self { words, ..Self::new(class) }
    }

    pub(super) const fn word_parts(word_parts: &'static [&'static str], class: Class) -> Self {
        Self { word_parts, ..Self::new(class) }
    }

    pub(super) const fn texts(texts: &'static [&'static str], class: Class) -> Self {
        Self { texts, ..Self::new(class) }
    }

    pub(super) const fn status(statuses: &'static [u16], class: Class) -> Self {
        Self { statuses, ..Self::new(class) }
    }

    pub(super) const fn on(self, statuses: &'static [u16]) -> Self {
        Self { statuses, ..self }
    }

    pub(super) const fn saying(self, texts: &'static [&'static str]) -> Self {
        Self { texts, ..self }
    }

    pub(super) const fn with_retry_after(self) -> Self {
        Self { has_retry_after: true, ..self }
    }

    fn matches(&self, status: Option<u16>, headers: &dyn Headers, told: &Told) -> bool {
        let is_status = match status {
            Some(status) => self.statuses.is_empty() || self.statuses.contains(&status),
            None => self.statuses.is_empty() || !self.words.is_empty() || !self.texts.is_empty(),
        };
        is_status
            && (self.words.is_empty() || told.words.iter().any(|word| self.words.contains(&word.as_str())))
            && (self.word_parts.is_empty()
                || told.words.iter().any(|word| self.word_parts.iter().any(|part| word.contains(part))))
            && (self.texts.is_empty() || self.texts.iter().any(|text| told.text.contains(text)))
            && (!self.has_retry_after || headers.header("retry-after").is_some())
    }
}

/// The class of an answer that is not a success.
pub(super) fn judge(flavour: Flavour, status: u16, headers: &dyn Headers, told: &Told) -> Class {
    if told.is_html && !matches!(status, 401 | 404 | 407 | 413 | 414 | 429 | 431) {
        return Class::ServerError;
    }
    by_words(flavour, Some(status), headers, told).unwrap_or_else(|| by_status(status, told))
}

/// The class of an error inside a 200; `None` when it names no cause.
pub(super) fn in_band(flavour: Flavour, told: &Told) -> Option<Class> {
    let by_status = |status| by_status(status, told);
    by_words(flavour, told.status, &(), told).or_else(|| told.status.map(by_status))
}

fn by_words(flavour: Flavour, status: Option<u16>, headers: &dyn Headers, told: &Told) -> Option<Class> {
    let first = |rules: &[Rule]| rules.iter().find(|rule| rule.matches(status, headers, told)).map(|rule| rule.class);
    let may_be_too_long = matches!(status, None | Some(400 | 404 | 413 | 422 | 424 | 500));
    first(providers::rules(flavour))
        .or_else(|| (may_be_too_long && text::says_too_long(&told.text)).then_some(Class::CallerTooLong))
        .or_else(|| first(GENERIC))
        .or_else(|| {
            let lacks_permission = told.words.iter().any(|word| is_permission(word));
            (status != Some(401) && lacks_permission).then(|| forbidden(told))
        })
}

/// What words mean where the provider has no rule of its own. Causes first, categories last: OpenAI's
/// 401, 404 and 413 all have the type `invalid_request_error`.
const GENERIC: &[Rule] = &[
    Rule::words(
        &[
            "context_length_exceeded",
            "context_window_exceeded",
            "model_context_window_exceeded",
            "exceed_context_size_error",
        ],
        Class::CallerTooLong,
    ),
    Rule::words(
        &[
            "content_filter",
            "content_policy_violation",
            "responsibleaipolicyviolation",
            "data_inspection_failed",
            "sensitive",
        ],
        Class::ContentPolicy,
    ),
    Rule::words(
        &[
            "insufficient_quota",
            "credit_balance_exhausted",
            "organization_spend_limit_exceeded",
            "project_spend_limit_exceeded",
            "organization_usage_limit_exceeded",
            "billing_hard_limit_reached",
            "billing_not_active",
            "billing_error",
            "insufficient_balance",
            "payment_required",
            "enforced_spend_limit_reached",
        ],
        Class::UpstreamMoney,
    ),
    Rule::words(
        &[
            "invalid_api_key",
            "incorrect_api_key",
            "api_key_invalid",
            "authentication_error",
            "invalid_authentication_error",
            "account_deactivated",
            "unauthenticated",
            "unauthorized",
            "unsupported_country_region_territory",
        ],
        Class::UpstreamAuth,
    ),
    Rule::words(&["slow_down"], Class::RampLimit),
    Rule::words(&["quota_exceeded"], Class::QuotaWindow),
    Rule::words(
        &["overloaded_error", "overloaded", "server_is_overloaded", "engine_overloaded_error", "capacity_exhausted"],
        Class::Overload,
    ),
    Rule::words(
        &["rate_limit_exceeded", "rate_limit_error", "rate_limit_reached_error", "too_many_requests", "throttling"],
        Class::RateLimit,
    ),
    Rule::words(&["service_unavailable_error", "temporarily_unavailable", "unavailable"], Class::Overload),
    Rule::words(
        &["model_not_found", "modelnotfound", "deploymentnotfound", "not_found_error", "resource_not_found_error"],
        Class::NotReady,
    ),
    Rule::words(&["request_too_large"], Class::CallerBad),
    Rule::words(&["timeout_error", "gateway_timeout", "deadline_exceeded"], Class::FirstByteTimeout),
    Rule::words(
        &[
            "server_error",
            "api_error",
            "internal_error",
            "internal_server_error",
            "provider_unavailable",
            "network_error",
        ],
        Class::ServerError,
    ),
    Rule::words(&["insufficient_system_resource"], Class::Overload),
    Rule::words(&["length", "max_tokens"], Class::TruncatedComplete).on(&[200]),
    Rule::words(
        &[
            "invalid_request_error",
            "invalid_request",
            "invalid_argument",
            "badrequesterror",
            "unsupported_parameter",
            "validation",
        ],
        Class::CallerBad,
    )
    .on(&[400, 413, 422]),
];

/// Whom a missing permission sets aside: the key where the key or its account is named, else the deployment alone.
///
/// One key serves many models, and most accounts may not use all of them.
fn forbidden(told: &Told) -> Class {
    let names = |subjects: &[&str]| {
        let words = || told.words.iter().map(|word| word.replace('_', " "));
        subjects.iter().any(|subject| told.text.contains(subject) || words().any(|word| word.contains(subject)))
    };
    if !names(&["model"]) && names(&KEY_OR_ACCOUNT) { Class::UpstreamAuth } else { Class::NotReady }
}

fn is_permission(word: &str) -> bool {
    matches!(word, "permission_error" | "permission_denied" | "permission_denied_error" | "forbidden")
}

/// What a refusal names when it is about the key as a whole.
const KEY_OR_ACCOUNT: [&str; 28] = [
    "api key",
    "api-key",
    "apikey",
    "your key",
    "this key",
    "access token",
    "credential",
    "signature",
    "organization",
    "organisation",
    "account",
    "billing",
    "payment",
    "subscription",
    "project",
    "workspace",
    "region",
    "country",
    "territory",
    "location",
    "ip address",
    "firewall",
    "virtual network",
    "suspended",
    "deactivated",
    "revoked",
    "terminated",
    "consumer",
];

/// What a status means where no word says more: total.
fn by_status(status: u16, told: &Told) -> Class {
    match status {
        401 | 407 => Class::UpstreamAuth,
        403 => forbidden(told),
        402 => Class::UpstreamMoney,
        404 | 410 => Class::NotReady,
        // The upstream itself gave up waiting for its model: as if our own limit had passed.
        408 | 504 => Class::FirstByteTimeout,
        429 => Class::RateLimit,
        425 | 498 | 503 | 529 => Class::Overload,
        424 | 499 => Class::ServerError,
        400..=499 => Class::CallerBad,
        // A redirect, an interim status or one no standard knows is not an answer either.
        _ => Class::ServerError,
    }
}
