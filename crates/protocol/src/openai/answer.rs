//! A whole answer, not streamed.

use super::{Content, Finish, envelope::Envelope};
use crate::{
    estimate::Output,
    json::Malformed,
    usage::{CostPlace, Usage},
};

/// What a whole answer says, without its text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    pub content: Content,
    /// How much of it there is.
    pub output: Output,
    /// The first choice's reason to end that is not null.
    pub finish: Option<Finish>,
    /// The choices that ended, one bit an index.
    pub finished: u128,
    pub choices: u32,
    pub usage: Option<Usage>,
    /// Where its cost goes, for [`super::with_cost`]; `None` where there is no usage object.
    pub cost_place: Option<CostPlace>,
    /// A success status with an error inside; [`crate::failure::classify`] reads it.
    pub is_error: bool,
}

impl Answer {
    /// Reads the body of an answer.
    ///
    /// # Errors
    /// When the body is not a JSON object. Blank lines before it are fine: DeepSeek sends them to keep the
    /// connection open.
    pub fn scan(body: &[u8]) -> Result<Self, Malformed> {
        let seen = Envelope::scan(body)?;
        Ok(Self {
            content: seen.content,
            output: seen.output,
            finish: seen.finish,
            finished: seen.finished,
            choices: seen.choices,
            usage: seen.usage,
            cost_place: seen.cost_place,
            is_error: seen.is_error,
        })
    }

    pub fn has_content(&self) -> bool {
        self.content != Content::None
    }

    /// A success that holds nothing: no content, no typed end. It is not billed and another deployment may answer.
    pub fn is_empty(&self) -> bool {
        !self.is_error && !self.has_content() && self.finish.is_none()
    }
}
