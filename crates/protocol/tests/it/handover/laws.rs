//! What holds of every conversation and every room.

use std::{collections::HashSet, sync::Arc};

use proptest::prelude::*;
use roundelay_protocol::{
    chat::{Body, Dialect, Part, Request, Role},
    estimate::{Tokenizer, input_tokens},
    handover::{self, DoesNotFit, Kind, Room, Takes, hand_over, least, prefixes, tokens},
    openai,
};

use super::{
    conversations::{self, Step},
    strict,
};
use crate::dialects::written;

fn dialects() -> impl Strategy<Value = Dialect> {
    prop::sample::select(Dialect::ALL.to_vec())
}

fn tokenizers() -> impl Strategy<Value = Tokenizer> {
    prop::sample::select(vec![Tokenizer::Wide, Tokenizer::Narrow])
}

/// From less than fits to more than is needed.
fn rooms() -> impl Strategy<Value = Room> {
    let verbatim = prop::option::of(50..3_000_u64);
    (150..30_000_u64, tokenizers(), verbatim, prop::bool::weighted(0.7)).prop_map(
        |(tokens, tokenizer, verbatim, images)| Room {
            tokens,
            tokenizer,
            verbatim,
            takes: Takes { images, audio: false, files: true },
        },
    )
}

/// How many of the first turns a summary stands for, as a share of them all, and how long it is.
fn summaries() -> impl Strategy<Value = Option<(f64, usize)>> {
    prop::option::of((0.0..1.0, 1..9_000_usize))
}

fn summary_of(summary: Option<(f64, usize)>, turns: usize) -> impl FnMut(usize) -> Option<Arc<str>> {
    let found =
        summary.map(|(share, length)| ((share * turns as f64) as usize, "一 fact\n[x] ".repeat(length / 12 + 1)));
    move |asked| found.as_ref().filter(|(turns, _)| *turns == asked).map(|(_, text)| Arc::from(&**text))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn what_is_handed_over_fits_and_every_dialect_takes_it(
        dialect in dialects(), steps in conversations::steps(), room in rooms(), summary in summaries(),
    ) {
        let before = conversations::request(dialect, &steps);
        let mut after = before.clone();
        let turns = before.turns.len();
        let told = match hand_over(&mut after, &room, &mut summary_of(summary, turns)) {
            Ok(told) => told,
            Err(fault) => {
                prop_assert_eq!(&after, &before, "a fault changes nothing");
                let least = least(&before, room.tokenizer);
                match fault {
                    DoesNotFit::Tokens { .. } => prop_assert!(least.tokens > room.tokens),
                    DoesNotFit::Media(_) => prop_assert!(!room.takes.covers(least.needs)),
                }
                return Ok(());
            }
        };
        prop_assert_eq!((told.turns, told.before), (turns, tokens(&before, room.tokenizer)));
        prop_assert_eq!(told.after, tokens(&after, room.tokenizer));
        prop_assert!(told.after <= room.tokens, "{told:?}");
        prop_assert_eq!(told.kind == Kind::None, after == before, "{:?}", told);
        prop_assert_eq!((&after.system, &after.tools), (&before.system, &before.tools));
        if summary.is_none() {
            prop_assert!(told.kind != Kind::Summary);
        }
        prop_assert_eq!(operators(&after), operators(&before));
        prop_assert!(last_words(&after).ends_with(&last_words(&before)), "{:?}", told);
        prop_assert!(marks(&after) <= marks(&before));
        alternates(&before, &after)?;
        no_orphans(&after)?;
        for to in Dialect::ALL {
            let is_for = to == dialect || !conversations::is_own(&after);
            if told.kind == Kind::None || !is_for || after.turns[0].role != Role::User {
                continue;
            }
            let body = written(&after, to).0;
            let checked = strict::check(to, &body);
            prop_assert!(checked.is_ok(), "{}: {checked:?}\n{}", to.name(), String::from_utf8_lossy(&body));
        }
    }

    #[test]
    fn there_is_room_whenever_there_is_room_for_the_least(
        dialect in dialects(), steps in conversations::steps(), tokenizer in tokenizers(), more in 0..3_000_u64,
    ) {
        let request = conversations::request(dialect, &steps);
        let least = least(&request, tokenizer);
        let room = Room { tokens: least.tokens + more, tokenizer, verbatim: None, takes: least.needs };
        let handed = hand_over(&mut request.clone(), &room, &mut |_| None);
        prop_assert!(handed.is_ok(), "{handed:?} {least:?}");
    }

    #[test]
    fn handing_over_twice_changes_nothing(
        dialect in dialects(), steps in conversations::steps(), room in rooms(), summary in summaries(),
    ) {
        let mut once = conversations::request(dialect, &steps);
        let turns = once.turns.len();
        if hand_over(&mut once, &room, &mut summary_of(summary, turns)).is_err() {
            return Ok(());
        }
        let mut twice = once.clone();
        let told = hand_over(&mut twice, &room, &mut |_| None);
        prop_assert_eq!(told.map(|told| told.kind), Ok(Kind::None));
        prop_assert_eq!(twice, once);
    }

    #[test]
    fn the_estimate_is_never_below_what_the_written_body_is_taken_for(
        dialect in dialects(), steps in conversations::steps(), tokenizer in tokenizers(),
    ) {
        let request = conversations::request(dialect, &steps);
        // Nobody takes a conversation in which nothing was said.
        prop_assume!(!request.turns.is_empty());
        let ours = tokens(&request, tokenizer);
        for (to, operation) in [
            (Dialect::OpenaiChat, openai::Operation::Chat), (Dialect::OpenaiResponses, openai::Operation::Responses),
            (Dialect::Anthropic, openai::Operation::Messages), (Dialect::Gemini, openai::Operation::Generate),
        ] {
            let body = written(&request, to).0;
            let scanned = openai::Request::scan(operation, &body).unwrap();
            let theirs = input_tokens(tokenizer, &scanned.size, scanned.messages);
            prop_assert!(theirs <= ours, "{}: {theirs} and {ours}", to.name());
            let is_all = to == dialect || !conversations::is_own(&request);
            prop_assert!(!is_all || ours <= theirs + theirs / 2 + 400, "{}: {theirs} and {ours}", to.name());
        }
    }

    #[test]
    fn a_beginning_has_the_same_name_in_a_longer_conversation(
        dialect in dialects(), steps in conversations::steps(), more in conversations::steps(),
    ) {
        let short = conversations::request(dialect, &steps);
        let all: Vec<Step> = steps.iter().chain(&more).cloned().collect();
        let long = conversations::request(dialect, &all);
        let (key, other) = ([7; 32], [8; 32]);
        let (named, names) = (prefixes(&short, &key), prefixes(&long, &key));
        prop_assert_eq!(named.len(), short.turns.len());
        let same = short.turns.iter().zip(&long.turns).take_while(|(short, long)| short == long).count();
        prop_assert_eq!(&named[..same], &names[..same]);
        prop_assert_eq!(names.iter().collect::<HashSet<_>>().len(), names.len());
        prop_assert!(prefixes(&long, &other).iter().all(|name| !names.contains(name)));
    }

    #[test]
    fn an_extract_is_no_longer_than_it_may_be(
        dialect in dialects(), steps in conversations::steps(), bytes in 0..4_000_usize,
    ) {
        let request = conversations::request(dialect, &steps);
        let extract = handover::extract(&request.turns, bytes);
        prop_assert!(extract.len() <= bytes, "{} of {bytes}", extract.len());
        let question = handover::question(Some("earlier"), &request.turns, 4_000 + bytes);
        prop_assert!(question.len() <= 4_000 + bytes, "{} of {}", question.len(), 4_000 + bytes);
    }
}

/// Neighbours of one side only where there were some.
fn alternates(before: &Request<'_>, after: &Request<'_>) -> Result<(), TestCaseError> {
    let neighbours =
        |request: &Request<'_>| request.turns.windows(2).filter(|pair| pair[0].role == pair[1].role).count();
    prop_assert!(neighbours(after) <= neighbours(before));
    let first = |request: &Request<'_>| request.turns.first().map(|turn| turn.role);
    prop_assert!(first(after) == Some(Role::User) || first(after) == first(before));
    prop_assert!(after.turns.iter().all(|turn| !turn.parts.is_empty()));
    Ok(())
}

fn no_orphans(request: &Request<'_>) -> Result<(), TestCaseError> {
    let parts = || request.turns.iter().flat_map(|turn| &turn.parts);
    let calls: Vec<_> = parts()
        .filter_map(|part| match &part.body {
            Body::ToolCall(call) => Some(call.id.decode().into_owned()),
            Body::Opaque { json, .. } => opaque(json.as_str(), "computer_call"),
            _ => None,
        })
        .collect();
    let results: Vec<_> = parts()
        .filter_map(|part| match &part.body {
            Body::ToolResult(result) => Some(result.id.decode().into_owned()),
            Body::Opaque { json, .. } => opaque(json.as_str(), "computer_call_output"),
            _ => None,
        })
        .collect();
    prop_assert_eq!(calls, results);
    Ok(())
}

/// The call's id where it is of a kind.
fn opaque(json: &str, kind: &str) -> Option<String> {
    let json: serde_json::Value = serde_json::from_str(json).unwrap();
    (json["type"] == kind).then(|| json["call_id"].as_str().unwrap().to_owned())
}

fn operators(request: &Request<'_>) -> Vec<Part<'static>> {
    let turns = request.turns.iter().filter(|turn| turn.role == Role::System);
    turns.flat_map(|turn| turn.parts.clone()).map(Part::into_owned).collect()
}

/// What the user said last, in a turn without what tools gave where there is one.
fn last_words(request: &Request<'_>) -> Vec<Part<'static>> {
    let is_word = |part: &&Part<'_>| {
        let is_own =
            |text: &roundelay_protocol::chat::Text<'_>| !text.written().contains("earlier turns of this conversation");
        !matches!(part.body, Body::ToolResult(_) | Body::Opaque { .. }) && part.as_text().is_none_or(is_own)
    };
    let gives = |turn: &&roundelay_protocol::chat::Turn<'_>| {
        turn.parts.iter().any(|part| matches!(part.body, Body::ToolResult(_)))
    };
    let words = |turn: &roundelay_protocol::chat::Turn<'_>| -> Vec<Part<'static>> {
        turn.parts.iter().filter(is_word).cloned().map(Part::into_owned).collect()
    };
    let users = || request.turns.iter().rev().filter(|turn| turn.role == Role::User);
    let alone = users().filter(|turn| !gives(turn)).map(words).find(|words| !words.is_empty());
    alone.or_else(|| users().map(words).find(|words| !words.is_empty())).unwrap_or_default()
}

fn marks(request: &Request<'_>) -> usize {
    request.turns.iter().flat_map(|turn| &turn.parts).filter(|part| part.keep.is_some()).count()
}
