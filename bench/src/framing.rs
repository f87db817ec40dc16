//! HTTP/1.1 framing: where a head ends, and which bytes after it belong to the body (RFC 9112, sections 6 and 7).

mod body;

use std::fmt;

pub(crate) use body::BodyDecoder;

/// A head larger than this is refused, in bytes.
pub(crate) const HEAD_LIMIT: usize = 16 * 1024;
const HEADERS_LIMIT: usize = 64;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum FramingFault {
    HeadTooLarge,
    Head(httparse::Error),
    ContentLength,
    ChunkSize,
    ChunkEnd,
    /// The peer closed before the body was whole.
    EndedEarly,
}

impl fmt::Display for FramingFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HeadTooLarge => write!(f, "head is larger than {HEAD_LIMIT} bytes"),
            Self::Head(source) => write!(f, "head: {source}"),
            Self::ContentLength => f.write_str("content-length is not a number"),
            Self::ChunkSize => f.write_str("chunk size is not a hexadecimal number"),
            Self::ChunkEnd => f.write_str("chunk does not end where its size says"),
            Self::EndedEarly => f.write_str("connection closed before the body was whole"),
        }
    }
}

#[derive(Debug, PartialEq)]
pub(crate) struct ResponseHead {
    pub(crate) status: u16,
    pub(crate) keep_alive: bool,
    pub(crate) body: BodyDecoder,
    /// Bytes of the head, including the empty line.
    pub(crate) length: usize,
}

#[derive(Debug, PartialEq)]
pub(crate) struct RequestHead {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) keep_alive: bool,
    pub(crate) body: BodyDecoder,
    /// Bytes of the head, including the empty line.
    pub(crate) length: usize,
}

/// Parses the head at the start of `input`; `None` asks for more bytes.
pub(crate) fn parse_response(input: &[u8]) -> Result<Option<ResponseHead>, FramingFault> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_LIMIT];
    let mut head = httparse::Response::new(&mut headers);
    let length = match head.parse(input).map_err(FramingFault::Head)? {
        httparse::Status::Complete(length) => length,
        httparse::Status::Partial => return need_more(input),
    };
    let status = head.code.unwrap_or(0);
    let framing = Framing::read(head.headers)?;
    let body = match (status, framing.chunked, framing.content_length) {
        (100..=199 | 204 | 304, _, _) => BodyDecoder::fixed(0),
        (_, true, _) => BodyDecoder::chunked(),
        (_, false, Some(length)) => BodyDecoder::fixed(length),
        (_, false, None) => BodyDecoder::until_close(),
    };
    Ok(Some(ResponseHead { status, keep_alive: !framing.close, body, length }))
}

/// Parses the head at the start of `input`; `None` asks for more bytes.
pub(crate) fn parse_request(input: &[u8]) -> Result<Option<RequestHead>, FramingFault> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_LIMIT];
    let mut head = httparse::Request::new(&mut headers);
    let length = match head.parse(input).map_err(FramingFault::Head)? {
        httparse::Status::Complete(length) => length,
        httparse::Status::Partial => return need_more(input),
    };
    let framing = Framing::read(head.headers)?;
    Ok(Some(RequestHead {
        method: head.method.unwrap_or_default().to_owned(),
        target: head.path.unwrap_or_default().to_owned(),
        keep_alive: !framing.close,
        body: if framing.chunked {
            BodyDecoder::chunked()
        } else {
            BodyDecoder::fixed(framing.content_length.unwrap_or(0))
        },
        length,
    }))
}

fn need_more<T>(input: &[u8]) -> Result<Option<T>, FramingFault> {
    if input.len() > HEAD_LIMIT { Err(FramingFault::HeadTooLarge) } else { Ok(None) }
}

struct Framing {
    chunked: bool,
    content_length: Option<u64>,
    close: bool,
}

impl Framing {
    fn read(headers: &[httparse::Header<'_>]) -> Result<Self, FramingFault> {
        let mut framing = Self { chunked: false, content_length: None, close: false };
        for header in headers {
            let value = std::str::from_utf8(header.value).unwrap_or_default().trim();
            if header.name.eq_ignore_ascii_case("transfer-encoding") {
                framing.chunked = value.to_ascii_lowercase().ends_with("chunked");
            } else if header.name.eq_ignore_ascii_case("content-length") {
                framing.content_length = Some(value.parse().map_err(|_| FramingFault::ContentLength)?);
            } else if header.name.eq_ignore_ascii_case("connection") {
                framing.close = value.eq_ignore_ascii_case("close");
            }
        }
        Ok(framing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn response_heads_say_how_their_body_ends() {
        let fixed = b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabc";
        let head = parse_response(fixed).unwrap().unwrap();
        assert_eq!((head.status, head.keep_alive, head.length), (200, true, fixed.len() - 3));
        assert_eq!(head.body, BodyDecoder::fixed(3));

        let chunked = b"HTTP/1.1 502 Bad\r\nTransfer-Encoding: Chunked\r\nConnection: close\r\n\r\n";
        let head = parse_response(chunked).unwrap().unwrap();
        assert_eq!((head.status, head.keep_alive), (502, false));
        assert_eq!(head.body, BodyDecoder::chunked());

        let open = parse_response(b"HTTP/1.0 200 OK\r\n\r\n").unwrap().unwrap();
        assert_eq!(open.body, BodyDecoder::until_close());
        let silent = parse_response(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap().unwrap();
        assert!(silent.body.is_whole());
    }

    #[test]
    fn an_unfinished_head_asks_for_more_until_the_limit() {
        assert_eq!(parse_response(b"HTTP/1.1 200 OK\r\ncontent-le"), Ok(None));
        let endless = [b"HTTP/1.1 200 OK\r\na: ".as_slice(), &vec![b'x'; HEAD_LIMIT]].concat();
        assert_eq!(parse_response(&endless), Err(FramingFault::HeadTooLarge));
    }

    #[test]
    fn request_heads_carry_target_and_length() {
        let head = parse_request(b"POST /v1/x HTTP/1.1\r\nContent-Length: 9\r\n\r\n").unwrap().unwrap();
        assert_eq!((head.method.as_str(), head.target.as_str()), ("POST", "/v1/x"));
        assert_eq!(head.body, BodyDecoder::fixed(9));
        let bad = parse_request(b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n");
        assert_eq!(bad, Err(FramingFault::ContentLength));
    }
}
