//! Converse: sides take turns strictly, the user's first, results follow their calls at once, and nothing is blank.

use serde_json::Value;

use super::{BadField, Talk, text_of};

impl Talk {
    pub(super) fn read_bedrock(&mut self, body: &Value, messages: &[Value]) -> Result<(), BadField> {
        self.instructed(&text_of(&body["system"]));
        let mut has_tools = false;
        for (at, message) in messages.iter().enumerate() {
            let role = if at % 2 == 0 { "user" } else { "assistant" };
            if message["role"] != role {
                return bad(if at == 0 { NOT_THE_USER } else { NOT_IN_TURN });
            }
            let blocks = message["content"].as_array().map_or(&[][..], Vec::as_slice);
            is_something(at, blocks)?;
            self.read_results(at, blocks)?;
            let text = text_of(&message["content"]);
            if role == "user" {
                if !text.is_empty() {
                    self.user_says(&text);
                }
            } else {
                self.model_says(&text);
                for (place, block) in blocks.iter().enumerate() {
                    self.read_call(&format!("messages.{at}.content.{place}"), &block["toolUse"])?;
                }
            }
            has_tools |= blocks.iter().any(|block| block["toolUse"].is_object() || block["toolResult"].is_object());
        }
        if has_tools && !body["toolConfig"]["tools"].is_array() {
            return bad("The toolConfig field must be defined when using toolUse and toolResult content blocks.");
        }
        if self.begun.as_ref().is_some_and(|begun| begun.ends_with(char::is_whitespace)) {
            return bad("messages: final assistant content cannot end with trailing whitespace");
        }
        self.all_returned(messages.len())
    }

    fn read_call(&mut self, place: &str, call: &Value) -> Result<(), BadField> {
        if call.is_null() {
            return Ok(());
        }
        for field in ["toolUseId", "name"] {
            let word = call[field].as_str().unwrap_or_default();
            if word.is_empty() || word.len() > 64 || !word.bytes().all(is_name_byte) {
                return bad(format!(
                    "Value '{word}' at '{place}.toolUse.{field}' failed to satisfy constraint: Member must satisfy \
                     regular expression pattern: [a-zA-Z0-9_-]+"
                ));
            }
        }
        if !call["input"].is_object() {
            return bad(format!(
                "The format of the value at {place}.toolUse.input is invalid. Provide a json object for the field and \
                 try again."
            ));
        }
        self.calls(&call["toolUseId"], &call["name"], &call["input"]);
        Ok(())
    }

    fn read_results(&mut self, at: usize, blocks: &[Value]) -> Result<(), BadField> {
        for result in blocks.iter().map(|block| &block["toolResult"]).filter(|result| result.is_object()) {
            if !self.comes_back(&result["toolUseId"], told(&result["content"])) {
                return bad(format!(
                    "The number of toolResult blocks at messages.{at}.content exceeds the number of toolUse blocks of \
                     previous turn."
                ));
            }
        }
        self.all_returned(at)
    }

    fn all_returned(&self, at: usize) -> Result<(), BadField> {
        if self.open.is_empty() {
            return Ok(());
        }
        let ids = self.open.join(", ");
        bad(format!("Expected toolResult blocks at messages.{at}.content for the following Ids: {ids}"))
    }
}

/// The texts of a result, and the JSON of what is none.
fn told(content: &Value) -> String {
    let blocks = content.as_array().into_iter().flatten();
    let told = blocks.filter_map(|block| match (&block["text"], &block["json"]) {
        (Value::String(text), _) => Some(text.clone()),
        (_, Value::Null) => None,
        (_, json) => Some(json.to_string()),
    });
    told.collect::<Vec<_>>().join(" ")
}

fn is_something(at: usize, blocks: &[Value]) -> Result<(), BadField> {
    if blocks.is_empty() {
        return bad(format!(
            "The content field in the Message object at messages.{at} is empty. Add a ContentBlock object to the content \
             field and try again."
        ));
    }
    let is_blank = |block: &Value| block["text"].as_str().is_some_and(|text| text.trim().is_empty());
    match blocks.iter().position(is_blank) {
        None => Ok(()),
        Some(place) => bad(format!(
            "The text field in the ContentBlock object at messages.{at}.content.{place} is blank. Add text to the text \
             field, and try again."
        )),
    }
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_-".contains(&byte)
}

fn bad(message: impl Into<std::borrow::Cow<'static, str>>) -> Result<(), BadField> {
    Err(BadField::new("messages", message))
}

const NOT_THE_USER: &str = "A conversation must start with a user message. Try again with a conversation that starts \
    with a user message.";
const NOT_IN_TURN: &str = "A conversation must alternate between user and assistant roles. Make sure the conversation \
    alternates between user and assistant roles and try again.";
