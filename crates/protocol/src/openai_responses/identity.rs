//! What a response that is made here says of itself: its name, and what its request asked for.

use std::ops::Range;

use crate::json::{Malformed, Object, Reader, push_string};

/// The name of a response, and the members of its request that clients find in it again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    id: String,
    created: i64,
    /// As they were written, in the order of [`ECHOED`]; `None` for the default.
    echoed: Vec<Option<String>>,
}

/// Members of a request that its response repeats, and what they are where it had none (OpenAI's API reference, "the
/// response object"; the Open Responses specification demands all of them).
const ECHOED: [(&str, &str); 21] = [
    ("instructions", "null"),
    ("metadata", "{}"),
    ("parallel_tool_calls", "true"),
    ("temperature", "1"),
    ("tool_choice", "\"auto\""),
    ("tools", "[]"),
    ("top_p", "1"),
    ("background", "false"),
    ("frequency_penalty", "0"),
    ("max_output_tokens", "null"),
    ("max_tool_calls", "null"),
    ("presence_penalty", "0"),
    ("previous_response_id", "null"),
    ("prompt_cache_key", "null"),
    ("reasoning", "null"),
    ("safety_identifier", "null"),
    ("store", "true"),
    ("text", r#"{"format":{"type":"text"}}"#),
    ("top_logprobs", "0"),
    ("truncation", "\"disabled\""),
    ("user", "null"),
];

/// Where a request has the members that its response repeats.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Echo([Range<usize>; ECHOED.len()]);

impl Echo {
    /// Looks for them in the body of a request.
    ///
    /// # Errors
    /// When it is not a JSON object.
    pub fn read(request: &[u8]) -> Result<Self, Malformed> {
        let mut echo = Self::default();
        Reader::new(request)?.object(|reader, member| {
            echo.note(member, reader.skip()?);
            Ok::<_, Malformed>(())
        })?;
        Ok(echo)
    }

    /// Notes where the value of a member of a request stands. Of members written twice the last counts.
    pub(super) fn note(&mut self, member: &str, span: Range<usize>) {
        if let Some(place) = ECHOED.iter().position(|(known, _)| *known == member) {
            self.0[place] = span;
        }
    }
}

/// The value at a place of a request; `None` where it says nothing.
fn said(request: &[u8], span: &Range<usize>) -> Option<String> {
    let value = std::str::from_utf8(request.get(span.clone())?).ok()?;
    (!value.is_empty() && value != "null").then(|| value.to_owned())
}

/// How the names of items that were made here go on behind their kind.
const OURS: &str = "_rl";

impl Identity {
    /// `name` is unique to the response and made of letters, digits, `-` and `_`; `created` is in Unix seconds, `request`
    /// the body of its request with what was found in it, and `previous` the response that it goes on from.
    pub fn new(name: &str, created: i64, (request, echo): (&[u8], &Echo), previous: Option<&str>) -> Self {
        let mut echoed: Vec<_> = echo.0.iter().map(|span| said(request, span)).collect();
        if let (Some(previous), Some(place)) =
            (previous, ECHOED.iter().position(|(known, _)| *known == "previous_response_id"))
        {
            let mut text = Vec::new();
            push_string(&mut text, previous);
            echoed[place] = String::from_utf8(text).ok();
        }
        Self { id: format!("resp_{name}"), created, echoed }
    }

    /// The response's name.
    pub fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn created(&self) -> i64 {
        self.created
    }

    /// The name of the item at that place of the output.
    pub(super) fn item(&self, kind: &str, number: usize) -> String {
        format!("{kind}{OURS}{}_{number}", &self.id["resp".len()..])
    }

    pub(super) fn write(&self, object: &mut Object<'_>) {
        for ((name, default), echoed) in ECHOED.iter().zip(&self.echoed) {
            object.raw(name, echoed.as_deref().unwrap_or(default));
        }
    }
}

/// Whether the item, as written, has a name that was given here: no vendor knows it.
pub(super) fn is_ours(item_id: &str) -> bool {
    item_id.split_once('_').is_some_and(|(_, rest)| rest.starts_with(&OURS[1..]))
}

/// Whether an item of that name is a thought that was named here. Where nobody sealed it, no vendor takes it.
pub(crate) fn is_unsealed(item_id: &str) -> bool {
    item_id.starts_with("rs_rl_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_repeats_its_request() {
        let request = br#"{"model":"m","store":false,"tools":[{"type":"function"}],"temperature":null,"x":1}"#;
        let echo = Echo::read(request).unwrap();
        let identity = Identity::new("x_1", 7, (request, &echo), Some("resp_\"0"));
        assert_eq!((identity.id(), identity.item("msg", 3)), ("resp_x_1", "msg_rl_x_1_3".to_owned()));
        let mut out = Vec::new();
        let mut object = Object::new(&mut out);
        identity.write(&mut object);
        object.end();
        let written: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(written["store"], false);
        assert_eq!((&written["temperature"], &written["top_logprobs"]), (&1.into(), &0.into()));
        assert_eq!(written["previous_response_id"], "resp_\"0");
        assert_eq!(written["tools"][0]["type"], "function");
        assert!(is_ours("rs_rl_x_1_3") && !is_ours("rs_0123") && !is_ours("rl_1"));
        assert!(is_unsealed("rs_rl_x_1_0") && !is_unsealed("msg_rl_x_1_0"));
    }
}
