//! Messages: the user speaks first, results stand first in the message after their calls, and nothing is empty.
//!
//! Messages of one side in a row are one turn, as they are there. That the first is the user's is asked for where
//! Bedrock or Vertex serve the model.

use serde_json::Value;

use super::{BadField, Talk, text_of};

impl Talk {
    pub(super) fn read_anthropic(&mut self, body: &Value, messages: &[Value]) -> Result<(), BadField> {
        if !body["thread"].is_null() {
            return Err(BadField::new("thread", "nothing is kept here: send the whole conversation"));
        }
        self.instructed(&text_of(&body["system"]));
        if messages[0]["role"] == "assistant" {
            return bad(r#"messages: first message must use the "user" role"#);
        }
        for (at, message) in messages.iter().enumerate() {
            let is_last = at + 1 == messages.len();
            let is_assistant = message["role"] == "assistant";
            is_something(at, message, is_last && is_assistant)?;
            match message["role"].as_str() {
                Some("user") => self.read_user(at, message)?,
                Some("assistant") => self.read_assistant(at, message)?,
                _ => self.instructed(&text_of(&message["content"])),
            }
            if is_last && is_assistant && text_of(&message["content"]).ends_with(char::is_whitespace) {
                return bad("messages: final assistant content cannot end with trailing whitespace");
            }
        }
        self.all_answered(messages.len() - 1)
    }

    fn read_user(&mut self, at: usize, message: &Value) -> Result<(), BadField> {
        let blocks = message["content"].as_array().map_or(&[][..], Vec::as_slice);
        for (place, block) in blocks.iter().enumerate() {
            if block["type"] == "tool_result" {
                let id = &block["tool_use_id"];
                if !self.comes_back(id, text_of(&block["content"])) {
                    let id = id.as_str().unwrap_or_default();
                    return bad(format!(
                        "messages.{at}.content.{place}: unexpected `tool_use_id` found in `tool_result` blocks: {id}. \
                         Each `tool_result` block must have a corresponding `tool_use` block in the previous message."
                    ));
                }
            } else {
                self.all_answered(at.saturating_sub(1))?;
            }
        }
        self.all_answered(at.saturating_sub(1))?;
        let text = text_of(&message["content"]);
        if !text.is_empty() {
            self.user_says(&text);
        }
        Ok(())
    }

    fn read_assistant(&mut self, at: usize, message: &Value) -> Result<(), BadField> {
        self.all_answered(at.saturating_sub(1))?;
        self.model_says(&text_of(&message["content"]));
        for block in message["content"].as_array().into_iter().flatten().filter(|block| block["type"] == "tool_use") {
            self.calls(&block["id"], &block["name"], &block["input"]);
        }
        Ok(())
    }

    fn all_answered(&self, at: usize) -> Result<(), BadField> {
        if self.open.is_empty() {
            return Ok(());
        }
        bad(format!(
            "messages.{at}: `tool_use` ids were found without `tool_result` blocks immediately after: {}. Each \
             `tool_use` block must have a corresponding `tool_result` block in the next message.",
            self.open.join(", ")
        ))
    }
}

fn is_something(at: usize, message: &Value, may_be_empty: bool) -> Result<(), BadField> {
    let content = &message["content"];
    let is_empty = content.as_str() == Some("") || content.as_array().is_some_and(Vec::is_empty);
    if is_empty && !may_be_empty {
        return bad(format!(
            "messages.{at}: all messages must have non-empty content except for the optional final assistant message"
        ));
    }
    let blocks = content.as_array().into_iter().flatten().filter(|block| block["type"] == "text");
    let mut texts = blocks.filter_map(|block| block["text"].as_str());
    match texts.find(|text| text.trim().is_empty()) {
        None => Ok(()),
        Some("") => bad("messages: text content blocks must be non-empty"),
        Some(_) => bad("messages: text content blocks must contain non-whitespace text"),
    }
}

fn bad(message: impl Into<std::borrow::Cow<'static, str>>) -> Result<(), BadField> {
    Err(BadField::new("messages", message))
}
