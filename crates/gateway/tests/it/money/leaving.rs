//! What callers pay who leave before their answer is whole.

use std::{
    io::Write as _,
    net::TcpStream,
    thread,
    time::{Duration, Instant},
};

use roundelay_ledger::{EntryKind, Money};

use super::{Team, question, stops, sum, works_on};

/// When a caller leaves.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Leaves {
    /// Once the provider works, without a word of the answer.
    BeforeContent,
    /// When so many words of a stream were shown.
    After(usize),
}

/// Leaves, and compares what was charged, what the house lost, and whether that was estimated.
#[track_caller]
fn check(adapt: fn(String) -> String, model: &str, stream: bool, leaves: Leaves, expected: (i64, i64, bool)) {
    let team = Team::configured(Money::from_nano(1_000_000_000), adapt);
    leave(&team, model, stream, leaves);
    until("the exchange has ended", || team.gateway.gateway.billing.open_holds() == 0);
    let books = team.books();
    let charges = || books.iter().filter(|entry| entry.row.kind != EntryKind::TopUp);
    let found =
        (sum(&books, EntryKind::Charge), sum(&books, EntryKind::Loss), charges().any(|entry| entry.row.is_estimated));
    assert_eq!(found, expected, "{model}, streamed: {stream}, {leaves:?}: {books:#?}");
}

fn leave(team: &Team, model: &str, stream: bool, leaves: Leaves) {
    let body = question(model, stream);
    match leaves {
        Leaves::After(words) => {
            let mut open = team.ask(&body).open(team.gateway.callers);
            let mut shown = String::new();
            while shown.matches("\"content\":\"").count() <= words {
                shown.push_str(&String::from_utf8(open.piece()).unwrap());
            }
        }
        Leaves::BeforeContent => {
            let mut socket = TcpStream::connect(team.gateway.callers).unwrap();
            let (key, body) = (&team.key, body.to_string());
            let head = format!(
                "POST /v1/chat/completions HTTP/1.1\r\nhost: test\r\nx-api-key: {key}\r\ncontent-length: {}",
                body.len()
            );
            socket.write_all(format!("{head}\r\n\r\n{body}").as_bytes()).unwrap();
            until("the provider is asked", || team.bank.control.counts().in_flight == 1);
        }
    }
}

#[track_caller]
fn until(what: &str, is_so: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < Duration::from_secs(10), "never so: {what}");
        thread::park_timeout(Duration::from_millis(5));
    }
}

fn stops_but_drains(config: String) -> String {
    stops(config) + "[money]\non_disconnect = 'drain'\n"
}

#[test]
fn at_a_provider_that_works_on_the_exact_bill_is_waited_for() {
    // 10 × 1,000 + 40 × 2,000
    check(works_on, "words-40-slow-words-5ms", true, Leaves::After(2), (90_000, 0, false));
    // 10 × 1,000 + 20 × 2,000
    check(works_on, "words-20-slow-headers-300ms", true, Leaves::BeforeContent, (50_000, 0, false));
    check(works_on, "words-20-slow-headers-300ms", false, Leaves::BeforeContent, (50_000, 0, false));
    check(stops_but_drains, "words-40-slow-words-5ms", true, Leaves::After(2), (90_000, 0, false));
    check(stops_but_drains, "words-20-slow-headers-300ms", false, Leaves::BeforeContent, (50_000, 0, false));
}

#[test]
fn leaving_just_before_the_end_is_no_discount() {
    // All of it was shown but its end, which comes 300 ms later: 10 × 1,000 + 20 × 2,000
    check(stops, "words-20-stall-after-20-300ms", true, Leaves::After(20), (50_000, 0, false));
}

#[test]
fn at_a_provider_that_stops_only_what_came_is_paid() {
    let team = Team::configured(Money::from_nano(1_000_000_000), stops);
    leave(&team, "words-400-slow-words-20ms", true, Leaves::After(2));
    until("the provider is told", || team.bank.control.cancelled() == 1);
    until("the exchange has ended", || team.gateway.gateway.billing.open_holds() == 0);
    let books = team.books();
    let (charged, lost) = (sum(&books, EntryKind::Charge), sum(&books, EntryKind::Loss));
    // Of 400 words some few were shown, and no more than those of two seconds came.
    assert!((10_000..150_000).contains(&charged) && lost == 0, "{books:#?}");
    assert!(books.last().unwrap().row.is_estimated, "{books:#?}");
}

#[test]
fn a_caller_who_waits_for_an_instant_only_pays_for_what_it_began() {
    for (adapt, stream) in [(works_on as fn(String) -> String, false), (works_on, true), (stops, true)] {
        let team = Team::configured(Money::from_nano(1_000_000_000), adapt);
        let ask = team.ask(&question("silence", stream)).header("x-stainless-read-timeout", "1");
        assert_eq!(ask.send(team.gateway.callers).status, 504);
        let books = team.books();
        assert!(sum(&books, EntryKind::Charge) > 0, "{books:#?}");
    }
}
