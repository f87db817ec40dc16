//! What a response costs is charged before its end is shown, and where the money ends, so does the answer.

use serde_json::json;

use super::{House, events, response, text};
use crate::support::{Answer, Request};

impl House {
    /// A key of a prepaid account with so many dollars.
    fn with_balance(&self, amount: &str) -> String {
        let account = json!({ "id": "team", "kind": "prepaid" });
        assert_eq!(self.gateway.operator("POST", "/admin/accounts", Some(&account)).status, 201);
        let credit = json!({ "amount": amount, "reason": "paid", "idempotency": "a" });
        assert_eq!(self.gateway.operator("POST", "/admin/accounts/team/credit", Some(&credit)).status, 201);
        let made = self.gateway.operator("POST", "/admin/keys", Some(&json!({ "account": "team" }))).json();
        made["key"].as_str().unwrap().to_owned()
    }

    fn balance(&self) -> f64 {
        let accounts = self.gateway.operator("GET", "/admin/accounts", None).json();
        let account = accounts.as_array().unwrap().iter().find(|account| account["id"] == "team").unwrap();
        account["balance"].as_str().unwrap().parse().unwrap()
    }

    fn paid(&self, key: &str, model: &str, stream: bool) -> Answer {
        let body = json!({ "model": model, "stream": stream, "input": "Hello" });
        Request::post("/v1/responses", &body).bearer(key).send(self.gateway.callers)
    }
}

#[test]
fn an_answer_is_charged_once_and_told_with_its_end() {
    let house = House::start();
    let key = house.with_balance("1");
    for (stream, left) in [(false, 0.999_975_1), (true, 0.999_950_2)] {
        let answer = house.paid(&key, "own", stream);
        assert_eq!(response(&answer, stream)["usage"]["cost"].to_string(), "0.0000249", "{}", answer.body);
        assert!((house.balance() - left).abs() < 1e-12, "{}", house.balance());
    }
}

#[test]
fn who_has_no_money_is_not_answered() {
    let house = House::start();
    let key = house.with_balance("0.000001");
    for (model, stream) in [("own", false), ("own", true), ("gpt", true), ("claude", false)] {
        let answer = house.paid(&key, model, stream);
        assert_eq!(answer.status, 402, "{}", answer.body);
        assert_eq!(answer.json()["error"]["code"], "insufficient_balance", "{}", answer.body);
    }
    assert_eq!(house.scripted.count(), 0);
}

#[test]
fn where_the_money_ends_the_answer_is_incomplete() {
    for model in ["own-long", "gpt-long"] {
        let house = House::start();
        let key = house.with_balance("0.001");
        let answer = house.paid(&key, model, true);
        assert_eq!(answer.status, 200, "{}", answer.body);
        let response = response(&answer, true);
        assert_eq!(response["status"], "incomplete", "{model}: {}", answer.body);
        assert_eq!(response["incomplete_details"]["reason"], "max_output_tokens", "{response}");
        assert_eq!(response["roundelay"]["stop"], "budget", "{response}");
        let shown: String = events(&answer.body)
            .iter()
            .filter(|event| event["type"] == "response.output_text.delta")
            .map(|event| event["delta"].as_str().unwrap())
            .collect();
        assert_eq!(text(&response), shown, "what was shown, and no more: {response}");
        assert!(!shown.is_empty() && house.balance() >= 0.0, "{}", house.balance());
        assert!(response["usage"]["cost"].as_f64().unwrap() <= 0.001, "{response}");
    }
}
