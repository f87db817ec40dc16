//! Reads the fields of one whole block.

use bytes::Bytes;
use memchr::{memchr, memchr2};

use super::Event;

/// Splits a block into its fields. The stream's first block may begin with a byte order mark.
pub(super) fn read(raw: Bytes, is_first: bool) -> Event {
    let mut rest: &[u8] = &raw;
    if is_first {
        rest = rest.strip_prefix(b"\xef\xbb\xbf").unwrap_or(rest);
    }
    let mut data = Data::None;
    let mut name = None;
    while !rest.is_empty() {
        let (line, after) = split_line(rest);
        rest = after;
        let (field, value) = split_field(line);
        match field {
            b"data" => data.add(&raw, value),
            b"event" => name = Some(raw.slice_ref(value)),
            _ => {}
        }
    }
    let data = data.joined();
    Event { raw, data, name }
}

fn split_line(text: &[u8]) -> (&[u8], &[u8]) {
    let Some(end) = memchr2(b'\n', b'\r', text) else { return (text, b"") };
    let is_crlf = text[end..].starts_with(b"\r\n");
    (&text[..end], &text[end + 1 + usize::from(is_crlf)..])
}

/// A line without a colon is a field without a value; one that begins with a colon is a comment.
fn split_field(line: &[u8]) -> (&[u8], &[u8]) {
    let Some(colon) = memchr(b':', line) else { return (line, &line[line.len()..]) };
    let value = &line[colon + 1..];
    (&line[..colon], value.strip_prefix(b" ").unwrap_or(value))
}

/// The data lines so far. One line stays where it is; only several are copied.
enum Data {
    None,
    One(Bytes),
    Many(Vec<u8>),
}

impl Data {
    fn add(&mut self, raw: &Bytes, line: &[u8]) {
        match self {
            Self::None => *self = Self::One(raw.slice_ref(line)),
            Self::One(first) => *self = Self::Many([first, line].join(&b'\n')),
            Self::Many(lines) => {
                lines.push(b'\n');
                lines.extend_from_slice(line);
            }
        }
    }

    fn joined(self) -> Option<Bytes> {
        match self {
            Self::None => None,
            Self::One(line) => Some(line),
            Self::Many(lines) => Some(lines.into()),
        }
    }
}
