//! Exact amounts, worked out by hand: 1,000 nano-USD a token of input, 100 from the cache, 2,000 of output.

use roundelay::billing::{Advance, Billing, Need, Unpriced};
use roundelay::store::Store;
use roundelay_calendar::{UnixTime, Window, Zone};
use roundelay_ledger::{
    AccountId, Case, Effect, EntryKind, ExchangeId, KeyId, Limits, Money, Observed, Policy, Price, PriceList, Rate,
    Tariff, Timestamp, TokenPrices, Tokens, Units,
};

use super::{Team, open_account, question, sum};

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
        // 6 × 1,000 + 4 × 1,250 + 20 × 2,000
        check("words-20-cache-written-4", stream, (51_000, 0));
        // The ten tokens of input are above the tier's five: 10 × 2,000 + 20 × 4,000
        check("tiered", stream, (100_000, 0));
        // What a provider says it did not use, it does not bill.
        check("zero-usage", stream, (0, 0));
        // Ten words of reasoning are output: 10 × 1,000 + 30 × 2,000
        check("words-20-reasoning-10", stream, (70_000, 0));
        // An error that nobody bills.
        check("503", stream, (0, 0));
    }
    // The count comes 300 ms after the last word.
    check("words-20-stall-after-20-300ms", true, (50_000, 0));
}

#[test]
fn what_nobody_counted_is_estimated_and_says_so() {
    for (model, stream) in [("words-20-no-usage", false), ("words-20-no-usage", true), ("early-usage", true)] {
        let team = Team::with(Money::from_nano(USD));
        let answer = team.ask(&question(model, stream)).send(team.gateway.callers);
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

#[test]
fn a_price_that_changes_while_an_answer_is_made_is_not_charged() {
    let folder = tempfile::tempdir().unwrap();
    open_account(folder.path(), Money::from_nano(USD));
    let store = Store::open(folder.path()).unwrap();
    let billing = Billing::load(&store, Rate::ONE).unwrap();
    let (key, team) = (KeyId::new("caller"), AccountId::new("team").unwrap());
    // 1,000 nano-USD a token, and twice that for output from eight in the evening UTC.
    let tokens = |output| TokenPrices { input: 1_000_000_000, output, ..TokenPrices::default() };
    let (days, hours) = ("mon-sun".parse().unwrap(), "20:00-24:00".parse().unwrap());
    let window = Window { days, hours, zone: Zone::utc(), from: None, until: None };
    let effect = Effect::Replace(Price::flat(tokens(2_000_000_000)));
    let prices = PriceList::new(Price::flat(tokens(1_000_000_000)), vec![Tariff { window, effect }]).unwrap();
    let mut attempt = 0;
    let mut charged = |admitted: i64| {
        let quote = prices.at(UnixTime(admitted));
        let payer = billing.payer(&key, &team, &Limits::default(), Rate::ONE).unwrap();
        attempt += 1;
        let need = Need {
            exchange: ExchangeId::from_u64(attempt),
            attempt: 1,
            quote: Some(&quote),
            unpriced: Unpriced::Refuse,
            input: 10,
            input_tokens: 10,
            has_audio: false,
            keeps_long: false,
            asked: Some(20),
            output_max: Some(20),
            thought: 0,
            choices: 1,
            advance: Advance::Beginning,
            is_fixed: false,
            units: Units::default(),
            rate: Rate::ONE,
            expires_at: Timestamp(i64::MAX),
        };
        let hold = billing.hold(&payer, &need).unwrap();
        // However late it ends: what was quoted is charged.
        let tokens = Tokens { input: 10, output: 20, ..Tokens::default() };
        let settled = hold.settle(
            Case::Complete,
            &Policy::default(),
            &Observed { usage: Some(tokens), delivered: tokens, worst: tokens, wasted: 0 },
        );
        -settled.entries[0].change.nano()
    };
    let eight = 20 * 3_600;
    // 10 × 1,000 + 20 × 1,000, and from the first second of the evening 10 × 1,000 + 20 × 2,000.
    assert_eq!((charged(eight - 1), charged(eight)), (30_000, 50_000));
}

#[test]
fn a_provider_that_does_not_keep_to_its_limit_is_not_paid_with_money_that_is_not_there() {
    for stream in [false, true] {
        let team = Team::with(Money::from_nano(200_000));
        let mut body = question("words-2000-deaf", stream);
        body["max_tokens"] = 20.into();
        assert_eq!(team.ask(&body).send(team.gateway.callers).status, 200);
        let books = team.books();
        let (charged, lost) = (sum(&books, EntryKind::Charge), sum(&books, EntryKind::Loss));
        if stream {
            // It was stopped, wherever the pieces in which it came allowed.
            assert!((1..=200_000).contains(&charged), "{books:#?}");
        } else {
            // It has sent, and bills, 10 × 1,000 + 2,000 × 2,000.
            assert_eq!((charged, lost), (200_000, 4_010_000 - 200_000), "{books:#?}");
        }
    }
}

#[test]
fn an_answer_says_what_it_cost() {
    let team = Team::with(Money::from_nano(USD));
    let answer = team.ask(&question("words-20", false)).send(team.gateway.callers);
    assert_eq!(answer.json()["usage"]["cost"], 0.000_05, "{}", answer.body);
    assert_eq!(answer.header("x-roundelay-cost"), Some("0.00005"));
    let mut body = question("words-20", true);
    for asked in [false, true] {
        body["stream_options"] = serde_json::json!({ "include_usage": asked });
        let answer = team.ask(&body).send(team.gateway.callers);
        let says = answer.body.contains("\"usage\":{\"cost\":0.00005,\"prompt_tokens\":10");
        assert_eq!(says, asked, "{}", answer.body);
        assert!(answer.body.ends_with("}\n\ndata: [DONE]\n\n"), "{}", answer.body);
    }
    // Without a price nothing is said, and the provider's own bytes stay.
    let body = team.gateway.chat("unpriced");
    assert!(!body.body.contains("\"cost\"") && body.header("x-roundelay-cost").is_none(), "{}", body.body);
}
