//! A ceiling on the output of one choice, spliced into a body.

use std::ops::Range;

use crate::json::{Kind, Malformed, Reader};

/// The most tokens that one choice may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutputMax {
    pub tokens: u64,
    /// What says so where the caller said nothing.
    pub field: OutputField,
}

/// The member by which an upstream is told. OpenAI's reasoning models refuse `max_tokens`; many others know no
/// `max_completion_tokens`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OutputField {
    MaxTokens,
    MaxCompletionTokens,
}

impl OutputField {
    /// The member's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::MaxTokens => "max_tokens",
            Self::MaxCompletionTokens => "max_completion_tokens",
        }
    }
}

/// What a body says of a choice's output, and where.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct OutputLimits {
    pub(super) max_tokens: Option<OutputLimit>,
    pub(super) max_completion_tokens: Option<OutputLimit>,
    /// Where a new first member goes.
    pub(super) first_member: usize,
}

/// One limit as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct OutputLimit {
    value: Range<usize>,
    is_null: bool,
    /// What is not a plain number is left for the upstream to judge: no limit is known then, and the model's own
    /// applies.
    tokens: Option<u64>,
}

impl OutputLimit {
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let (is_null, start) = (reader.kind()? == Kind::Null, reader.offset());
        let tokens = reader.raw()?.parse().ok();
        Ok(Self { value: start..reader.position(), is_null, tokens })
    }
}

impl OutputLimits {
    /// `max_completion_tokens`, else `max_tokens`.
    pub(super) fn asked(&self) -> Option<u64> {
        let tokens = |limit: &Option<OutputLimit>| limit.as_ref().and_then(|limit| limit.tokens);
        tokens(&self.max_completion_tokens).or_else(|| tokens(&self.max_tokens))
    }

    /// What to put where, so that no limit is above `most`: at most two splices, in no order.
    pub(super) fn splices(&self, most: &OutputMax) -> Vec<(Range<usize>, String)> {
        let tokens = self.asked().map_or(most.tokens, |asked| asked.min(most.tokens));
        let written: Vec<_> = [&self.max_tokens, &self.max_completion_tokens].into_iter().flatten().collect();
        if written.iter().all(|limit| limit.is_null) {
            return vec![self.new_limit(most.field, tokens)];
        }
        let is_above = |limit: &&&OutputLimit| !limit.is_null && limit.tokens.is_none_or(|asked| asked > most.tokens);
        written.iter().filter(is_above).map(|limit| (limit.value.clone(), tokens.to_string())).collect()
    }

    /// A member may not be there twice, so a null is written over.
    fn new_limit(&self, field: OutputField, tokens: u64) -> (Range<usize>, String) {
        let null = match field {
            OutputField::MaxTokens => &self.max_tokens,
            OutputField::MaxCompletionTokens => &self.max_completion_tokens,
        };
        match null {
            Some(limit) => (limit.value.clone(), tokens.to_string()),
            None => (self.first_member..self.first_member, format!("\"{}\":{tokens},", field.name())),
        }
    }
}
