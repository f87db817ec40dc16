//! What load generator and upstream agree on: the request, the answer, and the words in a prompt that direct them.
//!
//! Directions and stamps travel in message text, the only part of a chat that every gateway carries unchanged, from one dialect to another
//! too.

mod chat;
mod messages;
mod responses;
mod turn;

use std::time::Duration;

use clap::ValueEnum;
use serde_json::Value;

/// Bytes of a request's JSON body, an agent's turn excepted.
pub(crate) const REQUEST_BYTES: usize = 443;

pub(crate) const STAMP_MARK: u8 = b'@';
/// Unix nanoseconds have nineteen digits until the year 2286.
pub(crate) const STAMP_DIGITS: usize = 19;

/// The protocol of a request and its answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Dialect {
    /// OpenAI's chat completions.
    #[default]
    Chat,
    /// Anthropic's Messages.
    Messages,
    /// OpenAI's Responses. The upstream does not speak it.
    Responses,
}

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Ask {
    /// A text, in one piece.
    Text,
    /// The next call of a tool, in one piece, after a conversation with tools and their results.
    Turn,
    /// A text, as a stream.
    Stream(Directions),
}

/// How a stream is to be sent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Directions {
    /// Content chunks.
    pub(crate) chunks: u64,
    /// Time from one chunk to the next; zero is full speed.
    pub(crate) every: Duration,
}

/// Everything the upstream says in one dialect.
pub(crate) struct Answers {
    /// How paths end at which it is asked, whatever they begin with.
    pub(crate) path_end: &'static str,
    /// The JSON body of a whole answer to [`Ask::Text`].
    pub(crate) text: String,
    /// The JSON body of a whole answer to [`Ask::Turn`].
    pub(crate) call: String,
    pub(crate) events: &'static Events,
}

/// A stream as it is sent, with a stamp between the two halves of each content event.
pub(crate) struct Events {
    pub(crate) first: &'static str,
    pub(crate) content: (&'static str, &'static str),
    pub(crate) last: &'static str,
}

impl Dialect {
    pub(crate) fn request_body(self, model: &str, ask: Ask) -> String {
        let text = match ask {
            Ask::Turn => return self.turn_body(model),
            Ask::Text => String::new(),
            Ask::Stream(Directions { chunks, every }) => format!("chunks={chunks} every_us={} ", every.as_micros()),
        };
        let streams = matches!(ask, Ask::Stream(_));
        let (before, after) = match self {
            Self::Chat => chat::around_prompt(model, streams),
            Self::Messages => messages::around_prompt(model, streams),
            Self::Responses => responses::around_prompt(model, streams),
        };
        let padding = filler(REQUEST_BYTES.saturating_sub(before.len() + text.len() + after.len()));
        format!("{before}{text}{padding}{after}")
    }

    fn turn_body(self, model: &str) -> String {
        let body = match self {
            Self::Chat => chat::turn(model),
            Self::Messages => messages::turn(model),
            Self::Responses => responses::turn(model),
        };
        body.to_string()
    }

    /// The whole request, head and body, as sent to `authority`.
    pub(crate) fn request(self, authority: &str, key: &str, body: &str) -> Vec<u8> {
        let (path, key) = match self {
            Self::Chat => (chat::PATH, format!("authorization: Bearer {key}")),
            Self::Messages => (messages::PATH, format!("x-api-key: {key}\r\nanthropic-version: 2023-06-01")),
            Self::Responses => (responses::PATH, format!("authorization: Bearer {key}")),
        };
        format!(
            "POST {path} HTTP/1.1\r\nhost: {authority}\r\ncontent-type: application/json\r\naccept: */*\r\n\
             {key}\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
        .into_bytes()
    }

    /// Whether `body` is the whole answer to what was asked.
    pub(crate) fn is_answer(self, ask: Ask, body: &[u8]) -> bool {
        let Ok(answer) = serde_json::from_slice::<Value>(body) else { return false };
        let (text, call) = match self {
            Self::Chat => chat::said(&answer),
            Self::Messages => messages::said(&answer),
            Self::Responses => responses::said(&answer),
        };
        text.is_some_and(|text| !text.is_empty()) && (ask != Ask::Turn || call == Some(turn::CALLED))
    }

    /// What the upstream answers; `None` where it does not speak this dialect.
    pub(crate) fn answers(self) -> Option<Answers> {
        match self {
            Self::Chat => Some(Answers {
                path_end: "/chat/completions",
                text: chat::answer_body(),
                call: chat::call_body(),
                events: &chat::EVENTS,
            }),
            Self::Messages => Some(Answers {
                path_end: "/messages",
                text: messages::answer_body(),
                call: messages::call_body(),
                events: &messages::EVENTS,
            }),
            Self::Responses => None,
        }
    }
}

/// Whether a request's body is an agent's turn.
pub(crate) fn is_turn(body: &[u8]) -> bool {
    // Everything shorter is filled up to its length.
    body.len() > 2 * REQUEST_BYTES && body.windows(turn::ASKED.len()).any(|window| window == turn::ASKED.as_bytes())
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

fn filler(bytes: usize) -> String {
    "The quick brown fox jumps over the lazy dog. ".chars().cycle().take(bytes).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Dialect; 3] = [Dialect::Chat, Dialect::Messages, Dialect::Responses];

    fn spoken() -> impl Iterator<Item = (Dialect, Answers)> {
        ALL.into_iter().filter_map(|dialect| Some((dialect, dialect.answers()?)))
    }

    #[test]
    fn bodies_have_the_promised_size_and_are_json() {
        let directions = Directions { chunks: 1_000, every: Duration::from_millis(10) };
        for dialect in ALL {
            for ask in [Ask::Text, Ask::Stream(directions)] {
                let body = dialect.request_body("p", ask);
                assert_eq!(body.len(), REQUEST_BYTES, "{dialect:?}");
                assert!(!is_turn(body.as_bytes()));
                let parsed: Value = serde_json::from_str(&body).unwrap();
                assert_eq!(parsed["stream"].as_bool(), (ask != Ask::Text).then_some(true), "{dialect:?}");
            }
        }
    }

    #[test]
    fn a_turn_is_known_from_its_words_and_of_about_the_same_size_in_every_dialect() {
        for dialect in ALL {
            let body = dialect.request_body("p", Ask::Turn);
            assert!(is_turn(body.as_bytes()), "{dialect:?}");
            assert!((24_000..28_000).contains(&body.len()), "{dialect:?} has {} bytes", body.len());
        }
    }

    #[test]
    fn the_upstreams_answers_are_answers_to_what_was_asked() {
        for (dialect, Answers { text, call, .. }) in spoken() {
            assert!(dialect.is_answer(Ask::Text, text.as_bytes()), "{dialect:?}: {text}");
            assert!(dialect.is_answer(Ask::Turn, call.as_bytes()), "{dialect:?}: {call}");
            assert!(!dialect.is_answer(Ask::Turn, text.as_bytes()), "{dialect:?}: a text is no call");
            for other in ALL.into_iter().filter(|other| *other != dialect) {
                assert!(!other.is_answer(Ask::Text, text.as_bytes()), "{dialect:?} is not {other:?}");
            }
        }
    }

    #[test]
    fn directions_are_found_again() {
        let directions = Directions { chunks: 123, every: Duration::from_micros(4_567) };
        for dialect in ALL {
            let body = dialect.request_body("p", Ask::Stream(directions));
            assert_eq!(Directions::find_in(body.as_bytes()), directions);
        }
        assert_eq!(Directions::find_in(b"{}"), Directions { chunks: 16, every: Duration::ZERO });
        assert_eq!(Directions::find_in(b"chunks="), Directions { chunks: 16, every: Duration::ZERO });
    }

    #[test]
    fn events_are_json() {
        for (dialect, Answers { events, .. }) in spoken() {
            let Events { first, content: (before, after), last } = events;
            let all = format!("{first}{before}1764000000000000000{after}{last}");
            let lines: Vec<&str> = all.lines().filter_map(|line| line.strip_prefix("data: ")).collect();
            for line in lines.iter().filter(|line| **line != "[DONE]") {
                serde_json::from_str::<Value>(line).unwrap();
            }
            assert!(lines.len() >= 5, "{dialect:?}");
        }
    }
}
