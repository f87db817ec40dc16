//! Older results of tools, shortened to a head and a tail.

use std::ops::Range;

use super::{Takes, media::mark, weight::Weight};
use crate::chat::{Body, Part, Request, Text, ToolResult, Turn};

/// Bytes that are left of a result, one after the other until there is room.
pub(super) const LENGTHS: [usize; 3] = [2048, 512, 128];

/// What takes the place of a result's content.
pub(super) struct Shortened {
    pub(super) turn: usize,
    part: usize,
    content: Vec<Part<'static>>,
    /// What is saved by it.
    saved: Saved,
}

struct Saved {
    whole: Weight,
    short: Weight,
}

/// Turns whose results are shortened, and what they weigh then.
pub(super) struct Steps {
    pub(super) turns: Vec<Weight>,
    pub(super) shortened: Vec<Shortened>,
}

impl Steps {
    /// Shortens all results of some turns that are longer than `most` bytes.
    pub(super) fn shorten(request: &Request<'_>, turns: &[Weight], range: Range<usize>, most: usize) -> Self {
        let mut steps = Self { turns: turns.to_vec(), shortened: Vec::new() };
        for turn in range {
            for (number, part) in request.turns[turn].parts.iter().enumerate() {
                let Body::ToolResult(result) = &part.body else { continue };
                let Some(content) = shortened(result, most) else { continue };
                let weigh =
                    |content: &[Part<'_>]| content.iter().map(Weight::of_part).fold(Weight::default(), Weight::plus);
                let saved = Saved { whole: weigh(&result.content), short: weigh(&content) };
                steps.turns[turn] = steps.turns[turn].minus(saved.whole).plus(saved.short);
                steps.shortened.push(Shortened { turn, part: number, content, saved });
            }
        }
        steps
    }

    /// Gives results back their whole length, the newest first, as long as there is room. `kept` is what stays with all
    /// of them shortened; what stays then is given.
    pub(super) fn restore(&mut self, mut kept: Weight, fits: impl Fn(Weight) -> bool) -> Weight {
        while let Some(last) = self.shortened.last() {
            let longer = kept.minus(last.saved.short).plus(last.saved.whole);
            if !fits(longer) {
                break;
            }
            kept = longer;
            self.shortened.pop();
        }
        kept
    }
}

impl Shortened {
    pub(super) fn apply(self, turns: &mut [Turn<'_>]) {
        if let Body::ToolResult(result) = &mut turns[self.turn].parts[self.part].body {
            result.content = self.content;
        }
    }
}

/// The content of a result in about `most` bytes; `None` when it has no more.
fn shortened(result: &ToolResult<'_>, most: usize) -> Option<Vec<Part<'static>>> {
    let length = |part: &Part<'_>| match &part.body {
        Body::Text { text, .. } => text.written().len(),
        _ => 0,
    };
    let total: usize = result.content.iter().map(length).sum();
    let has_media = super::weight::media(&result.content) != Takes::NOTHING;
    if total <= most && !has_media {
        return None;
    }
    let mut content = Vec::new();
    for part in &result.content {
        match &part.body {
            Body::Text { text, .. } => {
                let share = most * length(part) / total.max(1);
                content.push(Part { keep: part.keep, ..Part::text(Text::plain(ends(&text.decode(), share))) });
            }
            Body::Image { .. } | Body::Audio { .. } | Body::File { .. } => {
                let mut part = part.clone().into_owned();
                mark(&mut part, Takes::NOTHING);
                content.push(part);
            }
            _ => content.push(part.clone().into_owned()),
        }
    }
    Some(content)
}

/// A text in `most` bytes: two thirds from the beginning and a third from the end, with a mark of how much is not there,
/// which alone may be longer.
pub(super) fn ends(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let kept = most.saturating_sub(MARK);
    let head = text.floor_char_boundary(kept - kept / 3);
    let tail = text.ceil_char_boundary(text.len() - kept / 3);
    format!("{}\n[{} bytes left out here]\n{}", &text[..head], tail - head, &text[tail..])
}

/// As long as the mark is at most.
const MARK: usize = 40;
