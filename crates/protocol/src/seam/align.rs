//! Finds in the text that comes where it is new.
//!
//! White space at the seam follows one rule, whatever the way. A prefill ends before the white space that was shown last,
//! since several servers cut it off and some refuse it, so the next model says it again, or as much of it as it likes.
//! Of the run of white space that comes at the seam, what begins as the shown run does is not said twice; the rest of it
//! is new. So `a\n` and then `\n\nb` are `a\n\nb`, `a ` and ` b` are `a b`, `a ` and `b` are `a b`, and `a` and ` b` are
//! `a b`.

use super::{
    ALIKE_MIN, ECHO_MIN, Way, letters,
    overlap::{Overlap, Verdict},
    period::{self, is_periodic},
    repeat::{Repeat, Step},
};
use crate::chat::{StreamFault, Text};

/// What is held is a repetition of what was shown: written in escapes it takes six times as much, and white space may
/// come in longer runs than it was shown in.
const HELD_TIMES: usize = 6;
const HELD_SPACE: usize = 4096;

/// The way of the text of one answer past what was shown of another.
#[derive(Clone, Debug)]
pub(super) struct Align {
    /// What was shown, without the white space that it began with.
    shown: String,
    /// Where in it the white space at its end begins.
    core: usize,
    /// The first half of a character whose other half was not shown.
    half: Option<u16>,
    state: State,
    /// What came and is not yet known to be new, as written.
    held: String,
    /// The first half of a character at the end of what came.
    unread: String,
    /// Bytes that were not passed on.
    repeated: u64,
}

#[derive(Clone, Debug)]
enum State {
    /// What was shown must come first.
    Again(Repeat),
    /// What was shown may come first; where it `is_sure` to be an echo when it does, it is left out.
    Echo { repeat: Repeat, is_sure: bool },
    /// The end of what was shown may come first.
    Overlap(Box<Overlap>),
    /// White space that was shown may come, up to this byte of it; `is_due` when some must.
    Space { at: usize, is_due: bool },
    /// All that comes is new.
    Through,
}

/// What one letter is.
enum Found {
    /// Known before or not yet known.
    Held,
    /// Everything from it on is new.
    New,
    /// Nothing that was held was a repetition.
    Released,
    /// So many bytes of what was held were a repetition.
    Split(usize),
}

impl Align {
    pub(super) fn new(shown: &str, half: Option<u16>, way: Way) -> Self {
        let shown = shown.trim_start().to_owned();
        let core = shown.trim_end().len();
        let letters = period::letters(&shown);
        let count = letters.chars().count();
        let is_long = count >= ALIKE_MIN;
        let echo = |is_sure| State::Echo { repeat: Repeat::from(0), is_sure };
        let state = match way {
            _ if core == 0 => State::Space { at: 0, is_due: false },
            Way::Again => State::Again(Repeat::from(0)),
            Way::Prefill { echoes: true } => echo(true),
            // Of a rule, or of rows alike, there may be more; a server that is not known to give a beginning back is believed.
            Way::Prefill { echoes: false } if is_long && !is_periodic(&letters) => echo(count >= ECHO_MIN),
            Way::Prompt if is_long => State::Overlap(Box::new(Overlap::new(&shown[..core]))),
            Way::Prefill { .. } | Way::Prompt => State::Space { at: core, is_due: false },
        };
        Self { shown, core, half, state, held: String::new(), unread: String::new(), repeated: 0 }
    }

    /// Bytes, as written, that were not passed on because they had been shown.
    pub(super) fn repeated(&self) -> u64 {
        self.repeated
    }

    /// Whether all that comes is new.
    pub(super) fn is_through(&self) -> bool {
        matches!(self.state, State::Through) && self.half.is_none() && self.unread.is_empty()
    }

    /// Takes the next piece and gives what of it, and of what was held, is new.
    pub(super) fn push(&mut self, text: &Text<'_>) -> Result<Text<'static>, StreamFault> {
        let mut whole = std::mem::take(&mut self.unread);
        whole.push_str(text.written());
        if let Some((_, at)) = letters::open_half(&whole) {
            self.unread = whole.split_off(at);
        }
        let mut new = String::new();
        self.read(&whole, &mut new)?;
        if self.held.len() > HELD_TIMES * self.shown.len() + HELD_SPACE {
            return Err(StreamFault::TooMuch("what is held at a seam"));
        }
        if matches!(self.state, State::Through) && self.half.is_none() {
            new.push_str(&std::mem::take(&mut self.unread));
        }
        Ok(Text::of_written(new))
    }

    /// Gives what was held, when nothing more comes.
    pub(super) fn finish(&mut self) -> Result<Text<'static>, StreamFault> {
        let mut new = String::new();
        let unread = std::mem::take(&mut self.unread);
        self.read(&unread, &mut new)?;
        let found = match &mut self.state {
            State::Again(_) => return Err(StreamFault::Diverged),
            State::Echo { repeat, .. } if repeat.letters() >= ALIKE_MIN => return Err(StreamFault::Diverged),
            State::Echo { .. } => Found::Released,
            State::Overlap(overlap) => split(overlap.finish(&self.shown, self.core, &self.held))?,
            State::Space { .. } | State::Through => Found::Held,
        };
        self.settle(&found, &mut new)?;
        self.state = State::Through;
        // Half a character is no end of an answer.
        if self.half.is_some() { Err(StreamFault::Diverged) } else { Ok(Text::of_written(new)) }
    }

    fn read(&mut self, written: &str, new: &mut String) -> Result<(), StreamFault> {
        let mut rest = written;
        while let Some(letter) = letters::first(rest) {
            if matches!(self.state, State::Through) {
                return self.pass(rest, new);
            }
            let (this, after) = rest.split_at(letter.length);
            match self.next(letter.value, this)? {
                Found::New => continue,
                found => self.settle(&found, new)?,
            }
            rest = after;
        }
        Ok(())
    }

    /// Learns what one letter is; `New` has not taken it.
    fn next(&mut self, letter: char, written: &str) -> Result<Found, StreamFault> {
        let Self { shown, core, state, held, repeated, .. } = self;
        let text = &shown[..*core];
        let length = written.len() as u64;
        match state {
            State::Again(repeat) => {
                *repeated += length;
                match repeat.next(text, letter) {
                    Step::Other => return Err(StreamFault::Diverged),
                    Step::Whole => *state = State::Space { at: *core, is_due: *core < shown.len() },
                    Step::Alike => {}
                }
                Ok(Found::Held)
            }
            State::Echo { repeat, is_sure } => {
                held.push_str(written);
                match repeat.next(text, letter) {
                    Step::Alike => Ok(Found::Held),
                    Step::Whole if *is_sure => Ok(Found::Split(held.len())),
                    Step::Whole => Err(StreamFault::Diverged),
                    Step::Other if repeat.letters() >= ALIKE_MIN => Err(StreamFault::Diverged),
                    Step::Other => Ok(Found::Released),
                }
            }
            State::Overlap(overlap) => {
                held.push_str(written);
                split(overlap.next(shown, *core, letter, held))
            }
            State::Space { at, is_due } => {
                if letter.is_whitespace() && shown[*at..].starts_with(letter) {
                    (*at, *is_due) = (*at + letter.len_utf8(), false);
                    *repeated += length;
                    return Ok(Found::Held);
                }
                if *is_due && !letter.is_whitespace() {
                    return Err(StreamFault::Diverged);
                }
                *state = State::Through;
                Ok(Found::New)
            }
            State::Through => Ok(Found::New),
        }
    }

    /// Acts on what was found out about what is held.
    fn settle(&mut self, found: &Found, new: &mut String) -> Result<(), StreamFault> {
        let known = match found {
            Found::Held | Found::New => return Ok(()),
            Found::Released => 0,
            Found::Split(length) => *length,
        };
        let held = std::mem::take(&mut self.held);
        self.repeated += known as u64;
        self.state = State::Space { at: self.core, is_due: false };
        self.read(&held[known..], new)
    }

    /// Passes on what is new. A character of which half was shown goes on with its other half.
    fn pass(&mut self, written: &str, new: &mut String) -> Result<(), StreamFault> {
        let mut rest = written;
        if let Some(half) = self.half.take() {
            let letter = letters::first(rest).expect("what is passed on is not empty");
            new.push_str(&letters::other_half(letter.value, half).ok_or(StreamFault::Diverged)?);
            rest = &rest[letter.length..];
        }
        new.push_str(rest);
        Ok(())
    }
}

fn split(verdict: Verdict) -> Result<Found, StreamFault> {
    match verdict {
        Verdict::Open => Ok(Found::Held),
        Verdict::Repeated(length) => Ok(Found::Split(length)),
        Verdict::Diverged => Err(StreamFault::Diverged),
    }
}
