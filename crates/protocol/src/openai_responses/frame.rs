//! Messages of a WebSocket, in which requests come one after another and events go without their framing.
//!
//! Source: OpenAI's guide "WebSocket mode" of the Responses API.

use crate::{
    json::{Kind, Malformed, Object, Reader},
    wire,
};

/// What a client says in one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// `response.create`: a request.
    Create(Create),
    /// Something else, by its type.
    Other(String),
}

/// A request as its body would be in `POST /v1/responses`, streamed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Create {
    pub body: Vec<u8>,
    /// Whether an answer is wanted; `false` makes ready for one.
    pub generates: bool,
}

impl Frame {
    /// Reads a message.
    ///
    /// # Errors
    /// When it is not a JSON object.
    pub fn read(message: &str) -> Result<Self, Malformed> {
        let mut reader = Reader::of(message);
        if reader.kind()? != Kind::Object {
            return Err(Malformed { reason: "expected an object", offset: 0 });
        }
        let (mut kind, mut generates) = (String::new(), true);
        let mut body = Vec::with_capacity(message.len() + 16);
        let mut object = Object::new(&mut body);
        object.bool("stream", true);
        reader.object(|reader, name| {
            match name {
                "type" => kind = wire::text(reader)?.unwrap_or_default().decode().into_owned(),
                "generate" => generates = wire::bool(reader)? != Some(false),
                // Of the connection, not of the request.
                "stream" | "stream_options" | "event_id" => reader.pass()?,
                _ => object.foreign(name, reader.raw()?),
            }
            Ok::<_, Malformed>(())
        })?;
        object.end();
        reader.end()?;
        Ok(if kind == "response.create" { Self::Create(Create { body, generates }) } else { Self::Other(kind) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(message: &str, body: &str, generates: bool) {
        let frame = Frame::read(message).unwrap();
        assert_eq!(frame, Frame::Create(Create { body: body.as_bytes().to_vec(), generates }), "{message}");
    }

    #[test]
    fn a_message_is_a_streamed_request() {
        check(
            r#"{"type":"response.create","model":"m","input":[ 1.0e2 ],"generate":false,"x":{"stream":1}}"#,
            r#"{"stream":true,"model":"m","input":[ 1.0e2 ],"x":{"stream":1}}"#,
            false,
        );
        check(r#"{"model":"m","stream":false,"type":"response.create"}"#, r#"{"stream":true,"model":"m"}"#, true);
        assert_eq!(Frame::read(r#"{"type":"response.cancel"}"#), Ok(Frame::Other("response.cancel".to_owned())));
        assert_eq!(Frame::read("{}"), Ok(Frame::Other(String::new())));
        for broken in ["", "[]", "7", "{\"a\":}", "{} {}"] {
            assert!(Frame::read(broken).is_err(), "{broken}");
        }
    }
}
