//! Writes events, one block at a time.

use std::collections::VecDeque;

use super::{
    super::{answer, error, ids::answered_id, stop, tokens},
    Place,
};
use crate::{
    chat::{
        Dialect, Event, Json, Losses, PartKind, Problem, Signature, Start, Stop, StreamFault, Text, ToolCallKind, Why,
    },
    json::{Object, push_string},
    usage::Usage,
    wire,
};

/// Turns common events into this dialect's.
///
/// Blocks do not overlap here: while one is open, what belongs to later ones is held, up to [`Encoder::HELD_MAX`].
#[derive(Clone, Debug)]
pub struct Encoder {
    model: String,
    state: State,
    /// The block on the wire: its part and how to say its deltas.
    current: Option<(u32, Kind)>,
    waiting: VecDeque<Waiting>,
    held: usize,
    /// The next block's number.
    index: u32,
    /// A tool call's or a text's signature, to follow its block.
    after: Option<Signature<'static>>,
    usage: Usage,
    /// The first event told what the input was counted as.
    tells_input: bool,
    stop: Option<Stop<'static>>,
    cost: Option<Json<'static>>,
    losses: Losses,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Waiting,
    Open,
    Ended,
    Failed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    Thinking,
    Function,
    /// Free input, which is said as one string argument.
    Custom,
    Opaque,
    Unsaid,
}

/// A part whose turn has not come.
#[derive(Clone, Debug)]
struct Waiting {
    part: u32,
    events: Vec<Event<'static>>,
    is_over: bool,
}

impl Encoder {
    /// Bytes of deltas that wait for an earlier block to end.
    pub const HELD_MAX: usize = 8 << 20;

    /// `model` is the name the caller asked for; empty keeps the upstream's.
    pub fn new(model: &str) -> Self {
        Self {
            model: model.to_owned(),
            state: State::Waiting,
            current: None,
            waiting: VecDeque::new(),
            held: 0,
            index: 0,
            after: None,
            usage: Usage::default(),
            tells_input: false,
            stop: None,
            cost: None,
            losses: Losses::default(),
        }
    }

    /// What could not be said so far.
    pub fn losses(&self) -> &Losses {
        &self.losses
    }

    /// What the caller pays, in dollars: told with the usage at the end.
    pub fn set_cost(&mut self, cost: Json<'static>) {
        self.cost = Some(cost);
    }

    /// How much of the stream was written.
    pub fn place(&self) -> Place {
        let open = self.current.filter(|(_, kind)| *kind != Kind::Unsaid).map(|_| self.index.into());
        Place { has_begun: self.state != State::Waiting, tells_input: self.tells_input, open }
    }

    /// Whether the typed end was written.
    pub fn has_ended(&self) -> bool {
        self.state == State::Ended
    }

    /// Appends what `event` is here.
    ///
    /// # Errors
    /// When more has to be held than [`Self::HELD_MAX`].
    pub fn event(&mut self, event: &Event<'_>, out: &mut Vec<u8>) -> Result<(), StreamFault> {
        if matches!(self.state, State::Ended | State::Failed) {
            return Ok(());
        }
        match event {
            Event::Start(start) => self.start(start, out),
            Event::PartStart { part, choice, kind } => self.part_start(*part, *choice, kind, event, out),
            // No caller of this dialect can ask for them.
            Event::Logprobs { .. } => {
                wire::lose_once(&mut self.losses, Why::Label, "answer.logprobs", "log probabilities");
            }
            Event::PartEnd { part } => self.part_end(*part, out),
            Event::Text { part, .. }
            | Event::Arguments { part, .. }
            | Event::Thinking { part, .. }
            | Event::Signature { part, .. }
            | Event::Annotation { part, .. }
            | Event::Refusal { part, .. } => match self.current {
                Some((current, kind)) if current == *part => self.delta(kind, event, out),
                _ => self.hold(*part, event)?,
            },
            Event::Usage(usage) => self.usage = *usage,
            Event::Stop { choice: 0, stop } => self.stop = Some(stop.clone().into_owned()),
            Event::Stop { .. } => {}
            Event::Error(problem) => self.fail(problem, out),
            Event::End => self.end(out),
            Event::Opaque { dialect: Dialect::Anthropic, json } => {
                if let Some((_, Kind::Opaque)) = self.current {
                    self.block_delta(out, |object| object.json("delta", json));
                }
            }
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

    /// Ends the stream with an error event, and nothing after it.
    pub fn fail(&mut self, problem: &Problem<'_>, out: &mut Vec<u8>) {
        if matches!(self.state, State::Ended | State::Failed) {
            return;
        }
        self.state = State::Failed;
        let from = out.len();
        out.extend_from_slice(b"event: error\ndata: ");
        let data = out.len();
        error::write(out, problem);
        debug_assert!(from < data);
        wire::end_event(out, data);
    }

    fn start(&mut self, start: &Start<'_>, out: &mut Vec<u8>) {
        if self.state != State::Waiting {
            return;
        }
        self.state = State::Open;
        self.tells_input = self.usage.prompt() > 0;
        let (model, usage) = (&self.model, self.usage);
        write_event(out, "message_start", |object| {
            let mut message = object.object("message");
            match &start.id {
                Some(id) => message.text("id", id),
                None => message.word("id", "msg"),
            }
            message.word("type", "message");
            message.word("role", "assistant");
            let out = message.key("model");
            match &start.model {
                Some(own) if model.is_empty() => own.write(out),
                _ => push_string(out, model),
            }
            message.raw("content", "[]");
            message.raw("stop_reason", "null");
            message.raw("stop_sequence", "null");
            tokens::write(&mut message, &usage, None);
            message.end();
        });
    }

    fn part_start(&mut self, part: u32, choice: u32, kind: &PartKind<'_>, event: &Event<'_>, out: &mut Vec<u8>) {
        self.start(&Start::default(), out);
        if choice > 0 {
            wire::lose_once(&mut self.losses, Why::NoPeer, "answer.choices", "all answers but the first");
        }
        if self.current.is_some() {
            let events = vec![event.clone().into_owned()];
            self.waiting.push_back(Waiting { part, events, is_over: false });
        } else {
            self.open(part, choice, kind, out);
        }
    }

    fn open(&mut self, part: u32, choice: u32, kind: &PartKind<'_>, out: &mut Vec<u8>) {
        let is_said = choice == 0;
        let said = match kind {
            _ if !is_said => Kind::Unsaid,
            PartKind::Text | PartKind::Refusal => {
                self.block_start(out, |block| {
                    block.word("type", "text");
                    block.word("text", "");
                });
                Kind::Text
            }
            PartKind::Thinking => {
                self.block_start(out, |block| {
                    block.word("type", "thinking");
                    block.word("thinking", "");
                    block.word("signature", "");
                });
                Kind::Thinking
            }
            PartKind::SealedThinking { data } => {
                self.block_start(out, |block| {
                    block.word("type", "redacted_thinking");
                    block.text("data", &data.marked());
                });
                Kind::Thinking
            }
            PartKind::ToolCall { id, name, kind } => {
                self.block_start(out, |block| {
                    block.word("type", "tool_use");
                    block.text("id", &answered_id(id, part as usize));
                    block.text("name", name);
                    block.raw("input", "{}");
                });
                if *kind == ToolCallKind::Custom {
                    self.input_delta(&Text::plain(r#"{"input":""#), out);
                    Kind::Custom
                } else {
                    Kind::Function
                }
            }
            PartKind::Opaque { dialect: Dialect::Anthropic, json } => {
                self.event_at(out, "content_block_start", |object| object.json("content_block", json));
                Kind::Opaque
            }
            PartKind::Opaque { .. } | PartKind::Whole(_) => {
                wire::lose_once(
                    &mut self.losses,
                    Why::NoPeer,
                    "answer.parts",
                    "a part that only its own dialect knows",
                );
                Kind::Unsaid
            }
        };
        self.current = Some((part, said));
    }

    fn part_end(&mut self, part: u32, out: &mut Vec<u8>) {
        match self.current {
            Some((current, kind)) if current == part => self.close(kind, out),
            _ => {
                if let Some(waiting) = self.waiting.iter_mut().find(|waiting| waiting.part == part) {
                    waiting.is_over = true;
                }
            }
        }
    }

    fn close(&mut self, kind: Kind, out: &mut Vec<u8>) {
        self.close_block(kind, out);
        while let Some(next) = self.waiting.pop_front() {
            for event in &next.events {
                self.held -= size(event);
                match event {
                    Event::PartStart { part, choice, kind } => self.open(*part, *choice, kind, out),
                    event => {
                        if let Some((_, kind)) = self.current {
                            self.delta(kind, event, out);
                        }
                    }
                }
            }
            if !next.is_over {
                return;
            }
            if let Some((_, kind)) = self.current {
                self.close_block(kind, out);
            }
        }
    }

    fn close_block(&mut self, kind: Kind, out: &mut Vec<u8>) {
        self.current = None;
        if kind == Kind::Unsaid {
            return;
        }
        if kind == Kind::Custom {
            self.input_delta(&Text::plain("\"}"), out);
        }
        self.event_at(out, "content_block_stop", |_| {});
        self.index += 1;
        if let Some(signature) = self.after.take() {
            self.block_start(out, |block| {
                block.word("type", "redacted_thinking");
                block.text("data", &signature.marked_after_part());
            });
            self.event_at(out, "content_block_stop", |_| {});
            self.index += 1;
        }
    }

    fn hold(&mut self, part: u32, event: &Event<'_>) -> Result<(), StreamFault> {
        self.held += size(event);
        if self.held > Self::HELD_MAX {
            return Err(StreamFault::TooMuch("too much of one part before the end of another"));
        }
        if let Some(waiting) = self.waiting.iter_mut().find(|waiting| waiting.part == part) {
            waiting.events.push(event.clone().into_owned());
        } else {
            self.held -= size(event);
        }
        Ok(())
    }

    fn delta(&mut self, kind: Kind, event: &Event<'_>, out: &mut Vec<u8>) {
        match (event, kind) {
            (_, Kind::Unsaid) => {}
            (Event::Text { text, .. } | Event::Refusal { text, .. }, _) => {
                self.text_delta(out, "text_delta", "text", text);
            }
            (Event::Thinking { text, .. }, _) => self.text_delta(out, "thinking_delta", "thinking", text),
            // The input is one string inside the JSON text, so it is escaped once more than it was.
            (Event::Arguments { text, .. }, Kind::Custom) => self.input_delta(&Text::plain(text.written()), out),
            (Event::Arguments { text, .. }, _) => self.input_delta(text, out),
            (Event::Signature { signature, .. }, Kind::Thinking) => {
                self.text_delta(out, "signature_delta", "signature", &signature.marked());
            }
            (Event::Signature { signature, .. }, _) => self.after = Some(signature.clone().into_owned()),
            (Event::Annotation { annotation, .. }, Kind::Text) => {
                if answer::own_citation(annotation).is_none()
                    && matches!(annotation, crate::chat::Annotation::Opaque { .. })
                {
                    let what = "a source that only its own dialect knows";
                    return wire::lose_once(&mut self.losses, Why::NoPeer, "answer.annotations", what);
                }
                self.block_delta(out, |object| {
                    let mut delta = object.object("delta");
                    delta.word("type", "citations_delta");
                    answer::write_one_citation(delta.key("citation"), annotation);
                    delta.end();
                });
            }
            _ => {}
        }
    }

    fn input_delta(&self, text: &Text<'_>, out: &mut Vec<u8>) {
        self.text_delta(out, "input_json_delta", "partial_json", text);
    }

    fn text_delta(&self, out: &mut Vec<u8>, kind: &str, name: &str, text: &Text<'_>) {
        self.block_delta(out, |object| {
            let mut delta = object.object("delta");
            delta.word("type", kind);
            delta.text(name, text);
            delta.end();
        });
    }

    fn block_start(&self, out: &mut Vec<u8>, write: impl FnOnce(&mut Object<'_>)) {
        self.event_at(out, "content_block_start", |object| {
            let mut block = object.object("content_block");
            write(&mut block);
            block.end();
        });
    }

    fn block_delta(&self, out: &mut Vec<u8>, write: impl FnOnce(&mut Object<'_>)) {
        self.event_at(out, "content_block_delta", write);
    }

    fn event_at(&self, out: &mut Vec<u8>, kind: &str, write: impl FnOnce(&mut Object<'_>)) {
        write_event(out, kind, |object| {
            object.number("index", self.index);
            write(object);
        });
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        self.start(&Start::default(), out);
        self.state = State::Ended;
        let (stop, usage, cost) = (self.stop.take().unwrap_or(Stop::Finished), self.usage, self.cost.take());
        stop::lose(&stop, &mut self.losses);
        write_event(out, "message_delta", |object| {
            let mut delta = object.object("delta");
            answer::write_stop(&mut delta, Some(&stop));
            delta.end();
            tokens::write(object, &usage, cost.as_ref());
        });
        write_event(out, "message_stop", |_| {});
    }
}

fn write_event(out: &mut Vec<u8>, kind: &str, write: impl FnOnce(&mut Object<'_>)) {
    out.extend_from_slice(b"event: ");
    out.extend_from_slice(kind.as_bytes());
    out.extend_from_slice(b"\ndata: ");
    let from = out.len();
    let mut object = Object::new(out);
    object.word("type", kind);
    write(&mut object);
    object.end();
    wire::end_event(out, from);
}

/// What an event costs to hold, in bytes.
fn size(event: &Event<'_>) -> usize {
    match event {
        Event::Text { text, .. }
        | Event::Arguments { text, .. }
        | Event::Thinking { text, .. }
        | Event::Refusal { text, .. } => EVENT_SIZE + text.written().len(),
        Event::Signature { signature, .. } => EVENT_SIZE + signature.text.written().len(),
        Event::PartStart { .. } => 0,
        _ => EVENT_SIZE,
    }
}

const EVENT_SIZE: usize = 128;
