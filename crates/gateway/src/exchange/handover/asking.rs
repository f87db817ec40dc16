//! What a summariser is asked, in words that fit it, and what counts as its answer.

use std::sync::Arc;

use bytes::Bytes;
use http::HeaderMap;
use roundelay_ledger::ExchangeId;
use roundelay_protocol::{
    chat,
    estimate::{Tokenizer, input_tokens},
    handover::question,
    openai::{Operation, Request},
};
use roundelay_routing::Target;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::super::{
    answer::{Answer, AnswerBody},
    call::{Errand, Inbound},
    gateway::Gateway,
    snapshot::Snapshot,
};
use crate::{auth::Caller, common::clock::unix_time, config};

/// The request for a summary, short enough for the summariser as routing will count it; `None` where none is.
pub(super) fn fitting(
    snapshot: &Snapshot,
    settings: &config::Summaries,
    previous: Option<&str>,
    turns: &[chat::Turn<'_>],
) -> Option<Bytes> {
    let name = settings.summariser.as_deref()?;
    let target = snapshot.target(name)?;
    let window = window(snapshot, target).unwrap_or(WINDOW_UNKNOWN);
    let tokenizer = match target {
        Target::Model(_) => Tokenizer::of_model(name),
        Target::Pool(_) => Tokenizer::Unknown,
    };
    let answer_max = settings.summary_max.min(window / 4).max(1);
    let room = window - answer_max.min(window);
    // Nobody writes a token of more than four bytes on average.
    let mut bytes_max = usize::try_from(room.saturating_mul(4)).unwrap_or(usize::MAX);
    for _ in 0..ROUNDS_MAX {
        let body = body(settings, name, &question(previous, turns, bytes_max), answer_max);
        let read = Request::scan(Operation::Chat, &body).ok()?;
        let tokens = input_tokens(tokenizer, &read.size, read.messages);
        if tokens <= room {
            return Some(body);
        }
        bytes_max = shortened(bytes_max.min(body.len()), room, tokens);
    }
    None
}

/// Nineteen twentieths of what would fit if all of it counted alike.
fn shortened(bytes: usize, room: u64, tokens: u64) -> usize {
    let fits = bytes as u128 * u128::from(room) / u128::from(tokens.max(1));
    usize::try_from(fits * 19 / 20).unwrap_or(usize::MAX)
}

/// The smallest window among the models that a summariser chooses from first.
fn window(snapshot: &Snapshot, target: Target) -> Option<u64> {
    let catalog = &snapshot.catalog;
    match target {
        Target::Model(model) => catalog.model(model).context_window,
        Target::Pool(pool) => {
            let members = catalog.pool(pool).members.iter();
            members.filter_map(|member| catalog.model(member.model).context_window).min()
        }
    }
}

fn body(settings: &config::Summaries, summariser: &str, question: &str, answer_max: u64) -> Bytes {
    let mut messages = Vec::new();
    if let Some(instructions) = &settings.instructions {
        messages.push(json!({ "role": "system", "content": &**instructions }));
    }
    messages.push(json!({ "role": "user", "content": question }));
    json!({ "model": summariser, "max_completion_tokens": answer_max, "messages": messages }).to_string().into()
}

pub(super) fn asking(
    gateway: &Gateway,
    caller: &Arc<Caller>,
    serves: ExchangeId,
    settings: &config::Summaries,
    body: Bytes,
) -> Inbound {
    let received = Instant::now();
    Inbound {
        id: gateway.ids.next(u64::try_from(unix_time().as_millis()).unwrap_or(u64::MAX)),
        received,
        taken: received,
        caller: Arc::clone(caller),
        operation: Operation::Chat,
        addressed: None,
        headers: HeaderMap::new(),
        query: None,
        body,
        turn: None,
        compaction: None,
        errand: Some(Errand { serves, deadline: settings.deadline }),
    }
}

/// What a summariser answered.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Said {
    Whole(String),
    /// It was cut off, or it would not: what there is of it may lack what matters most.
    Cut,
    Nothing,
}

pub(super) fn said(answer: &Answer, tokens_max: u64) -> Said {
    match answer.body() {
        AnswerBody::Whole(body) => read(body, tokens_max),
        AnswerBody::Stream(_) => Said::Nothing,
    }
}

/// The words of an answer, where it came to its own end.
fn read(body: &[u8], tokens_max: u64) -> Said {
    let Ok(answer) = serde_json::from_slice::<Value>(body) else { return Said::Nothing };
    let choice = &answer["choices"][0];
    if choice["finish_reason"] != "stop" || !choice["message"]["refusal"].is_null() {
        return Said::Cut;
    }
    let text = choice["message"]["content"].as_str().unwrap_or_default().trim();
    // A model that does not keep to its limit takes no more memory for it.
    let most = usize::try_from(tokens_max.saturating_mul(BYTES_PER_TOKEN_MAX)).unwrap_or(usize::MAX);
    let text = &text[..text.floor_char_boundary(most)];
    if text.is_empty() { Said::Nothing } else { Said::Whole(text.to_owned()) }
}

/// The smallest window among models of today that are worth asking.
const WINDOW_UNKNOWN: u64 = 32_768;
const BYTES_PER_TOKEN_MAX: u64 = 8;
/// How often a question is shortened before it is given up.
const ROUNDS_MAX: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_came_to_its_end_is_a_summary() {
        let answer = |finish: Value, message: Value| {
            read(json!({ "choices": [{ "finish_reason": finish, "message": message }] }).to_string().as_bytes(), 2)
        };
        let words = json!({ "content": " They chose blue. " });
        assert_eq!(answer(json!("stop"), words.clone()), Said::Whole("They chose blue.".to_owned()));
        for finish in [json!("length"), json!("content_filter"), json!("tool_calls"), json!(null)] {
            assert_eq!(answer(finish, words.clone()), Said::Cut);
        }
        assert_eq!(answer(json!("stop"), json!({ "content": "I will not", "refusal": "no" })), Said::Cut);
        assert_eq!(answer(json!("stop"), json!({ "content": " " })), Said::Nothing);
        assert_eq!(answer(json!("stop"), json!({ "content": "x".repeat(99) })), Said::Whole("x".repeat(16)));
        assert_eq!(read(b"", 2), Said::Nothing);
    }

    #[test]
    fn a_question_becomes_as_much_shorter_as_it_is_too_long() {
        for (bytes, room, tokens, expected) in [(1_000, 500, 1_000, 475), (1_000, 0, 9, 0), (10, 9, 0, 85)] {
            assert_eq!(shortened(bytes, room, tokens), expected, "{bytes} at {tokens} in {room}");
        }
    }
}
