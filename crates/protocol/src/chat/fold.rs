//! Puts a streamed answer together.

use super::{Answer, Arguments, Body, Choice, Dialect, Event, Logprob, Part, PartKind, Problem, Text, ToolCall};

/// Collects events into the answer they make.
#[derive(Debug)]
pub struct Fold {
    answer: Answer<'static>,
    /// Where each part is: its choice and its place there.
    parts: Vec<(u32, usize)>,
    problem: Option<Problem<'static>>,
    has_ended: bool,
}

impl Fold {
    pub fn new(dialect: Dialect) -> Self {
        Self { answer: Answer::new(dialect), parts: Vec::new(), problem: None, has_ended: false }
    }

    /// Takes the next event.
    pub fn take(&mut self, event: &Event<'_>) {
        match event {
            Event::Start(start) => {
                let start = start.clone();
                self.answer.id = start.id.map(Text::into_owned);
                self.answer.model = start.model.map(Text::into_owned);
                self.answer.created = start.created;
            }
            Event::PartStart { choice, kind, .. } => {
                let body = body_of(kind);
                let said = self.choice(*choice);
                said.parts.push(Part::new(body));
                let place = said.parts.len() - 1;
                self.parts.push((*choice, place));
            }
            Event::Text { part, text: more } => {
                if let Some(Body::Text { text, .. }) = self.body(*part) {
                    text.push(more);
                }
            }
            Event::Thinking { part, text: more } => {
                if let Some(Body::Thinking { text, .. }) = self.body(*part) {
                    text.push(more);
                }
            }
            Event::Refusal { part, text: more } => {
                if let Some(Body::Refusal(text)) = self.body(*part) {
                    text.push(more);
                }
            }
            Event::Arguments { part, text: more } => {
                if let Some(Body::ToolCall(ToolCall { arguments: Arguments::Text(text), .. })) = self.body(*part) {
                    text.push(more);
                }
            }
            Event::Signature { part, signature: given } => {
                if let Some(
                    Body::Thinking { signature, .. }
                    | Body::Text { signature, .. }
                    | Body::ToolCall(ToolCall { signature, .. }),
                ) = self.body(*part)
                {
                    *signature = Some(given.clone().into_owned());
                }
            }
            Event::Annotation { part, annotation } => {
                if let Some(Body::Text { annotations, .. }) = self.body(*part) {
                    annotations.push(annotation.clone().into_owned());
                }
            }
            Event::Logprobs { choice, tokens } => {
                let tokens = tokens.iter().cloned().map(Logprob::into_owned);
                self.choice(*choice).logprobs.extend(tokens);
            }
            Event::Usage(usage) => self.answer.usage = Some(*usage),
            Event::Stop { choice, stop } => self.choice(*choice).stop = Some(stop.clone().into_owned()),
            Event::Error(problem) => self.problem = Some(problem.clone().into_owned()),
            Event::End => self.has_ended = true,
            Event::PartEnd { .. } | Event::Opaque { .. } => {}
        }
    }

    /// The answer, or what the upstream said went wrong; `None` when the stream was cut.
    pub fn finish(self) -> Option<Result<Answer<'static>, Problem<'static>>> {
        match self.problem {
            Some(problem) => Some(Err(problem)),
            None => self.has_ended.then_some(Ok(self.answer)),
        }
    }

    fn choice(&mut self, number: u32) -> &mut Choice<'static> {
        let number = usize::try_from(number).unwrap_or(usize::MAX).min(CHOICES_MAX - 1);
        if self.answer.choices.len() <= number {
            self.answer.choices.resize_with(number + 1, Choice::default);
        }
        &mut self.answer.choices[number]
    }

    fn body(&mut self, part: u32) -> Option<&mut Body<'static>> {
        let (choice, place) = *self.parts.get(usize::try_from(part).ok()?)?;
        self.choice(choice).parts.get_mut(place).map(|part| &mut part.body)
    }
}

/// OpenAI's own limit of `n`.
const CHOICES_MAX: usize = 128;

fn body_of(kind: &PartKind<'_>) -> Body<'static> {
    match kind.clone().into_owned() {
        PartKind::Text => Body::Text { text: Text::default(), annotations: Vec::new(), signature: None },
        PartKind::Thinking => Body::Thinking { text: Text::default(), signature: None },
        PartKind::SealedThinking { data } => Body::SealedThinking { data },
        PartKind::ToolCall { id, name, kind } => {
            Body::ToolCall(ToolCall { id, name, arguments: Arguments::Text(Text::default()), kind, signature: None })
        }
        PartKind::Refusal => Body::Refusal(Text::default()),
        PartKind::Whole(body) => *body,
        PartKind::Opaque { dialect, json } => Body::Opaque { dialect, json },
    }
}
