//! A whole answer, read and written.

use super::{error, reasoning::Said, request, stop, tokens};
use crate::{
    chat::{
        Annotation, Answer, Body, Choice, DecodeFault, Dialect, Json, Logprob, Losses, Part, Problem, Stop, Text,
        ToolCallKind, Why, WrittenAnswer, openai_logprobs,
    },
    json::{Kind, Malformed, Object, Reader},
    usage::CostPlace,
    wire,
};

/// Reads the body of an answer; an error inside a success is given as such.
///
/// # Errors
/// When it is not a JSON object.
pub fn decode_answer(body: &[u8]) -> Result<Result<Answer<'_>, Problem<'_>>, DecodeFault> {
    let mut answer = Answer::new(Dialect::OpenaiChat);
    let mut problem = None;
    let mut reader = Reader::new(body)?;
    if reader.kind()? != Kind::Object {
        return Err(DecodeFault::shape("body", "an object"));
    }
    reader.object(|reader, name| {
        match name {
            "id" => answer.id = wire::text(reader)?,
            "object" => reader.pass()?,
            "model" => answer.model = wire::text(reader)?,
            "created" => answer.created = wire::whole(reader)?.and_then(|at| i64::try_from(at).ok()),
            "choices" => wire::elements(reader, |reader| choice(reader, &mut answer, &mut problem))?,
            "usage" => answer.usage = tokens::read(reader)?,
            "service_tier" => answer.service_tier = wire::text(reader)?,
            "error" => problem = error::read(reader)?.or_else(|| problem.take()),
            "x_groq" => {
                let raw = reader.raw()?;
                wire::members(&mut Reader::of(raw), |reader, name| {
                    if name != "error" {
                        return reader.pass();
                    }
                    problem = error::read(reader)?.or_else(|| problem.take());
                    Ok::<_, Malformed>(())
                })?;
                answer.extra.push(name, Json::passed(raw));
            }
            _ => wire::extra(&mut answer.extra, reader, name)?,
        }
        Ok::<_, DecodeFault>(())
    })?;
    reader.end()?;
    Ok(match problem {
        Some(problem) => Err(problem),
        None => Ok(answer),
    })
}

fn choice<'a>(
    reader: &mut Reader<'a>,
    answer: &mut Answer<'a>,
    problem: &mut Option<Problem<'a>>,
) -> Result<(), DecodeFault> {
    let mut choice = Choice::default();
    let (mut refusal, mut stopped) = (None, None);
    wire::members(reader, |reader, name| {
        match name {
            "message" => message(reader, &mut choice, &mut refusal)?,
            "logprobs" => logprobs(reader, &mut choice.logprobs)?,
            "error" => *problem = error::read(reader)?.or_else(|| problem.take()),
            "finish_reason" => {
                let reason = wire::text(reader)?.unwrap_or_default();
                if stop::is_failure(&reason) && problem.is_none() {
                    *problem = Some(super::stream::broken_off(reason.share().into_owned()));
                }
                stopped = Some(reason);
            }
            _ => reader.pass()?,
        }
        Ok::<_, DecodeFault>(())
    })?;
    let has_calls = choice.parts.iter().any(|part| matches!(part.body, Body::ToolCall(_)));
    choice.stop = stopped.and_then(|reason| stop::read(reason, has_calls));
    answer.choices.push(choice);
    Ok(())
}

/// Reads `logprobs` of a choice.
pub(super) fn logprobs<'a>(reader: &mut Reader<'a>, tokens: &mut Vec<Logprob<'a>>) -> Result<(), Malformed> {
    wire::members(reader, |reader, name| match name {
        "content" => openai_logprobs::read(reader, tokens),
        _ => reader.pass(),
    })
}

/// Writes `logprobs` of a choice.
pub(super) fn write_logprobs(object: &mut Object<'_>, tokens: &[Logprob<'_>]) {
    if tokens.is_empty() {
        return object.raw("logprobs", "null");
    }
    let mut logprobs = object.object("logprobs");
    let mut list = logprobs.array("content");
    openai_logprobs::write(&mut list, tokens, true);
    list.end();
    logprobs.raw("refusal", "null");
    logprobs.end();
}

fn message<'a>(
    reader: &mut Reader<'a>,
    choice: &mut Choice<'a>,
    refusal: &mut Option<Text<'a>>,
) -> Result<(), DecodeFault> {
    let mut said = Said::default();
    let (mut content, mut calls, mut annotations) = (Vec::new(), Vec::new(), Vec::new());
    wire::members(reader, |reader, name| {
        match name {
            "content" => request::parts(reader, &mut content)?,
            "refusal" => *refusal = wire::text(reader)?.filter(|text| !text.is_empty()),
            "tool_calls" => request::tool_calls(reader, &mut calls)?,
            "annotations" => wire::elements(reader, |reader| {
                annotations.push(annotation(reader.raw()?)?);
                Ok::<_, Malformed>(())
            })?,
            _ if said.take(reader, name)? => {}
            _ => reader.pass()?,
        }
        Ok::<_, DecodeFault>(())
    })?;
    said.into_parts(&mut choice.parts);
    if let Some(Part { body: Body::Text { annotations: of_text, .. }, .. }) =
        content.iter_mut().find(|part| part.as_text().is_some())
    {
        *of_text = annotations;
    }
    choice.parts.extend(content);
    choice.parts.extend(refusal.take().map(|text| Part::new(Body::Refusal(text))));
    choice.parts.extend(calls);
    Ok(())
}

/// Reads one of `annotations`.
pub(super) fn annotation<'a>(raw: &'a str) -> Result<Annotation<'a>, Malformed> {
    let (mut url, mut title, mut start, mut end) = (None, None, None, None);
    wire::members(&mut Reader::of(raw), |reader, name| match name {
        "url_citation" => wire::members(reader, |reader, name| {
            match name {
                "url" => url = wire::text(reader)?,
                "title" => title = wire::text(reader)?,
                "start_index" => start = wire::whole(reader)?,
                "end_index" => end = wire::whole(reader)?,
                _ => reader.pass()?,
            }
            Ok::<_, Malformed>(())
        }),
        _ => reader.pass(),
    })?;
    Ok(match url {
        Some(url) => Annotation::Url { url, title, start, end, raw: None },
        None => Annotation::Opaque { dialect: Dialect::OpenaiChat, json: Json::passed(raw) },
    })
}

/// Writes the body of an answer. `model` is the name the caller asked for; empty keeps the answer's own.
pub fn encode_answer(answer: &Answer<'_>, model: &str, losses: &mut Losses) -> Vec<u8> {
    write_answer(answer, model, losses).body
}

/// As [`encode_answer`], with the place of the cost.
pub fn write_answer(answer: &Answer<'_>, model: &str, losses: &mut Losses) -> WrittenAnswer {
    let mut out = Vec::with_capacity(512);
    let mut object = Object::new(&mut out);
    object.text_or("id", answer.id.as_ref(), "chatcmpl");
    object.word("object", "chat.completion");
    object.number("created", answer.created.unwrap_or(0));
    match (model, &answer.model) {
        ("", Some(own)) => object.text("model", own),
        _ => object.text("model", &Text::plain(model)),
    }
    let mut list = object.array("choices");
    for (index, choice) in answer.choices.iter().enumerate() {
        let mut object = list.object();
        object.number("index", index);
        write_message(&mut object, choice, losses);
        if let Some(stop) = &choice.stop {
            stop.lose(stop::WORDS, losses);
        }
        write_logprobs(&mut object, &choice.logprobs);
        match &choice.stop {
            Some(reason) => object.word("finish_reason", stop::word(reason)),
            None => object.raw("finish_reason", "null"),
        }
        object.end();
    }
    list.end();
    let usage = object.length();
    if let Some(usage) = &answer.usage {
        tokens::write(&mut object, usage, answer.cost.as_ref());
    }
    let usage = usage..object.length();
    object.text_if("service_tier", answer.service_tier.as_ref());
    if answer.dialect == Dialect::OpenaiChat {
        wire::write_extra(&mut object, &answer.extra);
    }
    object.end();
    WrittenAnswer { cost_place: CostPlace::written(&out, usage), body: out }
}

fn write_message(object: &mut Object<'_>, choice: &Choice<'_>, losses: &mut Losses) {
    let mut message = object.object("message");
    message.word("role", "assistant");
    let texts = || choice.parts.iter().filter_map(Part::as_text);
    if texts().next().is_some() {
        let out = message.key("content");
        out.push(b'"');
        texts().for_each(|text| out.extend_from_slice(text.written().as_bytes()));
        out.push(b'"');
    } else {
        message.raw("content", "null");
    }
    write_refusal(&mut message, choice);
    super::reasoning::write_content(&mut message, choice.parts.iter());
    let is_marked =
        |part: &Part<'_>| matches!(part.body, Body::Thinking { signature: Some(_), .. } | Body::SealedThinking { .. });
    if choice.parts.iter().any(is_marked) {
        super::reasoning::write_details(&mut message, &choice.parts, |_| true);
    }
    write_annotations(&mut message, choice, losses);
    write_calls(&mut message, choice);
    message.end();
    for part in &choice.parts {
        match &part.body {
            Body::Opaque { .. } | Body::Image { .. } | Body::Audio { .. } | Body::File { .. } | Body::ToolResult(_) => {
                losses.add(Why::NoPeer, "answer", part.body.noun());
            }
            Body::Text { signature: Some(_), .. } => losses.add(Why::NoPeer, "answer.signature", "a text's signature"),
            _ => {}
        }
    }
}

/// A refusal that came as a reason to stop is said in words as well.
fn write_refusal(message: &mut Object<'_>, choice: &Choice<'_>) {
    let said = choice.parts.iter().find_map(|part| match &part.body {
        Body::Refusal(text) => Some(text),
        _ => None,
    });
    match (said, &choice.stop) {
        (Some(text), _) | (None, Some(Stop::Refusal(Some(text)))) => message.text("refusal", text),
        _ => message.raw("refusal", "null"),
    }
}

fn write_annotations(message: &mut Object<'_>, choice: &Choice<'_>, losses: &mut Losses) {
    let mut shift = 0;
    let mut found = Vec::new();
    for part in &choice.parts {
        let Body::Text { text, annotations, .. } = &part.body else { continue };
        if !annotations.iter().all(is_known) {
            losses.add(Why::NoPeer, "answer.annotations", "a source that only its own dialect knows");
        }
        found.extend(annotations.iter().filter(|one| is_known(one)).map(|annotation| (shift, annotation)));
        if choice.parts.len() > 1 {
            shift += text.decode().chars().count() as u64;
        }
    }
    if found.is_empty() {
        return;
    }
    let mut list = message.array("annotations");
    for (shift, annotation) in found {
        write_annotation(list.next(), annotation, shift, None);
    }
    list.end();
}

/// Whether this dialect has words for it.
pub(super) fn is_known(annotation: &Annotation<'_>) -> bool {
    matches!(annotation, Annotation::Url { .. } | Annotation::Opaque { dialect: Dialect::OpenaiChat, .. })
}

/// Writes one of `annotations` that the dialect knows. In a stream each has an index: the official clients put lists
/// together by it.
pub(super) fn write_annotation(out: &mut Vec<u8>, annotation: &Annotation<'_>, shift: u64, index: Option<u32>) {
    let mut object = Object::new(out);
    if let Some(index) = index {
        object.number("index", index);
    }
    match annotation {
        Annotation::Opaque { json, .. } => wire::copy_members(&mut object, json),
        Annotation::Url { url, title, start, end, .. } => {
            object.word("type", "url_citation");
            let mut citation = object.object("url_citation");
            citation.text("url", url);
            citation.text("title", title.as_ref().unwrap_or(url));
            citation.number("start_index", start.unwrap_or(0) + shift);
            citation.number("end_index", end.unwrap_or(0) + shift);
            citation.end();
        }
    }
    object.end();
}

fn write_calls(message: &mut Object<'_>, choice: &Choice<'_>) {
    let calls = || {
        choice.parts.iter().filter_map(|part| match &part.body {
            Body::ToolCall(call) => Some(call),
            _ => None,
        })
    };
    if calls().next().is_none() {
        return;
    }
    let mut list = message.array("tool_calls");
    for call in calls() {
        let mut object = list.object();
        object.text("id", &call.id);
        let (kind, input) = match call.kind {
            ToolCallKind::Function => ("function", "arguments"),
            ToolCallKind::Custom => ("custom", "input"),
        };
        object.word("type", kind);
        let mut function = object.object(kind);
        function.text("name", &call.name);
        match call.kind {
            ToolCallKind::Function => function.text(input, &Text::plain(call.arguments.as_json())),
            ToolCallKind::Custom => function.text(input, &call.arguments.as_text()),
        }
        function.end();
        if let Some(signature) = &call.signature {
            write_google_signature(&mut object, &signature.marked());
        }
        object.end();
    }
    list.end();
}

pub(super) fn write_google_signature(object: &mut Object<'_>, signature: &Text<'_>) {
    let mut extra = object.object("extra_content");
    let mut google = extra.object("google");
    google.text("thought_signature", signature);
    google.end();
    extra.end();
}
