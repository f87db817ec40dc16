//! Thoughts of earlier turns, in a request that else stays as its caller wrote it.

use std::ops::Range;

use crate::{
    chat::{Issuer, Signature},
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

/// The request without the thoughts that its deployment cannot read, and where these stood.
///
/// # Errors
/// When the body is not a JSON object.
pub fn with_readable_thoughts(body: &[u8], readable: Readable) -> Result<(Vec<u8>, Vec<String>), Malformed> {
    let mut reader = Reader::new(body)?;
    let mut edits = Edits { readable, body, edits: Vec::new(), dropped: Vec::new() };
    reader.object(|reader, key| match (key, reader.kind()?) {
        ("messages", Kind::Array) => {
            let mut number = 0;
            reader.array(|reader| {
                number += 1;
                edits.message(reader, number - 1)
            })
        }
        _ => reader.pass(),
    })?;
    reader.end()?;
    Ok((edits.apply(), edits.dropped))
}

struct Edits<'b> {
    readable: Readable,
    body: &'b [u8],
    /// What takes the place of what, in order.
    edits: Vec<(Range<usize>, Vec<u8>)>,
    dropped: Vec<String>,
}

impl Edits<'_> {
    fn message(&mut self, reader: &mut Reader<'_>, number: usize) -> Result<(), Malformed> {
        wire::members(reader, |reader, key| match (key, reader.kind()?) {
            ("content", Kind::Array) => self.content(reader, number),
            _ => reader.pass(),
        })
    }

    fn content(&mut self, reader: &mut Reader<'_>, number: usize) -> Result<(), Malformed> {
        let start = reader.offset() + 1;
        let (mut kept, mut is_whole, mut block_number) = (Vec::new(), true, 0);
        reader.array(|reader| {
            let span = reader.skip()?;
            let text = std::str::from_utf8(&self.body[span.clone()]).unwrap_or("{}");
            match self.thought(text)? {
                Some(Thought::Foreign) => {
                    is_whole = false;
                    self.dropped.push(format!("messages.{number}.content.{block_number}"));
                }
                Some(Thought::Own { mark }) => kept.push((span.start + mark.start..span.start + mark.end, span)),
                None => kept.push((span.start..span.start, span)),
            }
            block_number += 1;
            Ok::<_, Malformed>(())
        })?;
        let within = start..reader.position() - 1;
        if is_whole {
            self.edits.extend(kept.into_iter().map(|(mark, _)| (mark, Vec::new())));
            return Ok(());
        }
        let blocks = kept
            .iter()
            .map(|(mark, span)| [&self.body[span.start..mark.start], &self.body[mark.end..span.end]].concat());
        let said = if kept.is_empty() { SILENCE.to_vec() } else { blocks.collect::<Vec<_>>().join(&b',') };
        self.edits.push((within, said));
        Ok(())
    }

    /// `None` for what is no thought, or one that stays as it is.
    fn thought(&self, block: &str) -> Result<Option<Thought>, Malformed> {
        let (mut is_thought, mut signature) = (false, None);
        wire::members(&mut Reader::of(block), |reader, key| {
            match key {
                "type" => is_thought = matches!(reader.raw()?, "\"thinking\"" | "\"redacted_thinking\""),
                "signature" | "data" => {
                    let span = reader.skip()?;
                    signature = (block.as_bytes()[span.start] == b'"').then_some(span);
                }
                _ => reader.pass()?,
            }
            Ok::<_, Malformed>(())
        })?;
        if !is_thought {
            return Ok(None);
        }
        let Readable::OwnAnd(own) = self.readable else { return Ok(Some(Thought::Foreign)) };
        let Some(span) = signature else { return Ok(Some(Thought::Foreign)) };
        let written = &block[span.start + 1..span.end - 1];
        if written.is_empty() {
            return Ok(Some(Thought::Foreign));
        }
        Ok(match Signature::mark_of(written) {
            Some((issuer, length)) if issuer == own => {
                let from = span.start + 1;
                Some(Thought::Own { mark: from..from + length })
            }
            Some(_) => Some(Thought::Foreign),
            // What stands for a signature of another dialect's part.
            None if Signature::is_marked(written) => Some(Thought::Foreign),
            None => None,
        })
    }

    fn apply(&mut self) -> Vec<u8> {
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

enum Thought {
    Foreign,
    /// Where in the block its mark stands.
    Own {
        mark: Range<usize>,
    },
}

/// Said where a turn held nothing but thoughts: content must not be empty.
const SILENCE: &[u8] = br#"{"type":"text","text":"\u2026"}"#;

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: Issuer = Issuer(7);

    #[track_caller]
    fn check(readable: Readable, content: &str, expected: &str, dropped: &[&str]) {
        let body = |content: &str| {
            format!(
                r#"{{ "messages":[{{"role":"user","content":"x"}}, {{"content": [{content}] ,"role":"assistant"}}],"model":"m"}}"#
            )
        };
        let (out, places) = with_readable_thoughts(body(content).as_bytes(), readable).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), body(expected));
        assert_eq!(places, dropped);
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
        let readable = Readable::OwnAnd(OWN);
        check(readable, &format!("{bare} , {text},{call}"), &format!("{bare} , {text},{call}"), &[]);
        check(readable, &format!("{own} , {text}"), &format!("{bare} , {text}"), &[]);
        check(readable, &format!("{foreign}, {text} ,{call}"), &format!("{text},{call}"), &["messages.1.content.0"]);
        check(readable, &format!("{own},{unsigned},{text}"), &format!("{bare},{text}"), &["messages.1.content.1"]);
        check(readable, &format!("{text},{own},{after}"), &format!("{text},{bare}"), &["messages.1.content.2"]);
        check(readable, foreign, r#"{"type":"text","text":"\u2026"}"#, &["messages.1.content.0"]);
        check(Readable::None, &format!("{bare},{own},{call}"), call, &["messages.1.content.0", "messages.1.content.1"]);
    }
}
