//! Compares what comes with what was shown, letter by letter; runs of white space are alike.

/// Follows a repetition of what stands in a text from some place to its end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Repeat {
    /// Where in the text it began, and how far it has come.
    start: usize,
    at: usize,
    /// Letters alike so far, white space not counted.
    letters: usize,
    is_in_space: bool,
}

/// What one more letter makes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Alike so far.
    Alike,
    /// That was the last of the text.
    Whole,
    /// No repetition.
    Other,
}

impl Repeat {
    /// From the byte `start` on, where a letter stands that is no white space.
    pub(super) fn from(start: usize) -> Self {
        Self { start, at: start, letters: 0, is_in_space: false }
    }

    pub(super) fn start(&self) -> usize {
        self.start
    }

    /// Letters alike so far, white space not counted.
    pub(super) fn letters(&self) -> usize {
        self.letters
    }

    /// Takes the next letter. `text` is the same every time and ends in no white space. White space before the first
    /// letter is passed over.
    pub(super) fn next(&mut self, text: &str, letter: char) -> Step {
        let rest = &text[self.at..];
        let expects_space = rest.starts_with(char::is_whitespace);
        if letter.is_whitespace() {
            if expects_space {
                self.at = text.len() - rest.trim_start().len();
                self.is_in_space = true;
            }
            let is_alike = self.is_in_space || self.letters == 0;
            return if is_alike { Step::Alike } else { Step::Other };
        }
        if !rest.starts_with(letter) {
            return Step::Other;
        }
        self.at += letter.len_utf8();
        self.letters += 1;
        self.is_in_space = false;
        if self.at == text.len() { Step::Whole } else { Step::Alike }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, comes: &str, expected: Step, letters: usize) {
        let mut repeat = Repeat::from(0);
        let mut step = Step::Alike;
        for letter in comes.chars() {
            assert_eq!(step, Step::Alike, "{comes:?} goes on behind its end");
            step = repeat.next(text, letter);
        }
        assert_eq!((step, repeat.letters()), (expected, letters), "{text:?} against {comes:?}");
    }

    #[test]
    fn runs_of_white_space_are_alike_and_nothing_else_is() {
        check("a b", "a b", Step::Whole, 2);
        check("a b", " \n a\n\n  b", Step::Whole, 2);
        check("a\n\nb", "a b", Step::Whole, 2);
        check("a b", "a ", Step::Alike, 1);
        check("a b", "ab", Step::Other, 1);
        check("ab", "a b".split_at(2).0, Step::Other, 1);
        check("👩‍🚀。", "👩‍🚀。", Step::Whole, 4);
        check("ab", "A", Step::Other, 0);
    }
}
