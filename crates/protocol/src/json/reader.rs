//! A pull reader: the caller walks the members it wants and skips the rest, still fully checked.

use std::ops::Range;

use super::{Malformed, Text, nest::Nest, text::plain_end};

/// What the next value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Object,
    Array,
    String,
    Number,
    True,
    False,
    Null,
}

/// A position in a JSON text whose bytes are known to be UTF-8.
///
/// Accepts exactly RFC 8259, nested at most 512 deep below a skipped value, and 128 deep where each level is walked.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    text: &'a str,
    at: usize,
    /// Objects and arrays that are being walked.
    depth: u8,
}

/// How deep values may nest that are walked. Callers go down by recursion, and the stack of a thread is finite; parts within
/// parts are four deep at most.
const WALKED_MAX: u8 = 128;

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Result<Self, Malformed> {
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(Self::of(text)),
            Err(e) => Err(Malformed { reason: "not UTF-8", offset: e.valid_up_to() }),
        }
    }

    /// Reads what is known to be UTF-8.
    pub(crate) fn of(text: &'a str) -> Self {
        Self { text, at: 0, depth: 0 }
    }

    /// Looks at the next value without reading it.
    pub(crate) fn kind(&mut self) -> Result<Kind, Malformed> {
        match self.peek()? {
            b'{' => Ok(Kind::Object),
            b'[' => Ok(Kind::Array),
            b'"' => Ok(Kind::String),
            b'-' | b'0'..=b'9' => Ok(Kind::Number),
            b't' => Ok(Kind::True),
            b'f' => Ok(Kind::False),
            b'n' => Ok(Kind::Null),
            _ => Err(self.fault("expected a value")),
        }
    }

    /// The offset of the next token.
    pub(crate) fn offset(&mut self) -> usize {
        self.skip_space();
        self.at
    }

    /// The offset just after the last token.
    pub(crate) fn position(&self) -> usize {
        self.at
    }

    /// Goes on behind a value that is known to end there.
    pub(crate) fn go_to(&mut self, end: usize) {
        self.at = end;
    }

    /// Reads an object; `member` must read or skip the value of every key it is given.
    pub(crate) fn object<E: From<Malformed>>(
        &mut self,
        mut member: impl FnMut(&mut Self, &str) -> Result<(), E>,
    ) -> Result<(), E> {
        self.expect(b'{', "expected an object")?;
        if self.take(b'}')? {
            return Ok(());
        }
        self.go_down()?;
        loop {
            let key = self.key()?;
            member(self, &key.decode())?;
            if self.take(b'}')? {
                self.depth -= 1;
                return Ok(());
            }
            self.expect(b',', "expected a comma or the end of the object")?;
        }
    }

    /// Reads an array; `element` must read or skip the value it stands before.
    pub(crate) fn array<E: From<Malformed>>(
        &mut self,
        mut element: impl FnMut(&mut Self) -> Result<(), E>,
    ) -> Result<(), E> {
        self.expect(b'[', "expected an array")?;
        if self.take(b']')? {
            return Ok(());
        }
        self.go_down()?;
        loop {
            element(self)?;
            if self.take(b']')? {
                self.depth -= 1;
                return Ok(());
            }
            self.expect(b',', "expected a comma or the end of the array")?;
        }
    }

    fn go_down(&mut self) -> Result<(), Malformed> {
        if self.depth == WALKED_MAX {
            return Err(self.fault("nested more than 128 levels deep"));
        }
        self.depth += 1;
        Ok(())
    }

    pub(crate) fn string(&mut self) -> Result<Text<'a>, Malformed> {
        self.expect(b'"', "expected a string")?;
        let start = self.at;
        let is_escaped = self.skip_string_rest()?;
        Ok(Text { raw: &self.text[start..self.at - 1], is_escaped })
    }

    /// Reads any value and gives it as written.
    pub(crate) fn raw(&mut self) -> Result<&'a str, Malformed> {
        let span = self.skip()?;
        Ok(&self.text[span])
    }

    /// Reads a value as `read` does, and gives it as written beside what was read.
    pub(crate) fn with_raw<T, E: From<Malformed>>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, E>,
    ) -> Result<(T, &'a str), E> {
        let start = self.offset();
        let value = read(self)?;
        Ok((value, &self.text[start..self.at]))
    }

    /// What was not read yet, from the next token on: to look ahead.
    pub(crate) fn rest(&mut self) -> &'a str {
        self.skip_space();
        &self.text[self.at..]
    }

    /// Reads any value and says where it stands.
    pub(crate) fn skip(&mut self) -> Result<Range<usize>, Malformed> {
        self.skip_space();
        let start = self.at;
        self.skip_value()?;
        Ok(start..self.at)
    }

    /// Reads past any value.
    pub(crate) fn pass(&mut self) -> Result<(), Malformed> {
        self.skip_value()
    }

    /// Checks that nothing follows.
    pub(crate) fn end(&mut self) -> Result<(), Malformed> {
        self.skip_space();
        if self.at == self.text.len() { Ok(()) } else { Err(self.fault("unexpected text after the value")) }
    }

    fn skip_value(&mut self) -> Result<(), Malformed> {
        match self.peek()? {
            b'{' | b'[' => self.skip_container(),
            _ => self.skip_scalar(),
        }
    }

    /// Goes past an object or array, in a loop: depth costs a bit, not a stack frame.
    fn skip_container(&mut self) -> Result<(), Malformed> {
        let mut nest = Nest::default();
        loop {
            match self.peek()? {
                b'{' => {
                    self.at += 1;
                    if !self.take(b'}')? {
                        nest.push(true).map_err(|reason| self.fault(reason))?;
                        self.key()?;
                        continue;
                    }
                }
                b'[' => {
                    self.at += 1;
                    if !self.take(b']')? {
                        nest.push(false).map_err(|reason| self.fault(reason))?;
                        continue;
                    }
                }
                _ => self.skip_scalar()?,
            }
            if !self.next_in(&mut nest)? {
                return Ok(());
            }
        }
    }

    /// Goes past a string, number or word that stands right here.
    fn skip_scalar(&mut self) -> Result<(), Malformed> {
        match self.text.as_bytes()[self.at] {
            b'"' => {
                self.at += 1;
                self.skip_string_rest().map(drop)
            }
            b'-' | b'0'..=b'9' => self.skip_number(),
            b't' => self.skip_word("true"),
            b'f' => self.skip_word("false"),
            b'n' => self.skip_word("null"),
            _ => Err(self.fault("expected a value")),
        }
    }

    /// Closes what ends here; whether another value follows inside.
    fn next_in(&mut self, nest: &mut Nest) -> Result<bool, Malformed> {
        while nest.depth > 0 {
            match (self.peek()?, nest.is_object()) {
                (b',', is_object) => {
                    self.at += 1;
                    if is_object {
                        self.key()?;
                    }
                    return Ok(true);
                }
                (b'}', true) | (b']', false) => {
                    self.at += 1;
                    nest.depth -= 1;
                }
                (_, true) => return Err(self.fault("expected a comma or the end of the object")),
                (_, false) => return Err(self.fault("expected a comma or the end of the array")),
            }
        }
        Ok(false)
    }

    fn key(&mut self) -> Result<Text<'a>, Malformed> {
        if self.peek()? != b'"' {
            return Err(self.fault("expected a key in double quotes"));
        }
        let key = self.string()?;
        self.expect(b':', "expected a colon after the key")?;
        Ok(key)
    }

    /// Goes past the closing quote; whether there were escapes.
    fn skip_string_rest(&mut self) -> Result<bool, Malformed> {
        let bytes = self.text.as_bytes();
        let mut is_escaped = false;
        loop {
            self.at = plain_end(bytes, self.at);
            match bytes.get(self.at) {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(is_escaped);
                }
                Some(b'\\') => {
                    is_escaped = true;
                    self.skip_escape()?;
                }
                Some(_) => return Err(self.fault("unescaped control character in a string")),
                None => return Err(self.fault("the text ends inside a string")),
            }
        }
    }

    fn skip_escape(&mut self) -> Result<(), Malformed> {
        match self.text.as_bytes()[self.at + 1..] {
            [b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', ..] => self.at += 2,
            [b'u', a, b, c, d, ..] if [a, b, c, d].iter().all(u8::is_ascii_hexdigit) => {
                self.at += 6;
            }
            _ => return Err(self.fault("unknown escape in a string")),
        }
        Ok(())
    }

    fn skip_number(&mut self) -> Result<(), Malformed> {
        let bytes = self.text.as_bytes();
        self.at += usize::from(bytes[self.at] == b'-');
        match bytes.get(self.at) {
            Some(b'0') => self.at += 1,
            Some(b'1'..=b'9') => self.skip_digits()?,
            _ => return Err(self.fault("expected a digit")),
        }
        if bytes.get(self.at) == Some(&b'.') {
            self.at += 1;
            self.skip_digits()?;
        }
        if matches!(bytes.get(self.at), Some(b'e' | b'E')) {
            self.at += 1;
            self.at += usize::from(matches!(bytes.get(self.at), Some(b'+' | b'-')));
            self.skip_digits()?;
        }
        Ok(())
    }

    fn skip_digits(&mut self) -> Result<(), Malformed> {
        let digits = self.text.as_bytes()[self.at..].iter().take_while(|b| b.is_ascii_digit()).count();
        self.at += digits;
        if digits == 0 { Err(self.fault("expected a digit")) } else { Ok(()) }
    }

    fn skip_word(&mut self, word: &str) -> Result<(), Malformed> {
        if !self.text.as_bytes()[self.at..].starts_with(word.as_bytes()) {
            return Err(self.fault("expected a value"));
        }
        self.at += word.len();
        Ok(())
    }

    fn expect(&mut self, byte: u8, reason: &'static str) -> Result<(), Malformed> {
        if self.take(byte)? { Ok(()) } else { Err(self.fault(reason)) }
    }

    fn take(&mut self, byte: u8) -> Result<bool, Malformed> {
        let is_there = self.peek()? == byte;
        self.at += usize::from(is_there);
        Ok(is_there)
    }

    fn peek(&mut self) -> Result<u8, Malformed> {
        self.skip_space();
        match self.text.as_bytes().get(self.at) {
            Some(byte) => Ok(*byte),
            None => Err(self.fault("the text ends too early")),
        }
    }

    fn skip_space(&mut self) {
        let bytes = self.text.as_bytes();
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = bytes.get(self.at) {
            self.at += 1;
        }
    }

    fn fault(&self, reason: &'static str) -> Malformed {
        Malformed { reason, offset: self.at }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn accepts(text: &[u8]) -> bool {
        Reader::new(text).and_then(|mut r| r.skip().and_then(|_| r.end())).is_ok()
    }

    #[track_caller]
    fn check(text: &str, accepted: bool) {
        assert_eq!(accepts(text.as_bytes()), accepted, "{text}");
    }

    #[test]
    fn only_json_is_accepted() {
        check(r#" {"a":[1,-0.5e+3,{}],"b":{"c":null},"d":"\u00e9\n","e":[]} "#, true);
        check("", false);
        check("{", false);
        check("[1,]", false);
        check(r#"{"a":1,}"#, false);
        check(r#"{"a" 1}"#, false);
        check("{a:1}", false);
        check("[1}", false);
        check("01", false);
        check("1.", false);
        check("1e", false);
        check("-", false);
        check("nul", false);
        check("\"\t\"", false);
        check("\"long before it \t long after it\"", false);
        check(r#""\x""#, false);
        check(r#""\u12g4""#, false);
        check("1 2", false);
        check(&format!("{}1{}", "[".repeat(512), "]".repeat(512)), true);
        check(&format!("{}1{}", "[".repeat(513), "]".repeat(513)), false);
        check(&"[".repeat(1_000_000), false);
    }

    #[test]
    fn a_string_decodes_to_what_it_means() {
        let mut reader = Reader::new(br#""\ud83e\udd80 \u006do\"\\\/\b\f\t \ud800 end""#).unwrap();
        assert_eq!(reader.string().unwrap().decode(), "🦀 mo\"\\/\u{8}\u{c}\t \u{fffd} end");
    }

    #[test]
    fn a_fault_says_line_and_column() {
        let text = "{\n  \"é\": tru\n}".as_bytes();
        let mut reader = Reader::new(text).unwrap();
        let fault = reader.skip().unwrap_err();
        assert_eq!(fault.line_and_column(text), (2, 8));
    }

    /// Text that looks like JSON more often than not.
    fn json_like() -> impl Strategy<Value = String> {
        let token = prop::sample::select(vec![
            "{",
            "}",
            "[",
            "]",
            ",",
            ":",
            "\"",
            "\"k\":",
            "\"v\"",
            "1",
            "-2.5e3",
            "0",
            "true",
            "null",
            " ",
            "\\",
            "\\n",
            "\\u00e9",
            "é",
            "\n",
            "\"a\\\"b\"",
            "[1,2]",
            "{\"x\":[]}",
            "e",
            ".",
        ]);
        prop::collection::vec(token, 0..24).prop_map(|tokens| tokens.concat())
    }

    proptest! {
        #[test]
        fn accepts_exactly_what_a_full_parser_accepts(text in json_like()) {
            let parsed = serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok();
            prop_assert_eq!(accepts(text.as_bytes()), parsed, "{}", text);
        }

        #[test]
        fn any_string_reads_back(text in any::<String>()) {
            let written = serde_json::to_string(&text).unwrap();
            let mut reader = Reader::new(written.as_bytes()).unwrap();
            prop_assert_eq!(reader.string().unwrap().decode(), text);
            prop_assert!(reader.end().is_ok());
        }

        #[test]
        fn any_bytes_are_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            accepts(&bytes);
        }
    }
}
