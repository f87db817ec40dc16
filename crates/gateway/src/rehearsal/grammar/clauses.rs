//! Every clause, as a table, and what each does to a scenario.

use std::time::Duration;

use super::{Clause, Complaint, Value};
use crate::rehearsal::catalogue;
use crate::rehearsal::nature::Prefill;
use crate::rehearsal::scenario::{Break, Counting, Fault, Place, Scenario, WORDS_MAX};

/// Every clause there is.
#[rustfmt::skip] // a table: a row a clause
pub static CLAUSES: &[Clause] = &[
    clause("honest", "honest", |_, _| Ok(())),
    // Errors with a status.
    clause("S", "503", status_fault),
    clause("status-S", "status-429", status_fault),
    clause("E", "openai:insufficient_quota", provider_error),
    clause("context-length-exceeded", "context-length-exceeded", |s, _| named_error(s, "openai:context_length_exceeded")),
    clause("model-not-found", "model-not-found", |s, _| named_error(s, "openai:model_not_found")),
    clause("html-S", "html-502", |s, v| {
        let Value::Status(status) = v[0] else { return Ok(()) };
        fault(s, Fault::Html(status))
    }),
    clause("retry-after-N", "429-retry-after-2", |s, v| { s.retry_after_s = Some(u64::from(v[0].count())); Ok(()) }),
    // Connections that fail before an answer.
    clause("reset-before-headers", "reset-before-headers", |s, _| fault(s, Fault::ResetBeforeHeaders)),
    clause("close-before-headers", "close-before-headers", |s, _| fault(s, Fault::CloseBeforeHeaders)),
    clause("garbage", "garbage", |s, _| fault(s, Fault::Garbage)),
    clause("silence", "silence", |s, _| fault(s, Fault::Silence)),
    // Slowness.
    clause("slow-headers-D", "slow-headers-5s", |s, v| { s.pace.headers = v[0].wait(); Ok(()) }),
    clause("slow-first-D", "slow-first-20s", |s, v| { s.pace.first = v[0].wait(); Ok(()) }),
    clause("slow-words-D", "slow-words-50ms", |s, v| { s.pace.word = v[0].wait(); Ok(()) }),
    clause("comments", "comments", |s, _| fault(s, Fault::Comments(None))),
    clause("comments-D", "comments-30s", |s, v| fault(s, Fault::Comments(Some(v[0].wait())))),
    // Answers that break.
    clause("cut-after-N", "cut-after-40", |s, v| breaks(s, v[0].count(), Break::Cut)),
    clause("reset-after-N", "reset-after-40", |s, v| breaks(s, v[0].count(), Break::Reset)),
    clause("end-after-N", "end-after-40", |s, v| breaks(s, v[0].count(), Break::End)),
    clause("cut-after-event-N", "cut-after-event-3", |s, v| breaks_at(s, v[0].count(), Break::Cut)),
    clause("end-after-event-N", "end-after-event-3", |s, v| breaks_at(s, v[0].count(), Break::End)),
    clause("stall-after-N", "stall-after-40", |s, v| stalls(s, v[0].count(), None)),
    clause("stall-after-N-D", "stall-after-40-30s", |s, v| stalls(s, v[0].count(), Some(v[1].wait()))),
    clause("error-first", "error-first", |s, _| error_in_band(s, Place::Content(0), None)),
    clause("error-first-E", "error-first-anthropic:overloaded", |s, v| error_in_band(s, Place::Content(0), Some(v[0]))),
    clause("error-after-N", "error-after-40", |s, v| error_in_band(s, content(v[0])?, None)),
    clause("error-after-N-E", "error-after-40-openrouter:provider_unavailable", |s, v| error_in_band(s, content(v[0])?, Some(v[1]))),
    clause("error-after-event-N", "error-after-event-3", |s, v| error_in_band(s, Place::Event(v[0].count()), None)),
    // Answers that are not right.
    clause("malformed-event-N", "malformed-event-10", |s, v| {
        fault(s, Fault::MalformedEvent(within(v[0].count(), 1, WORDS_MAX, "1 to 100000")?))
    }),
    clause("missing-done", "missing-done", |s, _| fault(s, Fault::MissingDone)),
    clause("done-without-finish", "done-without-finish", |s, _| fault(s, Fault::DoneWithoutFinish)),
    clause("done-alone", "done-alone", |s, _| fault(s, Fault::DoneAlone)),
    clause("empty-200", "empty-200", |s, _| fault(s, Fault::EmptyBody)),
    clause("empty-stream", "empty-stream", |s, _| fault(s, Fault::EmptyStream)),
    clause("empty-choices", "empty-choices", |s, _| fault(s, Fault::EmptyChoices)),
    clause("huge-line-N", "huge-line-1024", |s, v| fault(s, Fault::HugeLine(within(v[0].count(), 1, 65_536, "1 to 65536 (KiB)")?))),
    // The shape of the answer.
    clause("words-N", "words-60", |s, v| { s.words = Some(within(v[0].count(), 1, WORDS_MAX, "1 to 100000")?); Ok(()) }),
    clause("reasoning-N", "reasoning-10", |s, v| { s.shape.reasoning_words = within(v[0].count(), 1, WORDS_MAX, "1 to 100000")?; Ok(()) }),
    clause("tool-calls-N", "tool-calls-2", |s, v| { s.shape.tool_calls = within(v[0].count(), 1, 16, "1 to 16")?; Ok(()) }),
    clause("cached-N", "cached-100", |s, v| { s.shape.cached_tokens = v[0].count(); Ok(()) }),
    clause("cache-written-N", "cache-written-100", |s, v| { s.shape.written_tokens = v[0].count(); Ok(()) }),
    clause("no-usage", "no-usage", |s, _| { s.shape.counting = Counting::Hidden; Ok(()) }),
    clause("zero-usage", "zero-usage", |s, _| { s.shape.counting = Counting::Zero; Ok(()) }),
    clause("early-usage", "early-usage", |s, _| { s.shape.counting = Counting::Early; Ok(()) }),
    clause("deaf", "deaf", |s, _| { s.shape.is_deaf = true; Ok(()) }),
    clause("content-filter", "content-filter", |s, _| { s.shape.is_filtered = true; Ok(()) }),
    clause("one-byte-writes", "one-byte-writes", |s, _| { s.shape.writes_bytes_singly = true; Ok(()) }),
    // What the model can do.
    clause("refuses-prefill", "refuses-prefill", |s, _| { s.nature.prefill = Prefill::Refuses; Ok(()) }),
    clause("echoes-prefill", "echoes-prefill", |s, _| { s.nature.prefill = Prefill::Echoes; Ok(()) }),
    clause("window-N", "window-8000", |s, v| { s.nature.window = Some(within(v[0].count(), 1, u32::MAX, "1 or more")?); Ok(()) }),
    clause("varied", "varied", |s, _| { s.nature.is_varied = true; Ok(()) }),
    // How often.
    clause("once", "500-once", |s, _| { s.rhythm.times = Some(1); Ok(()) }),
    clause("times-N", "500-times-3", |s, v| { s.rhythm.times = Some(u64::from(v[0].count())); Ok(()) }),
    clause("every-N", "500-every-3", |s, v| { s.rhythm.every = Some(u64::from(within(v[0].count(), 1, u32::MAX, "1 or more")?)); Ok(()) }),
    clause("up-D-down-D", "503-up-10s-down-5s", |s, v| { s.rhythm.flap = Some((v[0].wait(), v[1].wait())); Ok(()) }),
];

fn fault(scenario: &mut Scenario, fault: Fault) -> Result<(), Complaint> {
    if scenario.fault != Fault::None {
        return Err(Complaint::SecondFault);
    }
    scenario.fault = fault;
    Ok(())
}

fn within(count: u32, min: u32, max: u32, allowed: &'static str) -> Result<u32, Complaint> {
    if (min..=max).contains(&count) { Ok(count) } else { Err(Complaint::OutOfRange(allowed)) }
}

fn breaks(scenario: &mut Scenario, after: u32, how: Break) -> Result<(), Complaint> {
    fault(scenario, Fault::Breaks { after: Place::Content(within(after, 0, WORDS_MAX, "0 to 100000")?), how })
}

fn breaks_at(scenario: &mut Scenario, event: u32, how: Break) -> Result<(), Complaint> {
    fault(scenario, Fault::Breaks { after: Place::Event(event), how })
}

fn content(after: Value) -> Result<Place, Complaint> {
    Ok(Place::Content(within(after.count(), 0, WORDS_MAX, "0 to 100000")?))
}

fn stalls(scenario: &mut Scenario, after: u32, pause: Option<Duration>) -> Result<(), Complaint> {
    fault(scenario, Fault::Stalls { after: within(after, 0, WORDS_MAX, "0 to 100000")?, pause })
}

fn error_in_band(scenario: &mut Scenario, after: Place, value: Option<Value>) -> Result<(), Complaint> {
    let error = value.and_then(|value| if let Value::Error(error) = value { Some(error) } else { None });
    fault(scenario, Fault::ErrorInBand { after, error })
}

fn status_fault(scenario: &mut Scenario, values: &[Value]) -> Result<(), Complaint> {
    let Value::Status(status) = values[0] else { return Ok(()) };
    fault(scenario, Fault::Status(status))
}

fn provider_error(scenario: &mut Scenario, values: &[Value]) -> Result<(), Complaint> {
    let Value::Error(error) = values[0] else { return Ok(()) };
    fault(scenario, Fault::Error(error))
}

fn named_error(scenario: &mut Scenario, name: &str) -> Result<(), Complaint> {
    fault(scenario, catalogue::find(name).map_or(Fault::None, Fault::Error))
}

const fn clause(
    pattern: &'static str,
    example: &'static str,
    apply: fn(&mut Scenario, &[Value]) -> Result<(), Complaint>,
) -> Clause {
    Clause { pattern, example, apply }
}
