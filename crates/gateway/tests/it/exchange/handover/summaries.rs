//! Summaries are made before they are needed, paid by whose conversation it is, and found by nobody else.

use std::time::{Duration, Instant};

use roundelay_ledger::Limits;
use serde_json::{Value, json};

use super::{House, SUMMARY, conversation, header, until};
use crate::support::{Paced, Told};

const SUMMARISER: &str = "[handover]\nsummariser = 'sum'\nafter = 2000\nevery = 2000\nverbatim = 500\n";

impl House {
    fn waits_for_a_summary(&self, count: u64) {
        until("a summary is made", || self.metric(r#"roundelay_summaries_total{outcome="made"}"#) == count);
    }

    fn records(&self) -> Vec<Value> {
        self.gateway.operator("GET", "/admin/exchanges?limit=20", None).json().as_array().unwrap().clone()
    }
}

#[test]
fn a_summary_is_there_when_it_is_needed() {
    let house = House::start(SUMMARISER);
    let limits = Limits { requests_per_minute: Some(3), ..Limits::default() };
    let key = house.key_with("acme", Some(vec!["talk".to_owned()]), limits);
    let ask = |body: &Value| house.ask_as(&key, "/v1/chat/completions", body);
    let answer = ask(&conversation("talk"));
    assert_eq!((answer.status, header(&answer, "handover")), (200, Some("none")), "{}", answer.body);
    house.waits_for_a_summary(1);
    let question = house.summariser.last().json();
    assert!(question.to_string().contains("blue-42") && !question.to_string().contains("Which shelf"), "{question}");
    assert_eq!(question["max_tokens"].as_u64().or_else(|| question["max_completion_tokens"].as_u64()), Some(1_000));

    // The same again: it has one.
    assert_eq!(ask(&conversation("talk")).status, 200);
    house.falls_ill();
    let answer = ask(&conversation("talk"));
    assert_eq!((answer.status, header(&answer, "handover")), (200, Some("summary")), "{}", answer.body);
    assert!(house.small.last().body.contains(SUMMARY), "{}", house.small.last().body);
    assert_eq!(house.summariser.all().len(), 1);

    // It is an exchange of its own, of the same key, and names the one it serves.
    let records = house.records();
    let errand = records.iter().find(|record| record["decision"]["purpose"] == "summary").unwrap();
    let first = records.last().unwrap();
    assert_eq!((&errand["account"], &errand["key"]), (&first["account"], &first["key"]));
    assert_eq!((&errand["asked"], &errand["decision"]["serves"]), (&json!("sum"), &first["id"]), "{errand}");
    let entries = house.gateway.operator("GET", "/admin/entries?limit=20", None).json();
    let own: Vec<&Value> =
        entries.as_array().unwrap().iter().filter(|entry| entry["exchange"] == errand["id"]).collect();
    assert_eq!(own.len(), 1, "{entries}");
    assert_eq!((&own[0]["kind"], &own[0]["account"]), (&json!("charge"), &json!("acme")), "{entries}");
}

#[test]
fn it_is_made_anew_over_the_one_before_when_the_conversation_has_grown() {
    let house = House::start(SUMMARISER);
    let mut body = conversation("talk");
    assert_eq!(house.ask(&body).status, 200);
    house.waits_for_a_summary(1);
    let messages = body["messages"].as_array_mut().unwrap();
    let news = format!("The new word is red-7. {}", "We walked on to the next hall. ".repeat(300));
    messages
        .extend([json!({ "role": "assistant", "content": news }), json!({ "role": "user", "content": "And now?" })]);
    messages.extend([
        json!({ "role": "assistant", "content": "A door." }),
        json!({ "role": "user", "content": "Open it." }),
    ]);
    assert_eq!(house.ask(&body).status, 200);
    house.waits_for_a_summary(2);
    let question = house.summariser.last().body;
    assert!(question.contains(SUMMARY) && question.contains("red-7"), "{question}");
    assert!(!question.contains("one vase, two bowls"), "what the summary stands for is not told again");
}

#[test]
fn another_account_with_the_same_words_finds_nothing() {
    let house = House::start(SUMMARISER);
    let (mine, other) = (house.key_of("mine"), house.key_of("other"));
    assert_eq!(house.ask_as(&mine, "/v1/chat/completions", &conversation("talk")).status, 200);
    house.waits_for_a_summary(1);
    house.falls_ill();
    for (key, expected) in [(&mine, "summary"), (&other, "extract")] {
        let answer = house.ask_as(key, "/v1/chat/completions", &conversation("talk"));
        assert_eq!((answer.status, header(&answer, "handover")), (200, Some(expected)), "{}", answer.body);
    }
}

#[test]
fn none_is_made_of_what_is_short_or_never_handed_over() {
    let house = House::start(SUMMARISER);
    let short = json!({ "model": "talk", "messages": [{ "role": "user", "content": "Hello" }] });
    for body in [short, conversation("whole"), conversation("big")] {
        assert_eq!(house.ask(&body).status, 200);
    }
    // What a key is limited to is its caller's.
    let limited = Limits { tokens_per_minute: Some(1_000_000), ..Limits::default() };
    let key = house.key_with("limited", None, limited);
    assert_eq!(house.ask_as(&key, "/v1/chat/completions", &conversation("talk")).status, 200);
    // One that is made after them shows that they had their turn.
    assert_eq!(house.ask(&conversation("talk")).status, 200);
    house.waits_for_a_summary(1);
    let records = house.records();
    let mut errands = records.iter().filter(|record| record["decision"]["purpose"] == "summary");
    assert!(errands.all(|errand| errand["account"] == "default"), "{records:?}");
    assert_eq!(house.summariser.all().len(), 1);
}

#[test]
fn who_cannot_pay_for_one_has_none() {
    let house = House::start(
        &format!(
            "{SUMMARISER}[models.dear]\ndeployments = ['sum/dear']\n\
         price = {{ input = 1000000.0, output = 1000000.0 }}\n"
        )
        .replace("'sum'", "'dear'"),
    );
    let made = house.gateway.operator("POST", "/admin/accounts", Some(&json!({ "id": "poor", "kind": "prepaid" })));
    assert!(made.status < 300, "{}", made.body);
    let credit = json!({ "amount": "1.00", "reason": "paid", "idempotency": "one" });
    let paid = house.gateway.operator("POST", "/admin/accounts/poor/credit", Some(&credit));
    let key = house.key_of("poor");
    let answer = house.ask_as(&key, "/v1/chat/completions", &conversation("talk"));
    assert_eq!(answer.status, 200, "{} {}", answer.body, paid.body);
    until("it is not made", || house.metric(r#"roundelay_summaries_total{outcome="unpaid"}"#) == 1);
    assert!(house.summariser.all().is_empty());
    assert_eq!(house.gateway.gateway.billing.open_holds(), 0);
}

#[test]
fn what_is_sealed_survives_a_restart_and_another_key_reads_nothing() {
    let sealed = |letter: &str| format!("{SUMMARISER}keep = 'sealed'\nkey = '{}'\n", letter.repeat(32));
    let house = House::start(&sealed("k"));
    assert_eq!(house.ask(&conversation("talk")).status, 200);
    house.waits_for_a_summary(1);
    let data = house.gateway.data();
    let mut folder = house.gateway.stop();
    for name in ["roundelay.db", "roundelay.db-wal"] {
        let bytes = std::fs::read(data.join(name)).or_else(|_| std::fs::read(folder.path().join("data").join(name)));
        let text = String::from_utf8_lossy(&bytes.unwrap_or_default()).into_owned();
        assert!(!text.contains("Okafor"), "it stands in {name}");
    }
    for (letter, expected) in [("k", "summary"), ("x", "extract"), ("k", "summary")] {
        let house = House::start_in(folder, &sealed(letter));
        house.falls_ill();
        let answer = house.ask(&conversation("talk"));
        assert_eq!((answer.status, header(&answer, "handover")), (200, Some(expected)), "{letter}: {}", answer.body);
        folder = house.gateway.stop();
    }
}

#[test]
fn nobody_waits_for_a_summariser() {
    let slow = Paced::start(|_| Told::events([(8_000, "data: [DONE]\n\n")]));
    let more = format!(
        "{SUMMARISER}[providers.slow]\nbase_url = 'http://{}/v1'\napi_keys = ['sk-x']\n\
         [models.slow]\ndeployments = ['slow/slow']\nprice = {{ input = 1.0, output = 1.0 }}\n",
        slow.address
    )
    .replace("'sum'", "'slow'");
    let house = House::start(&more);
    assert_eq!(house.ask(&conversation("talk")).status, 200);
    until("the summariser is asked", || !slow.heard().is_empty() || house.gateway.gateway.billing.open_holds() > 0);
    house.falls_ill();
    let began = Instant::now();
    let answer = house.ask(&conversation("talk"));
    assert_eq!((answer.status, header(&answer, "handover")), (200, Some("extract")), "{}", answer.body);
    assert!(began.elapsed() < Duration::from_secs(3), "a failover waits for nobody: {:?}", began.elapsed());
    let began = Instant::now();
    drop(house.gateway.stop());
    assert!(began.elapsed() < Duration::from_secs(5), "nor does a shutdown: {:?}", began.elapsed());
}
