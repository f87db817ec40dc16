//! A turn of a coding agent, in no dialect: what it was told, what it did so far, and what it does next.

use serde_json::{Value, json};

use super::filler;

/// Words of the question by which the upstream knows what is wanted.
pub(super) const ASKED: &str = "answer=call";
/// The tool that is called all the time.
pub(super) const CALLED: &str = "read_file";

pub(super) struct Tool {
    pub(super) name: String,
    pub(super) description: String,
    pub(super) schema: Value,
}

/// Something said and a tool called, with what came back.
pub(super) struct Step {
    pub(super) id: String,
    pub(super) text: String,
    pub(super) arguments: Value,
    pub(super) result: String,
}

pub(super) fn system() -> String {
    filler(SYSTEM_BYTES)
}

pub(super) fn question() -> String {
    format!("Find out why the second test fails and repair it. {ASKED}")
}

pub(super) fn tools() -> impl Iterator<Item = Tool> {
    let names = [CALLED, "write_file", "edit_file", "list_files", "search", "run", "fetch", "plan"];
    names.into_iter().map(|name| Tool {
        name: name.to_owned(),
        description: filler(TOOL_DESCRIPTION_BYTES),
        schema: json!({
            "type": "object",
            "properties": {
                "path": {"type": "string", "description": "Path from the root of the project."},
                "offset": {"type": "integer", "minimum": 0, "description": "First line, counted from zero."},
                "limit": {"type": "integer", "minimum": 1, "description": "Lines at most."},
                "kind": {"type": "string", "enum": ["text", "binary", "any"]},
            },
            "required": ["path"],
            "additionalProperties": false,
        }),
    })
}

pub(super) fn steps() -> impl Iterator<Item = Step> {
    (0..STEPS).map(step)
}

/// What the upstream answers.
pub(super) fn next_step() -> Step {
    step(STEPS)
}

fn step(number: usize) -> Step {
    let line = "    let \"name\" = self.names.find(&key).map(|name| name.as_str());\n";
    Step {
        id: format!("call_bench{number:04}"),
        text: filler(STEP_TEXT_BYTES),
        arguments: json!({"path": format!("src/server/connection_{number}.rs"), "offset": 120, "limit": 80}),
        result: line.repeat(RESULT_LINES),
    }
}

const SYSTEM_BYTES: usize = 4_000;
const TOOL_DESCRIPTION_BYTES: usize = 300;
const STEPS: usize = 8;
const STEP_TEXT_BYTES: usize = 160;
/// Lines of code with quotes in them: a result of a tool is full of what JSON escapes.
const RESULT_LINES: usize = 20;
