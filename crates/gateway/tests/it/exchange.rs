//! One request's way from its caller to a provider and back, with everything that can happen on it.

#![expect(clippy::unwrap_used, reason = "a test's helpers fail as its own lines do")]

mod by_the_hour;
mod clouds;
mod continues;
mod dialects;
mod ends;
mod falls_back;
pub(crate) mod gemini;
mod hedges;
mod made_again;
mod passes_through;
mod responses;
mod who_may;

use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{Request, TestGateway, Upstream};

/// A provider that misbehaves, with timers of a quarter of a second, another that does not, and a pool of both.
fn config(bad: &Upstream, good: &Upstream, scenario: &str, server: &str) -> String {
    format!(
        "{server}
[providers.bad]
base_url = '{}'
flavour = 'openai'
api_keys = ['sk-bad']
timeouts = {{ headers = '250ms', first_content = '250ms', idle = '100ms' }}
[providers.good]
base_url = '{}'
flavour = 'openai'
api_keys = ['sk-good']
[models.bad]
deployments = ['bad/rehearsal-{scenario}']
attempts = 1
[models.good]
deployments = ['good/rehearsal-words-5']
[models.slow]
deployments = ['good/rehearsal-words-500-slow-words-20ms']
[models.other]
deployments = ['good/rehearsal-words-6']
[pools.sturdy]
strategy = 'priority'
members = ['bad', 'good']
[pools.both]
members = ['good', 'other']
",
        bad.base_url(),
        good.base_url(),
    )
}

fn question(model: &str, stream: bool) -> Value {
    json!({ "model": model, "stream": stream, "messages": [{ "role": "user", "content": "Hello" }] })
}

fn ask(gateway: &TestGateway, body: &Value) -> Request {
    Request::post("/v1/chat/completions", body).bearer(&gateway.key)
}

/// Waits until it is so.
#[track_caller]
fn until(what: &str, is_so: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < Duration::from_secs(10), "never so: {what}");
        thread::park_timeout(Duration::from_millis(5));
    }
}

/// The newest record.
fn record(gateway: &TestGateway) -> Value {
    gateway.operator("GET", "/admin/exchanges?limit=1", None).json()[0].clone()
}

/// The data of a stream's events.
fn data(stream: &str) -> Vec<&str> {
    stream.split("\n\n").filter_map(|event| event.strip_prefix("data: ")).collect()
}
