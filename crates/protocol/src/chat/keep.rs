//! Marks for the prompt cache: which part carries one, how long it lasts elsewhere, and where to put them unasked.

use super::{Body, Keep, Losses, Part, Request, Role, Text, ToolBody, Why};
use crate::{
    json::{Kind, Malformed, Reader},
    wire,
};

/// Anthropic and Bedrock take at most so many marks in one request.
const MARKS_MAX: usize = 4;

impl<'a> Request<'a> {
    /// The mark that stands at a part: its own, that at the end of a result's content, or that of the whole prompt
    /// when it is the last part that can carry one.
    pub fn keep_of(&self, part: &Part<'a>) -> Option<Keep> {
        let inside = match &part.body {
            Body::ToolResult(result) => result.content.last().and_then(|last| last.keep),
            _ => None,
        };
        let is_last = || self.last_part().is_some_and(|last| std::ptr::eq(last, part));
        part.keep.or(inside).or_else(|| self.keep.filter(|_| is_last()))
    }

    /// Whether the caller marked anything.
    pub fn is_marked(&self) -> bool {
        let parts = self.turns.iter().flat_map(|turn| &turn.parts).chain(&self.system);
        self.keep.is_some() || self.tools.iter().any(|tool| tool.keep.is_some()) || parts.into_iter().any(has_mark)
    }

    /// Marks what a prompt cache should keep, for a provider who caches only what is marked and a caller who marked
    /// nothing. Gives the number of marks it made; none when the caller made any, whose plan it would spoil.
    ///
    /// The marks stand where a conversation that goes on has the same beginning again: after the last tool, after the
    /// system prompt, and after each of the last two turns of the user, so that the next request finds what this
    /// one wrote and this one what the last one wrote. These are four, which is as many as Anthropic and Bedrock take.
    /// Prompts that are shorter than a model's least length (1,024 tokens and more) are not cached whatever is marked;
    /// where they are, writing costs a quarter more than reading afresh, so a mark pays from the second request on.
    pub fn mark(&mut self, keep: Keep) -> usize {
        if self.is_marked() {
            return 0;
        }
        let is_written = |body: &ToolBody<'_>| !matches!(body, ToolBody::Opaque { .. });
        let tool = self.tools.iter_mut().rfind(|tool| is_written(&tool.body)).map(|tool| &mut tool.keep);
        let system = last_mut(&mut self.system).map(|part| &mut part.keep);
        let users = self.turns.iter_mut().rev().filter(|turn| turn.role == Role::User);
        let said = users.filter_map(|turn| last_mut(&mut turn.parts)).map(|part| &mut part.keep).take(2);
        let places = tool.into_iter().chain(system).chain(said);
        places.take(MARKS_MAX).map(|place| *place = Some(keep)).count()
    }

    fn last_part(&self) -> Option<&Part<'a>> {
        let turns = self.turns.iter().rev().flat_map(|turn| turn.parts.iter().rev());
        turns.chain(self.system.iter().rev()).find(|part| can_carry(part))
    }
}

fn has_mark(part: &Part<'_>) -> bool {
    let inside = match &part.body {
        Body::ToolResult(result) => &result.content[..],
        _ => &[],
    };
    part.keep.is_some() || inside.iter().any(has_mark)
}

fn last_mut<'p, 'a>(parts: &'p mut [Part<'a>]) -> Option<&'p mut Part<'a>> {
    parts.iter_mut().rfind(|part| can_carry(part))
}

/// Blank texts, thoughts and what only one dialect knows cannot be marked.
fn can_carry(part: &Part<'_>) -> bool {
    match &part.body {
        Body::Text { text, .. } => !text.is_empty(),
        Body::Thinking { .. } | Body::SealedThinking { .. } | Body::Refusal(_) | Body::Opaque { .. } => false,
        Body::Image { .. } | Body::Audio { .. } | Body::File { .. } | Body::ToolCall(_) | Body::ToolResult(_) => true,
    }
}

/// How long the vendors of one family may be asked to keep what is marked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lifetimes {
    /// `30m` and `12h`.
    Openai,
    /// `5m` and `1h`.
    Claude,
}

impl Keep {
    /// Reads a `ttl` of either family.
    pub(crate) fn of_ttl(ttl: Option<&Text<'_>>) -> Self {
        let times = [Self::FiveMinutes, Self::HalfHour, Self::Hour, Self::HalfDay];
        let is_it = |keep: &Self| ttl.is_some_and(|ttl| keep.words().is_some_and(|words| ttl.is(words)));
        times.into_iter().find(is_it).unwrap_or(Self::Default)
    }

    /// Reads a `ttl` beside what else a mark says; `None` where there is no mark.
    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Option<Self>, Malformed> {
        if reader.kind()? != Kind::Object {
            reader.pass()?;
            return Ok(None);
        }
        let mut ttl = None;
        reader.object(|reader, name| match name {
            "ttl" => wire::text(reader).map(|found| ttl = found),
            _ => reader.pass(),
        })?;
        Ok(Some(Self::of_ttl(ttl.as_ref())))
    }

    /// The nearest `ttl` that a family knows; `None` for its habit. A change is reported.
    pub(crate) fn ttl(
        self,
        family: Lifetimes,
        path: impl FnOnce() -> String,
        losses: &mut Losses,
    ) -> Option<&'static str> {
        let known = match (family, self) {
            (_, Self::Default) => return None,
            (Lifetimes::Openai, Self::FiveMinutes | Self::HalfHour) => Self::HalfHour,
            (Lifetimes::Openai, Self::Hour | Self::HalfDay) => Self::HalfDay,
            (Lifetimes::Claude, Self::FiveMinutes | Self::HalfHour) => Self::FiveMinutes,
            (Lifetimes::Claude, Self::Hour | Self::HalfDay) => Self::Hour,
        };
        let (words, asked) = (known.words()?, self.words()?);
        if known != self {
            losses.add(Why::Changed, format!("{}.keep", path()), format!("{words} instead of {asked}"));
        }
        Some(words)
    }

    fn words(self) -> Option<&'static str> {
        Some(match self {
            Self::Default => return None,
            Self::FiveMinutes => "5m",
            Self::HalfHour => "30m",
            Self::Hour => "1h",
            Self::HalfDay => "12h",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{chat::Dialect, openai_chat, translate};

    /// What of a chat request is marked, as `tool system turn turn`.
    #[track_caller]
    fn check(body: &str, expected: &[&str]) {
        let mut request = openai_chat::decode_request(body.as_bytes()).unwrap();
        let made = request.mark(Keep::Default);
        let mut found = Vec::new();
        let tools = request.tools.iter().enumerate().filter(|(_, tool)| tool.keep.is_some());
        found.extend(tools.map(|(index, _)| format!("tools.{index}")));
        let system = request.system.iter().enumerate().filter(|(_, part)| part.keep.is_some());
        found.extend(system.map(|(index, _)| format!("system.{index}")));
        for (turn, said) in request.turns.iter().enumerate() {
            let parts = said.parts.iter().enumerate().filter(|(_, part)| part.keep.is_some());
            found.extend(parts.map(|(part, _)| format!("{turn}.{part}")));
        }
        assert_eq!(found, expected);
        assert_eq!(made, expected.len());
        let mut losses = Losses::default();
        let manner = translate::Manner::of(Dialect::Anthropic);
        let written = translate::encode_request(&request, &super::super::Target::default(), &manner, &mut losses);
        let written = String::from_utf8(written).unwrap();
        assert_eq!(written.matches("cache_control").count(), expected.len(), "{written}");
    }

    #[test]
    fn marks_stand_at_the_ends_of_what_comes_again() {
        check(r#"{"model":"m","messages":[]}"#, &[]);
        check(r#"{"model":"m","messages":[{"role":"user","content":"a"}]}"#, &["0.0"]);
        check(
            r#"{"model":"m","messages":[{"role":"system","content":"s"},{"role":"user","content":"a"},
                {"role":"assistant","content":"b"},{"role":"user","content":"c"},{"role":"assistant","content":"d"},
                {"role":"user","content":[{"type":"text","text":"e"},{"type":"text","text":""}]}],
                "tools":[{"type":"function","function":{"name":"f"}},{"type":"function","function":{"name":"g"}}]}"#,
            &["tools.1", "system.0", "2.0", "4.0"],
        );
        check(
            r#"{"model":"m","messages":[{"role":"user","content":"a"},
                {"role":"assistant","tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}]},
                {"role":"tool","tool_call_id":"c","content":"r"}]}"#,
            &["0.0", "2.0"],
        );
    }

    #[test]
    fn who_marks_is_left_alone() {
        let body = r#"{"model":"m","messages":[{"role":"user","content":[
            {"type":"text","text":"a","prompt_cache_breakpoint":{"mode":"explicit"}},{"type":"text","text":"b"}]}]}"#;
        let mut request = openai_chat::decode_request(body.as_bytes()).unwrap();
        let before = request.clone();
        assert_eq!(request.mark(Keep::Hour), 0);
        assert_eq!(request, before);
    }
}
