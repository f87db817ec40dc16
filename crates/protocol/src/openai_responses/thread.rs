//! Conversations that go on from an earlier response, whose items somebody has kept.
//!
//! A response names the one before it; here that name is turned into what it stands for, so that any server can go on.

use std::ops::Range;

use super::{Echo, compaction, identity};
use crate::{
    chat::{Issuer, Json, Signature, Text},
    json::{Kind, Malformed, Object, Reader},
    wire,
};

/// What a request says of the conversation that it belongs to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Thread {
    /// The response that it goes on from.
    pub previous: Option<String>,
    /// Whether its response is to be kept; the dialect's habit is to.
    pub store: bool,
    /// Its vendor keeps the conversation, of which the request has a part.
    pub is_part: bool,
    /// What its response repeats of it.
    pub echo: Echo,
    previous_value: Range<usize>,
    input: Option<Range<usize>>,
    first_member: usize,
}

impl Thread {
    /// Reads the body of a request.
    ///
    /// # Errors
    /// When it is not a JSON object.
    pub fn read(body: &[u8]) -> Result<Self, Malformed> {
        let mut thread = Self::default();
        let mut reader = Reader::new(body)?;
        thread.begin(reader.offset() + 1);
        reader.object(|reader, name| thread.note(name, reader.skip()?, body))?;
        reader.end()?;
        Ok(thread)
    }

    /// Begins to read a body, whose first member is to stand there.
    pub(crate) fn begin(&mut self, first_member: usize) {
        *self = Self { store: true, first_member, ..Self::default() };
    }

    /// Reads the value of a member, which stands there in the body.
    pub(crate) fn note(&mut self, name: &str, span: Range<usize>, body: &[u8]) -> Result<(), Malformed> {
        match name {
            "previous_response_id" => {
                let id = wire::text(&mut Reader::new(&body[span.clone()])?)?;
                self.previous = id.map(|id| id.decode().into_owned()).filter(|id| !id.is_empty());
                self.previous_value = span.clone();
            }
            "store" => self.store = body[span.clone()] != *b"false",
            "conversation" => self.is_part = body[span.clone()] != *b"null",
            "input" => self.input = Some(span.clone()),
            _ => {}
        }
        self.echo.note(name, span);
        Ok(())
    }

    /// The items of the request's own input, with commas between; a plain text is a message of the user's.
    pub fn items(&self, body: &[u8]) -> Vec<u8> {
        let Some(raw) = self.input.clone().and_then(|input| body.get(input)) else { return Vec::new() };
        match raw.first() {
            Some(b'"') => [br#"{"type":"message","role":"user","content":"#.as_slice(), raw, b"}".as_slice()].concat(),
            Some(b'[') => raw[1..raw.len() - 1].trim_ascii().to_vec(),
            _ => Vec::new(),
        }
    }

    /// The body with `before`, items of the conversation so far, in front of its own, and without the name that they stood
    /// behind. Every other byte stays as sent.
    ///
    /// `body` must be the body that was read.
    pub fn continued(&self, body: &[u8], before: &[&[u8]]) -> Vec<u8> {
        let own = self.items(body);
        let length = before.iter().map(|items| items.len()).sum::<usize>() + own.len();
        let mut input = Vec::with_capacity(length + before.len() + 2);
        input.push(b'[');
        for items in before.iter().copied().chain([own.as_slice()]).filter(|items| !items.is_empty()) {
            if input.len() > 1 {
                input.push(b',');
            }
            input.extend_from_slice(items);
        }
        input.push(b']');
        let mut splices = Vec::new();
        if !self.previous_value.is_empty() {
            splices.push((self.previous_value.clone(), b"null".to_vec()));
        }
        match &self.input {
            Some(span) => splices.push((span.clone(), input)),
            None => {
                let member = [b"\"input\":".as_slice(), &input, b",".as_slice()].concat();
                splices.push((self.first_member..self.first_member, member));
            }
        }
        splices.sort_by_key(|(span, _)| span.start);
        let (mut out, mut at) = (Vec::with_capacity(body.len() + length + 16), 0);
        for (span, new) in splices {
            out.extend_from_slice(&body[at..span.start]);
            out.extend(new);
            at = span.end;
        }
        out.extend_from_slice(&body[at..]);
        out
    }
}

/// A response: its name, and what it said as a later request gives it back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// The name by which a request goes on from it.
    pub id: String,
    /// The items of its output, with commas between. Sealed thoughts are marked with the deployment that they are of;
    /// those that nobody sealed are left out where they are a vendor's, which takes them from nobody else.
    pub items: Vec<u8>,
    /// Where those items stand among them that had a name; nowhere what was left out.
    pub names: Vec<(String, Range<usize>)>,
}

/// Reads a response object; `None` when it has no name, or has failed.
///
/// # Errors
/// When it is not a JSON object.
pub fn said(response: &[u8], issuer: Issuer) -> Result<Option<Said>, Malformed> {
    let (mut id, mut output, mut has_failed) = (None, "[]", false);
    let mut reader = Reader::new(response)?;
    reader.object(|reader, name| {
        match name {
            "id" => id = wire::text(reader)?,
            "output" => output = reader.raw()?,
            "status" => has_failed = wire::text(reader)?.is_some_and(|status| status.is("failed")),
            _ => reader.pass()?,
        }
        Ok::<_, Malformed>(())
    })?;
    let Some(id) = id.filter(|id| !id.is_empty() && !has_failed) else { return Ok(None) };
    let (mut items, mut names) = (Vec::new(), Vec::new());
    wire::elements(&mut Reader::of(output), |reader| {
        if reader.kind()? != Kind::Object {
            return reader.pass();
        }
        let from = items.len();
        if from > 0 {
            items.push(b',');
        }
        let (start, raw) = (items.len(), reader.raw()?);
        if !push_item(&mut items, raw, issuer)? {
            items.truncate(from);
        }
        if let Some(name) = wire::member_text(raw, "id")?.filter(|name| !name.is_empty()) {
            names.push((name.decode().into_owned(), start.min(items.len())..items.len()));
        }
        Ok::<_, Malformed>(())
    })?;
    Ok(Some(Said { id: id.decode().into_owned(), items, names }))
}

/// Kinds of items whose name is only its vendor's: without it they say the same.
const UNNAMED: [&str; 4] = ["message", "function_call", "custom_tool_call", "reasoning"];

/// Writes an item for a request; `false` when it is of no use there.
fn push_item(out: &mut Vec<u8>, raw: &str, issuer: Issuer) -> Result<bool, Malformed> {
    let kind = wire::member_text(raw, "type")?.unwrap_or_default();
    if compaction::is_compaction(kind.written()) {
        compaction::write_said(out, raw, issuer)?;
        return Ok(true);
    }
    if !UNNAMED.contains(&kind.written()) {
        out.extend_from_slice(raw.as_bytes());
        return Ok(true);
    }
    let is_thought = kind.is("reasoning");
    let is_ours = wire::member_text(raw, "id")?.is_some_and(|id| identity::is_ours(id.written()));
    let mut is_sealed = false;
    let mut object = Object::new(out);
    wire::members(&mut Reader::of(raw), |reader, name| {
        match name {
            // By this name thoughts that nobody sealed are known to be of another vendor's model.
            "id" if is_thought && is_ours => object.raw(name, reader.raw()?),
            "id" | "status" => reader.pass()?,
            "encrypted_content" if is_thought => {
                if let Some(text) = wire::text(reader)?.filter(|text| !text.is_empty()) {
                    is_sealed = true;
                    let mut sealed = Signature::read(text);
                    sealed.issuer.get_or_insert(issuer);
                    object.text(name, &sealed.marked());
                }
            }
            _ => object.foreign(name, reader.raw()?),
        }
        Ok::<_, Malformed>(())
    })?;
    object.end();
    Ok(is_sealed || is_ours || !is_thought)
}

/// The items of a request's input one by one, each with a name, for who asks what was kept. `before` are the pieces that
/// [`Thread::continued`] takes.
pub fn named_items(pieces: &[&[u8]], name: &str) -> Vec<String> {
    let mut items = Vec::new();
    for piece in pieces {
        let list = [b"[".as_slice(), *piece, b"]".as_slice()].concat();
        let Ok(text) = String::from_utf8(list) else { continue };
        // What was read once is well-formed.
        let _ = wire::elements(&mut Reader::of(&text), |reader| {
            let raw = reader.raw()?;
            let number = items.len();
            items.push(named(raw, &format!("item_{name}_{number}"))?);
            Ok::<_, Malformed>(())
        });
    }
    items
}

fn named(raw: &str, name: &str) -> Result<String, Malformed> {
    let mut out = Vec::with_capacity(raw.len() + 32);
    let mut object = Object::new(&mut out);
    if wire::member_text(raw, "id")?.is_none() {
        object.text("id", &Text::plain(name));
    }
    if wire::member_text(raw, "type")?.is_none() {
        object.word("type", "message");
    }
    wire::members(&mut Reader::of(raw), |reader, key| {
        object.foreign(key, reader.raw()?);
        Ok::<_, Malformed>(())
    })?;
    object.end();
    Ok(Json::built(out).as_str().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::openai::{Operation, Request};

    const ISSUER: Issuer = Issuer(0xbeef);

    fn text(bytes: Vec<u8>) -> String {
        String::from_utf8(bytes).unwrap()
    }

    #[track_caller]
    fn check(body: &str, expected: &str) {
        let thread = Thread::read(body.as_bytes()).unwrap();
        let before: [&[u8]; 3] = [br#"{"role":"user","content":"a"}"#, b"", b"{}"];
        assert_eq!(text(thread.continued(body.as_bytes(), &before)), expected);
    }

    #[test]
    fn what_a_response_repeats_is_found_on_the_way() {
        let body = br#"{ "store": false, "tools" :[ {} ],"input":"a", "user":null, "temperature":1.0e0 , "x":[1]}"#;
        let thread = Thread::read(body).unwrap();
        assert_eq!(thread.echo, Echo::read(body).unwrap());
        assert_ne!(thread.echo, Echo::default());
    }

    #[test]
    fn a_place_is_found_while_a_request_is_scanned() {
        for body in [
            r#"{"model":"m","input":"a"}"#,
            r#" { "previous_response_id" : "resp_\"1" ,"model":"m", "store" : false , "input" : [ {"role":"user"} ]} "#,
            r#"{"model":"m","previous_response_id":null,"store":null,"input":"a","temperature":1}"#,
        ] {
            let (request, thread) = Request::scan_in_thread(body.as_bytes()).unwrap();
            assert_eq!(thread, Thread::read(body.as_bytes()).unwrap(), "{body}");
            assert_eq!(request, Request::scan(Operation::Responses, body.as_bytes()).unwrap(), "{body}");
        }
        assert!(Request::scan_in_thread(br#"{"model":"m","input":"a"} x"#).is_err());
    }

    #[test]
    fn a_conversation_goes_on_behind_what_was_kept() {
        check(
            r#"{ "model":"m", "input" : "b\"", "previous_response_id" : "resp_1", "x":1.0 }"#,
            r#"{ "model":"m", "input" : [{"role":"user","content":"a"},{},{"type":"message","role":"user","content":"b\""}], "previous_response_id" : null, "x":1.0 }"#,
        );
        check(
            r#"{"previous_response_id":"a\\\"b","input":[ {"role":"user"} , {} ]}"#,
            r#"{"previous_response_id":null,"input":[{"role":"user","content":"a"},{},{"role":"user"} , {}]}"#,
        );
        check(
            r#"{"input":[],"previous_response_id":null}"#,
            r#"{"input":[{"role":"user","content":"a"},{}],"previous_response_id":null}"#,
        );
        check(
            r#"{"previous_response_id":"r"}"#,
            r#"{"input":[{"role":"user","content":"a"},{}],"previous_response_id":null}"#,
        );
    }

    #[test]
    fn a_request_says_what_it_goes_on_from_and_whether_it_is_kept() {
        let read = |body: &str| Thread::read(body.as_bytes()).unwrap();
        let thread = read(r#"{"input":"previous_response_id","previous_response_id":"r\u00e9"}"#);
        assert_eq!((thread.previous.as_deref(), thread.store), (Some("ré"), true));
        assert!(!read(r#"{"store":false}"#).store);
        assert!(read(r#"{"conversation":"c"}"#).is_part && !read(r#"{"conversation":null}"#).is_part);
        assert!(read(r#"{"store":null,"previous_response_id":""}"#).previous.is_none());
        assert!(Thread::read(b"[]").is_err());
    }

    #[test]
    fn what_a_response_said_comes_back_without_names_and_with_its_issuer() {
        let response = r#"{"id":"resp_1","status":"completed","output":[
            {"id":"rs_1","type":"reasoning","summary":[],"encrypted_content":"E+/="},
            {"id":"rs_2","type":"reasoning","summary":[{"type":"summary_text","text":"t"}]},
            {"type":"function_call","id":"fc_1","call_id":"c","name":"f","arguments":"{}","status":"completed"},
            {"type":"web_search_call","id":"ws_1","status":"completed"}]}"#;
        let said = said(response.as_bytes(), ISSUER).unwrap().unwrap();
        assert_eq!(said.id, "resp_1");
        let named =
            |name: &str| said.names.iter().find(|(known, _)| known == name).map(|(_, at)| &said.items[at.clone()]);
        let call: &[u8] = br#"{"type":"function_call","call_id":"c","name":"f","arguments":"{}"}"#;
        assert_eq!((named("rs_2"), named("fc_1"), named("rs_3")), (Some(b"".as_slice()), Some(call), None));
        assert_eq!(
            text(said.items.clone()),
            r#"{"type":"reasoning","summary":[],"encrypted_content":"rl1-000000000000beef-E+/="},{"type":"function_call","call_id":"c","name":"f","arguments":"{}"},{"type":"web_search_call","id":"ws_1","status":"completed"}"#
        );
        assert_eq!(super::said(br#"{"id":"r","status":"failed","output":[]}"#, ISSUER), Ok(None));
        assert_eq!(super::said(br#"{"status":"completed"}"#, ISSUER), Ok(None));
    }

    #[test]
    fn items_are_told_one_by_one_with_names() {
        let items = named_items(&[br#"{"role":"user","content":"a"},{"id":"x","type":"t"}"#], "r");
        let first = r#"{"id":"item_r_0","type":"message","role":"user","content":"a"}"#;
        assert_eq!(items, [first, r#"{"id":"x","type":"t"}"#]);
    }
}
