//! Reads single members, strictly where a wrong guess would cost money or mislead.

use super::bad_request::{BadRequest, Fault};
use crate::json::{Kind, Malformed, Reader};

/// `true`, `false` or `null`.
pub(super) fn boolean(reader: &mut Reader<'_>, param: &'static str) -> Result<bool, Fault> {
    let (kind, offset) = (reader.kind()?, reader.offset());
    reader.skip()?;
    match kind {
        Kind::True => Ok(true),
        Kind::False | Kind::Null => Ok(false),
        Kind::Object | Kind::Array | Kind::String | Kind::Number => {
            Err(BadRequest::wrong_type(param, "`true` or `false`", offset).into())
        }
    }
}

/// How many choices: a whole number from 1 to 128, or `null` for 1.
pub(super) fn choices(reader: &mut Reader<'_>, param: &'static str) -> Result<u32, Fault> {
    let offset = reader.offset();
    let raw = reader.raw()?;
    match raw.parse() {
        _ if raw == "null" => Ok(1),
        Ok(n @ 1..=128) => Ok(n),
        _ => Err(BadRequest::wrong_type(param, "a whole number from 1 to 128", offset).into()),
    }
}

/// A non-empty string; anything else is no value.
pub(super) fn optional_text(reader: &mut Reader<'_>) -> Result<Option<String>, Malformed> {
    if reader.kind()? != Kind::String {
        reader.skip()?;
        return Ok(None);
    }
    Ok(Some(reader.string()?.decode().into_owned()).filter(|text| !text.is_empty()))
}

/// A list, not empty.
pub(super) fn is_filled_list(raw: &str) -> bool {
    raw.strip_prefix('[').is_some_and(|rest| !rest.trim_ascii_start().starts_with(']'))
}
