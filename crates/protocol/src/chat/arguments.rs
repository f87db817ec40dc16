//! A tool call's arguments: one JSON value, which some dialects write as such and others inside a string.

use std::borrow::Cow;

use super::{Json, Text};

/// Arguments in the form they came in. Equal when they are the same JSON text.
#[derive(Clone, Debug)]
pub enum Arguments<'a> {
    /// The JSON text as a string, as models write it: it may be broken.
    Text(Text<'a>),
    Value(Json<'a>),
}

impl<'a> Arguments<'a> {
    /// The JSON text; none at all reads as an empty object.
    pub fn as_json(&self) -> Cow<'_, str> {
        let text = match self {
            Self::Text(text) => text.decode(),
            Self::Value(value) => Cow::Borrowed(value.as_str()),
        };
        if text.trim().is_empty() { Cow::Borrowed("{}") } else { text }
    }

    /// The string that holds the JSON text.
    pub fn as_text(&self) -> Text<'_> {
        match self {
            Self::Text(text) => text.share(),
            Self::Value(value) => Text::plain(value.as_str()),
        }
    }

    /// The arguments as an object; `None` when a model wrote something else.
    pub fn as_object(&self) -> Option<Json<'_>> {
        match self {
            Self::Value(value) => value.is_object().then(|| value.share()),
            Self::Text(_) => Json::read(self.as_json()).ok().filter(Json::is_object),
        }
    }

    pub fn into_owned(self) -> Arguments<'static> {
        match self {
            Self::Text(text) => Arguments::Text(text.into_owned()),
            Self::Value(value) => Arguments::Value(value.into_owned()),
        }
    }
}

impl PartialEq for Arguments<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.as_json() == other.as_json()
    }
}

impl Eq for Arguments<'_> {}

/// Follows arguments that come in pieces to the end of their JSON value, without keeping them.
///
/// It counts brackets outside of strings: enough to tell a finished value from one that goes on.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Progress {
    depth: u32,
    in_string: bool,
    after_backslash: bool,
    has_begun: bool,
    is_broken: bool,
}

impl Progress {
    pub(crate) fn advance(&mut self, piece: &Text<'_>) {
        let written = piece.written();
        if written.contains('\\') {
            self.read(&piece.decode());
        } else {
            self.read(written);
        }
    }

    /// Whether the value is complete: an object or array whose brackets are closed.
    pub(crate) fn is_whole(&self) -> bool {
        self.has_begun && self.depth == 0 && !self.in_string && !self.is_broken
    }

    fn read(&mut self, text: &str) {
        for byte in text.bytes() {
            if self.in_string {
                match byte {
                    _ if self.after_backslash => self.after_backslash = false,
                    b'\\' => self.after_backslash = true,
                    b'"' => self.in_string = false,
                    _ => {}
                }
                continue;
            }
            match byte {
                b' ' | b'\n' | b'\r' | b'\t' => {}
                b'"' => {
                    self.is_broken |= self.depth == 0;
                    self.in_string = true;
                }
                b'{' | b'[' => {
                    self.is_broken |= self.is_whole();
                    self.depth += 1;
                }
                b'}' | b']' => {
                    self.is_broken |= self.depth == 0;
                    self.depth = self.depth.saturating_sub(1);
                }
                _ => self.is_broken |= self.depth == 0,
            }
            self.has_begun |= !byte.is_ascii_whitespace();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pieces: &[&str], whole: bool) {
        let mut progress = Progress::default();
        for piece in pieces {
            progress.advance(&Text::plain(*piece));
        }
        assert_eq!(progress.is_whole(), whole, "{pieces:?}");
    }

    #[test]
    fn arguments_are_whole_when_their_brackets_are_closed() {
        check(&[], false);
        check(&["", " "], false);
        check(&["{", "}"], true);
        check(&["{\"a\":", "\"}\"", "}"], true);
        check(&["{\"a\": \"\\", "\"}"], false);
        check(&["{\"a\": \"\\", "\"}\"}"], true);
        check(&["{\"a\":[1,{}]"], false);
        check(&["{}", " \n"], true);
        check(&["{}{"], false);
        check(&["{}{}"], false);
        check(&["}"], false);
        check(&["1"], false);
    }
}
