//! HTTP/1 as far as a provider needs it: reads one request at a time, writes response heads and chunks.

use std::io::Write as _;
use std::time::Duration;

use bytes::Bytes;
use memchr::memmem;
use tokio::time::timeout;

use super::wire::{Gone, Wire};

/// One request, whole.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) method: String,
    pub(super) path: String,
    /// Names in lower case.
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Bytes,
    /// HTTP/1.0 knows no chunks: bodies of unknown length end with the connection.
    pub(super) is_http_10: bool,
    pub(super) keeps_alive: bool,
}

impl Request {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The id of the key that signed it as AWS wants it.
    fn signer(&self) -> Option<&str> {
        let (_, credential) = self.header("authorization")?.split_once("Credential=")?;
        credential.split('/').next()
    }

    /// The API key it came with, wherever providers expect one; empty when there is none.
    pub(super) fn key(&self) -> &str {
        let bearer = self.header("authorization").and_then(|value| value.strip_prefix("Bearer "));
        bearer
            .or_else(|| self.signer())
            .or_else(|| self.header("x-api-key"))
            .or_else(|| self.header("api-key"))
            .or_else(|| self.header("x-goog-api-key"))
            .unwrap_or("")
    }
}

/// Why no request was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unread {
    /// The caller hung up, or idled too long between requests.
    Gone,
    /// It is refused with this status, and why; the connection ends.
    Refused(u16, &'static str),
}

impl From<Gone> for Unread {
    fn from(_: Gone) -> Self {
        Self::Gone
    }
}

/// Reads the next request of a connection.
pub(super) async fn read(wire: &mut Wire) -> Result<Request, Unread> {
    if wire.inbox.is_empty() {
        timeout(KEEP_ALIVE, wire.read()).await.map_err(|_| Unread::Gone)??;
    }
    match timeout(REQUEST_TIMEOUT, read_whole(wire)).await {
        Ok(request) => request,
        Err(_) => Err(Unread::Refused(408, "the request took too long to arrive")),
    }
}

async fn read_whole(wire: &mut Wire) -> Result<Request, Unread> {
    let head_length = loop {
        if let Some(end) = memmem::find(&wire.inbox, b"\r\n\r\n") {
            break end + 4;
        }
        if wire.inbox.len() > HEAD_BYTES_MAX {
            return Err(Unread::Refused(431, "the request head is too large"));
        }
        wire.read().await?;
    };
    let (mut request, length) = parse_head(&wire.inbox[..head_length])?;
    wire.inbox.drain(..head_length);
    if request.header("expect").is_some_and(|value| value.eq_ignore_ascii_case("100-continue")) {
        wire.outbox().extend_from_slice(b"HTTP/1.1 100 Continue\r\n\r\n");
        wire.flush().await?;
    }
    request.body = match length {
        Length::Known(length) => read_known(wire, length).await?,
        Length::Chunked => read_chunked(wire).await?,
    };
    Ok(request)
}

enum Length {
    Known(usize),
    Chunked,
}

fn parse_head(head: &[u8]) -> Result<(Request, Length), Unread> {
    let mut slots = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut parsed = httparse::Request::new(&mut slots);
    match parsed.parse(head) {
        Ok(httparse::Status::Complete(_)) => {}
        Err(httparse::Error::TooManyHeaders) => {
            return Err(Unread::Refused(431, "too many headers"));
        }
        Ok(httparse::Status::Partial) | Err(_) => {
            return Err(Unread::Refused(400, "not an HTTP request"));
        }
    }
    let is_http_10 = parsed.version == Some(0);
    let headers: Vec<(String, String)> = parsed
        .headers
        .iter()
        .map(|header| (header.name.to_ascii_lowercase(), String::from_utf8_lossy(header.value).into_owned()))
        .collect();
    let request = Request {
        method: parsed.method.unwrap_or_default().to_owned(),
        path: parsed.path.unwrap_or_default().to_owned(),
        keeps_alive: keeps_alive(&headers, is_http_10),
        headers,
        body: Bytes::new(),
        is_http_10,
    };
    let length = body_length(&request)?;
    Ok((request, length))
}

fn keeps_alive(headers: &[(String, String)], is_http_10: bool) -> bool {
    let says = |word: &str| {
        headers.iter().any(|(name, value)| {
            name == "connection" && value.split(',').any(|token| token.trim().eq_ignore_ascii_case(word))
        })
    };
    if is_http_10 { says("keep-alive") } else { !says("close") }
}

fn body_length(request: &Request) -> Result<Length, Unread> {
    if let Some(coding) = request.header("transfer-encoding") {
        return if coding.eq_ignore_ascii_case("chunked") {
            Ok(Length::Chunked)
        } else {
            Err(Unread::Refused(501, "only chunked transfer-encoding is known"))
        };
    }
    match request.header("content-length").map(str::parse::<usize>) {
        None => Ok(Length::Known(0)),
        Some(Ok(length)) if length <= BODY_BYTES_MAX => Ok(Length::Known(length)),
        Some(Ok(_)) => Err(Unread::Refused(413, "the request body is too large")),
        Some(Err(_)) => Err(Unread::Refused(400, "content-length is not a number")),
    }
}

async fn read_known(wire: &mut Wire, length: usize) -> Result<Bytes, Unread> {
    while wire.inbox.len() < length {
        wire.read().await?;
    }
    let rest = wire.inbox.split_off(length);
    Ok(Bytes::from(std::mem::replace(&mut wire.inbox, rest)))
}

async fn read_chunked(wire: &mut Wire) -> Result<Bytes, Unread> {
    let mut body = Vec::new();
    loop {
        let (head, size) = loop {
            match httparse::parse_chunk_size(&wire.inbox) {
                Ok(httparse::Status::Complete((head, size))) => {
                    break (head, usize::try_from(size).unwrap_or(usize::MAX));
                }
                Ok(httparse::Status::Partial) if wire.inbox.len() < CHUNK_HEAD_MAX => {
                    wire.read().await?;
                }
                Ok(httparse::Status::Partial) | Err(_) => {
                    return Err(Unread::Refused(400, "a chunk has no size"));
                }
            }
        };
        if size.saturating_add(body.len()) > BODY_BYTES_MAX {
            return Err(Unread::Refused(413, "the request body is too large"));
        }
        let end = head + size + 2;
        while wire.inbox.len() < end {
            wire.read().await?;
        }
        body.extend_from_slice(&wire.inbox[head..head + size]);
        wire.inbox.drain(..end);
        if size == 0 {
            return Ok(body.into());
        }
    }
}

/// How the end of a response body is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    Length(usize),
    Chunked,
    UntilClose,
}

impl Framing {
    /// For a body whose length is not known beforehand.
    pub(super) fn unknown_length(is_http_10: bool) -> Self {
        if is_http_10 { Self::UntilClose } else { Self::Chunked }
    }

    /// Writes a part of the body.
    pub(super) fn write(self, out: &mut Vec<u8>, part: &[u8]) {
        match self {
            Self::Length(_) | Self::UntilClose => out.extend_from_slice(part),
            // An empty chunk would be the end.
            Self::Chunked if part.is_empty() => {}
            Self::Chunked => {
                write!(out, "{:x}\r\n", part.len()).expect("writing to memory cannot fail");
                out.extend_from_slice(part);
                out.extend_from_slice(b"\r\n");
            }
        }
    }

    /// Ends the body.
    pub(super) fn end(self, out: &mut Vec<u8>) {
        if self == Self::Chunked {
            out.extend_from_slice(b"0\r\n\r\n");
        }
    }
}

/// A response head.
#[derive(Debug)]
pub(super) struct Head<'a> {
    pub(super) status: u16,
    pub(super) content_type: &'a str,
    pub(super) framing: Framing,
    pub(super) keeps_alive: bool,
    pub(super) headers: &'a [(&'a str, &'a str)],
}

impl Head<'_> {
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let cannot_fail = "writing to memory cannot fail";
        write!(out, "HTTP/1.1 {} {}\r\n", self.status, reason(self.status)).expect(cannot_fail);
        write!(out, "content-type: {}\r\nserver: rehearsal\r\n", self.content_type).expect(cannot_fail);
        match self.framing {
            Framing::Length(length) => {
                write!(out, "content-length: {length}\r\n").expect(cannot_fail);
            }
            Framing::Chunked => out.extend_from_slice(b"transfer-encoding: chunked\r\n"),
            Framing::UntilClose => {}
        }
        if !self.keeps_alive || self.framing == Framing::UntilClose {
            out.extend_from_slice(b"connection: close\r\n");
        }
        for (name, value) in self.headers {
            write!(out, "{name}: {value}\r\n").expect(cannot_fail);
        }
        out.extend_from_slice(b"\r\n");
    }
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        413 => "Content Too Large",
        422 => "Unprocessable Content",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "Rehearsed",
    }
}

/// RFC 3986 §2.1; what is not an escape stays as it is.
pub(super) fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let escaped = (byte == b'%').then(|| text_digits(after)).flatten();
        bytes.push(escaped.unwrap_or(byte));
        rest = if escaped.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn text_digits(after: &[u8]) -> Option<u8> {
    let digits = std::str::from_utf8(after.get(..2)?).ok()?;
    u8::from_str_radix(digits, 16).ok()
}

const HEADERS_MAX: usize = 256;
const HEAD_BYTES_MAX: usize = 128 * 1024;
const BODY_BYTES_MAX: usize = 32 * 1024 * 1024;
const CHUNK_HEAD_MAX: usize = 1024;
/// An idle connection is kept this long.
const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// A request that began has this long to arrive.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);
