//! Reads events.

use super::{
    super::{
        answer::{self, Candidate},
        error, logprobs,
        parts::{self, Ids},
        signature, stop,
    },
    arguments::PartialArguments,
};
use crate::{
    chat::{Body, Event, PartKind, Signature, Start, Stop, StreamFault, Text, ToolCallKind},
    json::{Kind, Malformed, Reader},
    usage, wire,
};

/// Turns the data of each event into common events.
///
/// ```text
/// Waiting ── first response ──▶ Open ── end of the stream, after a reason ──▶ Ended
///    └──────── error, from anywhere ──▶ Failed
/// ```
#[derive(Debug, Default)]
pub struct Decoder {
    state: State,
    parts: u32,
    choices: Vec<Choice>,
    ids: Ids,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Waiting,
    Open,
    Ended,
    Failed,
}

#[derive(Debug, Default)]
struct Choice {
    /// The text or thinking that goes on.
    open: Option<(u32, bool)>,
    /// The call whose arguments go on.
    call: Option<(u32, PartialArguments)>,
    has_calls: bool,
    is_stopped: bool,
}

const PARTS_MAX: u32 = 8192;
/// Google allows 8.
const CHOICES_MAX: usize = 128;

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
        let response = Response::read(data)?;
        if let Some(error) = response.error {
            self.state = State::Failed;
            sink(Event::Error(error::read(&mut Reader::of(error))?));
            return Ok(());
        }
        if self.state == State::Waiting {
            self.state = State::Open;
            sink(Event::Start(Start { id: response.id, model: response.model, created: None }));
        }
        if let Some(candidates) = response.candidates {
            let mut position = 0;
            Reader::of(candidates).array(|reader| {
                position += 1;
                let candidate = Candidate::read(reader.raw()?)?;
                // After an error nothing is told.
                if self.state == State::Failed { Ok(()) } else { self.candidate(candidate, position - 1, sink) }
            })?;
        }
        if self.state == State::Failed {
            return Ok(());
        }
        if response.is_blocked && self.choices.is_empty() {
            self.choices.push(Choice { is_stopped: true, ..Choice::default() });
            sink(Event::Stop { choice: 0, stop: Stop::Filter });
        }
        // Before the end, one that says nothing of the candidates counts none of what has come.
        let is_count = response.has_output_count || self.parts == 0 || self.choices.iter().any(|said| said.is_stopped);
        if let Some(usage) = response.usage.filter(|_| is_count) {
            sink(Event::Usage(usage));
        }
        Ok(())
    }

    /// Learns that no event follows.
    ///
    /// # Errors
    /// [`StreamFault::Cut`] when a candidate has no reason to end.
    pub fn finish(&mut self, sink: &mut dyn FnMut(Event<'_>)) -> Result<(), StreamFault> {
        match self.state {
            State::Ended | State::Failed => Ok(()),
            State::Open if !self.choices.is_empty() && self.choices.iter().all(|choice| choice.is_stopped) => {
                self.state = State::Ended;
                for choice in 0..self.choices.len() {
                    self.close(u32::try_from(choice).expect("it is below 128"), sink);
                }
                sink(Event::End);
                Ok(())
            }
            State::Waiting | State::Open => Err(StreamFault::Cut),
        }
    }

    fn candidate(
        &mut self,
        candidate: Candidate<'_>,
        position: u64,
        sink: &mut dyn FnMut(Event<'_>),
    ) -> Result<(), StreamFault> {
        let index = candidate.index.unwrap_or(position);
        let number = usize::try_from(index).ok().filter(|number| *number < CHOICES_MAX);
        let number = number.ok_or(StreamFault::TooMuch("more than 128 candidates"))?;
        if self.choices.len() <= number {
            self.choices.resize_with(number + 1, Choice::default);
        }
        let choice = u32::try_from(number).expect("it is below 128");
        if let Some(list) = candidate.parts {
            Reader::of(list).array(|reader| self.part(choice, reader.raw()?, sink))?;
        }
        if let Some(grounding) = candidate.grounding {
            let mut annotations = Vec::new();
            answer::sources(grounding, &mut annotations)?;
            if let Some(part) = self.choices[number].open.filter(|(_, is_thought)| !is_thought).map(|(part, _)| part) {
                annotations.into_iter().for_each(|annotation| sink(Event::Annotation { part, annotation }));
            }
        }
        if let Some(found) = candidate.logprobs {
            let tokens = logprobs::read(found)?;
            if !tokens.is_empty() {
                sink(Event::Logprobs { choice, tokens });
            }
        }
        if let Some(reason) = candidate.reason {
            if let Some(problem) = stop::failure(&reason) {
                self.state = State::Failed;
                sink(Event::Error(problem));
                return Ok(());
            }
            self.close(choice, sink);
            let said = &mut self.choices[number];
            if !std::mem::replace(&mut said.is_stopped, true) {
                sink(Event::Stop { choice, stop: stop::read(reason, said.has_calls) });
            }
        }
        Ok(())
    }

    fn part(&mut self, choice: u32, raw: &str, sink: &mut dyn FnMut(Event<'_>)) -> Result<(), StreamFault> {
        if self.goes_on(choice, raw, sink)? {
            return Ok(());
        }
        let part = parts::read(raw, &mut self.ids)?;
        match part.body {
            Body::Text { text, signature, .. } => {
                if !text.is_empty() {
                    let part = self.open(choice, false, sink)?;
                    sink(Event::Text { part, text });
                }
                if let Some(signature) = signature {
                    self.text_signature(choice, signature, sink)?;
                }
            }
            Body::Thinking { text, signature } => {
                let part = self.open(choice, true, sink)?;
                if !text.is_empty() {
                    sink(Event::Thinking { part, text });
                }
                if let Some(signature) = signature {
                    sink(Event::Signature { part, signature });
                    self.close(choice, sink);
                }
            }
            Body::ToolCall(call) => {
                self.close(choice, sink);
                let part = self.next_part()?;
                self.choices[choice as usize].has_calls = true;
                let kind = PartKind::ToolCall { id: call.id, name: call.name, kind: ToolCallKind::Function };
                sink(Event::PartStart { part, choice, kind });
                if let Some(signature) = call.signature {
                    sink(Event::Signature { part, signature });
                }
                sink(Event::Arguments { part, text: call.arguments.as_text() });
                sink(Event::PartEnd { part });
            }
            Body::SealedThinking { data } => self.whole(choice, PartKind::SealedThinking { data }, sink)?,
            Body::Opaque { dialect, json } => self.whole(choice, PartKind::Opaque { dialect, json }, sink)?,
            body => self.whole(choice, PartKind::Whole(Box::new(body.into_owned())), sink)?,
        }
        Ok(())
    }

    /// A signature without text belongs to the text before it.
    fn text_signature(
        &mut self,
        choice: u32,
        signature: Signature<'_>,
        sink: &mut dyn FnMut(Event<'_>),
    ) -> Result<(), StreamFault> {
        let part = self.open(choice, false, sink)?;
        sink(Event::Signature { part, signature });
        Ok(())
    }

    fn whole(&mut self, choice: u32, kind: PartKind<'_>, sink: &mut dyn FnMut(Event<'_>)) -> Result<(), StreamFault> {
        self.close(choice, sink);
        let part = self.next_part()?;
        sink(Event::PartStart { part, choice, kind });
        sink(Event::PartEnd { part });
        Ok(())
    }

    /// Takes the part when it belongs to a call whose arguments come in pieces.
    fn goes_on(&mut self, choice: u32, raw: &str, sink: &mut dyn FnMut(Event<'_>)) -> Result<bool, StreamFault> {
        let (mut call, mut signature) = (None, None);
        wire::members(&mut Reader::of(raw), |reader, name| {
            match name {
                "functionCall" => call = Some(reader.raw()?),
                "thoughtSignature" => signature = wire::text(reader)?.filter(|text| !text.is_empty()),
                _ => reader.pass()?,
            }
            Ok::<_, Malformed>(())
        })?;
        let Some(call) = call else { return Ok(false) };
        let piece = Piece::read(call)?;
        let is_open = self.choices[choice as usize].call.is_some();
        if !is_open && !piece.goes_on {
            return Ok(false);
        }
        if !piece.name.is_empty() {
            self.close(choice, sink);
            let part = self.next_part()?;
            self.choices[choice as usize].has_calls = true;
            let id = piece.id.share();
            let id = self.ids.of_call(Some(id).filter(|id| !id.is_empty()), &piece.name);
            let kind = PartKind::ToolCall { id, name: piece.name.share(), kind: ToolCallKind::Function };
            sink(Event::PartStart { part, choice, kind });
            if let Some(signature) = signature {
                sink(Event::Signature { part, signature: signature::read(signature) });
            }
            self.choices[choice as usize].call = Some((part, PartialArguments::default()));
        }
        let Some((part, arguments)) = &mut self.choices[choice as usize].call else {
            return Err(StreamFault::Order("arguments of a call that is not open"));
        };
        if let Some(list) = piece.partial {
            let part = *part;
            Reader::of(list).array(|reader| {
                let text = arguments.advance(reader.raw()?)?;
                sink(Event::Arguments { part, text });
                Ok::<_, StreamFault>(())
            })?;
        }
        if !piece.goes_on {
            self.close(choice, sink);
        }
        Ok(true)
    }

    fn open(&mut self, choice: u32, is_thought: bool, sink: &mut dyn FnMut(Event<'_>)) -> Result<u32, StreamFault> {
        if let Some((part, open)) = self.choices[choice as usize].open
            && open == is_thought
        {
            return Ok(part);
        }
        self.close(choice, sink);
        let part = self.next_part()?;
        self.choices[choice as usize].open = Some((part, is_thought));
        let kind = if is_thought { PartKind::Thinking } else { PartKind::Text };
        sink(Event::PartStart { part, choice, kind });
        Ok(part)
    }

    fn close(&mut self, choice: u32, sink: &mut dyn FnMut(Event<'_>)) {
        let said = &mut self.choices[choice as usize];
        if let Some((part, _)) = said.open.take() {
            sink(Event::PartEnd { part });
        }
        if let Some((part, arguments)) = said.call.take() {
            sink(Event::Arguments { part, text: arguments.finish() });
            sink(Event::PartEnd { part });
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

/// A function call, or the next piece of one.
#[derive(Default)]
struct Piece<'a> {
    id: Text<'a>,
    name: Text<'a>,
    partial: Option<&'a str>,
    goes_on: bool,
}

impl<'a> Piece<'a> {
    fn read(raw: &'a str) -> Result<Self, Malformed> {
        let mut piece = Self::default();
        wire::members(&mut Reader::of(raw), |reader, name| {
            match name {
                "id" => piece.id = wire::text(reader)?.unwrap_or_default(),
                "name" => piece.name = wire::text(reader)?.unwrap_or_default(),
                "partialArgs" if reader.kind()? == Kind::Array => piece.partial = Some(reader.raw()?),
                "willContinue" => piece.goes_on = wire::bool(reader)? == Some(true),
                _ => reader.pass()?,
            }
            Ok::<_, Malformed>(())
        })?;
        Ok(piece)
    }
}

/// One event's members, the structured ones as written.
#[derive(Default)]
struct Response<'a> {
    candidates: Option<&'a str>,
    usage: Option<usage::Usage>,
    has_output_count: bool,
    model: Option<Text<'a>>,
    id: Option<Text<'a>>,
    error: Option<&'a str>,
    is_blocked: bool,
}

impl<'a> Response<'a> {
    fn read(data: &'a [u8]) -> Result<Self, Malformed> {
        let mut response = Self::default();
        let mut reader = Reader::new(data)?;
        if reader.kind()? != Kind::Object {
            return Err(Malformed { reason: "expected an object", offset: 0 });
        }
        reader.object(|reader, name| {
            match name {
                "candidates" if reader.kind()? == Kind::Array => response.candidates = Some(reader.raw()?),
                "usageMetadata" => {
                    let raw = reader.raw()?;
                    response.usage = usage::read_gemini(&mut Reader::of(raw))?;
                    response.has_output_count = raw.contains("\"candidatesTokenCount\"");
                }
                "modelVersion" => response.model = wire::text(reader)?,
                "responseId" => response.id = wire::text(reader)?,
                "error" if reader.kind()? == Kind::Object => response.error = Some(reader.raw()?),
                "promptFeedback" => {
                    response.is_blocked = wire::member_text(reader.raw()?, "blockReason")?.is_some();
                }
                _ => reader.pass()?,
            }
            Ok::<_, Malformed>(())
        })?;
        reader.end()?;
        Ok(response)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_of_the_prompt_alone_is_none_of_an_answer_that_has_begun() {
        let text = r#""candidates":[{"content":{"parts":[{"text":"a"}]}}]"#;
        let end = r#""candidates":[{"content":{},"finishReason":"STOP"}]"#;
        let prompt = r#""usageMetadata":{"promptTokenCount":9,"totalTokenCount":9}"#;
        let both = r#""usageMetadata":{"promptTokenCount":9,"candidatesTokenCount":1}"#;
        let mut decoder = Decoder::default();
        let mut counts = |body: String| {
            let mut counts = 0;
            let mut sink = |event: Event<'_>| counts += usize::from(matches!(event, Event::Usage(_)));
            decoder.event(body.as_bytes(), &mut sink).unwrap();
            counts
        };
        assert_eq!(counts(format!("{{{prompt}}}")), 1);
        assert_eq!(counts(format!("{{{text},{prompt}}}")), 0);
        assert_eq!(counts(format!("{{{text},{both}}}")), 1);
        assert_eq!(counts(format!("{{{end},{prompt}}}")), 1);
    }
}
