//! Streams of one known answer in each dialect, as providers send them and as callers read them.

use std::{sync::Barrier, thread, time::Duration};

use serde_json::{Value, json};

use crate::support::{Asked, Said};

/// What every model here says.
pub(super) const ANSWER: &str = "Once upon a time there was a \"relay\", and it went on: 从前有座山。 The end.";
/// How many tokens a model counts for it: one a piece.
pub(super) const PIECES: usize = 15;
const EVENTS: &str = "content-type: text/event-stream\r\n";
const JSON: &str = "content-type: application/json\r\n";

/// What is spoken with a provider, or by a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Words {
    Chat,
    Messages,
    Responses,
    Gemini,
}

impl Words {
    pub(super) const ALL: [Self; 4] = [Self::Chat, Self::Messages, Self::Responses, Self::Gemini];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Messages => "messages",
            Self::Responses => "responses",
            Self::Gemini => "gemini",
        }
    }

    pub(super) fn protocol(self) -> &'static str {
        match self {
            Self::Chat => "openai",
            Self::Messages => "anthropic",
            Self::Responses => "responses",
            Self::Gemini => "gemini",
        }
    }

    fn of(asked: &Asked) -> Self {
        match asked.target() {
            target if target.contains("/messages") => Self::Messages,
            target if target.contains("/responses") => Self::Responses,
            target if target.contains("enerateContent") => Self::Gemini,
            _ => Self::Chat,
        }
    }

    /// The events of an answer of these pieces, the end with its count of output last.
    pub(super) fn events(self, pieces: &[&str], output: usize) -> Vec<String> {
        let mut events = self.beginning();
        events.extend(pieces.iter().map(|piece| self.piece(piece)));
        events.extend(self.end(&pieces.concat(), output));
        events
    }

    fn beginning(self) -> Vec<String> {
        match self {
            Self::Chat => vec![chunk(&json!({ "role": "assistant", "content": "" }), None)],
            Self::Messages => vec![
                named(
                    json!({ "type": "message_start", "message": { "id": "msg_up", "type": "message", "role": "assistant",
                    "model": "up", "content": [], "stop_reason": null, "stop_sequence": null,
                    "usage": { "input_tokens": 100, "output_tokens": 1 } } }),
                ),
                named(
                    json!({ "type": "content_block_start", "index": 0, "content_block": { "type": "text", "text": "" } }),
                ),
            ],
            Self::Responses => vec![
                named(
                    json!({ "type": "response.created", "sequence_number": 0, "response": { "id": "resp_up", "object": "response",
                    "created_at": 7, "model": "up", "status": "in_progress", "output": [] } }),
                ),
                named(json!({ "type": "response.output_item.added", "sequence_number": 1, "output_index": 0,
                    "item": { "type": "message", "id": "msg_up", "role": "assistant", "status": "in_progress", "content": [] } })),
                named(
                    json!({ "type": "response.content_part.added", "sequence_number": 2, "output_index": 0, "content_index": 0,
                    "item_id": "msg_up", "part": { "type": "output_text", "text": "", "annotations": [] } }),
                ),
            ],
            Self::Gemini => Vec::new(),
        }
    }

    fn piece(self, text: &str) -> String {
        match self {
            Self::Chat => chunk(&json!({ "content": text }), None),
            Self::Messages => named(
                json!({ "type": "content_block_delta", "index": 0, "delta": { "type": "text_delta", "text": text } }),
            ),
            Self::Responses => {
                named(json!({ "type": "response.output_text.delta", "output_index": 0, "content_index": 0,
                "item_id": "msg_up", "delta": text, "sequence_number": 3 }))
            }
            Self::Gemini => data(&json!({ "responseId": "up", "modelVersion": "up",
                "candidates": [{ "index": 0, "content": { "role": "model", "parts": [{ "text": text }] } }] })),
        }
    }

    fn end(self, text: &str, output: usize) -> Vec<String> {
        match self {
            Self::Chat => vec![
                chunk(&json!({}), Some("stop")),
                data(
                    &json!({ "id": "up", "object": "chat.completion.chunk", "created": 7, "model": "up", "choices": [],
                    "usage": { "prompt_tokens": 100, "completion_tokens": output, "total_tokens": 100 + output } }),
                ),
                "data: [DONE]\n\n".to_owned(),
            ],
            Self::Messages => vec![
                named(json!({ "type": "content_block_stop", "index": 0 })),
                named(json!({ "type": "message_delta", "delta": { "stop_reason": "end_turn", "stop_sequence": null },
                    "usage": { "output_tokens": output } })),
                named(json!({ "type": "message_stop" })),
            ],
            Self::Responses => {
                let part = json!({ "type": "output_text", "text": text, "annotations": [] });
                let item = json!({ "type": "message", "id": "msg_up", "role": "assistant", "status": "completed", "content": [part] });
                vec![
                    named(
                        json!({ "type": "response.output_text.done", "output_index": 0, "content_index": 0, "item_id": "msg_up", "text": text }),
                    ),
                    named(
                        json!({ "type": "response.content_part.done", "output_index": 0, "content_index": 0, "item_id": "msg_up", "part": part }),
                    ),
                    named(json!({ "type": "response.output_item.done", "output_index": 0, "item": item })),
                    named(
                        json!({ "type": "response.completed", "response": { "id": "resp_up", "object": "response", "created_at": 7,
                        "model": "up", "status": "completed", "output": [item],
                        "usage": { "input_tokens": 100, "output_tokens": output, "total_tokens": 100 + output } } }),
                    ),
                ]
            }
            Self::Gemini => vec![data(&json!({ "responseId": "up", "modelVersion": "up",
                "candidates": [{ "index": 0, "content": { "role": "model", "parts": [{ "text": "" }] }, "finishReason": "STOP" }],
                "usageMetadata": { "promptTokenCount": 100, "candidatesTokenCount": output, "totalTokenCount": 100 + output } }))],
        }
    }
}

fn chunk(delta: &Value, finish: Option<&str>) -> String {
    data(&json!({ "id": "up", "object": "chat.completion.chunk", "created": 7, "model": "up",
        "choices": [{ "index": 0, "delta": delta, "finish_reason": finish }] }))
}

fn data(json: &Value) -> String {
    format!("data: {json}\n\n")
}

fn named(json: Value) -> String {
    format!("event: {}\n{}", json["type"].as_str().unwrap(), data(&json))
}

/// How many pieces a long answer has.
pub(super) const LONG: usize = 1000;

fn long() -> Vec<&'static str> {
    ["more ", "and ", "yet "].into_iter().cycle().take(LONG).collect()
}

/// The answer in pieces, each a word.
pub(super) fn pieces(text: &str) -> Vec<&str> {
    text.split_inclusive(' ').collect()
}

/// What a model here does, by its name: `cut-3` breaks off after three events, `rest` goes on from a beginning or says
/// all, and so on.
pub(super) fn answer(asked: &Asked, gate: &Barrier) -> Said {
    let words = Words::of(asked);
    let body = asked.json();
    let in_path = asked.target().rsplit_once("/models/").and_then(|(_, rest)| rest.split(':').next());
    let model = body["model"].as_str().or(in_path).unwrap().to_owned();
    let began = begun(&body);
    let rest = match &began {
        Some(began) => ANSWER.strip_prefix(began.as_str()).unwrap_or_else(|| panic!("{began:?} is no beginning")),
        None => ANSWER,
    };
    let (what, count) = match model.split_once('-') {
        Some((what, count)) => (what, count.parse().unwrap()),
        None => (&*model, 0),
    };
    let whole = || words.events(&pieces(rest), pieces(rest).len());
    match what {
        "refuses" if began.is_some() && !asks_to_go_on(&body) => Said::new(
            400,
            JSON,
            r#"{"error":{"message":"This model does not support assistant message prefill.","type":"invalid_request_error"}}"#,
        ),
        "rest" | "refuses" | "same" => said(whole(), usize::MAX),
        // Breaks off after so many events.
        "cut" => said(whole(), count),
        // The same, and names the build of its server.
        "printed" => {
            let named = |event: String| event.replace("\"model\":", "\"system_fingerprint\":\"fp_1\",\"model\":");
            said(whole().into_iter().map(named).collect(), count)
        }
        // Says the beginning again, whatever it is asked.
        "echo" => said(words.events(&pieces(ANSWER), PIECES), usize::MAX),
        // A long answer, of which so many pieces come; or as many as are asked for.
        "stump" => said(words.events(&long(), LONG), count),
        "obeys" => {
            let told = body["max_completion_tokens"].as_u64().or_else(|| body["max_tokens"].as_u64());
            let most = told.map_or(LONG, |most| usize::try_from(most).unwrap()).min(LONG);
            said(words.events(&long()[..most], most), usize::MAX)
        }
        // Goes on and on from where it is, whatever it is asked.
        "endless" => {
            let more: Vec<&str> = pieces(rest).into_iter().chain(long()).collect();
            said(words.events(&more, more.len()), usize::MAX)
        }
        // The same, and counts nothing.
        "uncounted" => {
            let mut events = words.events(&pieces(ANSWER), PIECES);
            events.retain(|event| !event.contains("\"usage\":{"));
            said(events, usize::MAX)
        }
        // Is asked, and begins to answer much later, or when it is told to; its provider works on whoever listens.
        "late" | "held" => {
            if what == "held" {
                gate.wait();
            } else {
                thread::park_timeout(Duration::from_millis(200));
            }
            let events = whole();
            let (first, later) = events.split_at(4);
            Said { later: later.concat().into(), ..Said::new(200, EVENTS, first.concat()) }
        }
        // Another answer from the second word on.
        "other" => {
            said(words.events(&["Once ", "there was ", "another relay, quite unlike the first."], 9), usize::MAX)
        }
        "overloaded" => Said::new(503, JSON, r#"{"error":{"message":"overloaded","type":"server_error"}}"#),
        // A call behind two words, or behind nothing, of which only so many events come.
        "call" | "bare" => {
            let mut events = words.events(&pieces(ANSWER)[..2], 2);
            events.truncate(if what == "call" { 3 } else { 1 });
            let (call, is_all) = call(words, count);
            events.extend(call);
            Said { missing: usize::from(!is_all), ..said(events, usize::MAX) }
        }
        other => panic!("no model is called {other}"),
    }
}

/// So many events of a tool call in chat's words, and whether that is all of them.
fn call(words: Words, events: usize) -> (Vec<String>, bool) {
    assert_eq!(words, Words::Chat);
    let call = |call: Value| chunk(&json!({ "tool_calls": [call] }), None);
    let mut all = vec![
        call(
            json!({ "index": 0, "id": "call_1", "type": "function", "function": { "name": "look", "arguments": "" } }),
        ),
        call(json!({ "index": 0, "function": { "arguments": "{\"at\":" } })),
        call(json!({ "index": 0, "function": { "arguments": "1}" } })),
        chunk(&json!({}), Some("tool_calls")),
        "data: [DONE]\n\n".to_owned(),
    ];
    let is_all = events >= all.len();
    all.truncate(events);
    (all, is_all)
}

/// A stream of events that breaks off after `most` of them, where there are more.
pub(super) fn said(events: Vec<String>, most: usize) -> Said {
    let is_cut = events.len() > most;
    let shown: String = events.into_iter().take(most).collect();
    Said { missing: usize::from(is_cut), ..Said::new(200, EVENTS, shown) }
}

/// The beginning that a request gives its answer, or the last assistant's turn where a user's asks to go on.
fn begun(body: &Value) -> Option<String> {
    let turns = ["messages", "contents", "input"].iter().find_map(|name| body[*name].as_array())?;
    let is_models = |turn: &&Value| matches!(turn["role"].as_str(), Some("assistant" | "model"));
    let text = |turn: &Value| -> String {
        let content = if turn["parts"].is_array() { &turn["parts"] } else { &turn["content"] };
        match content {
            Value::String(text) => text.clone(),
            parts => parts.as_array().unwrap().iter().filter_map(|part| part["text"].as_str()).collect(),
        }
    };
    let last = turns.last()?;
    if is_models(&last) {
        return Some(text(last));
    }
    let asks = asks_to_go_on(body);
    let before = turns.len().checked_sub(2).map(|at| &turns[at]).filter(is_models)?;
    asks.then(|| text(before))
}

/// Whether the last turn of a user asks for the rest.
fn asks_to_go_on(body: &Value) -> bool {
    let turns = ["messages", "contents", "input"].iter().find_map(|name| body[*name].as_array());
    turns.and_then(|turns| turns.last()).is_some_and(|turn| turn.to_string().contains("broke off"))
}

/// What a caller has read.
#[derive(Debug, Default)]
pub(super) struct Read {
    pub(super) text: String,
    pub(super) error: Option<Value>,
    pub(super) is_ended: bool,
    pub(super) calls: usize,
    /// The last data with `roundelay` in it, wherever that stands.
    pub(super) attempts: Value,
    pub(super) usage: Value,
}

/// Reads a stream as the caller's SDK would, and checks that it is one answer with one beginning and at most one end.
#[track_caller]
pub(super) fn read(words: Words, stream: &str) -> Read {
    let mut read = Read::default();
    let (mut begins, mut ends) = (0, 0);
    for event in stream.split("\n\n").filter(|event| !event.is_empty()) {
        let Some(data) = event.lines().find_map(|line| line.strip_prefix("data: ")) else {
            assert!(event.starts_with(':'), "{event:?} in {stream}");
            continue;
        };
        if data == "[DONE]" {
            ends += usize::from(words == Words::Chat);
            continue;
        }
        let json: Value = serde_json::from_str(data).unwrap_or_else(|fault| panic!("{fault}: {data} in {stream}"));
        let (text, begin, end) = match words {
            Words::Chat => {
                let delta = &json["choices"][0]["delta"];
                read.calls += usize::from(delta["tool_calls"][0]["id"].is_string());
                (delta["content"].as_str(), delta["role"].is_string(), false)
            }
            Words::Messages => {
                (json["delta"]["text"].as_str(), json["type"] == "message_start", json["type"] == "message_stop")
            }
            Words::Responses => {
                (json["delta"].as_str(), json["type"] == "response.created", json["type"] == "response.completed")
            }
            Words::Gemini => {
                let candidate = &json["candidates"][0];
                (candidate["content"]["parts"][0]["text"].as_str(), false, candidate["finishReason"].is_string())
            }
        };
        read.text.extend(text);
        (begins, ends) = (begins + usize::from(begin), ends + usize::from(end));
        let error = [&json["error"], &json["response"]["error"]].into_iter().find(|error| error.is_object());
        read.error = read.error.take().or_else(|| error.cloned());
        for place in [&json, &json["response"]] {
            if place["roundelay"]["attempts"].is_array() {
                read.attempts = place["roundelay"]["attempts"].clone();
            }
            for usage in ["usage", "usageMetadata"] {
                if place[usage].is_object() {
                    read.usage = place[usage].clone();
                }
            }
        }
        if words == Words::Responses && json["type"] == "response.completed" {
            // What comes behind a call that was thrown away is an item of its own.
            let items = json["response"]["output"].as_array().unwrap().iter();
            let text: String = items.filter_map(|item| item["content"][0]["text"].as_str()).collect();
            assert_eq!(text, read.text, "{stream}");
        }
    }
    assert!(begins == 1 || words == Words::Gemini && begins == 0, "{begins} beginnings: {stream}");
    assert!(ends <= 1 && (ends == 0 || read.error.is_none()), "{stream}");
    read.is_ended = ends == 1;
    read
}
