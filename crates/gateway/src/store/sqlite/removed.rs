//! A store whose file somebody removed or replaced while it was open. What is open still reads, and nothing is written
//! to it any more, since all of it goes with the process; a file that is missing is written again in its place.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use rusqlite::config::DbConfig;

use super::{Connections, Store, StoreFault, connect, private_file};

/// Which file it is, whatever its name: device and inode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FileId(u64, u64);

/// What has the store's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Named {
    /// The file that is open.
    Open,
    Nothing,
    /// A file that somebody put there.
    Another,
}

impl Store {
    /// Errors with [`StoreFault::Removed`] or [`StoreFault::Replaced`] when the file that is open is no longer the one of
    /// its name.
    pub fn check_file(&self) -> Result<(), StoreFault> {
        self.connections.check_file()
    }

    /// Writes the store again where its file is gone, from what is open, and goes on with the new file. Says whether it
    /// did. Nothing is written meanwhile.
    ///
    /// Errors when the folder cannot be written, or with [`StoreFault::Replaced`] when another file has its place, which
    /// is left as it is: then a copy of what is open is beside it, under the name `roundelay.db.kept`. Whatever fails,
    /// what is open stays open and reads, and it may be tried again.
    pub fn restore_if_removed(&self) -> Result<bool, StoreFault> {
        let open = &*self.connections;
        if open.named() == Named::Open {
            return Ok(false);
        }
        let (mut writer, mut reader) = (open.locked_writer(), self.reader());
        match open.named() {
            Named::Open => return Ok(false),
            Named::Another => {
                keep(&writer, &open.path.with_extension("db.kept"))?;
                return Err(StoreFault::Replaced { path: open.path.clone() });
            }
            Named::Nothing => {}
        }
        let draft = open.path.with_extension("db.draft");
        copy(&writer, &draft)?;
        place(&draft, &open.path).map_err(|source| StoreFault::Folder { path: open.path.clone(), source })?;
        let opened = reopen(open);
        let Ok((new_writer, new_reader)) = opened else {
            // What is open has all of it still, and the next try finds nothing in the way.
            drop(fs::remove_file(&open.path));
            return opened.map(|_| false);
        };
        for old in [std::mem::replace(&mut *writer, new_writer), std::mem::replace(&mut *reader, new_reader)] {
            // One that tidies up as it closes removes the new log, which has the name of the old one.
            drop(old.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true));
        }
        open.remember_file()?;
        Ok(true)
    }
}

impl Connections {
    pub(super) fn check_file(&self) -> Result<(), StoreFault> {
        let path = || self.path.clone();
        match self.named() {
            Named::Open => Ok(()),
            Named::Nothing => Err(StoreFault::Removed { path: path() }),
            Named::Another => Err(StoreFault::Replaced { path: path() }),
        }
    }

    /// From now on the file of this name is the one that is open.
    pub(super) fn remember_file(&self) -> Result<(), StoreFault> {
        let found = FileId::of(&self.path).map_err(|source| StoreFault::Folder { path: self.path.clone(), source })?;
        *self.locked_file() = Some(found);
        Ok(())
    }

    fn named(&self) -> Named {
        match FileId::of(&self.path) {
            Ok(found) if self.locked_file().is_none_or(|open| open == found) => Named::Open,
            Ok(_) => Named::Another,
            Err(fault) if fault.kind() == io::ErrorKind::NotFound => Named::Nothing,
            // A folder that cannot be looked into is another fault, which shows itself.
            Err(_) => Named::Open,
        }
    }
}

impl FileId {
    /// Looks at a name without opening it: to close a second handle would let go of `SQLite`'s locks.
    fn of(path: &Path) -> io::Result<Self> {
        let found = fs::metadata(path)?;
        #[cfg(unix)]
        return Ok(Self(std::os::unix::fs::MetadataExt::dev(&found), std::os::unix::fs::MetadataExt::ino(&found)));
        #[cfg(not(unix))]
        return Ok(Self(0, u64::from(found.is_file())));
    }
}

/// Copies what is open, unless that was done before: nothing is written since.
fn keep(open: &Connection, kept: &Path) -> Result<(), StoreFault> {
    if kept.exists() {
        return Ok(());
    }
    let draft = kept.with_extension("kept-draft");
    copy(open, &draft)?;
    fs::rename(&draft, kept).map_err(|source| StoreFault::Folder { path: kept.to_owned(), source })
}

/// Writes all that is open to a new file, and to the disk. What an earlier try left there is in what is open.
fn copy(open: &Connection, to: &PathBuf) -> Result<(), StoreFault> {
    let folder = |source| StoreFault::Folder { path: to.clone(), source };
    remove(to).map_err(folder)?;
    open.execute("VACUUM INTO ?1", [to.to_string_lossy()])?;
    private_file(to).map_err(folder)?;
    fs::File::open(to).and_then(|file| file.sync_all()).map_err(folder)
}

/// Gives the draft the store's name, but not that of a file which somebody put there meanwhile.
fn place(draft: &Path, path: &Path) -> io::Result<()> {
    // An old log beside a new file would be read as its own.
    for beside in ["db-wal", "db-shm"] {
        remove(&path.with_extension(beside))?;
    }
    fs::hard_link(draft, path)?;
    fs::remove_file(draft)
}

fn reopen(open: &Connections) -> Result<(Connection, Connection), StoreFault> {
    let connect = || connect(&open.path).map_err(|source| StoreFault::Open { path: open.path.clone(), source });
    let writer = connect()?;
    open.set_force(&writer)?;
    Ok((writer, connect()?))
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(absent) if absent.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
