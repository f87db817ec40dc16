//! Reads a request.

use super::{super::item, tools};
use crate::{
    chat::{Body, DecodeFault, Dialect, Effort, Extra, Format, Json, Part, Request, Role, Text, ToolCall, Turns},
    json::{Kind, Malformed, Object, Reader},
    wire,
};

/// Reads the body of `POST /v1/responses`.
///
/// # Errors
/// When it is not JSON, or `model`, `input` or `tools` have another shape than the dialect says. What a value may be is
/// not judged.
pub fn decode_request(body: &[u8]) -> Result<Request<'_>, DecodeFault> {
    let mut request = Request::new(Dialect::OpenaiResponses);
    let mut turns = Turns::default();
    let mut instructions = None;
    let mut reader = Reader::new(body)?;
    if reader.kind()? != Kind::Object {
        return Err(DecodeFault::shape("body", "an object"));
    }
    reader.object(|reader, name| {
        match name {
            "input" => input(reader, &mut turns)?,
            "instructions" => instructions = wire::text(reader)?.filter(|text| !text.is_empty()),
            _ => member(&mut request, reader, name)?,
        }
        Ok::<_, DecodeFault>(())
    })?;
    reader.end()?;
    request.system = instructions.map(Part::text).into_iter().chain(turns.system).collect();
    request.turns = turns.turns;
    Ok(request)
}

fn input<'a>(reader: &mut Reader<'a>, turns: &mut Turns<'a>) -> Result<(), DecodeFault> {
    match reader.kind()? {
        Kind::String => {
            let text = Text::from(reader.string()?);
            turns.push(Role::User, vec![Part::text(text)], Extra::default());
        }
        Kind::Array => {
            let mut index = 0;
            reader.array(|reader| {
                let read = one(reader, turns).map_err(|fault| fault.within(format_args!("input.{index}")));
                index += 1;
                read
            })?;
        }
        Kind::Null => reader.pass()?,
        _ => return Err(DecodeFault::shape("input", "a string or a list")),
    }
    Ok(())
}

fn one<'a>(reader: &mut Reader<'a>, turns: &mut Turns<'a>) -> Result<(), DecodeFault> {
    if reader.kind()? != Kind::Object {
        return Err(DecodeFault::shape("", "an object"));
    }
    let item = item::read(reader)?;
    if let [part] = &item.parts[..]
        && let Some(signature) = item::signature_after(part)
        && let Some(turn) = turns.turns.last_mut()
        && let Some(Part {
            body: Body::ToolCall(ToolCall { signature: slot, .. }) | Body::Text { signature: slot, .. },
            ..
        }) = turn.parts.last_mut()
    {
        *slot = Some(signature);
        return Ok(());
    }
    turns.push(item.role, item.parts, item.extra);
    Ok(())
}

fn member<'a>(request: &mut Request<'a>, reader: &mut Reader<'a>, name: &str) -> Result<(), DecodeFault> {
    match name {
        "model" => request.model = wire::need_text(reader, "model")?,
        "max_output_tokens" => request.output_max = wire::whole(reader)?,
        "stream" => request.is_streaming = wire::bool(reader)? == Some(true),
        "temperature" => request.sampling.temperature = wire::json(reader)?,
        "top_p" => request.sampling.top_p = wire::json(reader)?,
        "top_logprobs" => request.sampling.top_logprobs = wire::json(reader)?,
        "tools" => request.tools = tools::read(reader)?,
        "tool_choice" => request.tool_choice = tools::choice(reader)?,
        "parallel_tool_calls" => request.parallel_tools = wire::bool(reader)?,
        "text" => text(request, reader)?,
        "reasoning" => reasoning(request, reader)?,
        "include" => {
            let raw = reader.raw()?;
            let mut is_known = true;
            wire::elements(&mut Reader::of(raw), |reader| {
                match wire::text(reader)? {
                    Some(word) if word.is(SEALED) => request.reasoning.get_or_insert_default().is_sealed = true,
                    Some(word) if word.is(LOGPROBS) => request.sampling.logprobs = Some(Json::passed("true")),
                    _ => is_known = false,
                }
                Ok::<_, Malformed>(())
            })?;
            if !is_known || raw == "[]" {
                request.extra.push(name, Json::passed(raw));
            }
        }
        "previous_response_id" => request.previous = wire::text(reader)?,
        "store" => request.store = wire::bool(reader)?,
        "metadata" => request.metadata = wire::json(reader)?,
        "user" => request.user = request.user.take().or(wire::text(reader)?),
        "safety_identifier" => request.user = wire::text(reader)?.or_else(|| request.user.take()),
        "prompt_cache_key" => request.cache_key = wire::text(reader)?,
        "service_tier" => request.service_tier = wire::text(reader)?,
        _ => wire::extra(&mut request.extra, reader, name)?,
    }
    Ok(())
}

/// What may be asked to be included in an answer.
pub(super) const SEALED: &str = "reasoning.encrypted_content";
pub(super) const LOGPROBS: &str = "message.output_text.logprobs";

fn text<'a>(request: &mut Request<'a>, reader: &mut Reader<'a>) -> Result<(), Malformed> {
    wire::members(reader, |reader, name| {
        match name {
            "verbosity" => request.verbosity = wire::text(reader)?,
            "format" => request.format = format(reader.raw()?)?,
            _ => reader.pass()?,
        }
        Ok(())
    })
}

fn format<'a>(raw: &'a str) -> Result<Option<Format<'a>>, Malformed> {
    let (mut kind, mut format_name, mut description, mut schema, mut strict) =
        (Text::default(), None, None, None, None);
    wire::members(&mut Reader::of(raw), |reader, name| {
        match name {
            "type" => kind = wire::text(reader)?.unwrap_or_default(),
            "name" => format_name = wire::text(reader)?,
            "description" => description = wire::text(reader)?,
            "schema" => schema = wire::json(reader)?,
            "strict" => strict = wire::bool(reader)?,
            _ => reader.pass()?,
        }
        Ok::<_, Malformed>(())
    })?;
    Ok(match (kind.written(), schema) {
        ("text", _) => Some(Format::Text),
        ("json_object", _) => Some(Format::JsonObject),
        ("json_schema", Some(schema)) => Some(Format::JsonSchema { name: format_name, description, schema, strict }),
        _ if raw == "null" => None,
        _ => Some(Format::Opaque { dialect: Dialect::OpenaiResponses, json: Json::passed(raw) }),
    })
}

fn reasoning<'a>(request: &mut Request<'a>, reader: &mut Reader<'a>) -> Result<(), Malformed> {
    if reader.kind()? != Kind::Object {
        return reader.pass();
    }
    let mut rest = Vec::new();
    let reasoning = request.reasoning.get_or_insert_default();
    reader.object(|reader, name| {
        match name {
            "effort" => {
                let raw = reader.raw()?;
                let known = Effort::from_name(raw.trim_matches('"'));
                reasoning.effort = known;
                if known.is_none() && raw != "null" {
                    rest.push((name.to_owned(), raw));
                }
            }
            "summary" => reasoning.summary = wire::text(reader)?,
            _ => rest.push((name.to_owned(), reader.raw()?)),
        }
        Ok::<_, Malformed>(())
    })?;
    if !rest.is_empty() {
        let mut out = Vec::new();
        let mut object = Object::new(&mut out);
        rest.iter().for_each(|(name, raw)| object.foreign(name, raw));
        object.end();
        request.extra.push("reasoning", Json::built(out));
    }
    Ok(())
}
