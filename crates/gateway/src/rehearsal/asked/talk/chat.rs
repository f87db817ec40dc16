//! Chat completions: results follow their calls, and every call has one.

use serde_json::Value;

use super::{BadField, Talk, text_of};

impl Talk {
    pub(super) fn read_chat(&mut self, messages: &[Value]) -> Result<(), BadField> {
        for message in messages {
            let text = text_of(&message["content"]);
            if message["role"] == "tool" {
                if !self.comes_back(&message["tool_call_id"], text) {
                    return Err(BadField::new("messages", TOOL_WITHOUT_CALL));
                }
                continue;
            }
            self.all_came_back()?;
            match message["role"].as_str() {
                Some("user") => self.user_says(&text),
                Some("assistant") => {
                    self.model_says(&text);
                    for call in message["tool_calls"].as_array().into_iter().flatten() {
                        self.calls(&call["id"], &call["function"]["name"], &call["function"]["arguments"]);
                    }
                }
                _ => self.instructed(&text),
            }
        }
        self.all_came_back()
    }

    fn all_came_back(&self) -> Result<(), BadField> {
        if self.open.is_empty() {
            return Ok(());
        }
        let message = format!(
            "An assistant message with 'tool_calls' must be followed by tool messages responding to each \
             'tool_call_id'. The following tool_call_ids did not have response messages: {}",
            self.open.join(", ")
        );
        Err(BadField::new("messages", message))
    }
}

const TOOL_WITHOUT_CALL: &str =
    "messages with role 'tool' must be a response to a preceeding message with 'tool_calls'.";
