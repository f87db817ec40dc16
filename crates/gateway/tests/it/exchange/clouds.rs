//! Callers of either dialect at models that clouds serve: addresses, keys, signatures, tokens, streams and their ends.

mod azure;
mod bedrock;
mod claude;
mod signature;
mod workload;

use std::path::PathBuf;

use serde_json::{Value, json};

use super::dialects::{BOTH, Caller, said};
use crate::support::{Answer, Request, TestGateway};

/// Asks for a model in the words of that caller.
fn ask(gateway: &TestGateway, caller: Caller, model: &str, stream: bool) -> Answer {
    let mut body = json!({
        "model": model, "max_tokens": 64, "stream": stream,
        "messages": [{ "role": "user", "content": "Hello" }]
    });
    if caller == Caller::Chat && stream {
        body["stream_options"] = json!({ "include_usage": true });
    }
    send(gateway, caller, &body)
}

fn send(gateway: &TestGateway, caller: Caller, body: &Value) -> Answer {
    let path = match caller {
        Caller::Chat => "/v1/chat/completions",
        Caller::Messages => "/v1/messages",
    };
    Request::post(path, body).header("x-api-key", &gateway.key).send(gateway.callers)
}

const PRICE: &str = "price = { input = 1.0, cache_read = 0.1, cache_write = 1.25, output = 2.0 }";

/// A folder or a file of recorded traffic, or a word on why there is none.
fn recorded(path: &str) -> Option<PathBuf> {
    let Some(root) = std::env::var_os("ROUNDELAY_TEST_DATA").filter(|root| !root.is_empty()) else {
        let mut stderr = std::io::stderr();
        let _ = std::io::Write::write_all(&mut stderr, b"skipped: ROUNDELAY_TEST_DATA is not set\n");
        return None;
    };
    Some(PathBuf::from(root).join(path))
}
