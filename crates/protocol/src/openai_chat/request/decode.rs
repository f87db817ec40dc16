//! Reads a request.

use super::{messages, tools};
use crate::{
    chat::{DecodeFault, Dialect, Effort, Format, Json, Reasoning, Request, Text, Turns},
    json::{Kind, Malformed, Reader},
    wire,
};

/// Reads the body of `POST /v1/chat/completions`.
///
/// # Errors
/// When it is not JSON, or `model`, `messages` or `tools` have another shape than the dialect says. What a value may
/// be is not judged.
pub fn decode_request(body: &[u8]) -> Result<Request<'_>, DecodeFault> {
    let mut request = Request::new(Dialect::OpenaiChat);
    let mut turns = Turns::default();
    let mut reader = Reader::new(body)?;
    if reader.kind()? != Kind::Object {
        return Err(DecodeFault::shape("body", "an object"));
    }
    reader.object(|reader, name| member(&mut request, &mut turns, reader, name))?;
    reader.end()?;
    (request.system, request.turns) = (turns.system, turns.turns);
    Ok(request)
}

fn member<'a>(
    request: &mut Request<'a>,
    turns: &mut Turns<'a>,
    reader: &mut Reader<'a>,
    name: &str,
) -> Result<(), DecodeFault> {
    let sampling = &mut request.sampling;
    match name {
        "model" => request.model = wire::need_text(reader, "model")?,
        "messages" => messages::read(reader, turns)?,
        "tools" => request.tools = tools::read(reader)?,
        "tool_choice" => request.tool_choice = tools::choice(reader)?,
        "parallel_tool_calls" => request.parallel_tools = wire::bool(reader)?,
        "response_format" => request.format = format(reader)?,
        "max_completion_tokens" => request.output_max = wire::whole(reader)?.or(request.output_max),
        "max_tokens" => request.output_max = request.output_max.or(wire::whole(reader)?),
        "temperature" => sampling.temperature = wire::json(reader)?,
        "top_p" => sampling.top_p = wire::json(reader)?,
        "top_k" => sampling.top_k = wire::json(reader)?,
        "frequency_penalty" => sampling.frequency_penalty = wire::json(reader)?,
        "presence_penalty" => sampling.presence_penalty = wire::json(reader)?,
        "seed" => sampling.seed = wire::json(reader)?,
        "logit_bias" => sampling.logit_bias = wire::json(reader)?,
        "logprobs" => sampling.logprobs = wire::json(reader)?,
        "top_logprobs" => sampling.top_logprobs = wire::json(reader)?,
        "stop" => request.stop = stop(reader)?,
        "n" => request.choices = wire::whole(reader)?.and_then(|n| u32::try_from(n).ok()),
        "stream" => request.is_streaming = wire::bool(reader)? == Some(true),
        "stream_options" => wire::members(reader, |reader, name| {
            if name == "include_usage" {
                request.wants_usage = wire::bool(reader)? == Some(true);
                return Ok(());
            }
            reader.pass()
        })?,
        "reasoning_effort" => {
            if let Some(effort) = wire::text(reader)? {
                match Effort::from_name(&effort.decode()) {
                    Some(effort) => request.reasoning.get_or_insert_default().effort = Some(effort),
                    None => request.extra.push(name, Json::built(quoted(&effort))),
                }
            }
        }
        "reasoning" => reasoning(request.reasoning.get_or_insert_default(), reader)?,
        "user" => request.user = request.user.take().or(wire::text(reader)?),
        "safety_identifier" => request.user = wire::text(reader)?.or_else(|| request.user.take()),
        "metadata" => request.metadata = wire::json(reader)?,
        "prompt_cache_key" => request.cache_key = wire::text(reader)?,
        "service_tier" => request.service_tier = wire::text(reader)?,
        "verbosity" => request.verbosity = wire::text(reader)?,
        "store" => request.store = wire::bool(reader)?,
        _ => wire::extra(&mut request.extra, reader, name)?,
    }
    Ok(())
}

fn quoted(text: &Text<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    text.write(&mut out);
    out
}

/// OpenRouter's object: `effort` or `max_tokens`.
fn reasoning(reasoning: &mut Reasoning<'_>, reader: &mut Reader<'_>) -> Result<(), Malformed> {
    wire::members(reader, |reader, name| {
        match name {
            "effort" => {
                let effort = wire::text(reader)?;
                reasoning.effort = effort.and_then(|effort| Effort::from_name(&effort.decode())).or(reasoning.effort);
            }
            "max_tokens" => reasoning.budget = wire::whole(reader)?,
            "exclude" => reasoning.is_shown = wire::bool(reader)?.map(|exclude| !exclude),
            _ => reader.pass()?,
        }
        Ok(())
    })
}

fn stop<'a>(reader: &mut Reader<'a>) -> Result<Vec<Text<'a>>, Malformed> {
    let mut stops = Vec::new();
    match reader.kind()? {
        Kind::Array => reader.array(|reader| {
            stops.extend(wire::text(reader)?);
            Ok::<_, Malformed>(())
        })?,
        _ => stops.extend(wire::text(reader)?),
    }
    Ok(stops)
}

fn format<'a>(reader: &mut Reader<'a>) -> Result<Option<Format<'a>>, Malformed> {
    let raw = reader.raw()?;
    if raw == "null" {
        return Ok(None);
    }
    let kind = wire::member_text(raw, "type")?.unwrap_or_default();
    Ok(Some(match &*kind.decode() {
        "text" => Format::Text,
        "json_object" => Format::JsonObject,
        "json_schema" => {
            let (mut name, mut description, mut schema, mut strict) = (None, None, None, None);
            wire::members(&mut Reader::of(raw), |reader, member| {
                if member != "json_schema" {
                    return reader.pass();
                }
                wire::members(reader, |reader, member| {
                    match member {
                        "name" => name = wire::text(reader)?,
                        "description" => description = wire::text(reader)?,
                        "schema" => schema = wire::json(reader)?,
                        "strict" => strict = wire::bool(reader)?,
                        _ => reader.pass()?,
                    }
                    Ok::<_, Malformed>(())
                })
            })?;
            Format::JsonSchema { name, description, schema: schema.unwrap_or_else(|| Json::passed("{}")), strict }
        }
        _ => Format::Opaque { dialect: Dialect::OpenaiChat, json: Json::passed(raw) },
    }))
}
