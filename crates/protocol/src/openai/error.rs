//! Errors in OpenAI's shape, as a body and inside a stream.

use bytes::Bytes;
use serde::Serialize;

/// An error for a caller.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ErrorBody<'a> {
    pub message: &'a str,
    /// `error.type`: `invalid_request_error`, `rate_limit_error`, `server_error` …
    #[serde(rename = "type")]
    pub kind: &'a str,
    pub param: Option<&'a str>,
    pub code: Option<&'a str>,
    /// When the cause ends, as Unix seconds, for waits too long for a `retry-after`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reset_at: Option<i64>,
    /// A part of the answer came before it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub partial: bool,
    /// The request's own name, where no header tells it any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<&'a str>,
}

/// The JSON body of an error answer.
pub fn body(error: &ErrorBody<'_>) -> Vec<u8> {
    #[derive(Serialize)]
    struct Body<'a> {
        error: &'a ErrorBody<'a>,
    }
    serde_json::to_vec(&Body { error }).expect("strings and numbers always have a JSON form")
}

/// The event that ends a broken stream; nothing follows it, `[DONE]` least of all.
///
/// It has OpenRouter's shape, a chunk with a top-level `error` and the finish reason `error`: the official SDKs
/// raise on the first, and a client that reads only choices still learns that the answer is not whole. Where chunks came
/// before it, [`super::stream::broken`] makes it one of their stream.
pub fn event(error: &ErrorBody<'_>, id: &str, model: &str) -> Bytes {
    let frame = Frame {
        id,
        object: "chat.completion.chunk",
        model,
        choices: [Choice { index: 0, delta: Delta {}, finish_reason: "error" }],
        error,
    };
    let mut out = b"data: ".to_vec();
    serde_json::to_writer(&mut out, &frame).expect("strings and numbers always have a JSON form");
    out.extend(b"\n\n");
    out.into()
}

#[derive(Serialize)]
struct Frame<'a> {
    id: &'a str,
    object: &'static str,
    model: &'a str,
    choices: [Choice; 1],
    error: &'a ErrorBody<'a>,
}

#[derive(Serialize)]
struct Choice {
    index: u32,
    delta: Delta,
    finish_reason: &'static str,
}

#[derive(Serialize)]
struct Delta {}
