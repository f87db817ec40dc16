//! A stream as one JSON array, for callers who ask for Gemini's streams without `alt=sse`.

use roundelay_protocol::sse;

/// What events become elements of.
#[derive(Debug)]
pub(super) struct JsonArray {
    events: sse::Reader,
    has_begun: bool,
}

impl Default for JsonArray {
    fn default() -> Self {
        Self { events: sse::Reader::new(sse::Limits::default()), has_begun: false }
    }
}

impl JsonArray {
    /// The data of every event that ends in these bytes, each as the next element.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.events.push(bytes.to_vec().into());
        let mut out = Vec::with_capacity(bytes.len());
        while let Some(Ok(event)) = self.events.next() {
            let Some(data) = event.data else { continue };
            out.extend_from_slice(if self.has_begun { b",\r\n" } else { b"[" });
            out.extend_from_slice(&data);
            self.has_begun = true;
        }
        out
    }

    /// The last elements, and the end of the array.
    pub(super) fn end(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut out = self.push(bytes);
        out.extend_from_slice(if self.has_begun { b"]" } else { b"[]" });
        out
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
            let mut out = array.push(&stream[..cut]);
            out.extend(array.end(&stream[cut..]));
            assert_eq!(String::from_utf8(out).unwrap(), "[{\"a\":1},\r\n{\"b\":[2]},\r\n{}]", "cut at {cut}");
        }
        assert_eq!(JsonArray::default().end(b""), b"[]");
    }
}
