//! The events of one answer, made those of another that was cut.

use super::{Way, align::Align};
use crate::chat::{Annotation, Dialect, Event, PartKind, StreamFault, Text};

/// Lets the events of the next stream go on where those of the first broke off.
///
/// Its beginning, its thoughts and what repeats the text that was shown are left out; its text goes on in the open part,
/// however many parts it comes in; a tool call, or another part, comes behind it under the next free number.
#[derive(Clone, Debug)]
pub struct Seam {
    align: Align,
    /// The text part that is open at the caller, and the next free number.
    open: Option<u32>,
    next: u32,
    /// What becomes of the parts of the next stream, by their numbers.
    parts: Vec<Fate>,
    is_settled: bool,
    /// Bytes of thoughts that were left out.
    thought: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// Goes on with the text.
    Text,
    LeftOut,
    /// Goes by this number.
    Renamed(u32),
}

type Sink<'s> = dyn FnMut(Event<'_>) + 's;

impl Seam {
    /// `part` is the text part that is open in the caller's stream, `next_part` the number that its next part has.
    pub fn new(shown: &str, part: u32, next_part: u32, way: Way) -> Self {
        Self::behind(shown, None, Some(part), next_part, way)
    }

    pub(super) fn behind(shown: &str, half: Option<u16>, open: Option<u32>, next: u32, way: Way) -> Self {
        let align = Align::new(shown, half, way);
        Self { align, open, next, parts: Vec::new(), is_settled: false, thought: 0 }
    }

    /// Bytes of output, as written, that repeated what was shown.
    pub fn repeated(&self) -> u64 {
        self.align.repeated()
    }

    /// Bytes of output, as written, that the next model has made and no caller sees: repetitions and thoughts.
    pub fn unshown(&self) -> u64 {
        self.repeated().saturating_add(self.thought)
    }

    /// Takes the next event and gives what the caller's stream goes on with to `sink`.
    ///
    /// # Errors
    /// [`StreamFault::Diverged`] when it does not carry on what was shown. Nothing of it was given that is not a
    /// continuation.
    pub fn event(&mut self, event: Event<'_>, sink: &mut Sink<'_>) -> Result<(), StreamFault> {
        match event {
            Event::Start(_) => {}
            Event::PartStart { choice, kind, .. } => self.part(choice, kind, sink)?,
            Event::Text { part, text } if self.fate(part) == Fate::Text => self.text(text, sink)?,
            Event::Thinking { part, text } if self.fate(part) == Fate::LeftOut => {
                self.thought = self.thought.saturating_add(text.written().len() as u64);
            }
            Event::Annotation { part, annotation } if self.fate(part) == Fate::Text => {
                if let Some((part, annotation)) = self.open.zip(unplaced(annotation)) {
                    sink(Event::Annotation { part, annotation });
                }
            }
            Event::Stop { choice: 0, .. } | Event::End => {
                self.settle(sink)?;
                self.close(sink);
                sink(event);
            }
            Event::Stop { .. } => {}
            Event::Usage(_) | Event::Error(_) | Event::Opaque { .. } => sink(event),
            event => self.renamed(event, sink),
        }
        Ok(())
    }

    fn fate(&self, part: u32) -> Fate {
        self.parts.get(part as usize).copied().unwrap_or(Fate::LeftOut)
    }

    fn part(&mut self, choice: u32, kind: PartKind<'_>, sink: &mut Sink<'_>) -> Result<(), StreamFault> {
        let fate = match kind {
            _ if choice > 0 => Fate::LeftOut,
            PartKind::Text => Fate::Text,
            PartKind::Thinking | PartKind::SealedThinking { .. } => Fate::LeftOut,
            kind => {
                self.settle(sink)?;
                self.close(sink);
                Fate::Renamed(self.begin(kind, sink))
            }
        };
        self.parts.push(fate);
        Ok(())
    }

    fn text(&mut self, text: Text<'_>, sink: &mut Sink<'_>) -> Result<(), StreamFault> {
        if self.align.is_through() {
            self.say(text, sink);
        } else {
            let new = self.align.push(&text)?;
            self.say(new, sink);
        }
        Ok(())
    }

    /// Gives what is held of the text: nothing that follows can tell more of it.
    fn settle(&mut self, sink: &mut Sink<'_>) -> Result<(), StreamFault> {
        if !std::mem::replace(&mut self.is_settled, true) {
            let held = self.align.finish()?;
            self.say(held, sink);
        }
        Ok(())
    }

    fn say(&mut self, text: Text<'_>, sink: &mut Sink<'_>) {
        if text.is_empty() {
            return;
        }
        let part = match self.open {
            Some(part) => part,
            None => {
                let part = self.begin(PartKind::Text, sink);
                self.open = Some(part);
                part
            }
        };
        sink(Event::Text { part, text });
    }

    fn begin(&mut self, kind: PartKind<'_>, sink: &mut Sink<'_>) -> u32 {
        let part = self.next;
        self.next = self.next.saturating_add(1);
        sink(Event::PartStart { part, choice: 0, kind });
        part
    }

    fn close(&mut self, sink: &mut Sink<'_>) {
        if let Some(part) = self.open.take() {
            sink(Event::PartEnd { part });
        }
    }

    /// Gives an event of a part that goes by another number.
    fn renamed(&self, mut event: Event<'_>, sink: &mut Sink<'_>) {
        let (Event::Text { part, .. }
        | Event::Arguments { part, .. }
        | Event::Thinking { part, .. }
        | Event::Signature { part, .. }
        | Event::Annotation { part, .. }
        | Event::Refusal { part, .. }
        | Event::PartEnd { part }) = &mut event
        else {
            return;
        };
        // What a text was signed with holds for all of it, which nobody made.
        if let Fate::Renamed(number) = self.fate(*part) {
            *part = number;
            sink(event);
        }
    }
}

/// A source without its place in the text, which counts from another beginning.
fn unplaced(annotation: Annotation<'_>) -> Option<Annotation<'_>> {
    match annotation {
        Annotation::Url { url, title, raw, .. } => {
            // Anthropic's say where they stand in the source, not in the text.
            let raw = raw.filter(|(dialect, _)| *dialect == Dialect::Anthropic);
            Some(Annotation::Url { url, title, start: None, end: None, raw })
        }
        Annotation::Opaque { dialect: Dialect::Anthropic, .. } => Some(annotation),
        Annotation::Opaque { .. } => None,
    }
}
