//! Reads a request.

use super::super::{
    parts::{self, Ids, camel},
    schema,
};
use crate::{
    chat::{
        Body, DecodeFault, Dialect, Effort, Extra, Format, Json, Part, Request, Role, Text, Tool, ToolBody, ToolChoice,
        Turns,
    },
    json::{Kind, Malformed, Object, Reader},
    wire,
};

/// Reads the body of `generateContent` or `streamGenerateContent`. Model and streaming are left to be set.
///
/// # Errors
/// When it is not JSON, or `contents` or `tools` have another shape than the dialect says. What a value may be is not
/// judged.
pub fn decode_request(body: &[u8]) -> Result<Request<'_>, DecodeFault> {
    let mut request = Request::new(Dialect::Gemini);
    let mut turns = Turns::default();
    let mut ids = Ids::default();
    let mut reader = Reader::new(body)?;
    if reader.kind()? != Kind::Object {
        return Err(DecodeFault::shape("body", "an object"));
    }
    reader.object(|reader, name| {
        match &*camel(name) {
            "contents" => contents(reader, &mut turns, &mut ids)?,
            "systemInstruction" => {
                wire::members(reader, |reader, name| match name {
                    "parts" => wire::elements(reader, |reader| {
                        request.system.push(parts::read(reader.raw()?, &mut ids)?);
                        Ok::<_, Malformed>(())
                    }),
                    _ => reader.pass(),
                })?;
            }
            "tools" => tools(reader, &mut request)?,
            "toolConfig" => tool_config(reader, &mut request)?,
            "generationConfig" => generation_config(reader, &mut request)?,
            "serviceTier" => {
                let tier = wire::text(reader)?;
                request.service_tier = tier.map(|tier| if tier.is("standard") { Text::plain("default") } else { tier });
            }
            "model" => request.model = wire::need_text(reader, "model")?,
            _ => wire::extra(&mut request.extra, reader, name)?,
        }
        Ok::<_, DecodeFault>(())
    })?;
    reader.end()?;
    request.turns = turns.turns;
    for turn in request.turns.iter_mut().filter(|turn| turn.role == Role::Assistant) {
        join_pieces(&mut turn.parts);
    }
    Ok(request)
}

/// Clients that put a stream together keep each chunk as a part: together they are one text, and alone some are white
/// space, which other dialects refuse.
fn join_pieces(parts: &mut Vec<Part<'_>>) {
    let is_piece = |part: &Part<'_>| {
        let is_text = matches!(&part.body, Body::Text { annotations, signature: None, .. } if annotations.is_empty());
        is_text && part.keep.is_none() && part.extra.is_empty()
    };
    parts.dedup_by(|part, before| match (is_piece(part) && is_piece(before), &mut before.body, &part.body) {
        (true, Body::Text { text: whole, .. }, Body::Text { text, .. }) => {
            whole.push(text);
            true
        }
        _ => false,
    });
}

fn contents<'a>(reader: &mut Reader<'a>, turns: &mut Turns<'a>, ids: &mut Ids) -> Result<(), DecodeFault> {
    // One content may stand without its list.
    if reader.kind()? == Kind::Object {
        return content(reader, turns, ids).map_err(|fault| fault.within("contents"));
    }
    if reader.kind()? != Kind::Array {
        return Err(DecodeFault::shape("contents", "a list"));
    }
    let mut index = 0;
    reader.array(|reader| {
        let read = content(reader, turns, ids).map_err(|fault| fault.within(format_args!("contents.{index}")));
        index += 1;
        read
    })
}

fn content<'a>(reader: &mut Reader<'a>, turns: &mut Turns<'a>, ids: &mut Ids) -> Result<(), DecodeFault> {
    if reader.kind()? != Kind::Object {
        return Err(DecodeFault::shape("", "an object"));
    }
    let (mut role, mut found, mut extra) = (None, Vec::new(), Extra::default());
    reader.object(|reader, name| {
        match name {
            "role" => role = wire::text(reader)?,
            "parts" if reader.kind()? == Kind::Array => reader.array(|reader| {
                if reader.kind()? != Kind::Object {
                    return Err(DecodeFault::shape(format!("parts.{}", found.len()), "an object"));
                }
                let part = parts::read(reader.raw()?, ids)?;
                // Clients that put a stream together keep its last chunk, which may say nothing.
                let is_blank = matches!(&part.body, Body::Text { text, signature: None, .. } if text.is_empty());
                if found.is_empty() || !is_blank {
                    found.push(part);
                }
                Ok(())
            })?,
            "parts" => return Err(DecodeFault::shape("parts", "a list")),
            _ => wire::extra(&mut extra, reader, name)?,
        }
        Ok(())
    })?;
    let role = match role.as_ref().map(Text::written) {
        None | Some("user" | "function" | "tool" | "") => Role::User,
        Some("model") => Role::Assistant,
        Some("system") => Role::System,
        Some(_) => return Err(DecodeFault::shape("role", "`user` or `model`")),
    };
    turns.push(role, found, extra);
    Ok(())
}

fn tools<'a>(reader: &mut Reader<'a>, request: &mut Request<'a>) -> Result<(), DecodeFault> {
    match reader.kind()? {
        Kind::Array => {
            let mut index = 0;
            reader.array(|reader| {
                if reader.kind()? != Kind::Object {
                    return Err(DecodeFault::shape(format!("tools.{index}"), "an object"));
                }
                index += 1;
                Ok(tool(reader, request)?)
            })
        }
        Kind::Null => Ok(reader.pass()?),
        _ => Err(DecodeFault::shape("tools", "a list")),
    }
}

/// A list of functions, and beside it tools of the vendor's own.
fn tool<'a>(reader: &mut Reader<'a>, request: &mut Request<'a>) -> Result<(), Malformed> {
    let whole = reader.raw()?;
    let (mut own, mut count) = (Vec::new(), 0);
    wire::members(&mut Reader::of(whole), |reader, name| {
        count += 1;
        if camel(name) == "functionDeclarations" {
            return wire::elements(reader, |reader| {
                request.tools.push(function(reader)?);
                Ok::<_, Malformed>(())
            });
        }
        own.push((name.to_owned(), reader.raw()?));
        Ok(())
    })?;
    for (name, raw) in own {
        let json = if count == 1 {
            Json::passed(whole)
        } else {
            let mut out = Vec::new();
            let mut object = Object::new(&mut out);
            object.foreign(&name, raw);
            object.end();
            Json::built(out)
        };
        let body = ToolBody::Opaque { dialect: Dialect::Gemini, json };
        request.tools.push(Tool { body, keep: None, extra: Extra::default() });
    }
    Ok(())
}

fn function<'a>(reader: &mut Reader<'a>) -> Result<Tool<'a>, Malformed> {
    let (mut tool_name, mut description, mut found, mut extra) = (Text::default(), None, None, Extra::default());
    wire::members(reader, |reader, name| {
        match &*camel(name) {
            "name" => tool_name = wire::text(reader)?.unwrap_or_default(),
            "description" => description = wire::text(reader)?,
            "parametersJsonSchema" => found = wire::json(reader)?,
            "parameters" => found = wire::json(reader)?.map(|given| schema::lowercase(&given)),
            _ => wire::extra(&mut extra, reader, name)?,
        }
        Ok::<_, Malformed>(())
    })?;
    let body = ToolBody::Function { name: tool_name, description, schema: found, strict: None };
    Ok(Tool { body, keep: None, extra })
}

fn tool_config<'a>(reader: &mut Reader<'a>, request: &mut Request<'a>) -> Result<(), Malformed> {
    let raw = reader.raw()?;
    let (mut mode, mut names, mut has_more) = (Text::default(), Vec::new(), false);
    wire::members(&mut Reader::of(raw), |reader, name| {
        if camel(name) != "functionCallingConfig" {
            has_more = true;
            return reader.pass();
        }
        wire::members(reader, |reader, name| {
            match &*camel(name) {
                "mode" => mode = wire::text(reader)?.unwrap_or_default(),
                "allowedFunctionNames" => wire::elements(reader, |reader| {
                    names.extend(wire::text(reader)?);
                    Ok::<_, Malformed>(())
                })?,
                _ => {
                    has_more = true;
                    reader.pass()?;
                }
            }
            Ok(())
        })
    })?;
    request.tool_choice = match mode.written() {
        _ if has_more => Some(ToolChoice::Opaque { dialect: Dialect::Gemini, json: Json::passed(raw) }),
        "AUTO" => Some(ToolChoice::Auto),
        "NONE" => Some(ToolChoice::None),
        "ANY" => Some(match (names.pop(), names.is_empty()) {
            (None, _) => ToolChoice::Required,
            (Some(name), true) => ToolChoice::Named(name),
            (Some(name), false) => {
                names.push(name);
                ToolChoice::Among { names, must: true }
            }
        }),
        "VALIDATED" if !names.is_empty() => Some(ToolChoice::Among { names, must: false }),
        _ => Some(ToolChoice::Opaque { dialect: Dialect::Gemini, json: Json::passed(raw) }),
    };
    Ok(())
}

fn generation_config<'a>(reader: &mut Reader<'a>, request: &mut Request<'a>) -> Result<(), DecodeFault> {
    let (mut media_type, mut found) = (None, None);
    let mut rest = Vec::new();
    wire::members(reader, |reader, name| {
        let sampling = &mut request.sampling;
        match &*camel(name) {
            "temperature" => sampling.temperature = wire::json(reader)?,
            "topP" => sampling.top_p = wire::json(reader)?,
            "topK" => sampling.top_k = wire::json(reader)?,
            "presencePenalty" => sampling.presence_penalty = wire::json(reader)?,
            "frequencyPenalty" => sampling.frequency_penalty = wire::json(reader)?,
            "seed" => sampling.seed = wire::json(reader)?,
            "responseLogprobs" => sampling.logprobs = wire::json(reader)?,
            "logprobs" => sampling.top_logprobs = wire::json(reader)?,
            "candidateCount" => request.choices = wire::whole(reader)?.and_then(|n| u32::try_from(n).ok()),
            "maxOutputTokens" => request.output_max = wire::whole(reader)?,
            "stopSequences" => wire::elements(reader, |reader| {
                request.stop.extend(wire::text(reader)?);
                Ok::<_, Malformed>(())
            })?,
            "responseMimeType" => media_type = wire::text(reader)?,
            "responseJsonSchema" => found = wire::json(reader)?,
            "responseSchema" => found = wire::json(reader)?.map(|given| schema::lowercase(&given)),
            "thinkingConfig" => thinking(reader, request)?,
            _ => rest.push((name.to_owned(), reader.raw()?)),
        }
        Ok::<_, Malformed>(())
    })?;
    request.format = match (media_type.as_ref().map(|text| text.decode()).as_deref(), found) {
        (Some("application/json"), Some(schema)) => {
            Some(Format::JsonSchema { name: None, description: None, schema, strict: None })
        }
        (Some("application/json"), None) => Some(Format::JsonObject),
        (Some("text/plain"), _) => Some(Format::Text),
        _ => None,
    };
    if let (None, Some(media_type)) = (&request.format, &media_type) {
        let mut out = Vec::new();
        media_type.write(&mut out);
        request.extra.push("responseMimeType", Json::built(out));
    }
    if !rest.is_empty() {
        let mut out = Vec::new();
        let mut object = Object::new(&mut out);
        rest.iter().for_each(|(name, raw)| object.foreign(name, raw));
        object.end();
        request.extra.push("generationConfig", Json::built(out));
    }
    Ok(())
}

fn thinking<'a>(reader: &mut Reader<'a>, request: &mut Request<'a>) -> Result<(), Malformed> {
    let reasoning = request.reasoning.get_or_insert_default();
    wire::members(reader, |reader, name| {
        match &*camel(name) {
            "includeThoughts" => reasoning.is_shown = wire::bool(reader)?,
            "thinkingLevel" => {
                reasoning.effort = wire::text(reader)?.and_then(|level| Effort::from_name(&level.decode()));
            }
            "thinkingBudget" => match reader.raw()? {
                "-1" => reasoning.is_adaptive = true,
                "0" => reasoning.effort = Some(Effort::None),
                budget => reasoning.budget = budget.parse().ok(),
            },
            _ => reader.pass()?,
        }
        Ok(())
    })
}
