//! A whole answer, read and written.

use super::{blocks, error, stop, tokens};
use crate::{
    chat::{Answer, Body, Choice, DecodeFault, Dialect, Losses, Part, Problem, ToolCall, Why},
    json::{Array, Kind, Object, Reader},
    usage, wire,
};

/// Reads the body of an answer; an error inside a success is given as such.
///
/// # Errors
/// When it is not a JSON object.
pub fn decode_answer(body: &[u8]) -> Result<Result<Answer<'_>, Problem<'_>>, DecodeFault> {
    let mut answer = Answer::new(Dialect::Bedrock);
    let mut choice = Choice::default();
    let (mut reason, mut has_output, mut is_error) = (None, false, false);
    let mut reader = Reader::new(body)?;
    if reader.kind()? != Kind::Object {
        return Err(DecodeFault::shape("body", "an object"));
    }
    reader.object(|reader, name| {
        match name {
            "output" => wire::members(reader, |reader, name| {
                has_output = true;
                match name {
                    "message" => wire::members(reader, |reader, name| {
                        match name {
                            "content" => choice.parts = blocks::content(reader)?,
                            _ => reader.pass()?,
                        }
                        Ok::<_, DecodeFault>(())
                    }),
                    _ => Ok(reader.pass()?),
                }
            })?,
            "stopReason" => reason = wire::text(reader)?,
            "usage" => answer.usage = usage::read_bedrock(reader)?,
            "message" | "Message" | "__type" => {
                is_error = true;
                reader.pass()?;
            }
            _ => wire::extra(&mut answer.extra, reader, name)?,
        }
        Ok::<_, DecodeFault>(())
    })?;
    reader.end()?;
    if is_error && !has_output {
        return Ok(Err(error::read(body, None)?));
    }
    if let Some(problem) = reason.as_ref().and_then(stop::failure) {
        return Ok(Err(problem));
    }
    choice.stop = reason.map(stop::read);
    answer.choices.push(choice);
    Ok(Ok(answer))
}

/// Writes the body of an answer, which names no model here.
pub fn encode_answer(answer: &Answer<'_>, losses: &mut Losses) -> Vec<u8> {
    let mut out = Vec::with_capacity(512);
    if answer.choices.len() > 1 {
        losses.add(Why::NoPeer, "answer.choices", "all answers but the first");
    }
    if answer.choices.iter().any(|choice| !choice.logprobs.is_empty()) {
        losses.add(Why::Label, "answer.logprobs", "log probabilities");
    }
    let blank = Choice::default();
    let choice = answer.choices.first().unwrap_or(&blank);
    let mut object = Object::new(&mut out);
    let mut output = object.object("output");
    let mut message = output.object("message");
    message.word("role", "assistant");
    let mut list = message.array("content");
    for part in &choice.parts {
        write_block(&mut list, part, answer.dialect == Dialect::Bedrock, losses);
    }
    list.end();
    message.end();
    output.end();
    if let Some(reason) = &choice.stop {
        reason.lose(stop::WORDS, losses);
        object.word("stopReason", stop::word(reason));
    }
    if let Some(usage) = &answer.usage {
        tokens::write(&mut object, usage, losses);
    }
    if answer.dialect == Dialect::Bedrock {
        wire::write_extra(&mut object, &answer.extra);
    }
    object.end();
    out
}

fn write_block(list: &mut Array<'_>, part: &Part<'_>, is_own: bool, losses: &mut Losses) {
    match &part.body {
        Body::Opaque { dialect: Dialect::Bedrock, json } => return json.write(list.next()),
        Body::Text { signature: Some(_), .. } | Body::ToolCall(ToolCall { signature: Some(_), .. }) => {
            losses.add(Why::NoPeer, "answer.signature", "a text's or a tool call's signature");
        }
        Body::Text { annotations, .. } if !annotations.is_empty() => {
            losses.add(Why::NoPeer, "answer.annotations", "sources of the answer");
        }
        Body::Image { .. } | Body::Audio { .. } | Body::File { .. } | Body::ToolResult(_) | Body::Opaque { .. } => {
            return losses.add(Why::NoPeer, "answer", part.body.noun());
        }
        _ => {}
    }
    let mut object = list.object();
    match &part.body {
        Body::Text { text, .. } | Body::Refusal(text) => object.text("text", text),
        Body::Thinking { text, signature } => {
            let mark = signature.as_ref().map(|mark| mark.marked());
            blocks::write_reasoning(&mut object, Some(text), mark.as_ref());
        }
        Body::SealedThinking { data } => blocks::write_reasoning(&mut object, None, Some(&data.marked())),
        Body::ToolCall(call) if !blocks::write_call(&mut object, call) => {
            losses.add(Why::Changed, Losses::BROKEN_ARGUMENTS, "arguments that are no JSON object");
        }
        _ => {}
    }
    if is_own {
        wire::write_extra(&mut object, &part.extra);
    }
    object.end();
}
