//! What the official clients make of a stream: written after their code, not after this crate's.
//!
//! Sources: openai-python 3.54 (`_streaming.py`, `lib/streaming/_deltas.py`, `lib/streaming/responses`), anthropic-python
//! 2.12 (`_streaming.py`, `lib/streaming`), google-genai 3.4 (`_api_client.py`), botocore's `eventstream.py`.

use std::collections::BTreeMap;

use roundelay_protocol::chat::Dialect;
use serde_json::{Map, Value, json};

/// What whoever uses the client gets.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Seen {
    /// An answer with its end, as the body it would have been without streaming.
    Whole(Value),
    /// An error.
    Raised(String),
    /// The stream is over, and neither came.
    Quiet,
}

/// Reads a stream as the official client of its dialect does.
#[derive(Clone, Debug)]
pub(super) struct Client {
    dialect: Dialect,
    unread: Vec<u8>,
    answer: Value,
    raised: Option<String>,
    is_over: bool,
    /// The pieces of input of each open tool call, by block.
    inputs: BTreeMap<u64, String>,
    /// Responses: what the deltas made of each item, and the next number.
    deltas: BTreeMap<u64, String>,
    sequence: u64,
}

impl Client {
    pub(super) fn new(dialect: Dialect) -> Self {
        Self {
            dialect,
            unread: Vec::new(),
            answer: json!({}),
            raised: None,
            is_over: false,
            inputs: BTreeMap::new(),
            deltas: BTreeMap::new(),
            sequence: 0,
        }
    }

    pub(super) fn read(dialect: Dialect, bytes: &[u8]) -> Seen {
        let mut client = Self::new(dialect);
        client.take(bytes);
        client.finish()
    }

    pub(super) fn take(&mut self, bytes: &[u8]) {
        self.unread.extend_from_slice(bytes);
        if self.dialect == Dialect::Bedrock {
            return self.frames();
        }
        while let Some(at) = self.unread.windows(2).position(|two| two == b"\n\n") {
            let event: Vec<u8> = self.unread.drain(..at + 2).collect();
            let event = String::from_utf8(event).expect("a stream is UTF-8");
            let (mut name, mut data) = (None, None);
            for line in event.lines() {
                if let Some(rest) = line.strip_prefix("event: ") {
                    name = Some(rest.to_owned());
                } else if let Some(rest) = line.strip_prefix("data: ") {
                    assert!(data.is_none(), "two lines of data: {event}");
                    data = Some(rest.to_owned());
                }
            }
            if let Some(data) = data.filter(|_| self.raised.is_none() && !self.is_over) {
                self.event(name.as_deref(), &data);
            }
        }
    }

    pub(super) fn finish(mut self) -> Seen {
        assert!(self.unread.is_empty(), "half an event: {}", String::from_utf8_lossy(&self.unread));
        if let Some(message) = self.raised {
            return Seen::Raised(message);
        }
        let is_whole = match self.dialect {
            Dialect::OpenaiChat => ended(&self.answer["choices"], "finish_reason"),
            Dialect::Gemini => ended(&self.answer["candidates"], "finishReason"),
            Dialect::OpenaiResponses | Dialect::Anthropic => self.is_over,
            Dialect::Bedrock => self.answer["stopReason"].is_string(),
        };
        if is_whole { Seen::Whole(self.answer.take()) } else { Seen::Quiet }
    }

    fn event(&mut self, name: Option<&str>, data: &str) {
        if data == "[DONE]" {
            self.is_over |= self.dialect == Dialect::OpenaiChat;
            return;
        }
        let data: Value = serde_json::from_str(data).unwrap_or_else(|e| panic!("{e}: {data}"));
        match self.dialect {
            Dialect::OpenaiChat => self.chunk(&data),
            Dialect::OpenaiResponses => self.response(name, &data),
            Dialect::Anthropic => self.message(name, &data),
            Dialect::Gemini => self.candidates(&data),
            Dialect::Bedrock => unreachable!("it has frames"),
        }
    }

    fn raise(&mut self, error: &Value) {
        let message = error["message"].as_str().unwrap_or("An error occurred during streaming");
        self.raised = Some(message.to_owned());
    }

    fn chunk(&mut self, chunk: &Value) {
        if !chunk["error"].is_null() {
            return self.raise(&chunk["error"]);
        }
        for name in ["id", "object", "created", "model"] {
            assert!(!chunk[name].is_null(), "a chunk without {name}: {chunk}");
        }
        for choice in list(&chunk["choices"]) {
            let index = usize::try_from(choice["index"].as_u64().expect("an index")).unwrap();
            let choices = array(&mut self.answer, "choices");
            while choices.len() <= index {
                choices.push(json!({"index": choices.len(), "message": {}, "logprobs": {}, "finish_reason": null}));
            }
            accumulate(choices[index]["message"].as_object_mut().unwrap(), choice["delta"].as_object().unwrap());
            // As `ChatCompletionStreamState` does.
            for token in choice["logprobs"]["content"].as_array().into_iter().flatten() {
                array(&mut choices[index]["logprobs"], "content").push(token.clone());
            }
            if !choice["finish_reason"].is_null() {
                choices[index]["finish_reason"] = choice["finish_reason"].clone();
            }
        }
        if chunk["usage"].is_object() {
            self.answer["usage"] = chunk["usage"].clone();
        }
    }

    fn message(&mut self, name: Option<&str>, event: &Value) {
        // Who has no name is not seen.
        let Some(name) = name else { return };
        assert_eq!(event["type"], name);
        let index = event["index"].as_u64().unwrap_or(0);
        let place = usize::try_from(index).unwrap();
        match name {
            "error" => self.raise(&event["error"]),
            "message_start" => self.answer = event["message"].clone(),
            "content_block_start" => {
                let content = array(&mut self.answer, "content");
                assert_eq!(content.len(), place, "blocks are told in their order");
                content.push(event["content_block"].clone());
            }
            "content_block_delta" => {
                let block = &mut array(&mut self.answer, "content")[place];
                let delta = &event["delta"];
                match delta["type"].as_str().unwrap_or("") {
                    "text_delta" if block.is_object() => append(&mut block["text"], &delta["text"]),
                    "thinking_delta" => append(&mut block["thinking"], &delta["thinking"]),
                    "signature_delta" => block["signature"] = delta["signature"].clone(),
                    "citations_delta" => array(block, "citations").push(delta["citation"].clone()),
                    "input_json_delta" => {
                        assert!(block["type"].as_str().is_none_or(|kind| kind.ends_with("tool_use")), "{block}");
                        self.inputs.entry(index).or_default().push_str(delta["partial_json"].as_str().unwrap_or(""));
                    }
                    _ => {}
                }
            }
            "content_block_stop" => {
                if let Some(input) = self.inputs.remove(&index) {
                    let input = serde_json::from_str(&input).unwrap_or(Value::String(input));
                    array(&mut self.answer, "content")[place]["input"] = input;
                }
            }
            "message_delta" => {
                for (name, value) in event["delta"].as_object().unwrap() {
                    self.answer[name] = value.clone();
                }
                for (name, value) in event["usage"].as_object().into_iter().flatten() {
                    self.answer["usage"][name] = value.clone();
                }
            }
            "message_stop" => self.is_over = true,
            _ => {}
        }
    }

    fn response(&mut self, name: Option<&str>, event: &Value) {
        let kind = event["type"].as_str().expect("a type").to_owned();
        assert_eq!(name, Some(&*kind));
        assert_eq!(event["sequence_number"], self.sequence, "{event}");
        self.sequence += 1;
        let index = event["output_index"].as_u64().unwrap_or(u64::MAX);
        match &*kind {
            "error" => self.raise(event),
            "response.failed" => self.raise(&event["response"]["error"]),
            "response.created" => self.answer = event["response"].clone(),
            _ if self.answer == json!({}) => {
                self.raised = Some(format!("Expected to have received `response.created` before `{kind}`"));
            }
            "response.output_item.added" => {
                let output = array(&mut self.answer, "output");
                assert_eq!(output.len() as u64, index, "items are told in their order");
                output.push(event["item"].clone());
            }
            "response.content_part.added" => {
                let item = self.item(index);
                assert_eq!(item["type"], "message");
                array(item, "content").push(event["part"].clone());
            }
            "response.output_text.delta" | "response.refusal.delta" => {
                let part = self.item(index)["content"][0]["type"].as_str().unwrap().to_owned();
                assert_eq!(part == "output_text", kind == "response.output_text.delta");
                self.delta(index, event);
            }
            "response.function_call_arguments.delta" => {
                assert_eq!(self.item(index)["type"], "function_call");
                self.delta(index, event);
            }
            "response.custom_tool_call_input.delta" => {
                assert_eq!(self.item(index)["type"], "custom_tool_call");
                self.delta(index, event);
            }
            "response.reasoning_summary_text.delta" => self.delta(index, event),
            "response.output_item.done" => {
                let item = event["item"].clone();
                let output = array(&mut self.answer, "output");
                let place = usize::try_from(index).unwrap();
                if output.len() == place {
                    output.push(Value::Null);
                }
                output[place] = item;
            }
            "response.completed" | "response.incomplete" => {
                self.is_over = true;
                let told = list(&self.answer["output"]).to_vec();
                self.answer = event["response"].clone();
                assert_eq!(list(&self.answer["output"]), told, "the whole is what was told item by item");
                for (index, text) in &self.deltas {
                    let item = &told[usize::try_from(*index).unwrap()];
                    let words = ["/content/0/text", "/content/0/refusal", "/summary/0/text", "/arguments", "/input"];
                    let said = words.iter().find_map(|path| item.pointer(path)?.as_str());
                    assert_eq!(said, Some(&**text), "the deltas make the whole: {item}");
                }
            }
            _ => {}
        }
    }

    fn item(&mut self, index: u64) -> &mut Value {
        &mut array(&mut self.answer, "output")[usize::try_from(index).unwrap()]
    }

    fn delta(&mut self, index: u64, event: &Value) {
        assert_eq!(event["item_id"], self.item(index)["id"], "{event}");
        self.deltas.entry(index).or_default().push_str(event["delta"].as_str().unwrap());
    }

    fn candidates(&mut self, chunk: &Value) {
        if !chunk["error"].is_null() {
            return self.raise(&chunk["error"]);
        }
        for candidate in list(&chunk["candidates"]) {
            let index = usize::try_from(candidate["index"].as_u64().unwrap_or(0)).unwrap();
            let candidates = array(&mut self.answer, "candidates");
            while candidates.len() <= index {
                candidates.push(json!({"index": candidates.len(), "content": {"role": "model", "parts": []}}));
            }
            let whole = &mut candidates[index];
            for part in list(&candidate["content"]["parts"]) {
                join(array(&mut whole["content"], "parts"), part);
            }
            for name in ["finishReason", "groundingMetadata", "citationMetadata", "logprobsResult"] {
                if !candidate[name].is_null() {
                    whole[name] = candidate[name].clone();
                }
            }
        }
        for name in ["usageMetadata", "modelVersion", "responseId", "promptFeedback"] {
            if !chunk[name].is_null() {
                self.answer[name] = chunk[name].clone();
            }
        }
    }

    fn frames(&mut self) {
        while self.unread.len() >= 12 {
            let number = |at: usize| u32::from_be_bytes(self.unread[at..at + 4].try_into().unwrap()) as usize;
            let (total, headers) = (number(0), number(4));
            if self.unread.len() < total {
                return;
            }
            let frame: Vec<u8> = self.unread.drain(..total).collect();
            let names = String::from_utf8_lossy(&frame[12..12 + headers]).into_owned();
            let payload: Value = serde_json::from_slice(&frame[12 + headers..total - 4]).unwrap();
            let is_error = names.contains(":exception-type") || names.contains(":error-code");
            let kind = KINDS.iter().find(|kind| names.contains(**kind)).copied().unwrap_or("");
            if is_error {
                self.raise(&payload);
            } else if self.raised.is_none() {
                self.converse(kind, &payload);
            }
        }
    }

    fn converse(&mut self, kind: &str, event: &Value) {
        let index = event["contentBlockIndex"].as_u64().unwrap_or(0);
        let place = usize::try_from(index).unwrap();
        let make_room = |answer: &mut Value| {
            let content = array(&mut answer["output"]["message"], "content");
            while content.len() <= place {
                content.push(json!({}));
            }
        };
        match kind {
            "messageStart" => self.answer["output"]["message"]["role"] = event["role"].clone(),
            "contentBlockStart" => {
                make_room(&mut self.answer);
                let start = &event["start"];
                self.answer["output"]["message"]["content"][place] = start.clone();
                if start["toolUse"].is_object() {
                    self.inputs.insert(index, String::new());
                }
            }
            "contentBlockDelta" => {
                make_room(&mut self.answer);
                let block = &mut self.answer["output"]["message"]["content"][place];
                let delta = &event["delta"];
                if delta["text"].is_string() {
                    append(&mut block["text"], &delta["text"]);
                }
                if let Some(input) = delta["toolUse"]["input"].as_str() {
                    self.inputs.get_mut(&index).expect("the call has begun").push_str(input);
                }
                let thought = &delta["reasoningContent"];
                if thought["text"].is_string() {
                    append(&mut block["reasoningContent"]["reasoningText"]["text"], &thought["text"]);
                }
                if thought["signature"].is_string() {
                    block["reasoningContent"]["reasoningText"]["signature"] = thought["signature"].clone();
                }
                if thought["redactedContent"].is_string() {
                    block["reasoningContent"]["redactedContent"] = thought["redactedContent"].clone();
                }
            }
            "contentBlockStop" => {
                if let Some(input) = self.inputs.remove(&index) {
                    let input = if input.is_empty() { "{}".to_owned() } else { input };
                    let input = serde_json::from_str(&input).unwrap_or(Value::String(input));
                    self.answer["output"]["message"]["content"][place]["toolUse"]["input"] = input;
                }
            }
            "messageStop" => self.answer["stopReason"] = event["stopReason"].clone(),
            "metadata" => self.answer["usage"] = event["usage"].clone(),
            _ => {}
        }
    }
}

const KINDS: [&str; 6] =
    ["messageStart", "contentBlockStart", "contentBlockDelta", "contentBlockStop", "messageStop", "metadata"];

/// Whether there is an answer and each has a reason to stop.
fn ended(answers: &Value, reason: &str) -> bool {
    let answers = list(answers);
    !answers.is_empty() && answers.iter().all(|answer| answer[reason].is_string())
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn array<'v>(object: &'v mut Value, name: &str) -> &'v mut Vec<Value> {
    if !object[name].is_array() {
        object[name] = json!([]);
    }
    object[name].as_array_mut().unwrap()
}

fn append(slot: &mut Value, more: &Value) {
    let said = slot.as_str().unwrap_or("").to_owned();
    *slot = Value::String(said + more.as_str().unwrap_or(""));
}

/// `accumulate_delta`: strings are joined, lists are put together by the index of their entries.
fn accumulate(whole: &mut Map<String, Value>, delta: &Map<String, Value>) {
    for (name, value) in delta {
        let slot = whole.entry(name.clone()).or_insert(Value::Null);
        match (&mut *slot, value) {
            (Value::Null, Value::Array(entries)) if entries.iter().any(|entry| entry["index"].is_u64()) => {
                *slot = json!([]);
                accumulate_list(slot.as_array_mut().unwrap(), entries);
            }
            (Value::Null, value) => *slot = value.clone(),
            (slot, value) if name == "index" || name == "type" => *slot = value.clone(),
            (Value::String(said), Value::String(more)) => said.push_str(more),
            (Value::Object(said), Value::Object(more)) => accumulate(said, more),
            (Value::Array(said), Value::Array(more)) => accumulate_list(said, more),
            _ => {}
        }
    }
}

fn accumulate_list(whole: &mut Vec<Value>, entries: &[Value]) {
    for entry in entries {
        let index = entry["index"].as_u64().expect("Expected list delta entry to have an `index` key");
        match whole.get_mut(usize::try_from(index).unwrap()) {
            Some(said) => accumulate(said.as_object_mut().unwrap(), entry.as_object().unwrap()),
            None => whole.push(entry.clone()),
        }
    }
}

/// Adds a part of a stream to the parts before it: pieces of one text are one.
fn join(parts: &mut Vec<Value>, part: &Value) {
    if let Some(last) = parts.last_mut()
        && last["text"].is_string()
        && part["text"].is_string()
        && last["thought"] == part["thought"]
        && last["thoughtSignature"].is_null()
    {
        append(&mut last["text"], &part["text"]);
        if !part["thoughtSignature"].is_null() {
            last["thoughtSignature"] = part["thoughtSignature"].clone();
        }
        return;
    }
    parts.push(part.clone());
}
