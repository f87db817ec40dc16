//! `GET /v1/responses` as a WebSocket: requests come one after another in messages, and each goes the very same way as one
//! by HTTP; its events come back without their framing.
//!
//! Sources: RFC 6455; OpenAI's guide "WebSocket mode" of the Responses API.

use std::{collections::VecDeque, future::poll_fn, net::IpAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use http_body::Body as _;
use roundelay_protocol::{
    chat::Dialect,
    openai::{BadRequest, Operation},
    openai_responses::{Create, Frame},
    sse,
};
use tokio::{
    net::TcpStream,
    sync::watch,
    time::{Instant, timeout, timeout_at},
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        self, Message, Utf8Bytes,
        handshake::derive_accept_key,
        protocol::{CloseFrame, Role, WebSocketConfig, frame::coding::CloseCode},
    },
};

use super::routes;
use crate::{
    auth::Caller,
    common::clock::unix_time,
    exchange::{self, Answer, AnswerBody, Inbound, Place, Recent, Refusal, Turn, Worker},
};

/// Requests that wait while one is answered.
const WAITING_MAX: usize = 8;
/// How often a silent client is asked whether it is there; one that says nothing for twice as long is not.
const PING_EVERY: Duration = Duration::from_secs(30);
/// How long a connection may go without a request.
const IDLE_MAX: Duration = Duration::from_secs(15 * 60);
/// How long it may last, as OpenAI's do.
const LIFE_MAX: Duration = Duration::from_secs(60 * 60);

/// What was agreed with a client: who it is, and what its requests say in headers.
#[derive(Debug, Clone)]
pub(super) struct Session {
    peer: IpAddr,
    headers: HeaderMap,
    _place: Arc<Place>,
}

/// Whether a request asks for a WebSocket.
pub(super) fn is_asked(headers: &HeaderMap) -> bool {
    headers.get(header::UPGRADE).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

/// Agrees to a WebSocket. The answer carries the [`Session`] for whoever has the socket.
///
/// # Errors
/// When the request is not as RFC 6455 says, or its key has as many as it may.
pub(super) fn agree(worker: &Worker, caller: &Caller, peer: IpAddr, headers: &HeaderMap) -> Result<Answer, Refusal> {
    let is_known = headers.get(header::SEC_WEBSOCKET_VERSION).is_some_and(|version| version == "13");
    let key = headers.get(header::SEC_WEBSOCKET_KEY).filter(|_| is_known).ok_or_else(|| {
        let message = "a WebSocket needs `sec-websocket-version: 13` and a `sec-websocket-key`".to_owned();
        Refusal::BadRequest(BadRequest { message, param: None, code: "invalid_value" })
    })?;
    let accept = derive_accept_key(key.as_bytes());
    let place = Arc::new(worker.gateway.sockets.admit(&caller.key).ok_or(Refusal::TooManySockets)?);
    let mut answer = Response::new(AnswerBody::Whole(Bytes::new()));
    *answer.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let fields = answer.headers_mut();
    fields.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    fields.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    fields.insert(header::SEC_WEBSOCKET_ACCEPT, HeaderValue::try_from(accept).expect("base64 is ASCII"));
    answer.extensions_mut().insert(Session { peer, headers: headers.clone(), _place: place });
    Ok(answer)
}

/// Serves a WebSocket to its end. Dropped, it closes the connection.
pub(super) async fn serve(
    worker: &Arc<Worker>,
    session: Session,
    socket: TcpStream,
    read: Bytes,
    stop: watch::Receiver<bool>,
) {
    let body_max = usize::try_from(worker.gateway.server.body_max).unwrap_or(usize::MAX);
    let config = WebSocketConfig::default().max_message_size(Some(body_max)).max_frame_size(Some(body_max));
    let socket = WebSocketStream::from_partially_read(socket, read.into(), Role::Server, Some(config)).await;
    let recent = Arc::new(Recent::new(worker.gateway.server.body_max));
    let mut connection = Connection { worker, session, socket, stop, recent, waiting: VecDeque::new() };
    let end = connection.run().await;
    let Err(Gone(Some((code, reason)))) = end else { return };
    let farewell = connection.socket.close(Some(CloseFrame { code, reason: reason.into() }));
    // Who does not read is not waited for.
    let _ = timeout(Duration::from_secs(1), farewell).await;
}

/// The end of a connection, with what its client is told of it where it is still there.
#[derive(Debug)]
struct Gone(Option<(CloseCode, &'static str)>);

fn stopping() -> Gone {
    Gone(Some((CloseCode::Away, "the gateway is being stopped")))
}

type Read = Option<Result<Message, tungstenite::Error>>;

struct Connection<'w> {
    worker: &'w Arc<Worker>,
    session: Session,
    socket: WebSocketStream<TcpStream>,
    stop: watch::Receiver<bool>,
    recent: Arc<Recent>,
    waiting: VecDeque<Create>,
}

impl Connection<'_> {
    async fn run(&mut self) -> Result<(), Gone> {
        let end = Instant::now() + LIFE_MAX;
        loop {
            // Whoever always has a request waiting does not outlast it.
            if *self.stop.borrow() {
                return Err(stopping());
            }
            if Instant::now() >= end {
                return Err(Gone(Some((CloseCode::Normal, "the connection is as old as one may be"))));
            }
            let create = match self.waiting.pop_front() {
                Some(create) => create,
                None => self.wait(end).await?,
            };
            self.answer(create).await?;
        }
    }

    /// Waits for the next request.
    async fn wait(&mut self, end: Instant) -> Result<Create, Gone> {
        let end = end.min(Instant::now() + IDLE_MAX);
        let mut is_asked = false;
        loop {
            if let Some(create) = self.waiting.pop_front() {
                return Ok(create);
            }
            let next_ping = Instant::now() + PING_EVERY;
            let mut stop = self.stop.clone();
            let read = tokio::select! {
                biased;
                _ = stop.wait_for(|stopped| *stopped) => {
                    return Err(stopping());
                }
                read = timeout_at(next_ping.min(end), self.socket.next()) => read,
            };
            match read {
                Ok(read) => {
                    is_asked = false;
                    self.hear(read).await?;
                }
                Err(_) if is_asked => return Err(Gone(None)),
                Err(_) if Instant::now() >= end => return Err(Gone(Some((CloseCode::Normal, "no request came")))),
                Err(_) => {
                    is_asked = true;
                    self.say(vec![Message::Ping(Bytes::new())]).await?;
                }
            }
        }
    }

    /// Takes what the client says: a request waits for its turn.
    async fn hear(&mut self, read: Read) -> Result<(), Gone> {
        let message = match read {
            Some(Ok(message)) => message,
            Some(Err(tungstenite::Error::Capacity(_))) => {
                return Err(Gone(Some((CloseCode::Size, "the message is larger than this gateway takes"))));
            }
            Some(Err(_)) | None => return Err(Gone(None)),
        };
        let refused = match message {
            Message::Text(text) => match Frame::read(&text) {
                Ok(Frame::Create(create)) if self.has_room(&create) => {
                    self.waiting.push_back(create);
                    return Ok(());
                }
                Ok(Frame::Create(_)) => {
                    let message = format!(
                        "as many requests wait on this connection as may: {WAITING_MAX}, and together no more bytes than one may have"
                    );
                    ("too_many_requests", message)
                }
                Ok(Frame::Other(kind)) => {
                    let kind: String = kind.chars().filter(|c| !c.is_control()).take(100).collect();
                    ("invalid_value", format!("messages are of the type `response.create`, not `{kind}`"))
                }
                Err(fault) => ("invalid_json", format!("the message is not a JSON object: {fault}")),
            },
            Message::Binary(_) => ("invalid_value", "messages are text".to_owned()),
            Message::Close(_) => return Err(Gone(None)),
            Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => return Ok(()),
        };
        let (code, message) = refused;
        self.refuse(&Refusal::BadRequest(BadRequest { message, param: None, code })).await
    }

    /// Whether one more may wait: all together are no larger than one may be.
    fn has_room(&self, create: &Create) -> bool {
        let bytes: usize = self.waiting.iter().chain([create]).map(|waiting| waiting.body.len()).sum();
        let is_small = bytes as u64 <= self.worker.gateway.server.body_max;
        self.waiting.is_empty() || self.waiting.len() < WAITING_MAX && is_small
    }

    /// Answers one request, while others may come.
    async fn answer(&mut self, create: Create) -> Result<(), Gone> {
        let received = Instant::now();
        let caller = match routes::authenticate(self.worker, self.session.peer, &self.session.headers, None) {
            Ok(caller) => caller,
            // A key may be revoked while its connection is open.
            Err(refusal) => {
                self.worker.gateway.metrics.refused(refusal.label());
                return self.refuse(&refusal).await;
            }
        };
        let mut inbound = Inbound {
            query: None,
            id: self.worker.gateway.ids.next(u64::try_from(unix_time().as_millis()).unwrap_or(u64::MAX)),
            received,
            taken: received,
            caller,
            operation: Operation::Responses,
            addressed: None,
            headers: self.session.headers.clone(),
            body: create.body.into(),
            turn: Some(Box::new(Turn::on(Arc::clone(&self.recent)))),
            compaction: None,
            errand: None,
        };
        if !create.generates {
            return match exchange::make_ready(&self.worker.gateway, &mut inbound) {
                Ok(stream) => self.pass_on(&mut sse::Reader::default(), stream).await,
                Err(refusal) => {
                    self.worker.gateway.metrics.refused(refusal.label());
                    self.refuse(&refusal).await
                }
            };
        }
        let worker = Arc::clone(self.worker);
        let mut served = Box::pin(exchange::serve(&worker, inbound));
        let served = loop {
            tokio::select! {
                biased;
                served = served.as_mut() => break served,
                read = self.socket.next() => self.hear(read).await?,
            }
        };
        match served.map(Response::into_body) {
            Ok(body) => self.relay(body).await,
            Err(refusal) => self.refuse(&refusal).await,
        }
    }

    /// Passes on the events of an answer as they come.
    async fn relay(&mut self, mut body: AnswerBody) -> Result<(), Gone> {
        let mut events = sse::Reader::new(sse::Limits::LARGE);
        loop {
            let frame = tokio::select! {
                biased;
                frame = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)) => frame,
                read = self.socket.next() => {
                    self.hear(read).await?;
                    continue;
                }
            };
            match frame {
                Some(Ok(frame)) => self.pass_on(&mut events, frame.into_data().unwrap_or_default()).await?,
                Some(Err(_)) => return Err(Gone(Some((CloseCode::Error, "the answer was broken off")))),
                None => return Ok(()),
            }
        }
    }

    async fn pass_on(&mut self, events: &mut sse::Reader, bytes: Bytes) -> Result<(), Gone> {
        events.push(bytes);
        let mut messages = Vec::new();
        while let Some(event) = events.next() {
            let event = event.map_err(|_| Gone(Some((CloseCode::Error, "an event cannot be read"))))?;
            match event.data {
                // A sign of life is one here as well.
                None => messages.push(Message::Ping(Bytes::new())),
                Some(data) if data.trim_ascii() == b"[DONE]" => {}
                Some(data) => {
                    let text = Utf8Bytes::try_from(data);
                    messages
                        .push(Message::Text(text.map_err(|_| Gone(Some((CloseCode::Error, "an event is no text"))))?));
                }
            }
        }
        self.say(messages).await
    }

    /// Says why there is no answer, as OpenAI's servers do.
    async fn refuse(&mut self, refusal: &Refusal) -> Result<(), Gone> {
        let wire = refusal.wire();
        let body = wire.body(Dialect::OpenaiResponses, None);
        let body = String::from_utf8_lossy(&body);
        let members = body.strip_prefix('{').unwrap_or("}");
        let text = format!("{{\"type\":\"error\",\"status\":{},{members}", wire.status);
        self.say(vec![Message::text(text)]).await
    }

    /// Sends messages in one go; a client that does not take them has gone.
    async fn say(&mut self, messages: Vec<Message>) -> Result<(), Gone> {
        let stall_max = self.worker.gateway.server.client_write_stall;
        let sent = async {
            for message in messages {
                self.socket.feed(message).await?;
            }
            self.socket.flush().await
        };
        match timeout(stall_max, sent).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Gone(None)),
        }
    }
}
