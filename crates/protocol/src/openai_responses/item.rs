//! Items: what a conversation is made of here, in a request's input and in an answer's output alike.

use super::{namespace::qualified, reference};
use crate::{
    chat::{
        Annotation, Arguments, Body, DecodeFault, Dialect, Extra, Json, Keep, Logprob, Part, Role, Signature, Source,
        Text, ToolCall, ToolCallKind, ToolResult, openai_logprobs,
    },
    json::{self, Array, Kind, Malformed, Object, Reader},
    wire,
};

/// Who said an item, and what.
pub(super) struct Item<'a> {
    pub(super) role: Role,
    pub(super) parts: Vec<Part<'a>>,
    pub(super) extra: Extra<'a>,
}

#[derive(Default)]
struct Members<'a> {
    kind: Text<'a>,
    role: Option<Text<'a>>,
    content: Option<Content<'a>>,
    call_id: Text<'a>,
    name: Text<'a>,
    namespace: Option<Text<'a>>,
    arguments: Text<'a>,
    output: Option<Content<'a>>,
    summary: Option<&'a str>,
    encrypted: Option<Text<'a>>,
    extra: Extra<'a>,
}

/// What stands where content may, before it is known to be such: the kind of an item may come after it.
#[derive(Clone, Copy)]
enum Content<'a> {
    /// Read at once: what tools give back is long.
    Text(json::Text<'a>),
    Other(&'a str),
}

impl<'a> Content<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, Malformed> {
        Ok(match reader.kind()? {
            Kind::String => Self::Text(reader.string()?),
            _ => Self::Other(reader.raw()?),
        })
    }

    fn list(self) -> Option<&'a str> {
        match self {
            Self::Text(_) => None,
            Self::Other(raw) => Some(raw),
        }
    }
}

impl<'a> Members<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, Malformed> {
        let mut item = Self::default();
        wire::members(reader, |reader, name| {
            match name {
                "type" => item.kind = wire::text(reader)?.unwrap_or_default(),
                "role" => item.role = wire::text(reader)?,
                "content" => item.content = Some(Content::read(reader)?),
                "call_id" => item.call_id = wire::text(reader)?.unwrap_or_default(),
                "name" => item.name = wire::text(reader)?.unwrap_or_default(),
                "namespace" => item.namespace = wire::text(reader)?,
                "arguments" | "input" => item.arguments = wire::text(reader)?.unwrap_or_default(),
                "output" => item.output = Some(Content::read(reader)?),
                "summary" => item.summary = Some(reader.raw()?),
                "encrypted_content" => item.encrypted = wire::text(reader)?,
                _ => wire::extra(&mut item.extra, reader, name)?,
            }
            Ok::<_, Malformed>(())
        })?;
        Ok(item)
    }
}

/// Reads one item of an answer, whose messages are the assistant's whether they say so or not.
pub(super) fn read_output<'a>(reader: &mut Reader<'a>) -> Result<Item<'a>, DecodeFault> {
    let (mut item, raw) = reader.with_raw(Members::read)?;
    if item.kind.is("message") {
        item.role.get_or_insert_with(|| Text::plain("assistant"));
    } else if !item.kind.is_empty() && is_part(item.kind.written()) {
        // What its message should hold.
        let part = part(&mut Reader::of(raw))?;
        return Ok(Item { role: Role::Assistant, parts: vec![part], extra: Extra::default() });
    }
    turned(raw, item)
}

/// Reads one item.
pub(super) fn read<'a>(reader: &mut Reader<'a>) -> Result<Item<'a>, DecodeFault> {
    let (item, raw) = reader.with_raw(Members::read)?;
    turned(raw, item)
}

fn turned<'a>(raw: &'a str, item: Members<'a>) -> Result<Item<'a>, DecodeFault> {
    let one = |role, body| Item { role, parts: vec![Part::new(body)], extra: Extra::default() };
    let kind = item.kind.written();
    Ok(match kind {
        "message" | "" if item.role.is_some() => return message(item),
        "" if item.extra.find("id").is_some() => {
            let mut out = Vec::new();
            let mut object = Object::new(&mut out);
            object.word("type", reference::KIND);
            wire::write_extra(&mut object, &item.extra);
            object.end();
            one(Role::Assistant, Body::Opaque { dialect: Dialect::OpenaiResponses, json: Json::built(out) })
        }
        "function_call" | "custom_tool_call" => {
            let kind = if kind == "function_call" { ToolCallKind::Function } else { ToolCallKind::Custom };
            let (id, name) = (item.call_id, qualified(item.namespace, item.name));
            let arguments = Arguments::Text(item.arguments);
            let body = Body::ToolCall(ToolCall { id, name, arguments, kind, signature: None });
            Item {
                role: Role::Assistant,
                parts: vec![Part { body, keep: None, extra: item.extra }],
                extra: Extra::default(),
            }
        }
        "function_call_output" | "custom_tool_call_output" => {
            let kind = if kind == "function_call_output" { ToolCallKind::Function } else { ToolCallKind::Custom };
            let mut content = Vec::new();
            if let Some(output) = item.output {
                self::content(output, &mut content).map_err(|fault| fault.within("output"))?;
            }
            let result = ToolResult { id: item.call_id, name: None, content, is_error: false, kind };
            Item {
                role: Role::User,
                parts: vec![Part { body: Body::ToolResult(result), keep: None, extra: item.extra }],
                extra: Extra::default(),
            }
        }
        "reasoning" => {
            let (body, _) = reasoning(&item)?;
            Item {
                role: Role::Assistant,
                parts: vec![Part { body, keep: None, extra: item.extra }],
                extra: Extra::default(),
            }
        }
        _ => {
            let role =
                if kind.ends_with("_output") || kind == "mcp_approval_response" { Role::User } else { Role::Assistant };
            one(role, Body::Opaque { dialect: Dialect::OpenaiResponses, json: Json::passed(raw) })
        }
    })
}

/// How likely the tokens of an item's texts were.
pub(super) fn logprobs<'a>(raw: &'a str, tokens: &mut Vec<Logprob<'a>>) -> Result<(), Malformed> {
    // Nearly every item says that there are none.
    if memchr::memmem::find(raw.as_bytes(), b"\"logprob\"").is_none() {
        return Ok(());
    }
    wire::members(&mut Reader::of(raw), |reader, name| match name {
        "content" => wire::elements(reader, |reader| part_logprobs(reader, tokens)),
        _ => reader.pass(),
    })
}

/// The same of one part.
pub(super) fn part_logprobs<'a>(reader: &mut Reader<'a>, tokens: &mut Vec<Logprob<'a>>) -> Result<(), Malformed> {
    wire::members(reader, |reader, name| match name {
        "logprobs" => openai_logprobs::read(reader, tokens),
        _ => reader.pass(),
    })
}

/// A signature that stands as an item of its own after the part it belongs to.
pub(super) fn signature_after<'a>(part: &Part<'a>) -> Option<Signature<'a>> {
    match &part.body {
        Body::SealedThinking { data } if data.issuer.is_none() => Signature::read_after_part(&data.text),
        _ => None,
    }
}

fn message<'a>(item: Members<'a>) -> Result<Item<'a>, DecodeFault> {
    let role = match item.role.as_ref().map(Text::written) {
        Some("user") => Role::User,
        Some("assistant") => Role::Assistant,
        Some("system" | "developer") => Role::System,
        _ => return Err(DecodeFault::shape("role", "`user`, `assistant`, `system` or `developer`")),
    };
    let mut parts = Vec::new();
    if let Some(content) = item.content {
        self::content(content, &mut parts)?;
    }
    // An id and a state of its own do not keep a message from its neighbours.
    let extra = item.extra.without(&["id", "status"]);
    Ok(Item { role, parts, extra })
}

/// The words of a whole reasoning item.
pub(super) fn thought<'a>(raw: &'a str) -> Result<Option<Text<'a>>, Malformed> {
    let mut item = Members::default();
    wire::members(&mut Reader::of(raw), |reader, name| {
        match name {
            "summary" if reader.kind()? == Kind::Array => item.summary = Some(reader.raw()?),
            "content" if reader.kind()? == Kind::Array => item.content = Some(Content::read(reader)?),
            _ => reader.pass()?,
        }
        Ok::<_, Malformed>(())
    })?;
    Ok(match reasoning(&item)? {
        (Body::Thinking { text, .. }, true) => Some(text),
        _ => None,
    })
}

/// The thought of an item; whether it has words.
fn reasoning<'a>(item: &Members<'a>) -> Result<(Body<'a>, bool), Malformed> {
    let mut text: Option<Text<'a>> = None;
    let content = item.content.and_then(Content::list);
    for list in [item.summary, content].into_iter().flatten() {
        wire::elements(&mut Reader::of(list), |reader| {
            if let Some(more) = wire::member_text(reader.raw()?, "text")? {
                match &mut text {
                    None => text = Some(more),
                    Some(text) => {
                        text.push(&Text::plain("\n\n"));
                        text.push(&more);
                    }
                }
            }
            Ok::<_, Malformed>(())
        })?;
    }
    let signature = item.encrypted.clone().filter(|sealed| !sealed.is_empty()).map(Signature::read);
    Ok(match (text, signature) {
        (None, Some(data)) => (Body::SealedThinking { data }, false),
        (text, signature) => (Body::Thinking { text: text.unwrap_or_default(), signature }, true),
    })
}

/// Whether what only this dialect knows is an item, as opposed to a part of a message.
pub(super) fn is_item(json: &Json<'_>) -> bool {
    let kind = wire::member_text(json.as_str(), "type").ok().flatten().unwrap_or_default();
    !is_part(kind.written())
}

fn is_part(kind: &str) -> bool {
    kind.starts_with("input_") || kind.starts_with("output_") || PARTS.contains(&kind)
}

/// Whether it is an item that is read here, which no vendor takes for a part of another.
fn is_known_item(json: &Json<'_>) -> bool {
    const KNOWN: [&str; 6] = [
        "message",
        "function_call",
        "custom_tool_call",
        "function_call_output",
        "custom_tool_call_output",
        "reasoning",
    ];
    let kind = wire::member_text(json.as_str(), "type").ok().flatten().unwrap_or_default();
    KNOWN.contains(&kind.written())
}

/// Parts of messages that are told from items by no beginning of their names. What names no type is a part: items that
/// name none are messages.
const PARTS: [&str; 7] =
    ["", "text", "refusal", "summary_text", "reasoning_text", "computer_screenshot", "encrypted_content"];

/// The same as an item of an answer: a part in a message of its own.
pub(super) fn as_item<'j>(json: &'j Json<'_>, id: &str) -> Json<'j> {
    if is_item(json) {
        return json.share();
    }
    let mut out = Vec::new();
    let mut message = Object::new(&mut out);
    message.word("type", "message");
    message.word("id", id);
    message.word("role", "assistant");
    message.word("status", "completed");
    let mut list = message.array("content");
    json.write(list.next());
    list.end();
    message.end();
    Json::built(out)
}

/// Reads the content of a message or a result: a string or a list of parts.
fn content<'a>(content: Content<'a>, parts: &mut Vec<Part<'a>>) -> Result<(), DecodeFault> {
    let raw = match content {
        Content::Text(text) => {
            parts.extend(Some(Text::from(text)).filter(|text| !text.is_empty()).map(Part::text));
            return Ok(());
        }
        Content::Other(raw) => raw,
    };
    let reader = &mut Reader::of(raw);
    match reader.kind()? {
        Kind::Array => reader.array(|reader| {
            if reader.kind()? != Kind::Object {
                return Err(DecodeFault::shape(format!("content.{}", parts.len()), "an object"));
            }
            let part = part(reader)?;
            if matches!(&part.body, Body::Opaque { json, .. } if is_known_item(json)) {
                return Err(DecodeFault::shape(format!("content.{}", parts.len()), "a part of a message, not an item"));
            }
            parts.push(part);
            Ok(())
        }),
        Kind::Null => Ok(reader.pass()?),
        _ => Err(DecodeFault::shape("content", "a string or a list of parts")),
    }
}

/// Reads one part of a content.
pub(super) fn part<'a>(reader: &mut Reader<'a>) -> Result<Part<'a>, Malformed> {
    let (mut kind, mut text, mut keep, mut extra) = (Text::default(), Text::default(), None, Extra::default());
    let (mut image, mut detail, mut handle, mut data, mut url, mut file) = (None, None, None, None, None, None);
    let mut annotations = Vec::new();
    let mut audio = None;
    let member = |reader: &mut Reader<'a>, name: &str| {
        match name {
            "type" => kind = wire::text(reader)?.unwrap_or_default(),
            "text" | "refusal" => text = wire::text(reader)?.unwrap_or_default(),
            "image_url" => image = wire::text(reader)?,
            // Said where it must be, as what it is without.
            "detail" => detail = wire::text(reader)?.filter(|detail| !detail.is("auto")),
            "file_id" => handle = wire::text(reader)?,
            "file_data" => data = wire::text(reader)?,
            "file_url" => url = wire::text(reader)?,
            "filename" => file = wire::text(reader)?,
            "input_audio" => audio = Some(reader.raw()?),
            "annotations" => wire::elements(reader, |reader| {
                annotations.push(annotation(reader.raw()?)?);
                Ok::<_, Malformed>(())
            })?,
            "logprobs" => reader.pass()?,
            "prompt_cache_breakpoint" => keep = Keep::read(reader)?,
            _ => wire::extra(&mut extra, reader, name)?,
        }
        Ok::<_, Malformed>(())
    };
    let ((), raw) = reader.with_raw(|reader| wire::members(reader, member))?;
    let body = match kind.written() {
        "input_text" | "output_text" | "text" => Body::Text { text, annotations, signature: None },
        "refusal" => Body::Refusal(text),
        "input_image" if image.is_some() || handle.is_some() => Body::Image {
            source: match image {
                Some(url) => Source::of_url(url),
                None => Source::Handle(handle.unwrap_or_default()),
            },
            detail,
        },
        "input_file" => Body::File {
            source: match (data, url) {
                (Some(data), _) => Source::of_url(data),
                (None, Some(url)) => Source::Url(url),
                (None, None) => Source::Handle(handle.unwrap_or_default()),
            },
            name: file,
        },
        "input_audio" => {
            let raw = audio.unwrap_or("{}");
            let format = wire::member_text(raw, "format")?.unwrap_or_default();
            let data = wire::member_text(raw, "data")?.unwrap_or_default();
            let media_type = Text::plain(format!("audio/{}", format.decode()));
            Body::Audio { source: Source::Inline { media_type, data } }
        }
        _ => {
            let body = Body::Opaque { dialect: Dialect::OpenaiResponses, json: Json::passed(raw) };
            return Ok(Part::new(body));
        }
    };
    Ok(Part { body, keep, extra })
}

/// Reads an annotation.
pub(super) fn annotation<'a>(raw: &'a str) -> Result<Annotation<'a>, Malformed> {
    let (mut kind, mut url, mut title, mut start, mut end) = (Text::default(), None, None, None, None);
    wire::members(&mut Reader::of(raw), |reader, name| {
        match name {
            "type" => kind = wire::text(reader)?.unwrap_or_default(),
            "url" => url = wire::text(reader)?,
            "title" => title = wire::text(reader)?,
            "start_index" => start = wire::whole(reader)?,
            "end_index" => end = wire::whole(reader)?,
            _ => reader.pass()?,
        }
        Ok::<_, Malformed>(())
    })?;
    Ok(match url {
        Some(url) if kind.is("url_citation") => Annotation::Url { url, title, start, end, raw: None },
        _ => Annotation::Opaque { dialect: Dialect::OpenaiResponses, json: Json::passed(raw) },
    })
}

/// Writes an annotation; whether this dialect can say it.
pub(super) fn write_annotation(out: &mut Vec<u8>, annotation: &Annotation<'_>) -> bool {
    match annotation {
        Annotation::Opaque { dialect: Dialect::OpenaiResponses, json } => json.write(out),
        Annotation::Opaque { .. } => return false,
        Annotation::Url { url, title, start, end, .. } => {
            let mut object = Object::new(out);
            object.word("type", "url_citation");
            object.text("url", url);
            object.text("title", title.as_ref().unwrap_or(url));
            object.number("start_index", start.unwrap_or(0));
            object.number("end_index", end.unwrap_or(0));
            object.end();
        }
    }
    true
}

/// Writes an item of reasoning. A thought without words has an empty summary, a sealed one has none.
pub(super) fn write_reasoning(object: &mut Object<'_>, text: Option<&Text<'_>>, sealed: Option<&Text<'_>>) {
    object.word("type", "reasoning");
    let mut list: Array<'_> = object.array("summary");
    if let Some(text) = text {
        let mut part = list.object();
        part.word("type", "summary_text");
        part.text("text", text);
        part.end();
    }
    list.end();
    object.text_if("encrypted_content", sealed);
}
