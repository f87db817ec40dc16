//! An answer that breaks off after some of it was shown is carried on by another model, each word exactly once, or ends in
//! an error; and what is not shown yet is replaced unseen.

mod accounted;
mod stops;
mod words;

use std::{
    net::TcpStream,
    sync::{Arc, Barrier},
    thread,
    time::{Duration, Instant},
};

use roundelay::store::{Store, StoredEntry};
use roundelay_ledger::{EntryKind, Money};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{self, Message, client::IntoClientRequest as _};

use self::words::{ANSWER, LONG, Read, Words, answer, pieces, read};
use super::record;
use crate::money::{books, open_account, sum};
use crate::support::{Answer, Request, Scripted, TestGateway};

/// A provider for each dialect, and pools of what is asked of them.
struct House {
    gateway: TestGateway,
    /// Of who asks.
    key: String,
    provider: Scripted,
    /// Where who is called `held` waits until it may answer.
    gate: Arc<Barrier>,
}

impl House {
    fn with(settings: &str, pools: &[(&str, &[&str], &str)]) -> Self {
        let (provider, gate, toml) = Self::configured(settings, pools);
        let gateway = TestGateway::start(&toml);
        Self { key: gateway.key.clone(), gateway, provider, gate }
    }

    /// The same, asked by an account with so many nano-USD.
    fn funded(balance: i64, pools: &[(&str, &[&str], &str)]) -> Self {
        Self::funded_with("", balance, pools)
    }

    /// The same, with these lines first in its configuration.
    fn funded_with(first: &str, balance: i64, pools: &[(&str, &[&str], &str)]) -> Self {
        let (provider, gate, toml) = Self::configured("", pools);
        let toml = format!("{first}{toml}");
        let folder = tempfile::tempdir().unwrap();
        open_account(&folder.path().join("data"), Money::from_nano(balance));
        let gateway = TestGateway::start_in(folder, &toml);
        let key = gateway.key_of("team");
        Self { key, gateway, provider, gate }
    }

    /// Stops the gateway, and reads its books.
    fn books(self) -> Vec<StoredEntry> {
        assert_eq!(self.gateway.gateway.billing.open_holds(), 0, "nothing stays held");
        let folder = self.gateway.stop();
        books(&Store::open(&folder.path().join("data")).unwrap())
    }

    fn configured(settings: &str, pools: &[(&str, &[&str], &str)]) -> (Scripted, Arc<Barrier>, String) {
        let gate = Arc::new(Barrier::new(2));
        let held = Arc::clone(&gate);
        let provider = Scripted::start(move |asked| answer(asked, &held));
        let address = provider.address;
        let mut toml =
            "[routing.breaker]\nconsecutive = 10000\noutcomes_min = 10000\nendpoint_consecutive = 10000\n".to_owned();
        for words in Words::ALL {
            let (name, protocol) = (words.name(), words.protocol());
            toml += &format!(
                "[providers.{name}]\nprotocol = '{protocol}'\nbase_url = 'http://{address}/v1'\napi_keys = ['k']\nflavour = 'generic'\n{settings}"
            );
        }
        let mut models: Vec<&str> = pools.iter().flat_map(|(_, members, _)| members.iter().copied()).collect();
        models.sort_unstable();
        models.dedup();
        for model in models {
            let (name, prefill) = model.strip_suffix('!').map_or((model, true), |name| (name, false));
            let (name, window) = match name.strip_suffix('~') {
                Some(name) => (name, "context_window = 1000\n"),
                None => (name, ""),
            };
            let (name, price) = match (name.strip_suffix('?'), name.strip_suffix('=')) {
                (Some(name), _) => (name, ""),
                (_, Some(name)) => (name, "price = { input = 0.0, output = 0.0 }\n"),
                _ => (name, "price = { input = 1.0, output = 2.0 }\n"),
            };
            toml += &format!(
                "[models.'{}']\ndeployments = ['{name}']\nattempts = 1\n{price}{window}\
                 capabilities = {{ prefill = {prefill}, tools = true, json_schema = true, json_object = true }}\n",
                model.replace('/', "-"),
            );
        }
        for (name, members, more) in pools {
            let members: Vec<String> = members.iter().map(|member| format!("'{}'", member.replace('/', "-"))).collect();
            toml += &format!("[pools.'{name}']\nstrategy = 'priority'\nmembers = [{}]\n{more}\n", members.join(", "));
        }
        (provider, gate, toml)
    }

    fn ask_with(&self, caller: Words, pool: &str, more: Value) -> Answer {
        let mut body = match caller {
            Words::Chat => json!({ "model": pool, "stream": true, "stream_options": { "include_usage": true },
                "messages": [{ "role": "user", "content": "Tell me." }] }),
            Words::Messages => json!({ "model": pool, "stream": true, "max_tokens": 1000,
                "messages": [{ "role": "user", "content": "Tell me." }] }),
            Words::Responses => json!({ "model": pool, "stream": true, "input": "Tell me." }),
            Words::Gemini => json!({ "contents": [{ "role": "user", "parts": [{ "text": "Tell me." }] }] }),
        };
        for (name, value) in more.as_object().into_iter().flatten() {
            body[name] = value.clone();
        }
        let path = match caller {
            Words::Chat => "/v1/chat/completions".to_owned(),
            Words::Messages => "/v1/messages".to_owned(),
            Words::Responses => "/v1/responses".to_owned(),
            Words::Gemini => format!("/v1beta/models/{pool}:streamGenerateContent?alt=sse"),
        };
        Request::post(&path, &body).bearer(&self.key).send(self.gateway.callers)
    }

    #[track_caller]
    fn ask(&self, caller: Words, pool: &str) -> (Read, String) {
        let answer = self.ask_with(caller, pool, json!({}));
        assert_eq!(answer.status, 200, "{pool}: {}", answer.body);
        (read(caller, &answer.body), answer.body)
    }

    fn outcomes(&self) -> Vec<String> {
        let record = record(&self.gateway);
        let attempts = record["attempts"].as_array().unwrap();
        attempts.iter().map(|attempt| attempt["outcome"].as_str().unwrap().to_owned()).collect()
    }
}

const ON: &str = "continuation = true";

#[test]
fn a_stream_cut_after_any_event_is_carried_on_word_for_word_in_every_pair_of_dialects() {
    let mut pools = Vec::new();
    for first in Words::ALL {
        let events = first.events(&pieces(ANSWER), 1).len();
        for second in Words::ALL {
            for cut in 0..events {
                let members = [format!("{}/cut-{cut}", first.name()), format!("{}/rest", second.name())];
                pools.push((format!("{}-{cut}-{}", first.name(), second.name()), members));
            }
        }
    }
    let members: Vec<[&str; 2]> = pools.iter().map(|(_, members)| [&*members[0], &*members[1]]).collect();
    let written: Vec<(&str, &[&str], &str)> =
        pools.iter().zip(&members).map(|((name, _), members)| (&**name, &members[..], ON)).collect();
    let house = House::with("", &written);
    for (pool, _) in &pools {
        for caller in Words::ALL {
            let (read, body) = house.ask(caller, pool);
            // Between the events that end an item there is nothing that could go on.
            let is_ending = pool.starts_with("responses-19-") || pool.starts_with("responses-20-");
            if caller == Words::Responses && is_ending {
                assert!(read.error.is_some() && !read.is_ended && read.text == ANSWER, "{pool}: {body}");
                continue;
            }
            assert_eq!(read.text, ANSWER, "{caller:?} of {pool}: {body}");
            assert!(read.is_ended && read.error.is_none(), "{caller:?} of {pool}: {body}");
        }
    }
}

/// Asks a pool of these members whose first breaks off, and gives what was read, and the stream.
#[track_caller]
fn of(members: &[&str], settings: &str, caller: Words, more: Value) -> (Read, String, House) {
    let house = House::with("", &[("pool", members, settings)]);
    let answer = house.ask_with(caller, "pool", more);
    assert_eq!(answer.status, 200, "{}", answer.body);
    (read(caller, &answer.body), answer.body, house)
}

#[track_caller]
fn check_whole(members: &[&str], settings: &str, way: &str, outcomes: &[&str]) {
    for caller in Words::ALL {
        let (read, body, house) = of(members, settings, caller, json!({}));
        assert_eq!((&*read.text, read.is_ended), (ANSWER, true), "{caller:?}: {body}");
        assert_eq!(body.contains(&format!("\"way\":\"{way}\"}}\n\n")), caller != Words::Gemini, "{caller:?}: {body}");
        assert_eq!(house.outcomes(), outcomes, "{caller:?}");
        let record = record(&house.gateway);
        let id = record["id"].as_str().unwrap();
        let record = house.gateway.operator("GET", &format!("/admin/exchanges/{id}"), None).json();
        let seams = record["decision"]["seams"].as_array().unwrap();
        assert_eq!(seams.last().unwrap()["way"], way, "{record}");
        assert_eq!(read.attempts.as_array().unwrap().len(), seams.len() + 1, "{caller:?}: {body}");
    }
}

#[test]
fn a_model_is_asked_in_the_way_that_it_takes() {
    let twice = ["mid_stream_error", "answered"];
    check_whole(&["chat/cut-5", "messages/rest"], ON, "prefill", &twice);
    check_whole(&["messages/cut-6", "chat/rest!"], ON, "again", &twice);
    check_whole(&["chat/cut-5", "gemini/rest!"], "continuation = 'prompt'", "prompt", &twice);
    // Its beginning comes once more, and is recognised.
    check_whole(&["chat/cut-8", "chat/echo!"], "continuation = 'prompt'", "prompt", &twice);
    // One that says all anew is no better for having been given it; what it repeats is long enough to be no chance.
    check_whole(&["chat/cut-14", "messages/echo"], ON, "prefill", &twice);
    // What refuses a beginning is asked in another way, within the same attempt.
    check_whole(&["chat/cut-5", "messages/refuses"], ON, "again", &twice);
    check_whole(&["chat/cut-5", "messages/refuses"], "continuation = 'prompt'", "prompt", &twice);
}

#[test]
fn what_carries_on_may_break_off_or_fail_as_well() {
    check_whole(
        &["chat/cut-5", "messages/overloaded", "chat/rest"],
        "continuation = true\nattempts = 4",
        "prefill",
        // As anywhere, it is asked once more before another is.
        &["mid_stream_error", "server_error", "server_error", "answered"],
    );
    check_whole(
        &["chat/cut-5", "messages/cut-7", "chat/rest"],
        ON,
        "prefill",
        &["mid_stream_error", "mid_stream_error", "answered"],
    );
}

#[test]
fn where_no_word_of_another_stands_no_seam_is_told() {
    // All words were said, and the end alone is missing: it comes bare, or behind all of them once more.
    for second in ["chat/rest", "chat/rest!"] {
        for caller in Words::ALL {
            let (read, body, house) = of(&["chat/cut-16", second], ON, caller, json!({}));
            assert_eq!((&*read.text, read.is_ended), (ANSWER, true), "{caller:?} of {second}: {body}");
            assert_eq!(house.outcomes(), ["mid_stream_error", "answered"], "{caller:?} of {second}");
            assert!(!body.contains("roundelay seam"), "{caller:?} of {second}: {body}");
        }
    }
}

/// The stream ends with an error in the words of its caller, with the beginning of the answer before it.
#[track_caller]
fn check_error(members: &[&str], settings: &str, more: &Value, words: &[&str], asked: usize) {
    let (read, body, house) = of(members, settings, Words::Chat, more.clone());
    let error = read.error.unwrap_or_else(|| panic!("no error: {body}"));
    assert!(ANSWER.starts_with(&read.text) && !read.is_ended, "{body}");
    for word in words {
        assert!(error["message"].as_str().unwrap().contains(word), "`{word}` is not in {error}");
    }
    assert!(!body.contains("support assistant message"), "{body}");
    assert_eq!(house.outcomes().len(), asked, "{body}");
    assert_eq!(record(&house.gateway)["outcome"], "cut", "{body}");
}

#[test]
fn what_cannot_be_carried_on_ends_in_an_error_that_names_the_cut() {
    let none = json!({});
    let both = ["chat/cut-5", "chat/rest"];
    check_error(&both, "", &none, &["broke off"], 1);
    check_error(&both, "continuation = false", &none, &["broke off"], 1);
    let format = json!({ "response_format": { "type": "json_object" } });
    check_error(&both, ON, &format, &["broke off after about 5 tokens", "a format was asked for"], 1);
    let tool = json!({ "type": "function", "function": { "name": "look", "parameters": { "type": "object" } } });
    let forced = json!({ "tools": [tool], "tool_choice": "required" });
    check_error(&both, ON, &forced, &["broke off after about 5 tokens", "a tool was demanded"], 1);
    check_error(&both, ON, &json!({ "n": 2 }), &["more than one choice was asked for"], 1);
    // 17 bytes are about five tokens.
    check_error(&both, ON, &json!({ "max_tokens": 5 }), &["broke off after about 5 tokens", "as was asked for"], 1);
    check_error(
        &both,
        "continuation = true\nattempts = 1",
        &none,
        &["broke off after about 5 tokens", "attempts", "are used up"],
        1,
    );
    check_error(&["chat/cut-5", "messages/other!"], ON, &none, &["about 5 tokens", "another way"], 2);
    check_error(
        &["chat/cut-5", "messages/overloaded"],
        "continuation = true\nattempts = 2",
        &none,
        &["about 5 tokens", "no other model"],
        2,
    );
    for (members, more) in [(["chat/cut-5", "messages/other!"], none), (both, format), (both, json!({ "n": 2 }))] {
        let (read, body, _house) = of(&members, ON, Words::Chat, more);
        assert_eq!(read.error.unwrap()["partial"], true, "{body}");
    }
}

fn tools() -> Value {
    json!({ "tools": [{ "type": "function", "function": { "name": "look", "parameters": { "type": "object" } } }] })
}

#[test]
fn half_a_tool_call_is_never_ended_by_another_model() {
    for events in 1..=3 {
        let first = format!("chat/call-{events}");
        let (read, body, house) = of(&[&first, "chat/rest"], ON, Words::Chat, tools());
        assert!(read.calls == 1 && !read.is_ended, "{body}");
        let error = read.error.unwrap();
        assert_eq!(error["partial"], true, "{error}");
        assert!(error["message"].as_str().unwrap().ends_with("a tool call was begun"), "{error}");
        assert_eq!(house.outcomes(), ["mid_stream_error"], "{body}");
    }
}

#[test]
fn a_tool_call_that_is_kept_back_breaks_off_unseen() {
    let buffered = "continuation = true\nbuffer_tools = true";
    for events in 1..=3 {
        let first = format!("chat/call-{events}");
        for caller in Words::ALL {
            // Others write their tools in other words.
            let more = match caller {
                Words::Chat => tools(),
                Words::Messages => json!({ "tools": [{ "name": "look", "input_schema": { "type": "object" } }] }),
                Words::Responses => {
                    json!({ "tools": [{ "type": "function", "name": "look", "parameters": { "type": "object" } }] })
                }
                Words::Gemini => json!({ "tools": [{ "functionDeclarations": [{ "name": "look" }] }] }),
            };
            let (read, body, house) = of(&[&first, "chat/rest"], buffered, caller, more.clone());
            assert_eq!((&*read.text, read.is_ended), (ANSWER, true), "{caller:?}: {body}");
            assert!(!body.contains("call_1"), "{caller:?}: {body}");
            assert_eq!(house.outcomes(), ["mid_stream_error", "answered"], "{body}");
            // With nothing before it, as if no content had come.
            let bare = format!("chat/bare-{events}");
            let (read, body, house) = of(&[&bare, "chat/rest"], "buffer_tools = true", caller, more);
            assert_eq!((&*read.text, read.is_ended), (ANSWER, true), "{caller:?}: {body}");
            assert!(!body.contains("call_1") && !body.contains("seam"), "{caller:?}: {body}");
            assert_eq!(house.outcomes(), ["mid_stream_error", "answered"], "{body}");
        }
        let (read, body, _house) = of(&[&first, "chat/rest"], "buffer_tools = true", Words::Chat, tools());
        assert!(read.error.is_some() && read.calls == 0 && read.text == "Once upon ", "{body}");
    }
    for (first, text) in [("chat/call-5", "Once upon "), ("chat/bare-5", "")] {
        let (read, body, house) = of(&[first, "chat/rest"], buffered, Words::Chat, tools());
        assert_eq!((&*read.text, read.calls, read.is_ended), (text, 1, true), "{body}");
        assert_eq!(house.outcomes(), ["answered"], "{body}");
    }
}

#[test]
fn the_caller_pays_what_it_was_shown_and_the_input_of_one() {
    let nano = |usd: &Value| (usd.as_f64().unwrap() * 1e9).round() as i64;
    for (second, pieces, repeated) in [("chat/rest", 12, 1), ("chat/rest!", 15, 4)] {
        let house = House::funded(1_000_000_000, &[("pool", &["chat/cut-5", second], ON)]);
        let body = house.ask_with(Words::Chat, "pool", json!({})).body;
        let read = read(Words::Chat, &body);
        // A token of input costs 1,000 and one of output 2,000. 17 bytes were shown, which nobody counted: five tokens.
        // The second read 100 tokens, and wrote the rest in 12 pieces, of which one, rounded up, is the white space that the
        // caller had; or all in 15, of which 17 bytes of 83 are four pieces, rounded up.
        let output = pieces - repeated;
        let costs = [5 * 2_000, 100 * 1_000 + output * 2_000];
        let attempts = read.attempts.as_array().unwrap();
        let told: Vec<_> = attempts.iter().map(|attempt| nano(&attempt["cost"])).collect();
        assert_eq!(told, costs, "{body}");
        let tokens: Vec<_> = attempts.iter().map(|attempt| attempt["output_tokens"].as_i64().unwrap()).collect();
        assert_eq!(tokens, [5, output], "{body}");
        let Read { usage, .. } = &read;
        assert_eq!(
            (usage["prompt_tokens"].as_i64(), usage["completion_tokens"].as_i64()),
            (Some(100), Some(5 + output))
        );
        assert_eq!(nano(&usage["cost"]), costs[0] + costs[1], "{body}");
        let record = record(&house.gateway);
        assert_eq!(record["usage"]["output"], 5 + output, "{record}");
        // What is said twice is the house's, and so is the input of what broke off.
        let books = house.books();
        assert_eq!(sum(&books, EntryKind::Charge), costs[0] + costs[1], "{books:#?}");
        assert!(sum(&books, EntryKind::Loss) > repeated * 2_000, "{books:#?}");
    }
}

#[test]
fn what_nobody_counted_is_what_was_new() {
    // 17 bytes and then 66 were shown, five tokens and 19; the second says the first ones once more, and counts nothing.
    let house = House::funded(1_000_000_000, &[("pool", &["chat/cut-5", "chat/uncounted!"], ON)]);
    let body = house.ask_with(Words::Chat, "pool", json!({})).body;
    let read = read(Words::Chat, &body);
    assert_eq!((&*read.text, read.is_ended), (ANSWER, true), "{body}");
    let record = record(&house.gateway);
    let told = read.attempts.as_array().unwrap().iter().map(|attempt| attempt["output_tokens"].as_i64().unwrap());
    let told: i64 = told.sum();
    assert_eq!(record["usage"]["output"], told, "{record}");
    assert_eq!(read.usage["completion_tokens"], told, "{body}");
}

#[test]
fn who_says_it_again_has_room_for_what_was_said() {
    // 400 pieces were shown, and there is money for fewer than that.
    let house = House::funded(1_900_000, &[("pool", &["chat/stump-401", "chat/obeys!"], ON)]);
    let body = house.ask_with(Words::Chat, "pool", json!({})).body;
    let read = read(Words::Chat, &body);
    let asked = house.provider.last().json();
    let told = asked["max_completion_tokens"].as_u64().or_else(|| asked["max_tokens"].as_u64());
    assert!(told.is_some_and(|told| told < LONG as u64), "the money lowers it: {asked}");
    assert!(read.error.is_none() && read.is_ended, "{body}");
    assert!(pieces(&read.text).len() > 400, "{}", read.text);
}

#[test]
fn where_the_money_ends_behind_the_seam_the_one_response_ends() {
    let free = "continuation = true\n[money]\nunknown_price = 'free'";
    for (first, second) in [("responses/cut-6?", "chat/endless"), ("chat/cut-5?", "messages/endless")] {
        for caller in Words::ALL {
            // For what the first says there is no price, and no bound.
            let house = House::funded(1_500_000, &[("pool", &[first, second], free)]);
            let (read, body) = house.ask(caller, "pool");
            assert_eq!(house.outcomes(), ["mid_stream_error", "spent"], "{caller:?}: {body}");
            assert!(read.error.is_none() && read.text.starts_with(ANSWER), "{caller:?}: {body}");
            assert_eq!(read.attempts.as_array().unwrap().len(), 2, "{caller:?}: {body}");
            assert_eq!(body.matches("response.incomplete").count() > 0, caller == Words::Responses, "{body}");
            let metrics = house.gateway.operator("GET", "/metrics", None).body;
            assert!(metrics.contains("roundelay_continuations_total{outcome=\"spent\"} 1"), "{metrics}");
            let id = record(&house.gateway)["id"].as_str().unwrap().to_owned();
            let told = house.gateway.operator("GET", &format!("/admin/exchanges/{id}"), None).json();
            assert_eq!(told["decision"]["seams"][0]["end"], "spent", "{told}");
        }
    }
}

#[test]
fn a_response_is_numbered_through_and_kept_whole() {
    let house = House::with("", &[("pool", &["chat/cut-5", "messages/rest"], ON)]);
    let answer = house.ask_with(Words::Responses, "pool", json!({ "store": true }));
    let events: Vec<Value> = answer
        .body
        .lines()
        .filter_map(|line| line.strip_prefix("data: {"))
        .map(|rest| serde_json::from_str(&format!("{{{rest}")).unwrap())
        .collect();
    let numbers: Vec<_> = events.iter().map(|event| event["sequence_number"].as_u64().unwrap()).collect();
    assert!(numbers.iter().copied().eq(0..events.len() as u64), "{numbers:?}: {}", answer.body);
    let id = &events.last().unwrap()["response"]["id"];
    let next = house.ask_with(Words::Responses, "pool", json!({ "previous_response_id": id }));
    assert_eq!(read(Words::Responses, &next.body).text, ANSWER, "{}", next.body);
    let asked = house.provider.all();
    assert!(asked[2..].iter().all(|asked| asked.body.contains("there was")), "{asked:#?}");
}

#[test]
fn an_array_of_gemini_s_and_a_socket_go_on_as_well() {
    let house = House::with("", &[("pool", &["chat/cut-5", "messages/rest"], ON)]);
    let body = json!({ "contents": [{ "role": "user", "parts": [{ "text": "Tell me." }] }] });
    let answer = Request::post("/v1beta/models/pool:streamGenerateContent", &body)
        .bearer(&house.key)
        .send(house.gateway.callers);
    let elements = answer.json();
    let text =
        |element: &Value| element["candidates"][0]["content"]["parts"][0]["text"].as_str().unwrap_or("").to_owned();
    let said: String = elements.as_array().unwrap().iter().map(text).collect();
    assert_eq!(said, ANSWER, "{elements}");

    let mut request = format!("ws://{}/v1/responses", house.gateway.callers).into_client_request().unwrap();
    request.headers_mut().insert("authorization", format!("Bearer {}", house.key).parse().unwrap());
    let (mut socket, _) = tungstenite::client(request, TcpStream::connect(house.gateway.callers).unwrap()).unwrap();
    socket.get_mut().set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let ask = json!({ "type": "response.create", "model": "pool", "input": "Tell me." });
    socket.send(Message::text(ask.to_string())).unwrap();
    let (mut said, mut begun) = (String::new(), 0);
    loop {
        let Message::Text(text) = socket.read().unwrap() else { continue };
        let event: Value = serde_json::from_str(&text).unwrap();
        match event["type"].as_str().unwrap() {
            "response.created" => begun += 1,
            "response.output_text.delta" => said.push_str(event["delta"].as_str().unwrap()),
            "response.completed" => break,
            "error" | "response.failed" => panic!("{event}"),
            _ => {}
        }
    }
    assert_eq!((&*said, begun), (ANSWER, 1));
}

#[track_caller]
fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "{what}");
        thread::park_timeout(Duration::from_millis(5));
    }
}

/// For what has to come; long, since the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn who_leaves_while_another_goes_on_pays_the_exact_bill() {
    let house = House::funded(1_000_000_000, &[("pool", &["chat/cut-5", "chat/held"], ON)]);
    let body = json!({ "model": "pool", "stream": true, "messages": [{ "role": "user", "content": "Tell me." }] });
    {
        let mut open = Request::post("/v1/chat/completions", &body).bearer(&house.key).open(house.gateway.callers);
        let mut shown = String::new();
        while !shown.contains("time ") {
            shown.push_str(&String::from_utf8(open.piece()).unwrap());
        }
        wait_until("nobody goes on", || house.provider.all().len() == 2);
    }
    // The second answers when it is known that nobody listens.
    wait_until("it is not read to its end", || house.gateway.gateway.drains.under_way() == 1);
    house.gate.wait();
    wait_until("it never ends", || house.gateway.gateway.billing.open_holds() == 0);
    assert_eq!(house.outcomes(), ["mid_stream_error", "abandoned"]);
    // Five tokens of the first, and what the second has counted: its input, and the rest in 12 pieces, of which one is
    // white space that the caller had.
    let books = house.books();
    assert_eq!(sum(&books, EntryKind::Charge), 5 * 2_000 + 100 * 1_000 + 11 * 2_000, "{books:#?}");
}

#[test]
fn a_whole_answer_may_come_through_a_stream_and_a_cut_in_it_is_unseen() {
    let streamed = "whole_answers = 'streamed'\n";
    let mut pools = Vec::new();
    for words in Words::ALL {
        let (whole, cut) = (format!("{}/rest", words.name()), format!("{}/cut-6", words.name()));
        pools.push((format!("{}-whole", words.name()), vec![whole.clone()], 1));
        pools.push((format!("{}-cut", words.name()), vec![cut, whole], 2));
    }
    let members: Vec<Vec<&str>> =
        pools.iter().map(|(_, members, _)| members.iter().map(String::as_str).collect()).collect();
    let written: Vec<(&str, &[&str], &str)> =
        pools.iter().zip(&members).map(|((name, ..), members)| (&**name, &members[..], "")).collect();
    let house = House::with(streamed, &written);
    for (pool, _, attempts) in &pools {
        for caller in Words::ALL {
            let answer = match caller {
                Words::Gemini => {
                    let body = json!({ "contents": [{ "role": "user", "parts": [{ "text": "Tell me." }] }] });
                    Request::post(&format!("/v1beta/models/{pool}:generateContent"), &body)
                        .bearer(&house.key)
                        .send(house.gateway.callers)
                }
                _ => house.ask_with(caller, pool, json!({ "stream": false, "stream_options": null })),
            };
            assert_eq!(answer.status, 200, "{caller:?} of {pool}: {}", answer.body);
            let json = answer.json();
            let (text, output) = match caller {
                Words::Chat => (&json["choices"][0]["message"]["content"], &json["usage"]["completion_tokens"]),
                Words::Messages => (&json["content"][0]["text"], &json["usage"]["output_tokens"]),
                Words::Responses => (&json["output"][0]["content"][0]["text"], &json["usage"]["output_tokens"]),
                Words::Gemini => (
                    &json["candidates"][0]["content"]["parts"][0]["text"],
                    &json["usageMetadata"]["candidatesTokenCount"],
                ),
            };
            assert_eq!((text, output), (&ANSWER.into(), &words::PIECES.into()), "{caller:?} of {pool}: {json}");
            assert_eq!(house.outcomes().len(), *attempts, "{caller:?} of {pool}");
            let asked = house.provider.last();
            let streams = asked.json()["stream"] == true || asked.target().contains("stream");
            assert!(streams, "{caller:?} of {pool}: {asked:?}");
        }
    }
}

#[test]
fn where_the_money_ends_at_the_seam_nobody_is_asked() {
    let members: &[&str] = &["chat/cut-5", "chat/rest"];
    let asked = json!({ "max_tokens": 20 });
    let poor = House::funded(1, &[("pool", members, ON)]);
    let refused = poor.ask_with(Words::Chat, "pool", asked.clone());
    assert_eq!(refused.status, 402, "{}", refused.body);
    let json = refused.json();
    let needed = json["error"]["message"].as_str().unwrap().split(' ').next().unwrap().parse::<f64>().unwrap();
    // As much as the first attempt sets aside, of which 10,000 are gone at the seam.
    let house = House::funded((needed * 1e9).round() as i64, &[("pool", members, ON)]);
    let body = house.ask_with(Words::Chat, "pool", asked).body;
    let read = read(Words::Chat, &body);
    let error = read.error.unwrap();
    assert!(error["message"].as_str().unwrap().ends_with("there is no money for more of it"), "{error}");
    assert_eq!((&*read.text, house.outcomes()), ("Once upon a time ", vec!["mid_stream_error".to_owned()]));
    assert_eq!(sum(&house.books(), EntryKind::Charge), 10_000);
}
