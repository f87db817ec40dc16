//! Refusals as HTTP: a response where hyper writes it, raw bytes where hyper has given the request up.

use bytes::{Bytes, BytesMut};
use http::{HeaderValue, Response, StatusCode, header};
use roundelay_ledger::ExchangeId;

use crate::exchange::{Answer, AnswerBody, Refusal, name_exchange};

/// A refusal as a response.
pub(super) fn respond(refusal: &Refusal, id: Option<ExchangeId>) -> Answer {
    let wire = refusal.wire();
    let mut response = Response::new(AnswerBody::Whole(wire.body()));
    *response.status_mut() = StatusCode::from_u16(wire.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert("x-should-retry", HeaderValue::from_static(if wire.should_retry { "true" } else { "false" }));
    if let Some(wait) = wire.retry_after {
        // Whole seconds, rounded up, for those who read no milliseconds.
        headers.insert(header::RETRY_AFTER, HeaderValue::from(wait.as_millis().div_ceil(1000) as u64));
        headers.insert("retry-after-ms", HeaderValue::from(wait.as_millis() as u64));
    }
    if wire.status == 401 {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    if let Some(id) = id {
        name_exchange(headers, id);
    }
    response
}

/// A refusal as the bytes of a whole HTTP/1.1 response, after which the connection is closed.
pub(super) fn message(refusal: &Refusal) -> Bytes {
    let wire = refusal.wire();
    let body = wire.body();
    let reason = StatusCode::from_u16(wire.status).ok().and_then(|s| s.canonical_reason()).unwrap_or("Refused");
    let head = format!(
        "HTTP/1.1 {} {reason}\r\ncontent-type: application/json\r\nx-should-retry: false\r\nconnection: close\r\n\
         content-length: {}\r\n\r\n",
        wire.status,
        body.len()
    );
    let mut message = BytesMut::with_capacity(head.len() + body.len());
    message.extend_from_slice(head.as_bytes());
    message.extend_from_slice(&body);
    message.freeze()
}
