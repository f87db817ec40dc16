//! A whole answer, read and written.

use super::{blocks, error, ids::answered_id, stop, tokens};
use crate::{
    chat::{
        Annotation, Answer, Body, Choice, DecodeFault, Dialect, Json, Losses, Part, Problem, Stop, Text, ToolCallKind,
        Why, WrittenAnswer,
    },
    json::{Array, Kind, Malformed, Object, Reader},
    openai_chat::wrapped_input,
    usage::{AnthropicCounts, CostPlace},
    wire,
};

/// Reads the body of an answer; an error inside a success is given as such.
///
/// # Errors
/// When it is not a JSON object.
pub fn decode_answer(body: &[u8]) -> Result<Result<Answer<'_>, Problem<'_>>, DecodeFault> {
    let mut answer = Answer::new(Dialect::Anthropic);
    let mut choice = Choice::default();
    let (mut reason, mut sequence, mut explanation, mut problem) = (None, None, None, None);
    let mut counts = AnthropicCounts::default();
    let mut reader = Reader::new(body)?;
    if reader.kind()? != Kind::Object {
        return Err(DecodeFault::shape("body", "an object"));
    }
    reader.object(|reader, name| {
        match name {
            "id" => answer.id = wire::text(reader)?,
            "model" => answer.model = wire::text(reader)?,
            "content" => choice.parts = blocks::content(reader)?,
            "stop_reason" => reason = wire::text(reader)?,
            "stop_sequence" => sequence = wire::text(reader)?,
            "stop_details" => explanation = details(reader)?,
            "usage" => counts.read(reader)?,
            "error" => problem = Some(error::read(reader)?),
            "type" | "role" => reader.pass()?,
            _ => wire::extra(&mut answer.extra, reader, name)?,
        }
        Ok::<_, DecodeFault>(())
    })?;
    reader.end()?;
    if let Some(problem) = problem {
        return Ok(Err(problem));
    }
    choice.stop = reason.map(|reason| stop::read(reason, sequence, explanation));
    answer.choices.push(choice);
    answer.usage = counts.usage();
    Ok(Ok(answer))
}

/// Why the model refused, in words.
pub(super) fn details<'a>(reader: &mut Reader<'a>) -> Result<Option<Text<'a>>, Malformed> {
    let mut explanation = None;
    wire::members(reader, |reader, name| match name {
        "explanation" => wire::text(reader).map(|text| explanation = text),
        _ => reader.pass(),
    })?;
    Ok(explanation)
}

/// Writes the body of an answer. `model` is the name the caller asked for; empty keeps the answer's own.
pub fn encode_answer(answer: &Answer<'_>, model: &str, losses: &mut Losses) -> Vec<u8> {
    write_answer(answer, model, losses).body
}

/// As [`encode_answer`], with the place of the cost.
pub fn write_answer(answer: &Answer<'_>, model: &str, losses: &mut Losses) -> WrittenAnswer {
    let mut out = Vec::with_capacity(512);
    let mut object = Object::new(&mut out);
    object.text_or("id", answer.id.as_ref(), "msg");
    object.word("type", "message");
    object.word("role", "assistant");
    match (model, &answer.model) {
        ("", Some(own)) => object.text("model", own),
        _ => object.text("model", &Text::plain(model)),
    }
    if answer.choices.len() > 1 {
        losses.add(Why::NoPeer, "answer.choices", "all answers but the first");
    }
    if answer.choices.iter().any(|choice| !choice.logprobs.is_empty()) {
        losses.add(Why::Label, "answer.logprobs", "log probabilities");
    }
    let blank = Choice::default();
    let choice = answer.choices.first().unwrap_or(&blank);
    let mut list = object.array("content");
    for (number, part) in choice.parts.iter().enumerate() {
        write_block(&mut list, (number, part), answer.dialect == Dialect::Anthropic, losses);
    }
    list.end();
    if let Some(stop) = &choice.stop {
        stop::lose(stop, losses);
    }
    write_stop(&mut object, choice.stop.as_ref());
    let usage = object.length();
    tokens::write(&mut object, &answer.usage.unwrap_or_default(), answer.cost.as_ref());
    let usage = usage..object.length();
    if answer.dialect == Dialect::Anthropic {
        wire::write_extra(&mut object, &answer.extra);
    }
    object.end();
    WrittenAnswer { cost_place: CostPlace::written(&out, usage), body: out }
}

/// Writes `stop_reason` and what goes with it.
pub(super) fn write_stop(object: &mut Object<'_>, reason: Option<&Stop<'_>>) {
    match reason {
        Some(reason) => object.word("stop_reason", stop::word(reason)),
        None => object.raw("stop_reason", "null"),
    }
    match reason {
        Some(Stop::Sequence(Some(sequence))) => object.text("stop_sequence", sequence),
        _ => object.raw("stop_sequence", "null"),
    }
    if let Some(Stop::Refusal(Some(explanation))) = reason {
        let mut details = object.object("stop_details");
        details.word("type", "refusal");
        details.raw("category", "null");
        details.text("explanation", explanation);
        details.end();
    }
}

fn write_block(list: &mut Array<'_>, (number, part): (usize, &Part<'_>), is_own: bool, losses: &mut Losses) {
    let mut after = None;
    match &part.body {
        Body::Text { text, annotations, signature } => {
            let mut object = list.object();
            object.word("type", "text");
            object.text("text", text);
            if !annotations.is_empty() {
                let mut list = object.array("citations");
                for annotation in annotations {
                    write_citation(&mut list, annotation, losses);
                }
                list.end();
            }
            end(object, part, is_own);
            after = signature.as_ref();
        }
        Body::Refusal(text) => {
            let mut object = list.object();
            object.word("type", "text");
            object.text("text", text);
            object.end();
        }
        Body::Thinking { text, signature } => {
            let mut object = list.object();
            object.word("type", "thinking");
            object.text("thinking", text);
            object.text("signature", &signature.as_ref().map(|mark| mark.marked()).unwrap_or_default());
            end(object, part, is_own);
        }
        Body::SealedThinking { data } => {
            let mut object = list.object();
            object.word("type", "redacted_thinking");
            object.text("data", &data.marked());
            end(object, part, is_own);
        }
        Body::ToolCall(call) => {
            let mut object = list.object();
            object.word("type", "tool_use");
            object.text("id", &answered_id(&call.id, number));
            object.text("name", &call.name);
            if call.kind == ToolCallKind::Custom {
                object.raw("input", &wrapped_input(&call.arguments.as_text()).decode());
            } else {
                match call.arguments.as_object() {
                    Some(input) => object.json("input", &input),
                    None => {
                        losses.add(Why::Changed, Losses::BROKEN_ARGUMENTS, "arguments that are no JSON object");
                        object.raw("input", "{}");
                    }
                }
            }
            end(object, part, is_own);
            after = call.signature.as_ref();
        }
        Body::Opaque { dialect: Dialect::Anthropic, json } => json.write(list.next()),
        body => losses.add(Why::NoPeer, "answer", body.noun()),
    }
    if let Some(signature) = after {
        let mut object = list.object();
        object.word("type", "redacted_thinking");
        object.text("data", &signature.marked_after_part());
        object.end();
    }
}

fn end(mut object: Object<'_>, part: &Part<'_>, is_own: bool) {
    if is_own {
        wire::write_extra(&mut object, &part.extra);
    }
    object.end();
}

/// A citation in this dialect's own words.
pub(super) fn own_citation<'t>(annotation: &'t Annotation<'t>) -> Option<Json<'t>> {
    match annotation {
        Annotation::Opaque { dialect: Dialect::Anthropic, json }
        | Annotation::Url { raw: Some((Dialect::Anthropic, json)), .. } => Some(json.share()),
        _ => None,
    }
}

fn write_citation(list: &mut Array<'_>, annotation: &Annotation<'_>, losses: &mut Losses) {
    if own_citation(annotation).is_none() && matches!(annotation, Annotation::Opaque { .. }) {
        return losses.add(Why::NoPeer, "answer.annotations", "a source that only its own dialect knows");
    }
    write_one_citation(list.next(), annotation);
}

/// Writes a citation that this dialect can say.
pub(super) fn write_one_citation(out: &mut Vec<u8>, annotation: &Annotation<'_>) {
    match (own_citation(annotation), annotation) {
        (Some(own), _) => own.write(out),
        (None, Annotation::Url { url, title, .. }) => {
            let mut object = Object::new(out);
            object.word("type", "web_search_result_location");
            object.text("url", url);
            match title {
                Some(title) => object.text("title", title),
                None => object.raw("title", "null"),
            }
            object.word("cited_text", "");
            object.word("encrypted_index", "");
            object.end();
        }
        (None, Annotation::Opaque { .. }) => out.extend_from_slice(b"null"),
    }
}
