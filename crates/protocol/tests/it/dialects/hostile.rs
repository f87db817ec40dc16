//! Whatever an upstream or a caller sends: no panic, no quiet end, no answer out of nothing.

use bytes::Bytes;
use proptest::prelude::*;
use roundelay_protocol::{
    chat::{Dialect, Event, Losses},
    translate::{self, Manner, StreamDecoder, StreamEncoder},
};

use super::{able, recordings};

/// Changes bytes, leaves some out, says some twice.
pub(super) fn spoiled(bytes: &[u8], seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % below.max(1)
    };
    let mut out = bytes.to_vec();
    for _ in 0..=next(4) {
        let at = next(out.len());
        match next(5) {
            0 if !out.is_empty() => out[at] = b"\"\\{}[]:,0a \n"[next(12)],
            1 => drop(out.drain(at..out.len().min(at + next(30)))),
            2 => {
                let piece = out[at..out.len().min(at + next(200))].to_vec();
                let to = next(out.len());
                out.splice(to..to, piece);
            }
            3 if !out.is_empty() => out[at] ^= 1 << next(8),
            _ => out.truncate(at),
        }
    }
    out
}

#[test]
fn a_spoiled_stream_is_read_without_a_panic_and_never_ends_twice() {
    for (name, dialect, events) in recordings::streams() {
        // Large recordings repeat themselves.
        let stream = events[..events.len().min(40)].concat();
        for seed in 0..60 {
            let spoiled = spoiled(&stream, seed);
            let mut decoder = StreamDecoder::new(dialect);
            let mut callers = Dialect::ALL.map(|caller| StreamEncoder::new(caller, "m", true));
            let mut out = Vec::new();
            let mut ends = 0;
            let mut sink = |event: Event<'_>| {
                assert_eq!(ends, 0, "{name}, seed {seed}: {event:?} after the end");
                ends += usize::from(matches!(event, Event::End | Event::Error(_)));
                for caller in &mut callers {
                    drop(caller.event(&event, &mut out));
                }
            };
            let pushed = decoder.push(Bytes::from(spoiled), &mut sink);
            let ended = pushed.and_then(|()| decoder.finish(&mut sink));
            assert!(ended.is_err() || ends == 1, "{name}, seed {seed}: a quiet end");
        }
    }
}

#[test]
fn a_spoiled_answer_is_read_without_a_panic() {
    for (_, dialect, text) in recordings::answers().into_iter().filter(|(_, _, text)| text.len() < 6000) {
        for seed in 0..60 {
            let spoiled = spoiled(text.as_bytes(), seed);
            drop(translate::decode_error(dialect, &spoiled));
            let Ok(Ok(answer)) = translate::decode_answer(dialect, &spoiled) else { continue };
            for caller in Dialect::ALL {
                let body = translate::encode_answer(&answer, caller, "m", &mut Losses::default());
                serde_json::from_slice::<serde_json::Value>(&body).unwrap();
            }
        }
    }
}

/// A request that holds a little of everything.
fn request_of(dialect: Dialect) -> Vec<u8> {
    const CHAT: &str = r#"{"model":"m","stream":true,"max_tokens":9,"stop":["x"],"user":"u","n":1,"seed":7,"temperature":0.5,
        "messages":[{"role":"system","content":"S"},{"role":"user","content":[{"type":"text","text":"\u00e9\n"},{"type":"image_url","image_url":{"url":"data:image\/png;base64,AA=="}},
        {"type":"file","file":{"file_data":"data:application/pdf;base64,AA==","filename":"f"}}]},
        {"role":"assistant","content":null,"reasoning_details":[{"type":"reasoning.text","text":"t","signature":"rl1-0000000000000001-s"}],
        "tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{\"x\":1}"}},{"id":"d","type":"custom","custom":{"name":"p","input":"a\"b"}}]},
        {"role":"tool","tool_call_id":"c","content":"r"},{"role":"tool","tool_call_id":"d","content":[{"type":"text","text":"{\"output\":\"x\"}"}]}],
        "tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object"}}},{"type":"custom","custom":{"name":"p"}}],"tool_choice":"auto",
        "response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{"type":"object"}}},"reasoning_effort":"high"}"#;
    let request = translate::decode_request(Dialect::OpenaiChat, CHAT.as_bytes()).unwrap();
    let mut body = translate::encode_request(&request, &able(), &Manner::of(dialect), &mut Losses::default());
    if dialect == Dialect::OpenaiChat {
        body = CHAT.as_bytes().to_vec();
    }
    body
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn a_spoiled_request_is_refused_or_written_as_json(seed in any::<u64>()) {
        for from in Dialect::ALL {
            let spoiled = spoiled(&request_of(from), seed);
            let Ok(request) = translate::decode_request(from, &spoiled) else { continue };
            for to in Dialect::ALL {
                let body = translate::encode_request(&request, &able(), &Manner::of(to), &mut Losses::default());
                let text = String::from_utf8_lossy(&body);
                prop_assert!(serde_json::from_slice::<serde_json::Value>(&body).is_ok(), "{} to {}: {text}", from.name(), to.name());
                prop_assert!(translate::decode_request(to, &body).is_ok(), "{} to {}: {text}", from.name(), to.name());
            }
        }
    }
}
