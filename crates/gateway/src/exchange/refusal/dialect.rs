//! A refusal in the words of the caller's dialect.

use std::borrow::Cow;

use bytes::Bytes;
use roundelay_ledger::ExchangeId;
use roundelay_protocol::{
    chat::{Dialect, Problem, ProblemKind, Text},
    openai::error,
    openai_responses::Begun,
};
use serde::Serialize;

use super::Wire;

/// The words that Anthropic's clients look for before they shorten a conversation.
const TOO_LONG: &str = "prompt is too long";

impl Wire<'_> {
    /// The body of the answer.
    pub fn body(&self, dialect: Dialect, id: Option<ExchangeId>) -> Bytes {
        match dialect {
            Dialect::Anthropic => self.anthropic(id).into(),
            _ => error::body(&self.error()).into(),
        }
    }

    /// The event that ends a stream; nothing follows it.
    pub(in super::super) fn event(&self, dialect: Dialect, id: ExchangeId, asked: &str) -> Bytes {
        match dialect {
            Dialect::Anthropic => {
                [b"event: error\ndata: ".as_slice(), &self.anthropic(Some(id)), b"\n\n"].concat().into()
            }
            _ => error::event(&self.error(), &id.to_string(), asked),
        }
    }

    /// The events that end a stream of a response.
    pub(in super::super) fn response_events(&self, begun: &Begun) -> Bytes {
        let body = error::body(&self.error());
        let inner = body.strip_prefix(b"{\"error\":").and_then(|rest| rest.strip_suffix(b"}"));
        let inner = std::str::from_utf8(inner.unwrap_or(b"{}")).unwrap_or("{}");
        let text = |word: &str| Text::plain(word.to_owned());
        let problem = Problem {
            kind: ProblemKind::of_status(self.status),
            message: text(&self.message),
            code: self.code.map(text),
            param: self.param.map(text),
        };
        begun.fail(inner, &problem).into()
    }

    /// Anthropic's shape, with what only this gateway says beside it: its clients pass over what they do not know.
    fn anthropic(&self, id: Option<ExchangeId>) -> Vec<u8> {
        let is_too_long = self.code == Some("context_length_exceeded") && !self.message.contains(TOO_LONG);
        let message = if is_too_long {
            Cow::Owned(format!("{TOO_LONG}: {}", self.message))
        } else {
            Cow::Borrowed(&*self.message)
        };
        let error = Error {
            kind: anthropic_kind(self.status),
            message: &message,
            code: self.code,
            param: self.param,
            reset_at: self.reset_at,
        };
        let body = Body { kind: "error", error, request_id: id.map(|id| id.to_string()) };
        serde_json::to_vec(&body).expect("strings and numbers always have a JSON form")
    }
}

/// Anthropic has a word for each of its statuses (API reference, "errors"); what has none there is of its kind.
fn anthropic_kind(status: u16) -> &'static str {
    match status {
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        503 | 529 => "overloaded_error",
        504 => "timeout_error",
        400..=499 => "invalid_request_error",
        _ => "api_error",
    }
}

#[derive(Serialize)]
struct Body<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    error: Error<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<String>,
}

#[derive(Serialize)]
struct Error<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    param: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reset_at: Option<i64>,
}
