//! How likely tokens were, from each dialect that has it to each other: whole, streamed as its vendor streams, and asked
//! for.

use bytes::Bytes;
use roundelay_protocol::{
    chat::{Dialect, Losses, Target},
    translate::{self, Manner, StreamEncoder, Translation},
};
use serde_json::{Value, json};

use super::clients::{Client, Seen};

const ABLE: [Dialect; 3] = [Dialect::OpenaiChat, Dialect::OpenaiResponses, Dialect::Gemini];

/// Two tokens, the second half of a letter and so without a text of its own.
fn stream_of(dialect: Dialect) -> Vec<u8> {
    let events: Vec<(&str, Value)> = match dialect {
        Dialect::OpenaiChat => {
            let chunk = |delta: Value, logprobs: Value, reason: Value| {
                (
                    "",
                    json!({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [
                    {"index": 0, "delta": delta, "logprobs": logprobs, "finish_reason": reason}]}),
                )
            };
            vec![
                chunk(json!({"role": "assistant", "content": ""}), Value::Null, Value::Null),
                chunk(json!({"content": "Ja"}), json!({"content": [chat_token("Ja", -0.25, "Jo")]}), Value::Null),
                chunk(json!({"content": "!"}), json!({"content": [chat_token("!", -0.5, ".")]}), Value::Null),
                chunk(json!({}), Value::Null, json!("stop")),
            ]
        }
        Dialect::OpenaiResponses => {
            let item =
                json!({"type": "message", "id": "msg_0", "role": "assistant", "status": "completed", "content": []});
            let delta = |text: &str, token: Value| {
                (
                    "response.output_text.delta",
                    json!({"type": "response.output_text.delta", "item_id": "msg_0",
                    "output_index": 0, "content_index": 0, "delta": text, "logprobs": [token]}),
                )
            };
            let whole = json!([chat_token("Ja", -0.25, "Jo"), chat_token("!", -0.5, ".")]);
            let part = json!({"type": "output_text", "text": "Ja!", "annotations": [], "logprobs": whole});
            vec![
                (
                    "response.created",
                    json!({"type": "response.created", "response": {"id": "r", "model": "m", "created_at": 1, "status": "in_progress"}}),
                ),
                (
                    "response.output_item.added",
                    json!({"type": "response.output_item.added", "output_index": 0, "item": item}),
                ),
                (
                    "response.content_part.added",
                    json!({"type": "response.content_part.added", "output_index": 0, "content_index": 0,
                    "part": {"type": "output_text", "text": "", "annotations": [], "logprobs": []}}),
                ),
                delta("Ja", without_bytes("Ja", -0.25, "Jo")),
                delta("!", without_bytes("!", -0.5, ".")),
                (
                    "response.output_text.done",
                    json!({"type": "response.output_text.done", "output_index": 0, "content_index": 0, "text": "Ja!"}),
                ),
                (
                    "response.content_part.done",
                    json!({"type": "response.content_part.done", "output_index": 0, "content_index": 0, "part": part}),
                ),
                (
                    "response.output_item.done",
                    json!({"type": "response.output_item.done", "output_index": 0, "item": item}),
                ),
                (
                    "response.completed",
                    json!({"type": "response.completed", "response": {"id": "r", "status": "completed", "output": []}}),
                ),
            ]
        }
        _ => {
            let text = |text: &str| {
                ("", json!({"candidates": [{"index": 0, "content": {"role": "model", "parts": [{"text": text}]}}]}))
            };
            let end = json!({"candidates": [{"index": 0, "content": {"role": "model", "parts": [{"text": ""}]},
                "finishReason": "STOP", "logprobsResult": gemini()}]});
            vec![text("Ja"), text("!"), ("", end)]
        }
    };
    let mut out = String::new();
    for (name, data) in events {
        if !name.is_empty() {
            out += &format!("event: {name}\n");
        }
        out += &format!("data: {data}\n\n");
    }
    if dialect == Dialect::OpenaiChat {
        out += "data: [DONE]\n\n";
    }
    out.into_bytes()
}

fn bytes(text: &str) -> Value {
    json!(text.as_bytes())
}

fn chat_token(text: &str, logprob: f64, other: &str) -> Value {
    json!({"token": text, "logprob": logprob, "bytes": bytes(text), "top_logprobs": [
        {"token": text, "logprob": logprob, "bytes": bytes(text)}, {"token": other, "logprob": -3.5, "bytes": bytes(other)}]})
}

fn without_bytes(text: &str, logprob: f64, other: &str) -> Value {
    json!({"token": text, "logprob": logprob, "top_logprobs": [
        {"token": text, "logprob": logprob}, {"token": other, "logprob": -3.5}]})
}

fn gemini() -> Value {
    let token = |text: &str, logprob: f64| json!({"token": text, "logProbability": logprob});
    json!({
        "topCandidates": [{"candidates": [token("Ja", -0.25), token("Jo", -3.5)]}, {"candidates": [token("!", -0.5), token(".", -3.5)]}],
        "chosenCandidates": [token("Ja", -0.25), token("!", -0.5)]
    })
}

/// Where an answer of a dialect tells them, and what.
fn told(dialect: Dialect, answer: &Value) -> (Value, Value) {
    let openai = || json!([chat_token("Ja", -0.25, "Jo"), chat_token("!", -0.5, ".")]);
    match dialect {
        Dialect::OpenaiChat => (answer["choices"][0]["logprobs"]["content"].clone(), openai()),
        Dialect::OpenaiResponses => (answer["output"][0]["content"][0]["logprobs"].clone(), openai()),
        _ => (answer["candidates"][0]["logprobsResult"].clone(), gemini()),
    }
}

fn answer_of(dialect: Dialect) -> Value {
    let openai = json!([chat_token("Ja", -0.25, "Jo"), chat_token("!", -0.5, ".")]);
    match dialect {
        Dialect::OpenaiChat => json!({"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [
            {"index": 0, "message": {"role": "assistant", "content": "Ja!"}, "finish_reason": "stop", "logprobs": {"content": openai}}]}),
        Dialect::OpenaiResponses => {
            json!({"id": "r", "object": "response", "created_at": 1, "model": "m", "status": "completed",
            "output": [{"type": "message", "id": "msg_0", "role": "assistant", "status": "completed", "content": [
                {"type": "output_text", "text": "Ja!", "annotations": [], "logprobs": openai}]}]})
        }
        _ => json!({"responseId": "g", "modelVersion": "m", "candidates": [{"index": 0, "finishReason": "STOP",
            "content": {"role": "model", "parts": [{"text": "Ja!"}]}, "logprobsResult": gemini()}]}),
    }
}

#[test]
fn a_whole_answer_tells_them_in_every_dialect_that_can() {
    for (from, to) in ABLE.into_iter().flat_map(|from| ABLE.map(|to| (from, to))) {
        let body = answer_of(from).to_string();
        let answer = translate::decode_answer(from, body.as_bytes()).unwrap().unwrap();
        let mut losses = Losses::default();
        let out = translate::encode_answer(&answer, to, "", &mut losses);
        let (found, expected) = told(to, &serde_json::from_slice(&out).unwrap());
        assert_eq!(found, expected, "{} to {}", from.name(), to.name());
        assert!(losses.is_empty(), "{losses:?}");
    }
}

#[test]
fn a_stream_tells_them_wherever_its_vendor_puts_them() {
    for (from, to) in ABLE.into_iter().flat_map(|from| ABLE.map(|to| (from, to))) {
        let stream = stream_of(from);
        for size in [1, 7, 64, stream.len()] {
            let mut translation = Translation::new(from, StreamEncoder::new(to, "", true));
            let mut out = Vec::new();
            for piece in stream.chunks(size) {
                translation.push(Bytes::copy_from_slice(piece), &mut out, &mut |_| {}).unwrap();
            }
            translation.finish(&mut out, &mut |_| {}).unwrap();
            translation.end(None, &mut out).unwrap();
            let of = format!("{} to {} by {size}: {}", from.name(), to.name(), String::from_utf8_lossy(&out));
            let Seen::Whole(seen) = Client::read(to, &out) else { panic!("{of}") };
            let (found, expected) = told(to, &seen);
            assert_eq!(found, expected, "{of}");
        }
    }
}

#[test]
fn beside_the_text_they_are_of() {
    let mut translation = Translation::new(Dialect::OpenaiChat, StreamEncoder::new(Dialect::OpenaiResponses, "", true));
    let mut out = Vec::new();
    translation.push(stream_of(Dialect::OpenaiChat).into(), &mut out, &mut |_| {}).unwrap();
    let out = String::from_utf8(out).unwrap();
    let deltas = out.lines().filter(|line| line.contains(r#""type":"response.output_text.delta""#));
    let deltas: Vec<Value> =
        deltas.map(|line| serde_json::from_str(line.strip_prefix("data: ").unwrap()).unwrap()).collect();
    assert_eq!(deltas[0]["logprobs"], json!([without_bytes("Ja", -0.25, "Jo")]), "{out}");
    assert_eq!(deltas[1]["logprobs"], json!([without_bytes("!", -0.5, ".")]), "{out}");
}

#[test]
fn half_a_letter_keeps_the_bytes_it_came_with() {
    let body = json!({"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [
        {"index": 0, "message": {"role": "assistant", "content": "é"}, "finish_reason": "stop", "logprobs": {"content": [
            {"token": "\\xc3", "logprob": -0.25, "bytes": [195], "top_logprobs": []},
            {"token": "\\xa9", "logprob": -0.5, "bytes": [169], "top_logprobs": []}]}}]})
    .to_string();
    let answer = translate::decode_answer(Dialect::OpenaiChat, body.as_bytes()).unwrap().unwrap();
    let out = translate::encode_answer(&answer, Dialect::OpenaiResponses, "", &mut Losses::default());
    let out: Value = serde_json::from_slice(&out).unwrap();
    let tokens = &out["output"][0]["content"][0]["logprobs"];
    assert_eq!((&tokens[0]["bytes"], &tokens[1]["bytes"]), (&json!([195]), &json!([169])), "{out}");
}

/// What a request that asks for them asks for elsewhere.
#[track_caller]
fn check(from: Dialect, asked: Value, expected: [Value; 3]) {
    let mut body = match from {
        Dialect::OpenaiChat => json!({"model": "m", "messages": [{"role": "user", "content": "a"}]}),
        Dialect::OpenaiResponses => json!({"model": "m", "input": "a"}),
        _ => json!({"contents": [{"role": "user", "parts": [{"text": "a"}]}]}),
    };
    body.as_object_mut().unwrap().extend(asked.as_object().unwrap().clone());
    let body = body.to_string();
    let request = translate::decode_request(from, body.as_bytes()).unwrap();
    for (to, expected) in ABLE.into_iter().zip(expected) {
        let mut losses = Losses::default();
        let out = translate::encode_request(&request, &Target::default(), &Manner::of(to), &mut losses);
        translate::locate(&mut losses, &request, body.as_bytes());
        assert!(losses.is_empty(), "{losses:?}");
        let out: Value = serde_json::from_slice(&out).unwrap();
        let found = match to {
            Dialect::OpenaiChat => json!([out["logprobs"], out["top_logprobs"]]),
            Dialect::OpenaiResponses => {
                let includes = |word: &str| out["include"].as_array().is_some_and(|list| list.contains(&json!(word)));
                json!([includes("message.output_text.logprobs"), out["top_logprobs"]])
            }
            _ => json!([out["generationConfig"]["responseLogprobs"], out["generationConfig"]["logprobs"]]),
        };
        assert_eq!(found, expected, "{} to {}: {out}", from.name(), to.name());
    }
}

#[test]
fn who_asks_for_them_asks_for_them_elsewhere() {
    let (chat, responses, gemini) = (Dialect::OpenaiChat, Dialect::OpenaiResponses, Dialect::Gemini);
    check(chat, json!({"logprobs": true, "top_logprobs": 3}), [json!([true, 3]), json!([true, 3]), json!([true, 3])]);
    check(chat, json!({"logprobs": true}), [json!([true, null]), json!([true, null]), json!([true, null])]);
    check(chat, json!({"logprobs": false}), [json!([false, null]), json!([false, null]), json!([null, null])]);
    let include =
        json!({"include": ["message.output_text.logprobs", "reasoning.encrypted_content"], "top_logprobs": 2});
    check(responses, include, [json!([true, 2]), json!([true, 2]), json!([true, 2])]);
    let config = |config: Value| json!({ "generationConfig": config });
    let asked = config(json!({"responseLogprobs": true, "logprobs": 4}));
    check(gemini, asked, [json!([true, 4]), json!([true, 4]), json!([true, 4])]);
}
