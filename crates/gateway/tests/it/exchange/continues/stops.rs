//! A gateway that stops while an answer is being carried on: it waits for its end, or ends it in order.

use std::{sync::Arc, thread};

use roundelay::store::Store;
use roundelay_ledger::{EntryKind, Money};
use serde_json::json;

use super::{ANSWER, House, ON, Read, Words, read, wait_until};
use crate::money::{books, sum};
use crate::support::Request;

/// What the caller of an answer reads whose gateway stops while the second model is asked, and what is charged for it.
#[track_caller]
fn stopped(drain: &str, second: &str) -> (Read, String, i64) {
    let members: &[&str] = &["chat/cut-5", second];
    let server = format!("server.drain = '{drain}'\n");
    let House { gateway, key, provider, .. } = House::funded_with(&server, 1_000_000_000, &[("pool", members, ON)]);
    let body = json!({ "model": "pool", "stream": true, "messages": [{ "role": "user", "content": "Tell me." }] });
    let open = Request::post("/v1/chat/completions", &body).bearer(&key).open(gateway.callers);
    let reader = thread::spawn(move || String::from_utf8(open.bytes().0).unwrap());
    wait_until("nobody goes on", || provider.all().len() == 2);
    let shared = Arc::clone(&gateway.gateway);
    let folder = gateway.stop();
    assert_eq!(shared.billing.open_holds(), 0, "nothing stays held");
    let body = reader.join().unwrap();
    let books = books(&Store::open(&folder.path().join("data")).unwrap());
    (read(Words::Chat, &body), body, sum(&books, EntryKind::Charge))
}

#[test]
fn a_stop_waits_for_who_carries_an_answer_on() {
    let (read, body, charged) = stopped("60s", "chat/late");
    assert_eq!((&*read.text, read.is_ended), (ANSWER, true), "{body}");
    // Five tokens of the first; the input of the second, and the rest in 12 pieces, of which one is white space that the
    // caller had.
    assert_eq!(Money::from_nano(charged), Money::from_nano(5 * 2_000 + 100 * 1_000 + 11 * 2_000), "{body}");
}

#[test]
fn a_stop_that_does_not_wait_ends_the_answer_with_what_was_shown_paid() {
    let (read, body, charged) = stopped("1ms", "chat/held");
    assert!(!read.is_ended && ANSWER.starts_with(&read.text), "{body}");
    let error = read.error.unwrap_or_else(|| panic!("no error: {body}"));
    assert_eq!(error["code"], "gateway_stopping", "{body}");
    // The second showed nothing; its input, 67 tokens as they are estimated, is the caller's, as whenever a gateway is stopped.
    assert_eq!(charged, 5 * 2_000 + 67 * 1_000, "{body}");
}
