//! What is told of files that people name.

use std::io;

/// Why a file cannot be read, alike wherever one is named.
pub fn unreadable(fault: &io::Error) -> String {
    match fault.kind() {
        io::ErrorKind::NotFound => "there is no such file".to_owned(),
        io::ErrorKind::IsADirectory => "this is a folder, not a file".to_owned(),
        kind => format!("this file cannot be read: {kind}"),
    }
}
