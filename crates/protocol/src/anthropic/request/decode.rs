//! Reads a request.

use super::super::blocks;
use crate::{
    chat::{
        DecodeFault, Dialect, Effort, Extra, Format, Json, Keep, Request, Role, Text, Tool, ToolBody, ToolChoice, Turns,
    },
    json::{Kind, Malformed, Reader},
    wire,
};

/// Reads the body of `POST /v1/messages`, of either version.
///
/// # Errors
/// When it is not JSON, or `model`, `messages`, `system` or `tools` have another shape than the dialect says. What a
/// value may be is not judged.
pub fn decode_request(body: &[u8]) -> Result<Request<'_>, DecodeFault> {
    let mut request = Request::new(Dialect::Anthropic);
    let mut turns = Turns::default();
    let mut system = Vec::new();
    let mut reader = Reader::new(body)?;
    if reader.kind()? != Kind::Object {
        return Err(DecodeFault::shape("body", "an object"));
    }
    let mut thinking = None;
    reader.object(|reader, name| {
        match name {
            "system" => {
                system = blocks::content(reader).map_err(|fault| match fault {
                    DecodeFault::Shape { expected, .. } => DecodeFault::shape("system", expected),
                    fault @ DecodeFault::Malformed(_) => fault,
                })?;
            }
            "messages" => messages(reader, &mut turns)?,
            "thinking" => thinking = wire::json(reader)?,
            _ => member(&mut request, reader, name)?,
        }
        Ok::<_, DecodeFault>(())
    })?;
    reader.end()?;
    if let Some(thinking) = thinking {
        read_thinking(&mut request, thinking)?;
    }
    // A system turn before all others is the system prompt as well.
    system.extend(turns.system);
    (request.system, request.turns) = (system, turns.turns);
    Ok(request)
}

fn member<'a>(request: &mut Request<'a>, reader: &mut Reader<'a>, name: &str) -> Result<(), DecodeFault> {
    match name {
        "model" => request.model = wire::need_text(reader, "model")?,
        "max_tokens" => request.output_max = wire::whole(reader)?,
        "stream" => request.is_streaming = wire::bool(reader)? == Some(true),
        "temperature" => request.sampling.temperature = wire::json(reader)?,
        "top_p" => request.sampling.top_p = wire::json(reader)?,
        "top_k" => request.sampling.top_k = wire::json(reader)?,
        "stop_sequences" => wire::elements(reader, |reader| {
            request.stop.extend(wire::text(reader)?);
            Ok::<_, Malformed>(())
        })?,
        "tools" => request.tools = tools(reader)?,
        "tool_choice" => choice(request, reader)?,
        "output_config" => output_config(request, reader)?,
        "cache_control" => request.keep = Keep::read(reader)?,
        "metadata" => metadata(request, reader)?,
        "service_tier" => request.service_tier = wire::text(reader)?.map(tier),
        _ => wire::extra(&mut request.extra, reader, name)?,
    }
    Ok(())
}

/// Tiers are called as OpenAI calls them.
fn tier(tier: Text<'_>) -> Text<'_> {
    if tier.is("standard_only") { Text::plain("default") } else { tier }
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
        Some("system") => Role::System,
        _ => return Err(DecodeFault::shape("role", "`user`, `assistant` or `system`")),
    };
    turns.push(role, parts, extra);
    Ok(())
}

fn tools<'a>(reader: &mut Reader<'a>) -> Result<Vec<Tool<'a>>, DecodeFault> {
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
    let (mut keep, mut extra) = (None, Extra::default());
    let (mut kind, mut tool_name, mut description, mut schema, mut strict) = (None, Text::default(), None, None, None);
    let member = |reader: &mut Reader<'a>, name: &str| {
        match name {
            "type" => kind = wire::text(reader)?,
            "name" => tool_name = wire::text(reader)?.unwrap_or_default(),
            "description" => description = wire::text(reader)?,
            "input_schema" => schema = wire::json(reader)?,
            "strict" => strict = wire::bool(reader)?,
            "cache_control" => keep = Keep::read(reader)?,
            _ => wire::extra(&mut extra, reader, name)?,
        }
        Ok::<_, Malformed>(())
    };
    let ((), raw) = reader.with_raw(|reader| reader.object(member))?;
    if kind.is_some_and(|kind| !kind.is("custom")) {
        let body = ToolBody::Opaque { dialect: Dialect::Anthropic, json: Json::passed(raw) };
        return Ok(Tool { body, keep: None, extra: Extra::default() });
    }
    Ok(Tool { body: ToolBody::Function { name: tool_name, description, schema, strict }, keep, extra })
}

fn choice<'a>(request: &mut Request<'a>, reader: &mut Reader<'a>) -> Result<(), Malformed> {
    let raw = reader.raw()?;
    let (mut kind, mut tool_name) = (None, None);
    wire::members(&mut Reader::of(raw), |reader, name| {
        match name {
            "type" => kind = wire::text(reader)?,
            "name" => tool_name = wire::text(reader)?,
            "disable_parallel_tool_use" => request.parallel_tools = wire::bool(reader)?.map(|disabled| !disabled),
            _ => reader.pass()?,
        }
        Ok::<_, Malformed>(())
    })?;
    request.tool_choice = match (kind.as_ref().map(Text::written), tool_name) {
        (Some("auto"), _) => Some(ToolChoice::Auto),
        (Some("any"), _) => Some(ToolChoice::Required),
        (Some("none"), _) => Some(ToolChoice::None),
        (Some("tool"), Some(name)) => Some(ToolChoice::Named(name)),
        _ if raw == "null" => None,
        _ => Some(ToolChoice::Opaque { dialect: Dialect::Anthropic, json: Json::passed(raw) }),
    };
    Ok(())
}

fn output_config<'a>(request: &mut Request<'a>, reader: &mut Reader<'a>) -> Result<(), Malformed> {
    let mut rest = Vec::new();
    wire::members(reader, |reader, name| {
        match name {
            "effort" => {
                let effort = wire::text(reader)?;
                let effort = effort.and_then(|effort| Effort::from_name(&effort.decode()));
                request.reasoning.get_or_insert_default().effort = effort;
            }
            "format" => {
                let raw = reader.raw()?;
                request.format = format(raw)?;
            }
            _ => rest.push((name.to_owned(), reader.raw()?)),
        }
        Ok::<_, Malformed>(())
    })?;
    if !rest.is_empty() {
        let mut out = Vec::new();
        let mut object = crate::json::Object::new(&mut out);
        rest.iter().for_each(|(name, raw)| object.foreign(name, raw));
        object.end();
        request.extra.push("output_config", Json::built(out));
    }
    Ok(())
}

fn format<'a>(raw: &'a str) -> Result<Option<Format<'a>>, Malformed> {
    if raw == "null" {
        return Ok(None);
    }
    let (mut kind, mut schema) = (None, None);
    wire::members(&mut Reader::of(raw), |reader, name| {
        match name {
            "type" => kind = wire::text(reader)?,
            "schema" => schema = wire::json(reader)?,
            _ => reader.pass()?,
        }
        Ok::<_, Malformed>(())
    })?;
    Ok(Some(match schema {
        Some(schema) if kind.is_some_and(|kind| kind.is("json_schema")) => {
            Format::JsonSchema { name: None, description: None, schema, strict: None }
        }
        _ => Format::Opaque { dialect: Dialect::Anthropic, json: Json::passed(raw) },
    }))
}

fn metadata<'a>(request: &mut Request<'a>, reader: &mut Reader<'a>) -> Result<(), Malformed> {
    let raw = reader.raw()?;
    let mut has_more = false;
    wire::members(&mut Reader::of(raw), |reader, name| {
        match name {
            "user_id" => request.user = wire::text(reader)?,
            _ => {
                has_more = true;
                reader.pass()?;
            }
        }
        Ok::<_, Malformed>(())
    })?;
    request.metadata = has_more.then(|| Json::passed(raw));
    Ok(())
}

/// A kind of thinking that only this dialect has is carried along.
fn read_thinking<'a>(request: &mut Request<'a>, thinking: Json<'a>) -> Result<(), Malformed> {
    let (mut kind, mut budget, mut display) = (None, None, None);
    wire::members(&mut Reader::of(thinking.as_str()), |reader, name| {
        match name {
            "type" => kind = wire::text(reader)?.map(|kind| kind.decode().into_owned()),
            "budget_tokens" => budget = wire::whole(reader)?,
            "display" => display = wire::text(reader)?.map(|display| !display.is("omitted")),
            _ => reader.pass()?,
        }
        Ok::<_, Malformed>(())
    })?;
    let has_effort = request.reasoning.as_ref().is_some_and(|reasoning| reasoning.effort.is_some());
    match kind.as_deref() {
        Some("enabled") => request.reasoning.get_or_insert_default().budget = budget,
        Some("adaptive") => request.reasoning.get_or_insert_default().is_adaptive = true,
        Some("disabled") if !has_effort => {
            request.reasoning.get_or_insert_default().effort = Some(Effort::None);
        }
        _ => {
            request.extra.push("thinking", thinking);
            return Ok(());
        }
    }
    request.reasoning.get_or_insert_default().is_shown = display;
    Ok(())
}
