//! Rules of a streamed answer: when it is whole, and which chunk is hidden from a caller who did not ask.

mod cut_short;

pub use cut_short::{broken, counted, cut_short, fingerprint};

use super::chunk::Chunk;

/// Whether the data of an event is the `[DONE]` mark. The mark alone does not make an answer whole.
pub fn is_done(data: &[u8]) -> bool {
    data.trim_ascii() == b"[DONE]"
}

/// Whether a chunk exists only because the gateway asked for usage, and goes no further.
pub fn is_hidden(chunk: &Chunk, caller_asked_usage: bool) -> bool {
    chunk.usage_only && !caller_asked_usage
}

/// Follows a stream to its typed end: a finish reason for every choice.
///
/// A server that ignores `n` sends fewer choices than were asked for; then `[DONE]` says that no more come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terminal {
    choices: u32,
    seen: u128,
    finished: u128,
    is_done: bool,
}

impl Terminal {
    /// `choices` were asked for, 1 to 128.
    pub fn new(choices: u32) -> Self {
        Self { choices, seen: 0, finished: 0, is_done: false }
    }

    /// Learns from the next chunk. One with an error ends nothing.
    pub fn observe(&mut self, chunk: &Chunk) {
        self.seen |= chunk.seen;
        if !chunk.is_error {
            self.finished |= chunk.finished;
        }
    }

    /// Learns that `[DONE]` came.
    pub fn observe_done(&mut self) {
        self.is_done = true;
    }

    /// Whether every choice has ended. Stays true once true.
    pub fn is_whole(&self) -> bool {
        let all_seen_ended = self.finished != 0 && self.seen & !self.finished == 0;
        all_seen_ended && (self.is_done || self.finished.count_ones() >= self.choices)
    }

    /// The choices that were seen or asked for and have not ended, one bit an index: what [`cut_short`] ends.
    pub fn unfinished(&self) -> u128 {
        let beyond = u128::MAX.checked_shl(self.choices).unwrap_or(0);
        (self.seen | !beyond) & !self.finished
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds chunks and `[DONE]`s; whether the answer is whole then.
    #[track_caller]
    fn check(choices: u32, events: &[&str], whole: bool) {
        let mut terminal = Terminal::new(choices);
        for event in events {
            match is_done(event.as_bytes()) {
                true => terminal.observe_done(),
                false => terminal.observe(&Chunk::scan(event.as_bytes()).unwrap()),
            }
        }
        assert_eq!(terminal.is_whole(), whole, "{events:?}");
    }

    #[test]
    fn only_a_finish_reason_for_every_choice_makes_an_answer_whole() {
        const TEXT: &str = r#"{"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null}]}"#;
        const STOP: &str = r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#;
        const STOP_1: &str = r#"{"choices":[{"index":1,"delta":{},"finish_reason":"length"}]}"#;
        const BROKEN: &str = r#"{"choices":[{"index":0,"delta":{},"finish_reason":"error"}],"error":{"code":502}}"#;
        check(1, &[], false);
        check(1, &[TEXT], false);
        check(1, &[TEXT, "[DONE]"], false);
        check(1, &[TEXT, STOP], true);
        check(1, &[TEXT, STOP, "[DONE]"], true);
        check(1, &[TEXT, r#"{"choices":[{"index":0,"delta":{},"finish_reason":""}]}"#, "[DONE]"], false);
        check(1, &[TEXT, BROKEN, "[DONE]"], false);
        check(2, &[TEXT, STOP], false);
        check(2, &[TEXT, STOP, STOP_1], true);
        check(2, &[TEXT, STOP, " [DONE] "], true);
        check(2, &[r#"{"choices":[{"index":1,"delta":{"content":"b"}}]}"#, STOP, "[DONE]"], false);
    }

    #[test]
    fn what_has_not_ended_was_seen_or_asked_for() {
        let chunk = |text: &str| Chunk::scan(text.as_bytes()).unwrap();
        let mut terminal = Terminal::new(2);
        assert_eq!(terminal.unfinished(), 0b11);
        terminal.observe(&chunk(r#"{"choices":[{"index":1,"delta":{},"finish_reason":"stop"}]}"#));
        assert_eq!(terminal.unfinished(), 0b01);
        terminal.observe(&chunk(r#"{"choices":[{"index":5,"delta":{"content":"a"}}]}"#));
        assert_eq!(terminal.unfinished(), 0b10_0001);
        terminal.observe(&chunk(core::str::from_utf8(&cut_short(b"{}", 0b10_0001, "balance")[6..]).unwrap()));
        assert_eq!(terminal.unfinished(), 0);
        assert!(terminal.is_whole());
        assert_eq!(Terminal::new(128).unfinished(), u128::MAX);
    }

    #[test]
    fn the_usage_chunk_is_hidden_only_from_who_did_not_ask() {
        let extra = Chunk::scan(br#"{"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2}}"#).unwrap();
        assert!(is_hidden(&extra, false));
        assert!(!is_hidden(&extra, true));
        let last = br#"{"choices":[{"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":1}}"#;
        assert!(!is_hidden(&Chunk::scan(last).unwrap(), false));
    }
}
