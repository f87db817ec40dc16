//! Writes events.

use std::fmt::Write as _;

use super::{
    super::{
        Identity,
        answer::{self, Head},
        namespace,
    },
    Shown,
};
use crate::{
    chat::{
        Arguments, Body, Dialect, Event, Json, Logprob, Losses, PartKind, Problem, Start, Stop, StopWords, StreamFault,
        Text, ToolCall, ToolCallKind, Why, openai_logprobs,
    },
    json::Object,
    usage::Usage,
    wire,
};

/// Turns common events into this dialect's.
///
/// Each item is told once more as a whole, and all of them at the end, so the answer is collected here, up to
/// [`Encoder::COLLECTED_MAX`]; its deltas go out as they come.
#[derive(Clone, Debug)]
pub struct Encoder {
    model: String,
    state: State,
    sequence: u64,
    start: Start<'static>,
    parts: Vec<Option<Part>>,
    /// Of the text that comes next.
    logprobs: Vec<Logprob<'static>>,
    /// The finished items, as they stand between the brackets of `output`, by their places.
    items: Vec<Vec<u8>>,
    collected: usize,
    usage: Option<Usage>,
    stop: Option<Stop<'static>>,
    cost: Option<Json<'static>>,
    losses: Losses,
    identity: Option<Box<Identity>>,
    /// The response as another told it at its beginning.
    began: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Waiting,
    Open,
    Ended,
    Failed,
}

/// A part that has begun and not ended.
#[derive(Clone, Debug)]
struct Part {
    /// Its place in the output.
    place: usize,
    id: String,
    body: Body<'static>,
    /// Of the tokens of its text.
    logprobs: Vec<Logprob<'static>>,
}

impl Encoder {
    /// Bytes of an answer that are collected to be told as a whole.
    pub const COLLECTED_MAX: usize = 32 << 20;

    /// `model` is the name the caller asked for; empty keeps the upstream's.
    pub fn new(model: &str) -> Self {
        Self {
            model: model.to_owned(),
            state: State::Waiting,
            sequence: 0,
            start: Start::default(),
            parts: Vec::new(),
            logprobs: Vec::new(),
            items: Vec::new(),
            collected: 0,
            usage: None,
            stop: None,
            cost: None,
            losses: Losses::default(),
            identity: None,
            began: None,
        }
    }

    /// Gives the response a name of its own in the place of the upstream's. To be called before the first event.
    pub fn introduce(&mut self, identity: Identity) {
        self.identity = Some(Box::new(identity));
    }

    /// Goes on with a stream that was passed on as it came, and that this encoder was given the events of: with its
    /// numbers and the names of its items. `false` where it stands between the events that end an item.
    pub fn take_over(&mut self, shown: &Shown) -> bool {
        let open: Vec<usize> = (0..self.parts.len()).filter(|part| self.parts[*part].is_some()).collect();
        let unended: Vec<_> = shown.open().collect();
        let places = shown.places();
        if !(places.clone().eq(0..places.count() as u64) && open.len() == unended.len() && open.len() < 2) {
            return false;
        }
        if let ([part], [(place, id)]) = (&open[..], &unended[..]) {
            let (Some(id), Some(part)) = (id, &mut self.parts[*part]) else { return false };
            (part.place, part.id) = (*place, id.clone());
        }
        self.items = shown.whole_items();
        (self.sequence, self.began) = shown.begun();
        true
    }

    /// What could not be said so far.
    pub fn losses(&self) -> &Losses {
        &self.losses
    }

    /// What the caller pays, in dollars: told with the usage at the end.
    pub fn set_cost(&mut self, cost: Json<'static>) {
        self.cost = Some(cost);
    }

    /// Whether the typed end was written.
    pub fn has_ended(&self) -> bool {
        self.state == State::Ended
    }

    /// Appends what `event` is here.
    ///
    /// # Errors
    /// When the answer is longer than [`Self::COLLECTED_MAX`].
    pub fn event(&mut self, event: &Event<'_>, out: &mut Vec<u8>) -> Result<(), StreamFault> {
        if matches!(self.state, State::Ended | State::Failed) {
            return Ok(());
        }
        match event {
            Event::Start(start) => self.begin(start, out),
            Event::PartStart { choice, kind, .. } => {
                self.begin(&Start::default(), out);
                self.part_start(*choice, kind, out);
            }
            Event::Text { part, text } => self.text(*part, "output_text.delta", text, out)?,
            Event::Refusal { part, text } => self.text(*part, "refusal.delta", text, out)?,
            Event::Thinking { part, text } => self.text(*part, "reasoning_summary_text.delta", text, out)?,
            Event::Arguments { part, text } => self.text(*part, "function_call_arguments.delta", text, out)?,
            Event::Signature { part, signature: mark } => {
                if let Some(
                    Body::Thinking { signature, .. }
                    | Body::Text { signature, .. }
                    | Body::ToolCall(ToolCall { signature, .. }),
                ) = self.body(*part)
                {
                    *signature = Some(mark.clone().into_owned());
                }
            }
            Event::Annotation { part, annotation } => self.annotation(*part, annotation, out),
            Event::Logprobs { choice: 0, tokens } => {
                self.collected += tokens.iter().map(Logprob::kept_size).sum::<usize>();
                self.logprobs.extend(tokens.iter().cloned().map(Logprob::into_owned));
            }
            Event::Logprobs { .. } => {}
            Event::PartEnd { part } => self.part_end(*part, out),
            Event::Usage(usage) => self.usage = Some(*usage),
            Event::Stop { choice: 0, stop } => self.stop = Some(stop.clone().into_owned()),
            Event::Stop { .. } => {}
            Event::Error(problem) => self.fail(problem, out),
            Event::End => self.end(out),
            Event::Opaque { dialect: Dialect::OpenaiResponses, .. } => {}
            Event::Opaque { .. } => {
                wire::lose_once(
                    &mut self.losses,
                    Why::NoPeer,
                    "answer.events",
                    "an event that only its own dialect knows",
                );
            }
        }
        Ok(())
    }

    /// Ends the stream with a failed response, and nothing after it.
    pub fn fail(&mut self, problem: &Problem<'_>, out: &mut Vec<u8>) {
        if matches!(self.state, State::Ended | State::Failed) {
            return;
        }
        self.state = State::Failed;
        self.response("response.failed", None, Some(problem), out);
    }

    fn begin(&mut self, start: &Start<'_>, out: &mut Vec<u8>) {
        if self.state != State::Waiting {
            return;
        }
        self.state = State::Open;
        let start = start.clone();
        self.start = Start {
            id: start.id.map(Text::into_owned),
            model: start.model.map(Text::into_owned),
            created: start.created,
        };
        self.response("response.created", None, None, out);
        self.response("response.in_progress", None, None, out);
    }

    fn part_start(&mut self, choice: u32, kind: &PartKind<'_>, out: &mut Vec<u8>) {
        if choice > 0 {
            wire::lose_once(&mut self.losses, Why::NoPeer, "answer.choices", "all answers but the first");
            return self.parts.push(None);
        }
        let body = match kind.clone().into_owned() {
            PartKind::Text => Body::Text { text: Text::default(), annotations: Vec::new(), signature: None },
            PartKind::Refusal => Body::Refusal(Text::default()),
            PartKind::Thinking => Body::Thinking { text: Text::default(), signature: None },
            PartKind::SealedThinking { data } => Body::SealedThinking { data },
            PartKind::ToolCall { id, name, kind } => Body::ToolCall(ToolCall {
                id,
                name,
                arguments: Arguments::Text(Text::default()),
                kind,
                signature: None,
            }),
            PartKind::Opaque { dialect: Dialect::OpenaiResponses, json } => {
                let json = super::super::item::as_item(&json, &format!("msg_{}", self.items.len())).into_owned();
                Body::Opaque { dialect: Dialect::OpenaiResponses, json }
            }
            PartKind::Opaque { .. } | PartKind::Whole(_) => {
                wire::lose_once(
                    &mut self.losses,
                    Why::NoPeer,
                    "answer.parts",
                    "a part that only its own dialect knows",
                );
                return self.parts.push(None);
            }
        };
        let place = self.items.len();
        self.items.push(Vec::new());
        let id = answer::id_of(&body, place, self.identity.as_deref());
        self.added(place, &id, &body, out);
        self.parts.push(Some(Part { place, id, body, logprobs: Vec::new() }));
    }

    /// Tells that an item, and its first part, has begun.
    fn added(&mut self, place: usize, id: &str, body: &Body<'_>, out: &mut Vec<u8>) {
        self.write(out, "response.output_item.added", |object| {
            object.number("output_index", place);
            let mut item = object.object("item");
            if let Body::Opaque { json, .. } = body {
                wire::copy_members(&mut item, json);
                return item.end();
            }
            item.word("id", id);
            match body {
                Body::ToolCall(call) => {
                    let is_custom = call.kind == ToolCallKind::Custom;
                    item.word("type", if is_custom { "custom_tool_call" } else { "function_call" });
                    item.text("call_id", &call.id);
                    namespace::write_name(&mut item, &call.name);
                    item.word(if is_custom { "input" } else { "arguments" }, "");
                }
                Body::Thinking { .. } | Body::SealedThinking { .. } => {
                    item.word("type", "reasoning");
                    item.raw("summary", "[]");
                }
                _ => {
                    item.word("type", "message");
                    item.word("role", "assistant");
                    item.raw("content", "[]");
                }
            }
            item.word("status", "in_progress");
            item.end();
        });
        match body {
            Body::Text { .. } => {
                self.part_event(out, "response.content_part.added", place, id, "content_index", |object| {
                    object.raw("part", r#"{"type":"output_text","text":"","annotations":[],"logprobs":[]}"#);
                });
            }
            Body::Refusal(_) => {
                self.part_event(out, "response.content_part.added", place, id, "content_index", |object| {
                    object.raw("part", r#"{"type":"refusal","refusal":""}"#);
                });
            }
            Body::Thinking { .. } => {
                self.part_event(out, "response.reasoning_summary_part.added", place, id, "summary_index", |object| {
                    object.raw("part", r#"{"type":"summary_text","text":""}"#);
                });
            }
            _ => {}
        }
    }

    fn text(&mut self, part: u32, kind: &str, more: &Text<'_>, out: &mut Vec<u8>) -> Result<(), StreamFault> {
        self.collected += more.written().len();
        if self.collected > Self::COLLECTED_MAX {
            return Err(StreamFault::TooMuch("the answer is too long to be told as a whole"));
        }
        let Some(slot) = self.parts.get_mut(part as usize).and_then(Option::as_mut) else { return Ok(()) };
        let (place, index) =
            (slot.place, if kind.starts_with("reasoning") { "summary_index" } else { "content_index" });
        let mut kind = kind;
        match &mut slot.body {
            Body::Text { text, .. } | Body::Refusal(text) | Body::Thinking { text, .. } => text.push(more),
            Body::ToolCall(ToolCall { arguments: Arguments::Text(text), kind: call, .. }) => {
                text.push(more);
                if *call == ToolCallKind::Custom {
                    kind = "custom_tool_call_input.delta";
                }
            }
            _ => {}
        }
        let is_call = matches!(slot.body, Body::ToolCall(_));
        let has_logprobs = matches!(slot.body, Body::Text { .. });
        let tokens = if has_logprobs { std::mem::take(&mut self.logprobs) } else { Vec::new() };
        let sequence = self.next_sequence();
        let id = &self.parts[part as usize].as_ref().expect("it was just seen").id;
        // By hand, because most of a stream is this.
        out.extend_from_slice(b"event: response.");
        out.extend_from_slice(kind.as_bytes());
        out.extend_from_slice(b"\ndata: ");
        let from = out.len();
        let mut object = Object::new(out);
        let name = object.key("type");
        name.extend_from_slice(b"\"response.");
        name.extend_from_slice(kind.as_bytes());
        name.push(b'"');
        object.number("sequence_number", sequence);
        object.word("item_id", id);
        object.number("output_index", place);
        if !is_call {
            object.raw(index, "0");
        }
        object.text("delta", more);
        if has_logprobs {
            let mut list = object.array("logprobs");
            openai_logprobs::write(&mut list, &tokens, false);
            list.end();
        }
        object.end();
        wire::end_event(out, from);
        if let Some(slot) = self.parts[part as usize].as_mut().filter(|_| !tokens.is_empty()) {
            slot.logprobs.extend(tokens);
        }
        Ok(())
    }

    fn annotation(&mut self, part: u32, annotation: &crate::chat::Annotation<'_>, out: &mut Vec<u8>) {
        let mut json = Vec::new();
        if !super::super::item::write_annotation(&mut json, annotation) {
            let what = "a source that only its own dialect knows";
            return wire::lose_once(&mut self.losses, Why::NoPeer, "answer.annotations", what);
        }
        let Some(slot) = self.parts.get_mut(part as usize).and_then(Option::as_mut) else { return };
        let Body::Text { annotations, .. } = &mut slot.body else { return };
        annotations.push(annotation.clone().into_owned());
        let (place, id, index) = (slot.place, slot.id.clone(), annotations.len() - 1);
        let kind = "response.output_text.annotation.added";
        self.part_event(out, kind, place, &id, "content_index", |object| {
            object.number("annotation_index", index);
            object.key("annotation").extend_from_slice(&json);
        });
    }

    fn part_end(&mut self, part: u32, out: &mut Vec<u8>) {
        let Some(Part { place, id, body, mut logprobs }) = self.parts.get_mut(part as usize).and_then(Option::take)
        else {
            return;
        };
        if matches!(body, Body::Text { .. }) {
            logprobs.append(&mut self.logprobs);
        }
        match &body {
            Body::Text { text, .. } | Body::Refusal(text) => {
                let (kind, name) = match body {
                    Body::Refusal(_) => ("response.refusal.done", "refusal"),
                    _ => ("response.output_text.done", "text"),
                };
                self.part_event(out, kind, place, &id, "content_index", |object| {
                    object.text(name, text);
                    if name == "text" {
                        let mut list = object.array("logprobs");
                        openai_logprobs::write(&mut list, &logprobs, false);
                        list.end();
                    }
                });
                let mut part = Vec::new();
                let mut object = Object::new(&mut part);
                answer::write_content(&mut object, &body, &logprobs, &mut self.losses);
                object.end();
                self.part_event(out, "response.content_part.done", place, &id, "content_index", |object| {
                    object.key("part").extend_from_slice(&part);
                });
            }
            Body::Thinking { text, .. } => {
                let kind = "response.reasoning_summary_text.done";
                self.part_event(out, kind, place, &id, "summary_index", |object| object.text("text", text));
                let kind = "response.reasoning_summary_part.done";
                self.part_event(out, kind, place, &id, "summary_index", |object| {
                    let mut part = object.object("part");
                    part.word("type", "summary_text");
                    part.text("text", text);
                    part.end();
                });
            }
            Body::ToolCall(call) => {
                let (kind, name) = match call.kind {
                    ToolCallKind::Function => ("response.function_call_arguments.done", "arguments"),
                    ToolCallKind::Custom => ("response.custom_tool_call_input.done", "input"),
                };
                let arguments = match call.kind {
                    ToolCallKind::Function => Text::plain(call.arguments.as_json()),
                    ToolCallKind::Custom => call.arguments.as_text(),
                };
                self.write(out, kind, |object| {
                    object.word("item_id", &id);
                    object.number("output_index", place);
                    object.text(name, &arguments);
                });
            }
            _ => {}
        }
        let mut item = Vec::new();
        if let Body::Opaque { json, .. } = &body {
            json.write(&mut item);
        } else {
            let mut object = Object::new(&mut item);
            answer::write_item(&mut object, &body, &id, &logprobs, &mut self.losses);
            object.end();
        }
        self.done(place, item, out);
        if let Body::Text { signature: Some(mark), .. } | Body::ToolCall(ToolCall { signature: Some(mark), .. }) = &body
        {
            let place = self.items.len();
            self.items.push(Vec::new());
            let mut item = Vec::new();
            let mut object = Object::new(&mut item);
            object.word("id", &format!("{id}_s"));
            super::super::item::write_reasoning(&mut object, None, Some(&mark.marked_after_part()));
            object.end();
            // No item ends that did not begin: clients count them.
            self.write(out, "response.output_item.added", |object| {
                object.number("output_index", place);
                object.key("item").extend_from_slice(&item);
            });
            self.done(place, item, out);
        }
    }

    fn done(&mut self, place: usize, item: Vec<u8>, out: &mut Vec<u8>) {
        self.write(out, "response.output_item.done", |object| {
            object.number("output_index", place);
            object.key("item").extend_from_slice(&item);
        });
        self.items[place] = item;
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        self.begin(&Start::default(), out);
        self.state = State::Ended;
        let stop = self.stop.take().unwrap_or(Stop::Finished);
        stop.lose(StopWords::default(), &mut self.losses);
        let kind = match stop {
            Stop::Length | Stop::WindowFull | Stop::Filter | Stop::Refusal(_) => "response.incomplete",
            _ => "response.completed",
        };
        self.response(kind, Some(&stop), None, out);
        out.extend_from_slice(b"data: [DONE]\n\n");
    }

    fn response(&mut self, kind: &str, stop: Option<&Stop<'_>>, problem: Option<&Problem<'_>>, out: &mut Vec<u8>) {
        let mut items = b"[".to_vec();
        for item in self.items.iter().filter(|item| !item.is_empty() && (stop.is_some() || problem.is_some())) {
            if items.len() > 1 {
                items.push(b',');
            }
            items.extend_from_slice(item);
        }
        items.push(b']');
        let model = match &self.start.model {
            Some(own) if self.model.is_empty() => own.clone(),
            _ => Text::plain(self.model.clone()),
        };
        let id = self.start.id.clone();
        let identity = self.identity.clone();
        let (identity, began) = (identity.as_deref(), self.began.clone());
        let head =
            Head { id: id.as_ref(), model: &model, created: self.start.created, identity, began: began.as_deref() };
        let (usage, cost) = (self.usage.filter(|_| stop.is_some()), self.cost.clone());
        let usage = usage.as_ref().map(|usage| (usage, cost.as_ref()));
        self.write(out, kind, |object| {
            let mut response = object.object("response");
            answer::write_response(&mut response, &head, stop, &items, usage, problem);
            response.end();
        });
    }

    fn part_event(
        &mut self,
        out: &mut Vec<u8>,
        kind: &str,
        place: usize,
        id: &str,
        index: &str,
        write: impl FnOnce(&mut Object<'_>),
    ) {
        self.write(out, kind, |object| {
            object.word("item_id", id);
            object.number("output_index", place);
            object.raw(index, "0");
            write(object);
        });
    }

    fn write(&mut self, out: &mut Vec<u8>, kind: &str, write: impl FnOnce(&mut Object<'_>)) {
        let sequence = self.next_sequence();
        let mut head = String::with_capacity(64);
        write!(head, "event: {kind}\ndata: ").expect("a String takes every write");
        out.extend_from_slice(head.as_bytes());
        let from = out.len();
        let mut object = Object::new(out);
        object.word("type", kind);
        object.number("sequence_number", sequence);
        write(&mut object);
        object.end();
        wire::end_event(out, from);
    }

    fn next_sequence(&mut self) -> u64 {
        self.sequence += 1;
        self.sequence - 1
    }

    fn body(&mut self, part: u32) -> Option<&mut Body<'static>> {
        self.parts.get_mut(part as usize)?.as_mut().map(|part| &mut part.body)
    }
}
