//! Reasoning beside the content: one idea, four spellings.

use crate::{
    chat::{Body, Part, Signature, Text},
    json::{Array, Kind, Malformed, Object, Reader},
    wire,
};

/// What one message or delta says of reasoning.
#[derive(Debug, Default)]
pub(super) struct Said<'a> {
    pub(super) text: Option<Text<'a>>,
    pub(super) details: Vec<Detail<'a>>,
}

/// An element of `reasoning_details`.
#[derive(Debug)]
pub(super) enum Detail<'a> {
    Text { text: Text<'a>, signature: Option<Signature<'a>> },
    Sealed(Signature<'a>),
}

impl<'a> Said<'a> {
    /// Takes the member when it is one of reasoning.
    pub(super) fn take(&mut self, reader: &mut Reader<'a>, name: &str) -> Result<bool, Malformed> {
        match name {
            "reasoning_content" | "reasoning" | "thinking" => {
                // Some servers write both of two spellings.
                let text = wire::text(reader)?.filter(|text| !text.is_empty());
                self.text = self.text.take().or(text);
            }
            "reasoning_details" => wire::elements(reader, |reader| self.detail(reader))?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Takes the `thinking` member of one of Mistral's content parts: a string or a list of texts.
    pub(super) fn take_thinking(&mut self, reader: &mut Reader<'a>) -> Result<(), Malformed> {
        if reader.kind()? != Kind::Array {
            self.text = wire::text(reader)?;
            return Ok(());
        }
        let mut whole: Option<Text<'a>> = None;
        reader.array(|reader| {
            wire::members(reader, |reader, name| {
                if name != "text" {
                    return reader.pass();
                }
                match (&mut whole, wire::text(reader)?) {
                    (Some(whole), Some(more)) => whole.push(&more),
                    (whole, more) => *whole = whole.take().or(more),
                }
                Ok::<_, Malformed>(())
            })
        })?;
        self.text = whole;
        Ok(())
    }

    fn detail(&mut self, reader: &mut Reader<'a>) -> Result<(), Malformed> {
        let (mut text, mut signature, mut data) = (None, None, None);
        wire::members(reader, |reader, name| {
            match name {
                "text" | "summary" => text = wire::text(reader)?,
                "signature" => signature = wire::text(reader)?.filter(|text| !text.is_empty()),
                "data" => data = wire::text(reader)?,
                _ => reader.pass()?,
            }
            Ok::<_, Malformed>(())
        })?;
        if let Some(data) = data {
            self.details.push(Detail::Sealed(Signature::read(data)));
        } else if text.is_some() || signature.is_some() {
            let signature = signature.map(Signature::read);
            self.details.push(Detail::Text { text: text.unwrap_or_default(), signature });
        }
        Ok(())
    }

    /// The parts of a whole message. The details say the text again, where there are any; those of a stream that was put
    /// together hold the signature alone, and the text stands beside them.
    pub(super) fn into_parts(mut self, parts: &mut Vec<Part<'a>>) {
        let mut said = self.details.iter_mut().filter_map(|detail| match detail {
            Detail::Text { text, .. } => Some(text),
            Detail::Sealed(_) => None,
        });
        match (self.text.take(), said.next()) {
            (Some(text), None) => parts.push(Part::new(Body::Thinking { text, signature: None })),
            (Some(text), Some(first)) if first.is_empty() && said.all(|text| text.is_empty()) => *first = text,
            _ => {}
        }
        for detail in self.details {
            parts.push(Part::new(match detail {
                Detail::Text { text, signature } => Body::Thinking { text, signature },
                Detail::Sealed(data) => Body::SealedThinking { data },
            }));
        }
    }
}

/// Writes `reasoning_content` for what is text, as one string.
pub(super) fn write_content<'p>(object: &mut Object<'_>, parts: impl Iterator<Item = &'p Part<'p>>) {
    let mut whole = Vec::new();
    for part in parts {
        if let Body::Thinking { text, .. } = &part.body {
            whole.extend_from_slice(text.written().as_bytes());
        }
    }
    if !whole.is_empty() {
        let out = object.key("reasoning_content");
        out.push(b'"');
        out.extend(whole);
        out.push(b'"');
    }
}

/// Writes `reasoning_details`, when `is_kept` leaves any.
pub(super) fn write_details(object: &mut Object<'_>, parts: &[Part<'_>], is_kept: impl Fn(&Signature<'_>) -> bool) {
    let mut details = parts.iter().filter_map(|part| match &part.body {
        Body::Thinking { text, signature } => Some((Some(text), signature.as_ref().filter(|mark| is_kept(mark)))),
        Body::SealedThinking { data } if is_kept(data) => Some((None, Some(data))),
        _ => None,
    });
    let Some(first) = details.next() else { return };
    let mut list = object.array("reasoning_details");
    for (index, (text, signature)) in std::iter::once(first).chain(details).enumerate() {
        write_detail(&mut list, index, text, signature);
    }
    list.end();
}

pub(super) fn write_detail(
    list: &mut Array<'_>,
    index: usize,
    text: Option<&Text<'_>>,
    signature: Option<&Signature<'_>>,
) {
    let mut detail = list.object();
    match text {
        Some(text) => {
            detail.word("type", "reasoning.text");
            detail.text("text", text);
            if let Some(signature) = signature {
                detail.text("signature", &signature.marked());
            }
        }
        None => {
            detail.word("type", "reasoning.encrypted");
            if let Some(signature) = signature {
                detail.text("data", &signature.marked());
            }
        }
    }
    detail.number("index", index);
    detail.end();
}
