//! Schemas: `parameters` is a subset of `OpenAPI` with its types in capitals.

use std::borrow::Cow;

use crate::chat::Json;

const TYPES: [&str; 7] = ["STRING", "NUMBER", "INTEGER", "BOOLEAN", "ARRAY", "OBJECT", "NULL"];

/// The same schema with the types as JSON Schema writes them.
pub(super) fn lowercase(schema: &Json<'_>) -> Json<'static> {
    let text = schema.as_str();
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    // A member `type` whose value is one of the words; properties of that name have objects.
    while let Some(at) = rest.find("\"type\"") {
        let (before, after) = rest.split_at(at + "\"type\"".len());
        out.push_str(before);
        rest = after;
        let value = after.trim_start();
        let Some(value) = value.strip_prefix(':').map(str::trim_start) else { continue };
        let found = TYPES.iter().find(|word| {
            value
                .strip_prefix('"')
                .and_then(|value| value.strip_prefix(**word))
                .is_some_and(|rest| rest.starts_with('"'))
        });
        if let Some(word) = found {
            let skipped = after.len() - value.len();
            out.push_str(&after[..skipped]);
            out.push('"');
            out.push_str(&word.to_ascii_lowercase());
            out.push('"');
            rest = &value[word.len() + 2..];
        }
    }
    out.push_str(rest);
    Json::read(Cow::Owned(out)).unwrap_or_else(|_| schema.clone().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_written_small_and_names_are_left_alone() {
        let schema = r#"{"type" : "OBJECT","properties":{"type":{"type":"STRING","enum":["type","STRING"]}}}"#;
        let expected = r#"{"type" : "object","properties":{"type":{"type":"string","enum":["type","STRING"]}}}"#;
        assert_eq!(lowercase(&Json::read(schema).unwrap()).as_str(), expected);
    }
}
