//! Items of earlier responses that a request has by their names alone (`item_reference`).
//!
//! Sources: OpenAI's `OpenAPI` document 2.3.0 (`ItemReferenceParam`, whose `type` may be null or absent). The openai
//! provider of Vercel's AI SDK writes them where `store` is not `false`.

use std::ops::Range;

use super::compaction::input;
use crate::{
    json::{Malformed, Reader},
    wire,
};

/// What such an item says that it is.
pub(super) const KIND: &str = "item_reference";

/// Of one request no more are looked for.
const REFERENCES_MAX: usize = 4096;

/// A longer item is none: it is a name and little else.
const REFERENCE_BYTES: usize = 1024;

/// An item of a request's input that is no more than a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// Where it stands in the body.
    pub span: Range<usize>,
    /// The name of the item that it stands for.
    pub id: String,
}

/// Whether an item of that kind is one, where it has a role or a name.
pub(crate) fn is_reference(kind: &str, has_role: bool, is_named: bool) -> bool {
    kind == KIND || kind.is_empty() && !has_role && is_named
}

/// Finds the first 4096 of them, in their order.
///
/// # Errors
/// When the body is not a JSON object.
pub fn references(body: &[u8]) -> Result<Vec<Reference>, Malformed> {
    let mut found = Vec::new();
    input(body, |_, span, raw| {
        if raw.len() <= REFERENCE_BYTES && found.len() < REFERENCES_MAX {
            found.extend(named(raw)?.map(|id| Reference { span, id }));
        }
        Ok(())
    })?;
    Ok(found)
}

/// The name that an item is, where it is no more.
fn named(item: &str) -> Result<Option<String>, Malformed> {
    let (mut kind, mut role, mut id) = (None, None, None);
    wire::members(&mut Reader::of(item), |reader, name| {
        match name {
            "type" => kind = wire::text(reader)?,
            "role" => role = wire::text(reader)?,
            "id" => id = wire::text(reader)?,
            _ => reader.pass()?,
        }
        Ok::<_, Malformed>(())
    })?;
    let kind = kind.unwrap_or_default();
    Ok(id.filter(|_| is_reference(kind.written(), role.is_some(), true)).map(|id| id.decode().into_owned()))
}

/// The body with items in the place of references, in the order of their places; where there is nothing to say, the
/// reference is taken out. Every other byte stays as sent.
///
/// `places` must be of the same body.
pub fn with_items(body: &[u8], places: &[(Range<usize>, impl AsRef<[u8]>)]) -> Vec<u8> {
    let more: usize = places.iter().map(|(_, item)| item.as_ref().len()).sum();
    let (mut out, mut at) = (Vec::with_capacity(body.len() + more), 0);
    for (span, item) in places {
        out.extend_from_slice(&body[at..span.start]);
        out.extend_from_slice(item.as_ref());
        at = span.end;
        if item.as_ref().is_empty() {
            at += take_comma(&mut out, &body[at..]);
        }
    }
    out.extend_from_slice(&body[at..]);
    out
}

/// Takes a comma out of what stands around an element that is gone: as many bytes of `after`, or of `before` where it was
/// the last.
fn take_comma(before: &mut Vec<u8>, after: &[u8]) -> usize {
    let blank = after.len() - after.trim_ascii_start().len();
    if after.get(blank) == Some(&b',') {
        return blank + 1;
    }
    before.truncate(before.trim_ascii_end().len());
    if before.ends_with(b",") {
        before.pop();
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(body: &str, names: &[&str], expected: &str) {
        let found = references(body.as_bytes()).unwrap();
        assert_eq!(found.iter().map(|one| &*one.id).collect::<Vec<_>>(), names, "{body}");
        let items = found.into_iter().filter(|one| one.id != "unknown").map(|one| match &*one.id {
            "gone" => (one.span, String::new()),
            id => (one.span, format!("<{id}>")),
        });
        let out = with_items(body.as_bytes(), &items.collect::<Vec<_>>());
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn items_stand_where_their_names_stood() {
        check(
            r#"{ "input" : [ {"type":"item_reference","id":"a\"1"} ,{"id":"b"}, {"type":null,"id":"unknown"},{"role":"user","id":"c"}], "x":1.0 }"#,
            &["a\"1", "b", "unknown"],
            r#"{ "input" : [ <a"1> ,<b>, {"type":null,"id":"unknown"},{"role":"user","id":"c"}], "x":1.0 }"#,
        );
        check(r#"{"id":"a","input":"item_reference"}"#, &[], r#"{"id":"a","input":"item_reference"}"#);
        check(
            r#"{"input":[{"type":"item_reference"},{"type":"function_call","id":"a"}]}"#,
            &[],
            r#"{"input":[{"type":"item_reference"},{"type":"function_call","id":"a"}]}"#,
        );
        assert!(references(b"{").is_err());
    }

    #[test]
    fn what_is_of_no_use_is_taken_out_with_its_comma() {
        let gone = r#"{"id":"gone"}"#;
        for (input, expected) in [
            ("[G]", "[]"),
            ("[ G , G ]", "[ ]"),
            ("[ 1, G , 2]", "[ 1,  2]"),
            ("[1, G ]", "[1 ]"),
            ("[G,1]", "[1]"),
            ("[1,G,G]", "[1]"),
        ] {
            let body = |input: &str| format!(r#"{{"input":{input},"x":[1]}}"#).replace('1', "{}").replace('2', "{ }");
            let sent = body(input).replace('G', gone);
            let names = vec!["gone"; input.matches('G').count()];
            check(&sent, &names, &body(expected));
        }
    }

    #[test]
    fn so_many_are_looked_for_and_no_more() {
        let body = format!(r#"{{"input":[{}{{"id":"last"}}]}}"#, r#"{"id":"a"},"#.repeat(REFERENCES_MAX));
        assert_eq!(references(body.as_bytes()).unwrap().len(), REFERENCES_MAX);
        let long = format!(r#"{{"input":[{{"id":"{}"}}]}}"#, "a".repeat(REFERENCE_BYTES));
        assert!(references(long.as_bytes()).unwrap().is_empty());
    }
}
