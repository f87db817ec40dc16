//! Content blocks, read.

use crate::{
    chat::{
        Annotation, Arguments, Body, DecodeFault, Dialect, Extra, Json, Keep, Lifetimes, Losses, Part, Signature,
        Source, Text, ToolCall, ToolCallKind, ToolResult,
    },
    json::{Kind, Malformed, Object, Reader},
    wire,
};

/// Writes `cache_control`.
pub(crate) fn write_keep(object: &mut Object<'_>, keep: Keep, path: impl FnOnce() -> String, losses: &mut Losses) {
    let value = match keep.ttl(Lifetimes::Claude, path, losses) {
        None => r#"{"type":"ephemeral"}"#,
        Some("1h") => r#"{"type":"ephemeral","ttl":"1h"}"#,
        Some(_) => r#"{"type":"ephemeral","ttl":"5m"}"#,
    };
    object.raw("cache_control", value);
}

/// Reads content: a string or a list of blocks.
pub(super) fn content<'a>(reader: &mut Reader<'a>) -> Result<Vec<Part<'a>>, DecodeFault> {
    let mut parts = Vec::new();
    match reader.kind()? {
        Kind::String => parts.push(Part::text(reader.string()?.into())),
        Kind::Array => reader.array(|reader| {
            if reader.kind()? != Kind::Object {
                return Err(DecodeFault::shape(format!("content.{}", parts.len()), "an object"));
            }
            let part = block(reader)?;
            push(&mut parts, part);
            Ok(())
        })?,
        Kind::Null => reader.pass()?,
        _ => return Err(DecodeFault::shape("content", "a string or a list of blocks")),
    }
    Ok(parts)
}

/// Adds a block; one that only holds the signature of the block before goes back to where it belongs.
fn push<'a>(parts: &mut Vec<Part<'a>>, part: Part<'a>) {
    if let Body::SealedThinking { data } = &part.body
        && data.issuer.is_none()
        && let Some(signature) = Signature::read_after_part(&data.text)
        && let Some(Part {
            body: Body::ToolCall(ToolCall { signature: slot, .. }) | Body::Text { signature: slot, .. },
            ..
        }) = parts.last_mut()
    {
        *slot = Some(signature);
        return;
    }
    parts.push(part);
}

/// What any block may say.
#[derive(Default)]
struct Block<'a> {
    text: Text<'a>,
    thinking: Text<'a>,
    signature: Option<Text<'a>>,
    data: Text<'a>,
    id: Text<'a>,
    name: Text<'a>,
    input: Option<Json<'a>>,
    content: Vec<Part<'a>>,
    is_error: bool,
    source: Option<Source<'a>>,
    title: Option<Text<'a>>,
    annotations: Vec<Annotation<'a>>,
}

/// Reads one block.
pub(super) fn block<'a>(reader: &mut Reader<'a>) -> Result<Part<'a>, DecodeFault> {
    let kind = wire::member_text(reader.rest(), "type")?.unwrap_or_default();
    let kind = kind.decode();
    let mut keep = None;
    let mut extra = Extra::default();
    let mut block = Block::default();
    let member = |reader: &mut Reader<'a>, name: &str| {
        match (&*kind, name) {
            (_, "type") => reader.pass()?,
            (_, "cache_control") => keep = Keep::read(reader)?,
            ("text", "text") => block.text = wire::text(reader)?.unwrap_or_default(),
            ("text", "citations") => block.annotations = citations(reader)?,
            ("thinking", "thinking") => block.thinking = wire::text(reader)?.unwrap_or_default(),
            ("thinking", "signature") => block.signature = wire::text(reader)?.filter(|text| !text.is_empty()),
            ("redacted_thinking", "data") => block.data = wire::text(reader)?.unwrap_or_default(),
            ("tool_use", "id") | ("tool_result", "tool_use_id") => block.id = wire::text(reader)?.unwrap_or_default(),
            ("tool_use", "name") => block.name = wire::text(reader)?.unwrap_or_default(),
            ("tool_use", "input") => block.input = wire::json(reader)?,
            ("tool_result", "content") => block.content = content(reader)?,
            ("tool_result", "is_error") => block.is_error = wire::bool(reader)? == Some(true),
            ("image" | "document", "source") => block.source = source(reader)?,
            ("document", "title") => block.title = wire::text(reader)?,
            _ => wire::extra(&mut extra, reader, name)?,
        }
        Ok::<_, DecodeFault>(())
    };
    let ((), raw) = reader.with_raw(|reader| reader.object(member))?;
    let body = match &*kind {
        "text" => Body::Text { text: block.text, annotations: block.annotations, signature: None },
        "thinking" => Body::Thinking { text: block.thinking, signature: block.signature.map(Signature::read) },
        "redacted_thinking" => Body::SealedThinking { data: Signature::read(block.data) },
        "tool_use" => Body::ToolCall(ToolCall {
            id: block.id,
            name: block.name,
            arguments: Arguments::Value(block.input.unwrap_or_else(|| Json::passed("{}"))),
            kind: ToolCallKind::Function,
            signature: None,
        }),
        "tool_result" => Body::ToolResult(ToolResult {
            id: block.id,
            name: None,
            content: block.content,
            is_error: block.is_error,
            kind: ToolCallKind::Function,
        }),
        "image" if block.source.is_some() => {
            Body::Image { source: block.source.expect("it was just seen"), detail: None }
        }
        "document" if block.source.is_some() => {
            Body::File { source: block.source.expect("it was just seen"), name: block.title }
        }
        _ => {
            let body = Body::Opaque { dialect: Dialect::Anthropic, json: Json::passed(raw) };
            return Ok(Part { body, keep: None, extra: Extra::default() });
        }
    };
    Ok(Part { body, keep, extra })
}

/// Reads a `source`; `None` for one of a kind that only this dialect has.
fn source<'a>(reader: &mut Reader<'a>) -> Result<Option<Source<'a>>, Malformed> {
    let (mut kind, mut media_type, mut data, mut url, mut file) = (None, None, None, None, None);
    wire::members(reader, |reader, name| {
        match name {
            "type" => kind = wire::text(reader)?,
            "media_type" => media_type = wire::text(reader)?,
            "data" => data = wire::text(reader)?,
            "url" => url = wire::text(reader)?,
            "file_id" => file = wire::text(reader)?,
            _ => reader.pass()?,
        }
        Ok::<_, Malformed>(())
    })?;
    Ok(match kind.as_ref().map(Text::written) {
        Some("base64") => {
            Some(Source::Inline { media_type: media_type.unwrap_or_default(), data: data.unwrap_or_default() })
        }
        Some("text") => data.map(Source::Plain),
        Some("url") => url.map(Source::Url),
        Some("file") => file.map(Source::Handle),
        _ => None,
    })
}

fn citations<'a>(reader: &mut Reader<'a>) -> Result<Vec<Annotation<'a>>, Malformed> {
    let mut found = Vec::new();
    wire::elements(reader, |reader| {
        found.push(citation(reader.raw()?)?);
        Ok::<_, Malformed>(())
    })?;
    Ok(found)
}

/// Reads one citation. Its offsets are those of the source, not of the text.
pub(super) fn citation<'a>(raw: &'a str) -> Result<Annotation<'a>, Malformed> {
    let json = Json::passed(raw);
    let (mut url, mut title) = (None, None);
    wire::members(&mut Reader::of(raw), |reader, name| {
        match name {
            "url" => url = wire::text(reader)?,
            "title" => title = wire::text(reader)?,
            _ => reader.pass()?,
        }
        Ok::<_, Malformed>(())
    })?;
    Ok(match url {
        Some(url) => Annotation::Url { url, title, start: None, end: None, raw: Some((Dialect::Anthropic, json)) },
        None => Annotation::Opaque { dialect: Dialect::Anthropic, json },
    })
}
