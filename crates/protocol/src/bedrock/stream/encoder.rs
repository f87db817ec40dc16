//! Writes events, one block at a time.

use std::collections::VecDeque;

use super::super::{error, frame, stop, tokens};
use crate::{
    chat::{Event, Losses, PartKind, Problem, Stop, StreamFault, Text, ToolCallKind, Why},
    json::Object,
    usage::Usage,
    wire,
};

/// Turns common events into frames.
///
/// Blocks do not overlap here: while one is open, what belongs to later ones is held, up to [`Encoder::HELD_MAX`].
#[derive(Clone, Debug, Default)]
pub struct Encoder {
    state: State,
    /// The block on the wire: its part and how to say its deltas.
    current: Option<(u32, Kind)>,
    waiting: VecDeque<Waiting>,
    held: usize,
    index: u32,
    usage: Option<Usage>,
    stop: Option<Stop<'static>>,
    losses: Losses,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Waiting,
    Open,
    Ended,
    Failed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    Thinking,
    Call,
    /// Free input, which is said as one string argument.
    Custom,
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

    /// What could not be said so far.
    pub fn losses(&self) -> &Losses {
        &self.losses
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
            Event::Start(_) => self.start(out),
            Event::PartStart { part, choice, kind } => {
                self.start(out);
                if self.current.is_some() {
                    let events = vec![event.clone().into_owned()];
                    self.waiting.push_back(Waiting { part: *part, events, is_over: false });
                } else {
                    self.open(*part, *choice, kind, out);
                }
            }
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
            Event::Usage(usage) => self.usage = Some(*usage),
            Event::Stop { choice: 0, stop } => self.stop = Some(stop.clone().into_owned()),
            Event::Stop { .. } => {}
            Event::Error(problem) => self.fail(problem, out),
            Event::End => self.end(out),
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

    /// Ends the stream with an exception, and nothing after it.
    pub fn fail(&mut self, problem: &Problem<'_>, out: &mut Vec<u8>) {
        if matches!(self.state, State::Ended | State::Failed) {
            return;
        }
        self.state = State::Failed;
        let mut payload = Vec::new();
        let mut object = Object::new(&mut payload);
        object.text("message", &problem.message);
        object.end();
        frame::write(out, "exception", error::word(problem.kind), &payload);
    }

    fn start(&mut self, out: &mut Vec<u8>) {
        if self.state == State::Waiting {
            self.state = State::Open;
            frame::write(out, "event", "messageStart", br#"{"role":"assistant"}"#);
        }
    }

    fn open(&mut self, part: u32, choice: u32, kind: &PartKind<'_>, out: &mut Vec<u8>) {
        let said = match kind {
            _ if choice > 0 => {
                wire::lose_once(&mut self.losses, Why::NoPeer, "answer.choices", "all answers but the first");
                Kind::Unsaid
            }
            PartKind::Text | PartKind::Refusal => Kind::Text,
            PartKind::Thinking => Kind::Thinking,
            PartKind::SealedThinking { data } => {
                self.block_delta(out, |delta| {
                    let mut content = delta.object("reasoningContent");
                    content.text("redactedContent", &data.marked());
                    content.end();
                });
                Kind::Thinking
            }
            PartKind::ToolCall { id, name, kind } => {
                self.write(out, "contentBlockStart", |object| {
                    let mut start = object.object("start");
                    let mut tool = start.object("toolUse");
                    tool.text("toolUseId", id);
                    tool.text("name", name);
                    tool.end();
                    start.end();
                });
                if *kind == ToolCallKind::Custom {
                    self.input(&Text::plain(r#"{"input":""#), out);
                    Kind::Custom
                } else {
                    Kind::Call
                }
            }
            PartKind::Whole(_) | PartKind::Opaque { .. } => {
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
            self.input(&Text::plain("\"}"), out);
        }
        self.write(out, "contentBlockStop", |_| {});
        self.index += 1;
    }

    fn hold(&mut self, part: u32, event: &Event<'_>) -> Result<(), StreamFault> {
        let Some(waiting) = self.waiting.iter_mut().find(|waiting| waiting.part == part) else { return Ok(()) };
        self.held += size(event);
        if self.held > Self::HELD_MAX {
            return Err(StreamFault::TooMuch("too much of one part before the end of another"));
        }
        waiting.events.push(event.clone().into_owned());
        Ok(())
    }

    fn delta(&mut self, kind: Kind, event: &Event<'_>, out: &mut Vec<u8>) {
        match event {
            _ if kind == Kind::Unsaid => {}
            Event::Text { text, .. } | Event::Refusal { text, .. } => {
                self.block_delta(out, |delta| delta.text("text", text));
            }
            Event::Arguments { text, .. } if kind == Kind::Custom => self.input(&Text::plain(text.written()), out),
            Event::Arguments { text, .. } => self.input(text, out),
            Event::Thinking { text, .. } => self.block_delta(out, |delta| {
                let mut content = delta.object("reasoningContent");
                content.text("text", text);
                content.end();
            }),
            Event::Signature { signature, .. } if kind == Kind::Thinking => self.block_delta(out, |delta| {
                let mut content = delta.object("reasoningContent");
                content.text("signature", &signature.marked());
                content.end();
            }),
            Event::Signature { .. } => {
                wire::lose_once(
                    &mut self.losses,
                    Why::NoPeer,
                    "answer.signature",
                    "a text's or a tool call's signature",
                );
            }
            _ => wire::lose_once(&mut self.losses, Why::NoPeer, "answer.annotations", "sources of the answer"),
        }
    }

    fn input(&self, text: &Text<'_>, out: &mut Vec<u8>) {
        self.block_delta(out, |delta| {
            let mut tool = delta.object("toolUse");
            tool.text("input", text);
            tool.end();
        });
    }

    fn block_delta(&self, out: &mut Vec<u8>, write: impl FnOnce(&mut Object<'_>)) {
        self.write(out, "contentBlockDelta", |object| {
            let mut delta = object.object("delta");
            write(&mut delta);
            delta.end();
        });
    }

    fn write(&self, out: &mut Vec<u8>, kind: &str, write: impl FnOnce(&mut Object<'_>)) {
        let mut payload = Vec::with_capacity(96);
        let mut object = Object::new(&mut payload);
        object.number("contentBlockIndex", self.index);
        write(&mut object);
        object.end();
        frame::write(out, "event", kind, &payload);
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        self.start(out);
        self.state = State::Ended;
        let stop = self.stop.take().unwrap_or(Stop::Finished);
        stop.lose(stop::WORDS, &mut self.losses);
        let payload = format!(r#"{{"stopReason":"{}"}}"#, stop::word(&stop));
        frame::write(out, "event", "messageStop", payload.as_bytes());
        let mut payload = Vec::new();
        let mut object = Object::new(&mut payload);
        if let Some(usage) = &self.usage {
            tokens::write(&mut object, usage, &mut self.losses);
        }
        object.end();
        frame::write(out, "event", "metadata", &payload);
    }
}

/// What an event costs to hold, in bytes.
fn size(event: &Event<'_>) -> usize {
    match event {
        Event::Text { text, .. }
        | Event::Arguments { text, .. }
        | Event::Thinking { text, .. }
        | Event::Refusal { text, .. } => EVENT_SIZE + text.written().len(),
        Event::PartStart { .. } => 0,
        _ => EVENT_SIZE,
    }
}

const EVENT_SIZE: usize = 128;
