//! Writes JSON: strings, and objects and arrays with their commas.

use std::io::Write as _;

use super::text::plain_end;

/// Appends `text` as a quoted JSON string.
pub(crate) fn push_string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    push_escaped(out, text);
    out.push(b'"');
}

/// Appends `text` as it stands between the quotes of a JSON string.
pub(crate) fn push_escaped(out: &mut Vec<u8>, text: &str) {
    let bytes = text.as_bytes();
    let mut at = 0;
    loop {
        let end = plain_end(bytes, at);
        out.extend_from_slice(&bytes[at..end]);
        let Some(byte) = bytes.get(end) else { return };
        match byte {
            b'"' | b'\\' => out.extend([b'\\', *byte]),
            b'\n' => out.extend(b"\\n"),
            b'\r' => out.extend(b"\\r"),
            b'\t' => out.extend(b"\\t"),
            _ => out.extend(format!("\\u{byte:04x}").bytes()),
        }
        at = end + 1;
    }
}

/// Whether `text` stands in a JSON string as it is.
pub(crate) fn is_plain(text: &str) -> bool {
    plain_end(text.as_bytes(), 0) == text.len()
}

/// An object being written. [`Self::end`] closes it.
#[must_use = "an object that is not ended is not JSON"]
pub(crate) struct Object<'o> {
    out: &'o mut Vec<u8>,
    is_first: bool,
}

impl<'o> Object<'o> {
    pub(crate) fn new(out: &'o mut Vec<u8>) -> Self {
        out.push(b'{');
        Self { out, is_first: true }
    }

    /// Goes on with an object of which `out` already holds the brace and some members.
    pub(crate) fn resume(out: &'o mut Vec<u8>) -> Self {
        Self { out, is_first: false }
    }

    /// Writes the name of a member, whose value comes next. `name` needs no escape.
    pub(crate) fn key(&mut self, name: &str) -> &mut Vec<u8> {
        if !std::mem::replace(&mut self.is_first, false) {
            self.out.push(b',');
        }
        self.out.push(b'"');
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
        self.out
    }

    /// Writes a member of a name that may need escapes.
    pub(crate) fn foreign(&mut self, name: &str, value: &str) {
        if !std::mem::replace(&mut self.is_first, false) {
            self.out.push(b',');
        }
        push_string(self.out, name);
        self.out.push(b':');
        self.out.extend_from_slice(value.as_bytes());
    }

    /// A string that needs no escape.
    pub(crate) fn word(&mut self, name: &str, word: &str) {
        let out = self.key(name);
        out.push(b'"');
        out.extend_from_slice(word.as_bytes());
        out.push(b'"');
    }

    /// A value as it is to stand there.
    pub(crate) fn raw(&mut self, name: &str, value: &str) {
        self.key(name).extend_from_slice(value.as_bytes());
    }

    pub(crate) fn number(&mut self, name: &str, number: impl std::fmt::Display) {
        write!(self.key(name), "{number}").expect("a Vec takes every write");
    }

    /// How long all that was written is by now.
    pub(crate) fn length(&self) -> usize {
        self.out.len()
    }

    pub(crate) fn bool(&mut self, name: &str, value: bool) {
        self.raw(name, if value { "true" } else { "false" });
    }

    pub(crate) fn object(&mut self, name: &str) -> Object<'_> {
        Object::new(self.key(name))
    }

    pub(crate) fn array(&mut self, name: &str) -> Array<'_> {
        Array::new(self.key(name))
    }

    pub(crate) fn end(self) {
        self.out.push(b'}');
    }
}

/// An array being written. [`Self::end`] closes it.
#[must_use = "an array that is not ended is not JSON"]
pub(crate) struct Array<'o> {
    out: &'o mut Vec<u8>,
    is_first: bool,
}

impl<'o> Array<'o> {
    pub(crate) fn new(out: &'o mut Vec<u8>) -> Self {
        out.push(b'[');
        Self { out, is_first: true }
    }

    /// Takes the end of the last element, an object that ends in a list, away again, and goes on with that list.
    /// What it gives is ended by [`Self::end_reopened`].
    pub(crate) fn reopen_last(&mut self) -> Array<'_> {
        debug_assert!(self.out.ends_with(b"]}"), "the last element ends in a list");
        self.out.truncate(self.out.len() - 2);
        let is_first = self.out.ends_with(b"[");
        Array { out: self.out, is_first }
    }

    /// Ends the list of an object that [`Self::reopen_last`] went on with.
    pub(crate) fn end_reopened(self) {
        self.out.extend_from_slice(b"]}");
    }

    /// Ends the array; one without elements becomes `blank`.
    pub(crate) fn end_or(self, blank: &str) {
        if self.is_first {
            self.out.pop();
            self.out.extend_from_slice(blank.as_bytes());
        } else {
            self.end();
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.is_first
    }

    /// Where it stands now, to come back to.
    pub(crate) fn mark(&self) -> (usize, bool) {
        (self.out.len(), self.is_first)
    }

    /// Takes back what was written since.
    pub(crate) fn take_back(&mut self, (length, is_first): (usize, bool)) {
        self.out.truncate(length);
        self.is_first = is_first;
    }

    /// Where the next element comes.
    pub(crate) fn next(&mut self) -> &mut Vec<u8> {
        if !std::mem::replace(&mut self.is_first, false) {
            self.out.push(b',');
        }
        self.out
    }

    pub(crate) fn object(&mut self) -> Object<'_> {
        Object::new(self.next())
    }

    pub(crate) fn end(self) {
        self.out.push(b']');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str) {
        let mut out = Vec::new();
        push_string(&mut out, text);
        assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
    }

    #[test]
    fn a_written_string_reads_back() {
        check("");
        check("plain/模型-模型 🦀");
        check("\"quoted\" back\\slash\n\r\t\u{0}\u{1f}\u{7f}");
        check("a line of some length\nand another one, longer than a word of eight bytes\n");
    }

    #[test]
    fn commas_stand_between_members_only() {
        let mut out = Vec::new();
        let mut object = Object::new(&mut out);
        object.word("a", "b");
        let mut list = object.array("c");
        list.next().push(b'1');
        list.object().end();
        list.end();
        object.foreign("q\"", "null");
        object.bool("t", true);
        object.number("n", -7);
        object.end();
        assert_eq!(String::from_utf8(out).unwrap(), r#"{"a":"b","c":[1,{}],"q\"":null,"t":true,"n":-7}"#);
    }
}
