//! How long a translation takes: `cargo run --release -p roundelay-protocol --example translate_speed`.
//!
//! A request is read in one dialect and written in another; a chunk of a stream is framed, read and written. Beside
//! each stands what passing the same bytes through costs: the scan of a request, the framing and the scan of a chunk.
#![expect(clippy::print_stdout, reason = "a program that measures and reports")]

use std::{
    fs,
    hint::black_box,
    time::{Duration, Instant},
};

use bytes::Bytes;
use roundelay_protocol::{
    chat::{Dialect, Losses, Target},
    openai::{self, Operation, chunk::Chunk},
    sse,
    translate::{self, Manner, StreamEncoder, Translation},
};

fn main() {
    println!("{:<44} {:>8} {:>12} {:>12}", "a request", "bytes", "passed, µs", "turned, µs");
    for (name, request) in requests() {
        let passed = microseconds(|| {
            black_box(openai::Request::scan(Operation::Chat, black_box(&request)).expect("a request"));
        });
        for to in Dialect::ALL.into_iter().filter(|to| *to != Dialect::OpenaiChat) {
            let turned = microseconds(|| {
                let read = translate::decode_request(Dialect::OpenaiChat, black_box(&request)).expect("a request");
                let mut losses = Losses::default();
                black_box(translate::encode_request(&read, &Target::default(), &Manner::of(to), &mut losses));
            });
            println!("{name:<28} to {:<12} {:>8} {passed:>12.2} {turned:>12.2}", short(to), request.len());
        }
    }
    println!("\n{:<44} {:>8} {:>12} {:>12}", "a chunk of a stream", "bytes", "passed, µs", "turned, µs");
    let stream = chat_stream();
    let chunks = stream.len();
    let bytes = stream.iter().map(Bytes::len).sum::<usize>() / chunks;
    let passed = microseconds(|| pass(&stream)) / chunks as f64;
    for to in Dialect::ALL {
        let turned = microseconds(|| turn(Dialect::OpenaiChat, &stream, to)) / chunks as f64;
        println!("{:<28} to {:<12} {bytes:>8} {passed:>12.3} {turned:>12.3}", "openai_chat", short(to));
    }
    for from in Dialect::ALL.into_iter().filter(|from| *from != Dialect::OpenaiChat) {
        let stream = other_stream(from);
        let bytes = stream.iter().map(Bytes::len).sum::<usize>() / stream.len();
        for to in [Dialect::OpenaiChat, Dialect::Anthropic] {
            let turned = microseconds(|| turn(from, &stream, to)) / stream.len() as f64;
            println!("{:<28} to {:<12} {bytes:>8} {:>12} {turned:>12.3}", from.name(), short(to), "");
        }
    }
}

fn short(dialect: Dialect) -> &'static str {
    dialect.name().trim_start_matches("openai_")
}

/// What the relay does with a chunk of its own dialect.
fn pass(stream: &[Bytes]) {
    let mut reader = sse::Reader::new(sse::Limits::default());
    for piece in stream {
        reader.push(piece.clone());
        while let Some(event) = reader.next() {
            if let Some(data) = event.expect("an event").data {
                black_box(Chunk::scan(&data).ok());
            }
        }
    }
}

fn turn(from: Dialect, stream: &[Bytes], to: Dialect) {
    let mut translation = Translation::new(from, StreamEncoder::new(to, "a-model", true));
    let mut out = Vec::with_capacity(4096);
    for piece in stream {
        out.clear();
        translation
            .push(piece.clone(), &mut out, &mut |event| {
                black_box(event.is_content());
            })
            .expect("a stream");
        black_box(&out);
    }
    translation.finish(&mut out, &mut |_| {}).expect("a whole stream");
    translation.end(None, &mut out).expect("a whole stream");
}

/// The median of several runs, each many ticks of the system's clock long.
fn microseconds(mut work: impl FnMut()) -> f64 {
    let clock = Instant::now();
    let mut rounds = 1_u32;
    loop {
        let began = spent(clock);
        (0..rounds).for_each(|_| work());
        if spent(clock) > began + RUN {
            break;
        }
        rounds *= 2;
    }
    let run = || {
        let began = spent(clock);
        (0..rounds).for_each(|_| work());
        (spent(clock) - began).as_secs_f64() * 1e6 / f64::from(rounds)
    };
    let mut runs: Vec<f64> = std::iter::repeat_with(run).take(RUNS).collect();
    runs.sort_by(f64::total_cmp);
    runs[RUNS / 2]
}

/// Time on a processor where the system tells it, so that neighbours count less; else time on the wall.
fn spent(clock: Instant) -> Duration {
    let told = fs::read_to_string("/proc/self/schedstat").ok();
    let nanoseconds = told.and_then(|told| told.split_whitespace().next()?.parse().ok());
    nanoseconds.map_or_else(|| clock.elapsed(), Duration::from_nanos)
}

const RUNS: usize = 9;
const RUN: Duration = Duration::from_millis(60);

/// A short question, a turn of an agent with tools, a long document.
fn requests() -> Vec<(&'static str, Vec<u8>)> {
    let question = r#"{"model":"a-model","max_tokens":500,"temperature":0.7,"stream":true,"messages":[{"role":"system","content":"You are a helpful assistant."},{"role":"user","content":"What is the capital of France, and how many people live there?"}]}"#;
    let tool = |name: &str| {
        format!(
            r#"{{"type":"function","function":{{"name":"{name}","description":"Does what {name} does, with care, and says what it did.\nUse it when nothing else helps.","parameters":{{"type":"object","properties":{{"path":{{"type":"string","description":"Where."}},"lines":{{"type":"integer"}},"deep":{{"type":"boolean"}}}},"required":["path"]}}}}}}"#
        )
    };
    let tools: Vec<_> = ["read", "write", "search", "list", "run", "fetch", "patch", "ask"].map(tool).to_vec();
    let turns: String = (0..10)
        .map(|turn| {
            format!(
                r#",{{"role":"assistant","content":"I look at file {turn}.","tool_calls":[{{"id":"call_{turn}","type":"function","function":{{"name":"read","arguments":"{{\"path\":\"src/file_{turn}.rs\",\"lines\":120}}"}}}}]}},{{"role":"tool","tool_call_id":"call_{turn}","content":"fn main() {{\n    println!(\"line {turn}\");\n}}\n// and so on, and so on, and so on\n"}}"#
            )
        })
        .collect();
    let agent = format!(
        r#"{{"model":"a-model","stream":true,"messages":[{{"role":"system","content":"You write code."}},{{"role":"user","content":"Fix the bug."}}{turns}],"tools":[{}]}}"#,
        tools.join(",")
    );
    let document = "A sentence of a long document, which has its \\\"quotes\\\" and ends.\\n".repeat(3000);
    let long = format!(r#"{{"model":"a-model","messages":[{{"role":"user","content":"{document}"}}]}}"#);
    vec![("a question", question.into()), ("an agent's turn", agent.into_bytes()), ("a document", long.into_bytes())]
}

/// A recorded stream where there is one, else one of the same kind.
fn chat_stream() -> Vec<Bytes> {
    let recorded = std::env::var_os("ROUNDELAY_TEST_DATA").and_then(|root| {
        let path = std::path::Path::new(&root).join("fixtures/vercel-ai/openai/chat__openai-text.chunks.txt");
        fs::read_to_string(path).ok()
    });
    if let Some(text) = recorded {
        let lines = text.lines().filter(|line| !line.is_empty());
        return lines.map(|line| Bytes::from(format!("data: {line}\n\n"))).collect();
    }
    let chunk = |delta: &str, reason: &str| {
        Bytes::from(format!(
            "data: {{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{{\"index\":0,\"delta\":{delta},\"logprobs\":null,\"finish_reason\":{reason}}}],\"usage\":null}}\n\n"
        ))
    };
    let mut stream = vec![chunk(r#"{"role":"assistant","content":""}"#, "null")];
    stream.extend((0..300).map(|_| chunk(r#"{"content":" some words"}"#, "null")));
    stream.push(chunk("{}", "\"stop\""));
    stream
}

/// The same stream in another dialect, an event a piece.
fn other_stream(dialect: Dialect) -> Vec<Bytes> {
    let mut translation = Translation::new(Dialect::OpenaiChat, StreamEncoder::new(dialect, "a-model", true));
    let mut stream = Vec::new();
    for piece in chat_stream() {
        let mut out = Vec::new();
        translation.push(piece, &mut out, &mut |_| {}).expect("a stream");
        stream.push(Bytes::from(out));
    }
    let mut out = Vec::new();
    translation.finish(&mut out, &mut |_| {}).expect("a whole stream");
    translation.end(None, &mut out).expect("a whole stream");
    stream.push(Bytes::from(out));
    stream.retain(|piece| !piece.is_empty());
    stream
}
