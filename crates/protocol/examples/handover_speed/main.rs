//! How long a hand-over takes: a chat conversation of 200,000 tokens, cut to a window of 8,000.
//!
//! `cargo run --release -p roundelay-protocol --example handover_speed`

#![expect(clippy::print_stdout, reason = "a program that measures and reports")]

use std::{fmt::Write as _, sync::Arc, time::Instant};

use roundelay_protocol::{
    chat::{Dialect, Losses, Request, Target},
    estimate::Tokenizer,
    handover::{Room, Takes, hand_over, prefixes},
    translate::{self, Manner},
};

fn main() {
    let body = conversation();
    let request = read(&body);
    println!("{} KB, {} turns; of {RUNS} runs, in microseconds:", body.len() / 1000, request.turns.len());
    println!("{:28} {:>9} {:>9}", "", "median", "least");
    let room = Room { tokens: 7_000, tokenizer: Tokenizer::Wide, verbatim: None, takes: Takes::ALL };
    let summary: Arc<str> = "- a fact that was said, with its number 42\n".repeat(60).into();
    let key = [7; 32];
    line("decode", || (), |()| read(&body));
    line("prefixes", || (), |()| prefixes(&request, &key));
    let ready = |turns: usize| (turns == 308).then(|| Arc::clone(&summary));
    let old = |turns: usize| (turns == 200).then(|| Arc::clone(&summary));
    line(
        "hand over, summary ready",
        || request.clone(),
        |mut request| {
            hand_over(&mut request, &room, &mut |turns| ready(turns)).expect("it fits");
            request
        },
    );
    line(
        "hand over, older summary",
        || request.clone(),
        |mut request| {
            hand_over(&mut request, &room, &mut |turns| old(turns)).expect("it fits");
            request
        },
    );
    line(
        "hand over, extract",
        || request.clone(),
        |mut request| {
            hand_over(&mut request, &room, &mut |_| None).expect("it fits");
            request
        },
    );
    let mut after = request.clone();
    hand_over(&mut after, &room, &mut |_| None).expect("it fits");
    for dialect in [Dialect::OpenaiChat, Dialect::Anthropic] {
        let manner = Manner::of(dialect);
        line(
            &format!("encode as {}", dialect.name()),
            || (),
            |()| translate::encode_request(&after, &Target::default(), &manner, &mut Losses::default()),
        );
    }
    line("all of it, summary ready", || (), |()| whole(&body, &key, &room, &mut |turns| ready(turns)));
    line("all of it, extract", || (), |()| whole(&body, &key, &room, &mut |_| None));
}

/// What a gateway does between the decision and the dispatch.
fn whole(body: &[u8], key: &[u8; 32], room: &Room, find: &mut dyn FnMut(usize) -> Option<Arc<str>>) -> Vec<u8> {
    let mut request = read(body);
    std::hint::black_box(prefixes(&request, key));
    hand_over(&mut request, room, find).expect("it fits");
    let manner = Manner::of(Dialect::OpenaiChat);
    translate::encode_request(&request, &Target::default(), &manner, &mut Losses::default())
}

fn read(body: &[u8]) -> Request<'_> {
    translate::decode_request(Dialect::OpenaiChat, body).expect("it is a request")
}

/// `prepare` is not counted, nor is dropping what comes out.
fn line<P, T>(name: &str, prepare: impl Fn() -> P, mut run: impl FnMut(P) -> T) {
    let mut times: Vec<_> = (0..RUNS)
        .map(|_| {
            let prepared = prepare();
            let begin = Instant::now();
            let made = std::hint::black_box(run(prepared));
            let time = begin.elapsed();
            drop(made);
            time
        })
        .collect();
    times.sort_unstable();
    let [least, median] = [0, RUNS / 2].map(|index| times[index].as_secs_f64() * 1e6);
    println!("{name:28} {median:>9.0} {least:>9.0}");
}

const RUNS: usize = 101;

/// Two hundred thousand tokens at four bytes each: an agent's session, of which two thirds are what its tools gave.
fn conversation() -> Vec<u8> {
    const WORDS: [&str; 24] = [
        "the",
        "reader",
        "opens",
        "file",
        "src/main.rs",
        "and",
        "returns",
        "what",
        "it",
        "found;",
        "line",
        "42.",
        "We",
        "decided",
        "that",
        "retries",
        "stop",
        "after",
        "seven.",
        "模型必须保留。",
        "Never",
        "call",
        "build_all",
        "twice?",
    ];
    let mut state = 0x5eed_u64;
    let mut words = |count: usize, out: &mut String| {
        for _ in 0..count {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            out.push_str(WORDS[state as usize % WORDS.len()]);
            if state.is_multiple_of(11) {
                let _ = write!(out, "_{}", state % 977);
            }
            out.push(' ');
        }
    };
    let mut body = r#"{"model":"m","messages":[{"role":"system","content":"You are careful."}"#.to_owned();
    for turn in 0..80 {
        body += r#",{"role":"user","content":""#;
        words(150, &mut body);
        let _ = write!(
            body,
            r#""}},{{"role":"assistant","content":null,"tool_calls":[{{"id":"c{turn}","type":"function","function":{{"name":"read","arguments":"{{\"path\":\"src/{turn}.rs\"}}"}}}}]}},{{"role":"tool","tool_call_id":"c{turn}","content":""#
        );
        for _ in 0..100 {
            words(9, &mut body);
            body += "\\n";
        }
        body += r#""},{"role":"assistant","content":""#;
        words(350, &mut body);
        body += r#""}"#;
    }
    body += r#",{"role":"user","content":"What is left to do?"}]}"#;
    body.into_bytes()
}
