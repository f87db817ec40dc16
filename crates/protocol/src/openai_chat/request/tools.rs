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
            tools.push(tool(reader.raw()?)?);
            Ok(())
        })?,
        Kind::Null => reader.pass()?,
        _ => return Err(DecodeFault::shape("tools", "a list")),
    }
    Ok(tools)
}

fn tool<'a>(raw: &'a str) -> Result<Tool<'a>, Malformed> {
    let kind = wire::member_text(raw, "type")?;
    let mut extra = Extra::default();
    let is_custom = match kind.as_ref().map(Text::written) {
        Some("function") | None => false,
        Some("custom") => true,
        Some(_) => {
            let body = ToolBody::Opaque { dialect: Dialect::OpenaiChat, json: Json::passed(raw) };
            return Ok(Tool { body, keep: None, extra });
        }
    };
    let (mut tool_name, mut description, mut schema, mut strict) = (Text::default(), None, None, None);
    wire::members(&mut Reader::new(raw.as_bytes())?, |reader, name| match name {
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
        "type" => reader.pass(),
        _ => wire::extra(&mut extra, reader, name),
    })?;
    let body = if is_custom {
        ToolBody::Custom { name: tool_name, description, format: schema }
    } else {
        ToolBody::Function { name: tool_name, description, schema, strict }
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
    wire::members(&mut Reader::new(raw.as_bytes())?, |reader, name| match name {
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
