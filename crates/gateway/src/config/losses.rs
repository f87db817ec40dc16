//! `losses`: what becomes of a request that a deployment's dialect or model cannot be told in full.

use super::reader::Section;

/// What is done where a part of a request would be left out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Losses {
    /// It is left out, and the answer's head says so.
    #[default]
    Report,
    /// The deployment is left out.
    Refuse,
}

impl Losses {
    pub(super) fn read(section: &Section<'_>) -> Self {
        section.choice("losses", &[("report", Self::Report), ("refuse", Self::Refuse)]).unwrap_or_default()
    }
}
