//! A store whose file somebody removed while it was open: what is open still reads, and is written again in its place.

use std::fs;
use std::io;
use std::path::Path;

use rusqlite::Connection;

use super::{Store, StoreFault, connect, private_file};

impl Store {
    /// Whether the file is gone. `SQLite` goes on with what is open, and all of it would be lost with the process.
    pub fn is_removed(&self) -> bool {
        // A folder that cannot be looked into is another fault, which shows itself.
        matches!(fs::metadata(&self.connections.path), Err(fault) if fault.kind() == io::ErrorKind::NotFound)
    }

    /// Writes the store again where its file is gone, from what is open, and goes on with the new file. Says whether it
    /// did. Nothing is written meanwhile.
    ///
    /// Errors when the folder cannot be written; then what is open stays open, and it may be tried again.
    pub fn restore_if_removed(&self) -> Result<bool, StoreFault> {
        if !self.is_removed() {
            return Ok(false);
        }
        let path = &self.connections.path;
        let (mut writer, mut reader) = (self.writer(), self.reader());
        let draft = path.with_extension("db.restored");
        let folder = |source| StoreFault::Folder { path: draft.clone(), source };
        remove(&draft).map_err(folder)?;
        writer.execute("VACUUM INTO ?1", [draft.to_string_lossy()])?;
        private_file(&draft).map_err(folder)?;
        // Closed before the files beside it are removed: the last one to close an old log removes what has its name.
        *reader = Connection::open_in_memory()?;
        *writer = Connection::open_in_memory()?;
        for beside in ["db-wal", "db-shm"] {
            remove(&path.with_extension(beside)).map_err(folder)?;
        }
        fs::rename(&draft, path).map_err(folder)?;
        let open = || connect(path).map_err(|source| StoreFault::Open { path: path.clone(), source });
        *writer = open()?;
        *reader = open()?;
        Ok(true)
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(absent) if absent.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
