//! What a key may ask for, and where a conversation stays.

use std::collections::BTreeSet;

use roundelay::auth::KeyWish;
use roundelay_ledger::{AccountId, KeyId};
use serde_json::{Value, json};

use super::{ask, config, question, record};
use crate::support::{Request, TestGateway, Upstream};

/// A key that may ask for these names only: its id and its secret.
fn key_for(gateway: &TestGateway, names: &[&str]) -> (KeyId, String) {
    let allowed = Some(names.iter().map(|name| (*name).to_owned()).collect());
    let wish = KeyWish {
        account: AccountId::default_account(),
        name: "restricted".into(),
        allowed,
        expires_at: None,
        limits: Default::default(),
        on_disconnect: None,
        networks: None,
    };
    let (key, secret) = gateway.gateway.keys.create(wish, 0).unwrap();
    (key.id, secret.expose().to_owned())
}

/// A key for these names asks for that one: status, and the model that answers or the code that says why none does.
#[track_caller]
fn check(gateway: &TestGateway, names: &[&str], asked: &str, expected: (u16, &str)) {
    let (_, key) = key_for(gateway, names);
    for _ in 0..4 {
        let answer = gateway.chat_with_key(asked, &key);
        let record = record(gateway);
        let said = if answer.status == 200 { &record["model"] } else { &answer.json()["error"]["code"] };
        assert_eq!(
            (answer.status, said),
            (expected.0, &json!(expected.1)),
            "{names:?} asks for {asked}: {}",
            answer.body
        );
    }
}

#[test]
fn a_restricted_key_reaches_what_it_names_and_nothing_else() {
    let (bad, good) = (Upstream::start(), Upstream::start());
    let gateway = TestGateway::start(&config(&bad, &good, "503", ""));
    check(&gateway, &["good"], "good", (200, "good"));
    check(&gateway, &["good"], "other", (403, "model_not_allowed"));
    check(&gateway, &["good"], "good/rehearsal-words-5", (403, "model_not_allowed"));
    check(&gateway, &["good"], "nobody", (404, "model_not_found"));
    // A key for a member reaches the pool's other members neither first nor as a fallback.
    check(&gateway, &["other"], "both", (200, "other"));
    check(&gateway, &["good"], "sturdy", (200, "good"));
    check(&gateway, &["sturdy"], "sturdy", (200, "good"));
    check(&gateway, &["sturdy"], "good", (403, "model_not_allowed"));
    check(&gateway, &["slow"], "both", (403, "model_not_allowed"));
    assert!(bad.control.requests() > 0, "the key for the pool may ask all of it");
}

#[test]
fn a_restricted_key_sees_what_it_may_ask_for() {
    let (bad, good) = (Upstream::start(), Upstream::start());
    let gateway = TestGateway::start(&config(&bad, &good, "503", ""));
    let (_, key) = key_for(&gateway, &["good", "both"]);
    let get = |path: &str| Request::get(path).bearer(&key).send(gateway.callers);
    let list = get("/v1/models").json();
    let names: BTreeSet<&str> =
        list["data"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap()).collect();
    assert_eq!(names, BTreeSet::from(["both", "good"]));
    assert_eq!((get("/v1/models/good").status, get("/v1/models/other").status), (200, 404));
}

#[test]
fn a_revoked_key_finishes_its_stream_and_begins_no_other() {
    let (bad, good) = (Upstream::start(), Upstream::start());
    let gateway = TestGateway::start(&config(&bad, &good, "slow-words-20ms-words-10", "").replace("'100ms'", "'10s'"));
    let (id, key) = key_for(&gateway, &["bad"]);
    let request = Request::post("/v1/chat/completions", &question("bad", true)).bearer(&key);
    let mut open = request.open(gateway.callers);
    assert!(open.piece().starts_with(b"data: "));
    gateway.gateway.keys.revoke(&id, 1).unwrap();
    let refused = request.send(gateway.callers);
    assert_eq!((refused.status, &refused.json()["error"]["code"]), (401, &json!("invalid_api_key")));
    assert_eq!(refused.header("www-authenticate"), Some("Bearer"));
    let rest = open.finish().body;
    assert!(rest.ends_with("data: [DONE]\n\n"), "{rest}");
}

/// The deployments that ten turns of these sessions went to, session by session.
fn places(gateway: &TestGateway, sessions: &[Option<&str>]) -> Vec<BTreeSet<String>> {
    let turn = |session: &Option<&str>| {
        let mut request = ask(gateway, &question("both", false));
        if let Some(session) = session {
            request = request.header("x-roundelay-session", session);
        }
        request.send(gateway.callers).header("x-roundelay-deployment").unwrap().to_owned()
    };
    let mut places = vec![BTreeSet::new(); sessions.len()];
    for _ in 0..10 {
        for (session, places) in sessions.iter().zip(&mut places) {
            places.insert(turn(session));
        }
    }
    places
}

#[test]
fn a_session_stays_where_it_is_and_sessions_rotate() {
    let (bad, good) = (Upstream::start(), Upstream::start());
    let gateway = TestGateway::start(&config(&bad, &good, "503", ""));
    let places = places(&gateway, &[Some("one"), Some("two"), None]);
    let [one, two, none] = &places[..] else { unreachable!("a set each") };
    assert_eq!((one.len(), two.len()), (1, 1), "{places:?}");
    assert_ne!(one, two, "two sessions share two deployments of one weight");
    assert_eq!(none.len(), 2, "a first turn without a name rotates: {places:?}");
}

#[test]
fn a_conversation_stays_where_its_first_answer_came_from() {
    let (bad, good) = (Upstream::start(), Upstream::start());
    let gateway = TestGateway::start(&config(&bad, &good, "503", ""));
    let place =
        |body: &Value| ask(&gateway, body).send(gateway.callers).header("x-roundelay-deployment").unwrap().to_owned();
    for said in ["Good morning", "Good evening", "Good night"] {
        let mut body = json!({ "model": "both", "messages": [{ "role": "user", "content": said }] });
        let first = place(&body);
        for _ in 0..3 {
            let messages = body["messages"].as_array_mut().unwrap();
            messages.push(json!({ "role": "assistant", "content": "Is it?" }));
            messages.push(json!({ "role": "user", "content": "It is." }));
            assert_eq!(place(&body), first, "{body}");
        }
    }
}

#[test]
fn who_names_a_providers_model_is_told_that_model() {
    let (bad, good) = (Upstream::start(), Upstream::start());
    let gateway = TestGateway::start(&config(&bad, &good, "503", ""));
    for stream in [false, true] {
        let answer = ask(&gateway, &question("good/rehearsal-words-3", stream)).send(gateway.callers);
        let told = answer.header("x-roundelay-deployment");
        assert_eq!((answer.status, told), (200, Some("good/rehearsal-words-3")), "{}", answer.body);
    }
}
