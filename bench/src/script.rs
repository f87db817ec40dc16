//! What load generator and upstream agree on: the request, the answer, and the words in a prompt that direct a stream.
//!
//! Directions and stamps travel in message text, the only part of a chat completion that every gateway carries unchanged.

use std::time::Duration;

pub(crate) const CHAT_PATH: &str = "/v1/chat/completions";
/// Bytes of a request's JSON body.
pub(crate) const REQUEST_BYTES: usize = 443;
/// Bytes of an unstreamed answer's JSON body: 1.1 KB.
const ANSWER_BYTES: usize = 1_126;

pub(crate) const STAMP_MARK: u8 = b'@';
/// Unix nanoseconds have nineteen digits until the year 2286.
pub(crate) const STAMP_DIGITS: usize = 19;

/// How a stream is to be sent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Directions {
    /// Content chunks.
    pub(crate) chunks: u64,
    /// Time from one chunk to the next; zero is full speed.
    pub(crate) every: Duration,
}

impl Directions {
    /// Finds `chunks=N` and `every_us=N` in a request body; what is missing is 16 chunks at full speed.
    pub(crate) fn find_in(body: &[u8]) -> Self {
        Self {
            chunks: number_after(body, b"chunks=").unwrap_or(16),
            every: Duration::from_micros(number_after(body, b"every_us=").unwrap_or(0)),
        }
    }
}

fn number_after(body: &[u8], word: &[u8]) -> Option<u64> {
    let at = body.windows(word.len()).position(|window| window == word)? + word.len();
    let digits = body[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    std::str::from_utf8(&body[at..at + digits]).ok()?.parse().ok()
}

/// The JSON body of a request, filled up to [`REQUEST_BYTES`].
pub(crate) fn request_body(model: &str, stream: Option<Directions>) -> String {
    let (switches, text) = match stream {
        Some(Directions { chunks, every }) => (
            r#""stream":true,"stream_options":{"include_usage":true},"#,
            format!("chunks={chunks} every_us={} ", every.as_micros()),
        ),
        None => ("", String::new()),
    };
    let before = format!(
        r#"{{"model":"{model}",{switches}"temperature":0.2,"max_tokens":256,"messages":[{{"role":"system","content":"You are a careful assistant."}},{{"role":"user","content":"{text}"#
    );
    let after = r#""}]}"#;
    let padding = filler(REQUEST_BYTES.saturating_sub(before.len() + after.len()));
    format!("{before}{padding}{after}")
}

/// The whole request, head and body, as sent to `authority`.
pub(crate) fn request(authority: &str, key: &str, body: &str) -> Vec<u8> {
    format!(
        "POST {CHAT_PATH} HTTP/1.1\r\nhost: {authority}\r\ncontent-type: application/json\r\naccept: */*\r\n\
         authorization: Bearer {key}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// The JSON body of an unstreamed answer.
pub(crate) fn answer_body() -> String {
    let before = r#"{"id":"chatcmpl-bench","object":"chat.completion","created":1764000000,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":""#;
    let after = r#"","refusal":null},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":92,"completion_tokens":160,"total_tokens":252,"prompt_tokens_details":{"cached_tokens":0,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":0,"audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}},"system_fingerprint":"fp_bench"}"#;
    format!("{before}{}{after}", filler(ANSWER_BYTES - before.len() - after.len()))
}

pub(crate) const FIRST_EVENT: &str = concat!(
    r#"data: {"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1764000000,"model":"m","system_fingerprint":"fp_bench","#,
    r#""choices":[{"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}]}"#,
    "\n\n"
);
/// The bytes of a content event before and after its stamp.
pub(crate) const CONTENT_EVENT: (&str, &str) = (
    r#"data: {"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1764000000,"model":"m","system_fingerprint":"fp_bench","choices":[{"index":0,"delta":{"content":"@"#,
    concat!(r#" "},"logprobs":null,"finish_reason":null}]}"#, "\n\n"),
);
pub(crate) const LAST_EVENTS: &str = concat!(
    r#"data: {"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1764000000,"model":"m","system_fingerprint":"fp_bench","#,
    r#""choices":[{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}]}"#,
    "\n\n",
    r#"data: {"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1764000000,"model":"m","system_fingerprint":"fp_bench","#,
    r#""choices":[],"usage":{"prompt_tokens":92,"completion_tokens":160,"total_tokens":252}}"#,
    "\n\ndata: [DONE]\n\n"
);

fn filler(bytes: usize) -> String {
    "The quick brown fox jumps over the lazy dog. ".chars().cycle().take(bytes).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_have_the_promised_size_and_are_json() {
        let directions = Directions { chunks: 1_000, every: Duration::from_millis(10) };
        for stream in [None, Some(directions)] {
            let body = request_body("p", stream);
            assert_eq!(body.len(), REQUEST_BYTES);
            let parsed: serde_json::Value = serde_json::from_str(&body).unwrap();
            assert_eq!(parsed["stream"].as_bool(), stream.map(|_| true));
        }
        let answer: serde_json::Value = serde_json::from_str(&answer_body()).unwrap();
        assert_eq!(answer["usage"]["total_tokens"], 252);
        assert_eq!(answer_body().len(), ANSWER_BYTES);
    }

    #[test]
    fn directions_are_found_again() {
        let directions = Directions { chunks: 123, every: Duration::from_micros(4_567) };
        let body = request_body("p", Some(directions));
        assert_eq!(Directions::find_in(body.as_bytes()), directions);
        assert_eq!(Directions::find_in(b"{}"), Directions { chunks: 16, every: Duration::ZERO });
        assert_eq!(Directions::find_in(b"chunks="), Directions { chunks: 16, every: Duration::ZERO });
    }

    #[test]
    fn events_are_json() {
        let (before, after) = CONTENT_EVENT;
        let all = format!("{FIRST_EVENT}{before}1764000000000000000{after}{LAST_EVENTS}");
        let lines: Vec<&str> = all.lines().filter_map(|line| line.strip_prefix("data: ")).collect();
        assert_eq!(lines.len(), 5);
        for line in &lines[..4] {
            serde_json::from_str::<serde_json::Value>(line).unwrap();
        }
        assert_eq!(lines[4], "[DONE]");
    }
}
