//! Summaries are made before they are needed, paid by whose conversation it is, and found by nobody else.

use std::time::{Duration, Instant};

use roundelay_ledger::Limits;
use serde_json::{Value, json};

use super::{House, JSON, SUMMARY, conversation, header, strict, until};
use crate::support::{Answer, Paced, Said, Scripted, Told};

const SUMMARISER: &str = "[handover]\nsummariser = 'sum'\nafter = 2000\nevery = 2000\nverbatim = 500\n";

/// A conversation as it was a turn before: what is seen for the first time is only noted.
fn before(mut body: Value) -> Value {
    let messages = body["messages"].as_array_mut().unwrap();
    messages.truncate(messages.len() - 2);
    body
}

impl House {
    /// Asks with a conversation that was seen a turn before.
    fn talks(&self, key: &str, body: &Value) -> Answer {
        assert_eq!(self.ask_as(key, "/v1/chat/completions", &before(body.clone())).status, 200);
        self.ask_as(key, "/v1/chat/completions", body)
    }

    /// Makes sure that nothing came of what was asked before: what is asked now had its turn after it.
    fn made_none(&self, expected: u64) {
        assert_eq!(self.talks(&self.key_of("after"), &conversation("talk")).status, 200);
        until("the last one is made", || self.of_account("after") == 1);
        assert_eq!(self.outcomes(), expected + 1);
        assert_eq!(self.summariser.all().len() as u64, expected + 1);
    }

    /// Summaries of an account that were made or tried.
    fn of_account(&self, account: &str) -> usize {
        let errands = self.records().into_iter().filter(|record| record["decision"]["purpose"] == "summary");
        errands.filter(|errand| errand["account"] == account).count()
    }

    /// All summaries that were made or not, whatever came of it.
    fn outcomes(&self) -> u64 {
        let text = self.gateway.operator("GET", "/metrics", None).body;
        let lines = text.lines().filter(|line| line.starts_with("roundelay_summaries_total{"));
        lines.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum()
    }

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
    let limits = Limits { requests_per_minute: Some(4), ..Limits::default() };
    let key = house.key_with("acme", Some(vec!["talk".to_owned(), "sum".to_owned()]), limits);
    let ask = |body: &Value| house.ask_as(&key, "/v1/chat/completions", body);
    let answer = house.talks(&key, &conversation("talk"));
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
    let first = &records[records.len() - 2];
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
    assert_eq!(house.talks(&house.gateway.key, &body).status, 200);
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
    assert_eq!(house.talks(&mine, &conversation("talk")).status, 200);
    house.waits_for_a_summary(1);
    house.falls_ill();
    for (key, expected) in [(&mine, "summary"), (&other, "extract")] {
        let answer = house.ask_as(key, "/v1/chat/completions", &conversation("talk"));
        assert_eq!((answer.status, header(&answer, "handover")), (200, Some(expected)), "{}", answer.body);
    }
}

#[test]
fn none_is_made_of_what_is_short_or_never_handed_over() {
    let more = "[models.twin]\ndeployments = ['big/twin']\ncontext_window = 200000\n\
                capabilities = { vision = true }\nprice = { input = 1.0, output = 2.0 }\n\
                [pools.alike]\nmembers = ['big']\nfallback = ['twin']\n";
    let house = House::start(&format!("{SUMMARISER}{more}"));
    let short = |messages: &[Value]| json!({ "model": "talk", "messages": messages });
    let hello = json!({ "role": "user", "content": "Hello" });
    assert_eq!(house.ask(&short(std::slice::from_ref(&hello))).status, 200);
    assert_eq!(
        house.ask(&short(&[hello.clone(), json!({ "role": "assistant", "content": "Yes?" }), hello])).status,
        200
    );
    for model in ["whole", "big", "alike"] {
        assert_eq!(house.talks(&house.gateway.key, &conversation(model)).status, 200);
    }
    house.made_none(0);
}

#[test]
fn none_is_made_for_who_is_limited_in_what_it_takes_nor_its_account() {
    let house = House::start(SUMMARISER);
    let tokens = Limits { tokens_per_minute: Some(1_000_000), ..Limits::default() };
    let one = Limits { concurrency: Some(1), ..Limits::default() };
    let mut keys = vec![house.key_with("by-tokens", None, tokens), house.key_with("by-attempts", None, one)];
    for (account, limits) in [("few", json!({ "concurrency": 1 })), ("slow", json!({ "tokens_per_minute": 1_000_000 }))]
    {
        let wish = json!({ "id": account, "limits": limits });
        let made = house.gateway.operator("POST", "/admin/accounts", Some(&wish));
        assert!(made.status < 300, "{}", made.body);
        keys.push(house.key_of(account));
    }
    for key in keys {
        assert_eq!(house.talks(&key, &conversation("talk")).status, 200);
    }
    house.made_none(0);
}

#[test]
fn a_key_for_some_models_has_one_only_from_a_summariser_that_it_may_ask_for() {
    let house = House::start(SUMMARISER);
    let key = house.key_with("some", Some(vec!["talk".to_owned()]), Limits::default());
    assert_eq!(house.talks(&key, &conversation("talk")).status, 200);
    house.made_none(0);
}

#[test]
fn a_pools_conversation_is_told_nobody_beyond_its_regions_and_prices() {
    let euro = Scripted::start(|asked| match asked.json()["model"].as_str() {
        Some("sum") => strict::say(asked, SUMMARY),
        _ => strict::chat(asked, 200_000),
    });
    for (summariser, pool, is_made) in [
        ("sum", "near", false),
        ("mixed", "near", false),
        ("near-sum", "near", true),
        ("near-sum", "cheap", false),
        ("sum", "cheap", true),
    ] {
        let more = format!(
            "{SUMMARISER}[providers.euro]\nbase_url = 'http://{}/v1'\napi_keys = ['sk-x']\nregion = 'eu'\n\
             [models.near-big]\ndeployments = ['euro/big']\ncontext_window = 200000\nprice = {{ input = 1.0, output = 1.0 }}\n\
             [models.near-small]\ndeployments = ['euro/small']\ncontext_window = 8192\nprice = {{ input = 1.0, output = 1.0 }}\n\
             [models.near-sum]\ndeployments = ['euro/sum']\nprice = {{ input = 1.0, output = 3.0 }}\n\
             [pools.mixed]\nmembers = ['near-sum']\nfallback = ['sum']\n\
             [pools.near]\nmembers = ['near-big']\nfallback = ['near-small']\nregions = ['eu']\n\
             [pools.cheap]\nmembers = ['near-big']\nfallback = ['near-small']\nmax_price = {{ output = 2.5 }}\n",
            euro.address
        )
        .replace("'sum'\nafter", &format!("'{summariser}'\nafter"));
        let house = House::start(&more);
        let key = house.key_of("mine");
        assert_eq!(house.talks(&key, &conversation(pool)).status, 200, "{pool}");
        // One of a pool without limits comes after it.
        assert_eq!(house.talks(&house.key_of("after"), &conversation("talk")).status, 200);
        until("the last one is made", || house.of_account("after") == 1);
        until("the first one is made", || !is_made || house.of_account("mine") == 1);
        assert_eq!(house.of_account("mine") == 1, is_made, "{summariser} for {pool}");
    }
}

#[test]
fn none_is_made_of_what_is_asked_once_or_begins_anew_each_time() {
    let house = House::start(SUMMARISER);
    for time in 0..4 {
        let mut body = conversation("talk");
        body["messages"][1]["content"] = json!(format!("It is {time} o'clock. {}", "Tick. ".repeat(time)));
        assert_eq!(house.ask(&body).status, 200);
    }
    house.made_none(0);
}

#[test]
fn a_conversation_that_lets_go_of_its_beginning_has_one_at_most() {
    let house = House::start(SUMMARISER);
    // It is one by its name, and grows while its oldest turns go.
    let window = |from: usize, filler: usize| {
        let mut body = conversation("talk");
        body["prompt_cache_key"] = json!("one");
        let messages = body["messages"].as_array_mut().unwrap();
        messages.drain(2..2 + 2 * from);
        messages[1]["content"] = json!(format!("{} walls. {}", from, "A wall. ".repeat(filler)));
        body
    };
    for step in 0..5 {
        assert_eq!(house.ask(&window(step, step * 1_500)).status, 200);
        if step == 1 {
            house.waits_for_a_summary(1);
        }
    }
    house.made_none(1);
}

#[test]
fn a_summary_that_was_cut_is_not_kept_and_not_asked_for_again_at_once() {
    let cut = Scripted::start(|_| {
        Said::new(
            200,
            JSON,
            r#"{"id":"x","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"They chose"},"finish_reason":"length"}],"usage":{"prompt_tokens":9,"completion_tokens":9,"total_tokens":18}}"#,
        )
    });
    let more = format!(
        "{SUMMARISER}[providers.cut]\nbase_url = 'http://{}/v1'\napi_keys = ['sk-x']\n\
         [models.cut]\ndeployments = ['cut/cut']\nprice = {{ input = 1.0, output = 1.0 }}\n",
        cut.address
    )
    .replace("'sum'", "'cut'");
    let house = House::start(&more);
    let mut body = conversation("talk");
    assert_eq!(house.talks(&house.gateway.key, &body).status, 200);
    until("it is cut", || house.metric(r#"roundelay_summaries_total{outcome="unfinished"}"#) == 1);
    // It grows by more than `every`, and by less than twice that.
    let messages = body["messages"].as_array_mut().unwrap();
    messages.push(json!({ "role": "assistant", "content": "We walked on to the next hall. ".repeat(180) }));
    messages.push(json!({ "role": "user", "content": "And now?" }));
    assert_eq!(house.ask(&body).status, 200);
    house.falls_ill();
    let answer = house.ask(&conversation("talk"));
    assert_eq!((answer.status, header(&answer, "handover")), (200, Some("extract")), "{}", answer.body);
    assert_eq!((cut.all().len(), house.outcomes()), (1, 1));
}

#[test]
fn a_question_fits_its_summariser_however_it_is_written() {
    let house = House::start(SUMMARISER);
    let mut body = conversation("talk");
    // Each of these bytes is written as six.
    body["messages"][1]["content"] = json!("\u{1}".repeat(40_000));
    assert_eq!(house.talks(&house.gateway.key, &body).status, 200);
    until("one is made or not", || house.outcomes() > 0);
    assert_eq!(house.metric(r#"roundelay_summaries_total{outcome="made"}"#), 1);
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
    let answer = house.talks(&key, &conversation("talk"));
    assert_eq!(answer.status, 200, "{} {}", answer.body, paid.body);
    until("it is not made", || house.metric(r#"roundelay_summaries_total{outcome="unpaid"}"#) == 1);
    assert!(house.summariser.all().is_empty());
    assert_eq!(house.gateway.gateway.billing.open_holds(), 0);
}

#[test]
fn what_is_sealed_survives_a_restart_and_another_key_reads_nothing() {
    let sealed = |letter: &str| format!("{SUMMARISER}keep = 'sealed'\nkey = '{}'\n", letter.repeat(32));
    let house = House::start(&sealed("k"));
    assert_eq!(house.talks(&house.gateway.key, &conversation("talk")).status, 200);
    house.waits_for_a_summary(1);
    let data = house.gateway.data();
    let mut folder = house.gateway.stop();
    let (mut files, place) = (0, folder.path().join("data"));
    for name in ["roundelay.db", "roundelay.db-wal"] {
        let Ok(bytes) = std::fs::read(data.join(name)).or_else(|_| std::fs::read(place.join(name))) else { continue };
        assert!(!String::from_utf8_lossy(&bytes).contains("Okafor"), "it stands in {name}");
        files += bytes.len();
    }
    let store = if data.exists() { data } else { place };
    let direct = rusqlite::Connection::open(store.join("roundelay.db")).unwrap();
    let rows: i64 = direct.query_row("SELECT count(*) FROM summaries", [], |row| row.get(0)).unwrap();
    assert!(files > 0 && rows == 1, "{rows} rows in {files} bytes");
    drop(direct);
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
    assert_eq!(house.talks(&house.gateway.key, &conversation("talk")).status, 200);
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
