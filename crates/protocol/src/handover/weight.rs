//! How much of a window a part, a turn or a whole request takes.

use super::Takes;
use crate::{
    chat::{Arguments, Body, Extra, Format, Part, Request, Source, Text, ToolBody, ToolCall, ToolCallKind, Turn},
    estimate::{Size, Tokenizer, input_tokens},
};

/// About the most tokens that the prompt of a request has, in whatever dialect it is written.
pub fn tokens(request: &Request<'_>, tokenizer: Tokenizer) -> u64 {
    let turns = request.turns.iter().map(Weight::of_turn);
    turns.fold(Weight::of_frame(request), Weight::plus).tokens(tokenizer)
}

/// What is counted of a piece of a request, as it is written in the dialect that takes most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Weight {
    text_bytes: u64,
    wide_bytes: u64,
    images: u64,
    audio_bytes: u64,
    file_bytes: u64,
    messages: u32,
}

impl Weight {
    /// What stands around a turn.
    pub(super) const ONE_MESSAGE: Self =
        Self { text_bytes: 0, wide_bytes: 0, images: 0, audio_bytes: 0, file_bytes: 0, messages: 1 };

    /// All but the turns.
    pub(super) fn of_frame(request: &Request<'_>) -> Self {
        let mut weight = request.system.iter().map(Self::of_part).fold(Self::default(), Self::plus);
        weight.messages += u32::from(!request.system.is_empty());
        for tool in &request.tools {
            weight.add_bytes(TOOL_FRAME);
            match &tool.body {
                ToolBody::Function { name, description, schema, .. } => {
                    weight.add_text(name);
                    weight.add(description.as_ref().map_or("", Text::written));
                    weight.add(schema.as_ref().map_or("", |schema| schema.as_str()));
                }
                ToolBody::Custom { name, description, format } => {
                    weight.add_bytes(CUSTOM_FRAME);
                    weight.add_text(name);
                    weight.add(description.as_ref().map_or("", Text::written));
                    weight.add(format.as_ref().map_or("", |format| format.as_str()));
                }
                ToolBody::Opaque { json, .. } => weight.add(json.as_str()),
            }
            weight.add_extra(&tool.extra);
        }
        match &request.format {
            None | Some(Format::Text) => {}
            Some(Format::JsonObject) => weight.add_bytes(TOOL_FRAME),
            Some(Format::JsonSchema { schema, description, .. }) => {
                weight.add_bytes(TOOL_FRAME);
                weight.add(schema.as_str());
                weight.add(description.as_ref().map_or("", Text::written));
            }
            Some(Format::Opaque { json, .. }) => weight.add(json.as_str()),
        }
        weight
    }

    pub(super) fn of_turn(turn: &Turn<'_>) -> Self {
        Self::of_parts(turn, turn.parts.iter())
    }

    /// Some parts of a turn, as a turn of their own.
    pub(super) fn of_parts<'p, 'a: 'p>(turn: &Turn<'a>, parts: impl Iterator<Item = &'p Part<'a>>) -> Self {
        let mut weight = Self { messages: 1, ..Self::default() };
        weight.add_extra(&turn.extra);
        parts.map(Self::of_part).fold(weight, Self::plus)
    }

    pub(super) fn of_part(part: &Part<'_>) -> Self {
        let mut weight = Self::of_body(&part.body);
        weight.add_extra(&part.extra);
        weight
    }

    fn of_body(body: &Body<'_>) -> Self {
        let mut weight = Self::default();
        weight.add_bytes(PART_FRAME);
        match body {
            Body::Text { text, .. } | Body::Refusal(text) => weight.add_text(text),
            Body::Thinking { text, signature } => {
                weight.messages = 1;
                weight.add_text(text);
                weight.add(signature.as_ref().map_or("", |signature| signature.text.written()));
            }
            Body::SealedThinking { data } => {
                weight.messages = 1;
                weight.add_text(&data.text);
            }
            Body::Image { .. } => weight.images = 1,
            Body::Audio { source } => weight.audio_bytes = source_bytes(source),
            // Some dialects have plain words as a document and others as text.
            Body::File { source: Source::Plain(text), name } => {
                weight.add_text(text);
                weight.add(name.as_ref().map_or("", Text::written));
            }
            Body::File { source, name } => {
                weight.file_bytes = source_bytes(source);
                weight.add(name.as_ref().map_or("", Text::written));
            }
            Body::ToolCall(call) => weight.add_call(call),
            Body::ToolResult(result) => {
                weight.messages = 1;
                weight.add_bytes(RESULT_FRAME);
                weight.add_text(&result.id);
                weight.add(result.name.as_ref().map_or("", Text::written));
                weight = result.content.iter().map(Self::of_part).fold(weight, Self::plus);
            }
            Body::Opaque { json, .. } => weight.add(json.as_str()),
        }
        weight
    }

    fn add_call(&mut self, call: &ToolCall<'_>) {
        self.messages = 1;
        self.add_bytes(CALL_FRAME);
        self.add_text(&call.id);
        self.add_text(&call.name);
        match &call.arguments {
            Arguments::Text(text) => self.add_text(text),
            // Where it stands in a string, its quotes are escaped.
            Arguments::Value(value) => {
                self.add(value.as_str());
                self.add_bytes(escapes(value.as_str()));
            }
        }
        if call.kind == ToolCallKind::Custom {
            // Inside an object inside a string, escapes are escaped.
            self.add_bytes(CUSTOM_FRAME + escapes(&call.arguments.as_text().written().replace('"', "\\\"")));
        }
    }

    fn add_text(&mut self, text: &Text<'_>) {
        self.add(text.written());
    }

    fn add(&mut self, written: &str) {
        self.text_bytes += written.len() as u64;
        self.wide_bytes += wide_bytes(written.as_bytes());
    }

    fn add_bytes(&mut self, bytes: u64) {
        self.text_bytes += bytes;
    }

    fn add_extra(&mut self, extra: &Extra<'_>) {
        for (name, value) in extra.iter() {
            self.add_bytes(name.len() as u64);
            self.add(value.as_str());
        }
    }

    #[must_use]
    pub(super) fn plus(self, more: Self) -> Self {
        Self {
            text_bytes: self.text_bytes + more.text_bytes,
            wide_bytes: self.wide_bytes + more.wide_bytes,
            images: self.images + more.images,
            audio_bytes: self.audio_bytes + more.audio_bytes,
            file_bytes: self.file_bytes + more.file_bytes,
            messages: self.messages.saturating_add(more.messages),
        }
    }

    #[must_use]
    pub(super) fn minus(self, less: Self) -> Self {
        Self {
            text_bytes: self.text_bytes - less.text_bytes,
            wide_bytes: self.wide_bytes - less.wide_bytes,
            images: self.images - less.images,
            audio_bytes: self.audio_bytes - less.audio_bytes,
            file_bytes: self.file_bytes - less.file_bytes,
            messages: self.messages.saturating_sub(less.messages),
        }
    }

    /// Tokens of a request that is this and nothing else.
    pub(super) fn tokens(self, tokenizer: Tokenizer) -> u64 {
        let Self { text_bytes, wide_bytes, images, audio_bytes, file_bytes, messages } = self;
        let size = Size { text_bytes, wide_bytes, images, audio_bytes, file_bytes, ..Size::default() };
        input_tokens(tokenizer, &size, messages)
    }
}

/// What of some parts is no text.
pub(super) fn media<'p, 'a: 'p>(parts: impl IntoIterator<Item = &'p Part<'a>>) -> Takes {
    let mut held = Takes::default();
    for part in parts {
        match &part.body {
            Body::Image { .. } => held.images = true,
            Body::Audio { .. } => held.audio = true,
            Body::File { .. } => held.files = true,
            Body::ToolResult(result) => held = held.or(media(&result.content)),
            _ => {}
        }
    }
    held
}

fn source_bytes(source: &Source<'_>) -> u64 {
    match source {
        Source::Inline { media_type, data } => (media_type.written().len() + data.written().len()) as u64 + PART_FRAME,
        Source::Url(text) | Source::Handle(text) | Source::Plain(text) => text.written().len() as u64 + PART_FRAME,
    }
}

/// In pieces whose count fits a byte, which compilers turn into vectors.
fn wide_bytes(text: &[u8]) -> u64 {
    let piece = |piece: &[u8]| u64::from(piece.iter().map(|byte| byte >> 7).sum::<u8>());
    text.chunks(128).map(piece).sum()
}

fn escapes(text: &str) -> u64 {
    text.bytes().map(|byte| u64::from(matches!(byte, b'"' | b'\\' | 0..0x20))).sum()
}

/// Bytes that stand around a text in a list of parts, as far as they are counted as text.
const PART_FRAME: u64 = 16;
/// Around a call: `{"id":…,"type":"function","function":{"name":…,"arguments":…}}`.
const CALL_FRAME: u64 = 96;
/// Around a result: its error mark, the name of its function.
const RESULT_FRAME: u64 = 48;
/// Around a tool: `{"type":"function","function":{"name":…,"description":…,"parameters":…,"strict":false}}`.
const TOOL_FRAME: u64 = 128;
/// Around free input that is said as one argument, and its schema.
const CUSTOM_FRAME: u64 = 160;
