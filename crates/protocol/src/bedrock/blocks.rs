//! Content blocks, read and written.

use crate::{
    chat::{
        Arguments, Body, DecodeFault, Dialect, Extra, Json, Keep, Lifetimes, Losses, Part, Signature, Source, Text,
        ToolCall, ToolCallKind, ToolResult,
    },
    json::{Kind, Malformed, Object, Reader},
    wire,
};

/// Formats of documents with their media types.
const DOCUMENTS: [(&str, &str); 9] = [
    ("pdf", "application/pdf"),
    ("txt", "text/plain"),
    ("md", "text/markdown"),
    ("html", "text/html"),
    ("csv", "text/csv"),
    ("doc", "application/msword"),
    ("docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    ("xls", "application/vnd.ms-excel"),
    ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
];

/// Reads a list of blocks.
pub(super) fn content<'a>(reader: &mut Reader<'a>) -> Result<Vec<Part<'a>>, DecodeFault> {
    let mut parts: Vec<Part<'a>> = Vec::new();
    if reader.kind()? != Kind::Array {
        return Err(DecodeFault::shape("content", "a list"));
    }
    reader.array(|reader| {
        if reader.kind()? != Kind::Object {
            return Err(DecodeFault::shape(format!("content.{}", parts.len()), "an object"));
        }
        let raw = reader.raw()?;
        match (keep(raw)?, parts.last_mut()) {
            (Some(keep), Some(last)) => last.keep = Some(keep),
            (Some(_), None) => {}
            (None, _) => parts.push(block(raw)?),
        }
        Ok(())
    })?;
    Ok(parts)
}

/// A `cachePoint`, which marks the block before it.
pub(super) fn keep(raw: &str) -> Result<Option<Keep>, Malformed> {
    let mut keep = None;
    wire::members(&mut Reader::of(raw), |reader, name| {
        if name != "cachePoint" {
            return reader.pass();
        }
        keep = Keep::read(reader)?;
        Ok::<_, Malformed>(())
    })?;
    Ok(keep)
}

/// A document's name as Converse takes it: letters, digits, hyphens, brackets and single spaces.
pub(super) fn document_name<'t>(name: Option<&'t Text<'t>>) -> Text<'t> {
    let Some(name) = name.filter(|name| !name.is_empty()) else { return Text::plain("document") };
    let is_known = |c: char| c.is_ascii_alphanumeric() || "-()[]".contains(c);
    let words = name.decode();
    let known: String = words.chars().map(|c| if is_known(c) { c } else { ' ' }).collect();
    let known = known.split_whitespace().collect::<Vec<_>>().join(" ");
    if known == *words {
        return name.share();
    }
    Text::plain(if known.is_empty() { "document".to_owned() } else { known })
}

/// The block that marks the one before it.
pub(super) fn cache_point(keep: Keep, path: impl FnOnce() -> String, losses: &mut Losses) -> &'static str {
    match keep.ttl(Lifetimes::Claude, path, losses) {
        None => r#"{"cachePoint":{"type":"default"}}"#,
        Some("1h") => r#"{"cachePoint":{"type":"default","ttl":"1h"}}"#,
        Some(_) => r#"{"cachePoint":{"type":"default","ttl":"5m"}}"#,
    }
}

/// Reads one block: an object with one member that says what it is.
pub(super) fn block<'a>(raw: &'a str) -> Result<Part<'a>, DecodeFault> {
    let mut body = None;
    let mut extra = Extra::default();
    wire::members(&mut Reader::of(raw), |reader, name| {
        match name {
            "text" => body = wire::text(reader)?.map(|text| Part::text(text).body),
            "image" => body = media(reader, true)?,
            "document" => body = media(reader, false)?,
            "toolUse" => body = Some(Body::ToolCall(tool_use(reader)?)),
            "toolResult" => body = Some(Body::ToolResult(tool_result(reader)?)),
            "reasoningContent" => body = reasoning(reader)?,
            _ => wire::extra(&mut extra, reader, name)?,
        }
        Ok::<_, DecodeFault>(())
    })?;
    Ok(match body {
        Some(body) => Part { body, keep: None, extra },
        None => Part::new(Body::Opaque { dialect: Dialect::Bedrock, json: Json::passed(raw) }),
    })
}

fn media<'a>(reader: &mut Reader<'a>, is_image: bool) -> Result<Option<Body<'a>>, Malformed> {
    let (mut format, mut data, mut text, mut title) = (Text::default(), None, None, None);
    wire::members(reader, |reader, name| {
        match name {
            "format" => format = wire::text(reader)?.unwrap_or_default(),
            "name" => title = wire::text(reader)?,
            "source" => wire::members(reader, |reader, name| {
                match name {
                    "bytes" => data = wire::text(reader)?,
                    "text" => text = wire::text(reader)?,
                    _ => reader.pass()?,
                }
                Ok::<_, Malformed>(())
            })?,
            _ => reader.pass()?,
        }
        Ok::<_, Malformed>(())
    })?;
    let media_type = || {
        let format = format.decode();
        let known = DOCUMENTS.iter().find(|(name, _)| *name == format).map(|(_, media_type)| (*media_type).to_owned());
        let kind = if is_image { "image" } else { "application" };
        Text::plain(known.filter(|_| !is_image).unwrap_or_else(|| format!("{kind}/{format}")))
    };
    let source = match (data, text) {
        (Some(data), _) => Source::Inline { media_type: media_type(), data },
        (None, Some(text)) => Source::Plain(text),
        (None, None) => return Ok(None),
    };
    Ok(Some(if is_image { Body::Image { source, detail: None } } else { Body::File { source, name: title } }))
}

/// The name of a media type here; `None` when it has none.
pub(super) fn format_of(media_type: &Text<'_>, is_image: bool) -> Option<String> {
    let media_type = media_type.decode();
    if is_image {
        let format = media_type.strip_prefix("image/")?;
        return Some(if format == "jpg" { "jpeg".to_owned() } else { format.to_owned() });
    }
    DOCUMENTS.iter().find(|(_, known)| *known == media_type).map(|(name, _)| (*name).to_owned())
}

fn tool_use<'a>(reader: &mut Reader<'a>) -> Result<ToolCall<'a>, Malformed> {
    let (mut id, mut tool_name, mut input) = (Text::default(), Text::default(), Json::passed("{}"));
    wire::members(reader, |reader, name| {
        match name {
            "toolUseId" => id = wire::text(reader)?.unwrap_or_default(),
            "name" => tool_name = wire::text(reader)?.unwrap_or_default(),
            "input" => input = Json::passed(reader.raw()?),
            _ => reader.pass()?,
        }
        Ok::<_, Malformed>(())
    })?;
    let arguments = Arguments::Value(input);
    Ok(ToolCall { id, name: tool_name, arguments, kind: ToolCallKind::Function, signature: None })
}

fn tool_result<'a>(reader: &mut Reader<'a>) -> Result<ToolResult<'a>, DecodeFault> {
    let (mut id, mut content, mut is_error) = (Text::default(), Vec::new(), false);
    wire::members(reader, |reader, name| {
        match name {
            "toolUseId" => id = wire::text(reader)?.unwrap_or_default(),
            "content" => wire::elements(reader, |reader| {
                let raw = reader.raw()?;
                let mut json = None;
                wire::members(&mut Reader::of(raw), |reader, name| match name {
                    "json" => reader.raw().map(|raw| json = Some(raw)),
                    _ => reader.pass(),
                })?;
                content.push(match json {
                    Some(json) => Part::text(Text::plain(json)),
                    None => block(raw)?,
                });
                Ok::<_, DecodeFault>(())
            })?,
            "status" => is_error = wire::text(reader)?.is_some_and(|status| status.is("error")),
            _ => reader.pass()?,
        }
        Ok::<_, DecodeFault>(())
    })?;
    Ok(ToolResult { id, name: None, content, is_error, kind: ToolCallKind::Function })
}

fn reasoning<'a>(reader: &mut Reader<'a>) -> Result<Option<Body<'a>>, Malformed> {
    let mut body = None;
    wire::members(reader, |reader, name| {
        match name {
            "reasoningText" => {
                let (mut text, mut signature) = (Text::default(), None);
                wire::members(reader, |reader, name| {
                    match name {
                        "text" => text = wire::text(reader)?.unwrap_or_default(),
                        "signature" => signature = wire::text(reader)?.filter(|text| !text.is_empty()),
                        _ => reader.pass()?,
                    }
                    Ok::<_, Malformed>(())
                })?;
                body = Some(Body::Thinking { text, signature: signature.map(Signature::read) });
            }
            "redactedContent" => {
                body = wire::text(reader)?.map(|data| Body::SealedThinking { data: Signature::read(data) });
            }
            _ => reader.pass()?,
        }
        Ok::<_, Malformed>(())
    })?;
    Ok(body)
}

/// Writes the members of a reasoning block.
pub(super) fn write_reasoning(object: &mut Object<'_>, text: Option<&Text<'_>>, mark: Option<&Text<'_>>) {
    let mut content = object.object("reasoningContent");
    match text {
        Some(text) => {
            let mut inner = content.object("reasoningText");
            inner.text("text", text);
            inner.text_if("signature", mark);
            inner.end();
        }
        None => content.text_if("redactedContent", mark),
    }
    content.end();
}

/// Writes the members of a tool call. Whether its arguments were an object.
pub(super) fn write_call(object: &mut Object<'_>, call: &ToolCall<'_>) -> bool {
    let mut tool = object.object("toolUse");
    tool.text("toolUseId", &call.id);
    tool.text("name", &call.name);
    let is_object = match (call.kind, call.arguments.as_object()) {
        (ToolCallKind::Custom, _) => {
            tool.raw("input", &crate::openai_chat::wrapped_input(&call.arguments.as_text()).decode());
            true
        }
        (ToolCallKind::Function, Some(input)) => {
            tool.json("input", &input);
            true
        }
        (ToolCallKind::Function, None) => {
            tool.raw("input", "{}");
            false
        }
    };
    tool.end();
    is_object
}
