//! Talks HTTP/1.1 to providers: connects, sends one request once, reads one answer.
//!
//! There is no hidden retry here and no redirect: what was sent was sent once, to the address the
//! configuration names. A connection is read in the exchange's own task, without a task or a channel between
//! the socket and the relay, so that everything that has already arrived is handed on in one piece.

mod body;
mod connect;
mod fetch;
mod head;
mod idle;
mod sigv4;
mod stream;
mod tls;
mod token;

use std::{io, sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use tokio::time::{Instant, timeout_at};

pub use self::{
    body::{Body, ReadFault},
    connect::Endpoint,
    fetch::FetchFault,
    head::{Head, RequestHead},
    sigv4::Signer,
    token::{Grant, TokenFault, TokenSource},
};
use self::{idle::Idle, stream::Stream, tls::Tls};

/// Why no answer's head was read.
#[derive(Debug)]
pub enum DispatchFault {
    /// No connection: name lookup, refusal, TLS, or the connect timer. Nothing was sent.
    Connect(io::Error),
    /// A connection that had served before was closed without a byte of an answer.
    ClosedIdle(io::Error),
    /// The request, or a part of it, was sent; then the connection ended before an answer's head.
    Reset(io::Error),
    /// The request was sent; no head came within the headers timer.
    Silent,
    /// What came is not HTTP/1.1, or its head is larger than 64 KiB.
    Garbled(&'static str),
}

/// The timers up to an answer's head.
#[derive(Debug, Clone, Copy)]
pub struct DispatchTimers {
    /// For lookup, TCP and TLS together.
    pub connect: Duration,
    /// From the last byte of the request to the end of the answer's head.
    pub headers: Duration,
    /// The exchange's own end, which no timer outlives.
    pub deadline: Instant,
}

/// A server that has closed an idle connection says so within a round trip of the next request; one that takes longer
/// may have begun to work.
const CLOSED_AT_ONCE: Duration = Duration::from_millis(500);

/// Connections to providers, of one runtime: a socket belongs to the reactor it was made in.
#[derive(Debug, Default)]
pub struct Upstream {
    idle: Arc<Idle>,
    tls: Tls,
}

impl Upstream {
    /// A client without connections.
    pub fn new() -> Self {
        Self::default()
    }

    /// Closes connections that have been idle too long, for ever.
    pub async fn sweep(&self) {
        loop {
            tokio::time::sleep(idle::IDLE_MAX / 3).await;
            self.idle.sweep();
        }
    }

    /// Sends one request and waits for the head of its answer.
    ///
    /// Cancel-safe in the sense that dropping the future closes the connection, which is how a provider learns
    /// that nobody waits any more.
    pub async fn dispatch(
        &self,
        endpoint: &Endpoint,
        head: &RequestHead,
        body: &Bytes,
        timers: DispatchTimers,
    ) -> Result<(Head, Body), DispatchFault> {
        self.connect(endpoint, timers).await?.send(head, body, timers).await
    }

    /// Takes an idle connection if there is a live one, else makes a new one. Nothing is sent yet.
    ///
    /// # Errors
    /// [`DispatchFault::Connect`] alone.
    pub async fn connect<'a>(
        &'a self,
        endpoint: &'a Endpoint,
        timers: DispatchTimers,
    ) -> Result<Connection<'a>, DispatchFault> {
        if let Some(stream) = self.idle.take(endpoint.origin()) {
            return Ok(Connection { upstream: self, endpoint, stream, is_reused: true });
        }
        let until = timers.deadline.min(Instant::now() + timers.connect);
        match timeout_at(until, connect::connect(endpoint, &self.tls)).await {
            Ok(Ok(stream)) => Ok(Connection { upstream: self, endpoint, stream, is_reused: false }),
            Ok(Err(e)) => Err(DispatchFault::Connect(e)),
            Err(_) => Err(DispatchFault::Connect(io::ErrorKind::TimedOut.into())),
        }
    }
}

/// A connection over which one request may be sent.
#[derive(Debug)]
pub struct Connection<'a> {
    upstream: &'a Upstream,
    endpoint: &'a Endpoint,
    stream: Stream,
    is_reused: bool,
}

impl Connection<'_> {
    /// Sends one request and waits for the head of its answer. As soon as this is polled, a part of the request may have
    /// reached the provider, and may cost money.
    ///
    /// Cancel-safe in the sense that dropping the future closes the connection.
    ///
    /// # Errors
    /// See [`DispatchFault`].
    pub async fn send(
        self,
        head: &RequestHead,
        body: &Bytes,
        timers: DispatchTimers,
    ) -> Result<(Head, Body), DispatchFault> {
        let Self { upstream, endpoint, mut stream, is_reused } = self;
        let message = head.message(body.len());
        let began = Instant::now();
        let closed = |e| {
            if is_reused && began.elapsed() < CLOSED_AT_ONCE {
                // Its siblings have waited as long: the next attempt gets a fresh connection.
                upstream.idle.forget(endpoint.origin());
                DispatchFault::ClosedIdle(e)
            } else {
                DispatchFault::Reset(e)
            }
        };
        let until = timers.deadline.min(began + timers.headers);
        let mut buffer = BytesMut::new();
        let is_sent = match timeout_at(until, stream.send(&message, body, &mut buffer)).await {
            Err(_) => return Err(DispatchFault::Silent),
            Ok(Ok(is_sent)) => is_sent,
            // A provider may answer and close before it read the whole body (413, 401): look for its answer.
            Ok(Err(e)) if e.kind() == io::ErrorKind::BrokenPipe => false,
            Ok(Err(e)) => return Err(closed(e)),
        };
        let mut head = loop {
            if let Some(head) = Head::parse(&mut buffer).map_err(DispatchFault::Garbled)? {
                break head;
            }
            match timeout_at(until, stream.read_into(&mut buffer)).await {
                Err(_) => return Err(DispatchFault::Silent),
                Ok(Ok(0)) if buffer.is_empty() => return Err(closed(io::ErrorKind::UnexpectedEof.into())),
                Ok(Ok(0)) => return Err(DispatchFault::Reset(io::ErrorKind::UnexpectedEof.into())),
                Ok(Err(e)) if buffer.is_empty() => return Err(closed(e)),
                Ok(Err(e)) => return Err(DispatchFault::Reset(e)),
                Ok(Ok(_)) => {}
            }
        };
        head.keeps_alive &= is_sent;
        let body = Body::new(&head, buffer, stream, endpoint.origin().clone(), Arc::clone(&upstream.idle));
        Ok((head, body))
    }
}
