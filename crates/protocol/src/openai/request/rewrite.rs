//! The body as an upstream gets it: the model's name, the wish for usage and a ceiling on output spliced in, every
//! other byte as sent.

use std::{borrow::Cow, ops::Range};

use bytes::Bytes;

use super::{
    Request,
    bad_request::{BadRequest, Fault},
    output::{OutputField, OutputMax},
};
use crate::{
    json::{Kind, Malformed, Reader, push_string},
    openai::Operation,
};

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

/// How a model's name is written where it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ModelSplice {
    /// As a JSON string, in the place of another.
    Quoted,
    /// As it is: a field of a form.
    Plain,
    /// As a new first member, because the caller named none.
    NewMember,
}

impl ModelSplice {
    fn written(self, name: &str) -> Vec<u8> {
        let mut model = Vec::with_capacity(name.len() + 2);
        match self {
            Self::Quoted => push_string(&mut model, name),
            Self::Plain => model.extend_from_slice(name.as_bytes()),
            Self::NewMember => {
                model.extend_from_slice(b"\"model\":");
                push_string(&mut model, name);
                model.push(b',');
            }
        }
        model
    }
}

/// What an upstream is told differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rewrite<'a> {
    /// In place of the model's name.
    pub upstream_model: &'a str,
    /// For a stream: usage is asked for where the caller did not.
    pub ask_usage: bool,
    /// No choice may have more output than this. Limits above it, and those that are not plain numbers, give way to
    /// it; where there is none, one is added.
    pub output_max: Option<OutputMax>,
}

impl Request {
    /// The body with what `rewrite` says spliced in. Every other byte stays as sent.
    ///
    /// `body` must be the body that was scanned.
    pub fn rewrite(&self, body: &[u8], rewrite: &Rewrite<'_>) -> Bytes {
        let mut splices = Vec::with_capacity(2);
        // A name is never empty, so that one without a place stands in the path, or was not written.
        if !self.model_span.is_empty() || self.model_splice == ModelSplice::NewMember {
            splices.push((self.model_span.clone(), Cow::Owned(self.model_splice.written(rewrite.upstream_model))));
        }
        if self.stream && rewrite.ask_usage {
            let (span, new) = self.usage_splice.splice();
            splices.push((span, Cow::Borrowed(new)));
        }
        if let Some(most) = &rewrite.output_max {
            let is_response = self.operation == Operation::Responses;
            let field = if is_response { OutputField::ResponseMaxTokens } else { most.field };
            let limits = self.output_limits.splices(&OutputMax { field, ..*most }).into_iter();
            splices.extend(limits.map(|(span, new)| (span, Cow::Owned(new.into_bytes()))));
        }
        splices.sort_by_key(|(span, _)| span.start);
        spliced(body, &splices)
    }
}

/// The body of a request for a stream of what it asks for whole, in the dialects that say so by the member `stream`. Every
/// other byte stays as sent.
///
/// # Errors
/// When it is not a JSON object.
pub fn as_stream(body: &[u8]) -> Result<Bytes, Malformed> {
    let mut reader = Reader::new(body)?;
    let (mut told, mut is_empty) = (None, true);
    reader.object(|reader, key| {
        is_empty = false;
        let value = reader.skip()?;
        if key == "stream" {
            told = Some(value);
        }
        Ok::<_, Malformed>(())
    })?;
    let first = body.iter().position(|&byte| byte == b'{').map_or(0, |at| at + 1);
    let new = if is_empty { br#""stream":true"#.as_slice() } else { br#""stream":true,"# };
    Ok(match told {
        Some(value) => spliced(body, &[(value, Cow::Borrowed(b"true"))]),
        None => spliced(body, &[(first..first, Cow::Borrowed(new))]),
    })
}

/// Puts the new bytes in place of the spans, which are in order and do not overlap.
fn spliced(body: &[u8], splices: &[(Range<usize>, Cow<'_, [u8]>)]) -> Bytes {
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
