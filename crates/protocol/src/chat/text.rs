//! Strings and values of a JSON text, kept as they were written.

use std::{borrow::Cow, fmt};

use crate::json::{self, Malformed, Reader};

/// A string in its JSON form, without the quotes.
///
/// Kept escaped, so that a dialect's string becomes another's by copying, and half of a surrogate pair that ends one
/// delta meets its other half in the next. Equal when it means the same.
#[derive(Clone, Default)]
pub struct Text<'a>(Cow<'a, str>);

impl<'a> Text<'a> {
    /// A plain string; escaped here when it must be.
    pub fn plain(text: impl Into<Cow<'a, str>>) -> Self {
        let text = text.into();
        if json::is_plain(&text) {
            return Self(text);
        }
        let mut escaped = Vec::with_capacity(text.len() + 16);
        json::push_escaped(&mut escaped, &text);
        Self(Cow::Owned(String::from_utf8(escaped).expect("escaping keeps UTF-8")))
    }

    /// The JSON text of a value, as a string that holds it.
    pub fn of_json(value: &Json<'a>) -> Self {
        Self::plain(value.0.clone())
    }

    /// What should be the inside of a JSON string; escaped once more when it is not.
    pub(crate) fn of_written(text: String) -> Self {
        let mut quoted = String::with_capacity(text.len() + 2);
        quoted.push('"');
        quoted.push_str(&text);
        quoted.push('"');
        match Reader::of(&quoted).pass() {
            Ok(()) => Self(Cow::Owned(text)),
            Err(_) => Self::plain(text),
        }
    }

    /// What it means. A lone surrogate becomes U+FFFD.
    pub fn decode(&self) -> Cow<'_, str> {
        json::Text::written(&self.0).decode()
    }

    /// Its bytes as written, without quotes: one line, valid inside any JSON string.
    pub fn written(&self) -> &str {
        &self.0
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether it means `word`, which holds nothing that JSON escapes.
    pub fn is(&self, word: &str) -> bool {
        self.0 == word || (self.0.len() > word.len() && self.decode() == word)
    }

    /// Whether it only has spaces and line ends.
    pub fn is_blank(&self) -> bool {
        self.decode().trim().is_empty()
    }

    /// Appends another text. The escaped form of a whole is that of its parts.
    pub fn push(&mut self, other: &Text<'_>) {
        self.0.to_mut().push_str(&other.0);
    }

    /// The same text for as long as this one lives.
    pub fn share(&self) -> Text<'_> {
        Text(Cow::Borrowed(&self.0))
    }

    pub fn into_owned(self) -> Text<'static> {
        Text(Cow::Owned(self.0.into_owned()))
    }

    /// A part of it by byte offsets of its written form, which must not cut an escape.
    pub(crate) fn slice(&self, range: std::ops::Range<usize>) -> Self {
        match &self.0 {
            Cow::Borrowed(text) => Self(Cow::Borrowed(&text[range])),
            Cow::Owned(text) => Self(Cow::Owned(text[range].to_owned())),
        }
    }

    /// Writes it with its quotes.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.push(b'"');
        out.extend_from_slice(self.0.as_bytes());
        out.push(b'"');
    }
}

impl<'a> From<json::Text<'a>> for Text<'a> {
    fn from(text: json::Text<'a>) -> Self {
        Self(Cow::Borrowed(text.raw))
    }
}

impl<'a> From<&'a str> for Text<'a> {
    fn from(text: &'a str) -> Self {
        Self::plain(text)
    }
}

impl PartialEq for Text<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0 || self.decode() == other.decode()
    }
}

impl Eq for Text<'_> {}

impl PartialEq<str> for Text<'_> {
    fn eq(&self, other: &str) -> bool {
        self.decode() == other
    }
}

impl fmt::Debug for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.decode(), f)
    }
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.decode())
    }
}

/// A whole JSON value as written.
#[derive(Clone, PartialEq, Eq)]
pub struct Json<'a>(Cow<'a, str>);

impl<'a> Json<'a> {
    /// A value, when `text` is exactly one (RFC 8259) nested at most 512 deep.
    ///
    /// # Errors
    /// Where and why it is not.
    pub fn read(text: impl Into<Cow<'a, str>>) -> Result<Self, Malformed> {
        let text = text.into();
        let mut reader = Reader::of(&text);
        reader.pass()?;
        reader.end()?;
        Ok(Self(text))
    }

    /// A value that the reader has passed.
    pub(crate) fn passed(text: &'a str) -> Self {
        Self(Cow::Borrowed(text))
    }

    /// A value that this crate has written.
    pub(crate) fn built(bytes: Vec<u8>) -> Self {
        Self(Cow::Owned(String::from_utf8(bytes).expect("what this crate writes is UTF-8")))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn is_null(&self) -> bool {
        self.0 == "null"
    }

    /// Whether it is an object without members.
    pub fn is_empty_object(&self) -> bool {
        matches!(self.0.as_bytes(), [b'{', inner @ .., b'}'] if inner.trim_ascii().is_empty())
    }

    pub fn is_object(&self) -> bool {
        self.0.starts_with('{')
    }

    /// The number it is.
    pub fn number(&self) -> Option<f64> {
        self.0.parse().ok()
    }

    pub fn share(&self) -> Json<'_> {
        Json(Cow::Borrowed(&self.0))
    }

    pub fn into_owned(self) -> Json<'static> {
        Json(Cow::Owned(self.0.into_owned()))
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.0.as_bytes());
    }
}

impl fmt::Debug for Json<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Members that this crate has no word for, in their order, as written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extra<'a>(Vec<(String, Json<'a>)>);

impl<'a> Extra<'a> {
    pub fn push(&mut self, name: &str, value: Json<'a>) {
        self.0.push((name.to_owned(), value));
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &Json<'a>)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// The others than these.
    pub(crate) fn without(mut self, names: &[&str]) -> Self {
        self.0.retain(|(name, _)| !names.contains(&name.as_str()));
        self
    }

    pub fn find(&self, name: &str) -> Option<&Json<'a>> {
        self.0.iter().find(|(found, _)| found == name).map(|(_, value)| value)
    }

    pub fn into_owned(self) -> Extra<'static> {
        Extra(self.0.into_iter().map(|(name, value)| (name, value.into_owned())).collect())
    }
}
