//! Receives a request's body, within its limits of size and time.

use std::{future::poll_fn, pin::Pin};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, header};
use http_body::Body as _;
use hyper::body::Incoming;
use tokio::time::{Duration, Instant, timeout_at};

use crate::{config::Server, exchange::Refusal};

/// Reads a body to its end.
///
/// # Errors
/// When it is compressed, larger than `body_max` or, if it `may_be_form` and is one, `upload_max`, slower than `body_rate_min` after `body_grace`, or cut.
pub(super) async fn receive(
    settings: &Server,
    headers: &HeaderMap,
    body: &mut Incoming,
    may_be_form: bool,
) -> Result<Bytes, Refusal> {
    if headers.get(header::CONTENT_ENCODING).is_some_and(|coding| coding != "identity") {
        return Err(Refusal::Encoded);
    }
    let is_form = || headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(FORM));
    let most = if may_be_form && is_form() { settings.upload_max } else { settings.body_max };
    let too_large = || Refusal::BodyTooLarge(most);
    let announced = body.size_hint().lower();
    if announced > most {
        return Err(too_large());
    }
    let began = Instant::now();
    let mut first = Bytes::new();
    let mut joined = BytesMut::new();
    loop {
        let received = if joined.is_empty() { first.len() } else { joined.len() } as u64;
        let at_least = received.checked_div(settings.body_rate_min).map_or(Duration::MAX, Duration::from_secs);
        let until = began.checked_add(settings.body_grace.saturating_add(at_least));
        let frame = poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx));
        let frame = match until {
            Some(until) => timeout_at(until, frame).await.map_err(|_| Refusal::BodySlow)?,
            None => frame.await,
        };
        let data = match frame {
            None => break,
            Some(Err(_)) => return Err(Refusal::BodyCut),
            Some(Ok(frame)) => frame.into_data().unwrap_or_default(),
        };
        if received + data.len() as u64 > most {
            return Err(too_large());
        }
        if first.is_empty() {
            first = data;
        } else {
            if joined.is_empty() {
                joined.reserve(usize::try_from(announced).unwrap_or(0));
                joined.extend_from_slice(&first);
            }
            joined.extend_from_slice(&data);
        }
    }
    Ok(if joined.is_empty() { first } else { joined.freeze() })
}

/// How forms begin that hold files.
const FORM: &[u8] = b"multipart/form-data";

/// What is read of a refused body, as nginx's `lingering_close` does; whoever sends more finds a closed connection.
const DISCARD_MAX: usize = 16 << 20;
/// How long that may take.
const DISCARD_WAIT: Duration = Duration::from_secs(5);

/// Reads and forgets a body whose request was refused, so that its sender comes to read why.
pub(super) async fn discard(mut body: Incoming) {
    let mut seen = 0;
    let rest = async {
        while let Some(Ok(frame)) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
            seen += frame.data_ref().map_or(0, Bytes::len);
            if seen > DISCARD_MAX {
                return;
            }
        }
    };
    // A slow sender has had time enough.
    let _ = tokio::time::timeout(DISCARD_WAIT, rest).await;
}
