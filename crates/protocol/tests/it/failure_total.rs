//! The table is total: whatever an upstream sends has one class, and nothing harmful comes through.

use proptest::prelude::*;
use roundelay_protocol::failure::{Flavour, Seen, classify};

fn flavour() -> impl Strategy<Value = Flavour> {
    prop::sample::select(Flavour::ALL.map(|(flavour, _)| flavour).to_vec())
}

/// Bodies from noise to almost right.
fn body() -> impl Strategy<Value = Vec<u8>> {
    let token = prop::sample::select(vec![
        "{",
        "}",
        "[",
        "]",
        ":",
        ",",
        "\"error\"",
        "\"message\"",
        "\"code\"",
        "\"type\"",
        "\"details\"",
        "\"choices\"",
        "null",
        "429",
        "\"insufficient_quota\"",
        "\"1302\"",
        "\"retryDelay\"",
        "\"30.6s\"",
        "<html>",
        "<title>",
        "</title>",
        "ray id:",
        "2026-99-99",
        "2026-11-23T25:61",
        "try again in 1e999s",
        "é",
        "\u{0}",
        " sk-abcdefghijklmnopqrstuvwxyz",
        "\"detail\"",
    ]);
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..200),
        prop::collection::vec(token, 0..20).prop_map(|tokens| tokens.concat().into_bytes()),
        (any::<String>(), any::<String>()).prop_map(|(message, code)| {
            serde_json::to_vec(&serde_json::json!({"error": {"message": message, "code": code}}))
                .unwrap()
        }),
    ]
}

proptest! {
    #[test]
    fn every_answer_has_a_class(
        flavour in flavour(),
        status in 100_u16..600,
        body in body(),
        header in prop::sample::select(vec!["retry-after", "retry-after-ms", "x-amzn-errortype", "content-type", "x-ratelimit-reset"]),
        value in any::<String>(),
        now in 0_i64..4_000_000_000,
    ) {
        let headers = vec![(header.to_owned(), value), ("x-ratelimit-remaining".to_owned(), "0".to_owned())];
        let failure = classify(flavour, &Seen::Response { status, headers: &headers, body: &body }, now);
        prop_assert!(!failure.message.is_empty() && failure.message.len() <= 2048);
        prop_assert!(!failure.message.contains(char::is_control));
        prop_assert!(!failure.message.contains("sk-abcdefghijklmnop"), "{}", failure.message);
        for after_content in [false, true] {
            let streamed = classify(flavour, &Seen::StreamError { data: &body, after_content }, now);
            prop_assert!(!streamed.message.is_empty());
        }
    }

    #[test]
    fn a_status_alone_has_a_class_everywhere(status in any::<u16>(), flavour in flavour()) {
        let failure = classify(flavour, &Seen::Response { status, headers: &(), body: b"" }, 0);
        prop_assert_eq!(failure.class.touches_health() || (400..500).contains(&status), true);
    }
}
