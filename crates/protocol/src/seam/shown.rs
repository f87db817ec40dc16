//! What was shown of an answer, as far as another model may carry it on.

use super::{Seam, Way, letters};
use crate::{
    chat::{Event, PartKind, Text},
    estimate::Output,
};

/// Collects the text that a caller was shown, and notices what cannot be carried on.
///
/// Takes every event that was shown, of the first stream and of those that carried it on, and no other.
#[derive(Clone, Debug, Default)]
pub struct Shown {
    text: String,
    /// Half a character that the text ends with.
    half: Option<u16>,
    /// The text that goes on, and the number that the next part has.
    open: Option<u32>,
    parts: u32,
    /// Parts for thoughts that have not ended.
    thoughts: Vec<u32>,
    unfit: Option<&'static str>,
    output: Output,
}

impl Shown {
    /// Bytes of text that are kept; a longer answer is not carried on. The longest answer that a model gives today, of
    /// 128,000 tokens, has half of it.
    pub const TEXT_MAX: usize = 1 << 20;

    /// Learns what an event shows.
    pub fn note(&mut self, event: &Event<'_>) {
        match event {
            Event::PartStart { part, choice, kind } => self.part(*part, *choice, kind),
            Event::Text { part, text } if self.open == Some(*part) => self.push(text),
            Event::Text { text, .. } if text.is_empty() => {}
            Event::Text { .. } => self.spoil("two texts at once"),
            Event::Thinking { text, .. } if text.is_empty() => {}
            Event::Thinking { .. } => self.spoil("reasoning was shown"),
            Event::Refusal { .. } => self.spoil("a refusal was shown"),
            Event::Arguments { .. } => self.spoil("a tool call was begun"),
            Event::Signature { .. } => self.spoil("a signature was shown"),
            Event::Annotation { .. } => self.spoil("a source was shown"),
            Event::Logprobs { .. } => self.spoil("probabilities were shown"),
            Event::PartEnd { part } if self.open == Some(*part) => self.open = None,
            Event::PartEnd { part } => self.thoughts.retain(|thought| thought != part),
            Event::Stop { .. } | Event::End => self.spoil("its reason to stop was shown"),
            Event::Start(_) | Event::Usage(_) | Event::Error(_) | Event::Opaque { .. } => {}
        }
    }

    /// The text, without half a character at its end.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Why it cannot be carried on; `None` where it can.
    pub fn unfit(&self) -> Option<&'static str> {
        // A dialect whose parts follow one another has no place for text before the thought has ended.
        let open = (!self.thoughts.is_empty()).then_some("a thought was begun");
        self.unfit.or(open).or_else(|| self.text.trim().is_empty().then_some("no text was shown"))
    }

    /// Whether it cannot be carried on whatever comes.
    pub(crate) fn is_spoilt(&self) -> bool {
        self.unfit.is_some()
    }

    /// About how many tokens the text is.
    pub fn tokens(&self) -> u64 {
        self.output.tokens().total()
    }

    /// Why it cannot be carried on, whatever is shown of it after this.
    pub fn never(&self) -> Option<&'static str> {
        self.unfit
    }

    /// What carries it on.
    pub fn seam(&self, way: Way) -> Seam {
        Seam::behind(&self.text, self.half, self.open, self.parts, way)
    }

    fn part(&mut self, part: u32, choice: u32, kind: &PartKind<'_>) {
        self.parts = self.parts.max(part.saturating_add(1));
        if choice > 0 {
            return self.spoil("a second choice was shown");
        }
        match kind {
            PartKind::Text if self.open.is_some() => self.spoil("two texts at once"),
            PartKind::Text => self.open = Some(part),
            // Many models say that they think before they do, or do so in silence.
            PartKind::Thinking if self.thoughts.len() < THOUGHTS_MAX => self.thoughts.push(part),
            PartKind::Thinking => self.spoil("reasoning was shown"),
            PartKind::SealedThinking { .. } => self.spoil("reasoning was shown"),
            PartKind::ToolCall { .. } => self.spoil("a tool call was begun"),
            PartKind::Refusal => self.spoil("a refusal was shown"),
            PartKind::Whole(_) | PartKind::Opaque { .. } => self.spoil("something other than text was shown"),
        }
    }

    fn push(&mut self, text: &Text<'_>) {
        self.output.text_bytes += text.written().len() as u64;
        if self.unfit.is_some() {
            return;
        }
        let mut rest = text.written();
        // Only the beginning can belong to what came before.
        if let (Some(half), Some(_)) = (self.half, letters::first(rest)) {
            self.half = None;
            let whole = format!("\\u{half:04x}{rest}");
            let letter = letters::first(&whole).expect("it is not empty");
            self.text.push(letter.value);
            rest = &rest[letter.length - HALF..];
        }
        if let Some((half, at)) = letters::open_half(rest) {
            self.half = Some(half);
            rest = &rest[..at];
        }
        match rest.contains('\\') {
            false => self.text.push_str(rest),
            true => {
                while let Some(letter) = letters::first(rest) {
                    self.text.push(letter.value);
                    rest = &rest[letter.length..];
                }
            }
        }
        if self.text.len() > Self::TEXT_MAX {
            self.spoil("the text is too long");
        }
    }

    fn spoil(&mut self, why: &'static str) {
        self.unfit.get_or_insert(why);
    }
}

/// No answer has as many thoughts open at once.
const THOUGHTS_MAX: usize = 16;
/// Bytes of half a character, as written.
const HALF: usize = "\\ud83e".len();
