//! Reads server-sent events for what a measurement needs: the sender's stamps and the terminal.

use crate::script::{Dialect, STAMP_DIGITS, STAMP_MARK};

/// A line longer than this is nobody's, in bytes. Responses say the whole text once more at their end.
const LINE_LIMIT: usize = 1024 * 1024;

#[derive(Debug)]
pub(crate) struct EventReader {
    dialect: Dialect,
    /// A line whose end has not arrived.
    unfinished: Vec<u8>,
    /// Events that carried a stamp.
    pub(crate) stamped: u64,
    /// Whether the terminal was seen.
    pub(crate) done: bool,
    /// A line that says what went wrong inside the stream.
    pub(crate) error: Option<String>,
}

impl EventReader {
    pub(crate) fn new(dialect: Dialect) -> Self {
        Self { dialect, unfinished: Vec::new(), stamped: 0, done: false, error: None }
    }

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
        let value = value.trim_ascii();
        let (content, terminal, errors) = marks(self.dialect);
        if let Some(sent) = value.starts_with(content).then(|| stamp(value)).flatten() {
            self.stamped += 1;
            on_stamp(sent);
        } else if value.starts_with(terminal) {
            self.done = true;
        } else if errors.iter().any(|error| value.starts_with(error)) {
            self.error = Some(String::from_utf8_lossy(&value[..value.len().min(200)]).into_owned());
        }
    }
}

/// How content, the terminal and errors begin.
fn marks(dialect: Dialect) -> (&'static [u8], &'static [u8], &'static [&'static [u8]]) {
    match dialect {
        Dialect::Chat => (b"{", b"[DONE]", &[b"{\"error\""]),
        Dialect::Messages => {
            (br#"{"type":"content_block_delta""#, br#"{"type":"message_stop""#, &[br#"{"type":"error""#])
        }
        Dialect::Responses => (
            br#"{"type":"response.output_text.delta""#,
            br#"{"type":"response.completed""#,
            &[br#"{"type":"error""#, br#"{"type":"response.failed""#, br#"{"type":"response.incomplete""#],
        ),
    }
}

fn stamp(value: &[u8]) -> Option<u64> {
    let at = value.iter().position(|byte| *byte == STAMP_MARK)? + 1;
    std::str::from_utf8(value.get(at..at + STAMP_DIGITS)?).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHAT: &str = ": comment\n\ndata: {\"content\":\"@1700000000000000001 \"}\n\n\
        event: x\r\ndata:{\"content\":\"@1700000000000000002 \"}\r\n\r\ndata: {\"usage\":1}\n\ndata: [DONE]\n\n";
    const MESSAGES: &str = "data: {\"type\":\"message_start\"}\n\n\
        data: {\"type\":\"content_block_delta\",\"text\":\"@1700000000000000001 \"}\n\n\
        data: {\"type\":\"content_block_delta\",\"text\":\"@1700000000000000002 \"}\n\n\
        data: {\"type\":\"message_stop\"}\n\n";
    const RESPONSES: &str = "data: {\"type\":\"response.output_text.delta\",\"delta\":\"@1700000000000000001 \"}\n\n\
        data: {\"type\":\"response.output_text.delta\",\"delta\":\"@1700000000000000002 \"}\n\n\
        data: {\"type\":\"response.output_text.done\",\"text\":\"@1700000000000000001 @1700000000000000002 \"}\n\n\
        data: {\"type\":\"response.completed\",\"text\":\"@1700000000000000001 @1700000000000000002 \"}\n\n";

    #[test]
    fn stamps_and_terminal_are_read_once_at_every_cut() {
        for (dialect, text) in [(Dialect::Chat, CHAT), (Dialect::Messages, MESSAGES), (Dialect::Responses, RESPONSES)] {
            for piece in 1..=text.len() {
                let (mut reader, mut stamps) = (EventReader::new(dialect), Vec::new());
                for part in text.as_bytes().chunks(piece) {
                    reader.feed(part, |sent| stamps.push(sent));
                }
                let expected = [1_700_000_000_000_000_001, 1_700_000_000_000_000_002];
                assert_eq!(stamps, expected, "{dialect:?} in pieces of {piece}");
                assert!(
                    reader.done && reader.error.is_none() && reader.stamped == 2,
                    "{dialect:?} in pieces of {piece}"
                );
            }
        }
    }

    #[test]
    fn an_error_inside_the_stream_is_kept_and_is_no_terminal() {
        for (dialect, line) in [
            (Dialect::Chat, "data: {\"error\":{\"message\":\"cut\"}}\n\n"),
            (Dialect::Messages, "data: {\"type\":\"error\",\"error\":{\"message\":\"cut\"}}\n\n"),
            (Dialect::Responses, "data: {\"type\":\"response.failed\",\"message\":\"cut\"}\n\n"),
        ] {
            let mut reader = EventReader::new(dialect);
            reader.feed(line.as_bytes(), |_| ());
            assert!(!reader.done && reader.stamped == 0, "{dialect:?}");
            assert!(reader.error.unwrap().contains("cut"), "{dialect:?}");
        }
    }
}
