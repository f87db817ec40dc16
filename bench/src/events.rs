//! Reads server-sent events for what a measurement needs: the sender's stamps and the terminal.

use crate::script::{STAMP_DIGITS, STAMP_MARK};

/// A line longer than this is not one of the upstream's, in bytes.
const LINE_LIMIT: usize = 64 * 1024;

#[derive(Debug, Default)]
pub(crate) struct EventReader {
    /// A line whose end has not arrived.
    unfinished: Vec<u8>,
    /// Events that carried a stamp.
    pub(crate) stamped: u64,
    /// Whether `[DONE]` was seen.
    pub(crate) done: bool,
    /// A line that says what went wrong inside the stream.
    pub(crate) error: Option<String>,
}

impl EventReader {
    /// Reads `payload`, calling `on_stamp` with the sender's instant (Unix nanoseconds) of each stamped event.
    pub(crate) fn feed(&mut self, mut payload: &[u8], mut on_stamp: impl FnMut(u64)) {
        while let Some(end) = payload.iter().position(|byte| *byte == b'\n') {
            if self.unfinished.is_empty() {
                self.line(&payload[..end], &mut on_stamp);
            } else {
                let mut line = std::mem::take(&mut self.unfinished);
                line.extend_from_slice(&payload[..end]);
                self.line(&line, &mut on_stamp);
                line.clear();
                self.unfinished = line;
            }
            payload = &payload[end + 1..];
        }
        if self.unfinished.len() + payload.len() > LINE_LIMIT {
            self.error = Some(format!("a line is longer than {LINE_LIMIT} bytes"));
        } else {
            self.unfinished.extend_from_slice(payload);
        }
    }

    fn line(&mut self, line: &[u8], on_stamp: &mut impl FnMut(u64)) {
        let Some(value) = line.strip_prefix(b"data:") else { return };
        if let Some(sent) = stamp(value) {
            self.stamped += 1;
            on_stamp(sent);
        } else if value.trim_ascii() == b"[DONE]" {
            self.done = true;
        } else if value.trim_ascii().starts_with(b"{\"error\"") {
            self.error = Some(String::from_utf8_lossy(&value[..value.len().min(200)]).into_owned());
        }
    }
}

fn stamp(value: &[u8]) -> Option<u64> {
    let at = value.iter().position(|byte| *byte == STAMP_MARK)? + 1;
    std::str::from_utf8(value.get(at..at + STAMP_DIGITS)?).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_and_terminal_are_read_at_every_cut() {
        let bytes = b": comment\n\ndata: {\"content\":\"@1700000000000000001 \"}\n\n\
                      event: x\r\ndata:{\"content\":\"@1700000000000000002 \"}\r\n\r\ndata: {\"usage\":1}\n\ndata: [DONE]\n\n";
        for piece in 1..=bytes.len() {
            let (mut reader, mut stamps) = (EventReader::default(), Vec::new());
            for part in bytes.chunks(piece) {
                reader.feed(part, |sent| stamps.push(sent));
            }
            assert_eq!(stamps, [1_700_000_000_000_000_001, 1_700_000_000_000_000_002], "pieces of {piece}");
            assert!(reader.done && reader.error.is_none() && reader.stamped == 2, "pieces of {piece}");
        }
    }

    #[test]
    fn an_error_inside_the_stream_is_kept_and_is_no_terminal() {
        let mut reader = EventReader::default();
        reader.feed(b"data: {\"error\":{\"message\":\"cut\"}}\n\n", |_| ());
        assert!(!reader.done && reader.stamped == 0);
        assert!(reader.error.unwrap().contains("cut"));
    }
}
