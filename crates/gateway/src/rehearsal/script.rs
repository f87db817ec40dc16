//! A script: what a model says and which tools it calls, turn by turn, while it looks at what came back.
//!
//! A turn is counted in the conversation itself. So two providers with the same script are one model to an agent, and
//! either may answer any of its turns.

use std::borrow::Cow;

use serde_json::Value;

use super::asked::Asked;
use super::rule::RuleError;

/// Every turn of an agent's task.
#[derive(Debug, Clone, PartialEq)]
pub struct Script {
    steps: Vec<Step>,
}

/// One answer of the model.
#[derive(Debug, Clone, PartialEq)]
struct Step {
    /// Texts that must be in the results of the turn before, wherever.
    expects: Vec<String>,
    says: String,
    calls: Vec<Call>,
}

/// A call of a tool.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Call {
    pub(super) name: String,
    pub(super) arguments: Value,
}

/// What a script has to say to a question.
#[derive(Debug, PartialEq)]
pub(super) struct Turn<'a> {
    pub(super) says: Cow<'a, str>,
    pub(super) calls: &'a [Call],
}

impl Script {
    /// A script from the JSON of the control endpoint.
    ///
    /// # Errors
    /// When it is not an array of 1 to 100 steps as they are documented.
    pub fn from_json(script: &Value) -> Result<Self, RuleError> {
        let bad = RuleError::BadValue { field: "script", allowed: SCRIPT };
        let steps =
            script.as_array().filter(|steps| (1..=STEPS_MAX).contains(&steps.len())).ok_or_else(|| bad.clone())?;
        let steps: Option<Vec<Step>> = steps.iter().map(Step::from_json).collect();
        Ok(Self { steps: steps.ok_or(bad)? })
    }

    /// How many turns it has.
    pub(super) fn len(&self) -> usize {
        self.steps.len()
    }

    /// What to answer; nothing when the tools it calls are not offered, or when it is over.
    pub(super) fn turn(&self, asked: &Asked) -> Option<Turn<'_>> {
        let is_offered = |call: &Call| asked.tools.contains(&call.name);
        if !self.steps.iter().flat_map(|step| &step.calls).all(is_offered) {
            return None;
        }
        let step = self.steps.get(asked.turns)?;
        let came_back = |text: &&String| asked.results.iter().any(|result| result.contains(text.as_str()));
        match step.expects.iter().find(|text| !came_back(text)) {
            None => Some(Turn { says: step.says.as_str().into(), calls: &step.calls }),
            Some(missing) => {
                let heard: String = asked.results.join("\n").chars().take(HEARD_CHARACTERS).collect();
                let says = format!("{COMPLAINT}\n{missing}\nThis came back:\n{heard}");
                Some(Turn { says: says.into(), calls: &[] })
            }
        }
    }
}

impl Step {
    fn from_json(step: &Value) -> Option<Self> {
        let fields = step.as_object()?;
        if fields.keys().any(|field| !matches!(field.as_str(), "expects" | "says" | "calls")) {
            return None;
        }
        let texts = match &step["expects"] {
            Value::Null => Some(Vec::new()),
            Value::String(text) => Some(vec![text.clone()]),
            Value::Array(texts) => texts.iter().map(|text| text.as_str().map(str::to_owned)).collect(),
            _ => None,
        };
        let says = match &step["says"] {
            Value::Null => Some(String::new()),
            says => says.as_str().map(str::to_owned),
        };
        let calls = match &step["calls"] {
            Value::Null => Some(Vec::new()),
            Value::Array(calls) if calls.len() <= CALLS_MAX => calls.iter().map(Call::from_json).collect(),
            _ => None,
        };
        Some(Self { expects: texts?, says: says?, calls: calls? })
    }
}

impl Call {
    fn from_json(call: &Value) -> Option<Self> {
        let arguments = call["arguments"].is_object().then(|| call["arguments"].clone())?;
        Some(Self { name: call["name"].as_str()?.to_owned(), arguments })
    }
}

const SCRIPT: &str = "1 to 100 steps, each with `says`, `calls` (at most 16, of `name` and `arguments`) and `expects`";
const STEPS_MAX: usize = 100;
const CALLS_MAX: usize = 16;
/// How an answer begins when something did not come back.
const COMPLAINT: &str = "This did not come back from the tools:";
const HEARD_CHARACTERS: usize = 2_000;
