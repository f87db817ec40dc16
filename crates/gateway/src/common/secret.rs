//! A string that never prints.

use std::fmt;

/// A credential. It has no `Display`, and its `Debug` is `***`, so that it cannot reach a log by accident.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Box<str>);

impl Secret {
    /// Takes a credential out of reach of formatting.
    pub fn new(text: impl Into<Box<str>>) -> Self {
        Self(text.into())
    }

    /// The credential itself: for the one place that sends or compares it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// Whether a text has the form of the keys that this gateway gives to its callers.
pub fn is_ours(text: &str) -> bool {
    text.len() == 55 && text.starts_with("rl-") && text.as_bytes()[11] == b'-'
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}
