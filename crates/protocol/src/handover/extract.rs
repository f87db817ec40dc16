//! What was said, by rule and without a model: sentences are chosen, never written.
//!
//! The rule:
//!
//! 1. What the user and the assistant said is cut into sentences, at line ends and at the ends of sentences in any
//!    script. Code between fences is left out. A sentence of more than 280 bytes is cut there. Calls of tools are told
//!    by name and main argument, their results by the first line and their size.
//! 2. A sentence has points: for who says it (the user more than the assistant), for words of decision and constraint
//!    (*decided, must, never, always, agreed, prefer, instead, remember …*, 决定 必须 不要 总是 同意 …), for facts that are
//!    named in it for the first time (paths, addresses, identifiers, numbers, names, what stands in quotes), for being a
//!    question. The user's first words (the goal) and the last two turns have more.
//! 3. It loses points where it says again what was said: a sentence that was there before is left out, and one of a
//!    shape that was there before (the same words around other facts) counts less each time.
//! 4. Those with most points for their length are taken until there is no more room, and put back in order, each turn
//!    with its number and who spoke.
//!
//! It takes time in proportion to the text, and a sort of the sentences.

mod points;
mod sentences;

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
};

use super::stand_in::is_stand_in;
use crate::chat::{Body, Part, Role, ToolCall, ToolResult, Turn};
use points::Points;
use sentences::Sentences;

/// What turns say in so many bytes at most: the sentences that say most, in order. Empty when nothing fits.
pub fn extract(turns: &[Turn<'_>], bytes_max: usize) -> String {
    Extract::of(turns, 0, None).write(bytes_max)
}

/// Sentences with their points, to be chosen from.
pub(super) struct Extract<'a> {
    sentences: Vec<Sentence<'a>>,
    /// Indices of `sentences`, those that say most first.
    ranked: Vec<u32>,
}

struct Sentence<'a> {
    /// Counted from 1.
    turn: usize,
    speaker: Speaker,
    text: Cow<'a, str>,
    /// Points for each byte, in millionths.
    rank: u32,
}

#[derive(Clone, Copy, PartialEq, Eq)]
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
        let mut reading =
            Reading { sentences: Vec::new(), said: HashSet::new(), shapes: HashMap::new(), points: Points::default() };
        let goal = turns.iter().position(|turn| turn.role == Role::User).filter(|goal| *goal >= from);
        for (index, turn) in turns.iter().enumerate().skip(from) {
            let place =
                Place { turn: index + 1, is_goal: goal == Some(index), is_last: index + LAST_TURNS >= turns.len() };
            for part in &turn.parts {
                reading.part(turn.role, part, place, without == Some(index));
            }
        }
        let mut ranked: Vec<u32> = (0..reading.sentences.len() as u32).collect();
        ranked.sort_by_key(|index| std::cmp::Reverse(reading.sentences[*index as usize].rank));
        Self { sentences: reading.sentences, ranked }
    }

    /// What fits, in order.
    pub(super) fn write(&self, bytes_max: usize) -> String {
        let mut chosen = Vec::new();
        let mut labelled = HashSet::new();
        let mut bytes = 0;
        for index in &self.ranked {
            let sentence = &self.sentences[*index as usize];
            let label = (sentence.turn, sentence.speaker as u8);
            let cost = sentence.text.len() + 1 + if labelled.contains(&label) { 0 } else { LABEL };
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
            let label = (sentence.turn, sentence.speaker as u8);
            if last.replace(label) == Some(label) {
                out.push(' ');
            } else {
                if !out.is_empty() {
                    out.push('\n');
                }
                out.push_str(&sentence.label());
            }
            out.push_str(&sentence.text);
        }
        out
    }
}

impl Sentence<'_> {
    fn label(&self) -> String {
        match self.speaker {
            Speaker::User => format!("{} user: ", self.turn),
            Speaker::Assistant => format!("{} assistant: ", self.turn),
            Speaker::Tool => format!("{} tool: ", self.turn),
            Speaker::Gateway => String::new(),
        }
    }
}

#[derive(Clone, Copy)]
struct Place {
    turn: usize,
    is_goal: bool,
    is_last: bool,
}

struct Reading<'a> {
    sentences: Vec<Sentence<'a>>,
    /// Hashes of what was said.
    said: HashSet<u64>,
    /// How often a shape was there.
    shapes: HashMap<u64, u32>,
    points: Points,
}

impl<'a> Reading<'a> {
    fn part(&mut self, role: Role, part: &'a Part<'_>, place: Place, is_kept: bool) {
        match &part.body {
            Body::ToolCall(call) => self.line(Cow::Owned(called(call)), Speaker::Tool, CALL, place),
            Body::ToolResult(result) => self.line(Cow::Owned(gave(result)), Speaker::Tool, RESULT, place),
            // What the operator says stays.
            _ if is_kept || role == Role::System => {}
            Body::Text { text, .. } if is_stand_in(part) => {
                let text = text.decode();
                let inside = text.lines().filter(|line| !line.starts_with('['));
                for line in inside {
                    self.line(Cow::Owned(line.to_owned()), Speaker::Gateway, EARLIER, place);
                }
            }
            Body::Text { text, .. } | Body::Refusal(text) => {
                let speaker = if role == Role::User { Speaker::User } else { Speaker::Assistant };
                match text.decode() {
                    Cow::Borrowed(text) => self.prose(text, speaker, place, &|sentence| Cow::Borrowed(sentence)),
                    Cow::Owned(text) => self.prose(&text, speaker, place, &|sentence| Cow::Owned(sentence.to_owned())),
                }
            }
            _ => {}
        }
    }

    fn prose<'t>(&mut self, text: &'t str, speaker: Speaker, place: Place, own: &dyn Fn(&'t str) -> Cow<'a, str>) {
        let mut before = 0;
        for sentence in Sentences::of(text) {
            let mut points = if speaker == Speaker::User { USER } else { 0 };
            if place.is_goal && before < GOAL_BYTES {
                points += GOAL;
            }
            if place.is_last && before < LAST_BYTES {
                points += LAST;
            }
            before += sentence.len();
            let found = self.points.of(sentence);
            if !self.said.insert(found.words_hash) {
                continue;
            }
            let times = self.shapes.entry(found.shape_hash).or_insert(0);
            *times += 1;
            let points = (points + found.points) * 12 / (*times).clamp(1, 12);
            self.push(own(sentence), speaker, points, place);
        }
    }

    /// Something that is one sentence.
    fn line(&mut self, text: Cow<'a, str>, speaker: Speaker, points: u32, place: Place) {
        let found = self.points.of(&text);
        if text.trim().is_empty() || !self.said.insert(found.words_hash) {
            return;
        }
        let points = points + if place.is_last { LAST } else { 0 } + if found.names_something { 1 } else { 0 };
        self.push(text, speaker, points * 12, place);
    }

    fn push(&mut self, text: Cow<'a, str>, speaker: Speaker, points: u32, place: Place) {
        if points > 0 {
            let rank = points.saturating_mul(1_000_000) / (text.len() as u32 + LENGTH_FREE);
            self.sentences.push(Sentence { turn: place.turn, speaker, text, rank });
        }
    }
}

/// `called read_file(src/main.rs)`.
fn called(call: &ToolCall<'_>) -> String {
    let arguments = call.arguments.as_json();
    let main = sentences::first_string(&arguments).unwrap_or_else(|| arguments.clone());
    let main = main.replace(['\n', '\r'], " ");
    format!("called {}({}).", call.name, &main[..main.floor_char_boundary(ARGUMENT_MAX)])
}

/// Its first line and how long it was.
fn gave(result: &ToolResult<'_>) -> String {
    let texts = || result.content.iter().filter_map(Part::as_text);
    let bytes: usize = texts().map(|text| text.written().len()).sum();
    let Some(text) = texts().find(|text| !text.is_empty()) else { return String::new() };
    // No more of it is decoded than can be shown.
    let begin = sentences::beginning(text, RESULT_MAX * 4);
    let line = begin.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    let failed = if result.is_error { "failed: " } else { "gave: " };
    format!("{failed}{} ({bytes} bytes).", &line[..line.floor_char_boundary(RESULT_MAX)])
}

/// The last turns before the cut.
const LAST_TURNS: usize = 2;
/// Points, and for how many bytes of a turn they hold.
const USER: u32 = 3;
const GOAL: u32 = 14;
const GOAL_BYTES: usize = 400;
const LAST: u32 = 4;
const LAST_BYTES: usize = 300;
const CALL: u32 = 1;
const RESULT: u32 = 1;
const EARLIER: u32 = 8;
/// So that the shortest are not always the best.
const LENGTH_FREE: u32 = 60;
const ARGUMENT_MAX: usize = 80;
const RESULT_MAX: usize = 80;
/// `123 assistant: ` and a line end.
const LABEL: usize = 16;
