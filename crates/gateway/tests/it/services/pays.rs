//! What is charged, by hand: in the provider's count, in units, and where nobody counted.

use roundelay_ledger::EntryKind;
use serde_json::json;

use super::{Asked, BY_TOKEN, Bench, USD, draw, edit, embed, moderate, rerank, speak, transcribe, translate};
use crate::money::sum;

/// Asks once; what is charged, whether it is a guess, and what the house lost, in nano-USD.
#[track_caller]
fn bill(asked: &Asked, scenario: &str, price: &str) -> (i64, bool, i64) {
    let bench = Bench::with(USD, scenario, price);
    let opened = bench.ask(asked, "m").open(bench.gateway.callers);
    assert_eq!(opened.status, 200, "{asked:?} {scenario} {price}");
    if opened.header("transfer-encoding").is_some() {
        opened.bytes();
    } else {
        opened.finish();
    }
    let books = bench.books();
    let charge = books.iter().find(|entry| entry.row.kind == EntryKind::Charge);
    let is_estimated = charge.is_some_and(|charge| charge.row.is_estimated);
    (sum(&books, EntryKind::Charge), is_estimated, sum(&books, EntryKind::Loss))
}

#[track_caller]
fn check(asked: &Asked, price: &str, charged: i64) {
    assert_eq!(bill(asked, "words-5", price), (charged, false, 0), "{asked:?} {price}");
}

#[test]
fn what_the_provider_counted_is_charged_to_the_nano() {
    // Four words are four tokens of input.
    check(&embed(), BY_TOKEN, 4_000);
    check(&rerank(), "{ per_search = 0.002 }", 2_000_000);
    check(&moderate(), "{ input = 0, output = 0 }", 0);
    // 3 × 1,000 + 2 × 272 × 2,000
    check(&draw(), BY_TOKEN, 1_091_000);
    check(&edit(), BY_TOKEN, 547_000);
    check(&draw(), "{ per_image = 0.04 }", 80_000_000);
    // A second, and 23 characters at 15 USD a million.
    check(&transcribe(), "{ per_second = 0.0001 }", 100_000);
    check(&translate(), "{ per_second = 0.0001 }", 100_000);
    check(&speak(), "{ characters = 15.0 }", 345_000);
}

#[test]
fn streams_are_charged_by_the_count_at_their_end() {
    let with = |asked: Asked, member: &str| {
        let mut fields = asked.fields.clone();
        match member {
            "sse" => fields["stream_format"] = json!("sse"),
            _ => fields["stream"] = json!(true),
        }
        Asked { fields, ..asked }
    };
    // 5 × 1,000 + 5 × 3,000
    check(&with(speak(), "sse"), BY_TOKEN, 20_000);
    // 3 × 1,000 + 272 × 2,000
    let mut one = with(draw(), "stream");
    one.fields["n"] = json!(1);
    one.fields["partial_images"] = json!(2);
    check(&one, BY_TOKEN, 547_000);
    check(&one, "{ per_image = 0.04 }", 40_000_000);
    // 10 × 1,000 of what was heard, and 5 × 2,000.
    check(&with(transcribe(), "stream"), BY_TOKEN, 20_000);
}

#[test]
fn what_nobody_counted_is_charged_by_what_was_asked_for() {
    let bill = |asked: &Asked, price: &str| bill(asked, "words-5-no-usage", price);
    // Characters and images are known, and so are searches as far as documents are short.
    assert_eq!(bill(&draw(), "{ per_image = 0.04 }"), (80_000_000, false, 0));
    assert_eq!(bill(&rerank(), "{ per_search = 0.002 }"), (2_000_000, false, 0));
    // The recording says nothing of its length: 8,044 bytes at 128 kbit/s are 503 ms.
    assert_eq!(bill(&transcribe(), "{ per_second = 0.0001 }"), (50_300, true, 0));
    let (charged, is_estimated, _) = bill(&embed(), BY_TOKEN);
    assert!(is_estimated && (1_000..200_000).contains(&charged), "{charged}");
    // Two images of low quality are 544 tokens.
    let (charged, is_estimated, _) = bill(&draw(), BY_TOKEN);
    assert!(is_estimated && (1_088_000..1_300_000).contains(&charged), "{charged}");
}

#[test]
fn a_failed_attempt_is_not_charged_and_its_successor_is() {
    for (asked, charged) in [(embed(), 4_000), (draw(), 1_091_000)] {
        let bench = Bench::with(USD, "503", BY_TOKEN);
        let answer = bench.ask(&asked, "p").send(bench.gateway.callers);
        assert_eq!((answer.status, answer.header("x-roundelay-attempts")), (200, Some("2")), "{}", answer.body);
        assert_eq!(answer.json()["usage"]["cost"], charged as f64 / 1e9);
        assert_eq!(sum(&bench.books(), EntryKind::Charge), charged);
    }
}

#[test]
fn what_cannot_be_paid_is_not_sent() {
    let by_unit = |unit: &str| format!("{{ {unit} }}");
    for (asked, price) in [
        (embed(), BY_TOKEN.to_owned()),
        (rerank(), by_unit("per_search = 0.002")),
        (draw(), BY_TOKEN.to_owned()),
        (draw(), by_unit("per_image = 0.04")),
        (speak(), by_unit("characters = 15.0")),
        (transcribe(), by_unit("per_second = 0.0001")),
    ] {
        let bench = Bench::with(1_000, "words-5", &price);
        let answer = bench.ask(&asked, "m").send(bench.gateway.callers);
        assert_eq!(answer.status, 402, "{asked:?} {price}: {}", answer.body);
        assert_eq!(bench.requests(), (0, 0), "{asked:?} {price}");
        assert_eq!(sum(&bench.books(), EntryKind::Charge), 0);
    }
}

#[test]
fn what_has_no_price_is_refused_to_who_can_run_out_of_money() {
    let bench = Bench::with(USD, "words-5", "");
    let refused = bench.ask(&embed(), "m").send(bench.gateway.callers);
    assert_eq!(refused.status, 503, "{}", refused.body);
    let answer = embed().to("m").bearer(&bench.gateway.key).send(bench.gateway.callers);
    assert_eq!(answer.status, 200, "{}", answer.body);
    // Nothing is said of a cost that nobody knows.
    assert!(answer.header("x-roundelay-cost").is_none() && !answer.body.contains("cost"));
}

#[test]
fn an_answer_without_content_is_the_houses_loss() {
    let (charged, _, lost) = {
        let bench = Bench::with(USD, "empty-200", BY_TOKEN);
        assert_eq!(bench.ask(&embed(), "m").send(bench.gateway.callers).status, 502);
        let books = bench.books();
        (sum(&books, EntryKind::Charge), (), sum(&books, EntryKind::Loss))
    };
    assert!(charged == 0 && lost > 0, "{charged} {lost}");
}
