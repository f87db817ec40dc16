//! Hand-over: what is prepared so that another model can carry on a conversation that it cannot take whole.
//!
//! The system prompt and the tools stay as they are, and so do the operator's words between turns. The last turns stay
//! as they are within a budget of tokens; calls and their results are never parted. What stood before them is left out,
//! and one text stands for it: a summary that a model has made, or an [`extract`] by rule. That text is the user's, never the
//! operator's: what a tool gave back, and was summed up, must not become an order. It says who wrote it and why.
//!
//! The least that is kept is the user's last words and the newest step after them. Where an agent has worked on since,
//! the results of its older steps are shortened to a head and a tail first; then the oldest steps are left out, and the
//! user's words stand before what is left.

mod cut;
mod extract;
mod media;
mod prefix;
mod question;
mod results;
mod stand_in;
mod weight;

use std::{fmt, sync::Arc};

use crate::{
    chat::{Body, Part, Request, Text},
    estimate::Tokenizer,
    wire,
};
use cut::Layout;

pub use extract::extract;
pub use prefix::{Prefix, prefixes};
pub use question::{compaction_question, left_out_of_notes, question};
pub use stand_in::compacted;
pub use weight::tokens;

/// What the next model has room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Tokens of input at most, system prompt and tools included.
    pub tokens: u64,
    pub tokenizer: Tokenizer,
    /// Tokens of last turns that are kept at most, where there would be room for more; `None` for as many as fit.
    pub verbatim: Option<u64>,
    pub takes: Takes,
}

/// What there is besides text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Takes {
    pub images: bool,
    pub audio: bool,
    pub files: bool,
}

/// What stands for the turns that are not there any more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Nothing was changed.
    #[default]
    None,
    /// Something was left out, and nothing tells what it said.
    Trimmed,
    /// What a model has made of them; what came after it, by rule.
    Summary,
    /// What was chosen of them by rule.
    Extract,
}

/// What was done, for the decision record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Told {
    pub kind: Kind,
    /// Turns that there were.
    pub turns: usize,
    /// The first of them that is still there.
    pub first_kept: usize,
    /// The turn before it whose words were kept as well, because they are the user's last.
    pub kept_user: Option<usize>,
    /// How many of the first turns the summary stands for; with an extract, all that were left out.
    pub stood_for: usize,
    /// Tokens of input, as [`tokens`] counts.
    pub before: u64,
    pub after: u64,
    /// Images, recordings and files in turns that are still there.
    pub media_left_out: usize,
    pub results_shortened: usize,
    /// Thoughts in turns that are still there.
    pub thoughts_left_out: usize,
}

/// The least that a conversation can be cut to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Least {
    /// Tokens of input.
    pub tokens: u64,
    /// What a model must take even so: what is in the user's last words and in the newest results.
    pub needs: Takes,
}

/// Why a conversation cannot be handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DoesNotFit {
    /// The least that must be kept takes so many tokens, and there are not as many.
    Tokens { least: u64, room: u64 },
    /// The last turn holds what the model cannot take.
    Media(Takes),
}

impl Kind {
    /// The stable word for headers, records and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Trimmed => "trimmed",
            Self::Summary => "summary",
            Self::Extract => "extract",
        }
    }
}

impl Takes {
    /// Text and nothing else.
    pub const NOTHING: Self = Self { images: false, audio: false, files: false };
    pub const ALL: Self = Self { images: true, audio: true, files: true };

    #[must_use]
    pub fn or(self, more: Self) -> Self {
        Self { images: self.images || more.images, audio: self.audio || more.audio, files: self.files || more.files }
    }

    /// What of `held` is not taken.
    #[must_use]
    pub fn lacks(self, held: Self) -> Self {
        Self { images: held.images && !self.images, audio: held.audio && !self.audio, files: held.files && !self.files }
    }

    pub fn covers(self, held: Self) -> bool {
        self.lacks(held) == Self::NOTHING
    }
}

impl fmt::Display for DoesNotFit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tokens { least, room } => {
                write!(f, "the last turn needs {least} tokens of input, and there is room for {room}")
            }
            Self::Media(lacks) => {
                let named = [(lacks.images, "images"), (lacks.audio, "audio"), (lacks.files, "files")];
                let named: Vec<_> = named.into_iter().filter(|(is_there, _)| *is_there).map(|(_, name)| name).collect();
                write!(f, "the last turn holds {}, which the model does not take", named.join(" and "))
            }
        }
    }
}

impl std::error::Error for DoesNotFit {}

/// Whether what was said is not all in the request.
///
/// It goes on from an answer that its vendor keeps, names items of one, or holds what its vendor made of earlier turns. Then
/// it is not for another to be told, and nothing of it can be cut.
pub fn is_kept_elsewhere(request: &Request<'_>) -> bool {
    request.previous.is_some() || request.turns.iter().flat_map(|turn| &turn.parts).any(stands_for_others)
}

/// Whether a part stands for what only its vendor knows: an item by its name, or turns that were compacted.
pub fn stands_for_others(part: &Part<'_>) -> bool {
    opaque_kind(part).is_some_and(|kind| kind.is("item_reference") || kind.written().starts_with("compaction"))
}

/// The name of the item that a part is no more than.
pub fn named_item<'p>(part: &'p Part<'_>) -> Option<Text<'p>> {
    let Body::Opaque { json, .. } = &part.body else { return None };
    opaque_kind(part).filter(|kind| kind.is("item_reference"))?;
    Some(wire::member_text(json.as_str(), "id").ok().flatten().unwrap_or_default())
}

/// Whether a part asks for what was said so far to be compacted, in the place of an answer.
pub fn asks_to_compact(part: &Part<'_>) -> bool {
    opaque_kind(part).is_some_and(|kind| kind.is("compaction_trigger"))
}

fn opaque_kind<'p>(part: &'p Part<'_>) -> Option<Text<'p>> {
    let Body::Opaque { json, .. } = &part.body else { return None };
    wire::member_text(json.as_str(), "type").ok().flatten()
}

/// The least that a request can be cut to; [`hand_over`] succeeds for every room that has as much.
pub fn least(request: &Request<'_>, tokenizer: Tokenizer) -> Least {
    let layout = Layout::of(request);
    Least { tokens: layout.least(tokenizer), needs: layout.must_take(request) }
}

/// Cuts a conversation to what the next model has room for.
///
/// `find` is asked for what stands for so many of the first turns, from as many as are left out downwards; what the
/// summary that it gives does not stand for is told by rule. A request that fits as it is stays as it is, unless
/// `room.verbatim` asks for less.
///
/// # Errors
/// When even the least does not fit, or the last turn holds what the model cannot take. The request is as before.
pub fn hand_over(
    request: &mut Request<'_>,
    room: &Room,
    find: &mut dyn FnMut(usize) -> Option<Arc<str>>,
) -> Result<Told, DoesNotFit> {
    let mut layout = Layout::of(request);
    let before = layout.tokens(room.tokenizer);
    let mut told = Told { turns: request.turns.len(), before, after: before, ..Told::default() };
    let lacks = room.takes.lacks(layout.must_take(request));
    if lacks != Takes::NOTHING {
        return Err(DoesNotFit::Media(lacks));
    }
    let fits = before <= room.tokens;
    let is_cut_anyway = layout.verbatim_start(room) > 0;
    let held = weight::media(request.turns.iter().flat_map(|turn| &turn.parts));
    if fits && !is_cut_anyway && room.takes.covers(held) {
        return Ok(told);
    }
    let least = layout.least(room.tokenizer);
    if !fits && least > room.tokens {
        return Err(DoesNotFit::Tokens { least, room: room.tokens });
    }
    told.media_left_out = media::leave_out(request, &mut layout, room.takes);
    if !fits || is_cut_anyway {
        told.thoughts_left_out = media::forget_thoughts(request, &mut layout);
    }
    if told.media_left_out + told.thoughts_left_out > 0 {
        told.kind = Kind::Trimmed;
    }
    let cut = layout.cut(request, room);
    (told.first_kept, told.kept_user) = (cut.first, cut.kept_user(&layout));
    told.results_shortened = cut.shortened.len();
    if cut.first > 0 {
        let why = if fits { stand_in::Why::AnotherModel } else { stand_in::Why::NoRoom };
        let writer = stand_in::Writer { turns: &request.turns[..cut.first], kept_user: told.kept_user, why, cut: &cut };
        let stand_in = writer.write(room, find);
        (told.kind, told.stood_for) = (stand_in.kind, stand_in.stood_for);
        cut.apply(request, &layout, stand_in.text);
    } else if !cut.shortened.is_empty() {
        told.kind = Kind::Trimmed;
        cut.apply(request, &layout, String::new());
    }
    told.after = tokens(request, room.tokenizer);
    Ok(told)
}
