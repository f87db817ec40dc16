//! Azure OpenAI, at its two sets of paths.

use std::fs;

use serde_json::json;

use super::{BOTH, Caller, PRICE, ask, recorded, said, send};
use crate::exchange::record;
use crate::support::{Asked, Request, Said, Scripted, TestGateway};

const WHOLE: &str = r#"{"choices":[{"content_filter_results":{"hate":{"filtered":false,"severity":"safe"}},"finish_reason":"stop","index":0,"logprobs":null,"message":{"content":"Hi you","refusal":null,"role":"assistant"}}],"created":1,"id":"chatcmpl-1","model":"gpt-4o-2024-11-20","object":"chat.completion","prompt_filter_results":[{"prompt_index":0,"content_filter_results":{}}],"usage":{"completion_tokens":2,"prompt_tokens":8,"total_tokens":10}}"#;

/// Azure begins with what its filter thought of the prompt, and ends with what it thought of the answer.
const STREAM: &str = r#"data: {"choices":[],"created":0,"id":"","model":"","object":"","prompt_filter_results":[{"prompt_index":0,"content_filter_results":{"hate":{"filtered":false}}}]}

data: {"choices":[{"content_filter_results":{},"delta":{"content":"","refusal":null,"role":"assistant"},"finish_reason":null,"index":0,"logprobs":null}],"created":1,"id":"chatcmpl-1","model":"gpt-4o-2024-11-20","object":"chat.completion.chunk","usage":null}

data: {"choices":[{"content_filter_results":{},"delta":{"content":"Hi"},"finish_reason":null,"index":0,"logprobs":null}],"created":1,"id":"chatcmpl-1","model":"gpt-4o-2024-11-20","object":"chat.completion.chunk","usage":null}

data: {"choices":[{"content_filter_results":{},"delta":{"content":" you"},"finish_reason":null,"index":0,"logprobs":null}],"created":1,"id":"chatcmpl-1","model":"gpt-4o-2024-11-20","object":"chat.completion.chunk","usage":null}

data: {"choices":[{"content_filter_results":{},"delta":{},"finish_reason":"stop","index":0,"logprobs":null}],"created":1,"id":"chatcmpl-1","model":"gpt-4o-2024-11-20","object":"chat.completion.chunk","usage":null}

data: {"choices":[],"created":1,"id":"chatcmpl-1","model":"gpt-4o-2024-11-20","object":"chat.completion.chunk","usage":{"completion_tokens":2,"prompt_tokens":8,"total_tokens":10}}

data: [DONE]

"#;

const FILTERED: &str = r#"{"error":{"message":"The response was filtered due to the prompt triggering Azure OpenAI's content management policy.","type":null,"param":"prompt","code":"content_filter","status":400,"innererror":{"code":"ResponsibleAIPolicyViolation","content_filter_result":{"jailbreak":{"filtered":true,"detected":true}}}}}"#;

const JSON: &str = "content-type: application/json\r\n";

fn script(asked: &Asked) -> Said {
    let all = format!("{} {}", asked.target(), asked.body);
    if all.contains("filtered") {
        Said::new(400, JSON, FILTERED)
    } else if all.contains("busy") {
        Said::new(429, JSON, r#"{"error":{"code":"429","message":"The system is experiencing high demand."}}"#)
    } else if asked.json()["stream"] == true {
        Said::new(200, "content-type: text/event-stream; charset=utf-8\r\n", STREAM)
    } else {
        Said::new(200, JSON, WHOLE)
    }
}

fn start() -> (TestGateway, Scripted) {
    let azure = Scripted::start(script);
    let mut toml = String::new();
    for (name, more) in
        [("newer", ""), ("preview", "api_version = 'preview'\n"), ("older", "api_version = '2024-10-21'\n")]
    {
        toml += &format!(
            "[providers.{name}]\nprotocol = 'azure'\nbase_url = 'http://{}'\napi_keys = ['azure-key-1']\n{more}",
            azure.address
        );
    }
    for (model, deployment) in [
        ("newer", "newer/my gpt"),
        ("preview", "preview/gpt"),
        ("older", "older/my gpt"),
        ("filtered", "older/filtered"),
        ("busy", "newer/busy"),
    ] {
        toml += &format!("[models.{model}]\ndeployments = ['{deployment}']\nattempts = 1\n{PRICE}\n");
    }
    toml += "[pools.sturdy]\nstrategy = 'priority'\nmembers = ['busy', 'older']\n";
    (TestGateway::start(&toml), azure)
}

#[test]
fn each_set_of_paths_is_asked_as_it_wants() {
    let (gateway, azure) = start();
    for (model, target, sent) in [
        ("newer", "/openai/v1/chat/completions", "my gpt"),
        ("preview", "/openai/v1/chat/completions?api-version=preview", "gpt"),
        ("older", "/openai/deployments/my%20gpt/chat/completions?api-version=2024-10-21", "my gpt"),
    ] {
        let body = |model: &str| {
            format!(
                "{{ \"new\": [1.0e2],\n\"model\" :\t\"{model}\", \"max_completion_tokens\":9,\
                 \"messages\":[{{\"role\":\"user\",\"content\":\"Hi\",\"y\":null}}] }}"
            )
        };
        let request = Request::new("POST", "/v1/chat/completions", None).bearer(&gateway.key).body(&body(model));
        let answer = request.send(gateway.callers);
        // 8 × 1,000 + 2 × 2,000
        assert_eq!(answer.body, WHOLE.replace("\"usage\":{", "\"usage\":{\"cost\":0.000012,"));
        let asked = azure.last();
        assert_eq!((asked.target(), &*asked.body), (target, &*body(sent)));
        assert_eq!((asked.fields("api-key"), asked.fields("authorization")), (vec!["azure-key-1"], vec![]));
    }
}

#[test]
fn what_its_filter_says_passes_as_it_is() {
    let (gateway, _azure) = start();
    let body = json!({
        "model": "older", "stream": true, "stream_options": { "include_usage": true },
        "messages": [{ "role": "user", "content": "Hello" }]
    });
    let answer = send(&gateway, Caller::Chat, &body);
    assert_eq!(answer.body, STREAM.replace("\"usage\":{", "\"usage\":{\"cost\":0.000012,"));

    let answer = ask(&gateway, Caller::Chat, "filtered", false);
    assert_eq!((answer.status, &answer.json()["error"]["code"]), (400, &json!("content_filter")), "{}", answer.body);
    assert_eq!(record(&gateway)["failure"], "content_policy");
}

#[test]
fn callers_of_messages_are_served_in_their_words() {
    let (gateway, azure) = start();
    for caller in BOTH {
        for stream in [false, true] {
            for model in ["newer", "older", "sturdy"] {
                let answer = ask(&gateway, caller, model, stream);
                let said = said(caller, stream, &answer);
                let of = format!("{caller:?} at {model}, streamed: {stream}: {}", answer.body);
                assert!(answer.status == 200 && said.is_ended && !said.is_error && said.text == "Hi you", "{of}");
                let asked = azure.last().json();
                let limit = if caller == Caller::Chat { "max_tokens" } else { "max_completion_tokens" };
                assert_eq!(asked[limit], 64, "{asked}");
            }
        }
    }
}

#[test]
fn a_recorded_stream_passes_as_it_is() {
    let Some(path) = recorded("fixtures/vercel-ai/openai/chat__azure-model-router.1.chunks.txt") else { return };
    let chunks = fs::read_to_string(path).unwrap();
    let stream: String =
        chunks.lines().map(|line| format!("data: {line}\n\n")).chain(["data: [DONE]\n\n".to_owned()]).collect();
    let said_by = stream.clone();
    let azure = Scripted::start(move |_| Said::new(200, "content-type: text/event-stream\r\n", &*said_by));
    let gateway = TestGateway::start(&format!(
        "money.unknown_price = 'free'
[providers.azure]
base_url = 'http://{}'
api_keys = ['azure-key-1']",
        azure.address
    ));
    let body = json!({
        "model": "azure/router", "stream": true, "stream_options": { "include_usage": true },
        "messages": [{ "role": "user", "content": "Hello" }]
    });
    assert_eq!(send(&gateway, Caller::Chat, &body).body, stream);
    let answer = ask(&gateway, Caller::Messages, "azure/router", true);
    let said = said(Caller::Messages, true, &answer);
    assert!(said.is_ended && !said.is_error && !said.text.is_empty(), "{}", answer.body);
}
