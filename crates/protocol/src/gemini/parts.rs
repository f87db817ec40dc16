//! Parts of a content, read; and what writers of requests and answers share.

use std::{
    borrow::Cow,
    collections::{HashMap, VecDeque},
};

use crate::{
    chat::{Arguments, Body, Dialect, Extra, Json, Part, Signature, Source, Text, ToolCall, ToolCallKind, ToolResult},
    json::{Kind, Malformed, Object, Reader},
    wire,
};

/// The value that Google names for calls that no Gemini has signed.
pub(super) const STAND_IN: &str = "skip_thought_signature_validator";

/// Ids that this house gives to calls without one; they go no further than here.
pub(super) const OWN_ID: &str = "gemini-";

/// Members may be written with underscores as well.
pub(crate) fn camel(name: &str) -> Cow<'_, str> {
    if !name.contains('_') {
        return Cow::Borrowed(name);
    }
    let mut words = name.split('_');
    let first = words.next().unwrap_or("").to_owned();
    let camel = words.fold(first, |mut out, word| {
        let mut letters = word.chars();
        out.extend(letters.next().map(|letter| letter.to_ascii_uppercase()));
        out.push_str(letters.as_str());
        out
    });
    Cow::Owned(camel)
}

/// Gives ids to calls and results that have none: those of one name match in their order. A result may have none where its
/// call has one: Google's own clients answer so when they call functions themselves.
#[derive(Debug, Default)]
pub(super) struct Ids(HashMap<String, OfName>);

/// The calls of one name.
#[derive(Debug, Default)]
struct OfName {
    /// Of those without an id, and of results that answer none.
    given: u32,
    /// The ids of those without a result.
    open: VecDeque<Text<'static>>,
}

impl Ids {
    pub(super) fn of_call<'a>(&mut self, id: Option<Text<'a>>, name: &Text<'_>) -> Text<'a> {
        let known = self.0.entry(name.decode().into_owned()).or_default();
        let id = id.unwrap_or_else(|| known.next(name));
        known.open.push_back(id.clone().into_owned());
        id
    }

    fn of_result<'a>(&mut self, id: Option<Text<'a>>, name: &Text<'_>) -> Text<'a> {
        let known = self.0.entry(name.decode().into_owned()).or_default();
        let Some(id) = id else { return known.open.pop_front().unwrap_or_else(|| known.next(name)) };
        known.open.retain(|open| open.decode() != id.decode());
        id
    }
}

impl OfName {
    fn next(&mut self, name: &Text<'_>) -> Text<'static> {
        let id = format!("{OWN_ID}{}-{}", name.decode(), self.given);
        self.given += 1;
        Text::plain(id)
    }
}

/// One part, as its members say.
#[derive(Default)]
struct Members<'a> {
    text: Option<Text<'a>>,
    is_thought: bool,
    signature: Option<Text<'a>>,
    inline: Option<&'a str>,
    file: Option<&'a str>,
    call: Option<&'a str>,
    response: Option<&'a str>,
    extra: Extra<'a>,
    is_known: bool,
}

/// Reads one part of a content.
pub(super) fn read<'a>(raw: &'a str, ids: &mut Ids) -> Result<Part<'a>, Malformed> {
    let mut part = Members::default();
    wire::members(&mut Reader::of(raw), |reader, name| {
        part.is_known |=
            matches!(&*camel(name), "text" | "inlineData" | "fileData" | "functionCall" | "functionResponse");
        match &*camel(name) {
            "text" => part.text = wire::text(reader)?,
            "thought" => part.is_thought = wire::bool(reader)? == Some(true),
            "thoughtSignature" => part.signature = wire::text(reader)?.filter(|text| !text.is_empty()),
            "inlineData" => part.inline = Some(reader.raw()?),
            "fileData" => part.file = Some(reader.raw()?),
            "functionCall" => part.call = Some(reader.raw()?),
            "functionResponse" => part.response = Some(reader.raw()?),
            _ => wire::extra(&mut part.extra, reader, name)?,
        }
        Ok::<_, Malformed>(())
    })?;
    let signature = part.signature.filter(|text| !text.is(STAND_IN)).map(super::signature::read);
    let mut extra = part.extra;
    let body = if let Some(call) = part.call {
        Body::ToolCall(function_call(call, signature, ids)?)
    } else if let Some(response) = part.response {
        Body::ToolResult(function_response(response, ids)?)
    } else if let Some(data) = part.inline.or(part.file) {
        media(data, &mut extra)?
    } else if part.is_thought {
        match (part.text, signature) {
            (None, Some(data)) => Body::SealedThinking { data },
            (text, signature) => Body::Thinking { text: text.unwrap_or_default(), signature },
        }
    } else if part.is_known {
        Body::Text { text: part.text.unwrap_or_default(), annotations: Vec::new(), signature }
    } else {
        return Ok(Part::new(Body::Opaque { dialect: Dialect::Gemini, json: Json::passed(raw) }));
    };
    Ok(Part { body, keep: None, extra })
}

fn function_call<'a>(raw: &'a str, signature: Option<Signature<'a>>, ids: &mut Ids) -> Result<ToolCall<'a>, Malformed> {
    let (mut id, mut name, mut args) = (None, Text::default(), None);
    wire::members(&mut Reader::of(raw), |reader, member| {
        match member {
            "id" => id = wire::text(reader)?.filter(|id| !id.is_empty()),
            "name" => name = wire::text(reader)?.unwrap_or_default(),
            "args" => args = wire::json(reader)?,
            _ => reader.pass()?,
        }
        Ok::<_, Malformed>(())
    })?;
    Ok(ToolCall {
        id: ids.of_call(id, &name),
        name,
        arguments: Arguments::Value(args.unwrap_or_else(|| Json::passed("{}"))),
        kind: ToolCallKind::Function,
        signature,
    })
}

fn function_response<'a>(raw: &'a str, ids: &mut Ids) -> Result<ToolResult<'a>, Malformed> {
    let (mut id, mut name, mut response, mut parts) = (None, Text::default(), "{}", Vec::new());
    wire::members(&mut Reader::of(raw), |reader, member| {
        match member {
            "id" => id = wire::text(reader)?.filter(|id| !id.is_empty()),
            "name" => name = wire::text(reader)?.unwrap_or_default(),
            "response" => response = reader.raw()?,
            "parts" => wire::elements(reader, |reader| {
                parts.push(read(reader.raw()?, &mut Ids::default())?);
                Ok::<_, Malformed>(())
            })?,
            _ => reader.pass()?,
        }
        Ok::<_, Malformed>(())
    })?;
    let (text, is_error) = words(response)?;
    let mut content: Vec<_> = text.map(Part::text).into_iter().collect();
    content.extend(parts);
    let id = ids.of_result(id, &name);
    Ok(ToolResult { id, name: Some(name), content, is_error, kind: ToolCallKind::Function })
}

/// The words of a response: one of `output` or `error` alone, or the object itself.
fn words(raw: &str) -> Result<(Option<Text<'_>>, bool), Malformed> {
    let (mut found, mut members, mut is_error) = (None, 0, false);
    wire::members(&mut Reader::of(raw), |reader, name| {
        members += 1;
        match name {
            "output" | "error" if reader.kind()? == Kind::String => {
                is_error = name == "error";
                found = wire::text(reader)?;
            }
            _ => reader.pass()?,
        }
        Ok::<_, Malformed>(())
    })?;
    Ok(match (found, members) {
        (Some(text), 1) => (Some(text), is_error),
        (_, 0) => (None, false),
        _ => (Some(Text::plain(raw)), false),
    })
}

/// Writes the `response` of a function: an object as it is, anything else as its `output` or `error`.
pub(super) fn write_response(object: &mut Object<'_>, text: &Text<'_>, is_error: bool) {
    if !is_error
        && let Ok(json) = Json::read(text.decode())
        && json.is_object()
        && !json.is_empty_object()
        && matches!(words(json.as_str()), Ok((Some(found), false)) if found == *json.as_str())
    {
        return object.json("response", &json);
    }
    let mut response = object.object("response");
    response.text(if is_error { "error" } else { "output" }, text);
    response.end();
}

fn media<'a>(raw: &'a str, extra: &mut Extra<'a>) -> Result<Body<'a>, Malformed> {
    let (mut media_type, mut data, mut uri) = (Text::default(), Text::default(), None);
    wire::members(&mut Reader::of(raw), |reader, name| {
        match &*camel(name) {
            "mimeType" => media_type = wire::text(reader)?.unwrap_or_default(),
            "data" => data = wire::text(reader)?.unwrap_or_default(),
            "fileUri" => uri = wire::text(reader)?,
            _ => reader.pass()?,
        }
        Ok::<_, Malformed>(())
    })?;
    let kind = media_type.written().split(['/', '\\']).next().unwrap_or("").to_owned();
    let source = match uri {
        Some(uri) => {
            if !media_type.is_empty() {
                let mut quoted = Vec::new();
                media_type.write(&mut quoted);
                extra.push("mimeType", Json::built(quoted));
            }
            Source::Url(uri)
        }
        None => Source::Inline { media_type, data },
    };
    Ok(match &*kind {
        "image" => Body::Image { source, detail: None },
        "audio" => Body::Audio { source },
        _ => Body::File { source, name: None },
    })
}

/// Writes `inlineData` or `fileData`; `false` when the source has neither.
pub(super) fn write_source(object: &mut Object<'_>, source: &Source<'_>, media_type: Option<&Json<'_>>) -> bool {
    match source {
        Source::Inline { media_type, data } => {
            let mut inline = object.object("inlineData");
            inline.text("mimeType", media_type);
            inline.text("data", data);
            inline.end();
        }
        Source::Url(uri) => {
            let mut file = object.object("fileData");
            match (media_type, type_of(uri)) {
                (Some(media_type), _) => file.json("mimeType", media_type),
                (None, Some(media_type)) => file.word("mimeType", media_type),
                (None, None) => {}
            }
            file.text("fileUri", uri);
            file.end();
        }
        Source::Plain(text) => object.text("text", text),
        Source::Handle(_) => return false,
    }
    true
}

/// The type that the ending of an address stands for.
fn type_of(uri: &Text<'_>) -> Option<&'static str> {
    let uri = uri.decode();
    let path = uri.split(['?', '#']).next().unwrap_or("");
    let ending = path.rsplit('/').next().and_then(|name| name.rsplit_once('.'))?.1.to_ascii_lowercase();
    Some(match &*ending {
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "webp" => "image/webp",
        "gif" => "image/gif",
        "heic" => "image/heic",
        "pdf" => "application/pdf",
        "txt" => "text/plain",
        "mp3" => "audio/mpeg",
        "wav" => "audio/wav",
        "mp4" => "video/mp4",
        _ => return None,
    })
}

/// Writes the members of a part that is a call, without its signature. Whether the arguments were an object.
pub(super) fn write_call(object: &mut Object<'_>, call: &ToolCall<'_>, with_id: bool) -> bool {
    let mut function = object.object("functionCall");
    if with_id && !call.id.written().starts_with(OWN_ID) && !call.id.is_empty() {
        function.text("id", &call.id);
    }
    function.text("name", &call.name);
    let is_object = match (call.kind, call.arguments.as_object()) {
        (ToolCallKind::Custom, _) => {
            let input = crate::openai_chat::wrapped_input(&call.arguments.as_text());
            function.raw("args", &input.decode());
            true
        }
        (ToolCallKind::Function, Some(args)) => {
            function.json("args", &args);
            true
        }
        (ToolCallKind::Function, None) => {
            function.raw("args", "{}");
            false
        }
    };
    function.end();
    is_object
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Calls and results of tools named by a letter, with an id or without, and the ids that they get.
    #[track_caller]
    fn check(said: &[(&str, &str, &str)], expected: &[&str]) {
        let mut ids = Ids::default();
        let given = said.iter().map(|(kind, name, id)| {
            let (name, id) = (Text::plain(*name), Some(Text::plain(*id)).filter(|id| !id.is_empty()));
            let id = if *kind == "call" { ids.of_call(id, &name) } else { ids.of_result(id, &name) };
            id.decode().into_owned()
        });
        assert_eq!(given.collect::<Vec<_>>(), expected, "{said:?}");
    }

    #[test]
    fn a_result_answers_the_first_open_call_of_its_name() {
        check(
            &[("call", "f", ""), ("call", "f", ""), ("result", "f", ""), ("result", "f", "")],
            &["gemini-f-0", "gemini-f-1", "gemini-f-0", "gemini-f-1"],
        );
        check(
            &[("call", "f", "a"), ("call", "g", "b"), ("result", "g", ""), ("result", "f", "")],
            &["a", "b", "b", "a"],
        );
        check(
            &[("call", "f", "a"), ("call", "f", "b"), ("result", "f", "a"), ("result", "f", "")],
            &["a", "b", "a", "b"],
        );
        check(&[("result", "f", ""), ("call", "f", "")], &["gemini-f-0", "gemini-f-1"]);
    }
}
