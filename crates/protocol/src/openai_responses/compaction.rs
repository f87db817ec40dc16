//! Compaction: a conversation made shorter, as an item that only who made it can read.
//!
//! `POST /v1/responses/compact` answers with the user's messages and, behind them, one item of the type `compaction`; all
//! of them together are the `input` that a later request begins with.
//!
//! Sources: OpenAI's API reference, "compact a response", and its guide "compaction"; the Open Responses specification of
//! 2026-04-24 (`CompactResource`, `ItemField`); Codex CLI, `codex-api/src/endpoint/compact.rs`, whose history becomes the
//! items of `output`. Azure ("compact a conversation") and xAI ("context compaction") have the same path.

use std::ops::Range;

use super::{Encoder, Identity, tokens};
use crate::{
    chat::{Answer, Body, Choice, Dialect, Issuer, Json, Part, Signature, Stop, Text},
    json::{Kind, Malformed, Object, Reader},
    usage::Usage,
    wire,
};

/// What `encrypted_content` begins with where the gateway sealed it.
pub const SEALED_HERE: &str = "rlc1-";

/// Whether an item stands for turns that its maker compacted; the second is Codex's older name.
pub(super) fn is_compaction(kind: &str) -> bool {
    matches!(kind, "compaction" | "compaction_summary")
}

/// A compaction item of the gateway's own in the input of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedItem {
    /// Where the item stands in the body.
    pub span: Range<usize>,
    /// Its place in `input`, from 0.
    pub number: usize,
    /// What stands behind [`SEALED_HERE`].
    pub sealed: String,
}

/// Finds the items that the gateway sealed, in their order.
///
/// # Errors
/// When the body is not a JSON object.
pub fn sealed_here(body: &[u8]) -> Result<Vec<SealedItem>, Malformed> {
    let mut found = Vec::new();
    input(body, |number, span, raw| {
        if !raw.contains(SEALED_HERE) {
            return Ok(());
        }
        let kind = wire::member_text(raw, "type")?.unwrap_or_default();
        let content = wire::member_text(raw, "encrypted_content")?.unwrap_or_default();
        if let Some(sealed) = content.decode().strip_prefix(SEALED_HERE).filter(|_| is_compaction(kind.written())) {
            found.push(SealedItem { span, number, sealed: sealed.to_owned() });
        }
        Ok(())
    })?;
    Ok(found)
}

/// Calls `take` with the number, the place and the JSON of each item of `input`.
pub(super) fn input<'b>(
    body: &'b [u8],
    mut take: impl FnMut(usize, Range<usize>, &'b str) -> Result<(), Malformed>,
) -> Result<(), Malformed> {
    let mut number = 0;
    Reader::new(body)?.object(|reader, name| {
        if name != "input" || reader.kind()? != Kind::Array {
            return reader.pass();
        }
        reader.array(|reader| {
            let start = reader.offset();
            let raw = reader.raw()?;
            take(number, start..start + raw.len(), raw)?;
            number += 1;
            Ok::<_, Malformed>(())
        })
    })
}

/// The body with messages of the user's in the place of items, in the order of their places. Every other byte stays as
/// sent.
///
/// `places` must be of the same body.
pub fn with_messages(body: &[u8], places: &[(Range<usize>, String)]) -> Vec<u8> {
    let (mut out, mut at) = (Vec::with_capacity(body.len()), 0);
    for (span, text) in places {
        out.extend_from_slice(&body[at..span.start]);
        let mut message = Object::new(&mut out);
        message.word("type", "message");
        message.word("role", "user");
        message.text("content", &Text::plain(&**text));
        message.end();
        at = span.end;
    }
    out.extend_from_slice(&body[at..]);
    out
}

/// What of a request's input stays word for word beside its compaction, as items of an output with commas between.
///
/// That is the operator's messages, and of the user's the last ones that are no longer than `bytes_max` together. `name`
/// is unique to the response.
///
/// # Errors
/// When the body is not a JSON object.
pub fn kept_messages(body: &[u8], name: &str, bytes_max: usize) -> Result<Vec<u8>, Malformed> {
    let mut messages = Vec::new();
    let mut plain = None;
    Reader::new(body)?.object(|reader, name| {
        match name {
            "input" if reader.kind()? == Kind::String => plain = Some(reader.raw()?),
            _ => reader.pass()?,
        }
        Ok::<_, Malformed>(())
    })?;
    input(body, |_, _, raw| {
        messages.extend(Message::read(raw)?);
        Ok(())
    })?;
    messages.extend(plain.map(|content| Message { role: "user", content }));
    let mut room = bytes_max;
    let mut has_room = true;
    messages.reverse();
    messages.retain(|message| {
        if message.role != "user" {
            return true;
        }
        has_room &= message.content.len() <= room;
        room = room.saturating_sub(message.content.len());
        has_room
    });
    let mut out = Vec::new();
    for (number, message) in messages.iter().rev().enumerate() {
        if number > 0 {
            out.push(b',');
        }
        message.write(&mut out, &format!("msg_rl_{name}_{number}"));
    }
    Ok(out)
}

/// A message of the user's or the operator's.
struct Message<'a> {
    role: &'static str,
    /// As it was written: a string or a list of parts.
    content: &'a str,
}

impl<'a> Message<'a> {
    fn read(raw: &'a str) -> Result<Option<Self>, Malformed> {
        let (mut kind, mut role, mut content) = (None, None, None);
        wire::members(&mut Reader::of(raw), |reader, name| {
            match name {
                "type" => kind = wire::text(reader)?,
                "role" => role = wire::text(reader)?,
                "content" if matches!(reader.kind()?, Kind::String | Kind::Array) => content = Some(reader.raw()?),
                _ => reader.pass()?,
            }
            Ok::<_, Malformed>(())
        })?;
        let role = match role.as_ref().map(Text::written) {
            _ if kind.is_some_and(|kind| !kind.is("message")) => None,
            Some("user") => Some("user"),
            Some("system") => Some("system"),
            Some("developer") => Some("developer"),
            _ => None,
        };
        Ok(role.zip(content).map(|(role, content)| Self { role, content }))
    }

    fn write(&self, out: &mut Vec<u8>, id: &str) {
        let mut message = Object::new(out);
        message.word("id", id);
        message.word("type", "message");
        message.word("status", "completed");
        message.word("role", self.role);
        if self.content.starts_with('[') {
            message.raw("content", self.content);
        } else {
            let mut list = message.array("content");
            let mut part = list.object();
            part.word("type", "input_text");
            part.raw("text", self.content);
            part.end();
            list.end();
        }
        message.end();
    }
}

/// The events of an answer as a stream, by its own name.
pub fn stream_of(answer: &Answer<'_>, identity: Identity) -> Vec<u8> {
    let mut encoder = Encoder::new("");
    encoder.introduce(identity);
    let mut out = Vec::new();
    answer.events(&mut |event| {
        encoder.event(&event, &mut out).expect("nothing is held back of what is whole");
    });
    out
}

/// A conversation that was compacted here.
#[derive(Clone, Debug)]
pub struct Compacted<'c> {
    /// Unique to it, and made of letters, digits, `-` and `_`.
    pub name: &'c str,
    /// In Unix seconds.
    pub created: i64,
    /// As [`kept_messages`] gives them.
    pub kept: &'c [u8],
    /// What stands for the rest, with [`SEALED_HERE`] in front.
    pub sealed: &'c str,
    pub usage: Usage,
}

impl Compacted<'_> {
    fn item(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.sealed.len() + 128);
        let mut item = Object::new(&mut out);
        item.word("id", &format!("cmp_rl_{}", self.name));
        item.word("type", "compaction");
        item.word("encrypted_content", self.sealed);
        item.end();
        out
    }

    /// A response that says nothing else, by `model`: what Codex CLI asks for by an item `compaction_trigger`
    /// (`core/src/compact_remote_v2.rs`), and keeps the user's messages itself.
    pub fn as_response(&self, model: &str) -> Answer<'static> {
        let item = Body::Opaque { dialect: Dialect::OpenaiResponses, json: Json::built(self.item()) };
        let mut answer = Answer::new(Dialect::OpenaiResponses);
        answer.model = Some(Text::plain(model.to_owned()));
        answer.usage = Some(self.usage);
        answer.choices.push(Choice { parts: vec![Part::new(item)], stop: Some(Stop::Finished), ..Choice::default() });
        answer
    }

    /// Writes the body of the answer.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.kept.len() + self.sealed.len() + 512);
        let mut object = Object::new(&mut out);
        object.word("id", &format!("resp_{}", self.name));
        object.word("object", "response.compaction");
        object.number("created_at", self.created);
        let mut list = object.array("output");
        if !self.kept.is_empty() {
            list.next().extend_from_slice(self.kept);
        }
        list.next().extend(self.item());
        list.end();
        tokens::write(&mut object, &self.usage, None);
        object.end();
        out
    }
}

/// An answer of a vendor's with its compactions marked with the deployment that alone can read them. Every other byte stays
/// as it was.
///
/// # Errors
/// When it is not a JSON object.
pub fn with_issuer(answer: &[u8], issuer: Issuer) -> Result<Vec<u8>, Malformed> {
    let mut places = Vec::new();
    Reader::new(answer)?.object(|reader, name| {
        if name != "output" || reader.kind()? != Kind::Array {
            return reader.pass();
        }
        reader.array(|reader| {
            let start = reader.offset();
            let raw = reader.raw()?;
            places.extend(seal_in(raw)?.map(|at| start + at));
            Ok::<_, Malformed>(())
        })
    })?;
    let blank = Signature { text: Text::default(), issuer: Some(issuer) };
    let mark = blank.marked();
    let (mut out, mut at) = (Vec::with_capacity(answer.len() + places.len() * mark.written().len()), 0);
    for place in places {
        out.extend_from_slice(&answer[at..place]);
        out.extend_from_slice(mark.written().as_bytes());
        at = place;
    }
    out.extend_from_slice(&answer[at..]);
    Ok(out)
}

/// Where the seal of a compaction item begins that nobody has marked.
fn seal_in(raw: &str) -> Result<Option<usize>, Malformed> {
    let kind = wire::member_text(raw, "type")?.unwrap_or_default();
    if !is_compaction(kind.written()) {
        return Ok(None);
    }
    let mut place = None;
    wire::members(&mut Reader::of(raw), |reader, name| {
        if name == "encrypted_content" && reader.kind()? == Kind::String {
            let start = reader.offset();
            place = Some(start + 1).filter(|_| !is_marked(reader.raw().unwrap_or_default().trim_matches('"')));
            return Ok(());
        }
        reader.pass()
    })?;
    Ok(place)
}

fn is_marked(sealed: &str) -> bool {
    sealed.is_empty() || sealed.starts_with(SEALED_HERE) || Signature::is_marked(sealed)
}

/// A vendor's compaction: its seal, and who made it where that is known; `None` for any other item.
pub(super) fn seal_of(raw: &str) -> Option<Signature<'_>> {
    let kind = wire::member_text(raw, "type").ok()??;
    let sealed = wire::member_text(raw, "encrypted_content").ok()??;
    is_compaction(kind.written()).then(|| Signature::read(sealed))
}

/// Writes an item with another seal.
pub(super) fn write_with_seal(out: &mut Vec<u8>, raw: &str, seal: &Text<'_>) -> Result<(), Malformed> {
    let mut object = Object::new(out);
    wire::members(&mut Reader::of(raw), |reader, name| {
        match name {
            "encrypted_content" => {
                reader.pass()?;
                object.text(name, seal);
            }
            _ => object.foreign(name, reader.raw()?),
        }
        Ok::<_, Malformed>(())
    })?;
    object.end();
    Ok(())
}

/// Writes an item that a response said for a later request: its seal marked with who made it.
pub(super) fn write_said(out: &mut Vec<u8>, raw: &str, issuer: Issuer) -> Result<(), Malformed> {
    match seal_of(raw).filter(|seal| !is_marked(seal.text.written())) {
        Some(mut seal) => {
            seal.issuer.get_or_insert(issuer);
            write_with_seal(out, raw, &seal.marked())
        }
        None => {
            out.extend_from_slice(raw.as_bytes());
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: Vec<u8>) -> String {
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn what_was_sealed_here_becomes_a_message_and_nothing_else_changes() {
        let body = r#"{ "model":"m", "input" : [ {"role":"user","content":"rlc1-x"},
            {"id":"cmp_1","type":"compaction","encrypted_content":"rlc1-ab_-"} , {"type":"compaction","encrypted_content":"gAAA"},
            {"type":"reasoning","encrypted_content":"rlc1-no"},{"type":"compaction_summary","encrypted_content":"rlc1-cd"} ],"x":1.0}"#;
        let found = sealed_here(body.as_bytes()).unwrap();
        let seen: Vec<_> = found.iter().map(|item| (item.number, &*item.sealed)).collect();
        assert_eq!(seen, [(1, "ab_-"), (4, "cd")]);
        let places = [(found[0].span.clone(), "a\"b\n".to_owned()), (found[1].span.clone(), String::new())];
        let expected = body
            .replace(
                r#"{"id":"cmp_1","type":"compaction","encrypted_content":"rlc1-ab_-"}"#,
                r#"{"type":"message","role":"user","content":"a\"b\n"}"#,
            )
            .replace(
                r#"{"type":"compaction_summary","encrypted_content":"rlc1-cd"}"#,
                r#"{"type":"message","role":"user","content":""}"#,
            );
        assert_eq!(text(with_messages(body.as_bytes(), &places)), expected);
        assert_eq!(sealed_here(br#"{"input":"rlc1-"}"#), Ok(Vec::new()));
        assert!(sealed_here(b"[]").is_err());
    }

    #[test]
    fn the_last_messages_of_the_user_stay_and_all_of_the_operator() {
        let kept = |body: &str, most| text(kept_messages(body.as_bytes(), "n", most).unwrap());
        let body = r#"{"input":[{"role":"developer","content":"be brief, and polite"},{"role":"user","content":"first"},
            {"type":"message","role":"assistant","content":"a"},{"type":"function_call","call_id":"c"},
            {"type":"compaction","encrypted_content":"x"},{"id":"i","type":"message","role":"user","content":[{"type":"input_text","text":"b"}]},
            {"role":"user","content":"last"}]}"#;
        let message = |role: &str, content: &str, number: u32| {
            format!(
                r#"{{"id":"msg_rl_n_{number}","type":"message","status":"completed","role":"{role}","content":{content}}}"#
            )
        };
        let said = |words: &str| format!(r#"[{{"type":"input_text","text":"{words}"}}]"#);
        let brief = message("developer", &said("be brief, and polite"), 0);
        let all = [
            brief.clone(),
            message("user", &said("first"), 1),
            message("user", &said("b"), 2),
            message("user", &said("last"), 3),
        ];
        assert_eq!(kept(body, 1_000), all.join(","));
        assert_eq!(kept(body, 10), [brief.clone(), message("user", &said("last"), 1)].join(","));
        assert_eq!(kept(body, 0), brief);
        assert_eq!(kept(r#"{"input":"h\"i"}"#, 99), message("user", &said("h\\\"i"), 0));
        assert_eq!(kept(r#"{"input":null}"#, 99), "");
    }

    #[test]
    fn an_answer_is_written_as_the_reference_has_it() {
        let usage = Usage { input: 10, cache_read: 4, output: 5, ..Usage::default() };
        let whole = Compacted { name: "x", created: 7, kept: b"{\"a\":1}", sealed: "rlc1-s", usage };
        let written: serde_json::Value = serde_json::from_slice(&whole.encode()).unwrap();
        assert_eq!((&written["id"], &written["object"]), (&"resp_x".into(), &"response.compaction".into()));
        assert_eq!(written["output"][1]["encrypted_content"], "rlc1-s");
        assert_eq!(written["usage"]["total_tokens"], 19);
        let bare = Compacted { kept: b"", ..whole };
        let written: serde_json::Value = serde_json::from_slice(&bare.encode()).unwrap();
        assert_eq!(written["output"].as_array().unwrap().len(), 1);
    }

    #[test]
    fn a_vendors_seal_is_marked_once_and_the_rest_stays() {
        let answer = r#"{"output":[ {"type":"message","encrypted_content":"m"},{"encrypted_content" : "gA\u0041","type":"compaction", "new":1.0}], "z":2}"#;
        let marked = text(with_issuer(answer.as_bytes(), Issuer(0xbeef)).unwrap());
        assert_eq!(marked, answer.replace("gA\\u0041", "rl1-000000000000beef-gA\\u0041"));
        assert_eq!(text(with_issuer(marked.as_bytes(), Issuer(1)).unwrap()), marked);
        let item = r#"{"type":"compaction","encrypted_content":"gAAA","id":"cmp_1"}"#;
        let mut said = Vec::new();
        write_said(&mut said, item, Issuer(0xbeef)).unwrap();
        assert_eq!(text(said), item.replace("gAAA", "rl1-000000000000beef-gAAA"));
        assert_eq!(seal_of(item).unwrap().text.written(), "gAAA");
        assert!(seal_of(r#"{"type":"reasoning","encrypted_content":"gAAA"}"#).is_none());
    }
}
