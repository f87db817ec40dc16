//! Refusals as HTTP: a response where hyper writes it, raw bytes where hyper has given the request up.

use bytes::{Bytes, BytesMut};
use http::{HeaderValue, Response, StatusCode, header};
use roundelay_ledger::ExchangeId;
use roundelay_protocol::chat::Dialect;

use crate::exchange::{Answer, AnswerBody, Refusal, name_exchange};

/// A refusal as a response.
pub(super) fn respond(refusal: &Refusal, dialect: Dialect, id: Option<ExchangeId>) -> Answer {
    let wire = refusal.wire();
    let mut response = Response::new(AnswerBody::Whole(wire.body(dialect, id)));
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
        name_exchange(headers, id, dialect);
    }
    response
}

/// A refusal as the bytes of a whole HTTP/1.1 response, after which the connection is closed. Nothing was understood of
/// the request, so it is in OpenAI's words.
pub(super) fn message(refusal: &Refusal) -> Bytes {
    let wire = refusal.wire();
    let body = wire.body(Dialect::OpenaiChat, None);
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The headers that an SDK reads, as they are sent with a refusal.
    #[track_caller]
    fn check(refusal: &Refusal, headers: &[(&str, Option<&str>)]) {
        let answer = respond(refusal, Dialect::OpenaiChat, None);
        for (name, expected) in headers {
            let value = answer.headers().get(*name).map(|value| value.to_str().unwrap());
            assert_eq!(value, *expected, "{name} of {refusal:?}");
        }
        assert_eq!(answer.status().as_u16(), refusal.wire().status);
        assert_eq!(answer.headers()[header::CONTENT_TYPE], "application/json");
    }

    #[test]
    fn official_clients_are_told_whether_to_come_back_and_who_may() {
        let no = ("x-should-retry", Some("false"));
        let unknown = Refusal::Unauthorized(crate::auth::AuthRefusal::Unknown);
        check(&unknown, &[no, ("www-authenticate", Some("Bearer")), ("retry-after", None), ("retry-after-ms", None)]);
        check(&Refusal::BodySlow, &[no, ("www-authenticate", None), ("retry-after", None), ("x-request-id", None)]);
    }

    #[test]
    fn a_refusal_names_its_exchange() {
        let id: ExchangeId = "x_0000000000001".parse().unwrap();
        let answer = respond(&Refusal::Internal, Dialect::OpenaiChat, Some(id));
        assert_eq!(answer.headers()["x-roundelay-exchange"], "x_0000000000001");
        assert_eq!(answer.headers()["x-request-id"], "x_0000000000001");
    }

    #[test]
    fn a_refusal_in_raw_bytes_is_a_whole_response() {
        for refusal in [Refusal::HeadSlow, Refusal::NotHttp, Refusal::HeadTooLarge, Refusal::AddressTooLong] {
            let message = message(&refusal);
            let mut fields = [httparse::EMPTY_HEADER; 16];
            let mut response = httparse::Response::new(&mut fields);
            let httparse::Status::Complete(head) = response.parse(&message).unwrap() else { panic!("{message:?}") };
            assert_eq!(response.code, Some(refusal.wire().status));
            let field = |name: &str| {
                response
                    .headers
                    .iter()
                    .find(|field| field.name == name)
                    .map(|field| std::str::from_utf8(field.value).unwrap())
            };
            assert_eq!(field("connection"), Some("close"));
            assert_eq!(field("content-length"), Some(&*(message.len() - head).to_string()));
            assert_eq!(message[head..], refusal.wire().body(Dialect::OpenaiChat, None));
        }
    }
}
