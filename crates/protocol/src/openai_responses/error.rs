//! Errors: the same envelope as chat's in an answer; a code and a message inside a response and its stream.

use crate::{
    chat::{Problem, ProblemKind, Text},
    json::{Malformed, Object, Reader},
    openai_chat, wire,
};

pub use crate::openai_chat::{encode_error, status};

/// Reads the body of an error answer; `None` when it is not one.
pub fn decode_error(body: &[u8]) -> Option<Problem<'_>> {
    openai_chat::decode_error(body)
}

/// Codes of a failed response, by kind; the first of a kind is written.
const CODES: [(ProblemKind, &str); 12] = [
    (ProblemKind::RateLimit, "rate_limit_exceeded"),
    (ProblemKind::Server, "server_error"),
    (ProblemKind::InvalidRequest, "invalid_prompt"),
    (ProblemKind::InvalidRequest, "invalid_request_error"),
    (ProblemKind::Billing, "insufficient_quota"),
    (ProblemKind::Authentication, "authentication_error"),
    (ProblemKind::Permission, "permission_error"),
    (ProblemKind::NotFound, "not_found_error"),
    (ProblemKind::TooLarge, "context_length_exceeded"),
    (ProblemKind::Timeout, "timeout_error"),
    (ProblemKind::Overloaded, "overloaded_error"),
    (ProblemKind::Overloaded, "server_is_overloaded"),
];

/// Reads `response.error` or an error event: `{"code","message"}`, flat or below `error`.
pub(super) fn read<'a>(reader: &mut Reader<'a>) -> Result<Problem<'a>, Malformed> {
    let (mut message, mut code, mut param, mut inner) = (None, None, None, None);
    let mut kind = None;
    wire::members(reader, |reader, name| {
        match name {
            "message" => message = wire::text(reader)?,
            "code" => code = wire::text(reader)?,
            "type" => kind = wire::text(reader)?,
            "param" => param = wire::text(reader)?,
            "error" if reader.kind()? == crate::json::Kind::Object => inner = Some(read(reader)?),
            _ => reader.pass()?,
        }
        Ok::<_, Malformed>(())
    })?;
    if let Some(inner) = inner {
        return Ok(inner);
    }
    let known = |text: &Option<Text<'_>>| {
        text.as_ref().and_then(|text| CODES.iter().find(|(_, code)| text.is(code)).map(|(kind, _)| *kind))
    };
    let found = known(&code).or_else(|| known(&kind));
    let code = if known(&code).is_some() { None } else { code };
    Ok(Problem { kind: found.unwrap_or(ProblemKind::Server), message: message.unwrap_or_default(), code, param })
}

/// Writes `response.error`.
pub(super) fn write(object: &mut Object<'_>, problem: &Problem<'_>) {
    let mut error = object.object("error");
    error.word("code", CODES.iter().find(|(kind, _)| *kind == problem.kind).map_or("server_error", |(_, code)| code));
    error.text("message", &problem.message);
    error.end();
}
