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
}

impl RequestHead {
    /// A `POST` to a path that starts with `/`, at an authority (`host` or `host:port`).
    pub fn post(path: &str, authority: &str) -> Self {
        let mut bytes = Vec::with_capacity(512);
        // Writing into a `Vec` cannot fail.
        let _ = write!(bytes, "POST {path} HTTP/1.1\r\nhost: {authority}\r\n");
        Self { bytes }
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

    /// The whole head of a request with a body of that many bytes.
    pub(super) fn message(&self, body_length: usize) -> Vec<u8> {
        let mut message = Vec::with_capacity(self.bytes.len() + 40);
        message.extend_from_slice(&self.bytes);
        let _ = write!(message, "content-length: {body_length}\r\n\r\n");
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
            let mut head =
                Self { status, bytes, fields: spans, framing: Framing::UntilClose, keeps_alive: is_http_11 };
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
            if !coding.trim().to_ascii_lowercase().ends_with("chunked") {
                return Err("a transfer coding other than chunked");
            }
            // Both headers together are how requests are smuggled: use the answer, not the connection.
            keeps_alive &= length.is_none();
            Framing::Chunked
        } else if let Some(length) = length {
            Framing::Length(length.trim().parse().map_err(|_| "a length that is not a number")?)
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
