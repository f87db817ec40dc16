//! Arguments that come as values at paths, told as pieces of JSON text as they come.

use crate::{
    chat::{StreamFault, Text},
    json::{Malformed, Reader, push_string},
    wire,
};

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Member(String),
    Element(usize),
}

/// How far the JSON text is written.
///
/// Values come in the order of the text, so what is behind the last path is finished and nothing has to be kept but
/// the path itself.
#[derive(Debug, Default)]
pub(super) struct PartialArguments {
    path: Vec<Step>,
    in_string: bool,
}

/// Deeper arguments than any schema has.
const STEPS_MAX: usize = 128;

impl PartialArguments {
    /// The text of the next of `partialArgs`.
    pub(super) fn advance(&mut self, raw: &str) -> Result<Text<'static>, StreamFault> {
        let (mut path, mut value, mut goes_on) = (None, None, false);
        wire::members(&mut Reader::of(raw), |reader, name| {
            match name {
                "jsonPath" => path = wire::text(reader)?,
                "stringValue" => value = wire::text(reader)?.map(Value::String),
                "numberValue" | "boolValue" => value = Some(Value::Other(reader.raw()?)),
                "nullValue" => {
                    reader.pass()?;
                    value = Some(Value::Other("null"));
                }
                "willContinue" => goes_on = wire::bool(reader)? == Some(true),
                _ => reader.pass()?,
            }
            Ok::<_, Malformed>(())
        })?;
        let path =
            path.and_then(|path| steps(&path.decode())).ok_or(StreamFault::Order("an argument without a path"))?;
        let mut out = Vec::new();
        if !(self.in_string && path == self.path) {
            self.go_to(path, &mut out)?;
        }
        match value {
            Some(Value::String(text)) => {
                if !std::mem::replace(&mut self.in_string, true) {
                    out.push(b'"');
                }
                out.extend_from_slice(text.written().as_bytes());
                if !goes_on {
                    self.in_string = false;
                    out.push(b'"');
                }
            }
            Some(Value::Other(_)) | None if self.in_string => {
                return Err(StreamFault::Order("a string that goes on as another value"));
            }
            Some(Value::Other(text)) => out.extend_from_slice(text.as_bytes()),
            None => out.extend_from_slice(b"null"),
        }
        Ok(Text::plain(String::from_utf8(out).expect("it is made of text")))
    }

    /// The text that ends the arguments.
    pub(super) fn finish(self) -> Text<'static> {
        let mut out = Vec::new();
        if self.in_string {
            out.push(b'"');
        }
        if self.path.is_empty() {
            out.extend_from_slice(b"{}");
        }
        close(&self.path, &mut out);
        Text::plain(String::from_utf8(out).expect("it is made of text"))
    }

    /// Closes what is behind and opens what leads to the next value.
    fn go_to(&mut self, path: Vec<Step>, out: &mut Vec<u8>) -> Result<(), StreamFault> {
        if std::mem::take(&mut self.in_string) {
            out.push(b'"');
        }
        let common = self.path.iter().zip(&path).take_while(|(old, new)| old == new).count();
        if self.path.is_empty() {
            out.push(b'{');
        } else {
            let goes_forward = match (self.path.get(common), path.get(common)) {
                (Some(Step::Element(old)), Some(Step::Element(new))) => new > old,
                (Some(Step::Member(_)), Some(Step::Member(_))) => true,
                _ => false,
            };
            if !goes_forward {
                return Err(StreamFault::Order("an argument at a place that was left"));
            }
            close(&self.path[common + 1..], out);
            out.push(b',');
        }
        for (depth, step) in path.iter().enumerate().skip(common) {
            if depth > common {
                out.push(if matches!(step, Step::Member(_)) { b'{' } else { b'[' });
            }
            if let Step::Member(name) = step {
                push_string(out, name);
                out.push(b':');
            }
        }
        self.path = path;
        Ok(())
    }
}

enum Value<'a> {
    String(Text<'a>),
    Other(&'a str),
}

/// Closes the containers that hold these steps, the innermost first.
fn close(steps: &[Step], out: &mut Vec<u8>) {
    for step in steps.iter().rev() {
        out.push(if matches!(step, Step::Member(_)) { b'}' } else { b']' });
    }
}

/// Reads `$.a.b[0]['c d']`.
fn steps(path: &str) -> Option<Vec<Step>> {
    let mut rest = path.strip_prefix('$')?;
    let mut steps = Vec::new();
    while !rest.is_empty() {
        if steps.len() == STEPS_MAX {
            return None;
        }
        if let Some(after) = rest.strip_prefix('.') {
            let end = after.find(['.', '[']).unwrap_or(after.len());
            steps.push(Step::Member(after[..end].to_owned()));
            rest = &after[end..];
        } else if let Some((quote, after)) =
            rest.strip_prefix('[').and_then(|after| Some((after.chars().next()?, after)))
        {
            if matches!(quote, '\'' | '"') {
                let (name, after) = after[1..].split_once(quote)?;
                steps.push(Step::Member(name.to_owned()));
                rest = after.strip_prefix(']')?;
            } else {
                let (index, after) = after.split_once(']')?;
                steps.push(Step::Element(index.parse().ok()?));
                rest = after;
            }
        } else {
            return None;
        }
    }
    matches!(steps.first(), Some(Step::Member(_))).then_some(steps)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pieces: &[&str], expected: &str) {
        let mut arguments = PartialArguments::default();
        let mut text: String =
            pieces.iter().map(|piece| arguments.advance(piece).unwrap().decode().into_owned()).collect();
        text.push_str(&arguments.finish().decode());
        assert_eq!(text, expected);
        serde_json::from_str::<serde_json::Value>(&text).unwrap();
    }

    #[test]
    fn values_at_paths_become_one_text() {
        check(&[], "{}");
        check(
            &[
                r#"{"jsonPath":"$.a","stringValue":"x \"","willContinue":true}"#,
                r#"{"jsonPath":"$.a","stringValue":"y","willContinue":true}"#,
                r#"{"jsonPath":"$.a","stringValue":""}"#,
                r#"{"jsonPath":"$.list[0].n","numberValue":0.50}"#,
                r#"{"jsonPath":"$.list[0].b","boolValue":true}"#,
                r#"{"jsonPath":"$.list[1].n","nullValue":"NULL_VALUE"}"#,
                r#"{"jsonPath":"$.m[0][1]","numberValue":3}"#,
                r#"{"jsonPath":"$['c d'].e","stringValue":"z"}"#,
            ],
            r#"{"a":"x \"y","list":[{"n":0.50,"b":true},{"n":null}],"m":[[3]],"c d":{"e":"z"}}"#,
        );
        check(&[r#"{"jsonPath":"$.a","stringValue":"x","willContinue":true}"#], r#"{"a":"x"}"#);
    }

    #[test]
    fn a_place_that_was_left_is_a_fault() {
        for (first, second) in [("$.l[1]", "$.l[0]"), ("$.a", "$.a"), ("$.a", "$.a.b"), ("$.a", "a"), ("$.a", "$[0]")] {
            let mut arguments = PartialArguments::default();
            let piece = |path: &str| format!(r#"{{"jsonPath":"{path}","numberValue":1}}"#);
            arguments.advance(&piece(first)).unwrap();
            assert!(arguments.advance(&piece(second)).is_err(), "{first} {second}");
        }
    }
}
