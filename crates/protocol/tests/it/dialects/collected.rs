//! Answers that were streamed and are given whole: they have all that a whole one has.

use roundelay_protocol::{
    chat::{Answer, Body, Dialect, Fold, Losses, Stop},
    translate::{self, StreamDecoder},
};
use serde_json::{Value, json};

use super::{encode, recordings};

/// The answer that a stream makes, put together as it comes.
fn collected(dialect: Dialect, stream: &[u8]) -> Answer<'static> {
    let (mut decoder, mut fold) = (StreamDecoder::new(dialect), Fold::new(dialect));
    for piece in stream.chunks(50) {
        decoder.push(piece.to_vec().into(), &mut |event| fold.take(&event)).unwrap();
    }
    decoder.finish(&mut |event| fold.take(&event)).unwrap();
    fold.finish().expect("it is whole").expect("it is no error")
}

/// The calls of an answer: id, name and arguments.
fn calls(answer: &Answer<'_>) -> Vec<(String, String, Value)> {
    let parts = answer.choices.iter().flat_map(|choice| &choice.parts);
    let calls = parts.filter_map(|part| match &part.body {
        Body::ToolCall(call) => Some((
            call.id.decode().into_owned(),
            call.name.decode().into_owned(),
            // What was broken off is told as nothing.
            serde_json::from_str(&call.arguments.as_json()).unwrap_or_else(|_| json!({})),
        )),
        _ => None,
    });
    calls.collect()
}

fn stops(answer: &Answer<'_>) -> Vec<Option<Stop<'static>>> {
    answer.choices.iter().map(|choice| choice.stop.clone().map(Stop::into_owned)).collect()
}

#[track_caller]
fn check(name: &str, dialect: Dialect, collected: &Answer<'static>) {
    let body = translate::encode_answer(collected, dialect, "", &mut Losses::default());
    let whole = translate::decode_answer(dialect, &body).unwrap().unwrap();
    assert!(whole.is_whole(), "{name}");
    assert_eq!(stops(&whole), stops(collected), "{name}");
    assert_eq!(whole.usage, collected.usage, "{name}");
    assert_eq!(calls(&whole), calls(collected), "{name}");
    assert_eq!((&whole.id, &whole.model), (&collected.id, &collected.model), "{name}");
    assert_eq!(whole.created.unwrap_or(0), collected.created.unwrap_or(0), "{name}");
}

#[test]
fn every_recorded_stream_can_be_given_whole_in_its_own_dialect() {
    for (name, dialect, events) in recordings::streams() {
        let (all, end) = super::decode(dialect, [&events.concat()[..]]);
        let is_error = all.iter().any(|event| matches!(event, roundelay_protocol::chat::Event::Error(_)));
        if end.is_ok() && !is_error {
            check(&name, dialect, &collected(dialect, &events.concat()));
        }
    }
}

#[test]
fn every_recorded_answer_is_the_same_whole_as_streamed() {
    for (name, dialect, text) in recordings::answers() {
        let answer = translate::decode_answer(dialect, text.as_bytes()).unwrap().unwrap();
        let mut events = Vec::new();
        answer.events(&mut |event| events.push(event.into_owned()));
        let again = collected(dialect, &encode(dialect, &events));
        assert_eq!(stops(&again), stops(&answer), "{name}");
        assert_eq!(again.usage, answer.usage, "{name}");
        assert_eq!(calls(&again), calls(&answer), "{name}");
        check(&name, dialect, &again);
    }
}
