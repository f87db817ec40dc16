//! Finds the end of what was shown at the beginning of what comes.

use std::ops::Range;

use super::{
    ALIKE_MIN, ECHO_MIN, letters,
    period::{self, is_periodic},
    repeat::{Repeat, Step},
};

/// How far back a repetition may begin, in characters: a few sentences, which is what models repeat to find their place.
const WINDOW: usize = 400;

/// All beginnings of a repetition that are still possible, and the longest that was whole.
#[derive(Clone, Debug)]
pub(super) struct Overlap {
    alive: Vec<Repeat>,
    /// Where it began, and how many bytes of what comes it took.
    found: Option<(usize, usize)>,
    /// Letters of a repetition from the very start that came to nothing.
    from_start: usize,
}

/// What is known by now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// More has to come.
    Open,
    /// So many bytes of what came are a repetition; 0 for none.
    Repeated(usize),
    /// It began as what was shown did, and went another way.
    Diverged,
}

impl Overlap {
    /// `text` is what was shown, without white space at its ends.
    pub(super) fn new(text: &str) -> Self {
        let window = text.char_indices().rev().take(WINDOW);
        // What is shorter than `ALIKE_MIN` proves nothing.
        let places = window.filter(|(_, letter)| !letter.is_whitespace()).skip(ALIKE_MIN - 1).map(|(at, _)| at);
        let mut alive: Vec<Repeat> = places.map(Repeat::from).collect();
        let is_long = text.chars().filter(|letter| !letter.is_whitespace()).nth(ALIKE_MIN - 1).is_some();
        if is_long && alive.last().is_none_or(|first| first.start() > 0) {
            alive.push(Repeat::from(0));
        }
        Self { alive, found: None, from_start: 0 }
    }

    /// Takes the next letter, the last of what `came`. `core` is where the white space at the end of what was shown begins.
    pub(super) fn next(&mut self, shown: &str, core: usize, letter: char, came: &str) -> Verdict {
        let text = &shown[..core];
        let Self { alive, found, from_start } = self;
        alive.retain_mut(|repeat| match repeat.next(text, letter) {
            Step::Alike => true,
            Step::Whole => {
                // The longer one is the likelier.
                if found.is_none_or(|(start, _)| repeat.start() < start) {
                    *found = Some((repeat.start(), came.len()));
                }
                false
            }
            Step::Other => {
                if repeat.start() == 0 {
                    *from_start = repeat.letters();
                }
                false
            }
        });
        if let Some((start, _)) = *found {
            alive.retain(|repeat| repeat.start() < start);
        }
        if alive.is_empty() { self.verdict(shown, core, came) } else { Verdict::Open }
    }

    /// What it is when nothing more comes.
    pub(super) fn finish(&mut self, shown: &str, core: usize, came: &str) -> Verdict {
        if let Some(repeat) = self.alive.iter().find(|repeat| repeat.start() == 0) {
            self.from_start = repeat.letters();
        }
        self.alive.clear();
        self.verdict(shown, core, came)
    }

    fn verdict(&self, shown: &str, core: usize, came: &str) -> Verdict {
        match self.found {
            Some((start, _)) if may_be_meant(shown, start..core, came) => Verdict::Diverged,
            Some((_, length)) => Verdict::Repeated(length),
            None if self.from_start >= ALIKE_MIN => Verdict::Diverged,
            None => Verdict::Repeated(0),
        }
    }
}

/// Whether the repetition of this end of what was shown may be one that the model means: of something that it has said
/// more than once before, or of whole lines on a new line, such as the rows of a table.
fn may_be_meant(shown: &str, end: Range<usize>, came: &str) -> bool {
    let (text, repeated) = (period::letters(&shown[..end.end]), period::letters(&shown[end.clone()]));
    let is_again = text.find(&repeated).is_some_and(|first| first + repeated.len() < text.len());
    let is_on_new_line = shown[end.end..].contains('\n') || begins_line(came);
    let before = shown[..end.start].trim_end_matches(|letter: char| letter.is_whitespace() && letter != '\n');
    // A long beginning that comes again is an answer begun anew.
    let is_line = match end.start {
        0 => repeated.chars().count() < ECHO_MIN,
        _ => before.ends_with('\n'),
    };
    is_again || (is_line && is_on_new_line) || is_periodic(&repeated)
}

/// Whether a line break comes before anything else, as written.
fn begins_line(mut came: &str) -> bool {
    while let Some(letter) = letters::first(came).filter(|letter| letter.value.is_whitespace()) {
        if letter.value == '\n' {
            return true;
        }
        came = &came[letter.length..];
    }
    false
}
