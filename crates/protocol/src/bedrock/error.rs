//! Errors: `{"message"}`, with the type in a header, and in `__type` where there is none.

use crate::{
    chat::{Problem, ProblemKind, Text},
    json::{Malformed, Object, Reader},
    wire,
};

/// The first of a kind is written.
const NAMES: [(ProblemKind, &str, u16); 13] = [
    (ProblemKind::InvalidRequest, "validationException", 400),
    (ProblemKind::Authentication, "unrecognizedClientException", 403),
    (ProblemKind::Authentication, "expiredTokenException", 403),
    (ProblemKind::Billing, "serviceQuotaExceededException", 400),
    (ProblemKind::Permission, "accessDeniedException", 403),
    (ProblemKind::NotFound, "resourceNotFoundException", 404),
    (ProblemKind::TooLarge, "requestEntityTooLargeException", 413),
    (ProblemKind::RateLimit, "throttlingException", 429),
    (ProblemKind::Timeout, "modelTimeoutException", 408),
    (ProblemKind::Overloaded, "serviceUnavailableException", 503),
    (ProblemKind::Overloaded, "modelNotReadyException", 429),
    (ProblemKind::Server, "internalServerException", 500),
    (ProblemKind::Server, "modelStreamErrorException", 424),
];

/// The status an error of this kind has here.
pub fn status(kind: ProblemKind) -> u16 {
    NAMES.iter().find(|(known, ..)| *known == kind).map_or(500, |(_, _, status)| *status)
}

/// Reads the body of an error answer; `None` when it is not one. The type is read from `__type`: the header's
/// `x-amzn-errortype` is [`crate::failure`]'s to read.
pub fn decode_error(body: &[u8]) -> Option<Problem<'_>> {
    let problem = read(body, None).ok()?;
    (!problem.message.is_empty()).then_some(problem)
}

/// Reads the payload of an exception; `kind` is its type where a header has said it.
pub(super) fn read<'a>(body: &'a [u8], kind: Option<&str>) -> Result<Problem<'a>, Malformed> {
    let (mut message, mut named) = (None, None);
    wire::members(&mut Reader::new(body)?, |reader, name| {
        match name {
            "message" | "Message" => message = wire::text(reader)?,
            "__type" => named = wire::text(reader)?,
            _ => reader.pass()?,
        }
        Ok::<_, Malformed>(())
    })?;
    let named = named.map(|named| named.decode().rsplit('#').next().unwrap_or("").to_owned());
    let word = kind.map(str::to_owned).or(named);
    let is_it = |known: &str| word.as_ref().is_some_and(|word| word.eq_ignore_ascii_case(known));
    let known = NAMES.iter().find(|(_, name, _)| is_it(name)).map(|(kind, ..)| *kind);
    let code = word.filter(|_| known.is_none()).map(Text::plain);
    Ok(Problem { kind: known.unwrap_or(ProblemKind::Server), message: message.unwrap_or_default(), code, param: None })
}

/// The type of a kind of error.
pub(super) fn word(kind: ProblemKind) -> &'static str {
    NAMES.iter().find(|(known, ..)| *known == kind).map_or("internalServerException", |(_, name, _)| name)
}

/// Writes the body of an error answer.
pub fn encode_error(problem: &Problem<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    let mut object = Object::new(&mut out);
    object.word("__type", word(problem.kind));
    object.text("message", &problem.message);
    object.end();
    out
}
