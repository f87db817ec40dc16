//! What vendors refuse, dialect by dialect, as they document it.

use roundelay_protocol::chat::Dialect;
use serde_json::Value;

/// Checks a request's body as its vendor does.
pub(super) fn check(dialect: Dialect, body: &[u8]) -> Result<(), String> {
    let body: Value = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    match dialect {
        Dialect::OpenaiChat => chat(&body),
        Dialect::OpenaiResponses => responses(&body),
        Dialect::Anthropic => messages(&body),
        Dialect::Gemini => contents(&body),
        Dialect::Bedrock => converse(&body),
    }
}

/// OpenAI: "An assistant message with `tool_calls` must be followed by tool messages responding to each `tool_call_id`",
/// and "messages with role `tool` must be a response to a preceding message with `tool_calls`".
fn chat(body: &Value) -> Result<(), String> {
    let mut open: Vec<&str> = Vec::new();
    for (index, message) in list(&body["messages"])?.iter().enumerate() {
        let role = message["role"].as_str().unwrap_or_default();
        if role == "tool" {
            let id = message["tool_call_id"].as_str().unwrap_or_default();
            let at = open
                .iter()
                .position(|open| *open == id)
                .ok_or_else(|| format!("messages.{index}: a result of no call"))?;
            open.remove(at);
            continue;
        }
        if !open.is_empty() {
            return Err(format!("messages.{index}: {open:?} were not answered"));
        }
        match role {
            "system" | "developer" | "user" if is_blank(&message["content"]) => {
                return Err(format!("messages.{index}: no content"));
            }
            "system" | "developer" | "user" => {}
            "assistant" => open = strings(&message["tool_calls"], "id"),
            other => return Err(format!("messages.{index}: role {other:?}")),
        }
    }
    if open.is_empty() { Ok(()) } else { Err(format!("{open:?} were not answered")) }
}

/// OpenAI: "No tool output found for function call", "No tool call found for function call output".
fn responses(body: &Value) -> Result<(), String> {
    let mut open: Vec<&str> = Vec::new();
    for (index, item) in list(&body["input"])?.iter().enumerate() {
        let id = item["call_id"].as_str().unwrap_or_default();
        match item["type"].as_str().unwrap_or_default() {
            "function_call" | "computer_call" => open.push(id),
            "function_call_output" | "computer_call_output" => {
                let at = open
                    .iter()
                    .position(|open| *open == id)
                    .ok_or_else(|| format!("input.{index}: output of no call"))?;
                open.remove(at);
            }
            "message" if is_blank(&item["content"]) => return Err(format!("input.{index}: no content")),
            _ => {}
        }
    }
    if open.is_empty() { Ok(()) } else { Err(format!("{open:?} were not answered")) }
}

/// Anthropic: the first message is the user's; "each `tool_use` block must have a corresponding `tool_result` block in
/// the next message", results first in it; "each `tool_result` block must have a corresponding `tool_use` block in the
/// previous message"; "text content blocks must be non-empty"; at most four marks of the cache.
fn messages(body: &Value) -> Result<(), String> {
    let mut called: Vec<&str> = Vec::new();
    let mut marks = body.to_string().matches("\"cache_control\"").count();
    for (index, message) in list(&body["messages"])?.iter().enumerate() {
        let role = message["role"].as_str().unwrap_or_default();
        if index == 0 && role != "user" {
            return Err("the first message is not the user's".to_owned());
        }
        let blocks = message["content"].as_array().map_or(&[][..], Vec::as_slice);
        if is_blank(&message["content"]) {
            return Err(format!("messages.{index}: no content"));
        }
        if blocks.iter().any(|block| block["type"] == "text" && block["text"] == "") {
            return Err(format!("messages.{index}: an empty text"));
        }
        let is_result = |block: &&Value| block["type"] == "tool_result";
        let results: Vec<_> =
            blocks.iter().filter(is_result).filter_map(|block| block["tool_use_id"].as_str()).collect();
        if !same(&results, &called) {
            return Err(format!("messages.{index}: results {results:?} of calls {called:?}"));
        }
        if blocks.iter().take(results.len()).any(|block| !is_result(&block)) {
            return Err(format!("messages.{index}: results do not come first"));
        }
        called = match role {
            "assistant" => {
                let calls = blocks.iter().filter(|block| block["type"] == "tool_use");
                calls.filter_map(|block| block["id"].as_str()).collect()
            }
            "user" | "system" => Vec::new(),
            other => return Err(format!("messages.{index}: role {other:?}")),
        };
    }
    marks = marks.saturating_sub(4);
    if !called.is_empty() {
        return Err(format!("{called:?} were not answered"));
    }
    if marks > 0 { Err("more than four marks of the cache".to_owned()) } else { Ok(()) }
}

/// Google: "ensure that a function call turn comes immediately after a user turn or after a function response turn", and
/// "that the number of function response parts is equal to the number of function call parts of the function call turn".
fn contents(body: &Value) -> Result<(), String> {
    let (mut calls, mut last) = (0, "");
    for (index, content) in list(&body["contents"])?.iter().enumerate() {
        let role = content["role"].as_str().unwrap_or_default();
        let parts = list(&content["parts"])?;
        let has = |name: &str| parts.iter().filter(|part| !part[name].is_null()).count();
        if parts.is_empty() {
            return Err(format!("contents.{index}: no parts"));
        }
        if index == 0 && role != "user" {
            return Err("the first turn is not the user's".to_owned());
        }
        if has("functionResponse") != calls {
            return Err(format!("contents.{index}: {} results of {calls} calls", has("functionResponse")));
        }
        calls = has("functionCall");
        if calls > 0 && (role != "model" || last != "user") {
            return Err(format!("contents.{index}: a call of {role} after {last}"));
        }
        last = role;
    }
    if calls == 0 { Ok(()) } else { Err(format!("{calls} calls were not answered")) }
}

/// AWS: "A conversation must start with a user message", "roles must alternate", "Expected toolResult blocks … for the
/// following Ids", and blocks of text must not be blank.
fn converse(body: &Value) -> Result<(), String> {
    let (mut called, mut last): (Vec<&str>, _) = (Vec::new(), "assistant");
    for (index, message) in list(&body["messages"])?.iter().enumerate() {
        let role = message["role"].as_str().unwrap_or_default();
        if role == last {
            return Err(format!("messages.{index}: {role} after {last}"));
        }
        let content = list(&message["content"])?;
        if content.is_empty() || content.iter().any(|block| block["text"].as_str() == Some("")) {
            return Err(format!("messages.{index}: no content"));
        }
        let ids = |name: &str| -> Vec<&str> {
            content.iter().filter_map(|block| block[name]["toolUseId"].as_str()).collect()
        };
        if !same(&ids("toolResult"), &called) {
            return Err(format!("messages.{index}: results {:?} of calls {called:?}", ids("toolResult")));
        }
        (called, last) = (ids("toolUse"), role);
    }
    if called.is_empty() { Ok(()) } else { Err(format!("{called:?} were not answered")) }
}

fn list(value: &Value) -> Result<&Vec<Value>, String> {
    value.as_array().filter(|list| !list.is_empty()).ok_or_else(|| "an empty list".to_owned())
}

fn is_blank(content: &Value) -> bool {
    match content {
        Value::String(text) => text.is_empty(),
        Value::Array(parts) => parts.is_empty(),
        _ => true,
    }
}

fn strings<'v>(list: &'v Value, name: &str) -> Vec<&'v str> {
    list.as_array().map(|list| list.iter().filter_map(|one| one[name].as_str()).collect()).unwrap_or_default()
}

fn same(left: &[&str], right: &[&str]) -> bool {
    let sorted = |list: &[&str]| {
        let mut list: Vec<String> = list.iter().map(ToString::to_string).collect();
        list.sort();
        list
    };
    sorted(left) == sorted(right)
}
