//! The events that end a stream before its time, in the words of the stream itself.

use crate::json::push_string;

/// How much of a stream stands on the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// `message_start` does.
    pub has_begun: bool,
    /// And it has told what the input was counted as.
    pub tells_input: bool,
    /// The block that has begun and not ended.
    pub open: Option<u64>,
}

/// Events that end the stream with the reason `max_tokens`: to a client it is as if the model had met its own limit.
///
/// `stop` says under `roundelay.stop` what the limit was; the tokens are those of input and output that are paid, and
/// `cost`, a JSON number, what was paid for them. What a beginning has told of the input is not said again: clients would
/// take it in the place of what stands there, class by class.
pub fn cut_short(place: Place, (input, output): (u64, u64), cost: Option<&str>, stop: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(512);
    if !place.has_begun {
        out.extend(
            b"event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg\",\"type\":\"message\",\
              \"role\":\"assistant\",\"model\":\"\",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,\
              \"usage\":{\"input_tokens\":0,\"output_tokens\":0}}}\n\n",
        );
    }
    if let Some(index) = place.open {
        let end = format!("event: content_block_stop\ndata: {{\"type\":\"content_block_stop\",\"index\":{index}}}\n\n");
        out.extend(end.into_bytes());
    }
    let cost = cost.map(|cost| format!(",\"cost\":{cost}")).unwrap_or_default();
    let input = if place.tells_input { String::new() } else { format!("\"input_tokens\":{input},") };
    let end = format!(
        "{DELTA}\"type\":\"message_delta\",\"delta\":{{\"stop_reason\":\"max_tokens\",\"stop_sequence\":null}},\
         \"usage\":{{{input}\"output_tokens\":{output}{cost}}}}}\n\n"
    );
    out.extend(with_stop(end.as_bytes(), stop));
    out.extend(STOP);
    out
}

/// The end of a stream whose reason to stop is `max_tokens`, with what the limit was; as it is where that reason is not
/// in an event as the vendor writes it.
pub fn with_stop(end: &[u8], stop: &str) -> Vec<u8> {
    let Some(at) = end.windows(DELTA.len()).rposition(|window| window == DELTA.as_bytes()) else { return end.to_vec() };
    let (before, after) = end.split_at(at + DELTA.len());
    let mut out = before.to_vec();
    out.extend(b"\"roundelay\":{\"stop\":");
    push_string(&mut out, stop);
    out.extend(b"},");
    out.extend(after);
    out
}

/// How the event begins that says why an answer stopped.
const DELTA: &str = "event: message_delta\ndata: {";

/// The event behind which nothing comes.
pub const STOP: &[u8] = b"event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        anthropic::Decoder,
        chat::{Event, Stop},
        sse,
    };

    #[test]
    fn it_is_a_whole_stream_behind_whatever_was_shown() {
        let shown = "data: {\"type\":\"message_start\",\"message\":{}}\n\n\
                     data: {\"type\":\"content_block_start\",\"index\":3,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n";
        for (shown, place) in
            [("", Place::default()), (shown, Place { has_begun: true, tells_input: true, open: Some(3) })]
        {
            let mut reader = sse::Reader::new(sse::Limits::default());
            reader.push([shown.as_bytes(), &cut_short(place, (9, 5), Some("0.5"), "budget")].concat().into());
            let (mut decoder, mut stops, mut has_ended) = (Decoder::default(), Vec::new(), false);
            while let Some(event) = reader.next() {
                let data = event.unwrap().data.unwrap();
                decoder
                    .event(&data, &mut |event| match event {
                        Event::Stop { stop, .. } => stops.push(stop.into_owned()),
                        Event::End => has_ended = true,
                        _ => {}
                    })
                    .unwrap();
            }
            assert_eq!((stops, has_ended), (vec![Stop::Length], true), "{place:?}");
        }
    }

    #[test]
    fn what_the_beginning_has_told_of_the_input_stands() {
        let told = |place| {
            let end = String::from_utf8(cut_short(place, (9, 5), None, "budget")).unwrap();
            end.rsplit_once("\"usage\":").unwrap().1.split_once("}}").unwrap().0.to_owned()
        };
        let begun = |tells_input| Place { has_begun: true, tells_input, open: None };
        assert_eq!(told(Place::default()), "{\"input_tokens\":9,\"output_tokens\":5");
        assert_eq!(told(begun(false)), "{\"input_tokens\":9,\"output_tokens\":5");
        assert_eq!(told(begun(true)), "{\"output_tokens\":5");
    }
}
