//! One delta, taken apart before any of it is told: its members come in any order.

use super::super::reasoning::Said;
use crate::{
    chat::Text,
    json::{Kind, Malformed, Reader},
    wire,
};

#[derive(Debug, Default)]
pub(super) struct Delta<'a> {
    pub(super) said: Said<'a>,
    pub(super) text: Option<Text<'a>>,
    pub(super) refusal: Option<Text<'a>>,
    /// `tool_calls`, as written.
    pub(super) calls: Option<&'a str>,
    /// The one call of the old functions.
    pub(super) function_call: Option<&'a str>,
    pub(super) annotations: Option<&'a str>,
}

impl<'a> Delta<'a> {
    pub(super) fn read(raw: &'a str) -> Result<Self, Malformed> {
        let mut delta = Self::default();
        wire::members(&mut Reader::of(raw), |reader, name| {
            match name {
                "content" if reader.kind()? == Kind::Array => reader.array(|reader| delta.part(reader))?,
                "content" => {
                    delta.text = wire::text(reader)?.filter(|text| !text.is_empty()).or_else(|| delta.text.take());
                }
                "refusal" => delta.refusal = wire::text(reader)?.filter(|text| !text.is_empty()),
                "tool_calls" if reader.kind()? == Kind::Array => delta.calls = Some(reader.raw()?),
                "function_call" if reader.kind()? == Kind::Object => delta.function_call = Some(reader.raw()?),
                "annotations" if reader.kind()? == Kind::Array => delta.annotations = Some(reader.raw()?),
                "role" => reader.pass()?,
                _ if delta.said.take(reader, name)? => {}
                _ => reader.pass()?,
            }
            Ok::<_, Malformed>(())
        })?;
        Ok(delta)
    }

    /// One of Mistral's content parts.
    fn part(&mut self, reader: &mut Reader<'a>) -> Result<(), Malformed> {
        wire::members(reader, |reader, name| match name {
            "text" => {
                match (&mut self.text, wire::text(reader)?) {
                    (Some(text), Some(more)) => text.push(&more),
                    (text, more) => *text = text.take().or(more).filter(|text| !text.is_empty()),
                }
                Ok(())
            }
            "thinking" => self.said.take_thinking(reader),
            _ => reader.pass(),
        })
    }
}
