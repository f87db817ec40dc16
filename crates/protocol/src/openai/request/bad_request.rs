//! Why a request cannot be taken, and what to write instead.

use std::{borrow::Cow, fmt};

use crate::json::Malformed;

/// A fault of the request: always the caller's to fix, status 400.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadRequest {
    pub message: String,
    /// The member at fault, or its place in the body.
    pub param: Option<Cow<'static, str>>,
    /// `invalid_json`, `missing_required_parameter`, `invalid_type`, `invalid_value` or `duplicate_parameter`; `unsupported_parameter` where a gateway
    /// does not take what could be.
    pub code: &'static str,
}

impl BadRequest {
    pub(super) fn json(fault: Malformed, body: &[u8]) -> Self {
        let (line, column) = fault.line_and_column(body);
        let message = format!("the body is not valid JSON: {} at line {line}, column {column}", fault.reason);
        Self { message, param: None, code: "invalid_json" }
    }

    pub(super) fn missing(param: &'static str, example: &str) -> Self {
        let message = format!("`{param}` is missing: write `{example}`");
        Self { message, param: Some(param.into()), code: "missing_required_parameter" }
    }

    pub(super) fn wrong_type(param: &'static str, expected: &str, offset: usize) -> Self {
        let message = format!("`{param}` must be {expected} (byte {offset})");
        Self { message, param: Some(param.into()), code: "invalid_type" }
    }

    pub(super) fn value(param: &'static str, message: String) -> Self {
        Self { message, param: Some(param.into()), code: "invalid_value" }
    }

    pub(super) fn duplicate(param: &'static str, offset: usize) -> Self {
        let message = format!("`{param}` is written twice, the second time at byte {offset}: keep one of them");
        Self { message, param: Some(param.into()), code: "duplicate_parameter" }
    }
}

impl fmt::Display for BadRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for BadRequest {}

/// What stops a scan. The place of broken JSON is worked out once, at the end.
#[derive(Debug)]
pub(super) enum Fault {
    Json(Malformed),
    Request(BadRequest),
}

impl From<Malformed> for Fault {
    fn from(fault: Malformed) -> Self {
        Self::Json(fault)
    }
}

impl From<BadRequest> for Fault {
    fn from(fault: BadRequest) -> Self {
        Self::Request(fault)
    }
}
