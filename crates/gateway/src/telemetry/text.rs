//! Text from outside, made harmless for a log and a terminal.

use std::fmt::{self, Display, Write};

/// Longest value of a field, in characters.
const VALUE_CHARS_MAX: usize = 1_000;

/// A value as it may be logged: without terminal sequences and control characters, and cut at 1,000 characters.
pub(super) fn clean(value: impl Display) -> String {
    let mut clean = Plain { out: String::new(), state: State::Text, left: VALUE_CHARS_MAX };
    if write!(clean, "{value}").is_err() {
        clean.out.push('…');
    }
    clean.out
}

/// A text of any length without terminal sequences and control characters.
pub(super) fn plain(text: &str) -> String {
    let mut plain = Plain { out: String::with_capacity(text.len()), state: State::Text, left: usize::MAX };
    plain.write_str(text).expect("there is room for usize::MAX characters");
    plain.out
}

struct Plain {
    out: String,
    state: State,
    left: usize,
}

/// Where a terminal would be: ECMA-48, sections 5.4 and 5.6.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Text,
    Escape,
    /// Of a control sequence, such as a colour.
    Parameters,
    /// Of a command, such as a window's title or a link.
    Command,
}

impl Plain {
    fn take(&mut self, c: char) -> fmt::Result {
        self.state = match (self.state, c) {
            (_, '\u{1b}') => State::Escape,
            (_, '\u{9b}') | (State::Escape, '[') => State::Parameters,
            (_, '\u{9d}' | '\u{90}') | (State::Escape, ']' | 'P') => State::Command,
            (State::Command, '\u{7}' | '\u{9c}') => State::Text,
            // A line feed ends every sequence: a broken one must not swallow the rest.
            (_, '\n' | '\r') => return self.show(' '),
            (State::Parameters, '\u{20}'..='\u{3f}') => State::Parameters,
            (State::Command, _) => State::Command,
            (State::Escape | State::Parameters, _) => State::Text,
            (State::Text, c) if c.is_control() || is_invisible(c) => return self.show(' '),
            (State::Text, c) => return self.show(c),
        };
        Ok(())
    }

    fn show(&mut self, c: char) -> fmt::Result {
        self.state = State::Text;
        self.left = self.left.checked_sub(1).ok_or(fmt::Error)?;
        self.out.push(c);
        Ok(())
    }
}

impl Write for Plain {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.chars().try_for_each(|c| self.take(c))
    }
}

/// Separates lines, or turns the direction of what follows it.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
