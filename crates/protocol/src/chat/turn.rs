//! Turns of a conversation and the parts they are made of.

use super::{Arguments, Dialect, Extra, Json, Signature, Text};

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// The operator's word between turns; what stands before them all is [`super::Request::system`].
    System,
    /// The user, and the results of tools.
    User,
    Assistant,
}

/// What one side said before the other spoke.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn<'a> {
    pub role: Role,
    pub parts: Vec<Part<'a>>,
    pub extra: Extra<'a>,
}

/// One piece of a turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part<'a> {
    pub body: Body<'a>,
    /// The prompt cache keeps what stands up to here.
    pub keep: Option<Keep>,
    pub extra: Extra<'a>,
}

/// How long a prompt cache keeps what is marked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Keep {
    /// As long as the vendor likes.
    Default,
    /// Anthropic's and Bedrock's shorter time; OpenAI's is half an hour.
    FiveMinutes,
    /// OpenAI's shorter time.
    HalfHour,
    /// Anthropic's and Bedrock's longer time; OpenAI's is half a day.
    Hour,
    /// OpenAI's longer time.
    HalfDay,
}

/// What a part is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body<'a> {
    Text {
        text: Text<'a>,
        annotations: Vec<Annotation<'a>>,
        signature: Option<Signature<'a>>,
    },
    Image {
        source: Source<'a>,
        detail: Option<Text<'a>>,
    },
    Audio {
        source: Source<'a>,
    },
    File {
        source: Source<'a>,
        name: Option<Text<'a>>,
    },
    ToolCall(ToolCall<'a>),
    ToolResult(ToolResult<'a>),
    /// The model's own reasoning, in words it lets be seen.
    Thinking {
        text: Text<'a>,
        signature: Option<Signature<'a>>,
    },
    /// Reasoning that nobody but its maker can read.
    SealedThinking {
        data: Signature<'a>,
    },
    Refusal(Text<'a>),
    /// Something that only its own dialect knows.
    Opaque {
        dialect: Dialect,
        json: Json<'a>,
    },
}

/// Where bytes of an image, a sound or a file are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source<'a> {
    /// In base64.
    Inline {
        media_type: Text<'a>,
        data: Text<'a>,
    },
    Url(Text<'a>),
    /// A name that the vendor gave when the file was uploaded there.
    Handle(Text<'a>),
    /// The words themselves.
    Plain(Text<'a>),
}

/// A source of something in an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Annotation<'a> {
    /// A page; offsets count characters of the text. `raw` is the dialect's own form, which may say more.
    Url {
        url: Text<'a>,
        title: Option<Text<'a>>,
        start: Option<u64>,
        end: Option<u64>,
        raw: Option<(Dialect, Json<'a>)>,
    },
    Opaque {
        dialect: Dialect,
        json: Json<'a>,
    },
}

/// The model asks for a tool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolCall<'a> {
    pub id: Text<'a>,
    pub name: Text<'a>,
    pub arguments: Arguments<'a>,
    pub kind: ToolCallKind,
    pub signature: Option<Signature<'a>>,
}

/// What its arguments are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ToolCallKind {
    /// A JSON object.
    #[default]
    Function,
    /// Any text.
    Custom,
}

/// What a tool gave back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolResult<'a> {
    /// The call's id.
    pub id: Text<'a>,
    /// The tool's name, where the dialect says it again.
    pub name: Option<Text<'a>>,
    pub content: Vec<Part<'a>>,
    pub is_error: bool,
    pub kind: ToolCallKind,
}

impl<'a> Part<'a> {
    pub fn new(body: Body<'a>) -> Self {
        Self { body, keep: None, extra: Extra::default() }
    }

    pub fn text(text: Text<'a>) -> Self {
        Self::new(Body::Text { text, annotations: Vec::new(), signature: None })
    }

    /// Its text, when it is nothing else.
    pub fn as_text(&self) -> Option<&Text<'a>> {
        match &self.body {
            Body::Text { text, .. } => Some(text),
            _ => None,
        }
    }

    pub fn into_owned(self) -> Part<'static> {
        Part { body: self.body.into_owned(), keep: self.keep, extra: self.extra.into_owned() }
    }
}

impl Body<'_> {
    pub fn into_owned(self) -> Body<'static> {
        match self {
            Self::Text { text, annotations, signature } => Body::Text {
                text: text.into_owned(),
                annotations: annotations.into_iter().map(Annotation::into_owned).collect(),
                signature: signature.map(Signature::into_owned),
            },
            Self::Image { source, detail } => {
                Body::Image { source: source.into_owned(), detail: detail.map(Text::into_owned) }
            }
            Self::Audio { source } => Body::Audio { source: source.into_owned() },
            Self::File { source, name } => Body::File { source: source.into_owned(), name: name.map(Text::into_owned) },
            Self::ToolCall(call) => Body::ToolCall(call.into_owned()),
            Self::ToolResult(result) => Body::ToolResult(result.into_owned()),
            Self::Thinking { text, signature } => {
                Body::Thinking { text: text.into_owned(), signature: signature.map(Signature::into_owned) }
            }
            Self::SealedThinking { data } => Body::SealedThinking { data: data.into_owned() },
            Self::Refusal(text) => Body::Refusal(text.into_owned()),
            Self::Opaque { dialect, json } => Body::Opaque { dialect, json: json.into_owned() },
        }
    }

    /// Bytes of its content, as written.
    pub(crate) fn size(&self) -> usize {
        let inside = |source: &Source<'_>| match source {
            Source::Inline { data: text, .. } | Source::Url(text) | Source::Handle(text) | Source::Plain(text) => {
                text.written().len()
            }
        };
        match self {
            Self::Text { text, .. } | Self::Thinking { text, .. } | Self::Refusal(text) => text.written().len(),
            Self::Image { source, .. } | Self::Audio { source } | Self::File { source, .. } => inside(source),
            Self::ToolCall(call) => match &call.arguments {
                Arguments::Text(text) => text.written().len(),
                Arguments::Value(value) => value.as_str().len(),
            },
            Self::ToolResult(result) => result.content.iter().map(|part| part.body.size()).sum(),
            Self::SealedThinking { data } => data.text.written().len(),
            Self::Opaque { json, .. } => json.as_str().len(),
        }
    }

    /// What it is, for a loss.
    pub(crate) fn noun(&self) -> &'static str {
        match self {
            Self::Text { .. } => "text",
            Self::Image { .. } => "an image",
            Self::Audio { .. } => "audio",
            Self::File { .. } => "a file",
            Self::ToolCall(_) => "a tool call",
            Self::ToolResult(_) => "a tool result",
            Self::Thinking { .. } => "thinking",
            Self::SealedThinking { .. } => "sealed thinking",
            Self::Refusal(_) => "a refusal",
            Self::Opaque { .. } => "a part that only its own dialect knows",
        }
    }
}

impl Source<'_> {
    pub fn into_owned(self) -> Source<'static> {
        match self {
            Self::Inline { media_type, data } => {
                Source::Inline { media_type: media_type.into_owned(), data: data.into_owned() }
            }
            Self::Url(url) => Source::Url(url.into_owned()),
            Self::Handle(handle) => Source::Handle(handle.into_owned()),
            Self::Plain(text) => Source::Plain(text.into_owned()),
        }
    }
}

impl<'a> Source<'a> {
    /// A URL, or the bytes when it is a `data:` one in base64 (RFC 2397).
    pub(crate) fn of_url(url: Text<'a>) -> Self {
        // A writer that escapes the slashes writes them so in base64 as well.
        let url = if url.written().contains('\\') { Text::plain(url.decode().into_owned()) } else { url };
        let Some(rest) = url.written().strip_prefix("data:") else { return Self::Url(url) };
        let Some(comma) = rest.find(',') else { return Self::Url(url) };
        let Some(media_type) = rest[..comma].strip_suffix(";base64") else { return Self::Url(url) };
        let (from, length) = ("data:".len(), url.written().len());
        let to = from + media_type.len();
        Self::Inline { media_type: url.slice(from..to), data: url.slice(from + comma + 1..length) }
    }

    /// Writes it as a URL, with quotes; `false` when it has none.
    pub(crate) fn write_url(&self, out: &mut Vec<u8>) -> bool {
        match self {
            Self::Url(url) => url.write(out),
            Self::Inline { media_type, data } => write_data_url(out, media_type, data),
            Self::Handle(_) | Self::Plain(_) => return false,
        }
        true
    }
}

pub(crate) fn write_data_url(out: &mut Vec<u8>, media_type: &Text<'_>, data: &Text<'_>) {
    out.extend(b"\"data:");
    out.extend(media_type.written().bytes());
    out.extend(b";base64,");
    out.extend_from_slice(data.written().as_bytes());
    out.push(b'"');
}

impl Annotation<'_> {
    pub fn into_owned(self) -> Annotation<'static> {
        match self {
            Self::Url { url, title, start, end, raw } => Annotation::Url {
                url: url.into_owned(),
                title: title.map(Text::into_owned),
                start,
                end,
                raw: raw.map(|(dialect, json)| (dialect, json.into_owned())),
            },
            Self::Opaque { dialect, json } => Annotation::Opaque { dialect, json: json.into_owned() },
        }
    }
}

impl ToolCall<'_> {
    pub fn into_owned(self) -> ToolCall<'static> {
        ToolCall {
            id: self.id.into_owned(),
            name: self.name.into_owned(),
            arguments: self.arguments.into_owned(),
            kind: self.kind,
            signature: self.signature.map(Signature::into_owned),
        }
    }
}

impl ToolResult<'_> {
    pub fn into_owned(self) -> ToolResult<'static> {
        ToolResult {
            id: self.id.into_owned(),
            name: self.name.map(Text::into_owned),
            content: self.content.into_iter().map(Part::into_owned).collect(),
            is_error: self.is_error,
            kind: self.kind,
        }
    }
}

/// Puts a conversation together in its one canonical form: what one side said in a row is one turn, and what the
/// operator said before anybody spoke stands apart.
#[derive(Debug, Default)]
pub struct Turns<'a> {
    pub system: Vec<Part<'a>>,
    pub turns: Vec<Turn<'a>>,
}

impl<'a> Turns<'a> {
    /// Adds what `role` said. Turns with members of their own stay apart.
    pub fn push(&mut self, role: Role, parts: Vec<Part<'a>>, extra: Extra<'a>) {
        if role == Role::System && self.turns.is_empty() && extra.is_empty() {
            self.system.extend(parts);
            return;
        }
        match self.turns.last_mut() {
            Some(last) if last.role == role && last.extra.is_empty() && extra.is_empty() => last.parts.extend(parts),
            _ => self.turns.push(Turn { role, parts, extra }),
        }
    }
}
