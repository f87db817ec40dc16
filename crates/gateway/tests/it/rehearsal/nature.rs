//! What models differ in: a beginning of the answer, the window, words of their own, and what vendors take at all.

use serde_json::{Value, json};

use super::Provider;
use super::dialects::{ALL, Dialect};

/// The question with a beginning of its answer.
fn begun(dialect: Dialect, text: &str) -> Vec<Value> {
    let mut talk = dialect.question();
    talk.push(match dialect {
        Dialect::Gemini => json!({"role": "model", "parts": [{"text": text}]}),
        Dialect::Bedrock => json!({"role": "assistant", "content": [{"text": text}]}),
        _ => json!({"role": "assistant", "content": text}),
    });
    talk
}

async fn text(provider: &Provider, dialect: Dialect, model: &str, talk: &[Value]) -> String {
    let said = dialect.said(&dialect.ask(provider, model, true, talk).await, true);
    assert_eq!(said.text, dialect.said(&dialect.ask(provider, model, false, talk).await, false).text, "{dialect:?}");
    said.text
}

#[tokio::test]
async fn an_answer_begun_in_any_dialect_is_carried_on_in_any_other() {
    let provider = Provider::start();
    for tools in [false, true] {
        let whole = text(&provider, Dialect::Chat, "m", &asked(Dialect::Chat, tools)).await;
        for dialect in ALL {
            assert_eq!(text(&provider, dialect, "another", &asked(dialect, tools)).await, whole, "{dialect:?}");
        }
    }
    let whole = text(&provider, Dialect::Chat, "m", &Dialect::Chat.question()).await;
    for dialect in ALL {
        for cut in whole.char_indices().map(|(at, _)| at).skip(1).chain([whole.len()]) {
            let shown = whole[..cut].trim_end();
            let rest = text(&provider, dialect, "another", &begun(dialect, shown)).await;
            assert_eq!(format!("{shown}{rest}"), whole, "{dialect:?} after {shown:?}");
        }
        let own = text(&provider, dialect, "m", &begun(dialect, "Once upon")).await;
        assert!(own.starts_with(' ') && own.split_whitespace().count() == 18, "{dialect:?} {own:?}");
    }
}

fn asked(dialect: Dialect, has_tools: bool) -> Vec<Value> {
    let mut talk = if has_tools { dialect.answered("rain, 12 °C") } else { dialect.question() };
    let more = "And  in\nBasel?";
    // Sides take turns there.
    if dialect == Dialect::Bedrock {
        let content = talk.last_mut().and_then(|message| message["content"].as_array_mut());
        content.expect("the last message has parts").push(json!({ "text": more }));
        return talk;
    }
    talk.push(match dialect {
        Dialect::Gemini => json!({"role": "user", "parts": [{"text": more}]}),
        Dialect::Anthropic => json!({"role": "user", "content": [{"type": "text", "text": more}]}),
        _ => json!({"role": "user", "content": more}),
    });
    talk
}

#[tokio::test]
async fn a_limit_is_for_the_rest_alone() {
    let provider = Provider::start();
    for (model, expected) in [("m", " said: How is"), ("rehearsal-echoes-prefill", "You said: How is")] {
        let body = json!({"model": model, "max_tokens": 3, "messages": begun(Dialect::Anthropic, "You")});
        let heard = provider.post("/v1/messages", &body).await.json();
        assert_eq!(heard["content"][0]["text"], expected);
        assert_eq!((&heard["stop_reason"], &heard["usage"]["output_tokens"]), (&json!("max_tokens"), &json!(3)));
    }
}

#[tokio::test]
async fn a_beginning_is_refused_or_echoed_where_it_is_said() {
    let provider = Provider::start();
    for dialect in ALL {
        let talk = begun(dialect, "You said:");
        let heard = dialect.ask(&provider, "rehearsal-refuses-prefill", true, &talk).await;
        assert_eq!(heard.status(), 400, "{dialect:?}");
        let expected = match dialect {
            Dialect::Chat => "Assistant with prefix True",
            Dialect::Responses | Dialect::Anthropic | Dialect::Bedrock => "must end with a user message",
            Dialect::Gemini => "end with a user role",
        };
        let heard = heard.json();
        let message = heard.pointer("/error/message").unwrap_or_else(|| &heard["message"]).as_str().unwrap();
        assert!(message.contains(expected), "{message}");
        let plain = dialect.ask(&provider, "rehearsal-refuses-prefill", true, &dialect.answered("x")).await;
        assert_eq!(plain.status(), 200, "{dialect:?}: only a beginning is refused");

        let echo = text(&provider, dialect, "rehearsal-echoes-prefill-words-9", &talk).await;
        assert_eq!(echo, text(&provider, dialect, "rehearsal-words-9", &dialect.question()).await);
    }
}

#[tokio::test]
async fn a_window_is_kept_to_also_when_the_scenario_rests() {
    let provider = Provider::start();
    for dialect in ALL {
        let long = vec![match dialect {
            Dialect::Gemini => json!({"role": "user", "parts": [{"text": "x".repeat(3_000)}]}),
            Dialect::Bedrock => json!({"role": "user", "content": [{"text": "x".repeat(3_000)}]}),
            _ => json!({"role": "user", "content": "x".repeat(3_000)}),
        }];
        provider.control.set_default("503-window-1000-once").unwrap();
        assert_eq!(dialect.ask(&provider, "m", true, &long).await.status(), 503);
        let heard = dialect.ask(&provider, "m", true, &long).await;
        assert_eq!(heard.status(), 400, "{dialect:?}: the tools are above it");
        let expected = match dialect {
            Dialect::Chat => "maximum context length is 1000 tokens",
            Dialect::Responses => "exceeds the context window",
            Dialect::Anthropic | Dialect::Bedrock => "tokens > 1000 maximum",
            Dialect::Gemini => "exceeds the maximum number of tokens allowed (1000)",
        };
        assert!(heard.text().contains(expected), "{}", heard.text());
        provider.control.set_default("window-1100").unwrap();
        assert_eq!(dialect.ask(&provider, "m", true, &long).await.status(), 200, "{dialect:?}");
    }
}

#[tokio::test]
async fn varied_models_say_each_their_own() {
    let provider = Provider::start();
    provider.control.set_default("varied-words-30").unwrap();
    let one = text(&provider, Dialect::Chat, "one", &Dialect::Chat.question()).await;
    let two = text(&provider, Dialect::Chat, "two", &Dialect::Chat.question()).await;
    assert!(one != two && !one.starts_with("You"), "{one} | {two}");
    assert_eq!(text(&provider, Dialect::Gemini, "one", &Dialect::Gemini.question()).await, one);
}

#[tokio::test]
async fn a_summary_is_the_sentences_with_the_mark() {
    let provider = Provider::start();
    let shown = provider.send("PUT", "/control", r#"{"scenario": "503-once", "summarises": "FACT"}"#).await.json();
    assert_eq!(shown["summarises"], "FACT");
    let asked =
        json!([{"role": "user", "content": "Sum up:\nUser: hello. FACT 1: the door is blue. Bye.\nFACT 2: 7 keys"}]);
    let body = json!({"model": "m", "messages": asked});
    assert_eq!(provider.post("/v1/chat/completions", &body).await.status(), 503);
    let heard = provider.post("/v1/chat/completions", &body).await.json();
    assert_eq!(heard["choices"][0]["message"]["content"], "FACT 1: the door is blue.\nFACT 2: 7 keys");
    for bad in [json!(true), json!("")] {
        let heard = provider.send("PUT", "/control", &json!({"summarises": bad}).to_string()).await;
        assert!(heard.status() == 400 && heard.text().contains("`summarises` takes"), "{}", heard.text());
    }
}

#[tokio::test]
async fn shapes_that_vendors_refuse_are_refused_in_their_words() {
    let provider = Provider::start();
    let text = |role: &str, text: &str| json!({"role": role, "content": text});
    let call = json!({"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}});
    let used = json!({"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "f", "input": {}}]});
    let result = json!({"type": "tool_result", "tool_use_id": "a", "content": "x"});
    let late = json!({"role": "user", "content": [{"type": "text", "text": "x"}, result]});
    let parts = |role: &str, parts: Value| json!({"role": role, "parts": parts});
    let called = json!([{"functionCall": {"name": "f", "args": {}}}]);
    let told = json!([{"functionResponse": {"name": "f", "response": {"output": "x"}}}]);
    let asks = json!([{"text": "x"}]);
    for (dialect, talk, expected) in [
        (Dialect::Anthropic, json!([text("assistant", "x"), text("user", "x")]), "must use the \\\"user\\\" role"),
        (Dialect::Anthropic, json!([text("user", "x"), text("assistant", "x ")]), "trailing whitespace"),
        (Dialect::Anthropic, json!([text("user", "")]), "non-empty content"),
        (Dialect::Anthropic, json!([{"role": "user", "content": [{"type": "text", "text": ""}]}]), "must be non-empty"),
        (Dialect::Anthropic, json!([text("user", "x"), used]), "`tool_use` ids were found without"),
        (Dialect::Anthropic, json!([text("user", "x"), used, late]), "`tool_use` ids were found without"),
        (Dialect::Anthropic, json!([{"role": "user", "content": [result]}]), "unexpected `tool_use_id`"),
        (Dialect::Chat, json!([{"role": "tool", "tool_call_id": "a", "content": "x"}]), "preceeding message"),
        (
            Dialect::Chat,
            json!([text("user", "x"), {"role": "assistant", "tool_calls": [call]}, text("user", "x")]),
            "did not have response messages: a",
        ),
        (
            Dialect::Responses,
            json!([{"type": "function_call_output", "call_id": "a", "output": "x"}]),
            "No tool call found for function call output with call_id a.",
        ),
        (
            Dialect::Responses,
            json!([{"type": "function_call", "call_id": "a", "name": "f", "arguments": "{}"}, text("user", "x")]),
            "No tool output found for function call a.",
        ),
        (Dialect::Gemini, json!([parts("user", json!([]))]), "must not be empty"),
        (
            Dialect::Gemini,
            json!([parts("model", called.clone()), parts("user", told.clone())]),
            "function call turn comes",
        ),
        (Dialect::Gemini, json!([parts("user", told)]), "function response turn comes"),
        (
            Dialect::Gemini,
            json!([parts("user", asks.clone()), parts("model", called), parts("user", asks)]),
            "number of",
        ),
    ] {
        let heard = dialect.ask(&provider, "m", false, talk.as_array().unwrap()).await;
        assert!(heard.status() == 400 && heard.text().contains(expected), "{talk}: {}", heard.text());
    }
    let twice = json!([text("user", "x"), text("user", "y"), text("assistant", "z"), text("assistant", "w")]);
    for dialect in [Dialect::Anthropic, Dialect::Chat] {
        let heard = dialect.ask(&provider, "m", false, twice.as_array().unwrap()).await;
        assert_eq!(heard.status(), 200, "{dialect:?}: of one side in a row are one turn");
    }
}
