//! Reads JSON in one pass without building a tree: positions, not values.

mod nest;
mod reader;
mod text;
mod write;

use std::fmt;

pub(crate) use reader::{Kind, Reader};
pub(crate) use text::Text;
pub(crate) use write::{Array, Object, is_plain, push_escaped, push_string};

/// Where and why bytes are not the JSON they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// What was expected or found, as a lowercase fragment.
    pub reason: &'static str,
    /// Byte offset from the start of the text.
    pub offset: usize,
}

impl Malformed {
    /// Line and column of the fault, counted from 1; columns count characters.
    pub fn line_and_column(&self, text: &[u8]) -> (usize, usize) {
        let before = &text[..self.offset.min(text.len())];
        let line_start = memchr::memrchr(b'\n', before).map_or(0, |at| at + 1);
        let line = memchr::memchr_iter(b'\n', before).count() + 1;
        (line, String::from_utf8_lossy(&before[line_start..]).chars().count() + 1)
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.reason, self.offset)
    }
}

impl std::error::Error for Malformed {}
