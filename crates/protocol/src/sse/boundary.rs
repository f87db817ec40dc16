//! Finds where events end: at a blank line, whichever way lines end.

use memchr::memchr2;

use super::{Limits, SseFault};

/// Follows lines across pieces.
#[derive(Debug, Default)]
pub(super) struct Boundary {
    limits: Limits,
    /// Bytes of the current line so far, its end not counted.
    line: usize,
    /// Bytes of the current event so far.
    event: usize,
    before: LineEnd,
    state: State,
}

/// How the line before this one ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum LineEnd {
    #[default]
    Unknown,
    LoneCr,
    Other,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    InLine,
    /// A line ended with CR; an LF right after it belongs to that end.
    AfterCr,
    /// A blank line ended with CR. Where lines do not end with lone CRs, its LF is waited for, so that an
    /// event of a CRLF stream is given whole, under every split of the bytes.
    Ending,
}

/// What a piece held.
pub(super) enum Found {
    /// The event ends after so many bytes of the piece.
    End(usize),
    Nothing,
}

impl Boundary {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// Reads on. After `End(n)` go on with what follows the `n` bytes; after `Nothing` with the next piece.
    pub(super) fn advance(&mut self, piece: &[u8]) -> Result<Found, SseFault> {
        let mut at = 0;
        loop {
            let Some(first) = piece.get(at) else { return Ok(Found::Nothing) };
            match self.state {
                State::InLine => {}
                State::AfterCr => {
                    self.state = State::InLine;
                    if *first == b'\n' {
                        self.before = if self.event > 0 { LineEnd::Other } else { LineEnd::LoneCr };
                        self.take(1)?;
                        at += 1;
                        continue;
                    }
                }
                State::Ending => {
                    let lf = usize::from(*first == b'\n');
                    self.take(lf)?;
                    self.end(State::InLine);
                    return Ok(Found::End(at + lf));
                }
            }
            let Some(length) = memchr2(b'\n', b'\r', &piece[at..]) else {
                let rest = piece.len() - at;
                self.grow_line(rest)?;
                return Ok(Found::Nothing);
            };
            self.grow_line(length)?;
            self.take(1)?;
            let is_blank = self.line == 0;
            let is_cr = piece[at + length] == b'\r';
            at += length + 1;
            match (is_blank, is_cr) {
                (true, true) if self.before == LineEnd::LoneCr => {
                    self.end(State::AfterCr);
                    return Ok(Found::End(at));
                }
                (true, true) => self.state = State::Ending,
                (true, false) => {
                    self.end(State::InLine);
                    return Ok(Found::End(at));
                }
                (false, true) => {
                    self.before = LineEnd::LoneCr;
                    self.state = State::AfterCr;
                }
                (false, false) => self.before = LineEnd::Other,
            }
            self.line = 0;
        }
    }

    fn end(&mut self, state: State) {
        (self.line, self.event, self.state) = (0, 0, state);
        self.before = LineEnd::Unknown;
    }

    fn grow_line(&mut self, bytes: usize) -> Result<(), SseFault> {
        self.line += bytes;
        if self.line > self.limits.line {
            return Err(SseFault::LineTooLong { limit: self.limits.line });
        }
        self.take(bytes)
    }

    fn take(&mut self, bytes: usize) -> Result<(), SseFault> {
        self.event += bytes;
        if self.event > self.limits.event {
            return Err(SseFault::EventTooLong { limit: self.limits.event });
        }
        Ok(())
    }
}
