//! What Vertex AI wants otherwise: the model stands in the path, and the version in the body.
//!
//! Sources: Google's "Anthropic's Claude models" and "Count tokens for Claude models"; Anthropic's SDK for Vertex AI.

use std::ops::Range;

use bytes::Bytes;

use crate::json::{Malformed, Reader};

/// The member with the only version there is.
const VERSION: &str = r#""anthropic_version":"vertex-2023-10-16""#;

/// A body as Vertex AI takes it. `model` is left out unless it `keeps_model`, as a question for a count does. Every other
/// byte stays as sent.
///
/// # Errors
/// When it is not a JSON object.
pub fn for_vertex(body: &[u8], keeps_model: bool) -> Result<Bytes, Malformed> {
    let (mut model, mut version) = (None, None);
    let first = body.iter().position(|&byte| byte == b'{').map_or(0, |at| at + 1);
    let mut before = first;
    let mut reader = Reader::new(body)?;
    reader.object(|reader, key| {
        let value = reader.skip()?;
        let quote = body[before..value.start].iter().position(|&byte| byte == b'"');
        let member = quote.map_or(value.start, |at| before + at)..value.end;
        match key {
            "model" if !keeps_model => model = Some(member),
            "anthropic_version" => version = Some(member),
            _ => {}
        }
        before = value.end;
        Ok::<_, Malformed>(())
    })?;
    let is_empty = before == first;
    Ok(match (model, version) {
        (Some(model), None) => replaced(body, &[(model, VERSION)]),
        (None, Some(version)) => replaced(body, &[(version, VERSION)]),
        (Some(model), Some(version)) => {
            let mut spans = [(with_comma(body, model), ""), (version, VERSION)];
            spans.sort_unstable_by_key(|(span, _)| span.start);
            replaced(body, &spans)
        }
        (None, None) if is_empty => replaced(body, &[(first..first, VERSION)]),
        (None, None) => replaced(body, &[(first..first, VERSION), (first..first, ",")]),
    })
}

/// A member that is not the only one, with the comma that parts it from the next, or else from the one before.
fn with_comma(body: &[u8], member: Range<usize>) -> Range<usize> {
    let after = body[member.end..].iter().position(|byte| !byte.is_ascii_whitespace()).unwrap_or_default() + member.end;
    if body.get(after) == Some(&b',') {
        return member.start..after + 1;
    }
    let before = body[..member.start].iter().rposition(|&byte| byte == b',');
    before.unwrap_or(member.start)..member.end
}

fn replaced(body: &[u8], spans: &[(Range<usize>, &str)]) -> Bytes {
    let mut out = Vec::with_capacity(body.len() + VERSION.len() + 1);
    let mut at = 0;
    for (span, new) in spans {
        out.extend_from_slice(&body[at..span.start]);
        out.extend_from_slice(new.as_bytes());
        at = span.end;
    }
    out.extend_from_slice(&body[at..]);
    out.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(body: &str, keeps_model: bool, expected: &str) {
        let written = for_vertex(body.as_bytes(), keeps_model).unwrap();
        assert_eq!(std::str::from_utf8(&written).unwrap(), expected, "{body}");
        assert!(serde_json::from_slice::<serde_json::Value>(&written).is_ok(), "{expected}");
    }

    #[test]
    fn the_version_takes_the_place_of_the_model() {
        let version = r#""anthropic_version":"vertex-2023-10-16""#;
        check(r#"{"model":"c","a":1}"#, false, &format!(r#"{{{version},"a":1}}"#));
        check(
            r#"{ "a" : {"model":"x"} , "model" : "c" }"#,
            false,
            &format!(r#"{{ "a" : {{"model":"x"}} , {version} }}"#),
        );
        check(r#"{"model":"c","a":1}"#, true, &format!(r#"{{{version},"model":"c","a":1}}"#));
        check(r#"{"m\u006fdel":"c","a":1}"#, false, &format!(r#"{{{version},"a":1}}"#));
        check("{}", false, &format!("{{{version}}}"));
    }

    #[test]
    fn a_version_of_the_callers_gives_way() {
        let version = r#""anthropic_version":"vertex-2023-10-16""#;
        check(r#"{"model":"c", "anthropic_version":"x"}"#, false, &format!("{{ {version}}}"));
        check(r#"{"anthropic_version":"x" , "model":"c"}"#, false, &format!("{{{version} }}"));
        check(r#"{"anthropic_version":"x","model":"c","a":1}"#, false, &format!(r#"{{{version},"a":1}}"#));
        check(r#"{"a":1,"anthropic_version":"x"}"#, true, &format!(r#"{{"a":1,{version}}}"#));
    }
}
