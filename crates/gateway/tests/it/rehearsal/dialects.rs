//! The same answer in every dialect: whole or streamed, with thoughts, calls and usage; and the same faults.

#![expect(clippy::unwrap_used, reason = "a test's helpers fail as its own lines do")]

use roundelay_protocol::bedrock::frame;
use serde_json::{Value, json};

use super::{Heard, Provider};

/// A dialect as a caller sees it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Dialect {
    Chat,
    Responses,
    Anthropic,
    Gemini,
    Bedrock,
}

pub(super) const ALL: [Dialect; 5] =
    [Dialect::Chat, Dialect::Responses, Dialect::Anthropic, Dialect::Gemini, Dialect::Bedrock];

/// What an answer says, in whatever dialect and form.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Said {
    thought: String,
    pub(super) text: String,
    /// Names and arguments.
    calls: Vec<(String, String)>,
    end: String,
    /// Input, of it read from a cache; output, of it reasoning where that is told.
    pub(super) usage: [u64; 3],
}

impl Dialect {
    pub(super) async fn ask(self, provider: &Provider, model: &str, is_streamed: bool, talk: &[Value]) -> Heard {
        let verb = if is_streamed { "streamGenerateContent?alt=sse" } else { "generateContent" };
        let path = match self {
            Self::Chat => "/v1/chat/completions".to_owned(),
            Self::Responses => "/v1/responses".to_owned(),
            Self::Anthropic => "/v1/messages?beta=true".to_owned(),
            Self::Gemini => format!("/v1beta/models/{model}:{verb}"),
            Self::Bedrock => format!("/model/{model}/converse{}", if is_streamed { "-stream" } else { "" }),
        };
        provider.post(&path, &self.body(model, is_streamed, talk)).await
    }

    fn body(self, model: &str, is_streamed: bool, talk: &[Value]) -> Value {
        let schema = json!({"type": "object"});
        match self {
            Self::Chat => json!({
                "model": model, "stream": is_streamed, "stream_options": {"include_usage": true}, "messages": talk,
                "tools": [{"type": "function", "function": {"name": "weather", "parameters": schema}}],
            }),
            Self::Responses => json!({
                "model": model, "stream": is_streamed, "input": talk,
                "tools": [{"type": "function", "name": "weather", "parameters": schema}],
            }),
            Self::Anthropic => json!({
                "model": model, "stream": is_streamed, "max_tokens": 1000, "messages": talk,
                "tools": [{"name": "weather", "input_schema": schema}],
            }),
            Self::Gemini => json!({
                "contents": talk, "tools": [{"functionDeclarations": [{"name": "weather", "parameters": schema}]}],
            }),
            Self::Bedrock => json!({
                "messages": talk,
                "toolConfig": {"tools": [{"toolSpec": {"name": "weather", "inputSchema": {"json": schema}}}]},
            }),
        }
    }

    pub(super) fn question(self) -> Vec<Value> {
        match self {
            Self::Gemini => vec![json!({"role": "user", "parts": [{"text": "How is it in Zürich?"}]})],
            Self::Bedrock => vec![json!({"role": "user", "content": [{"text": "How is it in Zürich?"}]})],
            _ => vec![json!({"role": "user", "content": "How is it in Zürich?"})],
        }
    }

    /// The conversation after the model called `weather` and heard `result`.
    pub(super) fn answered(self, result: &str) -> Vec<Value> {
        let mut talk = self.question();
        talk.extend(match self {
            Self::Chat => [
                json!({"role": "assistant", "content": null, "tool_calls": [
                    {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}]}),
                json!({"role": "tool", "tool_call_id": "c1", "content": result}),
            ],
            Self::Responses => [
                json!({"type": "function_call", "call_id": "c1", "name": "weather", "arguments": "{}"}),
                json!({"type": "function_call_output", "call_id": "c1", "output": result}),
            ],
            Self::Anthropic => [
                json!({"role": "assistant", "content": [{"type": "tool_use", "id": "c1", "name": "weather", "input": {}}]}),
                json!({"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c1", "content": result}]}),
            ],
            Self::Gemini => [
                json!({"role": "model", "parts": [{"functionCall": {"name": "weather", "args": {}}}]}),
                json!({"role": "user", "parts": [
                    {"functionResponse": {"name": "weather", "response": {"output": result}}}]}),
            ],
            Self::Bedrock => [
                json!({"role": "assistant", "content": [
                    {"toolUse": {"toolUseId": "c1", "name": "weather", "input": {}}}]}),
                json!({"role": "user", "content": [
                    {"toolResult": {"toolUseId": "c1", "content": [{"text": result}]}}]}),
            ],
        });
        talk
    }

    pub(super) fn said(self, heard: &Heard, is_streamed: bool) -> Said {
        let mut said = Said::default();
        let events = if is_streamed { self.events(heard) } else { vec![heard.json()] };
        for event in &events {
            match (self, is_streamed) {
                (Self::Chat, _) => said.hear_chat(event, if is_streamed { "delta" } else { "message" }),
                (Self::Responses, true) => said.hear_responses_event(event),
                (Self::Responses, false) => said.hear_response(event),
                (Self::Anthropic, true) => said.hear_anthropic_event(event),
                (Self::Anthropic, false) => said.hear_message(event),
                (Self::Gemini, _) => said.hear_gemini(event),
                (Self::Bedrock, true) => said.hear_bedrock_event(event),
                (Self::Bedrock, false) => said.hear_bedrock(event),
            }
        }
        said
    }

    /// The end of an answer that is over because it is, and of one that calls.
    fn ends(self) -> [&'static str; 2] {
        match self {
            Self::Chat => ["stop", "tool_calls"],
            Self::Responses => ["completed", "completed"],
            Self::Anthropic => ["end_turn", "tool_use"],
            Self::Gemini => ["STOP", "STOP"],
            Self::Bedrock => ["end_turn", "tool_use"],
        }
    }
}

impl Said {
    fn hear_chat(&mut self, event: &Value, place: &str) {
        let choice = &event["choices"][0];
        self.thought += choice[place]["reasoning_content"].as_str().unwrap_or_default();
        self.text += choice[place]["content"].as_str().unwrap_or_default();
        for call in choice[place]["tool_calls"].as_array().into_iter().flatten() {
            if let Some(name) = call["function"]["name"].as_str() {
                self.calls.push((name.to_owned(), String::new()));
            }
            self.calls.last_mut().unwrap().1 += call["function"]["arguments"].as_str().unwrap_or_default();
        }
        self.end += choice["finish_reason"].as_str().unwrap_or_default();
        if let Some(usage) = event["usage"].as_object() {
            let read = &usage["prompt_tokens_details"]["cached_tokens"];
            self.usage = [&usage["prompt_tokens"], read, &usage["completion_tokens"]].map(count);
        }
    }

    fn hear_responses_event(&mut self, event: &Value) {
        let delta = event["delta"].as_str().unwrap_or_default();
        match event["type"].as_str().unwrap() {
            "response.reasoning_summary_text.delta" => self.thought += delta,
            "response.output_text.delta" => self.text += delta,
            "response.output_item.added" if event["item"]["type"] == "function_call" => {
                self.calls.push((event["item"]["name"].as_str().unwrap().to_owned(), String::new()));
            }
            "response.function_call_arguments.delta" => self.calls.last_mut().unwrap().1 += delta,
            "response.completed" => {
                let mut whole = Self::default();
                whole.hear_response(&event["response"]);
                assert_eq!((&whole.text, &whole.calls), (&self.text, &self.calls), "the last event has all of it");
                (self.end, self.usage) = (whole.end, whole.usage);
            }
            _ => {}
        }
    }

    fn hear_response(&mut self, body: &Value) {
        for item in body["output"].as_array().unwrap() {
            self.thought += item["summary"][0]["text"].as_str().unwrap_or_default();
            self.text += item["content"][0]["text"].as_str().unwrap_or_default();
            if item["type"] == "function_call" {
                let text = |field: &str| item[field].as_str().unwrap().to_owned();
                self.calls.push((text("name"), text("arguments")));
            }
        }
        self.end = body["status"].as_str().unwrap().to_owned();
        let usage = &body["usage"];
        let read = &usage["input_tokens_details"]["cached_tokens"];
        self.usage = [&usage["input_tokens"], read, &usage["output_tokens"]].map(count);
    }

    fn hear_anthropic_event(&mut self, event: &Value) {
        let delta = &event["delta"];
        self.thought += delta["thinking"].as_str().unwrap_or_default();
        self.text += delta["text"].as_str().unwrap_or_default();
        if let Some(name) = event["content_block"]["name"].as_str() {
            self.calls.push((name.to_owned(), String::new()));
        }
        if let Some(piece) = delta["partial_json"].as_str() {
            self.calls.last_mut().unwrap().1 += piece;
        }
        self.end += delta["stop_reason"].as_str().unwrap_or_default();
        if event["type"] == "message_delta" {
            self.hear_anthropic_usage(&event["usage"]);
        }
    }

    fn hear_message(&mut self, body: &Value) {
        for block in body["content"].as_array().unwrap() {
            self.thought += block["thinking"].as_str().unwrap_or_default();
            self.text += block["text"].as_str().unwrap_or_default();
            if block["type"] == "tool_use" {
                self.calls.push((block["name"].as_str().unwrap().to_owned(), block["input"].to_string()));
            }
        }
        self.end = body["stop_reason"].as_str().unwrap().to_owned();
        self.hear_anthropic_usage(&body["usage"]);
    }

    /// Their input is without what was read from a cache.
    fn hear_anthropic_usage(&mut self, usage: &Value) {
        let read = count(&usage["cache_read_input_tokens"]);
        self.usage = [count(&usage["input_tokens"]) + read, read, count(&usage["output_tokens"])];
    }

    /// Their output is without thoughts.
    fn hear_gemini(&mut self, body: &Value) {
        let candidate = &body["candidates"][0];
        for part in candidate["content"]["parts"].as_array().into_iter().flatten() {
            let text = part["text"].as_str().unwrap_or_default();
            if part["thought"] == true {
                self.thought += text;
            } else {
                self.text += text;
            }
            if part["functionCall"].is_object() {
                let call = &part["functionCall"];
                self.calls.push((call["name"].as_str().unwrap().to_owned(), call["args"].to_string()));
            }
        }
        self.end += candidate["finishReason"].as_str().unwrap_or_default();
        let usage = &body["usageMetadata"];
        if usage.is_object() {
            let output = count(&usage["candidatesTokenCount"]) + count(&usage["thoughtsTokenCount"]);
            self.usage = [count(&usage["promptTokenCount"]), count(&usage["cachedContentTokenCount"]), output];
        }
    }
}

impl Said {
    /// Frames here are `{type: payload}`.
    fn hear_bedrock_event(&mut self, event: &Value) {
        let delta = &event["contentBlockDelta"]["delta"];
        self.thought += delta["reasoningContent"]["text"].as_str().unwrap_or_default();
        self.text += delta["text"].as_str().unwrap_or_default();
        if let Some(name) = event["contentBlockStart"]["start"]["toolUse"]["name"].as_str() {
            self.calls.push((name.to_owned(), String::new()));
        }
        if let Some(piece) = delta["toolUse"]["input"].as_str() {
            self.calls.last_mut().unwrap().1 += piece;
        }
        self.end += event["messageStop"]["stopReason"].as_str().unwrap_or_default();
        self.hear_bedrock_usage(&event["metadata"]["usage"]);
    }

    fn hear_bedrock(&mut self, body: &Value) {
        for block in body["output"]["message"]["content"].as_array().unwrap() {
            self.thought += block["reasoningContent"]["reasoningText"]["text"].as_str().unwrap_or_default();
            self.text += block["text"].as_str().unwrap_or_default();
            if let Some(name) = block["toolUse"]["name"].as_str() {
                self.calls.push((name.to_owned(), block["toolUse"]["input"].to_string()));
            }
        }
        self.end = body["stopReason"].as_str().unwrap().to_owned();
        self.hear_bedrock_usage(&body["usage"]);
    }

    /// Their input is without what was read from a cache.
    fn hear_bedrock_usage(&mut self, usage: &Value) {
        if usage.is_object() {
            let read = count(&usage["cacheReadInputTokens"]);
            self.usage = [count(&usage["inputTokens"]) + read, read, count(&usage["outputTokens"])];
        }
    }
}

impl Dialect {
    fn events(self, heard: &Heard) -> Vec<Value> {
        if self == Self::Bedrock { frames(heard) } else { data(heard) }
    }
}

/// The payload of each frame, under its type.
fn frames(heard: &Heard) -> Vec<Value> {
    let mut reader = frame::Reader::default();
    reader.push(&heard.body().0);
    let mut all = Vec::new();
    while let Some(frame) = reader.next().unwrap() {
        let payload: Value = serde_json::from_slice(&frame.payload).unwrap();
        all.push(match &*frame.message_type {
            "exception" => json!({ "error": payload, "type": frame.kind }),
            _ => json!({ frame.kind: payload }),
        });
    }
    assert!(reader.is_empty(), "nothing is left over");
    all
}

fn count(value: &Value) -> u64 {
    value.as_u64().unwrap_or(0)
}

/// The JSON of each event of a stream; a named one has its name as `type`.
fn data(heard: &Heard) -> Vec<Value> {
    let body = String::from_utf8(heard.body().0).unwrap();
    let mut all = Vec::new();
    for event in body.split("\n\n").filter(|event| !event.is_empty() && *event != "data: [DONE]") {
        let (head, json) = event.split_once("data: ").unwrap();
        let json: Value = serde_json::from_str(json).unwrap_or_else(|fault| panic!("{fault}: {event}"));
        if let Some(name) = head.strip_prefix("event: ") {
            assert_eq!(json["type"], name.trim_end(), "{event}");
        }
        all.push(json);
    }
    all
}

#[tokio::test]
async fn every_dialect_says_the_same_whole_and_streamed() {
    let provider = Provider::start();
    for (scenario, has_calls) in [("words-9", false), ("reasoning-3-cached-2-words-4", false), ("tool-calls-2", true)] {
        let model = format!("rehearsal-{scenario}");
        let of = |dialect: Dialect, is_streamed| {
            let provider = &provider;
            let model = &model;
            async move { dialect.said(&dialect.ask(provider, model, is_streamed, &dialect.question()).await, is_streamed) }
        };
        let chat = of(Dialect::Chat, false).await;
        assert!(chat.usage[0] == 5 && chat.usage[2] > 3, "{chat:?}");
        for dialect in ALL {
            let (whole, streamed) = (of(dialect, false).await, of(dialect, true).await);
            assert_eq!(whole, streamed, "{dialect:?} {model}");
            assert_eq!(whole.end, dialect.ends()[usize::from(has_calls)], "{dialect:?} {model}");
            assert_eq!(whole.calls.len(), if has_calls { 2 } else { 0 }, "{dialect:?} {model}");
            assert_eq!((&whole.usage, &whole.text), (&chat.usage, &chat.text), "{dialect:?} {model}");
            assert_eq!((&whole.thought, &whole.calls), (&chat.thought, &chat.calls), "{dialect:?} {model}");
        }
    }
}

#[tokio::test]
async fn a_stream_can_end_after_each_of_its_events() {
    let provider = Provider::start();
    for dialect in ALL {
        let ask = async |scenario: &str| {
            provider.control.set_default(scenario).unwrap();
            let heard = dialect.ask(&provider, "m", true, &dialect.question()).await;
            (dialect.events(&heard), heard.body().1)
        };
        let (honest, _) = ask("tool-calls-1").await;
        for after in 0..honest.len() {
            let (cut, is_framed) = ask(&format!("tool-calls-1-cut-after-event-{after}")).await;
            assert!(cut == honest[..after] && !is_framed, "{dialect:?} {after}");
            let (ended, is_framed) = ask(&format!("tool-calls-1-end-after-event-{after}")).await;
            assert!(ended == honest[..after] && is_framed, "{dialect:?} {after}");
            let (failed, _) = ask(&format!("tool-calls-1-error-after-event-{after}")).await;
            let (error, before) = failed.split_last().unwrap();
            assert!(before == &honest[..after] && error["error"]["message"].is_string(), "{dialect:?} {failed:?}");
        }
    }
}

#[tokio::test]
async fn a_script_is_played_turn_by_turn_and_looks_at_what_came_back() {
    let provider = Provider::start();
    let rule = json!({"scenario": "503-once", "script": [
        {"says": "I  look\nfirst.", "calls": [{"name": "weather", "arguments": {"city": "Zürich"}}]},
        {"expects": ["rain", "12 °C"], "says": "Take an umbrella."},
    ]});
    for dialect in ALL {
        provider.send("PUT", "/control", &rule.to_string()).await;
        let ask = async |is_streamed, talk: &[Value]| {
            dialect.said(&dialect.ask(&provider, "m", is_streamed, talk).await, is_streamed)
        };
        assert_eq!(dialect.ask(&provider, "m", true, &dialect.question()).await.status(), 503, "{dialect:?}");
        for is_streamed in [true, false] {
            let first = ask(is_streamed, &dialect.question()).await;
            assert_eq!(
                (first.text.as_str(), first.end.as_str()),
                ("I  look\nfirst.", dialect.ends()[1]),
                "{dialect:?}"
            );
            assert_eq!(first.calls, [("weather".to_owned(), r#"{"city":"Zürich"}"#.to_owned())], "{dialect:?}");
            let second = ask(is_streamed, &dialect.answered("rain, 12 °C")).await;
            assert_eq!((second.text.as_str(), second.end.as_str()), ("Take an umbrella.", dialect.ends()[0]));
            let missed = ask(is_streamed, &dialect.answered("rain")).await;
            assert!(missed.text.contains("12 °C\nThis came back:\nrain"), "{dialect:?} {missed:?}");
        }
    }
    // One that does not offer the tool is answered as ever, and so is what comes after the end.
    let plain = provider.chat("m", json!({})).await.json();
    assert!(plain["choices"][0]["message"]["content"].as_str().unwrap().starts_with("You said: "), "{plain}");
}

#[tokio::test]
async fn scripts_that_cannot_be_read_are_refused() {
    let provider = Provider::start();
    for script in [
        json!([]),
        json!("text"),
        json!([{"say": "x"}]),
        json!([{"says": 1}]),
        json!([{"calls": [{"name": "weather"}]}]),
        json!([{"expects": [1]}]),
    ] {
        let heard = provider.send("PUT", "/control", &json!({ "script": script }).to_string()).await;
        assert_eq!(heard.status(), 400, "{script}");
        assert!(heard.text().contains("`script` takes"), "{script}: {}", heard.text());
    }
    let shown = provider.send("PUT", "/control", r#"{"script": [{"says": "Hello."}]}"#).await.json();
    assert_eq!(shown["script"], 1);
}

#[tokio::test]
async fn what_a_vendor_refuses_is_refused_in_its_own_words() {
    let provider = Provider::start();
    let chat = |talk: Value| ("/v1/chat/completions", json!({"model": "m", "messages": talk}));
    let claude = |talk: Value| ("/v1/messages", json!({"model": "m", "max_tokens": 9, "messages": talk}));
    let call = json!({"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}});
    let result = json!({"type": "tool_result", "tool_use_id": "a", "content": "x"});
    for (path, body) in [
        chat(json!([{"role": "user", "content": "x"}, {"role": "tool", "tool_call_id": "a", "content": "x"}])),
        chat(json!([{"role": "assistant", "tool_calls": [call]}, {"role": "user", "content": "x"}])),
        chat(json!([{"role": "assistant", "tool_calls": [call]}])),
        claude(json!([{"role": "user", "content": [result]}])),
        claude(json!([{"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "f", "input": {}}]},
            {"role": "user", "content": "x"}])),
        ("/v1/messages", json!({"model": "m", "messages": [{"role": "user", "content": "x"}]})),
        ("/v1/responses", json!({"model": "m"})),
        (
            "/v1/responses",
            json!({"model": "m", "input": [{"type": "function_call_output", "call_id": "a", "output": "x"}]}),
        ),
        ("/v1beta/models/m:generateContent", json!({})),
    ] {
        let heard = provider.post(path, &body).await;
        assert_eq!(heard.status(), 400, "{path} {body}");
        let is_theirs = match path {
            "/v1/messages" => heard.json()["type"] == "error",
            "/v1beta/models/m:generateContent" => heard.json()["error"]["status"] == "INVALID_ARGUMENT",
            _ => heard.json()["error"]["type"] == "invalid_request_error",
        };
        assert!(is_theirs, "{path}: {}", heard.text());
    }
    let asked = json!({"model": "rehearsal-529", "max_tokens": 9, "messages": [{"role": "user", "content": "x"}]});
    let down = provider.post("/v1/messages", &asked);
    assert_eq!(down.await.json()["error"]["type"], "overloaded_error");
}

/// What AWS says of a conversation: a status, the type of the error, and a word of its message.
#[track_caller]
fn check_refused(heard: &Heard, status: u16, kind: &str, word: &str) {
    assert_eq!((heard.status(), heard.header("x-amzn-errortype").as_deref()), (status, Some(kind)), "{}", heard.text());
    assert!(heard.json()["message"].as_str().unwrap().contains(word), "{}", heard.text());
}

#[tokio::test]
async fn claude_at_vertex_has_its_model_in_the_path_and_its_version_in_the_body() {
    let provider = Provider::start();
    let says = json!([{"role": "user", "content": "x"}]);
    let good = json!({"anthropic_version": "vertex-2023-10-16", "max_tokens": 9, "messages": says});
    let with = |name: &str, value: Value| {
        let mut body = good.clone();
        body[name] = value;
        body
    };
    let whole = "/v1/projects/p/locations/l/publishers/anthropic/models/rehearsal-words-3:rawPredict";
    let streamed = whole.replace(":raw", ":streamRaw");
    for (path, body, status) in [
        (whole, good.clone(), 200),
        (&*streamed, with("stream", json!(true)), 200),
        (whole, with("stream", json!(true)), 400),
        (&*streamed, good.clone(), 400),
        (whole, with("anthropic_version", Value::Null), 400),
        (whole, with("model", json!("m")), 400),
    ] {
        let heard = provider.post(path, &body).await;
        assert_eq!(heard.status(), status, "{path} {body}: {}", heard.text());
        assert!(status == 200 || heard.json()["type"] == "error", "{}", heard.text());
    }
    assert_eq!(provider.control.requests_for("rehearsal-words-3"), 2);
}

#[tokio::test]
async fn converse_takes_only_conversations_that_aws_takes() {
    let provider = Provider::start();
    let says = |role: &str, text: &str| json!({"role": role, "content": [{"text": text}]});
    let call = |id: &str, input: Value| json!({"role": "assistant", "content": [{"toolUse": {"toolUseId": id, "name": "f", "input": input}}]});
    let result = |id: &str| json!({"role": "user", "content": [{"toolResult": {"toolUseId": id, "content": [{"json": {"a": 1}}]}}]});
    let tools = json!({"tools": [{"toolSpec": {"name": "f", "inputSchema": {"json": {"type": "object"}}}}]});
    let good = json!([says("user", "x"), call("a", json!({})), result("a")]);
    for (talk, word) in [
        (json!([says("assistant", "x")]), "must start with a user message"),
        (json!([says("user", "x"), says("user", "y")]), "must alternate"),
        (json!([says("user", " ")]), "messages.0.content.0 is blank"),
        (json!([{"role": "user", "content": []}]), "messages.0 is empty"),
        (json!([says("user", "x"), says("assistant", "y ")]), "trailing whitespace"),
        (json!([says("user", "x"), call("a", json!({}))]), "Expected toolResult blocks at messages.2.content"),
        (json!([says("user", "x"), call("a", json!({})), says("user", "y")]), "for the following Ids: a"),
        (json!([result("a")]), "exceeds the number of toolUse blocks"),
        (json!([says("user", "x"), call("a", json!("{}")), result("a")]), "Provide a json object"),
        (json!([says("user", "x"), call("a.b", json!({})), result("a.b")]), "regular expression pattern"),
    ] {
        let heard = provider.post("/model/m/converse", &json!({"messages": talk, "toolConfig": tools})).await;
        check_refused(&heard, 400, "ValidationException", word);
    }
    let heard = provider.post("/model/m/converse-stream", &json!({ "messages": good })).await;
    check_refused(&heard, 400, "ValidationException", "toolConfig field must be defined");
    let heard = provider.post("/model/m/converse", &json!({"messages": good, "toolConfig": tools})).await;
    assert_eq!(heard.status(), 200, "{}", heard.text());
}

#[tokio::test]
async fn converse_fails_as_aws_does() {
    let provider = Provider::start();
    let body = json!({"messages": Dialect::Bedrock.question()});
    for (scenario, status, kind) in [
        ("429", 429, "ThrottlingException"),
        ("500", 500, "InternalServerException"),
        ("bedrock:model_not_ready", 429, "ModelNotReadyException"),
    ] {
        let heard = provider.post(&format!("/model/rehearsal-{scenario}/converse-stream"), &body).await;
        check_refused(&heard, status, kind, "");
    }
    for (scenario, kind) in [
        ("", "internalServerException"),
        ("-bedrock:model_stream_error", "modelStreamErrorException"),
        ("-bedrock:throttling", "throttlingException"),
    ] {
        let path = format!("/model/rehearsal-error-after-2{scenario}/converse-stream");
        let heard = provider.post(&path, &body).await;
        assert_eq!(
            (heard.status(), heard.header("content-type").as_deref()),
            (200, Some("application/vnd.amazon.eventstream"))
        );
        let frames = frames(&heard);
        let last = frames.last().unwrap();
        assert!(last["type"] == kind && last["error"]["message"].is_string(), "{frames:?}");
        assert_eq!(frames.len(), 4, "{frames:?}");
    }
    let heard = provider.post("/model/rehearsal-malformed-event-3/converse-stream", &body).await;
    let mut reader = frame::Reader::default();
    reader.push(&heard.body().0);
    assert!(reader.next().unwrap().is_some() && reader.next().unwrap().is_some() && reader.next().is_err());
    let heard = provider.post("/model/rehearsal-huge-line-16/converse-stream", &body).await;
    assert_eq!(frames(&heard)[1]["contentBlockDelta"]["padding"].as_str().unwrap().len(), 16 << 10);
}

#[tokio::test]
async fn converse_wants_a_key_or_the_shape_of_a_signature() {
    let provider = Provider::start();
    let body = json!({"messages": Dialect::Bedrock.question()}).to_string();
    let signature = "ab".repeat(32);
    let signed = |scope: &str, fields: &str, signature: &str, moment: &str| {
        format!(
            "authorization: AWS4-HMAC-SHA256 Credential=AKID/{scope}, SignedHeaders={fields}, Signature={signature}\r\n\
             x-amz-date: {moment}\r\n"
        )
    };
    let (scope, fields, moment) = ("20261123/us-east-1/bedrock/aws4_request", "host;x-amz-date", "20261123T120000Z");
    for (headers, status) in [
        (String::new(), 403),
        ("authorization: Bearer a-key\r\n".to_owned(), 200),
        (signed(scope, fields, &signature, moment), 200),
        (signed("20261123/us-east-1/s3/aws4_request", fields, &signature, moment), 403),
        (signed("20261122/us-east-1/bedrock/aws4_request", fields, &signature, moment), 403),
        (signed(scope, "host", &signature, moment), 403),
        (signed(scope, "x-amz-date;host", &signature, moment), 403),
        (signed(scope, fields, "abc", moment), 403),
        (format!("{}x-amz-security-token: t\r\n", signed(scope, fields, &signature, moment)), 403),
    ] {
        let heard = provider.send_with("POST", "/model/m/converse", &headers, &body).await;
        assert_eq!(heard.status(), status, "{headers}: {}", heard.text());
        assert_eq!(heard.header("x-amzn-errortype").is_some(), status == 403, "{headers}");
    }
    provider.control.accept_keys(Some(vec!["AKID".to_owned()]));
    let good = signed(scope, fields, &signature, moment);
    assert_eq!(provider.send_with("POST", "/model/m/converse", &good, &body).await.status(), 200);
    let heard = provider.send_with("POST", "/model/m/converse", "authorization: Bearer a-key\r\n", &body).await;
    check_refused(&heard, 403, "UnrecognizedClientException", "security token");
}
