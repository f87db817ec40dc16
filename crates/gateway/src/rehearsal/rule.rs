//! A rule set through the control endpoint: a scenario in words, with its numbers beside it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};

use super::grammar::ScenarioError;
use super::scenario::{Pace, Scenario, WORDS_MAX};
use super::script::Script;

/// A scenario, and the pace of honest answers under it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rule {
    /// As written, for people who ask what is set.
    pub text: String,
    /// How a request is answered when the rule acts on it.
    pub scenario: Scenario,
    /// The pace of every answer, whether the rule acts or rests.
    pub pace: Pace,
}

/// Why a rule was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RuleError {
    /// The body is not a JSON object.
    NotAnObject,
    /// A field nobody knows.
    UnknownField { field: String },
    /// A field with a value it does not take.
    BadValue { field: &'static str, allowed: &'static str },
    /// `up_s` without `down_s`, or the other way round.
    HalfFlap,
    /// Rules are set for 1,000 targets already.
    TooMany,
    /// The scenario itself.
    Scenario(ScenarioError),
}

impl fmt::Display for RuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAnObject => write!(f, "the body must be a JSON object"),
            Self::UnknownField { field } => {
                write!(f, "unknown field `{field}`; known are `{}`", FIELDS.join("`, `"))
            }
            Self::BadValue { field, allowed } => write!(f, "`{field}` takes {allowed}"),
            Self::HalfFlap => write!(f, "`up_s` and `down_s` go together"),
            Self::TooMany => write!(f, "there are 1000 rules already; clear some first"),
            Self::Scenario(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for RuleError {}

impl From<ScenarioError> for RuleError {
    fn from(error: ScenarioError) -> Self {
        Self::Scenario(error)
    }
}

impl Rule {
    /// A rule from a scenario in words.
    ///
    /// # Errors
    /// When the scenario cannot be read.
    pub fn parse(scenario: &str) -> Result<Self, RuleError> {
        Ok(Self { text: scenario.to_owned(), scenario: scenario.parse()?, pace: Pace::default() })
    }

    /// A rule from the JSON of the control endpoint.
    ///
    /// # Errors
    /// When it is not an object, or a field is unknown or out of range.
    pub fn from_json(body: &[u8]) -> Result<Self, RuleError> {
        let Ok(Value::Object(fields)) = serde_json::from_slice(body) else {
            return Err(RuleError::NotAnObject);
        };
        if let Some(field) = fields.keys().find(|field| !FIELDS.contains(&field.as_str())) {
            return Err(RuleError::UnknownField { field: field.clone() });
        }
        let text = match fields.get("scenario") {
            None | Some(Value::Null) => "honest",
            Some(Value::String(text)) => text,
            Some(_) => return Err(RuleError::BadValue { field: "scenario", allowed: "a string" }),
        };
        let mut rule = Self::parse(text)?;
        rule.take_numbers(&fields)?;
        let script = fields.get("script").filter(|script| !script.is_null());
        rule.scenario.script = script.map(Script::from_json).transpose()?.map(Arc::new);
        rule.scenario.summarises = match fields.get("summarises") {
            None | Some(Value::Null) => None,
            Some(Value::String(mark)) if (1..=MARK_BYTES_MAX).contains(&mark.len()) => Some(mark.as_str().into()),
            Some(_) => return Err(RuleError::BadValue { field: "summarises", allowed: "a text of 1 to 64 bytes" }),
        };
        Ok(rule)
    }

    fn take_numbers(&mut self, fields: &Map<String, Value>) -> Result<(), RuleError> {
        let scenario = &mut self.scenario;
        let rhythm = &mut scenario.rhythm;
        rhythm.times = number(fields, "times", 0, u64::MAX)?.or(rhythm.times);
        rhythm.every = number(fields, "every", 1, u64::MAX)?.or(rhythm.every);
        match (number(fields, "up_s", 0, SECONDS_MAX)?, number(fields, "down_s", 0, SECONDS_MAX)?) {
            (Some(up), Some(down)) => {
                rhythm.flap = Some((Duration::from_secs(up), Duration::from_secs(down)));
            }
            (None, None) => {}
            _ => return Err(RuleError::HalfFlap),
        }
        let words = number(fields, "words", 1, u64::from(WORDS_MAX))?;
        scenario.words = words.and_then(|words| words.try_into().ok()).or(scenario.words);
        scenario.retry_after_s = number(fields, "retry_after_s", 0, u64::MAX)?.or(scenario.retry_after_s);
        self.pace = Pace {
            headers: Duration::ZERO,
            first: Duration::from_millis(number(fields, "latency_ms", 0, SECONDS_MAX * 1_000)?.unwrap_or(0)),
            word: Duration::from_millis(number(fields, "word_ms", 0, SECONDS_MAX * 1_000)?.unwrap_or(0)),
        };
        Ok(())
    }
}

fn number(fields: &Map<String, Value>, field: &'static str, min: u64, max: u64) -> Result<Option<u64>, RuleError> {
    match fields.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => match value.as_u64() {
            Some(number) if (min..=max).contains(&number) => Ok(Some(number)),
            _ => Err(RuleError::BadValue { field, allowed: "a whole number in its range, or null" }),
        },
    }
}

const FIELDS: &[&str] = &[
    "scenario",
    "times",
    "every",
    "up_s",
    "down_s",
    "latency_ms",
    "word_ms",
    "words",
    "retry_after_s",
    "script",
    "summarises",
];
const SECONDS_MAX: u64 = 3_600;
const MARK_BYTES_MAX: usize = 64;
