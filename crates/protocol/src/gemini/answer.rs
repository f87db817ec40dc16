//! A whole answer, read and written.

use super::{
    error, logprobs,
    parts::{self, Ids},
    stop, tokens,
};
use crate::{
    chat::{
        Annotation, Answer, Body, Choice, DecodeFault, Dialect, Losses, Part, Problem, Stop, Text, Why, WrittenAnswer,
    },
    json::{Array, Kind, Malformed, Object, Reader},
    usage::{self, CostPlace},
    wire,
};

/// Reads the body of an answer; an error inside a success is given as such.
///
/// # Errors
/// When it is not a JSON object.
pub fn decode_answer(body: &[u8]) -> Result<Result<Answer<'_>, Problem<'_>>, DecodeFault> {
    let mut answer = Answer::new(Dialect::Gemini);
    let mut problem = None;
    let mut is_blocked = false;
    let mut reader = Reader::new(body)?;
    if reader.kind()? != Kind::Object {
        return Err(DecodeFault::shape("body", "an object"));
    }
    reader.object(|reader, name| {
        match name {
            "candidates" => wire::elements(reader, |reader| candidate(reader.raw()?, &mut answer, &mut problem))?,
            "promptFeedback" => is_blocked = wire::member_text(reader.raw()?, "blockReason")?.is_some(),
            "usageMetadata" => answer.usage = usage::read_gemini(reader)?,
            "modelVersion" => answer.model = wire::text(reader)?,
            "responseId" => answer.id = wire::text(reader)?,
            "error" if reader.kind()? == Kind::Object => problem = Some(error::read(reader)?),
            _ => wire::extra(&mut answer.extra, reader, name)?,
        }
        Ok::<_, DecodeFault>(())
    })?;
    reader.end()?;
    if let Some(problem) = problem {
        return Ok(Err(problem));
    }
    if is_blocked && answer.choices.is_empty() {
        answer.choices.push(Choice { stop: Some(Stop::Filter), ..Choice::default() });
    }
    Ok(Ok(answer))
}

fn candidate<'a>(raw: &'a str, answer: &mut Answer<'a>, problem: &mut Option<Problem<'a>>) -> Result<(), DecodeFault> {
    let candidate = Candidate::read(raw)?;
    let mut choice = Choice::default();
    let mut ids = Ids::default();
    if let Some(list) = candidate.parts {
        Reader::of(list).array(|reader| {
            let part = parts::read(reader.raw()?, &mut ids)?;
            // The last part may be empty, or hold nothing but a signature.
            if !matches!(&part.body, Body::Text { text, signature: None, .. } if text.is_empty()) {
                choice.parts.push(part);
            }
            Ok::<_, Malformed>(())
        })?;
    }
    if let Some(sources) = candidate.grounding {
        let last = choice.parts.iter_mut().rev().find(|part| part.as_text().is_some());
        if let Some(Part { body: Body::Text { annotations, .. }, .. }) = last {
            self::sources(sources, annotations)?;
        }
    }
    if let Some(found) = candidate.logprobs {
        choice.logprobs = logprobs::read(found)?;
    }
    if let Some(reason) = candidate.reason {
        *problem = stop::failure(&reason).or_else(|| problem.take());
        let has_calls = choice.parts.iter().any(|part| matches!(part.body, Body::ToolCall(_)));
        choice.stop = Some(stop::read(reason, has_calls));
    }
    answer.choices.push(choice);
    Ok(())
}

/// One of `candidates`, its content as written.
#[derive(Default)]
pub(super) struct Candidate<'a> {
    pub(super) index: Option<u64>,
    pub(super) parts: Option<&'a str>,
    pub(super) reason: Option<Text<'a>>,
    pub(super) grounding: Option<&'a str>,
    pub(super) logprobs: Option<&'a str>,
}

impl<'a> Candidate<'a> {
    pub(super) fn read(raw: &'a str) -> Result<Self, Malformed> {
        let mut candidate = Self::default();
        wire::members(&mut Reader::of(raw), |reader, name| {
            match name {
                "index" => candidate.index = wire::whole(reader)?,
                "content" => wire::members(reader, |reader, name| match name {
                    "parts" if reader.kind()? == Kind::Array => reader.raw().map(|raw| candidate.parts = Some(raw)),
                    _ => reader.pass(),
                })?,
                "finishReason" => {
                    candidate.reason = wire::text(reader)?.filter(|reason| !reason.is("FINISH_REASON_UNSPECIFIED"));
                }
                "logprobsResult" => candidate.logprobs = Some(reader.raw()?),
                "groundingMetadata" => candidate.grounding = Some(reader.raw()?),
                _ => reader.pass()?,
            }
            Ok::<_, Malformed>(())
        })?;
        Ok(candidate)
    }
}

/// The pages that an answer stands on.
pub(super) fn sources<'a>(raw: &'a str, annotations: &mut Vec<Annotation<'a>>) -> Result<(), Malformed> {
    wire::members(&mut Reader::of(raw), |reader, name| {
        if name != "groundingChunks" {
            return reader.pass();
        }
        wire::elements(reader, |reader| {
            wire::members(reader, |reader, name| {
                if name != "web" {
                    return reader.pass();
                }
                let (mut url, mut title) = (None, None);
                wire::members(reader, |reader, name| {
                    match name {
                        "uri" => url = wire::text(reader)?,
                        "title" => title = wire::text(reader)?,
                        _ => reader.pass()?,
                    }
                    Ok::<_, Malformed>(())
                })?;
                annotations.extend(url.map(|url| Annotation::Url { url, title, start: None, end: None, raw: None }));
                Ok(())
            })
        })
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
    let mut list = object.array("candidates");
    for (index, choice) in answer.choices.iter().enumerate() {
        let mut candidate = list.object();
        let mut content = candidate.object("content");
        let mut parts = content.array("parts");
        for part in &choice.parts {
            write_part(&mut parts, part, answer.dialect, losses);
        }
        parts.end();
        content.word("role", "model");
        content.end();
        if let Some(reason) = &choice.stop {
            reason.lose(stop::WORDS, losses);
            candidate.word("finishReason", stop::word(reason));
        }
        candidate.number("index", index);
        logprobs::write(&mut candidate, &choice.logprobs);
        let found = choice.parts.iter().filter_map(|part| match &part.body {
            Body::Text { annotations, .. } => Some(annotations),
            _ => None,
        });
        write_sources(&mut candidate, found.flatten(), losses);
        candidate.end();
    }
    list.end();
    let usage = object.length();
    if let Some(usage) = &answer.usage {
        lose_cache_write(usage, losses);
        tokens::write(&mut object, usage, answer.cost.as_ref());
    }
    let usage = usage..object.length();
    match (model, &answer.model) {
        ("", Some(own)) => object.text("modelVersion", own),
        _ => object.text("modelVersion", &Text::plain(model)),
    }
    object.text_if("responseId", answer.id.as_ref());
    if answer.dialect == Dialect::Gemini {
        wire::write_extra(&mut object, &answer.extra);
    }
    object.end();
    WrittenAnswer { cost_place: CostPlace::written(&out, usage), body: out }
}

/// Writes the pages that an answer stands on.
pub(super) fn write_sources<'a>(
    candidate: &mut Object<'_>,
    annotations: impl Iterator<Item = &'a Annotation<'a>>,
    losses: &mut Losses,
) {
    let mut pages = Vec::new();
    for annotation in annotations {
        match annotation {
            Annotation::Url { url, title, .. } => pages.push((url, title)),
            Annotation::Opaque { .. } => {
                losses.add(Why::NoPeer, "answer.annotations", "a source that only its own dialect knows");
            }
        }
    }
    if pages.is_empty() {
        return;
    }
    let mut grounding = candidate.object("groundingMetadata");
    let mut list = grounding.array("groundingChunks");
    for (url, title) in pages {
        let mut chunk = list.object();
        let mut web = chunk.object("web");
        web.text("uri", url);
        web.text_if("title", title.as_ref());
        web.end();
        chunk.end();
    }
    list.end();
    grounding.end();
}

/// The dialect counts what was written to a cache as any other prompt.
pub(super) fn lose_cache_write(usage: &usage::Usage, losses: &mut Losses) {
    if usage.cache_write > 0 {
        losses.add(Why::Changed, "answer.usage.cache_write", "counted as input");
    }
}

/// Writes one finished part.
pub(super) fn write_part(list: &mut Array<'_>, part: &Part<'_>, dialect: Dialect, losses: &mut Losses) {
    let mut object = match &part.body {
        Body::Opaque { dialect: Dialect::Gemini, json } => return json.write(list.next()),
        Body::Opaque { .. } | Body::ToolResult(_) => return losses.add(Why::NoPeer, "answer", part.body.noun()),
        _ => list.object(),
    };
    let signature = match &part.body {
        Body::Text { text, signature, .. } => {
            object.text("text", text);
            signature.as_ref()
        }
        Body::Refusal(text) => {
            object.text("text", text);
            None
        }
        Body::Thinking { text, signature } => {
            object.text("text", text);
            object.bool("thought", true);
            signature.as_ref()
        }
        Body::SealedThinking { data } => {
            object.bool("thought", true);
            Some(data)
        }
        Body::ToolCall(call) => {
            if !parts::write_call(&mut object, call, true) {
                losses.add(Why::Changed, Losses::BROKEN_ARGUMENTS, "arguments that are no JSON object");
            }
            call.signature.as_ref()
        }
        Body::Image { source, .. } | Body::Audio { source } | Body::File { source, .. } => {
            if !parts::write_source(&mut object, source, part.extra.find("mimeType")) {
                losses.add(Why::NoPeer, "answer", part.body.noun());
            }
            None
        }
        Body::Opaque { .. } | Body::ToolResult(_) => None,
    };
    if let Some(signature) = signature {
        object.text("thoughtSignature", &super::signature::write(signature));
    }
    if dialect == Dialect::Gemini {
        for (name, value) in part.extra.iter().filter(|(name, _)| *name != "mimeType") {
            object.foreign(name, value.as_str());
        }
    }
    object.end();
}
