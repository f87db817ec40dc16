//! A conversation as it is read, in each protocol.
//!
//! The same conversation is the same in every protocol: only the words of what was said make its seed, so that a
//! provider of one protocol can carry on what one of another began. What a vendor refuses is refused, in its words.

mod anthropic;
mod bedrock;
mod chat;
mod gemini;
mod responses;

use serde_json::Value;

use super::BadField;
use crate::rehearsal::dialect::Dialect;

/// What was said, called and answered so far.
#[derive(Debug, Default)]
pub(super) struct Talk {
    /// What the user said last, whether in one message or in several.
    pub(super) said: String,
    /// Hash of the words of everything that was said, but for a beginning of the answer.
    pub(super) seed: u64,
    pub(super) words: u64,
    /// Bytes of everything that the model reads.
    pub(super) bytes: u64,
    pub(super) turns: usize,
    pub(super) results: Vec<String>,
    /// What the model said, where nobody has said anything since.
    pub(super) begun: Option<String>,
    /// Ids of calls whose results have not come.
    open: Vec<String>,
    is_calling: bool,
    is_user_speaking: bool,
}

impl Talk {
    pub(super) fn read(dialect: Dialect, body: &Value) -> Result<Self, BadField> {
        let mut talk = Self { seed: FNV_OFFSET, ..Self::default() };
        match dialect {
            Dialect::OpenAiChat => talk.read_chat(messages(body, "messages")?)?,
            Dialect::OpenAiCompletions => talk.read_prompt(&body["prompt"])?,
            Dialect::OpenAiResponses => talk.read_responses(body)?,
            Dialect::Anthropic => talk.read_anthropic(body, messages(body, "messages")?)?,
            Dialect::Gemini => talk.read_gemini(body, messages(body, "contents")?)?,
            Dialect::Bedrock => talk.read_bedrock(body, messages(body, "messages")?)?,
        }
        for tools in ["tools", "toolConfig"].map(|field| &body[field]).into_iter().filter(|tools| !tools.is_null()) {
            talk.bytes += tools.to_string().len() as u64;
        }
        Ok(talk)
    }

    fn read_prompt(&mut self, prompt: &Value) -> Result<(), BadField> {
        if prompt.is_null() {
            return Err(BadField::new("prompt", "you must provide a prompt parameter"));
        }
        self.user_says(&text_of(prompt));
        Ok(())
    }

    /// What stands outside the turns of the conversation.
    fn instructed(&mut self, text: &str) {
        self.goes_on();
        self.hear(text);
    }

    fn user_says(&mut self, text: &str) {
        self.goes_on();
        self.hear(text);
        if self.is_user_speaking {
            self.said.push('\n');
        } else {
            self.said.clear();
        }
        self.said.push_str(text);
        self.is_user_speaking = true;
    }

    /// It may be the beginning of the answer, until somebody else says something.
    fn model_says(&mut self, text: &str) {
        self.is_user_speaking = false;
        if !text.is_empty() {
            self.begun.get_or_insert_default().push_str(text);
        }
    }

    /// The model calls a tool; several calls without a result between them are one turn.
    fn calls(&mut self, id: &Value, name: &Value, arguments: &Value) {
        self.goes_on();
        self.is_user_speaking = false;
        if !self.is_calling {
            self.is_calling = true;
            self.turns += 1;
            self.results.clear();
        }
        self.bytes += (written(name).len() + written(arguments).len()) as u64;
        self.open.push(id.as_str().unwrap_or_default().to_owned());
    }

    /// Whether the id is that of a call without a result.
    fn comes_back(&mut self, id: &Value, text: String) -> bool {
        let id = id.as_str().unwrap_or_default();
        let called = self.open.iter().position(|open| open == id);
        if let Some(called) = called {
            self.open.remove(called);
            self.result(text);
        }
        called.is_some()
    }

    fn result(&mut self, text: String) {
        self.goes_on();
        self.is_calling = false;
        self.is_user_speaking = false;
        self.hear(&text);
        self.results.push(text);
    }

    /// What the model said was not the beginning of the answer.
    fn goes_on(&mut self) {
        if let Some(text) = self.begun.take() {
            self.hear(&text);
        }
    }

    fn hear(&mut self, text: &str) {
        self.bytes += text.len() as u64;
        for word in text.split_whitespace() {
            self.words += 1;
            // FNV-1a, with a byte after each word that no text contains.
            for byte in word.bytes().chain([0xff]) {
                self.seed = (self.seed ^ u64::from(byte)).wrapping_mul(FNV_PRIME);
            }
        }
    }
}

fn messages<'a>(body: &'a Value, field: &'static str) -> Result<&'a [Value], BadField> {
    let messages = body[field].as_array().map(Vec::as_slice).filter(|messages| !messages.is_empty());
    messages.ok_or_else(|| BadField::new(field, "messages must be an array with at least one message"))
}

/// The text of a string, or of the strings and text parts of an array that are no thoughts.
fn text_of(content: &Value) -> String {
    let part = |part: &Value| part.as_str().or_else(|| part["text"].as_str()).map(str::to_owned);
    let is_thought = |part: &&Value| part["thought"] == true;
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => {
            parts.iter().filter(|part| !is_thought(part)).filter_map(part).collect::<Vec<_>>().join(" ")
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => String::new(),
    }
}

/// What stands in a string, or the JSON of what is none.
fn written(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// <http://www.isthe.com/chongo/tech/comp/fnv/>
const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0100_0000_01b3;
