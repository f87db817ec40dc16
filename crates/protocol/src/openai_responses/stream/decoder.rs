//! Reads events.

use super::super::{answer::Status, error, item, namespace::qualified};
use crate::{
    chat::{
        Body, Dialect, Event, Json, Logprob, PartKind, Signature, Start, StreamFault, Text, ToolCallKind,
        openai_logprobs,
    },
    json::{Kind, Malformed, Reader},
    usage, wire,
};

/// Turns the data of each event into common events.
///
/// ```text
/// Waiting ── response.created ──▶ Open ── response.completed, .incomplete ──▶ Ended
///    └────────────── response.failed, error, from anywhere ──▶ Failed
/// ```
#[derive(Debug, Default)]
pub struct Decoder {
    state: State,
    parts: u32,
    open: Vec<Open>,
    has_calls: bool,
    /// Messages of which a part was told, by their places in the output.
    told: Vec<u64>,
    /// Whether the part last ended is one that a signature may follow.
    last: Option<u32>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Waiting,
    Open,
    Ended,
    Failed,
}

/// Something that has begun and not ended, by its place in the output.
#[derive(Clone, Copy, Debug)]
struct Open {
    item: u64,
    /// The part of a message; `None` for other items.
    content: Option<u64>,
    part: u32,
    has_delta: bool,
    has_logprobs: bool,
    kind: Opened,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Opened {
    Text,
    Refusal,
    Call,
    Thinking,
}

const OTHER_KIND: StreamFault = StreamFault::Order("an item that began as another kind");

/// More parts than any model makes, and more at once than any server streams.
const PARTS_MAX: u32 = 8192;
const OPEN_MAX: usize = 256;

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
        if self.state == State::Waiting && kind.starts_with("response.") && kind != "response.failed" {
            self.start(message.response, sink)?;
        }
        match kind {
            "response.created" | "response.in_progress" | "response.queued" => {}
            "response.output_item.added" => self.item_added(&message, sink)?,
            "response.content_part.added" => self.part_added(&message, sink)?,
            "response.output_text.delta" | "response.refusal.delta" => self.text(&message, sink)?,
            "response.output_text.annotation.added" => self.annotation(&message, sink)?,
            "response.function_call_arguments.delta" | "response.custom_tool_call_input.delta" => {
                self.arguments(&message, sink)?;
            }
            "response.reasoning_summary_part.added" => self.summary(&message, sink)?,
            "response.reasoning_summary_text.delta" | "response.reasoning_text.delta" => {
                self.thinking(&message, sink)?;
            }
            "response.content_part.done" => self.part_done(&message, sink)?,
            "response.output_item.done" => self.item_done(&message, sink)?,
            "response.output_text.done"
            | "response.refusal.done"
            | "response.function_call_arguments.done"
            | "response.custom_tool_call_input.done"
            | "response.reasoning_summary_part.done"
            | "response.reasoning_summary_text.done"
            | "response.reasoning_text.done" => {}
            "response.completed" | "response.incomplete" => self.end(&message, sink)?,
            "response.failed" | "error" => self.fail(&message, data, sink)?,
            _ => {
                let json = std::str::from_utf8(data).expect("the reader checked it");
                sink(Event::Opaque { dialect: Dialect::OpenaiResponses, json: Json::passed(json) });
            }
        }
        Ok(())
    }

    /// Learns that no event follows.
    ///
    /// # Errors
    /// [`StreamFault::Cut`] without `response.completed`, `.incomplete` or `.failed`.
    pub fn finish(&mut self, _sink: &mut dyn FnMut(Event<'_>)) -> Result<(), StreamFault> {
        match self.state {
            State::Ended | State::Failed => Ok(()),
            State::Waiting | State::Open => Err(StreamFault::Cut),
        }
    }

    fn start(&mut self, response: Option<&str>, sink: &mut dyn FnMut(Event<'_>)) -> Result<(), StreamFault> {
        self.state = State::Open;
        let mut start = Start::default();
        if let Some(response) = response {
            wire::members(&mut Reader::of(response), |reader, name| {
                match name {
                    "id" => start.id = wire::text(reader)?,
                    "model" => start.model = wire::text(reader)?,
                    "created_at" => start.created = wire::whole(reader)?.and_then(|at| i64::try_from(at).ok()),
                    _ => reader.pass()?,
                }
                Ok::<_, Malformed>(())
            })?;
        }
        sink(Event::Start(start));
        Ok(())
    }

    fn item_added(&mut self, message: &Message<'_>, sink: &mut dyn FnMut(Event<'_>)) -> Result<(), StreamFault> {
        let item = Item::read(message.item.unwrap_or("{}"))?;
        let kind = match item.kind.written() {
            "function_call" => ToolCallKind::Function,
            "custom_tool_call" => ToolCallKind::Custom,
            // Messages begin with their parts, thoughts with their words, the others are told when they are done.
            _ => return Ok(()),
        };
        self.call(message.output_index, &item, kind, sink).map(drop)
    }

    fn call(
        &mut self,
        index: u64,
        item: &Item<'_>,
        kind: ToolCallKind,
        sink: &mut dyn FnMut(Event<'_>),
    ) -> Result<Open, StreamFault> {
        self.has_calls = true;
        let open = self.begin(index, None, Opened::Call)?;
        let (id, name) = (item.call_id.share(), item.name.share());
        sink(Event::PartStart { part: open.part, choice: 0, kind: PartKind::ToolCall { id, name, kind } });
        Ok(open)
    }

    fn part_added(&mut self, message: &Message<'_>, sink: &mut dyn FnMut(Event<'_>)) -> Result<(), StreamFault> {
        let kind = wire::member_text(message.part.unwrap_or("{}"), "type")?.unwrap_or_default();
        match kind.written() {
            "output_text" => self.content(message, Opened::Text, sink).map(drop),
            "refusal" => self.content(message, Opened::Refusal, sink).map(drop),
            _ => Ok(()),
        }
    }

    /// The open part of a message, begun here when its beginning was left out.
    fn content(
        &mut self,
        message: &Message<'_>,
        kind: Opened,
        sink: &mut dyn FnMut(Event<'_>),
    ) -> Result<Open, StreamFault> {
        let content = Some(message.content_index);
        if let Some(open) = self.find(message.output_index, content) {
            return if open.kind == kind { Ok(*open) } else { Err(OTHER_KIND) };
        }
        let open = self.begin(message.output_index, content, kind)?;
        if self.told.last() != Some(&message.output_index) {
            self.told.push(message.output_index);
        }
        let kind = if kind == Opened::Refusal { PartKind::Refusal } else { PartKind::Text };
        sink(Event::PartStart { part: open.part, choice: 0, kind });
        Ok(open)
    }

    fn text(&mut self, message: &Message<'_>, sink: &mut dyn FnMut(Event<'_>)) -> Result<(), StreamFault> {
        let is_refusal = message.kind.as_ref().is_some_and(|kind| kind.is("response.refusal.delta"));
        let kind = if is_refusal { Opened::Refusal } else { Opened::Text };
        let part = self.content(message, kind, sink)?.part;
        self.touch(message.output_index, Some(message.content_index));
        if let Some(list) = message.logprobs {
            let mut tokens = Vec::new();
            openai_logprobs::read(&mut Reader::of(list), &mut tokens)?;
            self.tell_tokens(message, tokens, sink);
        }
        match message.delta.clone().filter(|text| !text.is_empty()) {
            Some(text) if is_refusal => sink(Event::Refusal { part, text }),
            Some(text) => sink(Event::Text { part, text }),
            None => {}
        }
        Ok(())
    }

    fn tell_tokens(&mut self, message: &Message<'_>, tokens: Vec<Logprob<'_>>, sink: &mut dyn FnMut(Event<'_>)) {
        let is_it = |open: &&mut Open| open.item == message.output_index && open.content == Some(message.content_index);
        if let Some(open) = self.open.iter_mut().find(is_it).filter(|_| !tokens.is_empty()) {
            open.has_logprobs = true;
            sink(Event::Logprobs { choice: 0, tokens });
        }
    }

    fn annotation(&mut self, message: &Message<'_>, sink: &mut dyn FnMut(Event<'_>)) -> Result<(), StreamFault> {
        let part = self.content(message, Opened::Text, sink)?.part;
        if let Some(annotation) = message.annotation {
            sink(Event::Annotation { part, annotation: item::annotation(annotation)? });
        }
        Ok(())
    }

    fn arguments(&mut self, message: &Message<'_>, sink: &mut dyn FnMut(Event<'_>)) -> Result<(), StreamFault> {
        let Some(open) = self.find(message.output_index, None).copied().filter(|open| open.kind == Opened::Call) else {
            return Err(StreamFault::Order("arguments of a tool call that is not open"));
        };
        self.touch(message.output_index, None);
        if let Some(text) = message.delta.clone().filter(|text| !text.is_empty()) {
            sink(Event::Arguments { part: open.part, text });
        }
        Ok(())
    }

    fn thought(&mut self, index: u64, sink: &mut dyn FnMut(Event<'_>)) -> Result<u32, StreamFault> {
        if let Some(open) = self.find(index, None) {
            return if open.kind == Opened::Thinking { Ok(open.part) } else { Err(OTHER_KIND) };
        }
        let open = self.begin(index, None, Opened::Thinking)?;
        sink(Event::PartStart { part: open.part, choice: 0, kind: PartKind::Thinking });
        Ok(open.part)
    }

    /// Later parts of a summary are paragraphs.
    fn summary(&mut self, message: &Message<'_>, sink: &mut dyn FnMut(Event<'_>)) -> Result<(), StreamFault> {
        let part = self.thought(message.output_index, sink)?;
        if message.summary_index > 0 {
            sink(Event::Thinking { part, text: Text::plain("\n\n") });
        }
        Ok(())
    }

    fn thinking(&mut self, message: &Message<'_>, sink: &mut dyn FnMut(Event<'_>)) -> Result<(), StreamFault> {
        let part = self.thought(message.output_index, sink)?;
        self.touch(message.output_index, None);
        if let Some(text) = message.delta.clone().filter(|text| !text.is_empty()) {
            sink(Event::Thinking { part, text });
        }
        Ok(())
    }

    /// What came without deltas is in the whole part.
    fn part_done(&mut self, message: &Message<'_>, sink: &mut dyn FnMut(Event<'_>)) -> Result<(), StreamFault> {
        let raw = message.part.unwrap_or("{}");
        let kind = wire::member_text(raw, "type")?.unwrap_or_default();
        let (kind, text) = match kind.written() {
            "output_text" => (Opened::Text, wire::member_text(raw, "text")?),
            "refusal" => (Opened::Refusal, wire::member_text(raw, "refusal")?),
            _ => return Ok(()),
        };
        let open = self.content(message, kind, sink)?;
        let part = open.part;
        if kind == Opened::Text && !open.has_logprobs {
            let mut tokens = Vec::new();
            item::part_logprobs(&mut Reader::of(raw), &mut tokens)?;
            self.tell_tokens(message, tokens, sink);
        }
        match text.filter(|text| !open.has_delta && !text.is_empty()) {
            Some(text) if kind == Opened::Refusal => sink(Event::Refusal { part, text }),
            Some(text) => sink(Event::Text { part, text }),
            None => {}
        }
        self.close(message.output_index, Some(message.content_index), sink);
        Ok(())
    }

    fn item_done(&mut self, message: &Message<'_>, sink: &mut dyn FnMut(Event<'_>)) -> Result<(), StreamFault> {
        let raw = message.item.unwrap_or("{}");
        let item = Item::read(raw)?;
        let index = message.output_index;
        match item.kind.written() {
            "message" => {
                if !self.told.contains(&index) {
                    self.whole_message(raw, sink)?;
                }
                while let Some(content) = self.open.iter().find(|open| open.item == index).map(|open| open.content) {
                    self.close(index, content, sink);
                }
            }
            kind @ ("function_call" | "custom_tool_call") => {
                let open = match self.find(index, None).copied() {
                    Some(open) if open.kind == Opened::Call => open,
                    Some(_) => return Err(OTHER_KIND),
                    None => {
                        let kind = if kind == "function_call" { ToolCallKind::Function } else { ToolCallKind::Custom };
                        self.call(index, &item, kind, sink)?
                    }
                };
                if !open.has_delta && !item.arguments.is_empty() {
                    sink(Event::Arguments { part: open.part, text: item.arguments });
                }
                self.close(index, None, sink);
            }
            "reasoning" => self.reasoning_done(index, raw, item, sink)?,
            _ => {
                let part = self.next_part()?;
                let kind = PartKind::Opaque { dialect: Dialect::OpenaiResponses, json: Json::passed(raw) };
                sink(Event::PartStart { part, choice: 0, kind });
                sink(Event::PartEnd { part });
            }
        }
        Ok(())
    }

    /// A message that came without any of its parts.
    fn whole_message(&mut self, raw: &str, sink: &mut dyn FnMut(Event<'_>)) -> Result<(), StreamFault> {
        let mut list = None;
        wire::members(&mut Reader::of(raw), |reader, name| {
            match name {
                "content" if reader.kind()? == Kind::Array => list = Some(reader.raw()?),
                _ => reader.pass()?,
            }
            Ok::<_, Malformed>(())
        })?;
        Reader::of(list.unwrap_or("[]")).array(|reader| {
            let (raw, mut tokens) = (reader.raw()?, Vec::new());
            item::part_logprobs(&mut Reader::of(raw), &mut tokens)?;
            if !tokens.is_empty() {
                sink(Event::Logprobs { choice: 0, tokens });
            }
            let (kind, body) = match item::part(&mut Reader::of(raw))?.body {
                body @ Body::Text { .. } => (PartKind::Text, body),
                body @ Body::Refusal(_) => (PartKind::Refusal, body),
                _ => return Ok(()),
            };
            let part = self.next_part()?;
            sink(Event::PartStart { part, choice: 0, kind });
            match body {
                Body::Text { text, annotations, .. } => {
                    sink(Event::Text { part, text });
                    annotations.into_iter().for_each(|annotation| sink(Event::Annotation { part, annotation }));
                }
                Body::Refusal(text) => sink(Event::Refusal { part, text }),
                _ => {}
            }
            sink(Event::PartEnd { part });
            self.last = Some(part);
            Ok::<_, StreamFault>(())
        })
    }

    fn reasoning_done(
        &mut self,
        index: u64,
        raw: &str,
        item: Item<'_>,
        sink: &mut dyn FnMut(Event<'_>),
    ) -> Result<(), StreamFault> {
        let sealed = item.encrypted.filter(|sealed| !sealed.is_empty());
        let has_words = item.has_words || self.find(index, None).is_some();
        match sealed {
            Some(sealed) if !has_words => {
                if let Some(signature) = Signature::read_after_part(&sealed)
                    && let Some(part) = self.last
                {
                    sink(Event::Signature { part, signature });
                    return Ok(());
                }
                let part = self.next_part()?;
                let data = Signature::read(sealed);
                sink(Event::PartStart { part, choice: 0, kind: PartKind::SealedThinking { data } });
                sink(Event::PartEnd { part });
            }
            sealed => {
                let part = self.thought(index, sink)?;
                let has_delta = self.find(index, None).is_some_and(|open| open.has_delta);
                if !has_delta && let Some(text) = item::thought(raw)?.filter(|text| !text.is_empty()) {
                    sink(Event::Thinking { part, text });
                }
                if let Some(sealed) = sealed {
                    sink(Event::Signature { part, signature: Signature::read(sealed) });
                }
                self.close(index, None, sink);
            }
        }
        Ok(())
    }

    fn end(&mut self, message: &Message<'_>, sink: &mut dyn FnMut(Event<'_>)) -> Result<(), StreamFault> {
        let mut status = Status::default();
        let mut output = None;
        wire::members(&mut Reader::of(message.response.unwrap_or("{}")), |reader, name| {
            match name {
                "output" if reader.kind()? == Kind::Array => output = Some(reader.raw()?),
                "usage" => {
                    if let Some(usage) = usage::read_responses(reader)? {
                        sink(Event::Usage(usage));
                    }
                }
                _ if status.take(reader, name)? => {}
                _ => reader.pass()?,
            }
            Ok::<_, Malformed>(())
        })?;
        if status.status.is_none() {
            let kind = message.kind.as_ref().map_or("", Text::written);
            status.status = kind.strip_prefix("response.").map(|status| Text::plain(status.to_owned()));
        }
        // A server that streams nothing tells it all at the end.
        if let Some(output) = output.filter(|_| self.parts == 0) {
            let mut index = 0;
            Reader::of(output).array(|reader| {
                let item = Message { output_index: index, item: Some(reader.raw()?), ..Message::default() };
                index += 1;
                self.item_done(&item, sink)
            })?;
        }
        for open in self.open.drain(..) {
            sink(Event::PartEnd { part: open.part });
        }
        let Some(stop) = status.stop(self.has_calls) else {
            return Err(StreamFault::Order("a response that is done and not completed"));
        };
        self.state = State::Ended;
        sink(Event::Stop { choice: 0, stop });
        sink(Event::End);
        Ok(())
    }

    fn fail(&mut self, message: &Message<'_>, data: &[u8], sink: &mut dyn FnMut(Event<'_>)) -> Result<(), StreamFault> {
        self.state = State::Failed;
        let mut problem = None;
        if let Some(response) = message.response {
            wire::members(&mut Reader::of(response), |reader, name| match name {
                "error" => error::read(reader).map(|found| problem = Some(found)),
                _ => reader.pass(),
            })?;
        }
        let problem = match problem {
            Some(problem) => problem,
            None => error::read(&mut Reader::new(data)?)?,
        };
        sink(Event::Error(problem));
        Ok(())
    }

    fn find(&self, item: u64, content: Option<u64>) -> Option<&Open> {
        self.open.iter().find(|open| open.item == item && open.content == content)
    }

    fn touch(&mut self, item: u64, content: Option<u64>) {
        if let Some(open) = self.open.iter_mut().find(|open| open.item == item && open.content == content) {
            open.has_delta = true;
        }
    }

    fn begin(&mut self, item: u64, content: Option<u64>, kind: Opened) -> Result<Open, StreamFault> {
        if self.find(item, content).is_some() {
            return Err(StreamFault::Order("an item that has begun already"));
        }
        if self.open.len() == OPEN_MAX {
            return Err(StreamFault::TooMuch("more than 256 open parts"));
        }
        let open = Open { item, content, part: self.next_part()?, has_delta: false, has_logprobs: false, kind };
        self.open.push(open);
        Ok(open)
    }

    fn close(&mut self, item: u64, content: Option<u64>, sink: &mut dyn FnMut(Event<'_>)) {
        if let Some(place) = self.open.iter().position(|open| open.item == item && open.content == content) {
            let open = self.open.remove(place);
            self.last = matches!(open.kind, Opened::Text | Opened::Call).then_some(open.part);
            sink(Event::PartEnd { part: open.part });
        }
    }

    fn next_part(&mut self) -> Result<u32, StreamFault> {
        if self.parts == PARTS_MAX {
            return Err(StreamFault::TooMuch("more than 8192 parts"));
        }
        self.parts += 1;
        Ok(self.parts - 1)
    }
}

/// One event's members, the structured ones as written.
#[derive(Default)]
struct Message<'a> {
    kind: Option<Text<'a>>,
    output_index: u64,
    content_index: u64,
    summary_index: u64,
    delta: Option<Text<'a>>,
    response: Option<&'a str>,
    item: Option<&'a str>,
    part: Option<&'a str>,
    annotation: Option<&'a str>,
    /// With tokens in it.
    logprobs: Option<&'a str>,
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
                "output_index" => message.output_index = wire::whole(reader)?.unwrap_or(0),
                "content_index" => message.content_index = wire::whole(reader)?.unwrap_or(0),
                "summary_index" => message.summary_index = wire::whole(reader)?.unwrap_or(0),
                "delta" => message.delta = wire::text(reader)?,
                "response" => message.response = Some(reader.raw()?),
                "item" => message.item = Some(reader.raw()?),
                "part" => message.part = Some(reader.raw()?),
                "annotation" => message.annotation = Some(reader.raw()?),
                "logprobs" => message.logprobs = Some(reader.raw()?).filter(|list| list.len() > "[]".len()),
                _ => reader.pass()?,
            }
            Ok::<_, Malformed>(())
        })?;
        reader.end()?;
        Ok(message)
    }
}

/// What an item says that matters here.
#[derive(Default)]
struct Item<'a> {
    kind: Text<'a>,
    call_id: Text<'a>,
    name: Text<'a>,
    arguments: Text<'a>,
    encrypted: Option<Text<'a>>,
    has_words: bool,
}

impl<'a> Item<'a> {
    fn read(raw: &'a str) -> Result<Self, Malformed> {
        let (mut item, mut namespace) = (Self::default(), None);
        wire::members(&mut Reader::of(raw), |reader, name| {
            match name {
                "type" => item.kind = wire::text(reader)?.unwrap_or_default(),
                "call_id" => item.call_id = wire::text(reader)?.unwrap_or_default(),
                "name" => item.name = wire::text(reader)?.unwrap_or_default(),
                "namespace" => namespace = wire::text(reader)?,
                "arguments" | "input" => item.arguments = wire::text(reader)?.unwrap_or_default(),
                "encrypted_content" => item.encrypted = wire::text(reader)?,
                "summary" | "content" => item.has_words |= reader.raw()?.len() > "[]".len(),
                _ => reader.pass()?,
            }
            Ok::<_, Malformed>(())
        })?;
        item.name = qualified(namespace, item.name);
        Ok(item)
    }
}
