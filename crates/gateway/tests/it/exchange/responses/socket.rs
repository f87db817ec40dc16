//! The same by WebSocket, with a real client of it.

use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{self, Message, WebSocket, client::IntoClientRequest as _};

use super::{House, record, scripted, text};
use crate::support::Request;

/// A client's end.
struct Client(WebSocket<TcpStream>);

impl Client {
    fn connect(house: &House, key: &str) -> Self {
        let mut request = format!("ws://{}/v1/responses", house.gateway.callers).into_client_request().unwrap();
        let headers = request.headers_mut();
        headers.insert("authorization", format!("Bearer {key}").parse().unwrap());
        headers.insert("openai-beta", "responses_websockets=2026-02-06".parse().unwrap());
        let socket = TcpStream::connect(house.gateway.callers).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let (socket, answer) = tungstenite::client(request, socket).unwrap();
        assert_eq!(answer.status(), 101);
        Self(socket)
    }

    fn say(&mut self, message: &Value) {
        self.0.send(Message::text(message.to_string())).unwrap();
    }

    /// Events up to the end of a response, or to an error.
    fn events(&mut self) -> Vec<Value> {
        let mut events: Vec<Value> = Vec::new();
        loop {
            let Message::Text(text) = self.0.read().unwrap() else { continue };
            events.push(serde_json::from_str(&text).unwrap());
            let kind = events.last().unwrap()["type"].as_str().unwrap();
            let is_last = ["response.completed", "response.incomplete", "response.failed"].contains(&kind);
            if is_last || kind == "error" && events.len() == 1 {
                return events;
            }
        }
    }

    /// Asks, and gives the response that comes of it.
    fn ask(&mut self, mut body: Value) -> Value {
        body["type"] = json!("response.create");
        self.say(&body);
        let events = self.events();
        let numbers: Vec<_> = events.iter().filter_map(|event| event["sequence_number"].as_u64()).collect();
        assert!(numbers.is_sorted(), "{numbers:?}");
        events.last().unwrap()["response"].clone()
    }

    /// Asks, and gives the error that comes of it.
    fn refused(&mut self, mut body: Value) -> Value {
        body["type"] = json!("response.create");
        self.say(&body);
        self.events().remove(0)
    }
}

#[test]
fn requests_come_one_after_another_and_go_on_from_each_other() {
    let house = House::start();
    let mut client = Client::connect(&house, &house.gateway.key);
    let mut previous = Value::Null;
    for (number, model) in ["own", "gpt", "claude", "own"].into_iter().enumerate() {
        let response = client.ask(json!({
            "model": model, "input": format!("Question {number}"), "store": false, "previous_response_id": previous
        }));
        assert_eq!(response["status"], "completed", "{response}");
        assert!(!text(&response).is_empty() && response["usage"]["cost"].is_number(), "{response}");
        previous = response["id"].clone();
        let record = record(&house.gateway);
        assert_eq!((&record["outcome"], &record["stream"]), (&json!("answered"), &json!(true)), "{record}");
    }
    let (head, sent) = house.scripted.last();
    let sent: Value = serde_json::from_str(&sent).unwrap();
    let questions = sent["input"].as_array().unwrap().iter().filter(|item| item["role"] == "user").count();
    assert_eq!(questions, 4, "{sent}");
    assert!(sent["stream"] == true && sent["type"].is_null() && !head.contains("responses_websockets"), "{head}{sent}");

    // Nothing of it is kept for anybody else, the same key included.
    let body = json!({ "model": "own", "input": "x", "previous_response_id": previous });
    let answer = Request::post("/v1/responses", &body).bearer(&house.gateway.key).send(house.gateway.callers);
    assert_eq!(answer.status, 400, "{}", answer.body);
}

#[test]
fn a_connection_knows_the_items_of_its_own_responses_by_their_names() {
    let house = House::start();
    let mut client = Client::connect(&house, &house.gateway.key);
    let first = client.ask(json!({ "model": "gpt", "input": "Hello", "store": false }));
    let named = json!({ "type": "item_reference", "id": first["output"][0]["id"] });
    let body = json!({ "model": "claude", "store": false, "input": [
        { "role": "user", "content": "Hello" }, named, { "role": "user", "content": "And then?" }
    ] });
    assert_eq!(client.ask(body.clone())["status"], "completed");
    let sent = house.sent();
    assert!(sent["messages"][1].to_string().contains(&text(&first)), "{sent}");
    // Nothing of it is kept for anybody else.
    let error = Client::connect(&house, &house.gateway.key).refused(body);
    assert_eq!((&error["status"], &error["error"]["code"]), (&json!(400), &json!("item_not_found")), "{error}");
}

#[test]
fn a_warm_up_has_no_output_and_no_cost_and_is_remembered() {
    let house = House::start();
    let mut client = Client::connect(&house, &house.gateway.key);
    let warm = client.ask(json!({ "model": "own", "generate": false, "store": false, "input": [
        { "role": "user", "content": "Remember" }
    ] }));
    assert_eq!(
        (&warm["status"], &warm["output"], &warm["usage"]["total_tokens"]),
        (&json!("completed"), &json!([]), &json!(0))
    );
    assert_eq!(house.scripted.count(), 0);
    assert!(record(&house.gateway).is_null(), "nothing was asked");
    let response = client.ask(json!({ "model": "own", "input": "Go", "previous_response_id": warm["id"] }));
    assert_eq!(text(&response), scripted::TEXT);
    let sent: Value = serde_json::from_str(&house.scripted.last().1).unwrap();
    assert_eq!(
        (&sent["input"][0]["content"], &sent["input"][1]["content"]),
        (&json!("Remember"), &json!("Go")),
        "{sent}"
    );
    assert!(sent["generate"].is_null(), "{sent}");
}

#[test]
fn what_is_wrong_is_told_and_the_connection_stays() {
    let house = House::start();
    let mut client = Client::connect(&house, &house.gateway.key);
    for (message, status, code) in [
        (json!({ "type": "response.create", "model": "own" }), 400, "missing_required_parameter"),
        (json!({ "type": "response.create", "model": "none", "input": "a" }), 404, "model_not_found"),
        (
            json!({ "type": "response.create", "model": "none", "input": "a", "generate": false }),
            404,
            "model_not_found",
        ),
        (
            json!({ "type": "response.create", "model": "own", "input": "a", "previous_response_id": "resp_x" }),
            400,
            "previous_response_not_found",
        ),
        (json!({ "type": "response.cancel" }), 400, "invalid_value"),
        (json!([]), 400, "invalid_json"),
    ] {
        client.say(&message);
        let events = client.events();
        let error = &events[0];
        assert_eq!((&error["status"], &error["error"]["code"]), (&json!(status), &json!(code)), "{error}");
    }
    client.say(&json!({ "type": "response.create", "model": "own-cut", "input": "a" }));
    let kinds: Vec<_> = client.events().iter().map(|event| event["type"].clone()).collect();
    assert!(kinds.ends_with(&[json!("error"), json!("response.failed")]), "{kinds:?}");
    client.0.send(Message::Ping("p".into())).unwrap();
    assert!(matches!(client.0.read().unwrap(), Message::Pong(_)));
    assert_eq!(text(&client.ask(json!({ "model": "own", "input": "a" }))), scripted::TEXT);
}

#[test]
fn requests_that_come_meanwhile_wait_for_their_turn() {
    let house = House::start();
    let mut client = Client::connect(&house, &house.gateway.key);
    for model in ["own-slow", "own", "own"] {
        client.say(&json!({ "type": "response.create", "model": model, "input": "a" }));
    }
    for _ in 0..3 {
        let events = client.events();
        assert_eq!(events[0]["type"], "response.created", "{events:?}");
        assert_eq!(text(&events.last().unwrap()["response"]), scripted::TEXT);
    }
}

#[test]
fn who_is_not_known_gets_no_socket_and_who_leaves_ends_the_exchange() {
    let house = House::start();
    let upgrade = |key: &str| {
        Request::get("/v1/responses")
            .bearer(key)
            .header("upgrade", "websocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
            .send(house.gateway.callers)
    };
    assert_eq!(upgrade("rl-none").status, 401);
    assert_eq!(Request::get("/v1/responses").bearer(&house.gateway.key).send(house.gateway.callers).status, 405);
    let mut client = Client::connect(&house, &house.gateway.key);
    client.say(&json!({ "type": "response.create", "model": "gpt-slow", "input": "a" }));
    while !client.0.read().unwrap().to_text().unwrap_or_default().contains("delta") {}
    drop(client);
    super::super::until("it is recorded", || record(&house.gateway)["outcome"] == "abandoned");
}

#[test]
fn a_warm_up_takes_one_of_the_requests_that_its_key_has() {
    let house = House::start();
    let slow = house.made_key(&json!({ "limits": { "requests_per_minute": 1 } }));
    let mut client = Client::connect(&house, &slow);
    let warm = json!({ "model": "own", "generate": false, "input": "a" });
    assert_eq!(client.ask(warm.clone())["status"], "completed");
    let error = client.refused(warm);
    assert_eq!((&error["status"], &error["error"]["code"]), (&json!(429), &json!("rate_limit_exceeded")), "{error}");
}

#[test]
fn what_waits_on_a_connection_is_no_more_than_a_body_may_be() {
    let house = House::with("server.body_max = '64KiB'");
    let mut client = Client::connect(&house, &house.gateway.key);
    client.say(&json!({ "type": "response.create", "model": "own-slow", "input": "a" }));
    super::super::until("it is asked", || house.scripted.count() == 1);
    let large = json!({ "type": "response.create", "model": "own", "input": "x".repeat(40 << 10) });
    client.say(&large);
    client.say(&large);
    let mut kinds = Vec::new();
    while kinds.iter().filter(|kind| *kind == "response.completed").count() < 2 {
        let Message::Text(text) = client.0.read().unwrap() else { continue };
        let event: Value = serde_json::from_str(&text).unwrap();
        if event["type"] == "error" {
            assert_eq!(event["error"]["code"], "too_many_requests", "{event}");
        }
        kinds.push(event["type"].as_str().unwrap().to_owned());
    }
    assert_eq!(kinds.iter().filter(|kind| *kind == "error").count(), 1, "{kinds:?}");
    assert_eq!(house.scripted.count(), 2);
}

#[test]
fn a_key_has_so_many_connections_and_no_more() {
    let house = House::start();
    let other = house.made_key(&json!({}));
    let mut open: Vec<_> = (0..64).map(|_| Client::connect(&house, &house.gateway.key)).collect();
    let one_more = || {
        Request::get("/v1/responses")
            .bearer(&house.gateway.key)
            .header("connection", "upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
    };
    let answer = one_more().send(house.gateway.callers);
    assert_eq!((answer.status, &answer.json()["error"]["code"]), (429, &json!("too_many_sockets")), "{}", answer.body);
    Client::connect(&house, &other);
    drop(open.pop());
    super::super::until("there is room again", || one_more().open(house.gateway.callers).status == 101);
}

#[test]
fn what_waits_when_the_gateway_stops_is_not_begun() {
    let house = House::start();
    let mut client = Client::connect(&house, &house.gateway.key);
    for model in ["own-slow", "own", "own"] {
        client.say(&json!({ "type": "response.create", "model": model, "input": "a" }));
    }
    super::super::until("the first is asked", || house.scripted.count() == 1);
    let House { gateway, scripted, gpt: _gpt } = house;
    let stopped = std::thread::spawn(move || gateway.stop());
    assert_eq!(client.events().last().unwrap()["type"], "response.completed");
    assert!(matches!(client.0.read(), Ok(Message::Close(Some(close))) if u16::from(close.code) == 1001));
    stopped.join().unwrap();
    assert_eq!(scripted.count(), 1);
}
