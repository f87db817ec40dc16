//! Responses: every output of a function has its call, and every call its output.

use serde_json::Value;

use super::{BadField, Talk, text_of, written};

impl Talk {
    pub(super) fn read_responses(&mut self, body: &Value) -> Result<(), BadField> {
        self.instructed(&text_of(&body["instructions"]));
        let items = match &body["input"] {
            Value::String(text) => {
                self.user_says(text);
                return Ok(());
            }
            Value::Array(items) => items,
            _ => return Err(BadField::new("input", "you must provide an input parameter")),
        };
        for item in items {
            let text = text_of(&item["content"]);
            match item["type"].as_str().unwrap_or("message") {
                "message" => match item["role"].as_str() {
                    Some("user") => self.user_says(&text),
                    Some("assistant") => self.model_says(&text),
                    _ => self.instructed(&text),
                },
                "function_call" => self.calls(&item["call_id"], &item["name"], &item["arguments"]),
                "custom_tool_call" => self.calls(&item["call_id"], &item["name"], &item["input"]),
                "function_call_output" | "custom_tool_call_output" => {
                    let text = text_of(&item["output"]);
                    if !self.comes_back(&item["call_id"], text) {
                        let id = written(&item["call_id"]);
                        let message = format!("No tool call found for function call output with call_id {id}.");
                        return Err(BadField::new("input", message));
                    }
                }
                _ => {}
            }
        }
        match self.open.first() {
            None => Ok(()),
            Some(id) => Err(BadField::new("input", format!("No tool output found for function call {id}."))),
        }
    }
}
