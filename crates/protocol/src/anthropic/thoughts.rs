//! Thoughts of earlier turns, in a request that else stays as its caller wrote it.
//!
//! Source: Anthropic, "extended thinking" with tools: where thinking is `enabled`, the assistant's turn whose tools have just
//! answered must begin with its thoughts; without them, thinking has to be switched off for that loop.

use std::ops::Range;

use crate::{
    chat::{Issuer, Signature, Text},
    json::{Kind, Malformed, Reader},
    wire,
};

/// Whose thoughts a deployment is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readable {
    /// Those that it thought itself, as it wrote them, and those that no mark says to be another's.
    OwnAnd(Issuer),
    /// None: it has refused them.
    None,
}

/// A request without the thoughts that its deployment cannot read.
#[derive(Debug)]
pub struct Readied {
    pub body: Vec<u8>,
    /// Where those thoughts stood.
    pub dropped: Vec<String>,
    /// Whether `thinking` is switched off, because a turn that must begin with its thoughts has none.
    pub stops_thinking: bool,
}

/// The request without the thoughts that its deployment cannot read. Where its model must not think without them, it is
/// told not to.
///
/// # Errors
/// When the body is not a JSON object.
pub fn with_readable_thoughts(body: &[u8], readable: Readable) -> Result<Readied, Malformed> {
    let mut reader = Reader::new(body)?;
    let mut edits =
        Edits { readable, body, edits: Vec::new(), dropped: Vec::new(), tool_loop: ToolLoop::None, budgeted: None };
    reader.object(|reader, key| match (key, reader.kind()?) {
        ("messages", Kind::Array) => {
            let mut number = 0;
            reader.array(|reader| {
                number += 1;
                edits.message(reader, number - 1)
            })
        }
        ("thinking", Kind::Object) => edits.thinking(reader),
        _ => reader.pass(),
    })?;
    reader.end()?;
    let stops_thinking = edits.stop_thinking();
    Ok(Readied { body: edits.apply(), dropped: edits.dropped, stops_thinking })
}

struct Edits<'b> {
    readable: Readable,
    body: &'b [u8],
    /// What takes the place of what.
    edits: Vec<(Range<usize>, Vec<u8>)>,
    dropped: Vec<String>,
    tool_loop: ToolLoop,
    /// The value of `thinking`, where it is `enabled`.
    budgeted: Option<Range<usize>>,
}

/// How far the last turns are in the use of tools.
#[derive(Clone, Copy, PartialEq)]
enum ToolLoop {
    None,
    /// The assistant has called.
    Called(Begins),
    /// The tools have answered.
    Answered(Begins),
}

/// With what a turn begins.
#[derive(Clone, Copy, PartialEq)]
enum Begins {
    Thought,
    /// It began with thoughts that were left out.
    NoMore,
    /// Its caller wrote none there.
    Never,
}

/// What stands in a turn.
struct Turn {
    begins: Begins,
    calls: bool,
    answers: bool,
}

impl Edits<'_> {
    fn message(&mut self, reader: &mut Reader<'_>, number: usize) -> Result<(), Malformed> {
        let (mut is_assistant, mut turn) = (false, None);
        wire::members(reader, |reader, key| match (key, reader.kind()?) {
            ("content", Kind::Array) => self.content(reader, number).map(|found| turn = Some(found)),
            ("role", _) => wire::text(reader).map(|role| is_assistant = role.is_some_and(|role| role.is("assistant"))),
            _ => reader.pass(),
        })?;
        let turn = turn.unwrap_or(Turn { begins: Begins::Never, calls: false, answers: false });
        self.tool_loop = match self.tool_loop {
            _ if is_assistant && turn.calls => ToolLoop::Called(turn.begins),
            ToolLoop::Called(begins) if !is_assistant && turn.answers => ToolLoop::Answered(begins),
            // Turns of the user's that follow one another are one.
            ToolLoop::Answered(begins) if !is_assistant => ToolLoop::Answered(begins),
            _ => ToolLoop::None,
        };
        Ok(())
    }

    fn content(&mut self, reader: &mut Reader<'_>, number: usize) -> Result<Turn, Malformed> {
        let start = reader.offset() + 1;
        let (mut kept, mut is_whole, mut block_number) = (Vec::new(), true, 0);
        let mut turn = Turn { begins: Begins::Never, calls: false, answers: false };
        reader.array(|reader| {
            let span = reader.skip()?;
            let text = std::str::from_utf8(&self.body[span.clone()]).unwrap_or("{}");
            let block = self.block(text)?;
            let is_first = kept.is_empty();
            turn.calls |= matches!(block, Block::Call);
            turn.answers |= matches!(block, Block::Result);
            match block {
                Block::Foreign => {
                    is_whole = false;
                    self.dropped.push(format!("messages[{number}].content[{block_number}]"));
                    turn.begins = if is_first { Begins::NoMore } else { turn.begins };
                }
                Block::Own { mark } => {
                    kept.push((span.start + mark.start..span.start + mark.end, span));
                    turn.begins = if is_first { Begins::Thought } else { turn.begins };
                }
                Block::Call | Block::Result | Block::Other => kept.push((span.start..span.start, span)),
            }
            block_number += 1;
            Ok::<_, Malformed>(())
        })?;
        let within = start..reader.position() - 1;
        if is_whole {
            self.edits.extend(kept.into_iter().map(|(mark, _)| (mark, Vec::new())));
            return Ok(turn);
        }
        let blocks = kept
            .iter()
            .map(|(mark, span)| [&self.body[span.start..mark.start], &self.body[mark.end..span.end]].concat());
        let said = if kept.is_empty() { SILENCE.to_vec() } else { blocks.collect::<Vec<_>>().join(&b',') };
        self.edits.push((within, said));
        Ok(turn)
    }

    fn block(&self, block: &str) -> Result<Block, Malformed> {
        let (mut kind, mut signature) = (None, None);
        wire::members(&mut Reader::of(block), |reader, key| {
            match key {
                "type" => kind = wire::text(reader)?,
                "signature" | "data" => {
                    let span = reader.skip()?;
                    signature = (block.as_bytes()[span.start] == b'"').then_some(span);
                }
                _ => reader.pass()?,
            }
            Ok::<_, Malformed>(())
        })?;
        Ok(match kind.as_ref().map(Text::decode).as_deref() {
            Some("thinking" | "redacted_thinking") => self.thought(block, signature),
            Some("tool_use") => Block::Call,
            Some("tool_result") => Block::Result,
            _ => Block::Other,
        })
    }

    fn thought(&self, block: &str, signature: Option<Range<usize>>) -> Block {
        let (Readable::OwnAnd(own), Some(span)) = (self.readable, signature) else { return Block::Foreign };
        let from = span.start + 1;
        let written = &block[from..span.end - 1];
        match Signature::mark_of(written) {
            Some((issuer, length)) if issuer == own => Block::Own { mark: from..from + length },
            Some(_) => Block::Foreign,
            // What stands for a signature of another dialect's part.
            None if written.is_empty() || Signature::is_marked(written) => Block::Foreign,
            None => Block::Own { mark: from..from },
        }
    }

    fn thinking(&mut self, reader: &mut Reader<'_>) -> Result<(), Malformed> {
        let span = reader.skip()?;
        let value = std::str::from_utf8(&self.body[span.clone()]).unwrap_or("{}");
        let kind = wire::member_text(value, "type")?;
        self.budgeted = kind.is_some_and(|kind| kind.is("enabled")).then_some(span);
        Ok(())
    }

    /// Switches thinking off where it is not possible; whether that was so. Where thoughts were refused it is a reason for
    /// that as well that there are none, however the caller wrote it.
    fn stop_thinking(&mut self) -> bool {
        let is_lost = match self.tool_loop {
            ToolLoop::Answered(Begins::NoMore) => true,
            ToolLoop::Answered(Begins::Never) => self.readable == Readable::None,
            _ => false,
        };
        let Some(span) = self.budgeted.take().filter(|_| is_lost) else { return false };
        self.edits.push((span, br#"{"type":"disabled"}"#.to_vec()));
        self.edits.sort_by_key(|(span, _)| span.start);
        true
    }

    fn apply(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.body.len());
        let mut at = 0;
        for (span, instead) in &self.edits {
            out.extend_from_slice(&self.body[at..span.start]);
            out.extend_from_slice(instead);
            at = span.end;
        }
        out.extend_from_slice(&self.body[at..]);
        out
    }
}

enum Block {
    /// A thought that is left out.
    Foreign,
    /// A thought that is sent, and where in the block its mark stands.
    Own {
        mark: Range<usize>,
    },
    Call,
    Result,
    Other,
}

/// Said where a turn held nothing but thoughts: content must not be empty.
const SILENCE: &[u8] = br#"{"type":"text","text":"\u2026"}"#;

#[cfg(test)]
mod tests {
    use super::*;

    const OWN_ISSUER: Issuer = Issuer(7);

    #[track_caller]
    fn check(readable: Readable, content: &str, expected: &str, dropped: &[&str]) {
        let body = |content: &str| {
            format!(
                r#"{{ "messages":[{{"role":"user","content":"x"}}, {{"content": [{content}] ,"role":"assistant"}}],"model":"m"}}"#
            )
        };
        let readied = with_readable_thoughts(body(content).as_bytes(), readable).unwrap();
        assert_eq!(String::from_utf8(readied.body).unwrap(), body(expected));
        assert_eq!(
            (readied.dropped, readied.stops_thinking),
            (dropped.iter().map(|at| (*at).to_owned()).collect(), false)
        );
    }

    #[test]
    fn only_thoughts_of_others_are_left_out() {
        let own = r#"{"type":"thinking","thinking":"a","signature":"rl1-0000000000000007-Sig=="}"#;
        let bare = r#"{"type":"thinking","thinking":"a","signature":"Sig=="}"#;
        let foreign = r#"{"type":"redacted_thinking", "data":"rl1-0000000000000008-Sig=="}"#;
        let unsigned = r#"{"type":"thinking","thinking":"b","signature" : ""}"#;
        let after = r#"{"type":"redacted_thinking","data":"rl1p-0000000000000007-Sig"}"#;
        let text = r#"{"type":"text","text":"rl1-0000000000000008-Sig"}"#;
        let call = r#"{"type":"tool_use","id":"t","name":"f","input":{"signature":"","type":"thinking"}}"#;
        let readable = Readable::OwnAnd(OWN_ISSUER);
        check(readable, &format!("{bare} , {text},{call}"), &format!("{bare} , {text},{call}"), &[]);
        check(readable, &format!("{own} , {text}"), &format!("{bare} , {text}"), &[]);
        check(readable, &format!("{foreign}, {text} ,{call}"), &format!("{text},{call}"), &["messages[1].content[0]"]);
        check(readable, &format!("{own},{unsigned},{text}"), &format!("{bare},{text}"), &["messages[1].content[1]"]);
        check(readable, &format!("{text},{own},{after}"), &format!("{text},{bare}"), &["messages[1].content[2]"]);
        check(readable, foreign, r#"{"type":"text","text":"\u2026"}"#, &["messages[1].content[0]"]);
        check(
            Readable::None,
            &format!("{bare},{own},{call}"),
            call,
            &["messages[1].content[0]", "messages[1].content[1]"],
        );
    }

    #[test]
    fn a_tool_loop_that_lost_its_thoughts_goes_on_without_thinking() {
        const FOREIGN: &str = r#"{"type":"thinking","thinking":"a","signature":"rl1-0000000000000008-Sig=="}"#;
        const OWN: &str = r#"{"type":"thinking","thinking":"a","signature":"Sig=="}"#;
        const CALL: &str = r#"{"type":"tool_use","id":"t","name":"f","input":{}}"#;
        const RESULT: &str = r#"{"type":"tool_result","tool_use_id":"t","content":"4"}"#;
        const SAID: &str = r#"{"type":"text","text":"x"}"#;
        const ENABLED: &str = r#"{"budget_tokens":2048,"type":"enabled"}"#;
        let stops = |readable: Readable, thinking: &str, turns: &[(&str, &[&str])]| {
            let turns =
                turns.iter().map(|(role, blocks)| format!(r#"{{"role":"{role}","content":[{}]}}"#, blocks.join(",")));
            let messages = format!(r#""messages":[{}]"#, turns.collect::<Vec<_>>().join(","));
            let both = [
                format!(r#"{{"thinking":{thinking},{messages},"max_tokens":9}}"#),
                format!(r#"{{{messages},"thinking":{thinking}}}"#),
            ];
            both.map(|body| {
                let readied = with_readable_thoughts(body.as_bytes(), readable).unwrap();
                let said = String::from_utf8(readied.body).unwrap();
                Reader::of(&said).pass().unwrap();
                let (off, as_it_was) = (r#""thinking":{"type":"disabled"}"#, format!(r#""thinking":{thinking}"#));
                assert!(said.contains(if readied.stops_thinking { off } else { &as_it_was }), "{said}");
                readied.stops_thinking
            })
        };
        let (own, none) = (Readable::OwnAnd(OWN_ISSUER), Readable::None);
        let (ai, user) = ("assistant", "user");
        let asked: &[(&str, &[&str])] = &[(user, &[SAID]), (ai, &[FOREIGN, CALL]), (user, &[RESULT])];
        assert_eq!(stops(own, ENABLED, asked), [true; 2]);
        for (thinking, readable) in [(r#"{"type":"adaptive"}"#, own), (r#"{"type":"disabled"}"#, none), ("null", none)]
        {
            assert_eq!(stops(readable, thinking, asked), [false; 2], "{thinking}");
        }
        assert_eq!(stops(own, ENABLED, &[(ai, &[FOREIGN, CALL]), (user, &[RESULT]), (user, &[SAID])]), [true; 2]);
        assert_eq!(stops(own, ENABLED, &[(ai, &[OWN, CALL]), (user, &[RESULT])]), [false; 2]);
        assert_eq!(stops(none, ENABLED, &[(ai, &[OWN, CALL]), (user, &[RESULT])]), [true; 2]);
        assert_eq!(stops(own, ENABLED, &[(ai, &[OWN, FOREIGN, CALL]), (user, &[RESULT])]), [false; 2]);
        // What its caller left out is for the server to judge, and once that has, to be answered all the same.
        assert_eq!(stops(own, ENABLED, &[(ai, &[CALL]), (user, &[RESULT])]), [false; 2]);
        assert_eq!(stops(none, ENABLED, &[(ai, &[CALL]), (user, &[RESULT])]), [true; 2]);
        let over: &[(&str, &[&str])] =
            &[(ai, &[FOREIGN, CALL]), (user, &[RESULT]), (ai, &[FOREIGN, SAID]), (user, &[SAID])];
        assert_eq!(stops(own, ENABLED, over), [false; 2], "the loop is over");
    }
}
