//! Errors: `{"error":{"message","type","param","code"}}`.

use crate::{
    chat::{Problem, ProblemKind, Text},
    json::{Kind, Malformed, Object, Reader},
    openai::is_empty,
    wire,
};

const NAMES: [(ProblemKind, &str, u16); 10] = [
    (ProblemKind::InvalidRequest, "invalid_request_error", 400),
    (ProblemKind::Authentication, "authentication_error", 401),
    (ProblemKind::Billing, "insufficient_quota", 429),
    (ProblemKind::Permission, "permission_error", 403),
    (ProblemKind::NotFound, "not_found_error", 404),
    (ProblemKind::TooLarge, "request_too_large", 413),
    (ProblemKind::RateLimit, "rate_limit_error", 429),
    (ProblemKind::Timeout, "timeout_error", 504),
    (ProblemKind::Overloaded, "overloaded_error", 503),
    (ProblemKind::Server, "server_error", 500),
];

/// The status an error of this kind has here.
pub fn status(kind: ProblemKind) -> u16 {
    NAMES.iter().find(|(known, ..)| *known == kind).map_or(500, |(_, _, status)| *status)
}

/// Reads the body of an error answer; `None` when it is not one.
pub fn decode_error(body: &[u8]) -> Option<Problem<'_>> {
    let mut found = None;
    let mut reader = Reader::new(body).ok()?;
    let read = wire::members(&mut reader, |reader, name| {
        if name != "error" {
            return reader.pass();
        }
        found = read(reader)?;
        Ok::<_, Malformed>(())
    });
    read.ok().and(found)
}

/// Reads the value of an `error` member: an object, a bare message, or a mark; `None` where it says that there is none.
pub(super) fn read<'a>(reader: &mut Reader<'a>) -> Result<Option<Problem<'a>>, Malformed> {
    match reader.kind()? {
        Kind::Object => {}
        Kind::String => {
            let message = Text::from(reader.string()?);
            let problem = Problem { kind: ProblemKind::Server, message, code: None, param: None };
            return Ok((!problem.message.is_empty()).then_some(problem));
        }
        // What is no more than a mark is a failure all the same.
        _ => {
            let problem = Problem { kind: ProblemKind::Server, message: Text::default(), code: None, param: None };
            return Ok((!is_empty(reader.raw()?)).then_some(problem));
        }
    }
    let mut has_members = false;
    let (mut message, mut kind, mut code, mut param, mut status) = (None, None, None, None, None);
    reader.object(|reader, name| {
        has_members = true;
        match name {
            "message" => message = wire::text(reader)?,
            "type" => kind = wire::text(reader)?,
            "param" => param = wire::text(reader)?,
            // OpenRouter's code is the status.
            "code" if reader.kind()? == Kind::Number => status = wire::whole(reader)?,
            "code" => code = wire::text(reader)?,
            _ => reader.pass()?,
        }
        Ok::<_, Malformed>(())
    })?;
    if !has_members {
        return Ok(None);
    }
    let word = |text: &Option<Text<'_>>| {
        text.as_ref().and_then(|text| NAMES.iter().find(|(_, name, _)| text.is(name)).map(|(kind, ..)| *kind))
    };
    let by_status = status.and_then(|status| u16::try_from(status).ok()).map(ProblemKind::of_status);
    let kind = word(&kind).or_else(|| word(&code)).or(by_status).unwrap_or(ProblemKind::Server);
    Ok(Some(Problem { kind, message: message.unwrap_or_default(), code, param }))
}

/// Writes the body of an error answer.
pub fn encode_error(problem: &Problem<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    let mut object = Object::new(&mut out);
    write(&mut object, problem);
    object.end();
    out
}

pub(super) fn write(object: &mut Object<'_>, problem: &Problem<'_>) {
    let mut error = object.object("error");
    error.text("message", &problem.message);
    error.word(
        "type",
        NAMES.iter().find(|(kind, ..)| *kind == problem.kind).map_or("server_error", |(_, name, _)| name),
    );
    match &problem.param {
        Some(param) => error.text("param", param),
        None => error.raw("param", "null"),
    }
    match &problem.code {
        Some(code) => error.text("code", code),
        None => error.raw("code", "null"),
    }
    error.end();
}
