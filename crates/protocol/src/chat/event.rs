//! A streamed answer, event by event.

use super::{Annotation, Body, Dialect, Issuer, Json, Logprob, Problem, Signature, Stop, Text, ToolCallKind};
use crate::usage::Usage;

/// One step of a streamed answer.
///
/// Order: `Start`, then parts, each begun and ended once with its deltas between, `Stop` for every choice (after its
/// parts, unless a careless server says more), and `End`. Several parts may be open at once. `Usage` may come anywhere, and the last one counts. After `Error` nothing
/// follows. Only `End` makes an answer whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    Start(Start<'a>),
    /// Parts are numbered from 0 in the order of their beginnings, over all choices.
    PartStart {
        part: u32,
        choice: u32,
        kind: PartKind<'a>,
    },
    Text {
        part: u32,
        text: Text<'a>,
    },
    /// A piece of the JSON text of a tool call's arguments.
    Arguments {
        part: u32,
        text: Text<'a>,
    },
    Thinking {
        part: u32,
        text: Text<'a>,
    },
    /// Of a thinking part, a text or a tool call. Whole.
    Signature {
        part: u32,
        signature: Signature<'a>,
    },
    Annotation {
        part: u32,
        annotation: Annotation<'a>,
    },
    Refusal {
        part: u32,
        text: Text<'a>,
    },
    /// Of the tokens of the text that comes next in a choice, or of what came last where no text follows.
    Logprobs {
        choice: u32,
        tokens: Vec<Logprob<'a>>,
    },
    PartEnd {
        part: u32,
    },
    /// Everything counted so far.
    Usage(Usage),
    Stop {
        choice: u32,
        stop: Stop<'a>,
    },
    /// The upstream says that it failed.
    Error(Problem<'a>),
    /// The typed end of the whole answer.
    End,
    /// An event that only its own dialect knows, as written.
    Opaque {
        dialect: Dialect,
        json: Json<'a>,
    },
}

/// What is known before the first part.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Start<'a> {
    pub id: Option<Text<'a>>,
    pub model: Option<Text<'a>>,
    /// Unix seconds.
    pub created: Option<i64>,
}

impl Start<'_> {
    /// The same with what it does not say as `other` says it.
    #[must_use]
    pub fn or(self, other: &Start<'static>) -> Self {
        Self {
            id: self.id.or_else(|| other.id.clone()),
            model: self.model.or_else(|| other.model.clone()),
            created: self.created.or(other.created),
        }
    }
}

/// What a part will be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PartKind<'a> {
    Text,
    Thinking,
    /// Comes whole.
    SealedThinking {
        data: Signature<'a>,
    },
    ToolCall {
        id: Text<'a>,
        name: Text<'a>,
        kind: ToolCallKind,
    },
    Refusal,
    /// Comes whole: an image, a sound.
    Whole(Box<Body<'static>>),
    /// Its deltas are [`Event::Opaque`].
    Opaque {
        dialect: Dialect,
        json: Json<'a>,
    },
}

impl Event<'_> {
    /// Whether it shows the caller something of the answer. Blank events and frames around content do not.
    pub fn is_content(&self) -> bool {
        match self {
            Self::Text { text, .. } | Self::Arguments { text, .. } => !text.is_empty(),
            Self::Thinking { text, .. } | Self::Refusal { text, .. } => !text.is_empty(),
            Self::PartStart { kind, .. } => {
                matches!(kind, PartKind::ToolCall { .. } | PartKind::Whole(_) | PartKind::Opaque { .. })
            }
            _ => false,
        }
    }

    /// The same event, its signature marked with the deployment it came from.
    #[must_use]
    pub fn stamped(mut self, issuer: Issuer) -> Self {
        match &mut self {
            Self::Signature { signature, .. }
            | Self::PartStart { kind: PartKind::SealedThinking { data: signature }, .. } => {
                signature.issuer.get_or_insert(issuer);
            }
            _ => {}
        }
        self
    }

    pub fn into_owned(self) -> Event<'static> {
        match self {
            Self::Start(start) => Event::Start(Start {
                id: start.id.map(Text::into_owned),
                model: start.model.map(Text::into_owned),
                created: start.created,
            }),
            Self::PartStart { part, choice, kind } => Event::PartStart { part, choice, kind: kind.into_owned() },
            Self::Text { part, text } => Event::Text { part, text: text.into_owned() },
            Self::Arguments { part, text } => Event::Arguments { part, text: text.into_owned() },
            Self::Thinking { part, text } => Event::Thinking { part, text: text.into_owned() },
            Self::Signature { part, signature } => Event::Signature { part, signature: signature.into_owned() },
            Self::Annotation { part, annotation } => Event::Annotation { part, annotation: annotation.into_owned() },
            Self::Refusal { part, text } => Event::Refusal { part, text: text.into_owned() },
            Self::Logprobs { choice, tokens } => {
                Event::Logprobs { choice, tokens: tokens.into_iter().map(Logprob::into_owned).collect() }
            }
            Self::PartEnd { part } => Event::PartEnd { part },
            Self::Usage(usage) => Event::Usage(usage),
            Self::Stop { choice, stop } => Event::Stop { choice, stop: stop.into_owned() },
            Self::Error(problem) => Event::Error(problem.into_owned()),
            Self::End => Event::End,
            Self::Opaque { dialect, json } => Event::Opaque { dialect, json: json.into_owned() },
        }
    }
}

impl PartKind<'_> {
    pub fn into_owned(self) -> PartKind<'static> {
        match self {
            Self::Text => PartKind::Text,
            Self::Thinking => PartKind::Thinking,
            Self::SealedThinking { data } => PartKind::SealedThinking { data: data.into_owned() },
            Self::ToolCall { id, name, kind } => {
                PartKind::ToolCall { id: id.into_owned(), name: name.into_owned(), kind }
            }
            Self::Refusal => PartKind::Refusal,
            Self::Whole(body) => PartKind::Whole(body),
            Self::Opaque { dialect, json } => PartKind::Opaque { dialect, json: json.into_owned() },
        }
    }
}
