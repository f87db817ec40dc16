//! Recorded answers and streams of real providers, read by the dialect they are in.

use std::path::Path;

use roundelay_protocol::{
    anthropic,
    chat::{Answer, Dialect, Event, Stop},
    estimate::Output,
    openai::answer::Answer as Scanned,
    translate,
};
use serde_json::Value;

use super::{decode, encode, fold};
use crate::fixtures::{as_stream, fixtures};

/// The dialect of a recording, by what it looks like; `None` for what has none here.
pub(super) fn dialect_of(first: &Value) -> Option<Dialect> {
    if first["choices"].is_array() && first["output"].is_null() && first["object"] != "text_completion" {
        return Some(Dialect::OpenaiChat);
    }
    if first["type"] == "message_start" || first["type"] == "message" && first["stop_reason"].is_string() {
        return Some(Dialect::Anthropic);
    }
    if first["type"] == "response.created" || first["object"] == "response" && first["output"].is_array() {
        return Some(Dialect::OpenaiResponses);
    }
    if BEDROCK.iter().any(|kind| first[kind].is_object()) || first["output"]["message"].is_object() {
        return Some(Dialect::Bedrock);
    }
    first["candidates"].is_array().then_some(Dialect::Gemini)
}

const BEDROCK: [&str; 6] =
    ["messageStart", "contentBlockStart", "contentBlockDelta", "contentBlockStop", "messageStop", "metadata"];

/// Every recorded stream with its name and dialect, event by event.
pub(super) fn streams() -> Vec<(String, Dialect, Vec<Vec<u8>>)> {
    let mut found = Vec::new();
    for path in fixtures() {
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        if !path.extension().is_some_and(|ext| ext == "txt" || ext == "sse") {
            continue;
        }
        let has_frames = text.starts_with("event:") || text.starts_with("data:");
        let stream = if has_frames { text.clone().into_bytes() } else { as_stream(&path, &text) };
        let first = text.lines().find_map(|line| {
            let json = line.strip_prefix("data:").unwrap_or(line).trim();
            serde_json::from_str::<Value>(json).ok()
        });
        let Some(dialect) = first.as_ref().and_then(dialect_of) else { continue };
        let events: Vec<Vec<u8>> = if dialect == Dialect::Bedrock {
            text.lines().filter(|line| !line.trim().is_empty()).map(frame).collect()
        } else {
            let text = String::from_utf8(stream).unwrap();
            text.split_inclusive("\n\n").map(|event| event.as_bytes().to_vec()).collect()
        };
        let name = name_of(&path);
        for (number, answer) in answers_of(&events).into_iter().enumerate() {
            let name = if number == 0 { name.clone() } else { format!("{name}, answer {}", number + 1) };
            found.push((name, dialect, answer));
        }
    }
    assert!(found.len() >= MIN_STREAMS || std::env::var_os("ROUNDELAY_TEST_DATA").is_none(), "{} streams", found.len());
    found
}

/// Some recordings hold the answers of several turns, one after another.
fn answers_of(events: &[Vec<u8>]) -> Vec<Vec<Vec<u8>>> {
    const BEGINS: [&str; 2] = [r#"{"type":"message_start""#, r#"{"type":"response.created""#];
    let begins = |event: &[u8]| BEGINS.iter().any(|begin| String::from_utf8_lossy(event).contains(begin));
    let mut answers: Vec<Vec<Vec<u8>>> = Vec::new();
    for event in events {
        match answers.last_mut() {
            Some(answer) if !begins(event) => answer.push(event.clone()),
            _ => answers.push(vec![event.clone()]),
        }
    }
    answers
}

/// One line of a recording, as the frame it was.
fn frame(line: &str) -> Vec<u8> {
    let event: Value = serde_json::from_str(line).unwrap();
    let (kind, payload) = event.as_object().unwrap().iter().next().unwrap();
    let mut out = Vec::new();
    roundelay_protocol::bedrock::frame::write(&mut out, "event", kind, payload.to_string().as_bytes());
    out
}

const MIN_STREAMS: usize = 110;

fn name_of(path: &Path) -> String {
    path.iter().rev().take(2).map(|part| part.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" of ")
}

/// Streams whose recording itself ends early.
fn is_cut(name: &str) -> bool {
    name.contains("incomplete_partial_json") || name.contains("code-execution-20260120-prompt-cache")
}

#[test]
fn every_recorded_stream_decodes_to_a_whole_answer() {
    for (name, dialect, events) in streams() {
        let stream = events.concat();
        let (events, end) = decode(dialect, [&stream[..]]);
        let problem = events.iter().any(|event| matches!(event, Event::Error(_)));
        if is_cut(&name) {
            continue;
        }
        assert_eq!(end, Ok(()), "{name}");
        assert!(!problem, "{name}");
        let answer = fold(dialect, &events).unwrap_or_else(|| panic!("{name} has no end")).unwrap();
        assert!(answer.is_whole(), "{name}");
        let is_refusal = matches!(answer.choices[0].stop, Some(Stop::Refusal(_)));
        assert!(is_refusal || !answer.choices[0].parts.is_empty(), "{name}: {answer:?}");
        let has_content = events.iter().any(Event::is_content);
        assert!(has_content || is_refusal, "{name} has no content");
    }
}

#[test]
fn every_recorded_stream_decodes_alike_under_every_split() {
    for (name, dialect, events) in streams() {
        let stream = events.concat();
        let (whole, end) = decode(dialect, [&stream[..]]);
        assert_eq!(decode(dialect, stream.chunks(1)), (whole.clone(), end.clone()), "{name} byte by byte");
        // All splits of the small ones; of the large ones as many as time allows, spread evenly.
        let splits = if stream.len() <= SMALL { stream.len() } else { (SPLIT_BYTES / stream.len()).max(3) };
        let step = (stream.len() / splits).max(1);
        for cut in (0..=stream.len()).step_by(step) {
            let (left, right) = stream.split_at(cut);
            assert_eq!(decode(dialect, [left, right]), (whole.clone(), end.clone()), "{name} cut at {cut}");
        }
        for seed in 1..=4 {
            let pieces = pieces(&stream, seed);
            assert_eq!(decode(dialect, pieces), (whole.clone(), end.clone()), "{name}, seed {seed}");
        }
    }
}

const SMALL: usize = 2500;
const SPLIT_BYTES: usize = 600_000;

/// Pieces of 1 to 64 bytes by a linear congruential generator.
fn pieces(stream: &[u8], seed: u64) -> Vec<&[u8]> {
    let mut state = seed;
    let mut rest = stream;
    let mut pieces = Vec::new();
    while !rest.is_empty() {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let length = usize::try_from(state >> 58).unwrap() + 1;
        let (piece, after) = rest.split_at(length.min(rest.len()));
        pieces.push(piece);
        rest = after;
    }
    pieces
}

#[test]
fn every_recorded_stream_survives_its_own_dialect() {
    for (name, dialect, events) in streams() {
        let stream = events.concat();
        let (events, end) = decode(dialect, [&stream[..]]);
        if end.is_err() {
            continue;
        }
        let again = encode(dialect, &events);
        let (events_again, end) = decode(dialect, [&again[..]]);
        assert_eq!(end, Ok(()), "{name}");
        let (first, second) =
            (fold(dialect, &events).unwrap().unwrap(), fold(dialect, &events_again).unwrap().unwrap());
        assert_eq!(merged(first), merged(second), "{name}");
    }
}

/// Neighbouring texts as one: whether a text came in one part or two is no difference in chat.
pub(super) fn merged(mut answer: Answer<'static>) -> Answer<'static> {
    use roundelay_protocol::chat::Body;
    answer.created = answer.created.or(Some(0));
    for choice in &mut answer.choices {
        let mut parts: Vec<roundelay_protocol::chat::Part<'static>> = Vec::new();
        for part in choice.parts.drain(..) {
            match (parts.last_mut().map(|last| &mut last.body), &part.body) {
                (
                    Some(Body::Text { text, annotations, .. }),
                    Body::Text { text: more, annotations: others, signature: None },
                ) => {
                    text.push(more);
                    annotations.extend(others.iter().cloned());
                }
                (_, Body::Text { text, annotations, .. }) if text.is_empty() && annotations.is_empty() => {}
                _ => parts.push(part),
            }
        }
        // The official clients demand a title and offsets, so they are written where none were given.
        for part in &mut parts {
            let Body::Text { annotations, .. } = &mut part.body else { continue };
            for annotation in annotations {
                if let roundelay_protocol::chat::Annotation::Url { url, title, start, end, .. } = annotation {
                    title.get_or_insert(url.clone());
                    start.get_or_insert(0);
                    end.get_or_insert(0);
                }
            }
        }
        choice.parts = parts;
    }
    answer
}

#[test]
fn a_stream_cut_after_any_event_never_ends_quietly() {
    for (name, dialect, events) in streams() {
        let stream = events.concat();
        let (all, whole) = decode(dialect, [&stream[..]]);
        let is_whole = |count: &usize| decode(dialect, [&events[..*count].concat()[..]]).1.is_ok();
        let counts: Vec<usize> = (0..=events.len()).collect();
        let ends_at = counts.partition_point(|count| !is_whole(count));
        if whole.is_ok() {
            // Nothing that a caller sees comes after the event that makes the answer whole.
            let (at_end, _) = decode(dialect, [&events[..ends_at].concat()[..]]);
            let shown = |events: &[Event<'_>]| events.iter().filter(|event| event.is_content()).count();
            assert_eq!(shown(&at_end), shown(&all), "{name}");
        }
        let step = (ends_at / 12).max(1);
        for count in (0..ends_at.min(events.len())).step_by(step) {
            let (seen, end) = decode(dialect, [&events[..count].concat()[..]]);
            assert_eq!(end, Err(roundelay_protocol::chat::StreamFault::Cut), "{name} after {count} events");
            assert!(!seen.contains(&Event::End), "{name} after {count} events");
            for caller in Dialect::ALL {
                let out = encode(caller, &seen);
                let (_, end) = decode(caller, [&out[..]]);
                assert!(end.is_err(), "{name} as {} after {count} events", caller.name());
            }
        }
    }
}

/// Every recorded answer with its name and dialect.
pub(super) fn answers() -> Vec<(String, Dialect, String)> {
    let mut found = Vec::new();
    for path in fixtures() {
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        let Ok(json) = serde_json::from_str::<Value>(&text) else { continue };
        if let Some(dialect) = dialect_of(&json).filter(|_| path.extension().is_some_and(|ext| ext == "json")) {
            found.push((name_of(&path), dialect, text));
        }
    }
    assert!(found.len() >= MIN_ANSWERS || std::env::var_os("ROUNDELAY_TEST_DATA").is_none(), "{} answers", found.len());
    found
}

const MIN_ANSWERS: usize = 60;

#[test]
fn every_recorded_answer_decodes_and_survives_its_own_dialect() {
    for (name, dialect, text) in answers() {
        let answer = translate::decode_answer(dialect, text.as_bytes()).unwrap().unwrap();
        assert!(answer.is_whole() && !answer.choices[0].parts.is_empty(), "{name}");
        assert!(answer.usage.is_some(), "{name}");
        let mut losses = roundelay_protocol::chat::Losses::default();
        let again = translate::encode_answer(&answer, dialect, "", &mut losses);
        let again = translate::decode_answer(dialect, &again).unwrap().unwrap();
        assert!(losses.is_empty(), "{name}: {losses:?}");
        assert_eq!(merged(own(&answer)), merged(own(&again)), "{name}");
        // The stream it might have been makes the same answer.
        let mut events = Vec::new();
        answer.events(&mut |event| events.push(event.into_owned()));
        let streamed = fold(dialect, &events).unwrap().unwrap();
        assert_eq!(streamed.choices.len(), answer.choices.len(), "{name}");
        assert_eq!(streamed.usage, answer.usage, "{name}");
    }
}

/// Money and routing learn the same of an answer that is said again as of one that is passed on.
#[test]
fn every_recorded_answer_is_scanned_as_it_is_read() {
    let plain = |scanned: Scanned| Scanned { cost_place: None, output: Output::default(), ..scanned };
    for (name, dialect, text) in answers() {
        let read = Scanned::of(&translate::decode_answer(dialect, text.as_bytes()).unwrap().unwrap());
        let scanned = match dialect {
            Dialect::OpenaiChat => Scanned::scan(text.as_bytes()),
            Dialect::Anthropic => anthropic::scan_answer(text.as_bytes()),
            _ => continue,
        };
        assert_eq!(plain(read), plain(scanned.unwrap()), "{name}");
    }
}

/// What it says is a failure in either reading, whatever else it holds.
#[test]
fn an_error_inside_an_answer_is_one() {
    #[track_caller]
    fn check(member: &str, is_error: bool) {
        let usage = r#""usage":{"prompt_tokens":1,"completion_tokens":1}"#;
        let body =
            format!(r#"{{"choices":[{{"message":{{"content":"a"}},"finish_reason":"stop"}}],{usage},{member}}}"#);
        let read = translate::decode_answer(Dialect::OpenaiChat, body.as_bytes()).unwrap();
        assert_eq!((read.is_err(), Scanned::scan(body.as_bytes()).unwrap().is_error), (is_error, is_error), "{member}");
    }
    check(r#""error":{"message":"m"}"#, true);
    check(r#""error":"m""#, true);
    check(r#""error":5"#, true);
    check(r#""x_groq":{"id":"a","error":"over"}"#, true);
    check(r#""x_groq":{"id":"a"}"#, false);
    check(r#""error":null"#, false);
    check(r#""error":{}"#, false);
    check(r#""error":[]"#, false);
}

fn own(answer: &Answer<'_>) -> Answer<'static> {
    let choices = answer.choices.iter().map(|choice| roundelay_protocol::chat::Choice {
        parts: choice.parts.iter().cloned().map(roundelay_protocol::chat::Part::into_owned).collect(),
        stop: choice.stop.clone().map(Stop::into_owned),
        logprobs: choice.logprobs.iter().cloned().map(roundelay_protocol::chat::Logprob::into_owned).collect(),
    });
    Answer { choices: choices.collect(), usage: answer.usage, created: answer.created, ..Answer::new(answer.dialect) }
}

#[test]
fn a_small_stream_cut_at_any_byte_is_whole_or_cut() {
    for (name, dialect, events) in streams() {
        let stream = events.concat();
        let (all, whole) = decode(dialect, [&stream[..]]);
        if stream.len() > SMALL || whole.is_err() {
            continue;
        }
        let expected = fold(dialect, &all).unwrap();
        let mut told = usize::MAX;
        for cut in 0..stream.len() {
            let (seen, end) = decode(dialect, [&stream[..cut]]);
            if end.is_ok() {
                // What is missing is the usage at most.
                let (Some(Ok(found)), Ok(expected)) = (fold(dialect, &seen), &expected) else {
                    panic!("{name} cut at {cut}");
                };
                assert_eq!(found.choices, expected.choices, "{name} cut at {cut}");
                continue;
            }
            assert!(!seen.contains(&Event::End), "{name} cut at {cut}");
            if std::mem::replace(&mut told, seen.len()) == seen.len() {
                continue;
            }
            for caller in Dialect::ALL {
                let out = encode(caller, &seen);
                assert!(decode(caller, [&out[..]]).1.is_err(), "{name} as {} cut at {cut}", caller.name());
            }
        }
    }
}
