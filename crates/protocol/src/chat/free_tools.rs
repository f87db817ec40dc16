//! Tools with free input, where a dialect knows functions only.
//!
//! Such a tool is said as a function with one string argument, `input`; a call of it comes back as JSON text and is
//! turned into the free input again before the caller sees it.

use super::{Answer, Arguments, Body, Event, PartKind, Request, StreamFault, Text, ToolBody, ToolCallKind};
use crate::wire;

/// The tools of one request that were said as functions, and their open calls.
#[derive(Clone, Debug, Default)]
pub struct FreeTools {
    names: Vec<String>,
    open: Vec<(u32, Input)>,
    /// Functions that were said by other names, and what their caller calls them.
    renamed: Vec<(String, String)>,
}

impl FreeTools {
    /// Those of a request; none when the target takes free input itself.
    pub fn of(request: &Request<'_>, takes_free_input: bool) -> Self {
        let names = request.tools.iter().filter_map(|tool| match &tool.body {
            ToolBody::Custom { name, .. } if !takes_free_input => Some(name.decode().into_owned()),
            _ => None,
        });
        Self { names: names.collect(), open: Vec::new(), renamed: Vec::new() }
    }

    /// With functions that were said by the first of these names each, and have the second.
    pub(crate) fn with_renamed(self, renamed: Vec<(String, String)>) -> Self {
        Self { renamed, ..self }
    }

    /// Turns the calls of an answer back.
    pub fn answer(&self, answer: &mut Answer<'_>) {
        for part in answer.choices.iter_mut().flat_map(|choice| &mut choice.parts) {
            let Body::ToolCall(call) = &mut part.body else { continue };
            if let Some(name) = self.own_name(&call.name) {
                call.name = name;
            }
            if call.kind == ToolCallKind::Function && self.has(&call.name) {
                call.kind = ToolCallKind::Custom;
                let json = call.arguments.as_json().into_owned();
                let input = wire::member_text(&json, "input").ok().flatten();
                let input = input.unwrap_or_else(|| Text::plain(&*json)).into_owned();
                call.arguments = Arguments::Text(input);
            }
        }
    }

    /// Turns the next event of an answer back and gives what it becomes to `sink`.
    ///
    /// # Errors
    /// When the beginning of a call's arguments is longer than anything that leads to its input.
    pub fn event(&mut self, event: Event<'_>, sink: &mut dyn FnMut(Event<'_>)) -> Result<(), StreamFault> {
        if self.names.is_empty() && self.renamed.is_empty() {
            sink(event);
            return Ok(());
        }
        match event {
            Event::PartStart { part, choice, kind: PartKind::ToolCall { id, name, kind } }
                if self.own_name(&name).is_some() =>
            {
                let name = self.own_name(&name).unwrap_or(name);
                sink(Event::PartStart { part, choice, kind: PartKind::ToolCall { id, name, kind } });
            }
            Event::PartStart { part, choice, kind: PartKind::ToolCall { id, name, kind: ToolCallKind::Function } }
                if self.has(&name) =>
            {
                self.open.push((part, Input::default()));
                sink(Event::PartStart {
                    part,
                    choice,
                    kind: PartKind::ToolCall { id, name, kind: ToolCallKind::Custom },
                });
            }
            Event::Arguments { part, text } => match self.open.iter_mut().find(|(open, _)| *open == part) {
                Some((_, input)) => {
                    let text = input.advance(&text.decode())?;
                    if !text.is_empty() {
                        sink(Event::Arguments { part, text });
                    }
                }
                None => sink(Event::Arguments { part, text }),
            },
            Event::PartEnd { part } => {
                if let Some(place) = self.open.iter().position(|(open, _)| *open == part)
                    && let Some(text) = self.open.swap_remove(place).1.finish()
                {
                    sink(Event::Arguments { part, text });
                }
                sink(Event::PartEnd { part });
            }
            event => sink(event),
        }
        Ok(())
    }

    fn own_name(&self, name: &Text<'_>) -> Option<Text<'static>> {
        let renamed = self.renamed.iter().find(|(said, _)| name.is(said))?;
        Some(Text::plain(renamed.1.clone()))
    }

    fn has(&self, name: &Text<'_>) -> bool {
        self.names.iter().any(|known| name.is(known))
    }
}

/// Takes the one string out of the JSON text of arguments that comes in pieces.
#[derive(Clone, Debug)]
enum Input {
    /// What came before the string, kept because it may turn out to be something else.
    Before(String),
    /// Inside; an escape that is not whole yet.
    Inside(String),
    After,
}

impl Default for Input {
    fn default() -> Self {
        Self::Before(String::new())
    }
}

/// More does not lead to the input: `{"input":"` with some spaces.
const BEFORE_MAX: usize = 64 << 10;

impl Input {
    /// The part of the input that the next piece of JSON text holds.
    fn advance(&mut self, piece: &str) -> Result<Text<'static>, StreamFault> {
        let mut rest = piece.to_owned();
        if let Self::Before(before) = self {
            before.push_str(&rest);
            if before.len() > BEFORE_MAX {
                return Err(StreamFault::TooMuch("what comes before a tool's input"));
            }
            match value_of(before) {
                Some(at) => {
                    rest = before.split_off(at);
                    *self = Self::Inside(String::new());
                }
                None => return Ok(Text::default()),
            }
        }
        let Self::Inside(escape) = self else { return Ok(Text::default()) };
        let mut out = String::new();
        for letter in rest.chars() {
            if escape.is_empty() {
                match letter {
                    '"' => {
                        *self = Self::After;
                        break;
                    }
                    '\\' => escape.push(letter),
                    _ => out.push(letter),
                }
                continue;
            }
            escape.push(letter);
            if escape.len() >= if escape.starts_with("\\u") { 6 } else { 2 } {
                out.push_str(escape);
                escape.clear();
            }
        }
        // What a model writes into a string need not be fit for one.
        Ok(Text::of_written(out))
    }

    /// What is left: all of it, when it was no string.
    fn finish(self) -> Option<Text<'static>> {
        match self {
            Self::Before(text) if !text.trim().is_empty() => Some(Text::plain(text)),
            Self::Before(_) | Self::Inside(_) | Self::After => None,
        }
    }
}

/// Where the string begins that is the value of the first member, behind its quote.
fn value_of(text: &str) -> Option<usize> {
    let after_brace = text.trim_start().strip_prefix('{')?.trim_start();
    let after_key = after_brace.strip_prefix("\"input\"")?.trim_start();
    let value = after_key.strip_prefix(':')?.trim_start().strip_prefix('"')?;
    Some(text.len() - value.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(arguments: &str, expected: &str) {
        for size in [1, 2, 3, 7, 1000] {
            let mut input = Input::default();
            let mut out = Text::default();
            let letters: Vec<char> = arguments.chars().collect();
            for piece in letters.chunks(size) {
                out.push(&input.advance(&piece.iter().collect::<String>()).unwrap());
            }
            out.push(&input.finish().unwrap_or_default());
            assert_eq!(out.decode(), expected, "in pieces of {size}");
        }
    }

    #[test]
    fn the_input_comes_out_under_every_split() {
        check(r#"{"input":"*** Begin\n\"a\" \\ \u00e9 \ud83e\udd80 é"}"#, "*** Begin\n\"a\" \\ é 🦀 é");
        check(" { \"input\" :\n \"x\" } ", "x");
        check(r#"{"input":""}"#, "");
        check(r#"{"other":1}"#, r#"{"other":1}"#);
        check("", "");
        check("plain words", "plain words");
    }
}
