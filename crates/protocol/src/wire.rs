//! What the readers and writers of all dialects need: lenient members, and frames of server-sent events.

use std::fmt;

use crate::{
    chat::{DecodeFault, Extra, Json, Loss, Losses, Text, Why, words},
    json::{Kind, Malformed, Object, Reader},
};

/// A string; anything else counts as absent.
pub(crate) fn text<'a>(reader: &mut Reader<'a>) -> Result<Option<Text<'a>>, Malformed> {
    if reader.kind()? == Kind::String {
        return Ok(Some(reader.string()?.into()));
    }
    reader.pass()?;
    Ok(None)
}

/// A string that must be there.
pub(crate) fn need_text<'a>(reader: &mut Reader<'a>, path: &str) -> Result<Text<'a>, DecodeFault> {
    if reader.kind()? != Kind::String {
        return Err(DecodeFault::shape(path, "a string"));
    }
    Ok(reader.string()?.into())
}

/// Any value but null.
pub(crate) fn json<'a>(reader: &mut Reader<'a>) -> Result<Option<Json<'a>>, Malformed> {
    let raw = reader.raw()?;
    Ok((raw != "null").then(|| Json::passed(raw)))
}

/// A whole number; anything else counts as absent.
pub(crate) fn whole(reader: &mut Reader<'_>) -> Result<Option<u64>, Malformed> {
    let raw = reader.raw()?;
    let digits =
        raw.split_once('.').filter(|(_, rest)| rest.bytes().all(|b| b == b'0')).map_or(raw, |(whole, _)| whole);
    Ok(digits.parse().ok())
}

pub(crate) fn bool(reader: &mut Reader<'_>) -> Result<Option<bool>, Malformed> {
    Ok(match reader.raw()? {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    })
}

/// What a tool of a vendor's own is called: its type, or where it has none the member that says what it is.
pub(crate) fn kind_of_tool(json: &str) -> String {
    let (mut kind, mut first) = (None, None);
    let read = members(&mut Reader::of(json), |reader, name| {
        first.get_or_insert_with(|| name.to_owned());
        match name {
            "type" => text(reader).map(|text| kind = text.map(|text| text.decode().into_owned())),
            _ => reader.pass(),
        }
    });
    read.ok().and_then(|()| kind.or(first)).unwrap_or_default()
}

/// Reads the members of an object; passes anything else.
pub(crate) fn members<'a, E: From<Malformed>>(
    reader: &mut Reader<'a>,
    member: impl FnMut(&mut Reader<'a>, &str) -> Result<(), E>,
) -> Result<(), E> {
    match reader.kind()? {
        Kind::Object => reader.object(member),
        _ => Ok(reader.pass()?),
    }
}

/// Reads the elements of an array; passes anything else.
pub(crate) fn elements<'a, E: From<Malformed>>(
    reader: &mut Reader<'a>,
    element: impl FnMut(&mut Reader<'a>) -> Result<(), E>,
) -> Result<(), E> {
    match reader.kind()? {
        Kind::Array => reader.array(element),
        _ => Ok(reader.pass()?),
    }
}

/// The value of the string member `name` of what was read before, without reading what comes after it.
pub(crate) fn member_text<'a>(object: &'a str, name: &str) -> Result<Option<Text<'a>>, Malformed> {
    let read = members(&mut Reader::of(object), |reader, key| {
        if key == name {
            return Err(Search::Found(text(reader)?));
        }
        reader.pass().map_err(Search::Malformed)
    });
    match read {
        Ok(()) => Ok(None),
        Err(Search::Found(found)) => Ok(found),
        Err(Search::Malformed(fault)) => Err(fault),
    }
}

/// Why a search ends before its object does.
enum Search<'a> {
    Found(Option<Text<'a>>),
    Malformed(Malformed),
}

impl From<Malformed> for Search<'_> {
    fn from(fault: Malformed) -> Self {
        Self::Malformed(fault)
    }
}

pub(crate) fn extra<'a>(extra: &mut Extra<'a>, reader: &mut Reader<'a>, name: &str) -> Result<(), Malformed> {
    extra.push(name, Json::passed(reader.raw()?));
    Ok(())
}

/// Writes what is carried along back into its own dialect.
pub(crate) fn write_extra(object: &mut Object<'_>, extra: &Extra<'_>) {
    for (name, value) in extra.iter() {
        object.foreign(name, value.as_str());
    }
}

/// Writes the members of an object that was read before into another.
pub(crate) fn copy_members(object: &mut Object<'_>, value: &Json<'_>) {
    let mut copy = || {
        members(&mut Reader::of(value.as_str()), |reader, name| {
            object.foreign(name, reader.raw()?);
            Ok::<_, Malformed>(())
        })
    };
    copy().expect("it was read before");
}

/// Reports what is carried along and has no words in another dialect.
pub(crate) fn lose_extra(losses: &mut Losses, path: impl fmt::Display, extra: &Extra<'_>) {
    // An item's id and state, and the kind of what an address tells itself, say nothing to another vendor.
    let is_said = |name: &str, value: &Json<'_>| !value.is_null() && !matches!(name, "id" | "status" | "mimeType");
    for (name, value) in extra.iter().filter(|(name, value)| is_said(name, value)) {
        let path = path.to_string();
        let path = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
        if !IN_PARTS.contains(&&*path) || !value.is_object() {
            losses.add(Why::NoPeer, path, words::UNKNOWN);
            continue;
        }
        let lost = members(&mut Reader::of(value.as_str()), |reader, name| {
            losses.add(Why::NoPeer, format!("{path}.{name}"), words::UNKNOWN);
            reader.pass()
        });
        lost.expect("it was read before");
    }
}

/// Members of which some are known: what is carried along of them are the others.
const IN_PARTS: [&str; 4] = ["generationConfig", "output_config", "additionalModelRequestFields", "reasoning"];

/// Where something stands in a request: put into words only when it is lost.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Path {
    System,
    SystemPart(usize),
    Turn(usize),
    TurnPart(usize, usize),
}

impl Path {
    pub(crate) fn part(self, part: usize) -> Self {
        match self {
            Self::System | Self::SystemPart(_) => Self::SystemPart(part),
            Self::Turn(turn) | Self::TurnPart(turn, _) => Self::TurnPart(turn, part),
        }
    }

    /// The number of the turn; 0 in the system prompt.
    pub(crate) fn turn(self) -> usize {
        match self {
            Self::System | Self::SystemPart(_) => 0,
            Self::Turn(turn) | Self::TurnPart(turn, _) => turn,
        }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::System => f.write_str("system"),
            Self::SystemPart(part) => write!(f, "system.parts.{part}"),
            Self::Turn(turn) => write!(f, "turns.{turn}"),
            Self::TurnPart(turn, part) => write!(f, "turns.{turn}.parts.{part}"),
        }
    }
}

impl From<Path> for String {
    fn from(path: Path) -> Self {
        path.to_string()
    }
}

/// Adds a loss that is met event by event, without building a path each time.
pub(crate) fn lose_once(losses: &mut Losses, why: Why, path: &'static str, what: &'static str) {
    if !losses.iter().any(|Loss { path: known, .. }| known == path) {
        losses.add(why, path, what);
    }
}

impl Object<'_> {
    pub(crate) fn text(&mut self, name: &str, text: &Text<'_>) {
        text.write(self.key(name));
    }

    pub(crate) fn text_if(&mut self, name: &str, text: Option<&Text<'_>>) {
        if let Some(text) = text {
            self.text(name, text);
        }
    }

    /// The text, or a word that needs no escape.
    pub(crate) fn text_or(&mut self, name: &str, text: Option<&Text<'_>>, word: &str) {
        match text {
            Some(text) => self.text(name, text),
            None => self.word(name, word),
        }
    }

    pub(crate) fn json(&mut self, name: &str, value: &Json<'_>) {
        self.raw(name, value.as_str());
    }

    pub(crate) fn json_if(&mut self, name: &str, value: Option<&Json<'_>>) {
        if let Some(value) = value {
            self.json(name, value);
        }
    }
}

/// Ends an event whose data began at `from`: a line end between JSON tokens would end the event's line.
pub(crate) fn end_event(out: &mut Vec<u8>, from: usize) {
    let mut at = from;
    while let Some(hit) = memchr::memchr2(b'\n', b'\r', &out[at..]) {
        out[at + hit] = b' ';
        at += hit + 1;
    }
    out.extend_from_slice(b"\n\n");
}
