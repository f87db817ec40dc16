//! Bodies: of a known length, in chunks, or until the connection closes.

use super::FramingFault;

/// Takes a body out of its framing, however the bytes were cut on the way.
#[derive(Debug, PartialEq)]
pub(crate) struct BodyDecoder {
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    Fixed { left: u64 },
    UntilClose,
    Size { value: u64, digits: u8, extension: bool },
    Chunk { left: u64 },
    ChunkEnd,
    Trailer { line_empty: bool },
    Whole,
}

const SIZE: State = State::Size { value: 0, digits: 0, extension: false };

impl BodyDecoder {
    pub(crate) fn fixed(length: u64) -> Self {
        Self { state: if length == 0 { State::Whole } else { State::Fixed { left: length } } }
    }

    pub(crate) fn chunked() -> Self {
        Self { state: SIZE }
    }

    pub(crate) fn until_close() -> Self {
        Self { state: State::UntilClose }
    }

    pub(crate) fn is_whole(&self) -> bool {
        self.state == State::Whole
    }

    /// Passes the payload in `input` to `sink` and returns how many bytes belonged to this body.
    pub(crate) fn feed(&mut self, input: &[u8], mut sink: impl FnMut(&[u8])) -> Result<usize, FramingFault> {
        let mut at = 0;
        while at < input.len() && !self.is_whole() {
            at += self.step(&input[at..], &mut sink)?;
        }
        Ok(at)
    }

    /// Says whether the body is whole now that the peer has closed.
    pub(crate) fn close(&mut self) -> Result<(), FramingFault> {
        match self.state {
            State::UntilClose | State::Whole => {
                self.state = State::Whole;
                Ok(())
            }
            State::Fixed { .. }
            | State::Size { .. }
            | State::Chunk { .. }
            | State::ChunkEnd
            | State::Trailer { .. } => Err(FramingFault::EndedEarly),
        }
    }

    /// Consumes at least one byte of a non-empty `input`.
    fn step(&mut self, input: &[u8], sink: &mut impl FnMut(&[u8])) -> Result<usize, FramingFault> {
        let first = input[0];
        let (taken, next) = match self.state {
            State::Whole => (0, State::Whole),
            State::UntilClose => {
                sink(input);
                (input.len(), State::UntilClose)
            }
            State::Fixed { left } => {
                let taken = pass(input, left, sink);
                let left = left - taken as u64;
                (taken, if left == 0 { State::Whole } else { State::Fixed { left } })
            }
            State::Chunk { left } => {
                let taken = pass(input, left, sink);
                let left = left - taken as u64;
                (taken, if left == 0 { State::ChunkEnd } else { State::Chunk { left } })
            }
            State::Size { value, digits, extension } => (1, size_byte(first, value, digits, extension)?),
            State::ChunkEnd => match first {
                b'\r' => (1, State::ChunkEnd),
                b'\n' => (1, SIZE),
                _ => return Err(FramingFault::ChunkEnd),
            },
            State::Trailer { line_empty } => match first {
                b'\n' if line_empty => (1, State::Whole),
                b'\n' => (1, State::Trailer { line_empty: true }),
                b'\r' => (1, State::Trailer { line_empty }),
                _ => (1, State::Trailer { line_empty: false }),
            },
        };
        self.state = next;
        Ok(taken)
    }
}

fn pass(input: &[u8], left: u64, sink: &mut impl FnMut(&[u8])) -> usize {
    let taken = usize::try_from(left).unwrap_or(usize::MAX).min(input.len());
    sink(&input[..taken]);
    taken
}

fn size_byte(byte: u8, value: u64, digits: u8, extension: bool) -> Result<State, FramingFault> {
    match byte {
        b'\r' => Ok(State::Size { value, digits, extension }),
        b'\n' if digits == 0 => Err(FramingFault::ChunkSize),
        b'\n' if value == 0 => Ok(State::Trailer { line_empty: true }),
        b'\n' => Ok(State::Chunk { left: value }),
        b';' | b' ' => Ok(State::Size { value, digits, extension: true }),
        _ if extension => Ok(State::Size { value, digits, extension }),
        // Fifteen digits cannot overflow, and no sender here has chunks of that size.
        _ if digits == 15 => Err(FramingFault::ChunkSize),
        _ => {
            let digit = char::from(byte).to_digit(16).ok_or(FramingFault::ChunkSize)?;
            Ok(State::Size { value: value * 16 + u64::from(digit), digits: digits + 1, extension })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds `bytes` in pieces of every size; the payload, and what was left over, must not depend on the cuts.
    #[track_caller]
    fn check(decoder: fn() -> BodyDecoder, bytes: &str, expected: Result<(&str, &str), FramingFault>) {
        for piece in 1..=bytes.len() {
            let outcome = decode(decoder(), bytes.as_bytes(), piece);
            let expected = expected.map(|(body, rest)| (body.as_bytes().to_vec(), rest.len()));
            assert_eq!(outcome, expected, "{bytes:?} in pieces of {piece}");
        }
    }

    fn decode(mut decoder: BodyDecoder, bytes: &[u8], piece: usize) -> Result<(Vec<u8>, usize), FramingFault> {
        let (mut body, mut consumed) = (Vec::new(), 0);
        for part in bytes.chunks(piece) {
            consumed += decoder.feed(part, |payload| body.extend_from_slice(payload))?;
            if decoder.is_whole() {
                return Ok((body, bytes.len() - consumed));
            }
        }
        decoder.close()?;
        Ok((body, bytes.len() - consumed))
    }

    #[test]
    fn bodies_come_out_of_their_framing_at_every_cut() {
        check(|| BodyDecoder::fixed(5), "helloHTTP", Ok(("hello", "HTTP")));
        check(|| BodyDecoder::fixed(0), "next", Ok(("", "next")));
        check(BodyDecoder::until_close, "anything", Ok(("anything", "")));
        check(BodyDecoder::chunked, "5\r\nhello\r\n0\r\n\r\nHTTP", Ok(("hello", "HTTP")));
        check(BodyDecoder::chunked, "A;x=y\r\n0123456789\r\n1\r\n!\r\n0\r\n\r\n", Ok(("0123456789!", "")));
        check(BodyDecoder::chunked, "0\r\ntrailer: 1\r\nother: 2\r\n\r\nrest", Ok(("", "rest")));
    }

    #[test]
    fn broken_framing_is_named() {
        check(|| BodyDecoder::fixed(5), "hell", Err(FramingFault::EndedEarly));
        check(BodyDecoder::chunked, "5\r\nhello\r\n", Err(FramingFault::EndedEarly));
        check(BodyDecoder::chunked, "5\r\nhelloX", Err(FramingFault::ChunkEnd));
        check(BodyDecoder::chunked, "\r\nhello", Err(FramingFault::ChunkSize));
        check(BodyDecoder::chunked, "g\r\n", Err(FramingFault::ChunkSize));
        check(BodyDecoder::chunked, "1111111111111111\r\n", Err(FramingFault::ChunkSize));
    }
}
