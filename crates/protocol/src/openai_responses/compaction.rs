//! Compaction: a conversation made shorter, as an item that only who made it can read.
//!
//! `POST /v1/responses/compact` answers with the user's messages and, behind them, one item of the type `compaction`; all
//! of them together are the `input` that a later request begins with.
//!
//! Sources: OpenAI's API reference, "compact a response", and its guide "compaction"; the Open Responses specification of
//! 2026-04-24 (`CompactResource`, `ItemField`); Codex CLI, `codex-api/src/endpoint/compact.rs`, whose history becomes the
//! items of `output`. Azure ("compact a conversation") and xAI ("context compaction") have the same path.

use std::{borrow::Cow, ops::Range};

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

/// What of a request's input stays word for word beside its compaction.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// As items of an output, with commas between.
    pub items: Vec<u8>,
    /// The places in `input` of messages of which pictures, recordings or files do not stay, from 0.
    pub without_media: Vec<usize>,
}

/// Finds what of a request's input stays: the operator's messages, and of the user's the last ones.
///
/// Of these there are texts of no more than `bytes_max` together, the oldest cut where it has no room, and as many bytes of
/// all else. `name` is unique to the response.
///
/// # Errors
/// When the body is not a JSON object.
pub fn kept_messages(body: &[u8], name: &str, bytes_max: usize) -> Result<Kept, Malformed> {
    let mut messages = Vec::new();
    Reader::new(body)?.object(|reader, name| {
        match (name, reader.kind()?) {
            ("input", Kind::String) => messages.push(Message { number: 0, role: "user", content: reader.raw()? }),
            ("input", Kind::Array) => {
                let mut number = 0;
                reader.array(|reader| {
                    messages.extend(Message::read(reader.raw()?, number)?);
                    number += 1;
                    Ok::<_, Malformed>(())
                })?;
            }
            _ => reader.pass()?,
        }
        Ok::<_, Malformed>(())
    })?;
    let mut room = Room { text: bytes_max, media: bytes_max };
    let mut without_media = Vec::new();
    let mut contents = Vec::with_capacity(messages.len());
    for message in messages.iter().rev() {
        let (content, is_whole) =
            if message.role == "user" { room.fit(message.content)? } else { (Some(message.list()), true) };
        if !is_whole {
            without_media.push(message.number);
        }
        contents.extend(content.map(|content| (message.role, content)));
    }
    without_media.reverse();
    let mut items = Vec::new();
    for (number, (role, content)) in contents.iter().rev().enumerate() {
        if number > 0 {
            items.push(b',');
        }
        write_message(&mut items, &format!("msg_rl_{name}_{number}"), role, content);
    }
    Ok(Kept { items, without_media })
}

/// A message of the user's or the operator's.
struct Message<'a> {
    /// Its place in `input`, from 0.
    number: usize,
    role: &'static str,
    /// As it was written: a string or a list of parts.
    content: &'a str,
}

impl<'a> Message<'a> {
    fn read(raw: &'a str, number: usize) -> Result<Option<Self>, Malformed> {
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
        Ok(role.zip(content).map(|(role, content)| Self { number, role, content }))
    }

    fn list(&self) -> Cow<'a, str> {
        if self.content.starts_with('[') {
            self.content.into()
        } else {
            format!("[{}]", text_part(self.content)).into()
        }
    }
}

fn text_part(written: &str) -> String {
    format!(r#"{{"type":"input_text","text":{written}}}"#)
}

/// How many bytes may still stay.
struct Room {
    text: usize,
    media: usize,
}

impl Room {
    /// The list of parts of a message of the user's that stay, and whether all that is no text does.
    fn fit<'a>(&mut self, content: &'a str) -> Result<(Option<Cow<'a, str>>, bool), Malformed> {
        if !content.starts_with('[') {
            return Ok((self.fit_text(content).map(|text| format!("[{}]", text_part(&text)).into()), true));
        }
        let (mut kept, mut has_all, mut is_whole) = (Vec::new(), true, true);
        wire::elements(&mut Reader::of(content), |reader| {
            let raw = reader.raw()?;
            let text = match wire::member_text(raw, "type")?.is_some_and(|kind| kind.is("input_text")) {
                true => written_text(raw)?,
                false => None,
            };
            match text {
                Some(text) if text.len() <= self.text => {
                    self.text -= text.len();
                    kept.push(Cow::Borrowed(raw));
                }
                Some(text) => {
                    has_all = false;
                    kept.extend(self.fit_text(text).map(|text| Cow::Owned(text_part(&text))));
                }
                None if raw.len() <= self.media => {
                    self.media -= raw.len();
                    kept.push(Cow::Borrowed(raw));
                }
                None => is_whole = false,
            }
            Ok::<_, Malformed>(())
        })?;
        let list = match &kept[..] {
            [] => None,
            _ if has_all && is_whole => Some(Cow::Borrowed(content)),
            kept => Some(format!("[{}]", kept.join(",")).into()),
        };
        Ok((list, is_whole))
    }

    /// A text as it is written, cut where there is no room for all of it.
    fn fit_text<'a>(&mut self, written: &'a str) -> Option<Cow<'a, str>> {
        let room = std::mem::replace(&mut self.text, 0);
        if written.len() <= room {
            self.text = room - written.len();
            return Some(written.into());
        }
        let text = wire::text(&mut Reader::of(written)).ok()??;
        let text = text.decode();
        let end = text.floor_char_boundary(room);
        if end == 0 {
            return None;
        }
        let mut cut = Vec::new();
        let mut object = Object::new(&mut cut);
        object.text("text", &Text::plain(format!("{} [...]", &text[..end])));
        object.end();
        let cut = String::from_utf8(cut).ok()?;
        Some(cut[r#"{"text":"#.len()..cut.len() - 1].to_owned().into())
    }
}

/// The text of a part, as it is written.
fn written_text(part: &str) -> Result<Option<&str>, Malformed> {
    let mut text = None;
    wire::members(&mut Reader::of(part), |reader, name| {
        match name {
            "text" if reader.kind()? == Kind::String => text = Some(reader.raw()?),
            _ => reader.pass()?,
        }
        Ok::<_, Malformed>(())
    })?;
    Ok(text)
}

fn write_message(out: &mut Vec<u8>, id: &str, role: &str, content: &str) {
    let mut message = Object::new(out);
    message.word("id", id);
    message.word("type", "message");
    message.word("status", "completed");
    message.word("role", role);
    message.raw("content", content);
    message.end();
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
    /// As [`Kept::items`] has them.
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

/// Whether an answer holds a compaction.
pub fn holds_compaction(answer: &[u8]) -> bool {
    let mut holds = false;
    let read = Reader::new(answer).and_then(|mut reader| {
        reader.object(|reader, name| {
            if name != "output" || reader.kind()? != Kind::Array {
                return reader.pass();
            }
            reader.array(|reader| {
                let kind = wire::member_text(reader.raw()?, "type")?;
                holds |= kind.is_some_and(|kind| is_compaction(kind.written()));
                Ok::<_, Malformed>(())
            })
        })
    });
    read.is_ok() && holds
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
        let kept = |body: &str, most| text(kept_messages(body.as_bytes(), "n", most).unwrap().items);
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
        // A string counts with its quotes.
        let cut =
            [message("user", &said("f [...]"), 1), message("user", &said("b"), 2), message("user", &said("last"), 3)];
        assert_eq!(kept(body, 10), format!("{brief},{}", cut.join(",")));
        assert_eq!(kept(body, 6), [brief.clone(), message("user", &said("last"), 1)].join(","));
        assert_eq!(kept(body, 0), brief);
        assert_eq!(kept(r#"{"input":"h\"i"}"#, 99), message("user", &said("h\\\"i"), 0));
        assert_eq!(kept(r#"{"input":null}"#, 99), "");
    }

    #[test]
    fn a_picture_too_large_to_stay_takes_no_words_with_it() {
        let picture = format!(r#"{{"type":"input_image","image_url":"data:image/png;base64,{}"}}"#, "A".repeat(200));
        let small = r#"{"type":"input_image","image_url":"https://a/b"}"#;
        let (first, last) = (r#"{"type":"input_text","text":"first"}"#, r#"{"type":"input_text","text":"fix this"}"#);
        let body = format!(
            r#"{{"input":[{{"role":"user","content":[{first},{small}]}},{{"role":"user","content":[{picture}]}},{{"role":"user","content":[{last}, {picture}]}}]}}"#
        );
        let kept = kept_messages(body.as_bytes(), "n", 100).unwrap();
        assert_eq!(kept.without_media, [1, 2]);
        let items: serde_json::Value = serde_json::from_str(&format!("[{}]", text(kept.items))).unwrap();
        let contents: Vec<_> = items.as_array().unwrap().iter().map(|item| item["content"].to_string()).collect();
        let list = |parts: &str| serde_json::from_str::<serde_json::Value>(&format!("[{parts}]")).unwrap().to_string();
        assert_eq!(contents, [list(&format!("{first},{small}")), list(last)]);
        let kept = kept_messages(body.as_bytes(), "n", 10_000).unwrap();
        assert!(kept.without_media.is_empty() && text(kept.items).contains(&format!("[{last}, {picture}]")));
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
