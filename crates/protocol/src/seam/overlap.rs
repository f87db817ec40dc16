//! Finds the end of what was shown at the beginning of what comes.

use super::{
    ALIKE_MIN,
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

    /// Takes the next letter, with which `came` bytes have come.
    pub(super) fn next(&mut self, text: &str, letter: char, came: usize) -> Verdict {
        let Self { alive, found, from_start } = self;
        alive.retain_mut(|repeat| match repeat.next(text, letter) {
            Step::Alike => true,
            Step::Whole => {
                // The longer one is the likelier.
                if found.is_none_or(|(start, _)| repeat.start() < start) {
                    *found = Some((repeat.start(), came));
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
        if alive.is_empty() { self.verdict() } else { Verdict::Open }
    }

    /// What it is when nothing more comes.
    pub(super) fn finish(&mut self) -> Verdict {
        if let Some(repeat) = self.alive.iter().find(|repeat| repeat.start() == 0) {
            self.from_start = repeat.letters();
        }
        self.alive.clear();
        self.verdict()
    }

    fn verdict(&self) -> Verdict {
        match self.found {
            Some((_, length)) => Verdict::Repeated(length),
            None if self.from_start >= ALIKE_MIN => Verdict::Diverged,
            None => Verdict::Repeated(0),
        }
    }
}
