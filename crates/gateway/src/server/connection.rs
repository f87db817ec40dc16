//! One caller's connection: hyper speaks HTTP, this file sees that nobody dawdles and that even a request that
//! HTTP itself refuses gets an answer in the callers' own protocol.

use std::{
    convert::Infallible,
    io::{self, IoSlice},
    pin::Pin,
    sync::{
        Arc,
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

use super::{refusal, routes};
use crate::exchange::{AnswerBody, Refusal, Worker};

/// How often a connection is looked at; what is late is found at most that much later.
const GLANCE: Duration = Duration::from_secs(1);
/// Serves a connection to its end. Dropped, it closes it.
pub(super) async fn serve(worker: Arc<Worker>, socket: TcpStream, mut stop: watch::Receiver<bool>) {
    let settings = &worker.gateway.server;
    let phase = Arc::new(Phase::new());
    let socket = Socket { socket, phase: Arc::clone(&phase), instead: None };
    let service = service_fn(|request| {
        let (worker, phase) = (Arc::clone(&worker), Arc::clone(&phase));
        phase.set(BUSY);
        async move {
            let answer = routes::answer(&worker, request).await;
            Ok::<_, Infallible>(answer.map(|body| Served { body, phase }))
        }
    });
    let mut connection = http1::Builder::new()
        .max_headers(settings.headers_max)
        .max_buf_size(settings.header_bytes_max.max(HYPER_BUFFER_MIN))
        .serve_connection(TokioIo::new(socket), service);
    let mut is_closing = false;
    loop {
        tokio::select! {
            biased;
            ended = &mut connection => {
                if let Err(fault) = ended {
                    tracing::debug!(%fault, "a caller's connection ended early");
                }
                return;
            }
            () = sleep(GLANCE) => {}
            _ = stop.wait_for(|stopped| *stopped), if !is_closing => {
                is_closing = true;
                Pin::new(&mut connection).graceful_shutdown();
            }
        }
        match phase.lasts() {
            (HEAD, lasted) if lasted > settings.header_timeout => break,
            (IDLE, lasted) if lasted > settings.idle_timeout && !is_closing => {
                is_closing = true;
                Pin::new(&mut connection).graceful_shutdown();
            }
            _ => {}
        }
    }
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

/// What the connection waits for, and since when; one word, so that reading and writing it is free.
#[derive(Debug)]
struct Phase {
    start: Instant,
    word: AtomicU64,
}

impl Phase {
    fn new() -> Self {
        Self { start: Instant::now(), word: AtomicU64::new(IDLE) }
    }

    fn set(&self, phase: u64) {
        let since = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX >> 2);
        self.word.store(since << 2 | phase, Ordering::Relaxed);
    }

    fn now(&self) -> u64 {
        self.word.load(Ordering::Relaxed) & 3
    }

    fn lasts(&self) -> (u64, Duration) {
        let word = self.word.load(Ordering::Relaxed);
        (word & 3, self.start.elapsed().saturating_sub(Duration::from_millis(word >> 2)))
    }
}

/// An answer's body that tells the connection when it is over.
#[derive(Debug)]
struct Served {
    body: AnswerBody,
    phase: Arc<Phase>,
}

impl Body for Served {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.phase.set(IDLE);
    }
}

/// The caller's socket. Notes when a head begins, and puts our own words in the place of hyper's bare refusals.
#[derive(Debug)]
struct Socket {
    socket: TcpStream,
    phase: Arc<Phase>,
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
        if buf.filled().len() > before && self.phase.now() == IDLE {
            self.phase.set(HEAD);
        }
        polled
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if ready!(self.poll_instead(cx, buf))? {
            return Poll::Ready(Ok(buf.len()));
        }
        Pin::new(&mut self.socket).poll_write(cx, buf)
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
        Pin::new(&mut self.socket).poll_write_vectored(cx, bufs)
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
