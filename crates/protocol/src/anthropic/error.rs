//! Errors: `{"type":"error","error":{"type","message"}}`.

use crate::{
    chat::{Problem, ProblemKind},
    json::{Malformed, Object, Reader},
    wire,
};

const NAMES: [(ProblemKind, &str, u16); 10] = [
    (ProblemKind::InvalidRequest, "invalid_request_error", 400),
    (ProblemKind::Authentication, "authentication_error", 401),
    (ProblemKind::Billing, "billing_error", 402),
    (ProblemKind::Permission, "permission_error", 403),
    (ProblemKind::NotFound, "not_found_error", 404),
    (ProblemKind::TooLarge, "request_too_large", 413),
    (ProblemKind::RateLimit, "rate_limit_error", 429),
    (ProblemKind::Timeout, "timeout_error", 504),
    (ProblemKind::Overloaded, "overloaded_error", 529),
    (ProblemKind::Server, "api_error", 500),
];

/// The status an error of this kind has here.
pub fn status(kind: ProblemKind) -> u16 {
    NAMES.iter().find(|(known, ..)| *known == kind).map_or(500, |(_, _, status)| *status)
}

/// Reads the body of an error answer, or an error event; `None` when it is not one.
pub fn decode_error(body: &[u8]) -> Option<Problem<'_>> {
    let mut found = None;
    let mut reader = Reader::new(body).ok()?;
    let read = wire::members(&mut reader, |reader, name| {
        if name != "error" {
            return reader.pass();
        }
        found = Some(read(reader)?);
        Ok::<_, Malformed>(())
    });
    read.ok().and(found)
}

pub(super) fn read<'a>(reader: &mut Reader<'a>) -> Result<Problem<'a>, Malformed> {
    let (mut message, mut kind) = (None, None);
    wire::members(reader, |reader, name| {
        match name {
            "message" => message = wire::text(reader)?,
            "type" => kind = wire::text(reader)?,
            _ => reader.pass()?,
        }
        Ok::<_, Malformed>(())
    })?;
    let known = kind.as_ref().and_then(|kind| {
        NAMES
            .iter()
            .find(|(_, name, _)| kind.is(name))
            .map(|(kind, ..)| *kind)
            .or_else(|| kind.is("gateway_timeout").then_some(ProblemKind::Timeout))
    });
    let code = if known.is_none() { kind } else { None };
    Ok(Problem { kind: known.unwrap_or(ProblemKind::Server), message: message.unwrap_or_default(), code, param: None })
}

/// Writes the body of an error answer, which is an error event's data as well.
pub fn encode_error(problem: &Problem<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    write(&mut out, problem);
    out
}

pub(super) fn write(out: &mut Vec<u8>, problem: &Problem<'_>) {
    let mut object = Object::new(out);
    object.word("type", "error");
    let mut error = object.object("error");
    error.word("type", NAMES.iter().find(|(kind, ..)| *kind == problem.kind).map_or("api_error", |(_, name, _)| name));
    error.text("message", &problem.message);
    error.end();
    object.end();
}
