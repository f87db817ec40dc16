//! What an attempt was told of a conversation, as the record keeps it: numbers, and no word of it.

use serde::Serialize;

use super::Handed;

/// A hand-over. Turns count from 1.
#[derive(Serialize)]
pub(super) struct ShownHandover {
    attempt: u32,
    kind: &'static str,
    /// Why it was not told all: `window`, `capability` or `model_changed`.
    why: &'static str,
    /// Turns that there were.
    turns: usize,
    /// The first of them that was told as it was.
    first_kept: usize,
    /// Of those before it, the one whose words were told as well.
    #[serde(skip_serializing_if = "Option::is_none")]
    kept_user: Option<usize>,
    /// How many of the first turns the summary stands for; with an extract, all that were left out.
    stood_for: usize,
    /// Tokens of input, as they are estimated.
    before: u64,
    after: u64,
    /// Images, recordings and files of turns that were told.
    media_left_out: usize,
    results_shortened: usize,
}

impl ShownHandover {
    pub(super) fn of((attempt, Handed { reason, told }): &(u32, Handed)) -> Self {
        Self {
            attempt: *attempt,
            kind: told.kind.name(),
            why: reason.name(),
            turns: told.turns,
            first_kept: told.first_kept + 1,
            kept_user: told.kept_user.map(|turn| turn + 1),
            stood_for: told.stood_for,
            before: told.before,
            after: told.after,
            media_left_out: told.media_left_out,
            results_shortened: told.results_shortened,
        }
    }
}
