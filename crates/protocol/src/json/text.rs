//! A string of a JSON text, as written and decoded.

use std::borrow::Cow;

/// What stands between the quotes of a string.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Text<'a> {
    /// As written, escapes included.
    pub(crate) raw: &'a str,
    pub(crate) is_escaped: bool,
}

impl<'a> Text<'a> {
    /// What is known to be the inside of a JSON string.
    pub(crate) fn written(raw: &'a str) -> Self {
        Self { raw, is_escaped: memchr::memchr(b'\\', raw.as_bytes()).is_some() }
    }

    /// The meaning of the string. A lone surrogate becomes U+FFFD: it has no other meaning in Rust.
    pub(crate) fn decode(self) -> Cow<'a, str> {
        if self.is_escaped { Cow::Owned(unescape(self.raw)) } else { Cow::Borrowed(self.raw) }
    }
}

fn unescape(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        let escape = rest.as_bytes()[at + 1];
        rest = &rest[at + 2..];
        match escape {
            b'n' => out.push('\n'),
            b'r' => out.push('\r'),
            b't' => out.push('\t'),
            b'b' => out.push('\u{8}'),
            b'f' => out.push('\u{c}'),
            b'u' => out.push(unicode(&mut rest)),
            literal => out.push(char::from(literal)),
        }
    }
    out.push_str(rest);
    out
}

/// Reads the four digits after `\u`, and the second half of a surrogate pair where there is one.
fn unicode(rest: &mut &str) -> char {
    let high = four_digits(rest);
    *rest = &rest[4..];
    if (0xd800..0xdc00).contains(&high) && rest.starts_with("\\u") {
        let low = four_digits(&rest[2..]);
        if (0xdc00..0xe000).contains(&low) {
            *rest = &rest[6..];
            let code = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
            return char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
        }
    }
    char::from_u32(high).unwrap_or(char::REPLACEMENT_CHARACTER)
}

fn four_digits(text: &str) -> u32 {
    u32::from_str_radix(&text[..4], 16).expect("the reader let only four hex digits follow \\u")
}

/// The first byte from `at` on that a string cannot hold as it is: a quote, a backslash, a control character.
///
/// Eight bytes a step; a byte is below `n` exactly when subtracting `n` borrows from its clear high bit, and
/// a borrow can only run into bytes above the first hit, so the lowest hit is always true.
pub(super) fn plain_end(bytes: &[u8], mut at: usize) -> usize {
    const ONES: u64 = u64::MAX / 255;
    const HIGH: u64 = ONES << 7;
    let short = at + SHORT;
    while let Some(chunk) = bytes.get(at..at + 8) {
        let word = u64::from_le_bytes(chunk.try_into().expect("the slice is eight bytes long"));
        let quote = word ^ (ONES * 0x22);
        let backslash = word ^ (ONES * 0x5c);
        let hits = (quote.wrapping_sub(ONES) & !quote)
            | (backslash.wrapping_sub(ONES) & !backslash)
            | (word.wrapping_sub(ONES * 0x20) & !word);
        if hits & HIGH != 0 {
            return at + (hits & HIGH).trailing_zeros() as usize / 8;
        }
        at += 8;
        if at >= short {
            return long_end(bytes, at);
        }
    }
    let rest = bytes[at..].iter().take_while(|b| !matches!(b, b'"' | b'\\' | 0..0x20)).count();
    at + rest
}

/// As far as it goes most names and numbers have ended, and a search that is quicker by the byte begins to pay.
const SHORT: usize = 32;

/// As [`plain_end`], of what goes on for longer: as many bytes a step as the processor has room for.
fn long_end(bytes: &[u8], at: usize) -> usize {
    let rest = &bytes[at..];
    let text = &rest[..memchr::memchr2(b'"', b'\\', rest).unwrap_or(rest.len())];
    // Without a way out of the loop it is one over words of many bytes.
    let least = text.iter().fold(u8::MAX, |least, byte| least.min(*byte));
    let is_plain = least >= 0x20;
    at + if is_plain { text.len() } else { text.iter().position(|byte| *byte < 0x20).unwrap_or(text.len()) }
}
