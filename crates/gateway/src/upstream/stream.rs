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
    /// Writes head and body, in one system call where the socket takes both.
    pub(super) async fn send(&mut self, head: &[u8], body: &Bytes) -> io::Result<()> {
        match self {
            Self::Plain(socket) => {
                let sent = poll_fn(|cx| {
                    Pin::new(&mut *socket).poll_write_vectored(cx, &[IoSlice::new(head), IoSlice::new(body)])
                })
                .await?;
                if sent < head.len() {
                    socket.write_all(&head[sent..]).await?;
                    return socket.write_all(body).await;
                }
                socket.write_all(&body[sent - head.len()..]).await
            }
            Self::Tls(tls) => {
                tls.write_all(head).await?;
                tls.write_all(body).await?;
                tls.flush().await
            }
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
