//! A refusal in the words of the caller's dialect.

use std::borrow::Cow;

use bytes::Bytes;
use roundelay_ledger::ExchangeId;
use roundelay_protocol::{
    chat::{Dialect, Problem, ProblemKind, Text},
    openai::{error, stream::broken},
    openai_responses::Begun,
};
use serde::Serialize;
use serde_json::{Map, Value, json, value::RawValue};

use super::Wire;

/// The words that Anthropic's clients look for before they shorten a conversation.
const TOO_LONG: &str = "prompt is too long";

impl Wire<'_> {
    /// The body of the answer.
    pub fn body(&self, dialect: Dialect, id: Option<ExchangeId>) -> Bytes {
        match dialect {
            _ if self.own_words.is_some() => self.own_words.cloned().unwrap_or_default(),
            Dialect::Anthropic => self.anthropic(id).into(),
            Dialect::Gemini => self.gemini(None).into(),
            _ => error::body(&self.error(None)).into(),
        }
    }

    /// The event that ends a stream; nothing follows it.
    pub(in super::super) fn event(&self, dialect: Dialect, id: ExchangeId, asked: &str) -> Bytes {
        match dialect {
            Dialect::Anthropic => {
                let body = self.body(dialect, Some(id));
                let mut event = b"event: error\n".to_vec();
                // A provider may have written it over several lines.
                for line in body.split(|&byte| byte == b'\n') {
                    event.extend([b"data: ".as_slice(), line.trim_ascii_end(), b"\n"].concat());
                }
                event.push(b'\n');
                event.into()
            }
            Dialect::Gemini => [b"data: ".as_slice(), &self.gemini(Some(id)), b"\n\n"].concat().into(),
            _ => {
                let id = id.to_string();
                let error = self.error(Some(&id));
                let told = self.last_chunk.and_then(|last| broken(last, &error, self.attempts));
                told.map_or_else(|| error::event(&error, &id, asked), Bytes::from)
            }
        }
    }

    /// The events that end a stream of a response.
    pub(in super::super) fn response_events(&self, begun: &Begun, id: ExchangeId) -> Bytes {
        let body = error::body(&self.error(Some(&id.to_string())));
        let inner = body.strip_prefix(b"{\"error\":").and_then(|rest| rest.strip_suffix(b"}"));
        let inner = std::str::from_utf8(inner.unwrap_or(b"{}")).unwrap_or("{}");
        let text = |word: &str| Text::plain(word.to_owned());
        let problem = Problem {
            kind: ProblemKind::of_status(self.status),
            message: text(&self.message),
            code: self.code.map(text),
            param: self.param.map(text),
        };
        begun.fail(inner, &problem, self.attempts).into()
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
            details: self
                .code
                .filter(|code| *code == "thread_unsupported_request")
                .map(|error_code| Details { error_code }),
        };
        let attempts = self.attempts.and_then(|attempts| serde_json::from_str(attempts).ok());
        let roundelay = attempts.map(|attempts| Told { attempts });
        let body = Body { kind: "error", error, request_id: id.map(|id| id.to_string()), roundelay };
        serde_json::to_vec(&body).expect("strings and numbers always have a JSON form")
    }
}

impl Wire<'_> {
    /// Google's shape. Its clients know an error inside a stream by its being the first member.
    fn gemini(&self, id: Option<ExchangeId>) -> Vec<u8> {
        let metadata = [("param", self.param.map(str::to_owned)), ("resetAt", self.reset_at.map(|at| at.to_string()))];
        let metadata: Map<String, Value> =
            metadata.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.into()))).collect();
        let mut details = vec![json!({
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": self.code.unwrap_or(self.kind),
            "domain": "roundelay",
            "metadata": metadata,
        })];
        details.extend(self.retry_after.map(|wait| {
            json!({
                "@type": "type.googleapis.com/google.rpc.RetryInfo",
                "retryDelay": format!("{}.{:03}s", wait.as_secs(), wait.subsec_millis()),
            })
        }));
        let request = |id: ExchangeId| json!({ "@type": "type.googleapis.com/google.rpc.RequestInfo", "requestId": id.to_string() });
        details.extend(id.map(request));
        let error = json!({ "error": {
            "code": self.status,
            "message": self.message,
            "status": gemini_status(self.status),
            "details": details,
        } });
        let mut error = error.to_string();
        error.pop();
        if let Some(attempts) = self.attempts {
            error += &format!(r#","roundelay":{{"attempts":{attempts}}}"#);
        }
        error.push('}');
        error.into_bytes()
    }
}

/// Google's words for its statuses (`google.rpc.Code`, and Gemini's own 402).
fn gemini_status(status: u16) -> &'static str {
    match status {
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        408 | 504 => "DEADLINE_EXCEEDED",
        402 | 429 => "RESOURCE_EXHAUSTED",
        405 | 501 => "UNIMPLEMENTED",
        502 | 503 => "UNAVAILABLE",
        400..=499 => "INVALID_ARGUMENT",
        _ => "INTERNAL",
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
    #[serde(skip_serializing_if = "Option::is_none")]
    roundelay: Option<Told<'a>>,
}

/// What only this gateway tells.
#[derive(Serialize)]
struct Told<'a> {
    attempts: &'a RawValue,
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
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<Details<'a>>,
}

/// Where Anthropic's clients look for what became of a conversation that it keeps.
#[derive(Serialize)]
struct Details<'a> {
    error_code: &'a str,
}
