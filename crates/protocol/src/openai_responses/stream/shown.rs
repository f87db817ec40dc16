//! What of a stream stands on the wire: enough to end it before its time in its own words.

use std::{collections::BTreeMap, ops::Range};

use bytes::Bytes;

use super::super::{answer::write_began, error, tokens};
use crate::{
    chat::{Json, Problem, Text},
    json::{Array, Kind, Malformed, Object, Reader},
    sse,
    usage::Usage,
    wire,
};

/// Follows what a caller was shown, in whole events.
#[derive(Debug)]
pub struct Shown {
    events: sse::Reader,
    begun: Begun,
    /// By their places in the output.
    items: BTreeMap<u64, Item>,
    /// Bytes of what is kept of them, about.
    kept: usize,
}

/// What every event of a stream has in common: enough to say that it failed.
#[derive(Debug, Default)]
pub struct Begun {
    /// The response as it was at its beginning.
    response: Option<String>,
    /// The number of the next event.
    sequence: u64,
}

/// An item of the output.
#[derive(Debug, Default)]
struct Item {
    added: String,
    /// As a whole, once it was told so.
    done: Option<String>,
    parts: BTreeMap<u64, Part>,
    arguments: Text<'static>,
}

#[derive(Debug, Default)]
struct Part {
    text: Text<'static>,
    /// Its text was told as a whole, and the part was.
    is_told: bool,
    is_done: bool,
    /// Its text was of this kind of event: `output_text`, `refusal`, `reasoning_text` or `reasoning_summary_text`.
    kind: String,
}

/// Bytes of items; four times what [`crate::seam::Shown::TEXT_MAX`] takes, since each is written twice and may be in escapes.
const KEPT_MAX: usize = 4 * crate::seam::Shown::TEXT_MAX;
/// What an item takes beside its text.
const ITEM_BYTES: usize = 256;

impl Default for Shown {
    fn default() -> Self {
        let events = sse::Reader::new(sse::Limits::LARGE);
        Self { events, begun: Begun::default(), items: BTreeMap::new(), kept: 0 }
    }
}

impl Shown {
    /// Learns what was shown.
    pub fn push(&mut self, bytes: Bytes) {
        self.events.push(bytes);
        while let Some(Ok(event)) = self.events.next() {
            if let Some(data) = &event.data {
                // What is no event of this dialect opens nothing.
                let _ = self.learn(data);
            }
        }
    }

    fn learn(&mut self, data: &[u8]) -> Result<(), Malformed> {
        let event = Event::read(data)?;
        self.begun.learn(&event);
        let item = event.item.map_or(0, |raw| raw.len() + ITEM_BYTES);
        self.kept = self.kept.saturating_add(event.delta.written().len()).saturating_add(item);
        let kind = event.kind.strip_prefix("response.").unwrap_or_default();
        match (kind, event.item) {
            ("output_item.added", Some(raw)) => {
                self.items.insert(event.output_index, Item { added: raw.to_owned(), ..Item::default() });
            }
            ("output_item.done", Some(raw)) => {
                let item = self.items.entry(event.output_index).or_default();
                item.done = Some(raw.to_owned());
                item.parts.clear();
            }
            ("function_call_arguments.delta" | "custom_tool_call_input.delta", _) => {
                if let Some(item) = self.items.get_mut(&event.output_index) {
                    item.arguments.push(&event.delta);
                }
            }
            ("output_text.delta" | "refusal.delta" | "reasoning_text.delta" | "reasoning_summary_text.delta", _) => {
                if let Some(item) = self.items.get_mut(&event.output_index) {
                    let part = item.parts.entry(event.part_index).or_default();
                    part.text.push(&event.delta);
                    kind.trim_end_matches(".delta").clone_into(&mut part.kind);
                }
            }
            ("output_text.done", _) => {
                let item = self.items.get_mut(&event.output_index);
                if let Some(part) = item.and_then(|item| item.parts.get_mut(&event.part_index)) {
                    part.is_told = true;
                }
            }
            ("content_part.done" | "reasoning_summary_part.done", _) => {
                let item = self.items.get_mut(&event.output_index);
                if let Some(part) = item.and_then(|item| item.parts.get_mut(&event.part_index)) {
                    part.is_done = true;
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Whether more is kept than anything is carried on behind.
    pub(crate) fn is_long(&self) -> bool {
        self.kept > KEPT_MAX
    }

    /// The number of the next event, and the response as it was at its beginning.
    pub(super) fn begun(&self) -> (u64, Option<String>) {
        (self.begun.sequence, self.begun.response.clone())
    }

    /// Where the items stand in the output.
    pub(super) fn places(&self) -> impl Iterator<Item = u64> + Clone {
        self.items.keys().copied()
    }

    /// Every item as a whole; empty where it has not ended.
    pub(super) fn whole_items(&self) -> Vec<Vec<u8>> {
        self.items.values().map(|item| item.done.clone().unwrap_or_default().into_bytes()).collect()
    }

    /// The items that have not ended: their places, and their names where more of their first text may come.
    pub(super) fn open(&self) -> impl Iterator<Item = (usize, Option<String>)> {
        let items = self.items.values().enumerate().filter(|(_, item)| item.done.is_none());
        items.map(|(place, item)| {
            let goes_on = match item.parts.first_key_value() {
                Some((0, part)) => {
                    item.parts.len() == 1 && part.kind == "output_text" && !part.is_told && !part.is_done
                }
                _ => false,
            };
            let id = wire::member_text(&item.added, "id").ok().flatten().filter(|_| goes_on);
            (place, id.map(|id| id.written().to_owned()))
        })
    }

    /// Events that end the stream with the reason `max_output_tokens`: to a client it is as if the model had met its own
    /// limit.
    ///
    /// `stop` says under `roundelay.stop` what the limit was; the tokens are those of input and output that are paid, and
    /// `cost`, a JSON number, what was paid for them.
    pub fn cut_short(&self, (input, output): (u64, u64), cost: Option<&str>, stop: &str) -> Vec<u8> {
        let mut writer = self.begun.writer();
        let mut items = Vec::new();
        let mut list = Array::new(&mut items);
        for (place, item) in &self.items {
            let whole = item.done.clone().unwrap_or_else(|| writer.end_item(*place, item));
            list.next().extend_from_slice(whole.as_bytes());
        }
        list.end();
        let usage = Usage { input, output, ..Usage::default() };
        let cost = cost.and_then(|cost| Json::read(cost).ok());
        writer.event("response.incomplete", |event| {
            let mut response = event.object("response");
            let mut note = response.object("roundelay");
            note.text("stop", &Text::plain(stop));
            note.end();
            self.begun.identity(&mut response);
            response.word("status", "incomplete");
            response.raw("error", "null");
            response.raw("incomplete_details", r#"{"reason":"max_output_tokens"}"#);
            response.key("output").extend_from_slice(&items);
            tokens::write(&mut response, &usage, cost.as_ref());
            response.end();
        });
        writer.out
    }
}

impl Begun {
    /// Learns from bytes of a stream, whole events of them, what they show without a look into each.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.response.is_none() {
            let mut data = bytes.split(|&byte| byte == b'\n').filter_map(|line| line.strip_prefix(b"data:"));
            if let Some(Ok(event)) = data.next().map(Event::read) {
                self.learn(&event);
            }
        }
        // What a model writes has its quotes escaped, so that it cannot be taken for this member.
        let Some(at) = memchr::memmem::rfind(bytes, SEQUENCE) else { return };
        let digits = bytes[at + SEQUENCE.len()..].trim_ascii_start();
        let length = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let number = std::str::from_utf8(&digits[..length]).ok().and_then(|digits| digits.parse::<u64>().ok());
        self.sequence = number.map_or(self.sequence, |number| number.saturating_add(1));
    }

    fn learn(&mut self, event: &Event<'_>) {
        self.sequence = event.sequence.map_or(self.sequence, |sequence| sequence.saturating_add(1));
        if let (None, Some(response)) = (&self.response, event.response) {
            self.response = Some(response.to_owned());
        }
    }

    /// Events that end the stream with an error; `error` is the object of an error answer, and `attempts`, a list in JSON,
    /// is told under `roundelay.attempts`.
    pub fn fail(&self, error: &str, problem: &Problem<'_>, attempts: Option<&str>) -> Vec<u8> {
        let mut writer = self.writer();
        writer.event("error", |event| {
            event.text_or("code", problem.code.as_ref(), "server_error");
            event.text("message", &problem.message);
            match &problem.param {
                Some(param) => event.text("param", param),
                None => event.raw("param", "null"),
            }
            // The official clients raise what has such a member.
            event.raw("error", error);
        });
        writer.event("response.failed", |event| {
            let mut response = event.object("response");
            if let Some(attempts) = attempts {
                let mut note = response.object("roundelay");
                note.raw("attempts", attempts);
                note.end();
            }
            self.identity(&mut response);
            response.word("status", "failed");
            error::write(&mut response, problem);
            response.raw("incomplete_details", "null");
            response.raw("output", "[]");
            response.raw("usage", "null");
            response.end();
        });
        writer.out
    }

    /// What goes on with the stream. One of which nothing was shown has its beginning all the same.
    fn writer(&self) -> Writer {
        let mut writer = Writer { out: Vec::with_capacity(1024), sequence: self.sequence };
        if self.response.is_some() {
            return writer;
        }
        writer.event("response.created", |event| {
            let mut response = event.object("response");
            self.identity(&mut response);
            response.word("status", "in_progress");
            response.raw("error", "null");
            response.raw("incomplete_details", "null");
            response.raw("output", "[]");
            response.raw("usage", "null");
            response.end();
        });
        writer
    }

    /// Writes what the response said of itself at its beginning.
    fn identity(&self, response: &mut Object<'_>) {
        write_began(response, self.response.as_deref().unwrap_or(NAMELESS));
    }
}

/// How the number of an event is written.
const SEQUENCE: &[u8] = b"\"sequence_number\":";

/// What the official clients' types demand of a response, where nothing is known of it.
const NAMELESS: &str = r#"{"id":"resp","object":"response","created_at":0,"model":"","instructions":null,"metadata":{},"parallel_tool_calls":true,"temperature":null,"tool_choice":"auto","tools":[],"top_p":null}"#;

struct Writer {
    out: Vec<u8>,
    sequence: u64,
}

impl Writer {
    fn event(&mut self, kind: &str, write: impl FnOnce(&mut Object<'_>)) {
        self.out.extend(format!("event: {kind}\ndata: ").into_bytes());
        let from = self.out.len();
        let mut object = Object::new(&mut self.out);
        object.word("type", kind);
        object.number("sequence_number", self.sequence);
        write(&mut object);
        object.end();
        wire::end_event(&mut self.out, from);
        self.sequence += 1;
    }

    /// Ends an item that is open, and gives it as a whole.
    fn end_item(&mut self, place: u64, item: &Item) -> String {
        let member = |name| wire::member_text(&item.added, name).ok().flatten().map(Text::into_owned);
        let (id, kind) = (member("id").unwrap_or_default(), member("type").unwrap_or_default());
        let kind = kind.decode().into_owned();
        for (index, part) in item.parts.iter().filter(|(_, part)| !part.is_done) {
            self.end_part(place, *index, &id, part);
        }
        if let Some((done, name)) = match &*kind {
            "function_call" => Some(("response.function_call_arguments.done", "arguments")),
            "custom_tool_call" => Some(("response.custom_tool_call_input.done", "input")),
            _ => None,
        } {
            self.event(done, |event| {
                event.text("item_id", &id);
                event.number("output_index", place);
                event.text(name, &item.arguments);
            });
        }
        let whole = item.whole(&kind);
        self.event("response.output_item.done", |event| {
            event.number("output_index", place);
            event.raw("item", &whole);
        });
        whole
    }

    fn end_part(&mut self, place: u64, index: u64, id: &Text<'_>, part: &Part) {
        let (done, number) = match &*part.kind {
            "reasoning_summary_text" => ("response.reasoning_summary_part.done", "summary_index"),
            _ => ("response.content_part.done", "content_index"),
        };
        for (kind, is_whole) in [(&*format!("response.{}.done", part.kind), false), (done, true)] {
            self.event(kind, |event| {
                event.text("item_id", id);
                event.number("output_index", place);
                event.number(number, index);
                if is_whole {
                    event.raw("part", &part.whole());
                } else {
                    event.text(part.text_name(), &part.text);
                    if part.kind == "output_text" {
                        event.raw("logprobs", "[]");
                    }
                }
            });
        }
    }
}

impl Item {
    fn whole(&self, kind: &str) -> String {
        let mut out = Vec::new();
        let mut object = Object::new(&mut out);
        // It was read before.
        let _ = wire::members(&mut Reader::of(&self.added), |reader, name| {
            match (name, kind) {
                ("status", _)
                | ("arguments", "function_call")
                | ("input", "custom_tool_call")
                | ("content", "message" | "reasoning")
                | ("summary", "reasoning") => reader.pass()?,
                _ => object.foreign(name, reader.raw()?),
            }
            Ok::<_, Malformed>(())
        });
        match kind {
            "function_call" => object.text("arguments", &self.arguments),
            "custom_tool_call" => object.text("input", &self.arguments),
            "message" => self.list(&mut object, "content", |_| true),
            "reasoning" => {
                self.list(&mut object, "summary", |part| part.kind == "reasoning_summary_text");
                if self.parts.values().any(|part| part.kind == "reasoning_text") {
                    self.list(&mut object, "content", |part| part.kind == "reasoning_text");
                }
            }
            _ => {}
        }
        object.word("status", "incomplete");
        object.end();
        String::from_utf8(out).expect("what this crate writes is UTF-8")
    }

    fn list(&self, object: &mut Object<'_>, name: &str, is_in: impl Fn(&Part) -> bool) {
        let mut list = object.array(name);
        for part in self.parts.values().filter(|part| is_in(part)) {
            list.next().extend_from_slice(part.whole().as_bytes());
        }
        list.end();
    }
}

impl Part {
    fn text_name(&self) -> &'static str {
        if self.kind == "refusal" { "refusal" } else { "text" }
    }

    fn whole(&self) -> String {
        let mut out = Vec::new();
        let mut object = Object::new(&mut out);
        object.word(
            "type",
            match &*self.kind {
                "reasoning_summary_text" => "summary_text",
                "" => "output_text",
                kind => kind,
            },
        );
        object.text(self.text_name(), &self.text);
        if matches!(&*self.kind, "output_text" | "") {
            object.raw("annotations", "[]");
            object.raw("logprobs", "[]");
        }
        object.end();
        String::from_utf8(out).expect("what this crate writes is UTF-8")
    }
}

/// One event's members, the structured ones as written.
#[derive(Default)]
struct Event<'a> {
    kind: &'a str,
    sequence: Option<u64>,
    output_index: u64,
    part_index: u64,
    delta: Text<'a>,
    response: Option<&'a str>,
    item: Option<&'a str>,
}

impl<'a> Event<'a> {
    fn read(data: &'a [u8]) -> Result<Self, Malformed> {
        let mut event = Self::default();
        let mut reader = Reader::new(data)?;
        reader.object(|reader, name| {
            match name {
                // The names of events hold nothing that JSON escapes.
                "type" => event.kind = reader.raw()?.trim_matches('"'),
                "sequence_number" => event.sequence = wire::whole(reader)?,
                "output_index" => event.output_index = wire::whole(reader)?.unwrap_or(0),
                "content_index" | "summary_index" => event.part_index = wire::whole(reader)?.unwrap_or(0),
                "delta" => event.delta = wire::text(reader)?.unwrap_or_default(),
                "response" if reader.kind()? == Kind::Object => event.response = Some(reader.raw()?),
                "item" if reader.kind()? == Kind::Object => event.item = Some(reader.raw()?),
                _ => reader.pass()?,
            }
            Ok::<_, Malformed>(())
        })?;
        Ok(event)
    }
}

/// The end of a stream with a word, in its response, of why it ended where it did; as it is where there is no response.
pub fn with_stop(end: &[u8], stop: &str) -> Vec<u8> {
    let mut events = sse::Reader::new(sse::Limits { line: usize::MAX, event: usize::MAX });
    events.push(Bytes::copy_from_slice(end));
    let mut out = Vec::with_capacity(end.len() + 64);
    while let Some(Ok(event)) = events.next() {
        let inside = event.data.as_ref().and_then(|data| inside_response(data).ok().flatten());
        // Data over several lines is not of one piece in the event, and is left as it is.
        let place = event.raw.iter().position(|&byte| byte == b'{').zip(inside);
        let is_whole = |at: usize| event.data.as_ref().is_some_and(|data| event.raw[at..].starts_with(data));
        let Some((at, inside)) = place.filter(|(at, _)| is_whole(*at)) else {
            out.extend_from_slice(&event.raw);
            continue;
        };
        let (before, after) = event.raw.split_at(at + inside);
        out.extend_from_slice(before);
        out.extend(b"\"roundelay\":{\"stop\":");
        crate::json::push_string(&mut out, stop);
        out.extend(b"},");
        out.extend_from_slice(after);
    }
    out
}

/// Where the first member of the response of an event stands.
fn inside_response(data: &[u8]) -> Result<Option<usize>, Malformed> {
    Ok(response_of(data)?.map(|response| response.start + 1))
}

fn response_of(data: &[u8]) -> Result<Option<Range<usize>>, Malformed> {
    let mut found = None;
    Reader::new(data)?.object(|reader, name| {
        let is_it = name == "response" && reader.kind()? == Kind::Object;
        let span = reader.skip()?;
        found = if is_it { Some(span) } else { found.take() };
        Ok::<_, Malformed>(())
    })?;
    Ok(found)
}

/// The response that a stream ends with; `None` when `end` holds no end of one.
pub fn ended_with(end: &Bytes) -> Option<Bytes> {
    let mut events = sse::Reader::new(sse::Limits { line: usize::MAX, event: usize::MAX });
    events.push(end.clone());
    let mut response = None;
    while let Some(Ok(event)) = events.next() {
        let Some(data) = event.data else { continue };
        response = response_of(&data).ok().flatten().map(|span| data.slice(span)).or(response);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::{Dialect, Event as Said, Fold, ProblemKind, Stop};

    const SHOWN: &str = r#"event: response.created
data: {"type":"response.created","sequence_number":0,"response":{"id":"resp_1","status":"in_progress","model":"m","tools":[{"properties":{"response":{}}}],"output":[]}}

data: {"type":"response.output_item.added","sequence_number":1,"output_index":0,"item":{"id":"rs_1","type":"reasoning","summary":[]}}

data: {"type":"response.output_item.done","sequence_number":2,"output_index":0,"item":{"id":"rs_1","type":"reasoning","summary":[],"encrypted_content":"E"}}

data: {"type":"response.output_item.added","sequence_number":3,"output_index":1,"item":{"id":"msg_1","type":"message","role":"assistant","status":"in_progress","content":[]}}

data: {"type":"response.content_part.added","sequence_number":4,"output_index":1,"content_index":0,"part":{"type":"output_text","text":"","annotations":[]}}

data: {"type":"response.output_text.delta","sequence_number":5,"item_id":"msg_1","output_index":1,"content_index":0,"delta":"a\n"}

data: {"type":"response.output_text.delta","sequence_number":6,"item_id":"msg_1","output_index":1,"content_index":0,"delta":"\"b"}

data: {"type":"response.output_item.added","sequence_number":7,"output_index":2,"item":{"id":"fc_1","type":"function_call","call_id":"c","name":"f","arguments":""}}

data: {"type":"response.function_call_arguments.delta","sequence_number":8,"item_id":"fc_1","output_index":2,"delta":"{\"x\""}

"#;

    fn data(stream: &str) -> Vec<serde_json::Value> {
        let lines = stream.lines().filter_map(|line| line.strip_prefix("data: "));
        lines.map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn shown(stream: &str) -> Shown {
        let mut shown = Shown::default();
        shown.push(Bytes::copy_from_slice(stream.as_bytes()));
        shown
    }

    #[test]
    fn a_stream_that_is_cut_short_ends_in_its_own_words() {
        let end = String::from_utf8(shown(SHOWN).cut_short((9, 5), Some("0.5"), "budget")).unwrap();
        let events = data(&end);
        let numbers: Vec<_> = events.iter().map(|event| event["sequence_number"].as_u64().unwrap()).collect();
        assert_eq!(numbers, (9..9 + events.len() as u64).collect::<Vec<_>>(), "{end}");
        let kinds: Vec<_> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
        assert_eq!(
            kinds,
            [
                "response.output_text.done",
                "response.content_part.done",
                "response.output_item.done",
                "response.function_call_arguments.done",
                "response.output_item.done",
                "response.incomplete"
            ]
        );
        let response = &events.last().unwrap()["response"];
        assert_eq!(response["incomplete_details"]["reason"], "max_output_tokens", "{end}");
        assert_eq!((&response["id"], &response["usage"]["cost"]), (&"resp_1".into(), &0.5.into()), "{end}");
        assert_eq!(response["usage"]["total_tokens"], 14, "{end}");
        assert_eq!(response["roundelay"]["stop"], "budget", "{end}");
        let output = response["output"].as_array().unwrap();
        assert_eq!(output[0]["encrypted_content"], "E");
        assert_eq!((&output[1]["content"][0]["text"], &output[1]["status"]), (&"a\n\"b".into(), &"incomplete".into()));
        assert_eq!((&output[2]["arguments"], &output[2]["name"]), (&"{\"x\"".into(), &"f".into()));
        // A client that reads all of it has a whole answer that met its limit.
        let mut fold = Fold::new(Dialect::OpenaiResponses);
        let mut decoder = super::super::Decoder::default();
        for event in data(&format!("{SHOWN}{end}")) {
            decoder.event(event.to_string().as_bytes(), &mut |event: Said<'_>| fold.take(&event)).unwrap();
        }
        let answer = fold.finish().unwrap().unwrap();
        assert_eq!(answer.choices[0].stop, Some(Stop::Length));
        assert_eq!(answer.choices[0].parts.len(), 3);
    }

    #[test]
    fn what_follows_a_long_event_is_learnt_as_well() {
        let instructions = "x".repeat(2 << 20);
        let stream = SHOWN.replacen("\"output\":[]", &format!("\"instructions\":\"{instructions}\",\"output\":[]"), 1);
        let end = String::from_utf8(shown(&stream).cut_short((9, 5), None, "budget")).unwrap();
        assert!(end.contains("resp_1") && end.contains("response.function_call_arguments.done"));
    }

    #[test]
    fn what_is_kept_of_items_is_counted() {
        let delta = "x".repeat(KEPT_MAX);
        assert!(!shown(SHOWN).is_long());
        assert!(shown(&SHOWN.replace("a\\n", &delta)).is_long());
        assert!(shown(&SHOWN.replace("\"E\"", &format!("\"{delta}\""))).is_long());
    }

    #[test]
    fn what_was_not_shown_at_all_begins_and_ends() {
        let end = String::from_utf8(shown("").cut_short((9, 0), None, "budget")).unwrap();
        let kinds: Vec<_> = data(&end).iter().map(|event| event["type"].clone()).collect();
        assert_eq!(kinds, ["response.created", "response.incomplete"]);
    }

    #[test]
    fn a_stream_that_fails_says_so_twice() {
        let problem = Problem {
            kind: ProblemKind::Server,
            message: "it \"broke\"".into(),
            code: Some("stream_interrupted".into()),
            param: None,
        };
        let mut begun = Begun::default();
        for piece in SHOWN.split_inclusive("\n\n") {
            begun.push(piece.as_bytes());
        }
        let end = begun.fail(r#"{"message":"m"}"#, &problem, None);
        let events = data(std::str::from_utf8(&end).unwrap());
        assert_eq!((&events[0]["type"], &events[0]["sequence_number"]), (&"error".into(), &9.into()));
        assert_eq!((&events[0]["message"], &events[0]["error"]["message"]), (&"it \"broke\"".into(), &"m".into()));
        assert_eq!((&events[1]["type"], &events[1]["sequence_number"]), (&"response.failed".into(), &10.into()));
        let response = &events[1]["response"];
        assert_eq!((&response["id"], &response["status"]), (&"resp_1".into(), &"failed".into()));
        assert_eq!(response["error"]["message"], "it \"broke\"");
    }

    #[test]
    fn an_end_is_told_why_in_its_own_response() {
        let end = "event: a\ndata: {\"type\":\"response.incomplete\", \"response\" : { \"tools\":[{\"response\":{\"a\":1}}]}}\n\ndata: [DONE]\n\n";
        let expected = end.replace("{ \"tools\"", "{\"roundelay\":{\"stop\":\"budget\"}, \"tools\"");
        assert_eq!(String::from_utf8(with_stop(end.as_bytes(), "budget")).unwrap(), expected);
        assert_eq!(with_stop(b"data: {}\n\n", "budget"), b"data: {}\n\n");
    }
}
