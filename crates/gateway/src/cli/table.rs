//! Columns that line up, for people.

use serde_json::Value;

use super::say;

/// Prints rows under their headings, each column as wide as its widest cell.
pub(super) fn print<H: AsRef<str>, R: AsRef<[String]>>(headings: impl AsRef<[H]>, rows: &[R]) {
    let headings: Vec<String> = headings.as_ref().iter().map(|heading| heading.as_ref().to_owned()).collect();
    let all = || std::iter::once(headings.as_slice()).chain(rows.iter().map(AsRef::as_ref));
    let mut widths = vec![0; headings.len()];
    for row in all() {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    for row in all() {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        say(&cells.join("  ").trim_end());
    }
}

/// A JSON value as a cell: text without its quotes, nothing for null.
pub(super) fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => printable(text),
        Value::Array(parts) => parts.iter().map(cell).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

/// Seconds since 1970-01-01 UTC as a time; nothing for null.
pub(super) fn seconds(value: &Value) -> String {
    let at = value.as_i64().and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
    at.map(|at| at.to_string()).unwrap_or_default()
}

/// Names that callers chose must not steer a terminal.
pub(super) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}
