//! Walks the messages of a chat without keeping them.

use std::ops::Range;

use super::{
    Request,
    bad_request::{BadRequest, Fault},
    media::Medium,
};
use crate::{
    json::{Kind, Malformed, Reader},
    openai::Operation,
};

impl Request {
    pub(super) fn read_messages(&mut self, reader: &mut Reader<'_>, body: &[u8]) -> Result<(), Fault> {
        let offset = reader.offset();
        if reader.kind()? != Kind::Array {
            return Err(BadRequest::wrong_type("messages", "a list of messages", offset).into());
        }
        reader.array(|reader| self.read_message(reader, body))?;
        if self.messages == 0 {
            let message = "`messages` is empty: write at least one message".to_owned();
            return Err(BadRequest::value("messages", message).into());
        }
        Ok(())
    }

    fn read_message(&mut self, reader: &mut Reader<'_>, body: &[u8]) -> Result<(), Fault> {
        let offset = reader.offset();
        if reader.kind()? != Kind::Object {
            let expected = format!("a list of objects; element {} is none", self.messages);
            return Err(BadRequest::wrong_type("messages", &expected, offset).into());
        }
        let mut role = Role::Other;
        let mut content = 0..0;
        reader.object(|reader, key| {
            match key {
                "role" if reader.kind()? == Kind::String => {
                    role = Role::read(&reader.string()?.decode());
                }
                "content" => content = self.read_content(reader, body)?,
                // An earlier spoken answer, by its id.
                "audio" => {
                    self.size.named_answers += u64::from(reader.kind()? != Kind::Null);
                    self.add_text(reader.skip()?, body);
                }
                "reasoning_details" | "tool_calls" => {
                    let span = reader.skip()?;
                    let raw = std::str::from_utf8(&body[span.clone()]).unwrap_or_default();
                    self.holds.thoughts |= key == "reasoning_details";
                    self.holds.foreign_thoughts |= raw.contains(MARKED);
                    self.add_text(span, body);
                }
                _ => self.add_text(reader.skip()?, body),
            }
            Ok::<_, Malformed>(())
        })?;
        self.messages = self.messages.saturating_add(1);
        self.needs.prefill = role == Role::Assistant;
        match role {
            Role::System => {
                self.holds.system = true;
                self.head.add(false, content);
            }
            Role::User => self.head.add(true, content),
            Role::Assistant | Role::Tool => self.is_first_turn = false,
            Role::Other => {}
        }
        Ok(())
    }

    /// A string, a list of parts, a part, or null.
    pub(super) fn read_content(&mut self, reader: &mut Reader<'_>, body: &[u8]) -> Result<Range<usize>, Malformed> {
        let start = reader.offset();
        match reader.kind()? {
            Kind::Array if self.operation == Operation::Messages => {
                reader.array(|reader| self.read_block(reader, body))?;
            }
            Kind::Array => reader.array(|reader| self.read_part(reader, body))?,
            // A part alone, as some servers take it.
            Kind::Object => self.read_part(reader, body)?,
            _ => self.add_text(reader.skip()?, body),
        }
        Ok(start..reader.position())
    }

    /// One content part. Known by its members as well as its type, since servers differ in the names.
    fn read_part(&mut self, reader: &mut Reader<'_>, body: &[u8]) -> Result<(), Malformed> {
        if reader.kind()? != Kind::Object {
            self.add_text(reader.skip()?, body);
            return Ok(());
        }
        reader.object(|reader, key| {
            match key {
                "type" => reader.pass()?,
                "prompt_cache_breakpoint" | "cache_control" => self.note_keeping(reader)?,
                "image_url" | "image" => {
                    reader.pass()?;
                    self.needs.vision = true;
                    self.size.images += 1;
                }
                "video_url" | "video" => self.read_medium(reader, key, Medium::Video)?,
                "input_audio" | "audio_url" | "audio" => self.read_medium(reader, key, Medium::Audio)?,
                "file" | "file_id" | "file_url" | "file_data" | "document" | "document_url" => {
                    self.read_medium(reader, key, Medium::File)?;
                }
                "source" => self.read_medium(reader, key, Medium::Unknown)?,
                _ if key.ends_with("_url") => self.read_medium(reader, key, Medium::Unknown)?,
                _ => self.add_text(reader.skip()?, body),
            }
            Ok(())
        })
    }

    /// Counts a span of the body as text of the prompt, as written: escapes and quotes only make it more.
    pub(super) fn add_text(&mut self, span: Range<usize>, body: &[u8]) {
        self.size.text_bytes += span.len() as u64;
        self.size.wide_bytes += wide_bytes(&body[span]);
    }

    /// Counts a member that is not known: it may belong to the prompt, where it is more than a number or a switch.
    pub(super) fn add_other(&mut self, reader: &mut Reader<'_>, body: &[u8]) -> Result<(), Malformed> {
        if !matches!(reader.kind()?, Kind::String | Kind::Array | Kind::Object) {
            return reader.pass();
        }
        self.add_other_span(reader.skip()?, body);
        Ok(())
    }

    pub(super) fn add_other_span(&mut self, span: Range<usize>, body: &[u8]) {
        self.size.other_bytes += span.len() as u64;
        self.size.other_wide_bytes += wide_bytes(&body[span]);
    }
}

/// How a signature begins that names its issuer, in a JSON string.
const MARKED: &str = "\"rl1";

/// Bytes that are not ASCII.
fn wide_bytes(text: &[u8]) -> u64 {
    // A sum of so few bits fits into a byte, and sums of bytes are what processors do sixteen at a time.
    text.chunks(128).map(|some| u64::from(some.iter().map(|byte| byte >> 7).sum::<u8>())).sum()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    System,
    User,
    Assistant,
    Tool,
    Other,
}

impl Role {
    fn read(name: &str) -> Self {
        match name {
            "system" | "developer" => Self::System,
            "user" => Self::User,
            "assistant" => Self::Assistant,
            "tool" | "function" => Self::Tool,
            _ => Self::Other,
        }
    }
}
