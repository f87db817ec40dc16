//! What the caller of an answer by several models is told of them, at its end.

use std::sync::Arc;

use bytes::Bytes;
use roundelay_ledger::{Money, Tokens};
use roundelay_protocol::{chat::Dialect, usage::Usage};
use serde_json::{Value, json};

use crate::{
    exchange::{
        flight::{Flight, counted},
        relay::SPENT,
    },
    store,
};

/// One attempt's part of an answer.
#[derive(Debug)]
pub(in super::super) struct Hop {
    /// Counted from 1, like those of the record.
    pub(in super::super) number: u32,
    pub(in super::super) deployment: Arc<str>,
    pub(in super::super) model: Arc<str>,
    /// Tokens of output that were shown.
    pub(in super::super) shown: u64,
    /// Tokens of output that said once more what was shown.
    pub(super) repeated: u64,
    /// What its caller pays.
    pub(in super::super) paid: Tokens,
    cost: Option<Money>,
    /// How it ended, as the record calls it.
    outcome: &'static str,
    /// All that it took, but for what it said once more.
    pub(in super::super) usage: store::Usage,
}

impl Hop {
    pub(in super::super) fn new(
        (flight, outcome): (&Flight<'_>, &'static str),
        (shown, repeated): (u64, u64),
        (paid, cost): (Tokens, Option<Money>),
        usage: store::Usage,
    ) -> Self {
        let deployment = flight.deployment;
        Self {
            number: flight.number(),
            deployment: Arc::clone(&deployment.name),
            model: Arc::clone(&deployment.model),
            shown,
            repeated,
            paid,
            cost,
            outcome,
            usage,
        }
    }

    /// Whether it ended because there was no money for more.
    pub(super) fn is_spent(&self) -> bool {
        self.outcome == SPENT
    }

    /// Whether anything of the answer is its, or anything was paid for it.
    fn has_part(&self) -> bool {
        self.shown > 0 || self.cost.is_some_and(|cost| cost != Money::ZERO)
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
///
/// Who showed nothing, and was paid nothing, is no part of the answer; who ended it is.
pub(in super::super) fn with_attempts(dialect: Dialect, tail: &[u8], hops: &[Hop]) -> Bytes {
    let last_hop = hops.len().saturating_sub(1);
    let hops = || hops.iter().enumerate().filter(|(at, hop)| *at == last_hop || hop.has_part()).map(|(_, hop)| hop);
    let attempts = format!("\"attempts\":{}", list(hops()));
    let (place, iterations) = match dialect {
        Dialect::Anthropic => {
            let iterations: Vec<Value> = hops().map(Hop::iteration).collect();
            (
                last_line(tail, "event: message_delta\ndata: {"),
                Some(format!("\"iterations\":{},", Value::from(iterations))),
            )
        }
        Dialect::OpenaiResponses => (last_line(tail, DATA).and_then(|at| in_response(tail, at)), None),
        Dialect::OpenaiChat | Dialect::Gemini | Dialect::Bedrock => (last_line(tail, DATA), None),
    };
    let Some(at) = place else { return Bytes::copy_from_slice(tail) };
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

/// The attempts of an answer that was not carried to its end, as a list in JSON.
pub(super) fn attempts(hops: &[Hop]) -> String {
    list(hops.iter().filter(|hop| hop.has_part()))
}

fn list<'h>(hops: impl Iterator<Item = &'h Hop>) -> String {
    let told: Vec<String> = hops.map(Hop::told).collect();
    format!("[{}]", told.join(","))
}

const ROUNDELAY: &[u8] = b"\"roundelay\":{";

/// How the data of an event begins.
const DATA: &str = "data: {";

/// Behind the last line that begins so. Line ends in a text are escaped, so that it is nowhere else.
fn last_line(text: &[u8], what: &str) -> Option<usize> {
    let mut end = text.len();
    loop {
        let at = text[..end].windows(what.len()).rposition(|window| window == what.as_bytes())?;
        if at == 0 || text[at - 1] == b'\n' {
            return Some(at + what.len());
        }
        end = at + what.len() - 1;
    }
}

/// Where the first member of the event's own `response` stands, whose data begins before `at`.
fn in_response(text: &[u8], at: usize) -> Option<usize> {
    #[derive(serde::Deserialize)]
    struct Event<'a> {
        #[serde(borrow)]
        response: &'a serde_json::value::RawValue,
    }
    let start = at - 1;
    let line = text[start..].split(|&byte| byte == b'\n').next()?;
    let Event { response } = serde_json::from_slice(line).ok()?;
    let inside = response.get().as_bytes();
    let begins = inside.as_ptr().addr().checked_sub(line.as_ptr().addr())?;
    inside.starts_with(b"{").then_some(start + begins + 1)
}

/// Behind the last place where that stands. Quotes in a text are escaped, so that it is nowhere else.
fn last(text: &[u8], what: &str) -> Option<usize> {
    let at = text.windows(what.len()).rposition(|window| window == what.as_bytes())?;
    Some(at + what.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hop(shown: u64, cost: i64) -> Hop {
        let paid = Tokens { input: 7, output: shown, ..Tokens::default() };
        let cost = Some(Money::from_nano(cost));
        let usage = store::Usage::default();
        let (deployment, model, outcome) = ("a/m".into(), "m".into(), "answered");
        Hop { number: 1, deployment, model, shown, repeated: 0, paid, cost, outcome, usage }
    }

    /// The attempts that the last data of a stream's end names, at the end of this path.
    #[track_caller]
    fn check(dialect: Dialect, tail: &str, inside: &str, hops: &[Hop], named: usize) {
        let told = with_attempts(dialect, tail.as_bytes(), hops);
        let told = std::str::from_utf8(&told).unwrap();
        let data = told.lines().rfind(|line| line.starts_with("data: {")).unwrap();
        let json: Value = serde_json::from_str(&data["data: ".len()..]).unwrap();
        let attempts = json.pointer(inside).unwrap_or_else(|| panic!("nothing at {inside}: {told}"));
        assert_eq!(attempts.as_array().unwrap().len(), named, "{told}");
        assert_eq!(told.matches("\"attempts\"").count(), 1, "{told}");
    }

    #[test]
    fn the_attempts_stand_in_the_last_event_and_nowhere_else() {
        let two = [hop(3, 6), hop(4, 8)];
        let completed = r#"event: response.completed
data: {"type":"response.completed","response":{"id":"r","tools":[{"parameters":{"properties":{"response":{"type":"object"}}}}]}}

"#;
        check(Dialect::OpenaiResponses, completed, "/response/roundelay/attempts", &two, 2);
        let lowered = completed.replace("\"id\"", "\"roundelay\":{\"stop\":\"budget\"},\"id\"");
        check(Dialect::OpenaiResponses, &lowered, "/response/roundelay/attempts", &two, 2);
        let quoting = "data: {\"choices\":[{\"delta\":{\"content\":\"data: {}\"}}]}\n\ndata: [DONE]\n\n";
        check(Dialect::OpenaiChat, quoting, "/roundelay/attempts", &two, 2);
        check(Dialect::Gemini, "data: {\"a\":\"data: {\"}\n\n", "/roundelay/attempts", &two, 2);
        let delta = "event: message_delta\ndata: {\"usage\":{\"output_tokens\":1}}\n\n";
        check(Dialect::Anthropic, delta, "/roundelay/attempts", &two, 2);
    }

    #[test]
    fn who_had_no_part_in_the_answer_is_not_named() {
        let tail = "data: {\"a\":1}\n\n";
        check(Dialect::OpenaiChat, tail, "/roundelay/attempts", &[hop(3, 6), hop(0, 0), hop(4, 8)], 2);
        check(Dialect::OpenaiChat, tail, "/roundelay/attempts", &[hop(3, 6), hop(0, 5), hop(4, 8)], 3);
        check(Dialect::OpenaiChat, tail, "/roundelay/attempts", &[hop(3, 6), hop(0, 0)], 2);
    }
}
