//! Reads events.

use super::super::{answer, blocks, error, stop};
use crate::{
    chat::{Body, Dialect, Event, Json, PartKind, Signature, Start, Stop, StreamFault, Text, ToolCallKind},
    json::{Kind, Malformed, Reader},
    usage::AnthropicCounts,
    wire,
};

/// Turns the data of each event into common events.
///
/// ```text
/// Waiting ── message_start ──▶ Open ── message_delta with a reason ──▶ Stopped ── message_stop ──▶ Ended
///    └────────────────────────── error, from anywhere ──▶ Failed
/// ```
///
/// A `message_start` may hold blocks and the reason to stop already: so Anthropic tells a turn in which only its own
/// tools had something to say. That reason counts where no other comes. A beginning that is said again before anything
/// else came counts once.
#[derive(Debug, Default)]
pub struct Decoder {
    state: State,
    parts: u32,
    open: Vec<Block>,
    /// The part last ended, which a signature may follow.
    last: Option<u32>,
    counts: AnthropicCounts,
    /// Why it ended, as its beginning said; boxed, because it is rare.
    foretold: Option<Box<Stop<'static>>>,
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

/// A block that has begun and not ended.
#[derive(Clone, Copy, Debug)]
struct Block {
    index: u64,
    part: u32,
    kind: Opened,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Opened {
    Text,
    Thinking,
    Call,
    Opaque,
    /// It holds nothing but the signature of the part before it.
    Mark,
    /// It came whole.
    Whole,
}

/// More blocks than any model makes.
const PARTS_MAX: u32 = 8192;
/// Blocks that are open at once: one, as the dialect is written; more is allowed to a careless server.
const OPEN_MAX: usize = 64;

impl Decoder {
    /// Reads the data of one event.
    ///
    /// # Errors
    /// When it is not JSON, or mixes or exceeds what it may; the stream cannot be read on then.
    pub fn event(&mut self, data: &[u8], sink: &mut dyn FnMut(Event<'_>)) -> Result<(), StreamFault> {
        let data = data.trim_ascii();
        if matches!(self.state, State::Ended | State::Failed) || data.is_empty() || data == b"[DONE]" {
            return Ok(());
        }
        let message = Message::read(data)?;
        let kind = message.kind.as_ref().map_or("", Text::written);
        match kind {
            "ping" => {}
            "message_start" => self.start(message.message, sink)?,
            "content_block_start" => self.begin(message.index, message.block.unwrap_or("{}"), sink)?,
            "content_block_delta" => self.block_delta(&message, sink)?,
            "content_block_stop" => self.end(message.index, sink)?,
            "message_delta" => self.delta(&message, sink)?,
            "message_stop" => self.stop(sink)?,
            "error" => {
                self.state = State::Failed;
                let problem = error::read(&mut Reader::of(message.error.unwrap_or("{}")))?;
                sink(Event::Error(problem));
            }
            _ => {
                let json = std::str::from_utf8(data).expect("the reader checked it");
                sink(Event::Opaque { dialect: Dialect::Anthropic, json: Json::passed(json) });
            }
        }
        Ok(())
    }

    /// Learns that no event follows.
    ///
    /// # Errors
    /// [`StreamFault::Cut`] without a `message_stop`.
    pub fn finish(&mut self, _sink: &mut dyn FnMut(Event<'_>)) -> Result<(), StreamFault> {
        match self.state {
            State::Ended | State::Failed => Ok(()),
            State::Waiting | State::Open | State::Stopped => Err(StreamFault::Cut),
        }
    }

    fn start(&mut self, message: Option<&str>, sink: &mut dyn FnMut(Event<'_>)) -> Result<(), StreamFault> {
        let is_again = self.state == State::Open && self.parts == 0 && self.open.is_empty();
        if self.state != State::Waiting && !is_again {
            return Err(StreamFault::Order("a second message_start"));
        }
        self.state = State::Open;
        let mut start = Start::default();
        let mut ending = Ending::default();
        let mut blocks = Vec::new();
        wire::members(&mut Reader::of(message.unwrap_or("{}")), |reader, name| {
            match name {
                "id" => start.id = wire::text(reader)?,
                "model" => start.model = wire::text(reader)?,
                "usage" => self.counts.read(reader)?,
                "content" => wire::elements(reader, |reader| {
                    blocks.push(reader.raw()?);
                    Ok::<_, Malformed>(())
                })?,
                _ => ending.read(reader, name)?,
            }
            Ok::<_, Malformed>(())
        })?;
        if !is_again {
            sink(Event::Start(start));
        }
        if let Some(usage) = self.counts.usage() {
            sink(Event::Usage(usage));
        }
        for (index, raw) in (0..).zip(blocks) {
            self.begin(index, raw, sink)?;
            self.end(index, sink)?;
        }
        self.foretold = ending.stop().map(|stop| Box::new(stop.into_owned()));
        Ok(())
    }

    fn begin(&mut self, index: u64, raw: &str, sink: &mut dyn FnMut(Event<'_>)) -> Result<(), StreamFault> {
        self.need_open()?;
        if self.open.iter().any(|block| block.index == index) {
            return Err(StreamFault::Order("a block that has begun already"));
        }
        if self.parts == PARTS_MAX || self.open.len() == OPEN_MAX {
            return Err(StreamFault::TooMuch("more than 8192 blocks"));
        }
        let block = blocks::block(&mut Reader::of(raw)).map_err(|fault| match fault {
            crate::chat::DecodeFault::Malformed(fault) => StreamFault::Malformed(fault),
            crate::chat::DecodeFault::Shape { .. } => {
                StreamFault::Malformed(Malformed { reason: "expected a content block", offset: 0 })
            }
        })?;
        if let Body::SealedThinking { data } = &block.body
            && let (Some(signature), Some(part)) = (Signature::read_after_part(&data.text), self.last)
        {
            sink(Event::Signature { part, signature });
            self.open.push(Block { index, part, kind: Opened::Mark });
            return Ok(());
        }
        let part = self.parts;
        self.parts += 1;
        let opened = match &block.body {
            Body::Text { .. } => Opened::Text,
            Body::Thinking { .. } => Opened::Thinking,
            Body::ToolCall(_) => Opened::Call,
            Body::Opaque { .. } => Opened::Opaque,
            _ => Opened::Whole,
        };
        let mut begin = |kind: PartKind<'_>| sink(Event::PartStart { part, choice: 0, kind });
        match block.body {
            Body::Text { text, annotations, .. } => {
                begin(PartKind::Text);
                if !text.is_empty() {
                    sink(Event::Text { part, text });
                }
                for annotation in annotations {
                    sink(Event::Annotation { part, annotation });
                }
            }
            Body::Thinking { text, signature } => {
                begin(PartKind::Thinking);
                if !text.is_empty() {
                    sink(Event::Thinking { part, text });
                }
                if let Some(signature) = signature {
                    sink(Event::Signature { part, signature });
                }
            }
            Body::SealedThinking { data } => begin(PartKind::SealedThinking { data }),
            Body::ToolCall(call) => {
                begin(PartKind::ToolCall { id: call.id, name: call.name, kind: ToolCallKind::Function });
                // Some servers say the whole input at once.
                if call.arguments.as_json() != "{}" {
                    sink(Event::Arguments { part, text: call.arguments.as_text() });
                }
            }
            Body::Opaque { dialect, json } => begin(PartKind::Opaque { dialect, json }),
            body => begin(PartKind::Whole(Box::new(body.into_owned()))),
        }
        self.open.push(Block { index, part, kind: opened });
        Ok(())
    }

    fn block_delta(&mut self, message: &Message<'_>, sink: &mut dyn FnMut(Event<'_>)) -> Result<(), StreamFault> {
        self.need_open()?;
        let Some(block) = self.open.iter().find(|block| block.index == message.index).copied() else {
            return Err(StreamFault::Order("a delta of a block that is not open"));
        };
        let raw = message.delta.unwrap_or("{}");
        if block.kind == Opened::Opaque {
            sink(Event::Opaque { dialect: Dialect::Anthropic, json: Json::passed(raw) });
            return Ok(());
        }
        delta(block, raw, sink)
    }

    fn end(&mut self, index: u64, sink: &mut dyn FnMut(Event<'_>)) -> Result<(), StreamFault> {
        self.need_open()?;
        let Some(place) = self.open.iter().position(|block| block.index == index) else {
            return Err(StreamFault::Order("the end of a block that is not open"));
        };
        let block = self.open.remove(place);
        if block.kind != Opened::Mark {
            self.last = Some(block.part);
            sink(Event::PartEnd { part: block.part });
        }
        Ok(())
    }

    fn delta(&mut self, message: &Message<'_>, sink: &mut dyn FnMut(Event<'_>)) -> Result<(), StreamFault> {
        if self.state == State::Waiting {
            return Err(StreamFault::Order("a message_delta before the message"));
        }
        if let Some(usage) = message.usage {
            self.counts.read(&mut Reader::of(usage))?;
            if let Some(usage) = self.counts.usage() {
                sink(Event::Usage(usage));
            }
        }
        let mut ending = Ending::default();
        wire::members(&mut Reader::of(message.delta.unwrap_or("{}")), |reader, name| ending.read(reader, name))?;
        if let Some(stop) = ending.stop().filter(|_| self.state == State::Open) {
            self.stop_with(stop, sink);
        }
        Ok(())
    }

    fn stop_with(&mut self, stop: Stop<'_>, sink: &mut dyn FnMut(Event<'_>)) {
        self.state = State::Stopped;
        self.close(sink);
        sink(Event::Stop { choice: 0, stop });
    }

    fn stop(&mut self, sink: &mut dyn FnMut(Event<'_>)) -> Result<(), StreamFault> {
        if self.state == State::Open
            && let Some(stop) = self.foretold.take()
        {
            self.stop_with(*stop, sink);
        }
        match self.state {
            State::Stopped => {
                self.state = State::Ended;
                sink(Event::End);
                Ok(())
            }
            // An end without a reason says nothing of why.
            _ => Err(StreamFault::Cut),
        }
    }

    fn close(&mut self, sink: &mut dyn FnMut(Event<'_>)) {
        for block in self.open.drain(..).filter(|block| block.kind != Opened::Mark) {
            sink(Event::PartEnd { part: block.part });
        }
    }

    fn need_open(&self) -> Result<(), StreamFault> {
        match self.state {
            State::Open => Ok(()),
            _ => Err(StreamFault::Order("a block outside of its message")),
        }
    }
}

fn delta(block: Block, raw: &str, sink: &mut dyn FnMut(Event<'_>)) -> Result<(), StreamFault> {
    let part = block.part;
    let (mut kind, mut text, mut citation) = (None, None, None);
    wire::members(&mut Reader::of(raw), |reader, name| {
        match name {
            "type" => kind = wire::text(reader)?,
            "text" | "partial_json" | "thinking" | "signature" => text = wire::text(reader)?,
            "citation" => citation = Some(reader.raw()?),
            _ => reader.pass()?,
        }
        Ok::<_, Malformed>(())
    })?;
    let kind = kind.as_ref().map_or("", Text::written);
    let expected = match kind {
        "text_delta" | "citations_delta" => Some(Opened::Text),
        "input_json_delta" => Some(Opened::Call),
        "thinking_delta" | "signature_delta" => Some(Opened::Thinking),
        _ => None,
    };
    if expected.is_some_and(|expected| expected != block.kind) {
        return Err(StreamFault::Order("a delta of another kind than its block"));
    }
    match (kind, text) {
        ("citations_delta", _) => {
            if let Some(citation) = citation {
                sink(Event::Annotation { part, annotation: blocks::citation(citation)? });
            }
        }
        ("text_delta" | "input_json_delta" | "thinking_delta", Some(text)) if text.is_empty() => {}
        ("text_delta", Some(text)) => sink(Event::Text { part, text }),
        ("input_json_delta", Some(text)) => sink(Event::Arguments { part, text }),
        ("thinking_delta", Some(text)) => sink(Event::Thinking { part, text }),
        ("signature_delta", Some(text)) if !text.is_empty() => {
            sink(Event::Signature { part, signature: Signature::read(text) });
        }
        ("signature_delta", _) => {}
        _ => sink(Event::Opaque { dialect: Dialect::Anthropic, json: Json::passed(raw) }),
    }
    Ok(())
}

/// Why the message ended, as far as it is said.
#[derive(Default)]
struct Ending<'a> {
    reason: Option<Text<'a>>,
    sequence: Option<Text<'a>>,
    explanation: Option<Text<'a>>,
}

impl<'a> Ending<'a> {
    fn read(&mut self, reader: &mut Reader<'a>, name: &str) -> Result<(), Malformed> {
        match name {
            "stop_reason" => self.reason = wire::text(reader)?,
            "stop_sequence" => self.sequence = wire::text(reader)?,
            "stop_details" => self.explanation = answer::details(reader)?,
            _ => reader.pass()?,
        }
        Ok(())
    }

    fn stop(self) -> Option<Stop<'a>> {
        Some(stop::read(self.reason?, self.sequence, self.explanation))
    }
}

/// One event's members, the structured ones as written.
#[derive(Default)]
struct Message<'a> {
    kind: Option<Text<'a>>,
    index: u64,
    message: Option<&'a str>,
    block: Option<&'a str>,
    delta: Option<&'a str>,
    usage: Option<&'a str>,
    error: Option<&'a str>,
}

impl<'a> Message<'a> {
    fn read(data: &'a [u8]) -> Result<Self, Malformed> {
        let mut message = Self::default();
        let mut reader = Reader::new(data)?;
        if reader.kind()? != Kind::Object {
            return Err(Malformed { reason: "expected an object", offset: 0 });
        }
        reader.object(|reader, name| {
            match name {
                "type" => message.kind = wire::text(reader)?,
                "index" => message.index = wire::whole(reader)?.unwrap_or(0),
                "message" => message.message = Some(reader.raw()?),
                "content_block" => message.block = Some(reader.raw()?),
                "delta" => message.delta = Some(reader.raw()?),
                "usage" => message.usage = Some(reader.raw()?),
                "error" => message.error = Some(reader.raw()?),
                _ => reader.pass()?,
            }
            Ok::<_, Malformed>(())
        })?;
        reader.end()?;
        Ok(message)
    }
}
