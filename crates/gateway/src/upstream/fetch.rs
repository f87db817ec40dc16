//! A small answer, read whole: for questions to a provider that are not a caller's.

use bytes::{Bytes, BytesMut};
use tokio::time::timeout_at;

use super::{DispatchFault, DispatchTimers, Endpoint, ReadFault, RequestHead, Upstream};

/// Why there is no whole answer.
#[derive(Debug)]
pub enum FetchFault {
    /// No head came.
    Dispatch(DispatchFault),
    /// The body broke off, or its framing is wrong.
    Read(ReadFault),
    /// The body is longer than asked for.
    TooLong,
    /// The body was still coming at the deadline.
    Slow,
}

impl FetchFault {
    /// What happened, as a lowercase fragment that holds nothing of the request or the answer.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Dispatch(DispatchFault::Connect(_)) => "no connection",
            Self::Dispatch(DispatchFault::ClosedIdle(_) | DispatchFault::Reset(_)) => "the connection was closed",
            Self::Dispatch(DispatchFault::Silent) => "no answer in time",
            Self::Dispatch(DispatchFault::Garbled(_)) => "the answer is not HTTP",
            Self::Read(_) => "the answer broke off",
            Self::TooLong => "the answer is too long",
            Self::Slow => "the answer was not whole in time",
        }
    }
}

impl Upstream {
    /// Sends a request, whose `content` a `GET` has none of, and reads its answer of at most `most` bytes: status and body.
    ///
    /// Sent once more when an idle connection turns out to be closed, which says nothing of the provider; so it is for
    /// requests that may be repeated. Dropped, it closes the connection.
    ///
    /// # Errors
    /// See [`FetchFault`]. Takes no longer than the timers' deadline.
    pub async fn fetch(
        &self,
        endpoint: &Endpoint,
        head: &RequestHead,
        content: &Bytes,
        timers: DispatchTimers,
        most: usize,
    ) -> Result<(u16, Bytes), FetchFault> {
        let dispatched = match self.dispatch(endpoint, head, content, timers).await {
            Err(DispatchFault::ClosedIdle(_)) => self.dispatch(endpoint, head, content, timers).await,
            dispatched => dispatched,
        };
        let (head, mut body) = dispatched.map_err(FetchFault::Dispatch)?;
        let mut whole = BytesMut::new();
        loop {
            let piece = timeout_at(timers.deadline, body.read()).await.map_err(|_| FetchFault::Slow)?;
            let Some(piece) = piece.map_err(FetchFault::Read)? else { break };
            if whole.len() + piece.len() > most {
                return Err(FetchFault::TooLong);
            }
            whole.extend_from_slice(&piece);
        }
        Ok((head.status, whole.freeze()))
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
        time::{Duration, Instant},
    };

    use super::*;

    /// Fetches from a server that says this and waits, and says what came of it.
    #[track_caller]
    fn check(said: &str, expected: Result<(u16, &str), &str>) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        let fetched = runtime.block_on(async {
            let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
            let endpoint = Endpoint::new(false, "127.0.0.1".into(), listener.local_addr().unwrap().port());
            let serve = async {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut head = [0; 1024];
                let read = stream.read(&mut head).await.unwrap();
                assert_eq!(&head[..read], b"GET /left HTTP/1.1\r\nhost: h\r\n\r\n");
                stream.write_all(said.as_bytes()).await.unwrap();
                std::future::pending::<()>().await;
            };
            let second = Duration::from_secs(1);
            let timers = DispatchTimers { connect: second, headers: second, deadline: Instant::now() + 2 * second };
            let upstream = Upstream::new();
            let (head, nothing) = (RequestHead::get("/left", "h"), Bytes::new());
            tokio::select! {
                () = serve => unreachable!("it waits for ever"),
                fetched = upstream.fetch(&endpoint, &head, &nothing, timers, 8) => fetched,
            }
        });
        match fetched {
            Ok((status, body)) => assert_eq!(Ok((status, std::str::from_utf8(&body).unwrap())), expected),
            Err(fault) => assert_eq!(Err(fault.reason()), expected),
        }
    }

    #[test]
    fn an_answer_is_whole_or_a_fault() {
        check("HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\n12345678", Ok((200, "12345678")));
        check("HTTP/1.1 403 No\r\ncontent-length: 0\r\n\r\n", Ok((403, "")));
        check("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n123456789", Err("the answer is too long"));
        check("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nx\r\n", Err("the answer broke off"));
        check("HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\n123", Err("the answer was not whole in time"));
        check("HTTP/1.1 200 OK\r\n", Err("no answer in time"));
        check("what?\r\n\r\n", Err("the answer is not HTTP"));
    }
}
