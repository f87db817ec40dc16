//! What an exchange gives to the server: a status, headers, and a body that is there or comes by and by.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, header};
use http_body::{Body, Frame, SizeHint};
use roundelay_ledger::ExchangeId;
use roundelay_protocol::chat::Dialect;

pub use super::pipe::BrokenOff;
use super::pipe::PipeReader;

/// An answer on its way to the caller.
pub type Answer = Response<AnswerBody>;

/// The exchange that made an answer; `roundelay explain` takes it.
const EXCHANGE: HeaderName = HeaderName::from_static("x-roundelay-exchange");
/// The deployment whose answer it is.
const DEPLOYMENT: HeaderName = HeaderName::from_static("x-roundelay-deployment");
/// How many attempts the exchange took.
const ATTEMPTS: HeaderName = HeaderName::from_static("x-roundelay-attempts");
/// What all attempts cost together, in dollars; where it is known before the body ends.
const COST: HeaderName = HeaderName::from_static("x-roundelay-cost");
/// What of the request its deployment was not told, by its places in the caller's words.
const DROPPED: HeaderName = HeaderName::from_static("x-roundelay-dropped");
/// Whether its deployment was told the conversation as it is, or what was made of it.
const HANDOVER: HeaderName = HeaderName::from_static("x-roundelay-handover");
/// The name under which OpenAI's official SDKs show an answer's id.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The name under which Anthropic's do.
const ANTHROPIC_REQUEST_ID: HeaderName = HeaderName::from_static("request-id");

/// Puts an exchange's id where callers look for it.
pub fn name_exchange(headers: &mut HeaderMap, id: ExchangeId, dialect: Dialect) {
    let text = HeaderValue::try_from(id.to_string()).expect("an exchange's id is ASCII");
    if dialect == Dialect::Anthropic {
        headers.insert(ANTHROPIC_REQUEST_ID, text.clone());
    }
    headers.insert(REQUEST_ID, text.clone());
    headers.insert(EXCHANGE, text);
}

/// Says what an exchange cost, an amount as [`roundelay_ledger::Money`] is written.
pub(super) fn name_cost(headers: &mut HeaderMap, cost: &str) {
    let text = HeaderValue::try_from(cost).expect("an amount is ASCII");
    headers.insert(COST, text);
}

/// Who answers.
#[derive(Debug)]
pub(super) struct Served {
    /// The deployment's name.
    pub(super) deployment: HeaderValue,
    /// How many attempts it took.
    pub(super) attempts: u32,
    /// What of the request it was not told.
    pub(super) dropped: Option<HeaderValue>,
    /// What it was told of the conversation; `None` where there is no pool that could have it handed over.
    pub(super) handover: Option<&'static str>,
}

/// The head of a good answer.
pub(super) fn head(
    id: ExchangeId,
    dialect: Dialect,
    content_type: &str,
    served: Option<Served>,
    body: AnswerBody,
) -> Answer {
    let mut answer = Response::new(body);
    let headers = answer.headers_mut();
    headers.reserve(8);
    let content_type = HeaderValue::from_str(content_type).unwrap_or(HeaderValue::from_static("application/json"));
    headers.insert(header::CONTENT_TYPE, content_type);
    name_exchange(headers, id, dialect);
    if let Some(Served { deployment, attempts, dropped, handover }) = served {
        headers.insert(DEPLOYMENT, deployment);
        headers.insert(ATTEMPTS, HeaderValue::from(attempts));
        if let Some(dropped) = dropped {
            headers.insert(DROPPED, dropped);
        }
        if let Some(handover) = handover {
            headers.insert(HANDOVER, HeaderValue::from_static(handover));
        }
    }
    answer
}

/// The body of an answer.
#[derive(Debug)]
pub enum AnswerBody {
    /// All of it.
    Whole(Bytes),
    /// What the exchange's task writes.
    Stream(PipeReader),
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        match self.get_mut() {
            Self::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Self::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Self::Stream(reader) => Pin::new(reader).poll_read(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(bytes) if bytes.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Stream(_) => SizeHint::default(),
        }
    }
}
