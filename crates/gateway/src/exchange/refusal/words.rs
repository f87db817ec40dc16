//! An error in its provider's own words, for callers who speak them as well.
//!
//! Anthropic's agent reads more in errors than a gateway knows, and asks for them as they are (Claude Code, "LLM
//! gateway"): so what is a caller's own doing, and what says that too many ask, is not said again but passed on. What is
//! about the operator's account at the provider is not the caller's business.

use bytes::Bytes;
use roundelay_protocol::{
    chat::Dialect,
    failure::Class,
    translate::{decode_error, status},
};

/// An error as its provider wrote it, without secrets.
#[derive(Debug, Clone)]
pub(in super::super) struct Words {
    dialect: Dialect,
    pub(super) status: u16,
    pub(super) body: Bytes,
}

impl Words {
    /// Reads what a provider said with that status, or in a stream. `None` where it is no error of its dialect, which a
    /// page of an edge before it is not, or of dialects whose callers are told the gateway's own codes and waits.
    pub(in super::super) fn read(
        dialect: Dialect,
        head_status: u16,
        body: &[u8],
        mask: impl FnOnce(&str) -> String,
    ) -> Option<Self> {
        if !matches!(dialect, Dialect::Anthropic | Dialect::OpenaiResponses) {
            return None;
        }
        let kind = decode_error(dialect, body)?.kind;
        let status = if head_status >= 400 { head_status } else { status(kind, dialect) };
        let body = mask(std::str::from_utf8(body).ok()?).into();
        Some(Self { dialect, status, body })
    }

    /// These, if a caller of that dialect is to read them.
    pub(in super::super) fn fit_for(self, dialect: Dialect, class: Class) -> Option<Self> {
        let is_callers = matches!(class, Class::CallerBad | Class::CallerTooLong | Class::ContentPolicy);
        let is_said = is_callers && self.status < 500 || matches!(class, Class::Overload | Class::MidStreamError);
        (self.dialect == dialect && is_said).then_some(self)
    }
}
