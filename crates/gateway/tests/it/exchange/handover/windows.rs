//! Who cannot take a conversation whole is asked with what it can take, once nobody else is there.

use std::thread;

use serde_json::{Value, json};

use super::{House, conversation, header, with};

/// The bigger model is down: a conversation goes on with a smaller one, in the words of each dialect.
#[track_caller]
fn check(path: &str, pool: &str, body: &Value) {
    let house = House::start("");
    house.falls_ill();
    let body = with(body.clone(), json!({ "model": pool }));
    let answer = house.ask_as(&house.gateway.key, path, &body);
    assert_eq!(answer.status, 200, "{path}: {}", answer.body);
    let (name, small) = if pool == "talk" { ("small", &house.small) } else { ("claude", &house.claude) };
    assert_eq!(header(&answer, "deployment"), Some(&*format!("{name}/{name}")), "{path}");
    assert_eq!(header(&answer, "handover"), Some("extract"), "{path}: {}", answer.body);
    assert!(answer.body.contains(&format!("I am {name}.")), "{path}: {}", answer.body);
    let sent = small.last();
    assert!(sent.body.contains("You keep the books of a museum. Never raise your voice."), "{}", sent.body);
    assert!(sent.body.contains("Which shelf has the cracked jug?"), "{}", sent.body);
    assert!(sent.body.contains("blue-42"), "the extract tells what was agreed on: {}", sent.body);
    let handed = house.handed();
    assert_eq!((&handed["kind"], &handed["why"]), (&json!("extract"), &json!("window")), "{handed}");
    assert_eq!(Some(&*handed["attempt"].to_string()), header(&answer, "attempts"), "{handed}");
    let number = |name: &str| handed[name].as_u64().unwrap();
    assert!(number("before") > 25_000 && number("after") <= 8_192 - 500, "{handed}");
    assert!(number("first_kept") > 2 && number("first_kept") <= number("turns"), "{handed}");
    assert_eq!(house.metric(r#"roundelay_handovers_total{kind="extract"}"#), 1);
}

#[test]
fn a_conversation_goes_on_with_a_smaller_window() {
    let chat = conversation("talk");
    check("/v1/chat/completions", "talk", &chat);
    check("/v1/chat/completions", "talk", &with(chat.clone(), json!({ "stream": true })));
    check("/v1/chat/completions", "claudes", &chat);
    check("/v1/messages", "talk", &as_messages(&chat));
    check("/v1/messages", "claudes", &as_messages(&chat));
}

#[test]
fn who_is_well_is_told_every_byte() {
    let house = House::start("");
    for pool in ["talk", "whole", "summed"] {
        let body = conversation(pool);
        let answer = house.ask(&body);
        assert_eq!((answer.status, header(&answer, "handover")), (200, Some("none")), "{}", answer.body);
        let expected = body.to_string().replace(&format!("\"model\":\"{pool}\""), "\"model\":\"big\"");
        assert_eq!(house.big.last().body, expected);
        assert_eq!(house.handed(), Value::Null);
    }
    let answer = house.ask(&conversation("big"));
    assert_eq!((answer.status, header(&answer, "handover")), (200, None), "a model is no pool");
}

#[test]
fn where_the_whole_is_asked_for_nothing_else_is_sent() {
    let house = House::start("");
    house.falls_ill();
    let answer = house.ask(&conversation("whole"));
    assert_eq!(answer.status, 502, "{}", answer.body);
    assert!(house.small.all().is_empty());
    // What fits is passed on as it is.
    let short = json!({ "model": "whole", "messages": [{ "role": "user", "content": "Hello" }] });
    let answer = house.ask(&short);
    assert_eq!((answer.status, header(&answer, "handover")), (200, Some("none")), "{}", answer.body);
    assert_eq!(house.small.last().body, short.to_string().replace("whole", "small"));
}

#[test]
fn what_is_too_long_for_all_is_its_callers_to_shorten() {
    let house = House::start("");
    let long = "one vase, two bowls; ".repeat(20_000);
    let messages = json!([{ "role": "user", "content": long }, { "role": "assistant", "content": "Yes." },
        { "role": "user", "content": "Go on." }]);
    for is_well in [true, false] {
        if !is_well {
            house.falls_ill();
        }
        let answer = house.ask(&json!({ "model": "talk", "messages": messages }));
        let error = &answer.json()["error"];
        assert_eq!((answer.status, &error["code"]), (400, &json!("context_length_exceeded")), "{}", answer.body);
        assert!(house.small.all().is_empty() && house.big.all().is_empty());
    }
}

#[test]
fn a_last_turn_that_is_too_long_is_not_cut() {
    let house = House::start("");
    house.falls_ill();
    let long = "one vase, two bowls; ".repeat(2_000);
    let messages = json!([{ "role": "user", "content": "Hello" }, { "role": "assistant", "content": "Yes." },
        { "role": "user", "content": long }]);
    let answer = house.ask(&json!({ "model": "talk", "messages": messages }));
    assert_eq!(answer.status, 502, "{}", answer.body);
    assert!(house.small.all().is_empty());
}

#[test]
fn what_was_made_of_it_is_not_its_callers_to_shorten() {
    let tiny = "[models.tiny]\ndeployments = ['small/tiny']\ncontext_window = 8192\n\
                [pools.tight]\nattempts = 5\nmembers = ['big']\nfallback = ['tiny', 'small']\nwait = '0s'\n\
                [pools.tighter]\nmembers = ['big']\nfallback = ['tiny']\nwait = '0s'\n";
    let house = House::start(tiny);
    house.falls_ill();
    let answer = house.ask(&conversation("tight"));
    assert_eq!((answer.status, header(&answer, "deployment")), (200, Some("small/small")), "{}", answer.body);
    let asked = house.small.all().len();
    let answer = house.ask(&conversation("tighter"));
    assert!(answer.status >= 500, "big could have taken it: {}", answer.body);
    assert!(house.small.all().len() <= asked + 2, "who refuses what was made of it is left alone");
}

#[test]
fn an_old_image_becomes_a_mark_and_the_last_ones_need_eyes() {
    let house = House::start("");
    let image = json!({ "type": "image_url", "image_url": { "url": "data:image/png;base64,iVBORw0KGgo=" } });
    let asked = |first: Value, last: Value| {
        json!({ "model": "talk", "messages": [{ "role": "user", "content": first },
            { "role": "assistant", "content": "A jug." }, { "role": "user", "content": last }] })
    };
    let words = |text: &str| json!([{ "type": "text", "text": text }]);
    let seen = |text: &str| json!([{ "type": "text", "text": text }, image]);
    house.falls_ill();
    let answer = house.ask(&asked(seen("What is it?"), words("And its colour?")));
    assert_eq!((answer.status, header(&answer, "handover")), (200, Some("trimmed")), "{}", answer.body);
    let sent = house.small.last().body;
    assert!(!sent.contains("base64") && sent.contains("What is it?") && sent.contains("image"), "{sent}");
    assert_eq!((&house.handed()["why"], &house.handed()["media_left_out"]), (&json!("capability"), &json!(1)));
    let count = house.small.all().len();
    let answer = house.ask(&asked(words("Hello"), seen("What is it?")));
    assert_eq!(answer.status, 502, "{}", answer.body);
    assert_eq!(house.small.all().len(), count, "it has no eyes");
}

#[test]
fn an_answer_gets_the_room_that_is_left() {
    let house = House::start("");
    house.falls_ill();
    let answer = house.ask(&with(conversation("talk"), json!({ "max_tokens": 20_000 })));
    assert_eq!(answer.status, 200, "{}", answer.body);
    let sent = house.small.last().json();
    let told = sent["max_tokens"].as_u64().or_else(|| sent["max_completion_tokens"].as_u64()).unwrap();
    assert!((1_024..=8_192 / 2).contains(&told), "{told}");
}

#[test]
fn what_is_charged_is_what_was_sent() {
    let house = House::start("");
    house.falls_ill();
    let key = house.key_of("default");
    assert_eq!(house.ask_as(&key, "/v1/chat/completions", &conversation("talk")).status, 200);
    let entries = house.gateway.operator("GET", "/admin/entries?limit=10", None).json();
    // 100 × 1,000 + 10 × 2,000 nano-USD, by the provider's own count.
    assert_eq!(entries.to_string().matches("\"charge\"").count(), 1, "{entries}");
    assert!(entries.to_string().contains("0.000120000") || entries.to_string().contains("-120000"), "{entries}");
}

#[test]
fn only_what_is_sent_has_to_be_paid_for() {
    let house = House::start("");
    let poor = json!({ "id": "poor", "kind": "prepaid" });
    assert_eq!(house.gateway.operator("POST", "/admin/accounts", Some(&poor)).status, 201);
    // The whole conversation may cost three cents, and what fits the smaller window one.
    let credit = json!({ "amount": "0.015", "reason": "paid", "idempotency": "one" });
    assert_eq!(house.gateway.operator("POST", "/admin/accounts/poor/credit", Some(&credit)).status, 201);
    house.falls_ill();
    let answer = house.ask_as(&house.key_of("poor"), "/v1/chat/completions", &conversation("talk"));
    assert_eq!((answer.status, header(&answer, "handover")), (200, Some("extract")), "{}", answer.body);
    assert_eq!(house.gateway.gateway.billing.open_holds(), 0);
}

#[test]
fn a_stored_conversation_goes_the_same_way() {
    let house = House::start("");
    let long = "one vase, two bowls; ".repeat(1_500);
    let first = json!({ "model": "talk", "input": format!("The vault's word is blue-42. {long}") });
    let answer = house.ask_as(&house.gateway.key, "/v1/responses", &first);
    assert_eq!((answer.status, header(&answer, "handover")), (200, Some("none")), "{}", answer.body);
    let id = answer.json()["id"].clone();
    house.falls_ill();
    let next = json!({ "model": "talk", "input": "And then?", "previous_response_id": id });
    let answer = house.ask_as(&house.gateway.key, "/v1/responses", &next);
    assert_eq!((answer.status, header(&answer, "handover")), (200, Some("extract")), "{}", answer.body);
    assert_eq!(answer.json()["previous_response_id"], id);
    let sent = house.small.last().body;
    assert!(sent.contains("blue-42") && sent.contains("And then?"), "{sent}");
    house.recovers();
    let next = json!({ "model": "big", "input": "Go on.", "previous_response_id": answer.json()["id"] });
    let answer = house.ask_as(&house.gateway.key, "/v1/responses", &next);
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert!(house.big.last().body.contains(&long), "what is kept is the whole conversation");
}

#[test]
fn where_a_pool_wants_summaries_a_change_of_model_is_one() {
    let house = House::start("");
    let turn = |text: &str| json!({ "role": "user", "content": text });
    let said = json!({ "role": "assistant", "content": "A vase, two bowls. ".repeat(45) });
    let mut messages = vec![turn("The vault's word is blue-42.")];
    for _ in 0..12 {
        messages.extend([said.clone(), turn("And the next shelf?")]);
    }
    let body = json!({ "model": "summed", "messages": messages });
    assert_eq!(house.ask(&body).status, 200);
    house.falls_ill();
    let answer = house.ask(&body);
    assert_eq!((answer.status, header(&answer, "handover")), (200, Some("extract")), "{}", answer.body);
    assert_eq!(house.handed()["why"], "model_changed");
    assert!(house.small.last().body.len() < 2 * 4_000 + 6_000, "the last 4,000 tokens and an extract");
    // In other pools it fits as it is.
    let answer = house.ask(&with(body, json!({ "model": "talk" })));
    assert_eq!((answer.status, header(&answer, "handover")), (200, Some("none")), "{}", answer.body);
}

/// A chat as a caller of Messages would have had it.
fn as_messages(chat: &Value) -> Value {
    let mut turns: Vec<Value> = Vec::new();
    let mut add = |role: &str, block: Value| match turns.last_mut().filter(|turn| turn["role"] == role) {
        Some(turn) => turn["content"].as_array_mut().unwrap().push(block),
        None => turns.push(json!({ "role": role, "content": [block] })),
    };
    for message in chat["messages"].as_array().unwrap() {
        let text = || json!({ "type": "text", "text": message["content"] });
        match message["role"].as_str().unwrap() {
            "user" => add("user", text()),
            "tool" => add(
                "user",
                json!({ "type": "tool_result", "tool_use_id": message["tool_call_id"], "content": message["content"] }),
            ),
            "assistant" if message["content"].is_string() => add("assistant", text()),
            "assistant" => {
                let call = &message["tool_calls"][0];
                let input: Value = serde_json::from_str(call["function"]["arguments"].as_str().unwrap()).unwrap();
                add(
                    "assistant",
                    json!({ "type": "tool_use", "id": call["id"], "name": call["function"]["name"], "input": input }),
                );
            }
            _ => {}
        }
    }
    let tool = &chat["tools"][0]["function"];
    json!({
        "model": chat["model"], "max_tokens": 500, "system": chat["messages"][0]["content"], "messages": turns,
        "tools": [{ "name": tool["name"], "description": tool["description"], "input_schema": tool["parameters"] }],
    })
}

/// More than a request's own thread takes upon itself, and more of them at once than there are turns.
#[test]
fn very_long_conversations_are_handed_over_side_by_side() {
    let house = House::start("");
    house.falls_ill();
    let mut body = conversation("talk");
    for message in body["messages"].as_array_mut().unwrap() {
        if message["role"] == "tool" {
            message["content"] = message["content"].as_str().unwrap().repeat(6).into();
        }
    }
    assert!(body.to_string().len() > 256 << 10);
    thread::scope(|scope| {
        let asking: Vec<_> = (0..6).map(|_| scope.spawn(|| house.ask(&body))).collect();
        for answer in asking.into_iter().map(|asking| asking.join().unwrap()) {
            assert_eq!((answer.status, header(&answer, "handover")), (200, Some("extract")), "{}", answer.body);
        }
    });
    assert_eq!(house.handed()["kind"], "extract");
}
