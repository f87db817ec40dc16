//! Tools and the choice among them.

use crate::{
    chat::{DecodeFault, Dialect, Extra, Json, Text, Tool, ToolBody, ToolChoice},
    json::{Kind, Malformed, Reader},
    wire,
};

pub(super) fn read<'a>(reader: &mut Reader<'a>) -> Result<Vec<Tool<'a>>, DecodeFault> {
    let mut tools = Vec::new();
    match reader.kind()? {
        Kind::Array => reader.array(|reader| {
            if reader.kind()? != Kind::Object {
                return Err(DecodeFault::shape(format!("tools.{}", tools.len()), "an object"));
            }
            tools.push(tool(reader)?);
            Ok(())
        })?,
        Kind::Null => reader.pass()?,
        _ => return Err(DecodeFault::shape("tools", "a list")),
    }
    Ok(tools)
}

fn tool<'a>(reader: &mut Reader<'a>) -> Result<Tool<'a>, Malformed> {
    let (mut kind, mut extra) = (None, Extra::default());
    let (mut tool_name, mut description, mut schema, mut strict) = (Text::default(), None, None, None);
    let ((), raw) = reader.with_raw(|reader| {
        reader.object(|reader, name| match name {
            "function" | "custom" => wire::members(reader, |reader, name| {
                match name {
                    "name" => tool_name = wire::text(reader)?.unwrap_or_default(),
                    "description" => description = wire::text(reader)?,
                    "parameters" | "format" => schema = wire::json(reader)?,
                    "strict" => strict = wire::bool(reader)?,
                    _ => reader.pass()?,
                }
                Ok::<_, Malformed>(())
            }),
            "type" => wire::text(reader).map(|text| kind = text),
            _ => wire::extra(&mut extra, reader, name),
        })
    })?;
    let body = match kind.as_ref().map(Text::written) {
        Some("function") | None => ToolBody::Function { name: tool_name, description, schema, strict },
        Some("custom") => ToolBody::Custom { name: tool_name, description, format: schema },
        Some(_) => {
            let body = ToolBody::Opaque { dialect: Dialect::OpenaiChat, json: Json::passed(raw) };
            return Ok(Tool { body, keep: None, extra: Extra::default() });
        }
    };
    Ok(Tool { body, keep: None, extra })
}

pub(super) fn choice<'a>(reader: &mut Reader<'a>) -> Result<Option<ToolChoice<'a>>, Malformed> {
    let opaque = |raw| ToolChoice::Opaque { dialect: Dialect::OpenaiChat, json: Json::passed(raw) };
    let is_word = reader.kind()? == Kind::String;
    let raw = reader.raw()?;
    if raw == "null" {
        return Ok(None);
    }
    if is_word {
        return Ok(Some(match raw {
            "\"auto\"" => ToolChoice::Auto,
            "\"none\"" => ToolChoice::None,
            "\"required\"" | "\"any\"" => ToolChoice::Required,
            _ => opaque(raw),
        }));
    }
    let (mut named, mut names, mut must) = (None, None, false);
    wire::members(&mut Reader::of(raw), |reader, name| match name {
        "function" | "custom" => function_name(reader).map(|name| named = name),
        "allowed_tools" => wire::members(reader, |reader, name| match name {
            "mode" => wire::text(reader).map(|mode| must = mode.is_some_and(|mode| mode.is("required"))),
            "tools" => {
                let names = names.insert(Vec::new());
                wire::elements(reader, |reader| {
                    wire::members(reader, |reader, name| match name {
                        "function" | "custom" => function_name(reader).map(|name| names.extend(name)),
                        _ => reader.pass(),
                    })
                })
            }
            _ => reader.pass(),
        }),
        _ => reader.pass(),
    })?;
    Ok(Some(match (named, names) {
        (Some(name), _) => ToolChoice::Named(name),
        (None, Some(names)) => ToolChoice::Among { names, must },
        (None, None) => opaque(raw),
    }))
}

fn function_name<'a>(reader: &mut Reader<'a>) -> Result<Option<Text<'a>>, Malformed> {
    let mut found = None;
    wire::members(reader, |reader, name| match name {
        "name" => wire::text(reader).map(|name| found = name),
        _ => reader.pass(),
    })?;
    Ok(found)
}
