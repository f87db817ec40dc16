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
        let mut body = Self { buffer, expect, keeps_alive: head.keeps_alive, connection };
        body.give_back_if_read();
        body
    }

    /// Everything that has arrived, or the first piece that does; `None` is the body's true end.
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
            let Some(connection) = &mut self.connection else { return Ok(None) };
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

    /// Whether the body was read to its true end.
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
