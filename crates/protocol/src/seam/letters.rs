//! The characters of a JSON string, each with the way it is written.

/// A character, and how many bytes it takes as written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Letter {
    /// Half of a pair without its other half is U+FFFD, as everywhere in this crate.
    pub(super) value: char,
    pub(super) length: usize,
}

/// The first character of `written`, the inside of a JSON string.
pub(super) fn first(written: &str) -> Option<Letter> {
    let first = written.chars().next()?;
    if first != '\\' {
        return Some(Letter { value: first, length: first.len_utf8() });
    }
    let value = match written.as_bytes().get(1)? {
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'u' => return Some(unicode(written)),
        other => char::from(*other),
    };
    Some(Letter { value, length: 2 })
}

fn unicode(written: &str) -> Letter {
    let unit = unit(written).unwrap_or(0xfffd);
    if (0xd800..0xdc00).contains(&unit)
        && let Some(low) = written.get(6..).and_then(self::unit)
        && (0xdc00..0xe000).contains(&low)
    {
        let code = 0x10000 + ((u32::from(unit) - 0xd800) << 10) + (u32::from(low) - 0xdc00);
        return Letter { value: char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), length: 12 };
    }
    Letter { value: char::from_u32(unit.into()).unwrap_or(char::REPLACEMENT_CHARACTER), length: 6.min(written.len()) }
}

/// The number of a `\uXXXX` that `written` begins with.
fn unit(written: &str) -> Option<u16> {
    let digits = written.strip_prefix("\\u")?.get(..4)?;
    u16::from_str_radix(digits, 16).ok()
}

/// The first half of a pair that `written` ends with: its number, and where it begins.
pub(super) fn open_half(written: &str) -> Option<(u16, usize)> {
    let at = written.len().checked_sub(6)?;
    let half = written.get(at..).and_then(unit).filter(|unit| (0xd800..0xdc00).contains(unit))?;
    // An escaped backslash before `u` makes no escape of it.
    let slashes = written.as_bytes()[..at].iter().rev().take_while(|&&byte| byte == b'\\').count();
    (slashes % 2 == 0).then_some((half, at))
}

/// The second half of a character as it is written, where `half` is its first.
pub(super) fn other_half(value: char, half: u16) -> Option<String> {
    let mut units = [0; 2];
    match value.encode_utf16(&mut units) {
        [first, second] if *first == half => Some(format!("\\u{second:04x}")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(written: &str, value: char, length: usize) {
        assert_eq!(first(written), Some(Letter { value, length }), "{written}");
    }

    #[test]
    fn every_way_of_writing_a_character_is_read() {
        check("é!", 'é', 2);
        check("\\n!", '\n', 2);
        check("\\/", '/', 2);
        check("\\\\n", '\\', 2);
        check("\\u00e9!", 'é', 6);
        check("\\ud83e\\udd80!", '🦀', 12);
        check("\\ud83e!", '\u{fffd}', 6);
        check("\\udd80", '\u{fffd}', 6);
        assert_eq!(first(""), None);
    }

    #[test]
    fn half_a_pair_is_found_at_the_end_only() {
        assert_eq!(open_half("a\\ud83e"), Some((0xd83e, 1)));
        assert_eq!(open_half("\\\\\\ud83e"), Some((0xd83e, 2)));
        assert_eq!(open_half("\\\\ud83e"), None);
        assert_eq!(open_half("\\ud83e\\udd80"), None);
        assert_eq!(open_half("\\u00e9"), None);
        assert_eq!(other_half('🦀', 0xd83e).as_deref(), Some("\\udd80"));
        assert_eq!(other_half('🦀', 0xd83d), None);
        assert_eq!(other_half('a', 0xd83d), None);
    }
}
