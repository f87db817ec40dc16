//! A stream as one JSON array, for callers who ask for Gemini's streams without `alt=sse`.

use roundelay_protocol::sse::{self, SseFault};

/// What events become elements of.
#[derive(Debug)]
pub(super) struct JsonArray {
    events: sse::Reader,
    has_begun: bool,
}

impl Default for JsonArray {
    fn default() -> Self {
        Self { events: sse::Reader::new(sse::Limits::LARGE), has_begun: false }
    }
}

impl JsonArray {
    /// The data of every event that ends in these bytes, each as the next element.
    ///
    /// # Errors
    /// When an event is too long to be held. The array lacks it, and must not be ended.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<Vec<u8>, SseFault> {
        self.events.push(bytes.to_vec().into());
        let mut out = Vec::with_capacity(bytes.len());
        while let Some(event) = self.events.next() {
            let Some(data) = event?.data else { continue };
            out.extend_from_slice(if self.has_begun { b",\r\n" } else { b"[" });
            out.extend_from_slice(&data);
            self.has_begun = true;
        }
        Ok(out)
    }

    /// The last elements, and the end of the array.
    ///
    /// # Errors
    /// When one of all events was too long to be held.
    pub(super) fn end(&mut self, bytes: &[u8]) -> Result<Vec<u8>, SseFault> {
        let mut out = self.push(bytes)?;
        out.extend_from_slice(if self.has_begun { b"]" } else { b"[]" });
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_elements_whatever_pieces_they_come_in() {
        let stream = b"data: {\"a\":1}\r\n\r\n\ndata: {\"b\":[2]}\n\n: comment\n\ndata: {}\n\n";
        for cut in 0..=stream.len() {
            let mut array = JsonArray::default();
            let mut out = array.push(&stream[..cut]).unwrap();
            out.extend(array.end(&stream[cut..]).unwrap());
            assert_eq!(String::from_utf8(out).unwrap(), "[{\"a\":1},\r\n{\"b\":[2]},\r\n{}]", "cut at {cut}");
        }
        assert_eq!(JsonArray::default().end(b"").unwrap(), b"[]");
    }

    #[test]
    fn an_array_that_lacks_an_event_does_not_end() {
        for (length, fits) in [(9 << 20, true), (33 << 20, false)] {
            let mut array = JsonArray::default();
            let event = format!("data: \"{}\"\n\n", "x".repeat(length));
            assert_eq!(array.push(event.as_bytes()).is_ok_and(|out| out.len() > length), fits, "{length}");
            assert_eq!(array.end(b"data: {}\n\n").is_ok(), fits, "{length}");
        }
    }
}
