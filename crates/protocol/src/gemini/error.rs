//! Errors: `{"error":{"code","message","status"}}`.

use crate::{
    chat::{Problem, ProblemKind},
    json::{Malformed, Object, Reader},
    wire,
};

const NAMES: [(ProblemKind, &str, u16); 10] = [
    (ProblemKind::InvalidRequest, "INVALID_ARGUMENT", 400),
    (ProblemKind::Authentication, "UNAUTHENTICATED", 401),
    (ProblemKind::Billing, "FAILED_PRECONDITION", 402),
    (ProblemKind::Permission, "PERMISSION_DENIED", 403),
    (ProblemKind::NotFound, "NOT_FOUND", 404),
    (ProblemKind::TooLarge, "OUT_OF_RANGE", 413),
    (ProblemKind::RateLimit, "RESOURCE_EXHAUSTED", 429),
    (ProblemKind::Timeout, "DEADLINE_EXCEEDED", 504),
    (ProblemKind::Overloaded, "UNAVAILABLE", 503),
    (ProblemKind::Server, "INTERNAL", 500),
];

/// The status an error of this kind has here.
pub fn status(kind: ProblemKind) -> u16 {
    NAMES.iter().find(|(known, ..)| *known == kind).map_or(500, |(_, _, status)| *status)
}

/// Reads the body of an error answer, or the first of a list of them; `None` when it is not one.
pub fn decode_error(body: &[u8]) -> Option<Problem<'_>> {
    let body = body.trim_ascii();
    let body = body.strip_prefix(b"[").map_or(body, |inner| inner.strip_suffix(b"]").unwrap_or(inner));
    let mut found = None;
    let mut reader = Reader::new(body).ok()?;
    let read = wire::members(&mut reader, |reader, name| match name {
        "error" => read(reader).map(|problem| found = Some(problem)),
        _ => reader.pass(),
    });
    read.ok().and(found)
}

pub(super) fn read<'a>(reader: &mut Reader<'a>) -> Result<Problem<'a>, Malformed> {
    let (mut message, mut word, mut code) = (None, None, None);
    wire::members(reader, |reader, name| {
        match name {
            "message" => message = wire::text(reader)?,
            "status" => word = wire::text(reader)?,
            "code" => code = wire::whole(reader)?,
            _ => reader.pass()?,
        }
        Ok::<_, Malformed>(())
    })?;
    let by_word =
        word.as_ref().and_then(|word| NAMES.iter().find(|(_, name, _)| word.is(name)).map(|(kind, ..)| *kind));
    let by_code = code.and_then(|code| u16::try_from(code).ok()).map(ProblemKind::of_status);
    let kind = by_word.or(by_code).unwrap_or(ProblemKind::Server);
    Ok(Problem { kind, message: message.unwrap_or_default(), code: word.filter(|_| by_word.is_none()), param: None })
}

/// Writes the body of an error answer, which is an error event's data as well.
pub fn encode_error(problem: &Problem<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    write(&mut out, problem);
    out
}

pub(super) fn write(out: &mut Vec<u8>, problem: &Problem<'_>) {
    let (_, name, status) = NAMES.iter().find(|(kind, ..)| *kind == problem.kind).expect("every kind is in the table");
    let mut object = Object::new(out);
    let mut error = object.object("error");
    error.number("code", status);
    error.text("message", &problem.message);
    error.word("status", name);
    error.end();
    object.end();
}
