//! Bodies as they were written, with what who goes on with them need not look for.

use std::ops::Range;

use crate::usage::CostPlace;

/// A request as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrittenRequest {
    pub body: Vec<u8>,
    /// Where members stand that are the model's alone, for [`crate::openai::Request::scan_written`]: most of the body, and of
    /// nothing that who sends it has to know.
    pub(crate) prompt: Vec<Range<usize>>,
}

impl WrittenRequest {
    /// What is empty is not left unread: no server takes a conversation of nothing, and its caller is to know.
    pub(crate) fn new(body: Vec<u8>, mut prompt: Vec<Range<usize>>) -> Self {
        prompt.retain(|member| !body[member.clone()].ends_with(b":[]"));
        Self { body, prompt }
    }

    /// A body of which nothing is known.
    pub(crate) fn unread(body: Vec<u8>) -> Self {
        Self { body, prompt: Vec::new() }
    }
}

/// An answer as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrittenAnswer {
    pub body: Vec<u8>,
    /// Where its cost goes, for [`crate::openai::with_cost`]; `None` where there is no usage object.
    pub cost_place: Option<CostPlace>,
}
