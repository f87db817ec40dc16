//! The event that ends a stream before its time, in the words of the stream itself.

use crate::json::push_string;

/// An event that ends the candidates of `unfinished` (one bit an index) with the reason `MAX_TOKENS`: to a client it is
/// as if the model had met its own limit.
///
/// `stop` says under `roundelay.stop` what the limit was; the tokens are those of input and output that are paid, and
/// `cost`, a JSON number, what was paid for them.
pub fn cut_short(unfinished: u128, (input, output): (u64, u64), cost: Option<&str>, stop: &str) -> Vec<u8> {
    let mut out = EVENT.to_vec();
    out.extend(b"\"candidates\":[");
    for (position, index) in (0..u128::BITS).filter(|index| unfinished >> index & 1 == 1).enumerate() {
        let comma = if position == 0 { "" } else { "," };
        let candidate = "\"content\":{\"parts\":[{\"text\":\"\"}],\"role\":\"model\"},\"finishReason\":\"MAX_TOKENS\"";
        out.extend(format!("{comma}{{{candidate},\"index\":{index}}}").into_bytes());
    }
    let total = input.saturating_add(output);
    let cost = cost.map(|cost| format!(",\"cost\":{cost}")).unwrap_or_default();
    let counts =
        format!("\"promptTokenCount\":{input},\"candidatesTokenCount\":{output},\"totalTokenCount\":{total}{cost}");
    out.extend(format!("],\"usageMetadata\":{{{counts}}}}}\n\n").into_bytes());
    with_stop(&out, stop)
}

/// The end of a stream whose reason to stop is `MAX_TOKENS`, with what the limit was in its last event; as it is where
/// that is not written as the vendor writes it.
pub fn with_stop(end: &[u8], stop: &str) -> Vec<u8> {
    let Some(at) = end.windows(EVENT.len()).rposition(|window| window == EVENT) else { return end.to_vec() };
    let (before, after) = end.split_at(at + EVENT.len());
    let mut out = before.to_vec();
    out.extend(b"\"roundelay\":{\"stop\":");
    push_string(&mut out, stop);
    out.extend(b"},");
    out.extend(after);
    out
}

/// How an event begins.
const EVENT: &[u8] = b"data: {";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        chat::{Event, Stop},
        gemini::Decoder,
        usage::Usage,
    };

    #[test]
    fn it_ends_every_candidate_with_the_count_of_what_is_paid() {
        let event = cut_short(0b101, (9, 5), Some("0.5"), "budget");
        let data = event.strip_prefix(b"data: ").unwrap();
        let value: serde_json::Value = serde_json::from_slice(data).unwrap();
        assert_eq!((&value["roundelay"]["stop"], &value["usageMetadata"]["cost"]), (&"budget".into(), &0.5.into()));
        let (mut stops, mut usage) = (Vec::new(), None);
        let mut sink = |event: Event<'_>| match event {
            Event::Stop { choice, stop } => stops.push((choice, stop == Stop::Length)),
            Event::Usage(counted) => usage = Some(counted),
            _ => {}
        };
        Decoder::default().event(data, &mut sink).unwrap();
        assert_eq!(stops, [(0, true), (2, true)]);
        assert_eq!(usage, Some(Usage { input: 9, output: 5, ..Usage::default() }));
    }
}
