//! Speech is shown as it comes; one that is cut is never taken for a whole one.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::thread;
use std::time::Duration;

use roundelay_ledger::EntryKind;
use serde_json::json;

use super::{Asked, BY_TOKEN, Bench, USD, draw, speak, transcribe};
use crate::money::sum;
use crate::support::TestGateway;

/// Five tokens of 50 ms at 8,000 bytes a second, and the head.
const WAV_BYTES: usize = 44 + 5 * 400;

#[test]
fn speech_comes_whole_and_as_what_it_is() {
    let bench = Bench::with(USD, "words-5", "{ characters = 15.0 }");
    let opened = bench.ask(&speak(), "m").open(bench.gateway.callers);
    assert_eq!((opened.status, opened.header("content-type")), (200, Some("audio/wav")));
    assert_eq!(opened.header("x-roundelay-deployment"), Some("bank/rehearsal-words-5"));
    let (wav, is_whole) = opened.bytes();
    assert!(is_whole && wav.len() == WAV_BYTES && wav.starts_with(b"RIFF"), "{} {is_whole}", wav.len());
    assert!(wav[44..].iter().all(|&byte| byte == 0x80), "nothing is written between");
}

#[test]
fn speech_is_shown_as_it_comes_and_slow_speech_has_no_comments_in_it() {
    let bench = Bench::with(USD, "words-5-slow-words-100ms", "{ characters = 15.0 }");
    let mut opened = bench.ask(&speak(), "m").open(bench.gateway.callers);
    let first = opened.piece();
    assert!(first.len() < WAV_BYTES, "{}", first.len());
    let (rest, is_whole) = opened.bytes();
    assert!(is_whole && first.len() + rest.len() == WAV_BYTES);
}

#[test]
fn speech_that_is_cut_ends_in_an_error_and_only_what_came_is_paid() {
    for (price, most) in [("{ characters = 15.0 }", 0), (BY_TOKEN, 5 * 3_000 - 1)] {
        let bench = Bench::with(USD, "cut-after-3", price);
        let opened = bench.ask(&speak(), "m").open(bench.gateway.callers);
        assert_eq!(opened.status, 200);
        let (wav, is_whole) = opened.bytes();
        assert!(!is_whole && !wav.is_empty() && wav.len() < WAV_BYTES, "{} {is_whole}", wav.len());
        assert!(!String::from_utf8_lossy(&wav).contains("error"), "no words among the sound");
        let record = bench.gateway.operator("GET", "/admin/exchanges?limit=1", None).json()[0].clone();
        assert_eq!((&record["outcome"], &record["status"]), (&json!("cut"), &json!(200)), "{record}");
        let charged = sum(&bench.books(), EntryKind::Charge);
        assert!((0..=most).contains(&charged) && (most == 0 || charged > 0), "{price}: {charged}");
    }
}

#[test]
fn speech_that_never_came_is_somebody_elses_to_speak() {
    let bench = Bench::with(USD, "cut-after-0", BY_TOKEN);
    let opened = bench.ask(&speak(), "p").open(bench.gateway.callers);
    assert_eq!(opened.header("x-roundelay-deployment"), Some("spare/rehearsal-words-5"));
    assert!(opened.bytes().1);
}

#[test]
fn events_pass_with_the_cost_at_their_end() {
    let streamed = |asked: Asked, member: &str, value: serde_json::Value| {
        let mut fields = asked.fields.clone();
        fields[member] = value;
        fields["n"] = json!(1);
        Asked { fields, ..asked }
    };
    for (asked, end) in [
        (streamed(speak(), "stream_format", json!("sse")), "speech.audio.done"),
        (streamed(draw(), "stream", json!(true)), "image_generation.completed"),
        (streamed(transcribe(), "stream", json!(true)), "transcript.text.done"),
    ] {
        let bench = Bench::with(USD, "words-5", BY_TOKEN);
        let answer = bench.ask(&asked, "m").send(bench.gateway.callers);
        let own = asked.to("rehearsal-words-5").bearer("sk-bank").send(bench.bank.address);
        let last = answer.body.split("\n\n").filter(|event| !event.is_empty()).last().unwrap();
        let last: serde_json::Value = serde_json::from_str(last.strip_prefix("data: ").unwrap()).unwrap();
        assert_eq!(last["type"], end, "{}", answer.body);
        assert!(last["usage"]["cost"].as_f64().unwrap() > 0.0, "{last}");
        let (before, after) = answer.body.split_once("\"cost\":").unwrap();
        let after = after.split_once(',').unwrap().1;
        assert_eq!(format!("{before}{after}"), own.body, "all else is the provider's own");
    }
}

#[test]
fn events_that_break_off_say_so() {
    for (asked, member) in [(speak(), "stream_format"), (transcribe(), "stream")] {
        let mut fields = asked.fields.clone();
        fields[member] = if member == "stream" { json!(true) } else { json!("sse") };
        let asked = Asked { fields, ..asked };
        for scenario in ["cut-after-2", "error-after-2"] {
            let bench = Bench::with(USD, scenario, BY_TOKEN);
            let answer = bench.ask(&asked, "m").send(bench.gateway.callers);
            let last = answer.body.split("\n\n").filter(|event| !event.is_empty()).last().unwrap().to_owned();
            assert!(last.contains("\"error\""), "{scenario}: {}", answer.body);
            assert!(!answer.body.contains(".done"), "{scenario}: {}", answer.body);
        }
    }
}

/// Gives every request this answer, and closes behind it.
fn closes_behind(answer: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for socket in listener.incoming() {
            let (mut socket, mut read, mut piece) = (socket.unwrap(), Vec::new(), [0; 4096]);
            while !read.ends_with(b"--edge--\r\n") {
                let count = socket.read(&mut piece).unwrap();
                read.extend_from_slice(&piece[..count]);
            }
            // Longer than an answer's head is held.
            thread::park_timeout(Duration::from_millis(200));
            socket.write_all(answer.as_bytes()).unwrap();
        }
    });
    address
}

#[test]
fn a_transcript_as_text_is_whole_only_where_its_framing_says_so() {
    for (answer, is_streamed, status) in [
        ("HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 3\r\n\r\nyes", false, 200),
        ("HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n\r\nyes", false, 502),
        ("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n{\"text\":\"yes\"}", false, 200),
        // Older models do not stream, whatever was asked for.
        ("HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 3\r\n\r\nyes", true, 200),
    ] {
        let address = closes_behind(answer);
        let gateway = TestGateway::start(&format!(
            "server.header_hold = '50ms'\n[providers.local]\nbase_url = 'http://{address}/v1'\napi_keys = ['sk-ours']\n[models.m]\ndeployments = ['local/whisper-1']\nattempts = 1\n"
        ));
        let mut fields = json!({ "response_format": "text" });
        if is_streamed {
            fields["stream"] = json!(true);
        }
        let heard = Asked { fields, ..transcribe() }.to("m").bearer(&gateway.key).send(gateway.callers);
        assert_eq!(heard.status, status, "{answer}: {}", heard.body);
        assert_eq!(status == 200, heard.body.contains("yes"), "{answer}: {}", heard.body);
    }
}
