//! Requests and answers pass as they are, fall back like any other, and reach only models that do such things.

use serde_json::json;

use super::{Asked, BY_TOKEN, Bench, USD, draw, edit, embed, moderate, rerank, speak, transcribe, whole};
use crate::support::Request;

#[test]
fn an_answer_is_the_providers_own_to_the_byte() {
    let bench = Bench::with(USD, "words-5", "");
    for asked in whole() {
        let own = asked.to("rehearsal-words-5").bearer("sk-bank").send(bench.bank.address);
        assert_eq!(own.status, 200, "{asked:?}: {}", own.body);
        let passed = asked.to("m").bearer(&bench.gateway.key).send(bench.gateway.callers);
        assert_eq!(passed.status, 200, "{asked:?}: {}", passed.body);
        assert_eq!(passed.body.replace("\"m\"", "\"rehearsal-words-5\""), own.body, "{asked:?}");
        assert_eq!(passed.header("content-type"), own.header("content-type"));
        assert_eq!(passed.header("x-roundelay-deployment"), Some("bank/rehearsal-words-5"));
    }
}

#[test]
fn a_request_differs_by_the_models_name_alone() {
    let bench = Bench::with(USD, "words-5", BY_TOKEN);
    for asked in [embed(), rerank(), moderate(), draw(), edit(), speak(), transcribe()] {
        let sent = asked.to("m").bearer(&bench.key).open(bench.gateway.callers);
        assert_eq!(sent.status, 200, "{asked:?}");
        drop(sent);
        let last = bench.bank.control.last_request().unwrap();
        let told = String::from_utf8(last.body.to_vec()).unwrap();
        let own = asked.to("rehearsal-words-5").sent_body().to_owned();
        assert_eq!(told, own, "{asked:?}");
        if asked.file.is_some() {
            let (_, kind) = last.headers.iter().find(|(name, _)| name == "content-type").unwrap();
            assert_eq!(kind, "multipart/form-data; boundary=\"edge\"", "as it was read");
        }
        let path = if asked.path == "/v2/rerank" { "/v1/rerank" } else { asked.path };
        assert_eq!(last.path, path, "under the provider's own base");
        assert!(!last.headers.iter().any(|(_, value)| value.contains(&bench.key)), "the caller's key stays here");
    }
}

#[test]
fn another_provider_answers_when_the_first_fails() {
    for scenario in ["503", "429", "empty-200", "html-502", "reset-before-headers"] {
        let bench = Bench::with(USD, scenario, "");
        let mut all = whole().to_vec();
        all.push(speak());
        for asked in all {
            let opened = asked.to("p").bearer(&bench.gateway.key).open(bench.gateway.callers);
            assert_eq!(opened.status, 200, "{scenario}: {asked:?}");
            let served = opened.header("x-roundelay-deployment").map(str::to_owned);
            assert_eq!(served.as_deref(), Some("spare/rehearsal-words-5"), "{scenario}: {asked:?}");
        }
    }
}

#[test]
fn a_model_is_not_asked_for_what_it_does_not_do() {
    let bench = Bench::with(USD, "words-5", "");
    for asked in [embed(), draw(), speak()] {
        let answer = asked.to("talker").bearer(&bench.gateway.key).send(bench.gateway.callers);
        assert!((400..500).contains(&answer.status), "{asked:?}: {} {}", answer.status, answer.body);
    }
    assert_eq!(bench.gateway.chat("talker").status, 200);
    assert!((400..500).contains(&bench.gateway.chat("vectors").status));
    let answer = embed().to("vectors").bearer(&bench.gateway.key).send(bench.gateway.callers);
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(bench.requests(), (2, 0));
}

#[test]
fn a_large_recording_passes_and_a_larger_one_is_refused() {
    let bench = Bench::with(USD, "words-5", "");
    let of = |mebibytes: usize| Asked { file: Some("x".repeat(mebibytes << 20)), ..transcribe() };
    let answer = of(30).to("m").bearer(&bench.gateway.key).send(bench.gateway.callers);
    assert_eq!(answer.status, 200, "{}", answer.body);
    let strict = Bench::configured("server.upload_max = '12MiB'", USD, "words-5", "");
    let refused = of(13).to("m").bearer(&strict.gateway.key).send(strict.gateway.callers);
    assert_eq!(refused.status, 413, "{}", refused.body);
    assert!(refused.body.contains("server.upload_max"), "{}", refused.body);
    // The limit of other bodies is lower, and holds for what is no form.
    let long = json!({ "model": "m", "input": "x".repeat(11 << 20) });
    let answer = Request::post("/v1/embeddings", &long).bearer(&bench.gateway.key).send(bench.gateway.callers);
    assert_eq!(answer.status, 413, "{}", answer.body);
}

#[test]
fn what_is_missing_is_named() {
    let bench = Bench::with(USD, "words-5", "");
    for (path, body, param) in [
        ("/v1/embeddings", json!({ "model": "m" }), "input"),
        ("/v1/embeddings", json!({ "input": "a" }), "model"),
        ("/v1/rerank", json!({ "model": "m", "query": "a" }), "documents"),
        ("/v1/images/generations", json!({ "model": "m", "prompt": "a", "n": 0 }), "n"),
        ("/v1/audio/speech", json!({ "model": "m", "input": ["a"] }), "input"),
    ] {
        let answer = Request::post(path, &body).bearer(&bench.gateway.key).send(bench.gateway.callers);
        assert_eq!((answer.status, &answer.json()["error"]["param"]), (400, &json!(param)), "{path} {body}");
    }
    // OpenAI's clients need not name a model for a moderation.
    let body = json!({ "input": "a" });
    let answer = Request::post("/v1/moderations", &body).bearer(&bench.gateway.key).send(bench.gateway.callers);
    assert_eq!((answer.status, &answer.json()["error"]["code"]), (404, &json!("model_not_found")), "{}", answer.body);
}

#[test]
fn transcripts_come_in_every_form() {
    let bench = Bench::with(USD, "words-5", "{ per_second = 0.0001 }");
    for (format, begin) in [("text", "words that"), ("srt", "1\n00:"), ("vtt", "WEBVTT"), ("verbose_json", "{")] {
        let asked = Asked { fields: json!({ "response_format": format }), ..transcribe() };
        let answer = bench.ask(&asked, "m").send(bench.gateway.callers);
        assert!(answer.status == 200 && answer.body.starts_with(begin), "{format}: {} {}", answer.status, answer.body);
        let is_json = format == "verbose_json";
        assert_eq!(answer.header("content-type").unwrap().contains("json"), is_json, "{format}");
        assert!(answer.header("x-roundelay-cost").is_some(), "{format}");
    }
}
