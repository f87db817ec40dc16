//! What differs between models and servers, as data.

/// How a server wants what the dialect says in more than one way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quirks {
    /// `thinkingLevel`; models before Gemini 3 know only `thinkingBudget`.
    pub levels: bool,
    /// `id` on function calls and responses.
    pub call_ids: bool,
    /// Calls must come back signed; those of other models get the value that Google names for that.
    pub stand_in: bool,
}

impl Default for Quirks {
    fn default() -> Self {
        Self { levels: true, call_ids: true, stand_in: true }
    }
}
