//! Writes chunks.

use super::super::{answer, error, reasoning, stop, tokens};
use crate::{
    chat::{Event, Json, Logprob, Losses, PartKind, Problem, Signature, Start, Stop, Text, ToolCallKind, Why},
    json::{Array, Object, push_string},
    usage::Usage,
    wire,
};

/// Turns common events into chunks, each as an event of its own.
#[derive(Clone, Debug)]
pub struct Encoder {
    model: String,
    wants_usage: bool,
    /// Everything of a chunk before its choices.
    head: Vec<u8>,
    parts: Vec<Part>,
    /// Of each choice that was announced: how many calls and thoughts it has.
    choices: Vec<Option<Counts>>,
    annotations: u32,
    /// Of each choice, what goes with its next text.
    logprobs: Vec<(u32, Vec<Logprob<'static>>)>,
    usage: Option<Usage>,
    stops: Vec<(u32, Stop<'static>)>,
    state: State,
    cost: Option<Json<'static>>,
    losses: Losses,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    Ended,
    Failed,
}

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    calls: u32,
    thoughts: u32,
}

#[derive(Clone, Copy, Debug)]
struct Part {
    choice: u32,
    kind: Kind,
    /// Which call or which thought of its choice.
    index: u32,
    /// Whether a call has arguments.
    has_arguments: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    Thinking,
    Function,
    Custom,
    Unsaid,
}

impl Encoder {
    /// `model` is the name the caller asked for; empty keeps the upstream's. Without `wants_usage` no usage is told.
    pub fn new(model: &str, wants_usage: bool) -> Self {
        let mut encoder = Self {
            model: model.to_owned(),
            wants_usage,
            head: Vec::new(),
            parts: Vec::new(),
            choices: Vec::new(),
            annotations: 0,
            logprobs: Vec::new(),
            usage: None,
            stops: Vec::new(),
            state: State::Open,
            cost: None,
            losses: Losses::default(),
        };
        encoder.set_head(&Start::default());
        encoder
    }

    /// What could not be said so far.
    pub fn losses(&self) -> &Losses {
        &self.losses
    }

    /// Says in each chunk from now on what build of the model's server it is from, as JSON: the one that the chunks before
    /// named, since to its caller it is one answer.
    pub fn set_fingerprint(&mut self, fingerprint: &str) {
        self.head.extend_from_slice(b",\"system_fingerprint\":");
        self.head.extend_from_slice(fingerprint.as_bytes());
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
    pub fn event(&mut self, event: &Event<'_>, out: &mut Vec<u8>) {
        if self.state != State::Open {
            return;
        }
        match event {
            Event::Start(start) => {
                self.set_head(start);
                self.announce(0, out);
            }
            Event::PartStart { choice, kind, .. } => self.start(*choice, kind, out),
            Event::Text { part, text } => self.text(*part, "content", text, out),
            Event::Thinking { part, text } => self.thinking(*part, text, out),
            Event::Refusal { part, text } => self.text(*part, "refusal", text, out),
            Event::Arguments { part, text } => self.arguments(*part, text, out),
            Event::Signature { part, signature } => self.signature(*part, signature, out),
            Event::Annotation { part, annotation } => {
                if !answer::is_known(annotation) {
                    let what = "a source that only its own dialect knows";
                    return wire::lose_once(&mut self.losses, Why::NoPeer, "answer.annotations", what);
                }
                let Some(part) = self.part(*part) else { return };
                let index = self.annotations;
                self.annotations += 1;
                self.delta(part.choice, out, |delta| {
                    let mut list = delta.array("annotations");
                    answer::write_annotation(list.next(), annotation, 0, Some(index));
                    list.end();
                });
            }
            Event::Logprobs { choice, tokens } => {
                self.announce(*choice, out);
                self.logprobs.push((*choice, tokens.iter().cloned().map(Logprob::into_owned).collect()));
            }
            Event::PartEnd { part } => {
                // Callers read the arguments as JSON, which nothing is not.
                if self.part(*part).is_some_and(|part| part.kind == Kind::Function && !part.has_arguments) {
                    self.arguments(*part, &Text::plain("{}"), out);
                }
            }
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
    }

    /// Ends the stream with an error: a chunk that the official clients raise on, and nothing after it.
    pub fn fail(&mut self, problem: &Problem<'_>, out: &mut Vec<u8>) {
        if self.state != State::Open {
            return;
        }
        self.state = State::Failed;
        self.chunk(out, |object| {
            choice_of(object, 0, &[], |_| {}, Some("error"));
            error::write(object, problem);
        });
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        self.state = State::Ended;
        for (choice, reason) in std::mem::take(&mut self.stops) {
            self.announce(choice, out);
            let tokens = self.tokens(choice);
            if !tokens.is_empty() {
                self.chunk(out, |object| choice_of(object, choice, &tokens, |_| {}, None));
            }
            reason.lose(stop::WORDS, &mut self.losses);
            if let Stop::Refusal(Some(text)) = &reason {
                self.delta(choice, out, |delta| delta.text("refusal", text));
            }
            self.chunk(out, |object| choice_of(object, choice, &[], |_| {}, Some(stop::word(&reason))));
        }
        if let Some(usage) = self.usage.filter(|_| self.wants_usage) {
            self.chunk(out, |object| {
                object.raw("choices", "[]");
                tokens::write(object, &usage, self.cost.as_ref());
            });
        }
        out.extend_from_slice(b"data: [DONE]\n\n");
    }

    fn set_head(&mut self, start: &Start<'_>) {
        self.head.clear();
        let mut head = Vec::new();
        let mut object = Object::new(&mut head);
        match &start.id {
            Some(id) => object.text("id", id),
            None => object.word("id", "chatcmpl"),
        }
        object.word("object", "chat.completion.chunk");
        object.number("created", start.created.unwrap_or(0));
        let out = object.key("model");
        match &start.model {
            Some(model) if self.model.is_empty() => model.write(out),
            _ => push_string(out, &self.model),
        }
        self.head = [b"data: ", &head[..]].concat();
    }

    fn start(&mut self, choice: u32, kind: &PartKind<'_>, out: &mut Vec<u8>) {
        self.announce(choice, out);
        let mut index = 0;
        let counts = self.choices[choice as usize].get_or_insert_default();
        let kind = match kind {
            PartKind::Text | PartKind::Refusal => Kind::Text,
            PartKind::Thinking => {
                index = counts.thoughts;
                counts.thoughts += 1;
                Kind::Thinking
            }
            PartKind::SealedThinking { data } => {
                index = counts.thoughts;
                counts.thoughts += 1;
                self.delta(choice, out, |delta| details(delta, index, None, Some(data)));
                Kind::Thinking
            }
            PartKind::ToolCall { id, name, kind } => {
                index = counts.calls;
                counts.calls += 1;
                let (word, input) = words(*kind);
                self.delta(choice, out, |delta| {
                    call(delta, index, |call| {
                        call.text("id", id);
                        call.word("type", word);
                        let mut function = call.object(word);
                        function.text("name", name);
                        function.raw(input, "\"\"");
                        function.end();
                    });
                });
                if *kind == ToolCallKind::Custom { Kind::Custom } else { Kind::Function }
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
        self.parts.push(Part { choice, kind, index, has_arguments: false });
    }

    fn text(&mut self, part: u32, name: &str, text: &Text<'_>, out: &mut Vec<u8>) {
        let Some(part) = self.part(part) else { return };
        let tokens = if part.kind == Kind::Text && name == "content" { self.tokens(part.choice) } else { Vec::new() };
        self.chunk(out, |object| choice_of(object, part.choice, &tokens, |delta| delta.text(name, text), None));
    }

    /// What was said of the tokens of a choice's next text.
    fn tokens(&mut self, choice: u32) -> Vec<Logprob<'static>> {
        // Of most streams there is none.
        if self.logprobs.is_empty() {
            return Vec::new();
        }
        let all = std::mem::take(&mut self.logprobs);
        let (own, others) = all.into_iter().partition(|(of, _)| *of == choice);
        self.logprobs = others;
        own.into_iter().flat_map(|(_, tokens)| tokens).collect()
    }

    /// Said twice: in the spelling that most clients show, and in the one whose pieces keep their signature.
    fn thinking(&mut self, part: u32, text: &Text<'_>, out: &mut Vec<u8>) {
        let Some(part) = self.part(part) else { return };
        self.delta(part.choice, out, |delta| {
            delta.text("reasoning_content", text);
            details(delta, part.index, Some(text), None);
        });
    }

    fn arguments(&mut self, part: u32, text: &Text<'_>, out: &mut Vec<u8>) {
        let number = part as usize;
        let Some(part) = self.part(part) else { return };
        self.parts[number].has_arguments = true;
        let (word, input) =
            words(if part.kind == Kind::Custom { ToolCallKind::Custom } else { ToolCallKind::Function });
        self.delta(part.choice, out, |delta| {
            call(delta, part.index, |call| {
                let mut function = call.object(word);
                function.text(input, text);
                function.end();
            });
        });
    }

    fn signature(&mut self, part: u32, signature: &Signature<'_>, out: &mut Vec<u8>) {
        let Some(part) = self.part(part) else { return };
        match part.kind {
            Kind::Thinking => self.delta(part.choice, out, |delta| {
                details(delta, part.index, Some(&Text::default()), Some(signature));
            }),
            Kind::Function | Kind::Custom => self.delta(part.choice, out, |delta| {
                call(delta, part.index, |call| {
                    // The official clients demand a function in every piece.
                    let (word, input) =
                        words(if part.kind == Kind::Custom { ToolCallKind::Custom } else { ToolCallKind::Function });
                    let mut function = call.object(word);
                    function.word(input, "");
                    function.end();
                    answer::write_google_signature(call, &signature.marked());
                });
            }),
            Kind::Text | Kind::Unsaid => {
                wire::lose_once(&mut self.losses, Why::NoPeer, "answer.signature", "a text's signature");
            }
        }
    }

    fn part(&self, part: u32) -> Option<Part> {
        self.parts.get(part as usize).copied().filter(|part| part.kind != Kind::Unsaid)
    }

    /// The first chunk of a choice: its role, no content.
    fn announce(&mut self, choice: u32, out: &mut Vec<u8>) {
        let number = choice as usize;
        if self.choices.len() <= number {
            self.choices.resize(number + 1, None);
        }
        if self.choices[number].is_some() {
            return;
        }
        self.choices[number] = Some(Counts::default());
        self.delta(choice, out, |delta| {
            delta.word("role", "assistant");
            delta.word("content", "");
        });
    }

    fn delta(&self, choice: u32, out: &mut Vec<u8>, write: impl FnOnce(&mut Object<'_>)) {
        self.chunk(out, |object| choice_of(object, choice, &[], write, None));
    }

    /// Writes one event whose members after the head are `write`'s.
    fn chunk(&self, out: &mut Vec<u8>, write: impl FnOnce(&mut Object<'_>)) {
        let from = out.len();
        out.extend_from_slice(&self.head);
        let mut object = Object::resume(out);
        write(&mut object);
        object.end();
        wire::end_event(out, from);
    }
}

fn choice_of(
    object: &mut Object<'_>,
    choice: u32,
    tokens: &[Logprob<'_>],
    write: impl FnOnce(&mut Object<'_>),
    finish_reason: Option<&str>,
) {
    let mut list: Array<'_> = object.array("choices");
    let mut object = list.object();
    object.number("index", choice);
    let mut delta = object.object("delta");
    write(&mut delta);
    delta.end();
    answer::write_logprobs(&mut object, tokens);
    match finish_reason {
        Some(reason) => object.word("finish_reason", reason),
        None => object.raw("finish_reason", "null"),
    }
    object.end();
    list.end();
}

fn call(delta: &mut Object<'_>, index: u32, write: impl FnOnce(&mut Object<'_>)) {
    let mut list = delta.array("tool_calls");
    let mut object = list.object();
    object.number("index", index);
    write(&mut object);
    object.end();
    list.end();
}

fn details(delta: &mut Object<'_>, index: u32, text: Option<&Text<'_>>, signature: Option<&Signature<'_>>) {
    let mut list = delta.array("reasoning_details");
    reasoning::write_detail(&mut list, index as usize, text, signature);
    list.end();
}

fn words(kind: ToolCallKind) -> (&'static str, &'static str) {
    match kind {
        ToolCallKind::Function => ("function", "arguments"),
        ToolCallKind::Custom => ("custom", "input"),
    }
}
