//! Records can be read as soon as the caller has its answer, and previews say what would be done.

use serde_json::{Value, json};

use super::config;
use crate::support::{Request, TestGateway, Upstream};

#[test]
fn an_answered_exchange_is_recorded_by_the_time_the_caller_knows() {
    let upstream = Upstream::start();
    let gateway = TestGateway::start(&config(&upstream));
    let answer = gateway.chat("sturdy");
    assert_eq!(answer.status, 200, "{}", answer.body);
    let id = answer.header("x-roundelay-exchange").unwrap();
    let record = gateway.operator("GET", &format!("/admin/exchanges/{id}"), None).json();
    assert_eq!(
        (&record["id"], &record["asked"], &record["outcome"]),
        (&json!(id), &json!("sturdy"), &json!("answered"))
    );
    let attempts = record["attempts"].as_array().unwrap();
    assert!(attempts.len() >= 2, "the broken member was tried first: {record}");
    assert_eq!(attempts[0]["status"], 503);
    assert_eq!(attempts[attempts.len() - 1]["outcome"], "answered");
    assert_eq!(record["decision"]["target"], "sturdy");
}

#[test]
fn the_list_goes_back_page_by_page() {
    let upstream = Upstream::start();
    let gateway = TestGateway::start(&config(&upstream));
    let asked: Vec<String> =
        (0..5).map(|_| gateway.chat("first").header("x-roundelay-exchange").unwrap().to_owned()).collect();
    let page = |query: &str| -> Vec<String> {
        let answer = gateway.operator("GET", &format!("/admin/exchanges{query}"), None);
        assert_eq!(answer.status, 200, "{query}: {}", answer.body);
        let ids = |record: &Value| record["id"].as_str().unwrap().to_owned();
        answer.json().as_array().unwrap().iter().map(ids).collect()
    };
    let newest_first: Vec<String> = asked.iter().rev().cloned().collect();
    assert_eq!(page(""), newest_first);
    assert_eq!(page("?limit=2"), newest_first[..2]);
    assert_eq!(page(&format!("?limit=2&before={}", newest_first[1])), newest_first[2..4]);
    assert_eq!(page("?outcome=answered&model=first&account=default&limit=1"), newest_first[..1]);
    for query in ["?outcome=failed", "?model=second", "?account=nobody", "?key=nobody", "?since_ms=4102444800000"] {
        assert_eq!(page(query), [""; 0], "{query}");
    }
    for query in ["?limit=0", "?limit=1001", "?limit=x", "?before=y", "?befor=x"] {
        assert_eq!(gateway.operator("GET", &format!("/admin/exchanges{query}"), None).status, 400, "{query}");
    }
}

#[test]
fn usage_adds_up_by_what_is_asked() {
    let upstream = Upstream::start();
    let gateway = TestGateway::start(&config(&upstream));
    let mut output = 0;
    for _ in 0..3 {
        let answer = gateway.chat("first").json();
        output += answer["usage"]["completion_tokens"].as_u64().unwrap();
    }
    assert_eq!(gateway.chat("nobody").status, 404);
    let usage = |query: &str| gateway.operator("GET", &format!("/admin/usage{query}"), None).json();
    let total = &usage("")["total"];
    assert_eq!((&total["exchanges"], &total["output"]), (&json!(4), &json!(output)));
    let outcomes = usage("?by=outcome,model");
    let rows: Vec<_> = outcomes["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (&row["outcome"], &row["model"], &row["exchanges"]))
        .collect();
    assert_eq!(rows, [(&json!("answered"), &json!("first"), &json!(3)), (&json!("refused"), &Value::Null, &json!(1))]);
    assert_eq!(&outcomes["total"], total, "however it is told apart");
    assert_eq!(usage("?by=account&account=default")["rows"][0]["output"], json!(output));
    assert_eq!(usage("?model=first")["total"]["exchanges"], 3);
    assert_eq!(usage("?since_ms=4102444800000")["total"]["exchanges"], 0);
    for query in ["?by=colour", "?by=", "?last=3", "?account=a%20b", "?since_ms=2&until_ms=1"] {
        assert_eq!(gateway.operator("GET", &format!("/admin/usage{query}"), None).status, 400, "{query}");
    }
}

#[test]
fn a_preview_shows_shares_and_why_others_are_left_out() {
    let upstream = Upstream::start();
    let gateway = TestGateway::start(&config(&upstream));
    let ask = |question: Value| gateway.operator("POST", "/admin/route", Some(&question)).json();
    let preview = ask(json!({ "model": "assistant", "at": "2027-01-31T17:30:00+08:00" }));
    let shares: Vec<_> =
        preview["candidates"].as_array().unwrap().iter().map(|one| (&one["model"], &one["share"])).collect();
    assert_eq!(shares[..2], [(&json!("first"), &json!(0.6)), (&json!("second"), &json!(0.4))]);
    assert_eq!(preview["at"], "2027-01-31T09:30:00Z");
    let long = ask(json!({ "model": "assistant", "input_tokens": 5000 }));
    let last = long["candidates"].as_array().unwrap().iter().find(|one| one["model"] == "last").unwrap();
    assert_eq!(last["excluded"]["reason"], "window");
    assert_eq!(upstream.control.requests(), 0, "nothing was sent");
}

#[test]
fn a_stream_is_recorded_with_its_first_content() {
    let upstream = Upstream::start();
    let gateway = TestGateway::start(&config(&upstream));
    let body = json!({ "model": "slow", "stream": true, "messages": [{ "role": "user", "content": "Hello" }] });
    let request = Request::post("/v1/chat/completions", &body).bearer(&gateway.key);
    let mut open = request.open(gateway.callers);
    assert_eq!(open.status, 200);
    let is_stream = |(name, value): &(String, String)| name == "content-type" && value.starts_with("text/event-stream");
    assert!(open.headers.iter().any(is_stream), "{:?}", open.headers);
    assert!(open.piece().starts_with(b"data: "));
    let rest = open.finish().body;
    assert!(rest.ends_with("data: [DONE]\n\n"), "{rest}");
    let record = &gateway.operator("GET", "/admin/exchanges", None).json()[0];
    assert_eq!((&record["stream"], &record["outcome"]), (&json!(true), &json!("answered")));
    let (first, whole) = (record["first_content_us"].as_u64().unwrap(), record["duration_us"].as_u64().unwrap());
    assert!(whole > first + 20_000, "some words came 20 ms apart: {record}");
}
