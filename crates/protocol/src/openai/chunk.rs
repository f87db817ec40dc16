//! One chunk of a streamed answer.

use super::{Content, Finish, envelope::Envelope};
use crate::{
    estimate::Output,
    json::Malformed,
    usage::{CostPlace, Usage},
};

/// What one streamed chunk says, without its text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Chunk {
    /// The most telling kind of content in any choice.
    pub content: Content,
    /// How much of it there is.
    pub output: Output,
    /// The first choice's reason to end that is not null.
    pub finish: Option<Finish>,
    /// The choices in this chunk, one bit an index.
    pub seen: u128,
    /// The choices that ended in this chunk, one bit an index.
    pub finished: u128,
    pub usage: Option<Usage>,
    /// Where its cost goes, for [`super::with_cost`]; `None` where there is no usage object.
    pub cost_place: Option<CostPlace>,
    /// No choices and a usage: the extra chunk of `stream_options.include_usage`.
    pub usage_only: bool,
    /// A role and nothing else: a lifecycle frame, not content.
    pub role_only: bool,
    /// There is no content in it, or there is, and either way the model works: a part began or ended, or was signed.
    pub goes_on: bool,
    /// The chunk carries an error; [`crate::failure::classify`] reads it.
    pub is_error: bool,
}

impl Chunk {
    /// Reads the data of one event. `[DONE]` is not a chunk; see [`super::stream::is_done`].
    ///
    /// # Errors
    /// When the data is not a JSON object.
    pub fn scan(data: &[u8]) -> Result<Self, Malformed> {
        let seen = Envelope::scan(data)?;
        let is_empty = seen.content == Content::None && seen.finish.is_none() && !seen.is_error;
        Ok(Self {
            content: seen.content,
            output: seen.output,
            finish: seen.finish,
            seen: seen.seen,
            finished: seen.finished,
            usage: seen.usage,
            cost_place: seen.cost_place,
            usage_only: seen.choices == 0 && seen.usage.is_some() && !seen.is_error,
            role_only: seen.has_role && is_empty && seen.usage.is_none(),
            goes_on: seen.content != Content::None,
            is_error: seen.is_error,
        })
    }

    pub fn has_content(&self) -> bool {
        self.content != Content::None
    }
}
