//! What becomes of one thing on its way from one dialect to another.

use roundelay_protocol::{
    chat::{Capabilities, Dialect, Issuer, Losses, Target, Why},
    translate::{self, Manner, StreamEncoder, Translation},
};
use serde_json::{Value, json};

use super::{
    super::{
        clients::{Client, Seen},
        encode,
    },
    Row, includes,
};

/// What became of it, with the words that the losses have for it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Cell {
    Kept,
    Changed(Vec<String>),
    Dropped(Vec<String>),
    /// The dialect has no words to say it.
    Unsaid,
}

/// A request of the caller, at the provider.
pub(super) fn of_request(row: &Row, from: Dialect, to: Dialect) -> Result<Cell, String> {
    let Some(said) = row.said(from) else { return Ok(Cell::Unsaid) };
    let mut body = plain(from);
    merge(&mut body, &said);
    let body = body.to_string();
    let request = translate::decode_request(from, body.as_bytes()).map_err(|fault| format!("{fault}: {body}"))?;
    let capabilities = Capabilities { prefill: true, ..Capabilities::default() };
    let target = Target { capabilities, issuer: Some(Issuer(7)), ..Target::default() };
    let mut losses = Losses::default();
    let out = translate::encode_request(&request, &target, &Manner::of(to), &mut losses);
    let out = serde_json::from_slice(&out).map_err(|e| format!("{e}: {}", String::from_utf8_lossy(&out)))?;
    outcome(row, to, &out, &losses)
}

/// An answer of the provider, at the caller: whole and streamed, which must come to the same.
pub(super) fn of_answer(row: &Row, from: Dialect, to: Dialect) -> Result<Cell, String> {
    let Some(said) = row.said(from) else { return Ok(Cell::Unsaid) };
    let mut body = plain_answer(from);
    merge(&mut body, &said);
    let body = body.to_string();
    let answer = translate::decode_answer(from, body.as_bytes())
        .map_err(|fault| format!("{fault}: {body}"))?
        .map_err(|problem| format!("{problem:?}: {body}"))?;
    let mut losses = Losses::default();
    let out = translate::encode_answer(&answer, to, "", &mut losses);
    let out = serde_json::from_slice(&out).map_err(|e| format!("{e}: {}", String::from_utf8_lossy(&out)))?;
    let whole = outcome(row, to, &out, &losses)?;
    let streamed = streamed(row, &answer, from, to)?;
    if std::mem::discriminant(&whole) != std::mem::discriminant(&streamed) {
        return Err(format!("whole it is {whole:?}, streamed {streamed:?}"));
    }
    Ok(whole)
}

fn streamed(
    row: &Row,
    answer: &roundelay_protocol::chat::Answer<'_>,
    from: Dialect,
    to: Dialect,
) -> Result<Cell, String> {
    let mut events = Vec::new();
    answer.events(&mut |event| events.push(event.into_owned()));
    let stream = encode(from, &events);
    let mut translation = Translation::new(from, StreamEncoder::new(to, "", true));
    let mut out = Vec::new();
    let read = translation.push(stream.into(), &mut out, &mut |_| {});
    let read = read.and_then(|()| translation.finish(&mut out, &mut |_| {}));
    read.and_then(|()| translation.end(None, &mut out)).map_err(|fault| format!("streamed: {fault}"))?;
    match Client::read(to, &out) {
        Seen::Whole(seen) => {
            outcome(row, to, &seen, translation.encoder.losses()).map_err(|fault| format!("streamed: {fault}"))
        }
        other => Err(format!("streamed: {other:?}")),
    }
}

fn outcome(row: &Row, to: Dialect, out: &Value, losses: &Losses) -> Result<Cell, String> {
    let is_found = row.expected(to).is_some_and(|pattern| includes(out, pattern));
    let mut words: Vec<String> = Vec::new();
    for loss in losses.iter().filter(|loss| !is_found || loss.why != Why::Label) {
        let what = match &*loss.what {
            // That there is nothing to say of it is said by the sign.
            NO_PEER | UNKNOWN => String::new(),
            what => what.to_owned(),
        };
        if !words.contains(&what) {
            words.push(what);
        }
    }
    let is_changed = losses.iter().any(|loss| loss.why == Why::Changed);
    match (is_found, words.is_empty()) {
        (true, true) => Ok(Cell::Kept),
        (true, false) => Ok(Cell::Changed(words)),
        (false, true) => Err(format!("lost without a word: {out}")),
        (false, false) if is_changed => Ok(Cell::Changed(words)),
        (false, false) => Ok(Cell::Dropped(words)),
    }
}

const NO_PEER: &str = "the provider's dialect has no word for it";
const UNKNOWN: &str = "a member that is not known here";

fn plain(dialect: Dialect) -> Value {
    match dialect {
        Dialect::OpenaiChat => json!({"model": "m", "messages": [{"role": "user", "content": "Hello"}]}),
        Dialect::OpenaiResponses => json!({"model": "m", "input": [{"role": "user", "content": "Hello"}]}),
        Dialect::Anthropic => {
            json!({"model": "m", "max_tokens": 4000, "messages": [{"role": "user", "content": "Hello"}]})
        }
        Dialect::Gemini => json!({"contents": [{"role": "user", "parts": [{"text": "Hello"}]}]}),
        Dialect::Bedrock => json!({"messages": [{"role": "user", "content": [{"text": "Hello"}]}]}),
    }
}

fn plain_answer(dialect: Dialect) -> Value {
    match dialect {
        Dialect::OpenaiChat => json!({"id": "id_1", "object": "chat.completion", "created": 1, "model": "m"}),
        Dialect::OpenaiResponses => json!({"id": "id_1", "object": "response", "created_at": 1, "model": "m"}),
        Dialect::Anthropic => json!({"id": "id_1", "type": "message", "role": "assistant", "model": "m"}),
        Dialect::Gemini => json!({"responseId": "id_1", "modelVersion": "m"}),
        Dialect::Bedrock => json!({}),
    }
}

fn merge(body: &mut Value, more: &Value) {
    match (body, more) {
        (Value::Object(body), Value::Object(more)) => {
            for (name, value) in more {
                merge(body.entry(name.clone()).or_insert(Value::Null), value);
            }
        }
        (body, more) => *body = more.clone(),
    }
}
