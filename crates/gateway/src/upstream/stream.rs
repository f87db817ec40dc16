//! One connection to a provider, plain or under TLS.

use std::{
    cell::RefCell,
    future::poll_fn,
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Bytes, BytesMut};
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf},
    net::TcpStream,
};
use tokio_rustls::client::TlsStream;

/// How much one read takes at most.
const READ_MAX: usize = 64 * 1024;

thread_local! {
    /// Every read of a thread goes through this one buffer, so that a waiting stream owns none.
    static SCRATCH: RefCell<Box<[u8]>> = RefCell::new(vec![0; READ_MAX].into_boxed_slice());
}

#[derive(Debug)]
pub(super) enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Stream {
    /// Writes head and body, in one system call where the socket takes both; `false` when an answer began to come before
    /// all was sent, whose first bytes are in `early` then.
    ///
    /// Not cancel-safe: a dropped future leaves half a request behind.
    pub(super) async fn send(&mut self, head: &[u8], body: &Bytes, early: &mut BytesMut) -> io::Result<bool> {
        let mut sent = 0;
        while sent < head.len() + body.len() {
            let written = poll_fn(|cx| {
                let parts = [
                    IoSlice::new(head.get(sent..).unwrap_or_default()),
                    IoSlice::new(&body[sent.saturating_sub(head.len())..]),
                ];
                let parts = if sent < head.len() { &parts[..] } else { &parts[1..] };
                if let Poll::Ready(written) = self.poll_write(cx, parts) {
                    return Poll::Ready(written);
                }
                // A provider that has stopped reading may be telling why.
                match ready!(self.poll_read_into(cx, early))? {
                    0 => Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into())),
                    _ => Poll::Ready(Ok(0)),
                }
            })
            .await?;
            if !early.is_empty() {
                return Ok(false);
            }
            if written == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            sent += written;
        }
        if let Self::Tls(tls) = self {
            tls.flush().await?;
        }
        Ok(true)
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, parts: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        match self {
            Self::Plain(socket) => Pin::new(socket).poll_write_vectored(cx, parts),
            Self::Tls(tls) => Pin::new(tls.as_mut()).poll_write_vectored(cx, parts),
        }
    }

    /// Reads what has arrived, or waits for the first byte; 0 is the end of the stream.
    ///
    /// Cancel-safe: a dropped future has read nothing.
    pub(super) async fn read_into(&mut self, buffer: &mut BytesMut) -> io::Result<usize> {
        poll_fn(|cx| self.poll_read_into(cx, buffer)).await
    }

    fn poll_read_into(&mut self, cx: &mut Context<'_>, buffer: &mut BytesMut) -> Poll<io::Result<usize>> {
        SCRATCH.with_borrow_mut(|scratch| {
            let mut read = ReadBuf::new(scratch);
            ready!(match self {
                Self::Plain(socket) => Pin::new(socket).poll_read(cx, &mut read),
                Self::Tls(tls) => Pin::new(tls.as_mut()).poll_read(cx, &mut read),
            })?;
            buffer.extend_from_slice(read.filled());
            Poll::Ready(Ok(read.filled().len()))
        })
    }

    /// Whether an idle connection has been closed, or talks out of turn, as far as the reactor knows.
    ///
    /// Costs no system call while nothing has arrived.
    pub(super) fn is_spent(&mut self) -> bool {
        let socket = match self {
            Self::Plain(socket) => &*socket,
            Self::Tls(tls) => tls.get_ref().0,
        };
        let mut byte = [0];
        !matches!(socket.try_read(&mut byte), Err(e) if e.kind() == io::ErrorKind::WouldBlock)
    }
}
