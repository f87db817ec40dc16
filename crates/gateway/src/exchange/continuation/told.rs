//! What the caller of an answer by several models is told of them, at its end.

use std::sync::Arc;

use bytes::Bytes;
use roundelay_ledger::{Money, Tokens};
use roundelay_protocol::{chat::Dialect, usage::Usage};
use serde_json::{Value, json};

use crate::exchange::flight::{Flight, counted};

/// One attempt's part of an answer.
#[derive(Debug)]
pub(in super::super) struct Hop {
    pub(super) deployment: Arc<str>,
    model: Arc<str>,
    /// Tokens of output that were shown.
    pub(in super::super) shown: u64,
    /// Tokens of output that said once more what was shown.
    pub(super) repeated: u64,
    /// What its caller pays.
    pub(in super::super) paid: Tokens,
    cost: Option<Money>,
}

impl Hop {
    pub(in super::super) fn new(
        flight: &Flight<'_>,
        (shown, repeated): (u64, u64),
        paid: Tokens,
        cost: Option<Money>,
    ) -> Self {
        let deployment = flight.deployment;
        Self {
            deployment: Arc::clone(&deployment.name),
            model: Arc::clone(&deployment.model),
            shown,
            repeated,
            paid,
            cost,
        }
    }

    fn told(&self) -> String {
        let (deployment, model) = (json!(&*self.deployment), json!(&*self.model));
        let output = self.paid.total_output();
        // As it is written elsewhere, and not as a number of floating point.
        let cost = self.cost.map(|cost| format!(",\"cost\":{cost}")).unwrap_or_default();
        format!("{{\"deployment\":{deployment},\"model\":{model},\"output_tokens\":{output}{cost}}}")
    }

    /// As Anthropic's clients are told of each iteration that one answer took.
    fn iteration(&self) -> Value {
        let Tokens { input, cache_read, cache_write, cache_write_long, .. } = self.paid;
        json!({
            "type": "message",
            "input_tokens": input,
            "output_tokens": self.paid.total_output(),
            "cache_creation_input_tokens": cache_write + cache_write_long,
            "cache_read_input_tokens": cache_read,
        })
    }
}

/// What the caller pays for in all: the input of one attempt, and the output of each.
pub(in super::super) fn in_all(hops: &[Hop]) -> Usage {
    let Some((last, earlier)) = hops.split_last() else { return Usage::default() };
    let mut paid = last.paid;
    for hop in earlier {
        paid.output = paid.output.saturating_add(hop.paid.output);
    }
    counted(paid)
}

/// The end of a stream with its attempts: as `roundelay.attempts` in its last event, and for Anthropic's clients also
/// where they look for what an answer took.
pub(in super::super) fn with_attempts(dialect: Dialect, tail: &[u8], hops: &[Hop]) -> Bytes {
    let attempts: Vec<String> = hops.iter().map(Hop::told).collect();
    let attempts = format!("\"attempts\":[{}]", attempts.join(","));
    let (place, iterations) = match dialect {
        Dialect::Anthropic => {
            let iterations: Vec<Value> = hops.iter().map(Hop::iteration).collect();
            ("event: message_delta\ndata: {", Some(format!("\"iterations\":{},", Value::from(iterations))))
        }
        Dialect::OpenaiResponses => ("\"response\":{", None),
        Dialect::OpenaiChat | Dialect::Gemini | Dialect::Bedrock => ("data: {", None),
    };
    let Some(at) = last(tail, place) else { return Bytes::copy_from_slice(tail) };
    let (before, after) = tail.split_at(at);
    let mut out = before.to_vec();
    match after.strip_prefix(ROUNDELAY) {
        Some(inside) => {
            out.extend([ROUNDELAY, attempts.as_bytes(), b","].concat());
            out.extend(inside);
        }
        None => {
            out.extend([ROUNDELAY, attempts.as_bytes(), b"},"].concat());
            out.extend(after);
        }
    }
    if let Some((iterations, at)) = iterations.zip(last(&out, "\"usage\":{")) {
        out.splice(at..at, iterations.into_bytes());
    }
    out.into()
}

const ROUNDELAY: &[u8] = b"\"roundelay\":{";

/// Behind the last place where that stands. Quotes in a text are escaped, so that it is nowhere else.
fn last(text: &[u8], what: &str) -> Option<usize> {
    let at = text.windows(what.len()).rposition(|window| window == what.as_bytes())?;
    Some(at + what.len())
}
