//! What a scenario says: one fault at most, the shape of the answer, its pace, and how often it acts.

use std::sync::Arc;
use std::time::Duration;

use super::catalogue::ProviderError;
use super::nature::Nature;
use super::script::Script;

/// How one request is to be answered. The default is an honest answer without delay.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Scenario {
    /// What goes wrong.
    pub fault: Fault,
    /// What the answer carries.
    pub shape: Shape,
    /// Waiting that belongs to the misbehaviour.
    pub pace: Pace,
    /// How often the scenario acts; the other requests are answered honestly.
    pub rhythm: Rhythm,
    /// Words of the answer, 1–100,000; the length that suits the fault when absent.
    pub words: Option<u32>,
    /// Value of a `retry-after` header in seconds, put on (or in place of) the fault's own.
    pub retry_after_s: Option<u64>,
    /// What the model says and calls where its tools are offered, whether the scenario acts or rests.
    pub script: Option<Arc<Script>>,
    /// It answers with the sentences of the question that hold this, whether the scenario acts or rests.
    pub summarises: Option<Arc<str>>,
    /// What the model can do, whether the scenario acts or rests.
    pub nature: Nature,
}

/// The one thing that goes wrong.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Fault {
    /// Nothing does.
    #[default]
    None,
    /// A status, 200–599, with an error in OpenAI's shape.
    Status(u16),
    /// An error as a known provider sends it.
    Error(&'static ProviderError),
    /// A web page of an edge proxy with this status.
    Html(u16),
    /// The connection is reset once the request was read.
    ResetBeforeHeaders,
    /// The connection is closed once the request was read.
    CloseBeforeHeaders,
    /// Bytes that are not HTTP.
    Garbage,
    /// Nothing is ever sent.
    Silence,
    /// The answer breaks off.
    Breaks { after: Place, how: Break },
    /// The answer pauses after so many content events; without a length it never goes on.
    Stalls { after: u32, pause: Option<Duration> },
    /// The n-th event (from 1) is not JSON.
    MalformedEvent(u32),
    /// The stream ends without `[DONE]`.
    MissingDone,
    /// `[DONE]` comes, a `finish_reason` never did.
    DoneWithoutFinish,
    /// `[DONE]` is all there is.
    DoneAlone,
    /// 200 with `content-length: 0`.
    EmptyBody,
    /// 200 announced as an event stream that holds no byte.
    EmptyStream,
    /// 200 whose every event has `choices: []`.
    EmptyChoices,
    /// 200, then an error inside the answer; one of the answer's own dialect when it is not said which.
    ErrorInBand { after: Place, error: Option<&'static ProviderError> },
    /// 200, then comments (blank lines when not streamed) instead of content; for ever when no length is given.
    Comments(Option<Duration>),
    /// One event (or body) padded to this many KiB.
    HugeLine(u32),
}

/// How far a stream gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// So many content events; what follows the last of them, up to the next, is told as well.
    Content(u32),
    /// So many events of whatever kind.
    Event(u32),
}

/// How an answer breaks off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Break {
    /// The connection is closed in the middle of the body.
    Cut,
    /// The connection is reset in the middle of the body.
    Reset,
    /// The body ends as HTTP wants it, only too early.
    End,
}

/// What an answer carries besides plain words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shape {
    /// Words of `reasoning_content` before the content.
    pub reasoning_words: u32,
    /// Tool calls instead of content.
    pub tool_calls: u32,
    /// Prompt tokens reported as read from a cache (never more than there are).
    pub cached_tokens: u32,
    /// Prompt tokens reported as written to a cache (never more than there are, beside those read from it).
    pub written_tokens: u32,
    /// What usage says.
    pub counting: Counting,
    /// The limit on output is not kept to.
    pub is_deaf: bool,
    /// `finish_reason` is `content_filter`.
    pub is_filtered: bool,
    /// Every byte goes out in a write of its own.
    pub writes_bytes_singly: bool,
}

/// What an answer says of its tokens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Counting {
    /// What there were, where it is asked for.
    #[default]
    Honest,
    /// Nothing, even when it was asked for.
    Hidden,
    /// That there were none.
    Zero,
    /// That there were none, in a stream's first event, and nothing later.
    Early,
}

/// Waiting, in three places.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pace {
    /// Before the response head.
    pub headers: Duration,
    /// After the head, before the first content.
    pub first: Duration,
    /// Between one word and the next.
    pub word: Duration,
}

impl Pace {
    /// The longer of the two in each place.
    #[must_use]
    pub fn max(self, other: Self) -> Self {
        Self {
            headers: self.headers.max(other.headers),
            first: self.first.max(other.first),
            word: self.word.max(other.word),
        }
    }
}

/// Which of the requests a scenario acts on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rhythm {
    /// Acts this many times and then no more; for ever when absent.
    pub times: Option<u64>,
    /// Acts on every n-th request, the n-th being the first.
    pub every: Option<u64>,
    /// Flaps by the clock: up (honest) for the first length, down (acting) for the second, again and again.
    pub flap: Option<(Duration, Duration)>,
}

impl Rhythm {
    /// Whether request number `seen` (from 1), `age` after the scenario was set, is acted on when `acted` were before it.
    pub(super) fn acts(&self, seen: u64, acted: u64, age: Duration) -> bool {
        let in_times = self.times.is_none_or(|times| acted < times);
        let in_turn = self.every.is_none_or(|every| seen.is_multiple_of(every));
        let is_down = self.flap.is_none_or(|(up, down)| {
            let cycle = (up + down).as_millis().max(1);
            age.as_millis() % cycle >= up.as_millis()
        });
        in_times && in_turn && is_down
    }
}

impl Scenario {
    /// What is left of the scenario for a request it does not act on: an honest answer of the same length.
    pub(super) fn at_rest(&self) -> Self {
        Self {
            words: self.words,
            script: self.script.clone(),
            summarises: self.summarises.clone(),
            nature: self.nature,
            ..Self::default()
        }
    }

    /// Words of the answer when the request sets no limit.
    pub(super) fn length(&self) -> u32 {
        let suited = match self.fault {
            // Long enough that something is missing: 40 of 60.
            Fault::Breaks { after: Place::Content(after), .. }
            | Fault::ErrorInBand { after: Place::Content(after), .. }
            | Fault::Stalls { after, .. } => after.saturating_add(WORDS_DEFAULT),
            _ => WORDS_DEFAULT,
        };
        self.words.unwrap_or(suited).clamp(1, WORDS_MAX)
    }
}

/// Length of an answer nobody chose a length for.
const WORDS_DEFAULT: u32 = 20;
/// Longest answer: about 700 KB of text, 25 MB of stream.
pub(super) const WORDS_MAX: u32 = 100_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(rhythm: Rhythm, seconds_apart: u64, expected: &str) {
        let mut acted = 0;
        let mut seen = String::new();
        for request in 1..=expected.len() as u64 {
            let acts = rhythm.acts(request, acted, Duration::from_secs((request - 1) * seconds_apart));
            acted += u64::from(acts);
            seen.push(if acts { 'x' } else { '.' });
        }
        assert_eq!(seen, expected, "{rhythm:?}");
    }

    #[test]
    fn rhythm_picks_the_requests_it_names() {
        let seconds = Duration::from_secs;
        check(Rhythm::default(), 1, "xxxx");
        check(Rhythm { times: Some(2), ..Rhythm::default() }, 1, "xx...");
        check(Rhythm { every: Some(3), ..Rhythm::default() }, 1, "..x..x..x");
        check(Rhythm { every: Some(3), times: Some(1), ..Rhythm::default() }, 1, "..x......");
        check(Rhythm { flap: Some((seconds(2), seconds(3))), ..Rhythm::default() }, 1, "..xxx..xxx..");
        check(Rhythm { flap: Some((seconds(0), seconds(3))), ..Rhythm::default() }, 1, "xxxxx");
    }
}
