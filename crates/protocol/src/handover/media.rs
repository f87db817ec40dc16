//! What a model cannot take or has no use of, in turns that it may do without.

use super::{Takes, cut::Layout};
use crate::chat::{Body, Part, Request, Text, Turn};

/// Puts a mark in the place of all that is not taken and need not stay. Gives how many were left out.
pub(super) fn leave_out(request: &mut Request<'_>, layout: &mut Layout, takes: Takes) -> usize {
    let mut left_out = 0;
    for index in 0..request.turns.len() {
        let before = left_out;
        for part in &mut request.turns[index].parts {
            if !layout.must_stay(index, part) {
                left_out += mark(part, takes);
            }
        }
        if left_out > before {
            layout.weigh_again(request, index);
        }
    }
    left_out
}

/// Leaves out what models thought before the user's last words: nobody but who thought it has a use of it, and vendors
/// leave it out themselves. A turn of nothing else stays.
pub(super) fn forget_thoughts(request: &mut Request<'_>, layout: &mut Layout) -> usize {
    let mut left_out = 0;
    for index in 0..layout.before_words() {
        let Turn { parts, .. } = &mut request.turns[index];
        let thoughts = parts.iter().filter(|part| is_thought(part)).count();
        // What only its own dialect knows may need the thought that led to it.
        let is_opaque = parts.iter().any(|part| matches!(part.body, Body::Opaque { .. }));
        if !is_opaque && thoughts > 0 && thoughts < parts.len() {
            parts.retain(|part| !is_thought(part));
            // A call by the name that its vendor has stored it under is refused without the thought that led to it.
            for call in parts.iter_mut().filter(|part| matches!(part.body, Body::ToolCall(_))) {
                call.extra = std::mem::take(&mut call.extra).without(&["id"]);
            }
            left_out += thoughts;
            layout.weigh_again(request, index);
        }
    }
    left_out
}

/// The mark that stands for a part that is not taken, here or in a result's content.
pub(super) fn mark(part: &mut Part<'_>, takes: Takes) -> usize {
    let word = match &mut part.body {
        Body::ToolResult(result) => return result.content.iter_mut().map(|part| mark(part, takes)).sum(),
        Body::Image { .. } if !takes.images => "image",
        Body::Audio { .. } if !takes.audio => "recording",
        Body::File { .. } if !takes.files => "file",
        _ => return 0,
    };
    let name = match &part.body {
        Body::File { name: Some(name), .. } => format!(" `{name}`"),
        _ => String::new(),
    };
    let text = format!("[A {word}{name} stood here, which the model that answers now cannot take.]");
    let article = text.replacen("[A image", "[An image", 1);
    let keep = part.keep;
    *part = Part { keep, ..Part::text(Text::plain(article)) };
    1
}

fn is_thought(part: &Part<'_>) -> bool {
    matches!(part.body, Body::Thinking { .. } | Body::SealedThinking { .. })
}
