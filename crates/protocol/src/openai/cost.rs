//! What an answer cost, written into its own usage: `usage.cost` in dollars, as OpenRouter has it.

use crate::json::{Kind, Malformed, Reader};

/// The answer or chunk with `cost` (a JSON number) in its `usage`, in the place of what the provider wrote there. Every
/// other byte stays as sent. `None` where there is no usage to write it into.
pub fn with_cost(object: &[u8], cost: &str) -> Option<Vec<u8>> {
    let place = Place::find(object).ok().flatten()?;
    let (span, text) = match place {
        Place::Value { start, end } => (start..end, cost.to_owned()),
        Place::First { at, is_only } => (at..at, format!("\"cost\":{cost}{}", if is_only { "" } else { "," })),
    };
    let mut out = Vec::with_capacity(object.len() + text.len());
    out.extend_from_slice(&object[..span.start]);
    out.extend_from_slice(text.as_bytes());
    out.extend_from_slice(&object[span.end..]);
    Some(out)
}

/// Where the cost goes.
enum Place {
    /// There is one: its value.
    Value { start: usize, end: usize },
    /// There is none: a new first member.
    First { at: usize, is_only: bool },
}

impl Place {
    fn find(object: &[u8]) -> Result<Option<Self>, Malformed> {
        let mut reader = Reader::new(object)?;
        let mut place = None;
        reader.object(|reader, key| {
            if key != "usage" || reader.kind()? != Kind::Object {
                return reader.pass();
            }
            let at = reader.offset() + 1;
            let (mut is_only, mut written) = (true, None);
            reader.object(|reader, key| {
                is_only = false;
                let value = reader.skip()?;
                if key == "cost" {
                    written = Some(value);
                }
                Ok::<_, Malformed>(())
            })?;
            place = Some(match written {
                Some(value) => Self::Value { start: value.start, end: value.end },
                None => Self::First { at, is_only },
            });
            Ok::<_, Malformed>(())
        })?;
        Ok(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(object: &str, expected: Option<&str>) {
        let written = with_cost(object.as_bytes(), "0.00005").map(|bytes| String::from_utf8(bytes).unwrap());
        assert_eq!(written.as_deref(), expected);
    }

    #[test]
    fn the_cost_stands_in_the_usage_and_nothing_else_changes() {
        check(
            r#"{"id":"a", "usage" : {"prompt_tokens": 1}}"#,
            Some(r#"{"id":"a", "usage" : {"cost":0.00005,"prompt_tokens": 1}}"#),
        );
        check(r#"{"usage":{}}"#, Some(r#"{"usage":{"cost":0.00005}}"#));
        // Another gateway's own figure is not what is charged here.
        check(
            r#"{"usage":{"cost": 1e-3 ,"cost_details":{}}}"#,
            Some(r#"{"usage":{"cost": 0.00005 ,"cost_details":{}}}"#),
        );
        check(r#"{"usage":null}"#, None);
        check(r#"{"choices":[{"usage":{}}]}"#, None);
        check(r#"{"usage":{}"#, None);
    }
}
