//! What a fault makes of a body or an event that is sent in one piece.

use serde_json::Value;

use crate::rehearsal::dialect::Dialect;
use crate::rehearsal::scenario::{Break, Fault};

/// The body that is not streamed, as the fault leaves it.
pub(super) fn body(fault: &Fault, dialect: Dialect, mut body: Value) -> Vec<u8> {
    let (content, end) = dialect.content_and_end();
    match fault {
        Fault::DoneAlone => return b"{}".to_vec(),
        Fault::EmptyChoices => {
            if let Some(content) = body.pointer_mut(content) {
                *content = Value::Array(Vec::new());
            }
        }
        Fault::DoneWithoutFinish if body[end].is_string() => body[end] = Value::Null,
        Fault::DoneWithoutFinish => {
            for choice in body.pointer_mut(content).and_then(Value::as_array_mut).into_iter().flatten() {
                choice[end] = Value::Null;
            }
        }
        _ => {}
    }
    let mut bytes = body.to_string().into_bytes();
    match fault {
        Fault::MalformedEvent(_) | Fault::Breaks { how: Break::End, .. } => {
            bytes.truncate(bytes.len() / 2);
        }
        Fault::HugeLine(kib) => bytes = padded(&bytes, "}", *kib),
        _ => {}
    }
    bytes
}

/// An object grown by an unknown field, before its `end`.
pub(super) fn padded(object: &[u8], end: &str, kib: u32) -> Vec<u8> {
    let mut padded = object.strip_suffix(end.as_bytes()).unwrap_or(object).to_vec();
    padded.extend_from_slice(b",\"padding\":\"");
    padded.resize(padded.len() + kib as usize * 1024, b'x');
    padded.push(b'"');
    padded.extend_from_slice(end.as_bytes());
    padded
}
