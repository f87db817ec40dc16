//! The table is total: whatever an upstream sends has one class, and nothing harmful comes through.

use proptest::prelude::*;
use roundelay_protocol::failure::{Class, Flavour, Seen, classify};

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
            serde_json::to_vec(&serde_json::json!({"error": {"message": message, "code": code}})).unwrap()
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
    fn no_date_in_a_header_or_a_body_panics(
        flavour in flavour(),
        status in prop::sample::select(vec![200_u16, 400, 402, 403, 404, 429, 503]),
        stated in date_like(),
        said in date_like(),
        now in 0_i64..4_000_000_000,
    ) {
        let headers = vec![
            ("retry-after", stated.clone()),
            ("x-ratelimit-remaining", "0".to_owned()),
            ("x-ratelimit-reset", stated.clone()),
        ];
        let error = serde_json::json!({"error": {"message": said, "code": "rate_limit_exceeded", "resets_at": stated}});
        for body in [said.clone().into_bytes(), serde_json::to_vec(&error).unwrap()] {
            let seen = Seen::Response { status, headers: &headers, body: &body };
            let wait = classify(flavour, &seen, now).retry_after;
            prop_assert!(wait.is_none_or(|wait| !wait.is_zero()));
        }
        let event = Seen::StreamError { data: said.as_bytes(), after_content: false };
        let _class = classify(flavour, &event, now).class;
    }
}

/// Dates that are whole, cut short, out of range or broken by a letter of several bytes.
fn date_like() -> impl Strategy<Value = String> {
    let iso = "[0-9]{4}-[0-9]{2}-[0-9]{2}";
    let clock = "[0-9é]{1,2}(:[0-9é+-]{0,2}){0,2}(\\.[0-9é]{0,3})?";
    let zone = "( ?UTC|Z|z|[+-][0-9é:]{0,6}|é| GMT)?";
    let mark = "(|retry after |resets in |try again in |将在 |at )";
    prop_oneof![
        prop::string::string_regex(&format!("{mark}{iso}([T ]|é| at )?({clock})?{zone}")).unwrap(),
        prop::string::string_regex(&format!("{iso} {iso} {clock}{zone}")).unwrap(),
        prop::string::string_regex(&format!("Sun, [0-9é]{{1,2}} (Nov|Feb|Növ) [0-9]{{1,5}} {clock}{zone}")).unwrap(),
        prop::string::string_regex(&format!("{mark}[0-9.é]{{0,4}}[hmsdµé]{{0,2}}[0-9]{{0,3}}[ms]?")).unwrap(),
    ]
}

/// What a status means when nothing else is said.
fn class_of(status: u16) -> Class {
    match status {
        200..=299 => Class::EmptyOk,
        401 | 407 => Class::UpstreamAuth,
        402 => Class::UpstreamMoney,
        403 | 404 | 410 => Class::NotReady,
        408 | 504 => Class::FirstByteTimeout,
        424 | 499 => Class::ServerError,
        425 | 498 | 503 | 529 => Class::Overload,
        429 => Class::RateLimit,
        400..=499 => Class::CallerBad,
        0..=199 | 300..=399 | 500..=u16::MAX => Class::ServerError,
    }
}

#[test]
fn a_status_alone_has_this_class_at_every_provider() {
    for (flavour, _) in Flavour::ALL {
        for status in (0..1100).chain([u16::MAX]) {
            let expected = match (flavour, status) {
                (Flavour::Azure, 403) | (Flavour::Zhipu, 434) => Class::UpstreamAuth,
                _ => class_of(status),
            };
            let seen = Seen::Response { status, headers: &(), body: b"" };
            let failure = classify(flavour, &seen, 0);
            assert_eq!(failure.class, expected, "{flavour:?} {status}");
            assert_eq!(failure.retry_after, None, "{flavour:?} {status}");
        }
    }
}
