//! Where the money ends: refused with what is short, or stopped at the last token that is paid.

use std::thread;

use roundelay_ledger::{EntryKind, Money};
use serde_json::Value;

use super::{Team, question, stops, sum, works_on};
use crate::{exchange::gemini::scripted::Scripted, support::Request};

/// What an answer of 20 words to ten costs.
const ANSWER: i64 = 50_000;

#[test]
fn a_thousand_streams_on_a_balance_for_four_hundred_never_spend_more_than_there_is() {
    let team = Team::with(Money::from_nano(400 * ANSWER));
    let mut body = question("words-20-slow-words-1ms", true);
    body["max_tokens"] = 20.into();
    let answers: Vec<(u16, String)> = thread::scope(|scope| {
        let callers: Vec<_> = (0..1_000)
            .map(|_| {
                scope.spawn(|| {
                    let answer = team.ask(&body).send(team.gateway.callers);
                    (answer.status, answer.body)
                })
            })
            .collect();
        callers.into_iter().map(|caller| caller.join().unwrap()).collect()
    });
    let served = answers.iter().filter(|(status, _)| *status == 200).count();
    for (status, body) in answers.iter().filter(|(status, _)| *status != 200) {
        assert_eq!(*status, 402, "{body}");
        let error = &serde_json::from_str::<Value>(body).unwrap()["error"];
        assert_eq!(error["code"], "insufficient_balance", "{body}");
        assert!(error["message"].as_str().unwrap().contains("account `team`"), "{body}");
    }
    assert!((100..=400).contains(&served), "{served} were served");
    let books = team.books();
    assert_eq!(sum(&books, EntryKind::Charge), served as i64 * ANSWER);
    assert_eq!(sum(&books, EntryKind::Loss), 0);
}

#[test]
fn streams_that_run_dry_together_cost_the_house_nothing() {
    for adapt in [works_on, stops] {
        // Enough for some hundreds of the 2,000 words of each.
        let team = Team::configured(Money::from_nano(3_000_000), adapt);
        let answers: Vec<_> = thread::scope(|scope| {
            let ask = |_| scope.spawn(|| team.ask(&question("words-2000", true)).send(team.gateway.callers));
            let callers: Vec<_> = (0..5).map(ask).collect();
            callers.into_iter().map(|caller| caller.join().unwrap()).collect()
        });
        for answer in answers.iter().filter(|answer| answer.status == 200) {
            assert!(answer.body.contains("\"finish_reason\":\"length\""), "{}", answer.body);
            assert!(answer.body.ends_with("data: [DONE]\n\n"), "{}", answer.body);
        }
        assert!(answers.iter().any(|answer| answer.status == 200));
        assert_eq!(sum(&team.books(), EntryKind::Loss), 0);
    }
}

#[test]
fn what_the_money_reaches_for_is_delivered_to_the_last_token() {
    let team = Team::configured(Money::from_nano(1_300_000), stops);
    let answer = team.ask(&question("words-2000-slow-words-1ms", true)).send(team.gateway.callers);
    // The provider stopped where it was told to; the gateway, whose own count is a bound, had no reason to. The caller
    // reads whose limit it was.
    assert_eq!(answer.body.matches("\"finish_reason\":\"length\"").count(), 1, "{}", answer.body);
    assert!(
        answer.body.contains("\"choices\":[],\"roundelay\":{\"stop\":\"budget\"}}\n\ndata: [DONE]"),
        "{}",
        answer.body
    );
    let books = team.books();
    assert!(sum(&books, EntryKind::Charge) > 1_100_000, "{books:#?}");
}

#[test]
fn an_answer_that_is_not_streamed_is_bounded_by_what_there_is() {
    // 300 tokens of output at 2,000, and the bound of the input.
    let team = Team::with(Money::from_nano(700_000));
    let answer = team.ask(&question("words-2000", false)).send(team.gateway.callers);
    let body = answer.json();
    assert_eq!(body["choices"][0]["finish_reason"], "length", "{body}");
    assert_eq!(body["roundelay"]["stop"], "budget", "{body}");
    let charged = 10_000 + body["usage"]["completion_tokens"].as_i64().unwrap() * 2_000;
    assert_eq!(sum(&team.books(), EntryKind::Charge), charged);
}

#[test]
fn a_stream_that_is_cut_short_is_counted_for_who_asked() {
    let team = Team::configured(Money::from_nano(200_000), stops);
    let mut body = question("words-2000-deaf", true);
    body["max_tokens"] = 20.into();
    body["stream_options"] = serde_json::json!({ "include_usage": true });
    let answer = team.ask(&body).send(team.gateway.callers);
    let data: Vec<Value> = answer
        .body
        .split("\n\n")
        .filter_map(|event| serde_json::from_str(event.strip_prefix("data: ")?).ok())
        .collect();
    let usage = &data.last().unwrap()["usage"];
    let charged = sum(&team.books(), EntryKind::Charge);
    assert_eq!((usage["cost"].as_f64().unwrap() * 1e9).round() as i64, charged, "{}", answer.body);
    assert!(usage["completion_tokens"].is_u64() && answer.body.contains("budget"), "{}", answer.body);
}

#[test]
fn anthropics_callers_read_in_their_own_words_that_the_money_ended() {
    let team = Team::configured(Money::from_nano(200_000), stops);
    let mut body = question("words-2000-deaf", true);
    body["max_tokens"] = 20.into();
    let answer = Request::post("/v1/messages", &body).bearer(&team.key).send(team.gateway.callers);
    let events: Vec<Value> =
        answer.body.lines().filter_map(|line| serde_json::from_str(line.strip_prefix("data: ")?).ok()).collect();
    let count = |kind: &str| events.iter().filter(|event| event["type"] == kind).count();
    assert_eq!((count("message_start"), count("message_stop")), (1, 1), "{}", answer.body);
    assert_eq!(count("content_block_start"), count("content_block_stop"), "{}", answer.body);
    let [.., end, stop] = &events[..] else { panic!("{}", answer.body) };
    assert_eq!((&stop["type"], &end["type"]), (&"message_stop".into(), &"message_delta".into()), "{}", answer.body);
    assert_eq!((&end["delta"]["stop_reason"], &end["roundelay"]["stop"]), (&"max_tokens".into(), &"budget".into()));
    let charged = sum(&team.books(), EntryKind::Charge);
    assert_eq!((end["usage"]["cost"].as_f64().unwrap() * 1e9).round() as i64, charged, "{}", answer.body);
}

#[test]
fn who_has_nothing_is_refused_and_told_what_is_short() {
    let team = Team::with(Money::from_nano(1_000));
    for stream in [false, true] {
        let answer = team.ask(&question("words-20", stream)).send(team.gateway.callers);
        let error = &answer.json()["error"];
        assert_eq!((answer.status, &error["code"]), (402, &"insufficient_balance".into()), "{}", answer.body);
    }
    assert_eq!(team.books().len(), 1, "the top-up alone");
}

#[test]
fn without_a_price_a_prepaid_account_is_not_served_and_another_is() {
    let team = Team::with(Money::from_nano(1_000_000_000));
    let answer = team.ask(&question("unpriced", false)).send(team.gateway.callers);
    assert_eq!((answer.status, &answer.json()["error"]["code"]), (503, &"price_unknown".into()), "{}", answer.body);
    assert_eq!(team.gateway.chat("unpriced").status, 200);
}

#[test]
fn geminis_callers_read_in_their_own_words_that_the_money_ended() {
    let ask = |team: &Team, model: &str, verb: &str| {
        let body = serde_json::json!({
            "contents": [{ "parts": [{ "text": "one two three four five six seven eight nine ten" }] }],
            "generationConfig": { "maxOutputTokens": if verb == "generateContent" { 2_000 } else { 20 } },
        });
        let path = format!("/v1beta/models/{model}:{verb}");
        Request::post(&path, &body).header("x-goog-api-key", &team.key).send(team.gateway.callers)
    };
    let team = Team::configured(Money::from_nano(200_000), stops);
    let answer = ask(&team, "words-2000-deaf", "streamGenerateContent?alt=sse");
    let events: Vec<Value> =
        answer.body.lines().filter_map(|line| serde_json::from_str(line.strip_prefix("data: ")?).ok()).collect();
    let end = events.last().unwrap();
    assert_eq!(end["candidates"][0]["finishReason"], "MAX_TOKENS", "{}", answer.body);
    assert_eq!(end["roundelay"]["stop"], "budget", "{}", answer.body);
    assert_eq!(answer.body.matches("finishReason").count(), 1, "{}", answer.body);
    let charged = sum(&team.books(), EntryKind::Charge);
    assert_eq!((end["usageMetadata"]["cost"].as_f64().unwrap() * 1e9).round() as i64, charged, "{}", answer.body);

    let team = Team::with(Money::from_nano(700_000));
    let body = ask(&team, "words-2000", "generateContent").json();
    assert_eq!(body["candidates"][0]["finishReason"], "MAX_TOKENS", "{body}");
    assert_eq!(body["roundelay"]["stop"], "budget", "{body}");
    let charged = 10_000 + body["usageMetadata"]["candidatesTokenCount"].as_i64().unwrap() * 2_000;
    assert_eq!(sum(&team.books(), EntryKind::Charge), charged);

    let team = Team::with(Money::from_nano(1_000));
    let refused = ask(&team, "words-2000", "generateContent");
    assert_eq!((refused.status, &refused.json()["error"]["status"]), (402, &"RESOURCE_EXHAUSTED".into()));
    assert_eq!(refused.json()["error"]["details"][0]["reason"], "insufficient_balance", "{}", refused.body);
}

#[test]
fn a_provider_of_geminis_dialect_is_told_where_the_money_ends() {
    let gemini = Scripted::start();
    let provider = format!(
        "[providers.gemini]\nprotocol = 'gemini'\nbase_url = 'http://{}'\napi_keys = ['AIza-key']\n[models.pro]\n\
         deployments = ['gemini/gemini-3-pro']\nprice = {{ input = 1.0, output = 2.0 }}\nmax_output = 60000\n",
        gemini.address
    );
    let team = Team::configured(Money::from_nano(700_000), |config| config + &provider);
    let chat = question("pro", false);
    let contents = serde_json::json!({ "contents": [{ "parts": [{ "text": "x" }] }] });
    for (path, body) in [("/v1/chat/completions", &chat), ("/v1beta/models/pro:generateContent", &contents)] {
        let answer = Request::post(path, body).bearer(&team.key).send(team.gateway.callers);
        assert_eq!(answer.status, 200, "{}", answer.body);
        let sent: Value = serde_json::from_str(&gemini.last().1).unwrap();
        let ceiling = sent["generationConfig"]["maxOutputTokens"].as_u64().unwrap();
        assert!((1..400).contains(&ceiling), "{sent}");
    }
    // What costs more than the list says is not for who can run out of money.
    let search = serde_json::json!({ "contents": [{ "parts": [{ "text": "x" }] }], "tools": [{ "googleSearch": {} }] });
    let refused =
        Request::post("/v1beta/models/pro:generateContent", &search).bearer(&team.key).send(team.gateway.callers);
    assert_eq!((refused.status, &refused.json()["error"]["status"]), (400, &"INVALID_ARGUMENT".into()));
}
