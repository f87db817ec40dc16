//! What other servers answer, as it must be told to callers of another dialect.

use roundelay_protocol::{
    chat::{Body, Dialect, Losses, Stop},
    translate::{StreamEncoder, Translation, decode_answer, decode_request, encode_answer},
};
use serde_json::{Value, json};

fn answered(from: Dialect, body: &Value, to: Dialect) -> Value {
    let body = body.to_string();
    let answer = decode_answer(from, body.as_bytes()).unwrap().unwrap();
    serde_json::from_slice(&encode_answer(&answer, to, "", &mut Losses::default())).unwrap()
}

fn streamed(from: Dialect, stream: &str, to: Dialect) -> String {
    let mut translation = Translation::new(from, StreamEncoder::new(to, "", true));
    let mut out = Vec::new();
    translation.push(stream.to_owned().into(), &mut out, &mut |_| {}).unwrap();
    translation.finish(&mut out, &mut |_| {}).unwrap();
    translation.end(None, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

/// What a server says that writes `stop` after its calls, and names them in its own way.
fn called(id: &str) -> (Value, String) {
    let call = json!({"index": 0, "id": id, "type": "function", "function": {"name": "f", "arguments": "{}"}});
    let second = json!({"index": 1, "id": "", "type": "function", "function": {"name": "g", "arguments": "{}"}});
    let message = json!({"role": "assistant", "content": null, "tool_calls": [call, second]});
    let whole = json!({"id": "a", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]});
    let chunk = json!({"id": "a", "choices": [{"index": 0, "delta": message}]});
    let end = json!({"id": "a", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]});
    (whole, format!("data: {chunk}\n\ndata: {end}\n\ndata: [DONE]\n\n"))
}

#[test]
fn an_answer_with_calls_waits_for_their_results_whatever_it_says() {
    let (whole, stream) = called("c");
    assert_eq!(answered(Dialect::OpenaiChat, &whole, Dialect::Anthropic)["stop_reason"], "tool_use");
    assert!(streamed(Dialect::OpenaiChat, &stream, Dialect::Anthropic).contains(r#""stop_reason":"tool_use""#));
    let plain = json!({"choices": [{"message": {"content": "x"}, "finish_reason": "stop"}]}).to_string();
    let plain = decode_answer(Dialect::OpenaiChat, plain.as_bytes()).unwrap().unwrap();
    assert_eq!(plain.choices[0].stop, Some(Stop::Finished));
}

#[test]
fn calls_are_named_as_the_callers_own_servers_would() {
    let (whole, stream) = called("functions.bash:0");
    let answer = answered(Dialect::OpenaiChat, &whole, Dialect::Anthropic);
    assert_eq!(answer["content"][0]["id"], "functions_bash_0");
    assert_eq!(answer["content"][1]["id"], "call_1");
    let stream = streamed(Dialect::OpenaiChat, &stream, Dialect::Anthropic);
    assert!(stream.contains(r#""id":"functions_bash_0""#) && !stream.contains(r#""id":"""#), "{stream}");
}

#[test]
fn a_thought_put_together_from_a_stream_keeps_its_words() {
    let message = json!({"role": "assistant", "content": "b", "reasoning_content": "a", "reasoning_details":
        [{"type": "reasoning.text", "text": "", "signature": "rl1-0000000000000007-S"}]});
    let body = json!({"model": "m", "messages": [{"role": "user", "content": "x"}, message]}).to_string();
    let request = decode_request(Dialect::OpenaiChat, body.as_bytes()).unwrap();
    let Body::Thinking { text, signature } = &request.turns[1].parts[0].body else { panic!("{request:?}") };
    assert_eq!((text.written(), signature.as_ref().unwrap().text.written()), ("a", "S"));
}

#[test]
fn a_request_can_forget_all_thoughts() {
    let body = json!({"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "x"},
        {"role": "assistant", "content": [{"type": "thinking", "thinking": "a", "signature": "S"}]},
        {"role": "assistant", "content": [{"type": "redacted_thinking", "data": "S"}, {"type": "text", "text": "b"}]}]});
    let body = body.to_string();
    let mut request = decode_request(Dialect::Anthropic, body.as_bytes()).unwrap();
    request.forget_thoughts();
    let parts: Vec<usize> = request.turns.iter().map(|turn| turn.parts.len()).collect();
    assert_eq!(parts, [1, 1]);
}
