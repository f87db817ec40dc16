//! Answers in OpenAI's words: chat completions and legacy completions, whole and as event streams.

use std::borrow::Cow;

use serde_json::{Value, json};

use super::answer::{Answer, ToolCall, Usage};
use super::asked::Asked;
use super::dialect::Dialect;
use super::events::{Events, Kind, fragments, put};

/// What is the same in every chunk of an answer.
struct Chunks<'a> {
    events: Events,
    dialect: Dialect,
    prefix: String,
    suffix: &'a str,
}

/// Tells an answer as a stream; usage comes with its end, or `is_early` before everything else.
pub(super) fn stream(asked: &Asked, answers: &[Answer<'_>], usage: Option<Usage>, is_early: bool) -> Events {
    let object = if is_legacy(asked.dialect) { "text_completion" } else { "chat.completion.chunk" };
    let model = Value::from(asked.model.as_str());
    let prefix = format!(
        r#"data: {{"id":"{}","object":"{object}","created":{CREATED},"model":{model},"system_fingerprint":"fp_rehearsal","choices":["#,
        id(asked)
    );
    // Every chunk before the last says `"usage":null` when usage was asked for.
    let suffix = if usage.is_some() { "],\"usage\":null}\n\n" } else { "]}\n\n" };
    let mut chunks = Chunks { events: Events::default(), dialect: asked.dialect, prefix, suffix };
    if let Some(usage) = usage.filter(|_| is_early) {
        chunks.usage(usage);
    }
    chunks.openings(answers);
    chunks.words(answers);
    chunks.tool_calls(answers);
    for (index, answer) in answers.iter().enumerate() {
        chunks.finish(index, answer.finish);
    }
    if let Some(usage) = usage.filter(|_| !is_early) {
        chunks.usage(usage);
    }
    let mut events = chunks.events;
    events.push_with(Kind::Done, |out| out.extend_from_slice(DONE));
    events
}

impl Chunks<'_> {
    fn push(&mut self, kind: Kind, choice: impl FnOnce(&mut Vec<u8>)) {
        self.events.push_with(kind, |out| {
            out.extend_from_slice(self.prefix.as_bytes());
            choice(out);
            out.extend_from_slice(self.suffix.as_bytes());
        });
    }

    fn openings(&mut self, answers: &[Answer<'_>]) {
        if is_legacy(self.dialect) {
            return;
        }
        for (index, answer) in answers.iter().enumerate() {
            let content = if answer.tool_calls.is_empty() || !answer.content.is_empty() { "\"\"" } else { "null" };
            self.push(Kind::Frame, |out| {
                put(out, format_args!(
                    r#"{{"index":{index},"delta":{{"role":"assistant","content":{content},"refusal":null}},"logprobs":null,"finish_reason":null}}"#
                ));
            });
        }
    }

    /// Choices take turns, word by word, as they do when they are computed together.
    fn words(&mut self, answers: &[Answer<'_>]) {
        let longest = answers.iter().map(|answer| answer.reasoning.len() + answer.content.len()).max().unwrap_or(0);
        for at in 0..longest {
            for (index, answer) in answers.iter().enumerate() {
                if let Some(word) = answer.reasoning.get(at) {
                    self.word(index, "reasoning_content", word, at == 0);
                } else if let Some(word) = answer.content.get(at - answer.reasoning.len()) {
                    self.word(index, "content", word, at == answer.reasoning.len());
                }
            }
        }
    }

    fn word(&mut self, index: usize, field: &str, word: &str, is_first: bool) {
        let is_legacy = is_legacy(self.dialect);
        let space = if is_first { "" } else { " " };
        self.push(Kind::Content, |out| {
            match is_legacy {
                false => put(out, format_args!(r#"{{"index":{index},"delta":{{"{field}":"{space}"#)),
                true => put(out, format_args!(r#"{{"index":{index},"text":"{space}"#)),
            }
            put_escaped(out, word);
            let end = if is_legacy { "\"" } else { "\"}" };
            put(out, format_args!(r#"{end},"logprobs":null,"finish_reason":null}}"#));
        });
    }

    fn tool_calls(&mut self, answers: &[Answer<'_>]) {
        for (index, answer) in answers.iter().enumerate() {
            for (call, tool_call) in answer.tool_calls.iter().enumerate() {
                self.tool_call(index, call, tool_call);
            }
        }
    }

    /// The name first, then the arguments in pieces.
    fn tool_call(&mut self, index: usize, call: usize, tool_call: &ToolCall<'_>) {
        let first = json!({"index": call, "id": tool_call.id, "type": "function", "function": {"name": tool_call.name, "arguments": ""}});
        let pieces =
            fragments(&tool_call.arguments).map(|piece| json!({"index": call, "function": {"arguments": piece}}));
        for fragment in [first].into_iter().chain(pieces) {
            self.push(Kind::Content, |out| {
                put(out, format_args!(
                    r#"{{"index":{index},"delta":{{"tool_calls":[{fragment}]}},"logprobs":null,"finish_reason":null}}"#
                ));
            });
        }
    }

    fn finish(&mut self, index: usize, reason: &str) {
        let nothing = if is_legacy(self.dialect) { r#""text":"""# } else { r#""delta":{}"# };
        self.push(Kind::Finish, |out| {
            put(out, format_args!(r#"{{"index":{index},{nothing},"logprobs":null,"finish_reason":"{reason}"}}"#));
        });
    }

    fn usage(&mut self, usage: Usage) {
        self.events.push_with(Kind::Usage, |out| {
            out.extend_from_slice(self.prefix.as_bytes());
            put(out, format_args!("],\"usage\":{}}}\n\n", usage_json(usage)));
        });
    }
}

/// Tells an answer in one piece.
pub(super) fn whole(asked: &Asked, answers: &[Answer<'_>], usage: Option<Usage>) -> Value {
    let choices: Vec<Value> = answers.iter().enumerate().map(|(index, answer)| choice(asked, index, answer)).collect();
    let object = if is_legacy(asked.dialect) { "text_completion" } else { "chat.completion" };
    let mut body = json!({
        "id": id(asked), "object": object, "created": CREATED, "model": asked.model, "choices": choices,
        "usage": usage.map(usage_json), "system_fingerprint": "fp_rehearsal",
    });
    if usage.is_none() {
        body.as_object_mut().expect("it was written as an object above").remove("usage");
    }
    body
}

fn choice(asked: &Asked, index: usize, answer: &Answer<'_>) -> Value {
    let text = join(&answer.content);
    if is_legacy(asked.dialect) {
        return json!({"index": index, "text": text, "logprobs": null, "finish_reason": answer.finish});
    }
    let mut message = json!({"role": "assistant", "content": text, "refusal": null});
    if !answer.reasoning.is_empty() {
        message["reasoning_content"] = join(&answer.reasoning).into();
    }
    if !answer.tool_calls.is_empty() {
        if answer.content.is_empty() {
            message["content"] = Value::Null;
        }
        let calls = answer.tool_calls.iter().map(|call| {
            json!({"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}})
        });
        message["tool_calls"] = calls.collect();
    }
    json!({"index": index, "message": message, "logprobs": null, "finish_reason": answer.finish})
}

fn is_legacy(dialect: Dialect) -> bool {
    dialect == Dialect::OpenAiCompletions
}

/// An error in OpenAI's shape.
pub(super) fn error(message: &str, kind: &str, param: Option<&str>, code: Option<&str>) -> Value {
    json!({"error": {"message": message, "type": kind, "param": param, "code": code}})
}

/// The type that goes with a status.
pub(super) fn error_type(status: u16) -> &'static str {
    match status {
        401 => "authentication_error",
        403 => "permission_error",
        404 => "not_found_error",
        429 => "rate_limit_error",
        503 => "service_unavailable_error",
        500.. => "server_error",
        _ => "invalid_request_error",
    }
}

/// The entry of a model in the list.
pub(super) fn model(name: &str) -> Value {
    json!({"id": name, "object": "model", "created": CREATED, "owned_by": "rehearsal"})
}

fn usage_json(usage: Usage) -> Value {
    json!({
        "prompt_tokens": usage.prompt,
        "completion_tokens": usage.completion,
        "total_tokens": usage.prompt + usage.completion,
        "prompt_tokens_details": {"cached_tokens": usage.cached, "cache_write_tokens": usage.written},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning},
    })
}

fn id(asked: &Asked) -> String {
    let kind = if is_legacy(asked.dialect) { "cmpl" } else { "chatcmpl" };
    format!("{kind}-rehearsal{:016x}", asked.seed)
}

fn join(words: &[Cow<'_, str>]) -> String {
    words.join(" ")
}

/// Appends a string's inside as JSON.
fn put_escaped(out: &mut Vec<u8>, text: &str) {
    let is_plain = text.bytes().all(|byte| byte >= 0x20 && byte != b'"' && byte != b'\\');
    if is_plain {
        out.extend_from_slice(text.as_bytes());
    } else {
        let quoted = Value::from(text).to_string();
        out.extend_from_slice(&quoted.as_bytes()[1..quoted.len() - 1]);
    }
}

/// A chunk without choices.
pub(super) const EMPTY_CHOICES_EVENT: &[u8] =
    b"data: {\"id\":\"chatcmpl-rehearsal\",\"object\":\"chat.completion.chunk\",\"created\":1767225600,\"model\":\"rehearsal\",\"choices\":[]}\n\n";
const DONE: &[u8] = b"data: [DONE]\n\n";
/// 2026-01-01: a fixed date keeps equal requests' answers equal to the byte.
const CREATED: u64 = 1_767_225_600;
