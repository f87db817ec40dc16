//! What the record, the sums and the caller are told of an answer by several: each attempt's tokens and money are its own.

use serde_json::{Value, json};

use super::{ANSWER, House, ON, Words};
use crate::exchange::record;

/// The record as `explain` reads it, and usage by model: exchanges, unpriced ones, input and output.
fn told(house: &House) -> (Value, Vec<(String, [u64; 4])>) {
    let id = record(&house.gateway)["id"].as_str().unwrap().to_owned();
    let record = house.gateway.operator("GET", &format!("/admin/exchanges/{id}"), None).json();
    let usage = house.gateway.operator("GET", "/admin/usage?by=model", None).json();
    let row = |row: &Value| {
        let counts = ["exchanges", "unpriced", "input", "output"].map(|field| row[field].as_u64().unwrap());
        (row["model"].as_str().unwrap().to_owned(), counts)
    };
    (record, usage["rows"].as_array().unwrap().iter().map(row).collect())
}

/// What is charged and lost adds up to what the providers bill, in all and attempt by attempt.
#[track_caller]
fn check_sums(record: &Value) {
    let of = |value: &Value, name: &str| value[name].as_i64().unwrap_or_else(|| panic!("no {name}: {record}"));
    let attempts = record["attempts"].as_array().unwrap();
    // Who costs nothing has no entries.
    let money = |attempt: &Value, name: &str| attempt[name].as_i64().unwrap_or(0);
    for name in ["charged_nano", "lost_nano"] {
        assert_eq!(attempts.iter().map(|attempt| money(attempt, name)).sum::<i64>(), of(record, name), "{record}");
    }
    assert_eq!(of(record, "charged_nano") + of(record, "lost_nano"), of(record, "cost_nano"), "{record}");
    for attempt in attempts {
        let (charged, lost) = (money(attempt, "charged_nano"), money(attempt, "lost_nano"));
        assert_eq!(charged + lost, of(&attempt["part"], "cost_nano"), "{record}");
    }
    for count in ["input", "output"] {
        let parts: i64 = attempts.iter().map(|attempt| of(&attempt["part"]["usage"], count)).sum();
        assert_eq!(parts, of(&record["usage"], count), "{record}");
    }
}

#[test]
fn each_attempts_tokens_and_money_are_its_own() {
    for second in ["messages/rest", "messages/rest!"] {
        let house = House::with("", &[("pool", &["chat/cut-5", second], ON)]);
        house.ask(Words::Chat, "pool");
        let (record, by_model) = told(&house);
        check_sums(&record);
        let output = record["usage"]["output"].as_u64().unwrap();
        let model = record["model"].as_str().unwrap().to_owned();
        let expected = [("chat-cut-5".to_owned(), [0, 0, 0, 5]), (model, [1, 0, 100, output - 5])];
        assert_eq!(by_model, expected, "{record}");
        assert_eq!(record["usage"]["estimated"], true, "nobody counted what the first said: {record}");
        let losses = house.gateway.operator("GET", "/admin/entries?kind=loss", None).json();
        let whose = json!([losses[0]["account"], losses[0]["asked_by"]]);
        assert_eq!(whose, json!([null, "default"]), "the house's, for what this account asked: {losses}");
    }
}

/// What costs nothing has a price, and its tokens count like any other's.
#[test]
fn the_tokens_of_who_costs_nothing_are_in_the_sums() {
    let free_and_cut = ["chat/cut-5", "messages/cut-7="];
    for members in [["chat/cut-5=", "messages/rest"], ["chat/cut-5", "messages/rest="], free_and_cut] {
        let house = House::with("", &[("pool", &members, ON)]);
        house.ask(Words::Chat, "pool");
        let (record, by_model) = told(&house);
        check_sums(&record);
        for (at, count) in [(2, "input"), (3, "output")] {
            let sum: u64 = by_model.iter().map(|(_, counts)| counts[at]).sum();
            assert_eq!(sum, record["usage"][count].as_u64().unwrap(), "{by_model:?}: {record}");
        }
        assert!(by_model.len() == 2 && by_model.iter().all(|(_, counts)| counts[3] > 0), "{by_model:?}");
        assert!(by_model.iter().all(|(_, counts)| counts[1] == 0), "all have a price: {by_model:?}");
    }
    let house = House::with("", &[("alone", &["chat/cut-5="], "")]);
    house.ask(Words::Chat, "alone");
    let (record, by_model) = told(&house);
    assert_eq!((&record["cost_nano"], by_model[0].1), (&json!(0), [1, 0, 0, 5]), "{by_model:?}: {record}");
}

#[test]
fn an_answer_by_several_is_counted_once_as_estimated() {
    let house = House::with("", &[("pool", &["chat/cut-5", "chat/cut-7", "messages/rest"], ON)]);
    let (read, body) = house.ask(Words::Chat, "pool");
    assert_eq!((&*read.text, house.outcomes().len()), (ANSWER, 3), "{body}");
    let folder = house.gateway.stop();
    let store = rusqlite::Connection::open(folder.path().join("data/roundelay.db")).unwrap();
    let sums = "SELECT sum(exchanges), sum(estimated) FROM usage_hours";
    let sums: (i64, i64) = store.query_row(sums, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    assert_eq!(sums, (1, 1));
}

#[test]
fn one_attempt_alone_has_no_part_of_its_own() {
    let house = House::with("", &[("pool", &["chat/rest"], ON), ("cut", &["chat/cut-5"], "")]);
    for pool in ["pool", "cut"] {
        house.ask(Words::Chat, pool);
        let (record, _) = told(&house);
        let attempts = record["attempts"].as_array().unwrap();
        assert!(attempts.len() == 1 && attempts[0].get("part").is_none(), "{record}");
        let sum = record["charged_nano"].as_i64().unwrap() + record["lost_nano"].as_i64().unwrap();
        assert_eq!(record["cost_nano"], sum, "{record}");
    }
}

#[test]
fn who_began_another_answer_is_not_whose_answer_was_shown() {
    let house = House::with("", &[("pool", &["chat/cut-5", "messages/other!"], ON)]);
    house.ask(Words::Chat, "pool");
    let (record, by_model) = told(&house);
    assert_eq!((&record["deployment"], &record["usage"]["output"]), (&json!("chat/cut-5"), &json!(5)), "{record}");
    let [(cut, counted), (other, nothing)] = &by_model[..] else { panic!("{by_model:?}") };
    assert_eq!((&**cut, counted[0], counted[3]), ("chat-cut-5", 1, 5), "{by_model:?}");
    assert_eq!((&**other, nothing), ("messages-other!", &[0; 4]), "{by_model:?}");
}

/// A part without a price makes the whole one without a price, whichever it is.
#[test]
fn what_is_in_part_without_a_price_is_not_said_to_cost_nothing() {
    for members in [["chat/cut-5?", "messages/rest"], ["chat/cut-5", "messages/rest?"]] {
        let house = House::with("", &[("pool", &members, ON)]);
        let (read, body) = house.ask(Words::Chat, "pool");
        assert_eq!((&*read.text, read.usage.get("cost")), (ANSWER, None), "{body}");
        let (record, by_model) = told(&house);
        assert!(record["cost_nano"].is_null() && record["charged_nano"].as_i64().is_some(), "{record}");
        let unpriced: Vec<(&str, u64)> = by_model.iter().map(|(model, counts)| (&**model, counts[1])).collect();
        let without = usize::from(members[1].ends_with('?'));
        assert_eq!(unpriced.iter().position(|(model, _)| model.ends_with('?')), Some(without), "{unpriced:?}");
        assert!(unpriced.iter().all(|(model, count)| *count == u64::from(model.ends_with('?'))), "{unpriced:?}");
    }
    // What was billed and shown to nobody has a price; the answer has none.
    let house = House::with("whole_answers = 'streamed'\n", &[("pool", &["chat/cut-6", "chat/rest?"], "")]);
    let answer = house.ask_with(Words::Chat, "pool", json!({ "stream": false, "stream_options": null }));
    assert_eq!((answer.status, answer.header("x-roundelay-cost")), (200, None), "{}", answer.body);
    assert!(answer.json()["usage"].get("cost").is_none(), "{}", answer.body);
}

/// The last data of a stream.
fn last_data(body: &str) -> Value {
    let data = body.lines().rfind(|line| line.starts_with("data: {")).unwrap();
    serde_json::from_str(&data["data: ".len()..]).unwrap()
}

#[test]
fn the_error_of_a_cut_is_one_of_its_stream_and_names_the_exchange_and_its_attempts() {
    let house = House::with("", &[("pool", &["chat/cut-5", "messages/other!"], ON), ("alone", &["chat/cut-5"], "")]);
    for caller in Words::ALL {
        let (_, body) = house.ask(caller, "pool");
        let record = record(&house.gateway);
        let id = record["id"].as_str().unwrap();
        let error = last_data(&body);
        let (named, attempts) = match caller {
            Words::Chat => {
                let chunk = json!([error["id"], error["created"], error["model"], error["object"]]);
                assert_eq!(chunk, json!(["up", 7, "up", "chat.completion.chunk"]), "{body}");
                (&error["error"]["request_id"], &error["roundelay"]["attempts"])
            }
            Words::Messages => (&error["request_id"], &error["roundelay"]["attempts"]),
            Words::Responses => {
                let first = body.lines().find(|line| line.contains("\"type\":\"error\"")).unwrap();
                assert!(first.contains(id), "{body}");
                (&record["id"], &error["response"]["roundelay"]["attempts"])
            }
            Words::Gemini => {
                let details = error["error"]["details"].as_array().unwrap();
                (&details.last().unwrap()["requestId"], &error["roundelay"]["attempts"])
            }
        };
        assert_eq!(named, id, "{caller:?}: {body}");
        let attempts: Vec<_> = attempts.as_array().unwrap().iter().map(|one| &one["deployment"]).collect();
        // Who began another answer showed nothing of it, and was paid nothing.
        assert_eq!(attempts, [&json!("chat/cut-5")], "{caller:?}: {body}");
        assert!(!body.contains("seam"), "nothing of another is shown: {body}");
    }
    let (_, body) = house.ask(Words::Chat, "alone");
    let error = last_data(&body);
    assert_eq!((&error["id"], &error["error"]["request_id"]), (&json!("up"), &record(&house.gateway)["id"]), "{body}");
}

#[test]
fn the_record_says_why_a_cut_was_not_carried_on() {
    #[track_caller]
    fn check(members: &[&str], settings: &str, more: Value, why: &str, outcome: &str) {
        let house = House::with("", &[("pool", members, settings)]);
        let body = house.ask_with(Words::Chat, "pool", more).body;
        let (record, _) = told(&house);
        let told = record["decision"]["not_carried_on"].as_str().unwrap_or_else(|| panic!("{record}"));
        assert!(told.contains(why), "{told}");
        assert!(body.contains(told), "the caller is told the same: {body}");
        let metrics = house.gateway.operator("GET", "/metrics", None).body;
        let counted = format!("roundelay_continuations_total{{outcome=\"{outcome}\"}} 1");
        assert!(metrics.contains(&counted), "{metrics}");
    }
    let (none, both) = (json!({}), ["chat/cut-5", "chat/rest"]);
    check(&both, ON, json!({ "response_format": { "type": "json_object" } }), "a format was asked for", "none");
    check(&both, "continuation = true\nattempts = 1", none.clone(), "its attempts are used up", "none");
    check(&["chat/cut-5", "messages/other!"], ON, none.clone(), "another way", "diverged");
    let two = "continuation = true\nattempts = 2";
    check(&["chat/cut-5", "messages/overloaded"], two, none, "no other model could", "refused");
    // Who is left has no room for the whole, and goes on with no part of it.
    let long = json!({ "messages": [{ "role": "user", "content": "Tell me more of it. ".repeat(1_000) }] });
    check(&["chat/cut-5", "chat/cut-5~"], "continuation = true\nattempts = 5", long, "has room for", "none");
}

#[test]
fn the_record_says_how_an_answer_was_carried_on() {
    let house = House::with("", &[("pool", &["chat/cut-5", "messages/refuses"], ON)]);
    house.ask(Words::Chat, "pool");
    let (record, _) = told(&house);
    let seam = &record["decision"]["seams"][0];
    assert_eq!(json!([seam["way"], seam["refused"], seam["end"]]), json!(["again", "prefill", "ended"]), "{record}");
    assert!(record["decision"].get("not_carried_on").is_none(), "{record}");
    let metrics = house.gateway.operator("GET", "/metrics", None).body;
    assert!(metrics.contains("roundelay_continuations_total{outcome=\"carried\"} 1"), "{metrics}");
    let house = House::with("", &[("pool", &["chat/cut-5", "messages/other!"], ON)]);
    house.ask(Words::Chat, "pool");
    assert_eq!(told(&house).0["decision"]["seams"][0]["end"], "diverged");
}

#[test]
fn what_the_first_says_of_its_server_stands_in_all_chunks() {
    let house = House::with("", &[("pool", &["chat/printed-5", "messages/rest"], ON)]);
    let (read, body) = house.ask(Words::Chat, "pool");
    assert_eq!(read.text, ANSWER, "{body}");
    let chunks = body.lines().filter(|line| line.starts_with("data: {"));
    let printed = |line: &str| line.matches("\"system_fingerprint\":\"fp_1\"").count() == 1;
    assert!(chunks.clone().count() > 5 && chunks.clone().all(printed), "{body}");
}
