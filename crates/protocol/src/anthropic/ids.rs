//! Names of tool calls, which must match `^[a-zA-Z0-9_-]+$` here.

use crate::chat::Text;

/// The name as it may be written; the same always becomes the same.
pub(super) fn known_id<'t>(id: &'t Text<'t>) -> Text<'t> {
    let is_known = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !id.is_empty() && id.written().chars().all(is_known) {
        return id.share();
    }
    let known: String = id.decode().chars().map(|c| if is_known(c) { c } else { '_' }).collect();
    Text::plain(if known.is_empty() { "call".to_owned() } else { known })
}

/// The same for the call that is the part of that number in an answer: calls without a name must not share one.
pub(super) fn answered_id<'t>(id: &'t Text<'t>, part: usize) -> Text<'t> {
    if id.is_empty() { Text::plain(format!("call_{part}")) } else { known_id(id) }
}
