//! Reads a request.

use super::super::blocks;
use crate::{
    chat::{DecodeFault, Dialect, Effort, Extra, Format, Json, Request, Role, Text, Tool, ToolBody, ToolChoice, Turns},
    json::{Kind, Malformed, Object, Reader},
    wire,
};

/// Reads the body of `Converse` or `ConverseStream`. Model and streaming are left to be set.
///
/// # Errors
/// When it is not JSON, or `messages`, `system` or the tools have another shape than the dialect says. What a value may
/// be is not judged.
pub fn decode_request(body: &[u8]) -> Result<Request<'_>, DecodeFault> {
    let mut request = Request::new(Dialect::Bedrock);
    let mut turns = Turns::default();
    let mut reader = Reader::new(body)?;
    if reader.kind()? != Kind::Object {
        return Err(DecodeFault::shape("body", "an object"));
    }
    reader.object(|reader, name| {
        match name {
            "messages" => messages(reader, &mut turns)?,
            "system" => request.system = blocks::content(reader).map_err(|fault| fault.within("system"))?,
            "inferenceConfig" => inference(reader, &mut request)?,
            "toolConfig" => tools(reader, &mut request)?,
            "outputConfig" => output(reader, &mut request)?,
            "additionalModelRequestFields" => additional(reader, &mut request)?,
            "serviceTier" => request.service_tier = wire::member_text(reader.raw()?, "type")?,
            "model" => request.model = wire::need_text(reader, "model")?,
            _ => wire::extra(&mut request.extra, reader, name)?,
        }
        Ok::<_, DecodeFault>(())
    })?;
    reader.end()?;
    request.turns = turns.turns;
    Ok(request)
}

fn messages<'a>(reader: &mut Reader<'a>, turns: &mut Turns<'a>) -> Result<(), DecodeFault> {
    if reader.kind()? != Kind::Array {
        return Err(DecodeFault::shape("messages", "a list"));
    }
    let mut index = 0;
    reader.array(|reader| {
        let read = message(reader, turns).map_err(|fault| fault.within(format_args!("messages.{index}")));
        index += 1;
        read
    })
}

fn message<'a>(reader: &mut Reader<'a>, turns: &mut Turns<'a>) -> Result<(), DecodeFault> {
    if reader.kind()? != Kind::Object {
        return Err(DecodeFault::shape("", "an object"));
    }
    let (mut role, mut parts, mut extra) = (None, Vec::new(), Extra::default());
    reader.object(|reader, name| {
        match name {
            "role" => role = Some(wire::need_text(reader, "role")?),
            "content" => parts = blocks::content(reader)?,
            _ => wire::extra(&mut extra, reader, name)?,
        }
        Ok::<_, DecodeFault>(())
    })?;
    let role = match role.as_ref().map(Text::written) {
        Some("user") => Role::User,
        Some("assistant") => Role::Assistant,
        _ => return Err(DecodeFault::shape("role", "`user` or `assistant`")),
    };
    turns.push(role, parts, extra);
    Ok(())
}

fn inference<'a>(reader: &mut Reader<'a>, request: &mut Request<'a>) -> Result<(), Malformed> {
    wire::members(reader, |reader, name| {
        match name {
            "maxTokens" => request.output_max = wire::whole(reader)?,
            "temperature" => request.sampling.temperature = wire::json(reader)?,
            "topP" => request.sampling.top_p = wire::json(reader)?,
            "stopSequences" => wire::elements(reader, |reader| {
                request.stop.extend(wire::text(reader)?);
                Ok::<_, Malformed>(())
            })?,
            _ => reader.pass()?,
        }
        Ok(())
    })
}

fn tools<'a>(reader: &mut Reader<'a>, request: &mut Request<'a>) -> Result<(), DecodeFault> {
    wire::members(reader, |reader, name| {
        match name {
            "tools" if reader.kind()? == Kind::Array => {
                let mut index = 0;
                reader.array(|reader| {
                    if reader.kind()? != Kind::Object {
                        return Err(DecodeFault::shape(format!("tools.{index}"), "an object"));
                    }
                    index += 1;
                    Ok(tool(reader.raw()?, &mut request.tools)?)
                })?;
            }
            "tools" => return Err(DecodeFault::shape("tools", "a list")),
            "toolChoice" => {
                let raw = reader.raw()?;
                request.tool_choice = choice(raw)?;
            }
            _ => reader.pass()?,
        }
        Ok(())
    })
}

fn tool<'a>(raw: &'a str, tools: &mut Vec<Tool<'a>>) -> Result<(), Malformed> {
    if let Some(keep) = blocks::keep(raw)? {
        if let Some(last) = tools.last_mut() {
            last.keep = Some(keep);
        }
        return Ok(());
    }
    let mut body = None;
    let mut extra = Extra::default();
    wire::members(&mut Reader::of(raw), |reader, name| {
        if name != "toolSpec" {
            return reader.pass();
        }
        let (mut tool_name, mut description, mut schema, mut strict) = (Text::default(), None, None, None);
        wire::members(reader, |reader, name| {
            match name {
                "name" => tool_name = wire::text(reader)?.unwrap_or_default(),
                "description" => description = wire::text(reader)?,
                "strict" => strict = wire::bool(reader)?,
                "inputSchema" => wire::members(reader, |reader, name| match name {
                    "json" => wire::json(reader).map(|json| schema = json),
                    _ => reader.pass(),
                })?,
                _ => wire::extra(&mut extra, reader, name)?,
            }
            Ok::<_, Malformed>(())
        })?;
        body = Some(ToolBody::Function { name: tool_name, description, schema, strict });
        Ok(())
    })?;
    let body = body.unwrap_or_else(|| ToolBody::Opaque { dialect: Dialect::Bedrock, json: Json::passed(raw) });
    tools.push(Tool { body, keep: None, extra });
    Ok(())
}

fn choice<'a>(raw: &'a str) -> Result<Option<ToolChoice<'a>>, Malformed> {
    let mut choice = None;
    wire::members(&mut Reader::of(raw), |reader, name| {
        choice = match name {
            "auto" => Some(ToolChoice::Auto),
            "any" => Some(ToolChoice::Required),
            "tool" => {
                choice = wire::member_text(reader.raw()?, "name")?.map(ToolChoice::Named);
                return Ok(());
            }
            _ => None,
        };
        reader.pass()
    })?;
    let opaque = || ToolChoice::Opaque { dialect: Dialect::Bedrock, json: Json::passed(raw) };
    Ok(choice.or_else(|| (raw != "null").then(opaque)))
}

/// `outputConfig.textFormat`, whose schema is a string.
fn output<'a>(reader: &mut Reader<'a>, request: &mut Request<'a>) -> Result<(), Malformed> {
    let raw = reader.raw()?;
    let (mut schema, mut title, mut description) = (None, None, None);
    wire::members(&mut Reader::of(raw), |reader, name| match name {
        "textFormat" => wire::members(reader, |reader, name| match name {
            "structure" => wire::members(reader, |reader, name| match name {
                "jsonSchema" => wire::members(reader, |reader, name| {
                    match name {
                        "schema" => schema = wire::text(reader)?,
                        "name" => title = wire::text(reader)?,
                        "description" => description = wire::text(reader)?,
                        _ => reader.pass()?,
                    }
                    Ok::<_, Malformed>(())
                }),
                _ => reader.pass(),
            }),
            _ => reader.pass(),
        }),
        _ => reader.pass(),
    })?;
    let schema = schema.and_then(|schema| Json::read(schema.decode().into_owned()).ok());
    request.format = Some(match schema {
        Some(schema) => Format::JsonSchema { name: title, description, schema, strict: None },
        None => Format::Opaque { dialect: Dialect::Bedrock, json: Json::passed(raw) },
    });
    Ok(())
}

/// What Converse has no words for, in a Claude's.
fn additional<'a>(reader: &mut Reader<'a>, request: &mut Request<'a>) -> Result<(), Malformed> {
    let mut rest = Vec::new();
    wire::members(reader, |reader, name| {
        match name {
            "top_k" => request.sampling.top_k = wire::json(reader)?,
            "thinking" => {
                let raw = reader.raw()?;
                let kind = wire::member_text(raw, "type")?;
                let reasoning = request.reasoning.get_or_insert_default();
                match kind.as_ref().map(Text::written) {
                    Some("adaptive") => reasoning.is_adaptive = true,
                    Some("disabled") => reasoning.effort = Some(Effort::None),
                    _ => wire::members(&mut Reader::of(raw), |reader, name| match name {
                        "budget_tokens" => wire::whole(reader).map(|budget| reasoning.budget = budget),
                        _ => reader.pass(),
                    })?,
                }
            }
            "output_config" => {
                let effort = wire::member_text(reader.raw()?, "effort")?;
                let effort = effort.and_then(|effort| Effort::from_name(&effort.decode()));
                if effort.is_some() {
                    request.reasoning.get_or_insert_default().effort = effort;
                }
            }
            _ => rest.push((name.to_owned(), reader.raw()?)),
        }
        Ok::<_, Malformed>(())
    })?;
    if !rest.is_empty() {
        let mut out = Vec::new();
        let mut object = Object::new(&mut out);
        rest.iter().for_each(|(name, raw)| object.foreign(name, raw));
        object.end();
        request.extra.push("additionalModelRequestFields", Json::built(out));
    }
    Ok(())
}
