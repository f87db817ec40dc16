//! Writes events.

use super::super::{answer, error, logprobs, signature, stop, tokens};
use crate::{
    chat::{
        Annotation, Arguments, Body, Dialect, Event, Json, Logprob, Losses, Part, PartKind, Problem, Start, Stop,
        StreamFault, Text, ToolCall, Why,
    },
    json::{Array, Object},
    usage::Usage,
    wire,
};

/// Turns common events into whole responses, each as an event of its own.
///
/// A call is told whole here, so its arguments are collected, up to [`Encoder::COLLECTED_MAX`] in all open calls.
#[derive(Clone, Debug)]
pub struct Encoder {
    model: String,
    state: State,
    start: Start<'static>,
    parts: Vec<Slot>,
    /// None of so many parts is a call that waits.
    told: usize,
    collected: usize,
    annotations: Vec<Annotation<'static>>,
    logprobs: Vec<(u32, Vec<Logprob<'static>>)>,
    usage: Option<Usage>,
    stops: Vec<(u32, Stop<'static>)>,
    cost: Option<Json<'static>>,
    losses: Losses,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    Ended,
    Failed,
}

/// What a part is, and what of it is told at its end.
#[derive(Clone, Debug)]
struct Slot {
    choice: u32,
    call: Option<ToolCall<'static>>,
    is_thought: bool,
    is_over: bool,
}

impl Encoder {
    /// Bytes of arguments that are collected until their call is whole.
    pub const COLLECTED_MAX: usize = 8 << 20;

    /// `model` is the name the caller asked for; empty keeps the upstream's.
    pub fn new(model: &str) -> Self {
        Self {
            model: model.to_owned(),
            state: State::Open,
            start: Start::default(),
            parts: Vec::new(),
            told: 0,
            collected: 0,
            annotations: Vec::new(),
            logprobs: Vec::new(),
            usage: None,
            stops: Vec::new(),
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

    /// Whether the typed end was written.
    pub fn has_ended(&self) -> bool {
        self.state == State::Ended
    }

    /// Appends what `event` is here.
    ///
    /// # Errors
    /// When the arguments of open calls are longer than [`Self::COLLECTED_MAX`].
    pub fn event(&mut self, event: &Event<'_>, out: &mut Vec<u8>) -> Result<(), StreamFault> {
        if self.state != State::Open {
            return Ok(());
        }
        match event {
            Event::Start(start) => {
                let start = start.clone();
                self.start = Start {
                    id: start.id.map(Text::into_owned),
                    model: start.model.map(Text::into_owned),
                    created: start.created,
                };
            }
            Event::PartStart { choice, kind, .. } => self.part_start(*choice, kind, out),
            Event::Text { part, text } | Event::Refusal { part, text } => self.text(*part, text, false, out),
            Event::Thinking { part, text } => self.text(*part, text, true, out),
            Event::Arguments { part, text } => {
                self.collected += text.written().len();
                if self.collected > Self::COLLECTED_MAX {
                    return Err(StreamFault::TooMuch("the arguments of a call are too long to be told whole"));
                }
                if let Some(Slot { call: Some(ToolCall { arguments: Arguments::Text(whole), .. }), .. }) =
                    self.parts.get_mut(*part as usize)
                {
                    whole.push(text);
                }
            }
            Event::Signature { part, signature } => {
                let Some(slot) = self.parts.get_mut(*part as usize) else { return Ok(()) };
                if let Some(call) = &mut slot.call {
                    call.signature = Some(signature.clone().into_owned());
                    return Ok(());
                }
                let (choice, is_thought) = (slot.choice, slot.is_thought);
                self.part(choice, out, |part| {
                    part.word("text", "");
                    if is_thought {
                        part.bool("thought", true);
                    }
                    part.text("thoughtSignature", &signature::write(signature));
                });
            }
            Event::Annotation { annotation, .. } => match annotation {
                Annotation::Url { .. } => self.annotations.push(annotation.clone().into_owned()),
                Annotation::Opaque { .. } => {
                    let what = "a source that only its own dialect knows";
                    wire::lose_once(&mut self.losses, Why::NoPeer, "answer.annotations", what);
                }
            },
            Event::Logprobs { choice, tokens } => {
                self.collected += tokens.iter().map(Logprob::kept_size).sum::<usize>();
                if self.collected > Self::COLLECTED_MAX {
                    return Err(StreamFault::TooMuch("the probabilities are too many to be told at the end"));
                }
                self.logprobs.push((*choice, tokens.iter().cloned().map(Logprob::into_owned).collect()));
            }
            Event::PartEnd { part } => self.part_end(*part, out),
            Event::Usage(usage) => self.usage = Some(*usage),
            // A reason to stop makes an answer whole here, so it waits for the end.
            Event::Stop { choice, stop } => self.stops.push((*choice, stop.clone().into_owned())),
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

    /// Ends the stream with an error, and nothing after it.
    pub fn fail(&mut self, problem: &Problem<'_>, out: &mut Vec<u8>) {
        if self.state != State::Open {
            return;
        }
        self.state = State::Failed;
        out.extend_from_slice(b"data: ");
        let from = out.len();
        error::write(out, problem);
        wire::end_event(out, from);
    }

    fn part_start(&mut self, choice: u32, kind: &PartKind<'_>, out: &mut Vec<u8>) {
        let mut slot = Slot { choice, call: None, is_thought: false, is_over: false };
        match kind {
            PartKind::Text | PartKind::Refusal => {}
            PartKind::Thinking => slot.is_thought = true,
            PartKind::SealedThinking { data } => self.part(choice, out, |part| {
                part.bool("thought", true);
                part.text("thoughtSignature", &signature::write(data));
            }),
            PartKind::ToolCall { id, name, kind } => {
                slot.call = Some(ToolCall {
                    id: id.clone().into_owned(),
                    name: name.clone().into_owned(),
                    arguments: Arguments::Text(Text::default()),
                    kind: *kind,
                    signature: None,
                });
            }
            PartKind::Whole(body) => self.whole(choice, &Part::new((**body).clone()), out),
            PartKind::Opaque { dialect: Dialect::Gemini, json } => {
                self.whole(choice, &Part::new(Body::Opaque { dialect: Dialect::Gemini, json: json.share() }), out);
            }
            PartKind::Opaque { .. } => {
                wire::lose_once(
                    &mut self.losses,
                    Why::NoPeer,
                    "answer.parts",
                    "a part that only its own dialect knows",
                );
            }
        }
        self.parts.push(slot);
    }

    /// Calls are told in the order of their beginnings: one that is over waits for those before it.
    fn part_end(&mut self, part: u32, out: &mut Vec<u8>) {
        let Some(slot) = self.parts.get_mut(part as usize) else { return };
        slot.is_over = true;
        while let Some(slot) = self.parts.iter_mut().skip(self.told).find(|slot| slot.call.is_some()) {
            if !slot.is_over {
                return;
            }
            let (choice, Some(call)) = (slot.choice, slot.call.take()) else { return };
            self.collected -= call.arguments.as_text().written().len().min(self.collected);
            self.whole(choice, &Part::new(Body::ToolCall(call)), out);
        }
        self.told = self.parts.len();
    }

    fn whole(&mut self, choice: u32, part: &Part<'_>, out: &mut Vec<u8>) {
        let mut losses = std::mem::take(&mut self.losses);
        self.candidate(choice, out, |list| answer::write_part(list, part, Dialect::Gemini, &mut losses), None);
        self.losses = losses;
    }

    fn text(&self, part: u32, text: &Text<'_>, is_thought: bool, out: &mut Vec<u8>) {
        let Some(slot) = self.parts.get(part as usize) else { return };
        self.part(slot.choice, out, |part| {
            part.text("text", text);
            if is_thought {
                part.bool("thought", true);
            }
        });
    }

    fn part(&self, choice: u32, out: &mut Vec<u8>, write: impl FnOnce(&mut Object<'_>)) {
        self.candidate(
            choice,
            out,
            |list| {
                let mut part = list.object();
                write(&mut part);
                part.end();
            },
            None,
        );
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        self.state = State::Ended;
        if let Some(usage) = &self.usage {
            answer::lose_cache_write(usage, &mut self.losses);
        }
        let stops = std::mem::take(&mut self.stops);
        let last = stops.len().saturating_sub(1);
        for (number, (choice, reason)) in stops.iter().enumerate() {
            reason.lose(stop::WORDS, &mut self.losses);
            let usage = self.usage.as_ref().filter(|_| number == last);
            // A content without parts is not valid to Google's clients: their chats would forget the whole turn.
            let nothing = |list: &mut Array<'_>| {
                let mut part = list.object();
                part.text("text", &Text::plain(""));
                part.end();
            };
            self.candidate(*choice, out, nothing, Some((reason, usage)));
        }
    }

    /// Writes one response with one candidate.
    fn candidate(
        &self,
        choice: u32,
        out: &mut Vec<u8>,
        write: impl FnOnce(&mut Array<'_>),
        end: Option<(&Stop<'_>, Option<&Usage>)>,
    ) {
        out.extend_from_slice(b"data: ");
        let from = out.len();
        let mut object = Object::new(out);
        let mut list = object.array("candidates");
        let mut candidate = list.object();
        let mut content = candidate.object("content");
        let mut parts = content.array("parts");
        write(&mut parts);
        parts.end();
        content.word("role", "model");
        content.end();
        if let Some((reason, _)) = end {
            candidate.word("finishReason", stop::word(reason));
            answer::write_sources(&mut candidate, self.annotations.iter(), &mut Losses::default());
        }
        candidate.number("index", choice);
        if end.is_some() {
            let own = self.logprobs.iter().filter(|(of, _)| *of == choice).flat_map(|(_, tokens)| tokens);
            logprobs::write(&mut candidate, own);
        }
        candidate.end();
        list.end();
        if let Some((_, Some(usage))) = end {
            tokens::write(&mut object, usage, self.cost.as_ref());
        }
        match &self.start.model {
            Some(own) if self.model.is_empty() => object.text("modelVersion", own),
            _ => object.text("modelVersion", &Text::plain(self.model.as_str())),
        }
        object.text_if("responseId", self.start.id.as_ref());
        object.end();
        wire::end_event(out, from);
    }
}
