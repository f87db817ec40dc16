//! Reads just enough of an answer to pass it on as it is: what came of it, what was counted, and where the cost goes.
//!
//! The facts are those that [`crate::openai`] learns of its own dialect, so that whoever relays has one kind of them.

use super::{parts::camel, stop};
use crate::{
    chat::Stop,
    estimate::Output,
    json::{Kind, Malformed, Reader},
    openai::{Content, Finish, answer::Answer},
    usage, wire,
};

/// Reads the body of a whole answer, which is what each event of a stream holds as well.
///
/// A reason to stop that means that there is no answer is an error, and a prompt that was blocked a whole answer
/// without content.
///
/// # Errors
/// When it is not a JSON object.
pub fn scan_answer(body: &[u8]) -> Result<Answer, Malformed> {
    let mut reader = Reader::new(body)?;
    let mut answer = Answer::default();
    let (mut span, mut is_blocked) = (None, false);
    reader.object(|reader, name| {
        match name {
            "candidates" => wire::elements(reader, |reader| candidate(reader, &mut answer))?,
            "promptFeedback" => is_blocked = wire::member_text(reader.raw()?, "blockReason")?.is_some(),
            "usageMetadata" => span = Some(reader.skip()?),
            "error" => answer.is_error |= reader.raw()? != "null",
            _ => reader.pass()?,
        }
        Ok::<_, Malformed>(())
    })?;
    reader.end()?;
    if is_blocked && answer.choices == 0 {
        (answer.choices, answer.finished, answer.finish) = (1, 1, Some(Finish::ContentFilter));
    }
    if let (Some(span), Ok(text)) = (span, std::str::from_utf8(body)) {
        answer.usage = usage::read_gemini(&mut Reader::of(&text[span.clone()]))?;
        answer.cost_place = usage::cost_place(text, &span)?;
    }
    Ok(answer)
}

fn candidate(reader: &mut Reader<'_>, answer: &mut Answer) -> Result<(), Malformed> {
    let mut index = u64::from(answer.choices);
    let (mut reason, mut has_calls) = (None, false);
    answer.choices = answer.choices.saturating_add(1);
    wire::members(reader, |reader, name| {
        match name {
            "index" => index = wire::whole(reader)?.unwrap_or(index),
            "finishReason" => reason = wire::text(reader)?.filter(|text| !text.is("FINISH_REASON_UNSPECIFIED")),
            "content" => wire::members(reader, |reader, name| match name {
                "parts" => wire::elements(reader, |reader| {
                    let (content, output) = part(reader)?;
                    has_calls |= content == Content::ToolCall;
                    answer.content = answer.content.max(content);
                    answer.output = answer.output.plus(output);
                    Ok::<_, Malformed>(())
                }),
                _ => reader.pass(),
            })?,
            _ => reader.pass()?,
        }
        Ok::<_, Malformed>(())
    })?;
    let Some(reason) = reason else { return Ok(()) };
    answer.is_error |= stop::failure(&reason).is_some();
    answer.finish.get_or_insert(match stop::read(reason, has_calls) {
        Stop::Finished | Stop::Sequence(_) => Finish::Stop,
        Stop::Length | Stop::WindowFull => Finish::Length,
        Stop::ToolCalls => Finish::ToolCalls,
        Stop::Refusal(_) | Stop::Filter => Finish::ContentFilter,
        Stop::Pause | Stop::Other(_) => Finish::Other,
    });
    answer.finished |= u32::try_from(index).ok().and_then(|index| 1_u128.checked_shl(index)).unwrap_or(0);
    Ok(())
}

/// What a part holds. Signatures are no content by themselves.
fn part(reader: &mut Reader<'_>) -> Result<(Content, Output), Malformed> {
    let (mut bytes, mut other, mut is_thought) = (0, Content::None, false);
    let mut output = Output::default();
    wire::members(reader, |reader, name| {
        match &*camel(name) {
            "text" if reader.kind()? == Kind::String => bytes = reader.string()?.raw.len() as u64,
            "thought" => is_thought = reader.raw()? == "true",
            "inlineData" => {
                let raw = reader.raw()?;
                let kind = wire::member_text(raw, "mimeType")?.unwrap_or_default();
                if kind.written().starts_with("audio") {
                    other = Content::Audio;
                    output.audio_bytes += raw.len() as u64;
                } else {
                    other = Content::Image;
                    output.images += 1;
                }
            }
            "functionCall" | "toolCall" => {
                other = Content::ToolCall;
                output.text_bytes += reader.raw()?.len() as u64;
            }
            "executableCode" | "codeExecutionResult" | "toolResponse" => {
                other = Content::Text;
                output.text_bytes += reader.raw()?.len() as u64;
            }
            _ => reader.pass()?,
        }
        Ok::<_, Malformed>(())
    })?;
    output.text_bytes += bytes;
    let content = match (other, bytes, is_thought) {
        (Content::None, 0, _) => Content::None,
        (Content::None, _, true) => Content::Reasoning,
        (Content::None, _, false) => Content::Text,
        (other, ..) => other,
    };
    Ok((content, output))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{openai::with_cost, usage::Usage};

    #[test]
    fn an_answer_is_known_by_its_content_its_reason_and_its_count() {
        let body = r#"{"candidates":[{"content":{"role":"model","parts":[{"text":"ab","thought":true},
            {"functionCall":{"name":"f","args":{}},"thoughtSignature":"c2ln"}]},"finishReason":"STOP","index":0}],
            "usageMetadata":{"promptTokenCount":9,"candidatesTokenCount":2,"thoughtsTokenCount":4}}"#;
        let answer = scan_answer(body.as_bytes()).unwrap();
        assert_eq!((answer.content, answer.finish, answer.finished), (Content::ToolCall, Some(Finish::ToolCalls), 1));
        assert_eq!(answer.output.text_bytes, 2 + r#"{"name":"f","args":{}}"#.len() as u64);
        assert_eq!(answer.usage, Some(Usage { input: 9, output: 6, reasoning: 4, ..Usage::default() }));
        let priced = with_cost(body.as_bytes(), answer.cost_place.unwrap(), "0.5");
        assert!(String::from_utf8(priced).unwrap().contains(r#""usageMetadata":{"cost":0.5,"promptTokenCount""#));
    }

    #[test]
    fn what_is_no_answer_is_told_apart() {
        let scan = |body: &str| scan_answer(body.as_bytes()).unwrap();
        let blocked = scan(r#"{"promptFeedback":{"blockReason":"SAFETY"},"usageMetadata":{"promptTokenCount":4}}"#);
        assert_eq!((blocked.finish, blocked.is_error), (Some(Finish::ContentFilter), false));
        assert!(scan(r#"{"candidates":[{"content":{},"finishReason":"MALFORMED_FUNCTION_CALL"}]}"#).is_error);
        assert!(scan(r#"{"error":{"code":503,"message":"x","status":"UNAVAILABLE"}}"#).is_error);
        assert!(scan(r#"{"candidates":[]}"#).is_empty());
        assert!(scan(r#"{"candidates":[{"content":{"parts":[{"text":"","thoughtSignature":"c2ln"}]}}]}"#).is_empty());
        assert!(scan_answer(b"[]").is_err());
    }
}
