//! A conversation as it is read, in each protocol. What a vendor refuses is refused: results without calls, calls without results.

use serde_json::Value;

use super::BadField;
use crate::rehearsal::dialect::Dialect;

/// What was said, called and answered so far.
#[derive(Debug)]
pub(super) struct Talk {
    pub(super) said: String,
    pub(super) seed: u64,
    pub(super) words: u64,
    pub(super) turns: usize,
    pub(super) results: Vec<String>,
    /// Names of calls whose results have not come.
    open: Vec<String>,
    is_calling: bool,
}

impl Talk {
    pub(super) fn read(dialect: Dialect, body: &Value) -> Result<Self, BadField> {
        let mut talk = Self {
            said: String::new(),
            seed: FNV_OFFSET,
            words: 0,
            turns: 0,
            results: Vec::new(),
            open: Vec::new(),
            is_calling: false,
        };
        match dialect {
            Dialect::OpenAiChat => talk.read_chat(messages(body, "messages")?)?,
            Dialect::OpenAiCompletions => talk.read_prompt(&body["prompt"])?,
            Dialect::OpenAiResponses => talk.read_responses(body)?,
            Dialect::Anthropic => talk.read_anthropic(body, messages(body, "messages")?)?,
            Dialect::Gemini => talk.read_gemini(body, messages(body, "contents")?),
        }
        talk.ends_turn()?;
        Ok(talk)
    }

    fn read_chat(&mut self, messages: &[Value]) -> Result<(), BadField> {
        for message in messages {
            let text = text_of(&message["content"]);
            match message["role"].as_str() {
                Some("user") => {
                    self.ends_turn()?;
                    self.user_says(text);
                }
                Some("tool") => self.comes_back(&message["tool_call_id"], text)?,
                Some("assistant") => {
                    self.ends_turn()?;
                    self.hear(&text);
                    for call in message["tool_calls"].as_array().into_iter().flatten() {
                        self.calls(&call["id"]);
                    }
                }
                _ => self.hear(&text),
            }
        }
        Ok(())
    }

    fn read_prompt(&mut self, prompt: &Value) -> Result<(), BadField> {
        if prompt.is_null() {
            return Err(BadField { field: "prompt", message: "you must provide a prompt parameter" });
        }
        self.user_says(text_of(prompt));
        Ok(())
    }

    fn read_anthropic(&mut self, body: &Value, messages: &[Value]) -> Result<(), BadField> {
        if !body["thread"].is_null() {
            return Err(BadField { field: "thread", message: "nothing is kept here: send the whole conversation" });
        }
        self.instructed(&body["system"]);
        for message in messages {
            let blocks = message["content"].as_array().map_or(&[][..], Vec::as_slice);
            let text = text_of(&message["content"]);
            match message["role"].as_str() {
                Some("user") => {
                    for block in blocks.iter().filter(|block| block["type"] == "tool_result") {
                        self.comes_back(&block["tool_use_id"], text_of(&block["content"]))?;
                    }
                    self.ends_turn()?;
                    if !text.is_empty() {
                        self.user_says(text);
                    }
                }
                Some("assistant") => {
                    self.hear(&text);
                    for block in blocks.iter().filter(|block| block["type"] == "tool_use") {
                        self.calls(&block["id"]);
                    }
                }
                _ => self.hear(&text),
            }
        }
        Ok(())
    }

    fn read_responses(&mut self, body: &Value) -> Result<(), BadField> {
        self.instructed(&body["instructions"]);
        let items = match &body["input"] {
            Value::String(text) => {
                self.user_says(text.clone());
                return Ok(());
            }
            Value::Array(items) => items,
            _ => return Err(BadField { field: "input", message: "you must provide an input parameter" }),
        };
        for item in items {
            match item["type"].as_str().unwrap_or("message") {
                "message" if item["role"] == "user" => self.user_says(text_of(&item["content"])),
                "message" => self.hear(&text_of(&item["content"])),
                "function_call" | "custom_tool_call" => self.calls(&item["call_id"]),
                "function_call_output" | "custom_tool_call_output" => {
                    self.comes_back(&item["call_id"], text_of(&item["output"]))?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn read_gemini(&mut self, body: &Value, contents: &[Value]) {
        self.instructed(&body["systemInstruction"]["parts"]);
        for content in contents {
            let text = text_of(&content["parts"]);
            for part in content["parts"].as_array().into_iter().flatten() {
                if part["functionCall"].is_object() {
                    self.calls(&Value::Null);
                } else if part["functionResponse"].is_object() {
                    let response = &part["functionResponse"]["response"];
                    let told = ["output", "result", "error"].iter().find_map(|name| response[*name].as_str());
                    self.results(told.map_or_else(|| response.to_string(), str::to_owned));
                }
            }
            match content["role"] == "model" {
                true => self.hear(&text),
                false if text.is_empty() => {}
                false => self.user_says(text),
            }
        }
    }

    /// What stands outside the messages is a message only where it is there.
    fn instructed(&mut self, content: &Value) {
        let text = text_of(content);
        if !text.is_empty() {
            self.hear(&text);
        }
    }

    fn user_says(&mut self, text: String) {
        self.hear(&text);
        self.said = text;
    }

    /// The model calls a tool; several calls without a result between them are one turn.
    fn calls(&mut self, id: &Value) {
        if !self.is_calling {
            self.is_calling = true;
            self.turns += 1;
            self.results.clear();
        }
        // Where calls have no names, nobody asks which of them was answered.
        self.open.extend(id.as_str().map(str::to_owned));
    }

    fn comes_back(&mut self, id: &Value, text: String) -> Result<(), BadField> {
        let called = self.open.iter().position(|open| Some(open.as_str()) == id.as_str());
        let message = "a result of a tool does not answer a call of the turn before it";
        self.open.remove(called.ok_or(BadField { field: "messages", message })?);
        self.results(text);
        Ok(())
    }

    fn results(&mut self, text: String) {
        self.is_calling = false;
        self.hear(&text);
        self.results.push(text);
    }

    fn ends_turn(&mut self) -> Result<(), BadField> {
        match self.open.is_empty() {
            true => Ok(()),
            false => {
                Err(BadField { field: "messages", message: "a call of a tool has no result in the turn after it" })
            }
        }
    }

    fn hear(&mut self, text: &str) {
        self.words += text.split_whitespace().count() as u64;
        // FNV-1a, with a byte between messages that no text contains.
        for byte in text.bytes().chain([0xff]) {
            self.seed = (self.seed ^ u64::from(byte)).wrapping_mul(FNV_PRIME);
        }
    }
}

fn messages<'a>(body: &'a Value, field: &'static str) -> Result<&'a [Value], BadField> {
    let messages = body[field].as_array().map(Vec::as_slice).filter(|messages| !messages.is_empty());
    messages.ok_or(BadField { field, message: "messages must be an array with at least one message" })
}

/// The text of a string, or of the strings and text parts of an array.
fn text_of(content: &Value) -> String {
    let part = |part: &Value| part.as_str().or_else(|| part["text"].as_str()).map(str::to_owned);
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().filter_map(part).collect::<Vec<_>>().join(" "),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => String::new(),
    }
}

/// <http://www.isthe.com/chongo/tech/comp/fnv/>
const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0100_0000_01b3;
