//! The scenario grammar: clauses joined by dashes, each a row of one table.
//!
//! The table is what the parser reads, what an unknown scenario is compared with, and what the documentation is checked against.

mod clauses;

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::catalogue::{self, ProviderError};
use super::scenario::Scenario;

pub use clauses::CLAUSES;

/// One thing that can be written in a scenario.
#[derive(Debug, Clone, Copy)]
pub struct Clause {
    /// Words and places joined by dashes. Places: `N` a count, `D` a duration (`20s`, `500ms`, `2m`),
    /// `S` an HTTP status, `E` a provider's error (`openai:insufficient_quota`).
    pub pattern: &'static str,
    /// A scenario with this clause in it.
    pub example: &'static str,
    apply: fn(&mut Scenario, &[Value]) -> Result<(), Complaint>,
}

impl Clause {
    fn places(&self) -> usize {
        self.pattern.split('-').count()
    }

    fn values(&self, words: &[&str]) -> Option<Vec<Value>> {
        let mut values = Vec::new();
        for (place, &word) in self.pattern.split('-').zip(words) {
            match place {
                "N" => values.push(Value::Count(word.parse().ok()?)),
                "D" => values.push(Value::Wait(duration(word)?)),
                "S" => values.push(Value::Status(status(word)?)),
                "E" => values.push(Value::Error(catalogue::find(word)?)),
                literal if literal == word => {}
                _ => return None,
            }
        }
        Some(values)
    }
}

/// Why a scenario could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScenarioError {
    /// No clause begins like this; the nearest known ones are named.
    Unknown { rest: String, nearest: Vec<&'static str> },
    /// Two clauses that each are a fault.
    SecondFault { clause: &'static str },
    /// A value outside what the clause takes.
    OutOfRange { clause: &'static str, allowed: &'static str },
    /// Longer than 200 bytes.
    TooLong,
}

impl fmt::Display for ScenarioError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { rest, nearest } => {
                write!(f, "unknown scenario `{rest}`; the nearest are `{}`", nearest.join("`, `"))
            }
            Self::SecondFault { clause } => {
                write!(f, "a scenario has one fault, `{clause}` is a second")
            }
            Self::OutOfRange { clause, allowed } => write!(f, "`{clause}` takes {allowed}"),
            Self::TooLong => write!(f, "a scenario has at most {SCENARIO_BYTES_MAX} bytes"),
        }
    }
}

impl std::error::Error for ScenarioError {}

impl FromStr for Scenario {
    type Err = ScenarioError;

    fn from_str(text: &str) -> Result<Self, ScenarioError> {
        if text.len() > SCENARIO_BYTES_MAX {
            return Err(ScenarioError::TooLong);
        }
        let words: Vec<&str> = text.split('-').collect();
        let mut scenario = Self::default();
        let mut rest = &words[..];
        while !rest.is_empty() {
            let (clause, values) = longest_match(rest).ok_or_else(|| unknown(rest))?;
            (clause.apply)(&mut scenario, &values).map_err(|complaint| complaint.about(clause))?;
            rest = &rest[clause.places()..];
        }
        Ok(scenario)
    }
}

fn longest_match(words: &[&str]) -> Option<(&'static Clause, Vec<Value>)> {
    CLAUSES
        .iter()
        .filter(|clause| clause.places() <= words.len())
        .filter_map(|clause| Some((clause, clause.values(words)?)))
        .max_by_key(|(clause, _)| clause.places())
}

fn unknown(rest: &[&str]) -> ScenarioError {
    let rest = rest.join("-");
    let errors = catalogue::PROVIDER_ERRORS.iter().map(|error| error.name);
    let mut ranked: Vec<(usize, &'static str)> =
        CLAUSES.iter().map(|clause| clause.example).chain(errors).map(|name| (distance(&rest, name), name)).collect();
    ranked.sort_by_key(|&(distance, _)| distance);
    ranked.dedup_by_key(|&mut (_, name)| name);
    ScenarioError::Unknown { rest, nearest: ranked.iter().take(3).map(|&(_, name)| name).collect() }
}

/// Levenshtein distance, in bytes.
fn distance(left: &str, right: &str) -> usize {
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, l) in left.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, r) in right.bytes().enumerate() {
            let substituted = diagonal + usize::from(l != r);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[right.len()]
}

/// A value in a clause.
#[derive(Debug, Clone, Copy)]
enum Value {
    Count(u32),
    Wait(Duration),
    Status(u16),
    Error(&'static ProviderError),
}

impl Value {
    fn count(self) -> u32 {
        if let Self::Count(count) = self { count } else { 0 }
    }

    fn wait(self) -> Duration {
        if let Self::Wait(wait) = self { wait } else { Duration::ZERO }
    }
}

/// What a clause says about its values, before it is known which clause it is.
enum Complaint {
    SecondFault,
    OutOfRange(&'static str),
}

impl Complaint {
    fn about(self, clause: &Clause) -> ScenarioError {
        match self {
            Self::SecondFault => ScenarioError::SecondFault { clause: clause.pattern },
            Self::OutOfRange(allowed) => ScenarioError::OutOfRange { clause: clause.pattern, allowed },
        }
    }
}

fn duration(word: &str) -> Option<Duration> {
    let digits = word.bytes().take_while(u8::is_ascii_digit).count();
    let (count, unit) = word.split_at(digits);
    let count: u64 = count.parse().ok()?;
    let millis = match unit {
        "ms" => count,
        "s" => count.checked_mul(1_000)?,
        "m" => count.checked_mul(60_000)?,
        _ => return None,
    };
    (millis <= WAIT_MAX_MS).then(|| Duration::from_millis(millis))
}

fn status(word: &str) -> Option<u16> {
    word.parse().ok().filter(|status| (200..600).contains(status))
}

const SCENARIO_BYTES_MAX: usize = 200;
/// An hour: longer than any client waits.
const WAIT_MAX_MS: u64 = 3_600_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rehearsal::{Break, Fault, Pace, Place, Rhythm, Shape};

    #[track_caller]
    fn check(text: &str, expected: Scenario) {
        assert_eq!(text.parse::<Scenario>(), Ok(expected), "{text}");
    }

    #[track_caller]
    fn check_refused(text: &str, message: &str) {
        let error = text.parse::<Scenario>().expect_err(text).to_string();
        assert!(error.contains(message), "{text}: {error}");
    }

    #[test]
    fn clauses_combine() {
        let base = Scenario::default;
        let once = Rhythm { times: Some(1), ..Rhythm::default() };
        check("honest", base());
        check("status-429", Scenario { fault: Fault::Status(429), ..base() });
        check(
            "429-retry-after-2-once",
            Scenario { fault: Fault::Status(429), retry_after_s: Some(2), rhythm: once, ..base() },
        );
        check(
            "slow-first-20s-words-5",
            Scenario { pace: Pace { first: Duration::from_secs(20), ..Pace::default() }, words: Some(5), ..base() },
        );
        check("stall-after-40", Scenario { fault: Fault::Stalls { after: 40, pause: None }, ..base() });
        check(
            "stall-after-40-500ms",
            Scenario { fault: Fault::Stalls { after: 40, pause: Some(Duration::from_millis(500)) }, ..base() },
        );
        check(
            "tool-calls-2-cut-after-3",
            Scenario {
                fault: Fault::Breaks { after: Place::Content(3), how: Break::Cut },
                shape: Shape { tool_calls: 2, ..Shape::default() },
                ..base()
            },
        );
        check(
            "error-first-zhipu:1113-every-2",
            Scenario {
                fault: Fault::ErrorInBand { after: Place::Content(0), error: catalogue::find("zhipu:1113") },
                rhythm: Rhythm { every: Some(2), ..Rhythm::default() },
                ..base()
            },
        );
    }

    #[test]
    fn a_place_is_among_content_or_among_all_events() {
        let breaks = |after| Scenario { fault: Fault::Breaks { after, how: Break::Cut }, ..Scenario::default() };
        check("cut-after-3", breaks(Place::Content(3)));
        check("cut-after-event-3", breaks(Place::Event(3)));
    }

    #[test]
    fn what_cannot_be_read_is_refused_with_what_to_write_instead() {
        check_refused("cut-aftr-40", "`cut-after-40`");
        check_refused("openai:insufficient_qouta", "`openai:insufficient_quota`");
        check_refused("", "unknown scenario");
        check_refused("500-html-502", "`html-S` is a second");
        check_refused("words-0", "1 to 100000");
        check_refused("slow-first-20h", "unknown scenario");
        check_refused("status-99", "unknown scenario");
        check_refused(&"once-".repeat(60), "at most 200 bytes");
    }

    #[test]
    fn every_example_can_be_read_and_uses_its_clause() {
        for clause in CLAUSES {
            assert!(clause.example.parse::<Scenario>().is_ok(), "{}", clause.example);
            let words: Vec<&str> = clause.example.split('-').collect();
            let used = (0..words.len())
                .any(|at| longest_match(&words[at..]).is_some_and(|(c, _)| c.pattern == clause.pattern));
            assert!(used, "{} does not show {}", clause.example, clause.pattern);
        }
    }
}
