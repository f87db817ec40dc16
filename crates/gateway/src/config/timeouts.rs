//! The timers of one attempt: a provider's, with a model's own in their place.

use std::time::Duration;

use super::reader::Section;

/// The timers of one attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timeouts {
    /// TCP connection.
    pub connect: Duration,
    /// TLS handshake.
    pub tls: Duration,
    /// From the request's last byte to the head of the answer.
    pub headers: Duration,
    /// From the request's last byte to the first content.
    pub first_content: Duration,
    /// Longest silence between two signs of progress: pieces of content, and beginnings and ends of its parts.
    pub idle: Duration,
    /// Longest silence on the wire, pings and comments included; `None` for providers that do not ping.
    pub transport_idle: Option<Duration>,
    /// The whole attempt.
    pub total: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            tls: Duration::from_secs(5),
            headers: Duration::from_secs(30),
            first_content: Duration::from_secs(60),
            idle: Duration::from_secs(60),
            transport_idle: None,
            total: Duration::from_secs(30 * 60),
        }
    }
}

impl Timeouts {
    /// What reasoning models and servers that load a model on demand need before their first content.
    const PATIENT_FIRST_CONTENT: Duration = Duration::from_secs(300);
    const PATIENT_IDLE: Duration = Duration::from_secs(120);
    const MESSAGES_IDLE: Duration = Duration::from_secs(300);

    /// These, as far as nothing was written, with the patience that a reasoning model needs.
    pub(super) fn for_reasoning(self) -> Self {
        Self {
            first_content: self.first_content.max(Self::PATIENT_FIRST_CONTENT),
            idle: self.idle.max(Self::PATIENT_IDLE),
            ..self
        }
    }

    /// These, with the patience that Anthropic's streams need: while a long argument of a tool is put together, or while
    /// the model thinks and shows none of it, only pings come, for minutes. Anthropic's own agent waits for 300 s (Claude
    /// Code, "LLM gateway").
    pub(super) fn for_messages(self) -> Self {
        Self { idle: self.idle.max(Self::MESSAGES_IDLE), ..self }
    }

    /// These, with the patience that a local server needs to load a model.
    pub(super) fn for_cold_loads(self) -> Self {
        Self { first_content: self.first_content.max(Self::PATIENT_FIRST_CONTENT), ..self }
    }
}

/// The timers that were written; the others stay what they are.
#[derive(Debug, Clone, Default)]
pub(super) struct TimeoutsWritten {
    connect: Option<Duration>,
    tls: Option<Duration>,
    headers: Option<Duration>,
    first_content: Option<Duration>,
    idle: Option<Duration>,
    transport_idle: Option<Duration>,
    total: Option<Duration>,
}

impl TimeoutsWritten {
    pub(super) fn read(section: Section<'_>) -> Self {
        let written = Self {
            connect: section.duration("connect"),
            tls: section.duration("tls"),
            headers: section.duration("headers"),
            first_content: section.duration("first_content"),
            idle: section.duration("idle"),
            transport_idle: section.duration("transport_idle"),
            total: section.duration("total"),
        };
        section.finish();
        written
    }

    /// These, and where these are silent, those.
    pub(super) fn or(&self, those: &Self) -> Self {
        Self {
            connect: self.connect.or(those.connect),
            tls: self.tls.or(those.tls),
            headers: self.headers.or(those.headers),
            first_content: self.first_content.or(those.first_content),
            idle: self.idle.or(those.idle),
            transport_idle: self.transport_idle.or(those.transport_idle),
            total: self.total.or(those.total),
        }
    }

    /// `defaults` with what was written in their place.
    pub(super) fn over(&self, defaults: Timeouts) -> Timeouts {
        Timeouts {
            connect: self.connect.unwrap_or(defaults.connect),
            tls: self.tls.unwrap_or(defaults.tls),
            headers: self.headers.unwrap_or(defaults.headers),
            first_content: self.first_content.unwrap_or(defaults.first_content),
            idle: self.idle.unwrap_or(defaults.idle),
            transport_idle: self.transport_idle.or(defaults.transport_idle),
            total: self.total.unwrap_or(defaults.total),
        }
    }
}
