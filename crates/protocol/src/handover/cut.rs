//! Where a conversation is cut, and what stays of it.

use std::{borrow::Cow, collections::HashMap};

use super::{
    Room, Takes,
    results::{self, Shortened, Steps},
    stand_in,
    weight::{Weight, media},
};
use crate::chat::{Body, Json, Part, Request, Role, Text, Turn, Turns};
use crate::{estimate::Tokenizer, wire};

/// What a conversation is made of, as far as a cut depends on it. Indices are those of turns.
pub(super) struct Layout {
    frame: Weight,
    turns: Vec<Weight>,
    /// Whether a cut before the turn parts no call from its result.
    may_cut: Vec<bool>,
    is_system: Vec<bool>,
    /// The last turn with words of the user, of those without results where there is one: clients put notes of their own
    /// beside what tools gave.
    words: Option<usize>,
    /// Whether that turn is nothing but words.
    is_words_alone: bool,
    /// These words alone.
    words_weight: Weight,
    /// Where the newest step begins: calls with their results, or a turn alone. 0 when all before it stays as well.
    newest: usize,
    /// What only stands for other turns, in tokens that do not count as verbatim.
    stand_ins: Vec<Weight>,
}

/// A cut that leaves room for what stands for the turns before it.
pub(super) struct Cut {
    /// The first turn that stays.
    pub(super) first: usize,
    /// What stays, without what stands for the rest.
    pub(super) kept: Weight,
    pub(super) shortened: Vec<Shortened>,
}

impl Layout {
    pub(super) fn of(request: &Request<'_>) -> Self {
        let turns = &request.turns;
        let says = |part: &Part<'_>| is_word(part) && !stand_in::is_stand_in(part);
        let has_words = |turn: &Turn<'_>| turn.role == Role::User && turn.parts.iter().any(says);
        let gives = |turn: &Turn<'_>| turn.parts.iter().any(|part| matches!(part.body, Body::ToolResult(_)));
        let words = turns.iter().rposition(|turn| has_words(turn) && !gives(turn));
        let words = words.or_else(|| turns.iter().rposition(has_words));
        let is_words_alone = words.is_some_and(|words| turns[words].parts.iter().all(is_word));
        let words_weight =
            words.map(|index| Weight::of_parts(&turns[index], turns[index].parts.iter().filter(|part| is_word(part))));
        let may_cut = may_cut(turns);
        let newest = may_cut.iter().rposition(|may| *may).unwrap_or(0);
        // What stays anyway is not worth a cut behind it.
        let stays =
            |(index, turn): (usize, &Turn<'_>)| turn.role == Role::System || words == Some(index) && is_words_alone;
        let is_all = turns[..newest].iter().enumerate().all(stays);
        Self {
            frame: Weight::of_frame(request),
            newest: if is_all { 0 } else { newest },
            turns: turns.iter().map(Weight::of_turn).collect(),
            may_cut,
            is_system: turns.iter().map(|turn| turn.role == Role::System).collect(),
            words,
            is_words_alone,
            words_weight: words_weight.unwrap_or_default(),
            stand_ins: turns.iter().map(stand_in::weight_within).collect(),
        }
    }

    /// Tokens of the whole.
    pub(super) fn tokens(&self, tokenizer: Tokenizer) -> u64 {
        self.turns.iter().copied().fold(self.frame, Weight::plus).tokens(tokenizer)
    }

    /// Tokens of the least that it can be cut to.
    pub(super) fn least(&self, tokenizer: Tokenizer) -> u64 {
        let stand_in = if self.newest > 0 { stand_in::TOKENS_MIN } else { 0 };
        self.kept(self.newest, &self.turns).tokens(tokenizer) + stand_in
    }

    /// What is in parts that are never left out.
    pub(super) fn must_take(&self, request: &Request<'_>) -> Takes {
        let parts = request
            .turns
            .iter()
            .enumerate()
            .flat_map(|(index, turn)| turn.parts.iter().filter(move |part| self.must_stay(index, part)));
        media(parts)
    }

    /// Whether a part is the user's last word, or in the newest step.
    pub(super) fn must_stay(&self, turn: usize, part: &Part<'_>) -> bool {
        turn >= self.newest || self.words == Some(turn) && is_word(part)
    }

    /// The turns before the user's last words.
    pub(super) fn before_words(&self) -> usize {
        self.words.unwrap_or(self.newest)
    }

    pub(super) fn weigh_again(&mut self, request: &Request<'_>, turn: usize) {
        self.turns[turn] = Weight::of_turn(&request.turns[turn]);
    }

    /// The first turn of what `room.verbatim` lets stay, besides the user's last words; never behind the newest step.
    pub(super) fn verbatim_start(&self, room: &Room) -> usize {
        let Some(most) = room.verbatim else { return 0 };
        let mut tail = Weight::default();
        let mut start = self.newest;
        for first in (0..self.turns.len()).rev() {
            tail = tail.plus(self.turns[first]).minus(self.stand_ins[first]);
            if first <= start && self.may_cut[first] {
                if tail.tokens(room.tokenizer) > most {
                    break;
                }
                start = first;
            }
        }
        let stays = |turn: usize| self.is_system[turn] || self.words == Some(turn) && self.is_words_alone;
        let has_more = (0..start).any(|turn| !stays(turn) && self.stand_ins[turn] != self.turns[turn]);
        if has_more { start } else { 0 }
    }

    /// The latest cut that leaves everything since the user's last words.
    fn last_start(&self) -> usize {
        let until = self.words.unwrap_or(self.newest);
        (0..=until.min(self.newest)).rev().find(|first| self.may_cut.get(*first) == Some(&true)).unwrap_or(0)
    }

    /// What stays when it is cut before `first`, with turns of these weights.
    fn kept(&self, first: usize, turns: &[Weight]) -> Weight {
        let operators = (0..first).filter(|turn| self.is_system[*turn]).map(|turn| turns[turn]);
        let words = self.words.filter(|words| *words < first).map(|_| self.words_weight);
        let tail = turns.get(first..).unwrap_or_default().iter().copied();
        operators.chain(words).chain(tail).fold(self.frame, Weight::plus)
    }

    /// The best cut. There is room for the least.
    pub(super) fn cut(&self, request: &Request<'_>, room: &Room) -> Cut {
        let fits = |kept: Weight, beside: u64| kept.tokens(room.tokenizer).saturating_add(beside) <= room.tokens;
        let whole = |first: usize| Cut { first, kept: self.kept(first, &self.turns), shortened: Vec::new() };
        let (last, from) = (self.last_start(), self.verbatim_start(room));
        let is_worth_it = from > 0 && fits(self.kept(from, &self.turns), stand_in::TOKENS_MIN);
        if !is_worth_it && fits(self.kept(0, &self.turns), 0) {
            return whole(0);
        }
        let share = self.share(room);
        let until = last.max(from);
        if fits(self.kept(until, &self.turns), stand_in::TOKENS_MIN) {
            let first = self.earliest(from.max(1)..until, &self.turns, |kept| fits(kept, share));
            return whole(first.unwrap_or(until));
        }
        let beside = if last > 0 { stand_in::TOKENS_MIN } else { 0 };
        for most in results::LENGTHS {
            let mut steps = Steps::shorten(request, &self.turns, last..self.newest, most);
            let kept = self.kept(last, &steps.turns);
            if fits(kept, beside) {
                let kept = steps.restore(kept, |kept| fits(kept, beside));
                return Cut { first: last, kept, shortened: steps.shortened };
            }
        }
        let mut steps = Steps::shorten(request, &self.turns, last..self.newest, results::LENGTHS[1]);
        let begin = self.words.map_or(self.newest, |words| words + 1);
        let first = self.earliest(begin..self.newest, &steps.turns, |kept| fits(kept, share)).unwrap_or(self.newest);
        steps.shortened.retain(|shortened| shortened.turn >= first);
        Cut { first, kept: self.kept(first, &steps.turns), shortened: steps.shortened }
    }

    /// The earliest cut of a range of which `fits` says yes, which also says yes to all later ones.
    fn earliest(
        &self,
        range: std::ops::Range<usize>,
        turns: &[Weight],
        fits: impl Fn(Weight) -> bool,
    ) -> Option<usize> {
        let mut kept = self.kept(range.end, turns);
        let mut found = None;
        for first in range.rev() {
            if !self.is_system[first] {
                kept = kept.plus(turns[first]);
            }
            if !fits(kept) {
                break;
            }
            if self.may_cut[first] {
                found = Some(first);
            }
        }
        found
    }

    /// Tokens that are kept free for what stands for the turns before the cut.
    fn share(&self, room: &Room) -> u64 {
        let frame = self.frame.tokens(room.tokenizer);
        (room.tokens.saturating_sub(frame) / SHARE).clamp(stand_in::TOKENS_MIN, stand_in::TOKENS_MAX)
    }
}

impl Cut {
    /// The turn before the cut whose words stay.
    pub(super) fn kept_user(&self, layout: &Layout) -> Option<usize> {
        layout.words.filter(|words| *words < self.first)
    }

    /// Cuts, and puts `stand_in` where the user speaks first.
    pub(super) fn apply(self, request: &mut Request<'_>, layout: &Layout, stand_in: String) {
        let kept_user = self.kept_user(layout);
        for shortened in self.shortened {
            shortened.apply(&mut request.turns);
        }
        if self.first == 0 {
            return;
        }
        let tail = request.turns.split_off(self.first);
        let mut front = Turn { role: Role::User, parts: Vec::new(), extra: crate::chat::Extra::default() };
        let mut turns = Turns::default();
        let mut operators = Vec::new();
        for (index, turn) in std::mem::take(&mut request.turns).into_iter().enumerate() {
            if kept_user == Some(index) {
                front = turn;
                front.parts.retain(is_word);
            } else if turn.role == Role::System {
                operators.push(turn);
            }
        }
        front.parts.insert(0, Part::text(Text::plain(stand_in)));
        let mut tail = tail.into_iter().peekable();
        // Members of a turn, as the name of who speaks, are not said of another's words.
        if operators.is_empty()
            && front.extra.is_empty()
            && let Some(mut first) = tail.next_if(|first| first.role == Role::User)
        {
            first.parts.splice(0..0, front.parts);
            turns.turns.push(first);
        } else {
            turns.turns.push(front);
        }
        let mut last_role = Role::User;
        for turn in operators.into_iter().chain(tail) {
            // Only what was moved beside its like is put together.
            if turn.role == Role::System && last_role == Role::System {
                turns.push(turn.role, turn.parts, turn.extra);
            } else {
                last_role = turn.role;
                turns.turns.push(turn);
            }
        }
        request.turns = turns.turns;
    }
}

/// What a user says, and no tool. What only its own dialect knows may be what a tool gave.
fn is_word(part: &Part<'_>) -> bool {
    match &part.body {
        Body::Text { text, .. } => !text.is_empty(),
        Body::ToolResult(_) | Body::Opaque { .. } => false,
        _ => true,
    }
}

/// For each turn whether a cut before it parts no call from its result.
fn may_cut(turns: &[Turn<'_>]) -> Vec<bool> {
    // For each turn with calls the last turn with a result of one.
    let mut reach: Vec<usize> = (0..turns.len()).collect();
    let mut called: HashMap<Cow<'_, str>, usize> = HashMap::new();
    for (index, turn) in turns.iter().enumerate() {
        for part in &turn.parts {
            match &part.body {
                Body::ToolCall(call) => {
                    called.insert(call.id.written().into(), index);
                }
                Body::ToolResult(result) => {
                    if let Some(call) = called.get(result.id.written()) {
                        reach[*call] = index;
                    }
                }
                Body::Opaque { json, .. } if turn.role == Role::Assistant => {
                    for name in ["call_id", "id"] {
                        named(json, name).map(|id| called.insert(id, index));
                    }
                }
                // Some dialects have results that are not told from calls here but by who says them.
                Body::Opaque { json, .. } if turn.role == Role::User => {
                    let calls = ["call_id", "approval_request_id", "id"].into_iter();
                    let call = calls.filter_map(|name| named(json, name)).find_map(|id| called.get(&id).copied());
                    let call = call.unwrap_or_else(|| index.saturating_sub(1));
                    reach[call] = reach[call].max(index);
                }
                _ => {}
            }
        }
    }
    let mut open_until = 0;
    let may_cut = reach.into_iter().enumerate().map(|(index, last)| {
        let is_closed = index >= open_until;
        open_until = open_until.max(last + usize::from(last > index));
        is_closed
    });
    may_cut.collect()
}

/// A member of what only its own dialect knows.
fn named<'j>(json: &'j Json<'_>, name: &str) -> Option<Cow<'j, str>> {
    let text = wire::member_text(json.as_str(), name).ok().flatten()?;
    Some(text.written().to_owned().into())
}

/// A third of what is left beside system prompt and tools.
const SHARE: u64 = 3;
