//! What a request asks for, freed of its protocol. Another dialect is another way to fill this in.

use serde_json::Value;

/// The protocol an answer is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    OpenAiChat,
    OpenAiCompletions,
}

/// One question.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) dialect: Dialect,
    pub(super) model: String,
    /// The last thing the user said.
    pub(super) said: String,
    /// Hash of everything that was said: equal conversations get equal answers.
    pub(super) seed: u64,
    /// Words of everything that was said.
    pub(super) prompt_tokens: u64,
    pub(super) max_tokens: Option<u64>,
    /// How many answers.
    pub(super) choices: u32,
    pub(super) is_streamed: bool,
    pub(super) wants_usage: bool,
    /// Names of the tools offered.
    pub(super) tools: Vec<String>,
}

/// A field that is missing or wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BadField {
    pub(super) field: &'static str,
    pub(super) message: &'static str,
}

impl Asked {
    pub(super) fn from_openai(dialect: Dialect, body: &[u8]) -> Result<Self, BadField> {
        let bad = |field, message| BadField { field, message };
        let body: Value = serde_json::from_slice(body).map_err(|_| bad("body", "we could not parse the JSON body"))?;
        let model = body["model"].as_str().ok_or_else(|| bad("model", "you must provide a model parameter"))?;
        let choices = body["n"].as_u64().unwrap_or(1);
        if !(1..=CHOICES_MAX).contains(&choices) {
            return Err(bad("n", "n must be between 1 and 16"));
        }
        let talk = match dialect {
            Dialect::OpenAiChat => Talk::from_messages(&body["messages"])?,
            Dialect::OpenAiCompletions => Talk::from_prompt(&body["prompt"])?,
        };
        Ok(Self {
            dialect,
            model: model.to_owned(),
            said: talk.said,
            seed: talk.seed,
            prompt_tokens: talk.words,
            max_tokens: body["max_completion_tokens"].as_u64().or_else(|| body["max_tokens"].as_u64()),
            choices: choices as u32,
            is_streamed: body["stream"].as_bool().unwrap_or(false),
            wants_usage: body["stream_options"]["include_usage"].as_bool().unwrap_or(false),
            tools: tool_names(&body["tools"]),
        })
    }
}

fn tool_names(tools: &Value) -> Vec<String> {
    let tools = tools.as_array().map_or(&[][..], Vec::as_slice);
    tools.iter().filter_map(|tool| tool["function"]["name"].as_str()).map(str::to_owned).collect()
}

/// A conversation as it is read.
struct Talk {
    said: String,
    seed: u64,
    words: u64,
}

impl Talk {
    fn from_messages(messages: &Value) -> Result<Self, BadField> {
        let messages = messages
            .as_array()
            .filter(|messages| !messages.is_empty())
            .ok_or(BadField { field: "messages", message: "messages must be an array with at least one message" })?;
        let mut talk = Self { said: String::new(), seed: FNV_OFFSET, words: 0 };
        for message in messages {
            let text = text_of(&message["content"]);
            talk.hear(&text);
            if message["role"] == "user" {
                talk.said = text;
            }
        }
        Ok(talk)
    }

    fn from_prompt(prompt: &Value) -> Result<Self, BadField> {
        let said = text_of(prompt);
        if prompt.is_null() {
            return Err(BadField { field: "prompt", message: "you must provide a prompt parameter" });
        }
        let mut talk = Self { said: String::new(), seed: FNV_OFFSET, words: 0 };
        talk.hear(&said);
        talk.said = said;
        Ok(talk)
    }

    fn hear(&mut self, text: &str) {
        self.words += text.split_whitespace().count() as u64;
        // FNV-1a, with a byte between messages that no text contains.
        for byte in text.bytes().chain([0xff]) {
            self.seed = (self.seed ^ u64::from(byte)).wrapping_mul(FNV_PRIME);
        }
    }
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

const CHOICES_MAX: u64 = 16;
/// <http://www.isthe.com/chongo/tech/comp/fnv/>
const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0100_0000_01b3;
