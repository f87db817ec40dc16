//! What a chunk and a whole answer have in common: choices, usage, and errors in either.

use super::{Content, Finish};
use crate::{
    estimate::Output,
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
    pub(super) output: Output,
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
                    let mut reasoning = 0;
                    reader.object(|reader, key| self.delta(reader, key, &mut reasoning))?;
                    self.output.text_bytes += reasoning;
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

    /// `reasoning` is the length of the longest of the members that tell it: servers that write two say it twice.
    fn delta(&mut self, reader: &mut Reader<'_>, key: &str, reasoning: &mut u64) -> Result<(), Malformed> {
        match key {
            "role" => {
                self.has_role = true;
                reader.pass()
            }
            "content" if reader.kind()? == Kind::Array => reader.array(|reader| self.part(reader)),
            "content" => self.text(reader, Content::Text),
            "reasoning_content" | "reasoning" | "thinking" | "reasoning_details" => {
                let before = self.output.text_bytes;
                self.value(reader, Content::Reasoning)?;
                *reasoning = (*reasoning).max(self.output.text_bytes - before);
                self.output.text_bytes = before;
                Ok(())
            }
            "refusal" => self.text(reader, Content::Refusal),
            "tool_calls" | "function_call" => self.value(reader, Content::ToolCall),
            "audio" => self.value(reader, Content::Audio),
            "images" => self.images(reader),
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
        let bytes = reader.string()?.raw.len() as u64;
        if bytes > 0 {
            self.content = self.content.max(content);
            self.output.text_bytes += bytes;
        }
        Ok(())
    }

    /// A structured piece: content when it holds anything, of which only what the model wrote is counted.
    fn value(&mut self, reader: &mut Reader<'_>, content: Content) -> Result<(), Malformed> {
        let is_filled = match reader.kind()? {
            Kind::String => return self.text(reader, content),
            Kind::Object | Kind::Array => self.written(reader, content, DEPTH_MAX)?,
            Kind::Number | Kind::True | Kind::False | Kind::Null => !is_empty(reader.raw()?),
        };
        if is_filled {
            self.content = self.content.max(content);
        }
        Ok(())
    }

    /// Counts what the model wrote, and leaves out what its server put around it: ids, types, signatures. `true` when
    /// there is anything.
    fn written(&mut self, reader: &mut Reader<'_>, content: Content, depth: u8) -> Result<bool, Malformed> {
        let mut is_filled = false;
        if depth == 0 {
            let raw = reader.raw()?;
            self.output.text_bytes += raw.len() as u64;
            return Ok(!is_empty(raw));
        }
        if reader.kind()? == Kind::Array {
            reader.array(|reader| {
                is_filled = true;
                match reader.kind()? {
                    Kind::Object | Kind::Array => self.written(reader, content, depth - 1).map(drop),
                    Kind::String => self.text(reader, content),
                    Kind::Number | Kind::True | Kind::False | Kind::Null => reader.pass(),
                }
            })?;
            return Ok(is_filled);
        }
        reader.object(|reader, key| {
            is_filled = true;
            match (key, reader.kind()?) {
                ("data", Kind::String) if content == Content::Audio => {
                    self.output.audio_bytes += reader.string()?.raw.len() as u64;
                }
                (
                    "name" | "arguments" | "input" | "transcript" | "text" | "refusal" | "summary" | "thinking",
                    Kind::String,
                ) => self.output.text_bytes += reader.string()?.raw.len() as u64,
                // Some servers write the arguments as they are, and not as a string.
                ("arguments" | "input", Kind::Object | Kind::Array) => {
                    self.output.text_bytes += reader.skip()?.len() as u64;
                }
                (_, Kind::Object | Kind::Array) => {
                    self.written(reader, content, depth - 1)?;
                }
                _ => reader.pass()?,
            }
            Ok::<_, Malformed>(())
        })?;
        Ok(is_filled)
    }

    fn images(&mut self, reader: &mut Reader<'_>) -> Result<(), Malformed> {
        if reader.kind()? != Kind::Array {
            return self.value(reader, Content::Image);
        }
        reader.array(|reader| {
            self.content = self.content.max(Content::Image);
            self.output.images += 1;
            reader.pass()
        })
    }
}

/// How deep what a model wrote stands in a piece: `tool_calls`, a call, its `function`, and one to spare.
const DEPTH_MAX: u8 = 4;

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

/// Whether a value says that there is nothing.
pub(crate) fn is_empty(raw: &str) -> bool {
    matches!(raw, "null" | "false" | "0" | "\"\"")
        || matches!(raw.as_bytes(), [b'{', inner @ .., b'}'] | [b'[', inner @ .., b']'] if inner.trim_ascii().is_empty())
}
