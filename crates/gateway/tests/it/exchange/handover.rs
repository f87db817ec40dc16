//! A conversation goes on with a model that cannot take it whole, and its caller is told so.

mod speed;
mod strict;
mod summaries;
mod windows;

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use roundelay::auth::KeyWish;
use roundelay_ledger::{AccountId, Limits};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::until;
use crate::support::{Answer, Asked, Request, Said, Scripted, TestGateway};

const JSON: &str = "content-type: application/json\r\n";
const STREAM: &str = "content-type: text/event-stream\r\n";
/// What the summariser says of every conversation.
const SUMMARY: &str = "They chose blue-42 for the vault; Ms Okafor signs on 3 March.";

/// Models with windows of many sizes, each at a provider that is as strict as its vendor's, and answers with its name.
struct House {
    gateway: TestGateway,
    /// Takes 200,000 tokens, while it is well.
    big: Scripted,
    is_well: Arc<AtomicBool>,
    /// Takes 8,192 tokens, and no images.
    small: Scripted,
    /// As `small`, in Anthropic's dialect.
    claude: Scripted,
    summariser: Scripted,
}

impl House {
    fn start(more: &str) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), more)
    }

    fn start_in(folder: TempDir, more: &str) -> Self {
        let is_well = Arc::new(AtomicBool::new(true));
        let well = Arc::clone(&is_well);
        let big = Scripted::start(move |asked| match well.load(Ordering::Relaxed) {
            true => strict::chat(asked, 200_000),
            false => Said::new(503, JSON, r#"{"error":{"message":"overloaded","type":"server_error"}}"#),
        });
        let small = Scripted::start(|asked| {
            let window = match asked.json()["model"].as_str() {
                Some("wide") => 1_000_000,
                Some("tiny") => 1_000,
                _ => 8_192,
            };
            strict::chat(asked, window)
        });
        let claude = Scripted::start(|asked| strict::messages(asked, 8_192));
        let summariser = Scripted::start(|asked| strict::say(asked, SUMMARY));
        let mut toml = String::new();
        for (provider, address, protocol) in [
            ("big", big.address, "openai"),
            ("small", small.address, "openai"),
            ("claude", claude.address, "anthropic"),
            ("sum", summariser.address, "openai"),
        ] {
            toml += &format!(
                "[providers.{provider}]\nprotocol = '{protocol}'\nbase_url = 'http://{address}/v1'\napi_keys = ['sk-x']\n"
            );
        }
        for (model, window, can_see) in
            [("big", 200_000, true), ("small", 8_192, false), ("claude", 8_192, false), ("sum", 32_768, false)]
        {
            toml += &format!(
                "[models.{model}]\ndeployments = ['{model}/{model}']\nattempts = 1\ncontext_window = {window}\n\
                 capabilities = {{ vision = {can_see} }}\nprice = {{ input = 1.0, output = 2.0 }}\n"
            );
        }
        toml += "[pools.talk]\nmembers = ['big']\nfallback = ['small']\nwait = '0s'\n\
                 [pools.claudes]\nmembers = ['big']\nfallback = ['claude']\nwait = '0s'\n\
                 [pools.whole]\nmembers = ['big']\nfallback = ['small']\nwait = '0s'\nhandover = 'full'\n\
                 [pools.summed]\nmembers = ['big']\nfallback = ['small']\nwait = '0s'\nhandover = 'summary'\n";
        let gateway = TestGateway::start_in(folder, &format!("{toml}{more}"));
        Self { gateway, big, is_well, small, claude, summariser }
    }

    fn falls_ill(&self) {
        self.is_well.store(false, Ordering::Relaxed);
    }

    fn recovers(&self) {
        self.is_well.store(true, Ordering::Relaxed);
    }

    fn ask(&self, body: &Value) -> Answer {
        self.ask_as(&self.gateway.key, "/v1/chat/completions", body)
    }

    fn ask_as(&self, key: &str, path: &str, body: &Value) -> Answer {
        Request::post(path, body).bearer(key).send(self.gateway.callers)
    }

    fn key_of(&self, account: &str) -> String {
        self.key_with(account, None, Limits::default())
    }

    fn key_with(&self, account: &str, allowed: Option<Vec<String>>, limits: Limits) -> String {
        let _ = self.gateway.operator("POST", "/admin/accounts", Some(&json!({ "id": account })));
        let wish = KeyWish {
            account: AccountId::new(account).unwrap(),
            name: account.into(),
            allowed,
            expires_at: None,
            limits,
            on_disconnect: None,
            networks: None,
        };
        self.gateway.gateway.keys.create(wish, 0).unwrap().1.expose().to_owned()
    }

    /// The hand-over that the newest caller's record tells of.
    fn handed(&self) -> Value {
        let records = self.gateway.operator("GET", "/admin/exchanges?limit=10", None).json();
        let own = records.as_array().unwrap().iter().find(|record| record["decision"]["purpose"].is_null());
        own.unwrap()["decision"]["handover"][0].clone()
    }

    /// The value of a metric, with its labels.
    fn metric(&self, name: &str) -> u64 {
        let text = self.gateway.operator("GET", "/metrics", None).body;
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        line.map_or(0, |value| value.trim().parse().unwrap())
    }
}

/// Sixty turns with tools, about 30,000 tokens as they are estimated, in which things were agreed on early.
fn conversation(model: &str) -> Value {
    let mut messages = vec![
        json!({ "role": "system", "content": "You keep the books of a museum. Never raise your voice." }),
        json!({ "role": "user", "content": "The vault's word is blue-42, and Ms Okafor signs on 3 March. Count the vases." }),
    ];
    for step in 0..28 {
        let id = format!("call_{step}");
        let call = json!({ "id": id, "type": "function", "function": { "name": "count", "arguments": format!("{{\"shelf\":{step}}}") } });
        messages.push(json!({ "role": "assistant", "content": null, "tool_calls": [call] }));
        let shelf = format!("shelf {step}: {}", "one vase, two bowls, a cracked jug; ".repeat(50));
        messages.push(json!({ "role": "tool", "tool_call_id": id, "content": shelf }));
    }
    messages.push(json!({ "role": "assistant", "content": "All the shelves are counted." }));
    messages.push(json!({ "role": "user", "content": "Which shelf has the cracked jug?" }));
    let parameters = json!({ "type": "object", "properties": { "shelf": { "type": "integer" } } });
    json!({
        "model": model,
        "max_tokens": 500,
        "messages": messages,
        "tools": [{ "type": "function", "function": { "name": "count", "description": "Counts", "parameters": parameters } }],
    })
}

/// The same with other parts in it.
fn with(mut body: Value, changes: Value) -> Value {
    for (name, value) in changes.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

fn header<'a>(answer: &'a Answer, name: &str) -> Option<&'a str> {
    answer.header(&format!("x-roundelay-{name}"))
}
