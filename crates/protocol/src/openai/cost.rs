//! What an answer cost, written into its own usage: `usage.cost` in dollars, as OpenRouter has it.

use crate::json::{Malformed, Reader};

/// The answer or chunk with `cost` (a JSON number) in its usage, in the place of what the provider wrote there. Every
/// other byte stays as sent. `usage_at` is where the usage object begins, as the scan of this very text said; `None` where
/// no object does.
pub fn with_cost(object: &[u8], usage_at: usize, cost: &str) -> Option<Vec<u8>> {
    let (span, text) = match Place::find(object.get(usage_at..)?).ok()? {
        Place::Value { start, end } => (usage_at + start..usage_at + end, cost.to_owned()),
        Place::First { is_only } => {
            let at = usage_at + 1;
            (at..at, format!("\"cost\":{cost}{}", if is_only { "" } else { "," }))
        }
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
    First { is_only: bool },
}

impl Place {
    fn find(usage: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(usage)?;
        let mut place = Self::First { is_only: true };
        reader.object(|reader, key| {
            let value = reader.skip()?;
            match &mut place {
                _ if key == "cost" => place = Self::Value { start: value.start, end: value.end },
                Self::First { is_only } => *is_only = false,
                Self::Value { .. } => {}
            }
            Ok::<_, Malformed>(())
        })?;
        Ok(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::openai::answer::Answer;

    #[track_caller]
    fn check(object: &str, expected: Option<&str>) {
        let usage_at = Answer::scan(object.as_bytes()).ok().and_then(|answer| answer.usage_at);
        let written = usage_at.and_then(|at| with_cost(object.as_bytes(), at, "0.00005"));
        let written = written.map(|bytes| String::from_utf8(bytes).unwrap());
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
