//! A conversation goes on from a response by its name, at whatever provider, and at nobody else's account.

use serde_json::{Value, json};

use super::{House, response, scripted, text};
use crate::support::{Answer, Request};

impl House {
    pub(super) fn sent(&self) -> Value {
        serde_json::from_str(&self.scripted.last().1).unwrap()
    }

    pub(super) fn key_of(&self, account: &str) -> String {
        let _ = self.gateway.operator("POST", "/admin/accounts", Some(&json!({ "id": account })));
        let made = self.gateway.operator("POST", "/admin/keys", Some(&json!({ "account": account }))).json();
        made["key"].as_str().unwrap().to_owned()
    }

    pub(super) fn made_key(&self, body: &Value) -> String {
        self.gateway.operator("POST", "/admin/keys", Some(body)).json()["key"].as_str().unwrap().to_owned()
    }

    fn go_on(&self, key: &str, model: &str, previous: &Value) -> Answer {
        let body = json!({ "model": model, "input": "And then?", "previous_response_id": previous });
        Request::post("/v1/responses", &body).bearer(key).send(self.gateway.callers)
    }
}

#[test]
fn it_goes_on_at_any_provider_with_all_that_was_said() {
    let house = House::start();
    for stream in [false, true] {
        let answer = house.hello("own", stream);
        let id = response(&answer, stream)["id"].clone();
        let answer = house.go_on(&house.gateway.key, "gpt", &id);
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert_eq!(answer.json()["previous_response_id"], id, "{}", answer.body);
        let sent = house.gpt.control.last_request().unwrap().body;
        let sent: Value = serde_json::from_slice(&sent).unwrap();
        let said: Vec<_> =
            sent["messages"].as_array().unwrap().iter().map(|one| (&one["role"], &one["content"])).collect();
        let expected = [("user", "Hello"), ("assistant", scripted::TEXT), ("user", "And then?")];
        let expected = expected.map(|(role, text)| (json!(role), json!(text)));
        assert_eq!(said, expected.iter().map(|(role, text)| (role, text)).collect::<Vec<_>>(), "{sent}");
        assert!(!sent.to_string().contains("previous_response_id"), "{sent}");

        // And from there to a third one.
        let (id, words) = (answer.json()["id"].clone(), text(&answer.json()));
        let answer = house.go_on(&house.gateway.key, "claude", &id);
        assert_eq!(answer.status, 200, "{}", answer.body);
        let sent = house.sent();
        assert_eq!(sent["messages"].as_array().unwrap().len(), 5, "{sent}");
        assert!(sent["messages"][3].to_string().contains(&words), "{sent}");
    }
}

#[test]
fn what_is_lost_of_a_conversation_by_name_is_not_numbered_by_what_was_put_in_front() {
    let house = House::start();
    let id = house.hello("own", false).json()["id"].clone();
    let input = json!([{ "role": "user", "content": [{ "type": "input_text", "text": "And this?" },
        { "type": "input_image", "image_url": "https://example.com/a.png", "detail": "low" }] }]);
    let ask = |previous: &Value| {
        let body = json!({ "model": "claude", "input": input, "previous_response_id": previous });
        Request::post("/v1/responses", &body).bearer(&house.gateway.key).send(house.gateway.callers)
    };
    let dropped = |answer: &Answer| answer.header("x-roundelay-dropped").unwrap_or_default().to_owned();
    let answer = ask(&Value::Null);
    assert_eq!((answer.status, dropped(&answer)), (200, "input[0].content[1].detail".to_owned()), "{}", answer.body);
    let told = dropped(&ask(&id));
    assert!(told.split(", ").any(|place| place == "input[].content[1].detail"), "{told}");
}

#[test]
fn sealed_thoughts_go_back_to_who_sealed_them_and_to_nobody_else() {
    let house = House::start();
    let first = house.hello("own", false).json();
    let answer = house.go_on(&house.gateway.key, "own", &first["id"]);
    assert_eq!(answer.status, 200, "{}", answer.body);
    let sent = house.sent();
    let input = sent["input"].as_array().unwrap();
    assert_eq!((&input[1]["type"], &input[1]["encrypted_content"]), (&json!("reasoning"), &json!("E+/=")), "{sent}");
    assert!(input.iter().all(|item| item["id"].is_null()), "{sent}");
    assert_eq!(sent["previous_response_id"], Value::Null, "{sent}");

    assert_eq!(house.go_on(&house.gateway.key, "own-other", &first["id"]).status, 200);
    let sent = house.sent();
    assert!(sent["model"] == "other" && !sent.to_string().contains("E+/="), "{sent}");

    // Claude's come back marked, whoever keeps the conversation, and are unmarked for Claude alone.
    let thought = house.hello("claude", false).json();
    assert_eq!(house.go_on(&house.gateway.key, "claude", &thought["id"]).status, 200);
    let sent = house.sent();
    assert_eq!(sent["messages"][1]["content"][0]["signature"], "Sig==", "{sent}");
    assert_eq!(house.go_on(&house.gateway.key, "own", &thought["id"]).status, 200);
    let sent = house.sent().to_string();
    assert!(!sent.contains("Sig==") && sent.contains(scripted::TEXT), "{sent}");
}

#[test]
fn thoughts_that_nobody_sealed_go_to_no_vendor() {
    let house = House::start();
    let thought = house.hello("gpt-think", false).json();
    assert_eq!(thought["output"][0]["type"], "reasoning", "{thought}");
    assert_eq!(house.go_on(&house.gateway.key, "own", &thought["id"]).status, 200);
    let sent = house.sent();
    assert!(sent["input"].as_array().unwrap().iter().all(|item| item["type"] != "reasoning"), "{sent}");
    // A client that keeps the conversation itself sends them back all the same.
    let mut input = thought["output"].as_array().unwrap().clone();
    input.push(json!({ "role": "user", "content": "And then?" }));
    let answer = house.ask(&json!({ "model": "own", "input": input }));
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert!(!house.sent().to_string().contains("reasoning"), "{}", house.sent());
}

#[test]
fn what_is_kept_can_be_read_counted_and_forgotten() {
    let house = House::start();
    let other = house.key_of("other");
    let first = house.hello("own", false);
    let second = house.go_on(&house.gateway.key, "gpt", &first.json()["id"]).json();
    let id = second["id"].as_str().unwrap();
    let ask = |method: &str, path: &str, key: &str| {
        Request::new(method, &format!("/v1/responses/{path}"), None).bearer(key).send(house.gateway.callers)
    };
    let mine = &*house.gateway.key;
    assert_eq!(ask("GET", id, mine).json(), second);
    assert_eq!(ask("GET", first.json()["id"].as_str().unwrap(), mine).body, first.body, "byte for byte");
    let items = ask("GET", &format!("{id}/input_items?order=asc&limit=2"), mine).json();
    let texts: Vec<_> = items["data"].as_array().unwrap().iter().map(|item| item["type"].as_str().unwrap()).collect();
    assert_eq!((texts, &items["has_more"]), (vec!["message", "reasoning"], &json!(true)), "{items}");
    let after = items["last_id"].as_str().unwrap();
    let items = ask("GET", &format!("{id}/input_items?order=asc&after={after}"), mine).json();
    assert_eq!((items["data"].as_array().unwrap().len(), &items["has_more"]), (2, &json!(false)), "{items}");
    assert_eq!(items["data"][1]["content"], "And then?", "{items}");

    let count = |body: &Value| {
        let asked = Request::post("/v1/responses/input_tokens", body).bearer(mine).send(house.gateway.callers);
        asked.json()["input_tokens"].as_u64().unwrap_or_else(|| panic!("{}", asked.body))
    };
    let short = count(&json!({ "model": "own", "input": "Hi" }));
    assert!(count(&json!({ "model": "own", "input": "Hi", "previous_response_id": id })) > short);

    for (method, path, status) in [
        ("POST", format!("{id}/cancel"), 400),
        ("PUT", id.to_owned(), 405),
        ("GET", "resp_none".to_owned(), 404),
        ("GET", format!("{id}/other"), 404),
    ] {
        assert_eq!(ask(method, &path, mine).status, status, "{method} {path}");
    }
    for path in [id.to_owned(), format!("{id}/input_items")] {
        assert_eq!(ask("GET", &path, &other).json()["error"]["code"], "response_not_found", "{path}");
    }
    assert_eq!(ask("DELETE", id, &other).status, 404);
    assert_eq!(ask("DELETE", id, mine).json()["deleted"], true);
    assert_eq!(ask("GET", id, mine).status, 404);
    assert_eq!(house.go_on(mine, "gpt", &json!(id)).status, 400);
}

#[test]
fn a_response_is_known_to_its_account_alone() {
    let house = House::start();
    let (mine, colleagues, other) = (house.key_of("mine"), house.key_of("mine"), house.key_of("other"));
    let body = json!({ "model": "own", "input": "Hello" });
    let id = Request::post("/v1/responses", &body).bearer(&mine).send(house.gateway.callers).json()["id"].clone();
    assert_eq!(house.go_on(&colleagues, "own", &id).status, 200);
    for key in [&other, &house.gateway.key] {
        let answer = house.go_on(key, "own", &id);
        assert_eq!(answer.status, 400, "{}", answer.body);
        assert_eq!(answer.json()["error"]["code"], "previous_response_not_found", "{}", answer.body);
    }
}

#[test]
fn what_is_not_to_be_kept_is_not() {
    let house = House::start();
    let body = json!({ "model": "own", "input": "Hello", "store": false });
    let id = house.ask(&body).json()["id"].clone();
    assert_eq!(house.go_on(&house.gateway.key, "own", &id).status, 400);
    let cut = house.hello("own-cut", true);
    let id = response(&cut, true)["id"].clone();
    assert_eq!(house.go_on(&house.gateway.key, "own", &id).status, 400, "what failed is no beginning");

    // Where nothing is kept, who speaks the dialect may know the name.
    let house = House::with("[responses]\nkeep = 'off'");
    let id = house.hello("own", false).json()["id"].clone();
    assert_eq!(house.go_on(&house.gateway.key, "own", &id).status, 200);
    assert_eq!(house.sent()["previous_response_id"], id);
}

#[test]
fn nothing_is_counted_for_who_may_not_ask() {
    let house = House::start();
    let count = |key: &str| {
        let body = json!({ "model": "own", "input": "Hi" });
        let answer = Request::post("/v1/responses/input_tokens", &body).bearer(key).send(house.gateway.callers);
        (answer.status, answer.json()["error"]["code"].clone())
    };
    let narrow = house.made_key(&json!({ "allowed": ["gpt"] }));
    assert_eq!(count(&narrow), (403, json!("model_not_allowed")));
    let slow = house.made_key(&json!({ "limits": { "requests_per_minute": 1 } }));
    assert_eq!(count(&slow), (200, Value::Null));
    assert_eq!(count(&slow), (429, json!("rate_limit_exceeded")));
}
