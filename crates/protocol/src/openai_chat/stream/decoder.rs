//! Reads chunks.

use super::{
    calls::{Call, Piece},
    delta::Delta,
};
use crate::{
    chat::{Event, PartKind, Problem, ProblemKind, Signature, Start, StreamFault, Text},
    json::{Kind, Malformed, Reader},
    openai_chat::{answer, error, reasoning::Detail, stop, tokens},
    usage, wire,
};

/// Turns the data of each event into common events.
///
/// ```text
/// Waiting ── first chunk with an id or a choice ──▶ Open ── [DONE], or the end of the stream, after a reason ──▶ Ended
///                                                    └───── error ──▶ Failed
/// ```
#[derive(Debug, Default)]
pub struct Decoder {
    state: State,
    parts: u32,
    choices: Vec<Choice>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Waiting,
    Open,
    Ended,
    Failed,
}

/// What has come of one choice.
#[derive(Debug, Default)]
struct Choice {
    /// The text, thinking or refusal that goes on.
    open: Option<(u32, Kinds)>,
    calls: Vec<Call>,
    is_stopped: bool,
}

impl Choice {
    fn end_parts(&mut self, sink: &mut dyn FnMut(Event<'_>)) {
        if let Some((part, _)) = self.open.take() {
            sink(Event::PartEnd { part });
        }
        for call in self.calls.iter_mut().filter(|call| call.is_open) {
            call.is_open = false;
            sink(Event::PartEnd { part: call.part });
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kinds {
    Text,
    Thinking,
    Refusal,
}

/// More parts than any model makes; a stream beyond it is a fault.
const PARTS_MAX: u32 = 8192;
/// OpenAI's own limit of `n`.
const CHOICES_MAX: usize = 128;

/// An upstream's reason to stop that means that it broke off.
pub(in super::super) fn broken_off(reason: Text<'static>) -> Problem<'static> {
    let message = Text::plain(format!("the upstream broke off: {}", reason.decode()));
    Problem { kind: ProblemKind::Server, message, code: Some(reason), param: None }
}

impl Decoder {
    /// Reads the data of one event.
    ///
    /// # Errors
    /// When it is not JSON, or mixes or exceeds what it may; the stream cannot be read on then.
    pub fn event(&mut self, data: &[u8], sink: &mut dyn FnMut(Event<'_>)) -> Result<(), StreamFault> {
        let data = data.trim_ascii();
        if matches!(self.state, State::Ended | State::Failed) || data.is_empty() {
            return Ok(());
        }
        if data == b"[DONE]" {
            return self.finish(sink);
        }
        let chunk = Chunk::read(data)?;
        if self.state == State::Waiting
            && (chunk.choices.is_some() || chunk.id.as_ref().is_some_and(|id| !id.is_empty()))
        {
            self.state = State::Open;
            sink(Event::Start(Start { id: chunk.id, model: chunk.model, created: chunk.created }));
        }
        let has_problem = chunk.problem.is_some();
        if let Some(choices) = chunk.choices {
            let mut position = 0;
            Reader::of(choices).array(|reader| {
                position += 1;
                self.choice(reader, position - 1, has_problem, sink)
            })?;
        }
        if self.state == State::Failed {
            return Ok(());
        }
        if let Some(usage) = chunk.usage {
            sink(Event::Usage(usage));
        }
        if let Some(problem) = chunk.problem {
            self.fail(problem, sink);
        }
        Ok(())
    }

    /// Learns that no event follows.
    ///
    /// # Errors
    /// [`StreamFault::Cut`] when a choice has no typed end.
    pub fn finish(&mut self, sink: &mut dyn FnMut(Event<'_>)) -> Result<(), StreamFault> {
        match self.state {
            State::Ended | State::Failed => Ok(()),
            State::Open if !self.choices.is_empty() && self.choices.iter().all(|choice| choice.is_stopped) => {
                self.state = State::Ended;
                // A careless server may have said more after its reason to stop.
                self.choices.iter_mut().for_each(|choice| choice.end_parts(sink));
                sink(Event::End);
                Ok(())
            }
            State::Waiting | State::Open => Err(StreamFault::Cut),
        }
    }

    fn fail(&mut self, problem: Problem<'_>, sink: &mut dyn FnMut(Event<'_>)) {
        self.state = State::Failed;
        sink(Event::Error(problem));
    }

    fn choice(
        &mut self,
        reader: &mut Reader<'_>,
        position: u64,
        has_problem: bool,
        sink: &mut dyn FnMut(Event<'_>),
    ) -> Result<(), StreamFault> {
        let (mut index, mut delta, mut reason, mut problem) = (position, None, None, None);
        let (mut usage, mut tokens) = (None, Vec::new());
        wire::members(reader, |reader, name| {
            match name {
                "index" => index = wire::whole(reader)?.unwrap_or(position),
                "delta" | "message" if reader.kind()? == Kind::Object => delta = Some(reader.raw()?),
                "finish_reason" => reason = wire::text(reader)?,
                "logprobs" if reader.kind()? == Kind::Object => answer::logprobs(reader, &mut tokens)?,
                "error" => problem = error::read(reader)?,
                // Moonshot's place for it.
                "usage" => usage = tokens::read(reader)?,
                _ => reader.pass()?,
            }
            Ok::<_, Malformed>(())
        })?;
        if self.state == State::Failed {
            return Ok(());
        }
        if let Some(usage) = usage {
            sink(Event::Usage(usage));
        }
        if self.state == State::Failed {
            return Ok(());
        }
        let number = usize::try_from(index).ok().filter(|number| *number < CHOICES_MAX);
        let number = number.ok_or(StreamFault::TooMuch("more than 128 choices"))?;
        if self.choices.len() <= number {
            self.choices.resize_with(number + 1, Choice::default);
        }
        let index = u32::try_from(index).expect("it is below 128");
        if !tokens.is_empty() {
            sink(Event::Logprobs { choice: index, tokens });
        }
        if let Some(delta) = delta {
            self.delta(index, Delta::read(delta)?, sink)?;
        }
        if let Some(problem) = problem {
            self.fail(problem, sink);
        }
        match reason {
            // The error beside it says more.
            Some(reason) if stop::is_failure(&reason) && has_problem => {}
            Some(reason) if stop::is_failure(&reason) && self.state != State::Failed => {
                self.fail(broken_off(reason.into_owned()), sink);
            }
            Some(reason) if self.state != State::Failed => self.stop(index, reason, sink),
            _ => {}
        }
        Ok(())
    }

    fn delta(&mut self, choice: u32, delta: Delta<'_>, sink: &mut dyn FnMut(Event<'_>)) -> Result<(), StreamFault> {
        let has_text = delta.said.details.iter().any(|detail| matches!(detail, Detail::Text { .. }));
        if let Some(text) = delta.said.text.filter(|_| !has_text) {
            let part = self.open(choice, Kinds::Thinking, sink)?;
            sink(Event::Thinking { part, text });
        }
        for detail in delta.said.details {
            self.detail(choice, detail, sink)?;
        }
        if let Some(text) = delta.text {
            let part = self.open(choice, Kinds::Text, sink)?;
            sink(Event::Text { part, text });
        }
        if let Some(list) = delta.annotations {
            Reader::of(list).array(|reader| {
                let annotation = answer::annotation(reader.raw()?)?;
                let part = self.open(choice, Kinds::Text, sink)?;
                sink(Event::Annotation { part, annotation });
                Ok::<_, StreamFault>(())
            })?;
        }
        if let Some(text) = delta.refusal {
            let part = self.open(choice, Kinds::Refusal, sink)?;
            sink(Event::Refusal { part, text });
        }
        if let Some(list) = delta.calls {
            Reader::of(list).array(|reader| self.call(choice, Piece::read(reader)?, sink))?;
        }
        if let Some(call) = delta.function_call {
            self.call(choice, Piece::read_function(&mut Reader::of(call))?, sink)?;
        }
        Ok(())
    }

    fn detail(&mut self, choice: u32, detail: Detail<'_>, sink: &mut dyn FnMut(Event<'_>)) -> Result<(), StreamFault> {
        match detail {
            Detail::Text { text, signature } => {
                let part = self.open(choice, Kinds::Thinking, sink)?;
                if !text.is_empty() {
                    sink(Event::Thinking { part, text });
                }
                if let Some(signature) = signature {
                    sink(Event::Signature { part, signature });
                    // A signature is the last of what it signs.
                    self.close(choice, sink);
                }
            }
            Detail::Sealed(data) => self.sealed(choice, data, sink)?,
        }
        Ok(())
    }

    fn sealed(&mut self, choice: u32, data: Signature<'_>, sink: &mut dyn FnMut(Event<'_>)) -> Result<(), StreamFault> {
        self.close(choice, sink);
        let part = self.next_part()?;
        sink(Event::PartStart { part, choice, kind: PartKind::SealedThinking { data } });
        sink(Event::PartEnd { part });
        Ok(())
    }

    fn call(&mut self, choice: u32, mut piece: Piece<'_>, sink: &mut dyn FnMut(Event<'_>)) -> Result<(), StreamFault> {
        let place = match piece.place(&self.choices[choice as usize].calls) {
            Some(place) => place,
            None => {
                self.close(choice, sink);
                let part = self.next_part()?;
                let calls = &mut self.choices[choice as usize].calls;
                calls.push(piece.begin(part, calls));
                let kind = piece.kind;
                let (id, name) = (piece.id.share(), piece.name.share());
                sink(Event::PartStart { part, choice, kind: PartKind::ToolCall { id, name, kind } });
                calls.len() - 1
            }
        };
        let call = &mut self.choices[choice as usize].calls[place];
        if let Some(signature) = piece.signature.take() {
            sink(Event::Signature { part: call.part, signature });
        }
        match piece.arguments {
            Some(arguments) => call.advance(arguments, sink),
            None => Ok(()),
        }
    }

    /// The part that text of this kind belongs to.
    fn open(&mut self, choice: u32, kind: Kinds, sink: &mut dyn FnMut(Event<'_>)) -> Result<u32, StreamFault> {
        if let Some((part, open)) = self.choices[choice as usize].open
            && open == kind
        {
            return Ok(part);
        }
        self.close(choice, sink);
        let part = self.next_part()?;
        self.choices[choice as usize].open = Some((part, kind));
        let kind = match kind {
            Kinds::Text => PartKind::Text,
            Kinds::Thinking => PartKind::Thinking,
            Kinds::Refusal => PartKind::Refusal,
        };
        sink(Event::PartStart { part, choice, kind });
        Ok(part)
    }

    /// Ends what cannot go on when something else begins: text, and calls whose arguments are complete.
    fn close(&mut self, choice: u32, sink: &mut dyn FnMut(Event<'_>)) {
        let choice = &mut self.choices[choice as usize];
        if let Some((part, _)) = choice.open.take() {
            sink(Event::PartEnd { part });
        }
        for call in choice.calls.iter_mut().filter(|call| call.is_open && call.is_whole()) {
            call.is_open = false;
            sink(Event::PartEnd { part: call.part });
        }
    }

    fn stop(&mut self, index: u32, reason: Text<'_>, sink: &mut dyn FnMut(Event<'_>)) {
        let choice = &mut self.choices[index as usize];
        let Some(stop) = stop::read(reason, !choice.calls.is_empty()).filter(|_| !choice.is_stopped) else { return };
        choice.is_stopped = true;
        choice.end_parts(sink);
        sink(Event::Stop { choice: index, stop });
    }

    fn next_part(&mut self) -> Result<u32, StreamFault> {
        if self.parts == PARTS_MAX {
            return Err(StreamFault::TooMuch("more than 8192 parts"));
        }
        self.parts += 1;
        Ok(self.parts - 1)
    }
}

/// What stands beside the choices.
#[derive(Default)]
struct Chunk<'a> {
    id: Option<Text<'a>>,
    model: Option<Text<'a>>,
    created: Option<i64>,
    /// As written; `None` when there is none.
    choices: Option<&'a str>,
    usage: Option<usage::Usage>,
    problem: Option<Problem<'a>>,
}

impl<'a> Chunk<'a> {
    fn read(data: &'a [u8]) -> Result<Self, Malformed> {
        let mut chunk = Self::default();
        let mut is_error = false;
        let mut reader = Reader::new(data)?;
        if reader.kind()? != Kind::Object {
            return Err(Malformed { reason: "expected an object", offset: 0 });
        }
        reader.object(|reader, name| {
            match name {
                "choices" if reader.kind()? == Kind::Array => {
                    chunk.choices = Some(reader.raw()?).filter(|raw| raw.len() > 2);
                }
                "id" => chunk.id = wire::text(reader)?,
                "model" => chunk.model = wire::text(reader)?,
                "created" => chunk.created = wire::whole(reader)?.and_then(|at| i64::try_from(at).ok()),
                "object" => is_error = wire::text(reader)?.is_some_and(|object| object.is("error")),
                "usage" => chunk.usage = tokens::read(reader)?.or(chunk.usage),
                "x_groq" => wire::members(reader, |reader, name| {
                    match name {
                        "usage" => chunk.usage = chunk.usage.or(tokens::read(reader)?),
                        "error" => chunk.problem = error::read(reader)?.or_else(|| chunk.problem.take()),
                        _ => reader.pass()?,
                    }
                    Ok::<_, Malformed>(())
                })?,
                "error" => chunk.problem = error::read(reader)?.or_else(|| chunk.problem.take()),
                _ => reader.pass()?,
            }
            Ok::<_, Malformed>(())
        })?;
        reader.end()?;
        if is_error && chunk.problem.is_none() {
            chunk.problem = error::read(&mut Reader::new(data)?)?;
        }
        Ok(chunk)
    }
}
