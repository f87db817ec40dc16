//! The body as an upstream gets it: the model's name and the wish for usage spliced in, every other byte as sent.

use std::ops::Range;

use bytes::Bytes;

use super::{
    Request,
    bad_request::{BadRequest, Fault},
};
use crate::json::{Kind, Reader, push_string};

/// Where `stream_options.include_usage` goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum UsageSplice {
    /// There are no stream options: a new first member of the body.
    NewMember { at: usize },
    /// The options are `null`: the whole value.
    NewOptions { null: Range<usize> },
    /// The options lack it: a new first member of them.
    NewOption { at: usize, is_only: bool },
    /// It is there: its value.
    Value { value: Range<usize> },
}

impl UsageSplice {
    /// Reads `stream_options`; also whether the caller asks for usage.
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<(Self, bool), Fault> {
        let start = reader.offset();
        match reader.kind()? {
            Kind::Null => return Ok((Self::NewOptions { null: reader.skip()? }, false)),
            Kind::Object => {}
            Kind::Array | Kind::String | Kind::Number | Kind::True | Kind::False => {
                return Err(BadRequest::wrong_type("stream_options", "an object", start).into());
            }
        }
        let mut include_usage = None;
        let mut is_only = true;
        reader.object(|reader, key| {
            is_only = false;
            let (kind, value) = (reader.kind()?, reader.skip()?);
            if key == "include_usage" && include_usage.replace((kind == Kind::True, value.clone())).is_some() {
                return Err(Fault::from(BadRequest::duplicate("stream_options.include_usage", value.start)));
            }
            Ok(())
        })?;
        Ok(match include_usage {
            Some((asked, value)) => (Self::Value { value }, asked),
            None => (Self::NewOption { at: start + 1, is_only }, false),
        })
    }

    fn splice(&self) -> (Range<usize>, &'static [u8]) {
        match self {
            Self::NewMember { at } => (*at..*at, br#""stream_options":{"include_usage":true},"#),
            Self::NewOptions { null } => (null.clone(), br#"{"include_usage":true}"#),
            Self::NewOption { at, is_only: true } => (*at..*at, br#""include_usage":true"#),
            Self::NewOption { at, is_only: false } => (*at..*at, br#""include_usage":true,"#),
            Self::Value { value } => (value.clone(), b"true"),
        }
    }
}

impl Request {
    /// The body with `upstream_model` in place of the model's name and, for a stream, usage asked for where
    /// `ask_usage` and the caller did not ask. Every other byte stays as sent.
    ///
    /// `body` must be the body that was scanned.
    pub fn rewrite(&self, body: &[u8], upstream_model: &str, ask_usage: bool) -> Bytes {
        let mut model = Vec::with_capacity(upstream_model.len() + 2);
        push_string(&mut model, upstream_model);
        let model = (self.model_span.clone(), &*model);
        if !(self.stream && ask_usage) {
            return spliced(body, &[model]);
        }
        let usage = self.usage_splice.splice();
        match model.0.start < usage.0.start {
            true => spliced(body, &[model, usage]),
            false => spliced(body, &[usage, model]),
        }
    }
}

/// Puts the new bytes in place of the spans, which are in order and do not overlap.
fn spliced(body: &[u8], splices: &[(Range<usize>, &[u8])]) -> Bytes {
    let added: usize = splices.iter().map(|(_, new)| new.len()).sum();
    let mut out = Vec::with_capacity(body.len() + added);
    let mut at = 0;
    for (span, new) in splices {
        out.extend_from_slice(&body[at..span.start]);
        out.extend_from_slice(new);
        at = span.end;
    }
    out.extend_from_slice(&body[at..]);
    out.into()
}
