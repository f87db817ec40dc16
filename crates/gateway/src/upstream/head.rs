//! The head of a request to a provider, and of its answer.

use std::{io::Write as _, ops::Range};

use bytes::{Bytes, BytesMut};

/// What an answer's head may hold at most, in bytes; providers send about 2 KiB.
const HEAD_MAX: usize = 64 * 1024;
/// Fields an answer's head may hold at most.
const FIELDS_MAX: usize = 128;

/// A request's head, but for its length: request line and header fields.
///
/// The part that is the same for every request of a deployment is written once, when the configuration is loaded.
#[derive(Debug, Clone)]
pub struct RequestHead {
    bytes: Vec<u8>,
    has_body: bool,
}

impl RequestHead {
    /// A `POST` to a path that starts with `/`, at an authority (`host` or `host:port`).
    pub fn post(path: &str, authority: &str) -> Self {
        Self::new("POST", path, authority, true)
    }

    /// A `PUT` to a path that starts with `/`, at an authority (`host` or `host:port`).
    pub fn put(path: &str, authority: &str) -> Self {
        Self::new("PUT", path, authority, true)
    }

    /// A `GET` of a path that starts with `/`, at an authority (`host` or `host:port`).
    pub fn get(path: &str, authority: &str) -> Self {
        Self::new("GET", path, authority, false)
    }

    fn new(method: &str, path: &str, authority: &str, has_body: bool) -> Self {
        let mut bytes = Vec::with_capacity(512);
        // Writing into a `Vec` cannot fail.
        let _ = write!(bytes, "{method} {path} HTTP/1.1\r\nhost: {authority}\r\n");
        Self { bytes, has_body }
    }

    /// Adds a query to a path that has none. It is one that came in an address, so it holds no space and no line break.
    pub fn query(&mut self, query: &str) -> &mut Self {
        debug_assert!(!query.bytes().any(|byte| byte <= b' '), "a query is one word");
        let mut words = self.bytes.iter().enumerate().filter(|(_, byte)| **byte == b' ').map(|(at, _)| at);
        if let Some(end) = words.nth(1) {
            self.bytes.splice(end..end, [b"?", query.as_bytes()].concat());
        }
        self
    }

    /// The same head for another path, which starts with `/` and holds no space.
    #[must_use]
    pub fn at(&self, path: &str) -> Self {
        debug_assert!(!path.contains(|c: char| c.is_ascii_whitespace() || c.is_control()), "a path is one word");
        let line_end = self.bytes.windows(2).position(|pair| pair == b"\r\n").unwrap_or(self.bytes.len());
        let method = self.bytes.split(|&byte| byte == b' ').next().unwrap_or_default();
        let mut bytes = Vec::with_capacity(self.bytes.len() + path.len());
        bytes.extend_from_slice(method);
        bytes.push(b' ');
        bytes.extend_from_slice(path.as_bytes());
        bytes.extend_from_slice(b" HTTP/1.1");
        bytes.extend_from_slice(&self.bytes[line_end..]);
        Self { bytes, has_body: self.has_body }
    }

    /// Adds a header field. The caller has validated both (`http::HeaderValue` does): neither holds a line break.
    pub fn field(&mut self, name: &str, value: &[u8]) -> &mut Self {
        debug_assert!(!value.contains(&b'\n') && !value.contains(&b'\r'), "a header value is one line");
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.extend_from_slice(b": ");
        self.bytes.extend_from_slice(value);
        self.bytes.extend_from_slice(b"\r\n");
        self
    }

    /// The request line and the fields so far.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The whole head of a request with a body of that many bytes; a `GET` has none and says nothing of it.
    pub(super) fn message(&self, body_length: usize) -> Vec<u8> {
        let mut message = Vec::with_capacity(self.bytes.len() + 40);
        message.extend_from_slice(&self.bytes);
        if self.has_body {
            let _ = write!(message, "content-length: {body_length}\r\n");
        }
        message.extend_from_slice(b"\r\n");
        message
    }
}

/// An answer's status and header fields.
#[derive(Debug)]
pub struct Head {
    /// 200–599.
    pub status: u16,
    bytes: Bytes,
    fields: Vec<(Range<u16>, Range<u16>)>,
    pub(super) framing: Framing,
    pub(super) keeps_alive: bool,
}

/// How an answer's body ends (RFC 9112 §6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    Length(u64),
    Chunked,
    UntilClose,
}

impl Head {
    /// Takes one head off the front of `buffer`; `None` asks for more bytes. Interim answers (1xx) are skipped.
    pub(super) fn parse(buffer: &mut BytesMut) -> Result<Option<Self>, &'static str> {
        loop {
            let mut fields = [httparse::EMPTY_HEADER; FIELDS_MAX];
            let mut response = httparse::Response::new(&mut fields);
            let length = match response.parse(buffer) {
                Ok(httparse::Status::Complete(length)) => length,
                Ok(httparse::Status::Partial) if buffer.len() < HEAD_MAX => return Ok(None),
                Ok(httparse::Status::Partial) => return Err("a head of more than 64 KiB"),
                Err(_) => return Err("an answer that is not HTTP"),
            };
            if length > HEAD_MAX - 1 {
                return Err("a head of more than 64 KiB");
            }
            let status = response.code.unwrap_or(0);
            if (100..200).contains(&status) && status != 101 {
                let _ = buffer.split_to(length);
                continue;
            }
            if !(200..600).contains(&status) {
                return Err("a status outside 200–599");
            }
            let start = buffer.as_ptr() as usize;
            let span = |part: &[u8]| {
                let from = part.as_ptr() as usize - start;
                u16::try_from(from).unwrap_or(u16::MAX)..u16::try_from(from + part.len()).unwrap_or(u16::MAX)
            };
            let spans = response.headers.iter().map(|h| (span(h.name.as_bytes()), span(h.value))).collect();
            let is_http_11 = response.version == Some(1);
            let bytes = buffer.split_to(length).freeze();
            let mut head = Self { status, bytes, fields: spans, framing: Framing::UntilClose, keeps_alive: is_http_11 };
            head.read_framing(is_http_11)?;
            return Ok(Some(head));
        }
    }

    fn read_framing(&mut self, is_http_11: bool) -> Result<(), &'static str> {
        let mut keeps_alive = self.keeps_alive;
        if let Some(connection) = self.header("connection") {
            let says = |word| connection.split(',').any(|c| c.trim().eq_ignore_ascii_case(word));
            keeps_alive = if is_http_11 { !says("close") } else { says("keep-alive") };
        }
        let mut lengths = self.all("content-length");
        let length = lengths.next();
        if lengths.any(|other| Some(other) != length) {
            return Err("two lengths that differ");
        }
        let framing = if matches!(self.status, 204 | 304) {
            Framing::Length(0)
        } else if let Some(coding) = self.all("transfer-encoding").last() {
            let last = coding.rsplit(',').next().unwrap_or_default().trim();
            if !last.eq_ignore_ascii_case("chunked") {
                return Err("a transfer coding other than chunked");
            }
            // Both headers together are how requests are smuggled: use the answer, not the connection.
            keeps_alive &= length.is_none();
            Framing::Chunked
        } else if let Some(length) = length {
            let digits = length.trim();
            if !digits.bytes().all(|digit| digit.is_ascii_digit()) {
                return Err("a length that is not a number");
            }
            Framing::Length(digits.parse().map_err(|_| "a length that is not a number")?)
        } else {
            keeps_alive = false;
            Framing::UntilClose
        };
        drop(lengths);
        (self.framing, self.keeps_alive) = (framing, keeps_alive);
        Ok(())
    }

    /// The first value of a header field, by its name in lower case; a value that is not ASCII text is skipped.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    fn all<'a, 'n>(&'a self, name: &'n str) -> impl Iterator<Item = &'a str> + use<'a, 'n> {
        self.fields().filter(move |(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// Every header field whose value is text, in the order sent.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        let text = |span: &Range<u16>| std::str::from_utf8(&self.bytes[span.start.into()..span.end.into()]).ok();
        self.fields.iter().filter_map(move |(name, value)| Some((text(name)?, text(value)?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Status, framing, whether the connection may serve again, and what lies behind the head.
    type Read<'a> = (u16, Framing, bool, &'a str);

    /// Reads a head that arrives in pieces; what lies behind it is left in the buffer.
    fn read<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Result<Option<(Head, BytesMut)>, &'static str> {
        let mut buffer = BytesMut::new();
        let mut read = None;
        for piece in pieces {
            buffer.extend_from_slice(piece);
            if read.is_none() {
                read = Head::parse(&mut buffer)?;
            }
        }
        Ok(read.map(|head| (head, buffer)))
    }

    /// Reads what was sent in one piece, in two pieces cut at every place, and byte by byte.
    #[track_caller]
    fn check(sent: &str, expected: Result<Read<'_>, &str>) {
        let splits = (0..=sent.len()).map(|cut| vec![&sent.as_bytes()[..cut], &sent.as_bytes()[cut..]]);
        for pieces in splits.chain([sent.as_bytes().chunks(1).collect()]) {
            match (read(pieces), expected) {
                (Ok(Some((head, rest))), Ok(expected)) => {
                    let rest = std::str::from_utf8(&rest).unwrap();
                    assert_eq!((head.status, head.framing, head.keeps_alive, rest), expected, "{sent:?}");
                }
                (Err(fault), Err(expected)) => assert_eq!(fault, expected, "{sent:?}"),
                (read, expected) => panic!("{sent:?}: {read:?} instead of {expected:?}"),
            }
        }
    }

    #[test]
    fn the_end_of_the_body_is_known_from_the_head() {
        check("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello", Ok((200, Framing::Length(5), true, "hello")));
        check("HTTP/1.1 200 OK\r\nContent-Length:  0 \r\n\r\n", Ok((200, Framing::Length(0), true, "")));
        check(
            "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 5\r\n\r\n",
            Ok((200, Framing::Length(5), true, "")),
        );
        check(
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
            Ok((200, Framing::Chunked, true, "0\r\n\r\n")),
        );
        check("HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked \r\n\r\n", Ok((200, Framing::Chunked, true, "")));
        check("HTTP/1.1 200 OK\r\n\r\nto the end", Ok((200, Framing::UntilClose, false, "to the end")));
        check("HTTP/1.1 204 No Content\r\ncontent-length: 5\r\n\r\n", Ok((204, Framing::Length(0), true, "")));
        check("HTTP/1.1 304 Not Modified\r\n\r\n", Ok((304, Framing::Length(0), true, "")));
        check("HTTP/1.1 599 \r\ncontent-length: 1\r\n\r\nx", Ok((599, Framing::Length(1), true, "x")));
        // A line break without its carriage return is read all the same (RFC 9112 §2.2).
        check("HTTP/1.1 200 OK\ncontent-length: 2\n\nok", Ok((200, Framing::Length(2), true, "ok")));
    }

    #[test]
    fn a_head_that_says_two_things_is_not_believed() {
        // With both, chunks end the body, and the connection is not used again (RFC 9112 §6.3).
        check(
            "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n",
            Ok((200, Framing::Chunked, false, "")),
        );
        check("HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n", Err("two lengths that differ"));
        check("HTTP/1.1 200 OK\r\ncontent-length: 5, 5\r\n\r\n", Err("a length that is not a number"));
        check("HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n", Err("a length that is not a number"));
        check("HTTP/1.1 200 OK\r\ncontent-length:\r\n\r\n", Err("a length that is not a number"));
        check("HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999\r\n\r\n", Err("a length that is not a number"));
        check("HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\n", Err("a transfer coding other than chunked"));
        check(
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntransfer-encoding: gzip\r\n\r\n",
            Err("a transfer coding other than chunked"),
        );
    }

    #[test]
    fn a_connection_serves_again_only_when_both_sides_can_tell() {
        let rows = [
            ("HTTP/1.1", "", true),
            ("HTTP/1.1", "connection: close\r\n", false),
            ("HTTP/1.1", "Connection: Close\r\n", false),
            ("HTTP/1.1", "connection: x, close\r\n", false),
            ("HTTP/1.1", "connection: keep-alive\r\n", true),
            ("HTTP/1.0", "", false),
            ("HTTP/1.0", "connection: keep-alive\r\n", true),
            ("HTTP/1.0", "connection: close\r\n", false),
        ];
        for (version, field, keeps_alive) in rows {
            let sent = format!("{version} 200 OK\r\n{field}content-length: 0\r\n\r\n");
            check(&sent, Ok((200, Framing::Length(0), keeps_alive, "")));
        }
    }

    #[test]
    fn interim_answers_are_skipped_and_what_is_no_answer_is_refused() {
        check(
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 201 Created\r\ncontent-length: 1\r\n\r\nx",
            Ok((201, Framing::Length(1), true, "x")),
        );
        check("HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n", Err("a status outside 200–599"));
        check("HTTP/1.1 600 What\r\n\r\n", Err("a status outside 200–599"));
        check("HTTP/1.1 000 What\r\n\r\n", Err("a status outside 200–599"));
        for garbage in
            ["\x16\x03\x01 TLS\r\n\r\n", "HTTP/2.0 200 OK\r\n\r\n", "HTTP/1.1 abc\r\n\r\n", "<html></html>\r\n\r\n"]
        {
            check(garbage, Err("an answer that is not HTTP"));
        }
    }

    #[test]
    fn fields_are_found_by_name_whatever_their_case_and_in_order() {
        let sent = b"HTTP/1.1 200 OK\r\nX-One: 1\r\nx-two: \xff\r\nx-ONE: 2\r\ncontent-length: 0\r\n\r\n";
        let (head, _) = read([&sent[..]]).unwrap().unwrap();
        assert_eq!(head.header("x-one"), Some("1"));
        assert_eq!(head.header("x-two"), None, "what is not text is left out");
        let fields: Vec<_> = head.fields().collect();
        assert_eq!(fields, [("X-One", "1"), ("x-ONE", "2"), ("content-length", "0")]);
    }

    /// Reads a head of that many bytes; with `is_whole`, its last four are the empty line.
    #[track_caller]
    fn check_size(bytes: usize, is_whole: bool, expected: Result<bool, &str>) {
        let mut sent = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nx: ".to_vec();
        let end = if is_whole { 4 } else { 0 };
        sent.resize(bytes - end, b'y');
        sent.extend_from_slice(&b"\r\n\r\n"[..end]);
        let read = read([&sent[..]]).map(|read| {
            read.is_some_and(|(head, _)| head.header("x").is_some_and(|value| value.len() == bytes - 4 - 39))
        });
        assert_eq!(read, expected, "{bytes} bytes");
    }

    #[test]
    fn a_head_has_at_most_64_kib_and_128_fields() {
        check_size(HEAD_MAX - 1, true, Ok(true));
        check_size(HEAD_MAX, true, Err("a head of more than 64 KiB"));
        check_size(HEAD_MAX - 1, false, Ok(false));
        check_size(HEAD_MAX, false, Err("a head of more than 64 KiB"));
        for (count, fits) in [(FIELDS_MAX, true), (FIELDS_MAX + 1, false)] {
            let sent = format!("HTTP/1.1 204 Fine\r\n{}\r\n", "a: b\r\n".repeat(count));
            assert_eq!(read([sent.as_bytes()]).is_ok(), fits, "{count} fields");
        }
    }

    #[test]
    fn a_query_stands_behind_the_path() {
        let mut head = RequestHead::post("/v1/messages", "host");
        head.field("x", b"1 2").query("beta=true&a=%20");
        let message = String::from_utf8(head.message(0)).unwrap();
        assert!(
            message.starts_with("POST /v1/messages?beta=true&a=%20 HTTP/1.1\r\nhost: host\r\nx: 1 2\r\n"),
            "{message}"
        );
    }

    #[test]
    fn a_request_is_written_once_and_completed_for_each_body() {
        let mut head = RequestHead::post("/v1/chat/completions", "host:8000");
        head.field("accept-encoding", b"identity").field("x", b"1");
        let expected = "POST /v1/chat/completions HTTP/1.1\r\nhost: host:8000\r\naccept-encoding: identity\r\nx: 1\r\n";
        for length in [0, 1234] {
            let message = String::from_utf8(head.message(length)).unwrap();
            assert_eq!(message, format!("{expected}content-length: {length}\r\n\r\n"));
        }
        let message = RequestHead::get("/v1/credits", "host").message(0);
        assert_eq!(message, b"GET /v1/credits HTTP/1.1\r\nhost: host\r\n\r\n");
    }
}
