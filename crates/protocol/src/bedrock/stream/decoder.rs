//! Reads events.

use super::super::{error, frame::Frame, stop};
use crate::{
    chat::{Dialect, Event, Json, PartKind, Signature, Start, StreamFault, Text, ToolCallKind},
    json::{Malformed, Reader},
    usage, wire,
};

/// Turns frames into common events.
///
/// ```text
/// Waiting ── first event ──▶ Open ── messageStop ──▶ Stopped ── metadata, or the end of the stream ──▶ Ended
///    └───────────── exception, from anywhere ──▶ Failed
/// ```
#[derive(Debug, Default)]
pub struct Decoder {
    state: State,
    parts: u32,
    /// The block that goes on: its number and its part.
    open: Option<(u64, u32, Opened)>,
    /// Blocks below this number have ended.
    next_block: u64,
    has_usage: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Waiting,
    Open,
    Stopped,
    Ended,
    Failed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Opened {
    Text,
    Call,
    Thinking,
}

const PARTS_MAX: u32 = 8192;

impl Decoder {
    /// Reads one frame.
    ///
    /// # Errors
    /// When its payload is not JSON, or mixes or exceeds what it may; the stream cannot be read on then.
    pub fn frame(&mut self, frame: &Frame, sink: &mut dyn FnMut(Event<'_>)) -> Result<(), StreamFault> {
        if matches!(self.state, State::Ended | State::Failed) {
            return Ok(());
        }
        if frame.message_type != "event" {
            self.state = State::Failed;
            // An error has its words in headers, and no payload.
            let payload = if frame.payload.is_empty() { &b"{}"[..] } else { &frame.payload };
            sink(Event::Error(error::read(payload, Some(&frame.kind))?));
            return Ok(());
        }
        if self.state == State::Waiting {
            self.state = State::Open;
            sink(Event::Start(Start::default()));
        }
        let payload = Payload::read(&frame.payload)?;
        match &*frame.kind {
            "messageStart" => Ok(()),
            "contentBlockStart" => self.block_start(&payload, sink),
            "contentBlockDelta" => self.delta(&payload, sink),
            "contentBlockStop" => {
                self.close(sink);
                Ok(())
            }
            "messageStop" => self.stop(payload, sink),
            "metadata" => {
                self.metadata(payload, sink);
                Ok(())
            }
            _ => {
                let json = std::str::from_utf8(&frame.payload).expect("the reader checked it");
                sink(Event::Opaque { dialect: Dialect::Bedrock, json: Json::passed(json) });
                Ok(())
            }
        }
    }

    /// Learns that no frame follows.
    ///
    /// # Errors
    /// [`StreamFault::Cut`] without a `messageStop`.
    pub fn finish(&mut self, sink: &mut dyn FnMut(Event<'_>)) -> Result<(), StreamFault> {
        match self.state {
            State::Ended | State::Failed => Ok(()),
            State::Stopped => {
                self.end(sink);
                Ok(())
            }
            State::Waiting | State::Open => Err(StreamFault::Cut),
        }
    }

    fn block_start(&mut self, payload: &Payload<'_>, sink: &mut dyn FnMut(Event<'_>)) -> Result<(), StreamFault> {
        self.need_open()?;
        let (mut id, mut tool_name, mut is_call) = (Text::default(), Text::default(), false);
        wire::members(&mut Reader::of(payload.start.unwrap_or("{}")), |reader, name| {
            if name != "toolUse" {
                return reader.pass();
            }
            is_call = true;
            wire::members(reader, |reader, name| {
                match name {
                    "toolUseId" => id = wire::text(reader)?.unwrap_or_default(),
                    "name" => tool_name = wire::text(reader)?.unwrap_or_default(),
                    _ => reader.pass()?,
                }
                Ok::<_, Malformed>(())
            })
        })?;
        // Other blocks begin with their first delta.
        if is_call {
            let kind = PartKind::ToolCall { id, name: tool_name, kind: ToolCallKind::Function };
            self.begin(payload.index, Opened::Call, kind, sink)?;
        }
        Ok(())
    }

    fn delta(&mut self, payload: &Payload<'_>, sink: &mut dyn FnMut(Event<'_>)) -> Result<(), StreamFault> {
        self.need_open()?;
        let delta = Delta::read(payload.delta.unwrap_or("{}"))?;
        let index = payload.index;
        if let Some(text) = delta.text {
            let part = self.open(index, Opened::Text, PartKind::Text, sink)?;
            if !text.is_empty() {
                sink(Event::Text { part, text });
            }
        }
        if let Some(text) = delta.input {
            let Some((open, part, Opened::Call)) = self.open else {
                return Err(StreamFault::Order("arguments of a tool call that is not open"));
            };
            if open != index {
                return Err(StreamFault::Order("arguments of a tool call that is not open"));
            }
            if !text.is_empty() {
                sink(Event::Arguments { part, text });
            }
        }
        if let Some(text) = delta.thought {
            let part = self.open(index, Opened::Thinking, PartKind::Thinking, sink)?;
            if !text.is_empty() {
                sink(Event::Thinking { part, text });
            }
        }
        if let Some(signature) = delta.signature.filter(|text| !text.is_empty()) {
            let part = self.open(index, Opened::Thinking, PartKind::Thinking, sink)?;
            sink(Event::Signature { part, signature: Signature::read(signature) });
        }
        if let Some(data) = delta.redacted {
            let data = Signature::read(data);
            self.begin(index, Opened::Thinking, PartKind::SealedThinking { data }, sink)?;
        }
        Ok(())
    }

    fn stop(&mut self, payload: Payload<'_>, sink: &mut dyn FnMut(Event<'_>)) -> Result<(), StreamFault> {
        self.need_open()?;
        self.close(sink);
        let reason = payload.reason.unwrap_or_default();
        if let Some(problem) = stop::failure(&reason) {
            self.state = State::Failed;
            sink(Event::Error(problem));
            return Ok(());
        }
        self.state = State::Stopped;
        sink(Event::Stop { choice: 0, stop: stop::read(reason) });
        if self.has_usage {
            self.end(sink);
        }
        Ok(())
    }

    fn metadata(&mut self, payload: Payload<'_>, sink: &mut dyn FnMut(Event<'_>)) {
        if let Some(usage) = payload.usage {
            self.has_usage = true;
            sink(Event::Usage(usage));
        }
        if self.state == State::Stopped {
            self.end(sink);
        }
    }

    fn end(&mut self, sink: &mut dyn FnMut(Event<'_>)) {
        self.state = State::Ended;
        sink(Event::End);
    }

    fn open(
        &mut self,
        index: u64,
        kind: Opened,
        start: PartKind<'_>,
        sink: &mut dyn FnMut(Event<'_>),
    ) -> Result<u32, StreamFault> {
        match self.open {
            Some((open, part, opened)) if open == index && opened == kind => Ok(part),
            Some((open, ..)) if open == index => Err(StreamFault::Order("two kinds of content in one block")),
            _ => self.begin(index, kind, start, sink),
        }
    }

    /// Begins a block, which ends the one before.
    fn begin(
        &mut self,
        index: u64,
        kind: Opened,
        start: PartKind<'_>,
        sink: &mut dyn FnMut(Event<'_>),
    ) -> Result<u32, StreamFault> {
        self.close(sink);
        if index < self.next_block {
            return Err(StreamFault::Order("a block that has ended"));
        }
        if self.parts == PARTS_MAX {
            return Err(StreamFault::TooMuch("more than 8192 blocks"));
        }
        let part = self.parts;
        self.parts += 1;
        self.open = Some((index, part, kind));
        self.next_block = index.saturating_add(1);
        sink(Event::PartStart { part, choice: 0, kind: start });
        Ok(part)
    }

    fn close(&mut self, sink: &mut dyn FnMut(Event<'_>)) {
        if let Some((_, part, _)) = self.open.take() {
            sink(Event::PartEnd { part });
        }
    }

    fn need_open(&self) -> Result<(), StreamFault> {
        match self.state {
            State::Open => Ok(()),
            _ => Err(StreamFault::Order("content after the end of the message")),
        }
    }
}

/// One event's members, the structured ones as written.
#[derive(Default)]
struct Payload<'a> {
    index: u64,
    start: Option<&'a str>,
    delta: Option<&'a str>,
    reason: Option<Text<'a>>,
    usage: Option<usage::Usage>,
}

impl<'a> Payload<'a> {
    fn read(data: &'a [u8]) -> Result<Self, Malformed> {
        let mut payload = Self::default();
        let mut reader = Reader::new(data)?;
        reader.object(|reader, name| {
            match name {
                "contentBlockIndex" => payload.index = wire::whole(reader)?.unwrap_or(0),
                "start" => payload.start = Some(reader.raw()?),
                "delta" => payload.delta = Some(reader.raw()?),
                "stopReason" => payload.reason = wire::text(reader)?,
                "usage" => payload.usage = usage::read_bedrock(reader)?,
                _ => reader.pass()?,
            }
            Ok::<_, Malformed>(())
        })?;
        reader.end()?;
        Ok(payload)
    }
}

#[derive(Default)]
struct Delta<'a> {
    text: Option<Text<'a>>,
    input: Option<Text<'a>>,
    thought: Option<Text<'a>>,
    signature: Option<Text<'a>>,
    redacted: Option<Text<'a>>,
}

impl<'a> Delta<'a> {
    fn read(raw: &'a str) -> Result<Self, Malformed> {
        let mut delta = Self::default();
        wire::members(&mut Reader::of(raw), |reader, name| {
            match name {
                "text" => delta.text = wire::text(reader)?,
                "toolUse" => delta.input = wire::member_text(reader.raw()?, "input")?,
                "reasoningContent" => wire::members(reader, |reader, name| {
                    match name {
                        "text" => delta.thought = wire::text(reader)?,
                        "signature" => delta.signature = wire::text(reader)?,
                        "redactedContent" => delta.redacted = wire::text(reader)?,
                        _ => reader.pass()?,
                    }
                    Ok::<_, Malformed>(())
                })?,
                _ => reader.pass()?,
            }
            Ok::<_, Malformed>(())
        })?;
        Ok(delta)
    }
}
