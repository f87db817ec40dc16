//! Streams of text that are cut anywhere and carried on by another dialect's: to the caller it is one answer.

use std::collections::BTreeSet;

use roundelay_protocol::{
    chat::{Body, Dialect, Event, PartKind, Start, Stop, StreamFault, Text, ToolCallKind},
    seam::{Shown, Way},
    translate::{Shadow, StreamEncoder, Translation},
    usage::Usage,
};
use serde_json::{Value, json};

use super::{
    clients::{Client, Seen},
    decode, encode,
    faults::acts_of_client,
    fold, recordings,
};

const WAYS: [Way; 4] = [Way::Prefill { echoes: false }, Way::Prefill { echoes: true }, Way::Prompt, Way::Again];

/// A recorded answer of text, up to a place at least where it can be carried on.
struct Recording {
    name: String,
    dialect: Dialect,
    events: Vec<Vec<u8>>,
    text: String,
}

fn recordings() -> Vec<Recording> {
    let plain = recordings::streams().into_iter().filter_map(|(name, dialect, events)| {
        let (all, end) = decode(dialect, [&events.concat()[..]]);
        let Some(Ok(answer)) = fold(dialect, &all).filter(|_| end.is_ok()) else { return None };
        let mut text = String::new();
        for part in answer.choices.iter().flat_map(|choice| &choice.parts) {
            match &part.body {
                Body::Text { text: more, .. } => text.push_str(&more.decode()),
                Body::Thinking { text, .. } if text.is_empty() => {}
                _ => return None,
            }
        }
        // Most of its deltas were left out by who recorded it.
        let is_abridged = name.contains("openai-phase");
        let is_text = answer.choices.len() == 1 && !text.trim().is_empty() && !is_abridged;
        let events = events.into_iter().enumerate().map(|(number, event)| named(number, event)).collect();
        is_text.then_some(Recording { name, dialect, events, text })
    });
    let small = Dialect::ALL.map(|dialect| {
        let (name, events, text) = ("the small one".to_owned(), small_events(dialect), SMALL.concat());
        Recording { name, dialect, events, text }
    });
    let found: Vec<_> = plain.chain(small).collect();
    let of = |dialect| found.iter().filter(|recording| recording.dialect == dialect).count();
    let counts = Dialect::ALL.map(of);
    let is_enough = counts.iter().zip(MIN_RECORDINGS).all(|(count, min)| *count >= min);
    assert!(is_enough || std::env::var_os("ROUNDELAY_TEST_DATA").is_none(), "{counts:?}");
    found
}

/// An event with its name and its number, of which not every recording has kept all.
fn named(number: usize, event: Vec<u8>) -> Vec<u8> {
    let data = event.strip_prefix(b"data: ").and_then(|data| serde_json::from_slice::<Value>(data).ok());
    let Some((name, mut data)) = data.and_then(|data| Some((data["type"].as_str()?.to_owned(), data))) else {
        return event;
    };
    if data["sequence_number"].is_u64() {
        data["sequence_number"] = json!(number);
    }
    format!("event: {name}\ndata: {data}\n\n").into_bytes()
}

/// Of each dialect.
const MIN_RECORDINGS: [usize; 5] = [7, 3, 5, 3, 1];

/// How the next stream ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Text,
    Call,
    /// It breaks off behind its text.
    Cut,
}

/// What another model's server sends: a thought, the text in pieces, perhaps a call.
fn next_stream(from: Dialect, text: &str, ending: Ending) -> Vec<u8> {
    let mut events = vec![
        Event::Start(Start { id: Some("another".into()), model: Some("another".into()), created: Some(77) }),
        Event::PartStart { part: 0, choice: 0, kind: PartKind::Thinking },
        Event::Thinking { part: 0, text: "The answer".into() },
        Event::PartEnd { part: 0 },
        Event::PartStart { part: 1, choice: 0, kind: PartKind::Text },
    ];
    let letters: Vec<char> = text.chars().collect();
    for piece in letters.chunks(7) {
        events.push(Event::Text { part: 1, text: Text::plain(piece.iter().collect::<String>()) });
    }
    if ending == Ending::Cut {
        return encode(from, &events);
    }
    events.push(Event::PartEnd { part: 1 });
    if ending == Ending::Call {
        let kind = PartKind::ToolCall { id: "call_9".into(), name: "look".into(), kind: ToolCallKind::Function };
        events.push(Event::PartStart { part: 2, choice: 0, kind });
        events.push(Event::Arguments { part: 2, text: Text::plain(r#"{"x":1}"#) });
        events.push(Event::PartEnd { part: 2 });
    }
    events.push(Event::Usage(Usage { input: 3, output: 9, ..Usage::default() }));
    events.push(Event::Stop { choice: 0, stop: if ending == Ending::Call { Stop::ToolCalls } else { Stop::Finished } });
    events.push(Event::End);
    encode(from, &events)
}

/// What such a server says of an answer of which `shown` was shown.
fn said(way: Way, whole: &str, shown: &str) -> String {
    match way {
        Way::Prefill { echoes: false } | Way::Prompt => whole[shown.trim_end().len()..].to_owned(),
        Way::Prefill { echoes: true } | Way::Again => whole.to_owned(),
    }
}

/// Everything by which the caller's events name their answer.
fn names(dialect: Dialect, bytes: &[u8]) -> BTreeSet<String> {
    if dialect == Dialect::Bedrock {
        return BTreeSet::new();
    }
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    let data = text.lines().filter_map(|line| serde_json::from_str::<Value>(line.strip_prefix("data: ")?).ok());
    // Azure's first chunk, of the prompt, is of no answer.
    data.filter(|data| data["id"] != "")
        .filter_map(|data| {
            let named = match dialect {
                Dialect::OpenaiChat => json!([data["id"], data["created"], data["model"]]),
                Dialect::OpenaiResponses if data["response"].is_object() => {
                    json!([data["response"]["id"], data["response"]["created_at"], data["response"]["model"]])
                }
                Dialect::Anthropic if data["message"].is_object() => {
                    json!([data["message"]["id"], data["message"]["model"]])
                }
                Dialect::Gemini => json!([data["responseId"], data["modelVersion"]]),
                _ => return None,
            };
            Some(named.to_string())
        })
        .collect()
}

/// Carries a stream on to its end and looks at it as the caller's client does.
#[track_caller]
fn check_end(
    place: &str,
    caller: Dialect,
    (bytes, mut client): (&[u8], Client),
    (mut next, said, ending): (Translation, &[u8], Ending),
    text: &str,
) {
    let mut out = Vec::new();
    let mut ends = 0;
    let mut count = |event: &Event<'_>| ends += u32::from(*event == Event::End);
    for piece in said.chunks(11) {
        next.push(piece.to_vec().into(), &mut out, &mut count).unwrap_or_else(|fault| panic!("{place}: {fault}"));
    }
    next.finish(&mut out, &mut count).unwrap_or_else(|fault| panic!("{place}: {fault}"));
    next.end(None, &mut out).unwrap();
    assert_eq!(ends, 1, "{place}");
    client.take(&out);
    let Seen::Whole(seen) = client.finish() else { panic!("{place}: it is not whole") };
    let acts = acts_of_client(caller, &seen);
    assert_eq!(acts.text, text, "{place}");
    let calls = if ending == Ending::Call { vec![("look".to_owned(), json!({"x": 1}))] } else { Vec::new() };
    assert_eq!(acts.calls, calls, "{place}");
    let (before, after) = (names(caller, bytes), names(caller, &out));
    assert!(before.is_empty() || after.is_subset(&before), "{place}: {after:?} behind {before:?}");
    assert!(!String::from_utf8_lossy(&out).contains("another"), "{place}");
}

/// Cuts after so many events of a long stream, spread evenly.
const CUTS: usize = 20;

#[test]
fn a_translated_stream_cut_after_any_event_is_carried_on_by_any_dialect() {
    let (mut carried, mut turn) = (0, 0);
    for Recording { name, dialect, events, text } in recordings() {
        let step = (events.len() / CUTS).max(1);
        for caller in Dialect::ALL {
            let mut first = Translation::new(dialect, StreamEncoder::new(caller, "m", true));
            let (mut shown, mut client, mut bytes) = (Shown::default(), Client::new(caller), Vec::new());
            for (count, event) in events.iter().enumerate() {
                if count % step == 0 && shown.unfit().is_none() {
                    turn += 1;
                    let (from, way, ending) =
                        (Dialect::ALL[turn % 5], WAYS[turn / 5 % 4], [Ending::Text, Ending::Call][turn % 3 % 2]);
                    let place = format!(
                        "{name} as {} after {count} events, then {} by {}",
                        caller.name(),
                        from.name(),
                        way.name()
                    );
                    let next = first.carry_on(from, shown.seam(way));
                    let said = next_stream(from, &said(way, &text, shown.text()), ending);
                    check_end(&place, caller, (&bytes, client.clone()), (next, &said, ending), &text);
                    carried += 1;
                }
                let mut out = Vec::new();
                first.push(event.clone().into(), &mut out, &mut |event| shown.note(event)).unwrap();
                client.take(&out);
                bytes.extend_from_slice(&out);
            }
        }
    }
    assert!(carried > 700 || std::env::var_os("ROUNDELAY_TEST_DATA").is_none(), "{carried}");
}

#[test]
fn a_stream_that_is_passed_on_is_carried_on_with_its_own_names_and_numbers() {
    let (mut carried, mut refused, mut turn) = (0, 0, 0);
    for Recording { name, dialect, events, text } in recordings() {
        let step = (events.len() / CUTS).max(1);
        let mut shadow = Shadow::new(dialect, true);
        let (mut client, mut bytes) = (Client::new(dialect), Vec::new());
        for (count, event) in events.iter().enumerate() {
            if count % step == 0 && shadow.unfit().is_none() {
                turn += 1;
                let (from, way, ending) =
                    (Dialect::ALL[turn % 5], WAYS[turn / 5 % 4], [Ending::Text, Ending::Call][turn % 3 % 2]);
                let place = format!("{name} after {count} events, then {} by {}", from.name(), way.name());
                if let Some(next) = shadow.carry_on(from, way) {
                    let said = next_stream(from, &said(way, &text, shadow.shown().text()), ending);
                    check_end(&place, dialect, (&bytes, client.clone()), (next, &said, ending), &text);
                    carried += 1;
                } else {
                    assert_eq!(dialect, Dialect::OpenaiResponses, "{place}");
                    refused += 1;
                }
            }
            shadow.push(event.clone().into());
            client.take(event);
            bytes.extend_from_slice(event);
        }
    }
    assert!(carried > 150 || std::env::var_os("ROUNDELAY_TEST_DATA").is_none(), "{carried}");
    assert!(refused * 20 < carried, "{refused} of {carried}");
}

/// The same text in every dialect, event by event.
fn small_events(dialect: Dialect) -> Vec<Vec<u8>> {
    let mut events = vec![
        Event::Start(Start { id: Some("first".into()), model: Some("m".into()), created: Some(1) }),
        Event::PartStart { part: 0, choice: 0, kind: PartKind::Text },
    ];
    for piece in SMALL {
        events.push(Event::Text { part: 0, text: Text::plain(piece) });
    }
    events.push(Event::PartEnd { part: 0 });
    events.push(Event::Stop { choice: 0, stop: Stop::Finished });
    events.push(Event::End);
    let mut encoder = StreamEncoder::new(dialect, "", true);
    let written = events.iter().map(|event| {
        let mut out = Vec::new();
        encoder.event(event, &mut out).unwrap();
        out
    });
    written.collect()
}

const SMALL: [&str; 7] = ["二つの\n", "\n文 – ", "“ab”", " 👩‍🚀 ", "\\n\t", "c", " d."];

#[test]
fn a_stream_cut_at_any_byte_is_carried_on_by_every_dialect_in_every_way() {
    let (text, mut turn) = (SMALL.concat(), 0);
    for dialect in Dialect::ALL {
        let stream = small_events(dialect).concat();
        for caller in Dialect::ALL {
            let mut first = Translation::new(dialect, StreamEncoder::new(caller, "m", true));
            let (mut shown, mut client, mut bytes) = (Shown::default(), Client::new(caller), Vec::new());
            let mut noted = usize::MAX;
            for (cut, byte) in stream.iter().enumerate() {
                // Between two events every byte is like the others: three of them are enough.
                if shown.unfit().is_none()
                    && (std::mem::replace(&mut noted, bytes.len()) != bytes.len() || cut % 97 == 0)
                {
                    for (number, from) in Dialect::ALL.into_iter().enumerate() {
                        turn += 1;
                        let way = WAYS[(turn / 5 + number) % 4];
                        let place = format!(
                            "{} as {} at {cut}, then {} by {way:?}",
                            dialect.name(),
                            caller.name(),
                            from.name()
                        );
                        let next = first.carry_on(from, shown.seam(way));
                        let said = next_stream(from, &said(way, &text, shown.text()), Ending::Text);
                        check_end(&place, caller, (&bytes, client.clone()), (next, &said, Ending::Text), &text);
                    }
                }
                let mut out = Vec::new();
                first.push(vec![*byte].into(), &mut out, &mut |event| shown.note(event)).unwrap();
                client.take(&out);
                bytes.extend_from_slice(&out);
            }
        }
    }
}

#[test]
fn an_answer_is_carried_on_as_often_as_it_is_cut() {
    let text = "One, two, three, four, five, six, seven, eight, nine, ten.";
    for caller in Dialect::ALL {
        let start = encode(
            Dialect::OpenaiChat,
            &[
                Event::Start(Start { id: Some("first".into()), model: Some("m".into()), created: Some(1) }),
                Event::PartStart { part: 0, choice: 0, kind: PartKind::Text },
                Event::Text { part: 0, text: "One, tw".into() },
            ],
        );
        let (mut shown, mut client, mut out) = (Shown::default(), Client::new(caller), Vec::new());
        let mut stream = Translation::new(Dialect::OpenaiChat, StreamEncoder::new(caller, "m", true));
        stream.push(start.into(), &mut out, &mut |event| shown.note(event)).unwrap();
        for (hop, from) in Dialect::ALL.into_iter().enumerate() {
            let way = [Way::Again, Way::Prefill { echoes: false }][hop % 2];
            stream = stream.carry_on(from, shown.seam(way));
            let is_last = hop == 4;
            let said = said(way, &text[..if is_last { text.len() } else { 15 + 8 * hop }], shown.text());
            let bytes = next_stream(from, &said, if is_last { Ending::Text } else { Ending::Cut });
            stream.push(bytes.into(), &mut out, &mut |event| shown.note(event)).unwrap();
            assert!(text.starts_with(shown.text()), "{}", shown.text());
        }
        stream.finish(&mut out, &mut |_| {}).unwrap();
        stream.end(None, &mut out).unwrap();
        client.take(&out);
        let Seen::Whole(seen) = client.finish() else { panic!("{}", caller.name()) };
        assert_eq!(acts_of_client(caller, &seen).text, text, "{}", caller.name());
        assert!(names(caller, &out).len() <= 1);
    }
}

#[test]
fn an_answer_that_diverges_is_a_fault_and_nothing_of_it_is_shown() {
    for caller in Dialect::ALL {
        for from in Dialect::ALL {
            let mut first = Translation::new(Dialect::Gemini, StreamEncoder::new(caller, "m", true));
            let (mut shown, mut client, mut out) = (Shown::default(), Client::new(caller), Vec::new());
            let start = r#"{"candidates":[{"content":{"parts":[{"text":"The quick brown fox jumps"}],"role":"model"},"index":0}]}"#;
            first.push(format!("data: {start}\n\n").into(), &mut out, &mut |event| shown.note(event)).unwrap();
            client.take(&out);
            for (way, text) in
                [(Way::Again, "The quick red fox"), (Way::Again, "The quick"), (WAYS[0], "The quick brown fox jumped.")]
            {
                let mut next = first.carry_on(from, shown.seam(way));
                let mut out = Vec::new();
                let said = next_stream(from, text, Ending::Text);
                let read = next.push(said.into(), &mut out, &mut |event| assert!(!event.is_content(), "{event:?}"));
                assert_eq!(read, Err(StreamFault::Diverged), "{way:?} {text}");
                assert_eq!(out, b"", "{}", String::from_utf8_lossy(&out));
                let problem = roundelay_protocol::chat::Problem {
                    kind: roundelay_protocol::chat::ProblemKind::Server,
                    message: "cut".into(),
                    code: None,
                    param: None,
                };
                next.encoder.fail(&problem, &mut out);
                let mut client = client.clone();
                client.take(&out);
                assert_eq!(client.finish(), Seen::Raised("cut".to_owned()));
            }
        }
    }
}

/// Events of a vendor's own, with more of them than this crate writes.
fn response_events() -> Vec<Vec<u8>> {
    let response = json!({"id": "resp_0a", "object": "response", "created_at": 5, "status": "in_progress", "error": null,
        "incomplete_details": null, "model": "gpt-5", "output": [], "temperature": 0.5, "metadata": {"k": "v"}, "usage": null});
    let thought = json!({"id": "rs_0b", "type": "reasoning", "summary": [], "x": 1});
    let item = json!({"id": "msg_0c", "type": "message", "role": "assistant", "status": "in_progress", "content": []});
    let part = json!({"type": "output_text", "text": "", "annotations": [], "logprobs": []});
    let whole = json!({"type": "output_text", "text": "One, two, ", "annotations": [], "logprobs": []});
    let delta = |text: &str| json!({"type": "response.output_text.delta", "item_id": "msg_0c", "output_index": 1, "content_index": 0, "delta": text, "logprobs": [], "obfuscation": "x"});
    let events = [
        json!({"type": "response.created", "response": response}),
        json!({"type": "response.queued", "response": response}),
        json!({"type": "response.in_progress", "response": response}),
        json!({"type": "response.output_item.added", "output_index": 0, "item": thought}),
        json!({"type": "response.output_item.done", "output_index": 0, "item": thought}),
        json!({"type": "keepalive"}),
        json!({"type": "response.output_item.added", "output_index": 1, "item": item}),
        json!({"type": "response.content_part.added", "item_id": "msg_0c", "output_index": 1, "content_index": 0, "part": part}),
        delta("One, "),
        delta("two, "),
        json!({"type": "response.output_text.done", "item_id": "msg_0c", "output_index": 1, "content_index": 0, "text": "One, two, ", "logprobs": []}),
        json!({"type": "response.content_part.done", "item_id": "msg_0c", "output_index": 1, "content_index": 0, "part": whole}),
    ];
    let numbered = events.into_iter().enumerate().map(|(number, mut event)| {
        event["sequence_number"] = json!(number);
        format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap()).into_bytes()
    });
    numbered.collect()
}

#[test]
fn a_response_that_is_passed_on_keeps_what_its_vendor_said_of_it() {
    let events = response_events();
    let mut shadow = Shadow::new(Dialect::OpenaiResponses, true);
    let mut client = Client::new(Dialect::OpenaiResponses);
    for (count, event) in events.iter().enumerate() {
        shadow.push(event.clone().into());
        client.take(event);
        let next = shadow.carry_on(Dialect::Anthropic, Way::Again).filter(|_| shadow.unfit().is_none());
        // Between two words, but not while the item is being ended.
        assert_eq!(next.is_some(), (8..10).contains(&count), "after {count}");
        let Some(mut next) = next else { continue };
        let (mut client, mut out) = (client.clone(), Vec::new());
        let said = next_stream(Dialect::Anthropic, "One, two, three", Ending::Call);
        next.push(said.into(), &mut out, &mut |_| {}).unwrap();
        next.end(None, &mut out).unwrap();
        client.take(&out);
        let Seen::Whole(seen) = client.finish() else { panic!("after {count}") };
        let names = ["id", "created_at", "model", "status", "temperature", "metadata"].map(|name| &seen[name]);
        let expected = [json!("resp_0a"), json!(5), json!("gpt-5"), json!("completed"), json!(0.5), json!({"k": "v"})];
        assert_eq!(names, expected.each_ref());
        let ids: Vec<_> = seen["output"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap()).collect();
        assert_eq!(ids, ["rs_0b", "msg_0c", "fc_2"]);
        assert_eq!((&seen["output"][0]["x"], &seen["usage"]["output_tokens"]), (&json!(1), &json!(9)));
        assert_eq!(acts_of_client(Dialect::OpenaiResponses, &seen).text, "One, two, three");
    }
}
