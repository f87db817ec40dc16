//! Reads just enough of an answer to pass it on as it is: what came of it, what was counted, and where it ends.
//!
//! The facts are those that [`crate::openai`] learns of its own dialect, so that whoever relays has one kind of them.

use std::ops::Range;

use super::Place;
use crate::{
    estimate::Output,
    json::{Kind, Malformed, Reader},
    openai::{Content, Finish, answer::Answer, chunk::Chunk},
    usage::{AnthropicCounts, CostPlace},
    wire,
};

/// Follows a stream event by event.
#[derive(Debug, Default)]
pub struct Scanner {
    counts: AnthropicCounts,
    place: Place,
    /// The reason to stop that the beginning told, while no other came.
    foretold: Option<Finish>,
    has_stopped: bool,
}

impl Scanner {
    /// Reads the data of the next event. A reason to stop is the end of the one choice there is.
    ///
    /// # Errors
    /// When it is not a JSON object.
    pub fn chunk(&mut self, data: &[u8]) -> Result<Chunk, Malformed> {
        let event = Event::read(data)?;
        let mut chunk = Chunk { seen: 1, is_error: event.is_error, ..Chunk::default() };
        match event.kind {
            "message_start" => {
                self.place.has_begun = true;
                chunk.role_only = true;
                wire::members(&mut Reader::of(event.message.unwrap_or("{}")), |reader, name| match name {
                    "usage" => self.counts.read(reader),
                    // It may hold all that there is: blocks and the reason to stop.
                    "content" => wire::elements(reader, |reader| {
                        let (content, output) = block(reader.raw()?)?;
                        chunk.goes_on = true;
                        chunk.role_only = false;
                        chunk.content = chunk.content.max(content);
                        chunk.output = chunk.output.plus(output);
                        Ok(())
                    }),
                    "stop_reason" => {
                        self.foretold = wire::text(reader)?.and_then(|reason| finish(&reason.decode()));
                        Ok(())
                    }
                    _ => reader.pass(),
                })?;
                chunk.usage = self.counts.usage();
                self.place.tells_input = chunk.usage.is_some_and(|usage| usage.prompt() > 0);
            }
            "content_block_start" => {
                chunk.goes_on = true;
                self.place.open = Some(event.index);
                (chunk.content, chunk.output) = block(event.block.unwrap_or("{}"))?;
            }
            "content_block_delta" => {
                let raw = event.delta.unwrap_or("{}");
                (chunk.content, chunk.output) = delta(raw)?;
                // An empty one is nothing; a signature ends what was thought unseen.
                chunk.goes_on = chunk.has_content() || wire::member_text(raw, "signature")?.is_some();
            }
            "content_block_stop" => {
                chunk.goes_on = true;
                self.place.open = None;
            }
            "message_delta" => {
                if let Some(span) = event.usage {
                    self.counts.read(&mut Reader::of(&event.text[span.clone()]))?;
                    chunk.cost_place = CostPlace::within(event.text, &span)?;
                }
                chunk.usage = self.counts.usage();
                let reason = wire::member_text(event.delta.unwrap_or("{}"), "stop_reason")?;
                chunk.finish = reason.and_then(|reason| finish(&reason.decode()));
                self.foretold = self.foretold.filter(|_| chunk.finish.is_none());
            }
            "message_stop" => {
                chunk.finish = self.foretold.take();
                self.has_stopped = true;
            }
            "error" => chunk.is_error = true,
            _ => {}
        }
        chunk.finished = u128::from(chunk.finish.is_some());
        Ok(chunk)
    }

    /// How far the stream has come.
    pub fn place(&self) -> Place {
        self.place
    }

    /// Whether `message_stop` was read, behind which nothing comes.
    pub fn has_stopped(&self) -> bool {
        self.has_stopped
    }
}

/// Reads the body of a whole answer.
///
/// # Errors
/// When it is not a JSON object.
pub fn scan_answer(body: &[u8]) -> Result<Answer, Malformed> {
    let mut reader = Reader::new(body)?;
    let mut answer = Answer { choices: 1, ..Answer::default() };
    let (mut usage, mut counts) = (None, AnthropicCounts::default());
    reader.object(|reader, name| {
        match name {
            "type" => answer.is_error |= wire::text(reader)?.is_some_and(|kind| kind.is("error")),
            "error" => answer.is_error |= reader.raw()? != "null",
            "content" => wire::elements(reader, |reader| {
                let (content, output) = block(reader.raw()?)?;
                answer.content = answer.content.max(content);
                answer.output = answer.output.plus(output);
                Ok::<_, Malformed>(())
            })?,
            "stop_reason" => answer.finish = wire::text(reader)?.and_then(|reason| finish(&reason.decode())),
            "usage" => usage = Some(reader.skip()?),
            _ => reader.pass()?,
        }
        Ok::<_, Malformed>(())
    })?;
    reader.end()?;
    if let (Some(span), Ok(text)) = (usage, std::str::from_utf8(body)) {
        counts.read(&mut Reader::of(&text[span.clone()]))?;
        answer.cost_place = CostPlace::within(text, &span)?;
    }
    answer.usage = counts.usage();
    answer.finished = u128::from(answer.finish.is_some());
    Ok(answer)
}

/// One event's members, the structured ones as written.
struct Event<'a> {
    text: &'a str,
    kind: &'a str,
    index: u64,
    message: Option<&'a str>,
    block: Option<&'a str>,
    delta: Option<&'a str>,
    usage: Option<Range<usize>>,
    is_error: bool,
}

impl<'a> Event<'a> {
    fn read(data: &'a [u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(data)?;
        let text = std::str::from_utf8(data).unwrap_or_default();
        let (message, block, delta, usage) = (None, None, None, None);
        let mut event = Self { text, kind: "", index: 0, message, block, delta, usage, is_error: false };
        reader.object(|reader, name| {
            match name {
                // The names of events hold nothing that JSON escapes.
                "type" => event.kind = reader.raw()?.trim_matches('"'),
                "index" => event.index = wire::whole(reader)?.unwrap_or(0),
                "message" => event.message = Some(reader.raw()?),
                "content_block" => event.block = Some(reader.raw()?),
                "delta" => event.delta = Some(reader.raw()?),
                "usage" => event.usage = Some(reader.skip()?),
                "error" => event.is_error = reader.raw()? != "null",
                _ => reader.pass()?,
            }
            Ok::<_, Malformed>(())
        })?;
        reader.end()?;
        Ok(event)
    }
}

/// What a block holds, whole or at its beginning.
fn block(raw: &str) -> Result<(Content, Output), Malformed> {
    let (mut kind, mut bytes, mut has_text) = ("", 0, false);
    wire::members(&mut Reader::of(raw), |reader, name| {
        match name {
            "type" => kind = reader.raw()?.trim_matches('"'),
            "text" | "thinking" => {
                let length = inside(reader)?;
                has_text |= length > 0;
                bytes += length;
            }
            "name" => bytes += inside(reader)?,
            "input" => {
                let raw = reader.raw()?;
                // An empty object says that the input comes in deltas.
                bytes += if raw.len() > 2 { raw.len() as u64 } else { 0 };
            }
            _ => reader.pass()?,
        }
        Ok::<_, Malformed>(())
    })?;
    let content = match kind {
        "text" if has_text => Content::Text,
        "thinking" if has_text => Content::Reasoning,
        "text" | "thinking" | "" => Content::None,
        "redacted_thinking" => Content::Reasoning,
        _ => Content::ToolCall,
    };
    Ok((content, Output { text_bytes: bytes, ..Output::default() }))
}

/// What a delta adds to its block. Signatures and citations are no content by themselves.
fn delta(raw: &str) -> Result<(Content, Output), Malformed> {
    let (mut content, mut bytes) = (Content::None, 0);
    wire::members(&mut Reader::of(raw), |reader, name| {
        let kind = match name {
            "text" => Content::Text,
            "thinking" => Content::Reasoning,
            "partial_json" => Content::ToolCall,
            _ => return reader.pass(),
        };
        let length = inside(reader)?;
        if length > 0 {
            (content, bytes) = (kind, bytes + length);
        }
        Ok(())
    })?;
    Ok((content, Output { text_bytes: bytes, ..Output::default() }))
}

/// The length of a string as written, without its quotes; of anything else none.
fn inside(reader: &mut Reader<'_>) -> Result<u64, Malformed> {
    let is_string = reader.kind()? == Kind::String;
    let raw = reader.raw()?;
    Ok(if is_string { raw.len() as u64 - 2 } else { 0 })
}

fn finish(reason: &str) -> Option<Finish> {
    Some(match reason {
        "" => return None,
        "end_turn" | "stop_sequence" => Finish::Stop,
        "max_tokens" | "model_context_window_exceeded" => Finish::Length,
        "tool_use" => Finish::ToolCalls,
        "refusal" => Finish::ContentFilter,
        _ => Finish::Other,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{openai::with_cost, usage::Usage};

    #[test]
    fn a_stream_is_followed_to_its_end() {
        let mut scanner = Scanner::default();
        let mut seen = Vec::new();
        for data in [
            r#"{"type":"message_start","message":{"id":"m","usage":{"input_tokens":9,"cache_read_input_tokens":4,"output_tokens":1}}}"#,
            r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#,
            r#"{"type":"ping"}"#,
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hi"}}"#,
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":""}}"#,
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"s"}}"#,
            r#"{"type":"content_block_stop","index":0}"#,
            r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":7}}"#,
            r#"{"type":"message_stop"}"#,
        ] {
            let chunk = scanner.chunk(data.as_bytes()).unwrap();
            seen.push((chunk.content, chunk.goes_on, scanner.place().open, chunk.finished, scanner.has_stopped()));
            if let Some(place) = chunk.cost_place {
                let priced = String::from_utf8(with_cost(data.as_bytes(), place, "0.5")).unwrap();
                assert!(priced.ends_with(r#""usage":{"cost":0.5,"output_tokens":7}}"#), "{priced}");
                let usage = Usage { input: 9, cache_read: 4, output: 7, ..Usage::default() };
                assert_eq!(chunk.usage, Some(usage), "the beginning's counts are kept");
            }
        }
        let none = Content::None;
        let expected = [
            (none, false, None, 0, false),
            (none, true, Some(0), 0, false),
            (none, false, Some(0), 0, false),
            (Content::Text, true, Some(0), 0, false),
            (none, false, Some(0), 0, false),
            (none, true, Some(0), 0, false),
            (none, true, None, 0, false),
            (none, false, None, 1, false),
            (none, false, None, 0, true),
        ];
        assert_eq!(seen, expected);
    }

    #[test]
    fn a_beginning_may_hold_the_whole_answer() {
        let start = r#"{"type":"message_start","message":{"content":[{"type":"tool_use","id":"t","name":"f","input":{"a":1}}],
            "stop_reason":"tool_use","usage":{"input_tokens":9,"output_tokens":4}}}"#;
        let mut scanner = Scanner::default();
        let chunk = scanner.chunk(start.as_bytes()).unwrap();
        assert_eq!((chunk.content, chunk.goes_on, chunk.output.text_bytes), (Content::ToolCall, true, 1 + 7));
        assert_eq!(chunk.finished, 0, "more may come");
        let chunk = scanner.chunk(br#"{"type":"message_stop"}"#).unwrap();
        assert_eq!((chunk.finish, chunk.finished), (Some(Finish::ToolCalls), 1));
        let start = r#"{"type":"message_start","message":{"content":[],"stop_reason":null,"usage":{}}}"#;
        let chunk = Scanner::default().chunk(start.as_bytes()).unwrap();
        assert_eq!((chunk.content, chunk.goes_on, chunk.finished), (Content::None, false, 0));
    }

    #[test]
    fn an_answer_is_known_by_its_content_its_reason_and_its_errors() {
        let body = r#"{"type":"message","content":[{"type":"thinking","thinking":"ab","signature":"s"},{"type":"tool_use","id":"t","name":"f","input":{"a":1}}],
            "stop_reason":"tool_use","usage":{}}"#;
        let answer = scan_answer(body.as_bytes()).unwrap();
        assert_eq!((answer.content, answer.output.text_bytes), (Content::ToolCall, 2 + 1 + 7));
        assert_eq!((answer.finish, answer.is_error, answer.usage), (Some(Finish::ToolCalls), false, None));
        assert!(answer.cost_place.is_some());
        let empty = scan_answer(br#"{"type":"message","content":[]}"#).unwrap();
        assert!(empty.is_empty());
        assert!(scan_answer(br#"{"type":"error","error":{"type":"api_error","message":"x"}}"#).unwrap().is_error);
        assert!(scan_answer(b"[]").is_err());
    }
}
