//! Folders that are made here, and what is told of files that people name.

use std::{fs, io, path::Path};

/// Why a file cannot be read, alike wherever one is named.
pub fn unreadable(fault: &io::Error) -> String {
    match fault.kind() {
        io::ErrorKind::NotFound => "there is no such file".to_owned(),
        io::ErrorKind::IsADirectory => "this is a folder, not a file".to_owned(),
        kind => format!("this file cannot be read: {kind}"),
    }
}

/// Makes a folder, and those above it, where they are missing. What is kept there is nobody else's business, so only its
/// owner may enter one that is made here.
pub fn make_private(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}
