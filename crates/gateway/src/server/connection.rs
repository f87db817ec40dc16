//! One caller's connection: hyper speaks HTTP, this file sees that nobody dawdles and that even a request that
//! HTTP itself refuses gets an answer in the callers' own protocol.

use std::{
    convert::Infallible,
    io::{self, IoSlice},
    net::IpAddr,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, ReadBuf},
    net::TcpStream,
    sync::watch,
    time::{Instant, sleep},
};

use super::{intake, refusal, routes, websocket};
use crate::exchange::{AnswerBody, BrokenOff, Refusal, Worker};

/// The WebSocket that this connection is to become, once it was agreed to.
type Agreed = Arc<Mutex<Option<websocket::Session>>>;

/// How often a connection is looked at; what is late is found at most that much later.
const GLANCE: Duration = Duration::from_secs(1);
/// Serves a connection to its end. Dropped, it closes it.
pub(super) async fn serve(worker: Arc<Worker>, socket: TcpStream, peer: IpAddr, mut stop: watch::Receiver<bool>) {
    let settings = &worker.gateway.server;
    let watched = Arc::new(Watched::new());
    let socket = Socket { socket, watched: Arc::clone(&watched), instead: None };
    let agreed: Agreed = Arc::default();
    let service = service_fn(|request| {
        let (worker, busy, agreed) = (Arc::clone(&worker), Busy::new(&watched), Arc::clone(&agreed));
        async move {
            let (mut answer, unread) = routes::answer(&worker, peer, request).await;
            if let Some(session) = answer.extensions_mut().remove() {
                *agreed.lock().unwrap_or_else(PoisonError::into_inner) = Some(session);
            }
            if let Some(body) = unread {
                let busy = Busy::new(&busy.0);
                worker.tasks.spawn(async move {
                    intake::discard(body).await;
                    drop(busy);
                });
            }
            Ok::<_, Infallible>(answer.map(|body| Served { body, _busy: busy }))
        }
    });
    let mut connection = http1::Builder::new()
        .max_headers(settings.headers_max)
        .max_buf_size(settings.header_bytes_max.max(HYPER_BUFFER_MIN))
        .serve_connection(TokioIo::new(socket), service);
    let (mut is_closing, mut is_late) = (false, false);
    loop {
        tokio::select! {
            biased;
            ended = &mut connection => {
                if let Err(fault) = ended {
                    tracing::debug!(%fault, "a caller's connection ended early");
                    return;
                }
                break;
            }
            () = sleep(GLANCE) => {}
            _ = stop.wait_for(|stopped| *stopped), if !is_closing => {
                is_closing = true;
                Pin::new(&mut connection).graceful_shutdown();
            }
        }
        let stalled_for = watched.stalled_for();
        match watched.lasts() {
            // Whoever does not read is not waited for, whatever else they do.
            _ if stalled_for.is_some_and(|stalled| stalled > settings.client_write_stall) => return,
            (HEAD, lasted) if lasted > settings.header_timeout && stalled_for.is_none() => {
                is_late = true;
                break;
            }
            (IDLE, lasted) if lasted > settings.idle_timeout && !is_closing => {
                is_closing = true;
                Pin::new(&mut connection).graceful_shutdown();
            }
            _ => {}
        }
    }
    if !is_late {
        let session = agreed.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(session) = session {
            let parts = connection.into_parts();
            let socket = parts.io.into_inner().socket;
            websocket::serve(&worker, session, socket, parts.read_buf, stop).await;
        }
        return;
    }
    worker.gateway.metrics.refused(Refusal::HeadSlow.label());
    // Hyper holds half a head and would say nothing: take the socket back and say why it is closed.
    let mut socket = connection.into_parts().io.into_inner().socket;
    let message = refusal::message(&Refusal::HeadSlow);
    let farewell = socket.write_all(&message);
    // A caller who does not read is not waited for.
    let _ = tokio::time::timeout(GLANCE, farewell).await;
}

/// Hyper refuses a smaller limit.
const HYPER_BUFFER_MIN: usize = 8192;

const IDLE: u64 = 0;
const HEAD: u64 = 1;
const BUSY: u64 = 2;

/// What the connection waits for, and since when; words, so that reading and writing them is free.
#[derive(Debug)]
struct Watched {
    start: Instant,
    /// The phase in the lowest two bits, above them the milliseconds at which it began.
    phase: AtomicU64,
    /// Answers being written, and refused bodies being discarded.
    busy: AtomicU64,
    /// The milliseconds, plus one, since which a write makes no progress; 0 while it does.
    stalled: AtomicU64,
}

impl Watched {
    fn new() -> Self {
        // A connection that says nothing is as late as one that says half of it.
        Self { start: Instant::now(), phase: AtomicU64::new(HEAD), busy: AtomicU64::new(0), stalled: AtomicU64::new(0) }
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX >> 2)
    }

    fn set(&self, phase: u64) {
        self.phase.store(self.now_ms() << 2 | phase, Ordering::Relaxed);
    }

    fn is_idle(&self) -> bool {
        self.phase.load(Ordering::Relaxed) & 3 == IDLE
    }

    fn lasts(&self) -> (u64, Duration) {
        let word = self.phase.load(Ordering::Relaxed);
        (word & 3, self.start.elapsed().saturating_sub(Duration::from_millis(word >> 2)))
    }

    fn wrote<T>(&self, polled: &Poll<T>) {
        let is_stalled = self.stalled.load(Ordering::Relaxed) != 0;
        match polled {
            Poll::Ready(_) if is_stalled => self.stalled.store(0, Ordering::Relaxed),
            Poll::Pending if !is_stalled => self.stalled.store(self.now_ms() + 1, Ordering::Relaxed),
            Poll::Ready(_) | Poll::Pending => {}
        }
    }

    fn stalled_for(&self) -> Option<Duration> {
        let since = self.stalled.load(Ordering::Relaxed).checked_sub(1)?;
        Some(self.start.elapsed().saturating_sub(Duration::from_millis(since)))
    }
}

/// While one lives, the connection is at work; when the last is gone, it waits for the next head.
#[derive(Debug)]
struct Busy(Arc<Watched>);

impl Busy {
    fn new(watched: &Arc<Watched>) -> Self {
        watched.busy.fetch_add(1, Ordering::Relaxed);
        watched.set(BUSY);
        Self(Arc::clone(watched))
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        if self.0.busy.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.0.set(IDLE);
        }
    }
}

/// An answer's body; while it is written the connection is at work.
#[derive(Debug)]
struct Served {
    body: AnswerBody,
    _busy: Busy,
}

impl Body for Served {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The caller's socket. Notes when a head begins, and puts our own words in the place of hyper's bare refusals.
#[derive(Debug)]
struct Socket {
    socket: TcpStream,
    watched: Arc<Watched>,
    instead: Option<(Bytes, usize)>,
}

impl Socket {
    /// Writes our refusal in the place of hyper's; `true` once all of it is out.
    fn poll_instead(&mut self, cx: &mut Context<'_>, first: &[u8]) -> Poll<io::Result<bool>> {
        if self.instead.is_none() {
            self.instead = bare_refusal(first).map(|refusal| (refusal::message(&refusal), 0));
        }
        let Some((message, sent)) = &mut self.instead else { return Poll::Ready(Ok(false)) };
        while *sent < message.len() {
            *sent += ready!(Pin::new(&mut self.socket).poll_write(cx, &message[*sent..]))?;
        }
        Poll::Ready(Ok(true))
    }
}

/// Hyper answers a head it cannot take with a status and an empty body (`role.rs`, `on_error`).
fn bare_refusal(written: &[u8]) -> Option<Refusal> {
    let status = written.strip_prefix(b"HTTP/1.1 ")?.get(..3)?;
    if !written.ends_with(b"\r\n\r\n") || memchr::memmem::find(written, b"content-length: 0\r\n").is_none() {
        return None;
    }
    match status {
        b"431" => Some(Refusal::HeadTooLarge),
        b"414" => Some(Refusal::AddressTooLong),
        b"400" => Some(Refusal::NotHttp),
        _ => None,
    }
}

impl AsyncRead for Socket {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.socket).poll_read(cx, buf);
        if buf.filled().len() > before && self.watched.is_idle() {
            self.watched.set(HEAD);
        }
        polled
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if ready!(self.poll_instead(cx, buf))? {
            return Poll::Ready(Ok(buf.len()));
        }
        let polled = Pin::new(&mut self.socket).poll_write(cx, buf);
        self.watched.wrote(&polled);
        polled
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let first = bufs.first().map_or(&[][..], |buf| buf);
        if ready!(self.poll_instead(cx, first))? {
            return Poll::Ready(Ok(bufs.iter().map(|buf| buf.len()).sum()));
        }
        let polled = Pin::new(&mut self.socket).poll_write_vectored(cx, bufs);
        self.watched.wrote(&polled);
        polled
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}
