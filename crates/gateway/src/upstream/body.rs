//! The body of a provider's answer, as it arrives.

use std::{io, sync::Arc};

use bytes::{Buf as _, Bytes, BytesMut};

use super::{
    connect::Origin,
    head::{Framing, Head},
    idle::Idle,
    stream::Stream,
};

/// A chunk's size line, extensions included, may be that long.
const SIZE_LINE_MAX: usize = 4 * 1024;

/// Why a body could not be read to its end.
#[derive(Debug)]
pub enum ReadFault {
    /// The connection ended, or broke, before the body did.
    Cut(io::Error),
    /// Chunks that are not chunks.
    Garbled(&'static str),
}

/// A body being read. Dropped before its end, it closes the connection: so a provider learns to stop.
#[derive(Debug)]
pub struct Body {
    buffer: BytesMut,
    expect: Expect,
    is_framed: bool,
    keeps_alive: bool,
    connection: Option<Connection>,
}

#[derive(Debug)]
struct Connection {
    stream: Stream,
    origin: Origin,
    idle: Arc<Idle>,
}

/// What comes next on the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expect {
    /// That many bytes of the body, then its end.
    Length(u64),
    /// The size line of a chunk.
    ChunkSize,
    /// The rest of a chunk.
    Chunk(u64),
    /// The line break behind a chunk.
    ChunkEnd,
    /// Trailer fields, and the empty line behind them.
    Trailers,
    /// Whatever comes until the connection ends.
    UntilClose,
    /// Nothing: the body was read.
    Nothing,
}

impl Body {
    pub(super) fn new(head: &Head, buffer: BytesMut, stream: Stream, origin: Origin, idle: Arc<Idle>) -> Self {
        let expect = match head.framing {
            Framing::Length(0) => Expect::Nothing,
            Framing::Length(length) => Expect::Length(length),
            Framing::Chunked => Expect::ChunkSize,
            Framing::UntilClose => Expect::UntilClose,
        };
        let connection = Some(Connection { stream, origin, idle });
        let is_framed = head.framing != Framing::UntilClose;
        let mut body = Self { buffer, expect, is_framed, keeps_alive: head.keeps_alive, connection };
        body.give_back_if_read();
        body
    }

    /// Everything that has arrived, or the first piece that does; `None` is the body's true end, or where it is not
    /// [framed](Self::is_framed) that of its connection.
    ///
    /// Cancel-safe: a dropped future loses nothing.
    pub async fn read(&mut self) -> Result<Option<Bytes>, ReadFault> {
        loop {
            let piece = self.decode()?;
            if self.expect == Expect::Nothing {
                self.give_back_if_read();
                return Ok((!piece.is_empty()).then_some(piece));
            }
            if !piece.is_empty() {
                return Ok(Some(piece));
            }
            let Some(connection) = &mut self.connection else {
                return Err(ReadFault::Cut(io::ErrorKind::NotConnected.into()));
            };
            let count = connection.stream.read_into(&mut self.buffer).await.map_err(ReadFault::Cut)?;
            if count == 0 {
                self.connection = None;
                if self.expect == Expect::UntilClose {
                    self.expect = Expect::Nothing;
                    return Ok(None);
                }
                return Err(ReadFault::Cut(io::ErrorKind::UnexpectedEof.into()));
            }
        }
    }

    /// Whether its framing tells where it ends. Of one that goes on until its connection closes, a part looks like all.
    pub fn is_framed(&self) -> bool {
        self.is_framed
    }

    /// Whether the body was read to its end.
    pub fn is_read(&self) -> bool {
        self.expect == Expect::Nothing
    }

    /// Takes every byte of the body that lies in the buffer, without the chunks' framing.
    fn decode(&mut self) -> Result<Bytes, ReadFault> {
        match self.expect {
            Expect::Nothing => Ok(Bytes::new()),
            Expect::UntilClose => Ok(self.buffer.split().freeze()),
            Expect::Length(left) => {
                let piece = take(&mut self.buffer, left);
                let left = left - piece.len() as u64;
                self.expect = if left == 0 { Expect::Nothing } else { Expect::Length(left) };
                Ok(piece)
            }
            Expect::ChunkSize | Expect::Chunk(_) | Expect::ChunkEnd | Expect::Trailers => self.decode_chunks(),
        }
    }

    fn decode_chunks(&mut self) -> Result<Bytes, ReadFault> {
        let mut first = Bytes::new();
        let mut joined = BytesMut::new();
        loop {
            match self.expect {
                Expect::ChunkSize => {
                    let Some(line) = self.line()? else { break };
                    let size = chunk_size(&line)?;
                    self.expect = if size == 0 { Expect::Trailers } else { Expect::Chunk(size) };
                }
                Expect::Chunk(left) => {
                    let piece = take(&mut self.buffer, left);
                    if piece.is_empty() {
                        break;
                    }
                    let left = left - piece.len() as u64;
                    self.expect = if left == 0 { Expect::ChunkEnd } else { Expect::Chunk(left) };
                    // One chunk alone is handed on as it lies; several are joined, to leave in one write.
                    if first.is_empty() {
                        first = piece;
                    } else {
                        if joined.is_empty() {
                            joined.extend_from_slice(&first);
                        }
                        joined.extend_from_slice(&piece);
                    }
                }
                Expect::ChunkEnd => {
                    let Some(line) = self.line()? else { break };
                    if !line.is_empty() {
                        return Err(ReadFault::Garbled("a chunk longer than its size"));
                    }
                    self.expect = Expect::ChunkSize;
                }
                Expect::Trailers => {
                    let Some(line) = self.line()? else { break };
                    if line.is_empty() {
                        self.expect = Expect::Nothing;
                        break;
                    }
                }
                Expect::Length(_) | Expect::UntilClose | Expect::Nothing => break,
            }
        }
        Ok(if joined.is_empty() { first } else { joined.freeze() })
    }

    /// The next line of the framing, without its line break.
    fn line(&mut self) -> Result<Option<Bytes>, ReadFault> {
        let Some(end) = memchr::memchr(b'\n', &self.buffer) else {
            if self.buffer.len() > SIZE_LINE_MAX {
                return Err(ReadFault::Garbled("a chunk's size line of more than 4 KiB"));
            }
            return Ok(None);
        };
        let mut line = self.buffer.split_to(end).freeze();
        self.buffer.advance(1);
        if line.last() == Some(&b'\r') {
            line.truncate(end - 1);
        }
        Ok(Some(line))
    }

    /// Keeps the connection for the next request once the body is read, unless either side wants it closed.
    fn give_back_if_read(&mut self) {
        if self.expect != Expect::Nothing {
            return;
        }
        if let Some(Connection { stream, origin, idle }) = self.connection.take()
            && self.keeps_alive
            && self.buffer.is_empty()
        {
            idle.put(origin, stream);
        }
    }
}

/// Up to `most` bytes off the front of the buffer, without copying them.
fn take(buffer: &mut BytesMut, most: u64) -> Bytes {
    let count = usize::try_from(most).map_or(buffer.len(), |most| most.min(buffer.len()));
    buffer.split_to(count).freeze()
}

/// The size of a chunk; extensions behind `;` are ignored (RFC 9112 §7.1.1).
fn chunk_size(line: &[u8]) -> Result<u64, ReadFault> {
    let digits = line.split(|&b| b == b';').next().unwrap_or_default();
    let digits = std::str::from_utf8(digits).unwrap_or_default().trim();
    if digits.starts_with('+') {
        return Err(ReadFault::Garbled("a chunk without a size"));
    }
    u64::from_str_radix(digits, 16).map_err(|_| ReadFault::Garbled("a chunk without a size"))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::{TcpListener, TcpStream},
        task::JoinSet,
        time::{Duration, Instant, timeout},
    };

    use super::super::{DispatchFault, DispatchTimers, Endpoint, RequestHead, Upstream};
    use super::*;

    /// A body without a connection: pieces are put into its buffer by hand.
    fn unconnected(expect: Expect) -> Body {
        Body { buffer: BytesMut::new(), expect, is_framed: true, keeps_alive: true, connection: None }
    }

    /// What a body that arrives in these pieces holds, and whether it came to its end.
    fn decode<'a>(expect: Expect, pieces: impl IntoIterator<Item = &'a [u8]>) -> Result<(String, bool), ReadFault> {
        let mut body = unconnected(expect);
        let mut read = Vec::new();
        for piece in pieces {
            body.buffer.extend_from_slice(piece);
            read.extend_from_slice(&body.decode()?);
        }
        Ok((String::from_utf8(read).unwrap(), body.is_read()))
    }

    /// Reads the chunks in one piece, cut in two at every place, and byte by byte. `Ok` says what they hold and whether
    /// they are all; `Err` what is wrong with them.
    #[track_caller]
    fn check(sent: &str, expected: Result<(&str, bool), &str>) {
        let splits = (0..=sent.len()).map(|cut| vec![&sent.as_bytes()[..cut], &sent.as_bytes()[cut..]]);
        for pieces in splits.chain([sent.as_bytes().chunks(1).collect()]) {
            match decode(Expect::ChunkSize, pieces) {
                Ok((read, is_all)) => assert_eq!(Ok((&*read, is_all)), expected, "{sent:?}"),
                Err(ReadFault::Garbled(why)) => assert_eq!(Err(why), expected, "{sent:?}"),
                Err(fault @ ReadFault::Cut(_)) => panic!("{sent:?}: {fault:?}"),
            }
        }
    }

    #[test]
    fn chunks_are_joined_however_they_arrive() {
        check("0\r\n\r\n", Ok(("", true)));
        check("5\r\nhello\r\n0\r\n\r\n", Ok(("hello", true)));
        check("5\r\nhello\r\n1\r\n \r\nA\r\nwide world\r\n0\r\n\r\n", Ok(("hello wide world", true)));
        check("00a\r\n0123456789\r\n000\r\n\r\n", Ok(("0123456789", true)));
        check("5;name=value;x=\"y\"\r\nhello\r\n0;last\r\n\r\n", Ok(("hello", true)));
        check("5 \r\nhello\r\n0\r\n\r\n", Ok(("hello", true)));
        check("4\r\n\r\n\r\n\r\n0\r\n\r\n", Ok(("\r\n\r\n", true)));
        check("2\nok\n0\n\n", Ok(("ok", true)));
        check("2\r\nok\r\n0\r\nchecksum: 1\r\nx: 0\r\n\r\n", Ok(("ok", true)));
    }

    #[test]
    fn chunks_are_not_all_before_the_empty_line_behind_the_last() {
        check("", Ok(("", false)));
        check("5", Ok(("", false)));
        check("5\r\nhel", Ok(("hel", false)));
        check("5\r\nhello", Ok(("hello", false)));
        check("5\r\nhello\r\n", Ok(("hello", false)));
        check("5\r\nhello\r\n0\r\n", Ok(("hello", false)));
        check("5\r\nhello\r\n0\r\nchecksum: 1\r\n", Ok(("hello", false)));
    }

    #[test]
    fn what_is_no_chunk_is_refused() {
        let without_size = Err("a chunk without a size");
        for line in ["", "x", "5x", "-5", "+5", "0x5", ";5", "10000000000000000", "5 5", "\u{665}"] {
            check(&format!("{line}\r\nhello\r\n0\r\n\r\n"), without_size);
        }
        check("5\r\nhello!\r\n0\r\n\r\n", Err("a chunk longer than its size"));
        check("5\r\nhello0\r\n\r\n", Err("a chunk longer than its size"));
    }

    #[test]
    fn a_line_of_the_framing_has_a_limit() {
        for (length, fits) in [(SIZE_LINE_MAX, true), (SIZE_LINE_MAX + 1, false)] {
            let line = format!("5;{}", "x".repeat(length - 2));
            assert_eq!(decode(Expect::ChunkSize, [line.as_bytes()]).is_ok(), fits, "{length} bytes");
        }
    }

    #[test]
    fn a_length_is_counted_down_and_no_further() {
        for cut in 0..=8 {
            let (one, two) = b"hello!!!".split_at(cut);
            assert_eq!(decode(Expect::Length(5), [one, two]).unwrap(), ("hello".to_owned(), true));
        }
        assert_eq!(decode(Expect::Length(9), [&b"hello"[..]]).unwrap(), ("hello".to_owned(), false));
        assert_eq!(decode(Expect::UntilClose, [&b"hel"[..], b"lo"]).unwrap(), ("hello".to_owned(), false));
    }

    #[test]
    fn chunks_that_have_arrived_together_leave_in_one_piece() {
        let mut body = unconnected(Expect::ChunkSize);
        body.buffer.extend_from_slice(b"2\r\nab\r\n2\r\ncd\r\n2\r\nef");
        assert_eq!(&body.decode().unwrap()[..], b"abcdef");
    }

    /// A server on loopback that gives one answer to every request.
    struct Scripted {
        endpoint: Endpoint,
        connections: Arc<AtomicUsize>,
        closed: Arc<AtomicUsize>,
        _tasks: JoinSet<()>,
    }

    impl Scripted {
        /// Answers `most` requests on each connection; then closes it, before the next request or, with `late`, upon it.
        async fn start(answer: &'static str, most: usize, late: bool) -> Self {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let endpoint = Endpoint::new(false, "127.0.0.1".into(), listener.local_addr().unwrap().port());
            let (connections, closed) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
            let mut tasks = JoinSet::new();
            let counts = (Arc::clone(&connections), Arc::clone(&closed));
            tasks.spawn(async move {
                let mut served = JoinSet::new();
                loop {
                    let (mut socket, _) = listener.accept().await.unwrap();
                    counts.0.fetch_add(1, Ordering::Relaxed);
                    let closed = Arc::clone(&counts.1);
                    served.spawn(async move {
                        for _ in 0..most {
                            if !request_came(&mut socket).await {
                                break;
                            }
                            socket.write_all(answer.as_bytes()).await.unwrap();
                        }
                        if late {
                            request_came(&mut socket).await;
                        }
                        drop(socket);
                        closed.fetch_add(1, Ordering::Relaxed);
                    });
                }
            });
            Self { endpoint, connections, closed, _tasks: tasks }
        }

        async fn ask(&self, upstream: &Upstream) -> Result<Body, DispatchFault> {
            let timers = DispatchTimers { connect: LONG, headers: LONG, deadline: Instant::now() + LONG };
            let head = RequestHead::post("/", "test");
            let answered = upstream.dispatch(&self.endpoint, &head, &Bytes::from_static(b"{}"), timers).await;
            answered.map(|(_, body)| body)
        }

        /// Waits until that many connections were closed, and until the reactor of this test has heard of it.
        async fn until_closed(&self, count: usize) {
            let closed = async {
                while self.closed.load(Ordering::Relaxed) < count {
                    tokio::task::yield_now().await;
                }
            };
            timeout(LONG, closed).await.expect("it closes");
            // What comes later on another socket is told later.
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let (connected, accepted) =
                tokio::join!(TcpStream::connect(listener.local_addr().unwrap()), listener.accept());
            let (mut accepted, _) = accepted.unwrap();
            accepted.write_all(b"x").await.unwrap();
            connected.unwrap().read_u8().await.unwrap();
        }
    }

    /// Reads the request of these tests; `false` when the connection ended.
    async fn request_came(socket: &mut TcpStream) -> bool {
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n{}") {
            match socket.read_buf(&mut request).await {
                Ok(0) | Err(_) => return false,
                Ok(_) => {}
            }
        }
        true
    }

    async fn read_all(body: &mut Body) -> Result<String, ReadFault> {
        let mut read = Vec::new();
        while let Some(piece) = timeout(LONG, body.read()).await.expect("an end in time")? {
            read.extend_from_slice(&piece);
        }
        Ok(String::from_utf8(read).unwrap())
    }

    const LONG: Duration = Duration::from_secs(10);
    const GOOD: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

    /// Asks twice, one after the other, and reads both bodies: `Ok` says what they hold and how many connections that
    /// took, `Err` that they were cut.
    #[track_caller]
    fn check_connections(
        answer: &'static str,
        most: usize,
        expected: Result<(&'static str, usize), ()>,
    ) -> impl Future<Output = ()> {
        let place = std::panic::Location::caller();
        async move {
            let (server, upstream) = (Scripted::start(answer, most, false).await, Upstream::new());
            for number in 1..=2 {
                let read = read_all(&mut server.ask(&upstream).await.unwrap()).await;
                match (&read, expected) {
                    (Ok(read), Ok((whole, _))) => assert_eq!(read, whole, "{place}"),
                    (Err(ReadFault::Cut(_)), Err(())) => {}
                    _ => panic!("{place}: {read:?}"),
                }
                if most == number {
                    server.until_closed(1).await;
                }
            }
            let connections = if let Ok((_, connections)) = expected { connections } else { 2 };
            assert_eq!(server.connections.load(Ordering::Relaxed), connections, "{place}");
        }
    }

    #[tokio::test]
    async fn a_connection_serves_again_after_a_true_end_only() {
        let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n";
        check_connections(GOOD, 9, Ok(("ok", 1))).await;
        check_connections(chunked, 9, Ok(("ok", 1))).await;
        check_connections("HTTP/1.1 204 Fine\r\n\r\n", 9, Ok(("", 1))).await;
        check_connections("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok", 9, Ok(("ok", 2)))
            .await;
        check_connections("HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok", 9, Ok(("ok", 2))).await;
        check_connections("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok and more", 9, Ok(("ok", 2))).await;
        check_connections("HTTP/1.1 200 OK\r\n\r\nuntil it closes", 1, Ok(("until it closes", 2))).await;
    }

    #[tokio::test]
    async fn an_answer_that_breaks_off_is_never_a_whole_one() {
        check_connections("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nok", 1, Err(())).await;
        let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        for chunks in ["", "2", "2\r\no", "2\r\nok", "2\r\nok\r\n", "2\r\nok\r\n0\r\n", "2\r\nok\r\n0\r\nx: y\r\n"] {
            check_connections(format!("{head}{chunks}").leak(), 1, Err(())).await;
        }
    }

    #[tokio::test]
    async fn a_body_that_nobody_reads_to_its_end_costs_its_connection() {
        let (server, upstream) =
            (Scripted::start("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nok", 9, false).await, Upstream::new());
        let mut body = server.ask(&upstream).await.unwrap();
        assert_eq!(body.read().await.unwrap().unwrap(), "ok");
        assert!(!body.is_read());
        drop(body);
        server.until_closed(1).await;
        drop(server.ask(&upstream).await.unwrap());
        assert_eq!(server.connections.load(Ordering::Relaxed), 2);
    }

    #[tokio::test]
    async fn a_connection_that_was_closed_while_idle_is_replaced_unseen() {
        let (server, upstream) = (Scripted::start(GOOD, 1, false).await, Upstream::new());
        for count in 1..=3 {
            assert_eq!(read_all(&mut server.ask(&upstream).await.unwrap()).await.unwrap(), "ok");
            server.until_closed(count).await;
        }
        assert_eq!(server.connections.load(Ordering::Relaxed), 3);
    }

    #[tokio::test]
    async fn a_connection_that_closes_upon_its_next_request_is_told_from_a_new_one_that_does() {
        let (server, upstream) = (Scripted::start(GOOD, 1, true).await, Upstream::new());
        assert_eq!(read_all(&mut server.ask(&upstream).await.unwrap()).await.unwrap(), "ok");
        let reused = server.ask(&upstream).await.err();
        assert!(matches!(reused, Some(DispatchFault::ClosedIdle(_))), "{reused:?}");
        let rude = Scripted::start(GOOD, 0, true).await;
        let new = rude.ask(&upstream).await.err();
        assert!(matches!(new, Some(DispatchFault::Reset(_))), "{new:?}");
    }
}
