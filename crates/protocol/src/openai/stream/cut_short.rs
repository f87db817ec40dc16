//! The event that ends a stream before its time, in the words of the stream itself.

use crate::{
    json::{Kind, Malformed, Reader, push_string},
    openai::error::{self, ErrorBody},
};

/// An event that ends the choices of `unfinished` (one bit an index) with the reason `length`.
///
/// To a client it is as if the model had met its own limit; it knows what to do then. `stop` says under
/// `roundelay.stop` what the limit was. `last` is the data of a chunk of the same stream: its `id`, `object`,
/// `created` and `model` are said again, as they were written; what it lacks is left out. The whole event: `data: `,
/// one line, and an empty line.
pub fn cut_short(last: &[u8], unfinished: u128, stop: &str) -> Vec<u8> {
    let stream = Identity::read(last);
    let mut out = stream.begin();
    out.extend(b"\"choices\":[");
    push_choices(&mut out, unfinished, stream.is_legacy());
    out.extend(b"],\"roundelay\":{\"stop\":");
    push_string(&mut out, stop);
    out.extend(b"}}\n\n");
    out
}

/// An event that counts tokens, for a stream whose provider's own count did not come; `cost` is a JSON number.
pub fn counted(last: &[u8], prompt: u64, completion: u64, cost: Option<&str>) -> Vec<u8> {
    let mut out = Identity::read(last).begin();
    let cost = cost.map(|cost| format!(",\"cost\":{cost}")).unwrap_or_default();
    let total = prompt.saturating_add(completion);
    out.extend(
        format!(
            "\"choices\":[],\"usage\":{{\"prompt_tokens\":{prompt},\"completion_tokens\":{completion},\"total_tokens\":{total}{cost}}}}}\n\n"
        )
        .bytes(),
    );
    out
}

/// An event that ends the stream with an error, as [`error::event`] has it.
///
/// `last` is the data of a chunk of that stream; `None` where it is no chunk. `attempts`, a list in JSON, is told under
/// `roundelay.attempts`.
pub fn broken(last: &[u8], error: &ErrorBody<'_>, attempts: Option<&str>) -> Option<Vec<u8>> {
    let stream = Identity::read(last);
    stream.id?;
    let content = if stream.is_legacy() { r#""text":"""# } else { r#""delta":{}"# };
    let mut out = stream.begin();
    out.extend(format!(r#""choices":[{{"index":0,{content},"finish_reason":"error"}}],"#).bytes());
    if let Some(attempts) = attempts {
        out.extend(format!(r#""roundelay":{{"attempts":{attempts}}},"#).bytes());
    }
    // An object of one member, whose beginning is there.
    out.extend(&error::body(error)[1..]);
    out.extend(b"\n\n");
    Some(out)
}

fn push_choices(out: &mut Vec<u8>, unfinished: u128, is_legacy: bool) {
    let content = if is_legacy { r#""text":"""# } else { r#""delta":{}"# };
    let indices = (0..u128::BITS).filter(|index| unfinished >> index & 1 == 1);
    for (position, index) in indices.enumerate() {
        let comma = if position == 0 { "" } else { "," };
        out.extend(format!(r#"{comma}{{"index":{index},{content},"finish_reason":"length"}}"#).bytes());
    }
}

/// What every chunk of a stream has in common, as written.
#[derive(Default)]
struct Identity<'a> {
    id: Option<&'a str>,
    object: Option<&'a str>,
    created: Option<&'a str>,
    model: Option<&'a str>,
}

impl<'a> Identity<'a> {
    /// The beginning of an event of the same stream, up to what is its own.
    fn begin(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(256);
        out.extend(b"data: {");
        for (name, value) in self.members() {
            push_string(&mut out, name);
            out.push(b':');
            out.extend(value.as_bytes());
            out.push(b',');
        }
        out
    }

    /// Of what is no chunk: nothing.
    fn read(chunk: &'a [u8]) -> Self {
        let mut identity = Self::default();
        let Ok(mut reader) = Reader::new(chunk) else { return identity };
        let read = reader.object(|reader, key| {
            let place = match key {
                "id" => &mut identity.id,
                "object" => &mut identity.object,
                "created" => &mut identity.created,
                "model" => &mut identity.model,
                _ => return reader.pass(),
            };
            *place = scalar(reader)?;
            Ok::<_, Malformed>(())
        });
        if read.is_ok() { identity } else { Self::default() }
    }

    fn members(&self) -> impl Iterator<Item = (&'static str, &'a str)> {
        let members =
            [("id", self.id), ("object", self.object), ("created", self.created), ("model", self.model)].into_iter();
        members.filter_map(|(name, value)| value.map(|value| (name, value)))
    }

    fn is_legacy(&self) -> bool {
        self.object == Some("\"text_completion\"")
    }
}

/// Only what is known to stand in one line: a line end in an object would end the event's line.
fn scalar<'a>(reader: &mut Reader<'a>) -> Result<Option<&'a str>, Malformed> {
    let kind = reader.kind()?;
    let raw = reader.raw()?;
    Ok(matches!(kind, Kind::String | Kind::Number).then_some(raw))
}

/// The `system_fingerprint` of a chunk, as it is written there; `None` where it has none that is a text.
pub fn fingerprint(chunk: &[u8]) -> Option<&str> {
    let mut found = None;
    let read = Reader::new(chunk).and_then(|mut reader| {
        reader.object(|reader, key| {
            if key != "system_fingerprint" {
                return reader.pass();
            }
            found = if reader.kind()? == Kind::String { Some(reader.raw()?) } else { return reader.pass() };
            Ok::<_, Malformed>(())
        })
    });
    read.ok().and(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::openai::{Finish, chunk::Chunk};

    /// The event after `last` is `data: `, then this.
    #[track_caller]
    fn check(last: &str, unfinished: u128, expected: &str) {
        let event = String::from_utf8(cut_short(last.as_bytes(), unfinished, "balance")).unwrap();
        assert_eq!(event, format!("data: {expected}\n\n"));
        let chunk = Chunk::scan(&event.as_bytes()["data: ".len()..]).unwrap();
        assert_eq!((chunk.finished, chunk.seen), (unfinished, unfinished));
        assert_eq!(chunk.finish, (unfinished != 0).then_some(Finish::Length));
        assert!(!chunk.is_error && !chunk.has_content() && !chunk.usage_only);
    }

    #[test]
    fn a_stream_that_is_cut_short_ends_in_its_own_words() {
        check(
            r#"{"id":"c-1\u00e9","object":"chat.completion.chunk","created":1700000000,"model":"m/\"x\"","choices":[{"index":0,"delta":{"content":"model"}}],"system_fingerprint":"f"}"#,
            1,
            r#"{"id":"c-1\u00e9","object":"chat.completion.chunk","created":1700000000,"model":"m/\"x\"","choices":[{"index":0,"delta":{},"finish_reason":"length"}],"roundelay":{"stop":"balance"}}"#,
        );
        check(
            "{\n \"choices\" : [],\n \"model\" : \"m\" ,\n \"object\" : \"text_completion\",\n \"id\" : \"c\" }",
            0b110,
            r#"{"id":"c","object":"text_completion","model":"m","choices":[{"index":1,"text":"","finish_reason":"length"},{"index":2,"text":"","finish_reason":"length"}],"roundelay":{"stop":"balance"}}"#,
        );
    }

    #[test]
    fn no_last_chunk_breaks_the_event() {
        const BARE: &str =
            r#"{"choices":[{"index":127,"delta":{},"finish_reason":"length"}],"roundelay":{"stop":"balance"}}"#;
        check("", 1 << 127, BARE);
        check("[1]", 1 << 127, BARE);
        check(r#"{"id":"c","model":"#, 1 << 127, BARE);
        check("{\"id\":null,\"model\":{\n},\"created\":[\n1]}", 1 << 127, BARE);
        check("{}", 0, r#"{"choices":[],"roundelay":{"stop":"balance"}}"#);
    }

    #[test]
    fn the_reason_is_escaped() {
        let event = cut_short(b"{}", 1, "a\"\nb");
        let value: serde_json::Value = serde_json::from_slice(&event[b"data: ".len()..]).unwrap();
        assert_eq!(value["roundelay"]["stop"], "a\"\nb");
    }

    #[test]
    fn a_stream_that_breaks_off_says_so_in_its_own_words() {
        let error = ErrorBody { message: "it \"broke\"", kind: "upstream_error", ..ErrorBody::default() };
        let last = br#"{"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[]}"#;
        for (attempts, told) in [(None, ""), (Some("[{}]"), r#""roundelay":{"attempts":[{}]},"#)] {
            let expected = format!(
                r#"data: {{"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{{"index":0,"delta":{{}},"finish_reason":"error"}}],{told}"error":{{"message":"it \"broke\"","type":"upstream_error","param":null,"code":null}}}}{}"#,
                "\n\n"
            );
            assert_eq!(String::from_utf8(broken(last, &error, attempts).unwrap()).unwrap(), expected);
        }
        assert_eq!(broken(b"", &error, None), None);
        assert_eq!(broken(b"{\"model\":\"m\"}", &error, None), None);
    }

    #[test]
    fn a_fingerprint_is_found_where_there_is_one() {
        for (chunk, found) in [
            (r#"{"choices":[],"system_fingerprint": "fp_\u0031" }"#, Some(r#""fp_\u0031""#)),
            (r#"{"system_fingerprint":null}"#, None),
            (r#"{"choices":[{"system_fingerprint":"no"}]}"#, None),
            ("", None),
        ] {
            assert_eq!(fingerprint(chunk.as_bytes()), found, "{chunk}");
        }
    }
}
