//! The rehearsal provider on real sockets: every scenario does what its documentation says.

mod dialects;
mod nature;

use std::collections::BTreeSet;
use std::future::pending;
use std::net::SocketAddr;
use std::time::Duration;

use roundelay::rehearsal::{CLAUSES, Control, PROVIDER_ERRORS, Rehearsal, Rule, Target};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

/// A provider that serves until it is dropped.
struct Provider {
    addr: SocketAddr,
    control: Control,
    _serving: JoinSet<()>,
}

impl Provider {
    fn start() -> Self {
        let rehearsal = Rehearsal::bind(([127, 0, 0, 1], 0).into()).expect(CANNOT_FAIL);
        let (addr, control) = (rehearsal.local_addr(), rehearsal.control());
        let mut serving = JoinSet::new();
        serving.spawn(rehearsal.serve(pending()));
        Self { addr, control, _serving: serving }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.addr).await.expect(CANNOT_FAIL)
    }

    async fn chat(&self, model: &str, more: Value) -> Heard {
        self.post("/v1/chat/completions", &chat_body(model, more)).await
    }

    async fn stream(&self, model: &str) -> Heard {
        self.chat(model, json!({"stream": true, "stream_options": {"include_usage": true}})).await
    }

    async fn post(&self, path: &str, body: &Value) -> Heard {
        self.send("POST", path, &body.to_string()).await
    }

    async fn send(&self, method: &str, path: &str, body: &str) -> Heard {
        self.send_with(method, path, "authorization: Bearer sk-test-key-0001\r\n", body).await
    }

    async fn send_with(&self, method: &str, path: &str, headers: &str, body: &str) -> Heard {
        let mut socket = self.connect().await;
        socket
            .write_all(request(method, path, &format!("connection: close\r\n{headers}"), body).as_bytes())
            .await
            .expect(CANNOT_FAIL);
        Heard::read(&mut socket).await
    }

    /// Waits until the counts say so.
    async fn until(&self, what: &str, is_so: impl Fn(&Control) -> bool) {
        let wait = async {
            while !is_so(&self.control) {
                tokio::task::yield_now().await;
            }
        };
        timeout(LONG, wait).await.unwrap_or_else(|_| panic!("never so: {what}: {:?}", self.control.counts()));
    }
}

fn request(method: &str, path: &str, headers: &str, body: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nhost: rehearsal\r\n{headers}content-length: {}\r\n\r\n{body}", body.len())
}

fn chat_body(model: &str, more: Value) -> Value {
    let mut body = json!({"model": model, "messages": [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "Say \"hello\" to the müde world"},
    ]});
    for (field, value) in more.as_object().expect(CANNOT_FAIL) {
        body[field] = value.clone();
    }
    body
}

/// Everything that came back on a connection.
#[derive(Debug)]
struct Heard {
    bytes: Vec<u8>,
    was_reset: bool,
    reads: usize,
    first_content: Duration,
    took: Duration,
}

impl Heard {
    async fn read(socket: &mut TcpStream) -> Self {
        let start = Instant::now();
        let mut heard =
            Self { bytes: Vec::new(), was_reset: false, reads: 0, first_content: Duration::ZERO, took: Duration::ZERO };
        loop {
            match timeout(LONG, socket.read_buf(&mut heard.bytes)).await.expect("an end within the limit") {
                Ok(0) => break,
                Ok(_) => {
                    heard.reads += 1;
                    if heard.first_content.is_zero() && heard.text().contains("said:") {
                        heard.first_content = start.elapsed();
                    }
                }
                Err(_) => {
                    heard.was_reset = true;
                    break;
                }
            }
        }
        heard.took = start.elapsed();
        heard
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    fn header(&self, name: &str) -> Option<String> {
        self.head().lines().find_map(|line| Some(line.strip_prefix(name)?.strip_prefix(": ")?.to_owned()))
    }

    fn status(&self) -> u16 {
        self.text().split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
    }

    fn head(&self) -> String {
        self.text().split("\r\n\r\n").next().unwrap_or_default().to_owned()
    }

    /// The body without its framing, and whether that framing was whole.
    fn body(&self) -> (Vec<u8>, bool) {
        let at = self.bytes.windows(4).position(|window| window == b"\r\n\r\n").map_or(self.bytes.len(), |at| at + 4);
        let mut rest = &self.bytes[at..];
        let head = self.head();
        if let Some(length) = head.lines().find_map(|line| line.strip_prefix("content-length: ")) {
            return (rest.to_vec(), rest.len() == length.parse::<usize>().expect(CANNOT_FAIL));
        }
        if !head.contains("transfer-encoding: chunked") {
            return (rest.to_vec(), true);
        }
        let mut body = Vec::new();
        while let Some(line) = rest.windows(2).position(|window| window == b"\r\n") {
            let size =
                usize::from_str_radix(std::str::from_utf8(&rest[..line]).expect(CANNOT_FAIL), 16).expect(CANNOT_FAIL);
            if size == 0 {
                return (body, true);
            }
            body.extend_from_slice(&rest[line + 2..line + 2 + size]);
            rest = &rest[line + 2 + size + 2..];
        }
        (body, false)
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body().0).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// The data of each event, as text.
    fn events(&self) -> Vec<String> {
        let body = String::from_utf8(self.body().0).expect(CANNOT_FAIL);
        let lines = body.split("\n\n").filter(|event| !event.is_empty());
        lines.map(|event| event.strip_prefix("data: ").unwrap_or(event).to_owned()).collect()
    }

    fn chunks(&self) -> Vec<Value> {
        self.events().iter().filter_map(|event| serde_json::from_str(event).ok()).collect()
    }

    fn joined(&self, field: &str) -> String {
        self.chunks()
            .iter()
            .filter_map(|chunk| chunk["choices"][0]["delta"][field].as_str().map(str::to_owned))
            .collect()
    }

    fn finish_reasons(&self) -> Vec<String> {
        let reason = |chunk: &Value| chunk["choices"][0]["finish_reason"].as_str().map(str::to_owned);
        self.chunks().iter().filter_map(reason).collect()
    }

    fn is_done(&self) -> bool {
        self.events().last().is_some_and(|event| event == "[DONE]")
    }

    fn words(&self) -> usize {
        self.joined("content").split_whitespace().count()
    }
}

#[tokio::test]
async fn streamed_and_whole_answers_agree_and_usage_is_exact() {
    let provider = Provider::start();
    for (model, more) in [
        ("rehearsal", json!({})),
        ("gpt-anything", json!({"max_tokens": 7})),
        ("rehearsal-words-500", json!({})),
        ("rehearsal-reasoning-5-cached-3", json!({"max_completion_tokens": 9})),
        ("rehearsal-content-filter", json!({})),
    ] {
        let whole = provider.chat(model, more.clone()).await.json();
        let mut streaming = more.clone();
        streaming["stream"] = true.into();
        streaming["stream_options"] = json!({"include_usage": true});
        let stream = provider.chat(model, streaming).await;
        let message = &whole["choices"][0]["message"];
        assert_eq!(stream.joined("content"), message["content"].as_str().unwrap(), "{model}");
        assert_eq!(stream.joined("reasoning_content"), message["reasoning_content"].as_str().unwrap_or(""), "{model}");
        assert_eq!(stream.finish_reasons(), [whole["choices"][0]["finish_reason"].as_str().unwrap()], "{model}");
        assert!(stream.is_done(), "{model}");
        assert_eq!(whole["model"], model);

        let chunks = stream.chunks();
        let (last, earlier) = chunks.split_last().unwrap();
        assert_eq!(last["usage"], whole["usage"], "{model}");
        assert_eq!(last["choices"], json!([]), "{model}");
        assert!(earlier.iter().all(|chunk| chunk["usage"].is_null() && chunk["choices"][0]["index"] == 0), "{model}");
        assert_eq!(earlier[0]["choices"][0]["delta"]["role"], "assistant");

        let words = stream.words() + stream.joined("reasoning_content").split_whitespace().count();
        assert_eq!(whole["usage"]["completion_tokens"], words, "{model}");
        assert_eq!(whole["usage"]["prompt_tokens"], 8, "{model}");
        assert_eq!(whole["usage"]["total_tokens"], 8 + words, "{model}");
    }
}

#[tokio::test]
async fn honest_answer_repeats_what_was_said_and_is_the_same_every_time() {
    let provider = Provider::start();
    let first = provider.chat("rehearsal", json!({})).await.json();
    let again = provider.chat("rehearsal", json!({"temperature": 2})).await.json();
    assert_eq!(first, again);
    let content = first["choices"][0]["message"]["content"].as_str().unwrap();
    assert!(content.starts_with("You said: Say \"hello\" to the müde world "), "{content}");
    assert_eq!(content.split_whitespace().count(), 20);
    let other = json!({"messages": [{"role": "user", "content": [{"type": "text", "text": "other"}]}]});
    let other = provider.chat("rehearsal", other).await.json();
    assert!(other["choices"][0]["message"]["content"].as_str().unwrap().starts_with("You said: other "));
}

#[tokio::test]
async fn usage_comes_in_a_stream_only_when_asked_for() {
    let provider = Provider::start();
    let unasked = provider.chat("rehearsal", json!({"stream": true})).await;
    assert!(unasked.is_done() && !unasked.text().contains("\"usage\""));
    let hidden = provider.stream("rehearsal-no-usage").await;
    assert!(hidden.is_done() && !hidden.text().contains("\"usage\""));
    assert_eq!(provider.chat("rehearsal-no-usage", json!({})).await.json()["usage"], Value::Null);
}

#[tokio::test]
async fn limits_are_kept_and_told() {
    let provider = Provider::start();
    let cut = provider.chat("rehearsal", json!({"max_tokens": 3})).await.json();
    assert_eq!(cut["choices"][0]["message"]["content"], "You said: Say");
    assert_eq!(cut["choices"][0]["finish_reason"], "length");
    let exact = provider.chat("rehearsal", json!({"max_tokens": 20})).await.json();
    assert_eq!(exact["choices"][0]["finish_reason"], "stop");
}

#[tokio::test]
async fn several_choices_differ_and_stay_apart() {
    let provider = Provider::start();
    let whole = provider.chat("rehearsal", json!({"n": 3})).await.json();
    let stream = provider.chat("rehearsal", json!({"n": 3, "stream": true})).await;
    for index in 0..3 {
        let mine = |chunk: &Value| {
            let choice = &chunk["choices"][0];
            (choice["index"] == index).then(|| choice["delta"]["content"].as_str().unwrap_or("").to_owned())
        };
        let text: String = stream.chunks().iter().filter_map(mine).collect();
        assert_eq!(text, whole["choices"][index]["message"]["content"].as_str().unwrap());
    }
    assert_ne!(whole["choices"][0]["message"], whole["choices"][1]["message"]);
    assert_eq!(whole["usage"]["completion_tokens"], 60);
}

#[tokio::test]
async fn tool_calls_come_whole_and_in_fragments() {
    let provider = Provider::start();
    let tools = json!([{"type": "function", "function": {"name": "weather"}}, {"type": "function", "function": {"name": "time"}}]);
    let whole = provider.chat("rehearsal-tool-calls-2", json!({"tools": tools})).await.json();
    let stream = provider.chat("rehearsal-tool-calls-2", json!({"tools": tools, "stream": true})).await;
    assert_eq!(stream.finish_reasons(), ["tool_calls"]);
    let calls = &whole["choices"][0]["message"]["tool_calls"];
    for (index, name) in ["weather", "time"].into_iter().enumerate() {
        assert_eq!(calls[index]["function"]["name"], name);
        let fragments: Vec<Value> = stream
            .chunks()
            .iter()
            .map(|chunk| chunk["choices"][0]["delta"]["tool_calls"][0].clone())
            .filter(|call| call["index"] == index)
            .collect();
        assert!(fragments.len() > 3);
        assert_eq!(fragments[0]["id"], calls[index]["id"]);
        assert!(fragments[1..].iter().all(|fragment| fragment.get("id").is_none()));
        let arguments: String = fragments.iter().filter_map(|call| call["function"]["arguments"].as_str()).collect();
        assert_eq!(arguments, calls[index]["function"]["arguments"].as_str().unwrap());
        let arguments: Value = serde_json::from_str(&arguments).unwrap();
        assert_eq!(arguments["query"], "Say \"hello\" to the müde world");
    }
}

#[tokio::test]
async fn legacy_completions_and_models_answer() {
    let provider = Provider::start();
    let whole = provider.post("/v1/completions", &json!({"model": "m", "prompt": "one two"})).await.json();
    assert!(whole["choices"][0]["text"].as_str().unwrap().starts_with("You said: one two "));
    let stream = provider.post("/completions", &json!({"model": "m", "prompt": "one two", "stream": true})).await;
    let text: String =
        stream.chunks().iter().filter_map(|chunk| chunk["choices"][0]["text"].as_str().map(str::to_owned)).collect();
    assert_eq!(text, whole["choices"][0]["text"].as_str().unwrap());
    let models = provider.send("GET", "/v1/models", "").await.json();
    let names: Vec<&str> =
        models["data"].as_array().unwrap().iter().map(|model| model["id"].as_str().unwrap()).collect();
    assert!(names.contains(&"rehearsal") && names.contains(&"rehearsal-cut-after-40"), "{names:?}");
    assert_eq!(provider.send("GET", "/v1/models/any%2Fname", "").await.json()["id"], "any/name");
}

#[tokio::test]
async fn every_provider_error_comes_as_written() {
    let provider = Provider::start();
    for error in PROVIDER_ERRORS {
        let heard = provider.stream(&format!("rehearsal-{}", error.name)).await;
        assert_eq!(heard.status(), error.status, "{}", error.name);
        assert_eq!(heard.body(), (error.body.as_bytes().to_vec(), true), "{}", error.name);
        for (name, value) in error.headers {
            assert!(heard.head().contains(&format!("\r\n{name}: {value}")), "{}: {}", error.name, heard.head());
        }
    }
}

#[tokio::test]
async fn statuses_pages_and_retry_after() {
    let provider = Provider::start();
    let heard = provider.chat("rehearsal-429-retry-after-7", json!({})).await;
    assert_eq!(heard.status(), 429);
    assert!(heard.head().contains("\r\nretry-after: 7"), "{}", heard.head());
    let replaced = provider.chat("rehearsal-openai:rate_limit_exceeded-retry-after-7", json!({})).await.head();
    assert!(replaced.contains("\r\nretry-after: 7") && !replaced.contains("retry-after-ms"), "{replaced}");
    let page = provider.chat("rehearsal-html-520", json!({})).await;
    assert_eq!(page.status(), 520);
    assert!(page.head().contains("content-type: text/html") && page.text().contains("<!DOCTYPE html>"));
}

#[tokio::test]
async fn connections_fail_before_headers() {
    let provider = Provider::start();
    let reset = provider.stream("rehearsal-reset-before-headers").await;
    assert!(reset.was_reset && reset.bytes.is_empty(), "{reset:?}");
    let closed = provider.stream("rehearsal-close-before-headers").await;
    assert!(!closed.was_reset && closed.bytes.is_empty(), "{closed:?}");
    let garbage = provider.stream("rehearsal-garbage").await;
    assert!(!garbage.bytes.is_empty() && !garbage.text().starts_with("HTTP"), "{garbage:?}");
}

#[tokio::test]
async fn answers_break_off_where_told() {
    let provider = Provider::start();
    let cut = provider.stream("rehearsal-cut-after-40").await;
    assert_eq!((cut.words(), cut.was_reset, cut.body().1, cut.finish_reasons().len()), (40, false, false, 0));
    let reset = provider.stream("rehearsal-reset-after-40").await;
    assert_eq!((reset.words(), reset.was_reset, reset.finish_reasons().len()), (40, true, 0));
    let end = provider.stream("rehearsal-end-after-40").await;
    assert_eq!((end.words(), end.was_reset, end.body().1, end.finish_reasons().len()), (40, false, true, 0));
    assert!(!cut.is_done() && !reset.is_done() && !end.is_done());

    let whole = provider.chat("rehearsal-cut-after-40", json!({})).await;
    assert!(!whole.body().1 && !whole.body().0.is_empty() && !whole.was_reset);
    assert!(provider.chat("rehearsal-reset-after-40", json!({})).await.was_reset);
    let (half, is_framed) = provider.chat("rehearsal-end-after-40", json!({})).await.body();
    assert!(is_framed && !half.is_empty() && serde_json::from_slice::<Value>(&half).is_err());
}

#[tokio::test]
async fn errors_come_inside_answers() {
    let provider = Provider::start();
    let first = provider.stream("rehearsal-error-first-anthropic:overloaded").await;
    assert_eq!((first.status(), first.words()), (200, 0));
    assert_eq!(first.chunks().last().unwrap()["error"]["type"], "overloaded_error");
    let later = provider.stream("rehearsal-error-after-40").await;
    assert_eq!((later.words(), later.body().1, later.is_done()), (40, true, false));
    assert_eq!(later.chunks().last().unwrap()["error"]["type"], "server_error");
    let whole = provider.chat("rehearsal-error-after-40", json!({})).await;
    assert_eq!((whole.status(), whole.json()["error"]["type"].as_str()), (200, Some("server_error")));
}

#[tokio::test]
async fn answers_are_wrong_in_the_way_told() {
    let provider = Provider::start();
    let honest = provider.stream("rehearsal").await;

    let malformed = provider.stream("rehearsal-malformed-event-10").await;
    let events = malformed.events();
    assert!(serde_json::from_str::<Value>(&events[9]).is_err(), "{}", events[9]);
    assert_eq!(malformed.chunks().len() + 2, events.len(), "one broken event and [DONE] are no chunks");
    assert_eq!(malformed.joined("content"), honest.joined("content"));

    let missing = provider.stream("rehearsal-missing-done").await;
    assert_eq!((missing.is_done(), missing.finish_reasons().len(), missing.words()), (false, 1, 20));
    assert!(missing.chunks().last().unwrap()["usage"].is_object());
    let unfinished = provider.stream("rehearsal-done-without-finish").await;
    assert_eq!((unfinished.is_done(), unfinished.finish_reasons().len(), unfinished.words()), (true, 0, 20));
    assert_eq!(provider.stream("rehearsal-done-alone").await.events(), ["[DONE]"]);
    let empty = provider.stream("rehearsal-empty-200").await;
    assert!(empty.status() == 200 && empty.head().contains("content-length: 0"));
    let empty = provider.stream("rehearsal-empty-stream").await;
    assert!(empty.head().contains("text/event-stream") && empty.body() == (Vec::new(), true));
    let choices = provider.stream("rehearsal-empty-choices").await;
    assert!(choices.chunks().len() > 3 && choices.chunks().iter().all(|chunk| chunk["choices"] == json!([])));
    let huge = provider.stream("rehearsal-huge-line-1024").await;
    assert!(huge.events()[1].len() > 1024 * 1024 && huge.joined("content") == honest.joined("content"));

    assert!(
        serde_json::from_slice::<Value>(&provider.chat("rehearsal-malformed-event-1", json!({})).await.body().0)
            .is_err()
    );
    assert_eq!(provider.chat("rehearsal-empty-choices", json!({})).await.json()["choices"], json!([]));
}

#[tokio::test]
async fn bytes_are_written_singly_and_nothing_is_lost() {
    let provider = Provider::start();
    let honest = provider.stream("rehearsal").await;
    let singly = provider.stream("rehearsal-one-byte-writes").await;
    assert_eq!(singly.joined("content"), honest.joined("content"));
    // Both ends share a thread that turns to the reader after some writes: an answer in one write arrives in one
    // piece (or few), an answer in thousands does not.
    assert!(honest.reads < 10 && singly.reads > 20, "{} and {} reads", honest.reads, singly.reads);
}

#[tokio::test]
async fn slowness_is_where_it_was_asked_for() {
    let provider = Provider::start();
    let wait = Duration::from_millis(60);
    let first = provider.stream("rehearsal-slow-first-60ms").await;
    assert!(first.first_content >= wait, "{first:?}");
    let words = provider.stream("rehearsal-slow-words-20ms-words-5").await;
    assert!(words.took >= Duration::from_millis(80) && words.first_content < words.took, "{words:?}");
    let whole = provider.chat("rehearsal-slow-words-20ms-words-5", json!({})).await;
    assert!(whole.first_content >= Duration::from_millis(80), "{whole:?}");
    let error = provider.chat("rehearsal-slow-headers-60ms-500", json!({})).await;
    assert!(error.took >= wait && error.status() == 500, "{error:?}");
    let stalled = provider.stream("rehearsal-stall-after-5-60ms").await;
    assert!(stalled.took >= wait && stalled.is_done(), "{stalled:?}");
    let comments = provider.stream("rehearsal-comments-60ms").await;
    assert!(comments.first_content >= wait && comments.text().contains("\n: keep-alive\n\n"), "{comments:?}");
    let lines = provider.chat("rehearsal-comments-60ms", json!({})).await;
    assert!(lines.body().0.starts_with(b"\n{"), "{lines:?}");
}

#[tokio::test]
async fn callers_that_leave_are_counted_wherever_the_answer_was() {
    let provider = Provider::start();
    for (cancelled, (scenario, heard_first)) in (1..).zip([
        ("silence", ""),
        ("slow-headers-1m", ""),
        ("slow-first-1m", "assistant"),
        ("stall-after-3", "Say"),
        ("comments", ": keep-alive"),
        ("slow-words-1m", "You"),
    ]) {
        let mut socket = provider.connect().await;
        let body = chat_body(&format!("rehearsal-{scenario}"), json!({"stream": true})).to_string();
        socket.write_all(request("POST", "/v1/chat/completions", "", &body).as_bytes()).await.unwrap();
        provider.until("the request arrived", |control| control.counts().in_flight == 1).await;
        let mut heard = Vec::new();
        while !String::from_utf8_lossy(&heard).contains(heard_first) {
            timeout(LONG, socket.read_buf(&mut heard)).await.unwrap().unwrap();
        }
        drop(socket);
        provider.until(scenario, |control| control.cancelled() == cancelled && control.counts().in_flight == 0).await;
    }
    provider.until("all closed", |control| control.connections_open() == 0).await;
    provider.stream("rehearsal").await;
    assert_eq!(provider.control.cancelled(), 6, "a whole answer is not cancelled");
}

#[tokio::test]
async fn scenarios_act_as_often_as_told() {
    let provider = Provider::start();
    for (model, expected) in [
        ("rehearsal-500-once", vec![500, 200, 200]),
        ("rehearsal-503-times-2", vec![503, 503, 200, 200]),
        ("rehearsal-502-every-3", vec![200, 200, 502, 200, 200, 502]),
        ("rehearsal-502-every-2-times-1", vec![200, 502, 200, 200]),
        ("rehearsal-500", vec![500, 500, 500]),
        ("rehearsal-503-up-0s-down-60s", vec![503, 503]),
        ("rehearsal-503-up-60s-down-60s", vec![200, 200]),
    ] {
        let mut seen = Vec::new();
        for _ in &expected {
            seen.push(provider.chat(model, json!({})).await.status());
        }
        assert_eq!(seen, expected, "{model}");
    }
    provider.control.clear_all();
    assert_eq!(provider.chat("rehearsal-500-once", json!({})).await.status(), 500, "cleared, so it counts anew");
}

#[tokio::test]
async fn unknown_scenarios_are_refused_with_the_nearest() {
    let provider = Provider::start();
    let heard = provider.chat("rehearsal-stal-after-40", json!({})).await;
    assert_eq!(heard.status(), 400);
    let error = &heard.json()["error"];
    assert_eq!(error["code"], "unknown_scenario");
    assert!(error["message"].as_str().unwrap().contains("`stall-after-40`"), "{error}");
}

#[tokio::test]
async fn control_endpoint_sets_shows_and_clears() {
    let provider = Provider::start();
    let put = provider.send("PUT", "/control/models/gpt-5.5", r#"{"scenario":"500","times":1,"words":30}"#).await;
    assert_eq!((put.status(), put.json()["target"].as_str()), (200, Some("models/gpt-5.5")));
    assert_eq!(provider.chat("gpt-5.5", json!({})).await.status(), 500);
    let after = provider.chat("gpt-5.5", json!({})).await.json();
    assert_eq!(after["usage"]["completion_tokens"], 30);

    provider.send("PUT", "/control", r#"{"scenario":"reset-before-headers"}"#).await;
    assert!(provider.chat("other", json!({})).await.was_reset);
    assert!(provider.send("GET", "/v1/models", "").await.was_reset);
    assert_eq!(provider.chat("gpt-5.5", json!({})).await.status(), 200, "a model's rule beats the default");
    assert_eq!(provider.chat("rehearsal-404", json!({})).await.status(), 404, "and so does a name");

    let state = provider.send("GET", "/control", "").await.json();
    assert_eq!(state["rules"].as_array().unwrap().len(), 2);
    assert_eq!(state["counts"]["models"], json!({"gpt-5.5": 3, "other": 1, "rehearsal-404": 1}));
    assert_eq!(state["counts"]["keys"], json!([{"index": 0, "key": "sk-…0001", "requests": 5}]));
    assert_eq!(state["recent"][0]["scenario"], "500");
    assert_eq!(state["recent"][1]["scenario"], "honest");
    assert!(state["last"]["body"].as_str().unwrap().contains("rehearsal-404"));
    assert!(!state.to_string().contains("sk-test-key-0001"));

    assert_eq!(provider.send("DELETE", "/control/models/gpt-5.5", "").await.json()["cleared"], true);
    assert_eq!(provider.send("DELETE", "/control", "").await.status(), 200);
    assert_eq!(provider.chat("other", json!({})).await.status(), 200);
    provider.send("DELETE", "/control/counts", "").await;
    assert_eq!(provider.control.requests(), 0);
}

#[tokio::test]
async fn bad_rules_are_refused_and_change_nothing() {
    let provider = Provider::start();
    for (rule, message) in [
        ("", "must be a JSON object"),
        (r#"{"scenaro":"500"}"#, "known are `scenario`"),
        (r#"{"scenario":"cut-afer-3"}"#, "`cut-after-40`"),
        (r#"{"times":-1}"#, "`times` takes"),
        (r#"{"up_s":1}"#, "go together"),
        (r#"{"words":0}"#, "`words` takes"),
    ] {
        let heard = provider.send("PUT", "/control", rule).await;
        assert_eq!(heard.status(), 400, "{rule}");
        assert!(heard.json()["error"]["message"].as_str().unwrap().contains(message), "{rule}: {}", heard.text());
    }
    assert!(provider.control.rules().is_empty());
}

#[tokio::test]
async fn rules_have_a_pace_for_honest_answers_too() {
    let provider = Provider::start();
    let rule = Rule::from_json(br#"{"latency_ms":60,"word_ms":10,"words":5}"#).unwrap();
    provider.control.set_rule(Target::Model("m".to_owned()), rule).unwrap();
    let heard = provider.stream("m").await;
    assert!(heard.first_content >= Duration::from_millis(60) && heard.took >= Duration::from_millis(100), "{heard:?}");
    assert_eq!(heard.words(), 5);
}

#[tokio::test]
async fn keys_are_checked_counted_and_have_rules_of_their_own() {
    let provider = Provider::start();
    provider.send("PUT", "/control/accepted-keys", r#"{"keys":["key-a","key-b"]}"#).await;
    provider.send("PUT", "/control/keys/key-b", r#"{"scenario":"openai:insufficient_quota"}"#).await;
    let body = chat_body("m", json!({})).to_string();
    for (header, status) in [
        ("authorization: Bearer key-a\r\n", 200),
        ("x-api-key: key-a\r\n", 200),
        ("authorization: Bearer key-b\r\n", 429),
        ("authorization: Bearer key-c\r\n", 401),
        ("", 401),
    ] {
        assert_eq!(
            provider.send_with("POST", "/v1/chat/completions", header, &body).await.status(),
            status,
            "{header}"
        );
    }
    assert_eq!(provider.control.requests_with_key("key-a"), 2);
    assert_eq!(provider.control.requests_with_key("key-b"), 1);
    assert_eq!(provider.control.requests_with_key("key-c"), 1);
    assert_eq!(provider.send_with("GET", "/v1/models", "", "").await.status(), 401);
    provider.send("PUT", "/control/accepted-keys", r#"{"keys":null}"#).await;
    assert_eq!(provider.send_with("POST", "/v1/chat/completions", "", &body).await.status(), 200);
}

#[tokio::test]
async fn connections_serve_request_after_request_however_they_arrive() {
    let provider = Provider::start();
    let mut socket = provider.connect().await;
    let body = chat_body("rehearsal", json!({})).to_string();
    let first = request("POST", "/v1/chat/completions", "", &body);
    let chunked = format!(
        "POST /v1/chat/completions HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{}\r\n{:x}\r\n{}\r\n0\r\n\r\n",
        10,
        &body[..10],
        body.len() - 10,
        &body[10..]
    );
    let last = request("POST", "/v1/chat/completions", "connection: close\r\n", &body);
    for byte in format!("{first}{chunked}{last}").bytes() {
        socket.write_all(&[byte]).await.unwrap();
    }
    let heard = Heard::read(&mut socket).await;
    assert_eq!(heard.text().matches("HTTP/1.1 200 OK").count(), 3, "{}", heard.text());
    assert_eq!(provider.control.counts().connections_accepted, 1);

    let old = chat_body("rehearsal", json!({"stream": true})).to_string();
    let mut socket = provider.connect().await;
    let old = request("POST", "/v1/chat/completions", "", &old).replace("HTTP/1.1", "HTTP/1.0");
    socket.write_all(old.as_bytes()).await.unwrap();
    let heard = Heard::read(&mut socket).await;
    assert!(heard.is_done() && !heard.head().contains("chunked"), "{}", heard.text());
}

#[tokio::test]
async fn bad_requests_are_refused_in_words() {
    let provider = Provider::start();
    for (bytes, status) in [
        ("nonsense\r\n\r\n".to_owned(), 400),
        (request("POST", "/v1/chat/completions", "", "{"), 400),
        (request("POST", "/v1/chat/completions", "", r#"{"model":"m","messages":[]}"#), 400),
        (request("POST", "/v1/chat/completions", "", r#"{"messages":[{"role":"user","content":"x"}]}"#), 400),
        (request("POST", "/v1/nothing", "", "{}"), 404),
        ("POST /v1/chat/completions HTTP/1.1\r\ncontent-length: 99999999999\r\n\r\n".to_owned(), 413),
        (format!("GET / HTTP/1.1\r\n{}\r\n", "x: y\r\n".repeat(300)), 431),
        (format!("GET / HTTP/1.1\r\nx: {}", "y".repeat(200_000)), 431),
    ] {
        let mut socket = provider.connect().await;
        let bytes = bytes.replace("content-length:", "connection: close\r\ncontent-length:");
        socket.write_all(bytes.as_bytes()).await.unwrap();
        let heard = Heard::read(&mut socket).await;
        assert_eq!(heard.status(), status, "{}", &bytes[..bytes.len().min(60)]);
        assert!(heard.json()["error"]["message"].is_string());
    }
}

#[tokio::test]
async fn documents_name_every_scenario() {
    for page in [include_str!("../../../../docs/rehearsal.md"), include_str!("../../../../docs/rehearsal.zh-CN.md")] {
        let named: BTreeSet<&str> = page.split('`').skip(1).step_by(2).collect();
        let title = page.lines().next().unwrap();
        for clause in CLAUSES {
            assert!(named.contains(clause.pattern), "{title}: clause {}", clause.pattern);
        }
        for error in PROVIDER_ERRORS {
            let row = format!("| `{}` | {} |", error.name, error.status);
            assert!(page.contains(&row), "{title}: {row}");
        }
    }
}

/// Loopback sockets and answers this file made up: a failure here is the test's own.
const CANNOT_FAIL: &str = "the test's own plumbing works";
/// Far longer than anything here takes; only a hang meets it.
const LONG: Duration = Duration::from_secs(20);

#[tokio::test]
async fn balances_are_told_as_their_vendors_tell_them() {
    let provider = Provider::start();
    let told = async |path: &str| provider.send("GET", path, "").await.json();
    assert_eq!(told("/user/balance").await["balance_infos"][0]["total_balance"], "100.00");
    let put = provider.send("PUT", "/control/balance", r#"{"amount": "0.00", "currency": "CNY"}"#).await;
    assert_eq!(put.json(), json!({"amount": "0.00", "currency": "CNY", "key_limit": null}));
    let deepseek = told("/user/balance").await;
    assert_eq!((&deepseek["is_available"], &deepseek["balance_infos"][0]["currency"]), (&json!(false), &json!("CNY")));

    let own = r#"{"amount": 12.5, "key_limit": "3", "key": "sk-test-key-0001"}"#;
    assert_eq!(provider.send("PUT", "/control/balance", own).await.status(), 200);
    assert_eq!(told("/v1/users/me/balance").await["data"]["available_balance"], 12.5);
    assert_eq!(told("/v1/user/info").await["data"]["totalBalance"], "12.5");
    assert_eq!(told("/api/v1/key").await["data"]["limit_remaining"], 3.0);
    assert_eq!(provider.send("GET", "/api/v1/credits", "").await.status(), 403);
    let other = provider.send_with("GET", "/api/v1/credits", "", "").await.json();
    assert_eq!(other["data"], json!({"total_credits": 0.0, "total_usage": 0}));

    for wrong in ["", "{}", r#"{"amount": "much"}"#, r#"{"amount": null}"#, r#"{"amount": 1, "amuont": 2}"#] {
        assert_eq!(provider.send("PUT", "/control/balance", wrong).await.status(), 400, "{wrong}");
    }
    provider.control.clear_all();
    assert_eq!(told("/user/balance").await["balance_infos"][0]["total_balance"], "100.00");
    provider.control.accept_keys(Some(Vec::new()));
    assert_eq!(provider.send("GET", "/user/balance", "").await.status(), 401);
    assert_eq!(provider.control.requests(), 0, "a question about money is none of those that are counted");
}
