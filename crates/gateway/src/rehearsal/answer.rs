//! An honest answer: it repeats what the user said and goes on in words drawn from the conversation's hash. A word is a token.

mod continued;
mod summary;

use std::borrow::Cow;

use super::asked::Asked;
use super::scenario::{Fault, Scenario};
use super::script::{Call, Turn};

/// One choice of an answer. Joined by spaces, the words are its text.
#[derive(Debug)]
pub(super) struct Answer<'a> {
    pub(super) reasoning: Vec<Cow<'a, str>>,
    pub(super) content: Vec<Cow<'a, str>>,
    pub(super) tool_calls: Vec<ToolCall<'a>>,
    pub(super) finish: &'static str,
    /// Words of the content that are only repeated from the request: no output.
    echoed: usize,
}

/// A call of one of the tools offered.
#[derive(Debug)]
pub(super) struct ToolCall<'a> {
    pub(super) id: String,
    pub(super) name: &'a str,
    /// JSON.
    pub(super) arguments: String,
}

impl ToolCall<'_> {
    /// The arguments, for dialects that have them as an object.
    pub(super) fn input(&self) -> serde_json::Value {
        serde_json::from_str(&self.arguments).expect("they were written as JSON here")
    }
}

/// Tokens of a whole exchange, all choices together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Usage {
    pub(super) prompt: u64,
    pub(super) cached: u64,
    pub(super) written: u64,
    pub(super) completion: u64,
    pub(super) reasoning: u64,
}

/// Composes every choice that was asked for.
pub(super) fn compose<'a>(asked: &'a Asked, scenario: &'a Scenario) -> Vec<Answer<'a>> {
    (0..asked.choices).map(|index| compose_choice(asked, scenario, index)).collect()
}

fn compose_choice<'a>(asked: &'a Asked, scenario: &'a Scenario, index: u32) -> Answer<'a> {
    let mut chance = Chance(scenario.nature.seed(asked) ^ u64::from(index).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let heard = asked.max_tokens.filter(|_| !scenario.shape.is_deaf);
    let mut room = heard.map_or(usize::MAX, |max| usize::try_from(max.max(1)).unwrap_or(usize::MAX));
    let mut reasoning: Vec<_> = (0..scenario.shape.reasoning_words).map(|_| Cow::Borrowed(chance.word())).collect();
    let mut is_cut = reasoning.len() > room;
    reasoning.truncate(room);
    room -= reasoning.len();

    let summary = scenario.summarises.as_deref().and_then(|mark| summary::of(&asked.said, mark));
    let (mut content, tool_calls) = match scenario.script.as_deref().and_then(|script| script.turn(asked)) {
        Some(turn) => scripted(asked, index, turn),
        None if summary.is_some() => (summary.unwrap_or_default(), Vec::new()),
        None if scenario.shape.tool_calls == 0 => (words(asked, scenario, &mut chance), Vec::new()),
        None => {
            let calls = 0..scenario.shape.tool_calls;
            (Vec::new(), calls.map(|call| tool_call(asked, index, call, &mut chance)).collect())
        }
    };
    let mut echoed = 0;
    if let Some(prefill) = &asked.prefill {
        (content, echoed) = continued::after(content, prefill, scenario.nature.prefill, &mut chance);
        room = room.saturating_add(echoed);
    }
    is_cut |= content.len() > room;
    content.truncate(room);

    let finish = match () {
        () if scenario.shape.is_filtered => "content_filter",
        () if is_cut => "length",
        () if !tool_calls.is_empty() => "tool_calls",
        () => "stop",
    };
    Answer { reasoning, content, tool_calls, finish, echoed }
}

/// What a script says. Only its spaces are between words, so that joined they are what was written.
fn scripted<'a>(asked: &Asked, choice: u32, turn: Turn<'a>) -> (Vec<Cow<'a, str>>, Vec<ToolCall<'a>>) {
    let content = match turn.says {
        says if says.is_empty() => Vec::new(),
        Cow::Borrowed(says) => says.split(' ').map(Cow::Borrowed).collect(),
        Cow::Owned(says) => says.split(' ').map(|word| Cow::Owned(word.to_owned())).collect(),
    };
    let call = |(call, made): (usize, &'a Call)| ToolCall {
        id: call_id(asked, choice, call),
        name: &made.name,
        arguments: made.arguments.to_string(),
    };
    (content, turn.calls.iter().enumerate().map(call).collect())
}

fn call_id(asked: &Asked, choice: u32, call: usize) -> String {
    format!("{}_{:016x}{choice}{call}", asked.dialect.call_prefix(), asked.seed)
}

fn words<'a>(asked: &'a Asked, scenario: &Scenario, chance: &mut Chance) -> Vec<Cow<'a, str>> {
    let echo = asked.said.split_whitespace().take(ECHO_WORDS_MAX).map(Cow::Borrowed);
    let mut words: Vec<_> = match scenario.nature.is_varied {
        true => Vec::new(),
        false => [Cow::Borrowed("You"), Cow::Borrowed("said:")].into_iter().chain(echo).collect(),
    };
    let length = scenario.length() as usize;
    // Only a length that somebody chose may cut what the user said.
    if scenario.words.is_some() || scenario.fault != Fault::None {
        words.truncate(length);
    }
    while words.len() < length {
        words.push(Cow::Borrowed(chance.word()));
    }
    words
}

fn tool_call<'a>(asked: &'a Asked, choice: u32, call: u32, chance: &mut Chance) -> ToolCall<'a> {
    let name = match asked.tools.len() {
        0 => "look_up",
        offered => &asked.tools[call as usize % offered],
    };
    let said: Vec<_> = asked.said.split_whitespace().take(ECHO_WORDS_MAX).collect();
    let arguments = serde_json::json!({ "query": said.join(" "), "hint": chance.word() }).to_string();
    ToolCall { id: call_id(asked, choice, call as usize), name, arguments }
}

impl Usage {
    /// Counts what is about to be sent.
    pub(super) fn of(asked: &Asked, scenario: &Scenario, answers: &[Answer<'_>]) -> Self {
        let reasoning: usize = answers.iter().map(|answer| answer.reasoning.len()).sum();
        let visible: usize = answers
            .iter()
            .map(|answer| {
                answer.content.len() - answer.echoed.min(answer.content.len()) + call_words(&answer.tool_calls)
            })
            .sum();
        let cached = u64::from(scenario.shape.cached_tokens).min(asked.prompt_tokens);
        Self {
            prompt: asked.prompt_tokens,
            cached,
            written: u64::from(scenario.shape.written_tokens).min(asked.prompt_tokens - cached),
            completion: (reasoning + visible) as u64,
            reasoning: reasoning as u64,
        }
    }
}

/// A call costs its name and the words of its arguments.
fn call_words(calls: &[ToolCall<'_>]) -> usize {
    calls.iter().map(|call| 1 + call.arguments.split_whitespace().count()).sum()
}

/// `SplitMix64` (Steele, Lea, Flood 2014): small, and good enough to pick words.
struct Chance(u64);

impl Chance {
    fn word(&mut self) -> &'static str {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        WORDS[(mixed >> 58) as usize]
    }
}

const ECHO_WORDS_MAX: usize = 100;

#[rustfmt::skip] // 64 words, eight a line
const WORDS: [&str; 64] = [
    "again", "almost", "already", "answer", "bridge", "bright", "calm", "carry",
    "circle", "clear", "common", "corner", "dance", "distant", "early", "east",
    "evening", "every", "field", "follow", "forest", "garden", "gentle", "given",
    "harbour", "hold", "honest", "island", "keep", "kind", "ladder", "lantern",
    "later", "letter", "light", "listen", "little", "market", "meadow", "mirror",
    "morning", "north", "open", "paper", "patient", "plain", "quiet", "rain",
    "relay", "river", "round", "second", "simple", "south", "steady", "stone",
    "story", "table", "turn", "voice", "wait", "water", "window", "yellow",
];
