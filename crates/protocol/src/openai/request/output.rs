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
/// `max_completion_tokens`; Gemini's stands in `generationConfig`, Bedrock's in `inferenceConfig`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OutputField {
    MaxTokens,
    MaxCompletionTokens,
    MaxOutputTokens,
    ConverseMaxTokens,
    /// Of the Responses API, whatever the upstream takes elsewhere.
    ResponseMaxTokens,
}

impl OutputField {
    /// The member's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::MaxTokens => "max_tokens",
            Self::MaxCompletionTokens => "max_completion_tokens",
            Self::MaxOutputTokens => "maxOutputTokens",
            Self::ResponseMaxTokens => "max_output_tokens",
            Self::ConverseMaxTokens => "maxTokens",
        }
    }

    /// The object it stands in; `None` for the body itself.
    const fn parent(self) -> Option<&'static str> {
        match self {
            Self::MaxTokens | Self::MaxCompletionTokens | Self::ResponseMaxTokens => None,
            Self::MaxOutputTokens => Some("generationConfig"),
            Self::ConverseMaxTokens => Some("inferenceConfig"),
        }
    }
}

/// What a body says of a choice's output, and where.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct OutputLimits {
    /// Gemini's `maxOutputTokens` and Bedrock's `maxTokens` as well.
    pub(super) max_tokens: Option<OutputLimit>,
    pub(super) max_completion_tokens: Option<OutputLimit>,
    /// The part that may be thought, which is below the whole (`thinking.budget_tokens`).
    pub(super) budget: Option<OutputLimit>,
    pub(super) max_output_tokens: Option<OutputLimit>,
    /// Where a new first member goes.
    pub(super) first_member: usize,
    pub(super) parent: ParentObject,
}

/// What there is of the object that holds the limit where the body itself does not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum ParentObject {
    #[default]
    Absent,
    /// A null, or what is no object: the whole value.
    Null(Range<usize>),
    /// Where a new first member of it goes, and whether it is the only one.
    Object { at: usize, is_only: bool },
}

/// One limit as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct OutputLimit {
    value: Range<usize>,
    is_null: bool,
    /// What is not a plain number is left for the upstream to judge: no limit is known then, and the model's own
    /// applies.
    pub(super) tokens: Option<u64>,
}

impl OutputLimit {
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let (is_null, start) = (reader.kind()? == Kind::Null, reader.offset());
        // Some servers take 0 for no limit at all.
        let tokens = reader.raw()?.parse().ok().filter(|&tokens| tokens > 0);
        Ok(Self { value: start..reader.position(), is_null, tokens })
    }

    /// As it stands in a body of which a part from `start` on was read.
    pub(super) fn behind(self, start: usize) -> Self {
        Self { value: self.value.start + start..self.value.end + start, ..self }
    }
}

impl OutputLimits {
    /// `max_output_tokens`, else `max_completion_tokens`, else `max_tokens`.
    pub(super) fn asked(&self) -> Option<u64> {
        let tokens = |limit: &Option<OutputLimit>| limit.as_ref().and_then(|limit| limit.tokens);
        let known = [&self.max_output_tokens, &self.max_completion_tokens, &self.max_tokens];
        known.into_iter().find_map(tokens)
    }

    /// What to put where, so that no limit is above `most`: at most three splices, in no order.
    ///
    /// An upstream that knows only `max_tokens` is told by it even where the caller wrote the other. One that knows
    /// `max_completion_tokens` takes either, and OpenAI's refuses both at once.
    pub(super) fn splices(&self, most: &OutputMax) -> Vec<(Range<usize>, String)> {
        let tokens = self.asked().map_or(most.tokens, |asked| asked.min(most.tokens));
        let known = [&self.max_tokens, &self.max_completion_tokens, &self.max_output_tokens];
        let written = known.into_iter().flatten();
        let written: Vec<_> = written.filter(|limit| !limit.is_null).collect();
        let is_above = |limit: &&&OutputLimit| limit.tokens.is_none_or(|asked| asked > most.tokens);
        let lowered = written.iter().filter(is_above).map(|limit| (limit.value.clone(), tokens.to_string()));
        let is_known = match most.field {
            OutputField::MaxCompletionTokens | OutputField::ResponseMaxTokens => !written.is_empty(),
            _ => self.max_tokens.as_ref().is_some_and(|limit| !limit.is_null),
        };
        let added = (!is_known).then(|| self.new_limit(most.field, tokens));
        lowered.chain(added).chain(self.lowered_budget(tokens)).collect()
    }

    /// What is thought has to leave room for a word. A budget that did not before is its caller's own business.
    fn lowered_budget(&self, tokens: u64) -> Option<(Range<usize>, String)> {
        let budget = self.budget.as_ref().filter(|budget| budget.tokens.is_some_and(|budget| budget >= tokens))?;
        let is_lowered = self.asked().is_none_or(|asked| asked > tokens);
        is_lowered.then(|| (budget.value.clone(), tokens.saturating_sub(1).max(BUDGET_MIN).to_string()))
    }

    /// A member may not be there twice, so a null is written over.
    fn new_limit(&self, field: OutputField, tokens: u64) -> (Range<usize>, String) {
        let null = match field {
            OutputField::MaxCompletionTokens => &self.max_completion_tokens,
            OutputField::ResponseMaxTokens => &self.max_output_tokens,
            _ => &self.max_tokens,
        };
        match (null, field.parent()) {
            (Some(limit), _) => (limit.value.clone(), tokens.to_string()),
            (None, Some(parent)) => self.new_in(parent, field, tokens),
            (None, None) => (self.first_member..self.first_member, format!("\"{}\":{tokens},", field.name())),
        }
    }

    fn new_in(&self, parent: &str, field: OutputField, tokens: u64) -> (Range<usize>, String) {
        let member = format!("\"{}\":{tokens}", field.name());
        match &self.parent {
            ParentObject::Absent => (self.first_member..self.first_member, format!("\"{parent}\":{{{member}}},")),
            ParentObject::Null(value) => (value.clone(), format!("{{{member}}}")),
            ParentObject::Object { at, is_only: true } => (*at..*at, member),
            ParentObject::Object { at, is_only: false } => (*at..*at, format!("{member},")),
        }
    }
}

/// The least that may be thought (Anthropic, "extended thinking").
pub const BUDGET_MIN: u64 = 1_024;
