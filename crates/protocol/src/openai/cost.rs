//! What an answer cost, written into its own usage: `usage.cost` in dollars, as OpenRouter has it.

use crate::usage::CostPlace;

/// The answer or chunk with `cost` (a JSON number) in its usage, in the place of what the provider wrote there. Every
/// other byte stays as sent. `place` is what the scan of this very text said.
pub fn with_cost(object: &[u8], place: CostPlace, cost: &str) -> Vec<u8> {
    let (start, end, before, after) = match place {
        CostPlace::Value { start, end } => (start, end, "", ""),
        CostPlace::First { at, is_only } => (at, at, "\"cost\":", if is_only { "" } else { "," }),
    };
    let mut out = Vec::with_capacity(object.len() + before.len() + cost.len() + after.len());
    out.extend_from_slice(&object[..start]);
    out.extend_from_slice(before.as_bytes());
    out.extend_from_slice(cost.as_bytes());
    out.extend_from_slice(after.as_bytes());
    out.extend_from_slice(&object[end..]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::openai::answer::Answer;

    #[track_caller]
    fn check(object: &str, expected: Option<&str>) {
        let place = Answer::scan(object.as_bytes()).ok().and_then(|answer| answer.cost_place);
        let written = place.map(|place| with_cost(object.as_bytes(), place, "0.00005"));
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
