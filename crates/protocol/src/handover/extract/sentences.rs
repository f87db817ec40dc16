//! Cuts a text into sentences.

use std::borrow::Cow;

use memchr::memmem;

use crate::chat::Text;

/// The sentences of a text, without those of code between fences.
pub(super) struct Sentences<'t> {
    rest: &'t str,
    is_code: bool,
}

impl<'t> Sentences<'t> {
    pub(super) fn of(text: &'t str) -> Self {
        Self { rest: text, is_code: false }
    }

    /// Up to the end of a line or sentence.
    fn piece(&mut self) -> Option<&'t str> {
        if self.rest.is_empty() {
            return None;
        }
        let end = if self.is_code { self.rest.find('\n').map(|end| end + 1) } else { sentence_end(self.rest) };
        let (piece, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        Some(piece)
    }
}

impl<'t> Iterator for Sentences<'t> {
    type Item = &'t str;

    fn next(&mut self) -> Option<&'t str> {
        loop {
            let piece = self.piece()?.trim();
            if piece.starts_with("```") {
                self.is_code = !self.is_code;
                continue;
            }
            if self.is_code || !piece.bytes().any(|byte| byte.is_ascii_alphanumeric() || !byte.is_ascii()) {
                continue;
            }
            return Some(piece[..piece.floor_char_boundary(SENTENCE_MAX)].trim_end());
        }
    }
}

/// Behind the end of the first sentence.
fn sentence_end(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b'\n' => return Some(at + 1),
            // Not within a number, a name of a file, an abbreviation of one letter.
            b'.' | b'!' | b'?' if bytes.get(at + 1).is_some_and(u8::is_ascii_whitespace) && at >= 3 => {
                return Some(at + 1);
            }
            // 。！？； begin with these two bytes.
            0xe3 if bytes[at..].starts_with("。".as_bytes()) => return Some(at + 3),
            0xef if ["！", "？", "；"].iter().any(|end| bytes[at..].starts_with(end.as_bytes())) => {
                return Some(at + 3);
            }
            _ => {}
        }
    }
    None
}

/// The first string among the values of a JSON object: the main argument of most tools.
pub(super) fn first_string(json: &str) -> Option<Cow<'_, str>> {
    let value = json[json.find(':')? + 1..].trim_start().strip_prefix('"')?;
    let mut is_escaped = false;
    let end = value.bytes().position(|byte| {
        let is_end = byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        is_end
    })?;
    let inside = &value[..end];
    Some(if inside.contains('\\') {
        Cow::Owned(inside.replace("\\n", " ").replace('\\', ""))
    } else {
        Cow::Borrowed(inside)
    })
}

/// The first `bytes` of a text or a little less.
pub(super) fn beginning<'t>(text: &'t Text<'_>, bytes: usize) -> Cow<'t, str> {
    let written = text.written();
    if written.len() <= bytes {
        return text.decode();
    }
    let head = &written[..written.floor_char_boundary(bytes)];
    // The longest escape, a pair of surrogates, has twelve bytes.
    let from = head.floor_char_boundary(head.len().saturating_sub(12));
    let end = head[from..].find('\\').map_or(head.len(), |at| from + at);
    Cow::Owned(text.slice(0..end).decode().into_owned())
}

/// The first lines of what a tool gave that tell of an error or a warning.
pub(super) fn warnings(text: &Text<'_>) -> Vec<String> {
    let next = |text: &str| WARNINGS.iter().filter_map(|word| memmem::find(text.as_bytes(), word.as_bytes())).min();
    let mut lines = Vec::new();
    if next(text.written()).is_none() {
        return lines;
    }
    let text = text.decode();
    let mut rest = &*text;
    while lines.len() < WARNINGS_MAX
        && let Some(found) = next(rest)
    {
        let begin = rest[..found].rfind('\n').map_or(0, |end| end + 1);
        let rest_of = &rest[begin..];
        let (line, behind) = rest_of.split_at(rest_of.find('\n').unwrap_or(rest_of.len()));
        lines.push(line[..line.floor_char_boundary(SENTENCE_MAX)].trim().to_owned());
        rest = behind;
    }
    lines
}

/// A sentence is cut there.
const SENTENCE_MAX: usize = 280;
/// Lines of one result that are told.
const WARNINGS_MAX: usize = 2;
/// Without the first letter, which may be large.
const WARNINGS: [&str; 3] = ["rror:", "arning:", "ailed"];
