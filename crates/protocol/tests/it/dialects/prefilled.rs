//! How a model is asked to carry on, in the words of each server.

use roundelay_protocol::{
    anthropic,
    chat::{Dialect, Losses, Request},
    failure::Flavour,
    openai_chat,
    seam::{self, Way},
    translate::{Manner, encode_request},
};
use serde_json::{Value, json};

use super::{able, read};

const PREFILL: Way = Way::Prefill { echoes: false };

fn asked(request: &Request<'_>, manner: &Manner) -> Value {
    let body = encode_request(request, &able(), manner, &mut Losses::default());
    serde_json::from_slice(&body).unwrap()
}

fn chat(flavour: Flavour) -> Manner {
    Manner::OpenaiChat(openai_chat::Quirks::of(flavour))
}

/// The request of a caller, carried on behind `shown`.
fn carried(from: Dialect, body: &Value, shown: &str, way: Way, left: Option<u64>, manner: &Manner) -> Value {
    let body = body.to_string();
    let mut request = read(from, body.as_bytes());
    seam::carry_on(&mut request, shown, way, left);
    asked(&request, manner)
}

fn question() -> Value {
    json!({"model": "m", "max_tokens": 100, "messages": [{"role": "user", "content": "Why?"}]})
}

#[track_caller]
fn check(flavour: Flavour, last: &Value, beside: &Value) {
    for from in [Dialect::OpenaiChat, Dialect::Anthropic] {
        let mut body = question();
        let before = json!([{"role": "user", "content": "What?"}, {"role": "assistant", "content": "This."}]);
        body["messages"].as_array_mut().unwrap().splice(..0, before.as_array().unwrap().iter().cloned());
        let asked = carried(from, &body, "Because\u{3000}\n", PREFILL, None, &chat(flavour));
        let messages = asked["messages"].as_array().unwrap();
        assert_eq!(messages.len(), 4, "{flavour:?}: {asked}");
        assert_eq!((&messages[1], &messages[3]), (&before[1], last), "{flavour:?}");
        let mut found = json!({});
        for name in ["continue_final_message", "add_generation_prompt"] {
            if let Some(value) = asked.get(name) {
                found[name] = value.clone();
            }
        }
        assert_eq!(&found, beside, "{flavour:?}");
    }
}

#[test]
fn each_server_is_told_in_its_own_way_that_the_answer_has_begun() {
    let plain = json!({"role": "assistant", "content": "Because"});
    let with = |name: &str| {
        let mut message = plain.clone();
        message[name] = json!(true);
        message
    };
    check(Flavour::DeepSeek, &with("prefix"), &json!({}));
    check(Flavour::Mistral, &with("prefix"), &json!({}));
    check(Flavour::DashScope, &with("partial"), &json!({}));
    check(Flavour::Moonshot, &with("partial"), &json!({}));
    check(Flavour::Vllm, &plain, &json!({"continue_final_message": true, "add_generation_prompt": false}));
    for flavour in [Flavour::LlamaCpp, Flavour::Ollama, Flavour::OpenRouter, Flavour::Generic, Flavour::Zhipu] {
        check(flavour, &plain, &json!({}));
    }
    let asked = carried(Dialect::OpenaiChat, &question(), "Because \n", PREFILL, None, &Manner::of(Dialect::Anthropic));
    assert_eq!(asked["messages"][1], plain);
    let asked = carried(Dialect::OpenaiChat, &question(), "Because \n", PREFILL, None, &Manner::of(Dialect::Bedrock));
    assert_eq!(asked["messages"][1], json!({"role": "assistant", "content": [{"text": "Because"}]}));
    let asked = carried(Dialect::OpenaiChat, &question(), "Because \n", PREFILL, None, &Manner::of(Dialect::Gemini));
    assert_eq!(asked["contents"][1], json!({"role": "model", "parts": [{"text": "Because"}]}));
}

#[test]
fn a_request_that_is_not_carried_on_is_not_called_a_beginning() {
    let body =
        json!({"model": "m", "messages": [{"role": "user", "content": "Why?"}, {"role": "assistant", "content": "B"}]});
    for flavour in [Flavour::Mistral, Flavour::Moonshot, Flavour::Vllm] {
        let asked = asked(&read(Dialect::OpenaiChat, body.to_string().as_bytes()), &chat(flavour));
        assert_eq!(asked, body, "{flavour:?}");
    }
    // Only Mistral gives the beginning back.
    for (flavour, _) in Flavour::ALL {
        assert_eq!(seam::prefill_of(&chat(flavour)), Way::Prefill { echoes: flavour == Flavour::Mistral });
    }
}

#[test]
fn a_prompt_asks_to_go_on_and_the_same_once_more_stays_the_same() {
    for (dialect, turns) in [
        (Dialect::OpenaiChat, "/messages"),
        (Dialect::OpenaiResponses, "/input"),
        (Dialect::Anthropic, "/messages"),
        (Dialect::Gemini, "/contents"),
        (Dialect::Bedrock, "/messages"),
    ] {
        let manner = Manner::of(dialect);
        let asked = carried(Dialect::OpenaiChat, &question(), "Because", Way::Prompt, Some(7), &manner);
        let turns = asked.pointer(turns).unwrap().as_array().unwrap();
        assert_eq!(turns.len(), 3, "{asked}");
        assert!(turns[1].to_string().contains("Because") && turns[2].to_string().contains("Go on"), "{asked}");
        let limits = ["max_tokens", "max_completion_tokens", "max_output_tokens"];
        let limit = limits.iter().find_map(|name| asked[*name].as_u64());
        let limit = limit.or_else(|| asked["generationConfig"]["maxOutputTokens"].as_u64());
        assert_eq!(limit.or_else(|| asked["inferenceConfig"]["maxTokens"].as_u64()), Some(7), "{asked}");
        let again = carried(Dialect::OpenaiChat, &question(), "Because", Way::Again, Some(7), &manner);
        assert_eq!(again, carried(Dialect::OpenaiChat, &question(), "", Way::Again, None, &manner));
    }
    // Never more than the caller allows.
    let asked = carried(Dialect::OpenaiChat, &question(), "B", PREFILL, Some(1000), &Manner::of(Dialect::Anthropic));
    assert_eq!(asked["max_tokens"], 100);
}

#[test]
fn a_last_turn_of_the_assistants_is_kept_from_models_that_refuse_it_alone() {
    let mut body = question();
    body["messages"].as_array_mut().unwrap().push(json!({"role": "assistant", "content": "Because"}));
    let body = body.to_string();
    let request = read(Dialect::OpenaiChat, body.as_bytes());
    // Adaptive thinking is what a Claude model from 4.6 on is known by.
    for (adaptive, prefill, turns) in [(true, false, 1), (true, true, 2), (false, false, 2), (false, true, 2)] {
        let manner = Manner::Anthropic(anthropic::Quirks { adaptive, ..anthropic::Quirks::default() });
        let mut target = able();
        target.capabilities.prefill = prefill;
        let mut losses = Losses::default();
        let asked = encode_request(&request, &target, &manner, &mut losses);
        let asked: Value = serde_json::from_slice(&asked).unwrap();
        assert_eq!(asked["messages"].as_array().unwrap().len(), turns, "{adaptive} {prefill}: {asked}");
        assert_eq!(losses.is_empty(), turns == 2, "{losses:?}");
    }
}

#[track_caller]
fn check_unfit(dialect: Dialect, members: &Value, expected: Option<&str>) {
    let mut body = question();
    if dialect == Dialect::Gemini {
        body = json!({"contents": [{"role": "user", "parts": [{"text": "Why?"}]}]});
    }
    for (name, value) in members.as_object().unwrap() {
        body[name] = value.clone();
    }
    assert_eq!(seam::unfit_request(&read(dialect, body.to_string().as_bytes())), expected, "{members}");
}

#[test]
fn requests_whose_answers_are_more_than_words_are_not_carried_on() {
    let tools = json!([{"type": "function", "function": {"name": "f"}}]);
    let with = |choice: Value| json!({"tools": tools, "tool_choice": choice});
    let chat = Dialect::OpenaiChat;
    for members in [
        json!({}),
        json!({"n": 1, "logprobs": false, "tools": tools, "response_format": {"type": "text"}, "modalities": ["text"]}),
        with(json!("auto")),
        with(json!("none")),
    ] {
        check_unfit(chat, &members, None);
    }
    check_unfit(chat, &json!({"n": 2}), Some("more than one choice was asked for"));
    check_unfit(chat, &json!({"response_format": {"type": "json_object"}}), Some("a format was asked for"));
    check_unfit(chat, &with(json!("required")), Some("a tool was demanded"));
    let named = json!({"type": "function", "function": {"name": "f"}});
    check_unfit(chat, &with(named), Some("a tool was demanded"));
    check_unfit(chat, &json!({"logprobs": true, "top_logprobs": 2}), Some("probabilities were asked for"));
    let audio = json!({"modalities": ["text", "audio"], "audio": {"voice": "ash", "format": "wav"}});
    check_unfit(chat, &audio, Some("audio was asked for"));
    let gemini = json!({"generationConfig": {"responseModalities": ["TEXT", "IMAGE"]}});
    check_unfit(Dialect::Gemini, &gemini, Some("audio was asked for"));
    check_unfit(Dialect::Gemini, &json!({"generationConfig": {"responseModalities": ["TEXT"]}}), None);
    let schema = json!({"generationConfig": {"responseMimeType": "application/json"}});
    check_unfit(Dialect::Gemini, &schema, Some("a format was asked for"));
    let begun = json!([{"role": "user", "content": "Why?"}, {"role": "assistant", "content": "The reason"}]);
    check_unfit(chat, &json!({"messages": begun}), Some("its caller began the answer"));
    check_unfit(Dialect::Anthropic, &json!({"messages": begun}), Some("its caller began the answer"));
    let anthropic = json!({"tools": [{"name": "f", "input_schema": {}}], "tool_choice": {"type": "any"}});
    check_unfit(Dialect::Anthropic, &anthropic, Some("a tool was demanded"));
}

#[test]
fn no_beginning_is_taken_beside_thinking_and_some_servers_take_none() {
    let check = |members: Value, expected: bool| {
        let mut body = question();
        for (name, value) in members.as_object().unwrap() {
            body[name] = value.clone();
        }
        let body = body.to_string();
        let request = read(Dialect::Anthropic, body.as_bytes());
        for dialect in [Dialect::Anthropic, Dialect::Bedrock] {
            assert_eq!(seam::takes_prefill(&request, &Manner::of(dialect)), expected, "{body}");
        }
        for dialect in [Dialect::OpenaiResponses, Dialect::OpenaiChat, Dialect::Gemini] {
            assert!(!seam::takes_prefill(&request, &Manner::of(dialect)), "{dialect:?}");
        }
        for (flavour, _) in Flavour::ALL {
            let is_deaf = matches!(flavour, Flavour::OpenAi | Flavour::Azure | Flavour::Gemini);
            assert_eq!(seam::takes_prefill(&request, &chat(flavour)), expected && !is_deaf, "{flavour:?}: {body}");
        }
    };
    check(json!({}), true);
    check(json!({"thinking": {"type": "disabled"}}), true);
    check(json!({"thinking": {"type": "enabled", "budget_tokens": 2000}}), false);
    check(json!({"thinking": {"type": "adaptive"}}), false);
}
