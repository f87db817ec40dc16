//! `POST /v1/messages/count_tokens`: as the provider counts where it does, else by our own estimate; for whom it may.

use serde_json::{Value, json};

use crate::support::{Answer, Paced, Request, TestGateway, Told, Upstream};

struct House {
    gateway: TestGateway,
    claude: Paced,
    _gpt: Upstream,
}

impl House {
    fn start() -> Self {
        let gpt = Upstream::start();
        let claude = Paced::start(|heard| match heard.body["model"].as_str().unwrap_or_default() {
            "c-down" => Told::json(529, "{}"),
            "c-odd" => Told::json(200, "{}"),
            _ => Told::json(200, r#"{"input_tokens":4711,"context_management":{"original_input_tokens":4712}}"#),
        });
        let mut toml = format!(
            "[providers.claude]\nprotocol = 'anthropic'\nbase_url = 'http://{}/anthropic'\napi_keys = ['sk-claude']\n\
             [providers.gpt]\nbase_url = '{}'\napi_keys = ['sk-gpt']\n[models.gpt]\ndeployments = ['gpt/rehearsal-words-5']\n\
             [pools.both]\nmembers = ['gpt', 'claude']\n",
            claude.address,
            gpt.base_url()
        );
        for model in ["claude", "down", "odd"] {
            toml += &format!("[models.{model}]\ndeployments = ['claude/c-{model}']\n");
        }
        Self { gateway: TestGateway::start(&toml), claude, _gpt: gpt }
    }

    fn key(&self, body: &Value) -> String {
        self.gateway.operator("POST", "/admin/keys", Some(body)).json()["key"].as_str().unwrap().to_owned()
    }

    fn count(&self, model: &str, key: &str) -> Answer {
        let body = json!({ "model": model, "messages": [{ "role": "user", "content": "word ".repeat(1_000) }] });
        Request::post("/v1/messages/count_tokens?beta=true", &body)
            .bearer(key)
            .header("anthropic-version", "2026-10-21")
            .header("anthropic-beta", "new")
            .send(self.gateway.callers)
    }
}

#[test]
fn the_provider_counts_where_one_can() {
    let house = House::start();
    for model in ["claude", "both"] {
        let answer = house.count(model, &house.gateway.key);
        let counted = json!({ "input_tokens": 4711, "context_management": { "original_input_tokens": 4712 } });
        assert_eq!((answer.status, answer.json()), (200, counted), "{model}");
    }
    let heard = house.claude.last();
    assert_eq!((&heard.body["model"], heard.body.as_object().unwrap().len()), (&json!("c-claude"), 2));
    for field in [
        "post /anthropic/v1/messages/count_tokens?beta=true http/1.1\r\n",
        "\r\nx-api-key: sk-claude\r\n",
        "\r\nanthropic-version: 2026-10-21\r\n",
        "\r\nanthropic-beta: new\r\n",
    ] {
        assert_eq!(heard.head.matches(field).count(), 1, "{field:?} in {}", heard.head);
    }
    assert!(!heard.head.contains("authorization"), "{}", heard.head);
}

#[test]
fn where_none_counts_it_is_estimated_and_says_so() {
    let house = House::start();
    for model in ["gpt", "down", "odd"] {
        let answer = house.count(model, &house.gateway.key).json();
        let tokens = answer["input_tokens"].as_u64().unwrap();
        assert!((1_000..2_000).contains(&tokens) && answer["estimated"] == true, "{model}: {answer}");
    }
}

#[test]
fn nothing_is_counted_for_who_may_not_ask() {
    let house = House::start();
    let narrow = house.key(&json!({ "allowed": ["gpt"] }));
    let answer = house.count("claude", &narrow);
    assert_eq!((answer.status, &answer.json()["error"]["type"]), (403, &json!("permission_error")), "{}", answer.body);
    // Of a pool only what it may ask for counts.
    assert_eq!(house.count("both", &narrow).json()["estimated"], true);
    assert!(house.claude.heard().is_empty(), "nobody is asked");

    let slow = house.key(&json!({ "limits": { "requests_per_minute": 1 } }));
    assert_eq!(house.count("claude", &slow).status, 200);
    let answer = house.count("claude", &slow);
    assert_eq!((answer.status, &answer.json()["error"]["type"]), (429, &json!("rate_limit_error")), "{}", answer.body);
    assert_eq!(house.claude.heard().len(), 1);
}
