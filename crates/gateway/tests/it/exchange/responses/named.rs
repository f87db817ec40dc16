//! What a request only names: items that are kept here stand in the place of their names, at whatever provider, and for
//! nobody else's account; of what only a vendor keeps, no other is told the rest.

use serde_json::{Value, json};

use super::{House, response, scripted, text};
use crate::support::{Answer, Request};

impl House {
    fn ask_as(&self, key: &str, body: &Value) -> Answer {
        Request::post("/v1/responses", body).bearer(key).send(self.gateway.callers)
    }

    fn told_gpt(&self) -> Value {
        serde_json::from_slice(&self.gpt.control.last_request().unwrap().body).unwrap()
    }
}

/// A conversation as Vercel's AI SDK sends it: what was answered by the names of its items.
fn conversation(model: &str, answered: &Value) -> Value {
    let names = answered["output"].as_array().unwrap().iter();
    let names = names.map(|item| json!({ "type": "item_reference", "id": item["id"] }));
    let mut input = vec![json!({ "role": "user", "content": "Hello" })];
    input.extend(names);
    input.push(json!({ "role": "user", "content": "And then?" }));
    json!({ "model": model, "input": input })
}

#[track_caller]
fn refused(answer: &Answer, param: &str, code: &str) {
    let error = &answer.json()["error"];
    assert_eq!((answer.status, &error["param"], &error["code"]), (400, &json!(param), &json!(code)), "{}", answer.body);
    assert!(error["message"].as_str().unwrap().contains("name a model whose provider"), "{error}");
}

#[test]
fn an_item_that_is_kept_stands_in_the_place_of_its_name_at_every_provider() {
    let house = House::start();
    for stream in [false, true] {
        let first = response(&house.hello("own", stream), stream);
        for model in ["gpt", "claude", "gemini", "own"] {
            let answer = house.ask(&conversation(model, &first));
            let of = format!("{model}, streamed before: {stream}: {}", answer.body);
            assert_eq!(
                (answer.status, answer.header("x-roundelay-dropped").unwrap_or_default().contains("previous")),
                (200, false),
                "{of}"
            );
            let sent = if model == "gpt" { house.told_gpt() } else { house.sent() };
            let list = match model {
                "gemini" => &sent["contents"],
                "own" => &sent["input"],
                _ => &sent["messages"],
            };
            let list = list.as_array().unwrap();
            let [said, .., then] = &list[..] else { panic!("{of}: {sent}") };
            assert!(said.to_string().contains("Hello") && then.to_string().contains("And then?"), "{of}: {sent}");
            assert!(list[list.len() - 2].to_string().contains(scripted::TEXT), "{of}: {sent}");
            assert!(
                !sent.to_string().contains("item_reference") && !sent.to_string().contains("msg_up1"),
                "{of}: {sent}"
            );
            // Sealed thoughts for who sealed them.
            assert_eq!(sent.to_string().contains("E+/="), model == "own" && !stream, "{of}: {sent}");
        }
    }
}

#[test]
fn the_rest_stays_as_it_was_sent_and_can_be_gone_on_from() {
    let house = House::start();
    let first = house.hello("gpt", false).json();
    let id = first["output"][0]["id"].as_str().unwrap();
    let body = |items: &str, model: &str| {
        format!(
            "{{ \"new\": [1.0e2], \"input\" : [ {items} , {{\"role\":\"user\",\"content\":\"x\",\"y\":1.0}} ],\"model\":\"{model}\" }}"
        )
    };
    let request = Request::new("POST", "/v1/responses", None).bearer(&house.gateway.key);
    let answer = request.body(&body(&format!("{{\"id\":\"{id}\"}}"), "own")).send(house.gateway.callers);
    assert_eq!(answer.status, 200, "{}", answer.body);
    let words = serde_json::to_string(&text(&first)).unwrap();
    let (_, sent) = house.scripted.last();
    let (before, after) = sent.split_once(&words).unwrap_or_else(|| panic!("{sent}"));
    let (expected_before, expected_after) =
        body("ITEM", "gpt-6").split_once("ITEM").map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
    assert!(before.starts_with(&expected_before) && after.ends_with(&expected_after), "{sent}");

    let next = json!({ "model": "claude", "input": "On", "previous_response_id": answer.json()["id"] });
    assert_eq!(house.ask(&next).status, 200);
    let sent = house.sent();
    assert!(sent["messages"].to_string().contains(&words), "{sent}");
    // And it is as long as it is with the item.
    let count = |input: Value| {
        let asked = Request::post("/v1/responses/input_tokens", &json!({ "model": "own", "input": input }));
        asked.bearer(&house.gateway.key).send(house.gateway.callers).json()["input_tokens"].as_u64().unwrap()
    };
    let whole = count(json!([{ "role": "assistant", "content": text(&first) }]));
    let named = count(json!([{ "id": id }]));
    assert!(named.abs_diff(whole) < 64, "{named} and {whole}");
}

#[test]
fn thoughts_that_nobody_else_can_read_are_taken_out() {
    let house = House::start();
    let first = house.hello("gpt-think", false).json();
    assert_eq!(first["output"][0]["type"], "reasoning", "{first}");
    for model in ["own", "claude"] {
        let answer = house.ask(&conversation(model, &first));
        assert_eq!(answer.status, 200, "{}", answer.body);
        let sent = house.sent().to_string();
        assert!(!sent.contains("rs_rl_") && sent.contains(&text(&first)), "{sent}");
    }
}

#[test]
fn an_item_is_known_to_its_account_alone() {
    let house = House::start();
    let (mine, other) = (house.key_of("mine"), house.key_of("other"));
    let first = house.ask_as(&mine, &json!({ "model": "gpt", "input": "Hello" })).json();
    assert_eq!(house.ask_as(&mine, &conversation("claude", &first)).status, 200);
    let asked = house.scripted.count();
    for key in [&other, &house.gateway.key] {
        refused(&house.ask_as(key, &conversation("claude", &first)), "input", "item_not_found");
    }
    assert_eq!(house.scripted.count(), asked);
    let id = first["id"].as_str().unwrap();
    Request::new("DELETE", &format!("/v1/responses/{id}"), None).bearer(&mine).send(house.gateway.callers);
    refused(&house.ask_as(&mine, &conversation("claude", &first)), "input", "item_not_found");
}

#[test]
fn what_only_a_vendor_keeps_is_for_who_speaks_its_dialect() {
    let house = House::start();
    let item = |item: Value| json!({ "input": [item, { "role": "user", "content": "And then?" }] });
    for (named, param, code) in [
        (item(json!({ "type": "item_reference", "id": "msg_theirs" })), "input", "item_not_found"),
        (item(json!({ "type": null, "id": "msg_theirs" })), "input", "item_not_found"),
        (json!({ "input": "a", "conversation": "conv_1" }), "conversation", "unsupported_parameter"),
        (json!({ "input": "a", "conversation": { "id": "conv_1" } }), "conversation", "unsupported_parameter"),
        (json!({ "prompt": { "id": "pmpt_1", "variables": {} } }), "prompt", "unsupported_parameter"),
    ] {
        let ask = |model: &str| {
            let mut body = named.clone();
            body["model"] = json!(model);
            house.ask(&body)
        };
        let asked = house.scripted.count();
        for model in ["gpt", "claude", "gemini"] {
            refused(&ask(model), param, code);
        }
        assert_eq!(house.scripted.count(), asked, "nobody was asked");
        // Of a pool it is for who may know it.
        for model in ["own", "sole", "claude-down-own"] {
            let answer = ask(model);
            assert_eq!(answer.status, 200, "{model}: {}", answer.body);
            let sent = house.sent();
            for (member, value) in named.as_object().unwrap() {
                assert_eq!(sent[member], *value, "{model}: {sent}");
            }
        }
    }
    // And for nobody else when that one is down.
    let failed = house.ask(&json!({ "model": "own-down-gpt", "input": "a", "conversation": "conv_1" }));
    assert!(failed.status >= 500, "{}", failed.body);
    assert!(house.gpt.control.last_request().is_none());
    let nothing = json!({ "model": "gpt", "input": "a", "conversation": null, "prompt": null });
    assert_eq!(house.ask(&nothing).status, 200);
}

#[test]
fn nobody_goes_on_from_a_part_of_what_its_vendor_keeps() {
    let house = House::start();
    let first = house.ask(&json!({ "model": "own", "input": "a", "conversation": "conv_1" })).json();
    let next = json!({ "model": "gpt", "input": "On", "previous_response_id": first["id"] });
    let answer = house.ask(&next);
    assert_eq!((answer.status, &answer.json()["error"]["code"]), (400, &json!("previous_response_not_found")));
    let path = format!("/v1/responses/{}", first["id"].as_str().unwrap());
    assert_eq!(Request::get(&path).bearer(&house.gateway.key).send(house.gateway.callers).json()["id"], first["id"]);
}

#[test]
fn where_nothing_is_kept_names_are_for_who_speaks_the_dialect() {
    let house = House::with("[responses]\nkeep = 'off'");
    let first = house.hello("own", false).json();
    let body = conversation("own", &first);
    assert_eq!(house.ask(&body).status, 200);
    assert_eq!(house.sent()["input"], body["input"]);
    refused(&house.ask(&conversation("gpt", &first)), "input", "item_not_found");
    let next = json!({ "model": "gpt", "input": "On", "previous_response_id": first["id"] });
    refused(&house.ask(&next), "previous_response_id", "previous_response_not_found");
}
