//! The fields of a request, from JSON or from a form.

use std::ops::Range;

use bytes::Bytes;
use memchr::memmem;
use serde_json::Value;

use super::super::http::Request;

/// By name. Of a form the files stay where they are.
#[derive(Debug)]
pub(super) enum Fields {
    Json(Value),
    Form { body: Bytes, parts: Vec<(String, Range<usize>)> },
}

impl Fields {
    /// `None` when the body is neither.
    pub(super) fn read(request: &Request) -> Option<Self> {
        let content_type = request.header("content-type").unwrap_or_default();
        let Some((_, boundary)) = content_type.split_once("boundary=") else {
            return serde_json::from_slice(&request.body).ok().filter(Value::is_object).map(Self::Json);
        };
        let delimiter = format!("--{}", boundary.split(';').next()?.trim_matches('"'));
        let body = request.body.clone();
        let ends: Vec<usize> = memmem::find_iter(&body, delimiter.as_bytes()).collect();
        let parts = ends.windows(2).filter_map(|pair| part(&body, pair[0] + delimiter.len(), pair[1])).collect();
        Some(Self::Form { body, parts })
    }

    pub(super) fn text(&self, name: &str) -> Option<String> {
        match self {
            Self::Json(body) => body[name].as_str().map(str::to_owned),
            Self::Form { body, .. } => String::from_utf8(body[self.part(name)?].to_vec()).ok(),
        }
    }

    /// A string, or each of a list; what is no string is read as it is written.
    pub(super) fn texts(&self, name: &str) -> Option<Vec<String>> {
        let Self::Json(body) = self else { return self.text(name).map(|text| vec![text]) };
        let text = |value: &Value| {
            let inner = value.as_str().or_else(|| value["text"].as_str());
            inner.map_or_else(|| value.to_string(), str::to_owned)
        };
        match &body[name] {
            Value::Null => None,
            Value::Array(list) if list.iter().all(Value::is_number) => Some(vec![text(&body[name])]),
            Value::Array(list) => Some(list.iter().map(text).collect()),
            value => Some(vec![text(value)]),
        }
    }

    pub(super) fn number(&self, name: &str) -> Option<usize> {
        match self {
            Self::Json(body) => usize::try_from(body[name].as_u64()?).ok(),
            Self::Form { .. } => self.text(name)?.parse().ok(),
        }
    }

    pub(super) fn is_true(&self, name: &str) -> bool {
        match self {
            Self::Json(body) => body[name] == true,
            Self::Form { .. } => self.text(name).is_some_and(|text| text.eq_ignore_ascii_case("true")),
        }
    }

    /// How many bytes a file has.
    pub(super) fn file(&self, name: &str) -> Option<usize> {
        self.part(name).map(|part| part.len())
    }

    fn part(&self, name: &str) -> Option<Range<usize>> {
        let Self::Form { parts, .. } = self else { return None };
        parts.iter().find(|(known, _)| known == name).map(|(_, part)| part.clone())
    }
}

/// What stands between two delimiters: a name, and where its value is.
fn part(body: &[u8], start: usize, end: usize) -> Option<(String, Range<usize>)> {
    let value = start + memmem::find(&body[start..end], b"\r\n\r\n")? + 4;
    let head = std::str::from_utf8(&body[start..value]).ok()?;
    let name = head.split_once("name=\"")?.1.split('"').next()?;
    // The line break before the next delimiter is that one's.
    Some((name.to_owned(), value..end.checked_sub(2)?.max(value)))
}
