//! Tools and the choice among them, read.

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
            tools.push(read_tool(reader)?);
            Ok(())
        })?,
        Kind::Null => reader.pass()?,
        _ => return Err(DecodeFault::shape("tools", "a list")),
    }
    Ok(tools)
}

/// Reads one tool.
pub(in super::super) fn read_tool<'a>(reader: &mut Reader<'a>) -> Result<Tool<'a>, Malformed> {
    let (mut kind, mut tool_name, mut description) = (Text::default(), Text::default(), None);
    let (mut schema, mut format, mut strict, mut extra) = (None, None, None, Extra::default());
    let member = |reader: &mut Reader<'a>, name: &str| {
        match name {
            "type" => kind = wire::text(reader)?.unwrap_or_default(),
            "name" => tool_name = wire::text(reader)?.unwrap_or_default(),
            "description" => description = wire::text(reader)?,
            "parameters" => schema = wire::json(reader)?,
            "format" => format = wire::json(reader)?,
            "strict" => strict = wire::bool(reader)?,
            _ => wire::extra(&mut extra, reader, name)?,
        }
        Ok::<_, Malformed>(())
    };
    let ((), raw) = reader.with_raw(|reader| wire::members(reader, member))?;
    let body = match kind.written() {
        "function" => ToolBody::Function { name: tool_name, description, schema, strict },
        "custom" => ToolBody::Custom { name: tool_name, description, format },
        _ => {
            let body = ToolBody::Opaque { dialect: Dialect::OpenaiResponses, json: Json::passed(raw) };
            return Ok(Tool { body, keep: None, extra: Extra::default() });
        }
    };
    Ok(Tool { body, keep: None, extra })
}

pub(super) fn choice<'a>(reader: &mut Reader<'a>) -> Result<Option<ToolChoice<'a>>, Malformed> {
    let raw = reader.raw()?;
    let opaque = ToolChoice::Opaque { dialect: Dialect::OpenaiResponses, json: Json::passed(raw) };
    match raw {
        "null" => return Ok(None),
        "\"auto\"" => return Ok(Some(ToolChoice::Auto)),
        "\"none\"" => return Ok(Some(ToolChoice::None)),
        "\"required\"" => return Ok(Some(ToolChoice::Required)),
        _ => {}
    }
    let (mut kind, mut named, mut must, mut names) = (Text::default(), None, false, Vec::new());
    wire::members(&mut Reader::of(raw), |reader, name| {
        match name {
            "type" => kind = wire::text(reader)?.unwrap_or_default(),
            "name" => named = wire::text(reader)?,
            "mode" => must = wire::text(reader)?.is_some_and(|mode| mode.is("required")),
            "tools" => wire::elements(reader, |reader| {
                names.extend(wire::member_text(reader.raw()?, "name")?);
                Ok::<_, Malformed>(())
            })?,
            _ => reader.pass()?,
        }
        Ok::<_, Malformed>(())
    })?;
    Ok(Some(match (kind.written(), named) {
        ("function" | "custom", Some(name)) => ToolChoice::Named(name),
        ("allowed_tools", _) => ToolChoice::Among { names, must },
        _ => opaque,
    }))
}
