//! An answer that is passed on as it is: what came of it, what was counted, where its cost goes, and where it ends.
//!
//! The facts are those that [`crate::openai`] learns of its own dialect, so that whoever relays has one kind of them.
//! Dialects whose callers are many have a scanner of their own, which decodes less.

use std::ops::Range;

use crate::{
    chat::{self, Dialect, Event, PartKind, Stop, StreamFault},
    estimate::Output,
    gemini,
    json::{Kind, Malformed, Reader},
    openai::{Content, Finish, answer::Answer, chunk::Chunk},
    openai_responses,
    translate::decode_answer,
    usage::CostPlace,
};

/// Follows a stream of server-sent events, event by event.
#[derive(Debug)]
pub struct Follower {
    decoder: Decoder,
    has_stopped: bool,
}

#[derive(Debug)]
enum Decoder {
    Responses(Box<openai_responses::Decoder>),
    Gemini(Box<gemini::Decoder>),
}

impl Follower {
    /// `None` for a dialect that has a scanner of its own, or does not stream server-sent events.
    pub fn new(dialect: Dialect) -> Option<Self> {
        let decoder = match dialect {
            Dialect::OpenaiResponses => Decoder::Responses(Box::default()),
            Dialect::Gemini => Decoder::Gemini(Box::default()),
            Dialect::OpenaiChat | Dialect::Anthropic | Dialect::Bedrock => return None,
        };
        Some(Self { decoder, has_stopped: false })
    }

    /// Reads the data of the next event.
    ///
    /// # Errors
    /// When it cannot be what the dialect says. The next may be read all the same.
    pub fn chunk(&mut self, data: &[u8]) -> Result<Chunk, StreamFault> {
        let (mut chunk, mut has_ended) = (Chunk::default(), false);
        let mut note = |event: Event<'_>| {
            has_ended |= event == Event::End;
            chunk.note(&event);
        };
        match &mut self.decoder {
            Decoder::Responses(decoder) => decoder.event(data, &mut note)?,
            Decoder::Gemini(decoder) => decoder.event(data, &mut note)?,
        }
        self.has_stopped |= has_ended;
        if chunk.usage.is_some() {
            chunk.cost_place = cost_place(self.dialect(), data)?;
        }
        Ok(chunk)
    }

    /// Whether the event was read behind which nothing comes. Gemini's streams have none.
    pub fn has_stopped(&self) -> bool {
        self.has_stopped
    }

    fn dialect(&self) -> Dialect {
        match self.decoder {
            Decoder::Responses(_) => Dialect::OpenaiResponses,
            Decoder::Gemini(_) => Dialect::Gemini,
        }
    }
}

/// Reads the body of a whole answer of any dialect.
///
/// # Errors
/// When it is not a JSON object, or not what the dialect says.
pub fn scan_answer(dialect: Dialect, body: &[u8]) -> Result<Answer, Malformed> {
    let Ok(said) = decode_answer(dialect, body).map_err(|_| OTHER)? else {
        return Ok(Answer { is_error: true, ..Answer::default() });
    };
    Ok(Answer { cost_place: cost_place(dialect, body)?, ..Answer::of(&said) })
}

impl Answer {
    /// What an answer says that was read already; but for the place of its cost, which stands in its body.
    pub fn of(said: &chat::Answer<'_>) -> Self {
        let mut chunk = Chunk::default();
        said.events(&mut |event| chunk.note(&event));
        Self {
            content: chunk.content,
            output: chunk.output,
            finish: chunk.finish,
            finished: chunk.finished,
            choices: u32::try_from(said.choices.len()).unwrap_or(u32::MAX),
            usage: chunk.usage,
            cost_place: None,
            is_error: false,
        }
    }
}

impl Chunk {
    /// Adds what an event of the common form says.
    pub fn note(&mut self, event: &Event<'_>) {
        match event {
            Event::PartStart { choice, .. } => self.seen |= bit(*choice),
            Event::Stop { choice, stop } => {
                self.seen |= bit(*choice);
                self.finished |= bit(*choice);
                self.finish.get_or_insert_with(|| finish(stop));
            }
            Event::Usage(usage) => self.usage = Some(*usage),
            Event::Error(_) => self.is_error = true,
            _ => {}
        }
        self.goes_on |= matches!(event, Event::PartStart { .. } | Event::PartEnd { .. } | Event::Signature { .. });
        if event.is_content() {
            self.goes_on = true;
            self.content = self.content.max(content(event));
            self.output = self.output.plus(output(event));
        }
    }
}

/// The reason as routing and money know it; which word the caller reads is the encoder's business.
fn finish(stop: &Stop<'_>) -> Finish {
    match stop {
        Stop::Finished | Stop::Sequence(_) => Finish::Stop,
        Stop::Length | Stop::WindowFull => Finish::Length,
        Stop::ToolCalls => Finish::ToolCalls,
        Stop::Refusal(_) | Stop::Filter => Finish::ContentFilter,
        Stop::Pause | Stop::Other(_) => Finish::Other,
    }
}

fn content(event: &Event<'_>) -> Content {
    match event {
        Event::Text { .. } => Content::Text,
        Event::Thinking { .. } => Content::Reasoning,
        Event::Refusal { .. } => Content::Refusal,
        Event::PartStart { kind: PartKind::Whole(_), .. } => Content::Image,
        _ => Content::ToolCall,
    }
}

fn output(event: &Event<'_>) -> Output {
    let text_bytes = match event {
        Event::Text { text, .. }
        | Event::Arguments { text, .. }
        | Event::Thinking { text, .. }
        | Event::Refusal { text, .. }
        | Event::PartStart { kind: PartKind::ToolCall { name: text, .. }, .. } => text.written().len() as u64,
        Event::PartStart { kind: PartKind::Opaque { json, .. }, .. } => json.as_str().len() as u64,
        _ => 0,
    };
    let images = u64::from(matches!(event, Event::PartStart { kind: PartKind::Whole(_), .. }));
    Output { text_bytes, images, ..Output::default() }
}

fn bit(choice: u32) -> u128 {
    1_u128.checked_shl(choice).unwrap_or(0)
}

/// Where the cost goes in the usage of an answer or event, which `text` is.
fn cost_place(dialect: Dialect, text: &[u8]) -> Result<Option<CostPlace>, Malformed> {
    let (outer, name) = match dialect {
        Dialect::OpenaiResponses => (Some("response"), "usage"),
        Dialect::Gemini => (None, "usageMetadata"),
        Dialect::OpenaiChat | Dialect::Anthropic => (None, "usage"),
        Dialect::Bedrock => return Ok(None),
    };
    let text = std::str::from_utf8(text).map_err(|_| OTHER)?;
    let all = 0..text.len();
    // A whole answer is what the last event of a stream holds.
    let object = outer.map_or(Ok(None), |outer| member(text, &all, outer))?.unwrap_or(all);
    let usage = member(text, &object, name)?;
    usage.map_or(Ok(None), |usage| CostPlace::within(text, &usage))
}

/// Where the value of a member stands in `text`, of whose object at `span` it is.
fn member(text: &str, span: &Range<usize>, name: &str) -> Result<Option<Range<usize>>, Malformed> {
    let mut reader = Reader::of(&text[span.clone()]);
    if reader.kind()? != Kind::Object {
        return Ok(None);
    }
    let mut found = None;
    reader.object(|reader, key| {
        let value = reader.skip()?;
        if key == name {
            found = Some(span.start + value.start..span.start + value.end);
        }
        Ok::<_, Malformed>(())
    })?;
    Ok(found)
}

const OTHER: Malformed = Malformed { reason: "not what its dialect says", offset: 0 };

#[cfg(test)]
mod tests {
    use super::*;
    use crate::openai::with_cost;

    #[test]
    fn a_stream_of_responses_tells_its_content_its_count_and_its_end() {
        let mut follower = Follower::new(Dialect::OpenaiResponses).unwrap();
        let mut read = |data: &str| {
            let chunk = follower.chunk(data.as_bytes()).unwrap_or_else(|fault| panic!("{fault:?}: {data}"));
            (chunk, follower.has_stopped())
        };
        let created = r#"{"type":"response.created","response":{"id":"r","status":"in_progress","output":[]}}"#;
        assert_eq!(read(created), (Chunk::default(), false));
        read(
            r#"{"type":"response.output_item.added","output_index":0,"item":{"type":"message","id":"m","content":[]}}"#,
        );
        read(
            r#"{"type":"response.content_part.added","output_index":0,"content_index":0,"part":{"type":"output_text","text":""}}"#,
        );
        let (chunk, _) =
            read(r#"{"type":"response.output_text.delta","output_index":0,"content_index":0,"delta":"Hi"}"#);
        assert_eq!((chunk.content, chunk.output.text_bytes, chunk.finished), (Content::Text, 2, 0));
        let end = r#"{"type":"response.completed","response":{"id":"r","status":"completed","output":[],"usage":{"input_tokens":3,"output_tokens":1}}}"#;
        let (chunk, has_stopped) = read(end);
        assert!(has_stopped && chunk.finish == Some(Finish::Stop) && chunk.finished == 1);
        assert_eq!(chunk.usage.unwrap().completion(), 1);
        let priced = with_cost(end.as_bytes(), chunk.cost_place.unwrap(), "0.5");
        assert!(String::from_utf8(priced).unwrap().contains(r#""usage":{"cost":0.5,"input_tokens":3"#));
    }

    #[test]
    fn a_stream_of_gemini_tells_its_content_its_count_and_its_end() {
        let mut follower = Follower::new(Dialect::Gemini).unwrap();
        let text = r#"{"candidates":[{"content":{"role":"model","parts":[{"text":"Hi"}]},"index":0}]}"#;
        let chunk = follower.chunk(text.as_bytes()).unwrap();
        assert_eq!((chunk.content, chunk.finish), (Content::Text, None));
        let end = r#"{"candidates":[{"content":{"role":"model","parts":[{"text":"!"}]},"finishReason":"STOP","index":0}],"usageMetadata":{"promptTokenCount":3,"candidatesTokenCount":2}}"#;
        let chunk = follower.chunk(end.as_bytes()).unwrap();
        assert_eq!((chunk.content, chunk.finish, chunk.finished), (Content::Text, Some(Finish::Stop), 1));
        let priced = with_cost(end.as_bytes(), chunk.cost_place.unwrap(), "0.5");
        assert!(String::from_utf8(priced).unwrap().contains(r#""usageMetadata":{"cost":0.5,"promptTokenCount""#));
    }

    #[test]
    fn an_error_is_no_end() {
        let mut follower = Follower::new(Dialect::OpenaiResponses).unwrap();
        let failed = r#"{"type":"response.failed","response":{"id":"r","status":"failed","error":{"code":"server_error","message":"no"}}}"#;
        let chunk = follower.chunk(failed.as_bytes()).unwrap();
        assert!(chunk.is_error && !follower.has_stopped());
        let mut follower = Follower::new(Dialect::Gemini).unwrap();
        let failed = r#"{"error":{"code":503,"message":"no","status":"UNAVAILABLE"}}"#;
        assert!(follower.chunk(failed.as_bytes()).unwrap().is_error);
    }

    #[test]
    fn a_whole_answer_tells_the_same() {
        let body = r#"{"id":"r","object":"response","status":"completed","output":[{"type":"message","role":"assistant","content":[{"type":"output_text","text":"Hi"}]}],"usage":{"input_tokens":3,"output_tokens":1,"cost":0}}"#;
        let answer = scan_answer(Dialect::OpenaiResponses, body.as_bytes()).unwrap();
        assert_eq!((answer.content, answer.output.text_bytes, answer.choices), (Content::Text, 2, 1));
        assert_eq!((answer.finish, answer.usage.unwrap().prompt()), (Some(Finish::Stop), 3));
        assert_eq!(answer.cost_place, Some(CostPlace::Value { start: body.len() - 3, end: body.len() - 2 }));
        assert!(scan_answer(Dialect::Gemini, br#"{"error":{"code":400,"message":"no"}}"#).unwrap().is_error);
        assert!(scan_answer(Dialect::Gemini, b"<html>").is_err());
    }
}
