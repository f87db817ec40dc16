//! Exact amounts, worked out by hand: 1,000 nano-USD a token of input, 100 from the cache, 2,000 of output.

use roundelay_ledger::{EntryKind, Money};

use super::{Team, question, sum};

const USD: i64 = 1_000_000_000;

/// Asks once, and compares what the caller paid and what the house lost, in nano-USD.
#[track_caller]
fn check(scenario: &str, stream: bool, (charged, lost): (i64, i64)) {
    let team = Team::with(Money::from_nano(USD));
    team.ask(&question(scenario, stream)).send(team.gateway.callers);
    let books = team.books();
    let found = (sum(&books, EntryKind::Charge), sum(&books, EntryKind::Loss));
    assert_eq!(found, (charged, lost), "{scenario}, streamed: {stream}: {books:#?}");
}

#[test]
fn what_the_provider_counted_is_charged_to_the_nano() {
    for stream in [false, true] {
        // 10 × 1,000 + 20 × 2,000
        check("words-20", stream, (50_000, 0));
        // 6 × 1,000 + 4 × 100 + 20 × 2,000
        check("words-20-cached-4", stream, (46_400, 0));
        // Ten words of reasoning are output: 10 × 1,000 + 30 × 2,000
        check("words-20-reasoning-10", stream, (70_000, 0));
        // An error that nobody bills.
        check("503", stream, (0, 0));
    }
}

#[test]
fn what_nobody_counted_is_estimated_and_says_so() {
    for stream in [false, true] {
        let team = Team::with(Money::from_nano(USD));
        let answer = team.ask(&question("words-20-no-usage", stream)).send(team.gateway.callers);
        assert_eq!(answer.status, 200, "{}", answer.body);
        let books = team.books();
        let charge = books.iter().find(|entry| entry.row.kind == EntryKind::Charge).expect("it is charged");
        assert!(charge.row.is_estimated && charge.row.change.is_negative(), "{charge:?}");
    }
}

#[test]
fn an_answer_that_brought_nothing_is_the_houses_loss() {
    for stream in [false, true] {
        let team = Team::with(Money::from_nano(USD));
        team.ask(&question("empty-200", stream)).send(team.gateway.callers);
        let books = team.books();
        assert_eq!(sum(&books, EntryKind::Charge), 0, "{books:#?}");
        assert!(sum(&books, EntryKind::Loss) > 0, "its input may be billed: {books:#?}");
    }
}

#[test]
fn of_an_answer_that_broke_off_only_what_was_shown_is_paid() {
    let team = Team::with(Money::from_nano(USD));
    let answer = team.ask(&question("cut-after-5", true)).send(team.gateway.callers);
    let shown: usize = answer
        .body
        .split("\n\n")
        .filter_map(|event| serde_json::from_str::<serde_json::Value>(event.strip_prefix("data: ")?).ok())
        .filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str().map(str::len))
        .sum();
    let books = team.books();
    // Four bytes are counted as a token where the provider does not count; the input of a failed answer is not paid.
    assert_eq!(sum(&books, EntryKind::Charge), shown.div_ceil(4) as i64 * 2_000, "{books:#?}");
    assert!(sum(&books, EntryKind::Loss) > 0);
}
