//! The content of a message: a string, or a list of parts.

use super::super::reasoning::Said;
use crate::{
    chat::{Body, DecodeFault, Dialect, Extra, Json, Keep, Part, Source, Text},
    json::{Kind, Malformed, Reader},
    wire,
};

/// Reads `content` and appends its parts.
pub(in super::super) fn parts<'a>(reader: &mut Reader<'a>, parts: &mut Vec<Part<'a>>) -> Result<(), DecodeFault> {
    match reader.kind()? {
        Kind::String => {
            let text = Text::from(reader.string()?);
            if !text.is_empty() {
                parts.push(Part::text(text));
            }
        }
        Kind::Array => {
            let mut index = 0;
            reader.array(|reader| {
                if reader.kind()? != Kind::Object {
                    return Err(DecodeFault::shape(format!("content.{index}"), "an object"));
                }
                index += 1;
                part(reader.raw()?, parts).map_err(DecodeFault::from)
            })?;
        }
        Kind::Null => reader.pass()?,
        _ => return Err(DecodeFault::shape("content", "a string or a list of parts")),
    }
    Ok(())
}

fn part<'a>(raw: &'a str, parts: &mut Vec<Part<'a>>) -> Result<(), Malformed> {
    let kind = wire::member_text(raw, "type")?.unwrap_or_default();
    let mut keep = None;
    let mut extra = Extra::default();
    let reader = &mut Reader::of(raw);
    let body = match kind.written() {
        "text" => {
            let mut text = Text::default();
            reader.object(|reader, name| match name {
                "text" => wire::text(reader).map(|found| text = found.unwrap_or_default()),
                _ => other(&mut keep, &mut extra, reader, name),
            })?;
            Body::Text { text, annotations: Vec::new(), signature: None }
        }
        "refusal" => {
            let mut text = Text::default();
            reader.object(|reader, name| match name {
                "refusal" => wire::text(reader).map(|found| text = found.unwrap_or_default()),
                _ => other(&mut keep, &mut extra, reader, name),
            })?;
            Body::Refusal(text)
        }
        "thinking" => {
            let mut said = Said::default();
            reader.object(|reader, name| match name {
                "thinking" => said.take_thinking(reader),
                _ => reader.pass(),
            })?;
            said.into_parts(parts);
            return Ok(());
        }
        "image_url" => {
            let (mut url, mut detail) = (None, None);
            reader.object(|reader, name| match name {
                "image_url" if reader.kind()? == Kind::String => wire::text(reader).map(|found| url = found),
                "image_url" => wire::members(reader, |reader, name| match name {
                    "url" => wire::text(reader).map(|found| url = found),
                    "detail" => wire::text(reader).map(|found| detail = found),
                    _ => reader.pass(),
                }),
                _ => other(&mut keep, &mut extra, reader, name),
            })?;
            Body::Image { source: Source::of_url(url.unwrap_or_default()), detail }
        }
        "input_audio" => {
            let (mut data, mut format) = (Text::default(), Text::default());
            reader.object(|reader, name| match name {
                "input_audio" => wire::members(reader, |reader, name| match name {
                    "data" => wire::text(reader).map(|found| data = found.unwrap_or_default()),
                    "format" => wire::text(reader).map(|found| format = found.unwrap_or_default()),
                    _ => reader.pass(),
                }),
                _ => other(&mut keep, &mut extra, reader, name),
            })?;
            let media_type = Text::plain(format!("audio/{}", format.decode()));
            Body::Audio { source: Source::Inline { media_type, data } }
        }
        "file" => {
            let (mut source, mut name) = (None, None);
            reader.object(|reader, member| match member {
                "file" => wire::members(reader, |reader, member| match member {
                    "file_data" => {
                        wire::text(reader).map(|data| source = data.map(Source::of_url).or_else(|| source.take()))
                    }
                    "file_id" => wire::text(reader).map(|id| source = source.take().or_else(|| id.map(Source::Handle))),
                    "filename" => wire::text(reader).map(|found| name = found),
                    _ => reader.pass(),
                }),
                _ => other(&mut keep, &mut extra, reader, member),
            })?;
            Body::File { source: source.unwrap_or_else(|| Source::Handle(Text::default())), name }
        }
        _ => Body::Opaque { dialect: Dialect::OpenaiChat, json: Json::passed(raw) },
    };
    parts.push(Part { body, keep, extra });
    Ok(())
}

fn other<'a>(
    keep: &mut Option<Keep>,
    extra: &mut Extra<'a>,
    reader: &mut Reader<'a>,
    name: &str,
) -> Result<(), Malformed> {
    match name {
        "type" => reader.pass(),
        // OpenRouter and others take Anthropic's words.
        "prompt_cache_breakpoint" | "cache_control" => Keep::read(reader).map(|found| *keep = found.or(*keep)),
        _ => wire::extra(extra, reader, name),
    }
}
