//! What must hold whatever bytes come: no panic, the same under every split, nothing grows without bound, and what was
//! understood is the same after it was written and read again.
//!
//! The corpus of `fuzz/corpus` is replayed through these in the ordinary tests of crates/protocol.

use bytes::Bytes;
use roundelay_protocol::{
    anthropic, bedrock,
    chat::{
        self, Answer, Body, Capabilities, Dialect, Event, Fold, Json, Keep, Losses, PartKind, Stop, StreamFault, Turn,
        WrittenRequest,
    },
    openai::{self, Operation, OutputField, OutputMax, Rewrite},
    sse,
    translate::{self, Manner, StreamDecoder, StreamEncoder},
};
use serde_json::Value;

/// Checks what must hold of these bytes.
pub(crate) type Target = fn(&[u8]);

/// Every target by its name, which is its folder in the corpus.
pub(crate) const TARGETS: [(&str, Target); 20] = [
    ("request_chat", |data| request(Dialect::OpenaiChat, data)),
    ("request_responses", |data| request(Dialect::OpenaiResponses, data)),
    ("request_anthropic", |data| request(Dialect::Anthropic, data)),
    ("request_gemini", |data| request(Dialect::Gemini, data)),
    ("request_bedrock", |data| request(Dialect::Bedrock, data)),
    ("answer_chat", |data| answer(Dialect::OpenaiChat, data)),
    ("answer_responses", |data| answer(Dialect::OpenaiResponses, data)),
    ("answer_anthropic", |data| answer(Dialect::Anthropic, data)),
    ("answer_gemini", |data| answer(Dialect::Gemini, data)),
    ("answer_bedrock", |data| answer(Dialect::Bedrock, data)),
    ("stream_chat", |data| stream(Dialect::OpenaiChat, data)),
    ("stream_responses", |data| stream(Dialect::OpenaiResponses, data)),
    ("stream_anthropic", |data| stream(Dialect::Anthropic, data)),
    ("stream_gemini", |data| stream(Dialect::Gemini, data)),
    ("stream_bedrock", |data| stream(Dialect::Bedrock, &frames_of(data))),
    ("frames", frames),
    ("sse", events),
    ("json", json),
    ("scan_request", scan_request),
    ("scan_answer", scan_answer),
];

pub(crate) fn target(name: &str) -> Option<Target> {
    TARGETS.iter().find(|(known, _)| *known == name).map(|(_, target)| *target)
}

fn request(from: Dialect, data: &[u8]) {
    let Ok(mut request) = translate::decode_request(from, data) else { return };
    let capabilities = Capabilities { prefill: true, ..Capabilities::default() };
    let target = chat::Target { capabilities, ..chat::Target::default() };
    for to in Dialect::ALL {
        let mut losses = Losses::default();
        let written = translate::write_request(&request, &target, &Manner::of(to), &mut losses);
        sent(to, &written);
        let body = written.body;
        assert!(body.len() <= bound(data.len()), "{} bytes became {} in {}", data.len(), body.len(), to.name());
        let body = Json::read(String::from_utf8(body).expect("it is UTF-8")).expect("it is JSON");
        let read = translate::decode_request(to, body.as_str().as_bytes()).expect("it is a request");
        let written = |read: &chat::Request<'_>| {
            // A turn of nothing is not written, and what stood before and behind it is then one turn.
            let mut read = read.clone();
            join_neighbours(&mut read.turns);
            translate::encode_request(&read, &target, &Manner::of(to), &mut Losses::default())
        };
        // Once written in a dialect's own words, it is the same each time. Neighbours become one turn when they are read,
        // whose results stand first when it is written: hence twice.
        let once = written(&read);
        let twice = written(&translate::decode_request(to, &once).expect("it is a request"));
        let read = translate::decode_request(to, &twice).expect("it is a request");
        let again = written(&read);
        let read_again = translate::decode_request(to, &again).expect("it is a request");
        assert_eq!(read, read_again, "{}", to.name());
    }
    request.mark(Keep::Default);
}

/// What is not read of a body that was written here is nothing that its sender has to know.
fn sent(to: Dialect, written: &WrittenRequest) {
    let operation = match to {
        Dialect::OpenaiChat => Operation::Chat,
        Dialect::OpenaiResponses => Operation::Responses,
        Dialect::Anthropic => Operation::Messages,
        Dialect::Gemini => Operation::Generate,
        Dialect::Bedrock => Operation::Converse,
    };
    let known = |request: &openai::Request| {
        let most = |tokens| Some(OutputMax { tokens, field: OutputField::MaxTokens });
        let rewritten = [None, most(1), most(u64::MAX)].map(|output_max| {
            request.rewrite(&written.body, &Rewrite { upstream_model: "m", ask_usage: true, output_max })
        });
        (rewritten, request.stream, request.max_output_tokens, request.holds.thoughts)
    };
    let read = openai::Request::scan(operation, &written.body);
    let sent = openai::Request::scan_written(operation, written);
    assert_eq!(read.as_ref().map(known), sent.as_ref().map(known));
}

fn join_neighbours(turns: &mut Vec<Turn<'_>>) {
    turns.retain(|turn| !turn.parts.is_empty());
    turns.dedup_by(|turn, before| {
        let is_one = turn.role == before.role;
        if is_one {
            before.parts.append(&mut turn.parts);
        }
        is_one
    });
}

fn answer(from: Dialect, data: &[u8]) {
    drop(translate::decode_error(from, data));
    let Ok(Ok(answer)) = translate::decode_answer(from, data) else { return };
    scanned(from, data, &answer);
    for to in Dialect::ALL {
        let chat::WrittenAnswer { body, cost_place } =
            translate::write_answer(&answer, to, "m", &mut Losses::default());
        assert_eq!(translate::scan_answer(to, &body).expect("it is an answer").cost_place, cost_place, "{}", to.name());
        assert!(body.len() <= bound(data.len()), "{} bytes became {} in {}", data.len(), body.len(), to.name());
        let body = Json::read(String::from_utf8(body).expect("it is UTF-8")).expect("it is JSON");
        drop(translate::decode_answer(to, body.as_str().as_bytes()).expect("it is an answer"));
    }
    let mut events = Vec::new();
    answer.events(&mut |event| events.push(event.into_owned()));
    written(&events, data.len());
}

/// The first byte says how the rest is split.
fn stream(from: Dialect, data: &[u8]) {
    let Some((split, data)) = data.split_first() else { return };
    let whole = decode(from, &[data]);
    let size = usize::from(*split) + 1;
    assert_eq!(whole, decode(from, &data.chunks(size).collect::<Vec<_>>()), "in pieces of {size}");
    let (events, end) = whole;
    in_order(&events, &end);
    written(&events, data.len());
}

type Decoded = (Vec<Event<'static>>, Result<(), StreamFault>);

fn decode(from: Dialect, pieces: &[&[u8]]) -> Decoded {
    let mut decoder = StreamDecoder::new(from);
    let mut events = Vec::new();
    for piece in pieces {
        let pushed = decoder.push(Bytes::copy_from_slice(piece), &mut |event| events.push(event.into_owned()));
        if pushed.is_err() {
            return (events, pushed);
        }
    }
    let end = decoder.finish(&mut |event| events.push(event.into_owned()));
    (events, end)
}

/// The order that [`Event`] promises.
fn in_order(events: &[Event<'_>], end: &Result<(), StreamFault>) {
    let mut open: Vec<bool> = Vec::new();
    let mut kinds: Vec<PartKind<'_>> = Vec::new();
    let (mut has_begun, mut has_ended, mut has_stopped) = (false, false, false);
    for event in events {
        assert!(!has_ended, "{event:?} after the end");
        match event {
            Event::Start(_) => {
                assert!(!has_begun, "two starts");
                has_begun = true;
            }
            Event::PartStart { part, kind, .. } => {
                assert_eq!(*part as usize, open.len(), "parts are numbered as they begin");
                open.push(true);
                kinds.push(kind.clone());
            }
            Event::Text { part, .. }
            | Event::Arguments { part, .. }
            | Event::Thinking { part, .. }
            | Event::Refusal { part, .. } => {
                assert!(open[*part as usize], "{event:?} of a part that is over");
                let is_its_own = match (event, &kinds[*part as usize]) {
                    (Event::Text { .. }, PartKind::Text) | (Event::Refusal { .. }, PartKind::Refusal) => true,
                    (Event::Thinking { .. }, PartKind::Thinking) => true,
                    (_, kind) => matches!((event, kind), (Event::Arguments { .. }, PartKind::ToolCall { .. })),
                };
                assert!(is_its_own, "{event:?} of {:?}", kinds[*part as usize]);
            }
            // Gemini tells sources, and dialects that sign thoughts only a call's signature, when the part is over.
            Event::Signature { part, .. } | Event::Annotation { part, .. } => {
                assert!((*part as usize) < open.len(), "{event:?} of no part");
            }
            Event::PartEnd { part } => {
                assert!(std::mem::replace(&mut open[*part as usize], false), "a part ends twice");
            }
            Event::Stop { .. } => has_stopped = true,
            Event::End => {
                assert!(has_stopped && open.iter().all(|open| !open), "an end before all is over: {events:?}");
                has_ended = true;
            }
            Event::Error(_) => has_ended = true,
            Event::Logprobs { .. } => assert!(has_begun, "{event:?} before the start"),
            Event::Usage(_) | Event::Opaque { .. } => {}
        }
    }
    assert!(end.is_err() || has_ended, "a quiet end");
}

/// In every dialect an answer that was whole is whole, and says and calls the same.
fn written(events: &[Event<'_>], size: usize) {
    let is_whole = events.last() == Some(&Event::End);
    let has_failed = matches!(events.last(), Some(Event::Error(_)));
    let said = is_whole.then(|| said(&fold(Dialect::OpenaiChat, events).expect("it is whole")));
    for to in Dialect::ALL {
        let mut encoder = StreamEncoder::new(to, "m", true);
        let mut out = Vec::new();
        for event in events {
            encoder.event(event, &mut out).expect("so little is never too much");
        }
        assert_eq!(encoder.has_ended(), is_whole, "{}", to.name());
        assert!(out.len() <= bound(size), "{size} bytes became {} in {}", out.len(), to.name());
        if !is_whole && !has_failed {
            let problem =
                chat::Problem { kind: chat::ProblemKind::Server, message: "broken".into(), code: None, param: None };
            encoder.fail(&problem, &mut out);
        }
        let (seen, end) = decode(to, &[&out]);
        // Two values where one should be are read as a call that had ended, and its arguments went on.
        if end == Err(StreamFault::Order("arguments of a tool call that had ended")) {
            continue;
        }
        assert_eq!(end, Ok(()), "{}: {}", to.name(), String::from_utf8_lossy(&out));
        in_order(&seen, &end);
        match &said {
            Some(said) => {
                let there = self::said(&fold(to, &seen).expect("it is whole"));
                assert_eq!(said.calls, there.calls, "{}", to.name());
                // Words of a refusal stand in other places in some dialects; and where parts speak in turns, a dialect with
                // one text has them as they came.
                let may_differ = said.has_refusal || speak_in_turns(events);
                assert!(said.text == there.text || may_differ, "{}: {} {}", to.name(), said.text, there.text);
            }
            None => assert!(matches!(seen.last(), Some(Event::Error(_))), "{}", to.name()),
        }
    }
}

/// Whether a part goes on after a later one has spoken, which no vendor's does.
fn speak_in_turns(events: &[Event<'_>]) -> bool {
    let mut last = 0;
    let goes_back = |event: &Event<'_>| match event {
        Event::Text { part, .. } | Event::Thinking { part, .. } | Event::Refusal { part, .. } => {
            let is_before = *part < last;
            last = last.max(*part);
            is_before
        }
        _ => false,
    };
    events.iter().any(goes_back)
}

fn fold(dialect: Dialect, events: &[Event<'_>]) -> Option<Answer<'static>> {
    let mut fold = Fold::new(dialect);
    events.iter().for_each(|event| fold.take(event));
    fold.finish()?.ok()
}

/// What a caller of any dialect must get of the first answer.
struct Said {
    text: String,
    calls: Vec<String>,
    has_refusal: bool,
}

fn said(answer: &Answer<'_>) -> Said {
    let mut said = Said { text: String::new(), calls: Vec::new(), has_refusal: false };
    let Some(first) = answer.choices.first() else { return said };
    said.has_refusal = matches!(first.stop, Some(Stop::Refusal(_)));
    for part in &first.parts {
        match &part.body {
            Body::Text { text, .. } => said.text.push_str(&text.decode()),
            Body::Refusal(_) => said.has_refusal = true,
            Body::ToolCall(call) => {
                said.calls.push(call.name.decode().into_owned());
            }
            _ => {}
        }
    }
    said
}

/// Each line is one frame: the name of its event, a space, its payload.
fn frames_of(data: &[u8]) -> Vec<u8> {
    let (split, data) = data.split_first().map_or((0, data), |(split, rest)| (*split, rest));
    let mut out = vec![split];
    for line in data.split(|byte| *byte == b'\n') {
        let at = line.iter().position(|byte| *byte == b' ').unwrap_or(line.len());
        let (name, payload) = line.split_at(at);
        let name = String::from_utf8_lossy(&name[..name.len().min(64)]);
        let kind = if name.ends_with("Exception") { "exception" } else { "event" };
        bedrock::frame::write(&mut out, kind, &name, payload.trim_ascii());
    }
    out
}

fn frames(data: &[u8]) {
    let Some((split, data)) = data.split_first() else { return };
    let read = |size: usize| {
        let mut reader = bedrock::frame::Reader::default();
        let mut frames = Vec::new();
        for piece in data.chunks(size) {
            reader.push(piece);
            loop {
                match reader.next() {
                    Ok(Some(frame)) => frames.push(frame),
                    Ok(None) => break,
                    Err(fault) => return (frames, Some(fault)),
                }
            }
        }
        (frames, None)
    };
    assert_eq!(read(usize::MAX), read(usize::from(*split) + 1));
}

fn events(data: &[u8]) {
    let Some((split, data)) = data.split_first() else { return };
    let limits = sse::Limits::default();
    let read = |size: usize| {
        let mut reader = sse::Reader::new(limits);
        let mut events = Vec::new();
        for piece in data.chunks(size) {
            reader.push(Bytes::copy_from_slice(piece));
            while let Some(event) = reader.next() {
                let is_fault = event.is_err();
                events.push(event);
                if is_fault {
                    return events;
                }
            }
        }
        events.extend(reader.finish());
        events
    };
    assert_eq!(read(usize::MAX), read(usize::from(*split) + 1));
}

/// Valid for one reader is valid for the other, but for numbers beyond a double and for depth.
fn json(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let ours = Json::read(text);
    let theirs = serde_json::from_str::<Value>(text);
    match (&ours, &theirs) {
        (Ok(_), Err(fault)) => {
            let fault = fault.to_string();
            let is_known = ["recursion limit", "out of range", "surrogate", "hex escape"];
            assert!(is_known.iter().any(|known| fault.contains(known)), "{fault}");
        }
        (Err(fault), Ok(_)) => panic!("{fault}"),
        _ => {}
    }
}

fn scan_request(data: &[u8]) {
    for operation in [Operation::Chat, Operation::Completions, Operation::Messages] {
        let Ok(scanned) = openai::Request::scan(operation, data) else { continue };
        assert!(std::str::from_utf8(&data[scanned.model_span.clone()]).is_ok(), "the name of the model is text");
        if let Ok(read) = translate::decode_request(operation.dialect(), data)
            && operation != Operation::Completions
        {
            assert_eq!(read.model, *scanned.model, "both read the same name");
            assert_eq!(read.is_streaming, scanned.stream, "both read the same wish to stream");
        }
    }
}

/// Who reads an answer to say it again learns the same of it as who passes it on.
fn scanned(from: Dialect, data: &[u8], answer: &Answer<'_>) {
    let read = openai::answer::Answer::of(answer);
    let scanned = match from {
        Dialect::OpenaiChat => openai::answer::Answer::scan(data),
        Dialect::Anthropic => anthropic::scan_answer(data),
        Dialect::OpenaiResponses | Dialect::Gemini | Dialect::Bedrock => translate::scan_answer(from, data),
    };
    if read.usage.is_some() && read.has_content() {
        let scanned = scanned.expect("it was read");
        assert_eq!((read.usage, read.is_error), (scanned.usage, scanned.is_error));
    }
}

fn scan_answer(data: &[u8]) {
    let _ = openai::answer::Answer::scan(data);
    let _ = openai::chunk::Chunk::scan(data);
    let _ = anthropic::scan_answer(data);
    let mut scanner = anthropic::Scanner::default();
    for line in data.split(|byte| *byte == b'\n') {
        let _ = scanner.chunk(line);
    }
}

/// The most that so many bytes may become: each event and each part has words around it in every dialect.
fn bound(size: usize) -> usize {
    16_384 + 512 * size
}
