//! What a chunk and a whole answer have in common: choices, usage, and errors in either.

use super::{Content, Finish};
use crate::{
    json::{Kind, Malformed, Reader},
    usage::{self, CostPlace, Usage},
};

/// The facts of one chunk or answer.
#[derive(Debug, Default)]
pub(super) struct Envelope {
    pub(super) choices: u32,
    /// One bit a choice index.
    pub(super) seen: u128,
    pub(super) finished: u128,
    pub(super) finish: Option<Finish>,
    pub(super) content: Content,
    pub(super) content_bytes: usize,
    pub(super) has_role: bool,
    pub(super) usage: Option<Usage>,
    pub(super) cost_place: Option<CostPlace>,
    pub(super) is_error: bool,
}

impl Envelope {
    pub(super) fn scan(json: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(json)?;
        let mut envelope = Self::default();
        let mut outer = Outer::default();
        reader.object(|reader, key| envelope.member(reader, key, &mut outer))?;
        reader.end()?;
        // DashScope's own shape and Mistral's name no `error` member.
        envelope.is_error |= outer.is_error_object || outer.has_code && outer.has_message && !outer.has_choices;
        envelope.usage = envelope.usage.or(outer.groq_usage);
        Ok(envelope)
    }

    fn member(&mut self, reader: &mut Reader<'_>, key: &str, outer: &mut Outer) -> Result<(), Malformed> {
        match key {
            "choices" if reader.kind()? == Kind::Array => {
                outer.has_choices = true;
                return reader.array(|reader| self.choice(reader));
            }
            "usage" => {
                if let Some((usage, place)) = usage::read(reader)? {
                    // Perplexity repeats a growing usage; the last one counts.
                    self.usage = usage.or(self.usage);
                    self.cost_place = Some(place);
                }
                return Ok(());
            }
            "x_groq" if reader.kind()? == Kind::Object => {
                return reader.object(|reader, key| {
                    match key {
                        "usage" => outer.groq_usage = usage::read(reader)?.and_then(|(usage, _)| usage),
                        "error" => self.is_error |= is_truthy(reader)?,
                        _ => reader.pass()?,
                    }
                    Ok(())
                });
            }
            "error" => self.is_error |= is_truthy(reader)?,
            "object" => outer.is_error_object |= reader.raw()? == "\"error\"",
            "code" => outer.has_code |= is_truthy(reader)?,
            "message" => outer.has_message |= is_truthy(reader)?,
            _ => reader.pass()?,
        }
        Ok(())
    }

    fn choice(&mut self, reader: &mut Reader<'_>) -> Result<(), Malformed> {
        let position = self.choices;
        self.choices = self.choices.saturating_add(1);
        if reader.kind()? != Kind::Object {
            return reader.pass();
        }
        let mut index = position;
        let mut has_finished = false;
        reader.object(|reader, key| {
            match key {
                "index" => index = reader.raw()?.parse().unwrap_or(position),
                "delta" | "message" if reader.kind()? == Kind::Object => {
                    reader.object(|reader, key| self.delta(reader, key))?;
                }
                "text" => self.text(reader, Content::Text)?,
                "finish_reason" if reader.kind()? == Kind::String => {
                    let finish = Finish::from_reason(&reader.string()?.decode());
                    has_finished = finish.is_some();
                    self.is_error |= finish == Some(Finish::Error);
                    self.finish = self.finish.or(finish);
                }
                "error" => self.is_error |= is_truthy(reader)?,
                _ => reader.pass()?,
            }
            Ok::<_, Malformed>(())
        })?;
        let bit = 1_u128.checked_shl(index).unwrap_or(0);
        self.seen |= bit;
        self.finished |= if has_finished { bit } else { 0 };
        Ok(())
    }

    fn delta(&mut self, reader: &mut Reader<'_>, key: &str) -> Result<(), Malformed> {
        match key {
            "role" => {
                self.has_role = true;
                reader.pass()
            }
            "content" if reader.kind()? == Kind::Array => reader.array(|reader| self.part(reader)),
            "content" => self.text(reader, Content::Text),
            "reasoning_content" | "reasoning" | "thinking" => self.text(reader, Content::Reasoning),
            "reasoning_details" => self.value(reader, Content::Reasoning),
            "refusal" => self.text(reader, Content::Refusal),
            "tool_calls" | "function_call" => self.value(reader, Content::ToolCall),
            "audio" => self.value(reader, Content::Audio),
            "images" => self.value(reader, Content::Image),
            _ => reader.pass(),
        }
    }

    /// One element of Mistral's content array: `text`, or `thinking` with parts of its own.
    fn part(&mut self, reader: &mut Reader<'_>) -> Result<(), Malformed> {
        if reader.kind()? != Kind::Object {
            return reader.pass();
        }
        reader.object(|reader, key| match key {
            "text" => self.text(reader, Content::Text),
            "thinking" => self.value(reader, Content::Reasoning),
            _ => reader.pass(),
        })
    }

    fn text(&mut self, reader: &mut Reader<'_>, content: Content) -> Result<(), Malformed> {
        if reader.kind()? != Kind::String {
            return reader.pass();
        }
        self.add(content, reader.string()?.raw.len());
        Ok(())
    }

    /// A structured piece: content when it holds anything.
    fn value(&mut self, reader: &mut Reader<'_>, content: Content) -> Result<(), Malformed> {
        let raw = reader.raw()?;
        self.add(content, if is_empty(raw) { 0 } else { raw.len() });
        Ok(())
    }

    fn add(&mut self, content: Content, bytes: usize) {
        if bytes > 0 {
            self.content = self.content.max(content);
            self.content_bytes += bytes;
        }
    }
}

/// What stands beside the choices.
#[derive(Default)]
struct Outer {
    has_choices: bool,
    has_code: bool,
    has_message: bool,
    is_error_object: bool,
    groq_usage: Option<Usage>,
}

/// Truth as Python and JavaScript clients test it: official SDKs raise on a truthy `error`.
fn is_truthy(reader: &mut Reader<'_>) -> Result<bool, Malformed> {
    Ok(!is_empty(reader.raw()?))
}

fn is_empty(raw: &str) -> bool {
    matches!(raw, "null" | "false" | "0" | "\"\"")
        || matches!(raw.as_bytes(), [b'{', inner @ .., b'}'] | [b'[', inner @ .., b']'] if inner.trim_ascii().is_empty())
}
