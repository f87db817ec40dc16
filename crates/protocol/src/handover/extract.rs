//! What was said, by rule and without a model: sentences are chosen, never written.
//!
//! The rule:
//!
//! 1. What the user and the assistant said is cut into sentences, at line ends and at the ends of sentences in any
//!    script; one of more than 280 bytes is cut there. Code between fences is left out. Calls of tools are told by name
//!    and main argument; their results by the first line and their size, and by the first two lines that tell of an
//!    error or a warning.
//! 2. A sentence has points for words of decision and constraint (*decided, must, never, always, agreed, prefer …*, 决定
//!    必须 不要 总是 同意 …); for facts that are named in it for the first time (paths, addresses, identifiers, numbers, names,
//!    what stands in quotes); for words that the conversation seldom uses; for being a question; and for who says it, the
//!    user before the assistant. The beginning of the user's first turn (the goal) and of the last two turns have more.
//! 3. What is common says little: a word of decision counts less the more often the conversation has it, a fact the
//!    more often others stood behind the same word (`line 17`, `line 20` …). A sentence that was there before is left out,
//!    and one with the same words around other facts counts less each time.
//! 4. Those with most points for their length are taken until there is no more room, and put back in order, each turn
//!    with its number and who spoke.
//!
//! It takes time in proportion to the text, and a sort of the sentences.

mod points;
mod sentences;
mod words;

use std::{borrow::Cow, cmp::Reverse, collections::HashSet, ops::Range};

use super::stand_in::is_stand_in;
use crate::chat::{Body, Part, Role, ToolCall, ToolResult, Turn};
use points::{Counts, Points};
use sentences::Sentences;

/// What turns say in so many bytes at most: the sentences that say most, in order. Empty when nothing fits.
pub fn extract(turns: &[Turn<'_>], bytes_max: usize) -> String {
    Extract::of(turns, 0, None).write(bytes_max)
}

/// Sentences with their points, to be chosen from.
#[derive(Default)]
pub(super) struct Extract<'a> {
    sources: Vec<Source<'a>>,
    /// In the order in which they were said.
    sentences: Vec<Sentence>,
    /// Indices of `sentences`, those that say most first.
    ranked: Vec<u32>,
}

/// A text of one speaker in one turn.
struct Source<'a> {
    text: Cow<'a, str>,
    /// Counted from 1.
    turn: usize,
    speaker: Speaker,
    is_goal: bool,
    is_last: bool,
}

struct Sentence {
    source: u32,
    range: Range<u32>,
    /// Points for its length.
    rank: u32,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Speaker {
    User,
    Assistant,
    Tool,
    /// An earlier extract or summary.
    Gateway,
}

impl<'a> Extract<'a> {
    /// Of the turns from `from` on, but the words of one of them.
    pub(super) fn of(turns: &'a [Turn<'_>], from: usize, without: Option<usize>) -> Self {
        let mut extract = Self::default();
        let goal = turns.iter().position(|turn| turn.role == Role::User);
        for (index, turn) in turns.iter().enumerate().skip(from) {
            let (is_goal, is_last) = (goal == Some(index), index + LAST_TURNS >= turns.len());
            let mut add = |speaker, text| {
                extract.sources.push(Source { text, turn: index + 1, speaker, is_goal, is_last });
            };
            for part in &turn.parts {
                read(turn.role, part, without == Some(index), &mut add);
            }
        }
        let mut counts = Counts::default();
        for (index, source) in extract.sources.iter().enumerate() {
            let begin = source.text.as_ptr() as usize;
            for sentence in source.sentences() {
                counts.add(sentence);
                let start = (sentence.as_ptr() as usize - begin) as u32;
                let range = start..start + sentence.len() as u32;
                extract.sentences.push(Sentence { source: index as u32, range, rank: 0 });
            }
        }
        extract.rank(&counts);
        extract
    }

    fn rank(&mut self, counts: &Counts) {
        let mut points = Points::new(counts);
        for sentence in &mut self.sentences {
            let source = &self.sources[sentence.source as usize];
            let text = &source.text[sentence.range.start as usize..sentence.range.end as usize];
            let before = sentence.range.start as usize;
            let place = match source.speaker {
                Speaker::User => USER,
                Speaker::Assistant => 0,
                Speaker::Tool => TOOL,
                Speaker::Gateway => EARLIER,
            };
            let goal = if source.is_goal && before < GOAL_BYTES { GOAL } else { 0 };
            let last = if source.is_last && before < LAST_BYTES { LAST } else { 0 };
            // Other scripts take twice the tokens for their bytes.
            let wide = text.bytes().filter(|byte| !byte.is_ascii()).count();
            let length = (text.len() + wide) as u32 + LENGTH_FREE;
            sentence.rank = points.of(text, place + goal + last).saturating_mul(1_000) / length;
        }
        let sentences = &self.sentences;
        self.ranked = (0..sentences.len() as u32).filter(|index| sentences[*index as usize].rank > 0).collect();
        self.ranked.sort_by_key(|index| Reverse(sentences[*index as usize].rank));
    }

    /// What fits, in order.
    pub(super) fn write(&self, bytes_max: usize) -> String {
        let (mut chosen, mut labelled, mut bytes) = (Vec::new(), HashSet::new(), 0);
        for index in &self.ranked {
            let sentence = &self.sentences[*index as usize];
            let label = self.sources[sentence.source as usize].label();
            let cost = sentence.range.len() + 1 + if labelled.contains(&label) { 0 } else { LABEL };
            if bytes + cost > bytes_max {
                // What is shorter may still fit, but not much will.
                if bytes_max - bytes < LABEL * 2 {
                    break;
                }
                continue;
            }
            bytes += cost;
            labelled.insert(label);
            chosen.push(*index);
        }
        chosen.sort_unstable();
        let mut out = String::with_capacity(bytes);
        let mut last = None;
        for index in chosen {
            let sentence = &self.sentences[index as usize];
            let source = &self.sources[sentence.source as usize];
            if last.replace(source.label()) == Some(source.label()) {
                out.push(' ');
            } else {
                if !out.is_empty() {
                    out.push('\n');
                }
                source.write_label(&mut out);
            }
            let text = &source.text[sentence.range.start as usize..sentence.range.end as usize];
            // Nothing in it begins a line, however its reader ends them.
            out.extend(text.chars().map(|c| if ends_line(c) || c.is_control() { ' ' } else { c }));
        }
        out
    }
}

impl Source<'_> {
    fn sentences(&self) -> impl Iterator<Item = &str> {
        let is_one = matches!(self.speaker, Speaker::Tool | Speaker::Gateway) && !self.text.is_empty();
        let one = is_one.then_some(&*self.text);
        let many = (!is_one).then(|| Sentences::of(&self.text));
        one.into_iter().chain(many.into_iter().flatten())
    }

    fn label(&self) -> (usize, Speaker) {
        (self.turn, self.speaker)
    }

    fn write_label(&self, out: &mut String) {
        let speaker = match self.speaker {
            Speaker::User => "user",
            Speaker::Assistant => "assistant",
            Speaker::Tool => "tool",
            Speaker::Gateway => return,
        };
        out.push_str(&format!("{} {speaker}: ", self.turn));
    }
}

/// What a part says, in the words that are chosen from.
fn read<'a>(role: Role, part: &'a Part<'_>, is_kept: bool, add: &mut dyn FnMut(Speaker, Cow<'a, str>)) {
    match &part.body {
        Body::ToolCall(call) => add(Speaker::Tool, Cow::Owned(called(call))),
        Body::ToolResult(result) => {
            add(Speaker::Tool, Cow::Owned(gave(result)));
            for text in result.content.iter().filter_map(Part::as_text) {
                sentences::warnings(text).into_iter().for_each(|line| add(Speaker::Tool, Cow::Owned(line)));
            }
        }
        // What the operator says stays.
        _ if is_kept || role == Role::System => {}
        Body::Text { text, .. } if is_stand_in(part) => {
            let text = text.decode();
            let inside = text.lines().filter(|line| !line.starts_with('['));
            inside.for_each(|line| add(Speaker::Gateway, Cow::Owned(line.to_owned())));
        }
        Body::Text { text, .. } | Body::Refusal(text) => {
            add(if role == Role::User { Speaker::User } else { Speaker::Assistant }, text.decode());
        }
        _ => {}
    }
}

/// Whether some reader begins a new line after it.
pub(super) fn ends_line(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// `called read_file(src/main.rs).`
fn called(call: &ToolCall<'_>) -> String {
    let arguments = call.arguments.as_json();
    let main = sentences::first_string(&arguments).unwrap_or_else(|| arguments.clone());
    let main = main[..main.floor_char_boundary(ARGUMENT_MAX)].replace(['\n', '\r'], " ");
    format!("called {}({main}).", call.name)
}

/// Its first line and how long it was.
fn gave(result: &ToolResult<'_>) -> String {
    let texts = || result.content.iter().filter_map(Part::as_text);
    let bytes: usize = texts().map(|text| text.written().len()).sum();
    let Some(text) = texts().find(|text| !text.is_empty()) else { return String::new() };
    // No more of it is decoded than can be shown.
    let begin = sentences::beginning(text, RESULT_MAX * 4);
    let line = begin.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    let failed = if result.is_error { "failed" } else { "gave" };
    format!("{failed}: {} ({bytes} bytes).", &line[..line.floor_char_boundary(RESULT_MAX)])
}

/// The last turns before the cut.
const LAST_TURNS: usize = 2;
/// Points, and for how many bytes of a turn they hold.
const USER: u32 = 32;
const GOAL: u32 = 160;
const GOAL_BYTES: usize = 400;
const LAST: u32 = 64;
const LAST_BYTES: usize = 300;
const TOOL: u32 = 8;
const EARLIER: u32 = 128;
/// So that the shortest are not always the best.
const LENGTH_FREE: u32 = 40;
const ARGUMENT_MAX: usize = 80;
const RESULT_MAX: usize = 80;
/// `123 assistant: ` and a line end.
const LABEL: usize = 16;
