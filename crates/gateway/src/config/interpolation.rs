//! `${NAME}`, `${NAME:-default}` and `${file:/path}` inside strings; `$$` is a dollar sign.

use std::{fs, io, io::Read};

use super::Environment;
use crate::common::file::unreadable;

/// Largest file that `${file:…}` reads, in bytes: secrets are short, and a wrong path may be a device.
const FILE_BYTES_MAX: u64 = 64 << 10;

/// A string after its variables were put in.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Interpolated {
    pub(super) text: String,
    /// Whether anything came from outside the file, and so must never be shown.
    pub(super) is_foreign: bool,
}

/// Why a string could not be completed. Names the variable or the file, never a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum InterpolationFault {
    #[error("environment variable `{0}` is not set")]
    Unset(String),
    #[error("`${{` without its `}}`")]
    Unclosed,
    #[error("`{0}` is not the name of a variable")]
    BadName(String),
    #[error("`{path}`: {why}")]
    Unreadable { path: String, why: String },
}

impl InterpolationFault {
    /// What to do about it.
    pub(super) fn instead(&self) -> String {
        match self {
            Self::Unset(name) => format!("set it, or give a default: `${{{name}:-…}}`"),
            Self::Unclosed | Self::BadName(_) => {
                "write `${NAME}`, `${NAME:-default}` or `${file:/path}`, and `$$` for a dollar sign".to_owned()
            }
            Self::Unreadable { .. } => {
                format!("name a readable text file of at most {} KiB", FILE_BYTES_MAX >> 10)
            }
        }
    }
}

/// Puts variables and files into `text`. A lone `$` stays what it is.
pub(super) fn interpolate(text: &str, environment: Environment<'_>) -> Result<Interpolated, InterpolationFault> {
    let mut whole = Interpolated { text: String::with_capacity(text.len()), is_foreign: false };
    let mut rest = text;
    while let Some(dollar) = rest.find('$') {
        whole.text.push_str(&rest[..dollar]);
        rest = &rest[dollar + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            whole.text.push('$');
            rest = after;
        } else if let Some(after) = rest.strip_prefix('{') {
            let end = after.find('}').ok_or(InterpolationFault::Unclosed)?;
            whole.text.push_str(&expand(&after[..end], environment)?);
            whole.is_foreign = true;
            rest = &after[end + 1..];
        } else {
            whole.text.push('$');
        }
    }
    whole.text.push_str(rest);
    Ok(whole)
}

fn expand(expression: &str, environment: Environment<'_>) -> Result<String, InterpolationFault> {
    if let Some(path) = expression.strip_prefix("file:") {
        return read(path)
            .map_err(|fault| InterpolationFault::Unreadable { path: path.to_owned(), why: unreadable(&fault) });
    }
    let (name, default) = match expression.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (expression, None),
    };
    if !is_name(name) {
        return Err(InterpolationFault::BadName(name.to_owned()));
    }
    // As in a shell, `:-` also stands in for a variable that is set but empty.
    match (environment(name), default) {
        (Some(value), None) => Ok(value),
        (Some(value), Some(_)) if !value.is_empty() => Ok(value),
        (_, Some(default)) => Ok(default.to_owned()),
        (None, None) => Err(InterpolationFault::Unset(name.to_owned())),
    }
}

/// The file's text without the line end that editors and `echo` put after a secret.
fn read(path: &str) -> io::Result<String> {
    let mut text = String::new();
    fs::File::open(path)?.take(FILE_BYTES_MAX + 1).read_to_string(&mut text)?;
    if text.len() as u64 > FILE_BYTES_MAX {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    text.truncate(text.trim_end_matches(['\r', '\n']).len());
    Ok(text)
}

fn is_name(name: &str) -> bool {
    let mut letters = name.chars();
    letters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && letters.all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
}
